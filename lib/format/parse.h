/* parse.h - a push parser: bytes of a stream, in pieces of any size, to frames.
 *
 * Checks everything that can be checked without unpacking: the order of frames, their headers, the
 * limits, indexes, and a segment's totals. Holds at most one frame. Knows the grammar only; never
 * tokens, vocabularies or compression. */
#ifndef LP_FORMAT_PARSE_H
#define LP_FORMAT_PARSE_H

#include "base/buf.h"
#include "format/frame.h"

enum lp_event_kind {
    LP_EVENT_NONE,   /* the input is used up */
    LP_EVENT_HEADER, /* a segment begins: parser.header */
    LP_EVENT_BLOCK,  /* a data block: frame, payload */
    LP_EVENT_INDEX,  /* an index: payload, its check found right */
    LP_EVENT_END,    /* the segment ends: frame holds its totals */
    LP_EVENT_GAP,    /* recovery only: size bytes at offset made no sense, because of why */
};

/* What a step found. payload is valid until the next step. */
struct lp_event {
    enum lp_event_kind kind;
    uint64_t offset, size; /* of the frame or gap in the input */
    struct lp_frame frame;
    const unsigned char *payload;
    bool right; /* index, end: it agrees with what was read (may be false in recovery only) */
    enum lp_status why;
};

struct lp_parser {
    bool recover;    /* set by the owner: report gaps instead of stopping */
    uint64_t memory; /* set by the owner: refuse blocks that need more */
    struct lp_header header;
    bool in_segment;
    uint64_t offset; /* in the input, of the next frame: where an error was met */

    struct lp_buf buf;
    size_t at, used; /* where in buf the next frame begins; bytes of it reported */
    bool eof;
    uint64_t skip; /* bytes of an unknown ancillary frame still to pass over */
    uint64_t gap;  /* recovery: where the current gap began, UINT64_MAX outside one */
    enum lp_status gap_why;
    uint64_t failed_end; /* recovery: where the last bad frame ends */
    uint64_t credit;     /* recovery: bytes of frames inside bad ones that may still be read */
    uint64_t text_size, nrecords; /* of the segment so far */
    bool open;                    /* the last block's last record goes on */
    uint64_t running_hash;        /* of the header frame, then of each block */

    /* What the next index must hold: all but the last block's entry in index. */
    struct lp_buf index;
    uint64_t listed, nblocks; /* where the header or last index began; blocks since */
    uint64_t last_at;         /* where the last block began, and its frame */
    struct lp_frame last;
    bool indexed;         /* the segment has an index */
    struct lp_need newer; /* after LP_VERSION: what a newer version must have written */
};

void lp_parser_init(struct lp_parser *parser, bool recover, uint64_t memory);
void lp_parser_free(struct lp_parser *parser);

/* Consumes bytes of *data until there is an event or the input is used up. After lp_parser_eof() it
 * reports what is left, and finally LP_TRUNCATED (except in recovery) if the input ended inside a
 * frame or a segment. */
enum lp_status lp_parser_step(struct lp_parser *parser, const unsigned char **data, size_t *n,
                              struct lp_event *event);

/* Checks a block's header against the limits of the segment (LP_DATA) and of the owner (LP_LIMIT),
 * before any memory is allocated for the block. */
enum lp_status lp_parser_check_block(const struct lp_parser *parser, const struct lp_frame *frame);

/* The input ends. */
void lp_parser_eof(struct lp_parser *parser);

/* Recovery: the block that the last step reported cannot be restored. Its bytes are searched for
 * frames. */
void lp_parser_reject(struct lp_parser *parser, enum lp_status why);

#endif
