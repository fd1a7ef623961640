/* vec_neon.h - the operations of vec.h with NEON, on 64-bit Arm: a vector is two registers. A part
 * of vec.h. */
#ifndef LP_MIX_VEC_NEON_H
#define LP_MIX_VEC_NEON_H

#define LP_VEC_NEON

typedef struct lp_vec {
    int16x8_t low, high;
} lp_vec;

/* Defines an operation of two vectors that is one instruction for each half. */
#define LP_VEC_PAIRS(name, op)                                                                     \
    static inline lp_vec lp_vec_##name(lp_vec a, lp_vec b)                                         \
    {                                                                                              \
        return (lp_vec){op(a.low, b.low), op(a.high, b.high)};                                     \
    }
LP_VEC_PAIRS(and, vandq_s16)
LP_VEC_PAIRS(and_not, vbicq_s16)
LP_VEC_PAIRS(add, vqaddq_s16)
LP_VEC_PAIRS(sub, vqsubq_s16)
LP_VEC_PAIRS(max, vmaxq_s16)
LP_VEC_PAIRS(min, vminq_s16)
LP_VEC_PAIRS(mul, vmulq_s16)

static inline uint16x8_t lp_vec_unsigned(int16x8_t a)
{
    return vreinterpretq_u16_s16(a);
}

static inline int16x8_t lp_vec_signed(uint16x8_t a)
{
    return vreinterpretq_s16_u16(a);
}

static inline int16x8_t lp_vec_half_high(int16x8_t a, int16x8_t b)
{
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
    return vuzp2q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(vmull_high_s16(a, b)));
}
LP_VEC_PAIRS(mul_high, lp_vec_half_high)

static inline int16x8_t lp_vec_half_high_unsigned(int16x8_t a, int16x8_t b)
{
    const uint16x8_t x = lp_vec_unsigned(a), y = lp_vec_unsigned(b);
    const uint32x4_t low = vmull_u16(vget_low_u16(x), vget_low_u16(y));
    return vuzp2q_s16(vreinterpretq_s16_u32(low), vreinterpretq_s16_u32(vmull_high_u16(x, y)));
}
LP_VEC_PAIRS(mul_high_unsigned, lp_vec_half_high_unsigned)

static inline int16x8_t lp_vec_half_saturated(int16x8_t a, int16x8_t b)
{
    const int16x4_t low = vqmovn_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)));
    return vqmovn_high_s32(low, vmull_high_s16(a, b));
}
LP_VEC_PAIRS(mul_saturated, lp_vec_half_saturated)

static inline int16x8_t lp_vec_half_equal(int16x8_t a, int16x8_t b)
{
    return lp_vec_signed(vceqq_s16(a, b));
}
LP_VEC_PAIRS(equal, lp_vec_half_equal)

static inline int16x8_t lp_vec_half_sub_unsigned(int16x8_t a, int16x8_t b)
{
    return lp_vec_signed(vqsubq_u16(lp_vec_unsigned(a), lp_vec_unsigned(b)));
}
LP_VEC_PAIRS(sub_unsigned, lp_vec_half_sub_unsigned)

static inline lp_vec lp_vec_load(const int16_t *p)
{
    return (lp_vec){vld1q_s16(p), vld1q_s16(p + 8)};
}

static inline void lp_vec_store(int16_t *p, lp_vec a)
{
    vst1q_s16(p, a.low);
    vst1q_s16(p + 8, a.high);
}

static inline lp_vec lp_vec_load_le(const unsigned char *p)
{
    return (lp_vec){vreinterpretq_s16_u8(vld1q_u8(p)), vreinterpretq_s16_u8(vld1q_u8(p + 16))};
}

static inline lp_vec lp_vec_widen(const unsigned char *p)
{
    const uint8x16_t x = vld1q_u8(p);
    return (lp_vec){lp_vec_signed(vmovl_u8(vget_low_u8(x))), lp_vec_signed(vmovl_high_u8(x))};
}

static inline void lp_vec_narrow(int8_t *p, lp_vec a)
{
    vst1q_s8(p, vqmovn_high_s16(vqmovn_s16(a.low), a.high));
}

static inline lp_vec lp_vec_splat(int x)
{
    return (lp_vec){vdupq_n_s16((int16_t)x), vdupq_n_s16((int16_t)x)};
}

