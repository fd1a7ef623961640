#include "shared/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#elif defined(__FreeBSD__) || defined(__NetBSD__) || defined(__DragonFly__)
#include <sys/sysctl.h>
#include <sys/types.h>
#endif

#ifndef LP_DATADIR
#define LP_DATADIR "/usr/local/share"
#endif

/* A closed one is opened the wrong way round, so that its use still fails. */
void tool_start(const struct tool *tool)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_IO);
    }
    (void)tool;
}

/* One line, whatever a file's name holds, and in one piece: other commands of a
 * pipe may be writing too. */
static void message(const struct tool *tool, const char *format, va_list args)
{
    char line[16384];
    size_t n = (size_t)snprintf(line, sizeof line, "%s: ", tool->name);
    vsnprintf(line + n, sizeof line - n - 1, format, args);
    n = strlen(line);
    if (tool->hint != NULL)
        snprintf(line + n, sizeof line - n - 1, "%s", tool->hint);
    for (n = 0; line[n] != 0; n++) {
        if ((unsigned char)line[n] < ' ' || line[n] == 0x7F)
            line[n] = '?';
    }
    line[n] = '\n';
    line[n + 1] = 0;
    fputs(line, stderr);
}

void tool_warn(const struct tool *tool, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(tool, format, args);
    va_end(args);
}

/* The outputs that are not yet whole. */
static struct output *volatile unfinished;

/* When the program fails, a temporary file goes. What is buffered for standard
 * output still goes out, so that the next in a pipe meets a stream cut short and
 * never takes an empty input for the whole. */
static void give_up(struct output *out)
{
    ssize_t done = 1;
    if (out->temporary != NULL)
        unlink(out->temporary);
    else
        for (size_t at = 0; at < out->used && done > 0; at += (size_t)done)
            done = write(out->fd, out->data + at, out->used - at);
}

static void on_signal(int number)
{
    for (struct output *out = unfinished; out != NULL; out = out->next) {
        if (out->temporary != NULL)
            unlink(out->temporary);
    }
    raise(number); /* which stops the program now: SA_RESETHAND */
}

_Noreturn void tool_die(const struct tool *tool, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(tool, format, args);
    va_end(args);
    for (struct output *out = unfinished; out != NULL; out = out->next)
        give_up(out);
    exit(code);
}

_Noreturn void tool_usage(const struct tool *tool, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tool_die(tool, EXIT_USAGE, "%s (try %s --help)", line, tool->name);
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

static void finish_stdout(const struct tool *tool)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0 || close(STDOUT_FILENO) != 0) {
        if (errno == EPIPE)
            exit(EXIT_IO);
        tool_die(tool, EXIT_IO, "standard output: cannot be written: %s", strerror(errno));
    }
}

static _Noreturn void print_help(const struct tool *tool)
{
    fputs(tool->help, stdout);
    finish_stdout(tool);
    exit(EXIT_OK);
}

static _Noreturn void print_version(const struct tool *tool)
{
    printf("%s (lopace) %s\n", tool->name, LP_VERSION_TEXT);
    finish_stdout(tool);
    exit(EXIT_OK);
}

