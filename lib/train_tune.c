/* train_tune.c - what adapts to a sequence, as it is best at the begin: a guess, then
 * what texts teach that the model was not made of. */
#include "train_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- What adapts ------------------------------------------------------------------------ */

/* Log odds. */
static int32_t odds(double x)
{
    return (int32_t)lround(x * 2048 * (1 << LP_ODDS_FINER));
}

void lp_tune_guess(struct lp_adaptive initial[LP_WAYS])
{
    struct lp_adaptive *a = &initial[0];
    for (int r = 0; r < LP_LEVELS; r++) {
        for (int l = 0; l < LP_LEVELS; l++) {
            for (int i = 0; i < LP_SOURCES; i++)
                a->offer[i][l][r] = odds(r == 0 ? -0.5 : 0.4 * r - 0.2 * l);
        }
    }
    for (int l = 0; l < LP_WIDE_LEVELS; l++) {
        for (int r = 0; r < LP_WIDE_LEVELS; r++)
            a->follow[l][r] = odds(0.15 * r);
    }
    for (int i = 0; i < LP_MATCH_LENGTHS; i++)
        a->match[i] = odds(0.5 + 0.1 * i);
    for (int i = 0; i < LP_STATES; i++) {
        for (int k = 0; k <= LP_IN_MATCH; k++)
            a->offer_a[i][k] = 5000;
    }
    for (int i = 0; i < 2; i++) {
        a->child_a[i][LP_IN_MODEL] = 6500;
        a->child_a[i][LP_IN_NODE] = 8192;
        a->child_a[i][LP_IN_FOLLOW] = 5000;
    }
    initial[1] = initial[0];
}

void lp_tune_put(const struct lp_adaptive initial[LP_WAYS], unsigned char *to)
{
    for (size_t i = 0; i < LP_WAYS * LP_ADAPTIVE_SIZE; i++) {
        const size_t k = i % LP_ADAPTIVE_SIZE;
        int32_t value = lp_adaptive_get(&initial[i / LP_ADAPTIVE_SIZE], k);
        if (k >= LP_ADAPTIVE_ODDS)
            value /= 1 << LP_ODDS_FINER;
        lp_put16(to + 2 * i, (uint16_t)value);
    }
}

/* One way: some passes over docs in random order, ever slower. The values are the mean over
 * the last pass, so that no doc's are preferred. */
static enum lp_status tune_way(const struct lp_trainer *t, const struct lp_buf *image,
                               const struct lp_docs *docs, bool fast, struct lp_adaptive *state)
{
    static const struct lp_rates rates[] = {{8, 15, 10, 18}, {9, 16, 11, 19}, {10, 17, 12, 20}};
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
        status = lp_mix_new(&model, fast, &mix);
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; d++) {
        uint32_t at = lp_train_draw(&seed) % (d + 1);
        order[d] = order[at];
        order[at] = d;
    }
    for (int pass = 0; status == LP_OK && pass < PASSES; pass++) {
        size_t nbytes = 0;
        lp_train_tell(t, "tuning%s on %u records, pass %d of %d", fast ? " the fast way" : "",
                      docs->ndocs, pass + 1, PASSES);
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
            lp_train_tell(t, "tuned%s on %u records: %.4f bits a token",
                          fast ? " the fast way" : "", docs->ndocs,
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

enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_adaptive initial[LP_WAYS])
{
    enum lp_status status = LP_OK;
    for (int way = 0; status == LP_OK && way < LP_WAYS; way++)
        status = tune_way(t, image, docs, way == 1, &initial[way]);
    return status;
}
