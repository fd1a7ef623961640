/* mix_state.h - what the mixing stage learns as it codes a sequence, and the
 * coding itself as the trainer uses it. */
#ifndef LP_MIX_STATE_H
#define LP_MIX_STATE_H

#include "mix.h"
#include "mix_simd.h"
#include "model.h"

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
