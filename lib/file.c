/* file.c - random access to a stream that can be read at any offset.
 *
 * The end frame of a segment leads to its last index, each index to the one before it, and the
 * first to the header. So segments are walked from the end of the file to its start without reading
 * a block. */
#include "base/bytes.h"
#include "base/interrupt.h"
#include "base/room.h"
#include "base/sized.h"
#include "base/xxh64.h"
#include "block/body.h"
#include "block/resolve.h"
#include "format/parse.h"

/* A block as its index lists it. */
struct block {
    uint64_t offset, size; /* of its frame, and of the ancillary frames that follow it */
    uint64_t records_end;  /* records of the segment that begin up to its end */
    struct lp_entry entry;
};

struct segment {
    uint64_t start, end; /* of its frames, the end frame included */
    uint64_t index;      /* offset of its last index frame, 0 for none */
    uint64_t blocks_end; /* where the frames after its blocks begin */
    uint64_t text_size, nrecords;
    uint64_t records_before; /* of the file, in the segments before it */
    uint64_t nblocks;        /* that its indexes list */
    uint32_t check;
};

struct lp_file {
    lp_read_at *read;
    void *read_ctx;
    uint64_t size;
    struct lp_reader_options options;
    uint64_t memory;          /* limit of all that follows */
    struct segment *segments; /* from the last to the first */
    size_t nsegments, segments_cap;
    uint64_t nrecords;
    /* The segment in use, and its blocks. */
    size_t current;
    struct lp_header header;
    struct lp_found tools;
    struct lp_need need;
    struct block *blocks;
    size_t nblocks;
    /* The block in use: its number in the segment, its text and where its records end. */
    size_t loaded;
    struct lp_block_coder coder;
    struct lp_window window; /* ends with the block in use */
    struct lp_buf text, bytes;
    struct lp_buf ends;  /* u64 each */
    struct lp_room room; /* of these */
    uint64_t text_size;  /* handed out */
    uint64_t offset;
};

enum { FRAME_MIN = LP_SYNC_SIZE + 1 + 3 + 4 + 2 }; /* bytes of a frame header: one a varint */

#define NONE SIZE_MAX

/* Reads the header of the frame at offset. The frame must end before limit; *size is its size. */
static enum lp_status read_frame_header(struct lp_file *f, uint64_t offset, uint64_t limit,
                                        struct lp_frame *frame, uint64_t *size)
{
    unsigned char bytes[LP_FRAME_MAX];
    f->offset = offset;
    if (offset >= limit)
        return LP_DATA;
    size_t n = limit - offset < sizeof bytes ? (size_t)(limit - offset) : sizeof bytes, head;
    enum lp_status status = f->read(f->read_ctx, offset, bytes, n);
    if (status != LP_OK)
        return status;
    if (lp_frame_get(bytes, n, frame, &head) != LP_OK)
        return LP_DATA;
    *size = head + (uint64_t)frame->payload_size;
    return *size > limit - offset ? LP_DATA : LP_OK;
}

/* Reads the frame at offset, with its payload of at most cap bytes. */
static enum lp_status read_frame(struct lp_file *f, uint64_t offset, uint64_t limit,
                                 struct lp_frame *frame, uint64_t *size, unsigned char *payload,
                                 size_t cap)
{
    enum lp_status status = read_frame_header(f, offset, limit, frame, size);
    if (status != LP_OK)
        return status;
    if (frame->payload_size > cap)
        return LP_DATA;
    return f->read(f->read_ctx, offset + *size - frame->payload_size, payload, frame->payload_size);
}

/* The memory left beside the lists of segments and of blocks. */
static uint64_t memory_left(const struct lp_file *f)
{
    const uint64_t taken =
        (uint64_t)f->segments_cap * sizeof *f->segments + (uint64_t)f->nblocks * sizeof *f->blocks;
    return taken < f->memory ? f->memory - taken : 0;
}

static enum lp_status add_segment(struct lp_file *f, struct segment segment)
{
    if (f->nsegments == f->segments_cap) {
        size_t cap = f->segments_cap * 2 + 4;
        if (f->segments_cap > 0 && cap > memory_left(f) / sizeof *f->segments)
            return LP_LIMIT;
        struct segment *p = realloc(f->segments, cap * sizeof *p);
        if (p == NULL)
            return LP_NOMEM;
        f->segments = p;
        f->segments_cap = cap;
    }
    f->segments[f->nsegments++] = segment;
    return LP_OK;
}

