#include "lpstat/measure.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A clock's grain and a cache's warming do not count over so long. */
#define MIN_SECONDS 0.1

enum { PIECE = 256 << 10 }; /* bytes pushed at once, as the commands read them */

/* What the processes of a measurement know. */
struct task {
    const struct tool *tool;
    struct progress *progress;
    struct store *store;
    const struct lp_options *options;
    const struct text *texts;
    size_t ntexts;
    struct measured *out;
    int fd; /* between the processes */
    /* In the process that works: */
    struct lp_codec *codec;
    uint64_t memory; /* when it began */
    bool first;      /* the pass whose results are kept */
    double outside;  /* seconds of a pass that were not the library's */
    size_t text, at; /* where in the texts the stream's next byte belongs */
    EVP_MD_CTX *sha256;
    uint64_t wrong;
};

static _Noreturn void out_of_memory(const struct task *t)
{
    tool_die(t->tool, EXIT_IO, "out of memory");
}

/* --- SHA-256 ----------------------------------------------------------------- */

static EVP_MD_CTX *sha256_start(const struct task *t)
{
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    if (sha == NULL || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1)
        tool_die(t->tool, EXIT_IO, "SHA-256 is not to be had from libcrypto");
    return sha;
}

static void sha256_add(const struct task *t, EVP_MD_CTX *sha, const void *data, size_t n)
{
    if (EVP_DigestUpdate(sha, data, n) != 1)
        out_of_memory(t);
}

static void sha256_end(const struct task *t, EVP_MD_CTX *sha, unsigned char *sum)
{
    if (EVP_DigestFinal_ex(sha, sum, NULL) != 1)
        out_of_memory(t);
    EVP_MD_CTX_free(sha);
}

/* --- Processes --------------------------------------------------------------- */

static uint64_t peak_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
    return (uint64_t)usage.ru_maxrss;
#else
    return (uint64_t)usage.ru_maxrss << 10;
#endif
}

