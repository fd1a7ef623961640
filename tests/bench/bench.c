/* bench - packs and restores records one at a time, in process, through the
 * public API alone, and times it: a table of all methods, or one method as a
 * worker of scripts/bench-peers (README.md beside it has the protocol).
 *
 * Every method runs in a process of its own, so that its memory is its own.
 * It times what a program would do: one codec for all records; each record packed into a blob with
 * its check, each blob restored and checked. Everything is compared with the input first. */
#include <lp.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_GROUPS = 16 };

/* A run repeats until it is long enough to measure. */
static const double MIN_SECONDS = 0.1;

struct span {
    const unsigned char *p;
    size_t n;
};

struct corpus {
    struct span *records;
    size_t n, bytes;
};

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *need(void *p)
{
    if (p == NULL)
        die("out of memory");
    return p;
}

static void must(enum lp_status status, const char *what)
{
    if (status != LP_OK)
        die("%s: %s", what, lp_status_text(status));
}

/* Seconds of processor time, on which the machine's load has little influence. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- Memory --------------------------------------------------------------------- */

/* The largest resident set so far, in kB: what Linux lets one begin anew, else
 * that of the process's whole life. */
static void peak_begin(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}

static long peak(void)
{
    long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    if (file != NULL) {
        char line[256];
        while (kb < 0 && fgets(line, sizeof line, file) != NULL)
            if (strncmp(line, "VmHWM:", 6) == 0)
                kb = strtol(line + 6, NULL, 10);
        fclose(file);
    }
    if (kb >= 0)
        return kb;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    return usage.ru_maxrss / 1024;
#else
    return usage.ru_maxrss;
#endif
}

/* --- Records -------------------------------------------------------------------- */

static void add_record(struct corpus *corpus, const unsigned char *p, size_t n)
{
    if ((corpus->n & (corpus->n + 1)) == 0)
        corpus->records =
            need(realloc(corpus->records, (2 * corpus->n + 2) * sizeof *corpus->records));
    corpus->records[corpus->n++] = (struct span){p, n};
    corpus->bytes += n;
}

/* Each file holds records that end with NUL, except perhaps the last. */
static void load(struct corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("%s: cannot be opened", path);
    unsigned char *data = NULL;
    size_t n = 0, cap = 0, got;
    do {
        if (cap - n < 1 << 16)
            data = need(realloc(data, cap = 2 * cap + (1 << 20)));
        got = fread(data + n, 1, cap - n, file);
        n += got;
    } while (got > 0);
    if (ferror(file))
        die("%s: cannot be read", path);
    fclose(file);
    for (size_t at = 0; at < n;) {
        const unsigned char *end = memchr(data + at, 0, n - at);
        size_t size = end != NULL ? (size_t)(end - data) - at : n - at;
        add_record(corpus, data + at, size);
        at += size + 1;
    }
}

/* --- Methods -------------------------------------------------------------------- */

struct method {
    const char *name, *what;
    enum { PACKER, TOKENISER } kind;
    const char
        *trained; /* its training data is like the records to pack, so it is not in the table */
    enum lp_chain chain;
    int level;
    bool fast;                        /* mixing */
    bool unverified;                  /* packed without being restored and compared */
    enum { USED, OTHERS, NEW } state; /* of a tokeniser's memo when it encodes the records */
};

static const struct method methods[] = {
    {"zstd", "lpzstd", PACKER, .chain = LP_CHAIN_TEXT_ZSTD},
    {"token", "lptok", PACKER, .chain = LP_CHAIN_TOKENS},
    {"token-unverified", "lptok, unverified", PACKER, .chain = LP_CHAIN_TOKENS, .unverified = true},
    {"hybrid", "lptok | lpzstd", PACKER, .chain = LP_CHAIN_TOKENS_ZSTD},
    {"hybrid-unverified", "lptok | lpzstd, unverified", PACKER, .chain = LP_CHAIN_TOKENS_ZSTD,
     .unverified = true},
    {"hybrid-19", "lptok | lpzstd -19", PACKER, .chain = LP_CHAIN_TOKENS_ZSTD, .level = 19},
    {"hybrid-dict", "lptok | lpzstd -19 -D", PACKER, .chain = LP_CHAIN_TOKENS_ZSTD, .level = 19,
     .trained = "dictionary"},
    {"mix-fast", "lptok | lpmix --fast", PACKER, .chain = LP_CHAIN_TOKENS_MIX, .fast = true},
    {"mix", "lptok | lpmix", PACKER, .chain = LP_CHAIN_TOKENS_MIX},
    {"mix-unverified", "lptok | lpmix, unverified", PACKER, .chain = LP_CHAIN_TOKENS_MIX,
     .unverified = true},
    {"mix-trained", "lptok | lpmix -D", PACKER, .chain = LP_CHAIN_TOKENS_MIX, .trained = "model"},
    {"lptok-used", "lptok, used", TOKENISER, .chain = LP_CHAIN_TOKENS},
    {"lptok-others", "lptok, others", TOKENISER, .chain = LP_CHAIN_TOKENS, .state = OTHERS},
    {"lptok-new", "lptok, new", TOKENISER, .chain = LP_CHAIN_TOKENS, .state = NEW},
};
enum { NMETHODS = sizeof methods / sizeof *methods };

