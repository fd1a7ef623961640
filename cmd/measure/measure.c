#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Passes are repeated for this long, which makes clock resolution and cold caches negligible. */
#define MIN_SECONDS 0.05

enum { PIECE = 256 << 10 }; /* bytes of a push */

/* State of a measurement, in both processes. */
struct task {
    struct job job;
    struct lp_options options; /* of the whole chain */
    struct measured *out;
    int fd;    /* of the pipe between the processes */
    int error; /* errno of what the parent failed to take; 0 for none */
    /* In the child, which does the work: */
    struct lp_codec *codec;
    uint64_t memory; /* peak when it began */
    bool first;      /* the first pass: its results are kept */
    double outside;  /* seconds of a pass outside the library */
    size_t text, at; /* position in the texts of the next restored byte */
    EVP_MD_CTX *sha256;
    uint64_t wrong;
};

static _Noreturn void out_of_memory(const struct task *t)
{
    tool_die(t->job.tool, EXIT_IO, "out of memory");
}

static void check(const struct task *t, enum lp_status status)
{
    tool_check(t->job.tool, "measuring", status);
}

/* --- SHA-256 ----------------------------------------------------------------- */

static EVP_MD_CTX *sha256_start(const struct task *t)
{
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    if (sha == NULL || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1)
        tool_die(t->job.tool, EXIT_IO, "libcrypto: has no SHA-256");
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

/* In the child. On a closed pipe it ends in silence: the parent knows why. */
static void send(const struct task *t, const void *data, size_t n)
{
    if (write_whole(t->fd, data, n))
        return;
    if (errno == EPIPE)
        _exit(EXIT_IO);
    tool_die(t->job.tool, EXIT_IO, "measuring: cannot pass on a result: %s", strerror(errno));
}

/* In the parent. False where the child has ended, or on failure, of which t->error tells. */
static bool receive(struct task *t, void *data, size_t n)
{
    unsigned char *p = data;
    while (n > 0) {
        ssize_t done = read(t->fd, p, n);
        if (done < 0 && errno != EINTR)
            t->error = errno;
        if (done == 0 || t->error != 0)
            return false;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* The same, to the end of the store. */
static bool receive_more(struct task *t, size_t n)
{
    struct buffer *s = t->job.store;
    if (!buffer_reserve(s, n)) {
        t->error = ENOMEM;
        return false;
    }
    s->n += n;
    return receive(t, s->v + s->n - n, n);
}

/* Loads libcrypto's code before the memory is measured, as it is not the library's. */
static void warm_up(struct task *t)
{
    unsigned char sum[SHA256_SIZE];
    EVP_MD_CTX *sha = sha256_start(t);
    if (t->job.ntexts > 0)
        sha256_add(t, sha, t->job.texts[0].p,
                   t->job.texts[0].n < PIECE ? t->job.texts[0].n : PIECE);
    sha256_end(t, sha, sum);
    t->sha256 = sha256_start(t);
}

/* Runs work in a child process, whose results take() receives. A child that fails has printed
 * why: exits with its code. */
static void run(struct task *t, void (*work)(struct task *), bool (*take)(struct task *))
{
    int fds[2], status;
    if (pipe(fds) != 0)
        tool_die(t->job.tool, EXIT_IO, "pipe: cannot create: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        tool_die(t->job.tool, EXIT_IO, "process: cannot start: %s", strerror(errno));
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
    if (t->error != 0)
        kill(child, SIGKILL); /* its work is in vain */
    close(fds[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (t->error != 0)
        tool_die(t->job.tool, EXIT_IO, "measuring: cannot take a result: %s", strerror(t->error));
    if (WIFSIGNALED(status))
        tool_die(t->job.tool, EXIT_IO, "measuring: killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != EXIT_OK)
        exit(WEXITSTATUS(status));
    if (!complete)
        tool_die(t->job.tool, EXIT_IO, "measuring: no result received");
    for (size_t i = 0; i < t->job.ntexts; i++)
        progress_add(t->job.progress, t->job.texts[i].n);
}

/* Seconds that passes are repeated for. */
static double repeat_for(const struct task *t)
{
    return t->job.seconds > 0 ? t->job.seconds : MIN_SECONDS;
}

/* Times one pass; or, if that takes less than repeat_for(), the passes after it, as it warmed the
 * caches. Sends the mean seconds of each text, unless each is NULL, and the side. */
static void time_passes(struct task *t, double (*pass)(struct task *, double *each), double *each)
{
    struct side side = {0};
    size_t passes = 1;
    t->first = true;
    side.seconds = pass(t, each);
    t->first = false;
    if (side.seconds < repeat_for(t)) {
        side.seconds = 0;
        passes = 0;
        if (each != NULL)
            memset(each, 0, t->job.ntexts * sizeof *each);
        for (double began = seconds_now(); seconds_now() - began < repeat_for(t); passes++)
            side.seconds += pass(t, each);
    }
    side.memory = peak_memory() - t->memory;
    side.seconds /= (double)passes;
    for (size_t i = 0; each != NULL && i < t->job.ntexts; i++)
        each[i] /= (double)passes;
    if (each != NULL)
        send(t, each, t->job.ntexts * sizeof *each);
    send(t, &side, sizeof side);
}

/* Counts the restored bytes that differ, including missing and extra ones. */
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

/* Gives the codec the parent of a text, if that changes with each. */
static void next_parent(struct task *t, size_t i)
{
    const struct text *before = &t->job.texts[i > 0 ? i - 1 : 0];
    if (t->job.parent == PARENT_BEFORE)
        check(t, lp_codec_parent(t->codec, i > 0 ? before->p : NULL, i > 0 ? before->n : 0));
}

static void open_codec(struct task *t)
{
    const struct text *parent = &t->job.parent_text;
    check(t, lp_codec_new(&t->options, &t->codec));
    if (t->job.parent == PARENT_FILE)
        check(t, lp_codec_parent(t->codec, parent->p, parent->n));
}

static double pack_all(struct task *t, double *each)
{
    double total = 0;
    for (size_t i = 0; i < t->job.ntexts; i++) {
        const void *blob;
        size_t size;
        double began = seconds_now();
        next_parent(t, i);
        check(t, lp_pack(t->codec, t->job.texts[i].p, t->job.texts[i].n, &blob, &size));
        double seconds = seconds_now() - began;
        each[i] += seconds;
        total += seconds;
        if (t->first) {
            send(t, &(uint64_t){size}, sizeof(uint64_t));
            send(t, blob, size);
            progress_add(t->job.progress, t->job.texts[i].n);
        }
    }
    return total;
}

static void pack_blobs(struct task *t)
{
    open_codec(t);
    time_passes(t, pack_all, t->out->pack_seconds);
}

static bool take_blobs(struct task *t)
{
    struct measured *m = t->out;
    for (size_t i = 0; i < t->job.ntexts; i++) {
        if (!receive(t, &m->sizes[i], sizeof m->sizes[i]) || !receive_more(t, (size_t)m->sizes[i]))
            return false;
        m->stored += m->sizes[i];
    }
    return receive(t, m->pack_seconds, t->job.ntexts * sizeof *m->pack_seconds) &&
           receive(t, &m->pack, sizeof m->pack);
}

static double unpack_all(struct task *t, double *each)
{
    double total = 0;
    const unsigned char *blob = t->job.store->v;
    for (size_t i = 0; i < t->job.ntexts; i++) {
        const void *text;
        size_t n;
        double began = seconds_now();
        next_parent(t, i);
        check(t, lp_unpack(t->codec, blob, (size_t)t->out->sizes[i], NULL, NULL, &text, &n));
        double seconds = seconds_now() - began;
        each[i] += seconds;
        total += seconds;
        blob += t->out->sizes[i];
        if (t->first) {
            t->wrong += differences(&t->job.texts[i], text, n);
            sha256_add(t, t->sha256, text, n);
            progress_add(t->job.progress, t->job.texts[i].n);
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
    open_codec(t);
    time_passes(t, unpack_all, t->out->unpack_seconds);
    send_proof(t);
}

static bool take_unpacked_blobs(struct task *t)
{
    struct measured *m = t->out;
    return receive(t, m->unpack_seconds, t->job.ntexts * sizeof *m->unpack_seconds) &&
           receive(t, &m->unpack, sizeof m->unpack) && take_proof(t);
}

static struct task start(const struct job *job, struct measured *out)
{
    struct task t = {.job = *job, .options = job->packing->lp, .out = out};
    t.options.chain = method_chain(job->packing->method);
    *out = (struct measured){.done = true, .copied = NAN, .record_seconds = NAN};
    job->store->n = 0;
    EVP_MD_CTX *sha = sha256_start(&t);
    for (size_t i = 0; i < job->ntexts; i++) {
        out->original += job->texts[i].n;
        sha256_add(&t, sha, job->texts[i].p, job->texts[i].n);
    }
    sha256_end(&t, sha, out->original_sha256);
    return t;
}

void measure_blobs(const struct job *job, struct measured *out)
{
    struct task t = start(job, out);
    out->sizes = calloc(job->ntexts + 1, sizeof *out->sizes);
    out->pack_seconds = calloc(job->ntexts + 1, sizeof *out->pack_seconds);
    out->unpack_seconds = calloc(job->ntexts + 1, sizeof *out->unpack_seconds);
    if (out->sizes == NULL || out->pack_seconds == NULL || out->unpack_seconds == NULL)
        out_of_memory(&t);
    run(&t, pack_blobs, take_blobs);
    run(&t, unpack_blobs, take_unpacked_blobs);
}

/* --- Streams ----------------------------------------------------------------- */

/* An lp_sink: sends a piece of a stream to the parent, untimed. */
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

static enum lp_status find_in_options(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    const struct lp_options *o = ctx;
    (void)need; /* the stream is made with these options */
    *found = (struct lp_found){.vocab = o->vocab, .dict = o->dict, .model = o->model};
    return LP_OK;
}

/* The share of the tokens that are copies: what the window leaves of them is the rest. */
static double copied(const struct packer *p)
{
    if (!p->method->window || p->into_window == 0)
        return NAN;
    return p->into_last < p->into_window ? 1 - (double)p->into_last / (double)p->into_window : 0;
}

static double write_all(struct task *t, double *each)
{
    struct packer packer;
    struct packing packing = *t->job.packing;
    (void)each;
    packing.find = find_in_options;
    packing.find_ctx = &t->options;
    t->outside = 0;
    double began = seconds_now();
    check(t, packer_open(&packer, &packing, NULL, 0, take_piece, t));
    for (size_t i = 0; i < t->job.ntexts; i++) {
        for (size_t at = 0, n; at < t->job.texts[i].n; at += n) {
            n = t->job.texts[i].n - at < PIECE ? t->job.texts[i].n - at : PIECE;
            check(t, packer_push(&packer, t->job.texts[i].p + at, n));
            if (t->first)
                progress_add(t->job.progress, n);
        }
        check(t, packer_end_record(&packer));
    }
    check(t, packer_finish(&packer));
    double seconds = seconds_now() - began - t->outside, share = copied(&packer);
    packer_close(&packer);
    if (t->first) {
        send(t, &(uint64_t){0}, sizeof(uint64_t)); /* the end */
        send(t, &share, sizeof share);
    }
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
            return receive(t, &t->out->copied, sizeof t->out->copied) &&
                   receive(t, &t->out->pack, sizeof t->out->pack);
        if (!receive_more(t, (size_t)n))
            return false;
        t->out->stored += n;
    }
    return false;
}

/* An lp_sink: compares restored text with the texts, one after the other, untimed. */
static enum lp_status compare_piece(void *ctx, const void *data, size_t n)
{
    struct task *t = ctx;
    const unsigned char *p = data;
    if (!t->first)
        return LP_OK;
    double began = seconds_now();
    sha256_add(t, t->sha256, data, n);
    progress_add(t->job.progress, n);
    while (n > 0) {
        while (t->text < t->job.ntexts && t->at == t->job.texts[t->text].n) {
            t->text++;
            t->at = 0;
        }
        if (t->text == t->job.ntexts) {
            t->wrong += n;
            break;
        }
        struct text rest = {t->job.texts[t->text].p + t->at, t->job.texts[t->text].n - t->at};
        rest.n = rest.n < n ? rest.n : n;
        t->wrong += differences(&rest, p, rest.n);
        t->at += rest.n;
        p += rest.n;
        n -= rest.n;
    }
    t->outside += seconds_now() - began;
    return LP_OK;
}

static double read_all(struct task *t, double *each)
{
    struct lp_reader *reader;
    struct lp_reader_options how = {.find = find_in_options, .find_ctx = &t->options};
    (void)each;
    t->outside = 0;
    double began = seconds_now();
    check(t, lp_reader_new(&how, compare_piece, t, &reader));
    for (size_t at = 0, n; at < t->job.store->n; at += n) {
        n = t->job.store->n - at < PIECE ? t->job.store->n - at : PIECE;
        check(t, lp_reader_push(reader, t->job.store->v + at, n));
    }
    check(t, lp_reader_finish(reader));
    lp_reader_free(reader);
    return seconds_now() - began - t->outside;
}

/* An lp_read_at of the store. */
static enum lp_status read_store(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct buffer *store = ctx;
    if (offset > store->n || n > store->n - offset)
        return LP_TRUNCATED;
    memcpy(data, store->v + offset, n);
    return LP_OK;
}

static enum lp_status ignore(void *ctx, const void *data, size_t n)
{
    (void)ctx;
    (void)data;
    (void)n;
    return LP_OK;
}

/* Opens the stream of *n records and reads the one at a share of them from the start, as
 * lpunpack -r does. */
static double read_record(struct task *t, double share, uint64_t *n)
{
    struct lp_file *file;
    struct lp_reader_options how = {.find = find_in_options, .find_ctx = &t->options};
    double began = seconds_now();
    check(t, lp_file_open(read_store, t->job.store, t->job.store->n, &how, &file));
    check(t, lp_file_records(file, n));
    if (*n > 0)
        check(t, lp_file_record(file, 1 + (uint64_t)(share * (double)*n), ignore, NULL));
    lp_file_close(file);
    return seconds_now() - began;
}

enum { RECORDS = 16 }; /* that are read by themselves, at most; fewer if that takes long */

/* Reads records from all over the stream: steps of the golden section leave no large gap. */
static double time_records(struct task *t)
{
    double seconds = 0;
    uint64_t n = 0;
    size_t done = 0;
    for (; done < RECORDS && (done == 0 || seconds < 2 * repeat_for(t)); done++)
        seconds += read_record(t, fmod(0.618034 * (double)(done + 1), 1), &n);
    return n > 1 ? seconds / (double)done : NAN;
}

static void unpack_stream(struct task *t)
{
    time_passes(t, read_all, NULL);
    for (; t->text < t->job.ntexts; t->text++, t->at = 0)
        t->wrong += t->job.texts[t->text].n - t->at; /* missing at the end */
    send_proof(t);
    double seconds = time_records(t);
    send(t, &seconds, sizeof seconds);
}

static bool take_unpacked_stream(struct task *t)
{
    struct measured *m = t->out;
    return receive(t, &m->unpack, sizeof m->unpack) && take_proof(t) &&
           receive(t, &m->record_seconds, sizeof m->record_seconds);
}

void measure_stream(const struct job *job, struct measured *out)
{
    struct task t = start(job, out);
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