static inline lp_vec lp_vec_shift_right(lp_vec a, int n)
{
    const int16x8_t by = vdupq_n_s16((int16_t)-n);
    return (lp_vec){vshlq_s16(a.low, by), vshlq_s16(a.high, by)};
}

static inline lp_vec lp_vec_div16(lp_vec a)
{
    return (lp_vec){lp_vec_signed(vshrq_n_u16(lp_vec_unsigned(a.low), 4)),
                    lp_vec_signed(vshrq_n_u16(lp_vec_unsigned(a.high), 4))};
}

static inline int16x8_t lp_vec_half_lengths(int16x8_t a)
{
    return vsubq_s16(vdupq_n_s16(16), vclzq_s16(a));
}

static inline lp_vec lp_vec_bit_lengths(lp_vec a)
{
    return (lp_vec){lp_vec_half_lengths(a.low), lp_vec_half_lengths(a.high)};
}

/* The bytes of both halves of a table of 32, by the indices of the bytes of a vector. */
static inline lp_vec lp_vec_of_table(uint8x16x2_t table, lp_vec at)
{
    const uint8x16_t low = vqtbl2q_u8(table, vreinterpretq_u8_s16(at.low));
    const uint8x16_t high = vqtbl2q_u8(table, vreinterpretq_u8_s16(at.high));
    return (lp_vec){vreinterpretq_s16_u8(low), vreinterpretq_s16_u8(high)};
}

static inline lp_vec lp_vec_look_up_bytes(const uint8_t *low, const uint8_t *high, lp_vec i)
{
    const uint8x16x2_t table = {{vld1q_u8(low), vld1q_u8(high)}};
    const lp_vec at = lp_vec_mul(i, lp_vec_splat(0x0101));
    return lp_vec_of_table(table, lp_vec_add(at, lp_vec_splat(0x1000)));
}

static inline lp_vec lp_vec_look_up(const int16_t *a, lp_vec i)
{
    const uint8x16x2_t table = {
        {vreinterpretq_u8_s16(vld1q_s16(a)), vreinterpretq_u8_s16(vld1q_s16(a + 8))}};
    const lp_vec at = lp_vec_mul(i, lp_vec_splat(0x0202));
    return lp_vec_of_table(table, lp_vec_add(at, lp_vec_splat(0x0100)));
}

/* --- Products ---------------------------------------------------------------------------- */

static inline int32x4_t lp_vec_pair_sums(lp_vec a, lp_vec b)
{
    int32x4_t sum = vmull_s16(vget_low_s16(a.low), vget_low_s16(b.low));
    sum = vmlal_high_s16(sum, a.low, b.low);
    sum = vmlal_s16(sum, vget_low_s16(a.high), vget_low_s16(b.high));
    return vmlal_high_s16(sum, a.high, b.high);
}

static inline int32_t lp_vec_dot(lp_vec a, lp_vec b)
{
    return vaddvq_s32(lp_vec_pair_sums(a, b));
}

static inline lp_vec lp_vec_weigh(const lp_vec *v, const int16_t *weight, unsigned n)
{
    lp_vec sum = lp_vec_mul_high(v[0], lp_vec_splat(weight[0]));
    for (unsigned i = 1; i < n; i++)
        sum = lp_vec_add(sum, lp_vec_mul_high(v[i], lp_vec_splat(weight[i])));
    return sum;
}

static inline int8x16_t lp_vec_four_bytes(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

/* sum, and for each of four lanes four products of a and x, and four of b and y. */
static inline int32x4_t lp_vec_quad_dots(int32x4_t sum, int8x16_t a, int8x16_t x, int8x16_t b,
                                         int8x16_t y)
{
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(vdotq_s32(sum, a, x), b, y);
#else
    /* A product is at most 15 * 128. */
    int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(x)), high = vmull_high_s8(a, x);
    low = vmlal_s8(low, vget_low_s8(b), vget_low_s8(y));
    high = vmlal_high_s8(high, b, y);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
#endif
}

static inline lp_vec lp_vec_nibble_dots(const unsigned char *weight, const int8_t *input,
                                        int32_t offset)
{
    const int32x4_t more = vdupq_n_s32(offset);
    int32x4_t sum[4] = {more, more, more, more};
    for (int i = 0; i < 4; i++) {
        const int8x16_t x = lp_vec_four_bytes(input + 4 * i);
        const int8x16_t y = lp_vec_four_bytes(input + 16 + 4 * i);
        for (int k = 0; k < 4; k++) {
            const uint8x16_t both = vld1q_u8(weight + 64 * i + 16 * k);
            const int8x16_t low = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
            const int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
            sum[k] = lp_vec_quad_dots(sum[k], low, x, high, y);
        }
    }
    return (lp_vec){vqmovn_high_s32(vqmovn_s32(sum[0]), sum[1]),
                    vqmovn_high_s32(vqmovn_s32(sum[2]), sum[3])};
}

