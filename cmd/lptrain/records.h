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

/* Reads the records of files, which are text, streams or blobs, until the limit is reached. Where
 * weighted, a file may be WEIGHT:FILE. Exits on failure, and where there are no records. */
void records_read(struct records *r, char **files, enum lp_split split, bool weighted);
void records_free(struct records *r);

_Noreturn void no_memory(const struct tool *tool);

#endif
