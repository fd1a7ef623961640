/* vec_sse2.h - the operations of vec.h with SSE2: a vector is two registers. A part of vec.h. */
#ifndef LP_MIX_VEC_SSE2_H
#define LP_MIX_VEC_SSE2_H

#include <emmintrin.h>

typedef struct lp_vec {
    __m128i low, high;
} lp_vec;

/* Defines an operation of two vectors that is one instruction for each half. */
#define LP_VEC_PAIRS(name, op)                                                                     \
    static inline lp_vec lp_vec_##name(lp_vec a, lp_vec b)                                         \
    {                                                                                              \
        return (lp_vec){_mm_##op(a.low, b.low), _mm_##op(a.high, b.high)};                         \
    }
LP_VEC_PAIRS(and, and_si128)

static inline lp_vec lp_vec_and_not(lp_vec a, lp_vec b)
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

static inline lp_vec lp_vec_splat(int x)
{
    return (lp_vec){_mm_set1_epi16((short)x), _mm_set1_epi16((short)x)};
}

static inline lp_vec lp_vec_shift_right(lp_vec a, int n)
{
    return (lp_vec){_mm_srai_epi16(a.low, n), _mm_srai_epi16(a.high, n)};
}

static inline lp_vec lp_vec_div16(lp_vec a)
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

static inline __m128i lp_vec_half_saturated(__m128i a, __m128i b)
{
    const __m128i low = _mm_mullo_epi16(a, b), high = _mm_mulhi_epi16(a, b);
    return _mm_packs_epi32(_mm_unpacklo_epi16(low, high), _mm_unpackhi_epi16(low, high));
}

static inline lp_vec lp_vec_mul_saturated(lp_vec a, lp_vec b)
{
    return (lp_vec){lp_vec_half_saturated(a.low, b.low), lp_vec_half_saturated(a.high, b.high)};
}

/* For each lane, the sum of the products of its two bytes, unsigned, and two signed ones. */
static inline __m128i lp_vec_half_pairs(__m128i a, __m128i w)
{
    const __m128i low = _mm_mullo_epi16(_mm_and_si128(a, _mm_set1_epi16(255)),
                                        _mm_srai_epi16(_mm_slli_epi16(w, 8), 8));
    return _mm_add_epi16(low, _mm_mullo_epi16(_mm_srli_epi16(a, 8), _mm_srai_epi16(w, 8)));
}

static inline lp_vec lp_vec_pair_dots(lp_vec x, const lp_vec *a, const unsigned char *weight,
                                      unsigned n)
{
    const __m128i *w = (const __m128i *)(const void *)weight;
    for (unsigned j = 0; j < n; j++, w += 2) {
        x.low = _mm_add_epi16(x.low, lp_vec_half_pairs(a[j].low, _mm_loadu_si128(w)));
        x.high = _mm_add_epi16(x.high, lp_vec_half_pairs(a[j].high, _mm_loadu_si128(w + 1)));
    }
    return x;
}

/* Four signed bytes as 16-bit numbers, twice. */
static inline __m128i lp_vec_four_bytes(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m128i x = _mm_set1_epi32(four);
    return _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8);
}

static inline lp_vec lp_vec_nibble_dots(const unsigned char *weight, const int8_t *input,
                                        int32_t offset)
{
    const __m128i zero = _mm_setzero_si128(), half = _mm_set1_epi8(15);
    __m128i part[8] = {zero, zero, zero, zero,
                       zero, zero, zero, zero}; /* sums for two lanes, two each */
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

static inline uint32_t lp_vec_rank(lp_vec a, uint32_t x)
{
    const __m128i y = _mm_set1_epi16((int16_t)x), zero = _mm_setzero_si128();
    const __m128i low = _mm_cmpeq_epi16(_mm_subs_epu16(a.low, y), zero);
    const __m128i high = _mm_cmpeq_epi16(_mm_subs_epu16(a.high, y), zero);
    return (uint32_t)__builtin_ctz(~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)));
}

static inline uint32_t lp_vec_rank_part(lp_vec a, uint32_t part)
{
    const uint32_t last = (uint16_t)_mm_extract_epi16(a.high, 7);
    return lp_vec_rank(a, last * part >> 16);
}

static inline __m128i lp_vec_running(__m128i x)
{
    x = _mm_add_epi16(x, _mm_slli_si128(x, 2));
    x = _mm_add_epi16(x, _mm_slli_si128(x, 4));
    return _mm_add_epi16(x, _mm_slli_si128(x, 8));
}

