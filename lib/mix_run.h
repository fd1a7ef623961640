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

#include "mix_guess.h"
#include "mix_node.h"

/* --- A token --------------------------------------------------------------------------- */

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
