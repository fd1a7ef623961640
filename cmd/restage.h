/* restage.h - what lpzstd and lpmix share: a stream or blob in, the same with a
 * further stage out. */
#ifndef RESTAGE_H
#define RESTAGE_H

#include "tool.h"

/* Whether an input begins as a stream. */
bool input_is_stream(const struct tool *tool, struct input *in);

/* Writes the stream of an input with the stage of options. Exits on failure. */
void restage_stream(const struct lp_options *options, struct finder *finder, struct input *in,
                    struct output *out);

/* Writes the blob of n bytes with the stage of options. Exits on failure. */
void restage_blob(const struct lp_options *options, struct finder *finder, const char *name,
                  const unsigned char *data, size_t n, struct output *out);

#endif
