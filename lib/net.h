/* net.h - a model's network: what the tokens before make likely, from vectors.
 *
 * A log-bilinear model over the tree (Mnih and Hinton, "A scalable hierarchical
 * distributed language model", 2008). Each of the last three tokens adds a row of
 * its own to a vector, and so does a sum of all before them, a sixteenth of
 * which fades with each token. A decision's log odds are the product of that vector
 * and the node's weights, plus its bias. Unlike lists of successors it knows what is
 * like what; it costs a cache line a decision. Integers only.
 *
 * Only frequent tokens have rows of their own, others share their class's; only
 * nodes often decided have weights. Known to the mixing stage and the trainer. */
#ifndef LP_NET_H
#define LP_NET_H

#include "mix_simd.h"
#include "model.h"

/* The vector of what came before. */
struct lp_net_state {
    int16_t sum[LP_NET_SIZE];   /* in 1 / LP_NET_UNIT */
    int16_t faded[LP_NET_SIZE]; /* of finer units */
};

/* The row of a leaf in a place. */
static inline const unsigned char *lp_net_row(const struct lp_model *m, uint32_t leaf,
                                              uint32_t place)
{
    uint32_t row = lp_get16(m->row + 2 * (size_t)leaf);
    row = row < m->nrows ? row : 0;
    return m->net_row + ((size_t)row * LP_NET_PLACES + place) * LP_NET_ROW;
}

static inline void lp_net_prefetch(const struct lp_model *m, uint32_t leaf)
{
    const unsigned char *row = lp_net_row(m, leaf, 0);
    __builtin_prefetch(row);
    __builtin_prefetch(row + 64);
}

/* Sees the next token: before[k] is the leaf k + 1 places back. */
static inline void lp_net_see(const struct lp_model *m, struct lp_net_state *state,
                              const uint32_t before[LP_NET_PLACES])
{
    const unsigned char *row[LP_NET_PLACES];
    if (m->nnodes == 0)
        return;
    for (uint32_t k = 0; k < LP_NET_PLACES; k++)
        row[k] = lp_net_row(m, before[k], k);
    if (before[LP_NET_PLACES - 1] == m->nleaves)
        row[LP_NET_PLACES - 1] = NULL;
    lp_net_see_rows(state->sum, state->faded, row, m->net_scale);
}

/* Of n nodes from v down, how many are on the left; fewer than n. */
static inline uint32_t lp_net_left(const struct lp_model *m, uint32_t v, uint32_t n)
{
    uint32_t left = lp_get16(m->net_node + 4 * (size_t)v);
    return left < n ? left : n - 1;
}

static inline const unsigned char *lp_net_weight(const struct lp_model *m, uint32_t v)
{
    return m->net_weight + (size_t)v * LP_NET_SIZE;
}

/* The stretched probability, of 1 / 256, that node v of the network goes right. */
static inline int32_t lp_net_odds(const struct lp_model *m, const struct lp_net_state *state,
                                  uint32_t v)
{
    /* Units of 1 / (64 * 32) to those of 1 / 256 */
    return lp_shift_down(lp_net_dot(state->sum, lp_net_weight(m, v)), 3) +
           (int16_t)lp_get16(m->net_node + 4 * (size_t)v + 2);
}

#endif
