/* vec_plain.h - the operations of vec.h in portable C: what each of them computes. A part of vec.h.
 */
#ifndef LP_MIX_VEC_PLAIN_H
#define LP_MIX_VEC_PLAIN_H

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

/* Defines an operation that gives each lane i a result. */
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

LP_VEC_EACH(splat, int x, x)
LP_VEC_EACH(shift_right, LP_VEC_ONE, lp_shift_right(a.v[i], n))
LP_VEC_EACH(div16, lp_vec a, (uint16_t)a.v[i] >> 4)
LP_VEC_EACH(widen, const unsigned char *p, p[i])
LP_VEC_EACH(add, LP_VEC_TWO, lp_saturate_16(a.v[i] + b.v[i]))
LP_VEC_EACH(sub, LP_VEC_TWO, lp_saturate_16(a.v[i] - b.v[i]))
LP_VEC_EACH(max, LP_VEC_TWO, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
LP_VEC_EACH(min, LP_VEC_TWO, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
LP_VEC_EACH(mul, LP_VEC_TWO, a.v[i] * b.v[i])
LP_VEC_EACH(mul_saturated, LP_VEC_TWO, lp_saturate_16(a.v[i] * b.v[i]))
LP_VEC_EACH(mul_high, LP_VEC_TWO, lp_shift_right(a.v[i] * b.v[i], 16))
LP_VEC_EACH(mul_high_unsigned, LP_VEC_TWO, (uint32_t)(uint16_t)a.v[i] * (uint16_t)b.v[i] >> 16)
LP_VEC_EACH(sub_unsigned, LP_VEC_TWO,
            (uint16_t)a.v[i] > (uint16_t)b.v[i] ? (uint16_t)a.v[i] - (uint16_t)b.v[i] : 0)
LP_VEC_EACH(equal, LP_VEC_TWO, a.v[i] == b.v[i] ? -1 : 0)
LP_VEC_EACH(and, LP_VEC_TWO, a.v[i] & b.v[i])
LP_VEC_EACH(and_not, LP_VEC_TWO, a.v[i] & ~b.v[i])

static inline void lp_weights_add(const int16_t *const *set, unsigned n, int16_t *sum)
{
    for (int k = 0; k < 4; k++) {
        int32_t x = set[0][k];
        for (unsigned i = 1; i < n; i++)
            x = lp_saturate_16(x + set[i][k]);
        sum[k] = (int16_t)x;
    }
}

static inline void lp_weights_gather(const int16_t *const *p, int16_t *a)
{
    for (int k = 0; k < 4; k++)
        a[k] = *p[k];
}

static inline lp_vec lp_vec_load_le(const unsigned char *p)
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

static inline uint32_t lp_vec_mask(lp_vec a)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(a.v[i] != 0) << i;
    return bits;
}

static inline lp_vec lp_vec_max_lanes(lp_vec a)
{
    int32_t most = a.v[0];
    for (int i = 1; i < LP_LANES; i++)
        most = a.v[i] > most ? a.v[i] : most;
    return lp_vec_splat(most);
}

static inline uint32_t lp_vec_or_lanes(lp_vec a)
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
        a[i] = (int16_t)lp_saturate_16(a[i] + lp_saturate_16(lp_shift_right(sum, n)));
    }
}

static inline lp_vec lp_vec_nibble_dots(const unsigned char *weight, const int8_t *input,
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
        r.v[k] = (int16_t)lp_saturate_16(sum[k]);
    return r;
}

static inline lp_vec lp_vec_pair_dots(lp_vec x, const lp_vec *a, const unsigned char *weight,
                                      unsigned n)
{
    const int8_t *w = (const int8_t *)weight;
    uint32_t sum[LP_LANES];
    for (int i = 0; i < LP_LANES; i++)
        sum[i] = (uint16_t)x.v[i];
    for (unsigned j = 0; j < n; j++, w += 2 * LP_LANES) {
        for (int i = 0; i < LP_LANES; i++) {
            const int low = a[j].v[i] & 255, high = (uint16_t)a[j].v[i] >> 8;
            sum[i] += (uint32_t)(low * w[2 * i] + high * w[2 * i + 1]);
        }
    }
    for (int i = 0; i < LP_LANES; i++)
        x.v[i] = (int16_t)sum[i];
    return x;
}

static inline uint32_t lp_vec_rank(lp_vec a, uint32_t x)
{
    uint32_t n = 0;
    while (n < LP_LANES && (uint16_t)a.v[n] <= x)
        n++;
    return n;
}

static inline uint32_t lp_vec_rank_part(lp_vec a, uint32_t part)
{
    return lp_vec_rank(a, (uint16_t)a.v[LP_LANES - 1] * part >> 16);
}

static inline lp_vec lp_vec_prefix_sums(lp_vec a, uint32_t *total)
{
    uint32_t sum = 0;
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(sum += (uint16_t)a.v[i]);
    *total = (uint16_t)sum;
    return a;
}

static inline lp_vec lp_vec_next_lane(lp_vec a)
{
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(i + 1 < LP_LANES ? a.v[i + 1] : 0);
    return a;
}

static inline lp_vec lp_vec_bit_lengths(lp_vec a)
{
    for (int i = 0; i < LP_LANES; i++)
        a.v[i] = (int16_t)(31 - __builtin_clz((uint32_t)(uint16_t)a.v[i] << 1 | 1));
    return a;
}

typedef struct lp_vec32 {
    uint32_t v[LP_LANES];
} lp_vec32;

static inline lp_vec32 lp_vec32_load_le(const unsigned char *p, unsigned n)
{
    lp_vec32 w;
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] = lp_get32(p + 4 * i) >> n;
    return w;
}

static inline lp_vec32 lp_vec32_load(const uint32_t *p)
{
    lp_vec32 w;
    memcpy(w.v, p, sizeof w.v);
    return w;
}

static inline lp_vec32 lp_vec32_load_24(const unsigned char *p, const unsigned char *q)
{
    lp_vec32 w;
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] = lp_get24(i < LP_LANES / 2 ? p + 3 * i : q + 3 * i - 3 * LP_LANES / 2);
    return w;
}

static inline lp_vec32 lp_vec32_shift_right(lp_vec32 w, int n)
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

static inline lp_vec32 lp_vec32_and(lp_vec32 w, uint32_t x)
{
    for (int i = 0; i < LP_LANES; i++)
        w.v[i] &= x;
    return w;
}

static inline void lp_vec32_store(uint32_t *p, lp_vec32 w)
{
    memcpy(p, w.v, sizeof w.v);
}

static inline uint32_t lp_vec32_equal(const lp_vec32 *w, uint32_t x)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(w->v[i] == x) << i;
    return bits;
}

static inline uint32_t lp_vec32_in_range(const lp_vec32 *w, uint32_t x, uint32_t end)
{
    uint32_t bits = 0;
    for (int i = 0; i < LP_LANES; i++)
        bits |= (uint32_t)(w->v[i] >= x && w->v[i] < end) << i;
    return bits;
}

#endif
