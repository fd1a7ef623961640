/* run_learnt.h - what a sequence learns of its own contexts, as logits in tables: of the children
 * of the tree's upper nodes, after each of the last three leaves and where a leaf is offered first;
 * of the escape, after the last two leaves; and of each leaf that is offered. Contexts that share
 * an entry are few and not told apart. An entry loses a 64th whenever it learns, so that a long
 * sequence forgets what no longer holds. A part of run.h. */
#ifndef LP_MIX_RUN_LEARNT_H
#define LP_MIX_RUN_LEARNT_H

#include "mix/run_choice.h"
#include "mix/run_context.h"

enum {
    FADE = 6,         /* an entry loses itself / 2^this, and grows by its error / 2^these: */
    CONTEXT_RATE = 3, /* of a node's children in a context, */
    PAIR_RATE = 4,    /* of the escape after two leaves, */
    LEAF_RATE = 5,    /* of an offered leaf */
};

static inline void move_logit(int16_t *logits, int32_t error, unsigned rate)
{
    const int32_t half = 1 << (rate - 1);
    *logits = (int16_t)lp_saturate_16(*logits + lp_shift_right(error + half, rate));
}

static inline void fade_and_move(int16_t *logits, int32_t error, unsigned rate)
{
    *logits = (int16_t)(*logits - lp_shift_right(*logits, FADE));
    move_logit(logits, error, rate);
}

/* What is learnt of the escape after the last two leaves. */
static inline int16_t *escape_after(const struct lp_mix *m, const struct context *x)
{
    return &m->pair_escape[x->pair];
}

/* The entry of a leaf that is offered. */
static inline uint32_t leaf_entry(uint32_t leaf)
{
    return leaf % LP_LEARNT_LEAVES;
}

/* Finds where a node has the logits of its children in each context, and prefetches them: the
 * tables are accessed at random. */
static inline void find_in_context(const struct lp_mix *m, const struct context *x, uint32_t node,
                                   int16_t *at[LP_NODE_CONTEXTS])
{
    for (uint32_t i = 0; i < LP_NODE_CONTEXTS; i++) {
        const uint64_t hash = lp_context_hash(x->node_context[i], node);
        const size_t entry = ((size_t)i << m->node_log) + (size_t)(hash >> (64 - m->node_log));
        at[i] = m->context_logits[entry];
        __builtin_prefetch(at[i]);
    }
}

/* Their sum over all contexts. */
static inline lp_vec context_logits(int16_t *const at[LP_NODE_CONTEXTS])
{
    lp_vec sum = lp_vec_load(at[0]);
    for (uint32_t i = 1; i < LP_NODE_CONTEXTS; i++)
        sum = lp_vec_add(sum, lp_vec_load(at[i]));
    return sum;
}

/* Adapts them to a choice's errors. */
static inline void learn_in_context(int16_t *const at[LP_NODE_CONTEXTS], lp_vec error)
{
    const lp_vec half = lp_vec_splat(1 << (CONTEXT_RATE - 1));
    const lp_vec step = lp_vec_shift_right(lp_vec_add(error, half), CONTEXT_RATE);
    for (uint32_t i = 0; i < LP_NODE_CONTEXTS; i++) {
        const lp_vec now = lp_vec_load(at[i]);
        lp_vec_store(at[i], lp_vec_add(lp_vec_sub(now, lp_vec_shift_right(now, FADE)), step));
    }
}

#endif
