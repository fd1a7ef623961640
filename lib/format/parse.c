#include "format/parse.h"

#include "base/bytes.h"
#include "base/xxh64.h"

/* Recovery searches a bad frame for frames inside it, and bad ones among these again. To keep the
 * time linear in the input, the bytes of nested frames are paid from a credit: the size of the
 * largest block at first, and a few bytes for each byte of input. */
enum { CREDIT = LP_BLOCK_MAX, CREDIT_EACH = 4 };

void lp_parser_init(struct lp_parser *parser, bool recover, uint64_t memory)
{
    *parser = (struct lp_parser){
        .recover = recover, .memory = memory, .gap = UINT64_MAX, .credit = CREDIT};
}

void lp_parser_free(struct lp_parser *parser)
{
    lp_buf_free(&parser->buf);
    lp_buf_free(&parser->index);
}

static size_t held(const struct lp_parser *p)
{
    return p->buf.n - p->at;
}

/* Moves input to buf until buf holds want bytes of the frame, or the input is used up. */
static enum lp_status fill(struct lp_parser *p, size_t want, const unsigned char **data, size_t *n)
{
    if (held(p) >= want || *n == 0)
        return LP_OK;
    if (p->at >= held(p)) { /* moves each byte once on average */
        lp_buf_drop(&p->buf, p->at);
        p->at = 0;
    }
    size_t take = want - held(p);
    if (take > *n)
        take = *n;
    if (!lp_buf_append(&p->buf, *data, take))
        return LP_NOMEM;
    *data += take;
    *n -= take;
    return LP_OK;
}

static void advance(struct lp_parser *p, size_t n)
{
    p->at += n;
    p->offset += n;
    p->credit += CREDIT_EACH * (uint64_t)n;
}

/* Whether the credit allows looking at the next frame, of size bytes. */
static bool spend(struct lp_parser *p, uint64_t size)
{
    if (p->offset >= p->failed_end)
        return true;
    if (size > p->credit)
        return false;
    p->credit -= size;
    return true;
}

static enum lp_status newer(struct lp_parser *p, const char *what, unsigned number)
{
    p->newer = (struct lp_need){.what = LP_NEED_NEWER, .name = "", .field = what, .number = number};
    return LP_VERSION;
}

/* Whether a block may have to do with a window, or not, as its kind says. */
static bool window_allows(const struct lp_parser *p, unsigned kind)
{
    const bool tokens = lp_chain_tokens(lp_wire_chain(kind));
    const bool copies = kind & LP_KIND_COPIES, apart = kind & LP_KIND_APART;
    if (p->in_segment && p->header.window_log == 0)
        return !(kind & LP_KIND_LINKED) && !copies && !apart;
    return tokens ? !(copies && apart) : !copies && !apart;
}

enum lp_status lp_parser_check_block(const struct lp_parser *p, const struct lp_frame *frame)
{
    uint64_t limit = (uint64_t)1 << (p->in_segment ? p->header.block_log : LP_LIMIT_LOG_MAX);
    enum lp_chain chain = lp_wire_chain(frame->kind);
    bool mixed = chain == LP_CHAIN_TOKENS_MIX;
    if (!p->in_segment && !p->recover)
        return LP_DATA;
    if (p->in_segment && ((lp_chain_tokens(chain) && !lp_chain_tokens(p->header.chain)) ||
                          (mixed && p->header.chain != LP_CHAIN_TOKENS_MIX)))
        return LP_DATA;
    if (!window_allows(p, frame->kind))
        return LP_DATA;
    if (frame->text_size > limit || frame->nrecords == 0 || frame->nrecords > limit ||
        frame->payload_size > lp_payload_limit(chain, frame->text_size, frame->nrecords))
        return LP_DATA;
    if (lp_memory_of_block(frame) + lp_memory_of_window(p->header.window_log) > p->memory)
        return LP_LIMIT;
    return LP_OK;
}

static enum lp_status check_frame(struct lp_parser *p, const struct lp_frame *frame)
{
    if (lp_is_data(frame->kind))
        return lp_parser_check_block(p, frame);
    switch (frame->kind) {
    case LP_KIND_HEADER:
        if (p->in_segment && !p->recover)
            return LP_TRUNCATED; /* the segment before has no end */
        return frame->payload_size <= LP_HEADER_MAX ? LP_OK
                                                    : newer(p, "header size", frame->payload_size);
    case LP_KIND_INDEX:
        return frame->payload_size <= LP_INDEX_MAX ? LP_OK : LP_DATA;
    case LP_KIND_END:
        return (p->in_segment || p->recover) && frame->payload_size <= LP_END_MAX ? LP_OK : LP_DATA;
    default:
        if (!lp_is_ancillary(frame->kind))
            return newer(p, "frame kind", frame->kind);
        return p->in_segment || p->recover ? LP_OK : LP_DATA;
    }
}

