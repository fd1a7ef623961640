/* adapt.c - adapts a model to further texts. Its tree and its size stay; the n-grams it has and
 * those of the new texts compete for the room. */
#include "train/parts.h"

#include "base/xxh64.h"

#include <math.h>
#include <stdlib.h>

/* --- Cells ------------------------------------------------------------------------- */

/* Adds an n-gram to its bucket: its cell grows, or it replaces the cell of the lowest class. stands
 * is what a cell has for the leaf; a cell made before the leaf was in the follow list has the leaf
 * itself. */
static void adapt_bucket(const struct lp_model *m, unsigned char *bucket, const struct lp_gram *g,
                         uint32_t stands)
{
    const uint32_t bits = m->leaf_bits, shift = bits + LP_CELL_CLASS_BITS;
    const uint32_t check = lp_cell_check(g->key, bits), leaf = (uint32_t)(g->key & LP_GRAM_LEAF);
    uint32_t least = 0, least_class = 16, here = 0;
    for (uint32_t k = 0; k < LP_BUCKET_CELLS; k++) {
        const uint32_t cell = lp_get32(bucket + 4 * k), class = lp_cell_class(cell, bits);
        const uint32_t has = lp_cell_leaf(cell, bits);
        const bool of_context = class > 0 && cell >> shift == check;
        here += of_context;
        if (of_context && (has == leaf || has == stands)) {
            const uint32_t more = lp_class_of((float)lp_class_count[class] + 2 * g->count);
            lp_put32(bucket + 4 * k, check << shift | more << bits | stands);
            return;
        }
        if (class < least_class) {
            least_class = class;
            least = k;
        }
    }
    const uint32_t class = lp_class_of(2 * g->count);
    if (here < LP_CELLS_OF_CONTEXT && class >= least_class)
        lp_put32(bucket + 4 * least, check << shift | class << bits | stands);
}

/* m has the adapted follow lists, whose places the cells name. */
static void adapt_cells(const struct lp_model *m, unsigned char *cells, const struct lp_docs *docs,
                        const struct lp_grams *grams, uint32_t order)
{
    for (size_t i = 0; m->nbuckets > 0 && i < grams->n; i++) {
        const struct lp_gram *g = &grams->v[i];
        const uint32_t last = lp_leaf_before(docs, m->nleaves, g->at);
        adapt_bucket(m, cells + 64 * (size_t)lp_bucket(g->key, order, m->nbuckets), g,
                     lp_leaf_in_cell(m, last, (uint32_t)(g->key & LP_GRAM_LEAF)));
    }
}

/* --- Follow lists ------------------------------------------------------------------------ */

/* The successors of a leaf: those in the model's list, in their places, then the new ones of n
 * n-grams of docs. */
static void merge_follow(const struct lp_model *m, const struct lp_follow *f,
                         const struct lp_gram *g, size_t n, struct lp_successors *of)
{
    of->n = 0;
    while (of->n < f->n &&
           lp_follow_leaf(f, of->n) < m->nleaves) { /* always, in a model that this trainer made */
        of->list[of->n] =
            (struct lp_successor){lp_follow_leaf(f, of->n), (float)lp_follow_count(f, of->n)};
        of->n++;
    }
    of->placed = of->n;
    for (size_t i = 0; i < n; i++) {
        const uint32_t leaf = (uint32_t)(g[i].key & LP_GRAM_LEAF);
        uint32_t at = 0;
        while (at < of->placed && of->list[at].leaf != leaf)
            at++;
        if (at == of->placed) {
            at = of->n++;
            of->list[at] = (struct lp_successor){leaf, 0};
        }
        of->list[at].count += 4 * g[i].count;
    }
}

/* The counts of the successors that a list leaves out, by the root's children: the total split by
 * the root's logits, less the list's own. */
