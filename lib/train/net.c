/* net.c - trains a model's network (model_net.h) on docs.
 *
 * Stochastic gradient descent on the choices of each token's path down the tree, with AdaGrad: each
 * row and each child has a learning rate that falls as it learns (Duchi, Hazan, Singer, 2011). Runs
 * of tokens that many docs share count less: the n-gram lists know them, and the network is there
 * for what no list has. */
#include "train/parts.h"

#include "mix/model_net.h"

#include <math.h>
#include <stdlib.h>

/* Compiled for AVX2 too, where the dynamic linker can select; the results are the same, to the bit.
 */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

enum {
    SIZE = LP_NET_SIZE,
    CHILDREN = LP_NODE_CHILDREN,
    PLACES = LP_NET_PLACES,
    CHUNK = 256, /* tokens whose gradients update the rows of the faded sum together */
    RUN = 6,     /* tokens; a run that occurs again is not new */
    EPOCHS = 4,
    LANES = 8, /* parallel sums, for the compiler to vectorise */
};

static const float RATE = 0.1F, FADED_RATE = 0.25F; /* for rows of the faded sum */
/* The AdaGrad sum that an adapted node begins with: as if it had learnt for a while, since a model
 * knows more than a few docs show. */
static const float ADAPTED_SUM = 20;
static const float FADE = 1 - 1.0F / (1 << LP_NET_FADE);

typedef float vector[SIZE];

/* The weights of a node. Its children are split in two, again and again, by divisions; each
 * division has a vector, half of which counts for its right side and half against its left. So
 * similar children learn from each other. */
struct weights {
    vector weight[CHILDREN - 1];
    float bias[CHILDREN - 1], sum[CHILDREN - 1]; /* sums of squared gradients */
};

struct net {
    const struct lp_tree *tree;
    uint32_t nnets; /* the number of nodes with weights, the tree's first ones */
    struct weights *node;
    vector *row[PLACES];
    float *row_sum[PLACES];
    bool rows_stay; /* only weights are trained */
};

static inline float dot(const float *a, const float *b)
{
    float sum[LANES] = {0};
    for (int i = 0; i < SIZE; i += LANES) {
        for (int k = 0; k < LANES; k++)
            sum[k] += a[i + k] * b[i + k];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* to += factor * from */
static inline void add(float *to, float factor, const float *from)
{
    for (int i = 0; i < SIZE; i++)
        to[i] += factor * from[i];
}

/* --- Novelty ----------------------------------------------------------------------------- */

/* 1 / sqrt(how often the run of tokens that ends at each position occurs). */
static float *novelty_of(const struct lp_docs *docs, uint32_t none)
{
    unsigned log = 16;
    while (log < 25 && (size_t)1 << log < 2 * docs->n)
        log++;
    uint32_t *count = calloc((size_t)1 << log, sizeof *count);
    float *novelty = malloc((docs->n + 1) * sizeof *novelty);
    for (int pass = 0; count != NULL && novelty != NULL && pass < 2; pass++) {
        size_t begin = 0;
        for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
            for (size_t i = begin; i < docs->end[d]; i++) {
                uint64_t hash = 0;
                for (size_t k = 0; k < RUN; k++)
                    hash = lp_context_hash(hash, i >= begin + k ? docs->id[i - k] : none);
                uint32_t *count_here = &count[hash >> (64 - log)];
                if (pass == 0)
                    ++*count_here;
                else
                    novelty[i] = 1 / sqrtf((float)*count_here);
            }
        }
    }
    if (count == NULL) {
        free(novelty);
        novelty = NULL;
    }
    free(count);
    return novelty;
}

/* --- Descent ---------------------------------------------------------------------- */

/* The row of the leaf `distance` before position i of a doc. */
static uint32_t row_at(const struct net *net, const struct lp_docs *docs, size_t begin, size_t i,
                       size_t distance)
{
    return net->tree->row[i >= begin + distance ? docs->id[i - distance] : net->tree->nleaves];
}

/* Moves a row of a place along its gradient. */
static void move_row(struct net *net, uint32_t place, uint32_t row, const float *gradient,
                     float rate)
{
    float *sum = &net->row_sum[place][row];
    *sum += dot(gradient, gradient) / SIZE;
    add(net->row[place][row], rate / sqrtf(*sum + 1e-6F), gradient);
}

/* From divisions to children: each child's value is the sum over its divisions. */
static inline void spread(const struct lp_tree_node *node, const float *division, float *of)
{
    float side[2 * CHILDREN] = {0}; /* of children, then of divisions */
    for (uint32_t i = 0; i + 1 < node->n; i++) {
        side[node->left[i]] = side[CHILDREN + i] - division[i] / 2;
        side[node->right[i]] = side[CHILDREN + i] + division[i] / 2;
    }
    memcpy(of, side, CHILDREN * sizeof *of);
}

/* The inverse of spread(), without the part that is common to all children. */
static void unite(const struct lp_tree_node *node, const float *of, float *division)
{
    float side[2 * CHILDREN];
    memcpy(side, of, node->n * sizeof *of);
    for (uint32_t i = node->n - 1; i-- > 0;) {
        division[i] = side[node->right[i]] - side[node->left[i]];
        side[CHILDREN + i] = (side[node->right[i]] + side[node->left[i]]) / 2;
    }
}

/* Softmax: the probabilities of the children, given the input vector h. */
static inline void predict(const struct weights *node, const struct lp_tree_node *here,
                           const float *h, float *p)
{
    float z[CHILDREN] = {0}, most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i + 1 < here->n; i++)
        z[i] = node->bias[i] + dot(h, node->weight[i]);
    spread(here, z, p);
    for (uint32_t k = 0; k < here->n; k++)
        most = p[k] > most ? p[k] : most;
    for (uint32_t k = 0; k < here->n; k++)
        sum += p[k] = expf(p[k] - most);
    for (uint32_t k = 0; k < here->n; k++)
        p[k] /= sum;
}

