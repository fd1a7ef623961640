/* list.h - what came after a context of one, two or three tokens: at most six of its
 * successors and what they count, found in one cache line. The model has such lines
 * and so has each sequence, for what it shows itself. */
#ifndef LP_LIST_H
#define LP_LIST_H

#include "model.h"
#include "vec.h"

enum { LP_LIST_MAX = 6 };

/* A leaf that may come, what it counts, and in which list. */
struct lp_candidate {
    uint32_t leaf;
    uint16_t count, source;
};

/* A list of successors. */
struct lp_list {
    uint32_t n, total;       /* what all count */
    uint32_t top, top_class; /* the leaf that counts most, the least such; its count's class */
};

static inline uint32_t lp_cell_leaf(uint32_t cell, uint32_t leaf_bits)
{
    return cell & (((uint32_t)1 << leaf_bits) - 1);
}

/* The cells of a bucket that are not empty and have a check: a bit for each. */
static inline uint32_t lp_cells_of(const unsigned char *bucket, uint32_t leaf_bits, uint32_t check,
                                   lp_vec class)
{
    const lp_vec checks = lp_vec_words(bucket, leaf_bits + LP_CELL_CLASS_BITS, INT16_MAX);
    return lp_vec_where(lp_vec_same(checks, lp_vec_all((int)check))) &
           ~lp_vec_where(lp_vec_same(class, lp_vec_all(0)));
}

static inline lp_vec lp_cell_classes(const unsigned char *bucket, uint32_t leaf_bits)
{
    return lp_vec_words(bucket, leaf_bits, (1 << LP_CELL_CLASS_BITS) - 1);
}

/* Where a context's successors are: those of its cells in the bucket that have the check. */
struct lp_list_place {
    const unsigned char *bucket;
    uint32_t check;
};

/* Collects the successors in up to LP_LISTS places, as those of sources 1 and on, at p; how
 * many. In one loop for all, so that only one end of it is not to be foretold. */
static inline uint32_t lp_lists_find(const struct lp_model *model,
                                     const struct lp_list_place place[LP_LISTS], uint32_t nplaces,
                                     struct lp_candidate *p, struct lp_list list[LP_LISTS])
{
    const uint32_t bits = model->leaf_bits;
    uint32_t n = 0, top[LP_LISTS] = {0}; /* class << 18 | leaf, inverted */
    uint64_t cells = 0;
    for (uint32_t i = 0; i < nplaces; i++) {
        const unsigned char *bucket = place[i].bucket;
        const lp_vec classes = lp_cell_classes(bucket, bits);
        cells |= (uint64_t)lp_cells_of(bucket, bits, place[i].check, classes)
                 << i * LP_BUCKET_CELLS;
        list[i] = (struct lp_list){0};
    }
    for (; cells != 0; cells &= cells - 1) {
        const uint32_t at = (uint32_t)__builtin_ctzll(cells), i = at / LP_BUCKET_CELLS;
        const uint32_t cell = lp_get32(place[i].bucket + 4 * (size_t)(at % LP_BUCKET_CELLS));
        const uint32_t class = cell >> bits & 15, leaf = lp_cell_leaf(cell, bits);
        const uint32_t here = class << 18 | (LP_LEAF_MAX - 1 - leaf);
        if (leaf >= model->nleaves || list[i].n == LP_LIST_MAX)
            continue;
        top[i] = here > top[i] ? here : top[i];
        list[i].n++;
        list[i].total += lp_class_count[class];
        p[n++] = (struct lp_candidate){leaf, lp_class_count[class], (uint16_t)(1 + i)};
    }
    for (uint32_t i = 0; i < nplaces; i++) {
        list[i].top = LP_LEAF_MAX - 1 - (top[i] & (LP_LEAF_MAX - 1));
        list[i].top_class = top[i] >> 18;
    }
    return n;
}

/* Notes that leaf came in a context: its count grows, the others' fade. */
static inline void lp_list_note(const struct lp_model *model, unsigned char *bucket, uint32_t check,
                                uint32_t leaf)
{
    const uint32_t bits = model->leaf_bits;
    const lp_vec classes = lp_cell_classes(bucket, bits);
    bool found = false;
    for (uint32_t mask = lp_cells_of(bucket, bits, check, classes); mask != 0; mask &= mask - 1) {
        unsigned char *p = bucket + 4 * (size_t)__builtin_ctz(mask);
        const uint32_t cell = lp_get32(p), class = cell >> bits & 15;
        if (lp_cell_leaf(cell, bits) == leaf) {
            found = true;
            if (class < 15)
                lp_put32(p, cell + ((uint32_t)1 << bits));
        } else if (class > 2) {
            lp_put32(p, cell - ((class - 1) / 2 << bits));
        }
    }
    if (found)
        return;
    /* The first of the least class gives way. */
    const uint32_t least = (uint32_t)-lp_vec_most(lp_vec_sub(lp_vec_all(0), classes));
    const uint32_t at =
        (uint32_t)__builtin_ctz(lp_vec_where(lp_vec_same(classes, lp_vec_all((int)least))));
    lp_put32(bucket + 4 * (size_t)at,
             check << (bits + LP_CELL_CLASS_BITS) | (uint32_t)1 << bits | leaf);
}

#endif
