/* train_adapt.c - makes a model know further texts. Its tree and its size stay; what
 * it has of its own text and what the new ones show share the room. */
#include "train_parts.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>

/* --- Cells ------------------------------------------------------------------------- */

/* Adds a gram to its bucket: a cell grows, or takes the place of the one that counts
 * least. */
static void adapt_bucket(const struct lp_model *m, unsigned char *bucket, const struct lp_gram *g)
{
    const uint32_t bits = m->leaf_bits, shift = bits + LP_CELL_CLASS_BITS;
    uint32_t check = lp_cell_check(g->key, bits), leaf = (uint32_t)(g->key & LP_GRAM_LEAF);
    uint32_t least = 0, least_class = 16, same = 0;
    for (uint32_t k = 0; k < LP_BUCKET_CELLS; k++) {
        uint32_t cell = lp_get32(bucket + 4 * k), class = cell >> bits & 15;
        bool here = class > 0 && cell >> shift == check;
        same += here;
        if (here && (cell & (((uint32_t)1 << bits) - 1)) == leaf) {
            class = lp_class_of((float)lp_class_count[class] + 2 * g->count);
            lp_put32(bucket + 4 * k, check << shift | class << bits | leaf);
            return;
        }
        if (class < least_class) {
            least_class = class;
            least = k;
        }
    }
    uint32_t class = lp_class_of(2 * g->count);
    if (same < 6 && class >= least_class)
        lp_put32(bucket + 4 * least, check << shift | class << bits | leaf);
}

static void adapt_cells(const struct lp_model *m, unsigned char *cells,
                        const struct lp_grams *grams)
{
    for (size_t i = 0; m->nbuckets > 0 && i < grams->n; i++)
        adapt_bucket(m, cells + 64 * (size_t)lp_bucket(grams->v[i].key, m->nbuckets), &grams->v[i]);
}

/* --- Lists of successors ------------------------------------------------------------- */

/* The successors of a leaf in the model, from entry begin to end, and n in docs,
 * merged into list. */
static uint32_t merge_follow(const struct lp_model *m, uint32_t begin, uint32_t end,
                             const struct lp_gram *g, size_t n, struct lp_successor *list)
{
    const uint32_t mask = (1 << LP_FOLLOW_BITS) - 1;
    uint32_t k = 0;
    size_t i = 0;
    for (uint32_t at = begin; at + 1 < end; at++) { /* the last entry is but a total */
        uint32_t entry = lp_get32(m->follow + 4 * (size_t)at), leaf = entry >> LP_FOLLOW_BITS;
        float count = (float)((lp_get32(m->follow + 4 * (size_t)at + 4) - entry) & mask);
        for (; i < n && (g[i].key & LP_GRAM_LEAF) < leaf; i++)
            list[k++] = (struct lp_successor){(uint32_t)(g[i].key & LP_GRAM_LEAF), 4 * g[i].count};
        if (i < n && (g[i].key & LP_GRAM_LEAF) == leaf)
            count += 4 * g[i++].count;
        list[k++] = (struct lp_successor){leaf, count};
    }
    for (; i < n; i++)
        list[k++] = (struct lp_successor){(uint32_t)(g[i].key & LP_GRAM_LEAF), 4 * g[i].count};
    return k;
}

/* Writes all lists, of the model and of docs, as far as there is room for what
 * counts at least that much. Returns how many entries they need. */
static uint32_t put_lists(const struct lp_model *m, const struct lp_grams *grams, float least,
                          struct lp_successor *list, unsigned char *start, unsigned char *follow)
{
    uint32_t at = 0, known = 0;
    size_t i = 0;
    for (uint32_t last = 0; last <= m->nleaves && at <= m->nfollow; last++) {
        uint32_t begin = lp_get32(m->start + 4 * (size_t)last);
        uint32_t end = lp_get32(m->start + 4 * (size_t)last + 4);
        if (begin < known || end < begin || end > m->nfollow)
            begin = end = known; /* no list: they are one after the other */
        known = end;
        size_t from = i;
        while (i < grams->n && grams->v[i].key >> LP_GRAM_SHIFT == last)
            i++;
        uint32_t n = merge_follow(m, begin, end, grams->v + from, i - from, list);
        uint32_t need = lp_list_put(list, n, least, NULL);
        lp_put32(start + 4 * (size_t)last, at);
        if (at + need <= m->nfollow)
            lp_list_put(list, n, least, follow + 4 * (size_t)at);
        at += need;
    }
    lp_put32(start + 4 * ((size_t)m->nleaves + 1), at);
    return at;
}