/* Learns from one token's path, given the input vector h; gradient is that of h. Returns its cost
 * in bits. */
WIDE static double learn(struct net *net, const float *h, uint32_t leaf, float weight, float rate,
                         float *gradient)
{
    const float SMALL = 1.0F / 1024; /* errors below teach less than they cost */
    const struct lp_tree *tree = net->tree;
    double bits = 0;
    memset(gradient, 0, sizeof(vector));
    for (uint32_t at = 0;;) {
        const struct lp_tree_node *here = &tree->node[at];
        const uint32_t child = lp_tree_child(here, leaf);
        if (at < net->nnets) {
            struct weights *node = &net->node[at];
            float p[CHILDREN] = {0};
            predict(node, here, h, p);
            bits -= (double)log2f(p[child] > 1e-5F ? p[child] : 1e-5F);
            float error[2 * CHILDREN]; /* of children, then of both sides of each division */
            for (uint32_t k = 0; k < here->n; k++)
                error[k] = (float)(k == child) - p[k];
            for (uint32_t i = here->n - 1; i-- > 0;) {
                const float left = error[here->left[i]], right = error[here->right[i]];
                const float e = (right - left) / 2 * weight;
                error[CHILDREN + i] = left + right;
                if (fabsf(e) < SMALL)
                    continue;
                add(gradient, e, node->weight[i]);
                node->sum[i] += e * e;
                const float step = 2 * rate * e / sqrtf(node->sum[i] + 1e-3F);
                add(node->weight[i], step, h);
                node->bias[i] += step;
            }
        }
        if (!lp_tree_inner(here, child))
            return bits;
        at = lp_tree_below(here, child);
    }
}

