/* mix - sequences of ids survive coding by a model; damage never crashes the decoder.
 *
 * usage: mix MODEL_FILE */
#define LP_VEC_PLAIN /* a third way to compute beside the two of the library */
#include "mix/run.h"

#include <stdio.h>

static int failures;

static void must(enum lp_status status, const char *what)
{
    if (status == LP_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, lp_status_text(status));
    exit(1);
}

static uint32_t noise(void)
{
    static uint32_t seed = 7;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Decodes codes with flipped bits and cut ones: any result within the limit is allowed. */
static void damage(struct lp_mix *mix, struct lp_buf *code, size_t n)
{
    const struct lp_ids *back;
    for (size_t bit = 0; bit < 8 * code->n; bit += 1 + code->n / 20) {
        code->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        lp_mix_decode(mix, code->p, code->n, n + 5, &back);
        code->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < code->n; cut += 1 + code->n / 50) {
        lp_mix_decode(mix, code->p, cut, n + 5, &back);
        if (back->n > n + 5) {
            fprintf(stderr, "cut at %zu: more ids than allowed\n", cut);
            failures++;
        }
    }
}

static enum lp_status run_plain(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                size_t n, bool decode)
{
    return run(m, c, ids, n, decode, m->fast);
}

/* All instruction sets give the same code, and the same ids. */
static void test_runs(struct lp_mix *mix, const uint32_t *ids, size_t n, const struct lp_buf *code,
                      const char *name)
{
    lp_mix_run *const runs[] = {lp_mix_run_portable, run_plain}, *const best = mix->run;
    for (int i = 0; i < 2; i++) {
        struct lp_buf other = {0};
        const struct lp_ids *back;
        mix->run = runs[i];
        must(lp_mix_encode(mix, ids, n, &other), name);
        must(lp_mix_decode(mix, code->p, code->n, n, &back), name);
        if (other.n != code->n || (code->n > 0 && memcmp(other.p, code->p, code->n) != 0)) {
            fprintf(stderr, "%s: other instructions gave other bytes\n", name);
            failures++;
        }
        if (back->n != n || (n > 0 && memcmp(back->v, ids, n * sizeof *ids) != 0)) {
            fprintf(stderr, "%s: other instructions gave other ids\n", name);
            failures++;
        }
        lp_buf_free(&other);
    }
    mix->run = best;
}

static void test(const struct lp_model *model, const uint32_t *ids, size_t n, const char *name)
{
    for (int fast = 0; fast < 2; fast++) {
        struct lp_mix *mix;
        struct lp_buf code = {0}, again = {0};
        const struct lp_ids *back;
        must(lp_mix_new(model, fast, &mix), name);
        must(lp_mix_encode(mix, ids, n, &code), name);
        must(lp_mix_decode(mix, code.p, code.n, n, &back), name);
        if (back->n != n || (n > 0 && memcmp(back->v, ids, n * sizeof *ids) != 0)) {
            fprintf(stderr, "%s: other ids came back\n", name);
            failures++;
        }
        if (n > 0 && lp_mix_decode(mix, code.p, code.n, n - 1, &back) != LP_LIMIT) {
            fprintf(stderr, "%s: more ids than allowed\n", name);
            failures++;
        }
        test_runs(mix, ids, n, &code, name);
        if (n < 3000)
            damage(mix, &code, n);
        must(lp_mix_encode(mix, ids, n, &again), name);
        if (again.n != code.n || (code.n > 0 && memcmp(again.p, code.p, code.n) != 0)) {
            fprintf(stderr, "%s: a second call gave other bytes\n", name);
            failures++;
        }
        lp_mix_free(mix);
        lp_buf_free(&code);
        lp_buf_free(&again);
    }
}

/* A decoder must stop with LP_DATA, after no more tokens than size bytes can stand for. */
static void must_stop(const struct lp_mix *mix, enum lp_status status, size_t size)
{
    /* A token has at least one choice, of probability 4095/4096 at most: 8 / log2(4096/4095). */
    const size_t TOKENS_PER_BYTE = 22713;
    if ((status == LP_DATA || status == LP_LIMIT) &&
        mix->leaf.n <= TOKENS_PER_BYTE * (size + LP_RANGE_PAST_END))
        return;
    fprintf(stderr, "%zu bytes of noise gave %zu tokens: %s\n", size, mix->leaf.n,
            lp_status_text(status));
    failures++;
}

/* Noise that claims up to 2^31 - 1 tokens: decoding ends where the bytes end, and uses memory only
 * for what it decoded. */
static void test_claims(const struct lp_model *model, bool fast)
{
    enum { SIZE = 64 };
    unsigned char code[SIZE];
    struct lp_mix *mix;
    const struct lp_ids *back;
    size_t most = 0;
    must(lp_mix_new(model, fast, &mix), "claims");
    for (size_t size = 0; size < SIZE; size++) {
        for (size_t i = 0; i < SIZE; i++)
            code[i] = (unsigned char)(i < size % 8 ? 0 : noise()); /* zeros claim the most */
        const uint32_t claim = size % 8 < 4 ? (uint32_t)1 << 26 : INT32_MAX;
        const enum lp_status status = lp_mix_decode(mix, code, size, claim, &back);
        most = mix->leaf.n > most ? mix->leaf.n : most;
        if (status != LP_OK)
            must_stop(mix, status, size);
    }
    memset(code, 0, sizeof code);
    must_stop(mix, lp_mix_decode(mix, code, SIZE, INT32_MAX, &back), SIZE);
    most = mix->leaf.n > most ? mix->leaf.n : most;
    if (mix->leaf.cap > 2 * most + 1024) {
        fprintf(stderr, "room for %zu tokens, of which %zu came\n", mix->leaf.cap, most);
        failures++;
    }
    lp_mix_free(mix);
}

/* Codes n bits: noise first, then the likelier bit, whose part of the range is the lower one, so
 * that the code ends in zeros. */
static size_t code_bits(struct lp_range_coder *c, uint32_t n, uint32_t nnoise, bool decode)
{
    uint32_t seed = n, wrong = 0;
    lp_range_begin(c);
    for (uint32_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t bit = i < nnoise ? seed >> 31 : 1, p = i < nnoise ? 32768 : 65000;
        wrong += lp_range_bit(c, p, bit, decode) != bit;
    }
    return wrong;
}

/* Each code is restored; some read as much past their end as is allowed; and an empty code for many
 * bits is found out. */
static void test_coder(void)
{
    struct lp_buf code = {0};
    uint32_t most = 0;
    if (!lp_buf_reserve(&code, 1 << 12))
        exit(1);
    for (uint32_t n = 0; n < 20000; n += 1 + n / 16) {
        for (uint32_t nnoise = 0; nnoise <= n && nnoise < 100; nnoise++) {
            struct lp_range_coder to = {.out = &code};
            code.n = 0;
            code_bits(&to, n, nnoise, false);
            lp_range_flush(&to);
            struct lp_range_coder from = {.in = code.p, .end = code.p + code.n};
            if (code_bits(&from, n, nnoise, true) != 0 || lp_range_overrun(&from)) {
                fprintf(stderr, "%u bits: other bits came back\n", n);
                failures++;
            }
            most = from.past_end > most ? from.past_end : most;
        }
    }
    struct lp_range_coder nothing = {.in = code.p, .end = code.p};
    code_bits(&nothing, 20000, 0, true);
    if (most != LP_RANGE_PAST_END || !lp_range_overrun(&nothing)) {
        fprintf(stderr, "%u bytes were read past the end of a code\n", most);
        failures++;
    }
    lp_buf_free(&code);
}

/* A model with some bytes overwritten: it is refused; or what it encodes it decodes again; or
 * encoding fails. */
static void test_damaged_model(const struct lp_model *model, const uint32_t *ids, size_t n)
{
    const size_t size = model->file_size;
    unsigned char *file = malloc(size);
    if (file == NULL)
        exit(1);
    for (int round = 0; round < 60; round++) {
        memcpy(file, model->file, size);
        /* in the header; a whole section; anywhere */
        if (round < 20) {
            file[noise() % LP_LPM_HEAD] = (unsigned char)noise();
        } else if (round < 20 + 2 * LP_LPM_SECTIONS) {
            int section = (round - 20) % LP_LPM_SECTIONS;
            unsigned char *p = file + (model->section[section] - model->file);
            for (size_t i = 0; i < model->section_size[section]; i++)
                p[i] = (unsigned char)(round % 3 == 0 ? 0xFF : noise());
        } else {
            for (size_t i = 0; i < size / 50; i++)
                file[LP_LPM_HEAD + noise() % (size - LP_LPM_HEAD)] = (unsigned char)noise();
        }
        struct lp_model damaged;
        struct lp_mix *mix;
        struct lp_buf code = {0};
        const struct lp_ids *back;
        if (lp_model_view(file, round % 7 == 6 ? noise() % size : size, &damaged) != LP_OK)
            continue;
        must(lp_mix_new(&damaged, round % 2, &mix), "damaged model");
        enum lp_status status = lp_mix_encode(mix, ids, n, &code);
        if (status == LP_OK) {
            must(lp_mix_decode(mix, code.p, code.n, n, &back), "damaged model");
            if (back->n != n || memcmp(back->v, ids, n * sizeof *ids) != 0) {
                fprintf(stderr, "damaged model %d: other ids came back\n", round);
                failures++;
            }
            test_runs(mix, ids, n, &code, "damaged model");
        }
        lp_mix_decode(mix, (const unsigned char *)ids, 400, 500, &back);
        lp_mix_free(mix);
        lp_buf_free(&code);
    }
    free(file);
}

/* Fills the buckets of contexts of order leaves with what no trainer writes: one check in up to all
 * cells, a leaf twice, places that the follow list does not have, and leaves that it has without
 * their place. */
static void put_odd_cells(const struct lp_model *m, unsigned char *cells, const uint32_t *leaf,
                          size_t n, uint32_t order)
{
    const uint32_t bits = m->leaf_bits;
    for (size_t i = order; i < n; i++) {
        uint64_t hash = 0;
        for (uint32_t k = 1; k <= order; k++)
            hash = lp_context_hash(hash, leaf[i - k]);
        unsigned char *bucket = cells + 64 * (size_t)lp_bucket(hash, order, m->nbuckets);
        const uint32_t ncells = noise() % (LP_BUCKET_CELLS + 1);
        for (uint32_t k = 0; k < ncells; k++) {
            struct lp_follow f;
            lp_follow_open(m, leaf[i - 1], &f);
            const uint32_t what[] = {lp_cell_follower(bits) + noise() % LP_FOLLOW_MAX, leaf[i],
                                     noise() % m->nleaves,
                                     f.n > 0 ? lp_follow_leaf(&f, noise() % f.n) : leaf[i]};
            const uint32_t cell = noise() % LP_BUCKET_CELLS;
            lp_put32(bucket + 4 * (size_t)cell, lp_cell_check(hash, bits) << (bits + 4) |
                                                    noise() % 16 << bits | what[noise() % 4]);
        }
    }
}

static void test_odd_cells(const struct lp_model *model, const uint32_t *ids, size_t n)
{
    unsigned char *file = malloc(model->file_size);
    uint32_t *leaf = malloc(n * sizeof *leaf);
    if (file == NULL || leaf == NULL)
        exit(1);
    memcpy(file, model->file, model->file_size);
    for (size_t i = 0; i < n; i++)
        leaf[i] = lp_get24(model->leaf + 3 * (size_t)ids[i]);
    for (uint32_t order = 2; order <= 3; order++)
        put_odd_cells(model, file + (model->cell - model->file), leaf, n, order);
    struct lp_model odd;
    must(lp_model_view(file, model->file_size, &odd), "odd cells");
    test(&odd, ids, n, "odd cells");
    free(file);
    free(leaf);
}

/* Writes a node for the leaves from begin to end: each of its first fifteen children has so many
 * units, the last one the rest. */
static void put_node(unsigned char *p, uint32_t begin, uint32_t end, uint32_t shift, uint32_t units,
                     uint32_t first)
{
    uint32_t inner = 0;
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++) {
        const uint32_t at = begin + (k * units << shift);
        lp_put16(p + LP_NODE_AT_BEGIN + 2 * k, (uint16_t)(at < end ? k * units : LP_NODE_NONE));
        const uint32_t next = k + 1 == LP_NODE_CHILDREN ? end : at + (units << shift);
        inner |= (uint32_t)(at < end && (next < end ? next : end) - at > 1) << k;
    }
    lp_put32(p + LP_NODE_AT_LEAF, begin);
    lp_put32(p + LP_NODE_AT_END, end);
    lp_put32(p + LP_NODE_AT_FIRST, first);
    lp_put16(p + LP_NODE_AT_INNER, (uint16_t)inner);
    p[LP_NODE_AT_SHIFT] = (unsigned char)shift;
}

