/* progress.h - how far long work has come: a line on standard error, only on a
 * terminal, only after a second, never with -q. */
#ifndef SHARED_PROGRESS_H
#define SHARED_PROGRESS_H

#include "shared/tool.h"

struct progress {
    const struct tool *tool;
    const char *what;
    uint64_t done, total; /* total: 0 when it is not known, and done counts bytes,
                           * or is 0 where nothing is counted */
    double start, last;   /* seconds; last: when the line was written, 0 never */
    bool wanted;
};

void progress_start(struct progress *progress, const struct tool *tool, const char *what,
                    uint64_t total);
void progress_add(struct progress *progress, uint64_t n);
/* Changes what the line says. An lp_train_say: ctx is a struct progress. */
void progress_say(void *ctx, const char *what);
/* Clears the line. */
void progress_end(struct progress *progress);

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

#endif
