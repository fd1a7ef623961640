/* recover.h - what was lost: gaps between good blocks, put into numbers.
 *
 * Recovery meets good blocks and gaps in the order of the stream. How many
 * records and bytes of text a gap held is known once an index, or the end's
 * totals, tell; then the loss is reported. Knows no bytes of text. */
#ifndef LP_FORMAT_RECOVER_H
#define LP_FORMAT_RECOVER_H

#include "format/parse.h"

/* A good block, or a gap. */
struct lp_stretch {
    uint64_t offset, size;
    uint64_t text_size, nrecords;
    bool open, gap;
    enum lp_status why;
};

/* A place in the text: what stands before it. UINT64_MAX when unknown. */
struct lp_place {
    uint64_t text_offset, nrecords;
    bool open; /* the last of these records goes on */
};

struct lp_recovery {
    lp_on_loss *on_loss;
    void *ctx;
    struct lp_stretch *stretch; /* since the last index */
    size_t n, cap;
    struct lp_place segment, place; /* where the segment and the first stretch begin */
    bool in_segment, lost;
};

void lp_recovery_free(struct lp_recovery *r);
/* Takes any event but LP_EVENT_NONE. */
enum lp_status lp_recovery_event(struct lp_recovery *r, const struct lp_event *e);
/* The block that was taken last is no good after all: the parser will report a gap. */
void lp_recovery_reject(struct lp_recovery *r);
/* The input ended, at offset. */
enum lp_status lp_recovery_finish(struct lp_recovery *r, uint64_t offset);

#endif
