/* mix_context.h - what comes before a token: its leaves, what the network makes of them, the
 * lists of what came after them, the match. A part of mix_run.h. */
#ifndef LP_MIX_CONTEXT_H
#define LP_MIX_CONTEXT_H

#include "follow.h"
#include "list.h"
#include "mix_state.h"
#include "net.h"

enum {
    MATCH_TOKENS = 2, /* that a match begins with */
    MATCH_MAX = LP_MATCH_LENGTHS - 1,
};

static const uint32_t NONE = UINT32_MAX;

/* Lists that name tokens: the model's successors of the last leaf, then all others, as
 * their inputs are. */
enum {
    SOURCES = 1 + LP_LISTS,
    CANDIDATES = LP_FOLLOW_MAX + LP_LISTS * LP_LIST_MAX,
};

/* Where the sequence's own successors of a context are. */
struct own {
    unsigned char *bucket;
    uint32_t check;
};

struct context {
    uint32_t before[LP_NET_PLACES]; /* leaves, the last first */
    uint64_t hash[3];               /* of one, two, three leaves before */
    uint32_t check[3];
    struct lp_net_state net;
    struct own own[2]; /* of the sequence's cells */
    struct lp_list list[LP_LISTS];
    struct lp_candidate candidate[CANDIDATES]; /* those of the lists, */
    uint32_t ncandidates;
    struct lp_follow follow;
    uint32_t match, match_length; /* position of the leaf that a match foresees */
};

/* What a context is found by. Memory is asked early for what will be read there: what
 * the model knows lies far apart. */
static void find_context(const struct lp_mix *m, struct context *x)
{
    const struct lp_model *model = m->model;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < 3; i++) {
        hash = lp_context(hash, x->before[i]);
        x->hash[i] = hash;
        x->check[i] = lp_cell_check(hash, model->leaf_bits);
    }
    __builtin_prefetch(model->start + 4 * (size_t)x->before[0]);
    __builtin_prefetch(model->row + 2 * (size_t)x->before[0]);
    for (uint32_t i = 0; i < (m->fast ? 1 : 2); i++) {
        if (model->nbuckets > 0)
            lp_model_expect(model,
                            model->cell + 64 * (size_t)lp_bucket(x->hash[i + 1], model->nbuckets));
        __builtin_prefetch(m->cell + 64 * (size_t)lp_bucket(x->hash[i], m->nbuckets));
    }
}

/* The context after a leaf, as soon as this is known. */
static void see(const struct lp_mix *m, struct context *x, uint32_t leaf)
{
    for (uint32_t i = LP_NET_PLACES - 1; i > 0; i--)
        x->before[i] = x->before[i - 1];
    x->before[0] = leaf;
    find_context(m, x);
}

/* The model's successors of the last leaf. */
static void find_follow(const struct lp_mix *m, struct context *x)
{
    const struct lp_model *model = m->model;
    if (model->nnets > 0)
        lp_model_expect(model, lp_net_row(model, x->before[0], 0));
    x->follow = (struct lp_follow){0};
    if (!m->fast)
        lp_follow_open(model, x->before[0], &x->follow);
    if (x->follow.n > 0) {
        lp_model_expect(model, x->follow.at - 4 * LP_FOLLOW_HEAD);
        lp_model_expect(model, x->follow.at + 4 * (size_t)(x->follow.n - 1));
    }
}

/* The successors in all lists: the model's first, then the sequence's own. */
static void find_lists(const struct lp_mix *m, struct context *x)
{
    static const unsigned char none[4 * LP_BUCKET_CELLS] = {0};
    const struct lp_model *model = m->model;
    struct lp_list_place place[LP_LISTS];
    for (uint32_t i = 0; i < 2; i++) {
        const unsigned char *bucket = none;
        if (model->nbuckets > 0)
            bucket = model->cell + 64 * (size_t)lp_bucket(x->hash[i + 1], model->nbuckets);
        place[i] = (struct lp_list_place){bucket, x->check[i + 1]};
        place[2 + i] = (struct lp_list_place){x->own[i].bucket, x->check[i]};
    }
    x->ncandidates = lp_lists_find(model, place, m->fast ? 1 : LP_LISTS, x->candidate, x->list);
}

/* Notes the last leaf in the sequence's own lists of what came before it, and finds
 * those of what comes before the next. */
static void find_own(struct lp_mix *m, struct context *x, size_t n)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct own *own = &x->own[i];
        if (n > 0)
            lp_list_note(m->model, own->bucket, own->check, m->leaf[n - 1]);
        own->bucket = m->cell + 64 * (size_t)lp_bucket(x->hash[i], m->nbuckets);
        own->check = x->check[i];
    }
}

/* Follows the match, or looks for one, and notes where this context is. */
static void find_match(struct lp_mix *m, struct context *x, size_t n)
{
    if (x->match_length > 0 && m->leaf[x->match] == m->leaf[n - 1]) {
        x->match++;
        x->match_length += x->match_length < MATCH_MAX;
    } else {
        x->match_length = 0;
    }
    if (n < MATCH_TOKENS)
        return;
    uint32_t *met = &m->met[x->hash[1] >> (64 - m->met_log)];
    if (x->match_length == 0 && *met > 0) {
        x->match = *met;
        while (x->match_length < MATCH_MAX && x->match_length < x->match &&
               m->leaf[x->match - 1 - x->match_length] == m->leaf[n - 1 - x->match_length])
            x->match_length++;
        if (x->match_length < MATCH_TOKENS)
            x->match_length = 0;
    }
    *met = (uint32_t)n;
}

/* The leaf that the match foresees. */
static inline uint32_t matched(const struct lp_mix *m, const struct context *x)
{
    return x->match_length > 0 ? m->leaf[x->match] : NONE;
}

#endif
