/* new.c - makes a model from texts: keeps the n-grams that gain most and fit, and tunes the mixing
 * parameters on texts that were not counted. */
#include "train/parts.h"

#include "base/xxh64.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- The image ------------------------------------------------------------------------ */

struct builder {
    const struct lp_trainer *t;
    const struct lp_tree *tree;
    unsigned char *section[LP_LPM_SECTIONS];
    size_t size[LP_LPM_SECTIONS];
    unsigned char scale[LP_NET_PLACES + LP_NET_GATES];
    uint32_t nupper;
    struct lp_trained_net *net;
    struct lp_grams gram[3];
    uint32_t *order, nentries; /* of the index: the order in which their lists and rows lie */
    uint16_t *own;             /* the tree's rows of one leaf each, in that order */
    uint32_t nlong;
};

static unsigned char *add_section(struct builder *b, int section, size_t size)
{
    b->size[section] = size;
    b->section[section] = calloc(size + 1, 1);
    return b->section[section];
}

static enum lp_status put_tree(struct builder *b, const struct lp_docs *docs)
{
    const struct lp_tree *tree = b->tree;
    uint32_t nleaves = tree->nleaves;
    unsigned char *nodes = add_section(b, LP_LPM_NODE, LP_NODE_SIZE * (size_t)tree->nnodes);
    unsigned char *leaf = add_section(b, LP_LPM_LEAF, 3 * (size_t)tree->size);
    unsigned char *id = add_section(b, LP_LPM_ID, 3 * (size_t)nleaves);
    double *mass = calloc((size_t)nleaves + 1, sizeof *mass);
    uint32_t *seen = calloc(nleaves, sizeof *seen);
    if (nodes == NULL || leaf == NULL || id == NULL || mass == NULL || seen == NULL) {
        free(mass);
        free(seen);
        return LP_NOMEM;
    }
    for (uint32_t i = 0; i < tree->size; i++)
        lp_put24(leaf + 3 * (size_t)i, tree->leaf[i]);
    for (uint32_t i = 0; i < nleaves; i++)
        lp_put24(id + 3 * (size_t)i, tree->id[i]);
    /* Cumulative counts of leaves, diminished within a doc. */
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            uint32_t k = ++seen[docs->id[i]];
            mass[docs->id[i] + 1] +=
                (double)(docs->weight[d] * (k == 1 ? 1 : lp_diminished(k) - lp_diminished(k - 1)));
        }
        for (size_t i = begin; i < docs->end[d]; i++)
            seen[docs->id[i]] = 0;
    }
    for (uint32_t i = 0; i < nleaves; i++)
        mass[i + 1] += mass[i] + 0.05;
    for (uint32_t at = 0; at < tree->nnodes; at++) {
        const struct lp_tree_node *node = &tree->node[at];
        unsigned char *p = nodes + LP_NODE_SIZE * (size_t)at;
        const double whole = mass[node->begin[node->n]] - mass[node->begin[0]];
        lp_tree_put(tree, at, p);
        for (uint32_t k = 0; k < node->n; k++) {
            const double part = mass[node->begin[k + 1]] - mass[node->begin[k]];
            p[LP_NODE_AT_COST + k] = (unsigned char)lp_node_cost(part / whole);
        }
    }
    free(mass);
    free(seen);
    return LP_OK;
}

/* Orders the entries of the index by their count in docs, so that what is often needed lies on few
 * pages. */
static enum lp_status order_entries(struct builder *b, const struct lp_docs *docs)
{
    b->nentries = b->tree->nleaves / LP_INDEX_LEAVES + 1;
    double *count = calloc(b->nentries, sizeof *count);
    size_t begin = 0;
    for (uint32_t d = 0; count != NULL && d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++)
            count[docs->id[i] / LP_INDEX_LEAVES] += (double)docs->weight[d];
    }
    b->order = count != NULL ? lp_entries_by(count, b->nentries) : NULL;
    free(count);
    return b->order != NULL ? LP_OK : LP_NOMEM;
}

/* Notes in the index which leaves have rows of their own; b->own says which rows of the tree these
 * are. */
