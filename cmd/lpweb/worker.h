/* worker.h - runs a call in a process of its own, and collects what that writes.
 *
 * The process can open vocabularies and models, and nothing else: not the network, nor the
 * connections of the server. What it takes over, leaks or crashes is its own. */
#ifndef LPWEB_WORKER_H
#define LPWEB_WORKER_H

#include "lpweb/api.h"
#include "shared/buffer.h"

#include <sys/select.h>
#include <sys/types.h>

struct worker {
    pid_t process;  /* 0: none */
    int out, error; /* to read from; -1: at its end */
    struct buffer answer, message;
    double deadline;
    const char *killed; /* why, or NULL */
};

/* What came of it: an HTTP status, and the bytes to send, which are the answer or one line. */
struct outcome {
    unsigned code;
    const char *type;
    struct buffer body;
};

/* Starts it. False where the system has no process or pipe for it. */
bool worker_start(struct worker *worker, const struct api *api, const struct call *call);

/* Has select() watch it. */
void worker_watch(const struct worker *worker, fd_set *set, int *max);
/* Takes what there is to read. True once it has ended. */
bool worker_read(struct worker *worker, const fd_set *set);
/* Ends one that takes too long. */
void worker_expire(struct worker *worker, double now);
/* Ends it, whatever it does, and releases all it holds. */
void worker_cancel(struct worker *worker);
/* Takes what came of one that has ended. The body is the caller's to free. */
struct outcome worker_take(struct worker *worker, const struct api *api);

#endif
