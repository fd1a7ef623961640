/* train.c - makes a model of texts: counts what follows what, keeps what the
 * model has room for, and tunes the mixing on texts that were not counted. */
#include "train.h"

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Docs ------------------------------------------------------------------------- */

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

static void say(const struct lp_trainer *t, const char *text)
{
    if (t->say != NULL)
        t->say(t->say_ctx, text);
}

/* --- Counts of successors ------------------------------------------------------------ */

/* What came after a context, and how often. */
struct gram {
    uint64_t key; /* 46 bits of the context's hash (or the leaf before), the leaf */
    uint32_t at;  /* where, in the docs */
    float count;
};

struct grams {
    struct gram *v;
    size_t n;
};

static const uint64_t LEAF_MASK = LP_LEAF_MAX - 1;

/* The hash of the `order` leaves before position i of a doc that begins at begin. */
static uint64_t context_at(const struct lp_docs *docs, uint32_t nleaves, size_t begin, size_t i,
                           int order)
{
    uint64_t hash = 0;
    for (int k = 1; k <= order; k++)
        hash = lp_context(hash, i >= begin + (size_t)k ? docs->id[i - (size_t)k] : nleaves);
    return hash;
}

struct occurrence {
    uint64_t key;
    uint32_t at, doc;
};

/* Sorts by key; equal keys stay in order. */
static void radix_sort(struct occurrence *v, struct occurrence *other, size_t n)
{
    enum { BITS = 11, SIZE = 1 << BITS };
    static size_t count[SIZE];
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

/* What n occurrences in one doc count: the first fully, the others less and less. */
static const float DISCOUNT = 0.7F;

static float diminished(uint32_t n)
{
    return 1 + 0.6F * logf((float)n);
}

/* Counts what follows contexts of `order` leaves. */
static enum lp_status count_grams(const struct lp_docs *docs, uint32_t nleaves, int order,
                                  struct grams *grams)
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
            uint64_t hash = order == 1 ? (uint64_t)(i > begin ? docs->id[i - 1] : nleaves) << 18
                                       : context_at(docs, nleaves, begin, i, order);
            v[i] = (struct occurrence){(hash & ~LEAF_MASK) | docs->id[i], (uint32_t)i, d};
        }
    }
    radix_sort(v, other, docs->n); /* six passes: an even number */
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
        struct gram *g = &grams->v[grams->n++];
        *g = (struct gram){v[i].key, v[i].at, 0};
        float ndocs = 0;
        for (; i < docs->n && v[i].key == g->key; ndocs++) {
            uint32_t k = 1, d = v[i].doc;
            while (++i < docs->n && v[i].key == g->key && v[i].doc == d)
                k++;
            g->count += docs->weight[d] * diminished(k);
        }
        /* What few docs have, others will have less often. */
        g->count *= 1 - DISCOUNT / ndocs;
    }
    free(v);
    return LP_OK;
}

/* --- The image ------------------------------------------------------------------------ */

struct builder {
    const struct lp_trainer *t;
    const struct lp_tree *tree;
    unsigned char *section[LP_LPM_SECTIONS];
    size_t size[LP_LPM_SECTIONS];
    struct grams gram[3];
};

static unsigned char *add_section(struct builder *b, int section, size_t size)
{
    b->size[section] = size;
    b->section[section] = calloc(size + 1, 1);
    return b->section[section];
}

static void put24(unsigned char *p, uint32_t v)
{
    lp_put16(p, (uint16_t)v);
    p[2] = (unsigned char)(v >> 16);
}

/* ln(p / (1 - p)) of n1 of n, in 1/256. */
static int32_t stretched(double n1, double n)
{
    double x = 256 * log(n1 / (n - n1));
    return (int32_t)lround(x > 8191 ? 8191 : x < -8191 ? -8191 : x);
}

static enum lp_status put_tree(struct builder *b, const struct lp_docs *docs)
{
    const struct lp_tree *tree = b->tree;
    uint32_t nleaves = tree->nleaves;
    unsigned char *nodes = add_section(b, LP_LPM_TREE, 4 * ((size_t)nleaves - 1));
    unsigned char *leaf = add_section(b, LP_LPM_LEAF, 3 * (size_t)tree->size);
    unsigned char *id = add_section(b, LP_LPM_ID, 3 * (size_t)nleaves);
    unsigned char *class = add_section(b, LP_LPM_CLASS, (size_t)nleaves + 1);
    double *mass = calloc((size_t)nleaves + 1, sizeof *mass);
    uint32_t *seen = calloc(nleaves, sizeof *seen);
    if (nodes == NULL || leaf == NULL || id == NULL || class == NULL || mass == NULL ||
        seen == NULL) {
        free(mass);
        free(seen);
        return LP_NOMEM;
    }
    for (uint32_t i = 0; i < tree->size; i++)
        put24(leaf + 3 * (size_t)i, tree->leaf[i]);
    for (uint32_t i = 0; i < nleaves; i++)
        put24(id + 3 * (size_t)i, tree->id[i]);
    memcpy(class, tree->class, (size_t)nleaves + 1);
    /* The mass of leaves: their counts, diminished within a doc. */
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            uint32_t k = ++seen[docs->id[i]];
            mass[docs->id[i] + 1] +=
                (double)(docs->weight[d] * (k == 1 ? 1 : diminished(k) - diminished(k - 1)));
        }
        for (size_t i = begin; i < docs->end[d]; i++)
            seen[docs->id[i]] = 0;
    }
    for (uint32_t i = 0; i < nleaves; i++)
        mass[i + 1] += mass[i] + 0.05;
    /* Preorder by a stack of the intervals still to come. */
    struct {
        uint32_t a, b;
    } stack[128];
    uint32_t top = 1, node = 0;
    stack[0].a = 0;
    stack[0].b = nleaves;
    while (top > 0) {
        uint32_t a = stack[--top].a, e = stack[top].b;
        if (e - a < 2)
            continue;
        uint32_t mid = tree->mid[node];
        uint32_t s = (uint32_t)(8192 + stretched(mass[e] - mass[mid], mass[e] - mass[a]));
        lp_put32(nodes + 4 * (size_t)node++, mid << LP_STRETCH_BITS | s);
        stack[top].a = mid;
        stack[top++].b = e;
        stack[top].a = a;
        stack[top++].b = mid;
    }
    free(mass);
    free(seen);
    return LP_OK;
}

