/* tok - runs the tokeniser on a corpus, for scripts/bench-instructions and for what has no peer in
 * scripts/bench-peers: two threads, payloads to text.
 *
 * usage: tok VOCAB.lpv CORPUS WHAT [TIMES] (make bench-tok builds it)
 *
 * CORPUS: texts separated by NULs. WHAT is encode (each text to ids, with one tokeniser, TIMES
 * times), decode (the token payload of the corpus to text, TIMES times) or threads (prints the
 * speed of two threads relative to one, and the speed of one in MB, 10^6 bytes, of text per second;
 * each thread encodes all texts with its own warm tokeniser). LP_CPU names the instruction set. */
#include "tokens/codes.h"
#include "tokens/vocab.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15 };

struct text {
    const char *p;
    size_t n;
};

static struct text *texts;
static size_t ntexts, nbytes;
static struct lp_vocab *vocab;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "tok: %s: %s\n", what, why);
    exit(1);
}

static void *need(void *p)
{
    if (p == NULL)
        die("memory", "there is not enough");
    return p;
}

static void read_corpus(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(path, "cannot be read");
    nbytes = (size_t)ftell(file);
    rewind(file);
    char *data = need(malloc(nbytes + 1));
    texts = need(malloc((nbytes + 1) * sizeof *texts));
    if (fread(data, 1, nbytes, file) != nbytes)
        die(path, "cannot be read");
    fclose(file);
    data[nbytes] = 0;
    for (size_t at = 0; at < nbytes; at += texts[ntexts++].n + 1)
        texts[ntexts] = (struct text){data + at, strlen(data + at)};
}

/* A tokeniser and its output. */
struct encoder {
    struct lp_tok *tok;
    struct lp_ids ids;
};

static struct encoder new_encoder(void)
{
    struct encoder e = {0};
    if (lp_tok_new(vocab, false, &e.tok) != LP_OK)
        die("lp_tok_new", "failed");
    return e;
}

static void free_encoder(struct encoder *e)
{
    lp_tok_free(e->tok);
    free(e->ids.v);
}

static void encode(struct encoder *e, const char *text, size_t n)
{
    e->ids.n = 0;
    lp_tok_reset(e->tok);
    if (lp_tok_push(e->tok, text, n, true, &e->ids) != LP_OK)
        die("lp_tok_push", "failed");
}

static void *encode_all(void *encoder)
{
    for (size_t i = 0; i < ntexts; i++)
        encode(encoder, texts[i].p, texts[i].n);
    return NULL;
}

static void decode(int times)
{
    struct encoder e = new_encoder();
    encode(&e, texts[0].p, nbytes);
    unsigned char *payload = need(malloc(LP_CODE_MAX * e.ids.n + 1)), *text = need(malloc(nbytes));
    size_t n = lp_codes_from_ids(vocab, e.ids.v, e.ids.n, payload), size;
    double best = 1e9;
    for (int i = 0; i < times; i++) {
        clock_t from = clock();
        if (lp_codes_to_text(vocab, payload, n, text, nbytes, &size) != LP_OK || size != nbytes)
            die("lp_codes_to_text", "failed");
        double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
        best = seconds < best ? seconds : best;
    }
    if (memcmp(text, texts[0].p, nbytes) != 0)
        die("lp_codes_to_text", "the text is another");
    printf("%.0f MB/s\n", 1e-6 * (double)nbytes / best);
    free(text);
    free(payload);
    free_encoder(&e);
}

/* --- Threads ----------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_encode(struct encoder *e, struct encoder *other)
{
    pthread_t thread;
    double from = now();
    if (other != NULL && pthread_create(&thread, NULL, encode_all, other) != 0)
        die("pthread_create", "failed");
    encode_all(e);
    if (other != NULL)
        pthread_join(thread, NULL);
    return now() - from;
}

/* The least of many rounds: load on the machine only makes rounds longer. */
static void compare_threads(void)
{
    struct encoder e = new_encoder(), other = new_encoder();
    double one = 1e9, two = 1e9;
    encode_all(&e);
    encode_all(&other);
    for (int i = 0; i < ROUNDS; i++) {
        double a = time_encode(&e, NULL), b = time_encode(&e, &other);
        one = a < one ? a : one;
        two = b < two ? b : two;
    }
    printf("%.2f times %.0f MB/s\n", 2 * one / two, 1e-6 * (double)nbytes / one);
    free_encoder(&e);
    free_encoder(&other);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5)
        die("usage", "tok VOCAB.lpv CORPUS encode|decode|threads [TIMES]");
    const char *path = getenv("LP_CPU");
    int times = argc > 4 ? atoi(argv[4]) : ROUNDS;
    if (lp_vocab_open(argv[1], &vocab) != LP_OK)
        die(argv[1], "cannot be opened");
    if (path != NULL && lp_vocab_use(vocab, path) != LP_OK)
        die(path, "are no instructions of this machine's");
    read_corpus(argv[2]);
    if (strcmp(argv[3], "encode") == 0) {
        struct encoder e = new_encoder();
        for (int i = 0; i < times; i++)
            encode_all(&e);
        free_encoder(&e);
    } else if (strcmp(argv[3], "decode") == 0) {
        decode(times);
    } else if (strcmp(argv[3], "threads") == 0) {
        compare_threads();
    } else {
        die(argv[3], "is not encode, decode or threads");
    }
    lp_vocab_close(vocab);
    return 0;
}