static void others_of(const struct lp_tree *tree, const struct lp_follow *f, double *others)
{
    const struct lp_tree_node *root = &tree->node[0];
    double total = 0, all = 0;
    memset(others, 0, LP_NODE_CHILDREN * sizeof *others);
    for (uint32_t k = 0; k < root->n && f->n > 0; k++)
        all += others[k] = tree->root[k] * exp((k == 0 ? 0 : (int8_t)f->root[k]) / 8.0);
    for (uint32_t i = 0; i < f->n; i++)
        total += lp_follow_count(f, i);
    total += lp_follow_others(f);
    for (uint32_t k = 0; k < root->n && f->n > 0; k++)
        others[k] *= total / all;
    for (uint32_t i = 0; i < f->n; i++) {
        if (lp_follow_leaf(f, i) < tree->nleaves)
            others[lp_tree_child(root, lp_follow_leaf(f, i))] -= lp_follow_count(f, i);
    }
    for (uint32_t k = 0; k < root->n; k++)
        others[k] = others[k] > 0 ? others[k] : 0;
}

/* The entries of a model's index, in the order in which their lists lie. */
static uint32_t *entries_of(const struct lp_model *m)
{
    const uint32_t nentries = m->nleaves / LP_INDEX_LEAVES + 1;
    double *count = malloc(nentries * sizeof *count);
    for (uint32_t i = 0; count != NULL && i < nentries; i++)
        count[i] = -lp_get16(m->index + LP_INDEX_SIZE * (size_t)i + LP_INDEX_AT_LONGS);
    uint32_t *order = count != NULL ? lp_entries_by(count, nentries) : NULL;
    free(count);
    return order;
}

/* Makes the lists of the model and docs together; a list has the successors that count at least
 * `least`. Only counts the lists if lists has no memory for them. */
static void put_lists(const struct lp_model *m, const struct lp_tree *tree, const uint32_t *order,
                      const struct lp_grams *grams, float least, struct lp_successors *of,
                      struct lp_lists *lists)
{
    for (uint32_t k = 0; k <= m->nleaves / LP_INDEX_LEAVES; k++) {
        const uint32_t first = order[k] * LP_INDEX_LEAVES;
        size_t i = lp_grams_from(grams, (uint64_t)first << LP_GRAM_SHIFT);
        for (uint32_t last = first; last < lp_entry_end(order[k], m->nleaves); last++) {
            struct lp_follow f;
            unsigned char list[LP_FOLLOW_SIZE];
            lp_follow_open(m, last, &f);
            const size_t from = i;
            while (i < grams->n && grams->v[i].key >> LP_GRAM_SHIFT == last)
                i++;
            merge_follow(m, &f, grams->v + from, i - from, of);
            const uint32_t room = lp_list_room(of, least);
            if (lists->lists == NULL) {
                lp_lists_count(lists, room);
                continue;
            }
            others_of(tree, &f, of->others);
            if (room > 0)
                lp_list_put(tree, of, room, list);
            lp_lists_add(lists, last, room, list);
        }
    }
}

/* What put_lists() takes. */
struct lists_of {
    const struct lp_model *m;
    const struct lp_tree *tree;
    const uint32_t *order;
    const struct lp_grams *grams;
    struct lp_successors *of;
};

/* The least counts that are tried: 0.5, and each a tenth more than the one before. */
static float least_count(unsigned i)
{
    float least = 0.5F;
    while (i-- > 0)
        least *= 1.1F;
    return least;
}

static bool fits(const struct lists_of *l, unsigned i)
{
    struct lp_lists lists = {0};
    put_lists(l->m, l->tree, l->order, l->grams, least_count(i), l->of, &lists);
    return lp_lists_fit(&lists, l->m->section_size[LP_LPM_FOLLOW]);
}

