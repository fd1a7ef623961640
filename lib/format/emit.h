/* emit.h - a segment written frame by frame: header, blocks, indexes, end.
 *
 * Keeps the running totals, the index and the hash that the end carries. Knows
 * the grammar only; blocks come to it ready made. */
#ifndef LP_FORMAT_EMIT_H
#define LP_FORMAT_EMIT_H

#include "base/buf.h"
#include "format/frame.h"

struct lp_emit {
    lp_sink *sink;
    void *ctx;
    uint64_t offset; /* bytes written */
    uint64_t nblocks, text_size, nrecords;
    bool open;             /* the last block's last record goes on */
    uint64_t running_hash; /* of the header frame, then of each block, see lp_entry_hash() */
    struct lp_buf index;   /* payload of the next index frame */
    uint64_t before;       /* length of the frame before the index's first block */
    uint64_t anchor;       /* offset of the last index frame, else of the header: 0 */
};

enum lp_status lp_emit_begin(struct lp_emit *emit, const struct lp_header *header);
/* frame needs no payload_size. */
enum lp_status lp_emit_block(struct lp_emit *emit, struct lp_frame frame,
                             const struct lp_buf *payload);
enum lp_status lp_emit_end(struct lp_emit *emit);
void lp_emit_free(struct lp_emit *emit);

#endif
