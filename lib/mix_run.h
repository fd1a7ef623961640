/* mix_run.h - codes token ids as choices down the model's tree of leaves, for
 * mix_portable.c and mix_avx2.c, which are compiled for other instructions (vec.h).
 *
 * A node has up to sixteen children. The odds of each are a sum: what the model knows
 * of them (its network, or how frequent they are), what this sequence has shown of them,
 * and for those that lists of successors name, or the longest match, what such a list
 * is worth. Each kind has a weight, of two sets chosen by what is at hand; odds and
 * weights learn from the error of each choice. Where lists find one token likelier than
 * not, a first decision asks for just that. The model's tables are shared and stay as
 * they are; all that a sequence teaches goes to small tables of its own.
 *
 * The fast way leaves out what costs most for what it gives: of all lists of successors
 * it has but the model's of two tokens.
 *
 * Encoding and decoding are one code, of which each gets a copy of its own (LP_INLINE):
 * without that, every choice asks which of them it is.
 *
 * Nothing here depends on the machine: no floating point, no shift of a
 * negative number. */
#ifndef LP_MIX_RUN_H
#define LP_MIX_RUN_H

#include "bpe.h"
#include "follow.h"
#include "list.h"
#include "mix_state.h"
#include "net.h"

enum {
    GUESS_UNIT = 13, /* a weight of 1 is 1 << GUESS_UNIT */

    MATCH_TOKENS = 2, /* that a match begins with */
    MATCH_MAX = LP_MATCH_LENGTHS - 1,
};

static const uint32_t NONE = UINT32_MAX;

/* --- What comes before a token -------------------------------------------------------- */

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
    for (uint32_t i = 0; i < 2; i++) {
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

/* Collects the successors in one more bucket. */
static inline void find_list(const struct lp_mix *m, struct context *x, uint32_t list,
                             const unsigned char *bucket, uint32_t check)
{
    x->ncandidates += lp_list_find(m->model, bucket, check, 1 + list, x->candidate + x->ncandidates,
                                   &x->list[list]);
}

static void find_lists(const struct lp_mix *m, struct context *x)
{
    const struct lp_model *model = m->model;
    x->ncandidates = 0;
    for (uint32_t i = 0; i < (m->fast ? 1 : 2) && model->nbuckets > 0; i++) {
        const uint32_t bucket = lp_bucket(x->hash[i + 1], model->nbuckets);
        find_list(m, x, i, model->cell + 64 * (size_t)bucket, x->check[i + 1]);
    }
    for (uint32_t i = 0; i < 2 && !m->fast; i++)
        find_list(m, x, 2 + i, x->own[i].bucket, x->check[i]);
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

/* --- The likeliest token first --------------------------------------------------------- */

enum { GUESS_MIN = 65536 / 2 };

/* The token that one of the lists, or the match, finds likeliest; NONE if none is
 * likely enough to be asked for. */
static uint32_t find_guess(const struct lp_mix *m, const struct context *x)
{
    uint32_t guess = NONE, most = GUESS_MIN;
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &x->list[i];
        if (list->n == 0)
            continue;
        const uint32_t others = list->total - lp_class_count[list->top_class];
        const uint32_t p = m->now.top[i][list->top_class][m->level[others]];
        if (p > most) {
            most = p;
            guess = list->top;
        }
    }
    if (x->match_length > 0 && m->now.match_top[x->match_length] > most)
        guess = m->leaf[x->match];
    return guess;
}

/* What a guess is judged by: probabilities, and the stretched ones as inputs. */
struct verdict {
    uint16_t *map[LP_INPUTS];
    int16_t input[LP_INPUTS];
    uint32_t nmaps;
};

static inline void judge(const struct lp_mix *m, struct verdict *v, enum lp_input input,
                         uint16_t *p)
{
    v->map[v->nmaps++] = p;
    v->input[input] = (int16_t)lp_stretch(&m->logistic, *p);
}

/* Codes whether the guess is right. */
LP_INLINE uint32_t code_guess(struct lp_mix *m, struct lp_coder *c, const struct context *x,
                              uint32_t guess, uint32_t right, const bool decode)
{
    struct verdict v = {.input = {[LP_IN_ONE] = 256}};
    uint32_t alive = 0, state = 0;
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &x->list[i];
        if (list->n == 0)
            continue;
        const uint32_t count = lp_list_count(list, guess);
        judge(m, &v, LP_IN_LIST + i,
              &m->now.top[i][m->level[count]][m->level[list->total - count]]);
        alive |= 1u << i;
    }
    if (x->match_length > 0) {
        const bool same = m->leaf[x->match] == guess;
        judge(m, &v, LP_IN_MATCH,
              &m->now.match_top[x->match_length + (same ? 0 : LP_MATCH_LENGTHS)]);
        state = !same ? 1 : x->match_length < 8 ? 2 : 3;
    }
    if (x->follow.n > 0) {
        uint32_t count = 0, sum = 0;
        for (uint32_t i = 0; i < x->follow.n; i++) {
            sum += lp_follow_count(&x->follow, i);
            count = lp_follow_leaf(&x->follow, i) == guess ? lp_follow_count(&x->follow, i) : count;
        }
        const uint32_t others = x->follow.others + sum - count;
        judge(m, &v, LP_IN_FOLLOW, &m->now.top_follow[lp_wide_level(count)][lp_wide_level(others)]);
    }
    int16_t *weight = m->now.weight_guess[alive << 2 | state];
    int32_t sum = 0;
    for (uint32_t i = 0; i < LP_INPUTS; i++)
        sum += weight[i] * v.input[i];
    const uint32_t p = lp_squash(&m->logistic, lp_shift_down(sum, GUESS_UNIT));
    right = lp_code_bit(c, p, right, decode);
    const int32_t error = (right ? 65535 : 0) - (int32_t)p;
    const int32_t step = lp_clamp(lp_shift_down(error * m->rates.guess, 6), INT16_MAX);
    for (uint32_t i = 0; i < LP_INPUTS; i++) {
        const int32_t w = weight[i] + lp_shift_down(lp_shift_down(v.input[i] * step, 15) + 1, 1);
        weight[i] = (int16_t)lp_clamp(w, INT16_MAX);
    }
    for (uint32_t i = 0; i < v.nmaps; i++)
        lp_learn(v.map[i], right, m->rates.map);
    return right;
}