/* The files of an encoding: its vocabulary, and its model if it has one. */
struct files {
    char vocab[4096], model[4096];
};

static struct files files_of(const char *dir, const char *encoding, const char *model)
{
    struct files files;
    snprintf(files.vocab, sizeof files.vocab, "%s/%s.lpv", dir, encoding);
    if (model != NULL)
        snprintf(files.model, sizeof files.model, "%s", model);
    else
        snprintf(files.model, sizeof files.model, "%s/%s.lpm", dir, encoding);
    return files;
}

static const struct method *method_named(const char *name)
{
    for (const struct method *m = methods; m < methods + NMETHODS; m++)
        if (strcmp(name, m->name) == 0)
            return m;
    die("no method is called %s", name);
}

static bool can_run(const struct method *method, const struct files *files)
{
    return method->chain != LP_CHAIN_TOKENS_MIX || access(files->model, R_OK) == 0;
}

/* The first question of bench-peers. */
static void list(const struct files *files)
{
    for (const struct method *m = methods; m < methods + NMETHODS; m++)
        if (can_run(m, files))
            printf("%s\t%s\t%s\t%s\n", m->name, m->kind == PACKER ? "packer" : "tokeniser",
                   m->trained != NULL ? m->trained : "-", m->what);
}

/* The handles and buffers of a method, set up once. */
struct bench {
    const struct corpus *corpus;
    const struct method *method;
    struct lp_vocab *vocab;
    struct lp_dict *dict;
    struct lp_model *model;
    struct lp_codec *codec;
    struct lp_tok *tok;
    struct lp_ids ids;   /* of one record, while packing */
    struct span *packed; /* blobs, or ids */
    unsigned char *arena;
};

/* trained: a dictionary or a model, NULL for the method's default. */
static struct bench set_up(const struct corpus *corpus, const struct method *method,
                           const struct files *files, const char *trained)
{
    struct bench b = {.corpus = corpus, .method = method};
    must(lp_vocab_open(files->vocab, &b.vocab), files->vocab);
    if (method->chain == LP_CHAIN_TOKENS_MIX) {
        const char *path = trained != NULL ? trained : files->model;
        must(lp_model_open(path, &b.model), path);
    } else if (trained != NULL) {
        must(lp_dict_open(trained, &b.dict), trained);
    }
    struct lp_options options = {.chain = method->chain,
                                 .level = method->level,
                                 .fast = method->fast,
                                 .unverified = method->unverified,
                                 .vocab = b.vocab,
                                 .dict = b.dict,
                                 .model = b.model};
    must(lp_codec_new(&options, &b.codec), "lp_codec_new");
    if (method->kind == TOKENISER)
        must(lp_tok_new(b.vocab, false, &b.tok), "lp_tok_new");
    return b;
}

/* Packs a record. The result is valid until the next call. */
static struct span pack(struct bench *b, struct span record)
{
    if (b->method->kind == PACKER) {
        const void *blob;
        size_t n;
        must(lp_pack(b->codec, record.p, record.n, &blob, &n), "lp_pack");
        return (struct span){blob, n};
    }
    lp_tok_reset(b->tok);
    b->ids.n = 0;
    must(lp_tok_push(b->tok, record.p, record.n, true, &b->ids), "lp_tok_push");
    return (struct span){(const unsigned char *)b->ids.v, b->ids.n * sizeof *b->ids.v};
}

static struct span unpack(struct bench *b, struct span packed)
{
    const void *text;
    size_t n;
    if (b->method->kind == PACKER)
        must(lp_unpack(b->codec, packed.p, packed.n, NULL, NULL, &text, &n), "lp_unpack");
    else
        must(lp_decode(b->codec, (const uint32_t *)(const void *)packed.p,
                       packed.n / sizeof(uint32_t), &text, &n),
             "lp_decode");
    return (struct span){text, n};
}

/* Packs, restores and compares every record, and says by how many kB the
 * resident set grew; then keeps what was packed. */
