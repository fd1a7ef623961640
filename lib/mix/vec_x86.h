/* vec_x86.h - the operations of vec.h that AVX2 and SSE2 share: one instruction for each register,
 * or 128-bit code for both halves. A part of vec_avx2.h and vec_sse2.h, which define LP_VEC_PAIRS.
 */
#ifndef LP_MIX_VEC_X86_H
#define LP_MIX_VEC_X86_H

#define LP_VEC_X86 /* the intrinsics of SSE2 are there */

LP_VEC_PAIRS(add, adds_epi16)
LP_VEC_PAIRS(sub, subs_epi16)
LP_VEC_PAIRS(max, max_epi16)
LP_VEC_PAIRS(min, min_epi16)
LP_VEC_PAIRS(mul, mullo_epi16)
LP_VEC_PAIRS(mul_high, mulhi_epi16)
LP_VEC_PAIRS(mul_high_unsigned, mulhi_epu16)
LP_VEC_PAIRS(equal, cmpeq_epi16)
LP_VEC_PAIRS(sub_unsigned, subs_epu16)

static inline void lp_weights_add(const int16_t *const *set, unsigned n, int16_t *sum)
{
    __m128i x = _mm_loadl_epi64((const __m128i *)(const void *)set[0]);
    for (unsigned i = 1; i < n; i++)
        x = _mm_adds_epi16(x, _mm_loadl_epi64((const __m128i *)(const void *)set[i]));
    _mm_storel_epi64((__m128i *)(void *)sum, x);
}

/* One store: a load of all four would wait for four. */
static inline void lp_weights_gather(const int16_t *const *p, int16_t *a)
{
    __m128i x = _mm_cvtsi32_si128(*p[0]);
    x = _mm_insert_epi16(x, *p[1], 1);
    x = _mm_insert_epi16(x, *p[2], 2);
    x = _mm_insert_epi16(x, *p[3], 3);
    _mm_storel_epi64((__m128i *)(void *)a, x);
}

/* Lane k is the sum of the four lanes of x[k]. */
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

static inline lp_vec lp_vec_load_le(const unsigned char *p)
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

static inline uint32_t lp_vec_mask(lp_vec a)
{
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(lp_vec_low(a), lp_vec_high(a)));
}

static inline uint32_t lp_vec_or_lanes(lp_vec a)
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

#endif