static enum lp_status put_follow(struct builder *b)
{
    const struct grams *g = &b->gram[0];
    uint32_t nleaves = b->tree->nleaves;
    size_t room = b->t->sizes.follow / 4;
    unsigned char *start = add_section(b, LP_LPM_START, 4 * ((size_t)nleaves + 2));
    if (start == NULL)
        return LP_NOMEM;
    /* The least count that fits. */
    float least = 0.3F;
    for (;; least *= 1.08F) {
        size_t need = 0;
        for (size_t i = 0; i < g->n; i++)
            need += g->v[i].count >= least;
        if (need + nleaves + 1 <= room)
            break;
    }
    unsigned char *follow = add_section(b, LP_LPM_FOLLOW, 4 * room);
    if (follow == NULL)
        return LP_NOMEM;
    uint32_t at = 0;
    size_t i = 0;
    for (uint32_t last = 0; last <= nleaves; last++) {
        lp_put32(start + 4 * (size_t)last, at);
        size_t from = i;
        double total = 0;
        uint32_t n = 0;
        for (; i < g->n && g->v[i].key >> 18 == last; i++) {
            if (g->v[i].count >= least) {
                total += (double)g->v[i].count;
                n++;
            }
        }
        if (n == 0)
            continue;
        /* Counts in quarters, so far as they fit. */
        double scale = 4;
        uint32_t sum;
        for (;; scale *= 0.9) {
            sum = 0;
            for (size_t k = from; k < i; k++) {
                if (g->v[k].count >= least) {
                    double c = (double)g->v[k].count * scale;
                    sum += c < 1 ? 1 : (uint32_t)lround(c);
                }
            }
            if (sum < 1 << LP_FOLLOW_BITS)
                break;
        }
        sum = 0;
        for (size_t k = from; k < i; k++) {
            if (g->v[k].count >= least) {
                double c = (double)g->v[k].count * scale;
                lp_put32(follow + 4 * (size_t)at++,
                         (uint32_t)(g->v[k].key & LEAF_MASK) << LP_FOLLOW_BITS | sum);
                sum += c < 1 ? 1 : (uint32_t)lround(c);
            }
        }
        lp_put32(follow + 4 * (size_t)at++, (uint32_t)LEAF_MASK << LP_FOLLOW_BITS | sum);
    }
    lp_put32(start + 4 * ((size_t)nleaves + 1), at);
    b->size[LP_LPM_FOLLOW] = 4 * (size_t)at;
    return LP_OK;
}

/* The gram of a key, in grams sorted by it; NULL when there is none. */
static const struct gram *find_gram(const struct grams *g, uint64_t key)
{
    size_t lo = 0, hi = g->n;
    while (lo < hi) {
        size_t i = (lo + hi) / 2;
        if (g->v[i].key < key)
            lo = i + 1;
        else
            hi = i;
    }
    return lo < g->n && g->v[lo].key == key ? &g->v[lo] : NULL;
}

struct scored {
    float score, count;
    uint64_t key;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1)
           : x->key < y->key    ? -1
                                : x->key > y->key;
}

static uint32_t class_of_count(float count)
{
    uint32_t class = 1;
    while (class < 15 &&
           (double)count * count > (double)lp_class_count[class] * lp_class_count[class + 1])
        class ++;
    return class;
}

/* Estimated probability of each gram, in its context. */
static float *probabilities(const struct grams *g)
{
    float *p = malloc((g->n + 1) * sizeof *p);
    for (size_t i = 0; p != NULL && i < g->n;) {
        size_t from = i;
        double total = 0;
        for (; i < g->n && g->v[i].key >> 18 == g->v[from].key >> 18; i++)
            total += (double)g->v[i].count;
        for (size_t k = from; k < i; k++)
            p[k] = (float)((double)g->v[k].count / (total + 1));
    }
    return p;
}

static int by_word(const void *a, const void *b)
{
    uint32_t x = lp_get32(a), y = lp_get32(b);
    return x < y ? -1 : x > y;
}

/* In ascending order, cells say nothing by their order, and the file packs better. */
static void sort_cells(unsigned char *cells, uint32_t nbuckets)
{
    for (uint32_t i = 0; i < nbuckets; i++)
        qsort(cells + 64 * (size_t)i, LP_BUCKET_CELLS, 4, by_word);
}

