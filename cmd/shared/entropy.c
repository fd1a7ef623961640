#include "shared/entropy.h"

#include <math.h>
#include <stdlib.h>

struct gram {
    uint32_t context, symbol;
    uint64_t count;
};

struct order {
    struct gram *grams;
    uint32_t n;
    uint32_t *table; /* hash table with open addressing: 1 + a gram's index, 0: free */
    unsigned log;    /* 1 << log entries, at most half of them in use; 0: no table yet */
    uint64_t nsymbols;
};

struct entropy {
    struct order orders[ENTROPY_ORDER_MAX + 1];
    unsigned max_order;
    unsigned seen;                           /* symbols of the sequence so far, up to max_order */
    uint32_t context[ENTROPY_ORDER_MAX + 1]; /* the index of the last k of them */
};

enum { FIRST_LOG = 8 };

enum lp_status entropy_new(unsigned max_order, struct entropy **out)
{
    *out = NULL;
    if (max_order > ENTROPY_ORDER_MAX)
        return LP_USAGE;
    struct entropy *e = calloc(1, sizeof *e);
    if (e == NULL)
        return LP_NOMEM;
    e->max_order = max_order;
    *out = e;
    return LP_OK;
}

void entropy_free(struct entropy *e)
{
    if (e == NULL)
        return;
    for (unsigned k = 0; k <= ENTROPY_ORDER_MAX; k++) {
        free(e->orders[k].grams);
        free(e->orders[k].table);
    }
    free(e);
}

/* The entry of a gram in the hash table, or the free entry for it. */
static uint32_t *find(const struct order *o, uint32_t context, uint32_t symbol)
{
    uint64_t key = (uint64_t)context << 32 | symbol, mask = (UINT64_C(1) << o->log) - 1;
    key = (key ^ key >> 29) * UINT64_C(0x9E3779B97F4A7C15); /* 2^64 / golden ratio, odd */
    for (uint64_t at = key >> (64 - o->log);; at = (at + 1) & mask) {
        uint32_t entry = o->table[at];
        if (entry == 0)
            return &o->table[at];
        const struct gram *g = &o->grams[entry - 1];
        if (g->context == context && g->symbol == symbol)
            return &o->table[at];
    }
}

static enum lp_status grow(struct order *o)
{
    unsigned log = o->log == 0 ? FIRST_LOG : o->log + 1;
    if (log > 32) /* indices have 32 bits */
        return LP_LIMIT;
    if ((uint64_t)sizeof *o->grams << (log - 1) > SIZE_MAX / 2)
        return LP_NOMEM;
    struct gram *grams = realloc(o->grams, sizeof *grams << (log - 1));
    if (grams == NULL)
        return LP_NOMEM;
    o->grams = grams;
    uint32_t *table = calloc((size_t)1 << log, sizeof *table);
    if (table == NULL)
        return LP_NOMEM;
    free(o->table);
    o->table = table;
    o->log = log;
    for (uint32_t i = 0; i < o->n; i++)
        *find(o, grams[i].context, grams[i].symbol) = i + 1;
    return LP_OK;
}

/* Counts a gram; *number is its index. */
static enum lp_status count(struct order *o, uint32_t context, uint32_t symbol, uint32_t *number)
{
    if (o->log == 0 || o->n >= UINT32_C(1) << (o->log - 1)) {
        enum lp_status status = grow(o);
        if (status != LP_OK)
            return status;
    }
    uint32_t *entry = find(o, context, symbol);
    if (*entry == 0) {
        o->grams[o->n++] = (struct gram){context, symbol, 0};
        *entry = o->n;
    }
    *number = *entry - 1;
    o->grams[*number].count++;
    o->nsymbols++;
    return LP_OK;
}

enum lp_status entropy_push(struct entropy *e, const uint32_t *symbols, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t next[ENTROPY_ORDER_MAX + 2];
        for (unsigned k = 0; k <= e->seen; k++) {
            enum lp_status status = count(&e->orders[k], e->context[k], symbols[i], &next[k + 1]);
            if (status != LP_OK)
                return status;
        }
        if (e->seen < e->max_order)
            e->seen++;
        for (unsigned k = 1; k <= e->seen; k++)
            e->context[k] = next[k];
    }
    return LP_OK;
}

void entropy_end(struct entropy *e)
{
    e->seen = 0;
}

enum lp_status entropy_figures(const struct entropy *e, unsigned order, struct entropy_figures *out)
{
    *out = (struct entropy_figures){0};
    if (order > e->max_order)
        return LP_USAGE;
    const struct order *o = &e->orders[order];
    if (o->nsymbols == 0)
        return LP_OK;
    uint32_t ncontexts = order == 0 ? 1 : e->orders[order - 1].n;
    uint64_t *totals = calloc(ncontexts, sizeof *totals); /* symbols after each context */
    if (totals == NULL)
        return LP_NOMEM;
    out->nsymbols = o->nsymbols;
    out->ngrams = o->n;
    for (uint32_t i = 0; i < o->n; i++) {
        uint64_t *total = &totals[o->grams[i].context];
        out->ncontexts += *total == 0;
        *total += o->grams[i].count;
    }
    double sum = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        const struct gram *g = &o->grams[i];
        double p = (double)g->count / (double)o->nsymbols;
        double q = (double)g->count / (double)totals[g->context];
        double term = p * log2(q);
        sum += term; /* a statement of its own: no fused multiply-add, all machines round alike */
    }
    free(totals);
    out->bits = sum < 0 ? -sum : 0;
    out->corrected =
        out->bits + (double)(out->ngrams - out->ncontexts) /
                        (2 * (double)out->nsymbols * 0.69314718055994530942); /* ln 2 */
    return LP_OK;
}
