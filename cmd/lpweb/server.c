#include "lpweb/server.h"

#include "lpweb/page.h"
#include "lpweb/worker.h"
#include "shared/progress.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Time is counted from when a connection is made, as a slow client is never idle. */
#define HEADER_SECONDS 5.0
#define BODY_SECONDS   30.0
#define REPLY_SECONDS  60.0

enum {
    CONNECTIONS_MAX = 450, /* of each address; with select() there are 1,024 descriptors in all */
    CROWD = 200,           /* from then on the oldest that has asked for nothing makes room */
    CONNECTION_MEMORY = 32 << 10,
    LARGE = 1 << 20, /* bytes of a body whose call leaves a slot to others */
    SLOTS_MIN = 2,
    SLOTS_MAX = 16,
};
/* Bodies of all calls at once. */
static const uint64_t bodies_max = (uint64_t)256 << 20;

/* One connection, which has one request. */
struct exchange {
    struct server *server;
    struct exchange *next, *before;
    struct MHD_Connection *connection;
    int fd;
    double deadline;
    enum { HEADER, BODY, QUEUED, WORK, DONE, REPLY, DROPPED } state;
    const struct api *api;
    struct call call;
    unsigned char *body;
    size_t n, size; /* received, expected */
    struct worker worker;
    struct outcome outcome;
};

struct server {
    const struct tool *tool;
    struct finder *finder;
    struct guard guard;
    struct MHD_Daemon *daemons[LISTENERS];
    size_t ndaemons;
    int stop;
    struct exchange *first, *last; /* in the order in which they came */
    size_t nexchanges;
    uint64_t body_bytes;
    unsigned slots, running, running_large;
};

/* --- Replies ------------------------------------------------------------------------- */

static void add_headers(struct MHD_Response *response, const char *type)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
         "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cache-Control", "no-store"},
        {"Connection", "close"},
    };
    MHD_add_response_header(response, "Content-Type", type);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

/* Sends bytes, which the library frees where they are owned. */
static enum MHD_Result reply(struct exchange *e, unsigned code, const char *type, const void *data,
                             size_t n, bool owned)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        n, (void *)(uintptr_t)data, owned ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response == NULL && owned)
        free((void *)(uintptr_t)data);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, type);
    if (code == 405)
        MHD_add_response_header(response, "Allow", e->api != NULL ? "POST" : "GET, HEAD");
    e->state = REPLY;
    e->deadline = seconds_now() + REPLY_SECONDS;
    enum MHD_Result result = MHD_queue_response(e->connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct exchange *e, unsigned code, const char *why)
{
    return reply(e, code, "text/plain; charset=utf-8", why, strlen(why), false);
}

