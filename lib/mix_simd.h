/* mix_simd.h - the mixer's sums over all inputs at once, and the same in plain C.
 *
 * SSE2 belongs to every x86-64; the results are the same to the bit. */
#ifndef LP_MIX_SIMD_H
#define LP_MIX_SIMD_H

#include "model.h"

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { LP_LANES = 8 }; /* successors of a list, padded */

/* x >> n, rounding down, for any x of less than 30 bits. */
static inline int32_t lp_shift_down(int32_t x, unsigned n)
{
    return (int32_t)((uint32_t)(x + (1 << 30)) >> n) - (1 << (30 - n));
}

#if defined(__SSE2__)

static inline int32_t lp_dot(const int16_t *weight, const int16_t *input)
{
    __m128i a = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(const void *)weight),
                               _mm_loadu_si128((const __m128i *)(const void *)input));
    __m128i b = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(const void *)(weight + 8)),
                               _mm_loadu_si128((const __m128i *)(const void *)(input + 8)));
    a = _mm_add_epi32(a, b);
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xB1));
    return _mm_cvtsi128_si32(a);
}

static inline void lp_train(int16_t *weight, const int16_t *input, int32_t error)
{
    const __m128i e = _mm_set1_epi16((short)error), one = _mm_set1_epi16(1);
    for (int i = 0; i < LP_INPUTS; i += 8) {
        __m128i *w = (__m128i *)(void *)(weight + i);
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(input + i));
        __m128i step = _mm_mulhi_epi16(_mm_add_epi16(x, x), e);
        step = _mm_srai_epi16(_mm_add_epi16(step, one), 1);
        _mm_storeu_si128(w, _mm_adds_epi16(_mm_loadu_si128(w), step));
    }
}

static inline uint32_t lp_count_below(const int32_t *leaf, int32_t mid)
{
    const __m128i m = _mm_set1_epi32(mid);
    __m128i a = _mm_cmplt_epi32(_mm_loadu_si128((const __m128i *)(const void *)leaf), m);
    __m128i b = _mm_cmplt_epi32(_mm_loadu_si128((const __m128i *)(const void *)(leaf + 4)), m);
    int mask = _mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_setzero_si128()));
    return (uint32_t)__builtin_ctz(~(unsigned)mask);
}

/* The cells of a bucket (lpmodel(5)) whose top bits are a check: a bit for each. */
static inline uint32_t lp_match_cells(const unsigned char *bucket, uint32_t shift, uint32_t check)
{
    const __m128i want = _mm_set1_epi32((int)check), n = _mm_cvtsi32_si128((int)shift);
    __m128i same[4];
    for (int i = 0; i < 4; i++) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(bucket + 16 * i));
        same[i] = _mm_cmpeq_epi32(_mm_srl_epi32(x, n), want);
    }
    return (uint32_t)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_packs_epi32(same[0], same[1]), _mm_packs_epi32(same[2], same[3])));
}

#else

/* Sum of products; fits, since weights have 15 bits and inputs 11. */
static inline int32_t lp_dot(const int16_t *weight, const int16_t *input)
{
    int32_t sum = 0;
    for (int i = 0; i < LP_INPUTS; i++)
        sum += weight[i] * input[i];
    return sum;
}

/* Moves weights by input * error / 2^16, rounded; they saturate. Inputs have 11
 * bits, the error 15. */
static inline void lp_train(int16_t *weight, const int16_t *input, int32_t error)
{
    for (int i = 0; i < LP_INPUTS; i++) {
        int32_t step = lp_shift_down(lp_shift_down(input[i] * error, 15) + 1, 1);
        int32_t w = weight[i] + step;
        weight[i] = (int16_t)(w > 32767 ? 32767 : w < -32768 ? -32768 : w);
    }
}

/* How many of eight ascending leaves are less than mid. */
static inline uint32_t lp_count_below(const int32_t *leaf, int32_t mid)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < LP_LANES; i++)
        n += leaf[i] < mid;
    return n;
}

static inline uint32_t lp_match_cells(const unsigned char *bucket, uint32_t shift, uint32_t check)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < 16; i++)
        mask |= (uint32_t)(lp_get32(bucket + 4 * i) >> shift == check) << i;
    return mask;
}

#endif

#endif
