/* form.h - tells what an input is: text, a stream, a blob, or another known format. */
#ifndef SHARED_FORM_H
#define SHARED_FORM_H

#include "shared/find.h"
#include "shared/io.h"

enum form {
    FORM_TEXT,
    FORM_STREAM,
    FORM_BLOB,
    FORM_UNCHECKED, /* a blob without a checksum: text may look like one */
    FORM_UNUSABLE,  /* of a lenient input: what would end the program otherwise, and was said */
};

/* What an input is: what --text or --packed says, else what it looks like.
 *
 * No UTF-8 text begins with a blob's first byte, but other text may. An input that does is
 * read ahead to its end and unpacked: a correct checksum proves that it is a blob. If it cannot
 * be unpacked, it is text where its first bytes are those of another format (UTF-16, UTF-32,
 * .xz, ...). Otherwise, where blobs is set (the command accepts them) or a dictionary or model is
 * missing, this exits with an error that suggests --text; so it does where memory (0: the default)
 * does not allow to unpack it. Anything else is text. */
enum form input_form(const struct tool *tool, struct input *in, struct finder *finder, bool blobs,
                     uint64_t memory);

/* Reads all of a blob into in->data, and returns its size. Exits if it is larger than any blob, or
 * than one whose text may take so much memory (0: the default). */
size_t input_blob(const struct tool *tool, struct input *in, uint64_t memory);

/* Reads the file of --parent, the text that a blob is packed with, for the finder to find. Exits on
 * failure. */
void input_parent(struct finder *finder, const char *path);

/* Exits: the input is text, or a blob without a checksum. The message names the options that
 * decide. */
_Noreturn void form_unsure(const struct tool *tool, const struct input *in, const char *options);

/* Exits when bytes that are neither a stream nor a blob seem to be another format, such as gzip
 * data or UTF-16 text. */
void form_refuse_other(const struct tool *tool, const char *name, const unsigned char *data,
                       size_t n);

#endif