/* --- Indexes ---------------------------------------------------------------------- */

/* The payload of an index: the distance from the header or index before it to its first block, then
 * an entry for each block. */
struct index {
    uint64_t before;
    uint64_t nblocks, size; /* of all that it lists */
    const unsigned char *entries, *end;
};

/* Reads the next entry; false at the end, or if it is invalid. */
static bool next_entry(const unsigned char **at, const unsigned char *end, struct lp_entry *entry)
{
    size_t n = lp_entry_get(*at, (size_t)(end - *at), entry);
    *at += n;
    return n > 0 && entry->distance >= FRAME_MIN && entry->nrecords > 0;
}

/* Reads the payload of the index frame at offset. All blocks that it lists precede it. */
static enum lp_status read_index(const unsigned char *payload, size_t n, uint64_t offset,
                                 struct index *index)
{
    struct lp_entry entry;
    size_t used = lp_get_varint(payload, n, &index->before);
    if (used == 0 || used == SIZE_MAX || index->before < FRAME_MIN)
        return LP_DATA;
    const unsigned char *at = payload + used;
    *index = (struct index){.before = index->before, .entries = at, .end = payload + n};
    while (next_entry(&at, index->end, &entry)) {
        if (entry.distance > offset - index->size)
            return LP_DATA;
        index->size += entry.distance;
        index->nblocks++;
    }
    return at == index->end && index->nblocks > 0 && index->before <= offset - index->size
               ? LP_OK
               : LP_DATA;
}

/* Whether there are only whole ancillary frames from one offset to another. */
static enum lp_status check_ancillary(struct lp_file *f, uint64_t from, uint64_t to)
{
    struct lp_frame frame;
    uint64_t size;
    for (; from < to; from += size) {
        enum lp_status status = read_frame_header(f, from, to, &frame, &size);
        if (status != LP_OK)
            return status;
        if (!lp_is_ancillary(frame.kind))
            return LP_DATA;
    }
    return LP_OK;
}

/* Reads the index at offset into payload, and goes back to the frame before its blocks. */
static enum lp_status before_index(struct lp_file *f, uint64_t offset, uint64_t limit,
                                   unsigned char *payload, struct index *index, uint64_t *back)
{
    struct lp_frame frame;
    uint64_t size;
    enum lp_status status = read_frame(f, offset, limit, &frame, &size, payload, LP_INDEX_MAX);
    if (status != LP_OK)
        return status;
    if (frame.kind != LP_KIND_INDEX || lp_check32(payload, frame.payload_size) != frame.check)
        return LP_DATA;
    status = read_index(payload, frame.payload_size, offset, index);
    if (status != LP_OK)
        return status;
    *back = offset - index->size - index->before;
    status = read_frame_header(f, *back, limit, &frame, &size);
    if (status != LP_OK)
        return status;
    f->offset = offset;
    return size <= index->before ? check_ancillary(f, *back + size, offset - index->size) : LP_DATA;
}

/* --- Segments --------------------------------------------------------------------- */

/* Finds the segment that ends at end. */
static enum lp_status find_segment(struct lp_file *f, uint64_t end, unsigned char *payload)
{
    struct lp_frame frame;
    uint64_t size, distance, at;
    unsigned char last;
    f->offset = end - 1;
    enum lp_status status = f->read(f->read_ctx, end - 1, &last, 1);
    if (status != LP_OK)
        return status;
    if (last > end)
        return LP_TRUNCATED;
    struct segment s = {.end = end, .blocks_end = end - last};
    status = read_frame(f, end - last, end, &frame, &size, payload, LP_INDEX_MAX);
    if (status == LP_IO || status == LP_NOMEM)
        return status;
    if (status != LP_OK || frame.kind != LP_KIND_END || size != last)
        return LP_TRUNCATED; /* no end frame is where one must be */
    size_t used = lp_get_varint(payload, frame.payload_size, &distance);
    if (used + 1 != frame.payload_size || distance > s.blocks_end)
        return LP_DATA;
    s.text_size = frame.text_size;
    s.nrecords = frame.nrecords;
    s.check = frame.check;
    at = s.blocks_end - distance;
    status = read_frame_header(f, at, s.blocks_end, &frame, &size);
    if (status == LP_OK && frame.kind == LP_KIND_INDEX) {
        s.index = at;
        status = check_ancillary(f, at + size, s.blocks_end);
    }
    while (status == LP_OK && frame.kind != LP_KIND_HEADER) {
        struct index index;
        status = before_index(f, at, end, payload, &index, &at);
        if (status == LP_OK) {
            s.nblocks += index.nblocks;
            status = read_frame_header(f, at, s.blocks_end, &frame, &size);
        }
    }
    s.start = at;
    return status == LP_OK ? add_segment(f, s) : status;
}

