/* io.h - inputs and outputs of commands. */
#ifndef SHARED_IO_H
#define SHARED_IO_H

#include "shared/replace.h"

/* --- Input ------------------------------------------------------------------- */

/* One open input; name is for messages. */
struct input {
    const struct tool *tool;
    int fd;
    const char *name;
    bool regular;        /* it can be read at any offset, from 0 on */
    unsigned char *data; /* a buffer of size bytes, TOOL_BUFFER at least */
    size_t size;
    size_t peeked; /* bytes at data's start that were read ahead */
    bool lenient;  /* set by the owner: what fails ends this input, not the program, */
    bool failed;   /* and has been said */
};

enum { TOOL_BUFFER = 64 << 10 }; /* what is read stays near: twice that is a tenth slower */

/* Exits when a file, or standard input for "-" or NULL, is the regular file that an output is to
 * be. */
void input_refuse(const struct tool *tool, const char *input, const char *output);
/* Whether what an open descriptor is going to read is all of a regular file. Of standard input
 * others may have read some. */
bool input_is_whole(int fd, const struct stat *st);
/* Opens FILE, or standard input for "-" or NULL. Exits on failure, when the input is a terminal,
 * unless forced, and when it has been written to. */
void input_open(const struct tool *tool, struct input *in, const char *file);
/* As input_open(), but where a file cannot be opened it says so and returns false. */
bool input_try(const struct tool *tool, struct input *in, const char *file);
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

/* Standard output, or a file that takes its name only once all is written. Where the program ends
 * before that, the file goes, and what was written to standard output ends there. */
struct output {
    const struct tool *tool;
    int fd;
    const char *name;        /* for messages */
    struct replacement file; /* of -o */
    bool terminal;
    uint64_t written;
    unsigned char *data; /* a buffer */
    size_t used;
    struct output *next; /* of those that are not yet whole */
};

/* Opens standard output for NULL or "-". A FILE that is not regular is written as it is; one that
 * is a symbolic link leads to the file to replace. Exits when binary output would go to a terminal,
 * unless forced; and when an operand, or standard input, is the file to be written. */
void output_open(const struct tool *tool, struct output *out, const char *file, bool binary);
/* An lp_sink: ctx is the output. Exits when it cannot write; on a closed pipe
 * silently, as filters do. */
enum lp_status output_sink(void *ctx, const void *data, size_t n);
/* The same with a format; at most 1,023 bytes. */
void output_print(struct output *out, const char *format, ...);
/* Writes a name from outside, and blanks up to width bytes. For a terminal, control characters in
 * it are escaped. */
void output_name(struct output *out, const char *name, size_t width);
/* Sends out what is buffered. */
void output_flush(struct output *out);
/* Writes the rest, to disk for a file, and gives the file its name. */
void output_close(struct output *out);

#endif