int tool_option(struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options)
{
    argv[0] = tool->name; /* for getopt's own messages */
    for (;;) {
        int c = getopt_long(argc, argv, letters, options, NULL);
        switch (c) {
        case 'o':
            tool->output = optarg;
            break;
        case 'f':
            tool->force = true;
            break;
        case 'q':
            tool->quiet = true;
            break;
        case 'h':
            print_help(tool);
        case 'V':
            print_version(tool);
        case '?':
            exit(EXIT_USAGE);
        case TOOL_TEXT:
            tool->take = TAKE_TEXT;
            break;
        default:
            tool->files = argv + optind;
            return c;
        }
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

uint64_t tool_size(const struct tool *tool, const char *option, const char *text, uint64_t min,
                   uint64_t max)
{
    static const char units[] = "KMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool good = end != text && errno == 0 && text[0] != '-';
    const char *unit = *end != 0 ? strchr(units, *end) : NULL;
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
    if (unit != NULL)
        end++;
    if (!good || *end != 0 || value > max >> shift || value << shift < min)
        tool_usage(tool, "%s: '%s' is not a size from %" PRIu64 " to %" PRIu64 " bytes (K, M, G)",
                   option, text, min, max);
    return (uint64_t)value << shift;
}

/* --- Input ------------------------------------------------------------------- */

/* Whether a path means standard input or output. */
static bool is_standard(const char *file)
{
    return file == NULL || strcmp(file, "-") == 0;
}

void input_open(const struct tool *tool, struct input *in, const char *file)
{
    bool standard = is_standard(file);
    *in = (struct input){.fd = STDIN_FILENO, .name = standard ? "standard input" : file};
    if (!standard) {
        in->fd = open(file, O_RDONLY | O_CLOEXEC);
        if (in->fd < 0)
            tool_die(tool, EXIT_IO, "%s: cannot be opened: %s", file, strerror(errno));
    } else if (!tool->force && isatty(STDIN_FILENO)) {
        tool_usage(tool, "standard input is a terminal: name a file, or use -f to type");
    }
    struct stat st;
    if (fstat(in->fd, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            tool_die(tool, EXIT_IO, "%s: is a directory", in->name);
        in->regular = S_ISREG(st.st_mode);
    }
    in->size = TOOL_BUFFER;
    in->data = malloc(in->size);
    if (in->data == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
}

bool input_next(const struct tool *tool, struct input *in, char **files, size_t i)
{
    if (files[0] == NULL ? i > 0 : files[i] == NULL)
        return false;
    input_open(tool, in, files[0] != NULL ? files[i] : NULL);
    return true;
}

void input_close(struct input *in)
{
    free(in->data);
    if (in->fd != STDIN_FILENO)
        close(in->fd);
}

static size_t read_some(const struct tool *tool, struct input *in, void *data, size_t n)
{
    for (;;) {
        ssize_t got = read(in->fd, data, n);
        if (got >= 0)
            return (size_t)got;
        if (errno != EINTR)
            tool_die(tool, EXIT_IO, "%s: cannot be read: %s", in->name, strerror(errno));
    }
}

size_t input_peek(const struct tool *tool, struct input *in, size_t n)
{
    while (in->peeked < n) {
        if (in->peeked == in->size) {
            unsigned char *p = realloc(in->data, 2 * in->size);
            if (p == NULL)
                tool_die(tool, EXIT_IO, "out of memory");
            in->data = p;
            in->size *= 2;
        }
        size_t got = read_some(tool, in, in->data + in->peeked, in->size - in->peeked);
        if (got == 0)
            break;
        in->peeked += got;
    }
    return in->peeked;
}

size_t input_read(const struct tool *tool, struct input *in)
{
    size_t n = in->peeked;
    in->peeked = 0;
    return n > 0 ? n : read_some(tool, in, in->data, TOOL_BUFFER);
}

size_t input_all(const struct tool *tool, struct input *in, size_t limit, unsigned char **data)
{
    size_t n = 0, cap = 0;
    *data = NULL;
    for (;;) {
        size_t got = input_read(tool, in);
        if (got > limit - n)
            tool_die(tool, EXIT_DATA, "%s: is larger than %zu bytes", in->name, limit);
        if (n + got > cap || *data == NULL) {
            cap = n + got + n / 2 + 1;
            unsigned char *p = realloc(*data, cap);
            if (p == NULL)
                tool_die(tool, EXIT_IO, "out of memory");
            *data = p;
        }
        memcpy(*data + n, in->data, got);
        n += got;
        if (got == 0)
            return n;
    }
}

/* --- Output ------------------------------------------------------------------ */

enum { OUTPUT_BUFFER = 64 << 10 };

/* Exits when an input is the regular file that an output is to be: -o would replace it,
 * and what goes to standard output would be read again. As cat(1) has it, standard output
 * may be a file that the input has been read to the end of. */
static void refuse_input(const struct tool *tool, const char *input, const char *output)
{
    struct stat in, out;
    off_t at = is_standard(input) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0;
    bool standard = is_standard(output);
    if ((is_standard(input) ? fstat(STDIN_FILENO, &in) : stat(input, &in)) != 0 ||
        (standard ? fstat(STDOUT_FILENO, &out) : stat(output, &out)) != 0 ||
        !S_ISREG(out.st_mode) || in.st_dev != out.st_dev || in.st_ino != out.st_ino ||
        (standard && at >= in.st_size))
        return;
    const char *name = is_standard(input) ? "standard input" : input;
    if (!standard)
        tool_usage(tool, "%s: is also the output", name);
    tool_die(tool, EXIT_IO, "%s: is also the output", name);
}

/* The same of all operands, or of standard input where there are none. */
static void refuse_inputs(const struct tool *tool, const char *output)
{
    if (tool->files == NULL)
        return;
    size_t i = 0;
    do
        refuse_input(tool, tool->files[i], output);
    while (tool->files[i] != NULL && tool->files[++i] != NULL);
}

/* A temporary name beside the file's own, so that rename() stays on one disk. */
static void open_temporary(const struct tool *tool, struct output *out)
{
    struct stat st;
    bool exists = stat(out->name, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) { /* a device or pipe is written as it is */
        out->fd = open(out->name, O_WRONLY | O_CLOEXEC);
        if (out->fd < 0)
            tool_die(tool, EXIT_IO, "%s: cannot be opened: %s", out->name, strerror(errno));
        return;
    }
    size_t size = strlen(out->name) + sizeof ".XXXXXX";
    out->temporary = malloc(size);
    if (out->temporary == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    snprintf(out->temporary, size, "%s.XXXXXX", out->name);
    out->fd = mkstemp(out->temporary);
    if (out->fd < 0)
        tool_die(tool, EXIT_IO, "%s: cannot be made: %s", out->name, strerror(errno));
    static const int stops[] = {SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        struct sigaction old, action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(stops[i], &action, NULL);
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(out->fd, exists ? st.st_mode & 0777 : 0666 & ~mask) != 0)
        tool_warn(tool, "%s: its permissions could not be set: %s", out->name, strerror(errno));
}

void output_open(const struct tool *tool, struct output *out, const char *file, bool binary)
{
    *out = (struct output){.tool = tool, .fd = STDOUT_FILENO, .name = "standard output"};
    bool standard = is_standard(file);
    if (standard || file == tool->output)
        refuse_inputs(tool, file);
    if (standard && binary && !tool->force && isatty(STDOUT_FILENO))
        tool_usage(tool, "the output is binary and would go to a terminal: redirect it, use -o, "
                         "or -f to force it");
    out->data = malloc(OUTPUT_BUFFER);
    if (out->data == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    out->next = unfinished;
    unfinished = out;
    if (!standard) {
        out->name = file;
        open_temporary(tool, out);
    }
}

/* A closed pipe needs no words. */
static _Noreturn void die_writing(struct output *out)
{
    out->used = 0;
    if (errno == EPIPE)
        exit(EXIT_IO);
    tool_die(out->tool, EXIT_IO, "%s: cannot be written: %s", out->name, strerror(errno));
}

static void write_all(struct output *out, const unsigned char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(out->fd, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            die_writing(out);
        data += done;
        n -= (size_t)done;
    }
}

void output_flush(struct output *out)
{
    write_all(out, out->data, out->used);
    out->used = 0;
}

enum lp_status output_sink(void *ctx, const void *data, size_t n)
{
    struct output *out = ctx;
    out->written += n;
    if (n > OUTPUT_BUFFER - out->used)
        output_flush(out);
    if (n >= OUTPUT_BUFFER) {
        write_all(out, data, n);
    } else if (n > 0) {
        memcpy(out->data + out->used, data, n);
        out->used += n;
    }
    return LP_OK;
}

void output_print(struct output *out, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output_sink(out, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void output_close(struct output *out)
{
    output_flush(out);
    free(out->data);
    out->data = NULL;
    if (out->temporary != NULL && fsync(out->fd) != 0 && errno != EINVAL)
        die_writing(out);
    if (close(out->fd) != 0)
        die_writing(out);
    if (out->temporary != NULL && rename(out->temporary, out->name) != 0)
        tool_die(out->tool, EXIT_IO, "%s: cannot be put in place: %s", out->name, strerror(errno));
    struct output *volatile *at = &unfinished;
    while (*at != out)
        at = &(*at)->next;
    *at = out->next;
    free(out->temporary);
    out->temporary = NULL;
}

/* --- Vocabularies, dictionaries, models ----------------------------------------- */

/* Directory of the running program's file, without the last slash. */
static bool program_dir(char *path, size_t size)
{
#if defined(__APPLE__)
    uint32_t n = (uint32_t)size;
    char raw[4096], *real;
    uint32_t raw_size = sizeof raw;
    if (_NSGetExecutablePath(raw, &raw_size) != 0 || (real = realpath(raw, NULL)) == NULL)
        return false;
    (void)n;
    snprintf(path, size, "%s", real);
    free(real);
#elif defined(__FreeBSD__) || defined(__DragonFly__)
    int mib[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
    size_t n = size;
    if (sysctl(mib, 4, path, &n, NULL, 0) != 0)
        return false;
#elif defined(__NetBSD__)
    int mib[4] = {CTL_KERN, KERN_PROC_ARGS, -1, KERN_PROC_PATHNAME};
    size_t n = size;
    if (sysctl(mib, 4, path, &n, NULL, 0) != 0)
        return false;
#else
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
#endif
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = 0;
    return true;
}

/* The i-th path of a list with colons between them. Where there are fewer it is
 * NULL, and *i is less by their number. */
static const char *list_item(const char *list, size_t *i, char *buffer, size_t size)
{
    while (list != NULL && *list != 0) {
        size_t n = strcspn(list, ":");
        if (n > 0 && (*i)-- == 0) {
            snprintf(buffer, size, "%.*s", (int)n, list);
            return buffer;
        }
        list += n + (list[n] == ':');
    }
    return NULL;
}

/* Where the toolkit's own files are: in a build tree or an installed tree around
 * the program, and where it was built for. */
static const char *system_dir(size_t i, char *buffer, size_t size)
{
    static const char *const around[] = {"/../vocab", "/../share/lopace"};
    char dir[4000];
    if (i > 2)
        return NULL;
    if (i == 2)
        snprintf(buffer, size, "%s/lopace", LP_DATADIR);
    else
        snprintf(buffer, size, "%s%s", program_dir(dir, sizeof dir) ? dir : "", around[i]);
    return buffer;
}

static const char *user_dir(char *buffer, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data != NULL && data[0] == '/') /* others are to be ignored: XDG Base Directory */
        snprintf(buffer, size, "%s/lopace/models", data);
    else if (home != NULL && *home != 0)
        snprintf(buffer, size, "%s/.local/share/lopace/models", home);
    else
        return NULL;
    return buffer;
}

/* The i-th place where something is looked for, NULL after the last. */
typedef const char *place(size_t i, char *buffer, size_t size);

/* LP_VOCAB_PATH's directories and no others; else the toolkit's. */
static const char *vocab_place(size_t i, char *buffer, size_t size)
{
    const char *path = getenv("LP_VOCAB_PATH");
    if (path != NULL && *path != 0)
        return list_item(path, &i, buffer, size);
    return system_dir(i, buffer, size);
}

/* LP_MODEL_PATH's files and directories, then the user's, then the toolkit's. */
static const char *model_place(size_t i, char *buffer, size_t size)
{
    if (list_item(getenv("LP_MODEL_PATH"), &i, buffer, size) != NULL)
        return buffer;
    if (user_dir(buffer, size) != NULL && i-- == 0)
        return buffer;
    return system_dir(i, buffer, size);
}

static void say_where(place *next, char *list, size_t size)
{
    char path[4096];
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; used < size && next(i, path, sizeof path) != NULL; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i > 0 ? ", " : "", path);
}

/* Opens an encoding's vocabulary wherever it is first found. */
static enum lp_status open_vocab(const char *encoding, struct lp_vocab **vocab)
{
    char dir[4096], path[4300];
    enum lp_status status = LP_NO_VOCAB;
    for (size_t i = 0; status == LP_NO_VOCAB && vocab_place(i, dir, sizeof dir) != NULL; i++) {
        snprintf(path, sizeof path, "%s/%s.lpv", dir, encoding);
        status = lp_vocab_open(path, vocab);
        if (status == LP_IO && (errno == ENOENT || errno == ENOTDIR))
            status = LP_NO_VOCAB;
    }
    /* For tests: the instructions to use. */
    const char *cpu = getenv("LP_CPU");
    if (status == LP_OK && cpu != NULL && lp_vocab_use(*vocab, cpu) != LP_OK) {
        lp_vocab_close(*vocab);
        status = LP_USAGE;
    }
    return status;
}

struct lp_vocab *tool_vocab(const struct tool *tool, const char *name)
{
    const char *encoding = lp_encoding_name(name);
    if (encoding == NULL)
        tool_usage(tool, "-e: unknown encoding or model '%s': lptok --list shows them", name);
    struct lp_vocab *vocab;
    enum lp_status status = open_vocab(encoding, &vocab);
    char where[8192];
    say_where(vocab_place, where, sizeof where);
    if (status == LP_NO_VOCAB)
        tool_die(tool, EXIT_DATA, "vocabulary %s.lpv not found in %s: set LP_VOCAB_PATH", encoding,
                 where);
    if (status != LP_OK)
        tool_die(tool, tool_code(status), "vocabulary %s.lpv: %s", encoding,
                 status == LP_IO ? strerror(errno) : lp_status_text(status));
    return vocab;
}

static void close_found(struct lp_found found)
{
    lp_vocab_close((struct lp_vocab *)(uintptr_t)found.vocab);
    lp_dict_close((struct lp_dict *)(uintptr_t)found.dict);
    lp_model_close((struct lp_model *)(uintptr_t)found.model);
}

void finder_close(struct finder *finder)
{
    for (size_t i = 0; i < finder->nopened; i++)
        close_found(finder->opened[i]);
    free(finder->opened);
}

static void keep(struct finder *finder, struct lp_found found)
{
    struct lp_found *p = realloc(finder->opened, (finder->nopened + 1) * sizeof *p);
    if (p == NULL)
        tool_die(finder->tool, EXIT_IO, "out of memory");
    finder->opened = p;
    finder->opened[finder->nopened++] = found;
}

/* Whether something opened is what is needed. */
static bool meets(const struct lp_found *found, const struct lp_need *need)
{
    uint64_t fingerprint = need->fingerprint;
    switch (need->what) {
    case LP_NEED_VOCAB: /* by name alone: the library says when it is another one */
        return found->vocab != NULL && strcmp(lp_vocab_name(found->vocab), need->name) == 0;
    case LP_NEED_DICT:
        return found->dict != NULL && lp_dict_fingerprint(found->dict) == fingerprint;
    default:
        return found->model != NULL &&
               (fingerprint != 0 ? lp_model_fingerprint(found->model) == fingerprint
                                 : strcmp(lp_model_vocab(found->model), need->name) == 0);
    }
}

/* Opens a file as what is needed. A file whose name promises that must be it. */
static bool open_needed(const struct tool *tool, const char *path, bool promised,
                        const struct lp_need *need, struct lp_found *found)
{
    struct lp_dict *dict = NULL;
    struct lp_model *model = NULL;
    enum lp_status status =
        need->what == LP_NEED_DICT ? lp_dict_open(path, &dict) : lp_model_open(path, &model);
    if (status != LP_OK && promised && !tool->quiet &&
        (status != LP_IO || (errno != ENOENT && errno != ENOTDIR)))
        tool_warn(tool, "%s: cannot be used: %s", path,
                  status == LP_IO ? strerror(errno) : lp_status_text(status));
    *found = (struct lp_found){.dict = dict, .model = model};
    if (status == LP_OK && meets(found, need))
        return true;
    close_found(*found);
    return false;
}

/* Looks for a dictionary or model in all places. */
static bool search(const struct tool *tool, const struct lp_need *need, struct lp_found *found)
{
    const char *suffix = need->what == LP_NEED_DICT ? "dict" : "lpm";
    char where[4096], path[4300];
    for (size_t i = 0; model_place(i, where, sizeof where) != NULL; i++) {
        struct stat st;
        if (stat(where, &st) == 0 && !S_ISDIR(st.st_mode)) {
            if (open_needed(tool, where, false, need, found))
                return true;
            continue;
        }
        snprintf(path, sizeof path, "%s/%016" PRIx64 ".%s", where, need->fingerprint, suffix);
        if (need->fingerprint != 0 && open_needed(tool, path, true, need, found))
            return true;
        snprintf(path, sizeof path, "%s/%s.%s", where, need->name, suffix);
        if (need->what == LP_NEED_MODEL && open_needed(tool, path, true, need, found))
            return true;
    }
    return false;
}

enum lp_status tool_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    struct finder *finder = ctx;
    for (size_t i = 0; i < finder->nopened; i++) {
        if (meets(&finder->opened[i], need)) {
            *found = finder->opened[i];
            return LP_OK;
        }
    }
    if (need->what == LP_NEED_VOCAB) {
        struct lp_vocab *vocab;
        enum lp_status status = open_vocab(need->name, &vocab);
        if (status != LP_OK)
            return status == LP_BAD_VOCAB ? status : LP_NO_VOCAB;
        *found = (struct lp_found){.vocab = vocab};
    } else if (!search(finder->tool, need, found)) {
        return need->what == LP_NEED_DICT ? LP_NO_DICT : LP_NO_MODEL;
    }
    keep(finder, *found);
    return LP_OK;
}

struct lp_found finder_open(struct finder *finder, const char *path)
{
    struct lp_dict *dict = NULL;
    struct lp_model *model;
    if (!finder->tool->adapts)
        refuse_input(finder->tool, path, finder->tool->output);
    enum lp_status status = lp_model_open(path, &model);
    if (status == LP_DATA)
        status = lp_dict_open(path, &dict);
    if (status != LP_OK)
        tool_die(finder->tool, tool_code(status), "%s: cannot be used as a dictionary or model: %s",
                 path, status == LP_IO ? strerror(errno) : lp_status_text(status));
    struct lp_found found = {.dict = dict, .model = model};
    keep(finder, found);
    return found;
}

const char *tool_install_dir(const struct tool *tool, char *buffer, size_t size)
{
    if (user_dir(buffer, size) == NULL)
        tool_die(tool, EXIT_IO, "no place to install to: set HOME or XDG_DATA_HOME");
    for (char *slash = strchr(buffer + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = 0;
        if (mkdir(buffer, 0777) != 0 && errno != EEXIST)
            tool_die(tool, EXIT_IO, "%s: cannot be made: %s", buffer, strerror(errno));
        if (slash == NULL)
            return buffer;
        *slash = '/';
    }
}

_Noreturn void tool_fail(const struct tool *tool, const char *name, enum lp_status status,
                         uint64_t offset, const struct lp_need *need)
{
    char where[8192];
    say_where(status == LP_NO_VOCAB ? vocab_place : model_place, where, sizeof where);
    switch (status) {
    case LP_NO_VOCAB:
        tool_die(tool, EXIT_DATA,
                 "%s: vocabulary %s with fingerprint %016" PRIx64
                 " not found in %s: set LP_VOCAB_PATH",
                 name, need->name, need->fingerprint, where);
    case LP_NO_DICT:
        tool_die(tool, EXIT_DATA,
                 "%s: needs the dictionary with fingerprint %016" PRIx64
                 ", not found in %s: name it with -D, or put it there as %016" PRIx64 ".dict",
                 name, need->fingerprint, where, need->fingerprint);
    case LP_NO_MODEL:
        if (need->fingerprint == 0)
            tool_die(tool, EXIT_DATA,
                     "%s: no model of %s found in %s: train one with lptrain -e %s, and name it "
                     "with -D",
                     name, need->name, where, need->name);
        tool_die(tool, EXIT_DATA,
                 "%s: needs the model of %s with fingerprint %016" PRIx64
                 ", not found in %s: name it with -D, or put it there as %016" PRIx64
                 ".lpm (lptrain --install does)",
                 name, need->name, need->fingerprint, where, need->fingerprint);
    case LP_BAD_MODEL:
        if (need == NULL || need->what != LP_NEED_MODEL)
            tool_die(tool, EXIT_DATA, "%s: %s", name, lp_status_text(status));
        if (need->fingerprint == 0)
            tool_die(tool, EXIT_DATA, "%s: the model of %s is damaged: install it again", name,
                     need->name);
        tool_die(tool, EXIT_DATA,
                 "%s: the model of %s with fingerprint %016" PRIx64 " is damaged: install it again",
                 name, need->name, need->fingerprint);
    case LP_BAD_VOCAB:
        if (tool->vocab != NULL || (need != NULL && need->what != LP_NEED_DICT))
            tool_die(tool, EXIT_DATA, "%s: %s.lpv: %s", name,
                     tool->vocab != NULL ? tool->vocab : need->name, lp_status_text(status));
        tool_die(tool, EXIT_DATA, "%s: %s", name, lp_status_text(status));
    case LP_NOT_LP:
        tool_die(tool, EXIT_DATA, "%s: not a lopace stream or blob", name);
    case LP_LIMIT:
        tool_die(tool, EXIT_DATA, "%s: at byte %" PRIu64 ": %s: raise it with -M", name, offset,
                 lp_status_text(status));
    case LP_VERSION:
        if (need != NULL && need->what == LP_NEED_NEWER)
            tool_die(tool, EXIT_DATA, "%s: at byte %" PRIu64 ": %s: %s %" PRIu64, name, offset,
                     lp_status_text(status), need->name, need->fingerprint);
        /* fall through */
    case LP_DATA:
    case LP_TRUNCATED:
        tool_die(tool, EXIT_DATA, "%s: at byte %" PRIu64 ": %s", name, offset,
                 lp_status_text(status));
    default:
        tool_die(tool, tool_code(status), "%s: %s", name, lp_status_text(status));
    }
}

void tool_check(const struct tool *tool, const char *name, enum lp_status status)
{
    if (status != LP_OK)
        tool_fail(tool, name, status, 0, NULL);
}
