#include "shared/io.h"

#include "shared/progress.h"
#include "shared/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Input ------------------------------------------------------------------- */

/* Whether a path means standard input or output. */
static bool is_standard(const char *file)
{
    return file == NULL || strcmp(file, "-") == 0;
}

static int open_to_read(const char *file)
{
    int fd;
    do
        fd = open(file, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* The outputs that are not yet whole. */
static struct output *unfinished;

bool input_is_whole(int fd, const struct stat *st)
{
    return S_ISREG(st->st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
}

bool input_try(const struct tool *tool, struct input *in, const char *file)
{
    bool standard = is_standard(file);
    struct stat st;
    *in = (struct input){
        .tool = tool, .fd = STDIN_FILENO, .name = standard ? "standard input" : file};
    if (standard && !tool->force && isatty(STDIN_FILENO))
        tool_usage(tool, "standard input is a terminal: name a file, or use -f to type");
    if (!standard)
        in->fd = open_to_read(file);
    if (in->fd < 0 || fstat(in->fd, &st) != 0) {
        tool_warn(tool, "%s: cannot open: %s", in->name, strerror(errno));
        if (in->fd >= 0)
            input_close(in);
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        tool_warn(tool, "%s: is a directory", in->name);
        input_close(in);
        return false;
    }
    in->regular = input_is_whole(in->fd, &st);
    in->size = TOOL_BUFFER;
    in->data = malloc(in->size);
    if (in->data == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    return true;
}

/* Whether an input has what was written to an output, which it would read again without end. */
static bool is_written(const struct input *in)
{
    struct stat a, b;
    for (const struct output *out = unfinished; out != NULL; out = out->next) {
        if (out->file.temporary == NULL && fstat(in->fd, &a) == 0 && fstat(out->fd, &b) == 0 &&
            S_ISREG(b.st_mode) && same_file(&a, &b) && lseek(in->fd, 0, SEEK_CUR) < a.st_size)
            return true;
    }
    return false;
}

/* An output that is an operand is refused before anything is read, unless it was empty then. */
void input_open(const struct tool *tool, struct input *in, const char *file)
{
    if (!input_try(tool, in, file))
        tool_exit(tool, EXIT_IO);
    if (is_written(in))
        tool_die(tool, EXIT_IO, "%s: is also the output", in->name);
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
        if (got >= 0 && tool->progress != NULL)
            progress_add(tool->progress, (uint64_t)got);
        if (got >= 0)
            return (size_t)got;
        if (errno == EINTR)
            continue;
        if (!in->lenient)
            tool_die(tool, EXIT_IO, "%s: cannot read: %s", in->name, strerror(errno));
        tool_warn(tool, "%s: cannot read: %s", in->name, strerror(errno));
        in->failed = true;
        return 0;
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

/* When the program ends too early, what is buffered for standard output still goes out, so that the
 * next in a pipe meets a stream cut short and never takes an empty input for the whole. */
static void give_up(void)
{
    for (struct output *out = unfinished; out != NULL; out = out->next) {
        if (out->file.temporary == NULL)
            write_whole(out->fd, out->data, out->used);
    }
}

enum { OUTPUT_BUFFER = 64 << 10 };

/* -o would replace the file, and what goes to standard output would be read again. As cat(1) has
 * it, standard output may be a file that the input has been read to the end of. */
void input_refuse(const struct tool *tool, const char *input, const char *output)
{
    struct stat in, out;
    off_t at = is_standard(input) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0;
    bool standard = is_standard(output);
    if ((is_standard(input) ? fstat(STDIN_FILENO, &in) : stat(input, &in)) != 0 ||
        (standard ? fstat(STDOUT_FILENO, &out) : stat(output, &out)) != 0 ||
        !S_ISREG(out.st_mode) || !same_file(&in, &out) || (standard && at >= in.st_size))
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
        input_refuse(tool, tool->files[i], output);
    while (tool->files[i] != NULL && tool->files[++i] != NULL);
}

/* The file that all is read from, NULL where that is not just one. */
static const char *only_operand(const struct tool *tool)
{
    bool one = tool->files != NULL && tool->files[0] != NULL && tool->files[1] == NULL;
    return one && !is_standard(tool->files[0]) ? tool->files[0] : NULL;
}

/* The size of all inputs, 0 where it is not known. */
static uint64_t inputs_size(const struct tool *tool)
{
    struct stat st;
    char *standard[] = {"-", NULL}, **files = tool->files[0] != NULL ? tool->files : standard;
    uint64_t size = 0;
    for (; *files != NULL; files++) {
        if ((is_standard(*files) ? fstat(STDIN_FILENO, &st) : stat(*files, &st)) != 0 ||
            !S_ISREG(st.st_mode))
            return 0;
        size += (uint64_t)st.st_size;
    }
    return size;
}

/* Counts what is read and written from now on. Of the commands of a pipe only the last shows a
 * line, which would not be seen beside output on the terminal. */
static void start_counting(const struct tool *tool, const struct output *out)
{
    struct stat st;
    if (tool->progress == NULL || tool->files == NULL)
        return;
    progress_start_bytes(tool->progress, tool, inputs_size(tool));
    if (out->terminal ||
        (fstat(out->fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))))
        tool->progress->wanted = false;
}

static void stop_counting(struct progress *progress, bool sum_up)
{
    if (progress == NULL || progress->tool == NULL)
        return;
    progress_end(progress);
    if (sum_up)
        progress_sum_up(progress);
}

/* The file is made from this input alone. */
static void take_after(struct replacement *file, const struct stat *st, const char *input)
{
    const int fd = S_ISREG(st->st_mode) ? open(input, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    replace_like(file, st, fd);
    if (fd >= 0)
        close(fd);
}

void output_open(const struct tool *tool, struct output *out, const char *file, bool binary)
{
    struct stat st;
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
    if (unfinished == NULL && atexit(give_up) != 0)
        tool_die(tool, EXIT_IO, "out of memory");
    if (!standard) {
        if (!replace_open(tool, &out->file, file))
            exit(EXIT_IO);
        out->name = file;
        out->fd = out->file.fd;
    }
    if (file == tool->output && only_operand(tool) != NULL && stat(only_operand(tool), &st) == 0)
        take_after(&out->file, &st, only_operand(tool));
    out->terminal = isatty(out->fd);
    out->next = unfinished;
    unfinished = out;
    start_counting(tool, out);
}

/* A closed pipe needs no words. */
static _Noreturn void die_writing(struct output *out)
{
    out->used = 0;
    if (errno == EPIPE)
        tool_exit(out->tool, EXIT_IO);
    tool_die(out->tool, EXIT_IO, "%s: cannot write: %s", out->name, strerror(errno));
}

static void write_all(struct output *out, const void *data, size_t n)
{
    if (!write_whole(out->fd, data, n))
        die_writing(out);
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
    if (out->tool->progress != NULL)
        out->tool->progress->written += n;
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

void output_name(struct output *out, const char *name, size_t width)
{
    size_t n = strlen(name), size = ESCAPE * n + 1;
    char *escaped = out->terminal ? malloc(size) : NULL;
    if (out->terminal && escaped == NULL)
        tool_die(out->tool, EXIT_IO, "out of memory");
    if (escaped != NULL)
        n = utf8_escape(escaped, size, name);
    output_sink(out, escaped != NULL ? escaped : name, n);
    for (; n < width; n++)
        output_sink(out, " ", 1);
    free(escaped);
}

void output_close(struct output *out)
{
    output_flush(out);
    free(out->data);
    out->data = NULL;
    const bool standard = out->fd == STDOUT_FILENO;
    if (!standard && !replace_finish(&out->file))
        exit(EXIT_IO);
    if (standard && close(out->fd) != 0 && errno != EINTR)
        die_writing(out);
    struct output **at = &unfinished;
    while (*at != out)
        at = &(*at)->next;
    *at = out->next;
    stop_counting(out->tool->progress, out->tool->verbose);
}
