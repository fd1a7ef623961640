/* mix_state.h - what the mixing stage learns as it codes a sequence, and the
 * coding itself as the trainer uses it. */
#ifndef LP_MIX_STATE_H
#define LP_MIX_STATE_H

#include "coder.h"
#include "mix.h"
#include "model.h"

/* How fast it learns: odds and weights move by their gradient >> that; those of offers, and
 * of children. The trainer tunes with other rates than the codec's. */
struct lp_rates {
    unsigned offer_odds, offer_weight, odds, weight;
};

extern const struct lp_rates lp_mix_rates;

/* The value of that number of the state, as a model has it, and to set it. */
int32_t lp_adaptive_get(const struct lp_adaptive *state, size_t i);
void lp_adaptive_put(struct lp_adaptive *state, size_t i, int32_t value);

/* What a model says of the state, in one way. */
void lp_adaptive_load(const struct lp_model *model, bool fast, struct lp_adaptive *state);

/* As lp_mix_encode(), but beginning with *state (NULL: the model's) and learning
 * at these rates; with state, what was learnt is left there. */
enum lp_status lp_mix_learn(struct lp_mix *mix, const uint32_t *ids, size_t n,
                            const struct lp_rates *rates, struct lp_adaptive *state,
                            struct lp_buf *out);

/* --- For the coding alone (mix_run.h) ------------------------------------------------- */

enum {
    LP_MIX_LEVELS = 4096, /* of what a list counts: sixteen cells of 181 at most */
    LP_MIX_SURE = 255,    /* times a node is met after which its rate stays */
};

/* Codes n leaves, of ids, or into m->leaf. LP_NOMEM. */
typedef enum lp_status lp_mix_run(struct lp_mix *m, struct lp_coder *c, const uint32_t *ids,
                                  size_t n, bool decode);
lp_mix_run lp_mix_run_portable, lp_mix_run_avx2;

struct lp_mix {
    const struct lp_model *model;
    bool fast;
    lp_mix_run *run; /* the best for this machine */
    struct lp_rates rates;
    struct lp_adaptive now, initial;
    int16_t node_rate[LP_MIX_SURE + 1];
    uint8_t level[LP_MIX_LEVELS];
    /* What this sequence has shown of nodes, and which of them to undo. */
    int16_t (*node)[LP_NODE_CHILDREN];
    uint8_t *seen; /* how often, LP_MIX_SURE at most */
    uint32_t *touched, ntouched;
    /* The sequence: its leaves, its own successors, where its contexts were met. */
    uint32_t *leaf, *met;
    unsigned char *cell;
    size_t leaf_cap, cell_cap, met_cap;
    uint32_t nbuckets, met_log;
};

#endif
