/* mix_node.h - one choice: which child of a node has the leaf. A part of mix_run.h. */
#ifndef LP_MIX_NODE_H
#define LP_MIX_NODE_H

#include "mix_context.h"

enum {
    ODDS_MAX = INT16_MAX << LP_ODDS_FINER,
    ERROR_BITS = 14, /* an error of 1 is 1 << ERROR_BITS */
};

/* Where a token's coding is: in the tree, and in what is known of the token. */
struct walk {
    const unsigned char *node;
    uint32_t at, depth;
    uint32_t inner;        /* whether it is at a node, not yet at a leaf */
    uint32_t guess, match; /* leaves below: the guess that was wrong, the match's; or NONE */
    uint32_t match_length;
    struct lp_candidate *candidate; /* below */
    uint32_t n;
    uint32_t total[SOURCES]; /* what a list counts, below or not; of the first, those not in it */
};

/* Odds of one child that a list or a match names. */
struct named {
    int32_t *odds;
    int16_t value;
    uint8_t input, child;
};

/* A choice: what it is mixed from, and what learns from it. */
struct choice {
    const unsigned char *node;
    uint32_t at, inner;
    lp_vec begin; /* of children */
    uint32_t leaf, shift;
    uint8_t child_of[CANDIDATES];
    struct named named[SOURCES * LP_NODE_CHILDREN + 1];
    uint32_t nnamed;
    int32_t named_odds[LP_NODE_CHILDREN]; /* the sums of what is named, with weights */
    uint32_t alive, sure, match_state;    /* choose the weights */
    int16_t *weight_a, *weight_b, weight[LP_INPUTS];
    uint32_t guessed;            /* the child that has the wrong guess, or NONE */
    lp_vec known, shown, follow; /* odds, by the model, the sequence, and the last leaf */
};

static inline uint32_t child_of(const struct choice *s, uint32_t leaf)
{
    return lp_vec_below(s->begin, (leaf - s->leaf) >> s->shift) - 1;
}

/* What each source counts in each child, and in all. */
struct counts {
    int16_t of[SOURCES][LP_NODE_CHILDREN];
    uint32_t children[SOURCES]; /* which ones are counted in */
    uint32_t total[SOURCES], most[SOURCES];
    int32_t *odds[SOURCES]; /* of a child, by what is counted in it */
};

/* Of all sources in one loop, so that only one end of it is not to be foretold. */
static inline void count_candidates(struct choice *s, const struct walk *w, struct counts *c)
{
    for (uint32_t i = 0; i < SOURCES; i++)
        lp_vec_store(c->of[i], lp_vec_all(0));
    memset(c->children, 0, sizeof c->children);
    memset(c->total, 0, sizeof c->total);
    memset(c->most, 0, sizeof c->most);
    for (uint32_t i = 0; i < w->n; i++) {
        const struct lp_candidate *a = &w->candidate[i];
        const uint32_t source = a->source, k = s->child_of[i] = (uint8_t)child_of(s, a->leaf);
        const uint32_t count = (uint32_t)c->of[source][k] + a->count;
        c->of[source][k] = (int16_t)count;
        c->children[source] |= 1u << k;
        c->total[source] += a->count;
        c->most[source] = count > c->most[source] ? count : c->most[source];
    }
}

/* Finds what a list is worth, and what it adds to the choice of weights. Without branches:
 * whether a list has leaves below a node, and where else, is not to be foretold. */
static inline void find_list_odds(struct lp_mix *m, struct choice *s, const struct walk *w,
                                  struct counts *c, uint32_t list)
{
    const uint32_t source = 1 + list, here = c->total[source];
    const uint32_t elsewhere = w->total[source] - here, level = m->level[here];
    const uint32_t dead = (elsewhere > 0) + (uint32_t)(elsewhere > here);
    const uint32_t sure = (2 + (uint32_t)(level > 2)) & (0U - (8 * c->most[source] >= 7 * here));
    const uint32_t named = 0U - (c->children[source] != 0);
    s->alive |= (named & 1) << list;
    s->sure = (sure & named) | (s->sure & ~named);
    c->odds[source] = m->now.list[list][dead][level];
}

