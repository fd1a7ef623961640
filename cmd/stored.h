/* stored.h - what a stream or a blob is. */
#ifndef STORED_H
#define STORED_H

#include "json.h"
#include "tool.h"

/* One segment of a stream, or a blob. */
struct stored {
    const char *file;
    bool blob;
    enum lp_chain chain;
    enum lp_split split;
    char vocab[33];             /* "" without tokens */
    uint64_t vocab_fingerprint; /* 0 in a blob: its number says which */
    uint64_t dict;              /* 0 none */
    uint64_t nrecords, nblocks, block_limit;
    bool text_known; /* a blob's is not when what it needs is not there */
    uint64_t text_size, size;
    bool checked;
    uint32_t check;
};

struct stored_list {
    struct stored *v;
    size_t n, cap;
};

/* Appends what an input is: the segments of a stream by their headers, indexes
 * and ends; a blob by unpacking it, since nothing else tells its text's size.
 * Exits when it is damaged. */
void stored_read(const struct tool *tool, struct input *in, struct finder *finder,
                 struct stored_list *list);

void stored_table(const struct stored_list *list, struct output *out);
void stored_json(const struct stored_list *list, struct output *out);
void stored_csv(const struct stored_list *list, struct output *out);

#endif
