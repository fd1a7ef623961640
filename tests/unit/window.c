/* window - blobs with a parent restore what blobs without do, and streams with windows what streams
 * without have: text, records and token ids, whatever the records, blocks, windows and key blocks
 * are, from text or from another stream, further compressed or not, by any number of threads, in
 * order or record by record. */
#include "block/match.h"
#include "format/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 60000, ROOM = 1 << 20, RECORDS = 1 << 16, ROUNDS = 60 };

struct stream {
    unsigned char p[ROOM];
    size_t n;
};

/* What a reader gave. */
struct content {
    unsigned char text[ROOM];
    size_t n;
    uint64_t size[RECORDS], nrecords;
    uint32_t ids[ROOM];
    size_t nids;
};

static const struct lp_vocab *vocab;
static const struct lp_model *model;
static int failures;
static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

static void expect(bool holds, const char *what, int round)
{
    if (!holds && failures++ < 20)
        fprintf(stderr, "window: round %d: %s\n", round, what);
}

/* For what a test cannot go on without. */
static void must(enum lp_status status)
{
    if (status == LP_OK)
        return;
    fprintf(stderr, "window: %s\n", lp_status_text(status));
    exit(1);
}

static enum lp_status take(void *ctx, const void *data, size_t n)
{
    struct stream *to = ctx;
    if (n > ROOM - to->n)
        return LP_LIMIT;
    memcpy(to->p + to->n, data, n);
    to->n += n;
    return LP_OK;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    (void)need;
    *found = (struct lp_found){.vocab = vocab, .model = model};
    return LP_OK;
}

/* --- Texts -------------------------------------------------------------------------------- */

/* Some bytes: words, the same byte again, noise, which is stored as text, or what came before with
 * a change here and there. */
static size_t put_piece(unsigned char *text, size_t n)
{
    static const char words[] = "the tool was called with these arguments and the answer is 42. ";
    const size_t size = 1 + any(any(8) == 0 ? 6000 : 400), kind = any(8);
    const size_t from = n > 0 ? any((uint32_t)n) : 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)words[(i + from) % (sizeof words - 1)];
        if (kind == 0)
            c = 'a';
        else if (kind == 1)
            c = (unsigned char)any(256);
        else if (kind > 3 && n > 0 && any(200) != 0)
            c = text[from + i];
        text[n + i] = c;
    }
    return size;
}

static size_t make_text(unsigned char *text, enum lp_split split)
{
    size_t n = 0, size = any(10) == 0 ? any(10) : 1 + any(TEXT - 7000);
    while (n < size) {
        n += put_piece(text, n);
        if (split != LP_WHOLE && any(3) == 0)
            text[n++] = split == LP_NUL ? 0 : '\n';
    }
    return n;
}

/* --- Ways --------------------------------------------------------------------------------- */

static void write_text(const struct lp_options *o, const unsigned char *text, size_t n,
                       struct stream *out)
{
    struct lp_writer *writer;
    out->n = 0;
    must(lp_writer_new(o, take, out, &writer));
    for (size_t at = 0, size; at < n; at += size) {
        size = 1 + any(9000) < n - at ? 1 + any(3000) : n - at;
        size = size < n - at ? size : n - at;
        must(lp_writer_push(writer, text + at, size));
        if (o->split == LP_WHOLE && any(3) == 0)
            must(lp_writer_end_record(writer));
    }
    must(lp_writer_finish(writer));
    lp_writer_free(writer);
}

static void recode(const struct lp_options *o, const struct stream *in, struct stream *out,
                   int round)
{
    struct lp_recoder *recoder;
    out->n = 0;
    enum lp_status status = lp_recoder_new(o, find, NULL, take, out, &recoder);
    for (size_t at = 0, size; status == LP_OK && at < in->n; at += size) {
        size = 1 + any(5000) < in->n - at ? 1 + any((uint32_t)(in->n - at)) : in->n - at;
        status = lp_recoder_push(recoder, in->p + at, size);
    }
    if (status == LP_OK)
        status = lp_recoder_finish(recoder);
    expect(status == LP_OK, lp_status_text(status), round);
    lp_recoder_free(recoder);
}

