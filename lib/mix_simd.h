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

static inline int32_t lp_dot(const int16_t *weight, const int16_t *input, int n)
{
    __m128i a = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(const void *)weight),
                               _mm_loadu_si128((const __m128i *)(const void *)input));
    if (n > 8) {
        __m128i b = _mm_madd_epi16(_mm_loadu_si128((const __m128i *)(const void *)(weight + 8)),
                                   _mm_loadu_si128((const __m128i *)(const void *)(input + 8)));
        a = _mm_add_epi32(a, b);
    }
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    a = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0xB1));
    return _mm_cvtsi128_si32(a);
}

static inline void lp_train(int16_t *weight, const int16_t *input, int n, int32_t error)
{
    const __m128i e = _mm_set1_epi16((short)error), one = _mm_set1_epi16(1);
    for (int i = 0; i < n; i += 8) {
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

/* How many of the n, at most four, ascending words at p are less than bound. Four
 * can be read. */
static inline uint32_t lp_words_below(const unsigned char *p, uint32_t n, uint32_t bound)
{
    const __m128i sign = _mm_set1_epi32(INT32_MIN);
    const __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)p), sign);
    const __m128i less = _mm_cmplt_epi32(x, _mm_xor_si128(_mm_set1_epi32((int)bound), sign));
    const int mask = _mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(less, less), less));
    return (uint32_t)__builtin_ctz(~((unsigned)mask & ((1U << n) - 1)));
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

/* Adds the low or high nibbles of sixteen bytes of a row, times scale. */
static inline void lp_net_add(__m128i sum[2], __m128i nibbles, __m128i scale)
{
    const __m128i zero = _mm_setzero_si128();
    sum[0] = _mm_add_epi16(sum[0], _mm_mullo_epi16(_mm_unpacklo_epi8(nibbles, zero), scale));
    sum[1] = _mm_add_epi16(sum[1], _mm_mullo_epi16(_mm_unpackhi_epi8(nibbles, zero), scale));
}

static inline __m128i lp_net_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void lp_net_see_rows(int16_t *sum, int16_t *faded, const unsigned char *const *row,
                                   const int32_t *scale)
{
    const __m128i low = _mm_set1_epi8(15);
    __m128i times[LP_NET_PLACES], bias = _mm_setzero_si128();
    for (int k = 0; k < LP_NET_PLACES; k++) {
        times[k] = _mm_set1_epi16((short)scale[k]);
        if (k < LP_NET_PLACES - 1)
            bias = _mm_add_epi16(bias, _mm_slli_epi16(times[k], 3));
    }
    const __m128i faded_bias = _mm_slli_epi16(times[LP_NET_PLACES - 1], 3);
    for (int i = 0; i < LP_NET_SIZE; i += 16) {
        const int at = i % LP_NET_ROW, shift = i < LP_NET_ROW ? 0 : 4;
        __m128i f[2], s[2];
        for (int k = 0; k < 2; k++) {
            const __m128i x = lp_net_load(faded + i + 8 * k);
            f[k] = _mm_sub_epi16(x, _mm_srai_epi16(x, LP_NET_FADE));
        }
        if (row[LP_NET_PLACES - 1] != NULL) {
            const __m128i x = lp_net_load(row[LP_NET_PLACES - 1] + at);
            f[0] = _mm_sub_epi16(f[0], faded_bias);
            f[1] = _mm_sub_epi16(f[1], faded_bias);
            lp_net_add(f, _mm_and_si128(_mm_srli_epi16(x, shift), low), times[LP_NET_PLACES - 1]);
        }
        for (int k = 0; k < 2; k++) {
            _mm_storeu_si128((__m128i *)(void *)(faded + i + 8 * k), f[k]);
            s[k] = _mm_sub_epi16(_mm_srai_epi16(f[k], LP_NET_FADED_SHIFT), bias);
        }
        for (int k = 0; k < LP_NET_PLACES - 1; k++) {
            const __m128i x = lp_net_load(row[k] + at);
            lp_net_add(s, _mm_and_si128(_mm_srli_epi16(x, shift), low), times[k]);
        }
        for (int k = 0; k < 2; k++)
            _mm_storeu_si128((__m128i *)(void *)(sum + i + 8 * k), s[k]);
    }
}

