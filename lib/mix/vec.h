/* vec.h - sixteen numbers of 16 bits at once: with AVX2, with SSE2, in plain C.
 *
 * All give the same to the bit. What includes this defines LP_VEC_AVX2 to have the
 * first, and is compiled for it; else it has the best that every machine of its kind
 * has, or with LP_VEC_PLAIN the last. */
#ifndef LP_MIX_VEC_H
#define LP_MIX_VEC_H

/* Where there are no vectors gcc 12 makes some of two numbers in a word, and gets upper halves
 * of products wrong (i686). */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__SSE2__) && !defined(__ARM_NEON)
#pragma GCC optimize("no-tree-vectorize")
#endif

#include "base/bytes.h"
#include "base/cpu.h"

#include <string.h>

enum { LP_LANES = 16 };

/* Constants, each sixteen times (vec.c): of what is below and of model_net.h, and of mixing. They
 * are read from memory, as operands; gcc would make those it knows anew, by three instructions. */
extern const struct lp_constants {
    int16_t one[LP_LANES], eight[LP_LANES], fifteen[LP_LANES], byte[LP_LANES], nibbles[LP_LANES],
        least[LP_LANES], least_byte[LP_LANES], most_byte[LP_LANES], float_bias[LP_LANES],
        last_of_4[LP_LANES], last_of_8[LP_LANES], twice[LP_LANES], second[LP_LANES],
        below_16[LP_LANES], from_16[LP_LANES], threes[LP_LANES];
    int16_t power_end[LP_LANES], power_part[LP_LANES], power_slope[LP_LANES], cost_unit[LP_LANES];
} lp_constants __attribute__((visibility("hidden")));

/* x / 2^n, rounded down. */
static inline int32_t lp_shift_down(int32_t x, unsigned n)
{
    return x < 0 ? ~(~x >> n) : x >> n;
}

/* What 16 bits can hold of x. */
static inline int32_t lp_within_16(int32_t x)
{
    return x > INT16_MAX ? INT16_MAX : x < INT16_MIN ? INT16_MIN : x;
}

/* What there is, of numbers with a sign where nothing else is said:
 *
 *   add sub max min          of each pair; sums and differences stay within 16 bits
 *   mul mul_high             the lower and the upper half of the product
 *   mul_high_unsigned sub_unsigned   of numbers without a sign; at least 0
 *   same both but            -1 where equal, else 0; the bits that both have, that the
 *                            first has and not the second
 *   all(x)                   x sixteen times
 *   shift(a, n)              / 2^n, rounded down
 *   load store               of memory; load_file: little-endian, of a file
 *   widen(p) narrow(p, a)    from bytes; to bytes with a sign, within 8 bits
 *   words(p, n, mask)        of words of 32 bits in a file: >> n & mask, of 15 bits
 *   most                     the largest, sixteen times
 *   dot                      the sum of products
 *   where(a)                 a bit for each that is -1, of such as are that or 0
 *   sums(a, &total)          each with those before it added, without a sign, modulo 2^16
 *   below(a, x)              how many of ascending a, without a sign, are at most x
 *   below_part(a, x)         the same for x / 65536 of the last
 *   mul_within               the product, kept within 16 bits
 *   products(w, v, x)        x + the sum of 32 products for each i, kept within 16 bits: v[j]
 *                            times the lower half of the byte w[j / 4][i][j % 4], if j < 16, or
 *                            the upper one of w[j / 4 - 4][i][j % 4]
 *
 *   weigh(v, w, n)           the sum of the upper halves of v[0] * w[0] and so on, n of 4 at most
 *   look_up(p, i)            p[i[0]], p[i[1]], ...: of sixteen numbers in memory, all i below 16
 *   any(a)                   the bits that any has
 *   pick(low, high, i)       low[i[0]] + 256 * high[i[0]], ...: of sixteen bytes each, all
 *                            i below 16
 *   next                     each the one after it; the last is 0
 *   first                    the first, without a sign
 *   bits                     how many bits each has, without a sign
 *   sixteenth                / 16, without a sign
 *
 * Sixteen words of 32 bits: lp_vec32_load(p, n), of a file, each >> n; lp_vec32_of(p), of memory;
 * lp_vec32_of_24(p, q), of words of 24 bits, eight from p on and eight from q on;
 * lp_vec32_down(w, n), each >> n; lp_vec32_narrow(w, mask), of each what mask has, of 15 bits;
 * lp_vec32_store(p, w); lp_vec32_both(w, x), of each the bits that x has; lp_vec32_same(w, x), a
 * bit for each that is x; lp_vec32_from(w, x, end), below 2^31, for each at least x and below end.
 * Of four weights, lp_weights_add(a, b, sum) gives the sums; lp_weights_move(a, e, v, n) adds the
 * sum of products of e and v[i], / 2^n, rounded to the nearest; all stay within 16 bits. */

#if defined(LP_VEC_AVX2)

#include <immintrin.h>

