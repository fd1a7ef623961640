/* tool.h - what the commands share: messages, exit codes, options. One program at a time. */
#ifndef SHARED_TOOL_H
#define SHARED_TOOL_H

#include <lp.h>

#include <getopt.h>
#include <stdio.h>

enum exit_code { EXIT_OK = 0, EXIT_IO = 1, EXIT_USAGE = 2, EXIT_DATA = 3 };

/* What input is taken for: what it looks like, or what an option says. */
enum take { TAKE_AS_IT_LOOKS, TAKE_TEXT, TAKE_PACKED };

/* What the bytes written are of those read. */
enum flow { FLOW_OTHER, FLOW_PACKS, FLOW_UNPACKS };

/* How far a command is, see progress.h. */
struct progress {
    const struct tool *tool;
    const char *what;     /* NULL: bytes are counted */
    enum flow flow;       /* set by a command that has a ratio to show */
    uint64_t done, total; /* done / total is shown; total 0: unknown */
    uint64_t written;     /* bytes */
    double start, last;   /* seconds_now(); last: of the last line, 0 before the first */
    bool wanted;          /* on a terminal and without -q */
};

struct tool {
    char *name; /* the program's, for messages */
    const char *help;
    const char *output; /* -o; NULL: standard output */
    bool force, quiet;  /* -f, -q */
    bool verbose;       /* -v, of commands that have it */
    enum take take;     /* --text, of commands that have it */
    bool takes_packed;  /* it has --packed */
    bool adapts;        /* -o may name the file of -D */
    bool keeps_time;    /* what -o writes is its input in another form, as old as that */
    char **files;       /* the operands, NULL-terminated; standard input when there are none */
    const char *hint;   /* ends each message; NULL: none */
    FILE *spool;        /* see input_spool() */
    const char *vocab;  /* the vocabulary in use, for messages; NULL: see need */
    int failure;        /* the exit code of every failure; 0: as enum exit_code has it */
    struct progress *progress; /* what is read and written is counted there; NULL: it is not */
};

/* Makes sure that file descriptors 0 to 2 are open, and has SIGXFSZ ignored. */
void tool_start(const struct tool *tool);

/* Writes n bytes to a descriptor. False where that fails; errno says why. */
bool write_whole(int fd, const void *data, size_t n);

/* Messages to standard error. That it is closed changes nothing else. tool_print() writes at most
 * 255 bytes as they are. The others write one line, "NAME: ...", with control characters escaped.
 * tool_die() exits with code; see io.h for outputs. tool_usage() exits with 2, and says where help
 * is. */
void tool_print(const char *format, ...);
void tool_warn(const struct tool *tool, const char *format, ...);
void tool_ask(const struct tool *tool, const char *format, ...); /* without the end of the line */
_Noreturn void tool_die(const struct tool *tool, int code, const char *format, ...);
_Noreturn void tool_usage(const struct tool *tool, const char *format, ...);
/* realloc() to n elements of size bytes. Exits without memory. */
void *tool_realloc(const struct tool *tool, void *p, size_t n, size_t size);

/* The end of a noun after a count: "record%s". */
static inline const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Exits after a failure. */
_Noreturn void tool_exit(const struct tool *tool, int code);

/* The exit code of a status. */
int tool_code(enum lp_status status);

/* The next option, -1 after the last, as getopt_long() has them. It takes care of the
 * options that all commands have, of --text and -v; it names an unknown one and exits. */
int tool_option(struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options);

/* The same for a command whose letters are not those of the others: --help, -V and --text only. */
int tool_own_option(struct tool *tool, int argc, char **argv, const char *letters,
                    const struct option *options);

/* What getopt_long() returns for options without a letter, and for --help of tool_own_option(). */
enum { TOOL_TEXT = 512, TOOL_HELP, TOOL_NO_VERIFY };
/* clang-format off */
#define TOOL_TEXT_OPTION {"text", no_argument, NULL, TOOL_TEXT}
#define TOOL_VERBOSE_OPTION {"verbose", no_argument, NULL, 'v'}
#define TOOL_THREADS_OPTION {"threads", required_argument, NULL, 'T'}
#define TOOL_MEMORY_OPTION {"memory", required_argument, NULL, 'M'}
#define TOOL_BLOCK_OPTION {"block-size", required_argument, NULL, 'B'}
#define TOOL_NO_VERIFY_OPTION {"no-verify", no_argument, NULL, TOOL_NO_VERIFY}
#define TOOL_LETTERS "o:fqhV"
#define TOOL_LONG_OPTIONS                        \
    {"output", required_argument, NULL, 'o'},    \
    {"force", no_argument, NULL, 'f'},           \
    {"quiet", no_argument, NULL, 'q'},           \
    {"help", no_argument, NULL, 'h'},            \
    {"version", no_argument, NULL, 'V'},         \
    {NULL, 0, NULL, 0}
/* clang-format on */

/* Removes the levels -1 to -22 of zstd(1) from argv, as getopt would take -10 for -1 -0; but leaves
 * the arguments of options. Returns the new argc. */
int tool_levels(const struct tool *tool, int argc, char **argv, const char *letters,
                const struct option *options, int *level);

/* The argument of -T: a number of threads, 0 for that of the processors. */
unsigned tool_threads(const struct tool *tool, const char *text);
/* The argument of -M. */
uint64_t tool_memory(const struct tool *tool, const char *text);
/* Takes an option that packers have in common: -T, -M, -B or --no-verify. False: it is another. */
bool tool_packing_option(const struct tool *tool, int c, struct lp_options *lp);

/* A whole number from min to max, else a usage error that names the option. */
long tool_number(const struct tool *tool, const char *option, const char *text, long min, long max);

/* A size with an optional K, M or G (powers of 1024), from min to max. */
uint64_t tool_size(const struct tool *tool, const char *option, const char *text, uint64_t min,
                   uint64_t max);
/* Writes a size as one types it, such as 64K, and returns text. */
char *tool_typed_size(char *text, size_t room, uint64_t n);

/* Writes what went wrong with a stream or blob, and what to do about it. need is wanted when
 * something was not found or is damaged, else it may be NULL. */
void tool_explain(const struct tool *tool, char *text, size_t size, enum lp_status status,
                  const struct lp_need *need);

/* Says it, with the name of the input, and returns the exit code. tool_fail() also exits. */
int tool_tell(const struct tool *tool, const char *name, enum lp_status status, uint64_t offset,
              const struct lp_need *need);
_Noreturn void tool_fail(const struct tool *tool, const char *name, enum lp_status status,
                         uint64_t offset, const struct lp_need *need);

/* Fails unless status is LP_OK. */
void tool_check(const struct tool *tool, const char *name, enum lp_status status);

#endif