/* --- A node ---------------------------------------------------------------------------- */

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
    uint32_t alive, sure, match_state; /* choose the weights */
    int16_t *weight_a, *weight_b, weight[LP_INPUTS];
    uint32_t guessed;            /* the child that has the wrong guess, or NONE */
    lp_vec known, shown, follow; /* odds, by the model, the sequence, and the last leaf */
};

static inline uint32_t child_of(const struct choice *s, uint32_t leaf)
{
    return lp_vec_below(s->begin, (leaf - s->leaf) >> s->shift) - 1;
}

static inline void name(struct choice *s, int32_t *odds, uint32_t input, uint32_t child)
{
    s->named[s->nnamed++] = (struct named){odds, (int16_t)lp_shift_down(*odds, LP_ODDS_FINER),
                                           (uint8_t)input, (uint8_t)child};
}

/* What a list counts in each child, and in all. */
struct counts {
    int16_t of[LP_NODE_CHILDREN];
    uint32_t children, total, most; /* which ones are counted in; the largest count */
};

/* Counts the candidates of one source, from the i-th on. The next one's place. */
static inline uint32_t count_source(struct choice *s, const struct walk *w, uint32_t i,
                                    struct counts *c)
{
    const uint32_t source = w->candidate[i].source;
    lp_vec_store(c->of, lp_vec_all(0));
    c->children = c->total = c->most = 0;
    do {
        const struct lp_candidate *a = &w->candidate[i];
        const uint32_t k = s->child_of[i] = (uint8_t)child_of(s, a->leaf);
        const uint32_t count = (uint32_t)c->of[k] + a->count;
        c->of[k] = (int16_t)count;
        c->children |= 1u << k;
        c->total += a->count;
        c->most = count > c->most ? count : c->most;
    } while (++i < w->n && w->candidate[i].source == source);
    return i;
}