static enum lp_status put_rows(struct builder *b)
{
    const struct lp_tree *tree = b->tree;
    unsigned char *index = add_section(b, LP_LPM_INDEX, LP_INDEX_SIZE * (size_t)b->nentries);
    uint32_t own = 0;
    b->own = calloc((size_t)tree->nleaves + 1, sizeof *b->own);
    if (index == NULL || b->own == NULL)
        return LP_NOMEM;
    for (uint32_t k = 0; k < b->nentries; k++) {
        const uint32_t first = b->order[k] * LP_INDEX_LEAVES;
        unsigned char *entry = index + LP_INDEX_SIZE * (size_t)b->order[k];
        uint64_t bits = 0;
        lp_put16(entry + LP_INDEX_AT_OWNS, (uint16_t)own);
        for (uint32_t i = first; i < lp_entry_end(b->order[k], tree->nleaves); i++) {
            if (tree->row[i] >= tree->nown) {
                lp_put16(entry + LP_INDEX_AT_SHARED, tree->row[i]);
            } else {
                bits |= (uint64_t)1 << (i - first);
                b->own[own++] = tree->row[i];
            }
        }
        lp_put64(entry + LP_INDEX_AT_OWN, bits);
    }
    return LP_OK;
}

/* Counts the follow lists, if a list has the successors that count at least `least`. */
static struct lp_lists count_lists(const struct lp_grams *g, float least)
{
    struct lp_lists lists = {0};
    for (size_t i = 0; i < g->n;) {
        const uint64_t last = g->v[i].key >> LP_GRAM_SHIFT;
        uint32_t n = 0;
        for (; i < g->n && g->v[i].key >> LP_GRAM_SHIFT == last; i++)
            n += g->v[i].count >= least;
        lp_lists_count(&lists, lp_list_room_of(n));
    }
    return lists;
}

static enum lp_status put_follow(struct builder *b)
{
    const struct lp_grams *g = &b->gram[0];
    const uint32_t nleaves = b->tree->nleaves;
    const size_t room = b->t->sizes.follow;
    float least = 0.3F;
    struct lp_lists lists = count_lists(g, least);
    for (; !lp_lists_fit(&lists, room); lists = count_lists(g, least))
        least *= 1.08F;
    const size_t size = lp_lists_size(&lists);
    const size_t few = lists.nshort * lp_follow_size(LP_FOLLOW_SHORT);
    b->nlong = lists.nlong;
    lists = (struct lp_lists){.index = b->section[LP_LPM_INDEX],
                              .lists = add_section(b, LP_LPM_FOLLOW, size),
                              .few = malloc(few + 1)};
    struct lp_successors of = {.list = malloc((nleaves + 1) * sizeof *of.list)};
    if (lists.lists == NULL || lists.few == NULL || of.list == NULL)
        return LP_NOMEM; /* lptrain exits and frees them */
    for (uint32_t k = 0; k < b->nentries; k++) {
        const uint32_t first = b->order[k] * LP_INDEX_LEAVES;
        size_t i = lp_grams_from(g, (uint64_t)first << LP_GRAM_SHIFT);
        for (uint32_t last = first; last < lp_entry_end(b->order[k], nleaves); last++) {
            unsigned char list[LP_FOLLOW_SIZE];
            of.n = 0;
            for (; i < g->n && g->v[i].key >> LP_GRAM_SHIFT == last; i++)
                of.list[of.n++] = (struct lp_successor){(uint32_t)(g->v[i].key & LP_GRAM_LEAF),
                                                        4 * g->v[i].count};
            const uint32_t list_room = lp_list_room(&of, 4 * least);
            if (list_room > 0)
                lp_list_put(b->tree, &of, list_room, list);
            lp_lists_add(&lists, last, list_room, list);
        }
    }
    lp_lists_end(&lists);
    free(lists.few);
    free(of.list);
    return LP_OK;
}

struct scored {
    float score;
    uint32_t gram; /* twice its index in its table; plus 1 for a context of three leaves */
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1)
           : x->gram < y->gram  ? -1
                                : x->gram > y->gram;
}

/* The estimated probability of each n-gram in its context. */
static float *probabilities(const struct lp_grams *g)
{
    float *p = malloc((g->n + 1) * sizeof *p);
    for (size_t i = 0; p != NULL && i < g->n;) {
        size_t from = i;
        double total = 0;
        for (; i < g->n && g->v[i].key >> LP_GRAM_SHIFT == g->v[from].key >> LP_GRAM_SHIFT; i++)
            total += (double)g->v[i].count;
        for (size_t k = from; k < i; k++)
            p[k] = (float)((double)g->v[k].count / (total + 1));
    }
    return p;
}

/* The n-grams of contexts of two and three leaves, sorted by the bits that each saves over the
 * shorter context. Returns their number; *scored is NULL when memory is out. */
