#include "shared/tool.h"

#include "shared/sandbox.h"
#include "shared/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A closed descriptor is opened the wrong way round, so that its use still fails and no file that
 * is opened later gets its number. Without SIGXFSZ a file that grows too large is an error of
 * write(). */
void tool_start(const struct tool *tool)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_IO);
    }
    signal(SIGXFSZ, SIG_IGN);
    (void)tool;
}

bool write_whole(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* --- Messages ------------------------------------------------------------------------ */

/* Writes to standard error. That nobody reads it changes nothing: a write to a closed pipe must
 * not raise SIGPIPE. */
static void put_error(const char *text, size_t n)
{
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    bool ignored = sigaction(SIGPIPE, &ignore, &old) == 0;
    write_whole(STDERR_FILENO, text, n);
    if (ignored)
        sigaction(SIGPIPE, &old, NULL);
}

void tool_print(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_error(text, strlen(text));
}

/* One line, whatever a file's name holds, and in one piece: other commands of a
 * pipe may be writing too. */
static void message(const struct tool *tool, const char *end, const char *format, va_list args)
{
    static const char clear[] = "\r\033[K"; /* of a line of progress */
    char line[8192], escaped[sizeof clear + ESCAPE * sizeof line + 1];
    const bool shown = tool->progress != NULL && tool->progress->last > 0;
    const size_t at = shown ? sizeof clear - 1 : 0;
    size_t n = (size_t)snprintf(line, sizeof line, "%s: ", tool->name);
    vsnprintf(line + n, sizeof line - n, format, args);
    n = strlen(line);
    if (tool->hint != NULL)
        snprintf(line + n, sizeof line - n, "%s", tool->hint);
    memcpy(escaped, clear, at);
    n = at + utf8_escape(escaped + at, sizeof escaped - 1 - at, line);
    memcpy(escaped + n, end, strlen(end));
    put_error(escaped, n + strlen(end));
}

void tool_warn(const struct tool *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(tool, "\n", format, args);
    va_end(args);
}

void tool_ask(const struct tool *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(tool, " ", format, args);
    va_end(args);
}

_Noreturn void tool_die(const struct tool *tool, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(tool, "\n", format, args);
    va_end(args);
    tool_exit(tool, code);
}

_Noreturn void tool_exit(const struct tool *tool, int code)
{
    exit(tool->failure != 0 ? tool->failure : code);
}

_Noreturn void tool_usage(const struct tool *tool, const char *format, ...)
{
    char line[6000];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tool_die(tool, EXIT_USAGE, "%s (try %s --help)", line, tool->name);
}

void *tool_realloc(const struct tool *tool, void *p, size_t n, size_t size)
{
    p = n > SIZE_MAX / size ? NULL : realloc(p, (n > 0 ? n : 1) * size);
    if (p == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    return p;
}

int tool_code(enum lp_status status)
{
    switch (status) {
    case LP_OK:
        return EXIT_OK;
    case LP_NOMEM:
    case LP_IO:
        return EXIT_IO;
    case LP_USAGE:
        return EXIT_USAGE;
    default:
        return EXIT_DATA;
    }
}

/* --- Options ------------------------------------------------------------------------- */

/* Prints help or the version, and exits. */
static _Noreturn void print(const struct tool *tool, const char *text)
{
    bool good = write_whole(STDOUT_FILENO, text, strlen(text));
    if (good && (close(STDOUT_FILENO) == 0 || errno == EINTR))
        exit(EXIT_OK);
    if (errno == EPIPE)
        tool_exit(tool, EXIT_IO);
    tool_die(tool, EXIT_IO, "standard output: cannot write: %s", strerror(errno));
}

static _Noreturn void print_version(const struct tool *tool)
{
    char sandbox[64], text[256];
    sandbox_describe(sandbox, sizeof sandbox);
    snprintf(text, sizeof text, "%s (lopace) %s\nsandbox: %s\n", tool->name, lp_version(), sandbox);
    print(tool, text);
}

/* Says what is wrong with the option at which getopt_long() has stopped, and exits. Its own
 * messages would show control characters. */
static _Noreturn void refuse_option(const struct tool *tool, char **argv,
                                    const struct option *options)
{
    const char *text = argv[optind - 1];
    int begin = 0;
    if (optopt == 0) {
        for (const struct option *o = options; o->name != NULL; o++)
            begin += strncmp(o->name, text + 2, strcspn(text + 2, "=")) == 0;
        tool_usage(tool, "%s option '%s'", begin > 1 ? "ambiguous" : "unknown", text);
    }
    while (options->name != NULL && options->val != optopt)
        options++;
    if (options->name == NULL)
        tool_usage(tool, "unknown option '-%c'", optopt);
    tool_usage(tool, "option '--%s' %s argument", options->name,
               options->has_arg == no_argument ? "takes no" : "needs an");
}

int tool_own_option(struct tool *tool, int argc, char **argv, const char *letters,
                    const struct option *options)
{
    opterr = 0;
    for (;;) {
        int c = getopt_long(argc, argv, letters, options, NULL);
        switch (c) {
        case TOOL_HELP:
            print(tool, tool->help);
        case 'V':
            print_version(tool);
        case '?':
            refuse_option(tool, argv, options);
        case TOOL_TEXT:
            tool->take = TAKE_TEXT;
            break;
        default:
            tool->files = argv + optind;
            return c;
        }
    }
}

int tool_option(struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options)
{
    for (;;) {
        int c = tool_own_option(tool, argc, argv, letters, options);
        switch (c) {
        case 'o':
            if (*optarg == 0)
                tool_usage(tool, "-o: the name of the file is empty");
            tool->output = optarg;
            break;
        case 'f':
            tool->force = true;
            break;
        case 'q':
            tool->quiet = true;
            break;
        case 'v':
            tool->verbose = true;
            break;
        case 'h':
            print(tool, tool->help);
        default:
            return c;
        }
    }
}

/* Whether the word after a is the argument of an option in it. */
static bool wants_next(const char *a, const char *letters, const struct option *options)
{
    if (a[0] == '-' && a[1] == '-') {
        while (options->name != NULL && (options->has_arg != required_argument || a[2] == 0 ||
                                         strncmp(options->name, a + 2, strlen(a + 2)) != 0))
            options++;
        return options->name != NULL;
    }
    for (size_t i = 1; a[0] == '-' && a[i] != 0; i++) {
        const char *letter = strchr(letters, a[i]);
        if (letter != NULL && letter[1] == ':')
            return a[i + 1] == 0;
    }
    return false;
}

int tool_levels(const struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options, int *level)
{
    int kept = 1;
    bool more = true, argument = false;
    for (int i = 1; i < argc; i++) {
        char *a = argv[i];
        more = more && (argument || strcmp(a, "--") != 0);
        if (more && !argument && a[0] == '-' && a[1] >= '1' && a[1] <= '9' &&
            strspn(a + 1, "0123456789") == strlen(a + 1)) {
            *level = (int)tool_number(tool, "level", a + 1, 1, 22);
            continue;
        }
        argument = more && !argument && wants_next(a, letters, options);
        argv[kept++] = a;
    }
    argv[kept] = NULL;
    return kept;
}

unsigned tool_threads(const struct tool *tool, const char *text)
{
    enum { THREADS_MAX = 256 };
    const long n = tool_number(tool, "-T", text, 0, THREADS_MAX);
    long processors = 1;
#ifdef _SC_NPROCESSORS_ONLN
    processors = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    processors = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : processors;
    return (unsigned)(n > 0 ? n : processors);
}

uint64_t tool_memory(const struct tool *tool, const char *text)
{
    return tool_size(tool, "-M", text, UINT64_C(1) << 16, UINT64_C(1) << 40);
}

bool tool_packing_option(const struct tool *tool, int c, struct lp_options *lp)
{
    switch (c) {
    case 'T':
        lp->threads = tool_threads(tool, optarg);
        return true;
    case 'M':
        lp->memory = tool_memory(tool, optarg);
        return true;
    case 'B':
        lp->block_size = (size_t)tool_size(tool, "-B", optarg, LP_BLOCK_MIN, LP_BLOCK_MAX);
        return true;
    case TOOL_NO_VERIFY:
        lp->unverified = true;
        return true;
    default:
        return false;
    }
}

long tool_number(const struct tool *tool, const char *option, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || errno != 0 || value < min || value > max)
        tool_usage(tool, "%s: '%s' is not a number from %ld to %ld", option, text, min, max);
    return value;
}

static const char size_units[] = "KMG";

char *tool_typed_size(char *text, size_t room, uint64_t n)
{
    size_t unit = 0;
    for (; n > 0 && n % 1024 == 0 && size_units[unit] != 0; unit++)
        n /= 1024;
    snprintf(text, room, "%" PRIu64 "%.*s", n, unit > 0, size_units + unit - (unit > 0));
    return text;
}

uint64_t tool_size(const struct tool *tool, const char *option, const char *text, uint64_t min,
                   uint64_t max)
{
    char *end, least[32], most[32];
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool good = end != text && errno == 0 && text[0] != '-';
    const char *unit = *end != 0 ? strchr(size_units, *end) : NULL;
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - size_units + 1) : 0;
    if (unit != NULL)
        end++;
    if (!good || *end != 0 || value > max >> shift || value << shift < min)
        tool_usage(tool, "%s: '%s' is not a size from %s to %s bytes", option, text,
                   tool_typed_size(least, sizeof least, min),
                   tool_typed_size(most, sizeof most, max));
    return (uint64_t)value << shift;
}

