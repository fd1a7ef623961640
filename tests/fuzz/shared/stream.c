/* stream.c - streams for the targets: put right so that checks do not hide what is behind them, and
 * read. */
#include "base/bytes.h"
#include "base/xxh64.h"
#include "block/body.h"
#include "block/resolve.h"
#include "fuzz.h"
#include "tokens/codes.h"

#include <stdio.h>

/* --- Taking apart ------------------------------------------------------------------------- */

/* A frame, or other bytes: kind 0. */
struct part {
    struct lp_frame frame;
    const unsigned char *payload;
    size_t n; /* bytes that are there of the payload */
};

enum { PARTS_MAX = 400 };

/* Reads a frame whose checks may be wrong. Returns its size, 0 for none. */
static size_t take_frame(const unsigned char *p, size_t n, struct part *part)
{
    uint64_t field[3];
    size_t at = LP_SYNC_SIZE + 1;
    if (n < at || memcmp(p, LP_SYNC, LP_SYNC_SIZE) != 0)
        return 0;
    for (int i = 0; i < 3; i++) {
        const size_t used = lp_get_varint(p + at, n - at, &field[i]);
        if (used == 0 || used == SIZE_MAX)
            return 0;
        at += used;
    }
    if (n - at < 6 || field[0] > UINT32_MAX)
        return 0;
    part->frame = (struct lp_frame){.kind = p[LP_SYNC_SIZE],
                                    .payload_size = (uint32_t)field[0],
                                    .text_size = field[1],
                                    .nrecords = field[2],
                                    .check = lp_get32(p + at)};
    at += 6;
    part->payload = p + at;
    part->n = field[0] < n - at ? (size_t)field[0] : n - at;
    return at + part->n;
}

static size_t take_apart(const struct fuzz_input *in, struct part *parts)
{
    size_t nparts = 0;
    for (size_t at = 0; at < in->n && nparts < PARTS_MAX;) {
        struct part part = {.payload = in->p + at};
        const size_t size = take_frame(in->p + at, in->n - at, &part);
        at += size > 0 ? size : 1;
        part.n = size > 0 ? part.n : 1;
        if (size == 0 && nparts > 0 && parts[nparts - 1].frame.kind == 0)
            parts[nparts - 1].n++;
        else
            parts[nparts++] = part;
    }
    return nparts;
}

/* What to do with the parts numbered from and to, if anything. */
struct operation {
    enum { CUT_OUT = 3, SWAP, DOUBLE, OPERATIONS } what;
    unsigned from, to;
};

static size_t operate(struct operation o, struct part *parts, size_t n)
{
    if (n == 0 || o.what < CUT_OUT || n == PARTS_MAX)
        return n;
    const size_t from = o.from % n, to = o.to % n;
    const struct part part = parts[from];
    if (o.what == CUT_OUT) {
        memmove(parts + from, parts + from + 1, (n - from - 1) * sizeof *parts);
        return n - 1;
    }
    if (o.what == SWAP)
        parts[from] = parts[to];
    else
        memmove(parts + to + 1, parts + to, (n - to) * sizeof *parts);
    parts[to] = part;
    return n + (o.what == DOUBLE);
}

/* --- Putting right ------------------------------------------------------------------------ */

/* What is put right besides the checks. */
enum { PUT_BLOCKS = 1, PUT_INDEXES = 2, PUT_ENDS = 4, PUT_SIZES = 8, PUT_CHOICES = 16 };

struct seal {
    unsigned put;
    struct lp_buf *out;
    struct lp_header header;
    struct lp_found tools;
    struct lp_window window;
    size_t anchor; /* where the header or last index begins */
    struct lp_buf index;
    struct lp_entry last; /* of the last block, which began at last_at, if there is one */
    size_t last_at, nblocks;
    uint64_t hash, text_size, nrecords;
    bool open;
};

/* Appends a frame with a right header check; returns where it begins. */
static size_t put(struct seal *s, struct lp_frame *frame, const void *payload, size_t n)
{
    unsigned char header[LP_FRAME_MAX];
    const size_t at = s->out->n, size = lp_frame_put(frame, header);
    frame->header_check = lp_get16(header + size - 2);
    fuzz_add(s->out, header, size);
    fuzz_add(s->out, payload, n);
    return at;
}

