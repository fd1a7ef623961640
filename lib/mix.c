/* mix.c - codes sequences of token ids by a model: what is learnt, and how it begins.
 * How tokens are coded is in mix_run.h. */
#include "bpe.h"
#include "mix_state.h"

#include <stdlib.h>

enum { BUCKET_LOG_MAX = 16 /* of the sequence's own cells: 4 MB */ };

const struct lp_rates lp_mix_rates = {
    .offer_odds = 10, .offer_weight = 17, .odds = 12, .weight = 20};

const uint16_t lp_class_count[16] = {0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181};

static lp_mix_run *best_run(void)
{
#if LP_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return lp_mix_run_avx2;
#endif
    return lp_mix_run_portable;
}

/* The number of tokens: its length in bits, each further bit of which is less
 * or more likely than the one before, then the bits. */
static size_t code_count(struct lp_coder *c, size_t count, const bool decode)
{
    /* How many sequences of that many bits have more, in 1/256 */
    static const uint8_t more[] = {254, 254, 253, 252, 248, 235, 220, 200,
                                   170, 140, 130, 120, 100, 90,  90,  90};
    uint32_t nbits = 0;
    while (nbits < 31) {
        uint32_t p = nbits < sizeof more ? more[nbits] : 64;
        if (!lp_code_bit(c, p << 8, (uint32_t)(count >> nbits != 0), decode))
            break;
        nbits++;
    }
    size_t value = nbits > 0 ? 1 : 0;
    for (uint32_t i = nbits; i > 1; i--)
        value = value << 1 | lp_code_bit(c, 1 << 15, (uint32_t)(count >> (i - 2) & 1), decode);
    return value;
}

/* --- Sequences ------------------------------------------------------------------------ */

/* Makes p, of *cap bytes, hold n; what it held is gone. NULL when memory is out. */
static void *make_room(void *p, size_t *cap, size_t n)
{
    if (n <= *cap && p != NULL)
        return p;
    free(p);
    p = malloc(n + 1);
    *cap = p == NULL ? 0 : n;
    return p;
}

/* Makes the working state that of a sequence of n leaves not yet coded. */
static enum lp_status start(struct lp_mix *m, size_t n)
{
    uint32_t log = 4;
    while (log < BUCKET_LOG_MAX && (size_t)2 << log < n)
        log++;
    m->nbuckets = (uint32_t)1 << log;
    m->met_log = log + 2;
    size_t ncell = 64 * (size_t)m->nbuckets, nmet = sizeof *m->met << m->met_log;
    m->leaf = make_room(m->leaf, &m->leaf_cap, n * sizeof *m->leaf);
    m->cell = make_room(m->cell, &m->cell_cap, ncell);
    m->met = make_room(m->met, &m->met_cap, nmet);
    if (m->leaf == NULL || m->cell == NULL || m->met == NULL)
        return LP_NOMEM;
    memset(m->cell, 0, ncell);
    memset(m->met, 0, nmet);
    m->now = m->initial;
    for (uint32_t i = 0; i < m->ntouched; i++)
        m->seen[m->touched[i]] = 0;
    m->ntouched = 0;
    return LP_OK;
}

enum lp_status lp_mix_learn(struct lp_mix *m, const uint32_t *ids, size_t n,
                            const struct lp_rates *rates, struct lp_adaptive *state,
                            struct lp_buf *out)
{
    if (n >= (uint32_t)1 << 31)
        return LP_LIMIT;
    enum lp_status status = start(m, n);
    if (status != LP_OK)
        return status;
    if (state != NULL)
        m->now = *state;
    m->rates = *rates;
    struct lp_coder c = {.out = out};
    if (!lp_buf_reserve(out, 256))
        return LP_NOMEM;
    lp_code_begin(&c);
    code_count(&c, n, false);
    status = m->run(m, &c, ids, n, false);
    if (status == LP_OK)
        lp_code_flush(&c);
    if (state != NULL)
        *state = m->now;
    return status == LP_OK ? lp_model_status(m->model) : status;
}

enum lp_status lp_mix_encode(struct lp_mix *m, const uint32_t *ids, size_t n, struct lp_buf *out)
{
    return lp_mix_learn(m, ids, n, &lp_mix_rates, NULL, out);
}

enum lp_status lp_mix_decode(struct lp_mix *m, const unsigned char *in, size_t size, size_t max,
                             struct lp_ids *out)
{
    struct lp_coder c = {.in = in, .end = in + size};
    lp_code_begin(&c);
    size_t n = code_count(&c, 0, true);
    if (n > max)
        return LP_DATA;
    if (!lp_ids_reserve(out, n))
        return LP_NOMEM;
    enum lp_status status = start(m, n);
    m->rates = lp_mix_rates;
    if (status == LP_OK)
        status = m->run(m, &c, NULL, n, true);
    for (size_t i = 0; status == LP_OK && i < n; i++)
        out->v[out->n++] = lp_get24(m->model->id + 3 * (size_t)m->leaf[i]);
    return status == LP_OK ? lp_model_status(m->model) : status;
}

/* --- State ------------------------------------------------------------------------------ */

static void fill_levels(struct lp_mix *m)
{
    uint8_t level = 0;
    for (uint32_t sum = 0; sum < LP_MIX_LEVELS; sum++) {
        while (level < LP_LEVELS - 1 && sum >= lp_class_count[level + 1])
            level++;
        m->level[sum] = level;
    }
}

/* The state is two arrays: of weights, of 16 bits; then the odds. */
int32_t lp_adaptive_get(const struct lp_adaptive *state, size_t i)
{
    if (i < LP_ADAPTIVE_ODDS)
        return ((const int16_t *)state)[i];
    return (&state->offer[0][0][0])[i - LP_ADAPTIVE_ODDS];
}

void lp_adaptive_put(struct lp_adaptive *state, size_t i, int32_t value)
{
    if (i < LP_ADAPTIVE_ODDS)
        ((int16_t *)state)[i] = (int16_t)value;
    else
        (&state->offer[0][0][0])[i - LP_ADAPTIVE_ODDS] = value;
}

void lp_adaptive_load(const struct lp_model *m, bool fast, struct lp_adaptive *state)
{
    const unsigned char *initial = m->initial + (fast ? 2 * LP_ADAPTIVE_SIZE : 0);
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++) {
        const int32_t value = (int16_t)lp_get16(initial + 2 * i);
        lp_adaptive_put(state, i, i < LP_ADAPTIVE_ODDS ? value : value * (1 << LP_ODDS_FINER));
    }
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
    m->node = malloc(model->nnodes * sizeof *m->node);
    m->seen = calloc(model->nnodes, 1);
    m->touched = malloc((model->nnodes + (size_t)1) * sizeof *m->touched); /* a spare one */
    if (m->node == NULL || m->seen == NULL || m->touched == NULL) {
        lp_mix_free(m);
        return LP_NOMEM;
    }
    fill_levels(m);
    for (int i = 0; i <= LP_MIX_SURE; i++)
        m->node_rate[i] = (int16_t)(16384 / (2 * i + 3) + 1638);
    lp_adaptive_load(model, fast, &m->initial);
    *out = m;
    return LP_OK;
}

void lp_mix_free(struct lp_mix *m)
{
    if (m == NULL)
        return;
    free(m->node);
    free(m->seen);
    free(m->touched);
    free(m->leaf);
    free(m->cell);
    free(m->met);
    free(m);
}
