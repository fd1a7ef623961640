/* form.h - what an input is: text, a stream or a blob; or something else that its first
 * bytes give away. */
#ifndef SHARED_FORM_H
#define SHARED_FORM_H

#include "shared/find.h"
#include "shared/io.h"

enum form {
    FORM_TEXT,
    FORM_STREAM,
    FORM_BLOB,
    FORM_UNCHECKED, /* a blob without a check: text may look like one */
};

/* What an input is: what --text or --packed says, else what it looks like.
 *
 * A blob's first byte begins no UTF-8 text, but other text. Input that begins with one
 * is read ahead to its end and unpacked, as only a right check tells. Where it cannot be
 * restored, it is text when its first bytes say so (UTF-16, UTF-32, .xz). Else it is an
 * error that names --text where the command was asked for blobs, or where a dictionary or
 * model is missing; and text otherwise. */
enum form input_form(const struct tool *tool, struct input *in, struct finder *finder, bool blobs);

/* Exits: an input is text or a blob without a check, and options say which. */
_Noreturn void form_unsure(const struct tool *tool, const struct input *in, const char *options);

/* Exits when bytes that are no stream and no blob seem to be something else: gzip data,
 * UTF-16 text. */
void form_refuse_other(const struct tool *tool, const char *name, const unsigned char *data,
                       size_t n);

#endif
