/* vec_avx2.h - the operations of vec.h with AVX2: a vector is one register. A part of vec.h. */
#ifndef LP_MIX_VEC_AVX2_H
#define LP_MIX_VEC_AVX2_H

#include <immintrin.h>

typedef __m256i lp_vec;

/* Defines an operation of two vectors that is one instruction. */
#define LP_VEC_PAIRS(name, op)                                                                     \
    static inline lp_vec lp_vec_##name(lp_vec a, lp_vec b)                                         \
    {                                                                                              \
        return _mm256_##op(a, b);                                                                  \
    }
LP_VEC_PAIRS(and, and_si256)

static inline lp_vec lp_vec_and_not(lp_vec a, lp_vec b)
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

static inline lp_vec lp_vec_splat(int x)
{
    return _mm256_set1_epi16((short)x);
}

static inline lp_vec lp_vec_shift_right(lp_vec a, int n)
{
    return _mm256_srai_epi16(a, n);
}

static inline lp_vec lp_vec_div16(lp_vec a)
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

static inline lp_vec lp_vec_mul_saturated(lp_vec a, lp_vec b)
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

static inline lp_vec lp_vec_nibble_dots(const unsigned char *weight, const int8_t *input,
                                        int32_t offset)
{
    const __m256i half = lp_vec_load(lp_constants.low_nibbles), one = lp_vec_load(lp_constants.one);
    const __m256i zero = _mm256_setzero_si256(), *w = (const __m256i *)(const void *)weight;
    __m256i sum[2][2] = {{zero, zero}, {zero, zero}};
    for (int i = 0; i < 4; i++) {
        const __m256i x = lp_vec_four_bytes(input + 4 * i);
        const __m256i y = lp_vec_four_bytes(input + 16 + 4 * i);
        for (int k = 0; k < 2; k++) {
            /* Two products are at most 2 * 15 * 128; eight such sums fit 16 bits. */
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

static inline lp_vec lp_vec_pair_dots(lp_vec x, const lp_vec *a, const unsigned char *weight,
                                      unsigned n)
{
    const __m256i *w = (const __m256i *)(const void *)weight;
    for (unsigned j = 0; j < n; j++)
        x = _mm256_add_epi16(x, _mm256_maddubs_epi16(a[j], _mm256_loadu_si256(w + j)));
    return x;
}

static inline uint32_t lp_vec_at_most(lp_vec a, lp_vec x)
{
    const __m256i above = _mm256_subs_epu16(a, x);
    const __m256i not_above = _mm256_cmpeq_epi16(above, _mm256_setzero_si256());
    return _tzcnt_u32(~(uint32_t)_mm256_movemask_epi8(not_above)) / 2;
}

static inline uint32_t lp_vec_rank(lp_vec a, uint32_t x)
{
    return lp_vec_at_most(a, _mm256_set1_epi16((int16_t)x));
}

static inline uint32_t lp_vec_rank_part(lp_vec a, uint32_t part)
{
    const __m256i last =
        _mm256_shuffle_epi8(_mm256_permute4x64_epi64(a, 0xFF), lp_vec_load(lp_constants.last_of_4));
    return lp_vec_at_most(a, _mm256_mulhi_epu16(last, _mm256_set1_epi16((short)part)));
}

static inline lp_vec lp_vec_prefix_sums(lp_vec a, uint32_t *total)
{
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 2));
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 4));
    a = _mm256_add_epi16(a, _mm256_slli_si256(a, 8));
    /* Known sooner from the halves than from the last lane. */
    *total = (uint16_t)(_mm_extract_epi16(lp_vec_low(a), 7) + _mm_extract_epi16(lp_vec_high(a), 7));
    const __m256i low = _mm256_permute2x128_si256(a, a, 0x08); /* moved to the upper half */
    return _mm256_add_epi16(a, _mm256_shuffle_epi8(low, lp_vec_load(lp_constants.last_of_8)));
}

static inline lp_vec lp_vec_max_lanes(lp_vec a)
{
    a = _mm256_max_epi16(a, _mm256_permute2x128_si256(a, a, 0x01));
    a = _mm256_max_epi16(a, _mm256_shuffle_epi32(a, 0x4E));
    a = _mm256_max_epi16(a, _mm256_shuffle_epi32(a, 0xB1));
    return _mm256_max_epi16(a, _mm256_alignr_epi8(a, a, 2));
}

