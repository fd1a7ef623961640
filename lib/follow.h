/* follow.h - the model's successors of a token, ascending by leaf, with their counts
 * summed, so that what an interval of leaves counts is a difference.
 *
 * No list is long, and one that is counts as none: what else follows a frequent token
 * the network knows nearly as well, and a search far and wide in memory costs more than
 * all else that a token does. */
#ifndef LP_FOLLOW_H
#define LP_FOLLOW_H

#include "mix_simd.h"
#include "model.h"

enum {
    LP_FOLLOW_SUM_MAX = (1 << LP_FOLLOW_BITS) - 1,
    LP_FOLLOW_LONG = 129, /* words, of which the last is the total */
};

/* The successors of the last leaf that can still come. */
struct lp_follow {
    const unsigned char *at;
    uint32_t lo, hi;
    uint32_t missed, missed_count;
};

static inline uint32_t lp_follow_leaf(const struct lp_follow *f, uint32_t i)
{
    return lp_get32(f->at + 4 * (size_t)i) >> LP_FOLLOW_BITS;
}

/* The first successor from lo to hi that is not before leaf. Without branches, as
 * where to look next is as good as random. The section is followed by others, so
 * four words can be read anywhere. */
static inline uint32_t lp_follow_search(const struct lp_follow *f, uint32_t lo, uint32_t hi,
                                        uint32_t leaf)
{
    uint32_t n = hi - lo;
    while (n > 4) {
        const uint32_t half = (n + 1) / 2;
        lo += lp_follow_leaf(f, lo + half - 1) < leaf ? half : 0;
        n -= half;
    }
    return lo + lp_words_below(f->at + 4 * (size_t)lo, n, leaf << LP_FOLLOW_BITS);
}

static inline uint32_t lp_follow_sum(const struct lp_follow *f, uint32_t lo, uint32_t hi)
{
    return (lp_get32(f->at + 4 * (size_t)hi) - lp_get32(f->at + 4 * (size_t)lo)) &
           LP_FOLLOW_SUM_MAX;
}

static inline void lp_follow_open(const struct lp_model *model, uint32_t last, struct lp_follow *f)
{
    uint32_t begin = lp_get32(model->start + 4 * (size_t)last);
    uint32_t end = lp_get32(model->start + 4 * (size_t)last + 4);
    f->lo = f->hi = 0;
    f->missed = UINT32_MAX;
    f->at = model->follow;
    if (end > model->nfollow || begin >= end || end - begin > LP_FOLLOW_LONG)
        return;
    f->at += 4 * (size_t)begin;
    f->hi = end - begin - 1;
}

/* The level of a sum of any size: half octaves. */
static inline uint32_t lp_wide_level(uint32_t sum)
{
    const uint32_t n = 31 - (uint32_t)__builtin_clz(++sum);
    return 2 * n + (sum << 1 >> n & 1);
}

#endif
