/* array.h - growing an array of any type. */
#ifndef LP_BASE_ARRAY_H
#define LP_BASE_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Makes room in an array of n elements of size bytes for one more. Returns it, or NULL when memory
 * is out: then it is as it was. */
static inline void *lp_array_grow(void *v, size_t n, size_t *cap, size_t size)
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
