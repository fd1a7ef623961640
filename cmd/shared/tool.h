/* tool.h - what the commands share: messages, input and output, finding
 * vocabularies, dictionaries and models, number options. One program at a time. */
#ifndef SHARED_TOOL_H
#define SHARED_TOOL_H

#include <lp.h>

#include <getopt.h>
#include <stdio.h>

enum exit_code { EXIT_OK = 0, EXIT_IO = 1, EXIT_USAGE = 2, EXIT_DATA = 3 };

/* What input is taken for: what it looks like, or what an option says. */
enum take { TAKE_AS_IT_LOOKS, TAKE_TEXT, TAKE_PACKED };

struct tool {
    char *name; /* the program's, for messages */
    const char *help;
    const char *output; /* -o; NULL: standard output */
    bool force, quiet;  /* -f, -q */
    enum take take;     /* --text, of commands that have it */
    bool adapts;        /* -o may name the file of -D */
    char **files;       /* the operands, NULL-terminated; standard input when there are none */
    const char *hint;   /* ends each message; NULL: none */
    const char *vocab;  /* the vocabulary in use, for messages; NULL: see need */
};

/* Makes sure that file descriptors 0 to 2 are open. */
void tool_start(const struct tool *tool);

/* Messages: "NAME: ...". tool_die() exits with code; an unfinished output file
 * goes, unfinished standard output ends. tool_usage() exits with 2, and says where
 * help is. */
void tool_warn(const struct tool *tool, const char *format, ...);
_Noreturn void tool_die(const struct tool *tool, int code, const char *format, ...);
_Noreturn void tool_usage(const struct tool *tool, const char *format, ...);

/* The end of a noun after a count: "record%s". */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* The exit code of a status. */
int tool_code(enum lp_status status);

/* The next option, -1 after the last, as getopt_long() has them. It takes care of the
 * options that all commands have, and of --text; it names an unknown one and exits. */
int tool_option(struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options);

enum { TOOL_TEXT = 512 }; /* what getopt_long() returns for TOOL_TEXT_OPTION */
#define TOOL_TEXT_OPTION                                                                           \
    {                                                                                              \
        "text", no_argument, NULL, TOOL_TEXT                                                       \
    }
#define TOOL_LETTERS "o:fqhV"
/* clang-format off */
#define TOOL_LONG_OPTIONS                        \
    {"output", required_argument, NULL, 'o'},    \
    {"force", no_argument, NULL, 'f'},           \
    {"quiet", no_argument, NULL, 'q'},           \
    {"help", no_argument, NULL, 'h'},            \
    {"version", no_argument, NULL, 'V'},         \
    {NULL, 0, NULL, 0}
/* clang-format on */

/* A whole number from min to max, else a usage error that names the option. */
long tool_number(const struct tool *tool, const char *option, const char *text, long min, long max);

/* A size with an optional K, M or G (powers of 1024), from min to max. */
uint64_t tool_size(const struct tool *tool, const char *option, const char *text, uint64_t min,
                   uint64_t max);

/* --- Input ------------------------------------------------------------------- */

/* One open input; name is for messages. */
struct input {
    int fd;
    const char *name;
    bool regular;        /* it can be read at any offset */
    unsigned char *data; /* a buffer of size bytes, TOOL_BUFFER at least */
    size_t size;
    size_t peeked; /* bytes at data's start that were read ahead */
};

enum { TOOL_BUFFER = 64 << 10 }; /* what is read stays near: twice that is a tenth slower */

/* Opens FILE, or standard input for "-" or NULL. Exits on failure, and when the
 * input is a terminal, unless forced. */
void input_open(const struct tool *tool, struct input *in, const char *file);
void input_close(struct input *in);
/* Opens the i-th of the files, or standard input alone when there are none; false
 * after the last. */
bool input_next(const struct tool *tool, struct input *in, char **files, size_t i);
/* Reads ahead until there are n bytes or the input ends, so that its form is known; returns
 * how many there are, which may be more. */
size_t input_peek(const struct tool *tool, struct input *in, size_t n);
/* Reads some bytes to in->data; 0 at the end. */
size_t input_read(const struct tool *tool, struct input *in);
/* Reads all there is, at most limit bytes, into *data (to be freed). */
size_t input_all(const struct tool *tool, struct input *in, size_t limit, unsigned char **data);

/* --- Output ------------------------------------------------------------------ */

/* Standard output, or a file that takes its name only once all is written. */
struct output {
    const struct tool *tool;
    int fd;
    const char *name;
    char *temporary; /* NULL for standard output */
    uint64_t written;
    unsigned char *data; /* a buffer */
    size_t used;
    bool direct;                  /* no buffering: each write goes out at once */
    struct output *volatile next; /* of those that are not yet whole */
};

/* Exits when binary output would go to a terminal, unless forced; and when an operand, or
 * standard input, is the file to be written. */
void output_open(const struct tool *tool, struct output *out, const char *file, bool binary);
/* An lp_sink: ctx is the output. Exits when it cannot write; on a closed pipe
 * silently, as filters do. */
enum lp_status output_sink(void *ctx, const void *data, size_t n);
/* The same with a format; at most 1,023 bytes. */
void output_print(struct output *out, const char *format, ...);
/* Sends out what is buffered. */
void output_flush(struct output *out);
/* Writes the rest, to disk for a file, and gives the file its name. */
void output_close(struct output *out);

/* --- Vocabularies, dictionaries, models ----------------------------------------- */

/* Opens the vocabulary that an encoding's or model's name means. Exits with a
 * message that says where it looked. */
struct lp_vocab *tool_vocab(const struct tool *tool, const char *name);

/* An lp_finder and its context: what has been opened so far, each in a member of
 * its own lp_found. */
struct finder {
    const struct tool *tool;
    struct lp_found *opened;
    size_t nopened;
};
enum lp_status tool_find(void *ctx, const struct lp_need *need, struct lp_found *found);
void finder_close(struct finder *finder);

/* Opens the file of -D, a model or else a dictionary, for the finder to find first
 * and to close. Exits on failure. */
struct lp_found finder_open(struct finder *finder, const char *path);

/* The user's directory of models and dictionaries, made where it is not there:
 * FINGERPRINT.lpm or FINGERPRINT.dict in it (16 hexadecimal digits) is found by
 * tool_find(). Exits on failure. */
const char *tool_install_dir(const struct tool *tool, char *buffer, size_t size);

/* Says what went wrong with a stream or blob, and exits. need is wanted when
 * something was not found or is damaged, else it may be NULL. */
_Noreturn void tool_fail(const struct tool *tool, const char *name, enum lp_status status,
                         uint64_t offset, const struct lp_need *need);

/* Fails unless status is LP_OK. */
void tool_check(const struct tool *tool, const char *name, enum lp_status status);

#endif