/* Writes what was not found, and where it was looked for. */
static void explain_missing(char *text, size_t size, enum lp_status status,
                            const struct lp_need *need)
{
    struct lp_catalog *catalog = NULL;
    const char *where = "the usual places";
    const uint64_t fingerprint = need->fingerprint;
    if (lp_catalog_default(&catalog) == LP_OK)
        where = lp_catalog_where(catalog, status == LP_NO_VOCAB ? LP_VOCAB_PATH : LP_MODEL_PATH);
    if (status == LP_NO_VOCAB)
        snprintf(text, size,
                 "vocabulary %s with fingerprint %016" PRIx64 " not found in %s: set LP_VOCAB_PATH",
                 need->name, fingerprint, where);
    else if (status == LP_NO_DICT)
        snprintf(text, size,
                 "needs the dictionary with fingerprint %016" PRIx64
                 ", not found in %s: name it with -D, or put it there as %016" PRIx64 ".dict",
                 fingerprint, where, fingerprint);
    else if (status == LP_NO_PARENT)
        snprintf(text, size,
                 "needs the text that it was packed with, whose check is %08" PRIx64
                 ": name it with lpunpack --parent",
                 fingerprint);
    else if (fingerprint == 0)
        snprintf(text, size,
                 "no model of %s found in %s: make the tokens with lptok -e o200k_base or "
                 "cl100k_base, whose models ship with lopace, or train one with lptrain -e %s, and "
                 "name it with -D",
                 need->name, where, need->name);
    else if (lp_model_ships(fingerprint))
        snprintf(text, size,
                 "needs the model of %s with fingerprint %016" PRIx64
                 ", which ships with lopace, not found in %s: install lopace again, or set "
                 "LP_MODEL_PATH",
                 need->name, fingerprint, where);
    else
        snprintf(text, size,
                 "needs the model of %s with fingerprint %016" PRIx64
                 ", not found in %s: name it with -D, or put it there as %016" PRIx64
                 ".lpm (lptrain --install does)",
                 need->name, fingerprint, where, fingerprint);
    lp_catalog_free(catalog);
}

