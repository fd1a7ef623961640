/* progress.h - how far a command is: a line on standard error, only on a terminal, only after a
 * second, and never with -q; and with -v a summary. */
#ifndef SHARED_PROGRESS_H
#define SHARED_PROGRESS_H

#include "shared/tool.h"

/* Steps of work: what and a percentage; without a total done is bytes, or 0. */
void progress_start(struct progress *progress, const struct tool *tool, const char *what,
                    uint64_t total);
/* Bytes read, of total, and written, with their rate and ratio, and the time left. */
void progress_start_bytes(struct progress *progress, const struct tool *tool, uint64_t total);
void progress_add(struct progress *progress, uint64_t n);
/* Changes what the line says. An lp_train_say: ctx is a struct progress. */
void progress_say(void *ctx, const char *what);
/* Clears the line. */
void progress_end(struct progress *progress);
/* Says how many bytes were read and written, their ratio, and the time that it took. */
void progress_sum_up(const struct progress *progress);

/* Packed bytes to text, by the flow; 0 where there is none. */
double progress_ratio(const struct progress *progress);

/* Seconds of the monotonic clock. */
double seconds_now(void);

#endif
