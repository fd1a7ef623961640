/* lpweb - a page on this machine: what a prompt takes by every method, its tokens and the bits of
 * each; what a packed file holds. */
#include "lpweb/browser.h"
#include "lpweb/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: lpweb [OPTION...]\n"
    "Serve a page on this machine, and open it in the browser: size, speed and tokens of\n"
    "a prompt by every method, and what packed files hold.\n"
    "\n"
    "      --port N          listen on this port, 0 for any (8501, or the next that is free)\n"
    "      --no-browser      only print the address\n"
    "      --bind ADDRESS    listen there, where others can connect (127.0.0.1 and ::1)\n"
    "  -q, --quiet           print no warnings\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum { OPT_PORT = 256, OPT_NO_BROWSER, OPT_BIND };
enum { PORT = 8501, TRIES = 100 };

static const struct option long_options[] = {
    {"port", required_argument, NULL, OPT_PORT},
    {"no-browser", no_argument, NULL, OPT_NO_BROWSER},
    {"bind", required_argument, NULL, OPT_BIND},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

struct options {
    const char *bind;
    long port; /* -1: the usual */
    bool browser;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.port = -1, .browser = true};
    int c;
    while ((c = tool_option(tool, argc, argv, "qhV", long_options)) != -1) {
        switch (c) {
        case OPT_PORT:
            o.port = tool_number(tool, "--port", optarg, 0, 65535);
            break;
        case OPT_NO_BROWSER:
            o.browser = false;
            break;
        case OPT_BIND:
            o.bind = optarg;
            break;
        }
    }
    if (argv[optind] != NULL)
        tool_usage(tool, "takes no file: drop '%s' into the page", argv[optind]);
    return o;
}

/* --- Signals ------------------------------------------------------------------------- */

static int stop_pipe[2];

static void on_signal(int number)
{
    const int error = errno;
    (void)number;
    if (write(stop_pipe[1], "", 1) < 0) {
        /* it is full: the server will stop anyway */
    }
    errno = error;
}

static void catch_signals(const struct tool *tool)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigemptyset(&action.sa_mask);
    if (pipe(stop_pipe) != 0 || fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK) != 0)
        tool_die(tool, EXIT_IO, "pipe: cannot create: %s", strerror(errno));
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL); /* what nohup ignores stays ignored */
    }
    signal(SIGPIPE, SIG_IGN);
}

/* --- Addresses ----------------------------------------------------------------------- */

static void add_host(struct guard *guard, const char *host, unsigned port)
{
    snprintf(guard->hosts[guard->nhosts++], sizeof guard->hosts[0], "%s:%u", host, port);
}

/* The names that a request may give this server. */
static struct guard make_guard(const struct tool *tool, const struct listeners *listeners)
{
    struct guard guard = {.body_max = 2 * (uint64_t)LP_BLOCK_MAX};
    if (!guard_draw(guard.secret) || !guard_draw(guard.ticket))
        tool_die(tool, EXIT_IO, "/dev/urandom: cannot read: %s", strerror(errno));
    for (size_t i = 0; i < listeners->n; i++)
        add_host(&guard, listeners->hosts[i], listeners->port);
    if (listen_is_local(listeners))
        add_host(&guard, "localhost", listeners->port);
    return guard;
}

static void warn_of_bind(const struct tool *tool, const struct listeners *listeners)
{
    if (!listen_is_local(listeners) && !tool->quiet)
        tool_warn(tool,
                  "others can connect to %s: texts, and the secret in the address, cross the "
                  "network unencrypted; an SSH tunnel (ssh -L) is safer",
                  listeners->hosts[0]);
}

static void print_address(const struct tool *tool, const struct guard *guard, struct output *out)
{
    output_open(tool, out, NULL, false);
    output_print(out, "http://%s/#k=%s\n", guard->hosts[0], guard->secret);
    output_flush(out);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lpweb", .help = help};
    tool_start(&tool);
    const struct options o = parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    struct output out;
    char address[160];
    const struct listeners listeners =
        listen_open(&tool, o.bind, o.port < 0 ? PORT : (unsigned)o.port, o.port < 0 ? TRIES : 1);
    struct guard guard = make_guard(&tool, &listeners);
    warn_of_bind(&tool, &listeners);
    finder_vocab(&finder, "cl100k_base"); /* without it nothing works, and this says why */
    catch_signals(&tool);
    snprintf(address, sizeof address, "http://%s/?open=%s", guard.hosts[0], guard.ticket);
    if (!o.browser)
        guard.ticket[0] = 0;
    tool.quiet = true; /* from here on for the calls, which have no progress to show */
    struct server *server = server_start(&tool, &finder, &guard, &listeners, stop_pipe[0]);
    print_address(&tool, &guard, &out);
    if (o.browser)
        browser_open(&tool, address);
    server_run(server);
    server_free(server);
    finder_close(&finder);
    output_close(&out);
    return EXIT_OK;
}
