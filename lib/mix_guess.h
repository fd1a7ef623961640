/* mix_guess.h - the likeliest token first: where a list or the match finds one likelier than
 * not, a decision asks for just that. A part of mix_run.h. */
#ifndef LP_MIX_GUESS_H
#define LP_MIX_GUESS_H

#include "mix_context.h"

enum {
    GUESS_MIN = 65536 / 2, /* what is less likely is not asked for */
    GUESS_UNIT = 13,       /* a weight of 1 is 1 << GUESS_UNIT */
};

/* The token that one of the lists, or the match, finds likeliest; NONE if none is
 * likely enough to be asked for. */
static uint32_t find_guess(const struct lp_mix *m, const struct context *x)
{
    uint32_t guess = NONE, most = GUESS_MIN;
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &x->list[i];
        if (list->n == 0)
            continue;
        const uint32_t others = list->total - lp_class_count[list->top_class];
        const uint32_t p = m->now.top[i][list->top_class][m->level[others]];
        if (p > most) {
            most = p;
            guess = list->top;
        }
    }
    if (x->match_length > 0 && m->now.match_top[x->match_length] > most)
        guess = m->leaf[x->match];
    return guess;
}

/* What a guess is judged by: probabilities, and the stretched ones as inputs. */
struct verdict {
    uint16_t *map[LP_INPUTS];
    int16_t input[LP_INPUTS];
    uint32_t nmaps;
};

static inline void judge(const struct lp_mix *m, struct verdict *v, enum lp_input input,
                         uint16_t *p)
{
    v->map[v->nmaps++] = p;
    v->input[input] = (int16_t)lp_stretch(&m->logistic, *p);
}

/* Codes whether the guess is right. */
LP_INLINE uint32_t code_guess(struct lp_mix *m, struct lp_coder *c, const struct context *x,
                              uint32_t guess, uint32_t right, const bool decode)
{
    struct verdict v = {.input = {[LP_IN_ONE] = 256}};
    uint32_t alive = 0, state = 0, counts[SOURCES] = {0};
    for (uint32_t i = 0; i < x->ncandidates; i++) {
        const struct lp_candidate *a = &x->candidate[i];
        const uint32_t same = 0U - (a->leaf == guess);
        counts[a->source] = (a->count & same) | (counts[a->source] & ~same);
    }
    for (uint32_t i = 0; i < LP_LISTS; i++) {
        const struct lp_list *list = &x->list[i];
        if (list->n == 0)
            continue;
        const uint32_t count = counts[1 + i];
        judge(m, &v, LP_IN_LIST + i,
              &m->now.top[i][m->level[count]][m->level[list->total - count]]);
        alive |= 1u << i;
    }
    if (x->match_length > 0) {
        const bool same = m->leaf[x->match] == guess;
        judge(m, &v, LP_IN_MATCH,
              &m->now.match_top[x->match_length + (same ? 0 : LP_MATCH_LENGTHS)]);
        state = !same ? 1 : x->match_length < 8 ? 2 : 3;
    }
    if (x->follow.n > 0) {
        uint32_t count = 0, sum = 0;
        for (uint32_t i = 0; i < x->follow.n; i++) {
            sum += lp_follow_count(&x->follow, i);
            count = lp_follow_leaf(&x->follow, i) == guess ? lp_follow_count(&x->follow, i) : count;
        }
        const uint32_t others = x->follow.others + sum - count;
        judge(m, &v, LP_IN_FOLLOW, &m->now.top_follow[lp_wide_level(count)][lp_wide_level(others)]);
    }
    int16_t *weight = m->now.weight_guess[alive << 2 | state];
    int32_t sum = 0;
    for (uint32_t i = 0; i < LP_INPUTS; i++)
        sum += weight[i] * v.input[i];
    const uint32_t p = lp_squash(&m->logistic, lp_shift_down(sum, GUESS_UNIT));
    right = lp_code_bit(c, p, right, decode);
    const int32_t error = (right ? 65535 : 0) - (int32_t)p;
    const int32_t step = lp_clamp(lp_shift_down(error * m->rates.guess, 6), INT16_MAX);
    for (uint32_t i = 0; i < LP_INPUTS; i++) {
        const int32_t w = weight[i] + lp_shift_down(lp_shift_down(v.input[i] * step, 15) + 1, 1);
        weight[i] = (int16_t)lp_clamp(w, INT16_MAX);
    }
    for (uint32_t i = 0; i < v.nmaps; i++)
        lp_learn(v.map[i], right, m->rates.map);
    return right;
}

#endif
