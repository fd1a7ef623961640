/* run_tree.h - the second step: the path of a leaf down the tree, a child of each node at a time. A
 * part of run.h. */
#ifndef LP_MIX_RUN_TREE_H
#define LP_MIX_RUN_TREE_H

#include "mix/run_offer.h"

enum {
    CHILD_RATE = 20, /* weights move by their gradient / 2^this */
    CHILD_SETS = 4,  /* of trained weights */
    /* What a node has shown fades with each period of so many leaves since its last visit, but with
     * so many periods at most. */
    PERIOD_LOG = 8,
    PERIODS_MAX = 7,
};

/* A path down the tree: the node reached, and what is known about the leaf. */
struct walk {
    const unsigned char *node;
    uint32_t at, depth;
    uint32_t inner;          /* 0 once a leaf is reached */
    uint32_t escaped;        /* 1 after an escape, 0 where nothing was offered */
    const uint32_t *offered; /* the offered leaves, in lanes from 1 on, */
    lp_vec32 leaves;         /* as a vector, */
    uint32_t lanes;          /* and the lanes whose leaves are excluded, a bit each */
    /* Places of the follow list, below the node, a bit each: */
    uint32_t excluded;                     /* those whose leaves are excluded, */
    uint32_t successors;                   /* those that were not offered */
    int16_t count[LP_FOLLOW_MAX];          /* of each place of the follow list */
    int16_t *in_context[LP_NODE_CONTEXTS]; /* the node's logits there, if it has_contexts() */
};

/* The inputs of a choice among a node's children. */
struct child_choice {
    lp_vec begin; /* the first leaf of each child, in units from the node's first one */
    uint32_t inner, leaf, shift;
    const int16_t *follow; /* the logit of a child by the class of its successors' count, */
    lp_vec class;          /* and the class of each child */
    uint32_t visits;       /* of the node, faded */
    const int16_t *set[CHILD_SETS + 1]; /* of weights; the last is what the sequence has learnt */
    int16_t weight[LP_INPUTS];
    lp_vec logits[LP_INPUTS];
};

static inline uint32_t child_of(const struct child_choice *s, uint32_t leaf)
{
    return lp_vec_rank(s->begin, (leaf - s->leaf) >> s->shift) - 1;
}

LP_APART void prefetch_weights(const struct lp_model *model, uint32_t at)
{
    lp_net_prefetch(model, at);
}

/* What the model predicts: logits of the node's children in 1/2048. */
LP_APART lp_vec known_logits(const struct lp_model *model, const struct context *x, uint32_t at)
{
    const unsigned char *node = model->node + LP_NODE_SIZE * (size_t)at;
    lp_vec logits =
        lp_vec_mul(lp_vec_widen(node + LP_NODE_AT_COST), lp_vec_load(lp_constants.cost_unit));
    if (at < model->nnets)
        logits = lp_vec_add(logits, lp_net_logits(model, &x->net, at, node[LP_NODE_AT_SCALE]));
    return logits;
}

/* The follow list's logits of the root's children, in 1/2048. */
static inline lp_vec root_logits(const struct context *x)
{
    return lp_vec_mul(lp_vec_and_not(lp_vec_widen(x->follow.root), lane_of(0)), lp_vec_splat(256));
}

/* Stores the counts of the follow list, as lp_follow_int() decodes them. */
LP_APART void store_successor_counts(const struct context *x, struct walk *w)
{
    const lp_vec32 words = lp_follow_words(&x->follow);
    const lp_vec digits = lp_vec32_narrow(words, 3);
    const lp_vec high = lp_vec_mul(lp_vec_add(digits, lp_vec_splat(4)), lp_vec_splat(1 << 13));
    lp_vec_store(w->count, lp_vec_mul_high_unsigned(high, powers_of_2(lp_follow_bits(words))));
}

/* Logits of a node's children, in 1/2048, from the follow list's leaves below them. */
static inline lp_vec successor_logits(const struct lp_mix *m, struct child_choice *s,
                                      const struct context *x, const struct walk *w)
{
    lp_vec sum = lp_vec_splat(0); /* counts of each child and of all after it */
    for (uint32_t rest = w->successors; rest != 0; rest &= rest - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(rest);
        const uint32_t unit = (x->follower[i] - s->leaf) >> s->shift;
        const lp_vec up_to =
            lp_vec_equal(lp_vec_sub_unsigned(s->begin, lp_vec_splat((int)unit)), lp_vec_splat(0));
        sum = lp_vec_add(sum, lp_vec_and(up_to, lp_vec_splat(w->count[i])));
    }
    const lp_vec counts = lp_vec_sub(sum, lp_vec_next_lane(sum));
    s->follow = m->params.follow[lp_follow_class(lp_follow_others(&x->follow) + lp_vec_first(sum))];
    s->class = lp_vec_bit_lengths(counts);
    return lp_vec_look_up(s->follow, s->class);
}