static inline lp_vec lp_vec_next_lane(lp_vec a)
{
    return _mm256_alignr_epi8(_mm256_permute2x128_si256(a, a, 0x81), a, 2);
}

static inline lp_vec lp_vec_bit_lengths(lp_vec a)
{
    /* The exponent of a float is the bit length of its value plus 126; 0 has exponent 0. */
    const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(lp_vec_low(a)));
    const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(lp_vec_high(a)));
    const __m256i x = _mm256_srli_epi32(_mm256_castps_si256(low), 23);
    const __m256i y = _mm256_srli_epi32(_mm256_castps_si256(high), 23);
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, y), 0xD8);
    return _mm256_subs_epu16(both, lp_vec_load(lp_constants.float_bias));
}

typedef struct lp_vec32 {
    __m256i a, b;
} lp_vec32;

static inline lp_vec32 lp_vec32_load_le(const unsigned char *p, unsigned n)
{
    const __m256i *at = (const __m256i *)(const void *)p;
    const __m128i by = _mm_cvtsi32_si128((int)n);
    return (lp_vec32){_mm256_srl_epi32(_mm256_loadu_si256(at), by),
                      _mm256_srl_epi32(_mm256_loadu_si256(at + 1), by)};
}

static inline lp_vec32 lp_vec32_load(const uint32_t *p)
{
    return lp_vec32_load_le((const unsigned char *)p, 0);
}

static inline __m256i lp_vec32_eight(const unsigned char *p)
{
    const __m128i *at = (const __m128i *)(const void *)p,
                  *on = (const __m128i *)(const void *)(p + 12);
    return _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(at)),
                                                       _mm_loadu_si128(on), 1),
                               lp_vec_load(lp_constants.threes));
}

static inline lp_vec32 lp_vec32_load_24(const unsigned char *p, const unsigned char *q)
{
    return (lp_vec32){lp_vec32_eight(p), lp_vec32_eight(q)};
}

static inline lp_vec32 lp_vec32_shift_right(lp_vec32 w, int n)
{
    return (lp_vec32){_mm256_srli_epi32(w.a, n), _mm256_srli_epi32(w.b, n)};
}

static inline lp_vec lp_vec32_narrow(lp_vec32 w, int mask)
{
    const __m256i and = _mm256_set1_epi32(mask);
    const __m256i a = _mm256_and_si256(w.a, and), b = _mm256_and_si256(w.b, and);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xD8);
}

static inline lp_vec32 lp_vec32_and(lp_vec32 w, uint32_t x)
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

static inline uint32_t lp_vec32_equal(const lp_vec32 *w, uint32_t x)
{
    const __m256i same = _mm256_set1_epi32((int32_t)x);
    return lp_vec32_bits(_mm256_cmpeq_epi32(w->a, same), _mm256_cmpeq_epi32(w->b, same));
}

static inline uint32_t lp_vec32_in_range(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    const __m256i low = _mm256_set1_epi32((int32_t)x - 1), high = _mm256_set1_epi32((int32_t)end);
    return lp_vec32_bits(
        _mm256_and_si256(_mm256_cmpgt_epi32(w->a, low), _mm256_cmpgt_epi32(high, w->a)),
        _mm256_and_si256(_mm256_cmpgt_epi32(w->b, low), _mm256_cmpgt_epi32(high, w->b)));
}

static inline lp_vec lp_vec_look_up_bytes(const uint8_t *low, const uint8_t *high, lp_vec i)
{
    const __m256i x =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low));
    const __m256i y =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)high));
    return _mm256_or_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(x, i), lp_vec_load(lp_constants.low_byte)),
        _mm256_slli_epi16(_mm256_shuffle_epi8(y, i), 8));
}

static inline lp_vec lp_vec_look_up(const int16_t *a, lp_vec i)
{
    const __m128i *p = (const __m128i *)(const void *)a;
    /* The indices of the two bytes of each; vec.c says how the constants split them. */
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

#include "mix/vec_x86.h"

#endif
