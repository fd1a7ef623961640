/* mix.c - codes token ids as binary decisions down the model's tree of leaves.
 *
 * Each decision's probability is mixed, in the logistic domain, from what the
 * model knows (the node itself, the network's odds, the tokens that followed the
 * last one, two and three) and from what this sequence has shown so far (the
 * node's own bits, successors, the longest match). Where lists of successors find
 * one token likelier than not, a first decision asks for just that. The model's
 * tables are shared and stay as they are; all that a sequence teaches goes to small
 * tables of its own.
 *
 * The fast way leaves out what costs most for what it gives: the model's successors
 * of one token and of three, a node's history and the second set of weights.
 *
 * Encoding and decoding are one code, of which each gets a copy of its own (LP_INLINE):
 * without that, every bit asks which of them it is.
 *
 * Nothing here depends on the machine: no floating point, no shift of a
 * negative number. */
#include "mix.h"

#include "bpe.h"
#include "coder.h"
#include "follow.h"
#include "list.h"
#include "logistic.h"
#include "mix_state.h"
#include "net.h"

enum {
    UNIT = 13, /* a weight of 1 is 1 << UNIT */

    LEVEL_SUMS = 2048, /* of a list's counts, with room */
    NODE_SURE = 30,    /* bits after which a node's rate stays */
    MATCH_TOKENS = 2,  /* that a match begins with */
    MATCH_MAX = 31,
    BUCKET_LOG_MAX = 16, /* of the sequence's own cells: 4 MB */
};

const struct lp_rates lp_mix_rates = {.map = 6, .weight = 24};

const uint16_t lp_class_count[16] = {0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181};

/* A node as this sequence knows it; untouched while bits is 0. */
struct node {
    uint16_t p;
    uint8_t n, bits; /* coded here so far; the last five, after a one */
};

struct lp_mix {
    const struct lp_model *model;
    bool fast;
    struct lp_rates rates;
    struct lp_adaptive now, initial;
    struct lp_logistic logistic;
    uint16_t node_rate[NODE_SURE + 1];
    uint8_t level[LEVEL_SUMS];
    /* The nodes, and which of them to undo. */
    struct node *node;
    uint32_t *touched, ntouched;
    /* The sequence: its leaves, its own successors, where its contexts were met. */
    uint32_t *leaf, *met;
    unsigned char *cell;
    size_t leaf_cap, cell_cap, met_cap;
    uint32_t nbuckets, met_log;
    struct lp_list list[LP_LISTS];
};

/* --- What comes before a token -------------------------------------------------------- */

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
    uint32_t guess_sure;
    struct own own[2]; /* of the sequence's cells */
    struct lp_follow follow;
    uint32_t match, match_length; /* position of the leaf that a match foresees */
};

/* What a context is found by, and asks memory for all that it will read: what the
 * model knows lies far apart. */
static void find_context(struct lp_mix *m, struct context *x, size_t n)
{
    const struct lp_model *model = m->model;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < LP_NET_PLACES; i++)
        x->before[i] = n > i ? m->leaf[n - 1 - i] : model->nleaves;
    x->follow = (struct lp_follow){0};
    if (!m->fast)
        lp_follow_open(model, x->before[0], &x->follow);
    for (uint32_t i = 0; i < 3; i++) {
        hash = lp_context(hash, x->before[i]);
        x->hash[i] = hash;
        x->check[i] = lp_cell_check(hash, model->leaf_bits);
    }
    for (uint32_t i = 0; i < 2; i++)
        __builtin_prefetch(model->cell + 64 * (size_t)lp_bucket(x->hash[i + 1], model->nbuckets));
    lp_net_prefetch(model, x->before[0]);
    for (uint32_t i = 0; i < x->follow.hi; i += 64 / 4)
        __builtin_prefetch(x->follow.at + 4 * (size_t)i);
}

