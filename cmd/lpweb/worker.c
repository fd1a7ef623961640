#include "lpweb/worker.h"

#include "shared/progress.h"
#include "shared/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* 64 MiB take a minute and a half to mix, restore and measure on a slow machine. What a .lp of that
 * size unpacks to can be a hundred times as large: the commands are for that. */
enum { SECONDS_MAX = 300, MESSAGE_MAX = 8 << 10, PIECE = 64 << 10 };
static const size_t answer_max = (size_t)256 << 20;

/* --- In the process ------------------------------------------------------------------ */

/* Nothing of the server stays open: a connection would not end when the server closes it. */
static void leave_server(int out, int error)
{
    const int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(error, STDERR_FILENO) < 0)
        _exit(EXIT_IO);
    for (int fd = STDERR_FILENO + 1; fd < FD_SETSIZE; fd++)
        close(fd);
    signal(SIGINT, SIG_IGN); /* of the terminal: the server ends what it has started */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
}

static void confine(struct finder *finder)
{
    struct sandbox sandbox;
    setrlimit(RLIMIT_CPU, &(struct rlimit){2 * SECONDS_MAX, 2 * SECONDS_MAX});
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* nobody's text is to be left in a file */
    if (sandbox_begin(&sandbox))
        finder_permit(finder, &sandbox);
    sandbox_enter(&sandbox);
}

static _Noreturn void work(const struct api *api, const struct call *call)
{
    struct output out;
    confine(call->finder);
    output_open(call->tool, &out, NULL, false);
    api->answer(call, &out);
    output_close(&out);
    _exit(EXIT_OK);
}

/* --- In the server ------------------------------------------------------------------- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* A pipe whose first end select() can watch, and which does not block. */
static bool open_pipe(int fds[2])
{
    if (pipe(fds) != 0)
        return false;
    if (fds[0] < FD_SETSIZE && fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    close(fds[0]);
    close(fds[1]);
    return false;
}

bool worker_start(struct worker *worker, const struct api *api, const struct call *call)
{
    int out[2], error[2];
    *worker = (struct worker){.out = -1, .error = -1};
    if (!open_pipe(out))
        return false;
    if (!open_pipe(error)) {
        close(out[0]);
        close(out[1]);
        return false;
    }
    worker->process = fork();
    if (worker->process == 0) {
        setpgid(0, 0); /* measuring starts further processes, which end with it */
        leave_server(out[1], error[1]);
        work(api, call);
    }
    if (worker->process > 0)
        setpgid(worker->process, worker->process); /* whoever comes first */
    close(out[1]);
    close(error[1]);
    worker->out = out[0];
    worker->error = error[0];
    worker->deadline = seconds_now() + SECONDS_MAX;
    if (worker->process > 0)
        return true;
    worker->process = 0;
    worker_cancel(worker);
    return false;
}

static void watch(int fd, fd_set *set, int *max)
{
    if (fd < 0)
        return;
    FD_SET(fd, set);
    *max = fd > *max ? fd : *max;
}

void worker_watch(const struct worker *worker, fd_set *set, int *max)
{
    watch(worker->out, set, max);
    watch(worker->error, set, max);
}

static void kill_all(struct worker *worker, const char *why)
{
    if (worker->process > 0)
        kill(-worker->process, SIGKILL);
    worker->killed = worker->killed != NULL ? worker->killed : why;
}

/* Reads what a pipe holds; closes it at its end. */
static void read_pipe(struct worker *worker, int *fd, struct buffer *to, size_t limit)
{
    unsigned char piece[PIECE];
    ssize_t n;
    while (*fd >= 0 && (n = read(*fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0)
            break;
        if ((size_t)n > limit - to->n)
            kill_all(worker, "the answer is too large for a page: use the commands");
        else if (!buffer_add(to, piece, (size_t)n))
            kill_all(worker, "out of memory");
        if (worker->killed != NULL)
            break;
    }
    close_end(fd);
}

bool worker_read(struct worker *worker, const fd_set *set)
{
    if (worker->out >= 0 && FD_ISSET(worker->out, set))
        read_pipe(worker, &worker->out, &worker->answer, answer_max);
    if (worker->error >= 0 && FD_ISSET(worker->error, set))
        read_pipe(worker, &worker->error, &worker->message, MESSAGE_MAX);
    return worker->killed != NULL || (worker->out < 0 && worker->error < 0);
}

void worker_expire(struct worker *worker, double now)
{
    if (worker->process > 0 && now > worker->deadline)
        kill_all(worker, "this takes too long for a page: use the commands");
}

/* Waits for the process, which has ended or been killed, and returns its status. */
static int reap(struct worker *worker)
{
    int status = 0;
    while (worker->process > 0 && waitpid(worker->process, &status, 0) < 0 && errno == EINTR)
        ;
    worker->process = 0;
    close_end(&worker->out);
    close_end(&worker->error);
    return status;
}

static void release(struct buffer *b)
{
    free(b->v);
    *b = (struct buffer){0};
}

void worker_cancel(struct worker *worker)
{
    kill_all(worker, "cancelled");
    reap(worker);
    release(&worker->answer);
    release(&worker->message);
}

/* The HTTP status for an exit code. */
static unsigned code_of(int code)
{
    return code == EXIT_USAGE ? 400 : code == EXIT_DATA ? 422 : 500;
}

/* The last line of what the process has said, after the name of the program. */
static struct buffer reason(const struct buffer *message)
{
    static const char name[] = "lpweb: ", none[] = "the worker has ended without an answer\n";
    struct buffer b = {0};
    size_t end = message->n, begin;
    while (end > 0 && message->v[end - 1] == '\n')
        end--;
    for (begin = end; begin > 0 && message->v[begin - 1] != '\n';)
        begin--;
    if (end - begin > sizeof name && memcmp(message->v + begin, name, sizeof name - 1) == 0)
        begin += sizeof name - 1;
    if (end > begin)
        buffer_add(&b, message->v + begin, end - begin);
    buffer_add(&b, end > begin ? "\n" : none, end > begin ? 1 : sizeof none - 1);
    return b;
}

struct outcome worker_take(struct worker *worker, const struct api *api)
{
    const int status = reap(worker);
    struct outcome outcome = {.code = 200, .type = api->type};
    if (worker->killed == NULL && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OK) {
        outcome.body = worker->answer;
        worker->answer = (struct buffer){0};
    } else {
        outcome.code =
            worker->killed == NULL && WIFEXITED(status) ? code_of(WEXITSTATUS(status)) : 500;
        outcome.type = "text/plain; charset=utf-8";
        if (worker->killed != NULL) {
            outcome.code = 422;
            buffer_add(&outcome.body, worker->killed, strlen(worker->killed));
        } else {
            outcome.body = reason(&worker->message);
        }
    }
    release(&worker->answer);
    release(&worker->message);
    return outcome;
}