/* Begins the index after the frame at offset. */
static void begin_index(struct seal *s, size_t at)
{
    s->anchor = at;
    s->index.n = s->nblocks = 0;
}

static void put_header(struct seal *s, struct part *part)
{
    struct lp_need need;
    part->frame.check = lp_check32(part->payload, part->n);
    const size_t at = put(s, &part->frame, part->payload, part->n);
    s->tools = (struct lp_found){0};
    if (lp_header_get(part->payload, part->n, &s->header) == LP_OK)
        (void)lp_need_find(&s->header, fuzz_find, NULL, &s->tools, &need);
    lp_window_clear(&s->window, lp_window_reach(s->header.window_log));
    begin_index(s, at);
    s->hash = lp_xxh64(s->out->p + at, s->out->n - at, 0);
    s->text_size = s->nrecords = 0;
    s->open = false;
}

static size_t table_of(const struct lp_buf *body, enum lp_split split, uint64_t nrecords)
{
    size_t at = 0;
    for (uint64_t i = 1, length; i < nrecords && lp_body_has_lengths(split, nrecords); i++) {
        const size_t used = lp_get_varint(body->p + at, body->n - at, &length);
        if (used == 0 || used == SIZE_MAX)
            return SIZE_MAX;
        at += used;
    }
    return at;
}

enum { TEXT_MAX = 1 << 18 };

/* Appends the codes in a body of tokens, after its table, to the window; where there are copies
 * they and the codes become the whole body first. */
static bool join(struct lp_window *window, const struct lp_payload *payload, size_t table,
                 struct lp_buf *body)
{
    size_t n;
    if (payload->copies == NULL)
        return lp_window_push(window, body->p + table, body->n - table, 0) == LP_OK;
    if (lp_window_restore(window, payload->copies, payload->ncopies, body->p + table,
                          body->n - table, TEXT_MAX, &n) != LP_OK)
        return false;
    body->n = table;
    fuzz_add(body, window->codes.p + window->codes.n - n, n);
    return true;
}

/* Restores the body that a block's payload has, whatever its header says, and how much of it is a
 * table of lengths. */
static bool restore_body(struct seal *s, const struct part *part, struct lp_buf *body,
                         size_t *table, enum lp_chain *base)
{
    static struct lp_block_coder coder;
    struct lp_frame frame = part->frame;
    struct lp_payload payload;
    frame.text_size = TEXT_MAX;
    frame.payload_size = (uint32_t)part->n;
    body->n = 0;
    fuzz_add(body, "", 0);
    if (frame.nrecords > LP_BLOCK_MIN || lp_payload_get(&frame, part->payload, &payload) != LP_OK ||
        lp_body_unpack(&coder, &s->tools, s->header.split, &frame, &payload, body, base) != LP_OK)
        return false;
    *table = table_of(body, s->header.split, frame.nrecords);
    return *table != SIZE_MAX && (*base == LP_CHAIN_TEXT || s->window.reach == 0 ||
                                  join(&s->window, &payload, *table, body));
}

/* Makes text that of a block, after the blocks before it. */
static bool restore(struct seal *s, const struct part *part, struct lp_buf *text)
{
    static struct lp_buf body;
    enum lp_chain base;
    size_t table;
    if (!(part->frame.kind & LP_KIND_LINKED))
        lp_window_clear(&s->window, s->window.reach);
    text->n = 0;
    const uint64_t end = lp_window_end(&s->window);
    if (!restore_body(s, part, &body, &table, &base) || !lp_buf_reserve(&body, LP_CODES_SLACK))
        return false;
    if (base == LP_CHAIN_TEXT)
        return lp_buf_append(text, body.p + table, body.n - table);
    memset(body.p + body.n, 0, LP_CODES_SLACK);
    if (s->tools.vocab != NULL && lp_codes_append_text(s->tools.vocab, body.p + table,
                                                       body.n - table, TEXT_MAX, text) == LP_OK)
        return true;
    lp_window_take_back(&s->window, end);
    return false;
}