/* Numbers the records of all segments. */
static enum lp_status number_records(struct lp_file *f)
{
    for (size_t i = f->nsegments; i-- > 0;) {
        struct segment *s = &f->segments[i];
        s->records_before = f->nrecords;
        if (s->nrecords > UINT64_MAX - f->nrecords)
            return LP_DATA;
        f->nrecords += s->nrecords;
    }
    return LP_OK;
}

static enum lp_status open_file(lp_read_at *read, void *read_ctx, uint64_t size,
                                const struct lp_reader_options *options, struct lp_file **out)
{
    struct lp_file *f = calloc(1, sizeof *f);
    unsigned char *payload = malloc(LP_INDEX_MAX);
    enum lp_status status = f == NULL || payload == NULL ? LP_NOMEM
                            : size == 0                  ? LP_NOT_LP /* a crash may leave that */
                                                         : LP_OK;
    if (status == LP_OK) {
        f->read = read;
        f->read_ctx = read_ctx;
        f->size = size;
        f->options = *options;
        f->memory = lp_memory_limit(options->memory);
        f->current = SIZE_MAX;
        f->loaded = NONE;
    }
    for (uint64_t end = size; status == LP_OK && end > 0;
         end = f->segments[f->nsegments - 1].start) {
        status = find_segment(f, end, payload);
        if (status != LP_OK)
            break;
    }
    if (status == LP_OK)
        status = number_records(f);
    free(payload);
    if (f == NULL)
        return status;
    *out = f; /* for its offset, even when it failed */
    return status;
}

enum lp_status lp_file_open_sized(lp_read_at *read, void *read_ctx, uint64_t size,
                                  const struct lp_reader_options *given, size_t given_size,
                                  struct lp_file **out)
{
    struct lp_reader_options options;
    *out = NULL;
    if (!lp_take_sized(&options, sizeof options, given, given_size))
        return LP_USAGE;
    return open_file(read, read_ctx, size, &options, out);
}

/* Frees what restoring blocks keeps, except the window. */
static void forget_buffers(struct lp_file *f)
{
    lp_block_coder_free(&f->coder);
    lp_buf_free(&f->text);
    lp_buf_free(&f->bytes);
    lp_buf_free(&f->ends);
    f->room = (struct lp_room){0};
    f->loaded = NONE;
}

void lp_file_close(struct lp_file *f)
{
    if (f == NULL)
        return;
    forget_buffers(f);
    lp_window_free(&f->window);
    free(f->blocks);
    free(f->segments);
    free(f);
}

uint64_t lp_file_offset(const struct lp_file *f)
{
    return f->offset;
}

const struct lp_need *lp_file_need(const struct lp_file *f)
{
    return &f->need;
}

/* Reads a segment's header, the size of its frame, and its hash, from which the hash of the segment
 * is computed. */
static enum lp_status read_header(struct lp_file *f, const struct segment *s, uint64_t *size,
                                  uint64_t *hash)
{
    unsigned char bytes[LP_FRAME_MAX + LP_HEADER_MAX], *payload;
    struct lp_frame frame;
    enum lp_status status = read_frame_header(f, s->start, s->end, &frame, size);
    if (status == LP_OK && *size > sizeof bytes)
        status = LP_DATA;
    if (status == LP_OK)
        status = f->read(f->read_ctx, s->start, bytes, (size_t)*size);
    if (status != LP_OK)
        return status;
    payload = bytes + *size - frame.payload_size;
    if (lp_check32(payload, frame.payload_size) != frame.check)
        return LP_DATA;
    status = lp_header_get(payload, frame.payload_size, &f->header);
    if (status == LP_VERSION)
        f->need = lp_header_newer(payload);
    *hash = lp_xxh64(bytes, (size_t)*size, 0);
    return status;
}