static enum lp_status put_cells(struct builder *b, const struct lp_docs *docs)
{
    uint32_t nleaves = b->tree->nleaves, nbuckets = b->t->sizes.cell / 64, leaf_bits = 0;
    while ((uint32_t)1 << leaf_bits < nleaves)
        leaf_bits++;
    unsigned char *cells = add_section(b, LP_LPM_CELL, 64 * (size_t)nbuckets);
    float *p[3];
    for (int k = 0; k < 3; k++)
        p[k] = probabilities(&b->gram[k]);
    struct scored *scored = malloc((b->gram[1].n + b->gram[2].n + 1) * sizeof *scored);
    unsigned char *used = calloc(nbuckets + 1, 1);
    if (cells == NULL || scored == NULL || used == NULL || p[0] == NULL || p[1] == NULL ||
        p[2] == NULL)
        return LP_NOMEM; /* the program ends */
    /* Where docs begin, for contexts of a position. */
    size_t n = 0;
    uint32_t *doc_begin = malloc((docs->n + 1) * sizeof *doc_begin);
    if (doc_begin == NULL)
        return LP_NOMEM;
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++)
            doc_begin[i] = (uint32_t)begin;
    }
    for (int order = 2; order <= 3; order++) {
        const struct grams *g = &b->gram[order - 1], *lower = &b->gram[order - 2];
        for (size_t i = 0; i < g->n; i++) {
            uint32_t at = g->v[i].at;
            uint64_t hash = order == 2
                                ? (uint64_t)(at > doc_begin[at] ? docs->id[at - 1] : nleaves) << 18
                                : context_at(docs, nleaves, doc_begin[at], at, order - 1);
            const struct gram *back = find_gram(lower, (hash & ~LEAF_MASK) | docs->id[at]);
            double q = back != NULL ? (double)p[order - 2][back - lower->v] : 1e-6;
            double gain = (double)g->v[i].count * log2((double)p[order - 1][i] / q);
            if (gain > 0.1)
                scored[n++] = (struct scored){(float)gain, g->v[i].count, g->v[i].key};
        }
    }
    qsort(scored, n, sizeof *scored, by_score);
    const uint32_t shift = leaf_bits + LP_CELL_CLASS_BITS;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = scored[i].key;
        uint32_t at = lp_bucket(key, nbuckets), check = lp_cell_check(key, leaf_bits), same = 0;
        if (used[at] == LP_BUCKET_CELLS)
            continue;
        unsigned char *cell = cells + 64 * (size_t)at;
        for (uint32_t k = 0; k < used[at]; k++)
            same += lp_get32(cell + 4 * k) >> shift == check;
        if (same == 6)
            continue;
        lp_put32(cell + 4 * used[at]++, check << shift |
                                            class_of_count(2 * scored[i].count) << leaf_bits |
                                            (uint32_t)(key & LEAF_MASK));
        kept++;
    }
    sort_cells(cells, nbuckets);
    char text[100];
    snprintf(text, sizeof text, "successors: %zu of %zu kept, %u cells", kept, n, nbuckets * 16);
    say(b->t, text);
    for (int k = 0; k < 3; k++)
        free(p[k]);
    free(scored);
    free(used);
    free(doc_begin);
    return LP_OK;
}

/* --- Blocks --------------------------------------------------------------------------- */

/* A block's hash and its visits, then its place. */
struct visit {
    uint64_t hash;
    float count;
    uint32_t place;
};

struct visits {
    struct visit *v;
    uint32_t log, n;
};

static struct visit *find_visit(const struct visits *t, uint64_t hash)
{
    uint64_t mask = ((uint64_t)1 << t->log) - 1, at = hash >> 20 & mask;
    while (t->v[at].hash != hash && t->v[at].hash != 0)
        at = (at + 1) & mask;
    return &t->v[at];
}

static bool count_visit(struct visits *t, uint64_t hash, float count)
{
    if (t->v == NULL || t->n > (uint32_t)3 << (t->log - 2)) {
        struct visits more = {.log = t->v == NULL ? 16 : t->log + 1, .n = t->n};
        more.v = calloc((size_t)1 << more.log, sizeof *more.v);
        if (more.v == NULL)
            return false;
        for (size_t i = 0; t->v != NULL && i < (size_t)1 << t->log; i++) {
            if (t->v[i].hash != 0)
                *find_visit(&more, t->v[i].hash) = t->v[i];
        }
        free(t->v);
        *t = more;
    }
    struct visit *v = find_visit(t, hash);
    t->n += v->hash == 0;
    v->hash = hash;
    v->count += count;
    return true;
}

static int by_visits(const void *a, const void *b)
{
    const struct visit *x = *(struct visit *const *)a, *y = *(struct visit *const *)b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1)
           : x->hash < y->hash  ? -1
                                : x->hash > y->hash;
}

/* Walks a leaf's path; at each block: its root node, and the bits within. */
struct path {
    uint32_t root[16];      /* the node each block begins at */
    unsigned char bits[16]; /* in the block: the bits after a one */
    uint32_t n;
};

static void find_path(const struct lp_tree *tree, uint32_t leaf, struct path *path)
{
    uint32_t a = 0, b = tree->nleaves, n = 0;
    path->n = 0;
    for (uint32_t depth = 0; b - a > 1; depth++) {
        if (depth % LP_BLOCK_LEVELS == 0) {
            if (path->n == 16)
                return;
            path->root[path->n] = n;
            path->bits[path->n++] = 1;
        }
        uint32_t mid = tree->mid[n];
        unsigned char *bits = &path->bits[path->n - 1];
        *bits = (unsigned char)(*bits << 1 | (leaf >= mid));
        if (leaf >= mid) {
            n += mid - a;
            a = mid;
        } else {
            n++;
            b = mid;
        }
    }
}

/* Class context of BLOCK1 or BLOCK2 at a position. */
static uint32_t class_context(const struct lp_tree *tree, const struct lp_docs *docs, size_t begin,
                              size_t i, int order)
{
    uint32_t last = i > begin ? docs->id[i - 1] : tree->nleaves;
    uint32_t before = i > begin + 1 ? docs->id[i - 2] : tree->nleaves;
    return order == 1 ? tree->class[last] : 256 + tree->class[last] + 256u * tree->class[before];
}

