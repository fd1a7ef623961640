/* tune.c - trains the mixing parameters: an initial guess, then gradient descent on texts that the
 * model was not made from. The texts are encoded as usual, and each choice's error moves the
 * parameters it was mixed from. */
#include "mix/vec.h"
#include "train/parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Gradients --------------------------------------------------------------------------- */

enum { FINER = 10 /* extra bits of precision while training */ };

/* Learning rates: parameters move by their gradient >> rate. Logits and weights of offers, then of
 * children. */
struct rates {
    unsigned offer_logit, offer_weight, logits, weight;
};

struct teacher {
    struct rates rates;
    int32_t fine[LP_MIXING_SIZE];
};

/* Hooks of run.h, which defines these structs. */
struct context;
struct offer;
struct offer_choice;
struct fast_offer;
struct fast_choice;
struct child_choice;
struct distribution_32;
static void teach_offer(struct lp_mix *m, const struct context *x, const struct offer *o,
                        const struct offer_choice *s, lp_vec error);
static void teach_fast(struct lp_mix *m, const struct context *x, const struct fast_offer *q,
                       const struct fast_choice *s, const struct distribution_32 *h, uint32_t lane);
static void teach_child(struct lp_mix *m, const struct child_choice *s, lp_vec error);

#define LP_TEACH_OFFER teach_offer
#define LP_TEACH_FAST  teach_fast
#define LP_TEACH_CHILD teach_child
#include "mix/run.h"

/* Moves a parameter of m->params. */
static void move(struct lp_mix *m, const int16_t *value, int64_t gradient, unsigned rate)
{
    const int64_t max = (int64_t)INT16_MAX << FINER;
    struct teacher *t = m->teacher;
    int16_t *params = (int16_t *)&m->params;
    const ptrdiff_t i = value - params;
    const int64_t x = t->fine[i] + gradient / ((int64_t)1 << rate);
    t->fine[i] = (int32_t)(x > max ? max : x < -max ? -max : x);
    params[i] = (int16_t)(t->fine[i] / (1 << FINER));
}

/* Frequencies are rounded down, so the n errors of a choice do not sum to 0. Corrects the largest;
 * otherwise the common part of all logits would drift. */
static void balance(int16_t *error, uint32_t n)
{
    int32_t sum = 0;
    uint32_t most = 0;
    for (uint32_t k = 0; k < n; k++) {
        sum += error[k];
        most = error[k] > error[most] ? k : most;
    }
    error[most] = (int16_t)(error[most] - sum);
}

/* Moves the weight of an input of n values, in both of its sets. */
static void move_weight(struct lp_mix *m, const int16_t *a, const int16_t *b, const int16_t *value,
                        const int16_t *error, uint32_t n, unsigned rate)
{
    int64_t gradient = 0;
    for (uint32_t k = 0; k < n; k++)
        gradient += error[k] * value[k];
    move(m, a, gradient, rate);
    move(m, b, gradient, rate);
}

/* Moves the weights of n inputs. */
static void move_weights(struct lp_mix *m, const int16_t *a, const int16_t *b, const lp_vec *logits,
                         uint32_t n, const int16_t *error, unsigned rate)
{
    for (uint32_t i = 0; i < n; i++) {
        int16_t value[LP_LANES];
        lp_vec_store(value, logits[i]);
        move_weight(m, &a[i], &b[i], value, error, LP_LANES, rate);
    }
}

static void teach_offer(struct lp_mix *m, const struct context *x, const struct offer *o,
                        const struct offer_choice *s, lp_vec error)
{
    const struct rates *rates = &((struct teacher *)m->teacher)->rates;
    int16_t e[LP_LANES];
    lp_vec_store(e, error);
    balance(e, LP_LANES);
    for (uint32_t i = 0; i < LP_SOURCES; i++) {
        for (uint32_t k = 0; k <= o->n; k++)
            move(m, &s->logits_of[i][o->class[i][k]], (int64_t)e[k] * s->weight.sum[i],
                 rates->offer_logit);
    }
    for (uint32_t k = 1; k <= o->n; k++)
        move(m, &m->params.backing[s->backing[k]], (int64_t)e[k] * ESCAPE_WEIGHT,
             rates->offer_logit);
    if (o->match != ESCAPE_LANE)
        move(m, &m->params.match[x->match_length],
             (int64_t)e[o->match] * s->weight.sum[LP_IN_MATCH], rates->offer_logit);
    move(m, &m->params.escape[o->state], (int64_t)e[ESCAPE_LANE] * ESCAPE_WEIGHT,
         rates->offer_logit);
    move_weights(m, s->weight.a, s->weight.b, s->logits, LP_IN_MATCH + 1, e, rates->offer_weight);
}

