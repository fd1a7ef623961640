/* mix_choice.h - a choice of one in up to sixteen: from odds to shares of the range, and the
 * error that all learns from. A part of mix_run.h. */
#ifndef LP_MIX_CHOICE_H
#define LP_MIX_CHOICE_H

#include "mix_state.h"
#include "vec.h"

enum {
    ODDS_MAX = INT16_MAX << LP_ODDS_FINER,
    ERROR_BITS = 14, /* an error of 1 is 1 << ERROR_BITS */
};

static inline lp_vec lanes(void)
{
    static const int16_t lane[LP_LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return lp_vec_load(lane);
}

/* -1 in a lane. */
static inline lp_vec lane_of(uint32_t i)
{
    return lp_vec_same(lanes(), lp_vec_all((int)i));
}

/* x in one lane, 0 in the others. */
static inline lp_vec only_in(uint32_t i, int32_t x)
{
    return lp_vec_both(lane_of(i), lp_vec_all(x));
}

/* -1 in the lanes before the n-th. */
static inline lp_vec lanes_below(uint32_t n)
{
    return lp_vec_same(lp_vec_min(lanes(), lp_vec_all((int)n - 1)), lanes());
}

/* -1 in the lanes of which a bit is set. */
static inline lp_vec lanes_of(uint32_t bits)
{
    static const int16_t bit[LP_LANES] = {1,   2,   4,    8,    16,   32,   64,    128,
                                          256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    return lp_vec_same(lp_vec_both(lp_vec_all((int16_t)bits), lp_vec_load(bit)), lp_vec_load(bit));
}

/* e^(x / 256) for x of at most 0, in 1 / 65536: (1 + x / 2^16)^256. */
static inline lp_vec power(lp_vec x)
{
    lp_vec y = lp_vec_add(x, lp_vec_all(-1));
    for (int i = 0; i < 8; i++)
        y = lp_vec_mul_high_unsigned(y, y);
    return y;
}

/* Shares by log odds in 1/256: of those that are there, in 1 / (1 << ERROR_BITS) of the
 * likeliest's. */
static inline lp_vec shares_of(lp_vec odds, lp_vec there)
{
    odds = lp_vec_add(lp_vec_both(odds, there), lp_vec_but(lp_vec_all(INT16_MIN), there));
    const lp_vec p = power(lp_vec_sub(odds, lp_vec_most(odds)));
    const lp_vec share = lp_vec_mul_high_unsigned(p, lp_vec_all(1 << ERROR_BITS));
    return lp_vec_both(lp_vec_max(share, lp_vec_all(1)), there);
}

/* Codes one, or decodes and returns it; total is the sum of all shares. */
LP_INLINE uint32_t choose(struct lp_coder *c, lp_vec share, uint32_t one, uint32_t *total,
                          const bool decode)
{
    uint32_t before[LP_LANES + 1] = {0};
    lp_vec_sums(share, before + 1);
    *total = before[LP_LANES];
    const uint32_t unit = c->range / *total;
    if (decode) {
        const uint32_t at = c->low / unit;
        one = lp_sums_below(before + 1, at < *total ? at : *total - 1);
    }
    lp_code_take(c, unit, before[one], before[one + 1] - before[one], decode);
    return one;
}

/* What each share, of total, was less than it should have been. */
static inline lp_vec errors_of(lp_vec share, uint32_t total, uint32_t one)
{
    const uint32_t scale = ((uint32_t)1 << (16 + ERROR_BITS)) / total;
    share =
        lp_vec_mul_high_unsigned(share, lp_vec_all(scale < UINT16_MAX ? (int)scale : UINT16_MAX));
    return lp_vec_sub(only_in(one, 1 << ERROR_BITS), share);
}

/* The sum of the first n odds, each times its weight. */
static inline lp_vec sum_of(const lp_vec *odds, const int16_t *weight, uint32_t n)
{
    lp_vec sum = lp_vec_all(0);
    for (uint32_t i = 0; i < n; i++)
        sum = lp_vec_add(sum, lp_vec_mul_high(odds[i], lp_vec_all(weight[i])));
    return sum;
}

/* Moves odds by gradient / 2^rate. */
static inline void move_odds(int32_t *odds, int32_t gradient, unsigned rate)
{
    const int32_t x = *odds + lp_shift_down(gradient, rate);
    *odds = x > ODDS_MAX ? ODDS_MAX : x < -ODDS_MAX ? -ODDS_MAX : x;
}

#endif
