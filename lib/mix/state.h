/* state.h - the working state of a sequence that is coded. */
#ifndef LP_MIX_STATE_H
#define LP_MIX_STATE_H

#include "mix/mix.h"
#include "mix/model.h"
#include "mix/range_coder.h"

enum {
    LP_TOTALS = 4096,     /* above any sum of a list's counts: sixteen cells of at most 181 */
    LP_VISIT_MAX = 255,   /* visits of a node after which its learning rate is constant */
    LP_NODE_CONTEXTS = 4, /* of an upper node (run_learnt.h) */
    /* What is learnt of offered leaves: 8 KB, which stay in the first cache. More entries would
     * gain 0.05% in long blocks, and cost 5% of the time. */
    LP_LEARNT_LEAVES = 4096,
};

/* How often a node was visited, which fades (run_tree.h), and the period of the last visit. */
struct lp_visits {
    uint32_t n : 8, period : 24; /* n is LP_VISIT_MAX at most */
};

/* Codes n ids; or decodes n leaves. m->leaf gets them, and those given. LP_NOMEM; LP_DATA for an id
 * without a leaf, for a code of a leaf that does not exist, or for one that ends before n leaves.
 */
typedef enum lp_status lp_mix_run(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                  size_t n, bool decode);
lp_mix_run lp_mix_run_portable, lp_mix_run_avx2;

/* What a sequence learns: added to the mixing parameters. */
struct lp_learnt {
    int16_t weight[LP_LEVELS][LP_SOURCES]; /* of an offer's inputs, by the source's level */
    int16_t leaf[LP_LEARNT_LEAVES];
    int16_t escape[LP_STATES], match[LP_MATCH_LENGTHS], backing[LP_BACKINGS];
    int16_t child[LP_UPPER_DEPTHS][LP_INPUTS]; /* weights */
};

struct lp_mix {
    const struct lp_model *model;
    bool fast;
    lp_mix_run *run;         /* the fastest on this machine */
    struct lp_mixing params; /* the model's, of this mode */
    void *teacher;           /* the trainer's, which learns the mixing parameters; else NULL */
    double *bits;            /* set: the cost in bits of each token coded */
    lp_interrupt *interrupt;
    void *interrupt_ctx;
    lp_mix_given *given; /* or NULL */
    void *given_ctx;
    int16_t node_rate[LP_VISIT_MAX + 1];
    uint8_t visit_level[LP_VISIT_MAX + 1], level[LP_TOTALS];
    struct lp_learnt learnt;
    /* Logits of nodes that this sequence has visited, and which nodes to reset. */
    int16_t (*node_logits)[LP_NODE_CHILDREN];
    struct lp_visits *visits; /* of each node */
    uint32_t *touched, ntouched;
    struct lp_ids leaf;                          /* those so far, with those given */
    void *tables;                                /* by hash: */
    int16_t (*context_logits)[LP_NODE_CHILDREN]; /* for each context, 1 << node_log of them; */
    uint32_t *last_at;                           /* the last positions, twice as many, */
    int16_t *pair_escape;                        /* learnt logits (run_learnt.h), */
    unsigned char *cell;                         /* and the own lists: 1 << context_log of each */
    size_t tables_cap;
    uint32_t context_log, node_log;
};

/* Loads the mixing parameters of one mode. */
void lp_mixing_load(const struct lp_model *model, bool fast, struct lp_mixing *params);

#endif
