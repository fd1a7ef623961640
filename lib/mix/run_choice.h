/* run_choice.h - one choice among up to sixteen symbols: softmax of logits to integer frequencies,
 * range coding, errors to learn from. A part of run.h. */
#ifndef LP_MIX_RUN_CHOICE_H
#define LP_MIX_RUN_CHOICE_H

#include "mix/state.h"
#include "mix/vec.h"

enum {
    FREQ_MAX = 4096,     /* above every frequency: sixteen of them fit 16 bits */
    ERROR_ONE = 1 << 14, /* the probability 1, in errors */
};

/* -1 in lane i, 0 in the others; i from 16 on: 0 in all. */
static inline lp_vec lane_of(uint32_t i)
{
    static const int16_t from[2 * LP_LANES + 1] = {[LP_LANES] = -1};
    return lp_vec_load(from + LP_LANES - (i < LP_LANES ? i : LP_LANES));
}

/* x in lane i, 0 in the others. */
static inline lp_vec in_lane(uint32_t i, int32_t x)
{
    return lp_vec_and(lane_of(i), lp_vec_splat(x));
}

/* -1 in the first n lanes. */
static inline lp_vec lanes_below(uint32_t n)
{
    static const int16_t from[2 * LP_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1,
                                               -1, -1, -1, -1, -1, -1, -1, -1};
    return lp_vec_load(from + LP_LANES - n);
}

/* 1 << x, for each x below 16. */
static inline lp_vec powers_of_2(lp_vec x)
{
    static const uint8_t low[16] = {1, 2, 4, 8, 16, 32, 64, 128};
    static const uint8_t high[16] = {[8] = 1, 2, 4, 8, 16, 32, 64, 128};
    return lp_vec_look_up_bytes(low, high, x);
}

