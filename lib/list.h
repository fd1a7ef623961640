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
    const struct lp_candidate *successor;
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

/* Collects a context's successors from its bucket, as those of a source, at p; how
 * many. */
static inline uint32_t lp_list_find(const struct lp_model *model, const unsigned char *bucket,
                                    uint32_t check, uint32_t source, struct lp_candidate *p,
                                    struct lp_list *list)
{
    const uint32_t bits = model->leaf_bits;
    uint32_t mask = lp_cells_of(bucket, bits, check, lp_cell_classes(bucket, bits));
    uint32_t n = 0, total = 0, top = 0; /* class << 18 | leaf, inverted */
    for (; mask != 0 && n < LP_LIST_MAX; mask &= mask - 1) {
        const uint32_t cell = lp_get32(bucket + 4 * (size_t)__builtin_ctz(mask));
        const uint32_t class = cell >> bits & 15, leaf = lp_cell_leaf(cell, bits);
        const uint32_t here = class << 18 | (LP_LEAF_MAX - 1 - leaf);
        if (leaf >= model->nleaves)
            continue;
        top = here > top ? here : top;
        total += lp_class_count[class];
        p[n++] = (struct lp_candidate){leaf, lp_class_count[class], (uint16_t)source};
    }
    *list = (struct lp_list){.successor = p,
                             .n = n,
                             .total = total,
                             .top = LP_LEAF_MAX - 1 - (top & (LP_LEAF_MAX - 1)),
                             .top_class = top >> 18};
    return n;
}

/* What a leaf counts in a list. */
static inline uint32_t lp_list_count(const struct lp_list *list, uint32_t leaf)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->n; i++)
        count = list->successor[i].leaf == leaf ? list->successor[i].count : count;
    return count;
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
