/* run_offer.h - the first choice: a candidate of the n-gram lists and the match, or the escape. A
 * part of run.h. */
#ifndef LP_MIX_RUN_OFFER_H
#define LP_MIX_RUN_OFFER_H

#include "mix/run_learnt.h"

enum {
    OFFERED_MAX = LP_LANES - 1,
    ESCAPE_LANE = 0,      /* the lane of the escape */
    OFFER_RATE = 16,      /* weights move by their gradient / 2^this, */
    LOGIT_RATE = 6,       /* and logits by their error / 2^this */
    SLOTS = 256,          /* of a hash of leaves by their low bits: collisions are rare */
    ESCAPE_WEIGHT = 8192, /* of the escape's logit: 1 */
};

/* The candidates, each in a lane from 1 on. */
struct offer {
    uint32_t n, leaf[LP_LANES];
    uint32_t followed;   /* the places of the follow list that are candidates, a bit each */
    uint8_t slot[SLOTS]; /* the lane of the last candidate with this hash */
    uint8_t class[LP_SOURCES][LP_LANES]; /* of its count in each source; 0: not there */
    int16_t shown[LP_LANES];             /* what the sequence has learnt of it (run_learnt.h) */
    uint32_t level[LP_SOURCES];          /* of a list's total, or of the count of others */
    uint32_t match;                      /* the lane of the match's leaf */
    uint32_t state; /* the match in two bits, then a bit for each list that counts something */
};

/* The lane of a leaf whose slot a later candidate took; ESCAPE_LANE if it is not offered. */
LP_APART uint32_t find_evicted(const struct offer *o, uint32_t leaf)
{
    uint32_t lane = o->n;
    while (lane > 0 && o->leaf[lane] != leaf)
        lane--;
    return lane;
}

/* The lane of a leaf; ESCAPE_LANE if it is not offered. */
static inline uint32_t find_offered(const struct offer *o, uint32_t leaf)
{
    const uint32_t lane = o->slot[leaf % SLOTS];
    const uint32_t same = lane & (0U - (o->leaf[lane] == leaf));
    if (same != lane) /* rare */
        return find_evicted(o, leaf);
    return same;
}

/* Offers a leaf. Returns its lane, which may be an old one; ESCAPE_LANE if the lanes are full. */
static inline uint32_t offer_leaf(const struct lp_mix *m, const struct context *x, struct offer *o,
                                  uint32_t leaf)
{
    uint32_t lane = find_offered(o, leaf);
    const bool new = lane == ESCAPE_LANE;
    if (new &(o->n == OFFERED_MAX))
        return ESCAPE_LANE;
    o->n += new;
    lane = new ? o->n : lane;
    o->shown[lane] = m->learnt.leaf[leaf_entry(leaf)];
    o->slot[leaf % SLOTS] = (uint8_t)lane;
    o->leaf[lane] = leaf;
    const uint32_t here = find_follower(x, leaf);
    o->class[0][lane] =
        (uint8_t)x->follow_class[__builtin_ctz(here | (uint32_t)1 << LP_FOLLOW_MAX)];
    o->followed |= here;
    return lane;
}

/* The cells of a context of order leaves in its bucket, a bit each. */
static inline uint64_t list_cells(const struct lp_model *model, const struct context *x,
                                  uint32_t order, const unsigned char **bucket)
{
    *bucket = model->cell;
    if (model->nbuckets == 0)
        return 0;
    *bucket = list_bucket(model, x, order);
    return lp_cells_of(*bucket, model->leaf_bits,
                       lp_cell_check(x->hash[order - 1], model->leaf_bits));
}

/* The leaf of a cell; NO_LEAF for a place that the follow list does not have. Branch-free: whether
 * a cell holds a place is unpredictable. */
static inline uint32_t leaf_in(const struct context *x, uint32_t cell, uint32_t bits)
{
    const uint32_t leaf = lp_cell_leaf(cell, bits), place = leaf - lp_cell_follower(bits);
    const uint32_t follows = 0U - (place < LP_FOLLOW_MAX), present = 0U - (place < x->follow.n);
    const uint32_t follower = x->follower[place % LP_FOLLOW_MAX];
    return leaf ^ ((leaf ^ (follower | ~present)) & follows);
}