/* Fills in the blocks of an index, which precede block number *end, and sets *end to the first of
 * them. */
static void fill_blocks(struct lp_file *f, const struct index *index, uint64_t offset, size_t *end)
{
    const unsigned char *at = index->entries;
    *end -= (size_t)index->nblocks;
    offset -= index->size;
    for (size_t i = *end; next_entry(&at, index->end, &f->blocks[i].entry); i++) {
        f->blocks[i].offset = offset;
        f->blocks[i].size = f->blocks[i].entry.distance;
        offset += f->blocks[i].size;
    }
}

static enum lp_status read_indexes(struct lp_file *f, const struct segment *s)
{
    struct index index;
    size_t end = f->nblocks;
    unsigned char *payload = malloc(LP_INDEX_MAX);
    enum lp_status status = payload == NULL ? LP_NOMEM : LP_OK;
    for (uint64_t at = s->index, back; status == LP_OK && at != s->start; at = back) {
        status = before_index(f, at, s->end, payload, &index, &back);
        if (status == LP_OK && index.nblocks > end)
            status = LP_DATA; /* the file has changed since it was opened */
        if (status == LP_OK)
            fill_blocks(f, &index, at, &end);
    }
    free(payload);
    return status == LP_OK && end > 0 ? LP_DATA : status;
}

/* A segment without index has one block, the first after its header, or none. */
static enum lp_status read_only_block(struct lp_file *f, const struct segment *s, uint64_t at)
{
    struct lp_frame frame;
    uint64_t size;
    f->nblocks = 0;
    for (; at < s->blocks_end; at += size) {
        enum lp_status status = read_frame_header(f, at, s->blocks_end, &frame, &size);
        if (status != LP_OK)
            return status;
        if (lp_is_ancillary(frame.kind))
            continue;
        if (!lp_is_data(frame.kind) || frame.nrecords == 0)
            return LP_DATA;
        f->nblocks = 1;
        f->blocks[0] = (struct block){
            .offset = at, .size = s->blocks_end - at, .entry = lp_entry_of(&frame, 0)};
        return LP_OK;
    }
    return LP_OK;
}

/* Numbers the records of the segment's blocks, and checks the blocks against the totals and the
 * hash of the segment's end. */
static enum lp_status number_blocks(struct lp_file *f, const struct segment *s, uint64_t hash)
{
    struct lp_frame end = {.kind = LP_KIND_END, .text_size = s->text_size, .nrecords = s->nrecords};
    unsigned char payload[LP_END_MAX];
    uint64_t text_size = 0, nrecords = 0;
    bool open = false;
    f->offset = s->blocks_end;
    for (size_t i = 0; i < f->nblocks; i++) {
        const struct lp_entry *e = &f->blocks[i].entry;
        if (e->text_size > s->text_size - text_size ||
            e->nrecords - open > s->nrecords - nrecords ||
            (e->linked && (i == 0 || f->window.reach == 0)))
            return LP_DATA;
        text_size += e->text_size;
        nrecords += e->nrecords - open;
        f->blocks[i].records_end = nrecords;
        open = e->open;
        hash = lp_entry_hash(e, hash);
    }
    size_t n = lp_end_put(&end, s->blocks_end - (s->index != 0 ? s->index : s->start), payload);
    return text_size == s->text_size && nrecords == s->nrecords &&
                   (uint32_t)lp_xxh64(payload, n, hash) == s->check
               ? LP_OK
               : LP_DATA;
}

static uint64_t count_keys(const struct lp_file *f)
{
    uint64_t n = 0;
    for (size_t i = 0; i < f->nblocks; i++)
        n += !f->blocks[i].entry.linked;
    return n;
}

