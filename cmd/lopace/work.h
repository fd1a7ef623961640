/* work.h - many files, each packed, restored or tested by one of several threads. */
#ifndef LOPACE_WORK_H
#define LOPACE_WORK_H

#include "lopace/made.h"
#include "lopace/walk.h"
#include "shared/find.h"
#include "shared/progress.h"

#include <pthread.h>

struct work {
    const struct tool *tool;
    const struct options *o;
    struct packing packing; /* with all that its options need */
    struct finder *finder;
    struct progress *progress;
    struct walk *walk;
    struct stat dictionary;           /* the file of -D, all zero for none */
    pthread_mutex_t finding, telling; /* for the finder; for all that follows, and the terminal */
    int (*each)(struct work *work, const struct entry *entry);
    size_t next, ndone;
    int code;                /* the greatest exit code of a file */
    pthread_mutex_t placing; /* while an output replaces a file; for: */
    struct made made;        /* the outputs so far */
};

/* An lp_finder for several threads: ctx is the work. */
enum lp_status work_find(void *ctx, const struct lp_need *need, struct lp_found *found);

/* Adds to what has been read and written. */
void work_count(struct work *work, uint64_t nread, uint64_t nwritten);

/* Whether a file that is there may be overwritten: -f, or else asks on the terminal. Says that it
 * is there where it may not. work is NULL before there are threads. */
bool work_may_overwrite(struct work *work, const struct tool *tool, const char *path);

/* Does one entry, in any thread, and returns its exit code. */
typedef int work_entry(struct work *work, const struct entry *entry);

/* Does all entries of the walk, and returns the exit code. */
int work_run(struct work *work, work_entry *each);

#endif