static bool frame_is_known(unsigned kind)
{
    return lp_is_data(kind) || kind == LP_KIND_HEADER || kind == LP_KIND_INDEX ||
           kind == LP_KIND_END;
}

/* Starts the list for the next index, which refers back to the frame at listed. */
static void begin_index(struct lp_parser *p, uint64_t listed)
{
    p->listed = listed;
    p->nblocks = p->index.n = 0;
}

/* Completes the list up to the frame at offset: appends the last block's entry, or, before the
 * first block, the distance from the header or last index. */
static bool list_to(struct lp_parser *p, uint64_t offset)
{
    unsigned char bytes[LP_ENTRY_MAX];
    size_t n;
    if (p->nblocks > 0) {
        const struct lp_entry entry = lp_entry_of(&p->last, offset - p->last_at);
        n = lp_entry_put(&entry, bytes);
    } else {
        n = lp_put_varint(bytes, offset - p->listed);
    }
    return p->index.n > LP_INDEX_MAX || lp_buf_append(&p->index, bytes, n);
}

static enum lp_status begin_segment(struct lp_parser *p, const struct lp_event *e)
{
    const unsigned char *h = e->payload;
    enum lp_status status = lp_header_get(h, e->frame.payload_size, &p->header);
    if (status == LP_VERSION)
        p->newer = lp_header_newer(h);
    if (status != LP_OK)
        return status;
    p->in_segment = true;
    p->text_size = p->nrecords = 0;
    p->open = p->indexed = false;
    p->running_hash = lp_xxh64(p->buf.p + p->at, (size_t)e->size, 0);
    begin_index(p, e->offset);
    return LP_OK;
}

static enum lp_status take_block(struct lp_parser *p, const struct lp_event *e)
{
    const struct lp_entry entry = lp_entry_of(&e->frame, 0);
    const bool lost = p->failed_end > p->listed; /* recovery: the first blocks may be */
    if (entry.linked && p->in_segment && p->nrecords == 0 && !lost)
        return LP_DATA; /* a segment begins with a key block */
    p->running_hash = lp_entry_hash(&entry, p->running_hash);
    p->text_size += e->frame.text_size;
    p->nrecords += e->frame.nrecords - p->open;
    p->open = e->frame.kind & LP_KIND_OPEN;
    if (!list_to(p, e->offset))
        return LP_NOMEM;
    p->nblocks++;
    p->last_at = e->offset;
    p->last = e->frame;
    return p->index.n <= LP_INDEX_MAX || p->recover ? LP_OK : LP_DATA;
}

/* An index must list exactly the blocks since the last one, and one at least. */
static enum lp_status take_index(struct lp_parser *p, struct lp_event *e)
{
    if (!p->in_segment)
        return p->recover ? LP_OK : LP_DATA;
    if (!list_to(p, e->offset))
        return LP_NOMEM;
    e->right = p->nblocks > 0 && e->frame.payload_size == p->index.n &&
               memcmp(e->payload, p->index.p, p->index.n) == 0;
    begin_index(p, e->offset);
    p->indexed = true;
    return e->right || p->recover ? LP_OK : LP_DATA;
}

static enum lp_status end_segment(struct lp_parser *p, struct lp_event *e)
{
    unsigned char payload[LP_END_MAX];
    size_t n = lp_end_put(&e->frame, e->offset - p->listed, payload);
    e->right = p->in_segment && e->frame.text_size == p->text_size &&
               e->frame.nrecords == p->nrecords && e->frame.payload_size == n &&
               memcmp(e->payload, payload, n) == 0 &&
               e->frame.check == (uint32_t)lp_xxh64(payload, n, p->running_hash) &&
               p->nblocks <= !p->indexed;
    p->in_segment = false;
    return e->right || p->recover ? LP_OK : LP_DATA;
}

/* Reads the next frame. *starved: it needs more input. An unknown ancillary frame is complete once
 * its header is. */
static enum lp_status read_frame(struct lp_parser *p, const unsigned char **data, size_t *n,
                                 struct lp_event *e, bool *starved)
{
    size_t head;
    enum lp_status status = fill(p, LP_FRAME_MAX, data, n);
    *starved = held(p) == 0;
    if (status != LP_OK || *starved)
        return status;
    status = lp_frame_get(p->buf.p + p->at, held(p), &e->frame, &head);
    *starved = status == LP_TRUNCATED;
    if (status != LP_OK || (status = check_frame(p, &e->frame)) != LP_OK)
        return status;
    e->offset = p->offset;
    e->size = head + (uint64_t)e->frame.payload_size;
    if (!frame_is_known(e->frame.kind))
        return LP_OK;
    status = fill(p, (size_t)e->size, data, n);
    *starved = held(p) < e->size;
    if (status != LP_OK || *starved)
        return status;
    if (!spend(p, e->size))
        return LP_DATA;
    e->payload = p->buf.p + p->at + head;
    bool own_check = e->frame.kind == LP_KIND_HEADER || e->frame.kind == LP_KIND_INDEX;
    if (own_check && lp_check32(e->payload, e->frame.payload_size) != e->frame.check)
        return LP_DATA;
    return LP_OK;
}

