/* vec.h - vectors of sixteen 16-bit numbers, in AVX2, SSE2, NEON or portable C.
 *
 * All give the same results, bit for bit; vec_plain.h is the simplest to read. A file that defines
 * LP_VEC_AVX2 before including this gets AVX2 and must be compiled for it; one that defines
 * LP_VEC_PLAIN gets portable C; any other gets SSE2 or NEON where every target machine has it. */
#ifndef LP_MIX_VEC_H
#define LP_MIX_VEC_H

/* Without vector registers gcc 12 packs two numbers into a word when it vectorises, and gets the
 * upper halves of products wrong (i686). */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__SSE2__) && !defined(__ARM_NEON)
#pragma GCC optimize("no-tree-vectorize")
#endif

#include "base/bytes.h"
#include "base/cpu.h"

#include <string.h>

enum { LP_LANES = 16 };

/* Constant vectors (vec.c). They are read from memory, as operands; from constants in the source
 * gcc builds them anew each time, in three instructions. */
extern const struct lp_constants {
    int16_t one[LP_LANES], eight[LP_LANES], fifteen[LP_LANES], low_byte[LP_LANES],
        low_nibbles[LP_LANES], min[LP_LANES], min_byte[LP_LANES], max_byte[LP_LANES],
        float_bias[LP_LANES], last_of_4[LP_LANES], last_of_8[LP_LANES], twice[LP_LANES],
        second[LP_LANES], below_16[LP_LANES], from_16[LP_LANES], threes[LP_LANES];
    int16_t exp_end[LP_LANES], exp_part[LP_LANES], exp_slope[LP_LANES], cost_unit[LP_LANES];
} lp_constants __attribute__((visibility("hidden")));

/* x / 2^n, rounded down: an arithmetic shift, also of negative numbers. */
static inline int32_t lp_shift_right(int32_t x, unsigned n)
{
    return x < 0 ? ~(~x >> n) : x >> n;
}

/* The 16-bit number nearest to x. */
static inline int32_t lp_saturate_16(int32_t x)
{
    return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

/* The operations, all named lp_vec_*. Lanes are signed unless it says otherwise; a file is
 * little-endian, and read at any address.
 *
 * Memory
 *   load(p) store(p, a)      sixteen int16_t
 *   load_le(p)               of a file
 *   load_field(p, n, mask)   of a file: sixteen 32-bit words, word >> n & mask; mask < 2^15
 *   widen(p)                 unsigned bytes
 *   narrow(p, a)             stores signed bytes, saturated
 * Lane by lane
 *   splat(x)                 x in each lane
 *   add sub                  a + b, a - b, saturated
 *   sub_unsigned             a - b, unsigned, at least 0
 *   max min                  of a and b
 *   mul mul_high             the lower, the upper 16 bits of a * b
 *   mul_high_unsigned        the upper 16 bits, of unsigned numbers
 *   mul_saturated            a * b, saturated
 *   equal                    -1 where a = b, else 0
 *   and and_not              a & b, a & ~b
 *   shift_right(a, n)        a / 2^n, rounded down
 *   div16(a)                 a / 16, unsigned
 *   bit_lengths(a)           the number of bits of a, unsigned; of 0: 0
 *   look_up(t, i)            t[i], of sixteen int16_t; i < 16
 *   look_up_bytes(l, h, i)   l[i] + 256 * h[i], of sixteen bytes each; i < 16
 *   weigh(v, w, n)           mul_high(v[0], w[0]) + ... + mul_high(v[n - 1], w[n - 1]), each sum
 *                            saturated; n is 1 to 4
 *   nibble_dots(w, v, x)     x + 32 products, saturated; for lane i and each j < 16, v[j] times
 *                            the lower, v[16 + j] times the upper nibble of w[j / 4][i][j % 4]
 *   pair_dots(x, a, w, n)    x + the sum for each j < n of a[j] as two unsigned bytes, each at most
 *                            128, times the signed bytes w[j][i][0] and w[j][i][1] of a file, for
 *                            lane i; modulo 2^16
 * Across lanes
 *   dot(a, b)                the sum of the products, 32 bits
 *   prefix_sums(a, &total)   each lane plus all before it, unsigned, modulo 2^16; total: the last
 *   max_lanes(a)             the largest, in each lane
 *   or_lanes(a)              the bits that any lane has
 *   next_lane(a)             each lane is the one after it; the last is 0
 *   first(a)                 lane 0, unsigned
 *   mask(a)                  movemask of a comparison: a bit for each lane of -1; others are 0
 *   rank(a, x)               how many lanes are at most x < 2^16; a is unsigned and ascends
 *   rank_part(a, part)       rank(a, last lane * part / 65536)
 *
 * Sixteen 32-bit words, unsigned, all named lp_vec32_*:
 *   load(p) store(p, w)      sixteen uint32_t
 *   load_le(p, n)            of a file, each >> n
 *   load_24(p, q)            24-bit words of a file: eight from p on, eight from q on; may read
 *                            28 bytes from each
 *   shift_right(w, n)        w >> n
 *   and(w, x)                w & x
 *   narrow(w, mask)          w & mask as a vector; mask < 2^15
 *   equal(&w, x)             a bit for each word that is x
 *   in_range(&w, x, end)     a bit for each word from x on and below end; all are below 2^31
 *
 * Sets of four weights:
 *   lp_weights_add(s, n, sum)     sum[k] = s[0][k] + ... + s[n - 1][k], each sum saturated; n > 0
 *   lp_weights_gather(p, a)       a[k] = *p[k]
 *   lp_weights_move(a, e, v, n)   a[k] += dot(e, v[k]) / 2^n, rounded to nearest; saturated */

#if defined(LP_VEC_AVX2)
#include "mix/vec_avx2.h"
#elif defined(__SSE2__) && !defined(LP_VEC_PLAIN)
#include "mix/vec_sse2.h"
#elif LP_HAVE_NEON && !defined(LP_VEC_PLAIN)
#include "mix/vec_neon.h"
#else
#include "mix/vec_plain.h"
#endif

static inline lp_vec lp_vec_load_field(const unsigned char *p, unsigned n, int mask)
{
    return lp_vec32_narrow(lp_vec32_load_le(p, n), mask);
}

/* Others have no instructions for these. */
#if !defined(LP_VEC_AVX2) && !defined(LP_VEC_NEON)

static inline lp_vec lp_vec_look_up_bytes(const uint8_t *low, const uint8_t *high, lp_vec i)
{
    int16_t of[LP_LANES];
    lp_vec_store(of, i);
    for (int k = 0; k < LP_LANES; k++)
        of[k] = (int16_t)(low[of[k]] | high[of[k]] << 8);
    return lp_vec_load(of);
}

static inline lp_vec lp_vec_look_up(const int16_t *a, lp_vec i)
{
    int16_t of[LP_LANES];
    lp_vec_store(of, i);
    for (int k = 0; k < LP_LANES; k++)
        of[k] = a[of[k]];
    return lp_vec_load(of);
}

static inline lp_vec lp_vec_weigh(const lp_vec *v, const int16_t *weight, unsigned n)
{
    lp_vec sum = lp_vec_splat(0);
    for (unsigned i = 0; i < n; i++)
        sum = lp_vec_add(sum, lp_vec_mul_high(v[i], lp_vec_splat(weight[i])));
    return sum;
}

#endif

#endif