/* The first least count with which the lists fit. A larger one leaves out more successors. */
static float least_that_fits(const struct lists_of *l)
{
    unsigned low = 0, high = 0;
    for (unsigned step = 1; !fits(l, high); step *= 2) {
        low = high + 1;
        high += step;
    }
    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        if (fits(l, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return least_count(high);
}

/* Writes the lists to a copy of the model. */
static enum lp_status adapt_follow(const struct lp_model *m, const struct lp_tree *tree,
                                   unsigned char *file, const struct lp_grams *grams)
{
    const uint32_t size = m->section_size[LP_LPM_FOLLOW];
    struct lp_successors of = {.list = malloc((LP_FOLLOW_MAX + grams->n + 1) * sizeof *of.list)};
    unsigned char *few = malloc(size + (size_t)1), *follow = file + (m->follow - m->file);
    uint32_t *order = entries_of(m);
    const bool good = of.list != NULL && few != NULL && order != NULL;
    if (good) {
        const float least = least_that_fits(&(struct lists_of){m, tree, order, grams, &of});
        struct lp_lists lists = {.index = file + (m->index - m->file), .lists = follow, .few = few};
        memset(follow, 0, size);
        put_lists(m, tree, order, grams, least, &of, &lists);
        lp_lists_end(&lists);
        lp_put32(file + LP_LPM_AT_LONG, lists.nlong);
    }
    free(of.list);
    free(few);
    free(order);
    return good ? LP_OK : LP_NOMEM;
}

/* --- Probabilities -------------------------------------------------------------------- */

/* Cumulative counts of the leaves in docs: sum[i] is that of all before leaf i. NULL when memory is
 * out. */
static uint32_t *sums_of(const struct lp_docs *docs, uint32_t nleaves)
{
    uint32_t *sum = calloc((size_t)nleaves + 1, sizeof *sum);
    for (size_t i = 0; sum != NULL && i < docs->n; i++)
        sum[docs->id[i] + 1]++;
    for (uint32_t i = 0; sum != NULL && i < nleaves; i++)
        sum[i + 1] += sum[i];
    return sum;
}

/* Adds docs to the probabilities of each node's children, with as much weight as the model's own.
 * The costs of nodes with weights are overwritten later, when the network is adapted. */
static enum lp_status adapt_tree(const struct lp_model *m, const struct lp_tree *tree,
                                 unsigned char *nodes, const struct lp_docs *docs)
{
    uint32_t *sum = sums_of(docs, m->nleaves);
    double *mass = calloc(m->nnodes, sizeof *mass);
    if (sum == NULL || mass == NULL) {
        free(sum);
        free(mass);
        return LP_NOMEM;
    }
    mass[0] = (double)docs->n;
    for (uint32_t at = 0; at < m->nnodes; at++) {
        const struct lp_tree_node *node = &tree->node[at];
        unsigned char *cost = nodes + LP_NODE_SIZE * (size_t)at + LP_NODE_AT_COST;
        const double both = mass[at] + sum[node->begin[node->n]] - sum[node->begin[0]];
        double p[LP_NODE_CHILDREN], all = 0;
        for (uint32_t k = 0; k < node->n; k++)
            all += p[k] = exp(-cost[k] / 8.0);
        for (uint32_t k = 0, below = node->first; k < node->n; k++) {
            const double more = sum[node->begin[k + 1]] - sum[node->begin[k]];
            if (lp_tree_inner(node, k))
                mass[below++] = mass[at] * p[k] / all;
            if (more > 0 || both > mass[at])
                cost[k] = (unsigned char)lp_node_cost((mass[at] * p[k] / all + more + 1e-6) / both);
        }
    }
    free(sum);
    free(mass);
    return LP_OK;
}

/* --- The whole --------------------------------------------------------------------------- */

/* Appends to image a copy of the base model, adapted to docs (leaves). */
static enum lp_status adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, const struct lp_mixing *params,
                            struct lp_buf *image)
{
    const struct lp_model *m = t->base;
    lp_train_tell(t, "counting the n-grams of %u records", docs->ndocs);
    if (!lp_buf_append(image, m->file, m->file_size))
        return LP_NOMEM;
    unsigned char *p = image->p + image->n - m->file_size;
    enum lp_status status = adapt_tree(m, tree, p + (m->node - m->file), docs);
    if (status == LP_OK)
        status =
            lp_net_adapt(t, tree, docs, p + (m->node - m->file), p + (m->net_weight - m->file));
    struct lp_model adapted;
    for (uint32_t order = 1; status == LP_OK && order <= 3; order++) {
        struct lp_grams grams;
        status = lp_grams_count(docs, m->nleaves, (int)order, &grams);
        if (status == LP_OK && order == 1)
            status = adapt_follow(m, tree, p, &grams);
        if (status == LP_OK && order == 1)
            status = lp_model_layout(p, m->file_size, &adapted);
        if (status == LP_OK && order > 1)
            adapt_cells(&adapted, p + (m->cell - m->file), docs, &grams, order);
        free(grams.v);
    }
    lp_sort_cells(p + (m->cell - m->file), m->nbuckets);
    lp_tune_put(params, p + (m->mixing - m->file));
    if (status == LP_OK)
        lp_model_seal(p, &adapted);
    return status;
}

/* Splits docs: all of them as leaves; and in two parts, one as leaves to count, one as ids to tune
 * on. */
static enum lp_status split_docs(const struct lp_docs *docs, const uint32_t *leaf,
                                 struct lp_docs *all, struct lp_docs *most, struct lp_docs *rest)
{
    enum { TUNE_PART = 2, TUNE_OF = 5, TUNE_TOKENS = 4000 /* of a doc; more add little */ };
    const float WEIGHT = 16; /* of a token of docs, compared with one of the model's own texts */
    uint32_t seed = 1;
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        size_t n = docs->end[d] - begin;
        bool held = lp_train_draw(&seed) % TUNE_OF < TUNE_PART;
        if (!lp_docs_add(all, leaf + begin, n, WEIGHT) ||
            !(held ? lp_docs_add(rest, docs->id + begin, n < TUNE_TOKENS ? n : TUNE_TOKENS, 1)
                   : lp_docs_add(most, leaf + begin, n, WEIGHT)))
            return LP_NOMEM;
    }
    return LP_OK;
}