static enum lp_status take_text(void *ctx, const void *data, size_t n)
{
    struct content *to = ctx;
    if (n > ROOM - to->n)
        return LP_LIMIT;
    memcpy(to->text + to->n, data, n);
    to->n += n;
    return LP_OK;
}

static enum lp_status take_record(void *ctx, uint64_t number, uint64_t size)
{
    struct content *to = ctx;
    if (number > RECORDS)
        return LP_LIMIT;
    to->size[number - 1] = size;
    to->nrecords = number;
    return LP_OK;
}

static enum lp_status take_ids(void *ctx, const struct lp_vocab *v, const uint32_t *ids, size_t n,
                               bool end)
{
    struct content *to = ctx;
    (void)v;
    if (n + 1 > ROOM - to->nids)
        return LP_LIMIT;
    if (n > 0)
        memcpy(to->ids + to->nids, ids, n * sizeof *ids);
    to->nids += n;
    if (end)
        to->ids[to->nids++] = UINT32_MAX;
    return LP_OK;
}

static void count_loss(void *ctx, const struct lp_loss *loss)
{
    (void)ctx;
    (void)loss;
    failures++;
}

static enum lp_status read_by(const struct lp_reader_options *o, const struct stream *in,
                              struct content *out)
{
    struct lp_reader *reader;
    enum lp_status status = lp_reader_new(o, take_text, out, &reader);
    if (status == LP_OK)
        status = lp_reader_push(reader, in->p, in->n);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    lp_reader_free(reader);
    return status;
}

/* Text and records, then ids. */
static void read_stream(const struct stream *in, struct content *out, unsigned threads,
                        bool recover, int round)
{
    struct lp_reader_options o = {.find = find, .threads = threads, .on_record = take_record};
    o.record_ctx = out;
    o.on_loss = recover ? count_loss : NULL;
    out->n = out->nids = 0;
    out->nrecords = 0;
    enum lp_status status = read_by(&o, in, out);
    expect(status == LP_OK, lp_status_text(status), round);
    o.on_record = NULL;
    o.on_ids = take_ids;
    o.ids_ctx = out;
    status = read_by(&o, in, out);
    expect(status == LP_OK, lp_status_text(status), round);
}

/* Calls see() with each frame. */
static void walk(const struct stream *in, void (*see)(void *, const struct lp_frame *), void *ctx)
{
    struct lp_frame frame;
    for (size_t at = 0, size; at < in->n; at += size + frame.payload_size) {
        must(lp_frame_get(in->p + at, in->n - at, &frame, &size));
        see(ctx, &frame);
    }
}

struct memory {
    uint64_t largest, listed;
};

static void see_block(void *ctx, const struct lp_frame *frame)
{
    struct memory *memory = ctx;
    if (!lp_is_data(frame->kind))
        return;
    memory->listed += 64;
    if (lp_memory_of_block(frame) > memory->largest)
        memory->largest = lp_memory_of_block(frame);
}

/* The memory in which a stream must be readable: the largest block, the window, and lists. */
static uint64_t memory_of(const struct stream *in)
{
    struct lp_frame frame;
    struct lp_header header;
    size_t size;
    struct memory memory = {.listed = 2 << 10};
    must(lp_frame_get(in->p, in->n, &frame, &size));
    must(lp_header_get(in->p + size, frame.payload_size, &header));
    walk(in, see_block, &memory);
    return memory.largest + memory.listed + lp_memory_of_window(header.window_log);
}

static enum lp_status read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct stream *in = ctx;
    if (offset > in->n || n > in->n - offset)
        return LP_TRUNCATED;
    memcpy(data, in->p + offset, n);
    return LP_OK;
}

/* Some records in any order. */
static void read_records(const struct stream *in, const struct content *right, int round)
{
    const struct lp_reader_options o = {.find = find, .memory = memory_of(in)};
    static struct stream record;
    struct lp_file *file;
    must(lp_file_open(read_at, (void *)(uintptr_t)in, in->n, &o, &file));
    for (int i = 0; i < 20 && right->nrecords > 0; i++) {
        const uint64_t n = any((uint32_t)right->nrecords);
        size_t from = 0;
        for (uint64_t k = 0; k < n; k++)
            from += (size_t)right->size[k];
        record.n = 0;
        enum lp_status status = lp_file_record(file, n + 1, take, &record);
        expect(status == LP_OK && record.n == right->size[n] &&
                   memcmp(record.p, right->text + from, record.n) == 0,
               "a record read by itself differs", round);
    }
    lp_file_close(file);
}

