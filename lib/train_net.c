/* train_net.c - trains a model's network (net.h) on docs.
 *
 * Stochastic gradient descent on the decisions of each token's way down the tree,
 * with a rate of its own for each row and node that falls with what it has learnt
 * (AdaGrad: Duchi, Hazan, Singer, 2011). Runs of tokens that many docs share count
 * less: lists of successors know those already, and the network is there for what
 * no list has. */
#include "train_parts.h"

#include "net.h"

#include <math.h>
#include <stdlib.h>

enum {
    SIZE = LP_NET_SIZE,
    PLACES = LP_NET_PLACES,
    CHUNK = 256, /* tokens that learn the faded sum's rows at once */
    RUN = 6,     /* tokens; what is met again with so many is an old run */
    EPOCHS = 2,
    LANES = 8, /* sums side by side, for the compiler to vectorise */
};

static const float RATE = 0.1F, FADED_RATE = 0.25F; /* of the faded sum */
static const float ADAPTED_SUM = 20;
static const float FADE = 1 - 1.0F / (1 << LP_NET_FADE);

typedef float vector[SIZE];

struct net {
    const struct lp_tree *tree;
    uint32_t nnodes;
    int32_t *vector_of; /* of a node of the tree, -1 none */
    vector *row[PLACES], *weight;
    bool rows_stay;                             /* only nodes learn */
    float *bias, *row_sum[PLACES], *weight_sum; /* squares of gradients, summed */
};

