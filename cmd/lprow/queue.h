/* queue.h - does rows in several threads, and hands them out in the order in which they came. */
#ifndef LPROW_QUEUE_H
#define LPROW_QUEUE_H

#include "lprow/row.h"

struct queue;

/* Takes a row that is done, in the thread that calls the queue. */
typedef void queue_take(void *ctx, const struct row *row);

/* With one thread rows are done by the caller. Where the system has no further threads, with
 * fewer. NULL: out of memory. */
struct queue *queue_new(const struct row_job *job, unsigned threads, queue_take *take, void *ctx);
void queue_free(struct queue *queue);

/* A row with an empty line, for the caller to fill in. */
struct row *queue_row(struct queue *queue);
/* Has that row done. */
void queue_put(struct queue *queue);
/* Waits until all rows are handed out. */
void queue_drain(struct queue *queue);

#endif