typedef __m256i lp_vec;

/* An operation on each pair of numbers. */
#define LP_VEC_PAIRS(name, op)                                                                     \
    static inline lp_vec lp_vec_##name(lp_vec a, lp_vec b)                                         \
    {                                                                                              \
        return _mm256_##op(a, b);                                                                  \
    }
LP_VEC_PAIRS(both, and_si256)

static inline lp_vec lp_vec_but(lp_vec a, lp_vec b)
{
    return _mm256_andnot_si256(b, a);
}

static inline lp_vec lp_vec_load(const int16_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void lp_vec_store(int16_t *p, lp_vec a)
{
    _mm256_storeu_si256((__m256i *)(void *)p, a);
}

static inline lp_vec lp_vec_all(int x)
{
    return _mm256_set1_epi16((short)x);
}

static inline lp_vec lp_vec_shift(lp_vec a, int n)
{
    return _mm256_srai_epi16(a, n);
}

static inline lp_vec lp_vec_sixteenth(lp_vec a)
{
    return _mm256_srli_epi16(a, 4);
}

static inline lp_vec lp_vec_widen(const unsigned char *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline lp_vec lp_vec_of(__m128i low, __m128i high)
{
    return _mm256_set_m128i(high, low);
}

static inline __m128i lp_vec_low(lp_vec a)
{
    return _mm256_castsi256_si128(a);
}

static inline __m128i lp_vec_high(lp_vec a)
{
    return _mm256_extracti128_si256(a, 1);
}

static inline __m128i lp_vec_pair_sums(lp_vec a, lp_vec b)
{
    const __m256i x = _mm256_madd_epi16(a, b);
    return _mm_add_epi32(lp_vec_low(x), lp_vec_high(x));
}

static inline lp_vec lp_vec_mul_within(lp_vec a, lp_vec b)
{
    const __m256i low = _mm256_mullo_epi16(a, b), high = _mm256_mulhi_epi16(a, b);
    return _mm256_packs_epi32(_mm256_unpacklo_epi16(low, high), _mm256_unpackhi_epi16(low, high));
}

static inline __m256i lp_vec_four_bytes(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline lp_vec lp_vec_products(const unsigned char *weight, const int8_t *input,
                                     int32_t offset)
{
    const __m256i half = lp_vec_load(lp_constants.nibbles), one = lp_vec_load(lp_constants.one);
    const __m256i zero = _mm256_setzero_si256(), *w = (const __m256i *)(const void *)weight;
    __m256i sum[2][2] = {{zero, zero}, {zero, zero}};
    for (int i = 0; i < 4; i++) {
        const __m256i x = lp_vec_four_bytes(input + 4 * i);
        const __m256i y = lp_vec_four_bytes(input + 16 + 4 * i);
        for (int k = 0; k < 2; k++) {
            /* Two products are at most 2 * 15 * 128, eight times that is within 16 bits. */
            const __m256i both = _mm256_loadu_si256(w + 2 * i + k);
            const __m256i low = _mm256_and_si256(both, half);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), half);
            sum[k][0] = _mm256_add_epi16(sum[k][0], _mm256_maddubs_epi16(low, x));
            sum[k][1] = _mm256_add_epi16(sum[k][1], _mm256_maddubs_epi16(high, y));
        }
    }
    const __m256i more = _mm256_set1_epi32(offset);
    const __m256i a = _mm256_madd_epi16(_mm256_add_epi16(sum[0][0], sum[0][1]), one);
    const __m256i b = _mm256_madd_epi16(_mm256_add_epi16(sum[1][0], sum[1][1]), one);
    const __m256i all = _mm256_packs_epi32(_mm256_add_epi32(a, more), _mm256_add_epi32(b, more));
    return _mm256_permute4x64_epi64(all, 0xD8);
}

static inline uint32_t lp_vec_at_most(lp_vec a, lp_vec x)
{
    const __m256i above = _mm256_subs_epu16(a, x);
    const __m256i not_above = _mm256_cmpeq_epi16(above, _mm256_setzero_si256());
    return _tzcnt_u32(~(uint32_t)_mm256_movemask_epi8(not_above)) / 2;
}

static inline uint32_t lp_vec_below(lp_vec a, uint32_t x)
{
    return lp_vec_at_most(a, _mm256_set1_epi16((int16_t)x));
}

static inline uint32_t lp_vec_below_part(lp_vec a, uint32_t part)
{
    const __m256i last =
        _mm256_shuffle_epi8(_mm256_permute4x64_epi64(a, 0xFF), lp_vec_load(lp_constants.last_of_4));
    return lp_vec_at_most(a, _mm256_mulhi_epu16(last, _mm256_set1_epi16((short)part)));
}

static inline lp_vec lp_vec_sums(lp_vec a, uint32_t *total)
{
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 2));
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 4));
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 8));
    /* Sooner known from the halves than from their sum. */
    *total = (uint16_t)(_mm_extract_epi16(lp_vec_low(a), 7) + _mm_extract_epi16(lp_vec_high(a), 7));
    const __m256i low = _mm256_permute2x128_si256(a, a, 0x08); /* to the upper half */
    return _mm256_add_epi16(a, _mm256_shuffle_epi8(low, lp_vec_load(lp_constants.last_of_8)));
}

