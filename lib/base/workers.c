#include "base/workers.h"

#include "base/room.h"

#include <pthread.h>
#include <stdlib.h>

enum worker_state { IDLE, BUSY, QUIT };

struct worker {
    bool threaded; /* it has a thread, else its jobs run in the caller's */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum worker_state state;
    const struct lp_workers_calls *calls;
    void *job;
    enum lp_status status; /* of its last run */
    /* For the caller's thread alone. */
    bool started; /* a run whose result is not taken */
    struct lp_room room;
};

struct lp_workers {
    struct lp_workers_calls calls;
    struct worker *worker;
    unsigned n, next;
    uint64_t kept; /* by all */
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (worker->state == IDLE)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (worker->state == QUIT)
            break;
        pthread_mutex_unlock(&worker->lock);
        worker->status = worker->calls->run(worker->job);
        pthread_mutex_lock(&worker->lock);
        if (worker->state == BUSY)
            worker->state = IDLE;
        pthread_cond_signal(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void set_state(struct worker *worker, enum worker_state state)
{
    pthread_mutex_lock(&worker->lock);
    worker->state = state;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void wait_idle(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->state == BUSY)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

/* Gives a worker a thread, if the system has one. */
static bool start_thread(struct worker *worker)
{
    if (pthread_mutex_init(&worker->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&worker->changed, NULL) == 0) {
        if (pthread_create(&worker->thread, NULL, work, worker) == 0)
            return true;
        pthread_cond_destroy(&worker->changed);
    }
    pthread_mutex_destroy(&worker->lock);
    return false;
}

enum lp_status lp_workers_new(unsigned n, void *jobs, size_t job_size,
                              const struct lp_workers_calls *calls, struct lp_workers **out)
{
    *out = NULL;
    struct lp_workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL)
        return LP_NOMEM;
    workers->worker = calloc(n, sizeof *workers->worker);
    if (workers->worker == NULL) {
        free(workers);
        return LP_NOMEM;
    }
    workers->calls = *calls;
    workers->n = n;
    for (unsigned i = 0; i < n; i++) {
        struct worker *worker = &workers->worker[i];
        worker->calls = &workers->calls;
        worker->job = (unsigned char *)jobs + i * job_size;
        worker->threaded = n > 1 && start_thread(worker);
    }
    *out = workers;
    return LP_OK;
}

void lp_workers_free(struct lp_workers *workers)
{
    if (workers == NULL)
        return;
    for (unsigned i = 0; i < workers->n; i++) {
        struct worker *worker = &workers->worker[i];
        if (!worker->threaded)
            continue;
        wait_idle(worker);
        set_state(worker, QUIT);
        pthread_join(worker->thread, NULL);
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
    }
    free(workers->worker);
    free(workers);
}

static enum lp_status take_result(struct lp_workers *workers, struct worker *worker)
{
    if (!worker->started)
        return LP_OK;
    if (worker->threaded)
        wait_idle(worker);
    worker->started = false;
    return workers->calls.done(workers->calls.ctx, worker->job, worker->status);
}

static bool take_room(struct lp_workers *workers, unsigned kind, uint64_t need)
{
    struct lp_room *room = &workers->worker[workers->next].room;
    const uint64_t others = workers->kept - room->total, memory = workers->calls.memory;
    if (others > 0 && (memory < others || need > memory - others))
        return false;
    if (!lp_room_take(room, kind, need, memory - others))
        return false;
    workers->kept = others + room->total;
    return true;
}

static void forget(struct lp_workers *workers, struct worker *worker)
{
    if (worker->room.total == 0)
        return;
    workers->calls.forget(worker->job);
    workers->kept -= worker->room.total;
    worker->room = (struct lp_room){0};
}

/* Waits for all, and goes on with the first worker, which alone keeps its buffers if they leave
 * room. */
static enum lp_status make_room(struct lp_workers *workers, unsigned kind, uint64_t need)
{
    enum lp_status status = lp_workers_drain(workers);
    if (status != LP_OK)
        return status;
    workers->next = 0;
    for (unsigned i = 1; i < workers->n; i++)
        forget(workers, &workers->worker[i]);
    if (!take_room(workers, kind, need)) {
        forget(workers, &workers->worker[0]);
        take_room(workers, kind, need);
    }
    return LP_OK;
}

static enum lp_status take_next_result(struct lp_workers *workers)
{
    return take_result(workers, &workers->worker[workers->next]);
}

enum lp_status lp_workers_next(struct lp_workers *workers, unsigned kind, uint64_t need, void **job)
{
    const bool counts = workers->calls.forget != NULL;
    enum lp_status status = take_next_result(workers);
    bool taken = status != LP_OK || !counts || take_room(workers, kind, need);
    if (!taken && workers->worker[workers->next].room.total == 0) { /* no room for one more */
        workers->next = 0;
        status = take_next_result(workers);
        taken = status != LP_OK || take_room(workers, kind, need);
    }
    if (!taken)
        status = make_room(workers, kind, need);
    *job = workers->worker[workers->next].job;
    return status;
}

enum lp_status lp_workers_start(struct lp_workers *workers)
{
    struct worker *worker = &workers->worker[workers->next];
    workers->next = (workers->next + 1) % workers->n;
    worker->started = true;
    if (worker->threaded) {
        set_state(worker, BUSY);
        return LP_OK;
    }
    worker->status = worker->calls->run(worker->job);
    return workers->n == 1 ? take_result(workers, worker) : LP_OK;
}

enum lp_status lp_workers_drain(struct lp_workers *workers)
{
    enum lp_status status = LP_OK;
    for (unsigned i = 0; status == LP_OK && i < workers->n; i++)
        status = take_result(workers, &workers->worker[(workers->next + i) % workers->n]);
    return status;
}

/* --- Turns ------------------------------------------------------------------------ */

bool lp_turn_init(struct lp_turn *turn)
{
    turn->now = 0;
    if (pthread_mutex_init(&turn->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&turn->passed, NULL) == 0)
        return true;
    pthread_mutex_destroy(&turn->lock);
    return false;
}

void lp_turn_free(struct lp_turn *turn)
{
    pthread_cond_destroy(&turn->passed);
    pthread_mutex_destroy(&turn->lock);
}

void lp_turn_take(struct lp_turn *turn, uint64_t number)
{
    pthread_mutex_lock(&turn->lock);
    while (turn->now != number)
        pthread_cond_wait(&turn->passed, &turn->lock);
    pthread_mutex_unlock(&turn->lock);
}

void lp_turn_pass(struct lp_turn *turn)
{
    pthread_mutex_lock(&turn->lock);
    turn->now++;
    pthread_cond_broadcast(&turn->passed);
    pthread_mutex_unlock(&turn->lock);
}
