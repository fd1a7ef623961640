/* mix_offer.h - the first choice: one of the leaves that lists and the match offer, or none of
 * them. A part of mix_run.h. */
#ifndef LP_MIX_OFFER_H
#define LP_MIX_OFFER_H

#include "mix_choice.h"
#include "mix_context.h"

enum {
    OFFERED_MAX = LP_LANES - 1,
    NO_LANE = LP_LANES,
    SLOTS = 64,         /* of leaves by their lowest bits: collisions are rare */
    NONE_WEIGHT = 8192, /* of the odds of none of the leaves: 1 */
};

/* The leaves that are offered, each in a lane; the lane after the last stands for none of
 * them. */
struct offer {
    uint32_t n, leaf[LP_LANES];
    uint8_t slot[SLOTS];                 /* the lane of the last such leaf, plus 1; 0 for none */
    uint8_t class[LP_SOURCES][LP_LANES]; /* what a source counts of a leaf; 0 where it has it not */
    uint32_t level[LP_SOURCES];          /* what a source counts in all, or follow of others */
    uint32_t match;                      /* the lane of what the match foresees, or NO_LANE */
    uint32_t state; /* the match, in two bits, and a bit for each list that has successors */
};

/* The lane of a leaf; the one after the last if it is not offered. */
static inline uint32_t find_offered(const struct offer *o, uint32_t leaf)
{
    const uint32_t slot = o->slot[leaf % SLOTS];
    if (slot == 0 || o->leaf[slot - 1] == leaf)
        return slot == 0 ? o->n : slot - 1;
    uint32_t lane = 0;
    while (lane < o->n && o->leaf[lane] != leaf)
        lane++;
    return lane;
}

/* The leaves that are offered, without their lowest bits. */
static inline lp_vec coarse_offered(const struct offer *o)
{
    return lp_vec_within((const int32_t *)(const void *)o->leaf, LP_LEAF_COARSE);
}

/* Offers a leaf: its lane, which it may have already; OFFERED_MAX if there is no room. */
static inline uint32_t offer_leaf(struct offer *o, uint32_t leaf)
{
    const uint32_t lane = find_offered(o, leaf);
    if (lane == OFFERED_MAX)
        return lane;
    o->slot[leaf % SLOTS] = (uint8_t)(lane + 1);
    o->leaf[lane] = leaf;
    o->n += lane == o->n;
    return lane;
}

/* What lists have: the model's first, then the sequence's own. In one loop for all, so that
 * only one end of it is not to be foretold. */
static inline void offer_lists(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    const struct lp_model *model = m->model;
    const uint32_t bits = model->leaf_bits, nlists = m->fast ? 1 : LP_LISTS;
    const unsigned char *bucket[LP_LISTS] = {[2] = x->own};
    const uint32_t check[LP_LISTS] = {x->check[1], x->check[2], x->own_check};
    uint32_t total[LP_LISTS] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        bucket[i] = model->cell;
        if (model->nbuckets > 0)
            bucket[i] += 64 * (size_t)lp_bucket(x->hash[i + 1], model->nbuckets);
    }
    uint64_t cells = 0;
    for (uint32_t i = model->nbuckets > 0 ? 0 : 2; i < nlists; i++) {
        const lp_vec classes = lp_cell_classes(bucket[i], bits);
        const lp_vec of = lp_cells_of(bucket[i], bits, check[i], classes);
        cells |= (uint64_t)lp_vec_where(of) << i * LP_BUCKET_CELLS;
    }
    for (; cells != 0; cells &= cells - 1) {
        const uint32_t at = (uint32_t)__builtin_ctzll(cells), i = at / LP_BUCKET_CELLS;
        const uint32_t cell = lp_get32(bucket[i] + 4 * (size_t)(at % LP_BUCKET_CELLS));
        const uint32_t class = cell >> bits & 15, leaf = lp_cell_leaf(cell, bits);
        if (leaf >= model->nleaves)
            continue;
        const uint32_t lane = offer_leaf(o, leaf);
        if (lane == OFFERED_MAX)
            continue;
        o->class[1 + i][lane] = (uint8_t) class;
        total[i] += lp_class_count[class];
    }
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        o->level[1 + i] = m->level[total[i]];
        o->state |= (uint32_t)(total[i] > 0) << (2 + i);
    }
}

static inline void offer_match(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    o->match = NO_LANE;
    if (x->match_length == 0)
        return;
    const uint32_t lane = offer_leaf(o, m->leaf[x->match]);
    if (lane == OFFERED_MAX)
        return;
    o->match = lane;
    o->state |= x->match_length < 4 ? 1 : x->match_length < 12 ? 2 : 3;
}

/* The bits of a count of the model's successors of the last leaf: 15 at most. */
static inline uint32_t follow_class(uint32_t count)
{
    return 32 - (uint32_t)__builtin_clz(count << 1 | 1) - 1;
}

