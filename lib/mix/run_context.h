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
};

static const uint32_t NO_LEAF = UINT32_MAX;

struct context {
    uint32_t last[3];                            /* leaves, the most recent first */
    const unsigned char *row[LP_NET_PLACES - 1]; /* of the last three leaves in the network */
    uint64_t hash[3];                            /* of the last one, two, three leaves */
    struct lp_net_state net;
    unsigned char *own; /* the bucket of the own list, */
    uint32_t own_check;
    struct lp_follow follow;                 /* of the last leaf, loaded; */
    uint32_t follower[LP_FOLLOW_MAX];        /* its leaves, */
    int16_t follow_class[LP_FOLLOW_MAX + 1]; /* bit lengths of their counts; then a 0 */
    uint32_t match, match_length;            /* the position of the predicted leaf; 0: no match */
    struct lp_follow next; /* after the leaf that is coded: its follow list, not loaded; its row */
    const unsigned char *next_row;
};

static inline unsigned char *own_bucket(const struct lp_mix *m, uint64_t hash)
{
    return m->cell + 4 * LP_OWN_CELLS * (size_t)(hash >> (64 - m->context_log));
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
    x->next = lp_follow_find(model, x->last[0]);
    lp_model_prefetch(model, x->next.at);
    if (model->nnets > 0)
        lp_model_prefetch(model, x->next_row);
    if (!m->fast)
        __builtin_prefetch(own_bucket(m, x->hash[0]));
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

/* Puts the row of the last of n leaves before the others; the row that drops out goes to the faded
 * sum. */
LP_APART void push_row(const struct lp_model *model, struct context *x, size_t n)
{
    enum { LAST = LP_NET_PLACES - 2 };
    if (model->nnets > 0)
        lp_net_fade(model, &x->net, n >= LP_NET_PLACES ? x->row[LAST] : NULL);
    for (uint32_t i = LAST; i > 0; i--)
        x->row[i] = x->row[i - 1];
    x->row[0] = x->next_row;
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

/* Counts the last leaf in the own list of the context before it, and finds the own list of the next
 * one. */
static void find_own(struct lp_mix *m, struct context *x, size_t n)
{
    if (n > 0)
        lp_own_note(x->own, m->model->leaf_bits, x->own_check, m->leaf.v[n - 1]);
    x->own = own_bucket(m, x->hash[0]);
    x->own_check = lp_cell_check(x->hash[0], m->model->leaf_bits);
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
    uint32_t *last_at = &m->last_at[x->hash[1] >> (64 - m->context_log)];
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