static inline lp_vec lp_vec_prefix_sums(lp_vec a, uint32_t *total)
{
    const __m128i low = lp_vec_running(a.low), high = lp_vec_running(a.high);
    const __m128i last = _mm_unpackhi_epi16(low, low);
    *total = (uint16_t)(_mm_extract_epi16(low, 7) + _mm_extract_epi16(high, 7));
    return (lp_vec){low, _mm_add_epi16(high, _mm_shuffle_epi32(last, 0xFF))};
}

static inline lp_vec lp_vec_max_lanes(lp_vec a)
{
    __m128i x = _mm_max_epi16(lp_vec_low(a), lp_vec_high(a));
    x = _mm_max_epi16(x, _mm_shuffle_epi32(x, 0x4E));
    x = _mm_max_epi16(x, _mm_shuffle_epi32(x, 0xB1));
    x = _mm_max_epi16(x, _mm_shufflehi_epi16(_mm_shufflelo_epi16(x, 0xB1), 0xB1));
    return lp_vec_of(x, x);
}

static inline lp_vec lp_vec_next_lane(lp_vec a)
{
    const __m128i first = _mm_slli_si128(a.high, 14);
    return (lp_vec){_mm_or_si128(_mm_srli_si128(a.low, 2), first), _mm_srli_si128(a.high, 2)};
}

/* The exponents of floats: the bit length of each value plus 126; 0 has exponent 0. */
static inline __m128i lp_vec_exponents(__m128i a)
{
    return _mm_srli_epi32(_mm_castps_si128(_mm_cvtepi32_ps(a)), 23);
}

static inline __m128i lp_vec_half_lengths(__m128i a)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i x = lp_vec_exponents(_mm_unpacklo_epi16(a, zero));
    const __m128i y = lp_vec_exponents(_mm_unpackhi_epi16(a, zero));
    return _mm_subs_epu16(_mm_packs_epi32(x, y), _mm_set1_epi16(126));
}

static inline lp_vec lp_vec_bit_lengths(lp_vec a)
{
    return (lp_vec){lp_vec_half_lengths(a.low), lp_vec_half_lengths(a.high)};
}

typedef struct lp_vec32 {
    __m128i v[4];
} lp_vec32;

static inline lp_vec32 lp_vec32_load_le(const unsigned char *p, unsigned n)
{
    const __m128i *at = (const __m128i *)(const void *)p;
    const __m128i by = _mm_cvtsi32_si128((int)n);
    lp_vec32 w;
    for (int k = 0; k < 4; k++)
        w.v[k] = _mm_srl_epi32(_mm_loadu_si128(at + k), by);
    return w;
}

static inline lp_vec32 lp_vec32_load(const uint32_t *p)
{
    return lp_vec32_load_le((const unsigned char *)p, 0);
}

static inline __m128i lp_vec32_four(const unsigned char *p)
{
    return _mm_set_epi32((int32_t)lp_get24(p + 9), (int32_t)lp_get24(p + 6),
                         (int32_t)lp_get24(p + 3), (int32_t)lp_get24(p));
}

static inline lp_vec32 lp_vec32_load_24(const unsigned char *p, const unsigned char *q)
{
    return (lp_vec32){
        {lp_vec32_four(p), lp_vec32_four(p + 12), lp_vec32_four(q), lp_vec32_four(q + 12)}};
}

static inline lp_vec32 lp_vec32_shift_right(lp_vec32 w, int n)
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

static inline lp_vec32 lp_vec32_and(lp_vec32 w, uint32_t x)
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

static inline uint32_t lp_vec32_equal(const lp_vec32 *w, uint32_t x)
{
    const __m128i same = _mm_set1_epi32((int32_t)x);
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++)
        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(w->v[k], same)))
                << 4 * k;
    return bits;
}

static inline uint32_t lp_vec32_in_range(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    const __m128i low = _mm_set1_epi32((int32_t)x - 1), high = _mm_set1_epi32((int32_t)end);
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++) {
        const __m128i a = _mm_cmpgt_epi32(w->v[k], low), b = _mm_cmpgt_epi32(high, w->v[k]);
        bits |= (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_and_si128(a, b))) << 4 * k;
    }
    return bits;
}

#include "mix/vec_x86.h"

#endif
