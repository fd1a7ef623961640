/* stored.h - what a stream or a blob is, without more of it read than that needs. */
#ifndef SHARED_STORED_H
#define SHARED_STORED_H

#include "shared/find.h"
#include "shared/json.h"

/* One segment of a stream, or a blob. */
struct stored {
    const char *file;
    bool blob;
    enum lp_chain chain;
    enum lp_split split;
    char vocab[33];             /* "" without tokens */
    uint64_t vocab_fingerprint; /* 0 in a blob, whose number says which */
    uint64_t dict, model;       /* 0 none */
    uint64_t nrecords, nblocks, block_limit;
    uint64_t text_size, size;
    bool checked; /* a blob may have none */
    uint32_t check;
};

struct stored_list {
    struct stored *v;
    size_t n, cap;
};

/* "tokens+zstd", "lines". */
const char *chain_name(enum lp_chain chain);
const char *split_name(enum lp_split split);

/* An lp_read_at: ctx is an input. */
enum lp_status input_read_at(void *ctx, uint64_t offset, void *data, size_t n);

/* The size of an input that can be read at any offset; what comes by a pipe goes
 * to a nameless file first. */
uint64_t input_seekable(const struct tool *tool, struct input *in);

/* Appends what an input is: the segments of a stream by their headers, indexes
 * and ends; a blob by unpacking it, since nothing else tells its text's size.
 * memory bounds what that may need, 0 is the default.
 * Exits when it is damaged or cannot be unpacked. */
void stored_read(const struct tool *tool, struct input *in, struct finder *finder, uint64_t memory,
                 struct stored_list *list);

double stored_ratio(const struct stored *stored);

/* One of them as an object in an array. */
void stored_json_item(struct json *json, const struct stored *stored);

/* Of all that is listed, for people; as JSON; as CSV. */
void stored_table(const struct stored_list *list, struct output *out);
void stored_json(const struct stored_list *list, struct output *out);
void stored_csv(const struct stored_list *list, struct output *out);

#endif