static inline lp_vec lp_vec_most(lp_vec a)
{
    a = _mm256_max_epi16(a, _mm256_permute2x128_si256(a, a, 0x01));
    a = _mm256_max_epi16(a, _mm256_shuffle_epi32(a, 0x4E));
    a = _mm256_max_epi16(a, _mm256_shuffle_epi32(a, 0xB1));
    return _mm256_max_epi16(a, _mm256_alignr_epi8(a, a, 2));
}

static inline lp_vec lp_vec_next(lp_vec a)
{
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(a, a, 0x81), a, 2);
}

static inline lp_vec lp_vec_bits(lp_vec a)
{
    /* A number that is a float has as its exponent its bits plus 126, and 0 has 0. */
    const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(lp_vec_low(a)));
    const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(lp_vec_high(a)));
    const __m256i x = _mm256_srli_epi32(_mm256_castps_si256(low), 23);
    const __m256i y = _mm256_srli_epi32(_mm256_castps_si256(high), 23);
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, y), 0xD8);
    return _mm256_subs_epu16(both, lp_vec_load(lp_constants.float_bias));
}

typedef struct lp_batch {
    __m256i a, b;
} lp_vec32;

static inline lp_vec32 lp_vec32_load(const unsigned char *p, unsigned n)
{
    const __m256i *at = (const __m256i *)(const void *)p;
    const __m128i by = _mm_cvtsi32_si128((int)n);
    return (lp_vec32){_mm256_srl_epi32(_mm256_loadu_si256(at), by),
                      _mm256_srl_epi32(_mm256_loadu_si256(at + 1), by)};
}

static inline lp_vec32 lp_vec32_of(const uint32_t *p)
{
    return lp_vec32_load((const unsigned char *)p, 0);
}

static inline __m256i lp_vec32_eight(const unsigned char *p)
{
    const __m128i *at = (const __m128i *)(const void *)p,
                  *on = (const __m128i *)(const void *)(p + 12);
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(at)),
                                                       _mm_loadu_si128(on), 1),
                               lp_vec_load(lp_constants.threes));
}

static inline lp_vec32 lp_vec32_of_24(const unsigned char *p, const unsigned char *q)
{
    return (lp_vec32){lp_vec32_eight(p), lp_vec32_eight(q)};
}

static inline lp_vec32 lp_vec32_down(lp_vec32 w, int n)
{
    return (lp_vec32){_mm256_srli_epi32(w.a, n), _mm256_srli_epi32(w.b, n)};
}

static inline lp_vec lp_vec32_narrow(lp_vec32 w, int mask)
{
    const __m256i and = _mm256_set1_epi32(mask);
    const __m256i a = _mm256_and_si256(w.a, and), b = _mm256_and_si256(w.b, and);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
}

static inline lp_vec32 lp_vec32_both(lp_vec32 w, uint32_t x)
{
    const __m256i y = _mm256_set1_epi32((int32_t)x);
    return (lp_vec32){_mm256_and_si256(w.a, y), _mm256_and_si256(w.b, y)};
}

static inline void lp_vec32_store(uint32_t *p, lp_vec32 w)
{
    __m256i *at = (__m256i *)(void *)p;
    _mm256_storeu_si256(at, w.a);
    _mm256_storeu_si256(at + 1, w.b);
}

static inline uint32_t lp_vec32_bits(__m256i a, __m256i b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(a)) |
           (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(b)) << 8;
}

static inline uint32_t lp_vec32_same(const lp_vec32 *w, uint32_t x)
{
    const __m256i same = _mm256_set1_epi32((int32_t)x);
    return lp_vec32_bits(_mm256_cmpeq_epi32(w->a, same), _mm256_cmpeq_epi32(w->b, same));
}

static inline uint32_t lp_vec32_from(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    const __m256i low = _mm256_set1_epi32((int32_t)x - 1), high = _mm256_set1_epi32((int32_t)end);
    return lp_vec32_bits(
        _mm256_and_si256(_mm256_cmpgt_epi32(w->a, low), _mm256_cmpgt_epi32(high, w->a)),
        _mm256_and_si256(_mm256_cmpgt_epi32(w->b, low), _mm256_cmpgt_epi32(high, w->b)));
}

static inline lp_vec lp_vec_pick(const uint8_t *low, const uint8_t *high, lp_vec i)
{
    const __m256i x =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low));
    const __m256i y =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)high));
    return _mm256_or_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(x, i), lp_vec_load(lp_constants.byte)),
        _mm256_slli_epi16(_mm256_shuffle_epi8(y, i), 8));
}