/* Makes a segment the current one: its header and the list of its blocks. */
static enum lp_status enter(struct lp_file *f, size_t number)
{
    if (f->current == number)
        return LP_OK;
    const struct segment *s = &f->segments[number];
    uint64_t size, hash;
    f->current = SIZE_MAX;
    f->loaded = NONE;
    f->tools = (struct lp_found){0};
    f->window.reach = 0;
    free(f->blocks);
    f->blocks = NULL;
    f->nblocks = 0;
    if (s->nblocks > memory_left(f) / sizeof *f->blocks)
        return LP_LIMIT;
    f->nblocks = s->index != 0 ? (size_t)s->nblocks : 1;
    if (f->room.total > memory_left(f))
        forget_buffers(f);
    enum lp_status status = read_header(f, s, &size, &hash);
    if (status != LP_OK)
        return status;
    lp_window_clear(&f->window, lp_window_reach(f->header.window_log));
    f->blocks = malloc((f->nblocks > 0 ? f->nblocks : 1) * sizeof *f->blocks);
    if (f->blocks == NULL)
        return LP_NOMEM;
    status = s->index != 0 ? read_indexes(f, s) : read_only_block(f, s, s->start + size);
    if (status == LP_OK)
        status = number_blocks(f, s, hash);
    if (status == LP_OK)
        f->current = number;
    return status;
}

enum lp_status lp_file_segment_sized(struct lp_file *f, size_t i, struct lp_segment *out,
                                     size_t size)
{
    if (i >= f->nsegments)
        return LP_USAGE;
    const struct segment *s = &f->segments[f->nsegments - 1 - i];
    enum lp_status status = enter(f, f->nsegments - 1 - i);
    if (status != LP_OK)
        return status;
    struct lp_segment segment = {.offset = s->start,
                                 .size = s->end - s->start,
                                 .chain = f->header.chain,
                                 .split = f->header.split,
                                 .vocab_fingerprint = f->header.vocab_fingerprint,
                                 .dict = f->header.dict_fingerprint,
                                 .model = f->header.model_fingerprint,
                                 .block_limit = (uint64_t)1 << f->header.block_log,
                                 .nblocks = f->nblocks,
                                 .nrecords = s->nrecords,
                                 .text_size = s->text_size,
                                 .check = s->check,
                                 .window = lp_window_reach(f->header.window_log),
                                 .nkeys = count_keys(f)};
    memcpy(segment.vocab, f->header.vocab_name, sizeof f->header.vocab_name);
    lp_give_sized(out, size, &segment, sizeof segment);
    return LP_OK;
}

enum lp_status lp_file_records(struct lp_file *f, uint64_t *nrecords)
{
    *nrecords = f->nrecords;
    return LP_OK;
}

/* --- Blocks and records ------------------------------------------------------------ */

/* Makes room for a block, which fits beside the window. The window stays: the block may be one in
 * the middle of a chain. */
static void take_room(struct lp_file *f, const struct lp_frame *frame)
{
    const enum lp_chain chain = lp_wire_chain(frame->kind);
    const uint64_t need = lp_memory_of_block(frame);
    const uint64_t limit = memory_left(f) - lp_memory_of_window(f->header.window_log);
    if (lp_room_take(&f->room, chain, need, limit))
        return;
    forget_buffers(f);
    lp_room_take(&f->room, chain, need, limit);
}

/* Reads the frame of a block, which must match its entry. */
static enum lp_status read_block(struct lp_file *f, const struct block *block, struct lp_event *e)
{
    struct lp_parser parser;
    uint64_t size, end = block->offset + block->size;
    enum lp_status status = read_frame_header(f, block->offset, end, &e->frame, &size);
    if (status != LP_OK)
        return status;
    if (!lp_is_data(e->frame.kind) || !lp_entry_is(&block->entry, &e->frame))
        return LP_DATA;
    lp_parser_init(&parser, false, memory_left(f));
    parser.header = f->header;
    parser.in_segment = true;
    status = lp_parser_check_block(&parser, &e->frame);
    if (status == LP_OK)
        take_room(f, &e->frame);
    f->bytes.n = 0;
    if (status == LP_OK && !lp_buf_reserve(&f->bytes, (size_t)size))
        status = LP_NOMEM;
    if (status == LP_OK)
        status = f->read(f->read_ctx, block->offset, f->bytes.p, (size_t)size);
    if (status == LP_OK)
        status = check_ancillary(f, block->offset + size, end);
    f->offset = block->offset;
    if (status == LP_OK)
        e->payload = f->bytes.p + ((size_t)size - e->frame.payload_size);
    return status;
}