static enum lp_status put_blocks(struct builder *b, const struct lp_docs *docs,
                                 const struct path *paths, int order)
{
    const struct lp_tree *tree = b->tree;
    size_t size = order == 1 ? b->t->sizes.block1 : b->t->sizes.block2;
    uint32_t nbuckets = (uint32_t)(size / 64), room = nbuckets * LP_BLOCK_BUCKET;
    unsigned char *blocks =
        add_section(b, order == 1 ? LP_LPM_BLOCK1 : LP_LPM_BLOCK2, 64 * (size_t)nbuckets);
    struct visits t = {0};
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            uint32_t context = class_context(tree, docs, begin, i, order);
            const struct path *path = &paths[docs->id[i]];
            for (uint32_t k = 0; k < path->n; k++) {
                if (!count_visit(&t, lp_block_hash(context, path->root[k]), docs->weight[d]))
                    return LP_NOMEM;
            }
        }
    }
    struct visit **sorted = malloc((t.n + 1) * sizeof *sorted);
    uint32_t *seat = calloc(room + 1, sizeof *seat);
    unsigned char *used = calloc(nbuckets + 1, 1);
    float(*counts)[16][2] = calloc(room + 1, sizeof *counts);
    if (blocks == NULL || sorted == NULL || used == NULL || counts == NULL || seat == NULL)
        return LP_NOMEM;
    uint32_t n = 0;
    for (size_t i = 0; t.v != NULL && i < (size_t)1 << t.log; i++) {
        if (t.v[i].hash != 0)
            sorted[n++] = &t.v[i];
    }
    qsort(sorted, n, sizeof(struct visit *), by_visits);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bucket = lp_bucket(sorted[i]->hash, nbuckets);
        if (used[bucket] == LP_BLOCK_BUCKET || sorted[i]->count < 4)
            continue;
        uint32_t place = bucket * LP_BLOCK_BUCKET + used[bucket]++;
        blocks[16 * (size_t)place] = lp_block_check(sorted[i]->hash);
        sorted[i]->place = place + 1;
        kept++;
    }
    char text[100];
    snprintf(text, sizeof text, "blocks of %d: %u of %u kept, %u places", order, kept, n, room);
    say(b->t, text);
    begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            uint32_t context = class_context(tree, docs, begin, i, order);
            const struct path *path = &paths[docs->id[i]];
            for (uint32_t k = 0; k < path->n; k++) {
                uint32_t place = find_visit(&t, lp_block_hash(context, path->root[k]))->place;
                if (place == 0)
                    continue;
                seat[place - 1] = path->root[k];
                for (uint32_t bits = path->bits[k]; bits > 1; bits >>= 1)
                    counts[place - 1][bits >> 1][bits & 1] += docs->weight[d];
            }
        }
    }
    const unsigned char *nodes = b->section[LP_LPM_TREE];
    for (uint32_t i = 0; i < room; i++) {
        if (blocks[16 * (size_t)i] == 0)
            continue;
        /* The node of each place in the block, for its probability. */
        for (uint32_t k = 1; k < 16; k++) {
            double n0 = (double)counts[i][k][0], n1 = (double)counts[i][k][1];
            double x = 0;
            if (n0 + n1 > 0)
                x = log((n1 + 0.4) / (n0 + 0.4)) * 16;
            (void)nodes;
            blocks[16 * (size_t)i + k] = (unsigned char)(signed char)lround(x > 127    ? 127
                                                                            : x < -127 ? -127
                                                                                       : x);
        }
    }
    free(t.v);
    free(sorted);
    free(used);
    free(seat);
    free(counts);
    return LP_OK;
}

/* --- What adapts ------------------------------------------------------------------------ */

static uint16_t probability(double p)
{
    return (uint16_t)lround(65536 * (p < 0.001 ? 0.001 : p > 0.999 ? 0.999 : p));
}

/* A guess, to be tuned. */
static void guess_initial(struct lp_adaptive *a)
{
    for (int i = 0; i < LP_LISTS; i++) {
        for (int dead = 0; dead < LP_DEAD; dead++) {
            for (int l = 0; l < LP_LEVELS; l++) {
                for (int r = 0; r < LP_LEVELS; r++)
                    a->list[i][dead][l][r] = probability(
                        (lp_class_count[r] + 0.3) / (lp_class_count[l] + lp_class_count[r] + 0.6));
            }
        }
    }
    for (int sure = 0; sure < 8; sure++) {
        for (int odds = 0; odds < 64; odds++)
            a->follow[sure][odds] = probability(1 / (1 + exp2(-(odds - 32) / 4.0)));
    }
    for (int i = 0; i < 64; i++) {
        a->match[i] = probability(1 - 0.7 / (i + 1));
        int ones = 0, n = 0;
        for (int bits = i; bits > 1; bits >>= 1, n++)
            ones += bits & 1;
        a->history[i] = probability((ones + 0.5) / (n + 1));
    }
    for (int i = 0; i < LP_SETS_A; i++) {
        for (int k = 0; k < 13; k++)
            a->weight_a[i][k] = k == 4 ? 0 : 1600;
    }
    for (int i = 0; i < LP_SETS_B; i++) {
        for (int k = 0; k < 13; k++)
            a->weight_b[i][k] = k == 4 ? 0 : 1600;
    }
}

static enum lp_status put_initial(struct builder *b, const struct lp_adaptive *initial)
{
    unsigned char *p = add_section(b, LP_LPM_INITIAL, 2 * (size_t)LP_ADAPTIVE_SIZE);
    if (p == NULL)
        return LP_NOMEM;
    const uint16_t *from = (const uint16_t *)initial;
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++)
        lp_put16(p + 2 * i, from[i]);
    return LP_OK;
}

/* --- All of it -------------------------------------------------------------------------- */

