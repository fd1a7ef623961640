/* list.h - what came after a context of one, two or three tokens: some of its
 * successors and what they count, found in one cache line. The model has such lines
 * and so has each sequence, for what it shows itself. */
#ifndef LP_LIST_H
#define LP_LIST_H

#include "model.h"
#include "vec.h"

/* Sixteen leaves, each in two parts. */
struct lp_leaves {
    lp_vec low, high;
};

enum { LP_LEAF_LOW = LP_LEAF_BITS_MIN /* bits of the lower part */ };

static inline lp_vec lp_leaf_low(uint32_t leaf)
{
    return lp_vec_all((int)(leaf & (((uint32_t)1 << LP_LEAF_LOW) - 1)));
}

static inline lp_vec lp_leaf_high(uint32_t leaf)
{
    return lp_vec_all((int)(leaf >> LP_LEAF_LOW));
}

/* Of words, the leaves that are so many bits from the n-th on. */
static inline struct lp_leaves lp_leaves_read(const unsigned char *words, unsigned n, uint32_t bits)
{
    return (struct lp_leaves){
        lp_vec_words(words, n, (1 << LP_LEAF_LOW) - 1),
        lp_vec_words(words, n + LP_LEAF_LOW, (1 << (bits - LP_LEAF_LOW)) - 1),
    };
}

/* -1 where they are that leaf. */
static inline lp_vec lp_leaves_same(const struct lp_leaves *leaves, uint32_t leaf)
{
    return lp_vec_both(lp_vec_same(leaves->low, lp_leaf_low(leaf)),
                       lp_vec_same(leaves->high, lp_leaf_high(leaf)));
}

enum { LP_LEAF_COARSE = 3 }; /* bits that a leaf loses to be one of 15 */

/* Which of the first n leaves, without these bits, may be from first to last: all that are,
 * and some near those. A bit for each. */
static inline uint32_t lp_leaves_near(lp_vec coarse, uint32_t n, uint32_t first, uint32_t last)
{
    const lp_vec low = lp_vec_all((int)(first >> LP_LEAF_COARSE));
    const lp_vec high = lp_vec_all((int)(last >> LP_LEAF_COARSE));
    const lp_vec near = lp_vec_same(coarse, lp_vec_max(lp_vec_min(coarse, high), low));
    return lp_vec_where(near) & (((uint32_t)1 << n) - 1);
}

static inline uint32_t lp_cell_leaf(uint32_t cell, uint32_t leaf_bits)
{
    return cell & (((uint32_t)1 << leaf_bits) - 1);
}

static inline lp_vec lp_cell_classes(const unsigned char *bucket, uint32_t leaf_bits)
{
    return lp_vec_words(bucket, leaf_bits, (1 << LP_CELL_CLASS_BITS) - 1);
}

/* -1 for the cells of a bucket that are not empty and have a check. */
static inline lp_vec lp_cells_of(const unsigned char *bucket, uint32_t leaf_bits, uint32_t check,
                                 lp_vec classes)
{
    const lp_vec checks = lp_vec_words(bucket, leaf_bits + LP_CELL_CLASS_BITS, INT16_MAX);
    return lp_vec_but(lp_vec_same(checks, lp_vec_all((int)check)),
                      lp_vec_same(classes, lp_vec_all(0)));
}

/* Notes that leaf came in a context: its count grows by a class, the others' fade by half of
 * theirs less one. */
static inline void lp_list_note(const struct lp_model *model, unsigned char *bucket, uint32_t check,
                                uint32_t leaf)
{
    const uint32_t bits = model->leaf_bits;
    const lp_vec classes = lp_cell_classes(bucket, bits);
    const struct lp_leaves leaves = lp_leaves_read(bucket, 0, bits);
    const lp_vec cells = lp_cells_of(bucket, bits, check, classes);
    const lp_vec here = lp_vec_both(cells, lp_leaves_same(&leaves, leaf));
    const lp_vec grow = lp_vec_add(lp_vec_same(classes, lp_vec_all(15)), lp_vec_all(1));
    const lp_vec fade = lp_vec_shift(lp_vec_sub(classes, lp_vec_all(1)), 1);
    lp_vec_add_words(
        bucket, bits,
        lp_vec_sub(lp_vec_both(here, grow), lp_vec_but(lp_vec_both(cells, fade), here)));
    if (lp_vec_where(here) != 0)
        return;
    /* The first of the least class gives way. */
    const lp_vec none = lp_vec_all(0);
    const lp_vec least = lp_vec_sub(none, lp_vec_most(lp_vec_sub(none, classes)));
    const uint32_t at = lp_vec_first(lp_vec_same(classes, least));
    lp_put32(bucket + 4 * (size_t)at,
             check << (bits + LP_CELL_CLASS_BITS) | (uint32_t)1 << bits | leaf);
}

#endif