static void teach_fast(struct lp_mix *m, const struct context *x, const struct fast_offer *q,
                       const struct fast_choice *s, const struct distribution_32 *h, uint32_t lane)
{
    const struct rates *rates = &((struct teacher *)m->teacher)->rates;
    int16_t e[2 * LP_LANES], logits[3][2 * LP_LANES];
    lp_vec_store(e, h->freq[0]);
    lp_vec_store(e + LP_LANES, h->freq[1]);
    for (uint32_t k = 0; k < 2 * LP_LANES; k++)
        e[k] = (int16_t)((k == lane) * ERROR_ONE - e[k] * ERROR_ONE / (int32_t)h->total);
    balance(e, 2 * LP_LANES);
    for (int i = 0; i < 2; i++) {
        lp_vec_store(logits[0] + LP_LANES * i, s->follow_logits[i]);
        lp_vec_store(logits[1] + LP_LANES * i, s->list_logits[i]);
        lp_vec_store(logits[2] + LP_LANES * i, s->match_logit[i]);
    }
    for (uint32_t k = 0; k < 2 * LP_LANES; k++) {
        const int place = k >= LP_LANES   ? (int)k - LP_LANES
                          : q->follows[k] ? q->place[k]
                                          : LP_FOLLOW_MAX;
        move(m, &s->follow[x->follow_class[place]], (int64_t)e[k] * s->weight.sum[0],
             rates->offer_logit);
        move(m, &s->list[k < LP_LANES ? q->class[k] : 0], (int64_t)e[k] * s->weight.sum[1],
             rates->offer_logit);
    }
    if (q->match != q->escape)
        move(m, &m->params.match[x->match_length],
             (int64_t)e[q->match] * s->weight.sum[LP_IN_MATCH], rates->offer_logit);
    move(m, &m->params.escape[q->state], (int64_t)e[q->escape] * ESCAPE_WEIGHT, rates->offer_logit);
    for (int i = 0; i < 3; i++) {
        const int input = i < 2 ? i : LP_IN_MATCH;
        move_weight(m, &s->weight.a[input], &s->weight.b[input], logits[i], e, 2 * LP_LANES,
                    rates->offer_weight);
    }
}

static void teach_child(struct lp_mix *m, const struct child_choice *s, lp_vec error)
{
    const struct rates *rates = &((struct teacher *)m->teacher)->rates;
    int16_t e[LP_LANES], class[LP_LANES];
    lp_vec_store(e, error);
    lp_vec_store(class, s->class);
    balance(e, LP_LANES);
    for (uint32_t k = 0; s->follow != NULL && k < LP_LANES; k++)
        move(m, &s->follow[class[k]], (int64_t)e[k] * s->weight[LP_IN_FOLLOW], rates->logits);
    for (uint32_t i = 0; i < CHILD_SETS; i += 2)
        move_weights(m, s->set[i], s->set[i + 1], s->logits, LP_INPUTS, e, rates->weight);
}

static enum lp_status run_taught(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                 size_t n, bool decode)
{
    (void)decode;
    return run(m, c, ids, n, false, m->fast);
}

/* --- Initial guess ----------------------------------------------------------------------- */

/* A logit, in a parameter's units. */
static int16_t logits(double x)
{
    return (int16_t)lround(x * 2048);
}

void lp_tune_guess(struct lp_mixing params[LP_MODES])
{
    struct lp_mixing *a = &params[0];
    for (int r = 0; r < LP_LEVELS; r++) {
        for (int l = 0; l < LP_LEVELS; l++) {
            for (int i = 0; i < LP_SOURCES; i++)
                a->offer[i][l][r] = logits(r == 0 ? -0.5 : 0.4 * r - 0.2 * l);
        }
    }
    for (int l = 0; l < LP_LEVELS; l++) {
        for (int r = 0; r < LP_LEVELS; r++)
            a->follow[l][r] = logits(0.3 * r);
    }
    /* Roughly what tuning arrives at; some sets of records are too few or too similar to get there.
     */
    for (int i = 0; i < LP_MATCH_LENGTHS; i++)
        a->match[i] = logits(2);
    for (int i = 0; i < LP_STATES; i++) {
        a->escape[i] = logits(2);
        for (int k = 0; k <= LP_IN_MATCH; k++)
            a->offer_a[i][k] = 8192;
    }
    for (int i = 0; i < 2 * LP_VISIT_LEVELS; i++) {
        a->child_a[i][LP_IN_MODEL] = 5000;
        a->child_a[i][LP_IN_NODE] = 11500;
        a->child_a[i][LP_IN_FOLLOW] = 5000;
        a->child_a[i][LP_IN_CONTEXT] = 6000;
    }
    params[1] = params[0];
}

