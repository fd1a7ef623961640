/* recover.h - reports what recovery could not restore.
 *
 * Recovery sees good blocks and gaps in the order of the stream. An index, or the totals of the
 * end, tells how many records and bytes of text are missing in a gap, or where frames vanished
 * without leaving one; then the loss is reported. If something else disagrees, that is reported as
 * a loss of unknown size: recovery never passes silently over what a plain reader refuses. A gap
 * may hold the end of one segment and the header of the next: totals and indexes that do not refer
 * back to what was read say nothing of the segment that began before the gap. Never sees text. */
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
    uint64_t listed; /* offset of the segment's header, or where it must be, or of its last index */
    bool in_segment;
    bool cut; /* the last block read does not go on after the last event: something is missing */
    uint64_t nlosses, nlosses_before; /* reported, and before the segment */
    uint32_t last_index;              /* the check of the index read last, 0 for none */
};

void lp_recovery_free(struct lp_recovery *r);
/* Takes any event but LP_EVENT_NONE. */
enum lp_status lp_recovery_event(struct lp_recovery *r, const struct lp_event *e);
/* The last block cannot be restored; the parser will report a gap instead. */
void lp_recovery_reject(struct lp_recovery *r);
/* The input ended, at offset. */
enum lp_status lp_recovery_finish(struct lp_recovery *r, uint64_t offset);

#endif