/* Applies a frame to the state of the segment. */
static enum lp_status take_frame(struct lp_parser *p, struct lp_event *e)
{
    if (lp_is_data(e->frame.kind)) {
        e->kind = LP_EVENT_BLOCK;
        return take_block(p, e);
    }
    switch (e->frame.kind) {
    case LP_KIND_HEADER:
        e->kind = LP_EVENT_HEADER;
        return begin_segment(p, e);
    case LP_KIND_END:
        e->kind = LP_EVENT_END;
        return end_segment(p, e);
    default:
        e->kind = LP_EVENT_INDEX;
        return take_index(p, e);
    }
}

static void begin_gap(struct lp_parser *p, enum lp_status why)
{
    if (p->gap == UINT64_MAX) {
        p->gap = p->offset;
        p->gap_why = why;
    }
}

/* Skips to the next sync marker, over bytes that are no frame or a bad frame of size bytes. */
static void resync(struct lp_parser *p, uint64_t size, enum lp_status why)
{
    if (p->offset + size > p->failed_end)
        p->failed_end = p->offset + size;
    begin_gap(p, why);
    if (held(p) > 0)
        advance(p, 1);
    if (held(p) == 0)
        return;
    const unsigned char *start = p->buf.p + p->at, *sync = memchr(start, LP_SYNC[0], held(p));
    advance(p, sync != NULL ? (size_t)(sync - start) : held(p));
}

static bool skip_ancillary(struct lp_parser *p, const unsigned char **data, size_t *n)
{
    size_t take = p->skip < held(p) ? (size_t)p->skip : held(p);
    advance(p, take);
    p->skip -= take;
    take = p->skip < *n ? (size_t)p->skip : *n;
    *data += take;
    *n -= take;
    p->offset += take;
    p->credit += CREDIT_EACH * (uint64_t)take;
    p->skip -= take;
    return p->skip == 0;
}

static bool report_gap(struct lp_parser *p, struct lp_event *e)
{
    if (p->gap == UINT64_MAX)
        return false;
    *e = (struct lp_event){
        .kind = LP_EVENT_GAP, .offset = p->gap, .size = p->offset - p->gap, .why = p->gap_why};
    p->gap = UINT64_MAX;
    return true;
}

static enum lp_status at_eof(struct lp_parser *p, struct lp_event *e)
{
    if (report_gap(p, e))
        return LP_OK;
    return !p->recover && (p->in_segment || p->skip > 0) ? LP_TRUNCATED : LP_OK;
}

enum lp_status lp_parser_step(struct lp_parser *p, const unsigned char **data, size_t *n,
                              struct lp_event *e)
{
    if (*n == 0)
        *data = (const unsigned char *)""; /* nothing may be added to NULL, not even 0 */
    for (;;) {
        *e = (struct lp_event){.kind = LP_EVENT_NONE};
        advance(p, p->used);
        p->used = 0;
        if (!skip_ancillary(p, data, n))
            return p->eof ? at_eof(p, e) : LP_OK;
        bool starved = false;
        enum lp_status status = read_frame(p, data, n, e, &starved);
        if (status == LP_NOMEM)
            return status;
        if (starved && !p->eof)
            return LP_OK;
        if (starved && held(p) == 0)
            return at_eof(p, e);
        if (starved)
            status = LP_TRUNCATED;
        if (status == LP_OK && report_gap(p, e))
            return LP_OK; /* the frame is read again by the next step */
        if (status == LP_OK && !frame_is_known(e->frame.kind)) {
            if (!p->in_segment)
                begin_gap(p, LP_DATA); /* in recovery only: else it is an error */
            p->skip = e->size;
            continue;
        }
        if (status == LP_OK)
            status = take_frame(p, e);
        if (status == LP_OK) {
            p->used = (size_t)e->size;
            return LP_OK;
        }
        if (!p->recover || status == LP_NOMEM)
            return status;
        resync(p, held(p) >= e->size ? e->size : 0, status);
    }
}

void lp_parser_eof(struct lp_parser *p)
{
    p->eof = true;
}

void lp_parser_reject(struct lp_parser *p, enum lp_status why)
{
    resync(p, p->used, why);
    p->used = 0;
}
