/* tok - how fast texts become ids, beside quicktok in the same run.
 *
 * usage: build/bench/tok VOCAB.lpv CORPUS [QUICKTOK.so DATA_DIR]     (make bench-tok builds it)
 *
 * CORPUS: texts that NULs separate. QUICKTOK.so: a build of quicktok's own
 * library with its C interface (PyPI quicktok-v1, source archive, make); DATA_DIR
 * is its data. Ids are compared before anything is timed. The encoders take
 * turns; a figure is the median of its rounds, in MB (10^6 bytes) of text per
 * second of CPU time (of wall time with two threads). Prints one line:
 *
 *   CORPUS ENCODING empty MB/s warm MB/s threads2 MB/s [quicktok MB/s ratios EMPTY WARM]
 *
 * empty: a new tokeniser for each round; warm: one that has seen the texts;
 * threads2: two threads with a tokeniser each, warm, each all the texts. */
#include "lp.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 9 };

struct text {
    const char *p;
    size_t n;
};

static struct text *texts;
static size_t ntexts, nbytes;
static struct lp_vocab *vocab;

/* quicktok.h's C interface. */
static void *(*qt_load_dir)(const char *, const char *, char *, size_t);
static int (*qt_encode)(const void *, const char *, size_t, uint32_t **, size_t *);
static void (*qt_ids_free)(uint32_t *);
static void *quicktok;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "tok: %s: %s\n", what, why);
    exit(1);
}

static void read_corpus(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(path, "cannot be read");
    nbytes = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(nbytes + 1);
    texts = malloc((nbytes + 1) * sizeof *texts);
    if (data == NULL || texts == NULL || fread(data, 1, nbytes, file) != nbytes)
        die(path, "cannot be read");
    fclose(file);
    data[nbytes] = 0;
    for (size_t at = 0; at < nbytes; at += texts[ntexts++].n + 1)
        texts[ntexts] = (struct text){data + at, strlen(data + at)};
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct lp_tok *new_tok(void)
{
    struct lp_tok *tok;
    if (lp_tok_new(vocab, false, &tok) != LP_OK)
        die("lp_tok_new", "failed");
    return tok;
}

static void encode(struct lp_tok *tok, struct text text, struct lp_ids *ids)
{
    ids->n = 0;
    lp_tok_reset(tok);
    if (lp_tok_push(tok, text.p, text.n, true, ids) != LP_OK)
        die("lp_tok_push", "failed");
}

static void *encode_all(void *tok)
{
    struct lp_ids ids = {0};
    for (size_t i = 0; i < ntexts; i++)
        encode(tok, texts[i], &ids);
    free(ids.v);
    return NULL;
}

static double time_empty(void)
{
    double from = now(CLOCK_PROCESS_CPUTIME_ID);
    struct lp_tok *tok = new_tok();
    encode_all(tok);
    lp_tok_free(tok);
    return now(CLOCK_PROCESS_CPUTIME_ID) - from;
}

static double time_warm(struct lp_tok *tok)
{
    double from = now(CLOCK_PROCESS_CPUTIME_ID);
    encode_all(tok);
    return now(CLOCK_PROCESS_CPUTIME_ID) - from;
}

static double time_threads(struct lp_tok *tok, struct lp_tok *other)
{
    pthread_t thread;
    double from = now(CLOCK_MONOTONIC);
    if (pthread_create(&thread, NULL, encode_all, other) != 0)
        die("pthread_create", "failed");
    encode_all(tok);
    pthread_join(thread, NULL);
    return now(CLOCK_MONOTONIC) - from;
}

static double time_quicktok(void)
{
    double from = now(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < ntexts; i++) {
        uint32_t *ids;
        size_t n;
        if (qt_encode(quicktok, texts[i].p, texts[i].n, &ids, &n) != 0)
            die("qt_encode", "failed");
        qt_ids_free(ids);
    }
    return now(CLOCK_PROCESS_CPUTIME_ID) - from;
}

static void open_quicktok(const char *library, const char *data)
{
    char why[256] = "";
    void *so = dlopen(library, RTLD_NOW);
    if (so == NULL)
        die(library, dlerror());
    /* POSIX has it so: a function's address by way of an object's. */
    *(void **)&qt_load_dir = dlsym(so, "qt_load_dir");
    *(void **)&qt_encode = dlsym(so, "qt_encode");
    *(void **)&qt_ids_free = dlsym(so, "qt_ids_free");
    if (qt_load_dir == NULL || qt_encode == NULL || qt_ids_free == NULL)
        die(library, "is not quicktok's library");
    quicktok = qt_load_dir(data, lp_vocab_name(vocab), why, sizeof why);
    if (quicktok == NULL)
        die(data, why);
}

static void compare_ids(void)
{
    struct lp_tok *tok = new_tok();
    struct lp_ids ids = {0};
    for (size_t i = 0; i < ntexts; i++) {
        uint32_t *theirs;
        size_t n;
        encode(tok, texts[i], &ids);
        if (qt_encode(quicktok, texts[i].p, texts[i].n, &theirs, &n) != 0)
            die("qt_encode", "failed");
        if (n != ids.n || (n > 0 && memcmp(theirs, ids.v, n * sizeof *theirs) != 0)) {
            fprintf(stderr, "tok: text %zu: ids differ\n", i + 1);
            exit(1);
        }
        qt_ids_free(theirs);
    }
    free(ids.v);
    lp_tok_free(tok);
}

static int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double speed(double *times, size_t copies)
{
    qsort(times, ROUNDS, sizeof *times, compare_times);
    return 1e-6 * (double)(nbytes * copies) / times[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    double empty[ROUNDS], warm[ROUNDS], threads[ROUNDS], theirs[ROUNDS] = {0};
    if (argc != 3 && argc != 5)
        die("usage", "tok VOCAB.lpv CORPUS [QUICKTOK.so DATA_DIR]");
    if (lp_vocab_open(argv[1], &vocab) != LP_OK)
        die(argv[1], "cannot be opened");
    read_corpus(argv[2]);
    if (argc == 5) {
        open_quicktok(argv[3], argv[4]);
        compare_ids();
    }
    struct lp_tok *tok = new_tok(), *other = new_tok();
    encode_all(tok);
    encode_all(other);
    for (int i = 0; i < ROUNDS; i++) {
        empty[i] = time_empty();
        warm[i] = time_warm(tok);
        if (argc == 5)
            theirs[i] = time_quicktok();
    }
    for (int i = 0; i < ROUNDS; i++)
        threads[i] = time_threads(tok, other);
    double e = speed(empty, 1), w = speed(warm, 1), t = speed(threads, 2);
    const char *base = strrchr(argv[2], '/');
    printf("%s %s empty %.1f warm %.1f threads2 %.1f", base != NULL ? base + 1 : argv[2],
           lp_vocab_name(vocab), e, w, t);
    if (argc == 5) {
        double q = speed(theirs, 1);
        printf(" quicktok %.1f ratios %.2f %.2f", q, e / q, w / q);
    }
    putchar('\n');
    lp_tok_free(tok);
    lp_tok_free(other);
    lp_vocab_close(vocab);
    return 0;
}
