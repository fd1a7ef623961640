/* table.c - the tables of a model, as the trainer reads and writes them. */
#include "train/parts.h"

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
        for (uint32_t n = 1; n < LP_BUCKET_CELLS; n++) { /* insertion sort: most are sorted */
            uint32_t cell = lp_get32(bucket + 4 * n), at = n;
            for (; at > 0 && lp_get32(bucket + 4 * at - 4) > cell; at--)
                lp_put32(bucket + 4 * at, lp_get32(bucket + 4 * at - 4));
            lp_put32(bucket + 4 * at, cell);
        }
    }
}

/* Writes the logits of the root's children but the first, relative to the first, from the counts of
 * the successors below each. */
static void put_root(const struct lp_tree *tree, const double *count, unsigned char *to)
{
    const double WORTH = 8; /* weight of the prior, as a count */
    double total = 0;
    for (uint32_t k = 0; k < tree->node[0].n; k++)
        total += count[k];
    double first = 0;
    for (uint32_t k = 0; k < tree->node[0].n; k++) {
        const double logits = log((count[k] / tree->root[k] + WORTH) / (total + WORTH));
        first = k == 0 ? logits : first;
        const long rounded = lround(8 * (logits - first));
        to[k] = (unsigned char)(rounded < INT8_MIN   ? INT8_MIN
                                : rounded > INT8_MAX ? INT8_MAX
                                                     : rounded);
    }
}

/* A successor's count as a list stores it. */
static uint32_t scaled(const struct lp_successor *s, double scale)
{
    return lp_follow_float((uint32_t)((double)s->count * scale + 0.5));
}

/* Whether a successor comes first in a list: it counts more, or has the lower leaf. */
static bool comes_before(const struct lp_successor *a, const struct lp_successor *b, double scale)
{
    const uint32_t x = scaled(a, scale), y = scaled(b, scale);
    return x != y ? x > y : a->leaf < b->leaf;
}

/* The successors that count most, at most room of them, sorted; a new one must count something.
 * Returns how many. */
static uint32_t find_most(const struct lp_successors *of, uint32_t room, double scale,
                          uint32_t most[LP_FOLLOW_MAX])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < of->n; i++) {
        const struct lp_successor *s = &of->list[i];
        const bool full = n == room && !comes_before(s, &of->list[most[n - 1]], scale);
        if (full || (i >= of->placed && scaled(s, scale) == 0))
            continue;
        n += n < room;
        uint32_t at = n - 1;
        for (; at > 0 && comes_before(s, &of->list[most[at - 1]], scale); at--)
            most[at] = most[at - 1];
        most[at] = i;
    }
    return n;
}

/* Which successor is in each place. Cells name places, so successors that stay keep theirs if the
 * list has them; new ones fill the gaps, those that count most first. Returns how many. */
static uint32_t find_places(const struct lp_successors *of, uint32_t room, double scale,
                            uint32_t place[LP_FOLLOW_MAX])
{
    uint32_t most[LP_FOLLOW_MAX];
    const uint32_t n = find_most(of, room, scale, most);
    const uint32_t stay = of->placed < room ? of->placed : room;
    bool kept[LP_FOLLOW_MAX] = {false};
    for (uint32_t i = 0; i < n; i++) {
        if (most[i] < stay) {
            place[most[i]] = most[i];
            kept[most[i]] = true;
        }
    }
    for (uint32_t i = 0, gap = 0; i < n; i++) {
        if (most[i] < stay)
            continue;
        while (kept[gap])
            gap++;
        place[gap++] = most[i];
    }
    return n;
}

uint32_t lp_list_room(const struct lp_successors *of, float least)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < of->n; i++)
        n += of->list[i].count >= least;
    return lp_list_room_of(n);
}

