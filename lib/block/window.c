/* window.c - see window.h.
 *
 * Packed copies are numbers in a range coder with adaptive bits. A number is coded as its length in
 * bits, by a tree of binary choices; then the bits after the first, of which the first three are
 * adaptive. A distance is mostly the one before it, or near it: then that, or the difference, is
 * coded. */
#include "block/window.h"

#include "base/array.h"
#include "mix/range_coder.h"

#include <string.h>

void lp_window_free(struct lp_window *w)
{
    lp_buf_free(&w->codes);
}

void lp_copies_free(struct lp_copies *copies)
{
    free(copies->v);
}

void lp_window_empty(struct lp_window *w)
{
    w->dropped += w->codes.n;
    w->codes.n = 0;
}

void lp_window_clear(struct lp_window *w, size_t reach)
{
    lp_window_empty(w);
    if (reach < w->reach)
        lp_buf_free(&w->codes); /* it may be larger than this window may become */
    w->reach = reach;
}

/* Makes room for n more bytes of a block that has nbefore already. Bytes out of reach are dropped
 * only once they are an eighth of what is within, so that each byte is moved eight times at most.
 */
static bool make_room(struct lp_window *w, size_t n, size_t nbefore)
{
    const size_t keep = w->reach + nbefore;
    if (w->codes.n > keep && w->codes.n - keep > w->reach / 8) {
        const size_t drop = w->codes.n - keep;
        lp_buf_drop(&w->codes, drop);
        w->dropped += drop;
    }
    return lp_buf_reserve(&w->codes, n);
}

enum lp_status lp_window_push(struct lp_window *w, const unsigned char *codes, size_t n,
                              size_t nbefore)
{
    return make_room(w, n, nbefore) && lp_buf_append(&w->codes, codes, n) ? LP_OK : LP_NOMEM;
}

/* --- Coding copies ---------------------------------------------------------------- */

enum {
    LENGTH_BITS = 5, /* of a number's length: a number is less than 2^31 */
    TOP_BITS = 3,
    RATE = 4,
    EVEN = 1 << 15,
    ODDS_MIN = 1 << 6, /* no bit becomes certain */
    NEAR = 1 << 13,    /* what differences of distances are less than */
    STEP_MAX = 64,     /* bytes that a copy takes at most: three numbers and three flags */
};

struct number {
    uint16_t length[1 << LENGTH_BITS];
    uint16_t top[1 << LENGTH_BITS][1 << TOP_BITS];
};

struct coder {
    struct lp_range_coder range;
    struct number rest, length, distance, difference;
    uint16_t again, near, back; /* the distance is the last one; is near it; is less */
    uint32_t last;
};

static void begin_number(struct number *n)
{
    for (size_t i = 0; i < 1 << LENGTH_BITS; i++) {
        n->length[i] = EVEN;
        for (size_t j = 0; j < 1 << TOP_BITS; j++)
            n->top[i][j] = EVEN;
    }
}

static void begin(struct coder *c)
{
    begin_number(&c->rest);
    begin_number(&c->length);
    begin_number(&c->distance);
    begin_number(&c->difference);
    c->again = c->near = c->back = EVEN;
    c->last = 0;
    lp_range_begin(&c->range);
}

LP_INLINE uint32_t code_bit(struct lp_range_coder *c, uint16_t *odds, uint32_t bit,
                            const bool decode)
{
    const uint32_t least = ODDS_MIN, most = 65536 - ODDS_MIN;
    const uint32_t p = *odds < least ? least : *odds > most ? most : *odds;
    bit = lp_range_bit(c, p, bit, decode);
    *odds = (uint16_t)(bit ? *odds + ((65535 - *odds) >> RATE) : *odds - (*odds >> RATE));
    return bit;
}

/* Apart: four copies of it each way would be a fiftieth of the library. */
LP_APART uint32_t code_number(struct lp_range_coder *c, struct number *n, uint32_t value,
                              const bool decode)
{
    uint32_t length = value == 0 ? 0 : 32 - (uint32_t)__builtin_clz(value), node = 1;
    for (int i = LENGTH_BITS - 1; i >= 0; i--)
        node = node << 1 | code_bit(c, &n->length[node], length >> i & 1, decode);
    length = node & ((1 << LENGTH_BITS) - 1);
    if (length < 2)
        return length;
    uint32_t read = 1, left = length - 1;
    for (int i = 0; i < TOP_BITS && left > 0; i++) {
        left--;
        uint16_t *odds = &n->top[length][read & ((1 << TOP_BITS) - 1)];
        read = read << 1 | code_bit(c, odds, value >> left & 1, decode);
    }
    while (left > 0) {
        left--;
        read = read << 1 | lp_range_bit(c, EVEN, value >> left & 1, decode);
    }
    return read;
}

