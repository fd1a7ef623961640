/* inject.h - makes calls of libc fail, as they do where memory, descriptors or disks run out.
 *
 * inject.c stands before malloc(), read() and others. preload.c makes a library for LD_PRELOAD of
 * it, told by the environment what to do, or by what calls inject_start(): the script python, and
 * postgres.c. api.c and sqlite.c are linked with it. */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>

enum { INJECT_SHORT = 0 }; /* not an error: the call takes one byte only */

/* Which calls of which function fail, and how. */
struct inject {
    const char *call; /* "malloc" is calloc(), realloc() and aligned_alloc() too; NULL: none */
    long at;          /* the number of the call, from 1 */
    bool on;          /* all from there on, not that alone */
    int error;        /* errno, or INJECT_SHORT */
    const void *host; /* calls by the program or library of this address, and by libc, which calls
                       * for it, go well and are not counted; or NULL */
    /* Told in the call that is the first to fail. spared: it does not, since the library that
     * calls cannot bear it. */
    void (*met)(bool spared);
};

/* Begins to count calls. No thread but the caller's may run. */
void inject_start(const struct inject *plan);
/* Ends that: was the call met? */
bool inject_stop(void);

/* Blocks of memory that have been allocated and not freed. */
long inject_blocks(void);

#endif
