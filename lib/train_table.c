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

/* What a list has as a successor's count. */
static uint32_t scaled(const struct lp_successor *s, double scale)
{
    const uint32_t count = (uint32_t)((double)s->count * scale + 0.5);
    return count > 0 ? count : 1;
}

/* Whether a successor that has no place yet comes before another. */
static bool comes_before(const struct lp_successor *a, const struct lp_successor *b, double scale)
{
    const uint32_t x = scaled(a, scale), y = scaled(b, scale);
    return x != y ? x > y : a->leaf < b->leaf;
}

/* Which successors the list has, and in which places, as cells name them: those that it had stay
 * where they are, others fill the gaps and follow, those that count most first. Returns how many.
 * A gap that nothing fills keeps what it had. */
static uint32_t find_places(const struct lp_successors *of, float least, double scale,
                            uint32_t place[LP_FOLLOW_MAX])
{
    const struct lp_successor *list = of->list;
    uint32_t new[LP_FOLLOW_MAX], nnew = 0, n = 0, gap = 0;
    for (uint32_t i = of->placed; i < of->n; i++) {
        if (list[i].count < least)
            continue;
        uint32_t at = nnew++;
        for (; at > 0 && comes_before(&list[i], &list[new[at - 1]], scale); at--)
            new[at] = new[at - 1];
        new[at] = i;
    }
    for (uint32_t i = 0; i < of->placed; i++) {
        place[i] = i;
        if (list[i].count >= least)
            n = i + 1;
    }
    for (uint32_t i = 0; i < nnew; i++) {
        while (gap < n && list[gap].count >= least)
            gap++;
        n += gap == n;
        place[gap++] = new[i];
    }
    return n;
}

uint32_t lp_list_put(const struct lp_tree *tree, const struct lp_successors *of, float least,
                     unsigned char *to)
{
    const struct lp_successor *list = of->list;
    const float most = least_of_most(list, of->n);
    double total = 0, count[LP_NODE_CHILDREN];
    uint32_t place[LP_FOLLOW_MAX];
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++)
        total += of->others[k];
    for (uint32_t i = 0; i < of->n; i++)
        total += (double)list[i].count;
    const double scale = total > LP_FOLLOW_COUNT ? LP_FOLLOW_COUNT / total : 1;
    const uint32_t n = find_places(of, least > most ? least : most, scale, place);
    if (n == 0)
        return 0;
    if (to == NULL)
        return LP_FOLLOW_HEAD + n;
    memcpy(count, of->others, sizeof count);
    for (uint32_t i = 0; i < of->n; i++)
        count[lp_tree_child(&tree->node[0], list[i].leaf)] += (double)list[i].count;
    double others = total;
    for (uint32_t i = 0; i < n; i++) {
        const struct lp_successor *s = &list[place[i]];
        lp_put32(to + 4 * (LP_FOLLOW_HEAD + (size_t)i),
                 s->leaf << LP_FOLLOW_BITS | scaled(s, scale));
        others -= (double)s->count;
    }
    lp_put32(to, others > 0 ? (uint32_t)(others * scale) : 0);
    put_root(tree, count, to + 4);
    return LP_FOLLOW_HEAD + n;
}

uint32_t lp_leaf_in_cell(const struct lp_model *m, uint32_t last, uint32_t leaf)
{
    struct lp_follow f;
    lp_follow_open(m, last, &f);
    for (uint32_t i = 0; i < f.n; i++) {
        if (lp_follow_leaf(&f, i) == leaf)
            return lp_cell_follower(m->leaf_bits) + i;
    }
    return leaf;
}