/* Learns the tokens of a chunk of a doc; returns their cost in bits. */
static double learn_chunk(struct net *net, const struct lp_docs *docs, const float *novelty,
                          uint32_t d, size_t from, size_t to, float *faded, float rate)
{
    const size_t begin = d > 0 ? docs->end[d - 1] : 0;
    const uint32_t last = PLACES - 1;
    /* When adapting, all docs are of one kind; their weight is relative to the model's own texts.
     */
    const float weight = net->rows_stay ? 1 : docs->weight[d];
    vector gradient[CHUNK];
    double bits = 0;
    for (size_t i = from; i < to; i++) {
        vector h;
        for (int j = 0; j < SIZE; j++)
            faded[j] *= FADE;
        if (i >= begin + PLACES)
            add(faded, FADED_RATE, net->row[last][row_at(net, docs, begin, i, PLACES)]);
        memcpy(h, faded, sizeof h);
        for (uint32_t k = 0; k < last; k++)
            add(h, 1, net->row[k][row_at(net, docs, begin, i, k + 1)]);
        float *g = gradient[i - from];
        bits += learn(net, h, docs->id[i], weight * novelty[i], rate, g);
        for (uint32_t k = 0; k < last && !net->rows_stay; k++)
            move_row(net, k, row_at(net, docs, begin, i, k + 1), g, rate);
    }
    /* A token is in the faded sums of all tokens after it: sum up their gradients, decayed. */
    vector after = {0};
    for (size_t i = to; i > from && !net->rows_stay; i--) {
        for (int j = 0; j < SIZE; j++)
            after[j] = after[j] * FADE + gradient[i - 1 - from][j] * FADED_RATE;
        if (i - 1 >= begin + PLACES)
            move_row(net, last, row_at(net, docs, begin, i - 1, PLACES), after, rate);
    }
    return bits;
}

static enum lp_status descend(const struct lp_trainer *t, struct net *net,
                              const struct lp_docs *docs)
{
    float *novelty = novelty_of(docs, net->tree->nleaves);
    uint32_t *order = malloc((docs->ndocs + 1) * sizeof *order), seed = 1;
    if (novelty == NULL || order == NULL) {
        free(novelty);
        free(order);
        return LP_NOMEM;
    }
    size_t done = 0;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (uint32_t d = 0; d < docs->ndocs; d++) {
            uint32_t at = lp_train_draw(&seed) % (d + 1);
            order[d] = order[at];
            order[at] = d;
        }
        double bits = 0;
        for (uint32_t k = 0; k < docs->ndocs; k++) {
            const uint32_t d = order[k];
            const size_t end = docs->end[d];
            vector faded = {0};
            for (size_t i = d > 0 ? docs->end[d - 1] : 0, to; i < end; i = to) {
                const float part = (float)done / ((float)docs->n * EPOCHS);
                to = end - i > CHUNK ? i + CHUNK : end;
                bits += learn_chunk(net, docs, novelty, d, i, to, faded, RATE * (1 - 0.9F * part));
                done += to - i;
            }
        }
        lp_train_tell(t, "network, round %d of %d: %.3f bits a token", epoch + 1, EPOCHS,
                      bits / (double)docs->n);
    }
    free(novelty);
    free(order);
    return LP_OK;
}

static void begin_at_random(float *v, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++)
        v[i] = ((float)lp_train_draw(seed) / (1 << 24) - 0.5F) * 0.2F;
}

static enum lp_status make_room(struct net *net)
{
    uint32_t seed = 1;
    for (int k = 0; k < PLACES; k++) {
        net->row[k] = malloc(net->tree->nrows * sizeof(vector));
        net->row_sum[k] = calloc(net->tree->nrows, sizeof(float));
        if (net->row[k] == NULL || net->row_sum[k] == NULL)
            return LP_NOMEM;
        begin_at_random(&net->row[k][0][0], (size_t)net->tree->nrows * SIZE, &seed);
    }
    net->node = calloc(net->nnets + 1, sizeof *net->node);
    if (net->node == NULL)
        return LP_NOMEM;
    for (uint32_t i = 0; i < net->nnets; i++)
        begin_at_random(&net->node[i].weight[0][0], (size_t)(CHILDREN - 1) * SIZE, &seed);
    return LP_OK;
}

/* --- Quantisation ------------------------------------------------------------------------ */

static int32_t rounded(float x, int32_t max)
{
    long v = lroundf(x);
    return v > max ? max : v < -max ? -max : (int32_t)v;
}

/* The smallest step, in 1/unit, with which all but one in 500 values are in range. */
static uint32_t scale_of(const float *v, size_t n, float unit)
{
    size_t beyond = n;
    uint32_t scale = 0;
    while (scale < UINT8_MAX && beyond > n / 500) {
        const float most = ((float)++scale) * (LP_NET_ROW_MAX + 0.5F) / unit;
        beyond = 0;
        for (size_t i = 0; i < n; i++)
            beyond += fabsf(v[i]) > most;
    }
    return scale;
}

