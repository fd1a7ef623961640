#include "lprow/queue.h"

/* The rows from `handed` to `put` wait for a thread, are worked on, or are done and wait for those
 * before them. Beside the longest row of each thread they hold HELD bytes, about: a caller that has
 * put so many waits for the first row, and so does a thread when so many are done. */
enum { ROWS = 16, HELD = 4 << 20 };

struct queue {
    const struct row_job *job;
    queue_take *take;
    void *ctx;
    struct row *rows; /* a ring */
    bool *done;
    size_t nrows;
    struct row_worker *workers;
    pthread_t *threads;
    unsigned nthreads; /* 0: the caller is the only one */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock: */
    size_t put, taken, handed; /* rows so far */
    size_t in, out;            /* bytes of lines that wait, and of rows that are done */
    unsigned nworkers;         /* that have begun */
    bool stop;
};

static bool can_take(const struct queue *q)
{
    return q->taken < q->put && (q->out < HELD || q->taken == q->handed);
}

static void *work(void *ctx)
{
    struct queue *q = ctx;
    pthread_mutex_lock(&q->lock);
    struct row_worker *worker = &q->workers[q->nworkers++];
    for (;;) {
        while (!q->stop && !can_take(q))
            pthread_cond_wait(&q->changed, &q->lock);
        if (q->stop)
            break;
        const size_t i = q->taken++ % q->nrows;
        pthread_mutex_unlock(&q->lock);
        row_do(q->job, worker, &q->rows[i]);
        pthread_mutex_lock(&q->lock);
        q->in -= q->rows[i].line.n;
        q->out += q->rows[i].out.n;
        q->done[i] = true;
        pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* Hands out the first row once it is done. Called with the lock. */
static void hand_out(struct queue *q)
{
    const size_t i = q->handed % q->nrows;
    while (!q->done[i])
        pthread_cond_wait(&q->changed, &q->lock);
    pthread_mutex_unlock(&q->lock);
    q->take(q->ctx, &q->rows[i]);
    pthread_mutex_lock(&q->lock);
    q->out -= q->rows[i].out.n;
    q->done[i] = false;
    q->handed++;
    pthread_cond_broadcast(&q->changed);
}

struct row *queue_row(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->handed < q->put &&
           (q->put - q->handed == q->nrows || q->in >= HELD || q->done[q->handed % q->nrows]))
        hand_out(q);
    pthread_mutex_unlock(&q->lock);
    struct row *row = &q->rows[q->put % q->nrows];
    buffer_reset(&row->line);
    row->too_long = false;
    return row;
}

void queue_put(struct queue *q)
{
    struct row *row = &q->rows[q->put % q->nrows];
    if (q->nthreads == 0) {
        row_do(q->job, q->workers, row);
        q->take(q->ctx, row);
        return;
    }
    pthread_mutex_lock(&q->lock);
    q->in += row->line.n;
    q->put++;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

void queue_drain(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->handed < q->put)
        hand_out(q);
    pthread_mutex_unlock(&q->lock);
}

struct queue *queue_new(const struct row_job *job, unsigned threads, queue_take *take, void *ctx)
{
    struct queue *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    threads = threads > 1 ? threads : 1;
    q->job = job;
    q->take = take;
    q->ctx = ctx;
    q->nrows = threads > 1 ? ROWS * threads : 1;
    q->rows = calloc(q->nrows, sizeof *q->rows);
    q->done = calloc(q->nrows, sizeof *q->done);
    q->workers = calloc(threads, sizeof *q->workers);
    q->threads = calloc(threads, sizeof *q->threads);
    if (q->rows == NULL || q->done == NULL || q->workers == NULL || q->threads == NULL) {
        queue_free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->changed, NULL);
    for (unsigned i = 0; threads > 1 && i < threads; i++) {
        if (pthread_create(&q->threads[i], NULL, work, q) != 0)
            break;
        q->nthreads++;
    }
    return q;
}

void queue_free(struct queue *q)
{
    if (q == NULL)
        return;
    if (q->nthreads > 0) {
        pthread_mutex_lock(&q->lock);
        q->stop = true;
        pthread_cond_broadcast(&q->changed);
        pthread_mutex_unlock(&q->lock);
    }
    for (unsigned i = 0; i < q->nthreads; i++)
        pthread_join(q->threads[i], NULL);
    for (size_t i = 0; q->rows != NULL && i < q->nrows; i++) {
        free(q->rows[i].line.v);
        free(q->rows[i].out.v);
    }
    for (unsigned i = 0; q->workers != NULL && i < (q->nthreads > 0 ? q->nthreads : 1); i++)
        row_worker_free(&q->workers[i]);
    free(q->rows);
    free(q->done);
    free(q->workers);
    free(q->threads);
    free(q);
}
