/* recover.h - what was lost, put into numbers.
 *
 * Recovery meets good blocks and gaps in the order of the stream. How many records and bytes of
 * text are missing, in a gap or where frames went without a trace, is known once an index or the
 * end's totals tell; then the loss is reported. Where they say that more is wrong than that, this
 * is reported too, as a loss of unknown size: what a plain reader refuses is never passed over in
 * silence. Knows no bytes of text. */
#ifndef LP_FORMAT_RECOVER_H
#define LP_FORMAT_RECOVER_H

#include "format/parse.h"

/* A good block, or a gap. */
struct lp_stretch {
    uint64_t offset, size;
    struct lp_entry block; /* as an index lists it, but for its distance */
    bool gap;
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
    struct lp_entry *entry;         /* of an index, LP_ENTRIES_MAX of them */
    struct lp_place segment, place; /* where the segment and the first stretch begin */
    bool in_segment;
    uint64_t nlosses, nlosses_before; /* reported, and before the segment */
    uint32_t last_index;              /* the check of the index read last, 0 for none */
};

void lp_recovery_free(struct lp_recovery *r);
/* Takes any event but LP_EVENT_NONE. */
enum lp_status lp_recovery_event(struct lp_recovery *r, const struct lp_event *e);
/* The block that was taken last is no good after all: the parser will report a gap. */
void lp_recovery_reject(struct lp_recovery *r);
/* The input ended, at offset. */
enum lp_status lp_recovery_finish(struct lp_recovery *r, uint64_t offset);

#endif
