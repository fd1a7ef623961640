/* model_net.h - a model's network: it predicts from vectors what comes next.
 *
 * A log-bilinear model over the tree (Mnih and Hinton, "A scalable hierarchical distributed
 * language model", 2008). Each of the last three leaves adds its row to an input vector; a sum of
 * all rows before, which decays by a sixteenth with each token, is added too. The logits of a
 * node's children are the products of the vector and the children's weights. The network
 * generalises across similar tokens, which the n-gram lists cannot. Integers only.
 *
 * Only frequent tokens have rows of their own, the others share the row of their class; only the
 * nodes visited most have weights. Known to the mixing stage and the trainer. */
#ifndef LP_MIX_MODEL_NET_H
#define LP_MIX_MODEL_NET_H

#include "mix/model.h"
#include "mix/vec.h"

/* The input vector and what it is made of. */
struct lp_net_state {
    int16_t faded[LP_NET_SIZE]; /* the decaying sum, in finer units */
    int8_t input[LP_NET_SIZE];
    int32_t offset; /* corrects the products for the weights' bias of LP_NET_WEIGHT_ZERO */
};

/* Sixteen values of a row, from the i-th on, times the scale of the place. */
static inline lp_vec lp_net_values(const struct lp_model *m, const unsigned char *row,
                                   uint32_t place, uint32_t i)
{
    const lp_vec bytes = lp_vec_widen(row + place * LP_NET_ROW + i % LP_NET_ROW);
    const lp_vec values = lp_vec_and(lp_vec_shift_right(bytes, i < LP_NET_ROW ? 0 : 4),
                                     lp_vec_load(lp_constants.fifteen));
    return lp_vec_mul(lp_vec_sub(values, lp_vec_load(lp_constants.eight)),
                      lp_vec_splat(m->net_scale[place]));
}

/* Decays the faded sum and adds the row of the fourth last leaf; row is NULL if there is none. */
static inline void lp_net_fade(const struct lp_model *m, struct lp_net_state *state,
                               const unsigned char *row)
{
    for (uint32_t i = 0; i < LP_NET_SIZE; i += LP_LANES) {
        lp_vec faded = lp_vec_load(state->faded + i);
        faded = lp_vec_sub(faded, lp_vec_shift_right(faded, LP_NET_FADE));
        if (row != NULL)
            faded = lp_vec_add(faded, lp_net_values(m, row, LP_NET_PLACES - 1, i));
        lp_vec_store(state->faded + i, faded);
    }
}

/* Computes the input vector; row[k] is the row of the leaf k + 1 places back. */
static inline void lp_net_make_input(const struct lp_model *m, struct lp_net_state *state,
                                     const unsigned char *const row[LP_NET_PLACES - 1])
{
    lp_vec sum = lp_vec_splat(0);
    for (uint32_t i = 0; i < LP_NET_SIZE; i += LP_LANES) {
        lp_vec x = lp_vec_shift_right(lp_vec_load(state->faded + i), LP_NET_FADED_SHIFT);
        for (uint32_t k = 0; k < LP_NET_PLACES - 1; k++)
            x = lp_vec_add(x, lp_net_values(m, row[k], k, i));
        x = lp_vec_shift_right(x, 2); /* from 1/64 to 1/16 */
        x = lp_vec_max(lp_vec_min(x, lp_vec_load(lp_constants.max_byte)),
                       lp_vec_load(lp_constants.min_byte));
        lp_vec_narrow(state->input + i, x);
        sum = lp_vec_add(sum, x);
    }
    state->offset = -LP_NET_WEIGHT_ZERO * lp_vec_dot(sum, lp_vec_load(lp_constants.one));
}

/* Prefetches the weights of a node. */
static inline void lp_net_prefetch(const struct lp_model *m, uint32_t net)
{
    const unsigned char *p = m->net_weight + LP_NET_NODE * (size_t)net;
    lp_model_prefetch(m, p); /* all of them lie in one page */
    for (size_t i = 64; i < LP_NET_NODE; i += 64)
        __builtin_prefetch(p + i);
}

/* The logits of a node's children, in 1/2048; the node has weights. */
static inline lp_vec lp_net_logits(const struct lp_model *m, const struct lp_net_state *state,
                                   uint32_t at, uint32_t scale)
{
    const lp_vec logits =
        lp_vec_nibble_dots(m->net_weight + LP_NET_NODE * (size_t)at, state->input, state->offset);
    return lp_vec_mul_saturated(logits, lp_vec_splat((int)scale));
}

#endif