/* Writes the nodes of a tree: the root has fifteen leaves and a node for all others; further nodes
 * divide evenly. Returns how many. */
static uint32_t put_tree(unsigned char *p, uint32_t nleaves)
{
    static struct {
        uint32_t begin, end;
    } of[1 << 14];
    uint32_t n = 1;
    of[0].begin = 0;
    of[0].end = nleaves;
    for (uint32_t at = 0; at < n; at++) {
        const uint32_t begin = of[at].begin, end = of[at].end;
        const uint32_t shift = at > 0 && end - begin > 4096 ? 8 : 0;
        const uint32_t whole = (end - begin + (1u << shift) - 1) >> shift;
        const uint32_t units = at == 0 ? 1 : (whole + LP_NODE_CHILDREN - 1) / LP_NODE_CHILDREN;
        put_node(p + LP_NODE_SIZE * (size_t)at, begin, end, shift, units, n);
        for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++) {
            const uint32_t from = begin + (k * units << shift);
            uint32_t to = k + 1 == LP_NODE_CHILDREN ? end : from + (units << shift);
            to = to < end ? to : end;
            if (from < end && to - from > 1) {
                of[n].begin = from;
                of[n++].end = to;
            }
        }
    }
    return n;
}

/* Begins have 16 bits, and the highest means none: a node with one leaf more than fits is refused,
 * though everything else is right. */
