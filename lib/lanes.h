/* lanes.h - jobs done by threads, their results taken in the order given.
 *
 * Job k runs in lane k mod n. With one lane it runs in the caller's thread, so
 * that what comes out never depends on how many there are, only when. */
#ifndef LP_LANES_H
#define LP_LANES_H

#include "lp.h"

struct lp_lanes;

/* run(jobs + i * job_size) does the work of lane i; jobs stays the caller's. */
enum lp_status lp_lanes_new(unsigned n, void *jobs, size_t job_size, void (*run)(void *job),
                            struct lp_lanes **out);
void lp_lanes_free(struct lp_lanes *lanes);

/* The job to be filled next, once its last run has ended. */
void *lp_lanes_next(struct lp_lanes *lanes);

/* Runs the job that lp_lanes_next() gave. */
void lp_lanes_start(struct lp_lanes *lanes);

/* Lets it be, and goes on to the next. */
void lp_lanes_pass(struct lp_lanes *lanes);

#endif
