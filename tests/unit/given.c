/* given - what copies give to the mixing of the rest is what following each byte of a block to
 * where it came from says, whatever the copies; and a mixed rest is restored without it. */
#include "block/given.h"
#include "block/stage_mix.h"
#include "tokens/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* usage: given VOCAB_FILE MODEL_FILE */

enum { TOKENS = 400, BYTES = 60000, ROUNDS = 3000, HOPS = 32, UNKNOWN = -1 };

static const struct lp_vocab *vocab;
static const struct lp_model *model;
static uint32_t seed = 7;
static int failures;

/* A rest, and a block of copies and it: for each of its bytes, which of the rest it is; how many
 * copies it went through. */
static uint32_t ids[TOKENS];
static unsigned char rest[TOKENS * LP_CODE_MAX];
static size_t nids, nrest, ends[TOKENS];
static struct lp_copies copies;
static int source[BYTES], hops[BYTES];
static int given[TOKENS * LP_CODE_MAX]; /* at each byte of the rest: which of its bytes ends it */
static size_t nblock;

static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

static void fail(const char *what, int round)
{
    if (failures++ < 10)
        fprintf(stderr, "given: round %d: %s\n", round, what);
}

static void must(bool holds)
{
    if (!holds) {
        fprintf(stderr, "given: cannot go on\n");
        exit(1);
    }
}

static void make_rest(void)
{
    nids = any(4) == 0 ? any(5) : any(TOKENS);
    nrest = 0;
    for (size_t i = 0; i < nids; i++) {
        ids[i] = any(3) == 0 ? any(90000) : any(600);
        nrest += lp_codes_from_ids(vocab, &ids[i], 1, rest + nrest);
        ends[i] = nrest;
    }
}

/* Where a copy could begin and end: mostly where tokens of the rest do. */
static uint32_t take_rest(size_t at)
{
    size_t to = at + any(20), i = 0;
    if (to > nrest)
        to = nrest;
    while (i < nids && ends[i] < to)
        i++;
    if (i < nids && any(10) != 0)
        to = ends[i];
    return (uint32_t)(to - at);
}

static void append(int from, int hop)
{
    source[nblock] = from;
    hops[nblock++] = hop;
}

/* A byte is followed first in its copy, to before it. */
static void append_copy(const struct lp_copy *copy)
{
    const size_t start = nblock;
    for (size_t i = 0; i < copy->length; i++) {
        if (copy->distance > start) {
            append(UNKNOWN, 0);
        } else {
            const size_t from = start - copy->distance + i % copy->distance;
            append(source[from], hops[from] + 1);
        }
    }
}

static void make_copies(void)
{
    size_t at = 0, n = any(6) == 0 ? 0 : any(200);
    copies.n = nblock = 0;
    for (size_t i = 0; i <= nrest; i++)
        given[i] = UNKNOWN;
    const uint32_t deep = any(4) == 0;
    for (size_t i = 0; i < n && nblock < BYTES / 2; i++) {
        struct lp_copy copy = {take_rest(at), 1 + any(any(10) == 0 ? 300 : 12), 0};
        copy.distance = 1 + any(deep ? 6 : (uint32_t)nblock + 20);
        for (uint32_t k = 0; k < copy.rest; k++)
            append((int)at++, 0);
        append_copy(&copy);
        given[at] = hops[nblock - 1] <= HOPS ? source[nblock - 1] : UNKNOWN;
        must(lp_copies_add(&copies, copy));
    }
    must(lp_copies_add(&copies, (struct lp_copy){(uint32_t)(nrest - at), 0, 0}));
}

/* The id given after token i of the rest. */
static uint32_t expected(size_t i)
{
    const int from = given[ends[i]];
    for (size_t k = 0; k <= i && from != UNKNOWN; k++)
        if ((int)ends[k] == from + 1)
            return ids[k];
    return UINT32_MAX;
}

static void test_next(const struct lp_buf *packed, int round)
{
    static struct lp_givens g;
    size_t n = 0;
    must(lp_givens_find(&g, vocab, packed->p, packed->n) == LP_OK);
    for (size_t i = 0; i < nids; i++) {
        const uint32_t id = lp_givens_next(&g, ids[i]);
        if (id != expected(i))
            fail("another token is given", round);
        if (id != UINT32_MAX) {
            if (g.ngiven != n + 1 || lp_givens_v(&g)[n].place != i + 1 + n)
                fail("it has another place", round);
            n++;
        }
    }
    if (round == ROUNDS - 1)
        lp_givens_free(&g);
}

static void test_mixing(const struct lp_buf *packed, int round)
{
    static struct lp_mixer mixer;
    static struct lp_buf mixed, back;
    const struct lp_mixing_way way = {vocab, model, round % 2 == 0, packed->p, packed->n};
    mixed.n = back.n = 0;
    must(lp_mixer_pack_codes(&mixer, &way, rest, nrest, &mixed) == LP_OK);
    if (lp_mixer_unpack(&mixer, &way, mixed.p, mixed.n, nids, &back) != LP_OK ||
        !lp_buf_is(&back, rest, nrest))
        fail("the rest is not restored", round);
    if (round < ROUNDS - 1)
        return;
    lp_mixer_free(&mixer);
    lp_buf_free(&mixed);
    lp_buf_free(&back);
}

int main(int argc, char **argv)
{
    struct lp_vocab *v = NULL;
    struct lp_model *m = NULL;
    struct lp_buf packed = {0};
    if (argc != 3 || lp_vocab_open(argv[1], &v) != LP_OK || lp_model_open(argv[2], &m) != LP_OK) {
        fprintf(stderr, "given: cannot open the vocabulary and the model\n");
        return 1;
    }
    vocab = v;
    model = m;
    for (int round = 0; round < ROUNDS; round++) {
        make_rest();
        make_copies();
        packed.n = 0;
        must(lp_copies_pack(&copies, &packed) == LP_OK);
        test_next(&packed, round);
        if (round % 10 == 0 || round == ROUNDS - 1)
            test_mixing(&packed, round);
    }
    lp_buf_free(&packed);
    lp_copies_free(&copies);
    lp_vocab_close(v);
    lp_model_close(m);
    return failures > 0;
}
