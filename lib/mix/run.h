/* run.h - codes token ids, for run_portable.c and run_avx2.c, which compile it for different
 * instruction sets (vec.h).
 *
 * A token is coded in up to two steps. First one choice among the offer: the candidates of n-gram
 * lists and of the match, and an escape. After an escape (half of all tokens or more) the leaf is
 * coded as a path down the model's tree, one choice among up to sixteen children at each node;
 * leaves that were offered are excluded there.
 *
 * The logits of a choice are a weighted sum of inputs. Those of a candidate: for each source, what
 * its count there is worth; for the match, what its length is worth. Those of a child: what the
 * model predicts (its network, or plain frequencies), what this sequence has shown at the node, and
 * what the follow list says. The weights are the sum of two sets, selected by context. They stay as
 * trained; a sequence only learns a small correction. Adapting all of them gains nothing and costs
 * a fifth of the time.
 *
 * Fast mode leaves out what costs most for what it gains: the lists of three tokens and of the
 * sequence, and in the tree the follow list, all of whose leaves it offers (run_fast.h).
 *
 * Encoding and decoding share the source, and each gets its own copy of the code (LP_INLINE) so
 * that no choice tests which of the two it is. Code that does not differ is shared (LP_APART):
 * smaller, and some percent faster.
 *
 * Nothing depends on the machine: no floating point, no shift of a negative number. */
#ifndef LP_MIX_RUN_H
#define LP_MIX_RUN_H

#include "base/ids.h"
#include "base/interrupt.h"
#include "mix/run_fast.h"

/* Codes the path of a leaf down the tree, or decodes one and returns its leaf. w says what is
 * excluded. */
LP_APART uint32_t code_walk(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                            struct walk *w, uint32_t leaf, const bool decode)
{
    w->node = m->model->node;
    w->at = w->depth = 0;
    if (has_contexts(m, w))
        find_in_context(m, x, 0, w->in_context);
    w->leaves = lp_vec32_load(w->offered);
    if (w->successors != 0)
        store_successor_counts(x, w);
    if (m->model->nnets > 0)
        make_input(m->model, x);
    for (;;) {
        const unsigned char *node = w->node;
        const uint32_t child = code_child(m, c, x, w, leaf, decode);
        if (!w->inner)
            return child_begin(node, child);
    }
}

/* Updates the context with a leaf that was chosen from the offer; when encoding it already is. */
static inline uint32_t push_offered(const struct lp_mix *m, struct context *x, uint32_t leaf,
                                    const bool decode)
{
    if (decode && leaf < m->model->nleaves)
        push_leaf(m, x, leaf);
    return leaf;
}

/* Codes a leaf, or decodes and returns one, which may be beyond the last leaf if the code is
 * damaged. */
LP_INLINE uint32_t code_leaf(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                             const struct offer *offer, uint32_t leaf, const bool decode)
{
    if (offer->n > 0) {
        const uint32_t lane = code_offer(m, c, x, offer, leaf, decode);
        if (lane != ESCAPE_LANE)
            return push_offered(m, x, offer->leaf[lane], decode);
    }
    struct walk w;
    w.offered = offer->leaf;
    w.lanes = (2U << offer->n) - 2;
    w.excluded = 0;
    w.successors = lp_follow_there(&x->follow) & ~offer->followed;
    w.escaped = offer->n > 0;
    x->node_context[LP_NODE_CONTEXTS - 1] =
        lp_context_hash(0, offer->n > 0 ? offer->leaf[1] : m->model->nleaves);
    return code_walk(m, c, x, &w, leaf, decode);
}

/* The same in fast mode. Only the follow list's leaves are excluded in the tree: to exclude the few
 * others costs more time than it saves. */
LP_INLINE uint32_t code_leaf_fast(struct lp_mix *m, struct lp_range_coder *c, struct context *x,
                                  const struct fast_offer *q, uint32_t leaf, const bool decode)
{
    if (q->n + x->follow.n > 0) {
        const uint32_t lane = code_fast_offer(m, c, x, q, leaf, decode);
        if (lane != q->escape)
            return push_offered(m, x, leaf_at(m->model, q, x, lane), decode);
    }
    struct walk w;
    w.offered = q->leaf;
    w.lanes = 0;
    w.excluded = lp_follow_there(&x->follow);
    w.successors = 0;
    w.escaped = q->n + x->follow.n > 0;
    return code_walk(m, c, x, &w, leaf, decode);
}

