/* state.h - what the mixing stage works with as it codes a sequence. */
#ifndef LP_MIX_STATE_H
#define LP_MIX_STATE_H

#include "mix/mix.h"
#include "mix/model.h"
#include "mix/range_coder.h"

enum {
    LP_TOTALS = 4096, /* of what a list counts: sixteen cells of 181 at most */
    LP_MET_MAX = 255, /* times a node is met after which its rate stays */
};

/* Codes n leaves, of ids, or into m->leaf. LP_NOMEM; LP_DATA for an id that has none, or a code
 * of no leaf. */
typedef enum lp_status lp_mix_run(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                  size_t n, bool decode);
lp_mix_run lp_mix_run_portable, lp_mix_run_avx2;

/* What a sequence adds to what the model says choices are mixed by. */
struct lp_learnt {
    int16_t weight[LP_LEVELS][LP_SOURCES]; /* of what is offered, by a source's level */
    int16_t none[LP_STATES], match[LP_MATCH_LENGTHS];
    int16_t child[LP_INPUTS]; /* weights */
};

struct lp_mix {
    const struct lp_model *model;
    bool fast;
    lp_mix_run *run;     /* the best for this machine */
    struct lp_mixing by; /* the model's, in this way */
    void *teacher;       /* the trainer's, which learns what is best to mix by */
    double *bits;        /* set: what each token coded takes */
    lp_interrupt *interrupt;
    void *interrupt_ctx;
    int16_t node_rate[LP_MET_MAX + 1];
    uint8_t met_level[LP_MET_MAX + 1], level[LP_TOTALS];
    struct lp_learnt learnt;
    /* What this sequence has shown of nodes, and which of them to undo. */
    int16_t (*node)[LP_NODE_CHILDREN];
    uint8_t *seen; /* how often, LP_MET_MAX at most */
    uint32_t *touched, ntouched;
    /* The sequence: its leaves; by context, its own successors, where it was met. */
    uint32_t *leaf, *met;
    unsigned char *cell;
    size_t leaf_cap, cell_cap, met_cap;
    uint32_t context_log;
};

/* What a model says choices are mixed by, in one way. */
void lp_mixing_load(const struct lp_model *model, bool fast, struct lp_mixing *by);

#endif