LP_INLINE uint32_t code_distance(struct coder *c, uint32_t distance, const bool decode)
{
    if (code_bit(&c->range, &c->again, distance == c->last, decode))
        return c->last;
    const int64_t difference = (int64_t)distance - c->last;
    const bool near = difference > -NEAR && difference < NEAR;
    if (!code_bit(&c->range, &c->near, near, decode))
        return code_number(&c->range, &c->distance, distance, decode);
    const bool back = code_bit(&c->range, &c->back, difference < 0, decode);
    const uint32_t size =
        code_number(&c->range, &c->difference, (uint32_t)(back ? -difference : difference), decode);
    return back ? c->last - size : c->last + size;
}

LP_INLINE void code_copy(struct coder *c, struct lp_copy *copy, const bool decode)
{
    copy->rest = code_number(&c->range, &c->rest, copy->rest, decode);
    copy->length = code_number(&c->range, &c->length, copy->length, decode);
    if (copy->length > 0)
        c->last = copy->distance = code_distance(c, copy->distance, decode);
}

enum lp_status lp_copies_pack(const struct lp_copies *copies, struct lp_buf *out)
{
    struct coder c = {.range = {.out = out}};
    if (!lp_buf_reserve(out, STEP_MAX))
        return LP_NOMEM;
    begin(&c);
    for (size_t i = 0; i < copies->n; i++) {
        struct lp_copy copy = copies->v[i];
        code_copy(&c, &copy, false);
        if (!lp_buf_reserve(out, STEP_MAX))
            return LP_NOMEM;
    }
    lp_range_flush(&c.range);
    return LP_OK;
}

bool lp_copies_add(struct lp_copies *copies, struct lp_copy copy)
{
    struct lp_copy *v = lp_array_grow(copies->v, copies->n, &copies->cap, sizeof *v);
    if (v == NULL)
        return false;
    copies->v = v;
    copies->v[copies->n++] = copy;
    return true;
}

/* One piece of code for two that decode copies: most of this file's. */
LP_APART void decode_copy(struct coder *c, struct lp_copy *copy)
{
    code_copy(c, copy, true);
}

enum lp_status lp_copies_unpack(const unsigned char *packed, size_t n, size_t max,
                                struct lp_copies *copies)
{
    struct coder c = {.range = {.in = packed, .end = packed + n}};
    begin(&c);
    copies->n = 0;
    while (copies->n < max) {
        struct lp_copy copy = {0};
        decode_copy(&c, &copy);
        if (copy.length == 0 || lp_range_overrun(&c.range))
            break;
        if (!lp_copies_add(copies, copy))
            return LP_NOMEM;
    }
    return LP_OK;
}

/* --- Restoring -------------------------------------------------------------------- */

/* Copies length bytes from distance bytes before. They may overlap: then they repeat. */
static void repeat(unsigned char *to, size_t distance, size_t length)
{
    const unsigned char *const from = to - distance;
    for (size_t n; length > 0; to += n, length -= n) {
        n = (size_t)(to - from) < length ? (size_t)(to - from) : length;
        memcpy(to, from, n);
    }
}

/* The rest that is yet to come. */
struct rest {
    const unsigned char *at, *end;
};

/* Appends what one copy says, if it is within the window, the rest, and room bytes. */
static enum lp_status restore_copy(struct lp_window *w, const struct lp_copy *copy,
                                   struct rest *rest, size_t room)
{
    if (copy->rest > (size_t)(rest->end - rest->at))
        return LP_DATA;
    if (copy->rest > room || copy->length > room - copy->rest)
        return LP_LIMIT;
    if (!lp_buf_append(&w->codes, rest->at, copy->rest) || !lp_buf_reserve(&w->codes, copy->length))
        return LP_NOMEM;
    rest->at += copy->rest;
    if (copy->length == 0)
        return LP_OK;
    if (copy->distance == 0 || copy->distance > w->reach || copy->distance > w->codes.n)
        return LP_DATA;
    repeat(w->codes.p + w->codes.n, copy->distance, copy->length);
    w->codes.n += copy->length;
    return LP_OK;
}

enum lp_status lp_window_restore(struct lp_window *w, const unsigned char *copies, size_t ncopies,
                                 const unsigned char *rest, size_t nrest, size_t max, size_t *n)
{
    struct coder c = {.range = {.in = copies, .end = copies + ncopies}};
    struct rest left = {rest, rest + nrest};
    if (!make_room(w, nrest, 0))
        return LP_NOMEM;
    const size_t start = w->codes.n;
    enum lp_status status = LP_OK;
    begin(&c);
    for (bool last = false; status == LP_OK && !last;) {
        struct lp_copy copy = {0};
        decode_copy(&c, &copy);
        last = copy.length == 0;
        status = lp_range_overrun(&c.range)
                     ? LP_DATA
                     : restore_copy(w, &copy, &left, max - (w->codes.n - start));
    }
    if (status == LP_OK && (left.at < left.end || c.range.in < c.range.end))
        status = LP_DATA; /* something of the rest, or of the packed copies, is left */
    *n = w->codes.n - start;
    if (status != LP_OK)
        w->codes.n = start;
    return status;
}
