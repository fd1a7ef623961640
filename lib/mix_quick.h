/* mix_quick.h - the fast way's first choice: the model's successors of the last leaf, and those of
 * the last two and what the match foresees, or none of them. As more is offered than in the whole
 * way, fewer tokens walk down the tree, and what is offered needs no looking up. A part of
 * mix_run.h. */
#ifndef LP_MIX_QUICK_H
#define LP_MIX_QUICK_H

#include "mix_node.h"

/* The leaves that are offered: in lanes from LP_LANES on the model's successors of the last leaf,
 * as they are there; in those from 1 on the others. */
struct quick {
    uint32_t n, leaf[LP_LANES];   /* of the others */
    uint8_t class[2 * LP_LANES];  /* what the list counts of a leaf */
    uint32_t level, follow_level; /* what the list counts in all, what follow of others */
    uint32_t match;               /* the lane of what the match foresees */
    uint32_t state;               /* the match, in two bits, and whether the list has something */
};

/* The lane of a leaf among the model's successors; another one if it is none. */
static inline uint32_t lane_of_follower(const struct context *x, uint32_t leaf, uint32_t other)
{
    const uint32_t here = lp_words_same(&x->followers, leaf) & lp_follow_there(&x->follow);
    const uint32_t lane = LP_LANES + (uint32_t)__builtin_ctz(here | (uint32_t)1 << LP_LANES);
    return other ^ ((lane ^ other) & (0U - (here != 0))); /* no branch: it is not to be foretold */
}

/* The lane of a leaf; NONE_LANE if it is not offered. */
static inline uint32_t find_quick(const struct quick *q, const struct context *x, uint32_t leaf)
{
    const lp_words leaves = lp_words_of(q->leaf);
    const uint32_t here = lp_words_same(&leaves, leaf) & ((2U << q->n) - 2);
    return lane_of_follower(x, leaf, here != 0 ? (uint32_t)__builtin_ctz(here) : NONE_LANE);
}

static inline void offer_all_quick(const struct lp_mix *m, const struct context *x, struct quick *q)
{
    const uint32_t bits = m->model->leaf_bits;
    const unsigned char *bucket;
    uint32_t total = 0, n = 0;
    q->leaf[NONE_LANE] = NONE;
    lp_vec_store((int16_t *)(void *)q->class, lp_vec_all(0));
    uint64_t cells = list_cells(m->model, x->hash[1], &bucket);
    for (; cells != 0 && n < OFFERED_MAX; cells &= cells - 1) {
        const uint32_t cell = lp_get32(bucket + 4 * (size_t)__builtin_ctzll(cells));
        const uint32_t leaf = lp_cell_leaf(cell, bits), class = lp_cell_class(cell, bits);
        const uint32_t lane = lane_of_follower(x, leaf, n + 1);
        q->leaf[n + 1] = leaf;
        n += lane == n + 1;
        q->class[lane] = (uint8_t) class;
        total += lp_class_count[class];
    }
    q->n = n;
    q->level = m->level[total];
    q->follow_level = lp_follow_class(x->follow.others + 1);
    q->state = (uint32_t)(total > 0) << 2;
    q->match = NONE_LANE;
    if (x->match_length == 0)
        return;
    const uint32_t leaf = m->leaf[x->match];
    q->match = find_quick(q, x, leaf);
    if (q->match == NONE_LANE && n < OFFERED_MAX) {
        q->match = q->n = n + 1;
        q->leaf[n + 1] = leaf;
    }
    if (q->match != NONE_LANE)
        q->state |= match_state(x->match_length);
}

/* What a choice among these is mixed from. */
struct quick_pick {
    const int16_t *list, *follow;
    struct weights weight;
    lp_vec list_odds[2], follow_odds[2], match_odds[2];
};

LP_INLINE struct halves mix_quick(const struct lp_mix *m, const struct context *x,
                                  const struct quick *q, struct quick_pick *s)
{
    const struct lp_mixing *by = &m->by;
    s->weight = weights_of(by, x, q->state, q->n);
    s->list = by->offer[1][q->level];
    s->follow = by->offer[0][q->follow_level];
    const int32_t match = match_odds(m, x, q->match);
    lp_vec odds[2];
    s->follow_odds[0] = lp_vec_all(s->follow[0]);
    s->follow_odds[1] = lp_vec_look_up(s->follow, x->follow_class);
    for (uint32_t i = 0; i < 2; i++) {
        s->list_odds[i] = lp_vec_look_up(s->list, q->class + LP_LANES * i);
        s->match_odds[i] = only_in(q->match - LP_LANES * i, match);
        odds[i] = lp_vec_add(weighed(s->follow_odds[i], s->weight.sum[0]),
                             weighed(s->list_odds[i], s->weight.sum[1]));
        odds[i] = lp_vec_add(odds[i], weighed(s->match_odds[i], s->weight.sum[LP_IN_MATCH]));
    }
    odds[0] = lp_vec_add(odds[0], none_odds(m, q->state));
    return halves_of(odds[0], lanes_below(q->n + 1), odds[1], lanes_below(x->follow.n));
}

/* The sequence learns from a choice. */
LP_INLINE void learn_quick(struct lp_mix *m, const struct context *x, const struct quick *q,
                           const struct halves *h, uint32_t lane)
{
    int16_t share[2 * LP_LANES];
    lp_vec_store(share, h->share[0]);
    lp_vec_store(share + LP_LANES, h->share[1]);
    const uint32_t total = h->total;
    move_odds(&m->learnt.none[q->state],
              error_of((uint16_t)share[NONE_LANE], total, lane == NONE_LANE));
    if (q->match != NONE_LANE)
        move_odds(&m->learnt.match[x->match_length],
                  error_of((uint16_t)share[q->match], total, lane == q->match));
}

/* For the trainer to learn from a choice. */
#ifndef LP_TEACH_QUICK
#define LP_TEACH_QUICK(m, x, q, s, h, lane) ((void)0)
#endif

/* Codes which of the leaves that are offered it is: its lane. */
LP_APART uint32_t code_quick(struct lp_mix *m, struct lp_coder *c, const struct context *x,
                             const struct quick *q, uint32_t leaf, const bool decode)
{
    struct quick_pick s;
    const struct halves h = mix_quick(m, x, q, &s);
    const uint32_t lane = choose_of_halves(c, &h, decode ? 0 : find_quick(q, x, leaf), decode);
    LP_TEACH_QUICK(m, x, q, &s, &h, lane);
    learn_quick(m, x, q, &h, lane);
    return lane;
}

#endif
