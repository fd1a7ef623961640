/* train_table.c - the tables of a model as the trainer reads and writes them. */
#include "train_parts.h"

#include <math.h>
#include <stdlib.h>

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

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* What a successor must count to be among the LP_FOLLOW_MAX that count most. */
static float least_of_most(const struct lp_successor *list, uint32_t n)
{
    float *count = n > LP_FOLLOW_MAX ? malloc(n * sizeof *count) : NULL;
    if (count == NULL)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        count[i] = list[i].count;
    qsort(count, n, sizeof *count, descending);
    float least = nextafterf(count[LP_FOLLOW_MAX], INFINITY);
    free(count);
    return least;
}

/* What successors of each of the root's children count, as odds of these. */
static void put_root(const struct lp_tree *tree, const double *count, unsigned char *to)
{
    const double WORTH = 8; /* what is known without them: as a count */
    double total = 0;
    for (uint32_t k = 0; k < tree->node[0].n; k++)
        total += count[k];
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++) {
        double odds = 0;
        if (k < tree->node[0].n)
            odds = log((count[k] / tree->root[k] + WORTH) / (total + WORTH));
        const long rounded = lround(8 * odds) + LP_FOLLOW_EVEN;
        to[k] = (unsigned char)(rounded < 0 ? 0 : rounded > UINT8_MAX ? UINT8_MAX : rounded);
    }
}

uint32_t lp_list_put(const struct lp_tree *tree, const struct lp_successors *of, float least,
                     unsigned char *to)
{
    const struct lp_successor *list = of->list;
    const uint32_t n = of->n;
    const float most = least_of_most(list, n);
    double total = 0, others = 0, count[LP_NODE_CHILDREN];
    uint32_t at = 0;
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++)
        others += count[k] = of->others[k];
    total = others;
    least = least > most ? least : most;
    for (uint32_t i = 0; i < n; i++) {
        total += (double)list[i].count;
        at += list[i].count >= least;
    }
    if (at == 0)
        return 0;
    if (to == NULL)
        return LP_FOLLOW_HEAD + at;
    const double scale = total > LP_FOLLOW_COUNT ? LP_FOLLOW_COUNT / total : 1;
    at = 0;
    for (uint32_t i = 0; i < n; i++) {
        count[lp_tree_child(&tree->node[0], list[i].leaf)] += (double)list[i].count;
        if (list[i].count < least) {
            others += (double)list[i].count;
            continue;
        }
        const uint32_t scaled = (uint32_t)((double)list[i].count * scale + 0.5);
        lp_put32(to + 4 * (LP_FOLLOW_HEAD + (size_t)at++),
                 list[i].leaf << LP_FOLLOW_BITS | (scaled > 0 ? scaled : 1));
    }
    lp_put32(to, (uint32_t)(others * scale));
    put_root(tree, count, to + 4);
    return LP_FOLLOW_HEAD + at;
}