static inline lp_vec lp_vec_look_up(const int16_t *a, lp_vec i)
{
    const __m128i *p = (const __m128i *)(const void *)a;
    /* The two bytes of each, 2 i and 2 i + 1; a shuffle makes those whose place has its highest
     * bit set 0. */
    const __m256i at = _mm256_add_epi16(_mm256_mullo_epi16(i, lp_vec_load(lp_constants.twice)),
                                        lp_vec_load(lp_constants.second));
    const __m256i low = _mm256_adds_epu8(at, lp_vec_load(lp_constants.below_16));
    const __m256i high = _mm256_sub_epi8(at, lp_vec_load(lp_constants.from_16));
    return _mm256_or_si256(
        _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(p)), low),
        _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(p + 1)), high));
}

static inline lp_vec lp_vec_weigh(const lp_vec *v, const int16_t *weight, unsigned n)
{
    const __m128i w = _mm_loadl_epi64((const __m128i *)(const void *)weight);
    const __m256i each = _mm256_broadcastsi128_si256(_mm_unpacklo_epi16(w, w));
    lp_vec sum = _mm256_mulhi_epi16(v[0], _mm256_shuffle_epi32(each, 0x00));
    if (n > 1)
        sum = _mm256_adds_epi16(sum, _mm256_mulhi_epi16(v[1], _mm256_shuffle_epi32(each, 0x55)));
    if (n > 2)
        sum = _mm256_adds_epi16(sum, _mm256_mulhi_epi16(v[2], _mm256_shuffle_epi32(each, 0xAA)));
    if (n > 3)
        sum = _mm256_adds_epi16(sum, _mm256_mulhi_epi16(v[3], _mm256_shuffle_epi32(each, 0xFF)));
    return sum;
}

#elif defined(__SSE2__) && !defined(LP_VEC_PLAIN)

#include <emmintrin.h>

typedef struct lp_vec {
    __m128i low, high;
} lp_vec;

#define LP_VEC_PAIRS(name, op)                                                                     \
    static inline lp_vec lp_vec_##name(lp_vec a, lp_vec b)                                         \
    {                                                                                              \
        return (lp_vec){_mm_##op(a.low, b.low), _mm_##op(a.high, b.high)};                         \
    }
LP_VEC_PAIRS(both, and_si128)

static inline lp_vec lp_vec_but(lp_vec a, lp_vec b)
{
    return (lp_vec){_mm_andnot_si128(b.low, a.low), _mm_andnot_si128(b.high, a.high)};
}

static inline lp_vec lp_vec_load(const int16_t *p)
{
    const __m128i *at = (const __m128i *)(const void *)p;
    return (lp_vec){_mm_loadu_si128(at), _mm_loadu_si128(at + 1)};
}

static inline void lp_vec_store(int16_t *p, lp_vec a)
{
    __m128i *at = (__m128i *)(void *)p;
    _mm_storeu_si128(at, a.low);
    _mm_storeu_si128(at + 1, a.high);
}

static inline lp_vec lp_vec_all(int x)
{
    return (lp_vec){_mm_set1_epi16((short)x), _mm_set1_epi16((short)x)};
}

static inline lp_vec lp_vec_shift(lp_vec a, int n)
{
    return (lp_vec){_mm_srai_epi16(a.low, n), _mm_srai_epi16(a.high, n)};
}

static inline lp_vec lp_vec_sixteenth(lp_vec a)
{
    return (lp_vec){_mm_srli_epi16(a.low, 4), _mm_srli_epi16(a.high, 4)};
}

static inline lp_vec lp_vec_widen(const unsigned char *p)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p), zero = _mm_setzero_si128();
    return (lp_vec){_mm_unpacklo_epi8(x, zero), _mm_unpackhi_epi8(x, zero)};
}

static inline lp_vec lp_vec_of(__m128i low, __m128i high)
{
    return (lp_vec){low, high};
}

static inline __m128i lp_vec_low(lp_vec a)
{
    return a.low;
}

static inline __m128i lp_vec_high(lp_vec a)
{
    return a.high;
}

static inline __m128i lp_vec_pair_sums(lp_vec a, lp_vec b)
{
    return _mm_add_epi32(_mm_madd_epi16(a.low, b.low), _mm_madd_epi16(a.high, b.high));
}

static inline __m128i lp_vec_half_within(__m128i a, __m128i b)
{
    const __m128i low = _mm_mullo_epi16(a, b), high = _mm_mulhi_epi16(a, b);
    return _mm_packs_epi32(_mm_unpacklo_epi16(low, high), _mm_unpackhi_epi16(low, high));
}

static inline lp_vec lp_vec_mul_within(lp_vec a, lp_vec b)
{
    return (lp_vec){lp_vec_half_within(a.low, b.low), lp_vec_half_within(a.high, b.high)};
}

/* Four numbers, twice, from bytes with a sign. */
static inline __m128i lp_vec_four_bytes(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m128i x = _mm_set1_epi32(four);
    return _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8);
}