static enum lp_status put_image(struct builder *b, struct lp_buf *image)
{
    const struct lp_vocab *v = b->t->vocab;
    unsigned char head[LP_LPM_HEAD] = LP_LPM_MAGIC;
    size_t at = LP_LPM_HEAD, begin = image->n;
    for (int i = 0; i < LP_LPM_SECTIONS; i++) {
        lp_put32(head + LP_LPM_AT_SECTION + 4 * i, (uint32_t)at);
        at = (at + b->size[i] + LP_LPM_ALIGN - 1) / LP_LPM_ALIGN * LP_LPM_ALIGN;
    }
    lp_put32(head + LP_LPM_AT_SECTION + 4 * LP_LPM_SECTIONS, (uint32_t)at);
    lp_put32(head + LP_LPM_AT_VERSION, LP_LPM_VERSION);
    lp_put32(head + LP_LPM_AT_SIZE, b->tree->size);
    lp_put64(head + LP_LPM_AT_FILE_SIZE, at);
    lp_put64(head + LP_LPM_AT_VOCAB, lp_vocab_fingerprint(v));
    strncpy((char *)head + LP_LPM_AT_NAME, lp_vocab_name(v), 39);
    lp_put32(head + LP_LPM_AT_LEAVES, b->tree->nleaves);
    if (!lp_buf_reserve(image, at))
        return LP_NOMEM;
    unsigned char *p = image->p + begin;
    memset(p, 0, at);
    memcpy(p, head, sizeof head);
    for (int i = 0; i < LP_LPM_SECTIONS; i++)
        memcpy(p + lp_get32(head + LP_LPM_AT_SECTION + 4 * i), b->section[i], b->size[i]);
    lp_put64(p + LP_LPM_AT_FINGERPRINT, lp_xxh64(p + LP_LPM_AT_VOCAB, at - LP_LPM_AT_VOCAB, 0));
    image->n += at;
    return LP_OK;
}

/* The model of docs, with these initial values. docs are leaves. */
static enum lp_status build(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, const struct lp_adaptive *initial,
                            struct lp_buf *image)
{
    struct builder b = {.t = t, .tree = tree};
    struct path *paths = malloc(tree->nleaves * sizeof *paths);
    enum lp_status status = paths == NULL ? LP_NOMEM : LP_OK;
    for (uint32_t i = 0; status == LP_OK && i < tree->nleaves; i++)
        find_path(tree, i, &paths[i]);
    for (int k = 0; status == LP_OK && k < 3; k++)
        status = count_grams(docs, tree->nleaves, k + 1, &b.gram[k]);
    if (status == LP_OK)
        status = put_tree(&b, docs);
    if (status == LP_OK)
        status = put_follow(&b);
    if (status == LP_OK)
        status = put_cells(&b, docs);
    for (int order = 1; status == LP_OK && order <= 2; order++)
        status = put_blocks(&b, docs, paths, order);
    if (status == LP_OK)
        status = put_initial(&b, initial);
    if (status == LP_OK)
        status = put_image(&b, image);
    for (int k = 0; k < 3; k++)
        free(b.gram[k].v);
    for (int i = 0; i < LP_LPM_SECTIONS; i++)
        free(b.section[i]);
    free(paths);
    return status;
}

/* A fixed pseudo-random sequence. */
static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Learns initial values on docs (ids) that the model was not made of: some passes
 * in random order, ever slower. The values are the mean over the last pass, so
 * that no doc's are preferred. */
static enum lp_status tune(const struct lp_trainer *t, const struct lp_buf *image,
                           const struct lp_docs *docs, struct lp_adaptive *state)
{
    static const struct lp_rates rates[] = {{5, 60}, {6, 24}, {7, 16}};
    enum { PASSES = sizeof rates / sizeof *rates };
    struct lp_model model;
    struct lp_mix *mix = NULL;
    struct lp_buf code = {0};
    double *sum = calloc(LP_ADAPTIVE_SIZE, sizeof *sum);
    uint32_t *order = malloc((docs->ndocs + 1) * sizeof *order), seed = 1;
    enum lp_status status = sum == NULL || order == NULL ? LP_NOMEM : LP_OK;
    if (status == LP_OK)
        status = lp_model_view(image->p, image->n, &model);
    if (status == LP_OK)
        status = lp_mix_new(&model, false, &mix);
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; d++) {
        uint32_t at = draw(&seed) % (d + 1);
        order[d] = order[at];
        order[at] = d;
    }
    for (int pass = 0; status == LP_OK && pass < PASSES; pass++) {
        double bits = 0;
        for (uint32_t i = 0; status == LP_OK && i < docs->ndocs; i++) {
            size_t begin = order[i] > 0 ? docs->end[order[i] - 1] : 0;
            code.n = 0;
            status = lp_mix_learn(mix, docs->id + begin, docs->end[order[i]] - begin, &rates[pass],
                                  state, &code);
            bits += 8.0 * (double)code.n;
            for (size_t k = 0; pass == PASSES - 1 && k < LP_ADAPTIVE_SIZE; k++)
                sum[k] += k < LP_ADAPTIVE_MAPS ? ((uint16_t *)state)[k] : ((int16_t *)state)[k];
        }
        char text[100];
        snprintf(text, sizeof text, "tuning on %u: %.4f bits a token", docs->ndocs,
                 bits / (double)docs->n);
        say(t, text);
    }
    for (size_t k = 0; status == LP_OK && docs->ndocs > 0 && k < LP_ADAPTIVE_SIZE; k++)
        ((uint16_t *)state)[k] = (uint16_t)(int32_t)lround(sum[k] / docs->ndocs);
    free(sum);
    free(order);
    lp_buf_free(&code);
    lp_mix_free(mix);
    return status;
}

/* The part of each doc's runs of five tokens that no other doc has. */
static float *novelties(const struct lp_docs *docs)
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
                hash = lp_context(hash, docs->id[i + k]);
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

