/* progress.h - a progress line on standard error: only on a terminal, only after a second, and
 * never with -q. */
#ifndef SHARED_PROGRESS_H
#define SHARED_PROGRESS_H

#include "shared/tool.h"

struct progress {
    const struct tool *tool;
    const char *what;
    uint64_t done, total; /* done / total is shown; without a total done is bytes, or 0 */
    double start, last;   /* seconds_now(); last: of the last line, 0 before the first */
    bool wanted;          /* on a terminal and without -q */
};

void progress_start(struct progress *progress, const struct tool *tool, const char *what,
                    uint64_t total);
void progress_add(struct progress *progress, uint64_t n);
/* Changes what the line says. An lp_train_say: ctx is a struct progress. */
void progress_say(void *ctx, const char *what);
/* Clears the line. */
void progress_end(struct progress *progress);

/* Seconds of the monotonic clock. */
double seconds_now(void);

#endif
