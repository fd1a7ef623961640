/* stored.h - describes the segments of a stream, or a blob, and reads no more than that needs. */
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
    uint64_t vocab_fingerprint; /* 0 in a blob, which has only the encoding's number */
    uint64_t dict, model;       /* fingerprints, 0: none */
    uint64_t nrecords, nblocks, block_limit;
    uint64_t window, nkeys; /* as in struct lp_segment */
    uint64_t text_size, size;
    bool checked; /* has a checksum: only a blob may have none */
    uint32_t check;
};

/* What a blob of size bytes says of itself, and a segment. */
struct stored stored_blob(const char *name, const struct lp_blob_info *info, uint64_t size,
                          uint64_t text_size);
struct stored stored_segment(const char *name, const struct lp_segment *segment);

/* Takes one, which is valid during the call. */
typedef void stored_sink(void *ctx, const struct stored *stored);

struct stored_list {
    const struct tool *tool; /* set by the owner */
    struct stored *v;
    size_t n, cap;
};

/* "text", "text+zstd", "tokens", "tokens+zstd" or "tokens+mix". */
const char *chain_name(enum lp_chain chain);

/* An lp_read_at: ctx is an input. */
enum lp_status input_read_at(void *ctx, uint64_t offset, void *data, size_t n);

/* Opens the temporary file that input_seekable() needs, where an operand is a pipe: for before the
 * sandbox. */
void input_spool(struct tool *tool);
/* Makes an input readable at any offset, and returns its size. A pipe is copied to an unnamed
 * temporary file. Exits on failure. */
uint64_t input_seekable(const struct tool *tool, struct input *in);

/* Hands on the segments of a stream, from their headers, indexes and ends; or a blob, which is
 * unpacked, as only that gives the size of its text. memory limits what that may need, 0: the
 * default. Exits on damage, or when a blob cannot be unpacked. */
void stored_read(const struct tool *tool, struct input *in, struct finder *finder, uint64_t memory,
                 stored_sink *sink, void *ctx);

/* A stored_sink: ctx is a list to append to. Exits when memory is out. */
void stored_add(void *list, const struct stored *stored);

double stored_ratio(const struct stored *stored);

/* Writes one as a JSON object of an array. */
void stored_json_item(struct json *json, const struct stored *stored);

/* Print a list: as text for people, as JSON, as CSV. */
void stored_table(const struct stored_list *list, struct output *out);
void stored_json(const struct stored_list *list, struct output *out);
void stored_csv(const struct stored_list *list, struct output *out);

#endif