static inline lp_vec lp_vec_products(const unsigned char *weight, const int8_t *input,
                                     int32_t offset)
{
    const __m128i zero = _mm_setzero_si128(), half = _mm_set1_epi8(15);
    __m128i part[8] = {zero, zero, zero, zero, zero, zero, zero, zero}; /* two lanes' halves */
    for (int i = 0; i < 4; i++) {
        const __m128i x = lp_vec_four_bytes(input + 4 * i);
        const __m128i y = lp_vec_four_bytes(input + 16 + 4 * i);
        const __m128i *w = (const __m128i *)(const void *)(weight + 4 * LP_LANES * i);
        for (int k = 0; k < 4; k++) {
            const __m128i both = _mm_loadu_si128(w + k), low = _mm_and_si128(both, half);
            const __m128i high = _mm_and_si128(_mm_srli_epi16(both, 4), half);
            __m128i a = _mm_madd_epi16(_mm_unpacklo_epi8(low, zero), x);
            __m128i b = _mm_madd_epi16(_mm_unpackhi_epi8(low, zero), x);
            a = _mm_add_epi32(a, _mm_madd_epi16(_mm_unpacklo_epi8(high, zero), y));
            b = _mm_add_epi32(b, _mm_madd_epi16(_mm_unpackhi_epi8(high, zero), y));
            part[2 * k] = _mm_add_epi32(part[2 * k], a);
            part[2 * k + 1] = _mm_add_epi32(part[2 * k + 1], b);
        }
    }
    __m128i sum[4];
    for (int k = 0; k < 4; k++) {
        const __m128 a = _mm_castsi128_ps(part[2 * k]), b = _mm_castsi128_ps(part[2 * k + 1]);
        const __m128i even = _mm_castps_si128(_mm_shuffle_ps(a, b, 0x88));
        const __m128i odd = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xDD));
        sum[k] = _mm_add_epi32(_mm_add_epi32(even, odd), _mm_set1_epi32(offset));
    }
    return (lp_vec){_mm_packs_epi32(sum[0], sum[1]), _mm_packs_epi32(sum[2], sum[3])};
}

static inline uint32_t lp_vec_below(lp_vec a, uint32_t x)
{
    const __m128i y = _mm_set1_epi16((int16_t)x), zero = _mm_setzero_si128();
    const __m128i low = _mm_cmpeq_epi16(_mm_subs_epu16(a.low, y), zero);
    const __m128i high = _mm_cmpeq_epi16(_mm_subs_epu16(a.high, y), zero);
    return (uint32_t)__builtin_ctz(~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)));
}

static inline uint32_t lp_vec_below_part(lp_vec a, uint32_t part)
{
    const uint32_t last = (uint16_t)_mm_extract_epi16(a.high, 7);
    return lp_vec_below(a, last * part >> 16);
}

static inline __m128i lp_vec_running(__m128i x)
{
    x = _mm_add_epi16(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 4));
    return _mm_add_epi16(x, _mm_slli_si128(x, 8));
}

static inline lp_vec lp_vec_sums(lp_vec a, uint32_t *total)
{
    const __m128i low = lp_vec_running(a.low), high = lp_vec_running(a.high);
    const __m128i last = _mm_unpackhi_epi16(low, low);
    *total = (uint16_t)(_mm_extract_epi16(low, 7) + _mm_extract_epi16(high, 7));
    return (lp_vec){low, _mm_add_epi16(high, _mm_shuffle_epi32(last, 0xFF))};
}

static inline lp_vec lp_vec_most(lp_vec a)
{
    __m128i x = _mm_max_epi16(lp_vec_low(a), lp_vec_high(a));
    x = _mm_max_epi16(x, _mm_shuffle_epi32(x, 0x4E));
    x = _mm_max_epi16(x, _mm_shuffle_epi32(x, 0xB1));
    x = _mm_max_epi16(x, _mm_shufflehi_epi16(_mm_shufflelo_epi16(x, 0xB1), 0xB1));
    return lp_vec_of(x, x);
}

static inline lp_vec lp_vec_next(lp_vec a)
{
    const __m128i first = _mm_slli_si128(a.high, 14);
    return (lp_vec){_mm_or_si128(_mm_srli_si128(a.low, 2), first), _mm_srli_si128(a.high, 2)};
}

/* A number that is a float has as its exponent its bits plus 126, and 0 has 0. */
static inline __m128i lp_vec_exponents(__m128i a)
{
    return _mm_srli_epi32(_mm_castps_si128(_mm_cvtepi32_ps(a)), 23);
}

static inline __m128i lp_vec_half_bits(__m128i a)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i x = lp_vec_exponents(_mm_unpacklo_epi16(a, zero));
    const __m128i y = lp_vec_exponents(_mm_unpackhi_epi16(a, zero));
    return _mm_subs_epu16(_mm_packs_epi32(x, y), _mm_set1_epi16(126));
}

static inline lp_vec lp_vec_bits(lp_vec a)
{
    return (lp_vec){lp_vec_half_bits(a.low), lp_vec_half_bits(a.high)};
}