/* Sets text size, records and check of a block to what its text has. */
static void claim_truth(const struct seal *s, struct lp_frame *frame, const struct lp_buf *text)
{
    const int separator = lp_split_separator(s->header.split);
    frame->text_size = text->n;
    frame->check = lp_check32(text->p, text->n);
    if (separator < 0)
        return;
    if (text->n > 0 && text->p[text->n - 1] != separator)
        frame->kind |= LP_KIND_OPEN;
    frame->nrecords = frame->kind & LP_KIND_OPEN ? 1 : 0;
    for (size_t i = 0; i < text->n; i++)
        frame->nrecords += text->p[i] == separator;
}

/* Completes the last block's entry in the index, up to the frame that is to come. */
static void list(struct seal *s)
{
    unsigned char bytes[LP_ENTRY_MAX];
    if (s->nblocks == 0) {
        fuzz_add(&s->index, bytes, lp_put_varint(bytes, s->out->n - s->anchor));
        return;
    }
    s->last.distance = s->out->n - s->last_at;
    fuzz_add(&s->index, bytes, lp_entry_put(&s->last, bytes));
}

static void put_block(struct seal *s, struct part *part)
{
    static struct lp_buf text;
    struct lp_frame *frame = &part->frame;
    if (s->put & PUT_BLOCKS) {
        if (s->nrecords == 0)
            frame->kind &= ~(unsigned)LP_KIND_LINKED; /* the first block is a key block */
        if (restore(s, part, &text))
            claim_truth(s, frame, &text);
    }
    list(s);
    s->nblocks++;
    s->last_at = put(s, frame, part->payload, part->n);
    s->last = (struct lp_entry){.text_size = frame->text_size,
                                .nrecords = frame->nrecords,
                                .open = frame->kind & LP_KIND_OPEN,
                                .linked = frame->kind & LP_KIND_LINKED,
                                .header_check = frame->header_check};
    s->hash = lp_entry_hash(&s->last, s->hash);
    s->text_size += frame->text_size;
    s->nrecords += frame->nrecords - s->open;
    s->open = s->last.open;
}

static void put_index(struct seal *s, struct part *part)
{
    if (s->put & PUT_INDEXES) {
        list(s);
        part->payload = s->index.p;
        part->n = s->index.n;
        part->frame.payload_size = (uint32_t)part->n;
    }
    part->frame.check = lp_check32(part->payload, part->n);
    begin_index(s, put(s, &part->frame, part->payload, part->n));
}

static void put_end(struct seal *s, struct part *part)
{
    unsigned char payload[LP_END_MAX];
    if (s->put & PUT_ENDS) {
        part->frame.text_size = s->text_size;
        part->frame.nrecords = s->nrecords;
        part->n = lp_end_put(&part->frame, s->out->n - s->anchor, payload);
        part->payload = payload;
        part->frame.payload_size = (uint32_t)part->n;
    }
    part->frame.check = (uint32_t)lp_xxh64(part->payload, part->n, s->hash);
    put(s, &part->frame, part->payload, part->n);
    part->payload = NULL;
}

static void put_part(struct seal *s, struct part *part)
{
    if (s->put & PUT_SIZES)
        part->frame.payload_size = (uint32_t)part->n;
    if (part->frame.kind == 0)
        fuzz_add(s->out, part->payload, part->n);
    else if (part->frame.kind == LP_KIND_HEADER)
        put_header(s, part);
    else if (part->frame.kind == LP_KIND_INDEX)
        put_index(s, part);
    else if (part->frame.kind == LP_KIND_END)
        put_end(s, part);
    else if (lp_is_data(part->frame.kind))
        put_block(s, part);
    else
        put(s, &part->frame, part->payload, part->n);
}

/* Writes the stream to the file that $FUZZ_STREAM names, to be examined with lpunpack. */
static void write_stream(const struct lp_buf *stream)
{
    const char *name = getenv("FUZZ_STREAM");
    FILE *file = name != NULL ? fopen(name, "wb") : NULL;
    if (file == NULL)
        return;
    fwrite(stream->p, 1, stream->n, file);
    fclose(file);
}