/* The children that can be chosen, a bit each: all but leaves that are excluded, by the lanes in
 * below or by the follow list. All children if none would be left, which only a damaged code can
 * lead to. */
static inline uint32_t without_offered(const struct child_choice *s, const struct context *x,
                                       const struct walk *w, uint32_t below)
{
    const uint32_t none = lp_vec_mask(lp_vec_equal(s->begin, lp_vec_splat(-1)));
    const uint32_t present = ~none & UINT16_MAX;
    uint32_t excluded = 0;
    for (; below != 0; below &= below - 1)
        excluded |= (uint32_t)1 << child_of(s, w->offered[__builtin_ctz(below)]);
    for (below = w->excluded; below != 0; below &= below - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(below);
        excluded |= (uint32_t)1 << child_of(s, x->follower[i]);
    }
    excluded &= present & ~s->inner;
    return excluded != present ? present & ~excluded : present;
}

/* The children that can be chosen: -1 each. */
static inline lp_vec children_of(const struct child_choice *s, const struct context *x,
                                 const struct walk *w)
{
    const uint32_t leaves = 0U - (s->inner != UINT16_MAX); /* all ones: a child is a leaf */
    uint32_t below = w->lanes;
    if (below != 0)
        below &=
            lp_vec32_in_range(&w->leaves, s->leaf, lp_get32(w->node + LP_NODE_AT_END)) & leaves;
    if ((below | (w->excluded & leaves)) != 0) /* rare */
        return lanes_from_bits(without_offered(s, x, w, below));
    return lp_vec_and_not(lp_vec_splat(-1), lp_vec_equal(s->begin, lp_vec_splat(-1)));
}

static inline uint32_t upper_depth(const struct walk *w)
{
    return w->depth < LP_UPPER_DEPTHS ? w->depth : LP_UPPER_DEPTHS - 1;
}

/* Whether what the sequence has shown in contexts counts at a node. */
static inline bool has_contexts(const struct lp_mix *m, const struct walk *w)
{
    return !m->fast && w->depth < LP_UPPER_DEPTHS - 1;
}

static inline uint32_t period_of(const struct lp_mix *m)
{
    return (uint32_t)(m->leaf.n >> PERIOD_LOG);
}

/* What the sequence has shown at a node, in 1/2048. With each period since the last visit it loses
 * a sixteenth, and the visits a half: the subject of a long sequence changes. */
static inline lp_vec shown_logits(const struct lp_mix *m, struct child_choice *s, uint32_t at)
{
    lp_vec logits = lp_vec_load(m->node_logits[at]);
    uint32_t periods = period_of(m) - (uint32_t)m->visits[at].period;
    periods = periods < PERIODS_MAX ? periods : PERIODS_MAX;
    s->visits = m->visits[at].n >> periods;
    for (; periods > 0; periods--)
        logits = lp_vec_sub(logits, lp_vec_shift_right(logits, 4));
    return logits;
}

/* Selects the sets of weights, and adds them. */
LP_INLINE void select_weights(const struct lp_mix *m, struct child_choice *s,
                              const struct context *x, const struct walk *w)
{
    const struct lp_mixing *params = &m->params;
    const uint32_t depth = w->depth < LP_NODE_DEPTHS ? w->depth : LP_NODE_DEPTHS - 1;
    const uint32_t upper = upper_depth(w);
    const uint32_t follows = 2 * upper + (w->depth > 0 && w->successors != 0);
    s->set[0] = params->child_a[LP_VISIT_LEVELS * w->escaped + m->visit_level[s->visits]];
    s->set[1] = params->child_b[depth << 1 | (w->at < m->model->nnets)];
    s->set[2] = params->child_c[LP_LEVELS * follows + lp_follow_level(&x->follow)];
    s->set[3] = params->child_d[LP_POSITIONS * upper + x->position];
    s->set[CHILD_SETS] = m->learnt.child[upper];
    lp_weights_add(s->set, CHILD_SETS + 1, s->weight);
}

