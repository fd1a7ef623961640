/* file.c - random access to a stream that can be read at any offset.
 *
 * From the end of a segment its last index is found, from an index the one
 * before it, and at last the header: so segments are walked from the file's end
 * to its start without reading a block. */
#include "body.h"
#include "bytes.h"
#include "need.h"
#include "parse.h"

struct segment {
    uint64_t start, end; /* of its frames, the end frame included */
    uint64_t index;      /* offset of its last index frame, 0 for none */
    uint64_t blocks_end; /* where the frames after its blocks begin */
    uint64_t text_size, nrecords;
    uint32_t check;
};

/* A block as its index lists it. */
struct entry {
    uint64_t offset, size, text_size, nrecords;
    bool open;
};

struct lp_file {
    lp_read_at *read;
    void *read_ctx;
    uint64_t size;
    struct lp_reader_options options;
    struct segment *segments; /* from the last to the first */
    size_t nsegments, segments_cap;
    /* The segment in use, and its blocks. */
    size_t current;
    struct lp_header header;
    struct lp_found tools;
    struct lp_need need;
    struct entry *entries;
    size_t nentries, entries_cap;
    /* The block in use: its text and where its records end. */
    uint64_t block;
    struct lp_coder coder;
    struct lp_buf text;
    uint64_t *ends;
    uint64_t offset;
};

#define NONE UINT64_MAX

/* Reads the header of the frame at offset, which with its payload ends before
 * limit; the size of both. */
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

/* The same, and into payload what the frame carries, if that is at most cap bytes. */
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

static enum lp_status add_segment(struct lp_file *f, struct segment segment)
{
    if (f->nsegments == f->segments_cap) {
        size_t cap = f->segments_cap * 2 + 4;
        struct segment *p = realloc(f->segments, cap * sizeof *p);
        if (p == NULL)
            return LP_NOMEM;
        f->segments = p;
        f->segments_cap = cap;
    }
    f->segments[f->nsegments++] = segment;
    return LP_OK;
}

/* Sum of the sizes that the index at offset lists, and how far before them the
 * last index or the header is: together no more than offset. */
static enum lp_status sum_index(const unsigned char *payload, size_t n, uint64_t offset,
                                uint64_t *before, uint64_t *sum)
{
    size_t at = lp_get_varint(payload, n, before);
    *sum = 0;
    for (int field = 0; at > 0 && at != SIZE_MAX && at < n; field = (field + 1) % 3) {
        uint64_t value;
        size_t used = lp_get_varint(payload + at, n - at, &value);
        if (used == 0 || used == SIZE_MAX)
            return LP_DATA;
        if (field == 0 && value > offset - *sum)
            return LP_DATA;
        *sum += field == 0 ? value : 0;
        at += used;
    }
    return at == n && *before <= offset - *sum ? LP_OK : LP_DATA;
}

/* Goes back from an index to the frame before its blocks. */
static enum lp_status before_index(struct lp_file *f, uint64_t offset, uint64_t limit,
                                   unsigned char *payload, struct lp_frame *frame, uint64_t *back)
{
    uint64_t size, before, sum;
    enum lp_status status = read_frame(f, offset, limit, frame, &size, payload, LP_INDEX_MAX);
    if (status != LP_OK)
        return status;
    if (frame->kind != LP_KIND_INDEX || lp_check32(payload, frame->payload_size) != frame->check ||
        sum_index(payload, frame->payload_size, offset, &before, &sum) != LP_OK || before == 0)
        return LP_DATA;
    *back = offset - sum - before;
    return LP_OK;
}

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
    for (;;) {
        status = read_frame(f, at, s.blocks_end, &frame, &size, payload, LP_INDEX_MAX);
        if (status != LP_OK)
            return status;
        if (frame.kind == LP_KIND_HEADER)
            break;
        if (s.index == 0)
            s.index = at;
        status = before_index(f, at, end, payload, &frame, &at);
        if (status != LP_OK)
            return status;
    }
    s.start = at;
    return add_segment(f, s);
}

enum lp_status lp_file_open(lp_read_at *read, void *read_ctx, uint64_t size,
                            const struct lp_reader_options *options, struct lp_file **out)
{
    *out = NULL;
    struct lp_file *f = calloc(1, sizeof *f);
    unsigned char *payload = malloc(LP_INDEX_MAX);
    enum lp_status status = f == NULL || payload == NULL ? LP_NOMEM : LP_OK;
    if (status == LP_OK) {
        f->read = read;
        f->read_ctx = read_ctx;
        f->size = size;
        f->options = *options;
        f->current = SIZE_MAX;
        f->block = NONE;
    }
    for (uint64_t end = size; status == LP_OK && end > 0;
         end = f->segments[f->nsegments - 1].start) {
        status = find_segment(f, end, payload);
        if (status != LP_OK)
            break;
    }
    free(payload);
    if (f == NULL)
        return status;
    *out = f; /* for its offset, even when it failed */
    return status;
}

