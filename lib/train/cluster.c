/* cluster.c - clusters tokens by their neighbours, and orders them as the leaves of a tree.
 *
 * Exchange clustering: each frequent token moves to the class that maximises the mutual information
 * of adjacent classes, in several rounds; the other tokens get a class by their kind of characters.
 * Then classes merge in pairs, least loss of information first, into a dendrogram, whose order is
 * that of the leaves. */
#include "train/parts.h"

#include <math.h>
#include <stdio.h>

enum {
    CLUSTERED = 20000, /* the most frequent tokens */
    CLASSES = 600,     /* classes of these */
    KINDS = 16,        /* classes of all others */
    ALL = CLASSES + KINDS,
    CONTEXT_CLASSES = 216,
    ROUNDS = 8,
};

/* A pair of adjacent units, and its count. */
struct pair {
    uint32_t a, b;
    float w;
};

struct clusters {
    uint32_t n;      /* clustered units; a unit is a clustered token, or CLUSTERED + a kind */
    uint16_t *class; /* of each unit */
    float *unit_count;
    struct pair *pair; /* sorted by a; rpair: the reversed pairs, sorted alike */
    struct pair *rpair;
    uint32_t *from, *rfrom;
    size_t npairs;
    float *m, *mt; /* [ALL][ALL]: counts of adjacent classes, and its transpose */
    float *row, *column;
};

static float f(float x)
{
    return x > 0 ? x * log2f(x) : 0;
}

/* --- Kinds of character ------------------------------------------------------------- */

static unsigned kind_of(const unsigned char *s, size_t n)
{
    bool space = n > 1 && s[0] == ' ';
    if (space) {
        s++;
        n--;
    }
    unsigned char c = s[0];
    if (c >= 'a' && c <= 'z')
        return space ? 0 : 1;
    if (c >= 'A' && c <= 'Z')
        return space ? 2 : n > 1 && s[1] >= 'a' && s[1] <= 'z' ? 3 : 4;
    if (c >= '0' && c <= '9')
        return 5;
    if (c <= ' ')
        return 6;
    if (c < 0x80)
        return space ? 7 : 8;
    if (c < 0xC2)
        return 9; /* a part of a UTF-8 sequence */
    if (c < 0xCE)
        return 10; /* Latin */
    if (c < 0xD0)
        return 11; /* Greek */
    if (c < 0xD5)
        return 12; /* Cyrillic */
    if (c < 0xE3)
        return 13;
    return c < 0xEA ? 14 : 15; /* Chinese, Japanese; Korean and beyond */
}

/* --- Exchange ------------------------------------------------------------------------ */

static int by_pair(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return x->a != y->a ? (x->a < y->a ? -1 : 1) : x->b < y->b ? -1 : x->b > y->b;
}

/* Sums a unit's neighbours by their class; list has the classes whose sum is not 0. Returns their
 * number. */
static uint32_t neighbours(const struct clusters *c, const struct pair *pair, const uint32_t *from,
                           uint32_t unit, float *sum, uint16_t *list)
{
    uint32_t n = 0;
    for (uint32_t i = from[unit]; i < from[unit + 1]; i++) {
        uint16_t k = c->class[pair[i].b];
        if (sum[k] == 0)
            list[n++] = k;
        sum[k] += pair[i].w;
    }
    return n;
}

/* log2 with an error of at most 0.0001: a polynomial of the mantissa, which compilers vectorise. */
static inline float approximate_log2(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x};
    float e = (float)(int32_t)(v.u >> 23) - 127;
    v.u = (v.u & 0x7FFFFF) | 0x3F800000;
    float m = v.f;
    return e + (((-0.08001088F * m + 0.63551112F) * m - 2.09940228F) * m + 4.04961689F) * m -
           2.50561466F;
}

/* Adds to gain[k] what class k gains when its count in line grows by x. */
static void add_gains(float *restrict gain, const float *restrict line, float x)
{
    for (int k = 0; k < ALL; k++) {
        float y = line[k] + 1e-3F;
        gain[k] += (y + x) * approximate_log2(y + x) - y * approximate_log2(y);
    }
}

