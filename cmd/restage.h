/* restage.h - what lpzstd and lpmix share: a stream or blob in, the same with a
 * further stage out. */
#ifndef RESTAGE_H
#define RESTAGE_H

#include "tool.h"

/* Whether an input begins as a stream. */
bool input_is_stream(const struct tool *tool, struct input *in);

/* Streams on their way through a stage, input after input. */
struct restage {
    const struct lp_options *options;
    struct finder *finder;
    struct output *out;
    struct lp_stage *stage; /* NULL before the first input */
    uint64_t before;        /* bytes of the inputs before */
};

/* Writes the stream of an input, but for its end. Exits on failure. */
void restage_stream(struct restage *r, struct input *in);
/* Writes the end: nothing failed. */
void restage_finish(struct restage *r);

/* Writes the blob of n bytes with the stage of options. Exits on failure. */
void restage_blob(const struct lp_options *options, struct finder *finder, const char *name,
                  const unsigned char *data, size_t n, struct output *out);

#endif