static enum lp_status adapt_follow(const struct lp_model *m, unsigned char *start,
                                   unsigned char *follow, const struct lp_grams *grams)
{
    struct lp_successor *list = malloc((m->nfollow + grams->n + 1) * sizeof *list);
    if (list == NULL)
        return LP_NOMEM;
    float least = 0.5F;
    uint32_t n;
    while ((n = put_lists(m, grams, least, list, start, follow)) > m->nfollow)
        least *= 1.1F;
    memset(follow + 4 * (size_t)n, 0, 4 * (size_t)(m->nfollow - n));
    free(list);
    return LP_OK;
}

/* --- Probabilities -------------------------------------------------------------------- */

/* What each leaf counts in docs, summed: of all before it. NULL when memory is out. */
static uint32_t *sums_of(const struct lp_docs *docs, uint32_t nleaves)
{
    uint32_t *sum = calloc((size_t)nleaves + 1, sizeof *sum);
    for (size_t i = 0; sum != NULL && i < docs->n; i++)
        sum[docs->id[i] + 1]++;
    for (uint32_t i = 0; sum != NULL && i < nleaves; i++)
        sum[i + 1] += sum[i];
    return sum;
}

/* Adds docs to the mass that the model gives each node: the model's counts as much. */
static enum lp_status adapt_tree(const struct lp_model *m, const struct lp_tree *tree,
                                 unsigned char *nodes, const struct lp_docs *docs)
{
    uint32_t *sum = sums_of(docs, m->nleaves);
    if (sum == NULL)
        return LP_NOMEM;
    struct {
        uint32_t a, b;
        double mass;
    } stack[LP_DEPTH_MAX + 32]; /* of intervals to come, in preorder */
    uint32_t top = 1, node = 0;
    stack[0].a = 0;
    stack[0].b = m->nleaves;
    stack[0].mass = (double)docs->n;
    while (top > 0) {
        uint32_t a = stack[--top].a, b = stack[top].b;
        double mass = stack[top].mass;
        if (b - a < 2)
            continue;
        uint32_t mid = tree->mid[node], entry = lp_get32(m->tree + 4 * (size_t)node);
        int32_t says = (int32_t)(entry & ((1 << LP_STRETCH_BITS) - 1)) - (1 << 13);
        double p = 1 / (1 + exp(-says / 256.0));
        double right = sum[b] - sum[mid], both = sum[b] - sum[a];
        if (both > 0)
            says = lp_stretched(mass * p + right + 1e-6, mass + both + 2e-6);
        lp_put32(nodes + 4 * (size_t)node++, mid << LP_STRETCH_BITS | (uint32_t)(says + (1 << 13)));
        stack[top].a = mid;
        stack[top].b = b;
        stack[top++].mass = mass * p;
        stack[top].a = a;
        stack[top].b = mid;
        stack[top++].mass = mass * (1 - p);
    }
    free(sum);
    return LP_OK;
}

/* --- All of it -------------------------------------------------------------------------- */