static size_t score_grams(const struct builder *b, const struct lp_docs *docs,
                          struct scored **scored)
{
    size_t n = 0;
    bool good = true;
    float *p[3];
    for (int k = 0; k < 3; k++)
        good = (p[k] = probabilities(&b->gram[k])) != NULL && good;
    struct scored *v = malloc((b->gram[1].n + b->gram[2].n + 1) * sizeof *v);
    good = good && v != NULL;
    for (int order = 2; good && order <= 3; order++) {
        const struct lp_grams *g = &b->gram[order - 1], *lower = &b->gram[order - 2];
        for (size_t i = 0; i < g->n; i++) {
            uint32_t at = g->v[i].at;
            uint64_t context =
                lp_gram_context(docs, b->tree->nleaves, lp_doc_begin(docs, at), at, order - 1);
            const struct lp_gram *back = lp_gram_find(lower, context | docs->id[at]);
            double q = back != NULL ? (double)p[order - 2][back - lower->v] : 1e-6;
            double gain = (double)g->v[i].count * log2((double)p[order - 1][i] / q);
            if (gain > 0.1)
                v[n++] = (struct scored){(float)gain, (uint32_t)(2 * i) + (order == 3)};
        }
    }
    if (good)
        qsort(v, n, sizeof *v, by_score);
    else
        free(v);
    *scored = good ? v : NULL;
    for (int k = 0; k < 3; k++)
        free(p[k]);
    return n;
}

/* Adds an n-gram to its bucket, where *used cells are taken. False if the bucket is full, or its
 * context has its share. */
static bool put_cell(const struct lp_model *m, const struct lp_docs *docs, unsigned char *bucket,
                     uint8_t *used, const struct lp_gram *g)
{
    const uint32_t shift = m->leaf_bits + LP_CELL_CLASS_BITS;
    const uint32_t check = lp_cell_check(g->key, m->leaf_bits);
    uint32_t same = 0;
    for (uint32_t k = 0; k < *used; k++)
        same += lp_get32(bucket + 4 * k) >> shift == check;
    if (*used == LP_BUCKET_CELLS || same == LP_CELLS_OF_CONTEXT)
        return false;
    const uint32_t last = lp_leaf_before(docs, m->nleaves, g->at);
    lp_put32(bucket + 4 * (size_t)(*used)++,
             check << shift | lp_class_of(2 * g->count) << m->leaf_bits |
                 lp_leaf_in_cell(m, last, (uint32_t)(g->key & LP_GRAM_LEAF)));
    return true;
}

static enum lp_status put_cells(struct builder *b, const struct lp_docs *docs)
{
    const uint32_t nbuckets = b->t->sizes.cell / 64, nleaves = b->tree->nleaves;
    static const unsigned char nothing[LP_FOLLOW_SIZE];
    const uint32_t halves = (uint32_t)b->size[LP_LPM_FOLLOW] / (LP_FOLLOW_SIZE / 2);
    const struct lp_model m = {.nleaves = nleaves,
                               .leaf_bits = lp_leaf_bits(nleaves),
                               .nlong = b->nlong,
                               .nshort = halves - 2 * b->nlong,
                               .index = b->section[LP_LPM_INDEX],
                               .follow = b->section[LP_LPM_FOLLOW],
                               .nothing = nothing};
    struct scored *scored;
    size_t n = score_grams(b, docs, &scored), kept[2] = {0, 0};
    unsigned char *cells = add_section(b, LP_LPM_CELL, 64 * (size_t)nbuckets);
    unsigned char *used = calloc(nbuckets + 1, 1);
    if (scored == NULL || cells == NULL || used == NULL) {
        free(scored);
        free(used);
        return LP_NOMEM;
    }
    for (size_t i = 0; nbuckets > 0 && i < n; i++) {
        const uint32_t three = scored[i].gram & 1;
        const struct lp_gram *g = &b->gram[1 + three].v[scored[i].gram >> 1];
        const uint32_t at = lp_bucket(g->key, 2 + three, nbuckets);
        kept[three] += put_cell(&m, docs, cells + 64 * (size_t)at, &used[at], g);
    }
    lp_sort_cells(cells, nbuckets);
    lp_train_tell(b->t, "successors: %zu of two tokens and %zu of three kept of %zu, %u cells",
                  kept[0], kept[1], n, nbuckets * LP_BUCKET_CELLS);
    free(scored);
    free(used);
    return LP_OK;
}

/* Makes an allocated table a section. */
static void take_section(struct builder *b, int section, unsigned char *table, size_t size)
{
    b->section[section] = table;
    b->size[section] = size;
}