static void shift_unit(struct clusters *c, uint32_t k, const float *after, const uint16_t *afters,
                       uint32_t nafter, const float *before, const uint16_t *befores,
                       uint32_t nbefore, float sign)
{
    for (uint32_t i = 0; i < nafter; i++) {
        uint16_t d = afters[i];
        c->m[k * ALL + d] += sign * after[d];
        c->mt[d * ALL + k] += sign * after[d];
        c->row[k] += sign * after[d];
        c->column[d] += sign * after[d];
    }
    for (uint32_t i = 0; i < nbefore; i++) {
        uint16_t d = befores[i];
        c->m[d * ALL + k] += sign * before[d];
        c->mt[k * ALL + d] += sign * before[d];
        c->row[d] += sign * before[d];
        c->column[k] += sign * before[d];
    }
}

static uint32_t exchange(struct clusters *c)
{
    static float after[ALL], before[ALL], gain[ALL];
    uint16_t afters[ALL], befores[ALL];
    uint32_t moved = 0;
    for (uint32_t u = 0; u < c->n; u++) {
        uint32_t nafter = neighbours(c, c->pair, c->from, u, after, afters);
        uint32_t nbefore = neighbours(c, c->rpair, c->rfrom, u, before, befores);
        uint16_t old = c->class[u];
        shift_unit(c, old, after, afters, nafter, before, befores, nbefore, -1);
        memset(gain, 0, sizeof gain);
        float nafters = 0, nbefores = 0;
        for (uint32_t i = 0; i < nafter; i++) {
            add_gains(gain, c->mt + afters[i] * ALL, after[afters[i]]);
            nafters += after[afters[i]];
        }
        for (uint32_t i = 0; i < nbefore; i++) {
            add_gains(gain, c->m + befores[i] * ALL, before[befores[i]]);
            nbefores += before[befores[i]];
        }
        uint16_t best = old;
        float most = -INFINITY;
        for (uint16_t k = 0; k < CLASSES; k++) {
            float g = gain[k] - f(c->row[k] + nafters) + f(c->row[k]) - f(c->column[k] + nbefores) +
                      f(c->column[k]);
            if (g > most) {
                most = g;
                best = k;
            }
        }
        shift_unit(c, best, after, afters, nafter, before, befores, nbefore, 1);
        c->class[u] = best;
        moved += best != old;
        for (uint32_t i = 0; i < nafter; i++)
            after[afters[i]] = 0;
        for (uint32_t i = 0; i < nbefore; i++)
            before[befores[i]] = 0;
    }
    return moved;
}

/* --- The dendrogram ------------------------------------------------------------------- */

/* What merging classes i and j loses of the mutual information. */
static float merge_loss(const struct clusters *c, const bool *gone, uint32_t i, uint32_t j)
{
    const float *a = c->m + i * ALL, *b = c->m + j * ALL;
    const float *at = c->mt + i * ALL, *bt = c->mt + j * ALL;
    float loss = 0;
    for (uint32_t k = 0; k < ALL; k++) {
        if (gone[k])
            continue;
        if (a[k] > 0 && b[k] > 0)
            loss += f(a[k]) + f(b[k]) - f(a[k] + b[k]);
        if (at[k] > 0 && bt[k] > 0)
            loss += f(at[k]) + f(bt[k]) - f(at[k] + bt[k]);
    }
    loss -= f(c->row[i]) + f(c->row[j]) - f(c->row[i] + c->row[j]);
    loss -= f(c->column[i]) + f(c->column[j]) - f(c->column[i] + c->column[j]);
    return loss;
}

static void merge(struct clusters *c, uint32_t i, uint32_t j)
{
    for (uint32_t k = 0; k < ALL; k++) {
        c->m[i * ALL + k] += c->m[j * ALL + k];
        c->m[j * ALL + k] = 0;
    }
    for (uint32_t k = 0; k < ALL; k++) {
        c->m[k * ALL + i] += c->m[k * ALL + j];
        c->m[k * ALL + j] = 0;
    }
    for (uint32_t k = 0; k < ALL; k++) {
        for (uint32_t d = 0; d < ALL; d++) {
            if (k == i || d == i || k == j || d == j)
                c->mt[d * ALL + k] = c->m[k * ALL + d];
        }
    }
    c->row[i] += c->row[j];
    c->column[i] += c->column[j];
    c->row[j] = c->column[j] = 0;
}

/* Merges all classes into one. order: the classes in dendrogram order; height[i]: the step that
 * joined order[i] and order[i + 1]; context[k]: the class of class k when CONTEXT_CLASSES were
 * left. */
