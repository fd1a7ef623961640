/* buffer.h - bytes, token ids and arrays that grow. */
#ifndef SHARED_BUFFER_H
#define SHARED_BUFFER_H

#include <lp.h>

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

/* Makes room for n more ids. False: out of memory. */
static inline bool ids_reserve(struct lp_ids *ids, size_t n)
{
    if (n <= ids->cap - ids->n)
        return true;
    const size_t cap = ids->n + ids->n / 2 + n;
    uint32_t *v =
        cap < n || cap > SIZE_MAX / 2 / sizeof *v ? NULL : realloc(ids->v, cap * sizeof *v);
    if (v == NULL)
        return false;
    ids->v = v;
    ids->cap = cap;
    return true;
}

/* Appends n ids. False: out of memory. */
static inline bool ids_add(struct lp_ids *ids, const uint32_t *v, size_t n)
{
    if (!ids_reserve(ids, n))
        return false;
    if (n > 0)
        memcpy(ids->v + ids->n, v, n * sizeof *v);
    ids->n += n;
    return true;
}

/* Makes room in an array of n elements of size bytes for one more. Returns it, or NULL when memory
 * is out: then it is as it was. */
static inline void *array_grow(void *v, size_t n, size_t *cap, size_t size)
{
    const size_t more = n + n / 2 + 16;
    if (n < *cap)
        return v;
    v = more > SIZE_MAX / 2 / size ? NULL : realloc(v, more * size);
    if (v != NULL)
        *cap = more;
    return v;
}

#endif
