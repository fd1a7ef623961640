/* recode.h - what lpzstd and lpmix share: a stream or blob in, the same with a
 * further stage out. */
#ifndef SHARED_RECODE_H
#define SHARED_RECODE_H

#include "shared/form.h"

/* Streams on their way through a stage, input after input. */
struct recode {
    const struct lp_options *options;
    struct finder *finder;
    struct output *out;
    struct lp_recoder *stage; /* NULL before the first input */
    uint64_t before;          /* bytes of the inputs before */
};

/* Writes the stream of an input, but for its end. Exits on failure. */
void recode_stream(struct recode *r, struct input *in);
/* Writes the end: nothing failed. */
void recode_finish(struct recode *r);

/* Writes an input, a blob or a stream of one record, as a blob with the stage of options.
 * Exits on failure. */
void restage_to_blob(const struct lp_options *options, struct finder *finder, struct input *in,
                     enum form form, struct output *out);

/* Exits: an input is a blob, and a stream was asked for. */
_Noreturn void restage_no_blob(const struct tool *tool, const struct input *in);

#endif