/* -1 in each lane whose bit is set. */
static inline lp_vec lanes_from_bits(uint32_t bits)
{
    static const int16_t bit[LP_LANES] = {1,   2,   4,    8,    16,   32,   64,    128,
                                          256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    return lp_vec_equal(lp_vec_and(lp_vec_splat((int16_t)bits), lp_vec_load(bit)),
                        lp_vec_load(bit));
}

/* About e^(x / 256) in 1/65536, for x of at most 0: a table of e^(-i / 2) for i below 16,
 * interpolated linearly. */
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

/* Logits of the symbols that are present; the lowest possible for the others. */
static inline lp_vec mask_logits(lp_vec logits, lp_vec present)
{
    return lp_vec_add(lp_vec_and(logits, present),
                      lp_vec_and_not(lp_vec_load(lp_constants.min), present));
}

/* The frequencies of present symbols from logits in 1/256; most, the highest logit, gets nearly
 * FREQ_MAX. Each is at least 1. */
static inline lp_vec freqs_below(lp_vec logits, lp_vec most, lp_vec present)
{
    const lp_vec freq = lp_vec_div16(exp_of(lp_vec_sub(logits, most)));
    return lp_vec_and(lp_vec_max(freq, lp_vec_load(lp_constants.one)), present);
}

static inline lp_vec freqs_of(lp_vec logits, lp_vec present)
{
    logits = mask_logits(logits, present);
    return freqs_below(logits, lp_vec_max_lanes(logits), present);
}

/* The frequencies of a choice, cumulative ones, and their total. */
struct distribution {
    lp_vec freq, cum;
    uint32_t total;
};

static inline struct distribution distribution_of(lp_vec freq)
{
    struct distribution p = {.freq = freq};
    p.cum = lp_vec_prefix_sums(freq, &p.total);
    return p;
}

/* The code's offset in the range, in 1/65536, rounded down. The offset of a damaged code may be
 * beyond the range; the result is below 65536 even then. */
static inline uint32_t fraction_of(const struct lp_range_coder *c)
{
    return (uint16_t)(c->low / ((c->range >> 16) + 1));
}

/* A symbol's part of the range: where it begins, and its frequency. */
struct interval {
    uint32_t from, size;
};

static inline bool lies_in(const struct lp_range_coder *c, uint32_t unit, struct interval interval)
{
    return c->low - unit * interval.from < unit * interval.size;
}

static inline struct interval interval_of(const int16_t *before, uint32_t symbol)
{
    const uint32_t from = (uint16_t)before[symbol];
    return (struct interval){from, (uint16_t)before[symbol + 1] - from};
}

/* The cumulative frequency that the code points to. A damaged code may point beyond the total; it
 * gets the last one. */
static inline uint32_t target_of(const struct lp_range_coder *c, uint32_t unit, uint32_t total)
{
    const uint32_t at = c->low / unit;
    return at < total ? at : total - 1;
}

LP_APART uint32_t find_symbol(const struct lp_range_coder *c, const struct distribution *p,
                              uint32_t unit)
{
    return lp_vec_rank(p->cum, target_of(c, unit, p->total));
}

/* Codes a symbol, or decodes and returns one. Finding the symbol exactly takes two dependent
 * divisions, which everything after would wait for. So decoding guesses it from the code's fraction
 * of the whole range, a division that starts before the frequencies are known, and checks the
 * guess, which is hardly ever wrong. */
LP_INLINE uint32_t choose(struct lp_range_coder *c, const struct distribution *p, uint32_t symbol,
                          const bool decode)
{
    int16_t before[LP_LANES + 1] = {0};
    lp_vec_store(before + 1, p->cum);
    const uint32_t unit = c->range / p->total;
    if (decode)
        symbol = lp_vec_rank_part(p->cum, fraction_of(c));
    struct interval interval = interval_of(before, symbol);
    if (decode && __builtin_expect(!lies_in(c, unit, interval), 0)) {
        symbol = find_symbol(c, p, unit);
        interval = interval_of(before, symbol);
    }
    lp_range_take(c, unit, interval.from, interval.size, decode);
    return symbol;
}

/* Thirty-two symbols, as two vectors. */
struct distribution_32 {
    lp_vec freq[2], cum[2];
    uint32_t first, total; /* of the first sixteen, of all */
};

static inline struct distribution_32 distribution_32_of(lp_vec a, lp_vec a_there, lp_vec b,
                                                        lp_vec b_there)
{
    struct distribution_32 h;
    uint32_t rest;
    a = mask_logits(a, a_there);
    b = mask_logits(b, b_there);
    const lp_vec most = lp_vec_max_lanes(lp_vec_max(a, b));
    h.freq[0] = freqs_below(a, most, a_there);
    h.freq[1] = freqs_below(b, most, b_there);
    h.cum[0] = lp_vec_prefix_sums(h.freq[0], &h.first);
    h.cum[1] = lp_vec_prefix_sums(h.freq[1], &rest);
    h.total = h.first + rest;
    return h;
}

/* The symbol that has a cumulative frequency. */
static inline uint32_t symbol_at(const struct distribution_32 *h, uint32_t at)
{
    const uint32_t symbol = lp_vec_rank(h->cum[0], at < UINT16_MAX ? at : UINT16_MAX);
    const uint32_t more = lp_vec_rank(h->cum[1], at - h->first);
    return symbol + (more & (0U - (symbol == LP_LANES)));
}

LP_APART uint32_t find_symbol_of_32(const struct lp_range_coder *c, const struct distribution_32 *h,
                                    uint32_t unit)
{
    return symbol_at(h, target_of(c, unit, h->total));
}

static inline struct interval interval_of_32(const struct distribution_32 *h, const int16_t *freq,
                                             const int16_t *sum, uint32_t symbol)
{
    const uint32_t size = (uint16_t)freq[symbol], half = h->first & (0U - (symbol >= LP_LANES));
    return (struct interval){half + (uint16_t)sum[symbol] - size, size};
}

LP_INLINE uint32_t choose_of_32(struct lp_range_coder *c, const struct distribution_32 *h,
                                uint32_t symbol, const bool decode)
{
    int16_t freq[2 * LP_LANES], sum[2 * LP_LANES];
    for (uint32_t i = 0; i < 2; i++) {
        lp_vec_store(freq + LP_LANES * i, h->freq[i]);
        lp_vec_store(sum + LP_LANES * i, h->cum[i]);
    }
    const uint32_t unit = c->range / h->total;
    if (decode)
        symbol = symbol_at(h, (uint32_t)((uint64_t)h->total * fraction_of(c) >> 16));
    struct interval interval = interval_of_32(h, freq, sum, symbol);
    if (decode && __builtin_expect(!lies_in(c, unit, interval), 0)) {
        symbol = find_symbol_of_32(c, h, unit);
        interval = interval_of_32(h, freq, sum, symbol);
    }
    lp_range_take(c, unit, interval.from, interval.size, decode);
    return symbol;
}

/* The factor from frequencies, in 16 * freq, to probabilities in ERROR_ONE / 65536. The highest
 * frequency is at least half of FREQ_MAX, so the factor fits 16 bits. */
static inline uint32_t scale_of(uint32_t total)
{
    return ((uint32_t)ERROR_ONE * FREQ_MAX) / total;
}

/* The error of a prediction: the outcome, 1 or 0, less the probability. */
static inline int32_t error_of(uint32_t freq, uint32_t total, bool chosen)
{
    const uint32_t p = freq * (65536 / FREQ_MAX) * scale_of(total) >> 16;
    return (int32_t)(chosen * ERROR_ONE) - (int32_t)p;
}

/* error_of() of each symbol; symbol is the one that was chosen. */
static inline lp_vec errors_of(lp_vec freq, uint32_t total, uint32_t symbol)
{
    const lp_vec p = lp_vec_mul_high_unsigned(lp_vec_mul(freq, lp_vec_splat(65536 / FREQ_MAX)),
                                              lp_vec_splat((int)scale_of(total)));
    return lp_vec_sub(in_lane(symbol, ERROR_ONE), p);
}

static inline lp_vec weighted(lp_vec logits, int16_t weight)
{
    return lp_vec_mul_high(logits, lp_vec_splat(weight));
}

#endif
