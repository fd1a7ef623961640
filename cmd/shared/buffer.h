/* buffer.h - bytes that grow. */
#ifndef SHARED_BUFFER_H
#define SHARED_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Zero-initialised is empty; free() releases v. */
struct buffer {
    unsigned char *v;
    size_t n, cap;
};

/* Makes room for n more bytes. False: out of memory. */
static inline bool buffer_reserve(struct buffer *b, size_t n)
{
    if (b->cap - b->n >= n && b->v != NULL)
        return true;
    if (n > SIZE_MAX / 4 || b->n > SIZE_MAX / 4)
        return false;
    const size_t cap = b->n + n + b->n / 2 + 64;
    unsigned char *v = realloc(b->v, cap);
    if (v == NULL)
        return false;
    b->v = v;
    b->cap = cap;
    return true;
}

/* Appends n bytes. False: out of memory. */
static inline bool buffer_add(struct buffer *b, const void *data, size_t n)
{
    if (!buffer_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->v + b->n, data, n);
    b->n += n;
    return true;
}

/* Empties it; what a long one took goes back to the system. */
static inline void buffer_reset(struct buffer *b)
{
    enum { KEPT = 1 << 20 };
    if (b->cap > KEPT) {
        free(b->v);
        *b = (struct buffer){0};
    }
    b->n = 0;
}

#endif
