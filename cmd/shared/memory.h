/* memory.h - the memory of commands that have -M. */
#ifndef SHARED_MEMORY_H
#define SHARED_MEMORY_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* Gives large blocks back to the system once they are freed: glibc would keep more and more of
 * them, for each thread. Other libraries do not, or have no such option. */
static inline void memory_keep_little(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
#endif
}

#endif
