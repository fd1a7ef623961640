/* workers.h - an in-order worker pool.
 *
 * Jobs run in threads; their results are taken in the order in which the jobs were started, so
 * the output does not depend on the number of workers. Workers take turns, unless memory allows
 * fewer jobs at once than there are workers; a single worker runs in the caller's thread, and so
 * does one for which the system has no thread. */
#ifndef LP_BASE_WORKERS_H
#define LP_BASE_WORKERS_H

#include "lp.h"

#include <pthread.h>

struct lp_workers;

struct lp_workers_calls {
    enum lp_status (*run)(void *job); /* does a job, in the worker's thread */
    /* Takes the result of a job, in the caller's thread. status is what run() returned. Its own
     * status is what lp_workers_next(), lp_workers_start() or lp_workers_drain() returns. */
    enum lp_status (*done)(void *ctx, void *job, enum lp_status status);
    void *ctx;
    /* Frees what a job keeps for its next run, in the caller's thread. NULL: jobs keep little. */
    void (*forget)(void *job);
    uint64_t memory; /* with forget: the most that all jobs together may keep and need */
};

/* Worker i of n works on the job at jobs + i * job_size. The array stays the caller's. */
enum lp_status lp_workers_new(unsigned n, void *jobs, size_t job_size,
                              const struct lp_workers_calls *calls, struct lp_workers **out);

/* Waits for the jobs that are running and discards their results. */
void lp_workers_free(struct lp_workers *workers);

/* The job to fill next, once the result of its last run is taken. It is going to need so much
 * memory, for a use of that kind (room.h). If there is not so much left beside the others, waits
 * for these; a job that needs all memory, or more, runs alone. */
enum lp_status lp_workers_next(struct lp_workers *workers, unsigned kind, uint64_t need,
                               void **job);

/* Runs the job that lp_workers_next() gave. A single worker's result is taken at once. */
enum lp_status lp_workers_start(struct lp_workers *workers);

/* Takes all results that are left, up to the first that fails. */
enum lp_status lp_workers_drain(struct lp_workers *workers);

/* A part of their work that jobs do one after the other, in the order of their numbers 0, 1, 2, ...
 * in which they are started. Each job takes its turn, whatever happened to it, and passes it. */
struct lp_turn {
    pthread_mutex_t lock;
    pthread_cond_t passed;
    uint64_t now;
};

bool lp_turn_init(struct lp_turn *turn);
void lp_turn_free(struct lp_turn *turn);
void lp_turn_take(struct lp_turn *turn, uint64_t number);
void lp_turn_pass(struct lp_turn *turn);

#endif