/* Names the children that the model's successors of the last leaf are in. */
static inline void name_followed(struct lp_mix *m, struct choice *s, const struct walk *w,
                                 const struct counts *c)
{
    int32_t *odds = m->now.follow[lp_wide_level(c->total + w->total[0])];
    for (uint32_t rest = c->children; rest != 0; rest &= rest - 1) {
        const uint32_t k = (uint32_t)__builtin_ctz(rest);
        name(s, &odds[lp_wide_level((uint32_t)c->of[k])], LP_IN_FOLLOW, k);
    }
}

/* The same of another list. */
static inline void name_listed(struct lp_mix *m, struct choice *s, const struct walk *w,
                               uint32_t source, const struct counts *c)
{
    const uint32_t elsewhere = w->total[source] - c->total, level = m->level[c->total];
    const uint32_t dead = elsewhere == 0 ? 0 : elsewhere <= c->total ? 1 : 2;
    int32_t *odds = m->now.list[source - 1][dead][level];
    for (uint32_t rest = c->children; rest != 0; rest &= rest - 1) {
        const uint32_t k = (uint32_t)__builtin_ctz(rest);
        name(s, &odds[m->level[c->of[k]]], LP_IN_FOLLOW + source, k);
    }
    s->alive |= 1u << (source - 1);
    s->sure = 8 * c->most < 7 * c->total ? 0 : level > 2 ? 3 : 2;
}

static inline void name_matched(struct lp_mix *m, struct choice *s, const struct walk *w)
{
    const uint32_t depth = w->depth < LP_MATCH_DEPTHS ? w->depth : LP_MATCH_DEPTHS - 1;
    name(s, &m->now.match[w->match_length][depth], LP_IN_MATCH, child_of(s, w->match));
    s->match_state = w->match_length < 4 ? 1 : w->match_length < 12 ? 2 : 3;
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
    for (uint32_t i = 0; i < w->n;) {
        const uint32_t source = w->candidate[i].source;
        struct counts count;
        i = count_source(s, w, i, &count);
        if (source == 0)
            name_followed(m, s, w, &count);
        else
            name_listed(m, s, w, source, &count);
    }
    if (w->match != NONE)
        name_matched(m, s, w);
    s->guessed = w->guess != NONE ? child_of(s, w->guess) : NONE;
    const uint32_t depth = w->depth < 7 ? w->depth : 7;
    s->weight_a = m->now.weight_a[s->alive << 4 | s->sure << 2 | s->match_state];
    s->weight_b = m->now.weight_b[depth << 3 | net << 2 | s->match_state];
    lp_weights_add(s->weight_a, s->weight_b, s->weight);
}

/* The probability of each child, in 1 / (1 << ERROR_BITS) of the likeliest's. */
static inline lp_vec mix(struct lp_mix *m, struct choice *s, const struct context *x, bool root)
{
    int32_t lane[LP_LANES] = {0};
    for (uint32_t i = 0; i < s->nnamed; i++) {
        const struct named *a = &s->named[i];
        lane[a->child] += lp_shift_down(a->value * s->weight[a->input], 16);
    }
    /* A guess that was wrong is no child. */
    const bool excluded = s->guessed != NONE && (s->inner >> s->guessed & 1) == 0;
    if (excluded)
        lane[s->guessed] = INT16_MIN;
    if (m->seen[s->at] == 0) {
        m->touched[m->ntouched++] = s->at;
        lp_vec_store(m->node[s->at], lp_vec_all(0));
    }
    s->known = known_odds(m->model, x, s->node);
    s->shown = lp_vec_load(m->node[s->at]);
    lp_vec odds = lp_vec_mul_high(s->known, lp_vec_all(s->weight[LP_IN_MODEL]));
    odds = lp_vec_add(odds, lp_vec_mul_high(s->shown, lp_vec_all(s->weight[LP_IN_NODE])));
    if (root) {
        s->follow = follow_odds(x);
        odds = lp_vec_add(odds, lp_vec_mul_high(s->follow, lp_vec_all(s->weight[LP_IN_FOLLOW])));
    }
    odds = lp_vec_add(odds, lp_vec_within(lane));
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

/* Takes the guess, which was wrong, from what lists name. */
static inline void drop_guess(struct walk *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct lp_candidate a = w->candidate[i];
        if (a.leaf == w->guess)
            w->total[a.source] -= a.count;
        w->candidate[n] = a;
        n += a.leaf != w->guess;
    }
    w->n = n;
}

