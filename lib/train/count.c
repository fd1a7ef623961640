/* count.c - texts as ids, and their n-gram counts. */
#include "train/parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool lp_docs_add(struct lp_docs *docs, const uint32_t *ids, size_t n, float weight)
{
    if (docs->n + n > docs->cap) {
        size_t cap = docs->cap * 3 / 2 + n;
        uint32_t *id = realloc(docs->id, cap * sizeof *id);
        if (id == NULL)
            return false;
        docs->id = id;
        docs->cap = cap;
    }
    if (docs->ndocs == docs->docs_cap) {
        uint32_t cap = docs->docs_cap * 3 / 2 + 64;
        size_t *end = realloc(docs->end, cap * sizeof *end);
        if (end == NULL)
            return false;
        docs->end = end;
        float *weights = realloc(docs->weight, cap * sizeof *weights);
        if (weights == NULL)
            return false;
        docs->weight = weights;
        docs->docs_cap = cap;
    }
    if (n > 0)
        memcpy(docs->id + docs->n, ids, n * sizeof *ids);
    docs->n += n;
    docs->end[docs->ndocs] = docs->n;
    docs->weight[docs->ndocs++] = weight;
    return true;
}

void lp_docs_free(struct lp_docs *docs)
{
    free(docs->id);
    free(docs->end);
    free(docs->weight);
    *docs = (struct lp_docs){0};
}

void lp_train_tell(const struct lp_trainer *t, const char *format, ...)
{
    char text[100];
    va_list args;
    if (t->say == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    t->say(t->say_ctx, text);
}

uint32_t lp_train_draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* --- N-grams ----------------------------------------------------------------------------- */

uint64_t lp_gram_context(const struct lp_docs *docs, uint32_t nleaves, size_t begin, size_t i,
                         int order)
{
    uint64_t hash = 0;
    for (int k = 1; k <= order; k++) {
        uint32_t leaf = i >= begin + (size_t)k ? docs->id[i - (size_t)k] : nleaves;
        hash = order == 1 ? (uint64_t)leaf << LP_GRAM_SHIFT : lp_context_hash(hash, leaf);
    }
    return hash & ~LP_GRAM_LEAF;
}

size_t lp_doc_begin(const struct lp_docs *docs, size_t i)
{
    uint32_t low = 0, high = docs->ndocs; /* the first doc that ends after i */
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (docs->end[middle] <= i)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? docs->end[low - 1] : 0;
}

uint32_t lp_leaf_before(const struct lp_docs *docs, uint32_t nleaves, size_t i)
{
    return i > lp_doc_begin(docs, i) ? docs->id[i - 1] : nleaves;
}

struct occurrence {
    uint64_t key;
    uint32_t at, doc;
};

/* A stable sort by key. */
static void radix_sort(struct occurrence *v, struct occurrence *other, size_t n)
{
    enum { BITS = 11, SIZE = 1 << BITS };
    size_t count[SIZE];
    for (unsigned shift = 0; shift < 64; shift += BITS) {
        memset(count, 0, sizeof count);
        for (size_t i = 0; i < n; i++)
            count[v[i].key >> shift & (SIZE - 1)]++;
        size_t sum = 0;
        for (size_t k = 0; k < SIZE; k++) {
            size_t here = count[k];
            count[k] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++)
            other[count[v[i].key >> shift & (SIZE - 1)]++] = v[i];
        struct occurrence *swap = v;
        v = other;
        other = swap;
    }
}

/* Absolute discounting: what few docs have is rarer in others. */
static const float DISCOUNT = 0.7F;

float lp_diminished(uint32_t n)
{
    return 1 + 0.6F * logf((float)n);
}

enum lp_status lp_grams_count(const struct lp_docs *docs, uint32_t nleaves, int order,
                              struct lp_grams *grams)
{
    struct occurrence *v = malloc((docs->n + 1) * sizeof *v);
    struct occurrence *other = malloc((docs->n + 1) * sizeof *other);
    grams->v = NULL;
    grams->n = 0;
    if (v == NULL || other == NULL) {
        free(v);
        free(other);
        return LP_NOMEM;
    }
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            uint64_t context = lp_gram_context(docs, nleaves, begin, i, order);
            v[i] = (struct occurrence){context | docs->id[i], (uint32_t)i, d};
        }
    }
    radix_sort(v, other, docs->n); /* six passes: the result is in v */
    free(other);
    size_t n = 0;
    for (size_t i = 0; i < docs->n; i++)
        n += i == 0 || v[i].key != v[i - 1].key;
    grams->v = malloc((n + 1) * sizeof *grams->v);
    if (grams->v == NULL) {
        free(v);
        return LP_NOMEM;
    }
    for (size_t i = 0; i < docs->n;) {
        struct lp_gram *g = &grams->v[grams->n++];
        *g = (struct lp_gram){v[i].key, v[i].at, 0};
        float ndocs = 0;
        for (; i < docs->n && v[i].key == g->key; ndocs++) {
            uint32_t k = 1, d = v[i].doc;
            while (++i < docs->n && v[i].key == g->key && v[i].doc == d)
                k++;
            g->count += docs->weight[d] * lp_diminished(k);
        }
        g->count *= 1 - DISCOUNT / ndocs;
    }
    free(v);
    return LP_OK;
}

size_t lp_grams_from(const struct lp_grams *g, uint64_t key)
{
    size_t lo = 0, hi = g->n;
    while (lo < hi) {
        size_t i = (lo + hi) / 2;
        if (g->v[i].key < key)
            lo = i + 1;
        else
            hi = i;
    }
    return lo;
}

const struct lp_gram *lp_gram_find(const struct lp_grams *g, uint64_t key)
{
    const size_t i = lp_grams_from(g, key);
    return i < g->n && g->v[i].key == key ? &g->v[i] : NULL;
}

uint32_t lp_class_of(float count)
{
    uint32_t class = 1;
    while (class < 15 &&
           (double)count * count > (double)lp_class_count[class] * lp_class_count[class + 1])
        class ++;
    return class;
}

float *lp_novelties(const struct lp_docs *docs)
{
    enum { RUN = 5 };
    struct occurrence *v = malloc((docs->n + 1) * sizeof *v);
    struct occurrence *other = malloc((docs->n + 1) * sizeof *other);
    float *novelty = calloc(docs->ndocs + 1, sizeof *novelty);
    if (v == NULL || other == NULL || novelty == NULL) {
        free(v);
        free(other);
        free(novelty);
        return NULL;
    }
    size_t begin = 0, n = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i + RUN <= docs->end[d]; i++) {
            uint64_t hash = 0;
            for (size_t k = 0; k < RUN; k++)
                hash = lp_context_hash(hash, docs->id[i + k]);
            v[n++] = (struct occurrence){hash, (uint32_t)i, d};
        }
    }
    radix_sort(v, other, n);
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && v[i].key == v[from].key)
            i++;
        if (v[from].doc == v[i - 1].doc)
            novelty[v[from].doc] += (float)(i - from);
    }
    begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        size_t runs = docs->end[d] - begin;
        novelty[d] = runs < RUN ? 0 : novelty[d] / (float)(runs - RUN + 1);
    }
    free(v);
    free(other);
    return novelty;
}
