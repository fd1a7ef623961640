/* run_fast.h - the first choice in fast mode: a leaf of the follow list, of the list of two leaves,
 * or of the match, or the escape. More candidates than in whole mode mean that fewer tokens take
 * the path down the tree. Candidates need no hashing: a cell names the place of its leaf in the
 * follow list, so that all cells of a bucket are handled at once, as vectors. A part of run.h. */
#ifndef LP_MIX_RUN_FAST_H
#define LP_MIX_RUN_FAST_H

#include "mix/run_tree.h"

enum {
    FAST_CELLS = LP_LANES - 2, /* of a list: two lanes are left for the escape and the match */
    FAST_RATE = 5,             /* logits move by their error / 2^this */
};

/* The candidates. Lanes below LP_LANES: the list's cells, each in the lane of its place in the
 * bucket, and the match's leaf. Lanes from LP_LANES on: the follow list's leaves, without those
 * that cells name. */
struct fast_offer {
    uint32_t leaf[LP_LANES];      /* in lanes below LP_LANES, as cells have it: a leaf or a place */
    uint32_t lanes, n;            /* the candidates among these lanes, a bit each; their number */
    uint32_t left;                /* the candidates among the follow list's places, a bit each */
    int16_t class[LP_LANES];      /* of a cell's count; 0: no cell */
    int16_t follows[LP_LANES];    /* -1 where the cell names a place, */
    int16_t place[LP_LANES];      /* which one */
    uint32_t level, follow_level; /* of the list's total, of the count of others */
    uint32_t escape, match;       /* lanes; match is escape where there is no match */
    uint32_t state; /* the match in two bits, then whether the list counts something */
};

/* The lane of a leaf; that of the escape if it is not offered. */
static inline uint32_t find_fast_lane(const struct lp_model *model, const struct fast_offer *q,
                                      const struct context *x, uint32_t leaf)
{
    const lp_vec32 leaves = lp_vec32_load(q->leaf);
    const uint32_t place = find_follower(x, leaf);
    if (place != 0)
        leaf = lp_cell_follower(model->leaf_bits) + (uint32_t)__builtin_ctz(place);
    const uint32_t here = (lp_vec32_equal(&leaves, leaf) & q->lanes) | place << LP_LANES;
    return here != 0 ? (uint32_t)__builtin_ctz(here) : q->escape;
}

/* The leaf in a lane. */
static inline uint32_t leaf_at(const struct lp_model *model, const struct fast_offer *q,
                               const struct context *x, uint32_t lane)
{
    const uint32_t leaf = q->leaf[lane % LP_LANES];
    const uint32_t place =
        lane < LP_LANES ? leaf - lp_cell_follower(model->leaf_bits) : lane - LP_LANES;
    return place < LP_FOLLOW_MAX ? x->follower[place] : leaf;
}

/* Offers the cells that are -1 in here, but for places that the follow list does not have. Without
 * a loop, whose end would be an unpredictable branch. */
static inline void offer_cells(const struct lp_mix *m, const struct context *x,
                               struct fast_offer *q, const unsigned char *bucket, lp_vec here)
{
    const uint32_t bits = m->model->leaf_bits;
    const int ones = (1 << (bits - LP_PLACE_BITS)) - 1; /* a place has ones in all bits above it */
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
    q->left &= ~lp_vec_or_lanes(lp_vec_and(powers_of_2(place), follows));
    q->level = m->level[total];
    q->state = (uint32_t)(total > 0) << 2;
}

/* Offers the list of two leaves. The branch on whether it has any cells is often predicted, so that
 * code after it need not wait for the bucket to arrive from memory. */
static inline void offer_list(const struct lp_mix *m, const struct context *x, struct fast_offer *q)
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
    if (cells != 0 && __builtin_popcount(cells) <= FAST_CELLS)
        offer_cells(m, x, q, bucket, here);
}

static inline void find_fast_offer(const struct lp_mix *m, const struct context *x,
                                   struct fast_offer *q)
{
    offer_list(m, x, q);
    const uint32_t empty = ~q->lanes;
    q->n = (uint32_t)__builtin_popcount(q->lanes);
    q->escape = q->match = (uint32_t)__builtin_ctz(empty);
    q->follow_level = lp_follow_level(&x->follow);
    if (x->match_length == 0)
        return;
    const uint32_t leaf = m->leaf.v[x->match];
    q->match = find_fast_lane(m->model, q, x, leaf);
    if (q->match == q->escape) {
        q->match = (uint32_t)__builtin_ctz(empty & (empty - 1));
        q->leaf[q->match] = leaf;
        q->lanes |= (uint32_t)1 << q->match;
        q->n++;
    }
    q->state |= match_state(x->match_length);
}