static inline void name(struct choice *s, int32_t *odds, uint32_t input, uint32_t child)
{
    const int16_t value = (int16_t)lp_shift_down(*odds, LP_ODDS_FINER);
    s->named[s->nnamed++] = (struct named){odds, value, (uint8_t)input, (uint8_t)child};
    s->named_odds[child] += lp_shift_down(value * s->weight[input], 16);
}

/* Names the children that lists have leaves in. */
static inline void name_listed(struct lp_mix *m, struct choice *s, const struct counts *c)
{
    uint64_t listed = 0;
    for (uint32_t i = 0; i < LP_LISTS; i++)
        listed |= (uint64_t)c->children[1 + i] << i * LP_NODE_CHILDREN;
    for (; listed != 0; listed &= listed - 1) {
        const uint32_t at = (uint32_t)__builtin_ctzll(listed);
        const uint32_t source = 1 + at / LP_NODE_CHILDREN, k = at % LP_NODE_CHILDREN;
        name(s, &c->odds[source][m->level[c->of[source][k]]], LP_IN_FOLLOW + source, k);
    }
    for (uint32_t followed = c->children[0]; followed != 0; followed &= followed - 1) {
        const uint32_t k = (uint32_t)__builtin_ctz(followed);
        name(s, &c->odds[0][lp_wide_level((uint32_t)c->of[0][k])], LP_IN_FOLLOW, k);
    }
}

static inline void name_matched(struct lp_mix *m, struct choice *s, const struct walk *w)
{
    const uint32_t depth = w->depth < LP_MATCH_DEPTHS ? w->depth : LP_MATCH_DEPTHS - 1;
    name(s, &m->now.match[w->match_length][depth], LP_IN_MATCH, child_of(s, w->match));
}

/* e^(x / 256) for x of at most 0, in 1 / 65536: (1 + x / 2^16)^256. */
static inline lp_vec power(lp_vec x)
{
    lp_vec y = lp_vec_add(x, lp_vec_all(-1));
    for (int i = 0; i < 8; i++)
        y = lp_vec_mul_high_unsigned(y, y);
    return y;
}