static void test_wide_node(uint32_t nleaves, enum lp_status expected)
{
    const uint32_t size[LP_LPM_SUM] = {[LP_LPM_LEAF] = 3 * nleaves,
                                       [LP_LPM_ID] = 3 * nleaves,
                                       [LP_LPM_INDEX] =
                                           LP_INDEX_SIZE * (nleaves / LP_INDEX_LEAVES + 1),
                                       [LP_LPM_NET_STATE] = LP_NET_STATE_SIZE,
                                       [LP_LPM_MIXING] = LP_MODES * 2 * LP_MIXING_SIZE};
    const size_t room = 4 << 20;
    unsigned char *file = calloc(room, 1);
    if (file == NULL)
        exit(1);
    memcpy(file, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC);
    lp_put32(file + LP_LPM_AT_VERSION, LP_LPM_VERSION);
    lp_put32(file + LP_LPM_AT_SIZE, nleaves);
    lp_put32(file + LP_LPM_AT_LEAVES, nleaves);
    uint32_t at = LP_LPM_HEAD;
    for (int i = 0; i < LP_LPM_SECTIONS; i++) {
        uint32_t bytes = i == LP_LPM_NODE  ? LP_NODE_SIZE * put_tree(file + at, nleaves)
                         : i == LP_LPM_SUM ? 8 * (at - LP_LPM_HEAD) / LP_LPM_PAGE
                                           : size[i];
        lp_put32(file + LP_LPM_AT_SECTION + 8 * i, at);
        lp_put32(file + LP_LPM_AT_SECTION + 8 * i + 4, bytes);
        for (uint32_t k = 0; (i == LP_LPM_LEAF || i == LP_LPM_ID) && k < nleaves; k++) {
            lp_put16(file + at + 3 * (size_t)k, (uint16_t)k);
            file[at + 3 * (size_t)k + 2] = (unsigned char)(k >> 16);
        }
        at += (bytes + LP_LPM_PAGE - 1) / LP_LPM_PAGE * LP_LPM_PAGE;
    }
    lp_put64(file + LP_LPM_AT_FILE_SIZE, at);
    struct lp_model model;
    if (lp_model_view(file, at, &model) != expected) {
        fprintf(stderr, "a node of %u leaves: not what was expected\n", nleaves);
        failures++;
    }
    const uint32_t ids[] = {0, nleaves - 1, 15, nleaves - 2, nleaves / 2, 14};
    if (expected == LP_OK)
        test(&model, ids, sizeof ids / sizeof *ids, "a wide node");
    free(file);
}