void tool_explain(const struct tool *tool, char *text, size_t size, enum lp_status status,
                  const struct lp_need *need)
{
    const char *sentence = lp_status_text(status);
    const bool model = need != NULL && need->what == LP_NEED_MODEL;
    const char *vocab = need != NULL && need->what != LP_NEED_DICT ? need->name : NULL;
    vocab = tool->vocab != NULL ? tool->vocab : vocab;
    if (status == LP_NO_VOCAB || status == LP_NO_DICT || status == LP_NO_MODEL ||
        status == LP_NO_PARENT)
        explain_missing(text, size, status, need);
    else if (status == LP_BAD_MODEL && model && need->fingerprint == 0)
        snprintf(text, size, "the model of %s is damaged: install it again", need->name);
    else if (status == LP_BAD_MODEL && model)
        snprintf(text, size,
                 "the model of %s with fingerprint %016" PRIx64 " is damaged: install it again",
                 need->name, need->fingerprint);
    else if (status == LP_BAD_VOCAB && vocab != NULL)
        snprintf(text, size, "%s.lpv: %s", vocab, sentence);
    else if (status == LP_VERSION && need != NULL && need->what == LP_NEED_NEWER)
        snprintf(text, size, "%s: %s %" PRIu64, sentence, need->field, need->number);
    else
        snprintf(text, size, "%s", sentence);
}

int tool_tell(const struct tool *tool, const char *name, enum lp_status status, uint64_t offset,
              const struct lp_need *need)
{
    char why[5000];
    tool_explain(tool, why, sizeof why, status, need);
    if (status == LP_LIMIT)
        tool_warn(tool, "%s: at byte %" PRIu64 ": %s: raise it with -M", name, offset, why);
    else if (status == LP_VERSION || status == LP_DATA || status == LP_TRUNCATED)
        tool_warn(tool, "%s: at byte %" PRIu64 ": %s", name, offset, why);
    else
        tool_warn(tool, "%s: %s", name, why);
    return tool_code(status);
}

_Noreturn void tool_fail(const struct tool *tool, const char *name, enum lp_status status,
                         uint64_t offset, const struct lp_need *need)
{
    tool_exit(tool, tool_tell(tool, name, status, offset, need));
}

void tool_check(const struct tool *tool, const char *name, enum lp_status status)
{
    if (status != LP_OK)
        tool_fail(tool, name, status, 0, NULL);
}