static long check(struct bench *b)
{
    const struct corpus *corpus = b->corpus;
    size_t total = 0;
    unsigned char *copy = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < corpus->n; i++) {
        struct span packed = pack(b, corpus->records[i]);
        if (packed.n > cap)
            copy = need(realloc(copy, cap = 2 * packed.n));
        if (packed.n > 0)
            memcpy(copy, packed.p, packed.n);
        struct span text = unpack(b, (struct span){copy, packed.n});
        if (text.n != corpus->records[i].n ||
            (text.n > 0 && memcmp(text.p, corpus->records[i].p, text.n) != 0))
            die("record %zu was not restored", i + 1);
        total += packed.n;
    }
    long memory = peak();
    free(copy);
    b->packed = need(malloc((corpus->n + 1) * sizeof *b->packed));
    b->arena = need(malloc(total + 1));
    unsigned char *to = b->arena;
    for (size_t i = 0; i < corpus->n; i++) {
        struct span packed = pack(b, corpus->records[i]);
        if (packed.n > 0)
            memcpy(to, packed.p, packed.n);
        b->packed[i] = (struct span){to, packed.n};
        to += packed.n;
    }
    return memory;
}

/* Brings a tokeniser to its state before a round: used, it is as the last round left it; new; or
 * new but for the records of even number, of which the round then leaves out all. */
static void prepare(struct bench *b)
{
    if (b->method->kind != TOKENISER || b->method->state == USED)
        return;
    lp_tok_free(b->tok);
    must(lp_tok_new(b->vocab, false, &b->tok), "lp_tok_new");
    for (size_t i = 0; b->method->state == OTHERS && i < b->corpus->n; i += 2)
        pack(b, b->corpus->records[i]);
}

static void pack_one(struct bench *b, size_t i)
{
    if (b->method->state != OTHERS || i % 2 == 1)
        pack(b, b->corpus->records[i]);
}

static void unpack_one(struct bench *b, size_t i)
{
    unpack(b, b->packed[i]);
}

/* Seconds that f takes for each group of records, on average over as many rounds as it needs;
 * begin, unless NULL, runs before each. */
static void time_groups(struct bench *b, const size_t *groups, size_t ngroups,
                        void (*begin)(struct bench *), void (*f)(struct bench *, size_t),
                        double *seconds)
{
    unsigned rounds = 0;
    double total = 0;
    for (size_t g = 0; g < ngroups; g++)
        seconds[g] = 0;
    for (; total < MIN_SECONDS; rounds++) {
        if (begin != NULL)
            begin(b);
        double t = now();
        for (size_t g = 0, i = 0; g < ngroups; g++) {
            for (size_t end = i + groups[g]; i < end; i++)
                f(b, i);
            double u = now();
            seconds[g] += u - t;
            total += u - t;
            t = u;
        }
    }
    for (size_t g = 0; g < ngroups; g++)
        seconds[g] /= rounds;
}

/* Seconds that packing, then unpacking, each group of records takes. */
static void run(struct bench *b, const size_t *groups, size_t ngroups, double *seconds)
{
    time_groups(b, groups, ngroups, prepare, pack_one, seconds);
    time_groups(b, groups, ngroups, NULL, unpack_one, seconds + ngroups);
}

/* --- A worker of bench-peers -------------------------------------------------------- */

/* Writes the result: a packer's sizes, a tokeniser's ids. */
static void write_packed(const struct bench *b, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        die("%s: cannot be written", path);
    for (size_t i = 0; i < b->corpus->n; i++) {
        struct span packed = b->packed[i];
        if (b->method->kind == PACKER) {
            fprintf(file, "%zu\n", packed.n);
            continue;
        }
        uint32_t n = (uint32_t)(packed.n / sizeof n);
        fwrite(&n, sizeof n, 1, file);
        fwrite(packed.p, 1, packed.n, file);
    }
    if (fclose(file) != 0)
        die("%s: cannot be written", path);
}

static void worker(char **argv, const struct files *files, const char *trained)
{
    struct corpus corpus = {0};
    load(&corpus, argv[1]);
    size_t groups[MAX_GROUPS], ngroups = 0, grouped = 0;
    for (char *at = argv[2]; ngroups < MAX_GROUPS && *at != '\0'; at += *at == ',') {
        groups[ngroups] = strtoul(at, &at, 10);
        grouped += groups[ngroups++];
    }
    if (grouped != corpus.n)
        die("the groups have %zu records, %s has %zu", grouped, argv[1], corpus.n);
    peak_begin();
    long before = peak();
    struct bench b = set_up(&corpus, method_named(argv[0]), files, trained);
    long memory = check(&b) - before;
    write_packed(&b, argv[3]);
    printf("ready %ld\n", memory);
    fflush(stdout);
    while (getchar() != EOF) {
        double seconds[2 * MAX_GROUPS];
        run(&b, groups, ngroups, seconds);
        for (size_t g = 0; g < 2 * ngroups; g++)
            printf("%.9f%c", seconds[g], g + 1 < 2 * ngroups ? ' ' : '\n');
        fflush(stdout);
    }
}

