/* net.c - trains a model's network (model_net.h) on docs.
 *
 * Stochastic gradient descent on the choices of each token's path down the tree, with AdaGrad: each
 * row and each child has a learning rate that falls as it learns (Duchi, Hazan, Singer, 2011). The
 * weights of the state move by Adam (Kingma, Ba, 2015), by gradients that are propagated back
 * through a chunk of a doc. Runs of tokens that many docs share count less: the n-gram lists know
 * them, and the network is there for what no list has. */
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
    STATE = LP_NET_STATE,
    GATES = LP_NET_GATES,
    VECTORS = LP_NET_VECTORS,
    CHILDREN = LP_NODE_CHILDREN,
    PLACES = LP_NET_PLACES,
    CHUNK = 256, /* tokens through which gradients are propagated back */
    RUN = 6,     /* tokens; a run that occurs again is not new */
    LANES = 8,   /* parallel sums, for the compiler to vectorise */
};

/* Of rows and nodes; relative to that, of what rows have for gates; of the state's weights. */
static const float RATE = 0.1F, GATE_RATE = 2, RECURRENT_RATE = 0.02F;
static const float STATE_SCALE = 4; /* of the state in the input vector: LP_NET_TO_INPUT */
/* The AdaGrad sum that an adapted node begins with: as if it had learnt for a while, since a model
 * knows more than a few docs show. */
static const float ADAPTED_SUM = 20;

typedef float vector[SIZE];  /* of a row for a place */
typedef float inputs[STATE]; /* the input vector of an upper node; that of others is its begin */
typedef float gates[GATES][STATE];

/* The weights of a node. Its children are split in two, again and again, by divisions; each
 * division has a vector, half of which counts for its right side and half against its left. So
 * similar children learn from each other. */
struct weights {
    inputs weight[CHILDREN - 1];
    float bias[CHILDREN - 1], sum[CHILDREN - 1]; /* sums of squared gradients */
};

/* The weights and biases of the state, in the order of the section. */
struct recurrent {
    gates bias;
    float weight[GATES][VECTORS][STATE];
};

enum { RECURRENT_SIZE = sizeof(struct recurrent) / sizeof(float) };

/* A step of the state, to propagate gradients back through. */
struct step {
    uint32_t row;
    inputs before;
    gates value, slope; /* of the gate and the candidate, by their sums */
};

/* What a chunk's tokens have. */
struct chunk {
    struct step step[CHUNK];
    inputs gradient[CHUNK]; /* of the input vectors */
};

struct lp_trained_net {
    const struct lp_tree *tree;
    uint32_t nnets, nupper; /* the number of nodes with weights, the tree's first ones; of upper */
    struct weights *node;
    vector *row[PLACES];
    float *row_sum[PLACES];
    inputs *gate_row[GATES]; /* what rows have for gates, */
    float *gate_sum;         /* which share a rate */
    struct recurrent recurrent;
    struct recurrent gradient, mean, square; /* of these: Adam's averages */
    unsigned steps;                          /* of Adam */
    struct chunk *chunk;
    bool rows_stay; /* only weights of nodes are trained */
    uint32_t seed;
};

/* Vectors of the compiler's: in loops over arrays it leaves the sums in memory. */
typedef float lanes __attribute__((vector_size(4 * LANES)));

