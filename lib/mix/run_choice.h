/* run_choice.h - a choice of one in up to sixteen: from odds to shares of the range. A part
 * of run.h. */
#ifndef LP_MIX_RUN_CHOICE_H
#define LP_MIX_RUN_CHOICE_H

#include "mix/state.h"
#include "mix/vec.h"

enum {
    SHARE_MAX = 4096,    /* above all shares: sixteen of them are within 16 bits */
    ERROR_ONE = 1 << 14, /* an error of 1 */
};

/* -1 in a lane; in none beyond the last. */
static inline lp_vec lane_of(uint32_t i)
{
    static const int16_t from[2 * LP_LANES + 1] = {[LP_LANES] = -1};
    return lp_vec_load(from + LP_LANES - (i < LP_LANES ? i : LP_LANES));
}

/* x in one lane, 0 in the others. */
static inline lp_vec only_in(uint32_t i, int32_t x)
{
    return lp_vec_and(lane_of(i), lp_vec_splat(x));
}

/* -1 in the lanes before the n-th. */
static inline lp_vec lanes_below(uint32_t n)
{
    static const int16_t from[2 * LP_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                               -1, -1, -1, -1, -1, -1, -1, -1};
    return lp_vec_load(from + LP_LANES - n);
}

/* 1 << x of each x below 16. */
static inline lp_vec bit_of(lp_vec x)
{
    static const uint8_t low[16] = {1, 2, 4, 8, 16, 32, 64, 128};
    static const uint8_t high[16] = {[8] = 1, 2, 4, 8, 16, 32, 64, 128};
    return lp_vec_look_up_bytes(low, high, x);
}