/* The leaf of an id; one beyond the last if it has none. */
static inline uint32_t leaf_of(const struct lp_model *model, uint32_t id)
{
    return id < model->size ? lp_get24(model->leaf + 3 * (size_t)id) : model->nleaves;
}

/* --- A sequence ------------------------------------------------------------------------ */

/* Makes the context that of the leaf that comes next. */
LP_INLINE void update_context(struct lp_mix *m, struct context *x, const bool fast)
{
    if (!fast) {
        find_own(m, x, m->leaf.n);
        find_learnt(m, x);
    }
    find_match(m, x, m->leaf.n);
    push_row(m->model, x);
    x->position = position_of(m->leaf.n);
}

/* Puts a token into the sequence that is known without being coded. Nothing is learnt of how it
 * would have been. */
LP_APART enum lp_status put_given(struct lp_mix *m, struct context *x, uint32_t id)
{
    const uint32_t leaf = leaf_of(m->model, id);
    if (leaf >= m->model->nleaves)
        return LP_DATA;
    if (!lp_ids_reserve(&m->leaf, 1))
        return LP_NOMEM;
    update_context(m, x, m->fast);
    push_leaf(m, x, leaf);
    m->leaf.v[m->leaf.n++] = leaf;
    return LP_OK;
}

/* See lp_mix_run in state.h. */
LP_INLINE enum lp_status run(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                             size_t n, const bool decode, const bool fast)
{
    enum { AHEAD = 8, GROW_LEAVES = 256 /* room for leaves to add at a time */, WATCH = 1 << 14 };
    const struct lp_model *model = m->model;
    uint32_t wrong = 0;
    struct context x = {0};
    struct offer offer = {0};
    struct fast_offer fast_offer = {0};
    x.last[0] = x.last[1] = x.last[2] = model->nleaves;
    x.row[0] = x.row[1] = x.row[2] = x.next_row = lp_leaf_row(model, model->nleaves);
    prepare_context(m, &x);
    for (size_t i = 0; i < n; i++) {
        if (!lp_ids_reserve(&m->leaf, decode ? GROW_LEAVES : 1) ||
            (!decode && !lp_buf_reserve(c->out, 256)))
            return LP_NOMEM;
        if (i % WATCH == WATCH - 1 && lp_ask_interrupt(m->interrupt, m->interrupt_ctx) != LP_OK)
            return LP_INTERRUPTED;
        if (!decode && m->bits != NULL)
            m->bits[i] = -lp_range_bits(c);
        update_context(m, &x, fast);
        read_follow(&x);
        if (fast)
            find_fast_offer(m, &x, &fast_offer);
        else
            find_offer(m, &x, &offer);
        uint32_t leaf = 0;
        if (!decode) {
            leaf = leaf_of(model, ids[i]);
            if (leaf >= model->nleaves)
                return LP_DATA;
            __builtin_prefetch(model->id + 3 * (size_t)leaf);
            __builtin_prefetch(model->leaf + 3 * (size_t)ids[i + AHEAD < n ? i + AHEAD : i]);
            push_leaf(m, &x, leaf);
        }
        leaf = fast ? code_leaf_fast(m, c, &x, &fast_offer, leaf, decode)
                    : code_leaf(m, c, &x, &offer, leaf, decode);
        m->leaf.v[m->leaf.n++] = leaf;
        if (!decode)
            wrong |= lp_get24(model->id + 3 * (size_t)leaf) ^ ids[i];
        if (!decode && m->bits != NULL)
            m->bits[i] += lp_range_bits(c);
        if (decode && ((leaf >= model->nleaves) | lp_range_overrun(c)))
            return LP_DATA;
        if (m->given != NULL && i + 1 < n) {
            const uint32_t id = m->given(m->given_ctx, lp_get24(model->id + 3 * (size_t)leaf));
            const enum lp_status status = id != LP_NONE_GIVEN ? put_given(m, &x, id) : LP_OK;
            if (status != LP_OK)
                return status;
        }
    }
    return wrong == 0 ? LP_OK : LP_DATA;
}

#endif