static void reseal(struct fuzz_input *in, struct lp_buf *out)
{
    static struct part parts[PARTS_MAX];
    static struct lp_buf index; /* these keep their memory */
    static struct lp_window window;
    const bool as_is = fuzz_choice(in, 8) == 7;
    struct seal s = {.out = out, .index = index, .window = window};
    s.put = fuzz_choice(in, PUT_CHOICES) ^ (PUT_CHOICES - 1); /* 0: all */
    struct operation operation = {.what = fuzz_choice(in, OPERATIONS)};
    operation.from = fuzz_choice(in, 256);
    operation.to = fuzz_choice(in, 256);
    out->n = 0;
    fuzz_add(out, "", 0); /* no NULL */
    if (as_is) {
        fuzz_add(out, in->p, in->n);
        return;
    }
    const size_t n = operate(operation, parts, take_apart(in, parts));
    begin_index(&s, 0);
    for (size_t i = 0; i < n; i++) {
        struct part part = parts[i];
        put_part(&s, &part);
    }
    index = s.index;
    window = s.window;
}

void fuzz_reseal(struct fuzz_input *in, struct lp_buf *out)
{
    reseal(in, out);
    write_stream(out);
}

/* --- Windows ------------------------------------------------------------------------------ */

void fuzz_choose_window(struct lp_options *options, unsigned choice)
{
    static const struct {
        unsigned blocks, more;
    } keys[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {3, 0}, {2, (unsigned)-1}};
    enum { WINDOWS = 6, KEYS = sizeof keys / sizeof *keys };
    if (choice == 0)
        return;
    const unsigned key = choice / WINDOWS % KEYS;
    options->window = (size_t)2048 << choice % WINDOWS;
    options->key = keys[key].blocks * (uint64_t)options->block_size + keys[key].more;
}

void fuzz_give_window(const struct lp_buf *stream, unsigned choice, struct lp_buf *out)
{
    struct lp_options options = {.chain = LP_CHAIN_TOKENS, .block_size = LP_BLOCK_MIN};
    struct lp_recoder *recoder;
    out->n = 0;
    fuzz_add(out, "", 0);
    fuzz_choose_window(&options, choice);
    FUZZ_MUST(lp_recoder_new(&options, fuzz_find, NULL, fuzz_append, out, &recoder) == LP_OK,
              "no recoder");
    if (lp_recoder_push(recoder, stream->p, stream->n) == LP_OK)
        (void)lp_recoder_finish(recoder);
    lp_recoder_free(recoder);
}

/* --- Reading ------------------------------------------------------------------------------ */

/* Where the last record ends in the text. */
static uint64_t last_end(const struct fuzz_reading *r)
{
    uint64_t end = 0;
    if (r->records.n > 0)
        memcpy(&end, r->records.p + r->records.n - sizeof end, sizeof end);
    return end;
}

static enum lp_status take_record(void *ctx, uint64_t number, uint64_t size)
{
    struct fuzz_reading *r = ctx;
    const uint64_t end = r->text.n;
    FUZZ_MUST(number == r->records.n / sizeof end + 1, "record %llu comes as number %zu",
              (unsigned long long)number, r->records.n / sizeof end + 1);
    FUZZ_MUST(last_end(r) + size == end, "record %llu: its size is wrong",
              (unsigned long long)number);
    fuzz_add(&r->records, &end, sizeof end);
    return LP_OK;
}

static enum lp_status take_block(void *ctx, const void *text, size_t n, const uint64_t *ends,
                                 size_t nends)
{
    struct fuzz_reading *r = ctx;
    for (size_t i = 0; i < nends; i++) {
        const uint64_t end = r->text.n + ends[i];
        FUZZ_MUST(ends[i] <= n && (i == 0 || ends[i] >= ends[i - 1]),
                  "a record ends at %llu of %zu", (unsigned long long)ends[i], n);
        fuzz_add(&r->records, &end, sizeof end);
    }
    fuzz_add(&r->text, text, n);
    return LP_OK;
}

static enum lp_status take_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                               size_t n, bool end)
{
    static const uint32_t end_mark = UINT32_MAX;
    struct fuzz_reading *r = ctx;
    for (size_t i = 0; i < n; i++)
        FUZZ_MUST(ids[i] < lp_vocab_size(vocab), "an id beyond the vocabulary");
    fuzz_add(&r->text, ids, n * sizeof *ids);
    if (end)
        fuzz_add(&r->text, &end_mark, sizeof end_mark);
    return LP_OK;
}

