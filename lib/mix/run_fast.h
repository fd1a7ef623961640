/* run_fast.h - the fast way's first choice: the model's successors of the last leaf, and those of
 * the last two and what the match foresees, or none of them. As more is offered than in the whole
 * way, fewer tokens walk down the tree. What is offered needs no looking up: a cell says which
 * successor it is, so that all cells of a list are seen to at once. A part of run.h. */
#ifndef LP_MIX_RUN_FAST_H
#define LP_MIX_RUN_FAST_H

#include "mix/run_tree.h"

enum {
    QUICK_CELLS = LP_LANES - 2 /* of a list: there is a lane for none, and one for the match */
};

/* The leaves that are offered: in the first lanes those of the list's cells, each where it is in
 * its bucket, and what the match foresees; from LP_LANES on the model's successors of the last
 * leaf, but for those that the list has too. */
struct quick {
    uint32_t leaf[LP_LANES];      /* of the first lanes, as in a cell */
    uint32_t lanes, n;            /* which of these there are, a bit each; how many */
    uint32_t left;                /* the successors that are not among them: a bit each */
    int16_t class[LP_LANES];      /* what the list counts of a leaf, */
    int16_t follows[LP_LANES];    /* -1 where it is a successor, */
    int16_t place[LP_LANES];      /* which one */
    uint32_t level, follow_level; /* what the list counts in all, what follow of others */
    uint32_t none, match;         /* the lanes of none of them, of what the match foresees */
    uint32_t state;               /* the match, in two bits, and whether the list has something */
};

/* The lane of a leaf; that of none if it is not offered. */
static inline uint32_t find_quick(const struct lp_model *model, const struct quick *q,
                                  const struct context *x, uint32_t leaf)
{
    const lp_vec32 leaves = lp_vec32_load(q->leaf);
    const uint32_t place = find_follower(x, leaf);
    if (place != 0)
        leaf = lp_cell_follower(model->leaf_bits) + (uint32_t)__builtin_ctz(place);
    const uint32_t here = (lp_vec32_equal(&leaves, leaf) & q->lanes) | place << LP_LANES;
    return here != 0 ? (uint32_t)__builtin_ctz(here) : q->none;
}

/* The leaf in a lane. */
static inline uint32_t leaf_at(const struct lp_model *model, const struct quick *q,
                               const struct context *x, uint32_t lane)
{
    const uint32_t leaf = q->leaf[lane % LP_LANES];
    const uint32_t place =
        lane < LP_LANES ? leaf - lp_cell_follower(model->leaf_bits) : lane - LP_LANES;
    return place < LP_FOLLOW_MAX ? x->follower[place] : leaf;
}

/* Offers what a list's cells have, -1 in here: in no loop, as it is not to be foretold how many
 * there are. A place that the successors do not have is left out. */
static inline void offer_cells(const struct lp_mix *m, const struct context *x, struct quick *q,
                               const unsigned char *bucket, lp_vec here)
{
    const uint32_t bits = m->model->leaf_bits;
    const int ones = (1 << (bits - LP_PLACE_BITS)) - 1; /* above the place of a successor */
    const lp_vec place = lp_vec_load_field(bucket, 0, LP_FOLLOW_MAX - 1);
    const lp_vec beyond = lp_vec_equal(lp_vec_max(place, lp_vec_splat((int)x->follow.n)), place);
    lp_vec follows =
        lp_vec_equal(lp_vec_load_field(bucket, LP_PLACE_BITS, ones), lp_vec_splat(ones));
    here = lp_vec_and_not(here, lp_vec_and(follows, beyond));
    follows = lp_vec_and(follows, here);
    const lp_vec class = lp_vec_and(lp_vec_load_field(bucket, bits, LP_CELL_CLASSES - 1), here);
    const lp_vec count = lp_vec_look_up((const int16_t *)lp_class_count, class);
    const uint32_t total = (uint32_t)lp_vec_dot(count, lp_vec_load(lp_constants.one));
    lp_vec_store(q->class, class);
    lp_vec_store(q->follows, follows);
    lp_vec_store(q->place, place);
    lp_vec32_store(q->leaf, lp_vec32_and(lp_vec32_load_le(bucket, 0), ((uint32_t)1 << bits) - 1));
    q->lanes = lp_vec_mask(here);
    q->left &= ~lp_vec_or_lanes(lp_vec_and(bit_of(place), follows));
    q->level = m->level[total];
    q->state = (uint32_t)(total > 0) << 2;
}

/* Whether there are some is asked: as this is often foretold, what comes next need not wait for
 * the memory of those that have none. */
