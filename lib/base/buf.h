/* buf.h - a growing byte buffer. A zeroed one is empty; lp_buf_free() frees it. */
#ifndef LP_BASE_BUF_H
#define LP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct lp_buf {
    unsigned char *p;
    size_t n, cap;
};

/* Makes room for n more bytes. False when memory is out. */
static inline bool lp_buf_reserve(struct lp_buf *b, size_t n)
{
    if (b->p != NULL && n <= b->cap - b->n) /* p is never NULL after success */
        return true;
    if (n > SIZE_MAX / 2 - b->n)
        return false;
    size_t cap = b->cap + b->cap / 2;
    if (cap < b->n + n)
        cap = b->n + n;
    if (cap == 0)
        cap = 1;
    unsigned char *p = realloc(b->p, cap);
    if (p == NULL)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

/* Appends n bytes. False when memory is out. */
static inline bool lp_buf_append(struct lp_buf *b, const void *data, size_t n)
{
    if (!lp_buf_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->p + b->n, data, n);
    b->n += n;
    return true;
}

/* Drops the first n bytes. */
static inline void lp_buf_drop(struct lp_buf *b, size_t n)
{
    b->n -= n;
    if (b->n > 0)
        memmove(b->p, b->p + n, b->n);
}

/* Whether the buffer holds exactly these n bytes. */
static inline bool lp_buf_is(const struct lp_buf *b, const void *data, size_t n)
{
    return b->n == n && (n == 0 || memcmp(b->p, data, n) == 0);
}

static inline void lp_buf_free(struct lp_buf *b)
{
    free(b->p);
    *b = (struct lp_buf){0};
}

#endif
