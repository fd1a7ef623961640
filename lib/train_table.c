/* train_table.c - the tables of a model as the trainer reads and writes them. */
#include "train_parts.h"

#include <math.h>
#include <stdlib.h>

enum lp_status lp_tree_of(const struct lp_model *m, struct lp_tree *tree)
{
    *tree = (struct lp_tree){.size = m->size,
                             .nleaves = m->nleaves,
                             .leaf = malloc(m->size * sizeof *tree->leaf),
                             .id = malloc(m->nleaves * sizeof *tree->id),
                             .row = malloc(((size_t)m->nleaves + 1) * sizeof *tree->row),
                             .nrows = m->nrows,
                             .mid = malloc(m->nleaves * sizeof *tree->mid)};
    if (tree->leaf == NULL || tree->id == NULL || tree->row == NULL || tree->mid == NULL)
        return LP_NOMEM;
    for (uint32_t i = 0; i < m->size; i++) {
        uint32_t leaf = lp_get24(m->leaf + 3 * (size_t)i);
        tree->leaf[i] = leaf < m->nleaves ? leaf : LP_NO_LEAF;
    }
    for (uint32_t i = 0; i < m->nleaves; i++)
        tree->id[i] = lp_get24(m->id + 3 * (size_t)i);
    for (uint32_t i = 0; i <= m->nleaves; i++) {
        uint32_t row = lp_get16(m->row + 2 * (size_t)i);
        tree->row[i] = (uint16_t)(row < m->nrows ? row : 0);
    }
    struct {
        uint32_t a, b, depth;
    } stack[128];
    uint32_t top = 1, node = 0;
    stack[0].a = 0;
    stack[0].b = m->nleaves;
    stack[0].depth = 0;
    while (top > 0) {
        uint32_t a = stack[--top].a, b = stack[top].b, depth = stack[top].depth;
        if (b - a < 2)
            continue;
        uint32_t mid = lp_get32(m->tree + 4 * (size_t)node) >> LP_STRETCH_BITS;
        if (mid <= a || mid >= b || depth >= LP_DEPTH_MAX)
            mid = a + (b - a) / 2;
        tree->mid[node++] = mid;
        stack[top].a = mid;
        stack[top].b = b;
        stack[top++].depth = depth + 1;
        stack[top].a = a;
        stack[top].b = mid;
        stack[top++].depth = depth + 1;
    }
    return LP_OK;
}

enum lp_status lp_leaves_of(const struct lp_tree *tree, const struct lp_docs *docs, uint32_t **leaf)
{
    *leaf = malloc((docs->n + 1) * sizeof **leaf);
    if (*leaf == NULL)
        return LP_NOMEM;
    for (size_t i = 0; i < docs->n; i++) {
        (*leaf)[i] = docs->id[i] < tree->size ? tree->leaf[docs->id[i]] : LP_NO_LEAF;
        if ((*leaf)[i] == LP_NO_LEAF)
            return LP_DATA;
    }
    return LP_OK;
}

void lp_sort_cells(unsigned char *cells, uint32_t nbuckets)
{
    for (uint32_t i = 0; i < nbuckets; i++) {
        unsigned char *bucket = cells + 64 * (size_t)i;
        for (uint32_t n = 1; n < LP_BUCKET_CELLS; n++) { /* most are in order already */
            uint32_t cell = lp_get32(bucket + 4 * n), at = n;
            for (; at > 0 && lp_get32(bucket + 4 * at - 4) > cell; at--)
                lp_put32(bucket + 4 * at, lp_get32(bucket + 4 * at - 4));
            lp_put32(bucket + 4 * at, cell);
        }
    }
}

/* By what counts are scaled so that their sum fits once each is rounded. */
static double scale_of(const struct lp_successor *list, uint32_t n, float least, bool crowded)
{
    const double limit = (1 << LP_FOLLOW_BITS) - 1;
    double total = 0, rounding = crowded ? limit / 2 : n;
    for (uint32_t i = 0; i < n; i++)
        total += list[i].count >= least ? (double)list[i].count : 0;
    return total > limit - rounding ? (limit - rounding) / total : 1;
}

/* What a count becomes in a list; 0 for one that is left out. */
static uint32_t scaled(float count, float least, double scale, bool crowded)
{
    double c = (double)count * scale;
    if (count < least || (crowded && c < 0.5))
        return 0;
    return c < 1 ? 1 : (uint32_t)(c + 0.5);
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* What a successor must count to be among the LP_LIST_LONGEST that count most. */
static float least_of_longest(const struct lp_successor *list, uint32_t n)
{
    float *count = n > LP_LIST_LONGEST ? malloc(n * sizeof *count) : NULL;
    if (count == NULL)
        return 0; /* a list that is too long counts as none */
    for (uint32_t i = 0; i < n; i++)
        count[i] = list[i].count;
    qsort(count, n, sizeof *count, descending);
    float least = nextafterf(count[LP_LIST_LONGEST], INFINITY);
    free(count);
    return least;
}

uint32_t lp_list_put(const struct lp_successor *list, uint32_t n, float least, unsigned char *to)
{
    const float longest = least_of_longest(list, n);
    least = least > longest ? least : longest;
    /* Of very many, not each can count 1. */
    const bool crowded = n >= 1 << (LP_FOLLOW_BITS - 1);
    const double scale = scale_of(list, n, least, crowded);
    uint32_t at = 0, before = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = scaled(list[i].count, least, scale, crowded);
        if (count == 0)
            continue;
        if (to != NULL)
            lp_put32(to + 4 * (size_t)at, list[i].leaf << LP_FOLLOW_BITS | before);
        at++;
        before += count;
    }
    if (at == 0)
        return 0;
    if (to != NULL)
        lp_put32(to + 4 * (size_t)at, (uint32_t)LP_GRAM_LEAF << LP_FOLLOW_BITS | before);
    return at + 1;
}
