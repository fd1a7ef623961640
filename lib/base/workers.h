/* workers.h - jobs done by threads, their results taken in the order given.
 *
 * Job k runs in worker k mod n. With one worker it runs in the caller's thread, so
 * that what comes out never depends on how many there are, only when. */
#ifndef LP_BASE_WORKERS_H
#define LP_BASE_WORKERS_H

#include "lp.h"

struct lp_workers;

/* run(jobs + i * job_size) does the work of worker i; jobs stays the caller's. */
enum lp_status lp_workers_new(unsigned n, void *jobs, size_t job_size, void (*run)(void *job),
                              struct lp_workers **out);
void lp_workers_free(struct lp_workers *workers);

/* The job to be filled next, once its last run has ended. */
void *lp_workers_next(struct lp_workers *workers);

/* Runs the job that lp_workers_next() gave. */
void lp_workers_start(struct lp_workers *workers);

/* Lets it be, and goes on to the next. */
void lp_workers_pass(struct lp_workers *workers);

#endif