void lp_list_put(const struct lp_tree *tree, const struct lp_successors *of, uint32_t room,
                 unsigned char *to)
{
    const struct lp_successor *list = of->list;
    double total = 0, count[LP_NODE_CHILDREN];
    uint32_t place[LP_FOLLOW_MAX];
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++)
        total += of->others[k];
    for (uint32_t i = 0; i < of->n; i++)
        total += (double)list[i].count;
    const double scale = total > LP_FOLLOW_TOTAL ? LP_FOLLOW_TOTAL / total : 1;
    const uint32_t n = find_places(of, room, scale, place);
    memcpy(count, of->others, sizeof count);
    for (uint32_t i = 0; i < of->n; i++)
        count[lp_tree_child(&tree->node[0], list[i].leaf)] += (double)list[i].count;
    double others = total;
    memset(to, 0, lp_follow_size(room));
    for (uint32_t i = 0; i < n; i++) {
        const struct lp_successor *s = &list[place[i]];
        const uint32_t has = scaled(s, scale);
        lp_put24(to + LP_FOLLOW_WORD * (size_t)i,
                 s->leaf << LP_FOLLOW_BITS | (has > 0 ? has : lp_follow_float(1)));
        others -= (double)s->count;
    }
    put_root(tree, count, to + lp_follow_root(room));
    to[lp_follow_root(room)] =
        (unsigned char)lp_follow_float(others > 0 ? (uint32_t)(others * scale) + 1 : 1);
}

struct counted {
    double count;
    uint32_t entry;
};

static int by_count(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    return x->count != y->count  ? (x->count > y->count ? -1 : 1)
           : x->entry < y->entry ? -1
                                 : x->entry > y->entry;
}

uint32_t *lp_entries_by(const double *count, uint32_t nentries)
{
    struct counted *of = malloc(nentries * sizeof *of);
    uint32_t *order = malloc(nentries * sizeof *order);
    for (uint32_t i = 0; of != NULL && i < nentries; i++)
        of[i] = (struct counted){count[i], i};
    if (of != NULL && order != NULL) {
        qsort(of, nentries, sizeof *of, by_count);
        for (uint32_t i = 0; i < nentries; i++)
            order[i] = of[i].entry;
    } else {
        free(order);
        order = NULL;
    }
    free(of);
    return order;
}

void lp_lists_count(struct lp_lists *l, uint32_t room)
{
    l->nlong += room == LP_FOLLOW_MAX;
    l->nshort += room == LP_FOLLOW_SHORT;
}

size_t lp_lists_size(const struct lp_lists *l)
{
    return l->nlong * (size_t)lp_follow_size(LP_FOLLOW_MAX) +
           l->nshort * (size_t)lp_follow_size(LP_FOLLOW_SHORT);
}

bool lp_lists_fit(const struct lp_lists *l, size_t bytes)
{
    return l->nlong <= LP_INDEX_COUNT && l->nshort <= LP_INDEX_COUNT && lp_lists_size(l) <= bytes;
}

void lp_lists_add(struct lp_lists *l, uint32_t leaf, uint32_t room, const unsigned char *list)
{
    const bool is_long = room == LP_FOLLOW_MAX;
    const size_t size = lp_follow_size(room);
    unsigned char *entry = l->index + LP_INDEX_SIZE * (size_t)(leaf / LP_INDEX_LEAVES);
    if (leaf % LP_INDEX_LEAVES == 0) {
        lp_put64(entry + LP_INDEX_AT_LONG, 0);
        lp_put64(entry + LP_INDEX_AT_SHORT, 0);
        lp_put16(entry + LP_INDEX_AT_LONGS, (uint16_t)l->nlong);
        lp_put16(entry + LP_INDEX_AT_SHORTS, (uint16_t)l->nshort);
    }
    if (room == 0)
        return;
    unsigned char *bits = entry + (is_long ? LP_INDEX_AT_LONG : LP_INDEX_AT_SHORT);
    lp_put64(bits, lp_get64(bits) | (uint64_t)1 << leaf % LP_INDEX_LEAVES);
    memcpy(is_long ? l->lists + size * l->nlong++ : l->few + size * l->nshort++, list, size);
}

void lp_lists_end(struct lp_lists *l)
{
    memcpy(l->lists + l->nlong * lp_follow_size(LP_FOLLOW_MAX), l->few,
           l->nshort * lp_follow_size(LP_FOLLOW_SHORT));
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