/* Offers what the lists have: the model's of three leaves, the own ones of two and of one, the
 * model's of two, which alone can fill the lanes. One loop for all has one unpredictable exit
 * instead of four. */
static inline void offer_lists(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    static const uint8_t list[LP_LISTS] = {1, 3, 2, 0}; /* in this order */
    const struct lp_model *model = m->model;
    const uint32_t bits = model->leaf_bits, own = (1 << LP_OWN_CELLS) - 1;
    const unsigned char *bucket[LP_LISTS] = {NULL, x->own[1], x->own[0], NULL};
    uint32_t total[LP_LISTS] = {0};
    uint64_t cells = list_cells(model, x, 3, &bucket[0]);
    for (uint32_t i = 0; i < OWN_LISTS; i++)
        cells |= (uint64_t)(lp_cells_of(x->own[i], bits, x->own_check[i]) & own)
                 << (OWN_LISTS - i) * LP_BUCKET_CELLS;
    cells |= list_cells(model, x, 2, &bucket[3]) << 3 * LP_BUCKET_CELLS;
    for (; cells != 0; cells &= cells - 1) {
        const uint32_t at = (uint32_t)__builtin_ctzll(cells), i = at / LP_BUCKET_CELLS;
        const uint32_t cell = lp_get32(bucket[i] + 4 * (size_t)(at % LP_BUCKET_CELLS));
        const uint32_t class = lp_cell_class(cell, bits);
        const uint32_t leaf = leaf_in(x, cell, bits);
        if (leaf == NO_LEAF)
            continue;
        const uint32_t lane = offer_leaf(m, x, o, leaf);
        if (lane == ESCAPE_LANE)
            continue;
        o->class[1 + list[i]][lane] = (uint8_t) class;
        total[list[i]] += lp_class_count[class];
    }
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        o->level[1 + i] = m->level[total[i]];
        o->state |= (uint32_t)(i < LP_STATE_LISTS && total[i] > 0) << (2 + i);
    }
}

/* The confidence in a match, in two bits; 0 stands for no match. */
static inline uint32_t match_state(uint32_t length)
{
    return length < 4 ? 1 : length < 12 ? 2 : 3;
}

/* Offers the match's leaf. */
static inline void offer_match(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    o->match = ESCAPE_LANE;
    if (x->match_length == 0)
        return;
    o->match = offer_leaf(m, x, o, m->leaf.v[x->match]);
    o->state |= match_state(x->match_length);
}

/* What is most likely is offered first: the lanes may be too few for all. */
LP_APART void find_offer(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    o->n = o->state = o->followed = 0;
    o->leaf[ESCAPE_LANE] = NO_LEAF;
    o->shown[ESCAPE_LANE] = *escape_after(m, x);
#pragma GCC unroll 8 /* 3% faster */
    for (uint32_t i = 0; i < SLOTS; i += 2 * LP_LANES)
        lp_vec_store((int16_t *)(void *)(o->slot + i), lp_vec_splat(0));
    for (uint32_t i = 0; i < LP_SOURCES; i++)
        memset(o->class[i], 0, sizeof o->class[i]);
    o->level[0] = lp_follow_level(&x->follow);
    offer_match(m, x, o);
    offer_lists(m, x, o);
}

/* An offer's weights: two sets, and their sum. */
struct weights {
    const int16_t *a, *b;
    int16_t sum[LP_OFFER_INPUTS];
};

/* By the state, and by how many leaves are offered. */
static inline struct weights weights_of(const struct lp_mixing *params, const struct context *x,
                                        uint32_t state, uint32_t n)
{
    const uint32_t many = n < 7 ? n : 7, followed = x->follow.n > 0;
    struct weights w = {
        params->offer_a[state], params->offer_b[many << 3 | followed << 2 | state % 4], {0}};
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i += 4)
        lp_weights_add((const int16_t *[]){w.a + i, w.b + i}, 2, w.sum + i);
    return w;
}

