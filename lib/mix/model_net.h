/* model_net.h - a model's network: it predicts from vectors what comes next.
 *
 * A log-bilinear model over the tree (Mnih and Hinton, "A scalable hierarchical distributed
 * language model", 2008) with a recurrent state. Each of the last three leaves adds its row to an
 * input vector, and so does the state, which knows more of what was before. The logits of a node's
 * children are the products of the vector and the children's weights. The upper nodes, where most
 * bits are, see all of the state. The network generalises across similar tokens, which the n-gram
 * lists cannot. Integers only.
 *
 * The state is that of a minimal gated unit (Zhou et al., "Minimal gated unit for recurrent neural
 * networks", 2016): with each leaf, each of its values moves towards a candidate, by a gate from 0
 * to 1. Gates and candidates are functions of sums: of the leaf's row, and of weighted values of
 * the state. Each value sees the eight of its column alone, so that the products are of vectors,
 * lane by lane: more values with few weights each predict better than fewer with more.
 *
 * Only frequent tokens have rows of their own, the others share the row of their class; only the
 * nodes visited most have weights. Known to the mixing stage and the trainer. */
#ifndef LP_MIX_MODEL_NET_H
#define LP_MIX_MODEL_NET_H

#include "mix/model.h"
#include "mix/vec.h"

enum {
    LP_NET_VECTORS = LP_NET_STATE / LP_LANES,  /* of the state: its rows; its columns are lanes */
    LP_NET_PARTS = LP_NET_STATE / LP_NET_SIZE, /* of an upper node's input vector */
    /* Bits from the units of the state to those of its part in sums of rows (four times the
     * state), and in the input vector. */
    LP_NET_TO_SUM = 6,
    LP_NET_TO_INPUT = 8,
};

/* The state, and the input vector. */
struct lp_net_state {
    int16_t state[LP_NET_STATE];
    int8_t input[LP_NET_STATE];   /* the first LP_NET_SIZE are those of lower nodes */
    int32_t offset[LP_NET_PARTS]; /* since weights are stored plus LP_NET_WEIGHT_ZERO */
};

/* 32 values of a row, times a factor. */
static inline void lp_net_values(const unsigned char *group, uint32_t factor, lp_vec values[2])
{
    const lp_vec bytes = lp_vec_widen(group), eight = lp_vec_load(lp_constants.eight);
    const lp_vec by = lp_vec_splat((int)factor);
    values[0] =
        lp_vec_mul(lp_vec_sub(lp_vec_and(bytes, lp_vec_load(lp_constants.fifteen)), eight), by);
    values[1] = lp_vec_mul(lp_vec_sub(lp_vec_shift_right(bytes, 4), eight), by);
}

/* The sums for gates, or candidates, of vectors v and v + 1 of the state, in 1/4096; bytes[] has
 * all vectors, two at a time. */
static inline void lp_net_sums(const struct lp_model *m, const unsigned char *row, uint32_t gate,
                               uint32_t v, const lp_vec bytes[LP_NET_VECTORS / 2], lp_vec sum[2])
{
    const uint32_t i = gate * LP_NET_STATE + v * LP_LANES;
    const unsigned char *group = row + LP_NET_GROUP * (LP_NET_PLACES + i / LP_NET_SIZE);
    const unsigned char *bias = m->net_state + 2 * (size_t)i;
    const unsigned char *weight = m->net_state + LP_NET_BIASES + (size_t)i * LP_NET_VECTORS;
    lp_vec values[2];
    lp_net_values(group, LP_NET_GATE_STEP * (uint32_t)m->net_scale[LP_NET_PLACES + gate], values);
    for (uint32_t k = 0; k < 2; k++) {
        const lp_vec x = lp_vec_pair_dots(lp_vec_load_le(bias + (size_t)k * 2 * LP_LANES), bytes,
                                          weight + (size_t)k * LP_NET_STATE, LP_NET_VECTORS / 2);
        sum[k] = lp_vec_add(lp_vec_add(x, x), values[k]);
    }
}

/* |x| of x that is limited to -most to most. */
static inline lp_vec lp_net_size(lp_vec *x, int most)
{
    *x = lp_vec_max(lp_vec_min(*x, lp_vec_splat(most)), lp_vec_splat(-most));
    return lp_vec_max(*x, lp_vec_sub(lp_vec_splat(0), *x));
}

/* A gate from its sum, in 1/32768: a parabola on each side in place of the logistic function. */
static inline lp_vec lp_net_gate(lp_vec x)
{
    const lp_vec slope = lp_vec_sub(lp_vec_splat(INT16_MAX), lp_net_size(&x, 4 * LP_NET_GATE_UNIT));
    const lp_vec y = lp_vec_mul_high(lp_vec_add(x, x), slope);
    return lp_vec_add(lp_vec_splat(16384), lp_vec_add(y, y));
}

static inline lp_vec lp_net_fourfold(lp_vec x)
{
    x = lp_vec_add(x, x);
    return lp_vec_add(x, x);
}

/* A candidate from its sum, in 1/16384: a parabola on each side in place of tanh. */
static inline lp_vec lp_net_candidate(lp_vec x)
{
    const lp_vec slope = lp_vec_sub(lp_vec_splat(16384), lp_net_size(&x, 2 * LP_NET_GATE_UNIT));
    return lp_net_fourfold(lp_vec_mul_high(lp_net_fourfold(x), slope));
}

