#include "block/given.h"

#include "mix/mix.h"
#include "tokens/codes.h"

enum {
    COPIES_MAX = 1 << 16, /* of a block, that are looked at: a few numbers may pack any number */
    HOPS_MAX = 32,        /* from copy to copy: each may be of the one before */
};

#define UNKNOWN UINT32_MAX

/* Where a copy is: its end among the block's codes, and in the rest. */
struct span {
    uint32_t end, rest;
};

void lp_givens_free(struct lp_givens *g)
{
    lp_copies_free(&g->copies);
    lp_buf_free(&g->spans);
    lp_buf_free(&g->v);
    lp_buf_free(&g->by_from);
}

static const struct span *spans_of(const struct lp_givens *g)
{
    return (const struct span *)(const void *)g->spans.p;
}

/* Finds where copies are. Those beyond the numbers that hold it are dropped: no block is so large.
 */
static bool find_spans(struct lp_givens *g)
{
    uint64_t end = 0, rest = 0;
    g->spans.n = 0;
    for (size_t i = 0; i < g->copies.n; i++) {
        const struct lp_copy *copy = &g->copies.v[i];
        rest += copy->rest;
        end += (uint64_t)copy->rest + copy->length;
        const struct span span = {(uint32_t)end, (uint32_t)rest};
        if (end >= UNKNOWN)
            g->copies.n = i;
        else if (!lp_buf_append(&g->spans, &span, sizeof span))
            return false;
    }
    return true;
}

/* The first of n copies that ends after a byte of the block; the last of them does. */
static size_t copy_at(const struct span *spans, size_t n, uint32_t at)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (spans[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Follows the last byte of copy i to where it is in the rest: how many bytes that has up to it, and
 * with it. UNKNOWN if it is from the window. */
static uint32_t trace(const struct lp_givens *g, size_t i)
{
    const struct span *spans = spans_of(g);
    uint32_t at = spans[i].end - 1;
    for (size_t hops = 0; hops <= HOPS_MAX; hops++) {
        i = copy_at(spans, i + 1, at);
        const struct lp_copy *copy = &g->copies.v[i];
        const uint32_t start = spans[i].end - copy->length;
        if (at < start)
            return spans[i].rest - (start - at) + 1;
        if (copy->distance == 0 || copy->distance > start)
            return UNKNOWN;
        at = start - copy->distance + (at - start) % copy->distance;
    }
    return UNKNOWN;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Adds what the last byte of a copy says, if that is in the rest. */
static bool add_given(struct lp_givens *g, size_t i)
{
    const uint32_t from = trace(g, i);
    if (from == UNKNOWN)
        return true;
    const struct lp_given given = {.at = spans_of(g)[i].rest, .from = from, .id = LP_NONE_GIVEN};
    const uint64_t by_from = (uint64_t)from << 32 | g->n++;
    return lp_buf_append(&g->v, &given, sizeof given) &&
           lp_buf_append(&g->by_from, &by_from, sizeof by_from);
}

enum lp_status lp_givens_find(struct lp_givens *g, const struct lp_vocab *vocab,
                              const unsigned char *copies, size_t ncopies)
{
    enum lp_status status = lp_copies_unpack(copies, ncopies, COPIES_MAX, &g->copies);
    g->vocab = vocab;
    g->v.n = g->by_from.n = 0;
    g->n = g->ngiven = g->next = g->next_from = 0;
    g->at = g->ntokens = 0;
    if (status != LP_OK || !find_spans(g))
        return LP_NOMEM;
    for (size_t i = 0; i < g->copies.n; i++) {
        const bool rest_follows = i + 1 == g->copies.n || g->copies.v[i + 1].rest > 0;
        if (rest_follows && !add_given(g, i))
            return LP_NOMEM;
    }
    if (g->n > 1)
        qsort(g->by_from.p, g->n, sizeof(uint64_t), compare);
    return LP_OK;
}

/* Notes a token of the rest, which ends at g->at, for those that come from there. */
static void note(struct lp_givens *g, uint32_t id)
{
    struct lp_given *v = (struct lp_given *)(void *)g->v.p;
    const uint64_t *by_from = (const uint64_t *)(const void *)g->by_from.p;
    for (; g->next_from < g->n && by_from[g->next_from] >> 32 <= g->at; g->next_from++) {
        if (by_from[g->next_from] >> 32 == g->at)
            v[(uint32_t)by_from[g->next_from]].id = id;
    }
}

uint32_t lp_givens_next(void *givens, uint32_t id)
{
    struct lp_givens *g = givens;
    struct lp_given *v = (struct lp_given *)(void *)g->v.p;
    unsigned char code[LP_CODE_MAX];
    if (g->next == g->n)
        return LP_NONE_GIVEN;
    const bool known = lp_ids_are_known(g->vocab, &id, 1); /* else the code is damaged */
    g->at += known ? (uint32_t)lp_codes_from_ids(g->vocab, &id, 1, code) : 1;
    g->ntokens++;
    note(g, id);
    while (g->next < g->n && v[g->next].at < g->at)
        g->next++;
    if (g->next == g->n || v[g->next].at > g->at || v[g->next].id == LP_NONE_GIVEN)
        return LP_NONE_GIVEN;
    v[g->ngiven] = v[g->next++];
    v[g->ngiven].place = g->ntokens++;
    return v[g->ngiven++].id;
}