/* Field by field: padding has any bytes. */
static void take_loss(void *ctx, const struct lp_loss *loss)
{
    enum { LOSSES_MAX = 1000 };
    struct fuzz_reading *r = ctx;
    const uint64_t fields[] = {loss->offset,       loss->size,        loss->first_record,
                               loss->nrecords,     loss->text_offset, loss->text_size,
                               (uint64_t)loss->why};
    if (r->nlosses++ < LOSSES_MAX)
        fuzz_add(&r->losses, fields, sizeof fields);
}

void fuzz_read(struct lp_reader_options options, enum fuzz_want want, struct fuzz_pieces pieces,
               const struct lp_buf *stream, struct fuzz_reading *r)
{
    struct lp_reader *reader;
    options.find = fuzz_find;
    const bool blocks = want == FUZZ_BLOCKS || want == FUZZ_RECOVER_BLOCKS;
    options.on_loss = want == FUZZ_RECOVER || want == FUZZ_RECOVER_BLOCKS ? take_loss : NULL;
    options.on_block = blocks ? take_block : NULL;
    options.on_record = want == FUZZ_RECORDS || want == FUZZ_RECOVER ? take_record : NULL;
    options.on_ids = want == FUZZ_IDS ? take_ids : NULL;
    options.loss_ctx = options.record_ctx = options.ids_ctx = options.block_ctx = r;
    r->text.n = r->records.n = r->losses.n = r->nlosses = 0;
    fuzz_add(&r->text, "", 0); /* no NULL */
    fuzz_add(&r->records, "", 0);
    fuzz_memory_begin();
    r->status = lp_reader_new(&options, blocks ? NULL : fuzz_append, &r->text, &reader);
    FUZZ_MUST(r->status == LP_OK, "no reader");
    for (size_t at = 0, n; r->status == LP_OK && at < stream->n; at += n) {
        n = fuzz_piece(&pieces, stream->n - at);
        unsigned char *piece = fuzz_copy(stream->p + at, n);
        r->status = lp_reader_push(reader, piece, n);
        free(piece);
    }
    if (r->status == LP_OK)
        r->status = lp_reader_finish(reader);
    r->offset = lp_reader_offset(reader);
    lp_reader_free(reader);
    r->memory = fuzz_memory_end();
    FUZZ_MUST(r->status != LP_NOMEM && r->status != LP_INTERNAL && r->status != LP_BAD_VOCAB &&
                  r->status != LP_BAD_MODEL && (r->status != LP_USAGE || want == FUZZ_IDS),
              "reading gives \"%s\"", lp_status_text(r->status));
    const bool all = r->status == LP_OK || (options.on_loss != NULL && r->status == LP_DATA);
    FUZZ_MUST(!all || want == FUZZ_IDS || last_end(r) == r->text.n,
              "%zu bytes of text, of which records have %llu", r->text.n,
              (unsigned long long)last_end(r));
}

void fuzz_agree(const struct fuzz_reading *a, const struct fuzz_reading *b, const char *what)
{
    FUZZ_MUST(a->status == b->status, "%s: \"%s\" and \"%s\"", what, lp_status_text(a->status),
              lp_status_text(b->status));
    FUZZ_MUST(fuzz_same(&a->text, &b->text), "%s: %zu and %zu bytes", what, a->text.n, b->text.n);
    FUZZ_MUST(a->status == LP_OK || a->offset == b->offset, "%s: errors at %llu and %llu", what,
              (unsigned long long)a->offset, (unsigned long long)b->offset);
    FUZZ_MUST(fuzz_same(&a->records, &b->records), "%s: other records", what);
    FUZZ_MUST(a->nlosses == b->nlosses && fuzz_same(&a->losses, &b->losses), "%s: other losses",
              what);
}

enum lp_status fuzz_read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct lp_buf *file = ctx;
    if (offset > file->n || n > file->n - offset)
        return LP_TRUNCATED;
    memcpy(data, file->p + offset, n);
    return LP_OK;
}
