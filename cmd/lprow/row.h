/* row.h - what is done with one row: its fields, the operation, the row that comes of it. */
#ifndef LPROW_ROW_H
#define LPROW_ROW_H

#include "lprow/field.h"
#include "shared/find.h"

#include <pthread.h>

enum operation { ROW_PACK, ROW_UNPACK, ROW_COUNT, ROW_IDS, ROW_INFO, ROW_SLICE };
enum on_error { ON_ERROR_FAIL, ON_ERROR_NULL, ON_ERROR_PASS };

/* What is done with all rows. */
struct row_job {
    enum operation operation;
    enum field_form in, out;
    enum on_error on_error;
    bool packed;      /* ROW_COUNT, ROW_IDS, ROW_SLICE: of blobs */
    size_t nkeys;     /* fields before the one that counts */
    int64_t from, to; /* ROW_SLICE: tokens, from the end if negative */
    struct lp_options options;
    struct finder *finder; /* called by one thread at a time: */
    pthread_mutex_t *finding;
};

/* What one thread needs for it. Zero-initialised; row_worker_free() frees what came to it. */
struct row_worker {
    struct lp_codec *codec;
    struct buffer value;
};
void row_worker_free(struct row_worker *worker);

enum { ROW_WHY = 5000 };

/* A row on its way through. */
struct row {
    uint64_t number;
    struct buffer line; /* without its line feed */
    bool too_long;      /* line is only its beginning */
    struct buffer out;  /* what is to be written, the line feed included */
    enum lp_status status;
    bool fatal;        /* it failed, and on_error cannot be done */
    char why[ROW_WHY]; /* it failed: for the message */
};

/* The longest line of a job. */
size_t row_longest(const struct row_job *job);

/* Does a row: fills in out and status. Where it fails out is what on_error says, unless it is
 * fatal. */
void row_do(const struct row_job *job, struct row_worker *worker, struct row *row);

#endif
