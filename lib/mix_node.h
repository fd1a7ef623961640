/* mix_node.h - a choice in the tree: which child of a node has the leaf. A part of mix_run.h. */
#ifndef LP_MIX_NODE_H
#define LP_MIX_NODE_H

#include "mix_offer.h"

/* A successor of the last leaf, by the model. */
struct successor {
    uint32_t leaf, count;
};

/* Where a token's coding is: in the tree, and in what is known of the token. */
struct walk {
    const unsigned char *node;
    uint32_t at, depth, end;                   /* end: of its leaves */
    uint32_t inner;                            /* whether it is at a node, not yet at a leaf */
    const struct offer *offer;                 /* what it is not */
    lp_vec coarse;                             /* these leaves without their lowest bits */
    struct successor successor[LP_FOLLOW_MAX]; /* those below, that were not offered */
    uint32_t n;
};

/* Odds of a child in which successors are. */
struct named {
    int32_t *odds;
    uint32_t child;
};

/* What a choice is mixed from, and what learns from it. */
struct choice {
    const unsigned char *node;
    uint32_t at, inner;
    lp_vec begin; /* of children */
    uint32_t leaf, shift;
    uint8_t child_of[LP_FOLLOW_MAX]; /* each successor */
    struct named named[LP_NODE_CHILDREN];
    uint32_t nnamed;
    int16_t *weight_a, *weight_b, weight[LP_INPUTS];
    lp_vec odds[LP_INPUTS];
};

static inline uint32_t child_of(const struct choice *s, uint32_t leaf)
{
    return lp_vec_below(s->begin, (leaf - s->leaf) >> s->shift) - 1;
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
static inline lp_vec root_odds(const struct context *x)
{
    const lp_vec odds = lp_vec_widen(lp_follow_root(&x->follow));
    const int scale = x->follow.n > 0 ? 256 : 0;
    return lp_vec_mul(lp_vec_sub(odds, lp_vec_all(LP_FOLLOW_EVEN)), lp_vec_all(scale));
}

/* What the successors below a node say of its children: the same. */
static inline lp_vec successor_odds(struct lp_mix *m, struct choice *s, const struct context *x,
                                    const struct walk *w)
{
    lp_vec odds = lp_vec_all(0);
    uint16_t count[LP_LANES] = {0};
    uint32_t children = 0, total = x->follow.others;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct successor *a = &w->successor[i];
        const uint32_t k = child_of(s, a->leaf);
        s->child_of[i] = (uint8_t)k;
        count[k] = (uint16_t)(count[k] + a->count);
        total += a->count;
        children |= (uint32_t)1 << k;
    }
    int32_t *const of = m->now.follow[lp_wide_level(total)];
    for (; children != 0; children &= children - 1) {
        const uint32_t k = (uint32_t)__builtin_ctz(children);
        int32_t *const p = &of[lp_wide_level(count[k])];
        odds = lp_vec_add(odds, only_in(k, lp_shift_down(*p, LP_ODDS_FINER)));
        s->named[s->nnamed++] = (struct named){p, k};
    }
    return odds;
}

/* Looks at the node. */
LP_APART void look(struct lp_mix *m, struct choice *s, const struct context *x,
                   const struct walk *w)
{
    const unsigned char *node = w->node;
    const uint32_t net = lp_get16(node + LP_NODE_AT_NET) != LP_NODE_NONE;
    const uint32_t depth = w->depth < LP_NODE_DEPTHS ? w->depth : LP_NODE_DEPTHS - 1;
    if (net)
        lp_net_expect(m->model, lp_get16(node + LP_NODE_AT_NET));
    s->node = node;
    s->at = w->at;
    s->inner = lp_get16(node + LP_NODE_AT_INNER);
    s->begin = lp_vec_load_file(node + LP_NODE_AT_BEGIN);
    s->leaf = lp_get32(node + LP_NODE_AT_LEAF);
    s->shift = node[LP_NODE_AT_SHIFT];
    s->nnamed = 0;
    s->weight_a = m->now.child_a[w->offer->n > 0];
    s->weight_b = m->now.child_b[depth << 1 | net];
    lp_weights_add(s->weight_a, s->weight_b, s->weight);
    s->odds[LP_IN_FOLLOW] = w->depth == 0 ? root_odds(x) : successor_odds(m, s, x, w);
    s->odds[LP_IN_FOLLOW + 1] = lp_vec_all(0);
}

/* The children that there are, but for those that are leaves which were offered; unless no
 * other is there, as a damaged code may have it. */