void lp_tune_put(const struct lp_mixing params[LP_MODES], unsigned char *to)
{
    for (size_t i = 0; i < LP_MODES * LP_MIXING_SIZE; i++)
        lp_put16(to + 2 * i, (uint16_t)((const int16_t *)params)[i]);
}

/* --- Tuning ------------------------------------------------------------------------------ */

/* Tunes one mode: passes over docs in random order, at falling rates. The result is the mean over
 * the last pass, so that no doc is preferred. */
static enum lp_status tune_mode(const struct lp_trainer *t, const struct lp_buf *image,
                                const struct lp_docs *docs, bool fast, struct lp_mixing *params)
{
    static const struct rates rates[] = {
        {8, 5, 10, 8},   {9, 6, 11, 9},   {10, 7, 12, 10}, {11, 8, 13, 11}, {12, 9, 14, 12},
        {12, 9, 14, 12}, {12, 9, 14, 12}, {12, 9, 14, 12}, {12, 9, 14, 12}, {13, 10, 15, 13}};
    enum { PASSES = sizeof rates / sizeof *rates };
    struct lp_model model;
    struct lp_mix *mix = NULL;
    struct lp_buf code = {0};
    struct teacher *teacher = malloc(sizeof *teacher);
    double *sum = calloc(LP_MIXING_SIZE, sizeof *sum);
    uint32_t *order = malloc((docs->ndocs + 1) * sizeof *order), seed = 1;
    enum lp_status status = teacher == NULL || sum == NULL || order == NULL ? LP_NOMEM : LP_OK;
    if (status == LP_OK)
        status = lp_model_view(image->p, image->n, &model);
    if (status == LP_OK)
        status = lp_mix_new(&model, fast, &mix);
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; d++) {
        uint32_t at = lp_train_draw(&seed) % (d + 1);
        order[d] = order[at];
        order[at] = d;
    }
    if (status == LP_OK) {
        mix->params = *params;
        mix->run = run_taught;
        mix->teacher = teacher;
        for (size_t i = 0; i < LP_MIXING_SIZE; i++)
            teacher->fine[i] = ((const int16_t *)params)[i] * (1 << FINER);
    }
    for (int pass = 0; status == LP_OK && pass < PASSES; pass++) {
        size_t nbytes = 0;
        teacher->rates = rates[pass];
        for (uint32_t i = 0; status == LP_OK && i < docs->ndocs; i++) {
            size_t begin = order[i] > 0 ? docs->end[order[i] - 1] : 0;
            code.n = 0;
            status = lp_mix_encode(mix, docs->id + begin, docs->end[order[i]] - begin, &code);
            nbytes += code.n;
            for (size_t k = 0; pass == PASSES - 1 && k < LP_MIXING_SIZE; k++)
                sum[k] += teacher->fine[k];
        }
        lp_train_tell(t, "tuning%s on %u records, pass %d of %d: %.4f bits a token",
                      fast ? " fast mode" : "", docs->ndocs, pass + 1, PASSES,
                      8.0 * (double)nbytes / (double)docs->n);
    }
    for (size_t k = 0; status == LP_OK && docs->ndocs > 0 && k < LP_MIXING_SIZE; k++)
        ((int16_t *)params)[k] = (int16_t)lround(sum[k] / docs->ndocs / (1 << FINER));
    free(teacher);
    free(sum);
    free(order);
    lp_buf_free(&code);
    lp_mix_free(mix);
    return status;
}

enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_mixing params[LP_MODES])
{
    enum lp_status status = LP_OK;
    for (int mode = 0; status == LP_OK && mode < LP_MODES; mode++)
        status = tune_mode(t, image, docs, mode == 1, &params[mode]);
    return status;
}