static enum lp_status dendrogram(struct clusters *c, uint16_t *order, uint16_t *height,
                                 uint16_t *context)
{
    float *loss = malloc((size_t)ALL * ALL * sizeof *loss);
    if (loss == NULL)
        return LP_NOMEM;
    bool gone[ALL] = {false};
    uint16_t next[ALL], last[ALL], joined[ALL] = {0}, into[ALL];
    for (uint16_t i = 0; i < ALL; i++) {
        next[i] = UINT16_MAX;
        last[i] = into[i] = i;
        for (uint32_t j = 0; j < i; j++)
            loss[i * ALL + j] = merge_loss(c, gone, i, j);
    }
    for (uint16_t step = 1; step < ALL; step++) {
        if (ALL - step + 1 == CONTEXT_CLASSES)
            for (uint32_t k = 0; k < ALL; k++) {
                uint16_t to = (uint16_t)k;
                while (into[to] != to)
                    to = into[to];
                context[k] = to;
            }
        uint16_t x = 0, y = 0;
        float least = INFINITY;
        for (uint16_t i = 0; i < ALL; i++) {
            for (uint16_t j = 0; !gone[i] && j < i; j++) {
                if (!gone[j] && loss[i * ALL + j] < least) {
                    least = loss[i * ALL + j];
                    x = j;
                    y = i;
                }
            }
        }
        merge(c, x, y);
        gone[y] = true;
        into[y] = x;
        next[last[x]] = y;
        joined[last[x]] = step;
        last[x] = last[y];
        for (uint16_t k = 0; k < ALL; k++) {
            if (!gone[k] && k != x)
                loss[(k > x ? k : x) * ALL + (k > x ? x : k)] = merge_loss(c, gone, k, x);
        }
    }
    free(loss);
    uint32_t n = 0;
    for (uint16_t k = 0; k != UINT16_MAX; k = next[k]) {
        order[n] = k;
        height[n++] = joined[k];
    }
    return LP_OK;
}

/* --- The whole --------------------------------------------------------------------------- */

struct ranked {
    uint32_t id;
    double count;
    uint16_t place; /* of its class in the dendrogram */
};

static int by_count(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->count != y->count ? (x->count > y->count ? -1 : 1)
           : x->id < y->id      ? -1
                                : x->id > y->id;
}

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->place != y->place ? (x->place < y->place ? -1 : 1) : by_count(a, b);
}

/* Counts the pairs of adjacent units in docs. */
static enum lp_status count_pairs(struct clusters *c, const struct lp_docs *docs,
                                  const uint32_t *unit)
{
    size_t n = docs->n, at = 0;
    c->pair = malloc((n + 1) * sizeof *c->pair);
    if (c->pair == NULL)
        return LP_NOMEM;
    size_t begin = 0;
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        for (size_t i = begin + 1; i < docs->end[d]; i++)
            c->pair[at++] =
                (struct pair){unit[docs->id[i - 1]], unit[docs->id[i]], docs->weight[d]};
    }
    qsort(c->pair, at, sizeof *c->pair, by_pair);
    size_t k = 0;
    for (size_t i = 0; i < at; i++) {
        if (k > 0 && c->pair[k - 1].a == c->pair[i].a && c->pair[k - 1].b == c->pair[i].b)
            c->pair[k - 1].w += c->pair[i].w;
        else
            c->pair[k++] = c->pair[i];
    }
    c->npairs = k;
    c->rpair = malloc((k + 1) * sizeof *c->rpair);
    c->from = calloc(CLUSTERED + KINDS + 2, sizeof *c->from);
    c->rfrom = calloc(CLUSTERED + KINDS + 2, sizeof *c->rfrom);
    if (c->rpair == NULL || c->from == NULL || c->rfrom == NULL)
        return LP_NOMEM;
    for (size_t i = 0; i < k; i++)
        c->rpair[i] = (struct pair){c->pair[i].b, c->pair[i].a, c->pair[i].w};
    qsort(c->rpair, k, sizeof *c->rpair, by_pair);
    for (size_t i = 0; i < k; i++) {
        c->from[c->pair[i].a + 1]++;
        c->rfrom[c->rpair[i].a + 1]++;
    }
    for (uint32_t u = 0; u <= CLUSTERED + KINDS; u++) {
        c->from[u + 1] += c->from[u];
        c->rfrom[u + 1] += c->rfrom[u];
    }
    return LP_OK;
}