static inline void offer_list(const struct lp_mix *m, const struct context *x, struct quick *q)
{
    const struct lp_model *model = m->model;
    const uint32_t bits = model->leaf_bits;
    q->lanes = q->level = q->state = 0;
    q->left = lp_follow_there(&x->follow);
    lp_vec_store(q->class, lp_vec_splat(0));
    lp_vec_store(q->follows, lp_vec_splat(0));
    if (model->nbuckets == 0)
        return;
    const unsigned char *bucket = list_bucket(model, x, 2);
    const lp_vec check = lp_vec_load_field(bucket, bits + LP_CELL_CLASS_BITS, INT16_MAX);
    const lp_vec here = lp_vec_equal(check, lp_vec_splat((int)lp_cell_check(x->hash[1], bits)));
    const uint32_t cells = lp_vec_mask(here);
    if (cells != 0 && __builtin_popcount(cells) <= QUICK_CELLS)
        offer_cells(m, x, q, bucket, here);
}

static inline void offer_all_quick(const struct lp_mix *m, const struct context *x, struct quick *q)
{
    offer_list(m, x, q);
    const uint32_t empty = ~q->lanes;
    q->n = (uint32_t)__builtin_popcount(q->lanes);
    q->none = q->match = (uint32_t)__builtin_ctz(empty);
    q->follow_level = lp_follow_level(&x->follow);
    if (x->match_length == 0)
        return;
    const uint32_t leaf = m->leaf.v[x->match];
    q->match = find_quick(m->model, q, x, leaf);
    if (q->match == q->none) {
        q->match = (uint32_t)__builtin_ctz(empty & (empty - 1));
        q->leaf[q->match] = leaf;
        q->lanes |= (uint32_t)1 << q->match;
        q->n++;
    }
    q->state |= match_state(x->match_length);
}

/* What a choice among these is mixed from. */
struct quick_pick {
    const int16_t *list, *follow; /* the odds of each class */
    struct weights weight;
    lp_vec list_odds[2], follow_odds[2], match_odds[2];
};

LP_INLINE struct halves mix_quick(const struct lp_mix *m, const struct context *x,
                                  const struct quick *q, struct quick_pick *s)
{
    const struct lp_mixing *by = &m->by;
    const int32_t match = match_odds(m, x, q->match != q->none);
    const lp_vec follows = lp_vec_load(q->follows);
    int16_t by_place[LP_FOLLOW_MAX];
    lp_vec odds[2];
    s->weight = weights_of(by, x, q->state, q->n);
    s->list = by->offer[1][q->level];
    s->follow = by->offer[0][q->follow_level];
    s->list_odds[0] = lp_vec_look_up(s->list, lp_vec_load(q->class));
    s->list_odds[1] = lp_vec_splat(s->list[0]);
    s->follow_odds[1] = lp_vec_look_up(s->follow, lp_vec_load(x->follow_class));
    lp_vec_store(by_place, s->follow_odds[1]);
    s->follow_odds[0] =
        lp_vec_add(lp_vec_and_not(lp_vec_splat(s->follow[0]), follows),
                   lp_vec_and(lp_vec_look_up(by_place, lp_vec_load(q->place)), follows));
    for (uint32_t i = 0; i < 2; i++) {
        s->match_odds[i] = only_in(q->match - LP_LANES * i, match);
        odds[i] = lp_vec_add(weighed(s->follow_odds[i], s->weight.sum[0]),
                             weighed(s->list_odds[i], s->weight.sum[1]));
        odds[i] = lp_vec_add(odds[i], weighed(s->match_odds[i], s->weight.sum[LP_IN_MATCH]));
    }
    odds[0] = lp_vec_add(odds[0], none_odds(m, q->state, q->none));
    return halves_of(odds[0], lanes_of(q->lanes | (uint32_t)1 << q->none), odds[1],
                     lanes_of(q->left));
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
              error_of((uint16_t)share[q->none], total, lane == q->none));
    if (q->match != q->none)
        move_odds(&m->learnt.match[x->match_length],
                  error_of((uint16_t)share[q->match], total, lane == q->match));
}

/* For the trainer to learn from a choice. */
#ifndef LP_TEACH_QUICK
#define LP_TEACH_QUICK(m, x, q, s, h, lane) ((void)0)
#endif

/* Codes which of the leaves that are offered it is: its lane. */
LP_APART uint32_t code_quick(struct lp_mix *m, struct lp_range_coder *c, const struct context *x,
                             const struct quick *q, uint32_t leaf, const bool decode)
{
    struct quick_pick s;
    const struct halves h = mix_quick(m, x, q, &s);
    const uint32_t lane =
        choose_of_halves(c, &h, decode ? 0 : find_quick(m->model, q, x, leaf), decode);
    LP_TEACH_QUICK(m, x, q, &s, &h, lane);
    learn_quick(m, x, q, &h, lane);
    return lane;
}

#endif
