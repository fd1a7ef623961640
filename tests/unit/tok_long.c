/* tok_long - ids of long texts equal tiktoken's: whole, in random pieces, and in pieces that end
 * near each 32 KiB, where the tokeniser cuts; with all instruction sets.
 *
 * tests/data/vectors/long has the number of ids and their hash for each text and encoding. The
 * texts are made here in the way that scripts/make-vectors makes them. So are those of
 * tests/data/vectors/borders: a fragment, in or after which a piece ends, and a number of words, so
 * that the text ends at any position of a batch. */
#include "vectors.h"

#include <inttypes.h>
#include <string.h>

enum {
    MAX_FRAGMENTS = 256,
    RUN_BITS = 12,    /* a run is up to 2^11 fragments long */
    ROOM = 128 << 10, /* bytes by which a run may exceed the size asked for */
    BORDER = 32 << 10,
    WORDS = 1100, /* most words of a text at a border */
    STEP = 8,     /* fragments that share all numbers of words among them */
};

enum how { WHOLE, RANDOM, BORDERS, HOWS };

struct fragments {
    const unsigned char *p[MAX_FRAGMENTS];
    size_t n[MAX_FRAGMENTS], count;
};

/* A row of the file long. */
struct row {
    char encoding[33];
    uint32_t seed;
    size_t size, fragments; /* fragments: how many of them, from the first */
    int special;
    size_t nids;
    uint64_t hash;
};

static uint32_t any(uint32_t *seed, size_t n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*seed * n >> 32);
}

static struct fragments read_fragments(const unsigned char *data, size_t n)
{
    struct fragments f = {.count = 0};
    for (size_t at = 0; at < n && f.count < MAX_FRAGMENTS; f.count++) {
        f.n[f.count] = lp_get32(data + at);
        f.p[f.count] = data + at + 4;
        at += 4 + f.n[f.count];
    }
    return f;
}

/* Returns the size of the text, at most size + ROOM bytes. */
static size_t make_text(const struct fragments *f, const struct row *row, unsigned char *text)
{
    uint32_t seed = row->seed, few[8];
    size_t n = 0;
    while (n < row->size) {
        uint32_t count = 1 + any(&seed, 8), left;
        for (uint32_t i = 0; i < count; i++)
            few[i] = any(&seed, row->fragments);
        left = 1 + any(&seed, (size_t)1 << any(&seed, 13));
        for (; left > 0 && n < row->size; left--) {
            bool usual = any(&seed, 4) > 0;
            uint32_t i = usual ? few[any(&seed, count)] : any(&seed, row->fragments);
            bool run = any(&seed, 400) == 0;
            uint32_t times = run ? 1 + any(&seed, (size_t)1 << any(&seed, RUN_BITS)) : 1;
            for (; times > 0; times--, n += f->n[i])
                memcpy(text + n, f->p[i], f->n[i]);
        }
    }
    return n;
}

static size_t piece_size(enum how how, uint32_t *seed, size_t left)
{
    size_t size = left;
    if (how == RANDOM)
        size = any(seed, (size_t)1 << any(seed, 18));
    else if (how == BORDERS)
        size = BORDER - 4 + any(seed, 9);
    return size < left ? size : left;
}

static void push(struct lp_tok *tok, const void *text, size_t n, bool final, struct lp_ids *ids)
{
    if (lp_tok_push(tok, text, n, final, ids) != LP_OK)
        exit(1);
}

/* The last piece ends the text or, with BORDERS, an empty one after it. */
static void encode(struct lp_tok *tok, const unsigned char *text, size_t n, enum how how,
                   struct lp_ids *ids)
{
    uint32_t seed = 1;
    ids->n = 0;
    lp_tok_reset(tok);
    for (size_t at = 0, size; at < n; at += size) {
        size = piece_size(how, &seed, n - at);
        push(tok, text + at, size, how != BORDERS && at + size == n, ids);
    }
    if (how == BORDERS)
        push(tok, NULL, 0, true, ids);
}

/* Encodes a text with an instruction set, if this CPU has it. Returns how many of the ways fail. */
static int test_path(struct lp_vocab *vocab, const char *instructions, const struct row *row,
                     const unsigned char *text, size_t n)
{
    static const char *const names[] = {"whole", "in pieces", "in pieces of 32 KiB"};
    struct lp_tok *tok;
    struct lp_ids ids = {0};
    unsigned char *spelling = malloc(4 + 4 * n);
    int failures = 0;
    if (lp_vocab_use(vocab, instructions) != LP_OK)
        return free(spelling), 0;
    if (spelling == NULL || lp_tok_new(vocab, row->special, &tok) != LP_OK)
        exit(1);
    for (enum how how = 0; how < HOWS; how++) {
        encode(tok, text, n, how, &ids);
        if (ids.n == row->nids && lp_xxh64(spelling, spell(&ids, spelling), 0) == row->hash &&
            lp_tok_held(tok) == 0)
            continue;
        fprintf(stderr, "%s, %s: long text %" PRIu32 ", %s: %zu ids are not tiktoken's %zu\n",
                row->encoding, instructions, row->seed, names[how], ids.n, row->nids);
        failures++;
    }
    lp_tok_free(tok);
    free(ids.v);
    free(spelling);
    return failures;
}

