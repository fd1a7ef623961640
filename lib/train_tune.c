/* train_tune.c - what adapts to a sequence, as it is best at the begin: a guess, then
 * what texts teach that the model was not made of. */
#include "train_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- What adapts ------------------------------------------------------------------------ */

static uint16_t probability(double p)
{
    return (uint16_t)lround(65536 * (p < 0.001 ? 0.001 : p > 0.999 ? 0.999 : p));
}

/* Log odds. */
static int32_t odds(double x)
{
    return (int32_t)lround(x * 2048 * (1 << LP_ODDS_FINER));
}

void lp_tune_guess(struct lp_adaptive *a)
{
    for (int i = 0; i < LP_LISTS; i++) {
        for (int l = 0; l < LP_LEVELS; l++) {
            for (int r = 0; r < LP_LEVELS; r++) {
                a->top[i][l][r] = probability((lp_class_count[l] + 0.02) /
                                              (lp_class_count[l] + lp_class_count[r] + 2.0));
                for (int dead = 0; dead < LP_DEAD; dead++)
                    a->list[i][dead][l][r] = odds(1 + 0.25 * r);
            }
        }
    }
    for (int l = 0; l < LP_WIDE_LEVELS; l++) {
        for (int r = 0; r < LP_WIDE_LEVELS; r++) {
            const double x = exp2(l / 2.0) - 0.7, y = exp2(r / 2.0) - 0.7;
            a->top_follow[l][r] = probability((x - 0.25) / (x + y + 1));
            a->follow[l][r] = odds(0.15 * r);
        }
    }
    for (int i = 0; i < LP_MATCH_LENGTHS; i++) {
        a->match_top[i] = probability(1 - 0.7 / (i + 1));
        a->match_top[LP_MATCH_LENGTHS + i] = probability(0.1);
        for (int k = 0; k < LP_MATCH_DEPTHS; k++)
            a->match[i][k] = odds(1.5 + 0.1 * i);
    }
    for (int k = 0; k < LP_INPUTS; k++) {
        for (int i = 0; i < LP_SETS_GUESS; i++)
            a->weight_guess[i][k] = k == LP_IN_ONE ? 0 : 2500;
        for (int i = 0; i < LP_SETS_A; i++)
            a->weight_a[i][k] = k == LP_IN_MODEL ? 6500 : k == LP_IN_NODE ? 8192 : 5000;
    }
}

void lp_tune_put(const struct lp_adaptive *a, unsigned char *to)
{
    for (size_t i = 0; i < LP_ADAPTIVE_SIZE; i++) {
        int32_t value = lp_adaptive_get(a, i);
        if (i >= LP_ADAPTIVE_ODDS)
            value /= 1 << LP_ODDS_FINER;
        lp_put16(to + 2 * i, (uint16_t)value);
    }
}

/* Some passes over docs in random order, ever slower. The values are the mean over
 * the last pass, so that no doc's are preferred. */
enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_adaptive *state)
{
    static const struct lp_rates rates[] = {{5, 60, 10, 18}, {6, 24, 11, 19}, {7, 16, 12, 20}};
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
        uint32_t at = lp_train_draw(&seed) % (d + 1);
        order[d] = order[at];
        order[at] = d;
    }
    for (int pass = 0; status == LP_OK && pass < PASSES; pass++) {
        size_t nbytes = 0;
        lp_train_tell(t, "tuning on %u records, pass %d of %d", docs->ndocs, pass + 1, PASSES);
        for (uint32_t i = 0; status == LP_OK && i < docs->ndocs; i++) {
            size_t begin = order[i] > 0 ? docs->end[order[i] - 1] : 0;
            code.n = 0;
            status = lp_mix_learn(mix, docs->id + begin, docs->end[order[i]] - begin, &rates[pass],
                                  state, &code);
            nbytes += code.n;
            for (size_t k = 0; pass == PASSES - 1 && k < LP_ADAPTIVE_SIZE; k++)
                sum[k] += lp_adaptive_get(state, k);
        }
        if (pass == PASSES - 1)
            lp_train_tell(t, "tuned on %u records: %.4f bits a token", docs->ndocs,
                          8.0 * (double)nbytes / (double)docs->n);
    }
    for (size_t k = 0; status == LP_OK && docs->ndocs > 0 && k < LP_ADAPTIVE_SIZE; k++)
        lp_adaptive_put(state, k, (int32_t)lround(sum[k] / docs->ndocs));
    free(sum);
    free(order);
    lp_buf_free(&code);
    lp_mix_free(mix);
    return status;
}