static void compare(const struct stream *in, const struct content *right, const char *what,
                    int round)
{
    static struct content got;
    for (unsigned way = 0; way < 3; way++) {
        read_stream(in, &got, way == 1 ? 3 : 1, way == 2, round);
        expect(got.n == right->n && memcmp(got.text, right->text, got.n) == 0 &&
                   got.nrecords == right->nrecords &&
                   memcmp(got.size, right->size, (size_t)got.nrecords * sizeof *got.size) == 0 &&
                   got.nids == right->nids &&
                   memcmp(got.ids, right->ids, got.nids * sizeof *got.ids) == 0,
               what, round);
    }
    read_records(in, right, round);
}

static void ignore_loss(void *ctx, const struct lp_loss *loss)
{
    (void)ctx;
    (void)loss;
}

/* A stream whose header is lost: all of its text can be recovered. */
static void read_headless(const struct stream *in, const struct content *right, int round)
{
    static struct stream headless;
    static struct content got;
    const struct lp_reader_options o = {.find = find, .on_loss = ignore_loss};
    headless = *in;
    headless.p[LP_SYNC_SIZE + 5] ^= 1;
    got.n = 0;
    const enum lp_status status = read_by(&o, &headless, &got);
    expect(status == LP_DATA && got.n == right->n && memcmp(got.text, right->text, got.n) == 0,
           "text is lost with the header", round);
}

struct chain {
    uint64_t key, size; /* text from a key block on: at most, and so far */
    bool too_long;
};

static void see_chain(void *ctx, const struct lp_frame *frame)
{
    struct chain *chain = ctx;
    if (!lp_is_data(frame->kind))
        return;
    const bool linked = frame->kind & LP_KIND_LINKED;
    chain->size = linked ? chain->size + frame->text_size : frame->text_size;
    chain->too_long = chain->too_long || (linked && chain->size > chain->key);
}

static void check_keys(const struct stream *in, uint64_t key, int round)
{
    struct chain chain = {.key = key};
    if (key != 0)
        walk(in, see_chain, &chain);
    expect(!chain.too_long, "a key block comes late", round);
}

/* What there is of a stream that ends early, or whose blocks are damaged from some place on, is
 * written: all records that are whole. */
static void recode_part(const struct lp_options *o, const struct stream *in, int round)
{
    static struct stream part, out;
    static struct content whole, got;
    const struct lp_reader_options r = {.find = find, .on_record = take_record, .record_ctx = &got};
    struct lp_recoder *recoder;
    part = *in;
    part.n = in->n / 4 + any((uint32_t)in->n / 2);
    if (any(2) == 0) {
        part.p[part.n] ^= 1;
        part.n = in->n;
    }
    got.n = 0;
    got.nrecords = 0;
    const enum lp_status right = read_by(&r, &part, &got);
    whole = got;
    out.n = 0;
    must(lp_recoder_new(o, find, NULL, take, &out, &recoder));
    enum lp_status status = lp_recoder_push(recoder, part.p, part.n);
    if (status == LP_OK)
        status = lp_recoder_finish(recoder);
    lp_recoder_free(recoder);
    expect(status == right && status != LP_OK, "an error is another for a recoder", round);
    got.n = 0;
    got.nrecords = 0;
    status = read_by(&r, &out, &got);
    expect(status == (out.n > 0 ? LP_TRUNCATED : LP_NOT_LP) && got.nrecords == whole.nrecords &&
               got.n <= whole.n && memcmp(got.text, whole.text, got.n) == 0 &&
               memcmp(got.size, whole.size, (size_t)got.nrecords * sizeof *got.size) == 0,
           "records before an error are lost", round);
}

/* --- Blobs with a parent ------------------------------------------------------------------ */

static unsigned char parent[2 * TEXT];
static size_t parent_size;

static enum lp_status find_parent(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    if (need->what != LP_NEED_PARENT)
        return find(ctx, need, found);
    found->parent = parent;
    found->parent_size = parent_size - *(size_t *)ctx;
    return LP_OK;
}

