/* run_context.h - the context of a token: the leaves before it, their network rows, the lists of
 * their successors, the match. A part of run.h. */
#ifndef LP_MIX_RUN_CONTEXT_H
#define LP_MIX_RUN_CONTEXT_H

#include "mix/model_cells.h"
#include "mix/model_follow.h"
#include "mix/model_net.h"
#include "mix/state.h"

enum {
    MATCH_TOKENS = 2, /* the shortest match */
    MATCH_MAX = LP_MATCH_LENGTHS - 1,
    OWN_LISTS = 2,
    EPOCH_LOG = 14, /* the own list of one leaf begins anew after so many leaves */
};

static const uint32_t NO_LEAF = UINT32_MAX;

struct context {
    uint32_t last[3];                        /* leaves, the most recent first */
    const unsigned char *row[LP_NET_PLACES]; /* of the last three leaves in the network */
    uint64_t hash[3];                        /* of the last one, two, three leaves */
    uint64_t own_hash[OWN_LISTS];            /* of the own lists of one and of two leaves */
    struct lp_net_state net;
    uint32_t position;             /* of the token: its half octave */
    unsigned char *own[OWN_LISTS]; /* the buckets of the own lists of one and of two leaves, */
    uint32_t own_check[OWN_LISTS];
    uint32_t pair;                           /* the entry of the last two leaves, */
    uint64_t node_context[LP_NODE_CONTEXTS]; /* and hashes of the contexts, in run_learnt.h */
    struct lp_follow follow;                 /* of the last leaf, loaded; */
    uint32_t follower[LP_FOLLOW_MAX];        /* its leaves, */
    int16_t follow_class[LP_FOLLOW_MAX + 1]; /* bit lengths of their counts; then a 0 */
    uint32_t match, match_length;            /* the position of the predicted leaf; 0: no match */
    struct lp_follow next; /* after the leaf that is coded: its follow list, not loaded; its row */
    const unsigned char *next_row;
};

/* The bucket of the own list of i + 1 leaves. */
static inline unsigned char *own_bucket(const struct lp_mix *m, const struct context *x, uint32_t i)
{
    const size_t at =
        ((size_t)i << m->context_log) + (size_t)(x->own_hash[i] >> (64 - m->context_log));
    return m->cell + 4 * LP_OWN_CELLS * at;
}

/* Where the sequence had this context of two leaves last: the position after them, 0 if nowhere. */
static inline uint32_t *last_position(const struct lp_mix *m, const struct context *x)
{
    return &m->last_at[x->hash[1] >> (63 - m->context_log)];
}

static inline const unsigned char *list_bucket(const struct lp_model *model,
                                               const struct context *x, uint32_t order)
{
    return model->cell + 64 * (size_t)lp_bucket(x->hash[order - 1], order, model->nbuckets);
}

/* Hashes the context and prefetches what it will read: the model's tables are large and accessed at
 * random. */
static void prepare_context(const struct lp_mix *m, struct context *x)
{
    const struct lp_model *model = m->model;
    x->hash[0] = lp_context_hash(0, x->last[0]);
    x->hash[1] = lp_context_hash(x->hash[0], x->last[1]);
    x->hash[2] = lp_context_hash(x->hash[1], x->last[2]);
    x->own_hash[0] = lp_context_hash((uint64_t)(m->leaf.n >> EPOCH_LOG) << 32, x->last[0]);
    x->own_hash[1] = x->hash[1];
    x->next = lp_follow_find(model, x->last[0]);
    lp_model_prefetch(model, x->next.at);
    if (model->nnets > 0)
        lp_net_prefetch_row(model, x->next_row);
    for (uint32_t i = 0; !m->fast && i < OWN_LISTS; i++)
        __builtin_prefetch(own_bucket(m, x, i));
    __builtin_prefetch(last_position(m, x));
    if (model->nbuckets == 0)
        return;
    lp_model_prefetch(model, list_bucket(model, x, 2));
    if (!m->fast)
        lp_model_prefetch(model, list_bucket(model, x, 3));
}