/* The logit of the match's leaf, as trained; 0 if it is not offered. */
static inline int32_t match_logit(const struct lp_mix *m, const struct context *x, bool present)
{
    return m->params.match[x->match_length] & (0 - present);
}

/* What the sequence has learnt of it, in 1/256. No trained weight scales that: some are about 0 or
 * negative, and the sequence would learn nothing, or ever more of the opposite. */
static inline int32_t learnt_match(const struct lp_mix *m, const struct context *x, bool present)
{
    return lp_shift_right(m->learnt.match[x->match_length], 3) & (0 - present);
}

/* The weighted logit of the escape, in its lane. */
static inline lp_vec escape_logit(const struct lp_mix *m, uint32_t state, uint32_t lane)
{
    const int32_t logits = lp_saturate_16(m->params.escape[state] + m->learnt.escape[state]);
    return in_lane(lane, lp_shift_right(logits * ESCAPE_WEIGHT, 16));
}

/* The inputs of a choice among an offer. */
struct offer_choice {
    const int16_t *logits_of[LP_SOURCES]; /* of each class */
    int16_t backing[LP_LANES];            /* of each candidate */
    struct weights weight;
    int16_t learnt[LP_OFFER_INPUTS];
    lp_vec logits[LP_OFFER_INPUTS];
};

/* bit where a class is not 0. */
static inline lp_vec bit_where(lp_vec class, int bit)
{
    return lp_vec_and_not(lp_vec_splat(bit), lp_vec_equal(class, lp_vec_splat(0)));
}

/* The logits of candidates by what backs them, in 1/256: a bit each for the follow list, for the
 * model's other lists, and for each own list. A sequence that repeats itself, or that the model
 * knows well, can trust some more than others. */
static inline lp_vec backing_logits(const struct lp_mix *m, const lp_vec class[LP_SOURCES],
                                    int16_t backing[LP_LANES])
{
    int16_t logits[LP_BACKINGS];
    const lp_vec known =
        lp_vec_add(bit_where(class[0], 1), bit_where(lp_vec_max(class[1], class[2]), 2));
    const lp_vec own = lp_vec_add(bit_where(class[3], 4), bit_where(class[4], 8));
    const lp_vec bits = lp_vec_add(known, own);
    lp_vec_store(backing, bits);
    lp_vec_store(logits,
                 lp_vec_add(lp_vec_load(m->params.backing), lp_vec_load(m->learnt.backing)));
    return lp_vec_and_not(lp_vec_shift_right(lp_vec_look_up(logits, bits), 3),
                          lane_of(ESCAPE_LANE));
}

/* Adds what the sequence has learnt to the weights of sources. */
static inline void add_learnt_weights(const struct lp_mix *m, const struct offer *o,
                                      struct offer_choice *s)
{
    static const int16_t zero;
    const int16_t *at[LP_OFFER_INPUTS];
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i++)
        at[i] = i < LP_SOURCES ? &m->learnt.weight[o->level[i]][i] : &zero;
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i += 4) {
        lp_weights_gather(at + i, s->learnt + i);
        lp_weights_add((const int16_t *[]){s->weight.sum + i, s->learnt + i}, 2, s->weight.sum + i);
    }
}