typedef struct lp_batch {
    __m128i v[4];
} lp_vec32;

static inline lp_vec32 lp_vec32_load(const unsigned char *p, unsigned n)
{
    const __m128i *at = (const __m128i *)(const void *)p;
    const __m128i by = _mm_cvtsi32_si128((int)n);
    lp_vec32 w;
    for (int k = 0; k < 4; k++)
        w.v[k] = _mm_srl_epi32(_mm_loadu_si128(at + k), by);
    return w;
}

static inline lp_vec32 lp_vec32_of(const uint32_t *p)
{
    return lp_vec32_load((const unsigned char *)p, 0);
}

static inline __m128i lp_vec32_four(const unsigned char *p)
{
    return _mm_set_epi32((int32_t)lp_get24(p + 9), (int32_t)lp_get24(p + 6),
                         (int32_t)lp_get24(p + 3), (int32_t)lp_get24(p));
}

static inline lp_vec32 lp_vec32_of_24(const unsigned char *p, const unsigned char *q)
{
    return (lp_vec32){
        {lp_vec32_four(p), lp_vec32_four(p + 12), lp_vec32_four(q), lp_vec32_four(q + 12)}};
}

static inline lp_vec32 lp_vec32_down(lp_vec32 w, int n)
{
    for (int k = 0; k < 4; k++)
        w.v[k] = _mm_srli_epi32(w.v[k], n);
    return w;
}

static inline lp_vec lp_vec32_narrow(lp_vec32 w, int mask)
{
    const __m128i and = _mm_set1_epi32(mask);
    for (int k = 0; k < 4; k++)
        w.v[k] = _mm_and_si128(w.v[k], and);
    return (lp_vec){_mm_packs_epi32(w.v[0], w.v[1]), _mm_packs_epi32(w.v[2], w.v[3])};
}

static inline lp_vec32 lp_vec32_both(lp_vec32 w, uint32_t x)
{
    for (int k = 0; k < 4; k++)
        w.v[k] = _mm_and_si128(w.v[k], _mm_set1_epi32((int32_t)x));
    return w;
}

static inline void lp_vec32_store(uint32_t *p, lp_vec32 w)
{
    for (int k = 0; k < 4; k++)
        _mm_storeu_si128((__m128i *)(void *)p + k, w.v[k]);
}

static inline uint32_t lp_vec32_same(const lp_vec32 *w, uint32_t x)
{
    const __m128i same = _mm_set1_epi32((int32_t)x);
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++)
        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(w->v[k], same)))
                << 4 * k;
    return bits;
}

static inline uint32_t lp_vec32_from(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    const __m128i low = _mm_set1_epi32((int32_t)x - 1), high = _mm_set1_epi32((int32_t)end);
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++) {
        const __m128i a = _mm_cmpgt_epi32(w->v[k], low), b = _mm_cmpgt_epi32(high, w->v[k]);
        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_and_si128(a, b))) << 4 * k;
    }
    return bits;
}

#endif

#if defined(LP_VEC_PAIRS)

LP_VEC_PAIRS(add, adds_epi16)
LP_VEC_PAIRS(sub, subs_epi16)
LP_VEC_PAIRS(max, max_epi16)
LP_VEC_PAIRS(min, min_epi16)
LP_VEC_PAIRS(mul, mullo_epi16)
LP_VEC_PAIRS(mul_high, mulhi_epi16)
LP_VEC_PAIRS(mul_high_unsigned, mulhi_epu16)
LP_VEC_PAIRS(same, cmpeq_epi16)
LP_VEC_PAIRS(sub_unsigned, subs_epu16)

static inline void lp_weights_add(const int16_t *a, const int16_t *b, int16_t *sum)
{
    const __m128i x = _mm_loadl_epi64((const __m128i *)(const void *)a);
    const __m128i y = _mm_loadl_epi64((const __m128i *)(const void *)b);
    _mm_storel_epi64((__m128i *)(void *)sum, _mm_adds_epi16(x, y));
}

/* Sums of the four numbers in each of four. */
static inline __m128i lp_vec_four_sums(const __m128i *x)
{
    const __m128i a = _mm_add_epi32(_mm_unpacklo_epi32(x[0], x[1]), _mm_unpackhi_epi32(x[0], x[1]));
    const __m128i b = _mm_add_epi32(_mm_unpacklo_epi32(x[2], x[3]), _mm_unpackhi_epi32(x[2], x[3]));
    return _mm_add_epi32(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b));
}

static inline void lp_weights_move(int16_t *a, lp_vec error, const lp_vec *value, unsigned n)
{
    __m128i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = lp_vec_pair_sums(error, value[i]);
    const __m128i half = _mm_set1_epi32((int32_t)1 << (n - 1)), by = _mm_cvtsi32_si128((int)n);
    const __m128i move = _mm_sra_epi32(_mm_add_epi32(lp_vec_four_sums(part), half), by);
    __m128i *x = (__m128i *)(void *)a;
    _mm_storel_epi64(x, _mm_adds_epi16(_mm_loadl_epi64(x), _mm_packs_epi32(move, move)));
}