/* Restores a block, by its number, into f->text and f->ends. The window, if the segment has one,
 * holds the blocks before it. */
static enum lp_status restore_block(struct lp_file *f, size_t number)
{
    struct lp_event e;
    struct lp_window *window = f->window.reach > 0 ? &f->window : NULL;
    enum lp_chain base;
    enum lp_status status = lp_ask_interrupt(f->options.interrupt, f->options.interrupt_ctx);
    f->offset = f->blocks[number].offset;
    f->loaded = NONE;
    if (status == LP_OK)
        status = read_block(f, &f->blocks[number], &e);
    f->ends.n = 0;
    if (status == LP_OK && !lp_buf_reserve(&f->ends, (size_t)e.frame.nrecords * sizeof(uint64_t)))
        status = LP_NOMEM;
    if (status == LP_OK)
        status = lp_body_begin(&f->coder, &f->tools, f->header.split, &e.frame, e.payload, &base);
    if (status == LP_OK)
        status = lp_body_finish(&f->coder, &f->tools, f->header.split, &e.frame, e.payload, base,
                                window, &f->text, (uint64_t *)(void *)f->ends.p);
    if (status == LP_OK)
        f->loaded = number;
    return status;
}

/* Makes a block the one in use. A linked block needs those before it, from the key block on, or
 * from the block in use if that is one of them. */
static enum lp_status load_block(struct lp_file *f, size_t number)
{
    size_t first = number;
    enum lp_status status = LP_OK;
    if (f->loaded == number)
        return LP_OK;
    if (f->tools.vocab == NULL && f->tools.dict == NULL)
        status =
            lp_need_find(&f->header, f->options.find, f->options.find_ctx, &f->tools, &f->need);
    if (status != LP_OK)
        f->tools = (struct lp_found){0}; /* of several, some may have been found */
    while (f->blocks[first].entry.linked && first != f->loaded + 1)
        first--;
    for (; status == LP_OK && first <= number; first++)
        status = restore_block(f, first);
    return status;
}

/* Writes the piece of a record that a block holds. */
static enum lp_status put_piece(struct lp_file *f, size_t number, uint64_t piece, lp_sink *sink,
                                void *ctx)
{
    enum lp_status status = load_block(f, number);
    if (status != LP_OK)
        return status;
    const uint64_t *ends = (const uint64_t *)(const void *)f->ends.p;
    uint64_t from = piece > 0 ? ends[piece - 1] : 0, to = ends[piece];
    if (f->options.max_text != 0 && to - from > f->options.max_text - f->text_size)
        return LP_MAX_TEXT;
    f->text_size += to - from;
    return to > from ? sink(ctx, f->text.p + from, (size_t)(to - from)) : LP_OK;
}

/* The segment that holds record n of the file, from 1. */
static size_t segment_of(const struct lp_file *f, uint64_t n)
{
    size_t first = 0, last = f->nsegments - 1; /* later ones come first */
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (n > f->segments[middle].records_before)
            last = middle;
        else
            first = middle + 1;
    }
    return first;
}

/* The block in which record n of the segment, from 1, begins. */
static size_t block_of(const struct lp_file *f, uint64_t n)
{
    size_t first = 0, last = f->nblocks - 1;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (f->blocks[middle].records_end >= n)
            last = middle;
        else
            first = middle + 1;
    }
    return first;
}

enum lp_status lp_file_record(struct lp_file *f, uint64_t n, lp_sink *sink, void *ctx)
{
    if (n == 0 || n > f->nrecords)
        return LP_USAGE;
    size_t number = segment_of(f, n);
    enum lp_status status = enter(f, number);
    if (status != LP_OK)
        return status;
    n -= f->segments[number].records_before;
    size_t i = block_of(f, n);
    const struct block *before = i > 0 ? &f->blocks[i - 1] : NULL;
    /* Its index among the records of the block, the first of which may have begun earlier. */
    uint64_t piece = n - 1 - (before != NULL ? before->records_end - before->entry.open : 0);
    for (; i < f->nblocks; i++) {
        status = put_piece(f, i, piece, sink, ctx);
        if (status != LP_OK || !f->blocks[i].entry.open || piece + 1 < f->blocks[i].entry.nrecords)
            return status;
        piece = 0;
    }
    return LP_OK;
}
