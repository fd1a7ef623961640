/* list.h - what came after a context of one, two or three tokens: at most six of its
 * successors and what they count, found in one cache line. The model has such lines
 * and so has each sequence, for what it shows itself. */
#ifndef LP_LIST_H
#define LP_LIST_H

#include "mix_simd.h"
#include "model.h"

enum { LP_LIST_MAX = 6 };

/* A list of successors; those from lo to hi can still come. */
struct lp_list {
    int32_t leaf[LP_LANES];       /* ascending, INT32_MAX after the last */
    int32_t before[LP_LANES + 1]; /* the counts of those before, summed */
    uint32_t lo, hi;
    uint32_t top, top_class; /* the leaf that counts most, and its count's class */
};

/* Collects a context's successors from its bucket. */
static inline void lp_list_find(const struct lp_model *model, const unsigned char *bucket,
                                uint32_t check, struct lp_list *list)
{
    const uint32_t bits = model->leaf_bits;
    uint32_t mask = lp_match_cells(bucket, bits + LP_CELL_CLASS_BITS, check), n = 0;
    uint32_t found[LP_LIST_MAX];
    for (; mask != 0 && n < LP_LIST_MAX; mask &= mask - 1) {
        uint32_t cell = lp_get32(bucket + 4 * (size_t)__builtin_ctz(mask));
        if ((cell >> bits & 15) == 0)
            continue; /* an empty one */
        /* The leaf on top, to sort by. */
        cell = (cell & (((uint32_t)1 << bits) - 1)) << 4 | (cell >> bits & 15);
        uint32_t at = n++;
        for (; at > 0 && found[at - 1] > cell; at--)
            found[at] = found[at - 1];
        found[at] = cell;
    }
    list->lo = 0;
    list->hi = n;
    if (n == 0)
        return;
    int32_t sum = 0;
    list->top_class = 0;
    for (uint32_t i = 0; i < n; i++) {
        if ((found[i] & 15) > list->top_class) {
            list->top_class = found[i] & 15;
            list->top = found[i] >> 4;
        }
    }
    for (uint32_t i = 0; i < LP_LANES; i++) {
        list->leaf[i] = i < n ? (int32_t)(found[i] >> 4) : INT32_MAX;
        list->before[i] = sum;
        sum += i < n ? lp_class_count[found[i] & 15] : 0;
    }
    list->before[LP_LANES] = sum;
}

/* Notes that leaf came in a context: its count grows, the others' fade. */
static inline void lp_list_note(const struct lp_model *model, unsigned char *bucket, uint32_t check,
                                uint32_t leaf)
{
    const uint32_t bits = model->leaf_bits, shift = bits + LP_CELL_CLASS_BITS;
    bool found = false;
    for (uint32_t mask = lp_match_cells(bucket, shift, check); mask != 0; mask &= mask - 1) {
        unsigned char *p = bucket + 4 * (size_t)__builtin_ctz(mask);
        uint32_t cell = lp_get32(p), class = cell >> bits & 15;
        if (class == 0)
            continue;
        if ((cell & (((uint32_t)1 << bits) - 1)) == leaf) {
            found = true;
            if (class < 15)
                lp_put32(p, cell + ((uint32_t)1 << bits));
        } else if (class > 2) {
            lp_put32(p, cell - ((class - 1) / 2 << bits));
        }
    }
    if (found)
        return;
    uint32_t least = UINT32_MAX; /* class, then place */
    for (uint32_t i = 0; i < LP_BUCKET_CELLS; i++) {
        const uint32_t here = (lp_get32(bucket + 4 * (size_t)i) >> bits & 15) << 4 | i;
        least = here < least ? here : least;
    }
    least &= 15;
    lp_put32(bucket + 4 * least, check << shift | (uint32_t)1 << bits | leaf);
}

/* Removes the entry at k from a list. */
static inline void lp_list_drop(struct lp_list *list, uint32_t k)
{
    const int32_t count = list->before[k + 1] - list->before[k];
    for (uint32_t i = k; i + 1 < LP_LANES; i++)
        list->leaf[i] = list->leaf[i + 1];
    list->leaf[LP_LANES - 1] = INT32_MAX;
    for (uint32_t i = k + 1; i < LP_LANES; i++)
        list->before[i] = list->before[i + 1] - count;
    list->before[LP_LANES] -= count;
    list->hi--;
}

#endif