/* A child: its parent with changes, or something else. */
static size_t make_child(unsigned char *child)
{
    size_t n = 0;
    while (n < parent_size && n < TEXT - 8000) {
        const size_t from = any((uint32_t)parent_size), size = any(3000);
        memcpy(child + n, parent + from, size < parent_size - from ? size : parent_size - from);
        n += size < parent_size - from ? size : parent_size - from;
        n += put_piece(child, n);
    }
    return n;
}

/* asks: the codec has no parent of its own. */
static void check_blob(struct lp_codec *codec, bool asks, const void *blob, size_t size,
                       const unsigned char *text, size_t n, const struct content *right, int round)
{
    size_t shorter = 0, got;
    const void *out;
    const uint32_t *ids;
    struct lp_blob_info info;
    enum lp_status status = lp_unpack(codec, blob, size, find_parent, &shorter, &out, &got);
    expect(status == LP_OK && got == n && memcmp(out, text, n) == 0, "a child differs", round);
    status = lp_unpack_ids(codec, blob, size, find_parent, &shorter, &ids, &got);
    expect(status == LP_OK && got == right->nids &&
               (got == 0 || memcmp(ids, right->ids, got * sizeof *ids) == 0),
           "a child has other ids", round);
    status = lp_blob_count(codec, blob, size, find_parent, &shorter, &got);
    expect(status == LP_OK && got == right->nids, "a child has another count", round);
    if (lp_blob_info(blob, size, &info) != LP_OK || !info.has_parent || !asks)
        return;
    expect(info.parent == lp_check(parent, parent_size), "a child names another parent", round);
    shorter = 1;
    status = lp_unpack(codec, blob, size, find_parent, &shorter, &out, &got);
    expect(status == LP_NO_PARENT && lp_codec_need(codec)->what == LP_NEED_PARENT &&
               lp_codec_need(codec)->fingerprint == info.parent,
           "a wrong parent is taken", round);
}

/* Packed with its parent a text is restored by whoever has the parent, and is not larger. */
static void test_child(int round)
{
    static unsigned char child[2 * TEXT], kept[ROOM], again[ROOM];
    static struct content right;
    struct lp_codec *packer, *reader, *plain;
    const enum lp_chain chains[] = {LP_CHAIN_TOKENS, LP_CHAIN_TOKENS_ZSTD, LP_CHAIN_TOKENS_MIX};
    struct lp_options o = {.chain = chains[any(3)], .vocab = vocab, .model = model};
    const struct lp_options other = {.chain = chains[any(3)],
                                     .vocab = vocab,
                                     .model = model,
                                     .fast = any(2),
                                     .unchecked = any(2)};
    const void *blob, *more;
    size_t size, without, shorter = 0;
    const uint32_t *ids;
    parent_size = make_text(parent, LP_WHOLE);
    const size_t n = make_child(child);
    must(lp_codec_new(&o, &packer));
    must(lp_codec_new(&o, &plain));
    must(lp_codec_new(&other, &reader));
    must(lp_encode(plain, child, n, &ids, &right.nids));
    if (right.nids > 0)
        memcpy(right.ids, ids, right.nids * sizeof *ids);
    must(lp_pack(plain, child, n, &blob, &without));
    must(lp_codec_parent(packer, parent, parent_size));
    must(lp_pack(packer, child, n, &blob, &size));
    expect(size <= without, "a parent makes a blob larger", round);
    memcpy(kept, blob, size);
    check_blob(packer, false, kept, size, child, n, &right, round);
    check_blob(reader, true, kept, size, child, n, &right, round);
    enum lp_status status = lp_recode(reader, kept, size, find_parent, &shorter, &more, &without);
    expect(status == LP_OK, lp_status_text(status), round);
    memcpy(again, more, without);
    struct lp_blob_info info = {0};
    must(lp_blob_info(again, without, &info));
    expect(info.checked || !info.has_parent, "a child that was not restored has no check", round);
    check_blob(plain, true, again, without, child, n, &right, round);
    status = lp_pack(packer, parent, 3, &more, &without); /* something else in between */
    if (status == LP_OK)
        status = lp_pack(packer, child, n, &more, &without);
    expect(status == LP_OK && without == size && memcmp(more, kept, size) == 0,
           "what was packed before changes a blob", round);
    status = lp_codec_parent(packer, parent, LP_BLOCK_MAX + 1);
    expect(status == LP_LIMIT && lp_pack(packer, child, n, &more, &without) == LP_OK &&
               lp_pack(plain, child, n, &blob, &size) == LP_OK && without == size &&
               memcmp(more, blob, size) == 0,
           "a parent stays that was to be another", round);
    lp_codec_free(packer);
    lp_codec_free(plain);
    lp_codec_free(reader);
}