static inline lp_vec lp_vec_load_file(const unsigned char *p)
{
    return lp_vec_load((const int16_t *)(const void *)p);
}

static inline void lp_vec_narrow(int8_t *p, lp_vec a)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm_packs_epi16(lp_vec_low(a), lp_vec_high(a)));
}

static inline uint32_t lp_vec_first(lp_vec a)
{
    return (uint16_t)_mm_cvtsi128_si32(lp_vec_low(a));
}

static inline uint32_t lp_vec_where(lp_vec a)
{
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(lp_vec_low(a), lp_vec_high(a)));
}

static inline uint32_t lp_vec_any(lp_vec a)
{
    __m128i x = _mm_or_si128(lp_vec_low(a), lp_vec_high(a));
    x = _mm_or_si128(x, _mm_shuffle_epi32(x, 0x4E));
    const uint32_t two = (uint32_t)_mm_cvtsi128_si32(_mm_or_si128(x, _mm_shuffle_epi32(x, 0xB1)));
    return (two | two >> 16) & UINT16_MAX;
}

static inline int32_t lp_vec_dot(lp_vec a, lp_vec b)
{
    __m128i x = lp_vec_pair_sums(a, b);
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1)));
}

#else

typedef struct lp_vec {
    int16_t v[LP_LANES];
} lp_vec;

static inline lp_vec lp_vec_load(const int16_t *p)
{
    lp_vec a;
    memcpy(a.v, p, sizeof a.v);
    return a;
}

static inline void lp_vec_store(int16_t *p, lp_vec a)
{
    memcpy(p, a.v, sizeof a.v);
}

#define LP_VEC_EACH(name, parameters, result)                                                      \
    static inline lp_vec lp_vec_##name(parameters)                                                 \
    {                                                                                              \
        lp_vec r;                                                                                  \
        for (int i = 0; i < LP_LANES; i++)                                                         \
            r.v[i] = (int16_t)(result);                                                            \
        return r;                                                                                  \
    }
#define LP_VEC_TWO lp_vec a, lp_vec b
#define LP_VEC_ONE lp_vec a, unsigned n

LP_VEC_EACH(all, int x, x)
LP_VEC_EACH(shift, LP_VEC_ONE, lp_shift_down(a.v[i], n))
LP_VEC_EACH(sixteenth, lp_vec a, (uint16_t)a.v[i] >> 4)
LP_VEC_EACH(widen, const unsigned char *p, p[i])
LP_VEC_EACH(add, LP_VEC_TWO, lp_within_16(a.v[i] + b.v[i]))
LP_VEC_EACH(sub, LP_VEC_TWO, lp_within_16(a.v[i] - b.v[i]))
LP_VEC_EACH(max, LP_VEC_TWO, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
LP_VEC_EACH(min, LP_VEC_TWO, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
LP_VEC_EACH(mul, LP_VEC_TWO, a.v[i] * b.v[i])
LP_VEC_EACH(mul_within, LP_VEC_TWO, lp_within_16(a.v[i] * b.v[i]))
LP_VEC_EACH(mul_high, LP_VEC_TWO, lp_shift_down(a.v[i] * b.v[i], 16))
LP_VEC_EACH(mul_high_unsigned, LP_VEC_TWO, (uint32_t)(uint16_t)a.v[i] * (uint16_t)b.v[i] >> 16)
LP_VEC_EACH(sub_unsigned, LP_VEC_TWO,
            (uint16_t)a.v[i] > (uint16_t)b.v[i] ? (uint16_t)a.v[i] - (uint16_t)b.v[i] : 0)
LP_VEC_EACH(same, LP_VEC_TWO, a.v[i] == b.v[i] ? -1 : 0)
LP_VEC_EACH(both, LP_VEC_TWO, a.v[i] & b.v[i])
LP_VEC_EACH(but, LP_VEC_TWO, a.v[i] & ~b.v[i])

static inline void lp_weights_add(const int16_t *a, const int16_t *b, int16_t *sum)
{
    for (int i = 0; i < 4; i++)
        sum[i] = (int16_t)lp_within_16(a[i] + b[i]);
}

static inline lp_vec lp_vec_load_file(const unsigned char *p)
{
    lp_vec a;
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)lp_get16(p + 2 * i);
    return a;
}

static inline void lp_vec_narrow(int8_t *p, lp_vec a)
{
    for (int i = 0; i < LP_LANES; i++)
        p[i] = (int8_t)(a.v[i] > INT8_MAX ? INT8_MAX : a.v[i] < INT8_MIN ? INT8_MIN : a.v[i]);
}

static inline uint32_t lp_vec_first(lp_vec a)
{
    return (uint16_t)a.v[0];
}

static inline uint32_t lp_vec_where(lp_vec a)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(a.v[i] != 0) << i;
    return bits;
}

