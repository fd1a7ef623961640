#include "lanes.h"

#include <pthread.h>
#include <stdlib.h>

enum lane_state { IDLE, BUSY, QUIT };

struct lane {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum lane_state state;
    void (*run)(void *job);
    void *job;
};

struct lp_lanes {
    struct lane *lane;
    unsigned n, next;
    bool threaded;
};

static void *work(void *arg)
{
    struct lane *lane = arg;
    pthread_mutex_lock(&lane->lock);
    for (;;) {
        while (lane->state == IDLE)
            pthread_cond_wait(&lane->changed, &lane->lock);
        if (lane->state == QUIT)
            break;
        pthread_mutex_unlock(&lane->lock);
        lane->run(lane->job);
        pthread_mutex_lock(&lane->lock);
        if (lane->state == BUSY)
            lane->state = IDLE;
        pthread_cond_signal(&lane->changed);
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static void set_state(struct lane *lane, enum lane_state state)
{
    pthread_mutex_lock(&lane->lock);
    lane->state = state;
    pthread_cond_signal(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static void wait_idle(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    while (lane->state == BUSY)
        pthread_cond_wait(&lane->changed, &lane->lock);
    pthread_mutex_unlock(&lane->lock);
}

static bool lane_start(struct lane *lane)
{
    if (pthread_mutex_init(&lane->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&lane->changed, NULL) == 0) {
        if (pthread_create(&lane->thread, NULL, work, lane) == 0)
            return true;
        pthread_cond_destroy(&lane->changed);
    }
    pthread_mutex_destroy(&lane->lock);
    return false;
}

enum lp_status lp_lanes_new(unsigned n, void *jobs, size_t job_size, void (*run)(void *job),
                            struct lp_lanes **out)
{
    *out = NULL;
    struct lp_lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL)
        return LP_NOMEM;
    lanes->lane = calloc(n, sizeof *lanes->lane);
    if (lanes->lane == NULL) {
        free(lanes);
        return LP_NOMEM;
    }
    lanes->threaded = n > 1;
    for (; lanes->n < n; lanes->n++) {
        struct lane *lane = &lanes->lane[lanes->n];
        lane->run = run;
        lane->job = (unsigned char *)jobs + lanes->n * job_size;
        if (lanes->threaded && !lane_start(lane)) {
            lp_lanes_free(lanes);
            return LP_NOMEM;
        }
    }
    *out = lanes;
    return LP_OK;
}

void lp_lanes_free(struct lp_lanes *lanes)
{
    if (lanes == NULL)
        return;
    for (unsigned i = 0; lanes->threaded && i < lanes->n; i++) {
        struct lane *lane = &lanes->lane[i];
        wait_idle(lane);
        set_state(lane, QUIT);
        pthread_join(lane->thread, NULL);
        pthread_cond_destroy(&lane->changed);
        pthread_mutex_destroy(&lane->lock);
    }
    free(lanes->lane);
    free(lanes);
}

void *lp_lanes_next(struct lp_lanes *lanes)
{
    struct lane *lane = &lanes->lane[lanes->next];
    if (lanes->threaded)
        wait_idle(lane);
    return lane->job;
}

void lp_lanes_start(struct lp_lanes *lanes)
{
    struct lane *lane = &lanes->lane[lanes->next];
    lp_lanes_pass(lanes);
    if (lanes->threaded)
        set_state(lane, BUSY);
    else
        lane->run(lane->job);
}

void lp_lanes_pass(struct lp_lanes *lanes)
{
    lanes->next = (lanes->next + 1) % lanes->n;
}
