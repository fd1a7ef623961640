/* follow.h - the model's successors of a token: those that count most, what all others
 * count, and what they all say of the root's children. */
#ifndef LP_FOLLOW_H
#define LP_FOLLOW_H

#include "list.h"

enum {
    LP_FOLLOW_COUNT = (1 << LP_FOLLOW_BITS) - 1, /* of a successor, or of all others */
    LP_FOLLOW_HEAD = 5,                          /* words before the successors */
    LP_FOLLOW_EVEN = 128,                        /* log odds of 0 of a root's child */
};

/* The successors of a leaf. */
struct lp_follow {
    const unsigned char *at;
    uint32_t n, others;
};

static inline uint32_t lp_follow_leaf(const struct lp_follow *f, uint32_t i)
{
    return lp_get32(f->at + 4 * (size_t)i) >> LP_FOLLOW_BITS;
}

static inline uint32_t lp_follow_count(const struct lp_follow *f, uint32_t i)
{
    return lp_get32(f->at + 4 * (size_t)i) & LP_FOLLOW_COUNT;
}

/* Their leaves and counts, and which of these there are: a bit each. */
static inline lp_words lp_follow_leaves(const struct lp_follow *f)
{
    return lp_words_load(f->at, LP_FOLLOW_BITS);
}

static inline lp_vec lp_follow_counts(const struct lp_follow *f)
{
    return lp_vec_words(f->at, 0, LP_FOLLOW_COUNT);
}

static inline uint32_t lp_follow_there(const struct lp_follow *f)
{
    return ((uint32_t)1 << f->n) - 1;
}

/* The log odds of the root's children, in 1/8, LP_FOLLOW_EVEN added: by how much they
 * are likelier than without the leaf. */
static inline const unsigned char *lp_follow_root(const struct lp_follow *f)
{
    return f->at - LP_NODE_CHILDREN;
}

/* No successors. Still there is something to look at. */
static inline struct lp_follow lp_follow_none(const struct lp_model *m)
{
    return (struct lp_follow){.at = m->file + LP_NODE_CHILDREN};
}

static inline void lp_follow_open(const struct lp_model *m, uint32_t leaf, struct lp_follow *f)
{
    const uint32_t begin = lp_get32(m->start + 4 * (size_t)leaf);
    const uint32_t end = lp_get32(m->start + 4 * (size_t)leaf + 4);
    *f = lp_follow_none(m);
    if (end > m->nfollow || begin >= end || end - begin <= LP_FOLLOW_HEAD ||
        end - begin > LP_FOLLOW_HEAD + LP_FOLLOW_MAX)
        return;
    f->at = m->follow + 4 * ((size_t)begin + LP_FOLLOW_HEAD);
    f->n = end - begin - LP_FOLLOW_HEAD;
    f->others = lp_get32(m->follow + 4 * (size_t)begin) & LP_FOLLOW_COUNT;
}

/* The class of a count, its level where it is a sum: its bits, 15 at most. */
static inline uint32_t lp_follow_class(uint32_t count)
{
    const uint32_t bits = 31 - (uint32_t)__builtin_clz(count << 1 | 1);
    return bits < 15 ? bits : 15;
}

#endif
