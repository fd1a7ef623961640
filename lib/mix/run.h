/* run.h - codes token ids as choices, for mix_portable.c and mix_avx2.c, which are
 * compiled for other instructions (vec.h).
 *
 * The first choice is among the leaves that lists of successors and the longest match
 * offer: one of them, or none. Half of all tokens or less are among these; for the others
 * the way leads down the model's tree of leaves, where a node has up to sixteen children, and
 * the lists have nothing more to say.
 *
 * The odds of what is chosen from are a sum: those of an offer of what each source is worth that
 * has the leaf, those of a child of what the model knows of it (its network, or how frequent
 * it is), what this sequence has shown of it, and what the model knows to follow the last
 * token. Each kind has a weight, of two sets chosen by what is at hand. All these are the
 * model's and stay; a sequence adds a little to them: to learn all of them as it goes would give
 * no more, and take a fifth of the time. All that it teaches goes to small tables of its own.
 *
 * The fast way leaves out what costs most for what it gives: the lists of three tokens and of
 * the sequence, and in the tree the model's successors of the last token, which it offers as they
 * are (run_fast.h).
 *
 * Encoding and decoding are one code, of which each gets a copy of its own (LP_INLINE):
 * without that, every choice asks which of them it is. What is the same for both they
 * share (LP_APART): smaller, and faster by some percent.
 *
 * Nothing here depends on the machine: no floating point, no shift of a
 * negative number. */
#ifndef LP_MIX_RUN_H
#define LP_MIX_RUN_H

#include "base/interrupt.h"
#include "mix/run_fast.h"

/* Codes a leaf's way down the tree, or decodes and returns it; w says what it is not. */
LP_APART uint32_t code_walk(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                            struct walk *w, uint32_t leaf, const bool decode)
{
    w->node = m->model->node;
    w->at = w->depth = 0;
    w->leaves = lp_vec32_of(w->offered);
    if (w->successors != 0)
        count_successors(x, w);
    if (m->model->nnets > 0)
        lp_net_see(m->model, &x->net, x->row);
    for (;;) {
        const unsigned char *node = w->node;
        const uint32_t child = code_child(m, c, x, w, leaf, decode);
        if (!w->inner)
            return child_begin(node, child);
    }
}

/* The leaf that was chosen of those offered; decoding knows it only now. */
static inline uint32_t see_offered(const struct lp_mix *m, struct context *x, uint32_t leaf,
                                   const bool decode)
{
    if (decode && leaf < m->model->nleaves)
        see(m, x, leaf);
    return leaf;
}

/* Codes a leaf, or decodes and returns it: one beyond the last is none. */
LP_INLINE uint32_t code_leaf(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                             const struct offer *offer, uint32_t leaf, const bool decode)
{
    if (offer->n > 0) {
        const uint32_t lane = code_offer(m, c, x, offer, leaf, decode);
        if (lane != NONE_LANE)
            return see_offered(m, x, offer->leaf[lane], decode);
    }
    struct walk w;
    w.offered = offer->leaf;
    w.lanes = (2U << offer->n) - 2;
    w.gone = 0;
    w.successors = lp_follow_there(&x->follow) & ~offer->followed;
    w.fewer = offer->n > 0;
    return code_walk(m, c, x, &w, leaf, decode);
}

/* The same in the fast way. In the tree only the successors are not there: to leave out the few
 * others too would save less than it takes. */
LP_INLINE uint32_t code_leaf_quick(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                                   const struct quick *q, uint32_t leaf, const bool decode)
{
    if (q->n + x->follow.n > 0) {
        const uint32_t lane = code_quick(m, c, x, q, leaf, decode);
        if (lane != q->none)
            return see_offered(m, x, leaf_at(m->model, q, x, lane), decode);
    }
    struct walk w;
    w.offered = q->leaf;
    w.lanes = 0;
    w.gone = lp_follow_there(&x->follow);
    w.successors = 0;
    w.fewer = q->n + x->follow.n > 0;
    return code_walk(m, c, x, &w, leaf, decode);
}

/* The leaf of an id; none that there is if it has none. */
static inline uint32_t leaf_of(const struct lp_model *model, uint32_t id)
{
    return id < model->size ? lp_get24(model->leaf + 3 * (size_t)id) : model->nleaves;
}

/* --- A sequence ------------------------------------------------------------------------ */

/* Codes n leaves, of ids, or into m->leaf. LP_DATA for an id that has none. */
LP_INLINE enum lp_status run(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                             size_t n, const bool decode, const bool fast)
{
    enum { AHEAD = 8, WATCH = 1 << 14 };
    const struct lp_model *model = m->model;
    uint32_t wrong = 0;
    struct context x = {0};
    struct offer offer = {0};
    struct quick quick = {0};
    x.before[0] = x.before[1] = x.before[2] = model->nleaves;
    x.row[0] = x.row[1] = x.row[2] = x.next_row = lp_leaf_row(model, model->nleaves);
    find_context(m, &x);
    for (size_t i = 0; i < n; i++) {
        if (!decode && !lp_buf_reserve(c->out, 256))
            return LP_NOMEM;
        if (i % WATCH == WATCH - 1 && lp_ask_interrupt(m->interrupt, m->interrupt_ctx) != LP_OK)
            return LP_INTERRUPTED;
        if (!decode && m->bits != NULL)
            m->bits[i] = -lp_range_bits(c);
        if (!fast)
            find_own(m, &x, i);
        find_match(m, &x, i);
        see_row(model, &x, i);
        read_follow(&x);
        if (fast)
            offer_all_quick(m, &x, &quick);
        else
            find_offer(m, &x, &offer);
        uint32_t leaf = 0;
        if (!decode) {
            leaf = leaf_of(model, ids[i]);
            if (leaf >= model->nleaves)
                return LP_DATA;
            wrong |= lp_get24(model->id + 3 * (size_t)leaf) ^ ids[i];
            __builtin_prefetch(model->leaf + 3 * (size_t)ids[i + AHEAD < n ? i + AHEAD : i]);
            see(m, &x, leaf);
        }
        leaf = fast ? code_leaf_quick(m, c, &x, &quick, leaf, decode)
                    : code_leaf(m, c, &x, &offer, leaf, decode);
        m->leaf[i] = leaf;
        if (!decode && m->bits != NULL)
            m->bits[i] += lp_range_bits(c);
        if (decode && leaf >= model->nleaves)
            return LP_DATA;
    }
    return wrong == 0 ? LP_OK : LP_DATA;
}

#endif