static enum lp_status put_net(struct builder *b)
{
    struct lp_net_tables net;
    enum lp_status status = lp_net_put(b->net, b->section[LP_LPM_NODE], &net);
    unsigned char *rows = add_section(b, LP_LPM_NET_ROW, (size_t)net.nrows * LP_NET_ROW);
    for (uint32_t i = 0; rows != NULL && status == LP_OK && i < net.nrows; i++)
        memcpy(rows + LP_NET_ROW * (size_t)i,
               net.row + LP_NET_ROW * (size_t)(i < b->tree->nown ? b->own[i] : i), LP_NET_ROW);
    free(net.row);
    if (rows == NULL)
        status = LP_NOMEM;
    take_section(b, LP_LPM_NET_STATE, net.state, LP_NET_STATE_SIZE);
    take_section(b, LP_LPM_NET_WEIGHT, net.weight, net.nweight);
    b->nupper = net.nupper;
    memcpy(b->scale, net.scale, sizeof b->scale);
    return status;
}

static enum lp_status put_mixing(struct builder *b, const struct lp_mixing *params)
{
    unsigned char *p = add_section(b, LP_LPM_MIXING, LP_MODES * 2 * (size_t)LP_MIXING_SIZE);
    if (p == NULL)
        return LP_NOMEM;
    lp_tune_put(params, p);
    return LP_OK;
}

/* --- The whole --------------------------------------------------------------------------- */

static enum lp_status put_image(struct builder *b, struct lp_buf *image)
{
    const struct lp_vocab *v = b->t->vocab;
    unsigned char head[LP_LPM_HEAD] = LP_LPM_MAGIC;
    size_t at = LP_LPM_HEAD, begin = image->n;
    for (int i = 0; i < LP_LPM_SECTIONS; i++) {
        if (i == LP_LPM_SUM)
            b->size[i] = 8 * (at - LP_LPM_HEAD) / LP_LPM_PAGE;
        lp_put32(head + LP_LPM_AT_SECTION + 8 * i, (uint32_t)at);
        lp_put32(head + LP_LPM_AT_SECTION + 8 * i + 4, (uint32_t)b->size[i]);
        at = (at + b->size[i] + LP_LPM_PAGE - 1) / LP_LPM_PAGE * LP_LPM_PAGE;
    }
    lp_put32(head + LP_LPM_AT_VERSION, LP_LPM_VERSION);
    lp_put32(head + LP_LPM_AT_SIZE, b->tree->size);
    lp_put64(head + LP_LPM_AT_FILE_SIZE, at);
    lp_put64(head + LP_LPM_AT_VOCAB, lp_vocab_fingerprint(v));
    strncpy((char *)head + LP_LPM_AT_NAME, lp_vocab_name(v), 39);
    lp_put32(head + LP_LPM_AT_LEAVES, b->tree->nleaves);
    lp_put32(head + LP_LPM_AT_UPPER, b->nupper);
    memcpy(head + LP_LPM_AT_SCALE, b->scale, sizeof b->scale);
    lp_put32(head + LP_LPM_AT_LONG, b->nlong);
    for (uint32_t k = 0; k < b->tree->node[0].n; k++)
        head[LP_LPM_AT_ROOT + k] = (unsigned char)lp_node_cost(b->tree->root[k]);
    if (!lp_buf_reserve(image, at))
        return LP_NOMEM;
    unsigned char *p = image->p + begin;
    memset(p, 0, at);
    memcpy(p, head, sizeof head);
    for (int i = 0; i < LP_LPM_SUM; i++)
        memcpy(p + lp_get32(head + LP_LPM_AT_SECTION + 8 * i), b->section[i], b->size[i]);
    image->n += at;
    struct lp_model model;
    const enum lp_status status = lp_model_layout(p, at, &model);
    if (status == LP_OK)
        lp_model_seal(p, &model);
    return status;
}

/* Appends to image the model of docs (leaves), with this network and these mixing parameters. */
static enum lp_status build(const struct lp_trainer *t, const struct lp_tree *tree,
                            struct lp_trained_net *net, const struct lp_docs *docs,
                            const struct lp_mixing *params, struct lp_buf *image)
{
    struct builder b = {.t = t, .tree = tree, .net = net};
    enum lp_status status = LP_OK;
    for (int k = 0; status == LP_OK && k < 3; k++)
        status = lp_grams_count(docs, tree->nleaves, k + 1, &b.gram[k]);
    if (status == LP_OK)
        status = put_tree(&b, docs);
    if (status == LP_OK)
        status = order_entries(&b, docs);
    if (status == LP_OK)
        status = put_rows(&b);
    if (status == LP_OK)
        status = put_follow(&b);
    if (status == LP_OK)
        status = put_cells(&b, docs);
    if (status == LP_OK)
        status = put_net(&b);
    if (status == LP_OK)
        status = put_mixing(&b, params);
    if (status == LP_OK)
        status = put_image(&b, image);
    for (int k = 0; k < 3; k++)
        free(b.gram[k].v);
    for (int i = 0; i < LP_LPM_SECTIONS; i++)
        free(b.section[i]);
    free(b.order);
    free(b.own);
    return status;
}

