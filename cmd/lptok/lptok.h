/* lptok.h - what lptok was asked for, and its modes. */
#ifndef LPTOK_LPTOK_H
#define LPTOK_LPTOK_H

#include "shared/form.h"

/* What comes out. */
enum mode { STREAM, BLOB, LOPACE, IDS, U16, U32, COUNT, SLICE, CHUNKS };

/* How counts and chunks are written. */
enum style { PLAIN, JSON, CSV };

/* A position among the tokens of a record; below 0 it counts from their end. */
struct range {
    int64_t from, to; /* to INT64_MAX: the end */
};

struct options {
    const char *encoding;
    enum mode mode;
    enum style style;
    struct lp_options lp;
    bool list;
    bool decode;     /* ids come in: decimal, or binary as the mode says */
    bool per_record; /* a count for each record */
    bool chat;       /* records are messages as JSON */
    bool exact;      /* slices and chunks may cut characters */
    uint64_t max;    /* tokens that are not too many */
    struct range slice;
    size_t chunk, overlap; /* tokens */
    char **files;
};

/* Opens the i-th input, which must be text. False after the last. */
bool next_text(const struct tool *tool, const struct options *o, size_t i, struct input *in);
/* Exits when an input is not text. */
void insist_on_text(const struct tool *tool, struct input *in);

/* The modes. Each reads all inputs, and writes to out. */
void write_stream(const struct tool *tool, const struct options *o, struct output *out);
/* The one record that there is, as a blob or for LoPace. */
void write_record(const struct tool *tool, const struct options *o, struct output *out);
void write_ids(const struct tool *tool, const struct options *o, struct output *out);
void write_slices(const struct tool *tool, const struct options *o, struct output *out);
void write_chunks(const struct tool *tool, const struct options *o, struct output *out);
void write_decoded(const struct tool *tool, const struct options *o, struct output *out);
/* Returns the exit code; exits where a file could not be opened. */
int write_counts(const struct tool *tool, const struct options *o, struct output *out);

#endif