/* --- The table ----------------------------------------------------------------------- */

enum { RUNS = 5 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median run's speed, in MB of text per second. */
static double speed(double *seconds, size_t bytes)
{
    qsort(seconds, RUNS, sizeof *seconds, by_value);
    return (double)bytes / seconds[RUNS / 2] * 1e-6;
}

/* The bytes of the records that a round packs. */
static size_t packed_bytes(const struct bench *b)
{
    size_t bytes = 0;
    for (size_t i = 0; i < b->corpus->n; i++)
        bytes += b->method->state != OTHERS || i % 2 == 1 ? b->corpus->records[i].n : 0;
    return bytes;
}

static void line(const struct corpus *corpus, const struct method *method,
                 const struct files *files)
{
    peak_begin();
    long before = peak();
    struct bench b = set_up(corpus, method, files, NULL);
    long memory = check(&b) - before;
    double packing[RUNS], unpacking[RUNS], mean = 0;
    size_t total = 0;
    for (int i = 0; i < RUNS; i++) {
        double seconds[2];
        run(&b, &corpus->n, 1, seconds);
        packing[i] = seconds[0];
        unpacking[i] = seconds[1];
    }
    for (size_t i = 0; i < corpus->n; i++) {
        mean += (double)corpus->records[i].n / (double)b.packed[i].n / (double)corpus->n;
        total += b.packed[i].n;
    }
    printf("%-26s", method->what);
    if (b.method->kind == PACKER)
        printf(" %7.2f %7.2f", mean, (double)corpus->bytes / (double)total);
    else
        printf(" %7s %7s", "-", "-");
    printf(" %9.1f %11.1f %10.1f\n", speed(packing, packed_bytes(&b)),
           speed(unpacking, corpus->bytes), (double)memory / 1024);
}

static void table(char **corpora, const struct files *files, const char *encoding)
{
    struct corpus corpus = {0};
    for (; *corpora != NULL; corpora++)
        load(&corpus, *corpora);
    if (corpus.n == 0)
        die("no records");
    printf("%zu records, %zu bytes, %s; each packed alone, restored and compared\n\n", corpus.n,
           corpus.bytes, encoding);
    printf("%-26s %15s %9s %11s %10s\n", "", "ratio", "packing", "unpacking", "memory");
    printf("%-26s %7s %7s %9s %11s %10s\n", "", "mean", "total", "MB/s", "MB/s", "MB");
    for (const struct method *m = methods; m < methods + NMETHODS; m++) {
        if (m->trained != NULL || !can_run(m, files))
            continue;
        fflush(stdout);
        pid_t child = fork();
        if (child < 0)
            die("cannot fork");
        if (child == 0) {
            line(&corpus, m, files);
            exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status != 0)
            die("%s failed", m->what);
    }
}

int main(int argc, char **argv)
{
    const char *vocab_dir = "build/vocab", *encoding = "cl100k_base", *model = NULL,
               *trained = NULL;
    enum { TABLE, LIST, WORKER } mode = TABLE;
    bool usage = false;
    int c;
    while ((c = getopt(argc, argv, "V:e:M:D:lw")) != -1) {
        if (c == 'V')
            vocab_dir = optarg;
        else if (c == 'e')
            encoding = optarg;
        else if (c == 'M')
            model = optarg;
        else if (c == 'D')
            trained = optarg;
        else if (c == 'l')
            mode = LIST;
        else if (c == 'w')
            mode = WORKER;
        else
            usage = true;
    }
    argv += optind;
    argc -= optind;
    if (usage || (mode == TABLE && argc < 1) || (mode == WORKER && argc != 4)) {
        fputs("usage: bench [OPTION...] FILE...    a table\n"
              "       bench [OPTION...] -l         the methods\n"
              "       bench [OPTION...] -w [-D TRAINED] METHOD RECORDS GROUPS OUT\n"
              "options: -V VOCAB_DIR, -e ENCODING, -M MODEL (VOCAB_DIR/ENCODING.lpm)\n",
              stderr);
        return 2;
    }
    struct files files = files_of(vocab_dir, encoding, model);
    if (mode == LIST)
        list(&files);
    else if (mode == WORKER)
        worker(argv, &files, trained);
    else
        table(argv, &files, encoding);
    return 0;
}