/* Appends a copy of the base model with docs (leaves) in it. */
static enum lp_status adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, const struct lp_adaptive *initial,
                            struct lp_buf *image)
{
    const struct lp_model *m = t->base;
    lp_train_tell(t, "counting what follows what in %u records", docs->ndocs);
    if (!lp_buf_append(image, m->file, m->file_size))
        return LP_NOMEM;
    unsigned char *p = image->p + image->n - m->file_size;
    enum lp_status status = adapt_tree(m, tree, p + (m->tree - m->file), docs);
    if (status == LP_OK)
        status =
            lp_net_adapt(t, tree, docs, p + (m->net_node - m->file), p + (m->net_weight - m->file));
    for (int order = 1; status == LP_OK && order <= 3; order++) {
        struct lp_grams grams;
        status = lp_grams_count(docs, m->nleaves, order, &grams);
        if (status == LP_OK && order == 1)
            status = adapt_follow(m, p + (m->start - m->file), p + (m->follow - m->file), &grams);
        else if (status == LP_OK)
            adapt_cells(m, p + (m->cell - m->file), &grams);
        free(grams.v);
    }
    lp_sort_cells(p + (m->cell - m->file), m->nbuckets);
    const uint16_t *from = (const uint16_t *)initial;
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++)
        lp_put16(p + (m->initial - m->file) + 2 * i, from[i]);
    lp_put64(p + LP_LPM_AT_FINGERPRINT,
             lp_xxh64(p + LP_LPM_AT_VOCAB, m->file_size - LP_LPM_AT_VOCAB, 0));
    return status;
}

/* Shares docs out: all with their leaves, and parts of them to count and to tune on,
 * the latter with their ids. */
static enum lp_status share(const struct lp_docs *docs, const uint32_t *leaf, struct lp_docs *all,
                            struct lp_docs *most, struct lp_docs *rest)
{
    enum { TUNE_PART = 2, TUNE_OF = 5, TUNE_TOKENS = 4000 /* of a doc; more teach little */ };
    const float WEIGHT = 16; /* of a token of docs, to one that the model was made of */
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

/* Brings initial values half the way to where docs (ids) would have them. Not all of
 * it: the base may have been made of such docs, or of these, and then they are no
 * measure of how far it is to be trusted. */
static enum lp_status tune_halfway(const struct lp_trainer *t, const struct lp_buf *image,
                                   const struct lp_docs *docs, struct lp_adaptive *initial)
{
    struct lp_adaptive *tuned = malloc(sizeof *tuned);
    if (tuned == NULL)
        return LP_NOMEM;
    *tuned = *initial;
    enum lp_status status = lp_tune(t, image, docs, tuned);
    uint16_t *to = (uint16_t *)initial, *from = (uint16_t *)tuned;
    for (size_t i = 0; status == LP_OK && i < LP_ADAPTIVE_SIZE; i++) {
        if (i < LP_ADAPTIVE_MAPS)
            to[i] = (uint16_t)((to[i] + from[i]) / 2);
        else
            to[i] = (uint16_t)(((int16_t)to[i] + (int16_t)from[i]) / 2);
    }
    free(tuned);
    return status;
}

enum lp_status lp_train_adapt(const struct lp_trainer *t, const struct lp_docs *docs,
                              struct lp_buf *image)
{
    enum { TUNE_MIN = 4 }; /* docs to tune on, else the weights stay */
    const struct lp_model *m = t->base;
    struct lp_adaptive *initial = malloc(sizeof *initial);
    struct lp_docs all = {0}, most = {0}, rest = {0};
    struct lp_buf trial = {0};
    struct lp_tree tree = {0};
    uint32_t *leaf = NULL;
    enum lp_status status = initial != NULL ? lp_tree_of(m, &tree) : LP_NOMEM;
    if (status == LP_OK)
        status = lp_leaves_of(&tree, docs, &leaf);
    if (status == LP_OK)
        status = share(docs, leaf, &all, &most, &rest);
    free(leaf);
    for (size_t i = 0; status == LP_OK && i < LP_ADAPTIVE_SIZE; i++)
        ((uint16_t *)initial)[i] = lp_get16(m->initial + 2 * i);
    if (status == LP_OK && rest.ndocs >= TUNE_MIN) {
        status = adapt(t, &tree, &most, initial, &trial);
        if (status == LP_OK)
            status = tune_halfway(t, &trial, &rest, initial);
    }
    if (status == LP_OK)
        status = adapt(t, &tree, &all, initial, image);
    free(initial);
    lp_buf_free(&trial);
    lp_docs_free(&all);
    lp_docs_free(&most);
    lp_docs_free(&rest);
    lp_tree_free(&tree);
    return status;
}