static inline int16x8_t lp_vec_half_pairs(int16x8_t sum, int16x8_t a, const unsigned char *weight)
{
    const int16x8_t w = vreinterpretq_s16_u8(vld1q_u8(weight));
    const int16x8_t high = lp_vec_signed(vshrq_n_u16(lp_vec_unsigned(a), 8));
    sum = vmlaq_s16(sum, vandq_s16(a, vdupq_n_s16(255)), vshrq_n_s16(vshlq_n_s16(w, 8), 8));
    return vmlaq_s16(sum, high, vshrq_n_s16(w, 8));
}

static inline lp_vec lp_vec_pair_dots(lp_vec x, const lp_vec *a, const unsigned char *weight,
                                      unsigned n)
{
    for (unsigned j = 0; j < n; j++, weight += 2 * LP_LANES) {
        x.low = lp_vec_half_pairs(x.low, a[j].low, weight);
        x.high = lp_vec_half_pairs(x.high, a[j].high, weight + LP_LANES);
    }
    return x;
}

static inline void lp_weights_add(const int16_t *const *set, unsigned n, int16_t *sum)
{
    int16x4_t x = vld1_s16(set[0]);
    for (unsigned i = 1; i < n; i++)
        x = vqadd_s16(x, vld1_s16(set[i]));
    vst1_s16(sum, x);
}

static inline void lp_weights_gather(const int16_t *const *p, int16_t *a)
{
    int16x4_t x = vld1_dup_s16(p[0]);
    x = vld1_lane_s16(p[1], x, 1);
    x = vld1_lane_s16(p[2], x, 2);
    vst1_s16(a, vld1_lane_s16(p[3], x, 3));
}

static inline void lp_weights_move(int16_t *a, lp_vec error, const lp_vec *value, unsigned n)
{
    int32x4_t part[4];
    for (int i = 0; i < 4; i++)
        part[i] = lp_vec_pair_sums(error, value[i]);
    const int32x4_t sums = vpaddq_s32(vpaddq_s32(part[0], part[1]), vpaddq_s32(part[2], part[3]));
    const int32x4_t rounded = vaddq_s32(sums, vdupq_n_s32((int32_t)1 << (n - 1)));
    const int32x4_t move = vshlq_s32(rounded, vdupq_n_s32(-(int32_t)n));
    vst1_s16(a, vqadd_s16(vld1_s16(a), vqmovn_s32(move)));
}

/* --- Across lanes ------------------------------------------------------------------------ */

static inline uint32_t lp_vec_first(lp_vec a)
{
    return (uint16_t)vgetq_lane_s16(a.low, 0);
}

static inline uint32_t lp_vec_mask(lp_vec a)
{
    static const int16_t bits[LP_LANES] = {1,   2,   4,    8,    16,   32,   64,    128,
                                           256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN};
    const lp_vec each = lp_vec_and(a, lp_vec_load(bits));
    return (uint16_t)vaddvq_s16(vorrq_s16(each.low, each.high));
}

static inline lp_vec lp_vec_max_lanes(lp_vec a)
{
    return lp_vec_splat(vmaxvq_s16(vmaxq_s16(a.low, a.high)));
}

static inline uint32_t lp_vec_or_lanes(lp_vec a)
{
    const uint64x2_t both = vreinterpretq_u64_s16(vorrq_s16(a.low, a.high));
    uint64_t x = vgetq_lane_u64(both, 0) | vgetq_lane_u64(both, 1);
    x |= x >> 32;
    return (uint32_t)(x | x >> 16) & UINT16_MAX;
}

static inline uint32_t lp_vec_rank(lp_vec a, uint32_t x)
{
    const uint16x8_t most = vdupq_n_u16((uint16_t)x);
    const lp_vec above = {lp_vec_signed(vcgtq_u16(lp_vec_unsigned(a.low), most)),
                          lp_vec_signed(vcgtq_u16(lp_vec_unsigned(a.high), most))};
    return (uint32_t)__builtin_ctz(lp_vec_mask(above) | 1u << LP_LANES);
}