/* The tree of a model, as the codec sees it. */
enum lp_status lp_tree_of(const struct lp_model *m, struct lp_tree *tree)
{
    *tree = (struct lp_tree){.size = m->size,
                             .nleaves = m->nleaves,
                             .leaf = malloc(m->size * sizeof *tree->leaf),
                             .id = malloc(m->nleaves * sizeof *tree->id),
                             .class = malloc((size_t)m->nleaves + 1),
                             .mid = malloc(m->nleaves * sizeof *tree->mid)};
    if (tree->leaf == NULL || tree->id == NULL || tree->class == NULL || tree->mid == NULL)
        return LP_NOMEM;
    for (uint32_t i = 0; i < m->size; i++) {
        uint32_t leaf = lp_get24(m->leaf + 3 * (size_t)i);
        tree->leaf[i] = leaf < m->nleaves ? leaf : LP_NO_LEAF;
    }
    for (uint32_t i = 0; i < m->nleaves; i++)
        tree->id[i] = lp_get24(m->id + 3 * (size_t)i);
    memcpy(tree->class, m->class, (size_t)m->nleaves + 1);
    struct {
        uint32_t a, b, depth;
    } stack[128];
    uint32_t top = 1, node = 0;
    stack[0].a = 0;
    stack[0].b = m->nleaves;
    stack[0].depth = 0;
    while (top > 0) {
        uint32_t a = stack[--top].a, b = stack[top].b, depth = stack[top].depth;
        if (b - a < 2)
            continue;
        uint32_t mid = lp_get32(m->tree + 4 * (size_t)node) >> LP_STRETCH_BITS;
        if (mid <= a || mid >= b || depth >= LP_DEPTH_MAX)
            mid = a + (b - a) / 2;
        tree->mid[node++] = mid;
        stack[top].a = mid;
        stack[top].b = b;
        stack[top++].depth = depth + 1;
        stack[top].a = a;
        stack[top].b = mid;
        stack[top++].depth = depth + 1;
    }
    return LP_OK;
}

/* The ids of docs as leaves, each doc's own. LP_DATA for an id that has none. */
static enum lp_status leaves_of(const struct lp_tree *tree, const struct lp_docs *docs,
                                uint32_t **leaf)
{
    *leaf = malloc((docs->n + 1) * sizeof **leaf);
    if (*leaf == NULL)
        return LP_NOMEM;
    for (size_t i = 0; i < docs->n; i++) {
        (*leaf)[i] = docs->id[i] < tree->size ? tree->leaf[docs->id[i]] : LP_NO_LEAF;
        if ((*leaf)[i] == LP_NO_LEAF)
            return LP_DATA;
    }
    return LP_OK;
}

enum lp_status lp_train_new(const struct lp_trainer *t, const struct lp_docs *docs,
                            struct lp_buf *image)
{
    enum { TUNE_EACH = 2, TUNE_TOKENS = 1000 };
    const float TUNE_NOVELTY = 0.6F;
    struct lp_tree tree;
    struct lp_docs all = {0}, most = {0}, rest = {0};
    static struct lp_adaptive initial;
    enum lp_status status =
        t->base != NULL ? lp_tree_of(t->base, &tree) : lp_train_tree(t, docs, &tree);
    size_t begin = 0;
    uint32_t *leaf = NULL;
    if (status == LP_OK)
        status = leaves_of(&tree, docs, &leaf);
    float *novelty = novelties(docs), heaviest = 0;
    for (uint32_t d = 0; d < docs->ndocs; d++)
        heaviest = docs->weight[d] > heaviest ? docs->weight[d] : heaviest;
    if (novelty == NULL)
        status = LP_NOMEM;
    uint32_t seed = 1;
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; begin = docs->end[d++]) {
        size_t n = docs->end[d] - begin;
        /* Docs of more weight are likelier. */
        float chance = docs->weight[d] / heaviest;
        bool held = (float)(draw(&seed) % 65536) < 65536 / TUNE_EACH * chance * chance &&
                    novelty[d] >= TUNE_NOVELTY;
        if (!lp_docs_add(&all, leaf + begin, n, docs->weight[d]) ||
            (held ? !lp_docs_add(&rest, docs->id + begin, n < TUNE_TOKENS ? n : TUNE_TOKENS, 1)
                  : !lp_docs_add(&most, leaf + begin, n, docs->weight[d])))
            status = LP_NOMEM;
    }
    free(leaf);
    free(novelty);
    guess_initial(&initial);
    struct lp_buf trial = {0};
    if (status == LP_OK)
        status = build(t, &tree, &most, &initial, &trial);
    if (status == LP_OK)
        status = tune(t, &trial, &rest, &initial);
    lp_buf_free(&trial);
    if (status == LP_OK)
        status = build(t, &tree, &all, &initial, image);
    lp_docs_free(&all);
    lp_docs_free(&most);
    lp_docs_free(&rest);
    lp_tree_free(&tree);
    return status;
}

/* --- Adapting a model -------------------------------------------------------------------- */

/* Adds the successors in docs to the cells: a cell grows, or takes the place of
 * one that counts less. */
static void adapt_cells(const struct lp_model *m, unsigned char *cells, const struct grams *grams)
{
    const uint32_t bits = m->leaf_bits, shift = bits + LP_CELL_CLASS_BITS;
    for (size_t i = 0; m->nbuckets > 0 && i < grams->n; i++) {
        const struct gram *g = &grams->v[i];
        unsigned char *bucket = cells + 64 * (size_t)lp_bucket(g->key, m->nbuckets);
        uint32_t check = lp_cell_check(g->key, bits), leaf = (uint32_t)(g->key & LEAF_MASK);
        uint32_t least = 0, least_class = 16, same = 0;
        bool found = false;
        for (uint32_t k = 0; k < LP_BUCKET_CELLS && !found; k++) {
            uint32_t cell = lp_get32(bucket + 4 * k), class = cell >> bits & 15;
            bool here = class > 0 && cell >> shift == check;
            same += here;
            if (here && (cell & (((uint32_t)1 << bits) - 1)) == leaf) {
                float count = (float)lp_class_count[class] + 2 * g->count;
                lp_put32(bucket + 4 * k, check << shift | class_of_count(count) << bits | leaf);
                found = true;
            } else if (class < least_class) {
                least_class = class;
                least = k;
            }
        }
        uint32_t class = class_of_count(2 * g->count);
        if (!found && same < 6 && class >= least_class)
            lp_put32(bucket + 4 * least, check << shift | class << bits | leaf);
    }
}

