/* recode.h - what lpzstd and lpmix share: streams and blobs in, more compressed ones out. */
#ifndef SHARED_RECODE_H
#define SHARED_RECODE_H

#include "shared/form.h"

/* Recodes one stream after the other to a single output. The caller zeroes the last two members. */
struct recode {
    const struct lp_options *options;
    struct finder *finder;
    struct output *out;
    struct lp_recoder *recoder; /* NULL before the first input */
    uint64_t before;            /* bytes of the inputs before this one */
};

/* Writes an input's stream, without the end. Exits on failure. */
void recode_stream(struct recode *r, struct input *in);
/* Writes the end, and frees the recoder. Only for when nothing has failed. */
void recode_finish(struct recode *r);

/* Writes an input, a blob or a stream of one record, as a blob. Exits on failure. */
void recode_to_blob(const struct lp_options *options, struct finder *finder, struct input *in,
                    enum form form, struct output *out);

/* What an input of tokens is: a stream, or, where a blob is to be written, one of these. It cannot
 * be text, so bytes that begin as a blob are one. Exits for anything else. */
enum form recode_form(const struct tool *tool, struct input *in, bool to_blob);

/* Exits: an input is a blob, but a stream is to be written. */
_Noreturn void recode_no_blob(const struct tool *tool, const struct input *in);

#endif