static void send(const struct task *t, const void *data, size_t n)
{
    const unsigned char *p = data;
    while (n > 0) {
        ssize_t done = write(t->fd, p, n);
        if (done < 0 && errno != EINTR)
            _exit(EXIT_IO); /* the parent has gone */
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

static bool receive(const struct task *t, void *data, size_t n)
{
    unsigned char *p = data;
    while (n > 0) {
        ssize_t done = read(t->fd, p, n);
        if (done == 0 || (done < 0 && errno != EINTR))
            return false;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* What is not the library's work shall not count as its memory: libcrypto's code
 * comes into memory here. */
static void warm_up(struct task *t)
{
    unsigned char sum[SHA256_SIZE];
    EVP_MD_CTX *sha = sha256_start(t);
    if (t->ntexts > 0)
        sha256_add(t, sha, t->texts[0].p, t->texts[0].n < PIECE ? t->texts[0].n : PIECE);
    sha256_end(t, sha, sum);
    t->sha256 = sha256_start(t);
}

/* Runs work in a process of its own, which sends what take receives. A process
 * that fails has said why: this one ends with its code. */
static void run(struct task *t, void (*work)(struct task *), bool (*take)(struct task *))
{
    int fds[2], status;
    if (pipe(fds) != 0)
        tool_die(t->tool, EXIT_IO, "a pipe cannot be made: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        tool_die(t->tool, EXIT_IO, "a process cannot be started: %s", strerror(errno));
    if (child == 0) {
        close(fds[0]);
        t->fd = fds[1];
        warm_up(t);
        t->memory = peak_memory();
        work(t);
        _exit(EXIT_OK);
    }
    close(fds[1]);
    t->fd = fds[0];
    bool complete = take(t);
    close(fds[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        tool_die(t->tool, EXIT_IO, "measuring was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != EXIT_OK)
        exit(WEXITSTATUS(status));
    if (!complete)
        tool_die(t->tool, EXIT_IO, "measuring: no result came");
    for (size_t i = 0; i < t->ntexts; i++)
        progress_add(t->progress, t->texts[i].n);
}

/* Runs passes until their time says something: one, or when that was too short,
 * further ones, and the first, which warmed up, does not count. Sends the seconds
 * of each text, unless each is NULL, and the side. */
static void time_passes(struct task *t, double (*pass)(struct task *, double *each), double *each)
{
    struct side side = {0};
    size_t passes = 1;
    t->first = true;
    side.seconds = pass(t, each);
    t->first = false;
    if (side.seconds < MIN_SECONDS) {
        side.seconds = 0;
        passes = 0;
        if (each != NULL)
            memset(each, 0, t->ntexts * sizeof *each);
        for (double began = seconds_now(); seconds_now() - began < MIN_SECONDS; passes++)
            side.seconds += pass(t, each);
    }
    side.memory = peak_memory() - t->memory;
    side.seconds /= (double)passes;
    for (size_t i = 0; each != NULL && i < t->ntexts; i++)
        each[i] /= (double)passes;
    if (each != NULL)
        send(t, each, t->ntexts * sizeof *each);
    send(t, &side, sizeof side);
}

/* Room for n further bytes in the store. */
static void *store_more(const struct task *t, size_t n)
{
    struct store *s = t->store;
    if (n > s->cap - s->n) {
        size_t cap = s->n + s->n / 2 + n;
        unsigned char *p = realloc(s->p, cap);
        if (p == NULL)
            out_of_memory(t);
        s->p = p;
        s->cap = cap;
    }
    s->n += n;
    return s->p + s->n - n;
}

/* How many of the restored bytes differ; those missing or too many differ too. */
static uint64_t differences(const struct text *text, const unsigned char *restored, size_t n)
{
    size_t common = n < text->n ? n : text->n;
    uint64_t wrong = n > text->n ? n - text->n : text->n - n;
    if (common == 0 || memcmp(text->p, restored, common) == 0)
        return wrong;
    for (size_t i = 0; i < common; i++)
        wrong += text->p[i] != restored[i];
    return wrong;
}

/* --- Blobs ------------------------------------------------------------------- */

static double pack_all(struct task *t, double *each)
{
    double total = 0;
    for (size_t i = 0; i < t->ntexts; i++) {
        const void *blob;
        size_t size;
        double began = seconds_now();
        tool_check(t->tool, "measuring",
                   lp_pack(t->codec, t->texts[i].p, t->texts[i].n, &blob, &size));
        double seconds = seconds_now() - began;
        each[i] += seconds;
        total += seconds;
        if (t->first) {
            send(t, &(uint64_t){size}, sizeof(uint64_t));
            send(t, blob, size);
            progress_add(t->progress, t->texts[i].n);
        }
    }
    return total;
}

static void pack_blobs(struct task *t)
{
    tool_check(t->tool, "measuring", lp_codec_new(t->options, &t->codec));
    time_passes(t, pack_all, t->out->pack_seconds);
}

static bool take_blobs(struct task *t)
{
    struct measured *m = t->out;
    for (size_t i = 0; i < t->ntexts; i++) {
        if (!receive(t, &m->sizes[i], sizeof m->sizes[i]) ||
            !receive(t, store_more(t, (size_t)m->sizes[i]), (size_t)m->sizes[i]))
            return false;
        m->stored += m->sizes[i];
    }
    return receive(t, m->pack_seconds, t->ntexts * sizeof *m->pack_seconds) &&
           receive(t, &m->pack, sizeof m->pack);
}

static double unpack_all(struct task *t, double *each)
{
    double total = 0;
    const unsigned char *blob = t->store->p;
    for (size_t i = 0; i < t->ntexts; i++) {
        const void *text;
        size_t n;
        double began = seconds_now();
        tool_check(t->tool, "measuring",
                   lp_unpack(t->codec, blob, (size_t)t->out->sizes[i], NULL, NULL, &text, &n));
        double seconds = seconds_now() - began;
        each[i] += seconds;
        total += seconds;
        blob += t->out->sizes[i];
        if (t->first) {
            t->wrong += differences(&t->texts[i], text, n);
            sha256_add(t, t->sha256, text, n);
            progress_add(t->progress, t->texts[i].n);
        }
    }
    return total;
}

static void send_proof(struct task *t)
{
    unsigned char sum[SHA256_SIZE];
    sha256_end(t, t->sha256, sum);
    send(t, sum, sizeof sum);
    send(t, &t->wrong, sizeof t->wrong);
}

static bool take_proof(struct task *t)
{
    struct measured *m = t->out;
    return receive(t, m->restored_sha256, sizeof m->restored_sha256) &&
           receive(t, &m->wrong, sizeof m->wrong);
}

static void unpack_blobs(struct task *t)
{
    tool_check(t->tool, "measuring", lp_codec_new(t->options, &t->codec));
    time_passes(t, unpack_all, t->out->unpack_seconds);
    send_proof(t);
}

static bool take_unpacked_blobs(struct task *t)
{
    struct measured *m = t->out;
    return receive(t, m->unpack_seconds, t->ntexts * sizeof *m->unpack_seconds) &&
           receive(t, &m->unpack, sizeof m->unpack) && take_proof(t);
}

static struct task start(const struct tool *tool, struct progress *progress, struct store *store,
                         const struct lp_options *options, const struct text *texts, size_t ntexts,
                         struct measured *out)
{
    struct task t = {.tool = tool,
                     .progress = progress,
                     .store = store,
                     .options = options,
                     .texts = texts,
                     .ntexts = ntexts,
                     .out = out};
    *out = (struct measured){.done = true};
    store->n = 0;
    EVP_MD_CTX *sha = sha256_start(&t);
    for (size_t i = 0; i < ntexts; i++) {
        out->original += texts[i].n;
        sha256_add(&t, sha, texts[i].p, texts[i].n);
    }
    sha256_end(&t, sha, out->original_sha256);
    return t;
}

void measure_blobs(const struct tool *tool, struct progress *progress, struct store *store,
                   const struct lp_options *options, const struct text *texts, size_t ntexts,
                   struct measured *out)
{
    struct task t = start(tool, progress, store, options, texts, ntexts, out);
    out->sizes = calloc(ntexts + 1, sizeof *out->sizes);
    out->pack_seconds = calloc(ntexts + 1, sizeof *out->pack_seconds);
    out->unpack_seconds = calloc(ntexts + 1, sizeof *out->unpack_seconds);
    if (out->sizes == NULL || out->pack_seconds == NULL || out->unpack_seconds == NULL)
        out_of_memory(&t);
    run(&t, pack_blobs, take_blobs);
    run(&t, unpack_blobs, take_unpacked_blobs);
}

/* --- Streams ----------------------------------------------------------------- */

/* A stream's sinks see to the results outside the time. */
static enum lp_status take_piece(void *ctx, const void *data, size_t n)
{
    struct task *t = ctx;
    double began = seconds_now();
    if (t->first && n > 0) {
        send(t, &(uint64_t){n}, sizeof(uint64_t));
        send(t, data, n);
    }
    t->outside += seconds_now() - began;
    return LP_OK;
}

static double write_all(struct task *t, double *each)
{
    struct lp_writer *writer;
    (void)each;
    t->outside = 0;
    double began = seconds_now();
    tool_check(t->tool, "measuring", lp_writer_new(t->options, take_piece, t, &writer));
    for (size_t i = 0; i < t->ntexts; i++) {
        for (size_t at = 0, n; at < t->texts[i].n; at += n) {
            n = t->texts[i].n - at < PIECE ? t->texts[i].n - at : PIECE;
            tool_check(t->tool, "measuring", lp_writer_push(writer, t->texts[i].p + at, n));
            if (t->first)
                progress_add(t->progress, n);
        }
        tool_check(t->tool, "measuring", lp_writer_end_record(writer));
    }
    tool_check(t->tool, "measuring", lp_writer_finish(writer));
    lp_writer_free(writer);
    double seconds = seconds_now() - began - t->outside;
    if (t->first)
        send(t, &(uint64_t){0}, sizeof(uint64_t)); /* no piece follows */
    return seconds;
}

static void pack_stream(struct task *t)
{
    time_passes(t, write_all, NULL);
}

static bool take_stream(struct task *t)
{
    for (uint64_t n; receive(t, &n, sizeof n);) {
        if (n == 0)
            return receive(t, &t->out->pack, sizeof t->out->pack);
        if (!receive(t, store_more(t, (size_t)n), (size_t)n))
            return false;
        t->out->stored += n;
    }
    return false;
}

/* Compares restored text with the texts, one after the other. */
static enum lp_status compare_piece(void *ctx, const void *data, size_t n)
{
    struct task *t = ctx;
    const unsigned char *p = data;
    if (!t->first)
        return LP_OK;
    double began = seconds_now();
    sha256_add(t, t->sha256, data, n);
    progress_add(t->progress, n);
    while (n > 0) {
        while (t->text < t->ntexts && t->at == t->texts[t->text].n) {
            t->text++;
            t->at = 0;
        }
        if (t->text == t->ntexts) {
            t->wrong += n;
            break;
        }
        struct text rest = {t->texts[t->text].p + t->at, t->texts[t->text].n - t->at};
        rest.n = rest.n < n ? rest.n : n;
        t->wrong += differences(&rest, p, rest.n);
        t->at += rest.n;
        p += rest.n;
        n -= rest.n;
    }
    t->outside += seconds_now() - began;
    return LP_OK;
}

static enum lp_status find_in_options(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    const struct lp_options *o = ctx;
    (void)need; /* it is what these options made */
    *found = (struct lp_found){.vocab = o->vocab, .dict = o->dict, .model = o->model};
    return LP_OK;
}

static double read_all(struct task *t, double *each)
{
    struct lp_reader *reader;
    struct lp_options options = *t->options;
    struct lp_reader_options how = {.find = find_in_options, .find_ctx = &options};
    (void)each;
    t->outside = 0;
    double began = seconds_now();
    tool_check(t->tool, "measuring", lp_reader_new(&how, compare_piece, t, &reader));
    for (size_t at = 0, n; at < t->store->n; at += n) {
        n = t->store->n - at < PIECE ? t->store->n - at : PIECE;
        tool_check(t->tool, "measuring", lp_reader_push(reader, t->store->p + at, n));
    }
    tool_check(t->tool, "measuring", lp_reader_finish(reader));
    lp_reader_free(reader);
    return seconds_now() - began - t->outside;
}

static void unpack_stream(struct task *t)
{
    time_passes(t, read_all, NULL);
    for (; t->text < t->ntexts; t->text++, t->at = 0)
        t->wrong += t->texts[t->text].n - t->at; /* what never came */
    send_proof(t);
}

static bool take_unpacked_stream(struct task *t)
{
    return receive(t, &t->out->unpack, sizeof t->out->unpack) && take_proof(t);
}

void measure_stream(const struct tool *tool, struct progress *progress, struct store *store,
                    const struct lp_options *options, const struct text *texts, size_t ntexts,
                    struct measured *out)
{
    struct task t = start(tool, progress, store, options, texts, ntexts, out);
    run(&t, pack_stream, take_stream);
    run(&t, unpack_stream, take_unpacked_stream);
}

bool measured_exact(const struct measured *m)
{
    return m->wrong == 0 && memcmp(m->original_sha256, m->restored_sha256, SHA256_SIZE) == 0;
}

void measured_free(struct measured *m)
{
    free(m->sizes);
    free(m->pack_seconds);
    free(m->unpack_seconds);
    *m = (struct measured){0};
}