/* The frequencies of the children. */
LP_INLINE lp_vec mix_children(struct lp_mix *m, struct child_choice *s, const struct context *x,
                              struct walk *w)
{
    const unsigned char *node = w->node;
    s->follow = NULL;
    s->class = lp_vec_splat(0);
    s->inner = lp_get16(node + LP_NODE_AT_INNER);
    s->begin = lp_vec_load_le(node + LP_NODE_AT_BEGIN);
    s->leaf = lp_get32(node + LP_NODE_AT_LEAF);
    s->shift = node[LP_NODE_AT_SHIFT];
    const lp_vec32 followers = lp_vec32_load(x->follower);
    const uint32_t below = lp_vec32_in_range(&followers, s->leaf, lp_get32(node + LP_NODE_AT_END));
    w->successors &= below;
    w->excluded &= below;
    s->logits[LP_IN_NODE] = shown_logits(m, s, w->at);
    select_weights(m, s, x, w);
    s->logits[LP_IN_MODEL] = known_logits(m->model, x, w->at);
    s->logits[LP_IN_FOLLOW] = lp_vec_splat(0);
    if (w->depth == 0)
        s->logits[LP_IN_FOLLOW] = root_logits(x);
    else if (w->successors != 0)
        s->logits[LP_IN_FOLLOW] = successor_logits(m, s, x, w);
    s->logits[LP_IN_CONTEXT] = has_contexts(m, w) ? context_logits(w->in_context) : lp_vec_splat(0);
    return freqs_of(lp_vec_weigh(s->logits, s->weight, LP_INPUTS), children_of(s, x, w));
}

/* Adapts the node's own logits to a choice's errors. */
LP_INLINE void note_child(struct lp_mix *m, const struct child_choice *s, uint32_t at, lp_vec error)
{
    lp_vec step = lp_vec_splat(m->node_rate[s->visits]);
    step = lp_vec_mul_high(lp_vec_add(error, error), step);
    step = lp_vec_shift_right(lp_vec_add(step, lp_vec_load(lp_constants.one)), 1);
    lp_vec_store(m->node_logits[at], lp_vec_add(s->logits[LP_IN_NODE], step));
    m->touched[m->ntouched] = at;
    m->ntouched += m->visits[at].n == 0;
    m->visits[at].n = (s->visits + (s->visits < LP_VISIT_MAX)) & LP_VISIT_MAX;
    m->visits[at].period = period_of(m) & 0xFFFFFF;
}

/* The first leaf of a child of a node. */
static inline uint32_t child_begin(const unsigned char *node, uint32_t child)
{
    const uint32_t begin = lp_get16(node + LP_NODE_AT_BEGIN + 2 * (size_t)child);
    return lp_get32(node + LP_NODE_AT_LEAF) + (begin << node[LP_NODE_AT_SHIFT]);
}

/* Goes to a child, and prefetches what the choice there reads. */
LP_INLINE void go(const struct lp_mix *m, const struct context *x, struct walk *w,
                  const struct child_choice *s, uint32_t child, const bool decode)
{
    const unsigned char *node = w->node;
    w->inner = s->inner >> child & 1;
    if (!w->inner)
        return;
    w->at = lp_get32(node + LP_NODE_AT_FIRST) +
            (uint32_t)__builtin_popcount(s->inner & ((1u << child) - 1));
    w->node = m->model->node + LP_NODE_SIZE * (size_t)w->at;
    __builtin_prefetch(w->node);
    __builtin_prefetch(m->node_logits[w->at]);
    if (w->at < m->model->nnets)
        prefetch_weights(m->model, w->at);
    if (decode) {
        /* The leaf may be one of the first below that node: its context needs this entry. */
        const uint32_t begin = child_begin(node, child);
        __builtin_prefetch(lp_index_entry(m->model, begin));
    }
    w->depth++;
    if (has_contexts(m, w))
        find_in_context(m, x, w->at, w->in_context);
}

/* A hook for the trainer to learn from a choice. */
#ifndef LP_TEACH_CHILD
#define LP_TEACH_CHILD(m, s, error) ((void)0)
#endif

/* Codes which child of the node has the leaf, or decodes a child; learns from it and goes there. */
LP_INLINE uint32_t code_child(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                              struct walk *w, uint32_t leaf, const bool decode)
{
    const uint32_t at = w->at;
    const unsigned char *node = w->node;
    struct child_choice s;
    const struct distribution distribution = distribution_of(mix_children(m, &s, x, w));
    const uint32_t child = choose(c, &distribution, decode ? 0 : child_of(&s, leaf), decode);
    const lp_vec error = errors_of(distribution.freq, distribution.total, child);
    LP_TEACH_CHILD(m, &s, error);
    lp_weights_move(m->learnt.child[upper_depth(w)], error, s.logits, CHILD_RATE);
    if (has_contexts(m, w))
        learn_in_context(w->in_context, error);
    go(m, x, w, &s, child, decode);
    if (decode && !w->inner)
        push_leaf(m, x, child_begin(node, child));
    note_child(m, &s, at, error);
    return child;
}

#endif