/* Updates the context with a leaf, as soon as it is known. */
static void push_leaf(const struct lp_mix *m, struct context *x, uint32_t leaf)
{
    x->next_row = lp_leaf_row(m->model, leaf);
    x->last[2] = x->last[1];
    x->last[1] = x->last[0];
    x->last[0] = leaf;
    prepare_context(m, x);
}

/* Makes the network's input vector for the next leaf. */
LP_APART void make_input(const struct lp_model *model, struct context *x)
{
    lp_net_make_input(model, &x->net, x->row);
}

/* Puts the row of the last leaf before the others, and into the network's state. */
LP_APART void push_row(const struct lp_model *model, struct context *x)
{
    for (uint32_t i = LP_NET_PLACES - 1; i > 0; i--)
        x->row[i] = x->row[i - 1];
    x->row[0] = x->next_row;
    if (model->nnets > 0)
        lp_net_step(model, &x->net, x->row[0]);
}

/* The half octave of a position after n leaves: 0 for the first two, then two for each doubling. */
static inline uint32_t position_of(size_t n)
{
    const uint32_t x = (uint32_t)(n < UINT16_MAX ? n : UINT16_MAX) + 1;
    const uint32_t bits = 31 - (uint32_t)__builtin_clz(x);
    const uint32_t position = 2 * bits + (bits > 0 ? x >> (bits - 1) & 1 : 0);
    return position < 2 ? 0 : position < LP_POSITIONS + 2 ? position - 2 : LP_POSITIONS - 1;
}

/* Loads the follow list of the last leaf, which was prefetched. */
static inline void read_follow(struct context *x)
{
    x->follow = x->next;
    const lp_vec32 words = lp_follow_read(&x->follow);
    lp_vec32_store(x->follower, lp_vec32_shift_right(words, LP_FOLLOW_BITS));
    lp_vec_store(x->follow_class, lp_follow_bits(words));
}

/* The place of a leaf in the follow list, as a bit; 0 if it is not there. */
static inline uint32_t find_follower(const struct context *x, uint32_t leaf)
{
    const lp_vec32 leaves = lp_vec32_load(x->follower);
    return lp_vec32_equal(&leaves, leaf) & lp_follow_there(&x->follow);
}

/* Counts the last leaf in the own lists of the context before it, and finds the own lists of the
 * next one. */
static void find_own(struct lp_mix *m, struct context *x, size_t n)
{
    for (uint32_t i = 0; i < OWN_LISTS; i++) {
        if (n > 0)
            lp_own_note(x->own[i], m->model->leaf_bits, x->own_check[i], m->leaf.v[n - 1]);
        x->own[i] = own_bucket(m, x, i);
        x->own_check[i] = lp_cell_check(x->own_hash[i], m->model->leaf_bits);
    }
}

/* Finds what is learnt in this context (run_learnt.h), before x->last gets another leaf. */
static inline void find_learnt(const struct lp_mix *m, struct context *x)
{
    x->pair = (uint32_t)(x->hash[1] >> (64 - m->context_log));
    for (uint32_t i = 0; i < 3; i++)
        x->node_context[i] = lp_context_hash(0, x->last[i]);
}

/* Extends the match or looks for a new one, and records this position for the context. */
static void find_match(struct lp_mix *m, struct context *x, size_t n)
{
    if (n < MATCH_TOKENS)
        return;
    const uint32_t continues = (x->match_length > 0) & (m->leaf.v[x->match] == m->leaf.v[n - 1]);
    x->match += continues;
    x->match_length += x->match_length < MATCH_MAX;
    x->match_length &= 0U - continues;
    uint32_t *last_at = last_position(m, x);
    if (x->match_length == 0 && *last_at > 0) {
        x->match = *last_at;
        while (x->match_length < MATCH_MAX && x->match_length < x->match &&
               m->leaf.v[x->match - 1 - x->match_length] == m->leaf.v[n - 1 - x->match_length])
            x->match_length++;
        if (x->match_length < MATCH_TOKENS)
            x->match_length = 0;
    }
    *last_at = (uint32_t)n;
}

#endif