static inline lp_vec lanes(void)
{
    static const int16_t lane[LP_LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return lp_vec_load(lane);
}

/* What the model knows of a node's children: log odds in 1/2048. */
static inline lp_vec known_odds(const struct lp_model *model, const struct context *x,
                                const unsigned char *node)
{
    const uint32_t net = lp_get16(node + LP_NODE_AT_NET);
    lp_vec odds = lp_vec_mul(lp_vec_widen(node + LP_NODE_AT_COST), lp_vec_all(-256));
    if (net != LP_NODE_NONE) {
        lp_vec more = lp_net_odds(model, &x->net, net);
        more = lp_vec_max(lp_vec_min(more, lp_vec_all(4095)), lp_vec_all(-4096));
        odds = lp_vec_add(odds, lp_vec_mul(more, lp_vec_all(8)));
    }
    return odds;
}

/* What the model's successors of the last leaf say of the root's children: the same. */
static inline lp_vec follow_odds(const struct context *x)
{
    if (x->follow.n == 0)
        return lp_vec_all(0);
    const lp_vec odds = lp_vec_widen(lp_follow_root(&x->follow));
    return lp_vec_mul(lp_vec_sub(odds, lp_vec_all(LP_FOLLOW_EVEN)), lp_vec_all(256));
}

/* Looks at the node: which of its children are named, and the weights for that. */
static inline void look(struct lp_mix *m, struct choice *s, const struct walk *w)
{
    const unsigned char *node = w->node;
    const uint32_t net = lp_get16(node + LP_NODE_AT_NET) != LP_NODE_NONE;
    if (net)
        lp_net_expect(m->model, lp_get16(node + LP_NODE_AT_NET));
    s->node = node;
    s->at = w->at;
    s->inner = lp_get16(node + LP_NODE_AT_INNER);
    s->begin = lp_vec_load_file(node + LP_NODE_AT_BEGIN);
    s->leaf = lp_get32(node + LP_NODE_AT_LEAF);
    s->shift = node[LP_NODE_AT_SHIFT];
    s->nnamed = s->alive = s->sure = s->match_state = 0;
    memset(s->named_odds, 0, sizeof s->named_odds);
    struct counts count;
    if (w->n > 0) {
        count_candidates(s, w, &count);
        count.odds[0] = m->now.follow[lp_wide_level(count.total[0] + w->total[0])];
        for (uint32_t i = 0; i < (m->fast ? 1 : LP_LISTS); i++)
            find_list_odds(m, s, w, &count, i);
    }
    if (w->match != NONE)
        s->match_state = w->match_length < 4 ? 1 : w->match_length < 12 ? 2 : 3;
    const uint32_t depth = w->depth < 7 ? w->depth : 7;
    s->weight_a = m->now.weight_a[s->alive << 4 | s->sure << 2 | s->match_state];
    s->weight_b = m->now.weight_b[depth << 3 | net << 2 | s->match_state];
    lp_weights_add(s->weight_a, s->weight_b, s->weight);
    if (w->n > 0)
        name_listed(m, s, &count);
    if (w->match != NONE)
        name_matched(m, s, w);
    s->guessed = w->guess != NONE ? child_of(s, w->guess) : NONE;
}

/* The probability of each child, in 1 / (1 << ERROR_BITS) of the likeliest's. */
static inline lp_vec mix(struct lp_mix *m, struct choice *s, const struct context *x, bool root)
{
    /* A guess that was wrong is no child. */
    const bool excluded = s->guessed != NONE && (s->inner >> s->guessed & 1) == 0;
    if (excluded)
        s->named_odds[s->guessed] = INT16_MIN;
    const bool seen = m->seen[s->at] != 0; /* else nothing is there yet */
    m->touched[m->ntouched] = s->at;
    m->ntouched += !seen;
    s->known = known_odds(m->model, x, s->node);
    s->shown = lp_vec_both(lp_vec_load(m->node[s->at]), lp_vec_all(seen ? -1 : 0));
    lp_vec odds = lp_vec_mul_high(s->known, lp_vec_all(s->weight[LP_IN_MODEL]));
    odds = lp_vec_add(odds, lp_vec_mul_high(s->shown, lp_vec_all(s->weight[LP_IN_NODE])));
    if (root) {
        s->follow = follow_odds(x);
        odds = lp_vec_add(odds, lp_vec_mul_high(s->follow, lp_vec_all(s->weight[LP_IN_FOLLOW])));
    }
    odds = lp_vec_add(odds, lp_vec_within(s->named_odds));
    lp_vec p = power(lp_vec_sub(odds, lp_vec_all(lp_vec_most(odds))));
    p = lp_vec_max(lp_vec_mul_high_unsigned(p, lp_vec_all(1 << ERROR_BITS)), lp_vec_all(1));
    const lp_vec gone = lp_vec_same(lanes(), lp_vec_all(excluded ? (int)s->guessed : -1));
    const lp_vec none = lp_vec_same(s->begin, lp_vec_all(-1));
    return lp_vec_but(lp_vec_but(p, gone), none);
}

/* All that the choice was mixed from learns from its error; p are shares of total. */
static inline void learn(struct lp_mix *m, struct choice *s, lp_vec p, uint32_t total,
                         uint32_t child, bool root)
{
    const uint32_t scale = ((uint32_t)1 << (16 + ERROR_BITS)) / total;
    p = lp_vec_mul_high_unsigned(p, lp_vec_all(scale < UINT16_MAX ? (int)scale : UINT16_MAX));
    const lp_vec here = lp_vec_same(lanes(), lp_vec_all((int)child));
    const lp_vec error = lp_vec_sub(lp_vec_both(here, lp_vec_all(1 << ERROR_BITS)), p);
    int32_t gradient[LP_INPUTS] = {0};
    gradient[LP_IN_MODEL] = lp_vec_dot(error, s->known);
    gradient[LP_IN_NODE] = lp_vec_dot(error, s->shown);
    if (root)
        gradient[LP_IN_FOLLOW] = lp_vec_dot(error, s->follow);
    lp_vec step = lp_vec_all(m->node_rate[m->seen[s->at]]);
    step = lp_vec_mul_high(lp_vec_add(error, error), step);
    step = lp_vec_shift(lp_vec_add(step, lp_vec_all(1)), 1);
    lp_vec_store(m->node[s->at], lp_vec_add(s->shown, step));
    m->seen[s->at] = (uint8_t)(m->seen[s->at] + (m->seen[s->at] < LP_MIX_SURE));
    int16_t error_of[LP_LANES];
    lp_vec_store(error_of, error);
    for (uint32_t i = 0; i < s->nnamed; i++) {
        const struct named *a = &s->named[i];
        const int32_t e = error_of[a->child];
        const int32_t move = lp_shift_down(e * s->weight[a->input], m->rates.odds);
        gradient[a->input] += e * a->value;
        *a->odds = lp_clamp(*a->odds + move, ODDS_MAX);
    }
    lp_weights_move(s->weight_a, s->weight_b, gradient, m->rates.weight);
}

/* Goes to a child. What is there is on its way while the choice is learnt. */
static inline void go(struct lp_mix *m, struct walk *w, const struct choice *s, uint32_t child)
{
    w->inner = s->inner >> child & 1;
    if (!w->inner)
        return;
    w->at = lp_get32(s->node + LP_NODE_AT_FIRST) +
            (uint32_t)__builtin_popcount(s->inner & ((1u << child) - 1));
    w->node = m->model->node + LP_NODE_SIZE * (size_t)w->at;
    w->depth++;
    __builtin_prefetch(w->node);
    __builtin_prefetch(m->node[w->at]);
}

/* Leaves of what is known of the token what is below a child. */
static inline void narrow(struct walk *w, const struct choice *s, uint32_t child)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        w->candidate[n] = w->candidate[i];
        n += s->child_of[i] == child;
    }
    w->n = n;
    if (s->guessed != child)
        w->guess = NONE;
    if (w->match != NONE && child_of(s, w->match) != child)
        w->match = NONE;
}