struct successor {
    uint32_t leaf;
    float count;
};

/* The successors of a leaf in the model and in docs, merged into list. */
static uint32_t merge_follow(const struct lp_model *m, uint32_t last, const struct gram *g,
                             size_t n, struct successor *list)
{
    uint32_t begin = lp_get32(m->start + 4 * (size_t)last), k = 0;
    uint32_t end = lp_get32(m->start + 4 * (size_t)last + 4);
    size_t i = 0;
    if (end > m->nfollow || begin >= end)
        begin = end = 1; /* none: the last entry is but a total */
    for (uint32_t at = begin; at + 1 < end; at++) {
        uint32_t entry = lp_get32(m->follow + 4 * (size_t)at), leaf = entry >> LP_FOLLOW_BITS;
        uint32_t mask = (1 << LP_FOLLOW_BITS) - 1;
        float count = (float)((lp_get32(m->follow + 4 * (size_t)at + 4) - entry) & mask);
        while (i < n && (g[i].key & LEAF_MASK) < leaf) {
            list[k++] = (struct successor){(uint32_t)(g[i].key & LEAF_MASK), 4 * g[i].count};
            i++;
        }
        if (i < n && (g[i].key & LEAF_MASK) == leaf)
            count += 4 * g[i++].count;
        list[k++] = (struct successor){leaf, count};
    }
    for (; i < n; i++)
        list[k++] = (struct successor){(uint32_t)(g[i].key & LEAF_MASK), 4 * g[i].count};
    return k;
}

/* Writes a list of successors, its counts scaled so that they fit; those of fewer
 * than least are left out. Returns its entries. */
static uint32_t put_list(const struct successor *list, uint32_t n, float least, unsigned char *to)
{
    double scale = 1;
    uint32_t sum = 0, at = 0;
    for (;; scale *= 0.9) {
        sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            double c = (double)list[i].count * scale;
            sum += list[i].count < least ? 0 : c < 1 ? 1 : (uint32_t)lround(c);
        }
        if (sum < 1 << LP_FOLLOW_BITS)
            break;
    }
    if (sum == 0)
        return 0;
    sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double c = (double)list[i].count * scale;
        if (list[i].count < least)
            continue;
        if (to != NULL)
            lp_put32(to + 4 * (size_t)at, list[i].leaf << LP_FOLLOW_BITS | sum);
        at++;
        sum += c < 1 ? 1 : (uint32_t)lround(c);
    }
    if (to != NULL)
        lp_put32(to + 4 * (size_t)at, (uint32_t)LEAF_MASK << LP_FOLLOW_BITS | sum);
    return at + 1;
}

/* Merges docs into the successors of one leaf, in the room that there is. */
static enum lp_status adapt_follow(const struct lp_model *m, unsigned char *start,
                                   unsigned char *follow, const struct grams *grams)
{
    struct successor *list = malloc((m->nfollow + grams->n + 1) * sizeof *list);
    unsigned char *merged = malloc(4 * (size_t)m->nfollow + 1);
    if (list == NULL || merged == NULL) {
        free(list);
        free(merged);
        return LP_NOMEM;
    }
    for (float least = 0;; least += 0.5F) {
        uint32_t at = 0;
        size_t i = 0;
        for (uint32_t last = 0; last <= m->nleaves && at <= m->nfollow; last++) {
            size_t from = i;
            while (i < grams->n && grams->v[i].key >> 18 == last)
                i++;
            lp_put32(start + 4 * (size_t)last, at);
            uint32_t n = merge_follow(m, last, grams->v + from, i - from, list);
            uint32_t need = put_list(list, n, least, NULL);
            if (at + need <= m->nfollow)
                put_list(list, n, least, merged + 4 * (size_t)at);
            at += need;
        }
        lp_put32(start + 4 * ((size_t)m->nleaves + 1), at);
        if (at <= m->nfollow)
            break;
    }
    memcpy(follow, merged, 4 * (size_t)m->nfollow);
    free(list);
    free(merged);
    return LP_OK;
}

/* Moves the probabilities of nodes and blocks towards what docs show. What the
 * model says of a block counts as BLOCK_PRIOR bits, of the root as twice docs. */