static float dot(const float *a, const float *b)
{
    float sum[LANES] = {0};
    for (int i = 0; i < SIZE; i += LANES) {
        for (int k = 0; k < LANES; k++)
            sum[k] += a[i + k] * b[i + k];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* to += factor * from */
static void add(float *to, float factor, const float *from)
{
    for (int i = 0; i < SIZE; i++)
        to[i] += factor * from[i];
}

/* --- What a token counts ------------------------------------------------------------ */

/* One over the root of how often the run that ends there is met. */
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
                    hash = lp_context(hash, i >= begin + k ? docs->id[i - k] : none);
                uint32_t *met = &count[hash >> (64 - log)];
                if (pass == 0)
                    ++*met;
                else
                    novelty[i] = 1 / sqrtf((float)*met);
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

/* --- Which nodes have vectors ------------------------------------------------------- */

struct interval {
    uint32_t a, b, node;
};

/* The two parts of an interval. */
static struct interval left_of(const struct lp_tree *tree, struct interval at)
{
    return (struct interval){at.a, tree->mid[at.node], at.node + 1};
}

static struct interval right_of(const struct lp_tree *tree, struct interval at)
{
    const uint32_t mid = tree->mid[at.node];
    return (struct interval){mid, at.b, at.node + (mid - at.a)};
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Gives vectors to the nodes most often decided, at most n. A node's are no more
 * than its parent's, so they are a tree too, numbered in preorder. */
static enum lp_status choose_nodes(struct net *net, const struct lp_docs *docs, uint32_t n)
{
    const struct lp_tree *tree = net->tree;
    double *before = calloc((size_t)tree->nleaves + 1, sizeof *before);
    double *mass = calloc(tree->nleaves, sizeof *mass),
           *sorted = calloc(tree->nleaves, sizeof *mass);
    net->vector_of = malloc(tree->nleaves * sizeof *net->vector_of);
    enum lp_status status = LP_NOMEM;
    if (before == NULL || mass == NULL || sorted == NULL || net->vector_of == NULL)
        goto end;
    uint32_t d = 0;
    for (size_t i = 0; i < docs->n; i++) {
        while (i == docs->end[d])
            d++;
        before[docs->id[i] + 1] += (double)docs->weight[d];
    }
    for (uint32_t i = 0; i < tree->nleaves; i++)
        before[i + 1] += before[i];
    struct interval stack[128] = {{0, tree->nleaves, 0}};
    for (uint32_t top = 1; top > 0;) {
        struct interval at = stack[--top];
        if (at.b - at.a < 2)
            continue;
        mass[at.node] = before[at.b] - before[at.a];
        stack[top++] = right_of(tree, at);
        stack[top++] = left_of(tree, at);
    }
    memcpy(sorted, mass, tree->nleaves * sizeof *mass);
    qsort(sorted, tree->nleaves, sizeof *sorted, descending);
    double least = n < tree->nleaves ? sorted[n] : 0;
    net->nnodes = 0;
    for (uint32_t i = 0; i < tree->nleaves; i++)
        net->vector_of[i] = mass[i] > least ? (int32_t)net->nnodes++ : -1;
    status = LP_OK;
end:
    free(before);
    free(mass);
    free(sorted);
    return status;
}

/* --- Descent ---------------------------------------------------------------------- */

/* The row that stands a token's distance back from position i of a doc. */
static uint32_t row_at(const struct net *net, const struct lp_docs *docs, size_t begin, size_t i,
                       size_t distance)
{
    return net->tree->row[i >= begin + distance ? docs->id[i - distance] : net->tree->nleaves];
}

/* Moves a row of a place by its gradient. */
static void move_row(struct net *net, uint32_t place, uint32_t row, const float *gradient,
                     float rate)
{
    float *sum = &net->row_sum[place][row];
    *sum += dot(gradient, gradient) / SIZE;
    add(net->row[place][row], rate / sqrtf(*sum + 1e-6F), gradient);
}

/* Learns one token's way down from the vector h; gradient is that of h. Returns the
 * bits that it cost. */
static double learn(struct net *net, const float *h, uint32_t leaf, float weight, float rate,
                    float *gradient)
{
    const struct lp_tree *tree = net->tree;
    double bits = 0;
    memset(gradient, 0, sizeof(vector));
    for (struct interval at = {0, tree->nleaves, 0}; at.b - at.a > 1;) {
        const int32_t v = net->vector_of[at.node];
        if (v < 0)
            break;
        const uint32_t right = leaf >= tree->mid[at.node];
        float p = 1 / (1 + expf(-(net->bias[v] + dot(h, net->weight[v]))));
        p = p < 1e-5F ? 1e-5F : p > 1 - 1e-5F ? 1 - 1e-5F : p;
        bits -= (double)log2f(right ? p : 1 - p);
        const float error = ((float)right - p) * weight;
        add(gradient, error, net->weight[v]);
        net->weight_sum[v] += error * error;
        const float step = 2 * rate * error / sqrtf(net->weight_sum[v] + 1e-3F);
        add(net->weight[v], step, h);
        net->bias[v] += step;
        at = right ? right_of(tree, at) : left_of(tree, at);
    }
    return bits;
}

/* Learns the tokens of a chunk of a doc; returns the bits they cost. */
static double learn_chunk(struct net *net, const struct lp_docs *docs, const float *novelty,
                          uint32_t d, size_t from, size_t to, float *faded, float rate)
{
    const size_t begin = d > 0 ? docs->end[d - 1] : 0;
    const uint32_t last = PLACES - 1;
    /* Where rows stay, docs are all of a kind: their weight is to what the model knows. */
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
    /* A token is in the faded sums of all after it: their gradients, fading. */
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
    net->weight = malloc((net->nnodes + 1) * sizeof(vector));
    net->weight_sum = calloc(net->nnodes + 1, sizeof(float));
    net->bias = calloc(net->nnodes + 1, sizeof(float));
    if (net->weight == NULL || net->weight_sum == NULL || net->bias == NULL)
        return LP_NOMEM;
    begin_at_random(&net->weight[0][0], (size_t)net->nnodes * SIZE, &seed);
    return LP_OK;
}

/* --- As integers ------------------------------------------------------------------- */

static int32_t rounded(float x, int32_t max)
{
    long v = lroundf(x);
    return v > max ? max : v < -max ? -max : (int32_t)v;
}

/* The least step, in 1/unit, that all but one in 500 values fit. */
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

/* What a place's values are in a sum of units. */
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

/* Writes nodes and their weights; returns how many nodes are below and at this one.
 * Every other weight is as good as each, and packs in a bit less; what is adapted has
 * use of all. */
static uint32_t put_nodes(const struct net *net, struct interval at, unsigned char *node,
                          unsigned char *weight)
{
    const int step = net->rows_stay ? 1 : 2;
    if (at.b - at.a < 2 || net->vector_of[at.node] < 0)
        return 0;
    const uint32_t v = (uint32_t)net->vector_of[at.node];
    for (int j = 0; j < SIZE; j++)
        weight[(size_t)v * SIZE + (size_t)j] =
            (unsigned char)(signed char)(step * rounded(net->weight[v][j] * LP_NET_WEIGHT_UNIT /
                                                            (float)step,
                                                        127 / step));
    uint32_t left = put_nodes(net, left_of(net->tree, at), node, weight);
    uint32_t right = put_nodes(net, right_of(net->tree, at), node, weight);
    lp_put16(node + 4 * (size_t)v, (uint16_t)left);
    lp_put16(node + 4 * (size_t)v + 2, (uint16_t)(int16_t)rounded(net->bias[v] * 256, 4095));
    return left + 1 + right;
}

/* The nodes of a model, with their weights, under one of the tree's. */
static uint32_t get_nodes(struct net *net, const struct lp_model *m, struct interval at, uint32_t v,
                          uint32_t count)
{
    if (at.b - at.a < 2 || count == 0)
        return 0;
    net->vector_of[at.node] = (int32_t)v;
    net->bias[v] = (float)(int16_t)lp_get16(m->net_node + 4 * (size_t)v + 2) / 256;
    for (int j = 0; j < SIZE; j++)
        net->weight[v][j] =
            (float)(signed char)m->net_weight[(size_t)v * SIZE + (size_t)j] / LP_NET_WEIGHT_UNIT;
    uint32_t left = lp_get16(m->net_node + 4 * (size_t)v);
    left = left < count ? left : count - 1;
    get_nodes(net, m, left_of(net->tree, at), v + 1, left);
    get_nodes(net, m, right_of(net->tree, at), v + 1 + left, count - 1 - left);
    return count;
}

/* --- All of it ---------------------------------------------------------------------- */

static void free_net(struct net *net)
{
    for (int k = 0; k < PLACES; k++) {
        free(net->row[k]);
        free(net->row_sum[k]);
    }
    free(net->vector_of);
    free(net->weight);
    free(net->weight_sum);
    free(net->bias);
}

enum lp_status lp_net_new(const struct lp_trainer *t, const struct lp_tree *tree,
                          const struct lp_docs *docs, uint32_t nodes, struct lp_net_tables *out)
{
    struct net net = {.tree = tree};
    enum lp_status status = choose_nodes(&net, docs, nodes);
    if (status == LP_OK)
        status = make_room(&net);
    if (status == LP_OK)
        status = descend(t, &net, docs);
    *out = (struct lp_net_tables){.nrows = tree->nrows, .nnodes = net.nnodes};
    if (status == LP_OK) {
        out->row = calloc(tree->nrows, (size_t)PLACES * LP_NET_ROW);
        out->node = calloc(net.nnodes + 1, 4);
        out->weight = calloc(net.nnodes + 1, SIZE);
        if (out->row == NULL || out->node == NULL || out->weight == NULL)
            status = LP_NOMEM;
    }
    if (status == LP_OK) {
        put_rows(&net, out->row, out->scale);
        put_nodes(&net, (struct interval){0, tree->nleaves, 0}, out->node, out->weight);
    }
    free_net(&net);
    return status;
}

enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight)
{
    const struct lp_model *m = t->base;
    if (m->nnodes == 0)
        return LP_OK;
    struct net net = {.tree = tree, .nnodes = m->nnodes, .rows_stay = true};
    const struct interval root = {0, tree->nleaves, 0};
    net.vector_of = malloc(tree->nleaves * sizeof *net.vector_of);
    enum lp_status status = net.vector_of == NULL ? LP_NOMEM : make_room(&net);
    if (status == LP_OK) {
        for (uint32_t i = 0; i < tree->nleaves; i++)
            net.vector_of[i] = -1;
        /* As if each node had learnt a while: what it knows is worth more than
         * what some docs show. */
        for (uint32_t i = 0; i < net.nnodes; i++)
            net.weight_sum[i] = ADAPTED_SUM;
        get_rows(&net, m);
        get_nodes(&net, m, root, 0, m->nnodes);
        status = descend(t, &net, docs);
    }
    if (status == LP_OK)
        put_nodes(&net, root, node, weight);
    free_net(&net);
    return status;
}