static enum lp_status cluster(const struct lp_trainer *t, struct clusters *c,
                              const struct lp_docs *docs, const uint32_t *unit)
{
    enum lp_status status = count_pairs(c, docs, unit);
    if (status != LP_OK)
        return status;
    c->m = calloc((size_t)ALL * ALL, sizeof *c->m);
    c->mt = calloc((size_t)ALL * ALL, sizeof *c->mt);
    c->row = calloc(ALL, sizeof *c->row);
    c->column = calloc(ALL, sizeof *c->column);
    if (c->m == NULL || c->mt == NULL || c->row == NULL || c->column == NULL)
        return LP_NOMEM;
    for (size_t i = 0; i < c->npairs; i++) {
        uint32_t a = c->class[c->pair[i].a], b = c->class[c->pair[i].b];
        c->m[a * ALL + b] += c->pair[i].w;
        c->mt[b * ALL + a] += c->pair[i].w;
        c->row[a] += c->pair[i].w;
        c->column[b] += c->pair[i].w;
    }
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t moved = exchange(c);
        char text[64];
        snprintf(text, sizeof text, "clustering, round %d: %u moved", round + 1, moved);
        if (t->say != NULL)
            t->say(t->say_ctx, text);
        if (moved < c->n / 500)
            break;
    }
    return LP_OK;
}

static void clusters_free(struct clusters *c)
{
    free(c->class);
    free(c->pair);
    free(c->rpair);
    free(c->from);
    free(c->rfrom);
    free(c->m);
    free(c->mt);
    free(c->row);
    free(c->column);
}

/* Numbers the rows as an index needs them: first rows of one leaf each, in leaf order; then shared
 * ones. All leaves of an index entry without a row of their own share the row that the first of
 * them has. */
static enum lp_status number_rows(struct lp_tree *tree)
{
    uint32_t *uses = calloc(tree->nrows, sizeof *uses);
    uint32_t *number = calloc(tree->nrows, sizeof *number);
    if (uses != NULL && number != NULL) {
        for (uint32_t i = 0; i <= tree->nleaves; i++)
            uses[tree->row[i]]++;
        tree->nown = 0;
        for (uint32_t i = 0; i < tree->nrows; i++)
            tree->nown += uses[i] == 1;
        uint32_t own = 0, nrows = tree->nown, shared = 0;
        for (uint32_t i = 0; i <= tree->nleaves; i++) {
            const uint32_t row = tree->row[i];
            if (i % LP_INDEX_LEAVES == 0)
                shared = 0; /* 0 is a row of one leaf: no shared row yet */
            if (uses[row] != 1 && shared == 0)
                shared = number[row] != 0 ? number[row] : (number[row] = nrows++);
            tree->row[i] = (uint16_t)(uses[row] == 1 ? own++ : shared);
        }
        tree->nrows = nrows;
    }
    free(uses);
    free(number);
    return uses != NULL && number != NULL ? LP_OK : LP_NOMEM;
}

/* A tree that is being made. */
struct planting {
    const struct lp_trainer *t;
    const struct lp_docs *docs;
    struct lp_tree *tree;
    struct clusters c;
    struct ranked *token; /* the n tokens of the vocabulary: by count, later by place */
    uint32_t n;
    uint32_t *unit;   /* of each id: which is clustered */
    uint16_t *height; /* of the boundary before each leaf */
    double *count;    /* of each id */
    uint16_t order[ALL], up[ALL], context[ALL];
};

static bool allocate(struct planting *p, uint32_t size)
{
    p->c.class = calloc(CLUSTERED + KINDS + 1, sizeof *p->c.class);
    p->token = calloc(size, sizeof *p->token);
    p->unit = calloc(size, sizeof *p->unit);
    p->height = calloc((size_t)size + 1, sizeof *p->height);
    p->count = calloc(size, sizeof *p->count);
    *p->tree = (struct lp_tree){.size = size,
                                .leaf = malloc(size * sizeof *p->tree->leaf),
                                .id = malloc(size * sizeof *p->tree->id),
                                .row = malloc(((size_t)size + 1) * sizeof *p->tree->row)};
    return p->c.class != NULL && p->token != NULL && p->unit != NULL && p->height != NULL &&
           p->count != NULL && p->tree->leaf != NULL && p->tree->id != NULL && p->tree->row != NULL;
}