/* The unit of a place's values, as a factor. */
static float unit_of(uint32_t place)
{
    return place < PLACES - 1 ? LP_NET_UNIT : FADED_RATE * LP_NET_UNIT * (1 << LP_NET_FADED_SHIFT);
}

static void put_rows(const struct net *net, unsigned char *to, unsigned char *scale)
{
    for (uint32_t k = 0; k < PLACES; k++) {
        const float unit = unit_of(k);
        scale[k] =
            (unsigned char)scale_of(&net->row[k][0][0], (size_t)net->tree->nrows * SIZE, unit);
        for (uint32_t i = 0; i < net->tree->nrows; i++) {
            unsigned char *p = to + ((size_t)i * PLACES + k) * LP_NET_ROW;
            for (int j = 0; j < SIZE; j++) {
                int32_t v = rounded(net->row[k][i][j] * unit / (float)scale[k], LP_NET_ROW_MAX);
                p[j % LP_NET_ROW] |= (unsigned char)((v + 8) << (j < LP_NET_ROW ? 0 : 4));
            }
        }
    }
}

static void get_rows(struct net *net, const struct lp_model *m)
{
    for (uint32_t k = 0; k < PLACES; k++) {
        const float step = (float)m->net_scale[k] / unit_of(k);
        for (uint32_t i = 0; i < net->tree->nrows; i++) {
            const unsigned char *p = m->net_row + ((size_t)i * PLACES + k) * LP_NET_ROW;
            for (int j = 0; j < SIZE; j++) {
                int v = (p[j % LP_NET_ROW] >> (j < LP_NET_ROW ? 0 : 4) & 15) - 8;
                net->row[k][i][j] = (float)v * step;
            }
        }
    }
}

/* Where a child's weight for an input is stored: its byte, and the nibble in it. */
static size_t place_of(uint32_t child, uint32_t input)
{
    const uint32_t j = input % (SIZE / 2);
    return (size_t)CHILDREN * (j / 4 * 4) + 4 * (size_t)child + j % 4;
}

static unsigned half_of(uint32_t input)
{
    return input < SIZE / 2 ? 0 : 4;
}

/* A weight quantised with a scale. */
static int32_t scaled(float value, uint32_t scale)
{
    const int32_t v = (int32_t)lroundf(value * LP_NET_WEIGHT_UNIT / (float)scale);
    return v < -LP_NET_WEIGHT_ZERO   ? -LP_NET_WEIGHT_ZERO
           : v >= LP_NET_WEIGHT_ZERO ? LP_NET_WEIGHT_ZERO - 1
                                     : v;
}

/* The scale that minimises the squared error of n quantised weights. */
static uint32_t best_scale(const float *value, size_t n)
{
    uint32_t best = 1;
    double least = INFINITY;
    for (uint32_t scale = 2; scale < 128; scale += 2) {
        double sum = 0;
        for (size_t i = 0; i < n && sum < least; i++) {
            const float to = (float)scaled(value[i], scale) * (float)scale / LP_NET_WEIGHT_UNIT;
            sum += (double)((value[i] - to) * (value[i] - to));
        }
        if (sum < least) {
            least = sum;
            best = scale;
        }
    }
    return best;
}