static inline lp_vec lp_vec_most(lp_vec a)
{
    int32_t most = a.v[0];
    for (int i = 1; i < LP_LANES; i++)
        most = a.v[i] > most ? a.v[i] : most;
    return lp_vec_all(most);
}

static inline uint32_t lp_vec_any(lp_vec a)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint16_t)a.v[i];
    return bits;
}

static inline int32_t lp_vec_dot(lp_vec a, lp_vec b)
{
    int32_t sum = 0;
    for (int i = 0; i < LP_LANES; i++)
        sum += a.v[i] * b.v[i];
    return sum;
}

static inline void lp_weights_move(int16_t *a, lp_vec error, const lp_vec *value, unsigned n)
{
    for (int i = 0; i < 4; i++) {
        const int32_t sum = lp_vec_dot(error, value[i]) + ((int32_t)1 << (n - 1));
        a[i] = (int16_t)lp_within_16(a[i] + lp_within_16(lp_shift_down(sum, n)));
    }
}

static inline lp_vec lp_vec_products(const unsigned char *weight, const int8_t *input,
                                     int32_t offset)
{
    int32_t sum[LP_LANES];
    lp_vec r;
    for (int k = 0; k < LP_LANES; k++)
        sum[k] = offset;
    for (int j = 0; j < 16; j++) {
        for (int k = 0; k < LP_LANES; k++) {
            const int w = weight[4 * (LP_LANES * (j / 4) + k) + j % 4];
            sum[k] += (w & 15) * input[j] + (w >> 4) * input[16 + j];
        }
    }
    for (int k = 0; k < LP_LANES; k++)
        r.v[k] = (int16_t)lp_within_16(sum[k]);
    return r;
}

static inline uint32_t lp_vec_below(lp_vec a, uint32_t x)
{
    uint32_t n = 0;
    while (n < LP_LANES && (uint16_t)a.v[n] <= x)
        n++;
    return n;
}

static inline uint32_t lp_vec_below_part(lp_vec a, uint32_t part)
{
    return lp_vec_below(a, (uint16_t)a.v[LP_LANES - 1] * part >> 16);
}

static inline lp_vec lp_vec_sums(lp_vec a, uint32_t *total)
{
    uint32_t sum = 0;
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(sum += (uint16_t)a.v[i]);
    *total = (uint16_t)sum;
    return a;
}

static inline lp_vec lp_vec_next(lp_vec a)
{
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(i + 1 < LP_LANES ? a.v[i + 1] : 0);
    return a;
}

static inline lp_vec lp_vec_bits(lp_vec a)
{
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(31 - __builtin_clz((uint32_t)(uint16_t)a.v[i] << 1 | 1));
    return a;
}

typedef struct lp_batch {
    uint32_t v[LP_LANES];
} lp_vec32;

static inline lp_vec32 lp_vec32_load(const unsigned char *p, unsigned n)
{
    lp_vec32 w;
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] = lp_get32(p + 4 * i) >> n;
    return w;
}

static inline lp_vec32 lp_vec32_of(const uint32_t *p)
{
    lp_vec32 w;
    memcpy(w.v, p, sizeof w.v);
    return w;
}

static inline lp_vec32 lp_vec32_of_24(const unsigned char *p, const unsigned char *q)
{
    lp_vec32 w;
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] = lp_get24(i < LP_LANES / 2 ? p + 3 * i : q + 3 * i - 3 * LP_LANES / 2);
    return w;
}

static inline lp_vec32 lp_vec32_down(lp_vec32 w, int n)
{
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] >>= n;
    return w;
}

static inline lp_vec lp_vec32_narrow(lp_vec32 w, int mask)
{
    lp_vec a;
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)((int)w.v[i] & mask);
    return a;
}

static inline lp_vec32 lp_vec32_both(lp_vec32 w, uint32_t x)
{
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] &= x;
    return w;
}

static inline void lp_vec32_store(uint32_t *p, lp_vec32 w)
{
    memcpy(p, w.v, sizeof w.v);
}

static inline uint32_t lp_vec32_same(const lp_vec32 *w, uint32_t x)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(w->v[i] == x) << i;
    return bits;
}

static inline uint32_t lp_vec32_from(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(w->v[i] >= x && w->v[i] < end) << i;
    return bits;
}

#endif

static inline lp_vec lp_vec_from_32(const unsigned char *p, unsigned n, int mask)
{
    return lp_vec32_narrow(lp_vec32_load(p, n), mask);
}

#if !defined(LP_VEC_AVX2)

static inline lp_vec lp_vec_pick(const uint8_t *low, const uint8_t *high, lp_vec i)
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
    lp_vec sum = lp_vec_all(0);
    for (unsigned i = 0; i < n; i++)
        sum = lp_vec_add(sum, lp_vec_mul_high(v[i], lp_vec_all(weight[i])));
    return sum;
}

#endif

#endif