/* Moves the parameters half of the way to where tuning on docs (ids) would have them. Not all of
 * the way: the base may have been made of such docs or of these very ones, and then they overstate
 * how far it can be trusted. */
static enum lp_status tune_halfway(const struct lp_trainer *t, const struct lp_buf *image,
                                   const struct lp_docs *docs, struct lp_mixing *params)
{
    struct lp_mixing *tuned = malloc(LP_MODES * sizeof *tuned);
    if (tuned == NULL)
        return LP_NOMEM;
    memcpy(tuned, params, LP_MODES * sizeof *tuned);
    enum lp_status status = lp_tune(t, image, docs, tuned);
    for (size_t i = 0; status == LP_OK && i < LP_MODES * LP_MIXING_SIZE; i++) {
        int16_t *to = (int16_t *)params + i;
        *to = (int16_t)((*to + ((const int16_t *)tuned)[i]) / 2);
    }
    free(tuned);
    return status;
}

enum lp_status lp_train_adapt(const struct lp_trainer *t, const struct lp_docs *docs,
                              struct lp_buf *image)
{
    enum { TUNE_MIN = 4 }; /* docs to tune on; with fewer the parameters stay */
    const struct lp_model *m = t->base;
    struct lp_mixing *params = malloc(LP_MODES * sizeof *params);
    struct lp_docs all = {0}, most = {0}, rest = {0};
    struct lp_buf trial = {0};
    struct lp_tree tree = {0};
    uint32_t *leaf = NULL;
    enum lp_status status = params != NULL ? lp_tree_of(m, &tree) : LP_NOMEM;
    if (status == LP_OK)
        status = lp_leaves_of(&tree, docs, &leaf);
    if (status == LP_OK)
        status = split_docs(docs, leaf, &all, &most, &rest);
    free(leaf);
    for (int mode = 0; status == LP_OK && mode < LP_MODES; mode++)
        lp_mixing_load(m, mode == 1, &params[mode]);
    if (status == LP_OK && rest.ndocs >= TUNE_MIN) {
        status = adapt(t, &tree, &most, params, &trial);
        if (status == LP_OK)
            status = tune_halfway(t, &trial, &rest, params);
    }
    if (status == LP_OK)
        status = adapt(t, &tree, &all, params, image);
    free(params);
    lp_buf_free(&trial);
    lp_docs_free(&all);
    lp_docs_free(&most);
    lp_docs_free(&rest);
    lp_tree_free(&tree);
    return status;
}