static void find_lists(struct lp_mix *m, struct context *x)
{
    const struct lp_model *model = m->model;
    for (uint32_t i = 0; i < 2; i++) {
        m->list[i].lo = m->list[i].hi = 0;
        if (model->nbuckets > 0 && !(m->fast && i == 1))
            lp_list_find(model,
                         model->cell + 64 * (size_t)lp_bucket(x->hash[i + 1], model->nbuckets),
                         x->check[i + 1], &m->list[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        x->own[i].bucket = m->cell + 64 * (size_t)lp_bucket(x->hash[i], m->nbuckets);
        x->own[i].check = x->check[i];
        lp_list_find(model, x->own[i].bucket, x->check[i], &m->list[2 + i]);
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

/* --- One token ---------------------------------------------------------------------- */

/* What weights move by, per input, for an error. */
static inline int32_t weight_step(const struct lp_mix *m, int32_t error)
{
    return lp_clamp(lp_shift_down(error * m->rates.weight, 6), 32767);
}

/* One decision: what it is mixed from, and what learns from it. */
struct step {
    int16_t input[LP_INPUTS];
    uint16_t *history, *follow, *match, *list[LP_LISTS]; /* maps; NULL or stale: not in use */
    uint32_t follow_mid, split[LP_LISTS];                /* where the bit splits them */
    uint32_t foreseen;                                   /* by the match */
    uint16_t *missed;
    uint32_t missed_side;
    uint32_t match_state, sure; /* for the choice of weights */
};

/* Where a token's coding is: in the tree, and in what is known of the token. */
struct walk {
    uint32_t a, b, node, depth; /* leaves from a to b are left */
    uint32_t net, nets;         /* the network's node, and how many from there down */
    struct lp_follow follow;
    uint32_t matched; /* the leaf that the match foresees, UINT32_MAX none */
    uint32_t alive;   /* lists with successors from a to b: a bit for each */
};

static inline void node_inputs(struct lp_mix *m, struct step *s, struct node *node,
                               int32_t model_says, uint32_t at)
{
    if (node->bits == 0) {
        m->touched[m->ntouched++] = at;
        *node = (struct node){.p = (uint16_t)lp_squash(&m->logistic, model_says), .bits = 1};
    }
    s->input[LP_IN_MODEL] = (int16_t)lp_clamp(model_says, LP_STRETCH_MAX);
    s->input[LP_IN_NODE] = (int16_t)lp_stretch(&m->logistic, node->p);
    s->input[LP_IN_ONE] = 256;
}

static inline void follow_input(struct lp_mix *m, struct step *s, const struct walk *w,
                                uint32_t mid)
{
    const struct lp_follow *f = &w->follow;
    s->follow_mid = f->lo;
    if (f->lo == f->hi)
        return;
    const uint32_t lo = lp_follow_search(f, f->lo, f->hi, mid);
    s->follow_mid = lo;
    uint32_t left = lp_follow_sum(f, f->lo, lo), right = lp_follow_sum(f, lo, f->hi);
    if (f->missed >= f->lo && f->missed < lo)
        left = (left - f->missed_count) & LP_FOLLOW_SUM_MAX;
    else if (f->missed >= lo && f->missed < f->hi)
        right = (right - f->missed_count) & LP_FOLLOW_SUM_MAX;
    s->follow = &m->now.follow[lp_wide_level(left)][lp_wide_level(right)];
    s->input[LP_IN_FOLLOW] = (int16_t)lp_stretch(&m->logistic, *s->follow);
}

static inline void match_input(struct lp_mix *m, struct step *s, const struct walk *w,
                               uint32_t length, uint32_t mid)
{
    s->match = NULL;
    s->match_state = 0;
    if (w->matched - w->a >= w->b - w->a)
        return;
    s->foreseen = w->matched >= mid;
    s->match = &m->now.match[length];
    int32_t x = lp_stretch(&m->logistic, *s->match);
    s->input[LP_IN_MATCH] = (int16_t)(s->foreseen ? x : -x);
    s->match_state = length < 4 ? 1 : length < 12 ? 2 : 3;
}

static inline void list_inputs(struct lp_mix *m, struct step *s, const struct walk *w, uint32_t mid)
{
    uint32_t sides[2] = {1, 1}; /* of the last list: levels */
    for (uint32_t rest = w->alive; rest != 0; rest &= rest - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(rest);
        const struct lp_list *list = &m->list[i];
        uint32_t k = lp_count_below(list->leaf, (int32_t)mid);
        int32_t left = list->before[k] - list->before[list->lo];
        int32_t right = list->before[list->hi] - list->before[k];
        int32_t elsewhere = list->before[LP_LANES] - left - right;
        int32_t dead = elsewhere == 0 ? 0 : elsewhere <= left + right ? 1 : 2;
        uint32_t l = m->level[left], r = m->level[right];
        s->split[i] = k;
        s->list[i] = &m->now.list[i][dead][l][r];
        s->input[LP_IN_LIST + i] = (int16_t)lp_stretch(&m->logistic, *s->list[i]);
        sides[0] = l;
        sides[1] = r;
    }
    const uint32_t l = sides[0], r = sides[1];
    s->sure = l != 0 && r != 0 ? 0 : l + r > 3 ? 3 : l + r > 1 ? 2 : 1;
}

static inline void learn_lists(struct lp_mix *m, const struct step *s, struct walk *w, uint32_t bit)
{
    for (uint32_t rest = w->alive; rest != 0; rest &= rest - 1) {
        const uint32_t i = (uint32_t)__builtin_ctz(rest);
        struct lp_list *list = &m->list[i];
        lp_learn(s->list[i], bit, m->rates.map);
        list->lo = bit ? s->split[i] : list->lo;
        list->hi = bit ? list->hi : s->split[i];
        if (list->lo == list->hi)
            w->alive ^= 1u << i;
    }
}

static inline void learn_node(const struct lp_mix *m, struct node *node, uint32_t bit)
{
    const uint32_t flip = (0 - bit) & 65535, x = node->p ^ flip;
    node->p = (uint16_t)((x - (x * m->node_rate[node->n] >> 16)) ^ flip);
    node->n = (uint8_t)(node->n + (node->n < NODE_SURE));
    const uint32_t bits = (uint32_t)node->bits << 1 | bit;
    node->bits = (uint8_t)(bits < 64 ? bits : 32 | (bits & 31));
}

/* Mixes all inputs into a probability, codes the bit by it, learns from it. Where
 * lists have a say, two sets of weights do that, each learns from its own error, and
 * their mean is taken; elsewhere, and in the fast way, one set does. */
LP_INLINE uint32_t mix_bit(struct lp_mix *m, struct lp_coder *c, struct step *s, struct walk *w,
                           uint32_t bit, const bool decode, const bool fast)
{
    int16_t *weight_b = m->now.weight_b[s->match_state << 4 | (w->depth < 15 ? w->depth : 15)];
    if (w->alive == 0 || fast) {
        const int n = w->alive == 0 ? LP_IN_LIST : LP_INPUTS; /* without those of lists */
        const uint32_t p =
            lp_squash(&m->logistic, lp_shift_down(lp_dot(weight_b, s->input, n), UNIT));
        bit = lp_code_bit(c, p, bit, decode);
        lp_train(weight_b, s->input, n, weight_step(m, (bit ? 65535 : 0) - (int32_t)p));
    } else {
        int16_t *weight_a = m->now.weight_a[w->alive << 2 | s->sure];
        const int32_t a = lp_shift_down(lp_dot(weight_a, s->input, LP_INPUTS), UNIT);
        const int32_t b = lp_shift_down(lp_dot(weight_b, s->input, LP_INPUTS), UNIT);
        bit = lp_code_bit(c, lp_squash(&m->logistic, lp_shift_down(a + b, 1)), bit, decode);
        const int32_t target = bit ? 65535 : 0;
        lp_train(weight_a, s->input, LP_INPUTS,
                 weight_step(m, target - (int32_t)lp_squash(&m->logistic, a)));
        lp_train(weight_b, s->input, LP_INPUTS,
                 weight_step(m, target - (int32_t)lp_squash(&m->logistic, b)));
    }
    if (s->history != NULL)
        lp_learn(s->history, bit, m->rates.map);
    if (s->follow != NULL)
        lp_learn(s->follow, bit, m->rates.map);
    if (s->match != NULL)
        lp_learn(s->match, bit == s->foreseen, m->rates.map);
    if (s->missed != NULL)
        lp_learn(s->missed, bit == s->missed_side, m->rates.map);
    return bit;
}

/* --- The likeliest token first --------------------------------------------------------- */

enum { GUESS_MIN = 65536 / 2 };

static const uint32_t NONE = UINT32_MAX;

/* The token that one of the lists, or the match, finds likeliest; NONE if none is
 * likely enough to be asked for. */
static uint32_t find_guess(const struct lp_mix *m, const struct context *x)
{
    uint32_t guess = NONE, most = GUESS_MIN;
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &m->list[i];
        if (list->hi == 0 || list->top >= m->model->nleaves)
            continue;
        const int32_t others = list->before[LP_LANES] - lp_class_count[list->top_class];
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

/* Codes whether the guess is right. */
LP_INLINE uint32_t code_guess(struct lp_mix *m, struct lp_coder *c, struct context *x,
                              uint32_t guess, uint32_t right, const bool decode)
{
    int16_t input[LP_INPUTS] = {0};
    uint16_t *map[LP_LISTS + 2];
    uint32_t nmaps = 0, alive = 0;
    uint32_t at[LP_LISTS];
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &m->list[i];
        at[i] = LP_LANES;
        if (list->hi == 0)
            continue;
        const uint32_t k = lp_count_below(list->leaf, (int32_t)guess);
        int32_t count = 0;
        if (list->leaf[k] == (int32_t)guess) {
            count = list->before[k + 1] - list->before[k];
            at[i] = k;
        }
        uint16_t *p = &m->now.top[i][m->level[count]][m->level[list->before[LP_LANES] - count]];
        map[nmaps++] = p;
        input[LP_IN_LIST + i] = (int16_t)lp_stretch(&m->logistic, *p);
        alive |= 1u << i;
    }
    uint32_t state = 0;
    if (x->match_length > 0) {
        const bool same = m->leaf[x->match] == guess;
        uint16_t *p = &m->now.match_top[x->match_length + (same ? 0 : 32)];
        map[nmaps++] = p;
        input[LP_IN_MATCH] = (int16_t)lp_stretch(&m->logistic, *p);
        state = !same ? 1 : x->match_length < 8 ? 2 : 3;
    }
    if (x->follow.lo < x->follow.hi) {
        struct lp_follow *f = &x->follow;
        const uint32_t k = lp_follow_search(f, f->lo, f->hi, guess);
        const bool here = k < f->hi && lp_follow_leaf(f, k) == guess;
        const uint32_t count = here ? lp_follow_sum(f, k, k + 1) : 0;
        const uint32_t others = (lp_follow_sum(f, f->lo, f->hi) - count) & LP_FOLLOW_SUM_MAX;
        f->missed = k;
        f->missed_count = count;
        uint16_t *p = &m->now.top_follow[lp_wide_level(count)][lp_wide_level(others)];
        map[nmaps++] = p;
        input[LP_IN_FOLLOW] = (int16_t)lp_stretch(&m->logistic, *p);
    }
    input[LP_IN_ONE] = 256;
    int16_t *weight = m->now.weight_guess[alive << 2 | state];
    const int32_t sum = lp_shift_down(lp_dot(weight, input, LP_INPUTS), UNIT);
    const uint32_t p = lp_squash(&m->logistic, sum);
    x->guess_sure = p >> 14;
    right = lp_code_bit(c, p, right, decode);
    lp_train(weight, input, LP_INPUTS, weight_step(m, (right ? 65535 : 0) - (int32_t)p));
    for (uint32_t i = 0; i < nmaps; i++)
        lp_learn(map[i], right, m->rates.map);
    for (uint32_t i = 0; !right && i < LP_LISTS; i++) {
        if (at[i] < LP_LANES)
            lp_list_drop(&m->list[i], at[i]);
    }
    return right;
}

/* Codes a leaf, or decodes and returns it. */
LP_INLINE uint32_t code_leaf(struct lp_mix *m, struct lp_coder *c, struct context *x,
                             const uint32_t leaf, const bool decode, const bool fast)
{
    const uint32_t guess = find_guess(m, x);
    if (guess != NONE && code_guess(m, c, x, guess, leaf == guess, decode))
        return guess;
    const struct lp_model *model = m->model;
    struct walk w = {
        .b = model->nleaves, .nets = model->nnodes, .follow = x->follow, .matched = UINT32_MAX};
    if (x->match_length > 0 && m->leaf[x->match] != guess)
        w.matched = m->leaf[x->match];
    for (uint32_t i = 0; i < LP_LISTS; i++)
        w.alive |= (uint32_t)(m->list[i].hi > 0) << i;
    for (; w.b - w.a > 1; w.depth++) {
        const uint32_t entry = lp_get32(model->tree + 4 * (size_t)w.node);
        uint32_t mid = entry >> LP_STRETCH_BITS;
        if (mid - w.a - 1 >= w.b - w.a - 1 || w.depth >= LP_DEPTH_MAX)
            mid = w.a + (w.b - w.a) / 2;
        const uint32_t left_node = w.node + 1, right_node = w.node + (mid - w.a);
        __builtin_prefetch(model->tree + 4 * (size_t)right_node);
        __builtin_prefetch(&m->node[right_node]);
        uint32_t nets_left = 0;
        if (w.nets > 0) {
            nets_left = lp_net_left(model, w.net, w.nets);
            __builtin_prefetch(lp_net_weight(model, w.net + 1 + nets_left));
        }
        const bool missed = guess - w.a < w.b - w.a;
        if (missed && w.b - w.a == 2)
            return w.a + w.b - 1 - guess; /* only one is left */
        struct step s;
        memset(s.input, 0, sizeof s.input);
        if (w.alive != 0)
            list_inputs(m, &s, &w, mid);
        uint32_t bit = leaf >= mid;
        const int32_t says = (int32_t)(entry & ((1 << LP_STRETCH_BITS) - 1)) - (1 << 13);
        node_inputs(m, &s, &m->node[w.node], says, w.node);
        if (w.nets > 0)
            s.input[LP_IN_NET] =
                (int16_t)lp_clamp(lp_net_odds(model, &x->net, w.net), LP_STRETCH_MAX);
        s.follow = s.history = NULL;
        if (!fast) {
            s.history = &m->now.history[m->node[w.node].bits];
            s.input[LP_IN_HISTORY] = (int16_t)lp_stretch(&m->logistic, *s.history);
            follow_input(m, &s, &w, mid);
        }
        match_input(m, &s, &w, x->match_length, mid);
        s.missed = NULL;
        if (missed) {
            s.missed = &m->now.missed[x->guess_sure][31 - __builtin_clz(w.b - w.a)];
            s.missed_side = guess >= mid;
            const int32_t y = lp_stretch(&m->logistic, *s.missed);
            s.input[LP_IN_MISSED] = (int16_t)(s.missed_side ? y : -y);
        }
        bit = mix_bit(m, c, &s, &w, bit, decode, fast);
        learn_node(m, &m->node[w.node], bit);
        if (!fast) {
            w.follow.lo = bit ? s.follow_mid : w.follow.lo;
            w.follow.hi = bit ? w.follow.hi : s.follow_mid;
        }
        if (w.alive != 0)
            learn_lists(m, &s, &w, bit);
        w.node = bit ? right_node : left_node;
        w.a = bit ? mid : w.a;
        w.b = bit ? w.b : mid;
        w.net += 1 + (bit ? nets_left : 0);
        w.nets = !bit ? nets_left : w.nets > 0 ? w.nets - 1 - nets_left : 0;
    }
    return w.a;
}

/* The number of tokens: its length in bits, each further bit of which is less
 * or more likely than the one before, then the bits. */
static size_t code_count(struct lp_coder *c, size_t count, const bool decode)
{
    /* How many sequences of that many bits have more, in 1/256 */
    static const uint8_t more[] = {254, 254, 253, 252, 248, 235, 220, 200,
                                   170, 140, 130, 120, 100, 90,  90,  90};
    uint32_t nbits = 0;
    while (nbits < 31) {
        uint32_t p = nbits < sizeof more ? more[nbits] : 64;
        if (!lp_code_bit(c, p << 8, (uint32_t)(count >> nbits != 0), decode))
            break;
        nbits++;
    }
    size_t value = nbits > 0 ? 1 : 0;
    for (uint32_t i = nbits; i > 1; i--)
        value = value << 1 | lp_code_bit(c, 1 << 15, (uint32_t)(count >> (i - 2) & 1), decode);
    return value;
}

/* --- Sequences ------------------------------------------------------------------------ */

/* Makes p, of *cap bytes, hold n; what it held is gone. NULL when memory is out. */
static void *make_room(void *p, size_t *cap, size_t n)
{
    if (n <= *cap && p != NULL)
        return p;
    free(p);
    p = malloc(n + 1);
    *cap = p == NULL ? 0 : n;
    return p;
}

/* Makes the working state that of a sequence of n leaves not yet coded. */
static enum lp_status start(struct lp_mix *m, size_t n)
{
    uint32_t log = 4;
    while (log < BUCKET_LOG_MAX && (size_t)2 << log < n)
        log++;
    m->nbuckets = (uint32_t)1 << log;
    m->met_log = log + 2;
    size_t ncell = 64 * (size_t)m->nbuckets, nmet = sizeof *m->met << m->met_log;
    m->leaf = make_room(m->leaf, &m->leaf_cap, n * sizeof *m->leaf);
    m->cell = make_room(m->cell, &m->cell_cap, ncell);
    m->met = make_room(m->met, &m->met_cap, nmet);
    if (m->leaf == NULL || m->cell == NULL || m->met == NULL)
        return LP_NOMEM;
    memset(m->cell, 0, ncell);
    memset(m->met, 0, nmet);
    m->now = m->initial;
    for (uint32_t i = 0; i < m->ntouched; i++)
        m->node[m->touched[i]] = (struct node){0};
    m->ntouched = 0;
    return LP_OK;
}

/* Codes n leaves, with ids, or into them. */
LP_INLINE enum lp_status run(struct lp_mix *m, struct lp_coder *c, const uint32_t *ids, size_t n,
                             const bool decode, const bool fast)
{
    const struct lp_model *model = m->model;
    struct context x = {0};
    for (size_t i = 0; i < n; i++) {
        if (!decode && !lp_buf_reserve(c->out, 256))
            return LP_NOMEM;
        struct own own[2];
        memcpy(own, x.own, sizeof own);
        find_context(m, &x, i);
        for (uint32_t k = 0; i > 0 && k < 2; k++)
            lp_list_note(model, own[k].bucket, own[k].check, m->leaf[i - 1]);
        find_match(m, &x, i);
        find_lists(m, &x);
        lp_net_see(model, &x.net, x.before);
        uint32_t leaf = decode ? 0 : lp_get24(model->leaf + 3 * (size_t)ids[i]);
        leaf = code_leaf(m, c, &x, leaf, decode, fast);
        m->leaf[i] = leaf;
        __builtin_prefetch(model->start + 4 * (size_t)leaf);
        __builtin_prefetch(model->row + 2 * (size_t)leaf);
    }
    return LP_OK;
}

enum lp_status lp_mix_learn(struct lp_mix *m, const uint32_t *ids, size_t n,
                            const struct lp_rates *rates, struct lp_adaptive *state,
                            struct lp_buf *out)
{
    const struct lp_model *model = m->model;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= model->size)
            return LP_DATA;
        uint32_t leaf = lp_get24(model->leaf + 3 * (size_t)ids[i]);
        if (leaf >= model->nleaves || lp_get24(model->id + 3 * (size_t)leaf) != ids[i])
            return LP_DATA;
    }
    if (n >= (uint32_t)1 << 31)
        return LP_LIMIT;
    enum lp_status status = start(m, n);
    if (status != LP_OK)
        return status;
    if (state != NULL)
        m->now = *state;
    m->rates = *rates;
    struct lp_coder c = {.high = UINT32_MAX, .out = out};
    size_t begin = out->n;
    if (!lp_buf_reserve(out, 256))
        return LP_NOMEM;
    code_count(&c, n, false);
    status = m->fast ? run(m, &c, ids, n, false, true) : run(m, &c, ids, n, false, false);
    if (status == LP_OK)
        lp_code_flush(&c, begin);
    if (state != NULL)
        *state = m->now;
    return status;
}

enum lp_status lp_mix_encode(struct lp_mix *m, const uint32_t *ids, size_t n, struct lp_buf *out)
{
    return lp_mix_learn(m, ids, n, &lp_mix_rates, NULL, out);
}

enum lp_status lp_mix_decode(struct lp_mix *m, const unsigned char *in, size_t size, size_t max,
                             struct lp_ids *out)
{
    struct lp_coder c = {.high = UINT32_MAX, .in = in, .end = in + size};
    lp_code_begin(&c);
    size_t n = code_count(&c, 0, true);
    if (n > max)
        return LP_DATA;
    if (!lp_ids_reserve(out, n))
        return LP_NOMEM;
    enum lp_status status = start(m, n);
    m->rates = lp_mix_rates;
    if (status == LP_OK)
        status = m->fast ? run(m, &c, NULL, n, true, true) : run(m, &c, NULL, n, true, false);
    for (size_t i = 0; status == LP_OK && i < n; i++)
        out->v[out->n++] = lp_get24(m->model->id + 3 * (size_t)m->leaf[i]);
    return status;
}

/* --- State ------------------------------------------------------------------------------ */

static void fill_levels(struct lp_mix *m)
{
    uint8_t level = 0;
    for (uint32_t sum = 0; sum < LEVEL_SUMS; sum++) {
        while (level < LP_LEVELS - 1 && sum >= lp_class_count[level + 1])
            level++;
        m->level[sum] = level;
    }
}

/* What the model says of the adaptive state; probabilities stay off 0 and 1. */
static void load_initial(struct lp_mix *m)
{
    uint16_t *to = (uint16_t *)&m->initial;
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++) {
        to[i] = lp_get16(m->model->initial + 2 * i);
        if (i < LP_ADAPTIVE_MAPS && to[i] < 64)
            to[i] = 64;
        else if (i < LP_ADAPTIVE_MAPS && to[i] > 65535 - 64)
            to[i] = 65535 - 64;
    }
}

enum lp_status lp_mix_new(const struct lp_model *model, bool fast, struct lp_mix **out)
{
    *out = NULL;
    struct lp_mix *m = calloc(1, sizeof *m);
    if (m == NULL)
        return LP_NOMEM;
    m->model = model;
    m->fast = fast;
    m->node = calloc(model->nleaves, sizeof *m->node);
    m->touched = malloc(model->nleaves * sizeof *m->touched);
    if (m->node == NULL || m->touched == NULL) {
        lp_mix_free(m);
        return LP_NOMEM;
    }
    lp_fill_squash(&m->logistic);
    lp_fill_stretch(&m->logistic);
    fill_levels(m);
    for (uint32_t i = 0; i <= NODE_SURE; i++)
        m->node_rate[i] = (uint16_t)(65536 / (i + 6));
    load_initial(m);
    *out = m;
    return LP_OK;
}

void lp_mix_free(struct lp_mix *m)
{
    if (m == NULL)
        return;
    free(m->node);
    free(m->touched);
    free(m->leaf);
    free(m->cell);
    free(m->met);
    free(m);
}