/* The inputs of a choice among these. */
struct fast_choice {
    const int16_t *list, *follow; /* the logits of each class */
    struct weights weight;
    lp_vec list_logits[2], follow_logits[2], match_logit[2];
};

LP_INLINE struct distribution_32 mix_fast(const struct lp_mix *m, const struct context *x,
                                          const struct fast_offer *q, struct fast_choice *s)
{
    const struct lp_mixing *params = &m->params;
    const int32_t match = match_logit(m, x, q->match != q->escape);
    const int32_t learnt = learnt_match(m, x, q->match != q->escape);
    const lp_vec follows = lp_vec_load(q->follows);
    int16_t by_place[LP_FOLLOW_MAX];
    lp_vec logits[2];
    s->weight = weights_of(params, x, q->state, q->n);
    s->list = params->offer[1][q->level];
    s->follow = params->offer[0][q->follow_level];
    s->list_logits[0] = lp_vec_look_up(s->list, lp_vec_load(q->class));
    s->list_logits[1] = lp_vec_splat(s->list[0]);
    s->follow_logits[1] = lp_vec_look_up(s->follow, lp_vec_load(x->follow_class));
    lp_vec_store(by_place, s->follow_logits[1]);
    s->follow_logits[0] =
        lp_vec_add(lp_vec_and_not(lp_vec_splat(s->follow[0]), follows),
                   lp_vec_and(lp_vec_look_up(by_place, lp_vec_load(q->place)), follows));
    for (uint32_t i = 0; i < 2; i++) {
        s->match_logit[i] = in_lane(q->match - LP_LANES * i, match);
        logits[i] = lp_vec_add(weighted(s->follow_logits[i], s->weight.sum[0]),
                               weighted(s->list_logits[i], s->weight.sum[1]));
        logits[i] = lp_vec_add(logits[i], weighted(s->match_logit[i], s->weight.sum[LP_IN_MATCH]));
        logits[i] = lp_vec_add(logits[i], in_lane(q->match - LP_LANES * i, learnt));
    }
    logits[0] = lp_vec_add(logits[0], escape_logit(m, q->state, q->escape));
    return distribution_32_of(logits[0], lanes_from_bits(q->lanes | (uint32_t)1 << q->escape),
                              logits[1], lanes_from_bits(q->left));
}

/* Adapts what the sequence learns to a choice's errors. */
LP_INLINE void learn_fast(struct lp_mix *m, const struct context *x, const struct fast_offer *q,
                          const struct distribution_32 *h, uint32_t lane)
{
    int16_t freq[2 * LP_LANES];
    lp_vec_store(freq, h->freq[0]);
    lp_vec_store(freq + LP_LANES, h->freq[1]);
    const uint32_t total = h->total;
    move_logit(&m->learnt.escape[q->state],
               error_of((uint16_t)freq[q->escape], total, lane == q->escape), FAST_RATE);
    if (q->match != q->escape)
        move_logit(&m->learnt.match[x->match_length],
                   error_of((uint16_t)freq[q->match], total, lane == q->match), FAST_RATE);
}

/* A hook for the trainer to learn from a choice. */
#ifndef LP_TEACH_FAST
#define LP_TEACH_FAST(m, x, q, s, h, lane) ((void)0)
#endif

/* Codes a leaf's lane, or decodes one; returns it. */
LP_APART uint32_t code_fast_offer(struct lp_mix *m, struct lp_range_coder *c,
                                  const struct context *x, const struct fast_offer *q,
                                  uint32_t leaf, const bool decode)
{
    struct fast_choice s;
    const struct distribution_32 h = mix_fast(m, x, q, &s);
    const uint32_t lane =
        choose_of_32(c, &h, decode ? 0 : find_fast_lane(m->model, q, x, leaf), decode);
    LP_TEACH_FAST(m, x, q, &s, &h, lane);
    learn_fast(m, x, q, &h, lane);
    return lane;
}

#endif