static enum lp_status adapt_nodes(const struct lp_model *m, const struct lp_tree *tree,
                                  unsigned char *image, const struct lp_docs *docs)
{
    const double BLOCK_PRIOR = 30;
    float(*counts)[2] = calloc(m->nleaves, sizeof *counts);
    double *mass = calloc(m->nleaves, sizeof *mass);
    if (counts == NULL || mass == NULL) {
        free(counts);
        free(mass);
        return LP_NOMEM;
    }
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin; i < docs->end[d]; i++) {
            struct path path;
            find_path(tree, docs->id[i], &path);
            for (int order = 1; order <= 2; order++) {
                const unsigned char *blocks = order == 1 ? m->block1 : m->block2;
                uint32_t n = order == 1 ? m->nblocks1 : m->nblocks2;
                uint32_t context = class_context(tree, docs, begin, i, order);
                for (uint32_t k = 0; n > 0 && k < path.n; k++) {
                    uint64_t hash = lp_block_hash(context, path.root[k]);
                    size_t at = 64 * (size_t)lp_bucket(hash, n);
                    for (uint32_t slot = 0; slot < LP_BLOCK_BUCKET; slot++, at += 16) {
                        unsigned char *block = image + (blocks - m->file) + at;
                        if (*block != lp_block_check(hash))
                            continue;
                        for (uint32_t bits = path.bits[k]; bits > 1; bits >>= 1) {
                            double p = 1 / (1 + exp(-(double)(signed char)block[bits >> 1] / 16));
                            p += ((bits & 1) - p) / BLOCK_PRIOR;
                            double x = log(p / (1 - p)) * 16;
                            block[bits >> 1] = (unsigned char)(signed char)lround(x > 127    ? 127
                                                                                  : x < -127 ? -127
                                                                                             : x);
                        }
                        break;
                    }
                }
            }
            uint32_t a = 0, b = m->nleaves, node = 0;
            while (b - a > 1) {
                uint32_t mid = tree->mid[node], right = docs->id[i] >= mid;
                counts[node][right]++;
                node = right ? node + mid - a : node + 1;
                a = right ? mid : a;
                b = right ? b : mid;
            }
        }
    }
    /* Preorder: a node's mass is known when its turn comes. */
    struct {
        uint32_t a, b;
    } stack[128];
    uint32_t top = 1, node = 0;
    stack[0].a = 0;
    stack[0].b = m->nleaves;
    mass[0] = 2 * (double)docs->n;
    while (top > 0) {
        uint32_t a = stack[--top].a, e = stack[top].b;
        if (e - a < 2)
            continue;
        uint32_t mid = tree->mid[node], entry = lp_get32(m->tree + 4 * (size_t)node);
        int32_t own = (int32_t)(entry & ((1 << LP_STRETCH_BITS) - 1)) - (1 << 13);
        double p = 1 / (1 + exp(-own / 256.0)), n1 = (double)counts[node][1];
        double all = mass[node] + n1 + (double)counts[node][0];
        uint32_t right = node + mid - a;
        if (mid - a > 1)
            mass[node + 1] = mass[node] * (1 - p);
        if (e - mid > 1)
            mass[right] = mass[node] * p;
        if (all > mass[node])
            own = stretched(mass[node] * p + n1 + 1e-6, all + 2e-6);
        lp_put32(image + (m->tree - m->file) + 4 * (size_t)node,
                 mid << LP_STRETCH_BITS | (uint32_t)(own + 8192));
        node++;
        stack[top].a = mid;
        stack[top++].b = e;
        stack[top].a = a;
        stack[top++].b = mid;
    }
    free(counts);
    free(mass);
    return LP_OK;
}

/* Appends a copy of the base model with docs (leaves) in it. */
static enum lp_status adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, const struct lp_adaptive *initial,
                            struct lp_buf *image)
{
    const struct lp_model *m = t->base;
    struct grams grams;
    if (!lp_buf_append(image, m->file, m->file_size))
        return LP_NOMEM;
    unsigned char *p = image->p + image->n - m->file_size;
    enum lp_status status = adapt_nodes(m, tree, p, docs);
    for (int order = 1; status == LP_OK && order <= 3; order++) {
        status = count_grams(docs, m->nleaves, order, &grams);
        if (status == LP_OK && order == 1)
            status = adapt_follow(m, p + (m->start - m->file), p + (m->follow - m->file), &grams);
        else if (status == LP_OK)
            adapt_cells(m, p + (m->cell - m->file), &grams);
        free(grams.v);
    }
    sort_cells(p + (m->cell - m->file), m->nbuckets);
    const uint16_t *from = (const uint16_t *)initial;
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++)
        lp_put16(p + (m->initial - m->file) + 2 * i, from[i]);
    lp_put64(p + LP_LPM_AT_FINGERPRINT,
             lp_xxh64(p + LP_LPM_AT_VOCAB, m->file_size - LP_LPM_AT_VOCAB, 0));
    return status;
}

enum lp_status lp_train_adapt(const struct lp_trainer *t, const struct lp_docs *docs,
                              struct lp_buf *image)
{
    const struct lp_model *m = t->base;
    const uint32_t TUNE_MIN = 20; /* docs to tune on, else the weights stay */
    const float WEIGHT = 4;       /* of a user's text, to the model's */
    struct lp_tree tree;
    struct lp_docs all = {0}, most = {0}, rest = {0};
    static struct lp_adaptive initial;
    struct lp_buf trial = {0};
    uint32_t *leaf = NULL, seed = 1;
    enum lp_status status = lp_tree_of(m, &tree);
    if (status == LP_OK)
        status = leaves_of(&tree, docs, &leaf);
    size_t begin = 0;
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; begin = docs->end[d++]) {
        size_t n = docs->end[d] - begin;
        bool held = draw(&seed) % 5 < 2;
        if (!lp_docs_add(&all, leaf + begin, n, WEIGHT) ||
            (held ? !lp_docs_add(&rest, docs->id + begin, n < 4000 ? n : 4000, 1)
                  : !lp_docs_add(&most, leaf + begin, n, WEIGHT)))
            status = LP_NOMEM;
    }
    free(leaf);
    for (size_t i = 0; status == LP_OK && i < LP_ADAPTIVE_SIZE; i++)
        ((uint16_t *)&initial)[i] = lp_get16(m->initial + 2 * i);
    if (status == LP_OK && rest.ndocs >= TUNE_MIN) {
        status = adapt(t, &tree, &most, &initial, &trial);
        if (status == LP_OK)
            status = tune(t, &trial, &rest, &initial);
    }
    if (status == LP_OK)
        status = adapt(t, &tree, &all, &initial, image);
    lp_buf_free(&trial);
    lp_docs_free(&all);
    lp_docs_free(&most);
    lp_docs_free(&rest);
    lp_tree_free(&tree);
    return status;
}
