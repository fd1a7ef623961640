/* logistic.h - probabilities of 16 bits, and the logistic domain they are mixed in.
 *
 * A stretched probability is ln(p / (1 - p)) in 1/256; squashing is the inverse. Both
 * are tables, made of integers, so that every machine has the same. */
#ifndef LP_LOGISTIC_H
#define LP_LOGISTIC_H

#include <stdint.h>

enum {
    LP_STRETCH_MAX = 2047, /* of an input */
    LP_SQUASH_MAX = 2815,  /* of a mixed sum: 11, where 16 bits end */
};

struct lp_logistic {
    int16_t stretch[4096];
    uint16_t squash[2 * LP_SQUASH_MAX + 1];
};

static inline int32_t lp_clamp(int32_t x, int32_t max)
{
    return x > max ? max : x < -max ? -max : x;
}

static inline void lp_fill_squash(struct lp_logistic *l)
{
    /* 2^22 / (1 + e^(i/4)) */
    static const uint32_t sigmoid[] = {
        2097152, 1836365, 1583520, 1345622, 1128022, 934072, 765148, 620955, 499973,
        399925,  318172,  252022,  198919,  156560,  122944, 96374,  75440,  58987,
        46083,   35977,   28072,   21895,   17071,   13307,  10371,  8081,   6296,
        4905,    3821,    2977,    2319,    1806,    1407,   1096,   853,    665,
        518,     403,     314,     244,     190,     148,    115,    90,     70};
    for (uint32_t x = 0; x <= LP_SQUASH_MAX; x++) {
        uint32_t a = sigmoid[x / 64], b = sigmoid[x / 64 + 1];
        uint32_t p = (a * 64 - (a - b) * (x % 64)) >> 12;
        l->squash[LP_SQUASH_MAX - x] = (uint16_t)(p > 0 ? p : 1);
        l->squash[LP_SQUASH_MAX + x] = (uint16_t)(65536 - (p > 0 ? p : 1));
    }
}

/* Stretch inverts squash: of 12 bits, the least x that squashes to them. */
static inline void lp_fill_stretch(struct lp_logistic *l)
{
    uint32_t next = 0;
    for (int32_t x = -LP_STRETCH_MAX; x <= LP_STRETCH_MAX; x++) {
        for (uint32_t top = l->squash[x + LP_SQUASH_MAX] >> 4; next <= top; next++)
            l->stretch[next] = (int16_t)x;
    }
    while (next < 4096)
        l->stretch[next++] = LP_STRETCH_MAX;
}

static inline int32_t lp_stretch(const struct lp_logistic *l, uint32_t p)
{
    return l->stretch[p >> 4];
}

static inline uint32_t lp_squash(const struct lp_logistic *l, int32_t x)
{
    return l->squash[lp_clamp(x, LP_SQUASH_MAX) + LP_SQUASH_MAX];
}

/* Moves an adaptive probability towards the bit. */
static inline void lp_learn(uint16_t *p, uint32_t bit, int rate)
{
    const uint32_t flip = (0 - bit) & 65535, x = *p ^ flip;
    *p = (uint16_t)((x - (x >> rate)) ^ flip);
}

#endif