static inline uint32_t lp_vec_rank_part(lp_vec a, uint32_t part)
{
    return lp_vec_rank(a, (uint16_t)vgetq_lane_s16(a.high, 7) * part >> 16);
}

static inline int16x8_t lp_vec_running(int16x8_t x)
{
    const int16x8_t zero = vdupq_n_s16(0);
    x = vaddq_s16(x, vextq_s16(zero, x, 7));
    x = vaddq_s16(x, vextq_s16(zero, x, 6));
    return vaddq_s16(x, vextq_s16(zero, x, 4));
}

static inline lp_vec lp_vec_prefix_sums(lp_vec a, uint32_t *total)
{
    const int16x8_t low = lp_vec_running(a.low);
    const int16x8_t high = vaddq_s16(lp_vec_running(a.high), vdupq_laneq_s16(low, 7));
    *total = (uint16_t)vgetq_lane_s16(high, 7);
    return (lp_vec){low, high};
}

static inline lp_vec lp_vec_next_lane(lp_vec a)
{
    return (lp_vec){vextq_s16(a.low, a.high, 1), vextq_s16(a.high, vdupq_n_s16(0), 1)};
}

/* --- 32-bit words ------------------------------------------------------------------------ */

typedef struct lp_vec32 {
    uint32x4_t v[4];
} lp_vec32;

static inline lp_vec32 lp_vec32_shift_right(lp_vec32 w, int n)
{
    for (int k = 0; k < 4; k++)
        w.v[k] = vshlq_u32(w.v[k], vdupq_n_s32(-n));
    return w;
}

static inline lp_vec32 lp_vec32_load_le(const unsigned char *p, unsigned n)
{
    lp_vec32 w;
    for (int k = 0; k < 4; k++)
        w.v[k] = vreinterpretq_u32_u8(vld1q_u8(p + 16 * k));
    return lp_vec32_shift_right(w, (int)n);
}

static inline lp_vec32 lp_vec32_load(const uint32_t *p)
{
    return (lp_vec32){{vld1q_u32(p), vld1q_u32(p + 4), vld1q_u32(p + 8), vld1q_u32(p + 12)}};
}

static inline uint32x4_t lp_vec32_four(const unsigned char *p)
{
    static const uint8_t at[16] = {0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255};
    return vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(p), vld1q_u8(at)));
}

static inline lp_vec32 lp_vec32_load_24(const unsigned char *p, const unsigned char *q)
{
    return (lp_vec32){
        {lp_vec32_four(p), lp_vec32_four(p + 12), lp_vec32_four(q), lp_vec32_four(q + 12)}};
}

static inline lp_vec32 lp_vec32_and(lp_vec32 w, uint32_t x)
{
    for (int k = 0; k < 4; k++)
        w.v[k] = vandq_u32(w.v[k], vdupq_n_u32(x));
    return w;
}

static inline int16x8_t lp_vec32_two(uint32x4_t a, uint32x4_t b)
{
    return lp_vec_signed(vuzp1q_u16(vreinterpretq_u16_u32(a), vreinterpretq_u16_u32(b)));
}

/* The lower halves of the words. */
static inline lp_vec lp_vec32_halves(lp_vec32 w)
{
    return (lp_vec){lp_vec32_two(w.v[0], w.v[1]), lp_vec32_two(w.v[2], w.v[3])};
}

static inline lp_vec lp_vec32_narrow(lp_vec32 w, int mask)
{
    return lp_vec_and(lp_vec32_halves(w), lp_vec_splat(mask));
}

static inline void lp_vec32_store(uint32_t *p, lp_vec32 w)
{
    for (int k = 0; k < 4; k++)
        vst1q_u32(p + 4 * k, w.v[k]);
}

static inline uint32_t lp_vec32_equal(const lp_vec32 *w, uint32_t x)
{
    lp_vec32 same;
    for (int k = 0; k < 4; k++)
        same.v[k] = vceqq_u32(w->v[k], vdupq_n_u32(x));
    return lp_vec_mask(lp_vec32_halves(same));
}

static inline uint32_t lp_vec32_in_range(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    lp_vec32 in;
    for (int k = 0; k < 4; k++)
        in.v[k] =
            vandq_u32(vcgeq_u32(w->v[k], vdupq_n_u32(x)), vcltq_u32(w->v[k], vdupq_n_u32(end)));
    return lp_vec_mask(lp_vec32_halves(in));
}

#endif
