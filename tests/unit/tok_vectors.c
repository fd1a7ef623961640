/* tok_vectors - ids equal tiktoken's, for every code point in four places and for the cases of
 * tests/data/vectors; whole, byte by byte and in random pieces. Encodings that split text as an
 * earlier one does get each code point in one place only, unless a third argument
 * says so, as in `make oracle`. */
#include "tokens/vocab.h"
#include "vectors.h"

#include <string.h>

enum { GROUP = 1024, CODE_POINTS = 0x110000, PLACES = 4, IN_PIECES = 1 };

static const char *const around[PLACES][2] = {{"", ""}, {"a", "b"}, {"1", "2"}, {" ", " "}};
static const char *name;
static int failures;

static size_t utf8(uint32_t c, char *p)
{
    if (c < 0x80)
        return p[0] = (char)c, 1;
    if (c < 0x800)
        return p[0] = (char)(0xC0 | c >> 6), p[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return p[0] = (char)(0xE0 | c >> 12), p[1] = (char)(0x80 | (c >> 6 & 63)),
               p[2] = (char)(0x80 | (c & 63)), 3;
    return p[0] = (char)(0xF0 | c >> 18), p[1] = (char)(0x80 | (c >> 12 & 63)),
           p[2] = (char)(0x80 | (c >> 6 & 63)), p[3] = (char)(0x80 | (c & 63)), 4;
}

static uint32_t seed = 1;

static size_t piece_size(int how, size_t left)
{
    seed = seed * 1664525 + 1013904223;
    size_t size = how == 0 ? left : how == 1 ? 1 : seed >> 16 & 31;
    return size < left ? size : left;
}

/* Writes the number of ids of a text, pushed in pieces, and the ids. Returns the bytes. */
static size_t encode(struct lp_tok *tok, const char *text, size_t n, int how, struct lp_ids *ids,
                     unsigned char *out)
{
    ids->n = 0;
    lp_tok_reset(tok);
    for (size_t at = 0, size; at < n; at += size) {
        size = piece_size(how, n - at);
        if (lp_tok_push(tok, text + at, size, false, ids) != LP_OK)
            exit(1);
    }
    if (lp_tok_push(tok, NULL, 0, true, ids) != LP_OK || lp_tok_held(tok) != 0)
        exit(1);
    return spell(ids, out);
}

static void expect(uint64_t hash, uint64_t expected, const char *what, size_t which, int how)
{
    if (hash == expected)
        return;
    fprintf(stderr, "%s: %s %zu: ids are not tiktoken's (pieces %d)\n", name, what, which, how);
    failures++;
}

static void test_code_points(struct lp_tok *tok, const unsigned char *hashes, size_t place, int how)
{
    static unsigned char spelling[GROUP * 64];
    struct lp_ids ids = {0};
    hashes += place * 8 * (CODE_POINTS / GROUP);
    for (uint32_t start = 0; start < CODE_POINTS; start += GROUP, hashes += 8) {
        size_t n = 0;
        for (uint32_t c = start; c < start + GROUP; c++) {
            char text[8];
            if (c >= 0xD800 && c <= 0xDFFF)
                continue;
            size_t before = strlen(around[place][0]), size = before;
            memcpy(text, around[place][0], before);
            size += utf8(c, text + size);
            memcpy(text + size, around[place][1], before);
            n += encode(tok, text, size + before, how, &ids, spelling + n);
        }
        expect(lp_xxh64(spelling, n, 0), lp_get64(hashes), "code points from", start, how);
    }
    free(ids.v);
}

static void test_cases(struct lp_tok *tok, const unsigned char *cases, size_t n,
                       const unsigned char *hashes, const char *what)
{
    struct lp_ids ids = {0};
    unsigned char *spelling = malloc(1 << 20);
    size_t number = 0;
    for (size_t at = 0; at < n; number++, hashes += 8) {
        size_t size = lp_get32(cases + at);
        for (int how = 0; how < 3; how++) {
            size_t used = encode(tok, (const char *)cases + at + 4, size, how, &ids, spelling);
            expect(lp_xxh64(spelling, used, 0), lp_get64(hashes), what, number, how);
        }
        at += 4 + size;
    }
    free(spelling);
    free(ids.v);
}

/* With an instruction set, if this CPU has it. */
static void test_path(struct lp_vocab *vocab, const char *instructions, int pieces, bool all,
                      const unsigned char *cases, size_t ncases, size_t count,
                      const unsigned char *hashes)
{
    const size_t groups = PLACES * (CODE_POINTS / GROUP);
    struct lp_tok *tok, *special;
    if (lp_vocab_use(vocab, instructions) != LP_OK)
        return;
    if (lp_tok_new(vocab, false, &tok) != LP_OK || lp_tok_new(vocab, true, &special) != LP_OK)
        exit(1);
    for (size_t place = 0; all && place < PLACES; place++)
        test_code_points(tok, hashes, place, 0);
    test_code_points(tok, hashes, IN_PIECES, pieces); /* one place is enough: they are many */
    test_cases(tok, cases, ncases, hashes + 8 * groups, "case");
    test_cases(special, cases, ncases, hashes + 8 * (groups + count), "special case");
    lp_tok_free(tok);
    lp_tok_free(special);
}

/* usage: tok_vectors VOCAB_DIR VECTORS_DIR [all] */
int main(int argc, char **argv)
{
    char path[4096];
    bool tested[LP_PATTERN_O200K + 1] = {false};
    if (argc != 3 && argc != 4)
        return 2;
    size_t ncases, nhashes, count = 0;
    snprintf(path, sizeof path, "%s/cases", argv[2]);
    unsigned char *cases = read_file(path, &ncases);
    for (size_t at = 0; at < ncases; at += 4 + lp_get32(cases + at))
        count++;
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++) {
        struct lp_vocab *vocab;
        snprintf(path, sizeof path, "%s/%s.lpv", argv[1], name);
        if (lp_vocab_open(path, &vocab) != LP_OK) {
            fprintf(stderr, "%s: cannot open\n", path);
            return 1;
        }
        snprintf(path, sizeof path, "%s/%s.xxh64", argv[2], name);
        unsigned char *hashes = read_file(path, &nhashes);
        if (nhashes != 8 * (PLACES * (CODE_POINTS / GROUP) + 2 * count)) {
            fprintf(stderr, "%s: has %zu bytes\n", path, nhashes);
            return 1;
        }
        const uint32_t pattern = vocab->header->pattern;
        const bool all = argc == 4 || !tested[pattern];
        tested[pattern] = true;
        test_path(vocab, "portable", 1, all, cases, ncases, count, hashes);
        test_path(vocab, "avx2", 2, all, cases, ncases, count, hashes);
        test_path(vocab, "neon", 2, all, cases, ncases, count, hashes);
        free(hashes);
        lp_vocab_close(vocab);
    }
    free(cases);
    return failures > 0;
}