/* Gathers what the model's successors name, below the root: leaves from begin to end. */
static inline void gather_follow(const struct context *x, struct walk *w, uint32_t begin,
                                 uint32_t end)
{
    if (x->follow.n == 0)
        return;
    for (uint32_t near = lp_follow_near(&x->follow, begin, end - 1); near != 0; near &= near - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(near), leaf = lp_follow_leaf(&x->follow, i);
        w->candidate[w->n] =
            (struct lp_candidate){leaf, (uint16_t)lp_follow_count(&x->follow, i), 0};
        w->n += leaf - begin < end - begin && leaf != w->guess;
    }
}

/* Codes a leaf, or decodes and returns it. */
LP_INLINE uint32_t code_leaf(struct lp_mix *m, struct lp_coder *c, struct context *x, uint32_t leaf,
                             const bool decode)
{
    const struct lp_model *model = m->model;
    struct walk w;
    w.guess = find_guess(m, x);
    if (w.guess != NONE && code_guess(m, c, x, w.guess, leaf == w.guess, decode)) {
        if (decode)
            see(m, x, w.guess);
        return w.guess;
    }
    w.match = matched(m, x);
    if (w.match == w.guess)
        w.match = NONE;
    w.match_length = x->match_length;
    w.candidate = x->candidate;
    w.n = x->ncandidates;
    w.total[0] = x->follow.others;
    for (uint32_t i = 0; i < LP_LISTS; i++)
        w.total[1 + i] = x->list[i].total;
    if (w.guess != NONE)
        drop_guess(&w);
    w.at = w.depth = 0;
    w.node = model->node;
    for (;;) {
        const unsigned char *node = w.node;
        const bool root = w.at == 0;
        const uint32_t child = code_child(m, c, x, &w, leaf, decode);
        const uint32_t begin = child_begin(node, child);
        if (!w.inner)
            return begin;
        if (root) {
            uint32_t end = model->nleaves;
            if (child + 1 < LP_NODE_CHILDREN && child_begin(node, child + 1) < end)
                end = child_begin(node, child + 1);
            gather_follow(x, &w, begin, end);
        }
    }
}

/* --- A sequence ------------------------------------------------------------------------ */

/* Codes n leaves, of ids, or into m->leaf. */
LP_INLINE enum lp_status run(struct lp_mix *m, struct lp_coder *c, const uint32_t *ids, size_t n,
                             const bool decode)
{
    const struct lp_model *model = m->model;
    struct context x = {0};
    for (uint32_t i = 0; i < LP_NET_PLACES; i++)
        x.before[i] = model->nleaves;
    find_context(m, &x);
    for (size_t i = 0; i < n; i++) {
        if (!decode && !lp_buf_reserve(c->out, 256))
            return LP_NOMEM;
        find_follow(m, &x);
        if (!m->fast)
            find_own(m, &x, i);
        find_match(m, &x, i);
        find_lists(m, &x);
        lp_net_see(model, &x.net, x.before);
        uint32_t leaf = decode ? 0 : lp_get24(model->leaf + 3 * (size_t)ids[i]);
        if (!decode)
            see(m, &x, leaf);
        m->leaf[i] = code_leaf(m, c, &x, leaf, decode);
    }
    return LP_OK;
}

#endif
