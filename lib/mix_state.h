/* mix_state.h - what the mixing stage learns as it codes a sequence, and the
 * coding itself as the trainer uses it. */
#ifndef LP_MIX_STATE_H
#define LP_MIX_STATE_H

#include "mix.h"
#include "mix_simd.h"
#include "model.h"

enum {
    LP_LISTS = 5,   /* successors of 2 and 3 tokens in the model, of 1, 2, 3 in the sequence */
    LP_LEVELS = 16, /* of a sum of counts */
    LP_DEAD = 3,    /* how much of a list's mass is elsewhere: none, less, more */
    LP_SETS_A = 256,
    LP_SETS_B = 128,
};

/* All of u16 or i16: initial values are in the model, in this order. */
struct lp_adaptive {
    uint16_t list[LP_LISTS][LP_DEAD][LP_LEVELS][LP_LEVELS];
    uint16_t follow[8][64];
    uint16_t match[64];
    uint16_t history[64];
    int16_t weight_a[LP_SETS_A][LP_INPUTS];
    int16_t weight_b[LP_SETS_B][LP_INPUTS];
};

/* All values, and the probabilities that come before the weights. */
enum {
    LP_ADAPTIVE_SIZE = sizeof(struct lp_adaptive) / 2,
    LP_ADAPTIVE_MAPS = offsetof(struct lp_adaptive, weight_a) / 2,
};

/* How fast it learns; the trainer tunes with other rates than the codec's. */
struct lp_rates {
    int map;    /* a map moves by 2^-map of its error */
    int weight; /* weights by error * input * weight >> 16 or so */
};

extern const struct lp_rates lp_mix_rates;

/* As lp_mix_encode(), but beginning with *state (NULL: the model's) and learning
 * at these rates; with state, what was learnt is left there. */
enum lp_status lp_mix_learn(struct lp_mix *mix, const uint32_t *ids, size_t n,
                            const struct lp_rates *rates, struct lp_adaptive *state,
                            struct lp_buf *out);

#endif
