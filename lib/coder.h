/* coder.h - a binary range coder: low and high are the first and last code that still
 * can come, and bytes go out as soon as both begin with them. Carryless, 32 bits. */
#ifndef LP_CODER_H
#define LP_CODER_H

#include "buf.h"
#include "path.h"

struct lp_coder {
    uint32_t low, high, code;
    struct lp_buf *out; /* NULL: decoding */
    const unsigned char *in, *end;
};

static inline uint32_t lp_code_byte(struct lp_coder *c)
{
    return c->in < c->end ? *c->in++ : 0;
}

/* Codes a bit of which p / 65536 is the probability that it is 1. The buffer has
 * room. */
LP_INLINE uint32_t lp_code_bit(struct lp_coder *c, uint32_t p, uint32_t bit, const bool decode)
{
    uint32_t mid = c->low + (uint32_t)((uint64_t)(c->high - c->low) * p >> 16);
    if (decode)
        bit = c->code <= mid;
    c->high = bit ? mid : c->high;
    c->low = bit ? c->low : mid + 1;
    while ((c->low ^ c->high) >> 24 == 0) {
        if (decode)
            c->code = c->code << 8 | lp_code_byte(c);
        else
            c->out->p[c->out->n++] = (unsigned char)(c->low >> 24);
        c->low <<= 8;
        c->high = c->high << 8 | 255;
    }
    return bit;
}

/* Ends the code with the fewest bytes that, zeros after them, lie within. */
static inline void lp_code_flush(struct lp_coder *c, size_t begin)
{
    uint32_t rest = UINT32_MAX >> 8, value = (c->low + rest) & ~rest;
    while (value < c->low || value > c->high) {
        rest >>= 8;
        value = (c->low + rest) & ~rest;
    }
    for (; value != 0; value <<= 8)
        c->out->p[c->out->n++] = (unsigned char)(value >> 24);
    while (c->out->n > begin && c->out->p[c->out->n - 1] == 0)
        c->out->n--;
}

/* Begins to read a code. */
static inline void lp_code_begin(struct lp_coder *c)
{
    for (int i = 0; i < 4; i++)
        c->code = c->code << 8 | lp_code_byte(c);
}

#endif
