/* records.h - the records that lptrain learns from, as text and as tokens. */
#ifndef LPTRAIN_RECORDS_H
#define LPTRAIN_RECORDS_H

#include "shared/find.h"
#include "shared/progress.h"
#include "train/train.h"

/* The caller sets the first members, and zeroes the others. */
struct records {
    const struct tool *tool;
    const struct lp_vocab *vocab;
    struct finder *finder;
    struct progress *progress;
    size_t limit; /* text bytes to keep at most */
    struct lp_codec *codec;
    struct lp_buf text;
    size_t *end, cap;    /* where each record ends in text */
    struct lp_docs docs; /* the records' tokens */
    bool full;           /* a record did not fit within limit */
};

/* Takes the weights off files that may each be WEIGHT:FILE, and returns one for each, to be freed.
 */
float *take_weights(const struct tool *tool, char **files);
/* Reads the records of files, which are text, streams or blobs, until the limit is reached. Weights
 * are one for each file; NULL: each is 1. Exits on failure, and where there are no records. */
void records_read(struct records *r, char **files, const float *weights, enum lp_split split);
void records_free(struct records *r);

_Noreturn void no_memory(const struct tool *tool);

#endif