/* --- Ids ---------------------------------------------------------------------------------- */

/* Whether the ids of a stream are those of its records. */
static void check_ids(const struct content *got, enum lp_split split, int round)
{
    const struct lp_options o = {.vocab = vocab};
    struct lp_codec *codec;
    const uint32_t *ids;
    size_t from = 0, at = 0, n;
    must(lp_codec_new(&o, &codec));
    for (uint64_t i = 0; i < got->nrecords; from += (size_t)got->size[i++], at += n + 1) {
        size_t size = (size_t)got->size[i];
        if (split != LP_WHOLE && got->text[from + size - 1] == lp_split_separator(split))
            size--;
        must(lp_encode(codec, got->text + from, size, &ids, &n));
        if (n >= got->nids - at || memcmp(ids, got->ids + at, n * sizeof *ids) != 0 ||
            got->ids[at + n] != UINT32_MAX) {
            expect(false, "a record has other ids in a stream", round);
            break;
        }
    }
    lp_codec_free(codec);
}

/* --- Rounds ------------------------------------------------------------------------------- */

static bool same(const struct stream *a, const struct stream *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static void test_round(int round)
{
    static unsigned char text[TEXT + 8000];
    static struct stream plain, from_text, from_stream, more;
    static struct content right;
    struct lp_options o = {.chain = LP_CHAIN_TOKENS,
                           .vocab = vocab,
                           .split = (enum lp_split)any(3),
                           .block_size = LP_BLOCK_MIN << any(4),
                           .flush = any(4) == 0};
    const size_t n = make_text(text, o.split);
    write_text(&o, text, n, &plain);
    read_stream(&plain, &right, 1, false, round);
    check_ids(&right, o.split, round);
    o.window = (size_t)2048 << any(6);
    o.key = any(2) == 0 ? 0 : 1 + any(20000);
    o.block_size = LP_BLOCK_MIN << any(6);
    recode(&o, &plain, &from_stream, round);
    check_keys(&from_stream, o.key, round);
    read_headless(&from_stream, &right, round);
    compare(&from_stream, &right, "a window given to a stream changes it", round);
    o.threads = 3;
    recode_part(&o, &plain, round);
    recode(&o, &plain, &more, round);
    expect(same(&from_stream, &more), "threads change what is written", round);
    recode(&o, &from_stream, &more, round);
    compare(&more, &right, "a second window changes the stream", round);
    const struct lp_options zstd = {.level = 3, .threads = 1 + any(3)};
    recode(&zstd, &from_stream, &more, round);
    compare(&more, &right, "zstd changes the stream", round);
    const struct lp_options mix = {
        .chain = LP_CHAIN_TOKENS_MIX, .fast = any(2), .threads = 1 + any(3)};
    recode(&mix, &more, &from_text, round);
    compare(&from_text, &right, "mixing changes the stream", round);
    if (o.split == LP_WHOLE) /* records end elsewhere when it is written again */
        return;
    write_text(&o, text, n, &from_text);
    compare(&from_text, &right, "a window given to a text changes it", round);
}

/* usage: window VOCAB_FILE MODEL_FILE */
int main(int argc, char **argv)
{
    struct lp_vocab *v;
    struct lp_model *m;
    if (argc != 3 || lp_vocab_open(argv[1], &v) != LP_OK || lp_model_open(argv[2], &m) != LP_OK) {
        fputs("window: cannot open the vocabulary and the model\n", stderr);
        return 1;
    }
    vocab = v;
    model = m;
    for (int i = 0; i < ROUNDS; i++) {
        test_round(i);
        test_child(i);
    }
    lp_model_close(m);
    lp_vocab_close(v);
    return failures > 0;
}