static inline float dot(const float *a, const float *b, int n)
{
    lanes sum = {0}, x, y;
    for (int i = 0; i < n; i += LANES) {
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        sum += x * y;
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* to += factor * from */
static inline void add(float *to, float factor, const float *from, int n)
{
    const lanes f = {factor, factor, factor, factor, factor, factor, factor, factor};
    lanes x, y;
    for (int i = 0; i < n; i += LANES) {
        memcpy(&x, to + i, sizeof x);
        memcpy(&y, from + i, sizeof y);
        x += f * y;
        memcpy(to + i, &x, sizeof x);
    }
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

/* --- The state --------------------------------------------------------------------------- */

/* lp_net_candidate() and its slope: a parabola on each side of 0. */
static inline float candidate_of(float x, float *slope)
{
    x = x > 2 ? 2 : x < -2 ? -2 : x;
    *slope = 1 - fabsf(x) / 2;
    return x * (1 - fabsf(x) / 4);
}

/* lp_net_gate() and its slope. */
static inline float gate_of(float x, float *slope)
{
    const float y = candidate_of(x / 2, slope);
    *slope /= 4;
    return (1 + y) / 2;
}

/* Updates the state with a row. */
WIDE static void step_forward(const struct lp_trained_net *net, uint32_t row, float *state,
                              struct step *step)
{
    gates sum;
    step->row = row;
    memcpy(step->before, state, sizeof step->before);
    for (int g = 0; g < GATES; g++) {
        for (int i = 0; i < STATE; i++)
            sum[g][i] = net->recurrent.bias[g][i] + net->gate_row[g][row][i];
        for (int v = 0; v < VECTORS; v++) {
            for (int k = 0; k < VECTORS; k++) {
                const float *weight = &net->recurrent.weight[g][v][k * LP_LANES];
                for (int i = 0; i < LP_LANES; i++)
                    sum[g][v * LP_LANES + i] += weight[i] * step->before[k * LP_LANES + i];
            }
        }
    }
    for (int i = 0; i < STATE; i++) {
        step->value[0][i] = gate_of(sum[0][i], &step->slope[0][i]);
        step->value[1][i] = candidate_of(sum[1][i], &step->slope[1][i]);
        state[i] += step->value[0][i] * (step->value[1][i] - state[i]);
    }
}

/* Moves the row of a step along its gradient; from that of the state after the step, in place,
 * computes that of the state before it. */
WIDE static void step_back(struct lp_trained_net *net, const struct step *step, float *gradient,
                           float rate)
{
    gates of; /* gradients of the sums */
    for (int i = 0; i < STATE; i++) {
        const float gate = step->value[0][i], change = step->value[1][i] - step->before[i];
        of[0][i] = gradient[i] * change * step->slope[0][i];
        of[1][i] = gradient[i] * gate * step->slope[1][i];
        gradient[i] *= 1 - gate;
    }
    for (int g = 0; g < GATES; g++) {
        for (int i = 0; i < STATE; i++)
            net->gradient.bias[g][i] += of[g][i];
        for (int v = 0; v < VECTORS; v++) {
            const float *here = &of[g][v * LP_LANES];
            for (int k = 0; k < VECTORS; k++) {
                const float *weight = &net->recurrent.weight[g][v][k * LP_LANES];
                float *to = &net->gradient.weight[g][v][k * LP_LANES];
                for (int i = 0; i < LP_LANES; i++) {
                    gradient[k * LP_LANES + i] += weight[i] * here[i];
                    to[i] += step->before[k * LP_LANES + i] * here[i];
                }
            }
        }
    }
    float *sum = &net->gate_sum[step->row];
    *sum += dot(&of[0][0], &of[0][0], GATES * STATE) / (GATES * STATE);
    for (int g = 0; g < GATES; g++)
        add(net->gate_row[g][step->row], GATE_RATE * rate / sqrtf(*sum + 1e-6F), of[g], STATE);
}

/* Moves the state's weights along their gradient. */
WIDE static void move_recurrent(struct lp_trained_net *net, float rate)
{
    const float MEAN = 0.9F, SQUARE = 0.999F; /* as Adam's authors have them */
    float *weight = &net->recurrent.bias[0][0], *gradient = &net->gradient.bias[0][0];
    float *mean = &net->mean.bias[0][0], *square = &net->square.bias[0][0];
    net->steps++;
    const float whole = 1 - powf(MEAN, (float)net->steps);
    const float squares = 1 - powf(SQUARE, (float)net->steps);
    for (int i = 0; i < RECURRENT_SIZE; i++) {
        mean[i] += (1 - MEAN) * (gradient[i] - mean[i]);
        square[i] += (1 - SQUARE) * (gradient[i] * gradient[i] - square[i]);
        weight[i] += rate * (mean[i] / whole) / (sqrtf(square[i] / squares) + 1e-6F);
        gradient[i] = 0;
    }
}

/* Propagates the gradients of a chunk of n tokens back. */
static void learn_state(struct lp_trained_net *net, size_t n, float rate)
{
    inputs gradient = {0};
    for (size_t i = n; i-- > 0;) {
        add(gradient, STATE_SCALE, net->chunk->gradient[i], STATE);
        step_back(net, &net->chunk->step[i], gradient, rate);
    }
    move_recurrent(net, RECURRENT_RATE * rate);
}

/* --- Descent ---------------------------------------------------------------------- */

/* The row of the leaf `distance` before position i of a doc. */
static uint32_t row_at(const struct lp_trained_net *net, const struct lp_docs *docs, size_t begin,
                       size_t i, size_t distance)
{
    return net->tree->row[i >= begin + distance ? docs->id[i - distance] : net->tree->nleaves];
}

/* Moves a row of a place along its gradient. */
static void move_row(struct lp_trained_net *net, uint32_t place, uint32_t row,
                     const float *gradient, float rate)
{
    float *sum = &net->row_sum[place][row];
    *sum += dot(gradient, gradient, SIZE) / SIZE;
    add(net->row[place][row], rate / sqrtf(*sum + 1e-6F), gradient, SIZE);
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

/* The number of a node's inputs. */
static inline int width_of(const struct lp_trained_net *net, uint32_t at)
{
    return at < net->nupper ? STATE : SIZE;
}

/* Softmax: the probabilities of the children, given n inputs h. */
LP_INLINE void predict(const struct weights *node, const struct lp_tree_node *here, const float *h,
                       int n, float *p)
{
    float z[CHILDREN] = {0}, most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i + 1 < here->n; i++)
        z[i] = node->bias[i] + dot(h, node->weight[i], n);
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
WIDE static double learn(struct lp_trained_net *net, const float *h, uint32_t leaf, float weight,
                         float rate, float *gradient)
{
    const float SMALL = 1.0F / 1024; /* errors below teach less than they cost */
    const struct lp_tree *tree = net->tree;
    double bits = 0;
    memset(gradient, 0, sizeof(inputs));
    for (uint32_t at = 0;;) {
        const struct lp_tree_node *here = &tree->node[at];
        const uint32_t child = lp_tree_child(here, leaf);
        if (at < net->nnets) {
            struct weights *node = &net->node[at];
            const int n = width_of(net, at);
            float p[CHILDREN] = {0};
            predict(node, here, h, n, p);
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
                add(gradient, e, node->weight[i], n);
                node->sum[i] += e * e;
                const float step = 2 * rate * e / sqrtf(node->sum[i] + 1e-3F);
                add(node->weight[i], step, h, n);
                node->bias[i] += step;
            }
        }
        if (!lp_tree_inner(here, child))
            return bits;
        at = lp_tree_below(here, child);
    }
}

/* The docs of a training. */
struct reader {
    const struct lp_docs *docs;
    const float *novelty;
    uint32_t *order, next;
    float unit; /* docs of this weight or more are read each time, others as often as they weigh */
};

/* When adapting, all docs are of one kind: their weight is relative to the model's own texts. */
static bool open_reader(struct reader *r, const struct lp_docs *docs,
                        const struct lp_trained_net *net)
{
    *r = (struct reader){.docs = docs, .novelty = novelty_of(docs, net->tree->nleaves)};
    r->order = malloc((docs->ndocs + 1) * sizeof *r->order);
    for (uint32_t d = 0; d < docs->ndocs; d++)
        r->unit = docs->weight[d] > r->unit ? docs->weight[d] : r->unit;
    if (r->unit > 1 && !net->rows_stay)
        r->unit = 1;
    r->next = docs->ndocs;
    return r->novelty != NULL && r->order != NULL;
}

static void close_reader(struct reader *r)
{
    free((void *)r->novelty);
    free(r->order);
}

static size_t doc_begin(const struct reader *r, uint32_t d)
{
    return d > 0 ? r->docs->end[d - 1] : 0;
}

/* The chance of a doc to be read each time; beyond 1, how much it counts. */
static float chance_of(const struct reader *r, uint32_t d)
{
    return r->docs->weight[d] / r->unit;
}

/* How many tokens to learn in some rounds. A new network learns little text by heart, but gains
 * from more rounds where there is more: 2.5 times as many for the models that ship. Of even more,
 * each doc has fewer rounds, but one at least. */
static double tokens_of(const struct reader *r, const struct lp_trained_net *net, double rounds)
{
    const double SOME = 8e6, MOST = net->rows_stay ? SOME : 2.5 * SOME; /* tokens */
    double size = 0;
    for (uint32_t d = 0; d < r->docs->ndocs; d++) {
        const double chance = (double)chance_of(r, d);
        size += (double)(r->docs->end[d] - doc_begin(r, d)) * (chance < 1 ? chance : 1);
    }
    const double many = fmin(size, MOST);
    return fmax(rounds * many * fmax(many / SOME, 1), size);
}

/* The next doc, in random order; some doc is not empty. */
static uint32_t next_doc(struct reader *r, uint32_t *seed)
{
    for (;;) {
        if (r->next >= r->docs->ndocs) {
            for (uint32_t d = 0; d < r->docs->ndocs; d++) {
                const uint32_t at = lp_train_draw(seed) % (d + 1);
                r->order[d] = r->order[at];
                r->order[at] = d;
            }
            r->next = 0;
        }
        const uint32_t d = r->order[r->next++];
        if (r->docs->end[d] > doc_begin(r, d) &&
            (float)lp_train_draw(seed) < chance_of(r, d) * (1 << 24))
            return d;
    }
}

/* Learns the tokens of a chunk of a doc; state is that before them, then that after them. Returns
 * their cost in bits. */
static double learn_chunk(struct lp_trained_net *net, const struct reader *r, uint32_t d,
                          size_t from, size_t to, float *state, float rate)
{
    const struct lp_docs *docs = r->docs;
    const size_t begin = doc_begin(r, d);
    const float weight = chance_of(r, d) > 1 ? chance_of(r, d) : 1;
    double bits = 0;
    for (size_t i = from; i < to; i++) {
        inputs h;
        step_forward(net, row_at(net, docs, begin, i, 1), state, &net->chunk->step[i - from]);
        for (int k = 0; k < STATE; k++)
            h[k] = STATE_SCALE * state[k];
        for (uint32_t k = 0; k < PLACES; k++)
            add(h, 1, net->row[k][row_at(net, docs, begin, i, k + 1)], SIZE);
        float *g = net->chunk->gradient[i - from];
        bits += learn(net, h, docs->id[i], weight * r->novelty[i], rate, g);
        for (uint32_t k = 0; k < PLACES && !net->rows_stay; k++)
            move_row(net, k, row_at(net, docs, begin, i, k + 1), g, rate);
    }
    if (!net->rows_stay)
        learn_state(net, to - from, rate);
    return bits;
}

enum lp_status lp_net_learn(const struct lp_trainer *t, struct lp_trained_net *net,
                            const struct lp_docs *docs, double rounds, float rate)
{
    enum { REPORT = 4 << 20 /* tokens */ };
    struct reader r;
    const bool good = open_reader(&r, docs, net);
    const double all = good && docs->n > 0 ? tokens_of(&r, net, rounds) : 0;
    double bits = 0;
    size_t done = 0, told = 0;
    while ((double)done < all) {
        const uint32_t d = next_doc(&r, &net->seed);
        inputs state = {0};
        for (size_t i = doc_begin(&r, d), to; i < docs->end[d]; i = to) {
            const float part = (float)((double)done / all);
            to = docs->end[d] - i > CHUNK ? i + CHUNK : docs->end[d];
            bits += learn_chunk(net, &r, d, i, to, state,
                                rate * RATE * (part < 1 ? 1 - 0.9F * part : 0.1F));
            done += to - i;
        }
        if (done - told < REPORT && (double)done < all)
            continue;
        lp_train_tell(t, "network, %.0f%% learnt: %.3f bits a token", 100 * (double)done / all,
                      bits / (double)(done - told));
        told = done;
        bits = 0;
    }
    close_reader(&r);
    return good ? LP_OK : LP_NOMEM;
}

static void begin_at_random(float *v, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++)
        v[i] = ((float)lp_train_draw(seed) / (1 << 24) - 0.5F) * 0.2F;
}

static enum lp_status make_room(struct lp_trained_net *net)
{
    const float FIRST_GATE = -1; /* mostly shut: a state that changes too fast learns little */
    for (int k = 0; k < PLACES; k++) {
        net->row[k] = malloc(net->tree->nrows * sizeof(vector));
        net->row_sum[k] = calloc(net->tree->nrows, sizeof(float));
        if (net->row[k] == NULL || net->row_sum[k] == NULL)
            return LP_NOMEM;
        begin_at_random(&net->row[k][0][0], (size_t)net->tree->nrows * SIZE, &net->seed);
    }
    bool good = true;
    for (int g = 0; g < GATES; g++)
        good = (net->gate_row[g] = malloc(net->tree->nrows * sizeof(inputs))) != NULL && good;
    net->gate_sum = calloc(net->tree->nrows, sizeof(float));
    net->node = calloc(net->nnets + 1, sizeof *net->node);
    net->chunk = malloc(sizeof *net->chunk);
    if (!good || net->gate_sum == NULL || net->node == NULL || net->chunk == NULL)
        return LP_NOMEM;
    for (uint32_t i = 0; i < net->tree->nrows; i++) {
        for (int g = 0; g < GATES; g++)
            begin_at_random(net->gate_row[g][i], STATE, &net->seed);
    }
    begin_at_random(&net->recurrent.weight[0][0][0], sizeof net->recurrent.weight / sizeof(float),
                    &net->seed);
    for (int i = 0; i < STATE; i++)
        net->recurrent.bias[0][i] = FIRST_GATE;
    for (uint32_t at = 0; at < net->nnets; at++) {
        for (uint32_t i = 0; i < CHILDREN - 1; i++)
            begin_at_random(net->node[at].weight[i], SIZE, &net->seed);
    }
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

/* Writes 32 values of a row, in 1/unit times a scale. */
static void put_values(const float *v, float unit, unsigned char *to)
{
    for (int j = 0; j < SIZE; j++) {
        const int32_t value = rounded(v[j] * unit, LP_NET_ROW_MAX);
        to[j % LP_NET_GROUP] |= (unsigned char)((value + 8) << (j < LP_NET_GROUP ? 0 : 4));
    }
}

static void get_values(const unsigned char *from, float unit, float *v)
{
    for (int j = 0; j < SIZE; j++) {
        const int value = (from[j % LP_NET_GROUP] >> (j < LP_NET_GROUP ? 0 : 4) & 15) - 8;
        v[j] = (float)value / unit;
    }
}

static const float ROW_UNIT = LP_NET_UNIT, GATE_UNIT = LP_NET_GATE_UNIT / LP_NET_GATE_STEP;

/* Where a row has 32 values of a gate. */
static size_t gate_at(uint32_t gate, uint32_t i)
{
    return LP_NET_GROUP * (size_t)(PLACES + (gate * STATE + i) / SIZE);
}

static void put_rows(const struct lp_trained_net *net, unsigned char *to, unsigned char *scale)
{
    const uint32_t nrows = net->tree->nrows;
    for (uint32_t k = 0; k < PLACES; k++)
        scale[k] = (unsigned char)scale_of(&net->row[k][0][0], (size_t)nrows * SIZE, ROW_UNIT);
    for (uint32_t g = 0; g < GATES; g++)
        scale[PLACES + g] =
            (unsigned char)scale_of(&net->gate_row[g][0][0], (size_t)nrows * STATE, GATE_UNIT);
    for (uint32_t i = 0; i < nrows; i++, to += LP_NET_ROW) {
        for (uint32_t k = 0; k < PLACES; k++)
            put_values(net->row[k][i], ROW_UNIT / (float)scale[k], to + (size_t)LP_NET_GROUP * k);
        for (uint32_t g = 0; g < GATES; g++) {
            for (uint32_t j = 0; j < STATE; j += SIZE)
                put_values(&net->gate_row[g][i][j], GATE_UNIT / (float)scale[PLACES + g],
                           to + gate_at(g, j));
        }
    }
}

static void get_rows(struct lp_trained_net *net, const struct lp_model *m)
{
    const unsigned char *p = m->net_row, *scale = m->net_scale;
    for (uint32_t i = 0; i < net->tree->nrows; i++, p += LP_NET_ROW) {
        for (uint32_t k = 0; k < PLACES; k++)
            get_values(p + (size_t)LP_NET_GROUP * k, ROW_UNIT / (float)scale[k], net->row[k][i]);
        for (uint32_t g = 0; g < GATES; g++) {
            for (uint32_t j = 0; j < STATE; j += SIZE)
                get_values(p + gate_at(g, j), GATE_UNIT / (float)scale[PLACES + g],
                           &net->gate_row[g][i][j]);
        }
    }
}

static const float BIAS_UNIT = LP_NET_RECURRENT_UNIT * LP_NET_STATE_ZERO;

/* Where the weight of a state's value in vector k is stored, for that in vector v of its lane. */
static int weight_at(int gate, int v, int k, int lane)
{
    return ((gate * VECTORS + v) * VECTORS / 2 + k / 2) * 2 * LP_LANES + 2 * lane + k % 2;
}

/* Writes the state's weights, and their biases, less what the weights count for states of 0. */
static void put_recurrent(const struct lp_trained_net *net, unsigned char *to)
{
    unsigned char *weight = to + LP_NET_BIASES;
    for (int i = 0; i < GATES * STATE; i++) {
        const int gate = i / STATE, v = i % STATE / LP_LANES, lane = i % LP_LANES;
        int32_t sum = 0;
        for (int k = 0; k < VECTORS; k++) {
            const float w = net->recurrent.weight[gate][v][k * LP_LANES + lane];
            const int32_t value = rounded(w * LP_NET_RECURRENT_UNIT, INT8_MAX);
            weight[weight_at(gate, v, k, lane)] = (unsigned char)value;
            sum += value;
        }
        const float bias = net->recurrent.bias[gate][i % STATE] * BIAS_UNIT;
        lp_put16(to + 2 * (size_t)i,
                 (uint16_t)(rounded(bias, INT16_MAX / 2) - LP_NET_STATE_ZERO * sum));
    }
}

static void get_recurrent(struct lp_trained_net *net, const struct lp_model *m)
{
    const unsigned char *weight = m->net_state + LP_NET_BIASES;
    for (int i = 0; i < GATES * STATE; i++) {
        const int gate = i / STATE, v = i % STATE / LP_LANES, lane = i % LP_LANES;
        int32_t sum = 0;
        for (int k = 0; k < VECTORS; k++) {
            const int8_t value = (int8_t)weight[weight_at(gate, v, k, lane)];
            net->recurrent.weight[gate][v][k * LP_LANES + lane] =
                (float)value / LP_NET_RECURRENT_UNIT;
            sum += value;
        }
        const uint32_t bias = lp_get16(m->net_state + 2 * (size_t)i);
        net->recurrent.bias[gate][i % STATE] =
            (float)(int16_t)(bias + LP_NET_STATE_ZERO * (uint32_t)sum) / BIAS_UNIT;
    }
}

/* Where a child's weight for an input is stored: its byte, and the nibble in it. */
static size_t place_of(uint32_t child, uint32_t input)
{
    const uint32_t j = input % (SIZE / 2);
    return LP_NET_NODE * (size_t)(input / SIZE) + (size_t)CHILDREN * (j / 4 * 4) +
           4 * (size_t)child + j % 4;
}

static unsigned half_of(uint32_t input)
{
    return input % SIZE < SIZE / 2 ? 0 : 4;
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

/* Writes the costs of a node's children, which are the biases. */
static void put_costs(const struct weights *from, const struct lp_tree_node *node,
                      unsigned char *to)
{
    float bias[CHILDREN], most = -INFINITY;
    spread(node, from->bias, bias);
    for (uint32_t k = 0; k < node->n; k++)
        most = bias[k] > most ? bias[k] : most;
    for (uint32_t k = 0; k < node->n; k++)
        to[k] = (unsigned char)lp_node_cost(exp((double)(bias[k] - most)));
}

/* Writes the weights of nodes, one after the other, and costs and scales to the nodes. */
static void put_nodes(const struct lp_trained_net *net, unsigned char *node, unsigned char *to)
{
    for (uint32_t at = 0; at < net->nnets; at++) {
        const struct weights *from = &net->node[at];
        const struct lp_tree_node *here = &net->tree->node[at];
        const uint32_t width = (uint32_t)width_of(net, at);
        const size_t size = (size_t)CHILDREN * width / 2;
        unsigned char *p = node + LP_NODE_SIZE * (size_t)at;
        float value[STATE][CHILDREN] = {0};
        put_costs(from, here, p + LP_NODE_AT_COST);
        for (uint32_t j = 0; j < width; j++) {
            float of[CHILDREN] = {0};
            for (uint32_t i = 0; i + 1 < here->n; i++)
                of[i] = from->weight[i][j];
            spread(here, of, value[j]);
        }
        const uint32_t scale = best_scale(&value[0][0], (size_t)width * CHILDREN);
        p[LP_NODE_AT_SCALE] = (unsigned char)scale;
        memset(to, 0, size);
        for (uint32_t j = 0; j < width; j++) {
            for (uint32_t k = 0; k < CHILDREN; k++) {
                const int32_t v = scaled(k < here->n ? value[j][k] : 0, scale) + LP_NET_WEIGHT_ZERO;
                to[place_of(k, j)] |= (unsigned char)(v << half_of(j));
            }
        }
        to += size;
    }
}

/* Reads a model's nodes with weights. */
static void get_nodes(struct lp_trained_net *net, const struct lp_model *m)
{
    for (uint32_t at = 0; at < net->nnets; at++) {
        const unsigned char *p = m->node + LP_NODE_SIZE * (size_t)at;
        struct weights *to = &net->node[at];
        const unsigned char *from = lp_net_weights(m, at);
        const struct lp_tree_node *node = &net->tree->node[at];
        const float step = (float)p[LP_NODE_AT_SCALE] / LP_NET_WEIGHT_UNIT;
        float value[CHILDREN];
        for (uint32_t k = 0; k < node->n; k++)
            value[k] = -(float)p[LP_NODE_AT_COST + k] / 8;
        unite(node, value, to->bias);
        for (uint32_t i = 0; i + 1 < node->n; i++)
            to->sum[i] = ADAPTED_SUM;
        for (uint32_t j = 0; j < (uint32_t)width_of(net, at); j++) {
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

struct lp_trained_net *lp_net_new(const struct lp_tree *tree, uint32_t nodes, uint32_t upper)
{
    struct lp_trained_net *net = calloc(1, sizeof *net);
    if (net == NULL)
        return NULL;
    net->tree = tree;
    net->nnets = nodes < tree->nnodes ? nodes : tree->nnodes;
    net->nupper = upper < net->nnets ? upper : net->nnets;
    net->seed = 1;
    if (make_room(net) == LP_OK)
        return net;
    lp_net_free(net);
    return NULL;
}

void lp_net_free(struct lp_trained_net *net)
{
    for (int k = 0; net != NULL && k < PLACES; k++) {
        free(net->row[k]);
        free(net->row_sum[k]);
    }
    if (net != NULL) {
        for (int g = 0; g < GATES; g++)
            free(net->gate_row[g]);
        free(net->gate_sum);
        free(net->node);
        free(net->chunk);
    }
    free(net);
}

enum lp_status lp_net_put(const struct lp_trained_net *net, unsigned char *node,
                          struct lp_net_tables *out)
{
    *out = (struct lp_net_tables){
        .nrows = net->tree->nrows,
        .nupper = net->nupper,
        .nweight =
            LP_NET_UPPER * (size_t)net->nupper + LP_NET_NODE * (size_t)(net->nnets - net->nupper),
        .row = calloc(net->tree->nrows, LP_NET_ROW),
        .state = calloc(1, LP_NET_STATE_SIZE),
    };
    out->weight = malloc(out->nweight + 1);
    if (out->row == NULL || out->state == NULL || out->weight == NULL)
        return LP_NOMEM;
    put_recurrent(net, out->state);
    put_nodes(net, node, out->weight);
    put_rows(net, out->row, out->scale);
    return LP_OK;
}

enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight)
{
    const double ROUNDS = 4;
    const struct lp_model *m = t->base;
    if (m->nnets == 0)
        return LP_OK;
    struct lp_trained_net *net = lp_net_new(tree, m->nnets, m->nupper);
    if (net == NULL)
        return LP_NOMEM;
    net->rows_stay = true;
    get_rows(net, m);
    get_recurrent(net, m);
    get_nodes(net, m);
    const enum lp_status status = lp_net_learn(t, net, docs, ROUNDS, 1);
    if (status == LP_OK)
        put_nodes(net, node, weight);
    lp_net_free(net);
    return status;
}
