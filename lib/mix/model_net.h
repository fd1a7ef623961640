/* model_net.h - a model's network: what the tokens before make likely, from vectors.
 *
 * A log-bilinear model over the tree (Mnih and Hinton, "A scalable hierarchical
 * distributed language model", 2008). Each of the last three tokens adds a row of
 * its own to a vector, and so does a sum of all before them, a sixteenth of
 * which fades with each token. The log odds of a node's children are the products of
 * that vector and the children's weights. Unlike lists of successors it knows what is
 * like what. Integers only.
 *
 * Only frequent tokens have rows of their own, others share their class's; only
 * nodes often met have weights. Known to the mixing stage and the trainer. */
#ifndef LP_MIX_MODEL_NET_H
#define LP_MIX_MODEL_NET_H

#include "mix/model.h"
#include "mix/vec.h"

/* The vector of what came before. */
struct lp_net_state {
    int16_t faded[LP_NET_SIZE]; /* the sum that fades, in finer units */
    int8_t input[LP_NET_SIZE];
    int32_t offset; /* what to add to sums of products, as weights are not less than 0 */
};

/* Sixteen values of a row from the i-th on, times the place's scale. */
static inline lp_vec lp_net_values(const struct lp_model *m, const unsigned char *row,
                                   uint32_t place, uint32_t i)
{
    const lp_vec bytes = lp_vec_widen(row + place * LP_NET_ROW + i % LP_NET_ROW);
    const lp_vec values = lp_vec_and(lp_vec_shift_right(bytes, i < LP_NET_ROW ? 0 : 4),
                                     lp_vec_load(lp_constants.fifteen));
    return lp_vec_mul(lp_vec_sub(values, lp_vec_load(lp_constants.eight)),
                      lp_vec_splat(m->net_scale[place]));
}

/* Adds the row of the fourth last leaf, NULL if there is none, to the faded sum. */
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

/* Makes the vector: row[k] is that of the leaf k + 1 places back. */
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

/* Asks memory for the weights of a node. */
static inline void lp_net_prefetch(const struct lp_model *m, uint32_t net)
{
    const unsigned char *p = m->net_weight + LP_NET_NODE * (size_t)net;
    lp_model_prefetch(m, p); /* one page has them all */
    for (size_t i = 64; i < LP_NET_NODE; i += 64)
        __builtin_prefetch(p + i);
}

/* The log odds of the children of a node with weights, in 1/2048. */
static inline lp_vec lp_net_logits(const struct lp_model *m, const struct lp_net_state *state,
                                 uint32_t at, uint32_t scale)
{
    const lp_vec logits =
        lp_vec_nibble_dots(m->net_weight + LP_NET_NODE * (size_t)at, state->input, state->offset);
    return lp_vec_mul_saturated(logits, lp_vec_splat((int)scale));
}

#endif
