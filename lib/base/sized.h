/* sized.h - structs that callers make, which may be those of an older or newer lp.h. */
#ifndef LP_BASE_SIZED_H
#define LP_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Takes a caller's struct of size bytes: what it lacks is 0, what it has beyond must be, as it
 * would be lost. NULL: all is 0. */
static inline bool lp_take_sized(void *own, size_t own_size, const void *given, size_t size)
{
    const unsigned char *bytes = given;
    memset(own, 0, own_size);
    if (given == NULL)
        return true;
    for (size_t i = own_size; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    memcpy(own, given, size < own_size ? size : own_size);
    return true;
}

/* Fills in a caller's struct of size bytes as far as it goes; what it has beyond is 0. */
static inline void lp_give_sized(void *given, size_t size, const void *own, size_t own_size)
{
    memset(given, 0, size);
    memcpy(given, own, size < own_size ? size : own_size);
}

#endif
