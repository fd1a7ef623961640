#include "format/emit.h"

#include "base/bytes.h"
#include "base/xxh64.h"

/* Whether a header of n bytes is read as this frame. */
static bool reads_as(const unsigned char *header, size_t n, const struct lp_frame *frame)
{
    struct lp_frame read;
    size_t size;
    return lp_frame_get(header, n, &read, &size) == LP_OK && size == n &&
           read.kind == frame->kind && read.payload_size == frame->payload_size &&
           read.text_size == frame->text_size && read.nrecords == frame->nrecords &&
           read.check == frame->check;
}

/* Writes a frame and returns the length of its header in *head. */
static enum lp_status put_frame(struct lp_emit *emit, const struct lp_frame *frame,
                                const void *payload, unsigned char *header, size_t *head)
{
    *head = lp_frame_put(frame, header);
    if (!reads_as(header, *head, frame))
        return LP_INTERNAL;
    enum lp_status status = emit->sink(emit->ctx, header, *head);
    if (status == LP_OK && frame->payload_size > 0)
        status = emit->sink(emit->ctx, payload, frame->payload_size);
    emit->offset += *head + frame->payload_size;
    return status;
}

static bool begin_index(struct lp_emit *emit, uint64_t before)
{
    unsigned char varint[LP_VARINT_MAX];
    emit->index.n = 0;
    emit->before = before;
    return lp_buf_append(&emit->index, varint, lp_put_varint(varint, before));
}

enum lp_status lp_emit_begin(struct lp_emit *emit, const struct lp_header *header)
{
    unsigned char frame_bytes[LP_FRAME_MAX + LP_HEADER_MAX], payload[LP_HEADER_MAX];
    struct lp_frame frame = {.kind = LP_KIND_HEADER};
    frame.payload_size = (uint32_t)lp_header_put(header, payload);
    frame.check = lp_check32(payload, frame.payload_size);
    emit->anchor = emit->offset;
    emit->nblocks = emit->text_size = emit->nrecords = 0;
    emit->open = false;
    size_t head;
    enum lp_status status = put_frame(emit, &frame, payload, frame_bytes, &head);
    memcpy(frame_bytes + head, payload, frame.payload_size);
    emit->running_hash = lp_xxh64(frame_bytes, head + frame.payload_size, 0);
    if (status == LP_OK && !begin_index(emit, head + frame.payload_size))
        status = LP_NOMEM;
    return status;
}

static enum lp_status put_index(struct lp_emit *emit)
{
    unsigned char header[LP_FRAME_MAX];
    struct lp_frame frame = {.kind = LP_KIND_INDEX, .payload_size = (uint32_t)emit->index.n};
    frame.check = lp_check32(emit->index.p, emit->index.n);
    emit->anchor = emit->offset;
    size_t head;
    enum lp_status status = put_frame(emit, &frame, emit->index.p, header, &head);
    if (status == LP_OK && !begin_index(emit, head + frame.payload_size))
        status = LP_NOMEM;
    return status;
}

enum lp_status lp_emit_block(struct lp_emit *emit, struct lp_frame frame,
                             const struct lp_buf *payload)
{
    unsigned char header[LP_FRAME_MAX], bytes[LP_ENTRY_MAX];
    size_t head;
    frame.payload_size = (uint32_t)payload->n;
    enum lp_status status = put_frame(emit, &frame, payload->p, header, &head);
    frame.header_check = lp_get16(header + head - 2);
    const struct lp_entry entry = lp_entry_of(&frame, head + frame.payload_size);
    emit->running_hash = lp_entry_hash(&entry, emit->running_hash);
    emit->nblocks++;
    emit->text_size += frame.text_size;
    emit->nrecords += frame.nrecords - emit->open;
    emit->open = entry.open;
    if (status == LP_OK && !lp_buf_append(&emit->index, bytes, lp_entry_put(&entry, bytes)))
        status = LP_NOMEM;
    if (status == LP_OK && emit->index.n > LP_INDEX_MAX - LP_ENTRY_MAX)
        status = put_index(emit);
    return status;
}

enum lp_status lp_emit_end(struct lp_emit *emit)
{
    unsigned char varint[LP_VARINT_MAX], header[LP_FRAME_MAX], payload[LP_END_MAX];
    enum lp_status status = LP_OK;
    /* A single block needs no index: it follows the header. */
    bool indexed = emit->index.n > lp_put_varint(varint, emit->before);
    if (emit->nblocks > 1 && indexed)
        status = put_index(emit);
    struct lp_frame frame = {
        .kind = LP_KIND_END, .text_size = emit->text_size, .nrecords = emit->nrecords};
    frame.payload_size = (uint32_t)lp_end_put(&frame, emit->offset - emit->anchor, payload);
    frame.check = (uint32_t)lp_xxh64(payload, frame.payload_size, emit->running_hash);
    size_t head;
    return status == LP_OK ? put_frame(emit, &frame, payload, header, &head) : status;
}

void lp_emit_free(struct lp_emit *emit)
{
    lp_buf_free(&emit->index);
}