/* Writes the weights of nodes, and the costs of their children, which are the biases. */
static void put_nodes(const struct net *net, unsigned char *node, unsigned char *weight)
{
    for (uint32_t at = 0; at < net->nnets; at++) {
        const uint32_t n = net->tree->node[at].n;
        unsigned char *p = node + LP_NODE_SIZE * (size_t)at;
        const struct weights *from = &net->node[at];
        unsigned char *to = weight + LP_NET_NODE * (size_t)at;
        float bias[CHILDREN], value[SIZE][CHILDREN] = {0}, most = -INFINITY;
        spread(&net->tree->node[at], from->bias, bias);
        for (uint32_t k = 0; k < n; k++)
            most = bias[k] > most ? bias[k] : most;
        for (uint32_t k = 0; k < n; k++)
            p[LP_NODE_AT_COST + k] = (unsigned char)lp_node_cost(exp((double)(bias[k] - most)));
        for (uint32_t j = 0; j < SIZE; j++) {
            float of[CHILDREN] = {0};
            for (uint32_t i = 0; i + 1 < n; i++)
                of[i] = from->weight[i][j];
            spread(&net->tree->node[at], of, value[j]);
        }
        const uint32_t scale = best_scale(&value[0][0], (size_t)SIZE * CHILDREN);
        p[LP_NODE_AT_SCALE] = (unsigned char)scale;
        memset(to, 0, LP_NET_NODE);
        for (uint32_t j = 0; j < SIZE; j++) {
            for (uint32_t k = 0; k < CHILDREN; k++) {
                const int32_t v = scaled(k < n ? value[j][k] : 0, scale) + LP_NET_WEIGHT_ZERO;
                to[place_of(k, j)] |= (unsigned char)(v << half_of(j));
            }
        }
    }
}

/* Reads a model's nodes with weights. */
static void get_nodes(struct net *net, const struct lp_model *m)
{
    for (uint32_t at = 0; at < net->nnets; at++) {
        const unsigned char *p = m->node + LP_NODE_SIZE * (size_t)at;
        struct weights *to = &net->node[at];
        const unsigned char *from = m->net_weight + LP_NET_NODE * (size_t)at;
        const struct lp_tree_node *node = &net->tree->node[at];
        const float step = (float)p[LP_NODE_AT_SCALE] / LP_NET_WEIGHT_UNIT;
        float value[CHILDREN];
        for (uint32_t k = 0; k < node->n; k++)
            value[k] = -(float)p[LP_NODE_AT_COST + k] / 8;
        unite(node, value, to->bias);
        for (uint32_t i = 0; i + 1 < node->n; i++)
            to->sum[i] = ADAPTED_SUM;
        for (uint32_t j = 0; j < SIZE; j++) {
            float of[CHILDREN];
            for (uint32_t k = 0; k < node->n; k++)
                value[k] =
                    step * (float)((from[place_of(k, j)] >> half_of(j) & 15) - LP_NET_WEIGHT_ZERO);
            unite(node, value, of);
            for (uint32_t i = 0; i + 1 < node->n; i++)
                to->weight[i][j] = of[i];
        }
    }
}

/* --- The whole --------------------------------------------------------------------------- */

static void free_net(struct net *net)
{
    for (int k = 0; k < PLACES; k++) {
        free(net->row[k]);
        free(net->row_sum[k]);
    }
    free(net->node);
}

enum lp_status lp_net_new(const struct lp_trainer *t, const struct lp_tree *tree,
                          const struct lp_docs *docs, uint32_t nodes, unsigned char *node,
                          struct lp_net_tables *out)
{
    struct net net = {.tree = tree, .nnets = nodes < tree->nnodes ? nodes : tree->nnodes};
    enum lp_status status = make_room(&net);
    if (status == LP_OK)
        status = descend(t, &net, docs);
    *out = (struct lp_net_tables){.nrows = tree->nrows, .nnets = net.nnets};
    if (status == LP_OK) {
        out->row = calloc(tree->nrows, (size_t)PLACES * LP_NET_ROW);
        out->weight = calloc(net.nnets + 1, LP_NET_NODE);
        if (out->row == NULL || out->weight == NULL)
            status = LP_NOMEM;
    }
    if (status == LP_OK) {
        put_rows(&net, out->row, out->scale);
        put_nodes(&net, node, out->weight);
    }
    free_net(&net);
    return status;
}

enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight)
{
    const struct lp_model *m = t->base;
    if (m->nnets == 0)
        return LP_OK;
    struct net net = {.tree = tree, .nnets = m->nnets, .rows_stay = true};
    enum lp_status status = make_room(&net);
    if (status == LP_OK) {
        get_rows(&net, m);
        get_nodes(&net, m);
        status = descend(t, &net, docs);
    }
    if (status == LP_OK)
        put_nodes(&net, node, weight);
    free_net(&net);
    return status;
}
