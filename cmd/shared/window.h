/* window.h - how far back a stream copies from, where nothing else is said. */
#ifndef SHARED_WINDOW_H
#define SHARED_WINDOW_H

#include <stddef.h>
#include <stdint.h>

/* What repeats is mostly within 64 MiB; at four times that a chain of blocks costs less than 1% for
 * beginning anew. Mixing learns in a block: larger ones than 16 MiB would gain 2%, and need more
 * memory than the window does. */
#define WINDOW_SIZE       ((size_t)64 << 20)
#define WINDOW_KEY        ((uint64_t)256 << 20)
#define WINDOW_BLOCK_SIZE ((size_t)16 << 20)

#endif