/* What the model's successors of the last leaf say of what others offer. */
static inline void name_followed(const struct context *x, struct offer *o)
{
    o->level[0] = follow_class(x->follow.others + 1);
    struct lp_leaves leaves = lp_leaves_read(x->follow.at, LP_FOLLOW_BITS, 32 - LP_FOLLOW_BITS);
    /* Those that are not there are as no leaf is. */
    leaves.high = lp_vec_add(leaves.high, lp_vec_but(lp_vec_all(-16), lanes_below(x->follow.n)));
    for (uint32_t k = 0; k < o->n; k++) {
        const uint32_t i = lp_vec_first(lp_leaves_same(&leaves, o->leaf[k]));
        const uint32_t count = lp_follow_count(&x->follow, i % LP_FOLLOW_MAX);
        o->class[0][k] = (uint8_t)follow_class(count & (0U - (i < LP_FOLLOW_MAX)));
    }
}

static void find_offer(const struct lp_mix *m, const struct context *x, struct offer *o)
{
    o->n = o->state = 0;
    memset(o->slot, 0, sizeof o->slot);
    memset(o->class, 0, sizeof o->class);
    offer_lists(m, x, o);
    offer_match(m, x, o);
    name_followed(x, o);
}

/* Which sources have which leaves: a bit for each lane of each. */
static inline uint64_t named_by(const struct offer *o)
{
    uint64_t named = 0;
    for (uint32_t i = 0; i < LP_SOURCES; i++) {
        const lp_vec none = lp_vec_same(lp_vec_widen(o->class[i]), lp_vec_all(0));
        named |= (uint64_t)(~lp_vec_where(none) & UINT16_MAX) << i * LP_LANES;
    }
    return named;
}

/* What a choice among what is offered is mixed from, and what learns from it. */
struct pick {
    int16_t *weight_a, *weight_b, weight[LP_OFFER_INPUTS];
    int32_t *odds_of[LP_SOURCES]; /* of each class */
    int32_t *match, *none;
    lp_vec odds[LP_OFFER_INPUTS];
};

/* The share of each leaf, and of none of them. */
LP_APART lp_vec mix_offer(struct lp_mix *m, const struct context *x, const struct offer *o,
                          struct pick *s)
{
    struct lp_adaptive *now = &m->now;
    const uint32_t many = o->n < 7 ? o->n : 7, followed = x->follow.n > 0;
    s->weight_a = now->offer_a[o->state];
    s->weight_b = now->offer_b[many << 3 | followed << 2 | o->state % 4];
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i += 4)
        lp_weights_add(s->weight_a + i, s->weight_b + i, s->weight + i);
    for (uint32_t i = 0; i < LP_SOURCES; i++) {
        s->odds_of[i] = now->offer[i][o->level[i]];
        s->odds[i] = lp_vec_look_up(lp_vec_within(s->odds_of[i], LP_ODDS_FINER), o->class[i]);
    }
    s->match = &now->match[x->match_length];
    s->odds[LP_IN_MATCH] = only_in(o->match, lp_shift_down(*s->match, LP_ODDS_FINER));
    for (uint32_t i = LP_IN_MATCH + 1; i < LP_OFFER_INPUTS; i++)
        s->odds[i] = lp_vec_all(0);
    /* In 1/256, as weighed odds are. */
    s->none = &now->none[o->state];
    const lp_vec none = only_in(o->n, lp_shift_down(*s->none, LP_ODDS_FINER + 3));
    const lp_vec odds = sum_of(s->odds, s->weight, LP_IN_MATCH + 1);
    return shares_of(lp_vec_add(odds, none), lanes_below(o->n + 1));
}

/* All that the choice was mixed from learns from its error. */
LP_APART void learn_offer(struct lp_mix *m, const struct offer *o, struct pick *s, lp_vec error)
{
    const unsigned rate = m->rates.offer_odds;
    int16_t error_of[LP_LANES + 1] = {0};
    int32_t others[LP_SOURCES] = {0};
    lp_vec_store(error_of, error);
    for (uint64_t named = named_by(o); named != 0; named &= named - 1) {
        const uint32_t at = (uint32_t)__builtin_ctzll(named);
        const uint32_t i = at / LP_LANES, k = at % LP_LANES;
        others[i] -= error_of[k];
        move_odds(&s->odds_of[i][o->class[i][k]], error_of[k] * s->weight[i], rate);
    }
    for (uint32_t i = 0; i < LP_SOURCES; i++)
        move_odds(&s->odds_of[i][0], others[i] * s->weight[i], rate);
    move_odds(s->match, error_of[o->match] * s->weight[LP_IN_MATCH], rate);
    move_odds(s->none, error_of[o->n] * NONE_WEIGHT, rate);
    for (uint32_t i = 0; i < LP_OFFER_INPUTS; i += 4)
        lp_weights_move(s->weight_a + i, s->weight_b + i, error, s->odds + i,
                        m->rates.offer_weight);
}

/* Codes which of the leaves that are offered it is: its lane, or the one for none. */
LP_INLINE uint32_t code_offer(struct lp_mix *m, struct lp_coder *c, struct context *x,
                              const struct offer *o, uint32_t leaf, const bool decode)
{
    struct pick s;
    uint32_t total;
    const lp_vec share = mix_offer(m, x, o, &s);
    const uint32_t lane = choose(c, share, decode ? 0 : find_offered(o, leaf), &total, decode);
    if (decode && lane < o->n)
        see(m, x, o->leaf[lane]);
    learn_offer(m, o, &s, errors_of(share, total, lane));
    return lane;
}

#endif
