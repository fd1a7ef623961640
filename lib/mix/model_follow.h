/* model_follow.h - follow lists: the model's bigram successors of a leaf. A list has the most
 * frequent successors, the count of all others, and logits of the root's children. It is one cache
 * line, or half of one if it is short. */
#ifndef LP_MIX_MODEL_FOLLOW_H
#define LP_MIX_MODEL_FOLLOW_H

#include "mix/model_cells.h"

enum {
    LP_FOLLOW_WORD = 3, /* bytes of a successor: leaf << 6 | count */
    LP_FOLLOW_COUNTS = (1 << LP_FOLLOW_BITS) - 1,
    LP_FOLLOW_TOTAL = (1 << 14) - 1, /* the largest sum of counts; larger ones are scaled */
};

/* The bytes of a list with room for so many successors; and where, after these, the count of all
 * others and the logits of the root's children begin. */
static inline uint32_t lp_follow_size(uint32_t room)
{
    return room > LP_FOLLOW_SHORT ? LP_FOLLOW_SIZE : LP_FOLLOW_SIZE / 2;
}

static inline uint32_t lp_follow_root(uint32_t room)
{
    return room > LP_FOLLOW_SHORT ? LP_FOLLOW_WORD * LP_FOLLOW_MAX : LP_FOLLOW_SIZE / 4;
}

/* A leaf's follow list. */
struct lp_follow {
    const unsigned char *at;   /* the successors */
    const unsigned char *root; /* others (u8); logits of the root's other children (i8[15]) */
    uint32_t room, n;          /* how many successors fit, and how many there are */
};

/* Counts are stored as floats of six bits: the bit length, and the two bits after the leading one.
 * 0 stands for 0. Larger counts than the largest float become that. */
static inline uint32_t lp_follow_float(uint32_t count)
{
    const uint32_t bits = 32 - (uint32_t)__builtin_clz(count | 1);
    const uint32_t digits = bits > 3 ? count >> (bits - 3) : count << (3 - bits);
    const uint32_t most = 15 << 2 | 3;
    return count == 0 ? 0 : bits > 15 ? most : bits << 2 | (digits & 3);
}

static inline uint32_t lp_follow_int(uint32_t f)
{
    return ((4 | (f & 3)) << (f >> 2)) >> 3;
}

static inline uint32_t lp_follow_word(const struct lp_follow *f, uint32_t i)
{
    return lp_get24(f->at + LP_FOLLOW_WORD * (size_t)i);
}

static inline uint32_t lp_follow_leaf(const struct lp_follow *f, uint32_t i)
{
    return lp_follow_word(f, i) >> LP_FOLLOW_BITS;
}

static inline uint32_t lp_follow_count(const struct lp_follow *f, uint32_t i)
{
    return lp_follow_int(lp_follow_word(f, i) & LP_FOLLOW_COUNTS);
}

/* The count of the successors that are not in the list, plus 1. */
static inline uint32_t lp_follow_others(const struct lp_follow *f)
{
    return lp_follow_int(f->root[0] & LP_FOLLOW_COUNTS);
}

/* Its bit length. */
static inline uint32_t lp_follow_level(const struct lp_follow *f)
{
    return (f->root[0] & LP_FOLLOW_COUNTS) >> 2;
}

/* The places of successors that there are: a bit each. */
static inline uint32_t lp_follow_there(const struct lp_follow *f)
{
    return ((uint32_t)1 << f->n) - 1;
}

/* Finds the list of a leaf, without reading it. */
static inline struct lp_follow lp_follow_find(const struct lp_model *m, uint32_t leaf)
{
    const unsigned char *entry = lp_index_entry(m, leaf);
    const uint64_t bit = (uint64_t)1 << leaf % LP_INDEX_LEAVES;
    const uint32_t i = lp_index_rank(entry, LP_INDEX_AT_LONG, LP_INDEX_AT_LONGS, bit - 1);
    const uint32_t k = lp_index_rank(entry, LP_INDEX_AT_SHORT, LP_INDEX_AT_SHORTS, bit - 1);
    const bool is_long = (lp_get64(entry + LP_INDEX_AT_LONG) & bit) != 0 && i < m->nlong;
    const bool is_short = (lp_get64(entry + LP_INDEX_AT_SHORT) & bit) != 0 && k < m->nshort;
    const size_t half = is_long ? 2 * (size_t)i : 2 * (size_t)m->nlong + k;
    const unsigned char *at = m->follow + LP_FOLLOW_SIZE / 2 * half;
    const uint32_t room = is_long ? LP_FOLLOW_MAX : LP_FOLLOW_SHORT;
    at = (is_long | is_short) ? at : m->nothing;
    return (struct lp_follow){.at = at, .root = at + lp_follow_root(room), .room = room};
}

/* The successors' words; the bit lengths of their counts. */
static inline lp_vec32 lp_follow_words(const struct lp_follow *f)
{
    const size_t half = f->room > LP_FOLLOW_SHORT ? LP_FOLLOW_WORD * LP_LANES / 2 : 0;
    return lp_vec32_load_24(f->at, f->at + half);
}

static inline lp_vec lp_follow_bits(lp_vec32 words)
{
    return lp_vec32_narrow(lp_vec32_shift_right(words, 2), LP_FOLLOW_COUNTS >> 2);
}

/* Loads all words of a list and counts its successors: the first one whose count is 0 ends them. */
static inline lp_vec32 lp_follow_read(struct lp_follow *f)
{
    const lp_vec32 words = lp_follow_words(f);
    const lp_vec none = lp_vec_equal(lp_follow_bits(words), lp_vec_splat(0));
    f->n = (uint32_t)__builtin_ctz(lp_vec_mask(none) | (uint32_t)1 << f->room);
    return words;
}

/* lp_follow_find() and lp_follow_read(). */
static inline void lp_follow_open(const struct lp_model *m, uint32_t leaf, struct lp_follow *f)
{
    *f = lp_follow_find(m, leaf);
    lp_follow_read(f);
}

/* The class of a count, or the level of a sum: its bit length, at most 15. */
static inline uint32_t lp_follow_class(uint32_t count)
{
    const uint32_t bits = 31 - (uint32_t)__builtin_clz(count << 1 | 1);
    return bits < 15 ? bits : 15;
}

#endif
