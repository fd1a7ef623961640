/* range_coder.h - a range coder: what is coded takes its share of a range, and bytes go out
 * as they can change no more but by a carry, which the bytes before take. 32 bits. */
#ifndef LP_MIX_RANGE_CODER_H
#define LP_MIX_RANGE_CODER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/cpu.h"

struct lp_range_coder {
    uint32_t low, range; /* encoding: from low on; decoding: low is where the code is in it */
    struct lp_buf *out;  /* NULL: decoding */
    size_t begin;        /* of the code in out */
    const unsigned char *in, *end;
};

static inline uint32_t lp_range_byte(struct lp_range_coder *c)
{
    return c->in < c->end ? *c->in++ : 0;
}

/* A sum beyond 32 bits: the bytes before take the carry. The first begins as 0, so it
 * ends there. */
static inline void lp_range_carry(struct lp_range_coder *c)
{
    for (size_t at = c->out->n; at > c->begin && ++c->out->p[at - 1] == 0;)
        at--;
}

/* Takes size units from begin of the range, of which unit is one. The buffer has
 * room for four bytes. */
LP_INLINE void lp_range_take(struct lp_range_coder *c, uint32_t unit, uint32_t begin, uint32_t size,
                             const bool decode)
{
    const uint32_t low = c->low;
    c->range = unit * size;
    if (decode) {
        c->low -= unit * begin;
    } else {
        c->low += unit * begin;
        if (c->low < low)
            lp_range_carry(c);
    }
    /* As many bytes as leave the range 24 bits: no loop, whose end is not to be foretold. */
    const uint32_t nbytes = (uint32_t)__builtin_clz(c->range) / 8;
    c->range <<= 8 * nbytes;
    if (!decode) {
        lp_put32be(c->out->p + c->out->n, c->low);
        c->out->n += nbytes;
        c->low <<= 8 * nbytes;
    } else if (c->end - c->in >= 4) {
        c->low = (uint32_t)(((uint64_t)c->low << 32 | lp_get32be(c->in)) >> (32 - 8 * nbytes));
        c->in += nbytes;
    } else {
        for (uint32_t i = 0; i < nbytes; i++)
            c->low = c->low << 8 | lp_range_byte(c);
    }
}

/* Bits that what is coded so far takes, but for a constant. The logarithm is that of integers, to
 * 2^-20: the library does without libm. */
static inline double lp_range_bits(const struct lp_range_coder *c)
{
    const int shift = __builtin_clz(c->range);
    uint64_t mantissa = (uint64_t)c->range << shift; /* 1 to 2, of which 2^31 is 1 */
    uint32_t fraction = 0;
    for (int i = 0; i < 20; i++) {
        mantissa = mantissa * mantissa >> 31;
        fraction = fraction << 1 | (uint32_t)(mantissa >> 32);
        mantissa >>= mantissa >> 32;
    }
    return 8.0 * (double)c->out->n + shift - fraction / (double)(1 << 20);
}

/* Codes a bit of which p / 65536 is the probability that it is 1. */
LP_INLINE uint32_t lp_range_bit(struct lp_range_coder *c, uint32_t p, uint32_t bit,
                                const bool decode)
{
    const uint32_t unit = c->range >> 16;
    if (decode)
        bit = c->low < unit * p;
    lp_range_take(c, unit, bit ? 0 : p, bit ? p : 65536 - p, decode);
    return bit;
}

/* Ends the code with the fewest bytes that, zeros after them, lie within. */
static inline void lp_range_flush(struct lp_range_coder *c)
{
    const uint32_t last = c->range - 1;
    uint32_t rest = UINT32_MAX, value = 0;
    /* The number in the range that ends with the most zeros. */
    while (rest > 0 && ((value = (c->low + rest) & ~rest) - c->low) > last)
        rest >>= 8;
    if (rest == 0)
        value = c->low;
    if (value < c->low)
        lp_range_carry(c);
    for (; value != 0; value <<= 8)
        c->out->p[c->out->n++] = (unsigned char)(value >> 24);
    while (c->out->n > c->begin && c->out->p[c->out->n - 1] == 0)
        c->out->n--;
}

/* Begins a code, at the buffer's end; or to read one. */
static inline void lp_range_begin(struct lp_range_coder *c)
{
    c->low = 0;
    c->range = UINT32_MAX;
    if (c->out != NULL)
        c->begin = c->out->n;
    for (int i = 0; c->out == NULL && i < 4; i++)
        c->low = c->low << 8 | lp_range_byte(c);
}

#endif