int main(int argc, char **argv)
{
    enum { MANY = 100000 };
    static uint32_t ids[1 << 18];
    struct lp_model *model;
    if (argc != 2)
        return 2;
    must(lp_model_open(argv[1], &model), argv[1]);
    must(lp_model_verify(model), argv[1]);
    test_coder();
    test_wide_node(LP_NODE_NONE, LP_OK);
    test_wide_node(LP_NODE_NONE + 1, LP_DATA);
    const uint32_t size = model->size;
    test(model, ids, 0, "none");
    test(model, ids, 1, "id 0");
    test(model, ids, 1000, "one id over and over");
    for (uint32_t i = 0; i < size; i++)
        ids[i] = i;
    test(model, ids, 300, "the first ids");
    test(model, ids, 100256, "all ids"); /* there are gaps above */
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = noise() % 100256;
    test(model, ids, 200, "few random ids");
    test(model, ids, MANY, "random ids");
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = i < 50 || noise() % 16 == 0 ? noise() % 1000 : ids[i - 50];
    test(model, ids, 2000, "repeats");
    test(model, ids, MANY, "long repeats");
    test_claims(model, false);
    test_claims(model, true);
    test_odd_cells(model, ids, 2000);
    test_damaged_model(model, ids, 2000);
    ids[7] = size;
    struct lp_mix *mix;
    struct lp_buf code = {0};
    must(lp_mix_new(model, false, &mix), "mix");
    if (lp_mix_encode(mix, ids, 10, &code) != LP_DATA) {
        fprintf(stderr, "an id of no token was coded\n");
        failures++;
    }
    lp_mix_free(mix);
    lp_buf_free(&code);
    lp_model_close(model);
    return failures > 0;
}