static inline lp_vec children_of(const struct choice *s, const struct walk *w)
{
    const struct offer *o = w->offer;
    const uint32_t none = lp_vec_where(lp_vec_same(s->begin, lp_vec_all(-1)));
    const uint32_t there = ~none & (((uint32_t)1 << LP_NODE_CHILDREN) - 1);
    const uint32_t leaves = there & ~s->inner;
    uint32_t gone = 0, near = lp_leaves_near(w->coarse, o->n, s->leaf, w->end - 1);
    near &= 0U - (leaves != 0);
    for (; near != 0; near &= near - 1) {
        const uint32_t leaf = o->leaf[__builtin_ctz(near)];
        gone |= (uint32_t)(leaf - s->leaf < w->end - s->leaf) << child_of(s, leaf);
    }
    gone &= leaves;
    return lanes_of(gone != there ? there & ~gone : there);
}

/* The share of each child. */
LP_APART lp_vec mix(struct lp_mix *m, struct choice *s, const struct context *x,
                    const struct walk *w)
{
    const bool seen = m->seen[s->at] != 0; /* else nothing is there yet */
    m->touched[m->ntouched] = s->at;
    m->ntouched += !seen;
    s->odds[LP_IN_MODEL] = known_odds(m->model, x, s->node);
    s->odds[LP_IN_NODE] = lp_vec_both(lp_vec_load(m->node[s->at]), lp_vec_all(seen ? -1 : 0));
    return shares_of(sum_of(s->odds, s->weight, LP_IN_FOLLOW + 1), children_of(s, w));
}

/* All that the choice was mixed from learns from its error. */
LP_APART void learn(struct lp_mix *m, struct choice *s, lp_vec error)
{
    lp_vec step = lp_vec_all(m->node_rate[m->seen[s->at]]);
    step = lp_vec_mul_high(lp_vec_add(error, error), step);
    step = lp_vec_shift(lp_vec_add(step, lp_vec_all(1)), 1);
    lp_vec_store(m->node[s->at], lp_vec_add(s->odds[LP_IN_NODE], step));
    m->seen[s->at] = (uint8_t)(m->seen[s->at] + (m->seen[s->at] < LP_MIX_SURE));
    int16_t error_of[LP_LANES];
    lp_vec_store(error_of, error);
    for (uint32_t i = 0; i < s->nnamed; i++) {
        const int32_t gradient = error_of[s->named[i].child] * s->weight[LP_IN_FOLLOW];
        move_odds(s->named[i].odds, gradient, m->rates.odds);
    }
    lp_weights_move(s->weight_a, s->weight_b, error, s->odds, m->rates.weight);
}

/* The first leaf of a child of a node. */
static inline uint32_t child_begin(const unsigned char *node, uint32_t child)
{
    const uint32_t begin = lp_get16(node + LP_NODE_AT_BEGIN + 2 * (size_t)child);
    return lp_get32(node + LP_NODE_AT_LEAF) + (begin << node[LP_NODE_AT_SHIFT]);
}

/* Goes to a child. What is there is on its way while the choice is learnt. */
static inline void go(struct lp_mix *m, struct walk *w, const struct choice *s, uint32_t child)
{
    w->inner = s->inner >> child & 1;
    if (!w->inner)
        return;
    if (child + 1 < LP_NODE_CHILDREN && child_begin(s->node, child + 1) < w->end)
        w->end = child_begin(s->node, child + 1);
    w->at = lp_get32(s->node + LP_NODE_AT_FIRST) +
            (uint32_t)__builtin_popcount(s->inner & ((1u << child) - 1));
    w->node = m->model->node + LP_NODE_SIZE * (size_t)w->at;
    w->depth++;
    __builtin_prefetch(w->node);
    __builtin_prefetch(m->node[w->at]);
}

/* Gathers the successors below a child of the root that were not offered. */
LP_APART void gather(const struct context *x, struct walk *w, uint32_t begin)
{
    uint32_t near = lp_follow_near(&x->follow, begin, w->end - 1);
    for (; near != 0; near &= near - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(near), leaf = lp_follow_leaf(&x->follow, i);
        w->successor[w->n] = (struct successor){leaf, lp_follow_count(&x->follow, i)};
        w->n += leaf - begin < w->end - begin && find_offered(w->offer, leaf) == w->offer->n;
    }
}

/* Leaves of the successors those below a child. */
static inline void narrow(struct walk *w, const struct choice *s, uint32_t child)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        w->successor[n] = w->successor[i];
        n += s->child_of[i] == child;
    }
    w->n = n;
}

/* Codes which child of the node has the leaf, learns from it, goes there. */
LP_INLINE uint32_t code_child(struct lp_mix *m, struct lp_coder *c, struct context *x,
                              struct walk *w, uint32_t leaf, const bool decode)
{
    const bool root = w->depth == 0;
    struct choice s;
    uint32_t total;
    look(m, &s, x, w);
    const lp_vec share = mix(m, &s, x, w);
    const uint32_t child = choose(c, share, decode ? 0 : child_of(&s, leaf), &total, decode);
    go(m, w, &s, child);
    if (decode && !w->inner)
        see(m, x, child_begin(s.node, child));
    learn(m, &s, errors_of(share, total, child));
    if (root)
        gather(x, w, child_begin(s.node, child));
    else
        narrow(w, &s, child);
    return child;
}

#endif