static const char *argument(const struct exchange *e, const char *name)
{
    return MHD_lookup_connection_value(e->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Leads the browser that lpweb has opened to the address with the secret. What opens a browser is
 * seen in the list of processes, so this works once. */
static enum MHD_Result redirect(struct exchange *e, const char *ticket)
{
    struct guard *guard = &e->server->guard;
    char place[SECRET_DIGITS + 8];
    if (guard->ticket[0] == 0 || !guard_same(guard->ticket, ticket))
        return refuse(e, 410,
                      "this has been opened before: use the address that lpweb has printed");
    guard->ticket[0] = 0;
    snprintf(place, sizeof place, "/#k=%s", guard->secret);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, place, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, "text/plain; charset=utf-8");
    MHD_add_response_header(response, "Location", place);
    e->state = REPLY;
    e->deadline = seconds_now() + REPLY_SECONDS;
    enum MHD_Result result = MHD_queue_response(e->connection, 302, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_page(struct exchange *e, const char *path)
{
    const struct page_file *file = page_find(path);
    const char *ticket = argument(e, "open");
    if (file == NULL)
        return refuse(e, 404, "there is no such page");
    if (ticket != NULL)
        return redirect(e, ticket);
    return reply(e, 200, file->type, file->data, file->n, false);
}

/* --- Requests ------------------------------------------------------------------------ */

static const char *header(const struct exchange *e, const char *name)
{
    return MHD_lookup_connection_value(e->connection, MHD_HEADER_KIND, name);
}

static struct headers headers_of(const struct exchange *e, const char *method, const char *path)
{
    return (struct headers){.method = method,
                            .path = path,
                            .host = header(e, "Host"),
                            .origin = header(e, "Origin"),
                            .site = header(e, "Sec-Fetch-Site"),
                            .mode = header(e, "Sec-Fetch-Mode"),
                            .destination = header(e, "Sec-Fetch-Dest"),
                            .secret = header(e, "Lpweb-Key"),
                            .type = header(e, "Content-Type"),
                            .length = header(e, "Content-Length"),
                            .transfer_encoding = header(e, "Transfer-Encoding")};
}

/* The parameters of a call, while they are read. */
struct parameters {
    struct call *call;
    bool bad;
};

static enum MHD_Result set_parameter(void *ctx, enum MHD_ValueKind kind, const char *key,
                                     const char *value)
{
    struct parameters *p = ctx;
    (void)kind;
    p->bad = p->bad || value == NULL || !api_set(p->call, key, value);
    return MHD_YES;
}

/* Makes room for the body of a call that is permitted. */
static enum MHD_Result begin_call(struct exchange *e)
{
    struct server *s = e->server;
    struct parameters parameters = {.call = &e->call};
    const size_t size = (size_t)strtoull(header(e, "Content-Length"), NULL, 10);
    e->call = (struct call){.tool = s->tool, .finder = s->finder};
    api_defaults(&e->call);
    MHD_get_connection_values(e->connection, MHD_GET_ARGUMENT_KIND, set_parameter, &parameters);
    if (parameters.bad || e->call.nbeside > size)
        return refuse(e, 400, "a parameter is unknown or has no such value");
    if (size > bodies_max - s->body_bytes || (e->body = malloc(size + 1)) == NULL)
        return refuse(e, 503, "the server is busy: try again in a moment");
    s->body_bytes += size;
    e->size = size;
    e->state = BODY;
    e->deadline = seconds_now() + BODY_SECONDS;
    return MHD_YES;
}

static enum MHD_Result begin(struct exchange *e, const char *method, const char *path)
{
    const struct headers headers = headers_of(e, method, path);
    e->api = api_find(path);
    const struct refusal refusal = guard_check(&e->server->guard, &headers, e->api != NULL);
    if (refusal.code != 0)
        return refuse(e, refusal.code, refusal.why);
    return e->api != NULL ? begin_call(e) : send_page(e, path);
}

static enum MHD_Result take_body(struct exchange *e, const char *data, size_t *n)
{
    if (*n > e->size - e->n)
        return MHD_NO;
    memcpy(e->body + e->n, data, *n);
    e->n += *n;
    *n = 0;
    return MHD_YES;
}

static enum MHD_Result enqueue(struct exchange *e)
{
    if (e->n != e->size)
        return MHD_NO;
    e->call.beside = e->body;
    e->call.text = e->body + e->call.nbeside;
    e->call.ntext = e->size - e->call.nbeside;
    e->state = QUEUED;
    MHD_suspend_connection(e->connection);
    return MHD_YES;
}

/* Called for the header of a request, for pieces of its body, for its end, and again once it has
 * been resumed. */
static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data, size_t *n,
                              void **state)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *e = info != NULL ? info->socket_context : NULL;
    (void)ctx, (void)version, (void)state;
    if (e == NULL)
        return MHD_NO;
    if (e->state == HEADER)
        return begin(e, method, path);
    if (e->state == BODY)
        return *n > 0 ? take_body(e, data, n) : enqueue(e);
    if (e->state == DONE) {
        struct buffer body = e->outcome.body;
        e->outcome.body = (struct buffer){0};
        return reply(e, e->outcome.code, e->outcome.type, body.v != NULL ? (void *)body.v : "",
                     body.n, body.v != NULL);
    }
    *n = 0; /* the body of a request that has been refused */
    return MHD_YES;
}

/* --- Connections --------------------------------------------------------------------- */

/* Has the library close a connection. */
static void hang_up(const struct exchange *e)
{
    shutdown(e->fd, SHUT_RDWR);
}

static bool may_be_dropped(const struct exchange *e)
{
    return e->state == HEADER || (e->state == REPLY && e->api == NULL);
}

static void make_room(const struct server *s)
{
    struct exchange *e = s->first;
    while (e != NULL && !may_be_dropped(e))
        e = e->next;
    if (e == NULL || s->nexchanges <= CROWD)
        return;
    hang_up(e);
    e->state = DROPPED; /* until the library has seen it */
}

static void release_body(struct exchange *e)
{
    e->server->body_bytes -= e->body != NULL ? e->size : 0;
    free(e->body);
    e->body = NULL;
}

static void finish_work(struct exchange *e)
{
    struct server *s = e->server;
    if (e->state != WORK)
        return;
    s->running--;
    s->running_large -= e->size > LARGE;
    e->state = DONE;
}

static void exchange_open(struct server *s, struct MHD_Connection *connection, void **place)
{
    struct exchange *e = calloc(1, sizeof *e);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (e == NULL || info == NULL) {
        free(e);
        return;
    }
    *e = (struct exchange){.server = s,
                           .before = s->last,
                           .connection = connection,
                           .fd = info->connect_fd,
                           .deadline = seconds_now() + HEADER_SECONDS};
    *(s->last != NULL ? &s->last->next : &s->first) = e;
    s->last = e;
    s->nexchanges++;
    make_room(s);
    *place = e;
}

static void exchange_close(struct exchange *e)
{
    struct server *s = e->server;
    if (e->state == WORK)
        worker_cancel(&e->worker);
    finish_work(e);
    release_body(e);
    free(e->outcome.body.v);
    *(e->before != NULL ? &e->before->next : &s->first) = e->next;
    *(e->next != NULL ? &e->next->before : &s->last) = e->before;
    s->nexchanges--;
    free(e);
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        exchange_open(ctx, connection, place);
    else if (*place != NULL)
        exchange_close(*place);
}

/* --- Calls --------------------------------------------------------------------------- */

/* Has the call answered. */
static void finish(struct exchange *e, struct outcome outcome)
{
    finish_work(e);
    release_body(e);
    e->outcome = outcome;
    e->state = DONE;
    MHD_resume_connection(e->connection);
}

static struct outcome no_process(void)
{
    return (struct outcome){.code = 503, .type = "text/plain; charset=utf-8"};
}

/* Starts the calls for which there is a slot, in the order in which they came. */
static void start_calls(struct server *s)
{
    for (struct exchange *e = s->first; e != NULL && s->running < s->slots; e = e->next) {
        const bool large = e->size > LARGE;
        if (e->state != QUEUED || (large && s->running_large + 1 >= s->slots))
            continue;
        if (!worker_start(&e->worker, e->api, &e->call)) {
            finish(e, no_process());
            continue;
        }
        e->state = WORK;
        s->running++;
        s->running_large += large;
    }
}

/* Whether the client has gone, as typing on makes a call useless. The library has made the socket
 * one that does not block. */
static bool has_gone(const struct exchange *e, const fd_set *set)
{
    char byte;
    return FD_ISSET(e->fd, set) && recv(e->fd, &byte, 1, MSG_PEEK) == 0;
}

static void serve(struct exchange *e, const fd_set *set)
{
    if ((e->state == QUEUED || e->state == WORK) && has_gone(e, set)) {
        if (e->state == WORK)
            worker_cancel(&e->worker);
        finish(e, no_process());
    } else if (e->state == WORK && worker_read(&e->worker, set)) {
        finish(e, worker_take(&e->worker, e->api));
    }
}

static void expire(struct exchange *e, double now)
{
    if (e->state == WORK)
        worker_expire(&e->worker, now);
    else if (e->state != QUEUED && e->state != DONE && now > e->deadline)
        hang_up(e);
}

/* --- The loop ------------------------------------------------------------------------ */

struct watched {
    fd_set read, write, error;
    int max;
};

static void watch(const struct server *s, struct watched *w)
{
    FD_ZERO(&w->read);
    FD_ZERO(&w->write);
    FD_ZERO(&w->error);
    w->max = s->stop;
    FD_SET(s->stop, &w->read);
    for (size_t i = 0; i < s->ndaemons; i++)
        MHD_get_fdset2(s->daemons[i], &w->read, &w->write, &w->error, &w->max, FD_SETSIZE);
    for (const struct exchange *e = s->first; e != NULL; e = e->next) {
        if (e->state == WORK)
            worker_watch(&e->worker, &w->read, &w->max);
        if ((e->state == QUEUED || e->state == WORK) && e->fd < FD_SETSIZE) {
            FD_SET(e->fd, &w->read);
            w->max = e->fd > w->max ? e->fd : w->max;
        }
    }
}

/* How long to wait at most: for ever where there is nobody, else a tick of the clock for what takes
 * too long. NULL for ever. */
static struct timeval *wait_at_most(const struct server *s, struct timeval *time)
{
    MHD_UNSIGNED_LONG_LONG ms, least = 250;
    for (size_t i = 0; i < s->ndaemons; i++) {
        if (MHD_get_timeout(s->daemons[i], &ms) == MHD_YES && ms < least)
            least = ms;
    }
    *time = (struct timeval){.tv_usec = (long)least * 1000};
    return s->first == NULL && least > 0 ? NULL : time;
}

void server_run(struct server *s)
{
    for (;;) {
        struct watched w;
        struct timeval time;
        watch(s, &w);
        if (select(w.max + 1, &w.read, &w.write, &w.error, wait_at_most(s, &time)) < 0) {
            if (errno != EINTR)
                tool_die(s->tool, EXIT_IO, "cannot wait for requests: %s", strerror(errno));
            continue;
        }
        if (FD_ISSET(s->stop, &w.read))
            return;
        for (struct exchange *e = s->first; e != NULL; e = e->next)
            serve(e, &w.read);
        for (size_t i = 0; i < s->ndaemons; i++)
            MHD_run_from_select(s->daemons[i], &w.read, &w.write, &w.error);
        start_calls(s);
        const double now = seconds_now();
        for (struct exchange *e = s->first; e != NULL; e = e->next)
            expire(e, now);
    }
}

/* --- Start and end ------------------------------------------------------------------- */

static unsigned slots(void)
{
    long processors = SLOTS_MIN;
#ifdef _SC_NPROCESSORS_ONLN
    processors = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return processors < SLOTS_MIN   ? SLOTS_MIN
           : processors > SLOTS_MAX ? SLOTS_MAX
                                    : (unsigned)processors;
}

struct server *server_start(const struct tool *tool, struct finder *finder,
                            const struct guard *guard, const struct listeners *listeners, int stop)
{
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    *s = (struct server){
        .tool = tool, .finder = finder, .guard = *guard, .stop = stop, .slots = slots()};
    for (size_t i = 0; i < listeners->n; i++) {
        s->daemons[i] = MHD_start_daemon(
            MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, s, MHD_OPTION_LISTEN_SOCKET,
            listeners->fds[i], MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
        if (s->daemons[i] == NULL)
            tool_die(tool, EXIT_IO, "the HTTP server cannot start");
        s->ndaemons++;
    }
    return s;
}

void server_free(struct server *s)
{
    for (struct exchange *e = s->first; e != NULL; e = e->next) {
        if (e->state == WORK)
            worker_cancel(&e->worker);
        if (e->state == WORK || e->state == QUEUED)
            finish(e, no_process());
    }
    for (size_t i = 0; i < s->ndaemons; i++)
        MHD_stop_daemon(s->daemons[i]);
    free(s);
}