void lp_file_close(struct lp_file *f)
{
    if (f == NULL)
        return;
    lp_coder_free(&f->coder);
    lp_buf_free(&f->text);
    free(f->ends);
    free(f->entries);
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

static enum lp_status read_header(struct lp_file *f, const struct segment *s, uint64_t *first)
{
    unsigned char payload[LP_HEADER_MAX];
    struct lp_frame frame;
    uint64_t size;
    enum lp_status status = read_frame(f, s->start, s->end, &frame, &size, payload, sizeof payload);
    if (status == LP_OK && lp_check32(payload, frame.payload_size) != frame.check)
        status = LP_DATA;
    if (status == LP_OK)
        status = lp_header_get(payload, frame.payload_size, &f->header);
    if (status == LP_VERSION)
        f->need = lp_header_newer(payload);
    *first = s->start + size;
    return status;
}

static bool reserve_entries(struct lp_file *f, size_t n)
{
    if (f->nentries + n <= f->entries_cap)
        return true;
    size_t cap = f->entries_cap * 2 + n;
    struct entry *p = realloc(f->entries, cap * sizeof *p);
    if (p == NULL)
        return false;
    f->entries = p;
    f->entries_cap = cap;
    return true;
}

/* Puts the blocks that an index lists before those already there. */
static enum lp_status prepend_entries(struct lp_file *f, const unsigned char *payload, size_t n,
                                      uint64_t index)
{
    uint64_t before, sum, field[3];
    size_t count = 0;
    enum lp_status status = sum_index(payload, n, index, &before, &sum);
    if (status != LP_OK || !reserve_entries(f, n / 3 + 1))
        return status != LP_OK ? status : LP_NOMEM;
    struct entry *fresh = malloc((n / 3 + 1) * sizeof *fresh);
    if (fresh == NULL)
        return LP_NOMEM;
    uint64_t offset = index - sum;
    for (size_t at = lp_get_varint(payload, n, &before); at < n; count++) {
        for (int i = 0; i < 3; i++)
            at += at < n ? lp_get_varint(payload + at, n - at, &field[i]) : 0;
        fresh[count] = (struct entry){offset, field[0], field[1], field[2] >> 1, field[2] & 1};
        offset += field[0];
    }
    memmove(f->entries + count, f->entries, f->nentries * sizeof *fresh);
    memcpy(f->entries, fresh, count * sizeof *fresh);
    f->nentries += count;
    free(fresh);
    return LP_OK;
}

/* The blocks of a segment without index: the first after its header, or none. */
static enum lp_status read_only_block(struct lp_file *f, const struct segment *s, uint64_t at)
{
    struct lp_frame frame;
    uint64_t size;
    for (; at < s->blocks_end; at += size) {
        enum lp_status status = read_frame_header(f, at, s->blocks_end, &frame, &size);
        if (status != LP_OK)
            return status;
        if (!lp_is_data(frame.kind))
            continue; /* ancillary */
        if (!reserve_entries(f, 1))
            return LP_NOMEM;
        f->entries[f->nentries++] =
            (struct entry){at, size, frame.text_size, frame.nrecords, frame.kind & LP_KIND_OPEN};
        return LP_OK;
    }
    return LP_OK;
}

/* Makes a segment the current one: its header and the list of its blocks. */
static enum lp_status enter(struct lp_file *f, size_t number)
{
    if (f->current == number)
        return LP_OK;
    const struct segment *s = &f->segments[number];
    uint64_t first;
    f->current = SIZE_MAX;
    f->nentries = 0;
    f->block = NONE;
    enum lp_status status = read_header(f, s, &first);
    if (status != LP_OK)
        return status;
    if (s->index == 0) {
        status = read_only_block(f, s, first);
    } else {
        unsigned char *payload = malloc(LP_INDEX_MAX);
        if (payload == NULL)
            return LP_NOMEM;
        for (uint64_t at = s->index; status == LP_OK && at != s->start;) {
            struct lp_frame frame;
            uint64_t back;
            status = before_index(f, at, s->end, payload, &frame, &back);
            if (status == LP_OK)
                status = prepend_entries(f, payload, frame.payload_size, at);
            at = back;
        }
        free(payload);
    }
    if (status == LP_OK)
        f->current = number;
    return status;
}

enum lp_status lp_file_segment(struct lp_file *f, size_t i, struct lp_segment *out)
{
    if (i >= f->nsegments)
        return LP_USAGE;
    const struct segment *s = &f->segments[f->nsegments - 1 - i];
    enum lp_status status = enter(f, f->nsegments - 1 - i);
    if (status != LP_OK)
        return status;
    *out = (struct lp_segment){.offset = s->start,
                               .size = s->end - s->start,
                               .chain = f->header.chain,
                               .split = f->header.split,
                               .vocab_fingerprint = f->header.vocab_fingerprint,
                               .dict = f->header.dict_fingerprint,
                               .model = f->header.model_fingerprint,
                               .block_limit = (uint64_t)1 << f->header.block_log,
                               .nblocks = f->nentries,
                               .nrecords = s->nrecords,
                               .text_size = s->text_size,
                               .check = s->check};
    memcpy(out->vocab, f->header.vocab_name, sizeof f->header.vocab_name);
    return LP_OK;
}

enum lp_status lp_file_records(struct lp_file *f, uint64_t *nrecords)
{
    *nrecords = 0;
    for (size_t i = 0; i < f->nsegments; i++)
        *nrecords += f->segments[i].nrecords;
    return LP_OK;
}

/* Restores a block into f->text and f->ends. */
static enum lp_status load_block(struct lp_file *f, const struct entry *entry)
{
    if (f->block == entry->offset)
        return LP_OK;
    f->block = NONE;
    f->offset = entry->offset;
    if (entry->size > UINT32_MAX)
        return LP_DATA;
    uint64_t memory = f->options.memory != 0 ? f->options.memory : LP_MEMORY_DEFAULT;
    if (entry->size > memory)
        return LP_LIMIT;
    enum lp_status status =
        lp_need_find(&f->header, f->options.find, f->options.find_ctx, &f->tools, &f->need);
    if (status != LP_OK)
        return status;
    unsigned char *bytes = malloc(entry->size > 0 ? (size_t)entry->size : 1);
    if (bytes == NULL)
        return LP_NOMEM;
    struct lp_parser parser;
    lp_parser_init(&parser, false, memory);
    parser.header = f->header;
    parser.in_segment = true;
    struct lp_event e = {.kind = LP_EVENT_NONE};
    const unsigned char *at = bytes;
    size_t n = (size_t)entry->size;
    status = f->read(f->read_ctx, entry->offset, bytes, n);
    if (status == LP_OK)
        status = lp_parser_step(&parser, &at, &n, &e);
    if (status == LP_OK && e.kind != LP_EVENT_BLOCK)
        status = LP_DATA;
    if (status == LP_OK) {
        free(f->ends);
        f->ends = malloc((size_t)e.frame.nrecords * sizeof *f->ends);
        status = f->ends == NULL ? LP_NOMEM : LP_OK;
    }
    if (status == LP_OK)
        status = lp_body_restore(&f->coder, &f->tools, f->header.split, &e.frame, e.payload,
                                 &f->text, f->ends, NULL);
    if (status == LP_OK && e.frame.nrecords != entry->nrecords)
        status = LP_DATA;
    lp_parser_free(&parser);
    free(bytes);
    if (status == LP_OK)
        f->block = entry->offset;
    return status;
}

/* Writes the piece of a record that a block holds. */
static enum lp_status put_piece(struct lp_file *f, const struct entry *entry, uint64_t piece,
                                lp_sink *sink, void *ctx)
{
    enum lp_status status = load_block(f, entry);
    if (status != LP_OK)
        return status;
    uint64_t from = piece > 0 ? f->ends[piece - 1] : 0, to = f->ends[piece];
    return to > from ? sink(ctx, f->text.p + from, (size_t)(to - from)) : LP_OK;
}

enum lp_status lp_file_record(struct lp_file *f, uint64_t n, lp_sink *sink, void *ctx)
{
    size_t number = f->nsegments;
    if (n == 0)
        return LP_USAGE;
    while (number > 0 && n > f->segments[number - 1].nrecords)
        n -= f->segments[--number].nrecords;
    if (number == 0)
        return LP_USAGE;
    enum lp_status status = enter(f, number - 1);
    if (status != LP_OK)
        return status;
    bool open = false; /* the block before ends within a record */
    size_t i = 0;
    for (; i < f->nentries && n > f->entries[i].nrecords - open; i++) {
        n -= f->entries[i].nrecords - open;
        open = f->entries[i].open;
    }
    if (i == f->nentries)
        return LP_DATA; /* the index lists fewer than the end tells of */
    uint64_t piece = n - 1 + open;
    for (; i < f->nentries; i++) {
        const struct entry *entry = &f->entries[i];
        status = put_piece(f, entry, piece, sink, ctx);
        if (status != LP_OK || !entry->open || piece + 1 < entry->nrecords)
            return status;
        piece = 0;
    }
    return LP_OK;
}