/* The first leaf of a child of a node. */
static inline uint32_t child_begin(const unsigned char *node, uint32_t child)
{
    const uint32_t begin = lp_get16(node + LP_NODE_AT_BEGIN + 2 * (size_t)child);
    return lp_get32(node + LP_NODE_AT_LEAF) + (begin << node[LP_NODE_AT_SHIFT]);
}

/* Codes which child of the node has the leaf, learns from it, goes there. */
LP_INLINE uint32_t code_child(struct lp_mix *m, struct lp_coder *c, struct context *x,
                              struct walk *w, uint32_t leaf, const bool decode)
{
    const bool root = w->at == 0;
    struct choice s;
    look(m, &s, w);
    const lp_vec p = mix(m, &s, x, root);
    uint32_t sum[LP_LANES], child;
    lp_vec_sums(p, sum);
    const uint32_t total = sum[LP_LANES - 1], unit = c->range / total;
    if (decode) {
        const uint32_t at = c->low / unit;
        child = lp_sums_below(sum, at < total ? at : total - 1);
    } else {
        child = child_of(&s, leaf);
    }
    const uint32_t before = child > 0 ? sum[child - 1] : 0;
    lp_code_take(c, unit, before, sum[child] - before, decode);
    go(m, w, &s, child);
    if (decode && !w->inner)
        see(m, x, child_begin(s.node, child));
    learn(m, &s, p, total, child, root);
    narrow(w, &s, child);
    return child;
}

#endif