static struct lp_vocab *open_vocab(const char *directory, const char *name)
{
    char path[4096];
    struct lp_vocab *vocab;
    snprintf(path, sizeof path, "%s/%s.lpv", directory, name);
    if (lp_vocab_open(path, &vocab) == LP_OK)
        return vocab;
    fprintf(stderr, "%s: cannot open\n", path);
    exit(1);
}

static int test_row(const char *directory, const struct fragments *f, const struct row *row)
{
    struct lp_vocab *vocab = open_vocab(directory, row->encoding);
    unsigned char *text = malloc(row->size + ROOM);
    if (text == NULL || row->fragments > f->count)
        exit(1);
    size_t n = make_text(f, row, text);
    int failures = test_path(vocab, "portable", row, text, n) +
                   test_path(vocab, "avx2", row, text, n) + test_path(vocab, "neon", row, text, n);
    lp_vocab_close(vocab);
    free(text);
    return failures;
}

/* --- Borders ----------------------------------------------------------------------- */

/* Encodes all texts of a fragment, in two pieces, the first of cut bytes. Whether the ids have this
 * hash. */
static bool same_borders(struct lp_tok *tok, const unsigned char *part, size_t n, size_t first,
                         size_t cut, uint64_t hash)
{
    static unsigned char text[2 * WORDS + 256], spelling[2 * WORDS * WORDS];
    struct lp_ids ids = {0};
    size_t used = 0;
    memcpy(text, part, n);
    for (size_t words = 0; words < WORDS; words++)
        memcpy(text + n + 2 * words, " a", 2);
    for (size_t words = first; words < WORDS; words += STEP) {
        ids.n = 0;
        lp_tok_reset(tok);
        push(tok, text, cut, false, &ids);
        push(tok, text + cut, n - cut + 2 * words, true, &ids);
        used += spell(&ids, spelling + used);
    }
    free(ids.v);
    return lp_xxh64(spelling, used, 0) == hash;
}

static int test_border(struct lp_vocab *vocab, const char *instructions, const struct fragments *f,
                       size_t number, uint64_t hash)
{
    struct lp_tok *tok;
    size_t n = f->n[number];
    if (lp_vocab_use(vocab, instructions) != LP_OK)
        return 0;
    if (lp_tok_new(vocab, false, &tok) != LP_OK)
        exit(1);
    bool same = same_borders(tok, f->p[number], n, 1 + number % STEP, n, hash) &&
                same_borders(tok, f->p[number], n, 1 + number % STEP, (n + 1) / 2, hash);
    if (!same)
        fprintf(stderr, "%s, %s: fragment %zu at a border: ids are not tiktoken's\n",
                lp_vocab_name(vocab), instructions, number);
    lp_tok_free(tok);
    return !same;
}

/* --- The lists --------------------------------------------------------------------- */

static FILE *open_list(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot read\n", path);
        exit(1);
    }
    return file;
}

/* Closes a list after so many rows. Fails if there are more. */
static int close_list(FILE *file, const char *name, size_t rows)
{
    bool good = feof(file) && rows > 0;
    if (!good)
        fprintf(stderr, "%s: cannot read row %zu\n", name, rows + 1);
    fclose(file);
    return !good;
}

static int test_long(char **argv, const struct fragments *f)
{
    FILE *file = open_list(argv[2], "long");
    struct row row;
    size_t rows = 0;
    int failures = 0;
    for (; fscanf(file, "%32s %" SCNu32 " %zu %zu %d %zu %" SCNx64, row.encoding, &row.seed,
                  &row.size, &row.fragments, &row.special, &row.nids, &row.hash) == 7;
         rows++)
        failures += test_row(argv[1], f, &row);
    return failures + close_list(file, "long", rows);
}

static int test_borders(char **argv, const struct fragments *f)
{
    FILE *file = open_list(argv[2], "borders");
    char encoding[33];
    size_t number, rows = 0;
    uint64_t hash;
    int failures = 0;
    for (; fscanf(file, "%32s %zu %" SCNx64, encoding, &number, &hash) == 3; rows++) {
        if (number >= f->count)
            exit(1);
        struct lp_vocab *vocab = open_vocab(argv[1], encoding);
        failures += test_border(vocab, "portable", f, number, hash);
        failures += test_border(vocab, "avx2", f, number, hash);
        failures += test_border(vocab, "neon", f, number, hash);
        lp_vocab_close(vocab);
    }
    return failures + close_list(file, "borders", rows);
}

/* usage: tok_long VOCAB_DIR VECTORS_DIR */
int main(int argc, char **argv)
{
    char path[4096];
    size_t n;
    if (argc != 3)
        return 2;
    snprintf(path, sizeof path, "%s/fragments", argv[2]);
    unsigned char *data = read_file(path, &n);
    struct fragments f = read_fragments(data, n);
    int failures = test_long(argv, &f) + test_borders(argv, &f);
    free(data);
    return failures > 0;
}
