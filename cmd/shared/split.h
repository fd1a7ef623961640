/* split.h - where the records of a text end. */
#ifndef SHARED_SPLIT_H
#define SHARED_SPLIT_H

#include "shared/io.h"

/* "whole", "null" or "lines". */
const char *split_name(enum lp_split split);

/* Takes the next n bytes of a record; with end set the record ends after them. False: no more
 * input is wanted. */
typedef bool split_take(void *ctx, const unsigned char *text, size_t n, bool end);

/* Reads an input and hands its records to take, without separators. Bytes after the last
 * separator are a record too. */
void split_input(const struct tool *tool, struct input *in, enum lp_split split, split_take *take,
                 void *ctx);

#endif
