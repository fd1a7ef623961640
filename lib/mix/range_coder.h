/* range_coder.h - a range coder with 32 bits of state and carry propagation.
 *
 * Coding a symbol narrows the range to the symbol's part of it. The encoder writes the top
 * byte of low whenever the range falls below 2^24; a later carry may still increment the bytes
 * already written. */
#ifndef LP_MIX_RANGE_CODER_H
#define LP_MIX_RANGE_CODER_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/cpu.h"

enum {
    LP_RANGE_STATE = 4, /* bytes: what a decoder reads ahead, what a flush writes at most */
    /* Zero bytes written before the flush that it drops at most. Without a limit the end of a
     * code would be no limit to what can be decoded from it. */
    LP_RANGE_DROPPED = 4,
    /* What a decoder reads past the end of a sound code, at most. */
    LP_RANGE_PAST_END = LP_RANGE_STATE + LP_RANGE_DROPPED,
};

struct lp_range_coder {
    uint32_t low, range; /* encoding: the interval; decoding: low is the code's offset in it */
    struct lp_buf *out;  /* NULL: decoding */
    size_t begin;        /* of the code in out */
    const unsigned char *in, *end;
    uint32_t past_end; /* zero bytes read after the end of the code */
};

/* The next byte of a code; zeros follow its end. */
static inline uint32_t lp_range_byte(struct lp_range_coder *c)
{
    if (c->in < c->end)
        return *c->in++;
    c->past_end++;
    return 0;
}

/* Whether more was decoded than any code of this length stands for. */
static inline bool lp_range_overrun(const struct lp_range_coder *c)
{
    return c->past_end > LP_RANGE_PAST_END;
}

/* Adds the carry of low to the bytes already written. It never goes beyond the first byte of the
 * code: all intervals lie in the one that the code begins with. */
static inline void lp_range_carry(struct lp_range_coder *c)
{
    for (size_t at = c->out->n; at > c->begin && ++c->out->p[at - 1] == 0;)
        at--;
}

/* Narrows the range to size units from begin on, of which each has unit. When encoding, out has
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
    /* Shift until the range has 24 bits. Without a loop, whose end would be an unpredictable
     * branch. */
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

/* Codes a bit that is 1 with probability p / 65536. */
LP_INLINE uint32_t lp_range_bit(struct lp_range_coder *c, uint32_t p, uint32_t bit,
                                const bool decode)
{
    const uint32_t unit = c->range >> 16;
    if (decode)
        bit = c->low < unit * p;
    lp_range_take(c, unit, bit ? 0 : p, bit ? p : 65536 - p, decode);
    return bit;
}

/* Ends the code: writes the value in the range with the most zeros at its end, without these, and
 * drops zeros before it, up to LP_RANGE_DROPPED. */
static inline void lp_range_flush(struct lp_range_coder *c)
{
    const uint32_t last = c->range - 1;
    const size_t written = c->out->n - c->begin;
    const size_t kept = c->begin + (written > LP_RANGE_DROPPED ? written - LP_RANGE_DROPPED : 0);
    uint32_t rest = UINT32_MAX, value = 0;
    while (rest > 0 && ((value = (c->low + rest) & ~rest) - c->low) > last)
        rest >>= 8;
    if (rest == 0)
        value = c->low;
    if (value < c->low)
        lp_range_carry(c);
    for (; value != 0; value <<= 8)
        c->out->p[c->out->n++] = (unsigned char)(value >> 24);
    while (c->out->n > kept && c->out->p[c->out->n - 1] == 0)
        c->out->n--;
}

/* Begins a code at the end of out; or starts to decode one. */
static inline void lp_range_begin(struct lp_range_coder *c)
{
    c->low = 0;
    c->range = UINT32_MAX;
    if (c->out != NULL)
        c->begin = c->out->n;
    for (int i = 0; c->out == NULL && i < LP_RANGE_STATE; i++)
        c->low = c->low << 8 | lp_range_byte(c);
}

#endif