static inline int32_t lp_net_dot(const int16_t *sum, const unsigned char *weight)
{
    __m128i total = _mm_setzero_si128();
    for (int i = 0; i < LP_NET_SIZE; i += 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(weight + i));
        const __m128i a = _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8);
        const __m128i b = _mm_srai_epi16(_mm_unpackhi_epi8(x, x), 8);
        const __m128i *s = (const __m128i *)(const void *)(sum + i);
        total = _mm_add_epi32(total, _mm_madd_epi16(a, _mm_loadu_si128(s)));
        total = _mm_add_epi32(total, _mm_madd_epi16(b, _mm_loadu_si128(s + 1)));
    }
    total = _mm_add_epi32(total, _mm_shuffle_epi32(total, 0x4E));
    total = _mm_add_epi32(total, _mm_shuffle_epi32(total, 0xB1));
    return _mm_cvtsi128_si32(total);
}

#else

/* The network's sums as a token is seen: rows for each place, times scale; the
 * last, which may be NULL, goes to the faded sum. */
static inline void lp_net_see_rows(int16_t *sum, int16_t *faded, const unsigned char *const *row,
                                   const int32_t *scale)
{
    const int last = LP_NET_PLACES - 1;
    for (int i = 0; i < LP_NET_SIZE; i++) {
        const int at = i % LP_NET_ROW, shift = i < LP_NET_ROW ? 0 : 4;
        int32_t f = faded[i] - lp_shift_down(faded[i], LP_NET_FADE);
        if (row[last] != NULL)
            f += ((row[last][at] >> shift & 15) - 8) * scale[last];
        int32_t s = lp_shift_down(f, LP_NET_FADED_SHIFT);
        for (int k = 0; k < last; k++)
            s += ((row[k][at] >> shift & 15) - 8) * scale[k];
        faded[i] = (int16_t)f;
        sum[i] = (int16_t)s;
    }
}

/* A node's weights times the sum. */
static inline int32_t lp_net_dot(const int16_t *sum, const unsigned char *weight)
{
    int32_t total = 0;
    for (int i = 0; i < LP_NET_SIZE; i++)
        total += sum[i] * (signed char)weight[i];
    return total;
}

/* Sum of n (8 or 16) products; fits, since weights have 15 bits and inputs 11. */
static inline int32_t lp_dot(const int16_t *weight, const int16_t *input, int n)
{
    int32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += weight[i] * input[i];
    return sum;
}

/* Moves weights by input * error / 2^16, rounded; they saturate. Inputs have 11
 * bits, the error 15. */
static inline void lp_train(int16_t *weight, const int16_t *input, int n, int32_t error)
{
    for (int i = 0; i < n; i++) {
        int32_t step = lp_shift_down(lp_shift_down(input[i] * error, 15) + 1, 1);
        int32_t w = weight[i] + step;
        weight[i] = (int16_t)(w > 32767 ? 32767 : w < -32768 ? -32768 : w);
    }
}

/* How many of eight ascending leaves are less than mid. (A sum of comparisons is
 * what gcc 12 -O3 miscompiles for aarch64.) */
static inline uint32_t lp_count_below(const int32_t *leaf, int32_t mid)
{
    uint32_t n = 0;
    while (n < LP_LANES && leaf[n] < mid)
        n++;
    return n;
}

static inline uint32_t lp_words_below(const unsigned char *p, uint32_t n, uint32_t bound)
{
    uint32_t below = 0;
    while (below < n && lp_get32(p + 4 * (size_t)below) < bound)
        below++;
    return below;
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