static void count_tokens(struct planting *p)
{
    size_t begin = 0;
    for (uint32_t d = 0; d < p->docs->ndocs; begin = p->docs->end[d++]) {
        for (size_t i = begin; i < p->docs->end[d]; i++)
            p->count[p->docs->id[i]] += (double)p->docs->weight[d];
    }
}

/* Lists the vocabulary's tokens, the most frequent first, and their units: the first CLUSTERED are
 * units of their own. */
static void list_tokens(struct planting *p)
{
    const struct lp_vocab *v = p->t->vocab;
    size_t len;
    for (uint32_t id = 0; id < p->tree->size; id++) {
        p->tree->leaf[id] = LP_NO_LEAF;
        if (lp_vocab_token(v, id, &len) != NULL)
            p->token[p->n++] = (struct ranked){.id = id, .count = p->count[id]};
    }
    p->tree->nleaves = p->n;
    qsort(p->token, p->n, sizeof *p->token, by_count);
    for (uint32_t i = 0; i < p->n; i++) {
        const unsigned char *text = lp_vocab_token(v, p->token[i].id, &len);
        p->unit[p->token[i].id] = i < CLUSTERED ? i : CLUSTERED + kind_of(text, len);
    }
}

/* Assigns units to classes, and orders the classes by similarity. */
static enum lp_status classify(struct planting *p)
{
    struct clusters *c = &p->c;
    c->n = p->n < CLUSTERED ? p->n : CLUSTERED;
    for (uint32_t i = 0; i < CLUSTERED; i++)
        c->class[i] = (uint16_t)(i % CLASSES);
    for (uint32_t i = 0; i < KINDS; i++)
        c->class[CLUSTERED + i] = (uint16_t)(CLASSES + i);
    enum lp_status status = cluster(p->t, c, p->docs, p->unit);
    return status == LP_OK ? dendrogram(c, p->order, p->up, p->context) : status;
}

/* Orders the tokens by the places of their classes. */
static void place_tokens(struct planting *p)
{
    uint16_t place[ALL];
    for (uint16_t i = 0; i < ALL; i++)
        place[p->order[i]] = i;
    for (uint32_t i = 0; i < p->n; i++)
        p->token[i].place = place[p->c.class[p->unit[p->token[i].id]]];
    qsort(p->token, p->n, sizeof *p->token, by_place);
}

/* The highest step between two places. */
static uint16_t highest_step(const struct planting *p, uint16_t from, uint16_t to)
{
    uint16_t height = 0;
    for (; from < to; from++)
        height = p->up[from] > height ? p->up[from] : height;
    return height;
}

/* Numbers the leaves in the order of the tokens. Frequent tokens get a row of their own, others
 * share the row of their class, and the begin of a text has the last row. */
static void number_leaves(struct planting *p)
{
    struct lp_tree *tree = p->tree;
    const uint32_t rows = p->t->sizes.rows < CLUSTERED ? p->t->sizes.rows : CLUSTERED;
    uint16_t shared[ALL];
    memset(shared, 0xFF, sizeof shared);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct ranked *token = &p->token[i];
        uint16_t *row = &shared[p->context[p->order[token->place]]];
        tree->id[i] = token->id;
        tree->leaf[token->id] = i;
        if (p->unit[token->id] < rows)
            tree->row[i] = (uint16_t)tree->nrows++;
        else
            tree->row[i] = *row = *row != UINT16_MAX ? *row : (uint16_t)tree->nrows++;
        p->height[i] = i > 0 ? highest_step(p, p->token[i - 1].place, token->place) : 0;
    }
    tree->row[p->n] = (uint16_t)tree->nrows++;
}

static void planting_free(struct planting *p)
{
    clusters_free(&p->c);
    free(p->token);
    free(p->unit);
    free(p->height);
    free(p->count);
}

enum lp_status lp_train_tree(const struct lp_trainer *t, const struct lp_docs *docs,
                             struct lp_tree *tree)
{
    struct planting p = {.t = t, .docs = docs, .tree = tree};
    enum lp_status status = LP_NOMEM;
    if (allocate(&p, lp_vocab_size(t->vocab))) {
        count_tokens(&p);
        list_tokens(&p);
        status = classify(&p);
    }
    if (status == LP_OK) {
        place_tokens(&p);
        number_leaves(&p);
        status = lp_tree_lay_out(tree, p.count, p.height);
    }
    if (status == LP_OK)
        status = number_rows(tree);
    planting_free(&p);
    return status;
}