/* Updates the state with the row of a leaf. */
static inline void lp_net_step(const struct lp_model *m, struct lp_net_state *state,
                               const unsigned char *row)
{
    const lp_vec zero = lp_vec_splat(LP_NET_STATE_ZERO), upper = lp_vec_splat(256);
    lp_vec bytes[LP_NET_VECTORS / 2];
    for (uint32_t k = 0; k < LP_NET_VECTORS / 2; k++) {
        const int16_t *at = state->state + (size_t)2 * k * LP_LANES;
        const lp_vec x = lp_vec_shift_right(lp_vec_load(at), LP_NET_TO_INPUT);
        const lp_vec y = lp_vec_shift_right(lp_vec_load(at + LP_LANES), LP_NET_TO_INPUT);
        bytes[k] = lp_vec_add(lp_vec_add(x, zero), lp_vec_mul(lp_vec_add(y, zero), upper));
    }
    for (uint32_t v = 0; v < LP_NET_VECTORS; v += 2) {
        lp_vec gates[2], candidates[2];
        lp_net_sums(m, row, 0, v, bytes, gates);
        lp_net_sums(m, row, 1, v, bytes, candidates);
        for (uint32_t k = 0; k < 2; k++) {
            int16_t *at = state->state + (size_t)(v + k) * LP_LANES;
            const lp_vec now = lp_vec_load(at);
            const lp_vec change = lp_vec_sub(lp_net_candidate(candidates[k]), now);
            const lp_vec half = lp_vec_mul_high(lp_net_gate(gates[k]), change);
            lp_vec_store(at, lp_vec_add(now, lp_vec_add(half, half)));
        }
    }
}

/* The first part of the input vector, which the rows of the last leaves add to: two vectors. */
static inline void lp_net_first_part(const struct lp_model *m, const struct lp_net_state *state,
                                     const unsigned char *const row[LP_NET_PLACES], lp_vec x[2])
{
    for (uint32_t i = 0; i < 2; i++)
        x[i] = lp_vec_shift_right(lp_vec_load(state->state + (size_t)i * LP_LANES), LP_NET_TO_SUM);
    for (uint32_t k = 0; k < LP_NET_PLACES; k++) {
        lp_vec values[2];
        lp_net_values(row[k] + (size_t)k * LP_NET_GROUP, m->net_scale[k], values);
        for (uint32_t i = 0; i < 2; i++)
            x[i] = lp_vec_add(x[i], values[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        x[i] = lp_vec_shift_right(x[i], LP_NET_TO_INPUT - LP_NET_TO_SUM);
        x[i] = lp_vec_max(lp_vec_min(x[i], lp_vec_load(lp_constants.max_byte)),
                          lp_vec_load(lp_constants.min_byte));
    }
}

/* Stores a part of the input vector. */
static inline void lp_net_put_part(struct lp_net_state *state, uint32_t part, const lp_vec x[2])
{
    int8_t *at = state->input + (size_t)part * LP_NET_SIZE;
    lp_vec_narrow(at, x[0]);
    lp_vec_narrow(at + LP_LANES, x[1]);
    state->offset[part] =
        -LP_NET_WEIGHT_ZERO * lp_vec_dot(lp_vec_add(x[0], x[1]), lp_vec_load(lp_constants.one));
}

/* Computes the input vector; row[k] is the row of the leaf k + 1 places back. */
static inline void lp_net_make_input(const struct lp_model *m, struct lp_net_state *state,
                                     const unsigned char *const row[LP_NET_PLACES])
{
    for (uint32_t part = 0; part < LP_NET_PARTS; part++) {
        const int16_t *at = state->state + (size_t)part * LP_NET_SIZE;
        lp_vec x[2];
        if (part == 0) {
            lp_net_first_part(m, state, row, x);
        } else {
            x[0] = lp_vec_shift_right(lp_vec_load(at), LP_NET_TO_INPUT);
            x[1] = lp_vec_shift_right(lp_vec_load(at + LP_LANES), LP_NET_TO_INPUT);
        }
        lp_net_put_part(state, part, x);
    }
}

/* The weights of a node. */
static inline const unsigned char *lp_net_weights(const struct lp_model *m, uint32_t at)
{
    const uint32_t upper = at < m->nupper ? at : m->nupper;
    return m->net_weight + LP_NET_UPPER * (size_t)upper + LP_NET_NODE * (size_t)(at - upper);
}

/* Prefetches the weights of a node. */
static inline void lp_net_prefetch(const struct lp_model *m, uint32_t at)
{
    const unsigned char *p = lp_net_weights(m, at);
    const size_t size = at < m->nupper ? LP_NET_UPPER : LP_NET_NODE;
    lp_model_prefetch(m, p); /* all of them lie in one page */
    for (size_t i = 64; i < size; i += 64)
        __builtin_prefetch(p + i);
}

/* Prefetches a row, which may lie in two pages. */
static inline void lp_net_prefetch_row(const struct lp_model *m, const unsigned char *row)
{
    lp_model_prefetch(m, row);
    for (size_t i = 64; i < LP_NET_ROW; i += 64)
        __builtin_prefetch(row + i);
    lp_model_prefetch(m, row + LP_NET_ROW - 1);
}

/* The logits of a node's children, in 1/2048; the node has weights. */
static inline lp_vec lp_net_logits(const struct lp_model *m, const struct lp_net_state *state,
                                   uint32_t at, uint32_t scale)
{
    const unsigned char *weights = lp_net_weights(m, at);
    const uint32_t parts = at < m->nupper ? LP_NET_PARTS : 1;
    lp_vec logits = lp_vec_nibble_dots(weights, state->input, state->offset[0]);
    for (uint32_t i = 1; i < parts; i++)
        logits = lp_vec_add(logits,
                            lp_vec_nibble_dots(weights + i * (size_t)LP_NET_NODE,
                                               state->input + i * LP_NET_SIZE, state->offset[i]));
    return lp_vec_mul_saturated(logits, lp_vec_splat((int)scale));
}

#endif