/* -1 in the lanes of which a bit is set. */
static inline lp_vec lanes_of(uint32_t bits)
{
    static const int16_t bit[LP_LANES] = {1,   2,   4,    8,    16,   32,   64,    128,
                                          256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    return lp_vec_equal(lp_vec_and(lp_vec_splat((int16_t)bits), lp_vec_load(bit)),
                        lp_vec_load(bit));
}

/* About e^(x / 256) for x of at most 0, in 1 / 65536: e^(-i / 2), i below 16, by a table, what
 * is between by straight lines. */
static inline lp_vec exp_of(lp_vec x)
{
    static const uint8_t low[16] = {255, 70,  45,  31, 165, 4,  191, 187,
                                    176, 216, 186, 12, 162, 99, 60,  36};
    static const uint8_t high[16] = {255, 155, 94, 57, 34, 21, 12, 7, 4, 2, 1, 1, 0, 0, 0, 0};
    const lp_vec n = lp_vec_min(lp_vec_sub(lp_vec_splat(0), x), lp_vec_load(lp_constants.exp_end));
    const lp_vec line = lp_vec_mul(lp_vec_and(n, lp_vec_load(lp_constants.exp_part)),
                                   lp_vec_load(lp_constants.exp_slope));
    return lp_vec_mul_high_unsigned(lp_vec_look_up_bytes(low, high, lp_vec_shift_right(n, 7)),
                                    lp_vec_sub(line, lp_vec_load(lp_constants.one)));
}

/* Odds of those that are there; the least there can be of the others. */
static inline lp_vec odds_there(lp_vec odds, lp_vec there)
{
    return lp_vec_add(lp_vec_and(odds, there),
                      lp_vec_and_not(lp_vec_load(lp_constants.min), there));
}

/* Shares by such odds, in 1/256, the most of which is that: its share is near SHARE_MAX. */
static inline lp_vec shares_below(lp_vec odds, lp_vec most, lp_vec there)
{
    const lp_vec share = lp_vec_div16(exp_of(lp_vec_sub(odds, most)));
    return lp_vec_and(lp_vec_max(share, lp_vec_load(lp_constants.one)), there);
}

static inline lp_vec shares_of(lp_vec odds, lp_vec there)
{
    odds = odds_there(odds, there);
    return shares_below(odds, lp_vec_max_lanes(odds), there);
}

/* What is chosen from: shares, each with those before it, all. */
struct parts {
    lp_vec share, sums;
    uint32_t total;
};

static inline struct parts parts_of(lp_vec share)
{
    struct parts p = {.share = share};
    p.sums = lp_vec_prefix_sums(share, &p.total);
    return p;
}

/* Where the code lies in the range, in 1/65536, rounded down; of a damaged one beyond it, anything
 * below 65536. */
static inline uint32_t fraction_of(const struct lp_range_coder *c)
{
    return (uint16_t)(c->low / ((c->range >> 16) + 1));
}

/* A part: where it begins, in units of the range, and how many it has. */
struct part {
    uint32_t from, size;
};

static inline bool lies_in(const struct lp_range_coder *c, uint32_t unit, struct part part)
{
    return c->low - unit * part.from < unit * part.size;
}

static inline struct part part_of(const int16_t *before, uint32_t one)
{
    const uint32_t from = (uint16_t)before[one];
    return (struct part){from, (uint16_t)before[one + 1] - from};
}

/* The unit of total that the code lies in; of a damaged one, which may lie in none, the last. */
static inline uint32_t unit_at(const struct lp_range_coder *c, uint32_t unit, uint32_t total)
{
    const uint32_t at = c->low / unit;
    return at < total ? at : total - 1;
}

LP_APART uint32_t find_one(const struct lp_range_coder *c, const struct parts *p, uint32_t unit)
{
    return lp_vec_rank(p->sums, unit_at(c, unit, p->total));
}

/* Codes one, or decodes and returns it. To find it takes two divisions, for which all that comes
 * after would wait. So decoding goes on with the one where the code lies by the whole range, of
 * which the division is done before; hardly ever it is another. */
LP_INLINE uint32_t choose(struct lp_range_coder *c, const struct parts *p, uint32_t one,
                          const bool decode)
{
    int16_t before[LP_LANES + 1] = {0};
    lp_vec_store(before + 1, p->sums);
    const uint32_t unit = c->range / p->total;
    if (decode)
        one = lp_vec_rank_part(p->sums, fraction_of(c));
    struct part part = part_of(before, one);
    if (decode && __builtin_expect(!lies_in(c, unit, part), 0)) {
        one = find_one(c, p, unit);
        part = part_of(before, one);
    }
    lp_range_take(c, unit, part.from, part.size, decode);
    return one;
}

/* The same of thirty-two, in two halves. */
struct halves {
    lp_vec share[2], sums[2];
    uint32_t first, total; /* of the first half, of both */
};

static inline struct halves halves_of(lp_vec a, lp_vec a_there, lp_vec b, lp_vec b_there)
{
    struct halves h;
    uint32_t rest;
    a = odds_there(a, a_there);
    b = odds_there(b, b_there);
    const lp_vec most = lp_vec_max_lanes(lp_vec_max(a, b));
    h.share[0] = shares_below(a, most, a_there);
    h.share[1] = shares_below(b, most, b_there);
    h.sums[0] = lp_vec_prefix_sums(h.share[0], &h.first);
    h.sums[1] = lp_vec_prefix_sums(h.share[1], &rest);
    h.total = h.first + rest;
    return h;
}

/* Which one has the unit at. */
static inline uint32_t one_at(const struct halves *h, uint32_t at)
{
    const uint32_t one = lp_vec_rank(h->sums[0], at < UINT16_MAX ? at : UINT16_MAX);
    const uint32_t more = lp_vec_rank(h->sums[1], at - h->first);
    return one + (more & (0U - (one == LP_LANES)));
}

LP_APART uint32_t find_one_of_halves(const struct lp_range_coder *c, const struct halves *h,
                                     uint32_t unit)
{
    return one_at(h, unit_at(c, unit, h->total));
}

static inline struct part part_of_halves(const struct halves *h, const int16_t *share,
                                         const int16_t *sum, uint32_t one)
{
    const uint32_t size = (uint16_t)share[one], half = h->first & (0U - (one >= LP_LANES));
    return (struct part){half + (uint16_t)sum[one] - size, size};
}

LP_INLINE uint32_t choose_of_halves(struct lp_range_coder *c, const struct halves *h, uint32_t one,
                                    const bool decode)
{
    int16_t share[2 * LP_LANES], sum[2 * LP_LANES];
    for (uint32_t i = 0; i < 2; i++) {
        lp_vec_store(share + LP_LANES * i, h->share[i]);
        lp_vec_store(sum + LP_LANES * i, h->sums[i]);
    }
    const uint32_t unit = c->range / h->total;
    if (decode)
        one = one_at(h, (uint32_t)((uint64_t)h->total * fraction_of(c) >> 16));
    struct part part = part_of_halves(h, share, sum, one);
    if (decode && __builtin_expect(!lies_in(c, unit, part), 0)) {
        one = find_one_of_halves(c, h, unit);
        part = part_of_halves(h, share, sum, one);
    }
    lp_range_take(c, unit, part.from, part.size, decode);
    return one;
}

/* What makes a share of total, times 65536 / SHARE_MAX, a probability, of which ERROR_ONE is 1.
 * The likeliest's share is half of SHARE_MAX at least, so that this has 16 bits. */
static inline uint32_t scale_of(uint32_t total)
{
    return ((uint32_t)ERROR_ONE * SHARE_MAX) / total;
}

/* The error of a share of total: what it was less than it should have been. */
static inline int32_t error_of(uint32_t share, uint32_t total, bool chosen)
{
    const uint32_t p = share * (65536 / SHARE_MAX) * scale_of(total) >> 16;
    return (int32_t)(chosen * ERROR_ONE) - (int32_t)p;
}

/* The same of each. */
static inline lp_vec errors_of(lp_vec share, uint32_t total, uint32_t one)
{
    const lp_vec p = lp_vec_mul_high_unsigned(lp_vec_mul(share, lp_vec_splat(65536 / SHARE_MAX)),
                                              lp_vec_splat((int)scale_of(total)));
    return lp_vec_sub(only_in(one, ERROR_ONE), p);
}

static inline lp_vec weighed(lp_vec odds, int16_t weight)
{
    return lp_vec_mul_high(odds, lp_vec_splat(weight));
}

#endif
