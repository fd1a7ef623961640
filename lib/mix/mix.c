/* mix.c - codes sequences of token ids: the state of a sequence, and its length. run.h codes the
 * tokens. */
#include "base/huge.h"
#include "base/ids.h"
#include "mix/model_cells.h"
#include "mix/state.h"

#include <stdlib.h>

enum {
    CONTEXT_LOG_MAX = 18, /* 11 MB of contexts of a sequence at most, */
    NODE_LOG_MAX = 13,    /* and 1 MB of those of upper nodes */
};

const uint16_t lp_class_count[LP_CELL_CLASSES] = {0,  1,  2,  3,  4,  6,  8,   11,
                                                  16, 23, 32, 45, 64, 91, 128, 181};

static lp_mix_run *best_run(void)
{
#if LP_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return lp_mix_run_avx2;
#endif
    return lp_mix_run_portable;
}

/* Codes the number of tokens: its bit length in unary, with a probability for each step, then the
 * bits after the first. */
static size_t code_count(struct lp_range_coder *c, size_t count, const bool decode)
{
    /* The probability that the bit length is greater than its index, in 1/256. */
    static const uint8_t more[] = {254, 254, 253, 252, 248, 235, 220, 200,
                                   170, 140, 130, 120, 100, 90,  90,  90};
    uint32_t nbits = 0;
    while (nbits < 31) {
        uint32_t p = nbits < sizeof more ? more[nbits] : 64;
        if (!lp_range_bit(c, p << 8, (uint32_t)(count >> nbits != 0), decode))
            break;
        nbits++;
    }
    size_t value = nbits > 0 ? 1 : 0;
    for (uint32_t i = nbits; i > 1; i--)
        value = value << 1 | lp_range_bit(c, 1 << 15, (uint32_t)(count >> (i - 2) & 1), decode);
    return value;
}

/* --- Memory --------------------------------------------------------------------------- */

/* n bytes at a multiple of align, a power of 2. */
static void *aligned(size_t align, size_t n)
{
    return aligned_alloc(align, (n + align - 1) & ~(align - 1));
}

/* n zero bytes: nodes are visited at random, and each lies in one cache line. */
static void *whole_lines(size_t n)
{
    void *p = aligned(64, n);
    return p != NULL ? memset(p, 0, n) : NULL;
}

/* n bytes, in huge pages if they are many, else in whole cache lines. */
static void *whole_pages(size_t n)
{
    if (n < LP_HUGE_PAGE)
        return aligned(64, n);
    void *p = aligned(LP_HUGE_PAGE, n);
    if (p != NULL)
        lp_ask_huge(p, n);
    return p;
}

/* --- Sequences ------------------------------------------------------------------------ */

/* Gives the tables of contexts n zero bytes; their content is lost. False when memory is out. */
static bool clear_tables(struct lp_mix *m, size_t n)
{
    if (n > m->tables_cap) {
        free(m->tables);
        m->tables = whole_pages(n);
        m->tables_cap = m->tables == NULL ? 0 : n;
    }
    if (m->tables != NULL)
        memset(m->tables, 0, n);
    return m->tables != NULL;
}

/* Resets the state for a sequence of n leaves. */
static enum lp_status start(struct lp_mix *m, size_t n)
{
    uint32_t log = 6;
    while (log < CONTEXT_LOG_MAX && (size_t)1 << log < n)
        log++;
    m->context_log = log;
    m->node_log = log - 1 < NODE_LOG_MAX ? log - 1 : NODE_LOG_MAX;
    /* Fast mode has the last positions alone. Cells are loaded sixteen at a time. */
    const size_t nlast = (size_t)2 << log;
    const size_t nnode = m->fast ? 0 : (size_t)LP_NODE_CONTEXTS << m->node_log;
    const size_t npair = m->fast ? 0 : (size_t)1 << log;
    const size_t ncell = m->fast ? 0 : ((size_t)8 * LP_OWN_CELLS << log) + 4 * LP_BUCKET_CELLS;
    if (!clear_tables(m, nnode * sizeof *m->context_logits + nlast * sizeof *m->last_at +
                             npair * sizeof *m->pair_escape + ncell))
        return LP_NOMEM;
    m->context_logits = m->tables;
    m->last_at = (uint32_t *)(void *)(m->context_logits + nnode);
    m->pair_escape = (int16_t *)(void *)(m->last_at + nlast);
    m->cell = (unsigned char *)(m->pair_escape + npair);
    for (uint32_t i = 0; i < m->ntouched; i++) {
        memset(m->node_logits[m->touched[i]], 0, sizeof *m->node_logits);
        m->visits[m->touched[i]] = (struct lp_visits){0};
    }
    m->ntouched = 0;
    m->leaf.n = 0;
    m->learnt = (struct lp_learnt){0};
    return LP_OK;
}