/* The frequencies of the escape and the candidates. */
LP_INLINE lp_vec mix_offer(const struct lp_mix *m, const struct context *x, const struct offer *o,
                           struct offer_choice *s)
{
    const struct lp_mixing *params = &m->params;
    lp_vec class[LP_SOURCES];
    s->weight = weights_of(params, x, o->state, o->n);
    add_learnt_weights(m, o, s);
    for (uint32_t i = 0; i < LP_SOURCES; i++) {
        class[i] = lp_vec_widen(o->class[i]);
        s->logits_of[i] = params->offer[i][o->level[i]];
        s->logits[i] = lp_vec_look_up(s->logits_of[i], class[i]);
    }
    s->logits[LP_IN_MATCH] = in_lane(o->match, match_logit(m, x, o->match != ESCAPE_LANE));
    for (uint32_t i = LP_IN_MATCH + 1; i < LP_OFFER_INPUTS; i++)
        s->logits[i] = lp_vec_splat(0);
    lp_vec logits = lp_vec_weigh(s->logits, s->weight.sum, 4);
    for (uint32_t i = 4; i <= LP_IN_MATCH; i++)
        logits = lp_vec_add(logits, weighted(s->logits[i], s->weight.sum[i]));
    logits = lp_vec_add(logits, in_lane(o->match, learnt_match(m, x, o->match != ESCAPE_LANE)));
    logits = lp_vec_add(logits, backing_logits(m, class, s->backing));
    logits = lp_vec_add(logits, lp_vec_shift_right(lp_vec_load(o->shown), 3));
    return freqs_of(lp_vec_add(logits, escape_logit(m, o->state, ESCAPE_LANE)),
                    lanes_below(o->n + 1));
}

/* Adapts what is learnt of candidates to their errors. Where two share an entry, the later one's
 * counts. */
LP_INLINE void learn_candidates(struct lp_mix *m, const struct offer *o, const int16_t *backing,
                                lp_vec error)
{
    const lp_vec now = lp_vec_load(o->shown);
    const lp_vec faded = lp_vec_sub(now, lp_vec_shift_right(now, FADE));
    const lp_vec half = lp_vec_splat(1 << (LEAF_RATE - 1));
    const lp_vec step = lp_vec_shift_right(lp_vec_add(error, half), LEAF_RATE);
    const lp_vec more = lp_vec_splat(1 << (LOGIT_RATE - 1));
    int16_t shown[LP_LANES], change[LP_LANES];
    lp_vec_store(shown, lp_vec_add(faded, step));
    lp_vec_store(change, lp_vec_shift_right(lp_vec_add(error, more), LOGIT_RATE));
    lp_vec by_backing = lp_vec_load(m->learnt.backing);
    for (uint32_t k = 1; k <= o->n; k++) {
        m->learnt.leaf[leaf_entry(o->leaf[k])] = shown[k];
        by_backing = lp_vec_add(by_backing, in_lane((uint32_t)backing[k], change[k]));
    }
    lp_vec_store(m->learnt.backing, by_backing);
}

/* Adapts what the sequence learns to a choice's errors. */
LP_INLINE void learn_offer(struct lp_mix *m, const struct context *x, const struct offer *o,
                           struct offer_choice *s, lp_vec error)
{
    int16_t error_of[LP_LANES];
    lp_vec_store(error_of, error);
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i += 4)
        lp_weights_move(s->learnt + i, error, s->logits + i, OFFER_RATE);
    for (uint32_t i = 0; i < LP_SOURCES; i++)
        m->learnt.weight[o->level[i]][i] = s->learnt[i];
    learn_candidates(m, o, s->backing, error);
    fade_and_move(escape_after(m, x), error_of[ESCAPE_LANE], PAIR_RATE);
    move_logit(&m->learnt.escape[o->state], error_of[ESCAPE_LANE], LOGIT_RATE);
    if (o->match != ESCAPE_LANE)
        move_logit(&m->learnt.match[x->match_length], error_of[o->match], LOGIT_RATE);
}

/* A hook for the trainer to learn from a choice. */
#ifndef LP_TEACH_OFFER
#define LP_TEACH_OFFER(m, x, o, s, error) ((void)0)
#endif

/* Codes a leaf's lane, or decodes one; returns it. */
LP_APART uint32_t code_offer(struct lp_mix *m, struct lp_range_coder *c, const struct context *x,
                             const struct offer *o, uint32_t leaf, const bool decode)
{
    struct offer_choice s;
    const struct distribution distribution = distribution_of(mix_offer(m, x, o, &s));
    const uint32_t lane = choose(c, &distribution, decode ? 0 : find_offered(o, leaf), decode);
    const lp_vec error = errors_of(distribution.freq, distribution.total, lane);
    LP_TEACH_OFFER(m, x, o, &s, error);
    learn_offer(m, x, o, &s, error);
    return lane;
}

#endif