/* Splits docs: all of them as leaves; and in two parts, one as leaves to count, one as ids to tune
 * on. Docs to tune on must be new, as future texts are; heavy ones are preferred. */
static enum lp_status split_docs(const struct lp_docs *docs, const uint32_t *leaf,
                                 struct lp_docs *all, struct lp_docs *most, struct lp_docs *rest)
{
    enum { TUNE_EACH = 2, TUNE_TOKENS = 4000 /* of a doc */ };
    const float TUNE_NOVELTY = 0.6F;
    float *novelty = lp_novelties(docs), heaviest = 0;
    enum lp_status status = novelty != NULL ? LP_OK : LP_NOMEM;
    for (uint32_t d = 0; d < docs->ndocs; d++)
        heaviest = docs->weight[d] > heaviest ? docs->weight[d] : heaviest;
    uint32_t seed = 1;
    size_t begin = 0;
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; begin = docs->end[d++]) {
        size_t n = docs->end[d] - begin;
        float chance = docs->weight[d] / heaviest;
        bool held = (float)(lp_train_draw(&seed) % 65536) < 65536 / TUNE_EACH * chance * chance &&
                    novelty[d] >= TUNE_NOVELTY;
        if (!lp_docs_add(all, leaf + begin, n, docs->weight[d]) ||
            !(held ? lp_docs_add(rest, docs->id + begin, n < TUNE_TOKENS ? n : TUNE_TOKENS, 1)
                   : lp_docs_add(most, leaf + begin, n, docs->weight[d])))
            status = LP_NOMEM;
    }
    free(novelty);
    return status;
}

enum lp_status lp_train_new(const struct lp_trainer *t, const struct lp_docs *docs,
                            struct lp_buf *image)
{
    const double FIRST_ROUNDS = 4, ROUNDS = 1;
    const float SLOWER = 0.5F;
    struct lp_mixing *params = calloc(LP_MODES, sizeof *params);
    struct lp_trained_net *net = NULL;
    struct lp_docs all = {0}, most = {0}, rest = {0};
    struct lp_tree tree = {0};
    struct lp_buf trial = {0};
    uint32_t *leaf = NULL;
    enum lp_status status = LP_NOMEM;
    if (params != NULL)
        status = t->base != NULL ? lp_tree_of(t->base, &tree) : lp_train_tree(t, docs, &tree);
    if (status == LP_OK)
        status = lp_leaves_of(&tree, docs, &leaf);
    if (status == LP_OK)
        status = split_docs(docs, leaf, &all, &most, &rest);
    free(leaf);
    if (status == LP_OK)
        net = lp_net_new(&tree, t->sizes.nodes, t->sizes.upper);
    if (status == LP_OK)
        status = net != NULL ? lp_net_learn(t, net, &most, FIRST_ROUNDS, 1) : LP_NOMEM;
    if (status == LP_OK) {
        lp_tune_guess(params);
        status = build(t, &tree, net, &most, params, &trial);
    }
    if (status == LP_OK)
        status = lp_tune(t, &trial, &rest, params);
    lp_buf_free(&trial);
    /* The network learns on: what it knows of most docs holds for all. */
    if (status == LP_OK)
        status = lp_net_learn(t, net, &all, ROUNDS, SLOWER);
    if (status == LP_OK)
        status = build(t, &tree, net, &all, params, image);
    free(params);
    lp_net_free(net);
    lp_docs_free(&all);
    lp_docs_free(&most);
    lp_docs_free(&rest);
    lp_tree_free(&tree);
    return status;
}

/* These shares proved best. */
struct lp_train_sizes lp_train_sizes_of(size_t nbytes)
{
    const uint32_t percent = (uint32_t)(nbytes / 100);
    return (struct lp_train_sizes){.follow = 27 * percent,
                                   .cell = 36 * percent,
                                   .rows = 21 * percent / LP_NET_ROW,
                                   .nodes = 13 * percent / LP_NET_NODE,
                                   .upper = 3 * percent / LP_NET_UPPER};
}