enum lp_status lp_mix_encode(struct lp_mix *m, const uint32_t *ids, size_t n, struct lp_buf *out)
{
    if (n >= (uint32_t)1 << 31)
        return LP_LIMIT;
    enum lp_status status = start(m, n);
    if (status != LP_OK)
        return status;
    struct lp_range_coder c = {.out = out};
    if (!lp_buf_reserve(out, 256) || !lp_ids_reserve(&m->leaf, n))
        return LP_NOMEM;
    lp_range_begin(&c);
    code_count(&c, n, false);
    status = m->run(m, &c, ids, n, false);
    if (status == LP_OK)
        lp_range_flush(&c);
    return lp_model_blame(m->model, status);
}

enum lp_status lp_mix_decode(struct lp_mix *m, const unsigned char *in, size_t size, size_t max,
                             const struct lp_ids **ids)
{
    struct lp_range_coder c = {.in = in, .end = in + size};
    lp_range_begin(&c);
    size_t n = code_count(&c, 0, true);
    *ids = &m->leaf;
    m->leaf.n = 0;
    if (n > max)
        return LP_LIMIT;
    enum lp_status status = start(m, n);
    if (status == LP_OK)
        status = m->run(m, &c, NULL, n, true);
    for (size_t i = 0; status == LP_OK && i < m->leaf.n; i++)
        m->leaf.v[i] = lp_get24(m->model->id + 3 * (size_t)m->leaf.v[i]);
    return lp_model_blame(m->model, status);
}

size_t lp_mix_count(const unsigned char *in, size_t size)
{
    struct lp_range_coder c = {.in = in, .end = in + size};
    lp_range_begin(&c);
    return code_count(&c, 0, true);
}

void lp_mix_give(struct lp_mix *m, lp_mix_given *given, void *ctx)
{
    m->given = given;
    m->given_ctx = ctx;
}

void lp_mix_watch(struct lp_mix *m, lp_interrupt *interrupt, void *ctx)
{
    m->interrupt = interrupt;
    m->interrupt_ctx = ctx;
}

enum lp_status lp_mix_cost(struct lp_mix *m, const uint32_t *ids, size_t n, double *bits,
                           struct lp_buf *scratch)
{
    m->bits = bits;
    enum lp_status status = lp_mix_encode(m, ids, n, scratch);
    m->bits = NULL;
    return status;
}

/* --- State ------------------------------------------------------------------------------ */

static void fill_levels(struct lp_mix *m)
{
    uint8_t level = 0;
    for (uint32_t sum = 0; sum < LP_TOTALS; sum++) {
        while (level < LP_LEVELS - 1 && sum >= lp_class_count[level + 1])
            level++;
        m->level[sum] = level;
    }
}

void lp_mixing_load(const struct lp_model *m, bool fast, struct lp_mixing *params)
{
    for (size_t i = 0; i < LP_MIXING_SIZE; i++)
        ((int16_t *)params)[i] = (int16_t)lp_get16(m->mixing + 2 * (i + fast * LP_MIXING_SIZE));
}

enum lp_status lp_mix_new(const struct lp_model *model, bool fast, struct lp_mix **out)
{
    *out = NULL;
    if (!model->sound)
        return LP_BAD_MODEL;
    struct lp_mix *m = calloc(1, sizeof *m);
    if (m == NULL)
        return LP_NOMEM;
    m->model = model;
    m->fast = fast;
    m->run = best_run();
    m->node_logits = whole_lines(model->nnodes * sizeof *m->node_logits);
    m->visits = calloc(model->nnodes, sizeof *m->visits);
    m->touched = malloc((model->nnodes + (size_t)1) *
                        sizeof *m->touched); /* one more: note_child() always writes */
    if (m->node_logits == NULL || m->visits == NULL || m->touched == NULL) {
        lp_mix_free(m);
        return LP_NOMEM;
    }
    fill_levels(m);
    for (int i = 0; i <= LP_VISIT_MAX; i++) {
        m->node_rate[i] = (int16_t)(16384 / (2 * i + 3) + 2200);
        m->visit_level[i] = (uint8_t)(i < 3    ? i
                                      : i < 5  ? 3
                                      : i < 9  ? 4
                                      : i < 17 ? 5
                                      : i < 65 ? 6
                                               : 7);
    }
    lp_mixing_load(model, fast, &m->params);
    *out = m;
    return LP_OK;
}

void lp_mix_free(struct lp_mix *m)
{
    if (m == NULL)
        return;
    free(m->node_logits);
    free(m->visits);
    free(m->touched);
    free(m->leaf.v);
    free(m->tables);
    free(m);
}
