/* api - what an application can ask of liblp besides packing: counts and ids of blobs, costs,
 * record boundaries, ends by callbacks, structs of other versions. */
#include "lp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "api.c:%d: %s\n", __LINE__, #condition);                               \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static struct lp_vocab *vocab;
static struct lp_model *model;
static char text[300000]; /* English enough for all stages to be worth it */

static void make_text(void)
{
    static const char *const words[] = {"You",     " are", " a",      " helpful", " assistant",
                                        ".",       "\n",   " Answer", " in",      " French",
                                        " prompt", " 42",  ",",       " the"};
    uint32_t seed = 1;
    size_t n = 0;
    while (n + 16 < sizeof text) {
        seed = seed * 1664525 + 1013904223;
        const char *word = words[(seed >> 16) % (sizeof words / sizeof *words)];
        memcpy(text + n, word, strlen(word));
        n += strlen(word);
    }
    memset(text + n, '.', sizeof text - n);
}

/* Bytes that a sink gets, and when it has had enough. */
struct sunk {
    unsigned char *p;
    size_t n, stop_at;
};

static enum lp_status sink(void *ctx, const void *data, size_t n)
{
    struct sunk *s = ctx;
    s->p = realloc(s->p, s->n + n + 1);
    if (s->p == NULL)
        return LP_NOMEM;
    memcpy(s->p + s->n, data, n);
    s->n += n;
    return s->stop_at > 0 && s->n >= s->stop_at ? LP_STOP : LP_OK;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    (void)need;
    *found = (struct lp_found){.vocab = vocab, .model = model};
    return LP_OK;
}

/* Counts down, then interrupts. */
static bool interrupt(void *ctx)
{
    int *left = ctx;
    return --*left < 0;
}

/* --- Blobs ------------------------------------------------------------------------------- */

static void test_blob(enum lp_chain chain, size_t n)
{
    struct lp_options o = {.chain = chain, .vocab = vocab, .model = model, .level = 3};
    struct lp_codec *codec, *plain;
    const void *blob;
    const uint32_t *ids, *of_blob;
    size_t size, nids, nof_blob, count;
    CHECK(lp_codec_new(&o, &codec) == LP_OK);
    CHECK(lp_codec_new(NULL, &plain) == LP_OK);
    CHECK(lp_pack(codec, text, n, &blob, &size) == LP_OK);
    unsigned char *copy = malloc(size);
    memcpy(copy, blob, size);
    CHECK(lp_encode(codec, text, n, &ids, &nids) == LP_OK);
    uint32_t *expected = malloc((nids + 1) * sizeof *expected);
    for (size_t i = 0; i < nids; i++)
        expected[i] = ids[i];
    CHECK(lp_unpack_ids(codec, copy, size, NULL, NULL, &of_blob, &nof_blob) == LP_OK);
    CHECK(nof_blob == nids && (nids == 0 || memcmp(of_blob, expected, nids * sizeof *ids) == 0));
    CHECK(lp_blob_count(codec, copy, size, NULL, NULL, &count) == LP_OK && count == nids);
    struct lp_blob_info info;
    CHECK(lp_blob_info(copy, size, &info) == LP_OK);
    enum lp_status status = lp_blob_count(plain, copy, size, NULL, NULL, &count);
    if (info.chain == LP_CHAIN_TOKENS_MIX)
        CHECK(status == LP_OK && count == nids); /* without vocabulary and model */
    else
        CHECK(status == (info.vocab[0] == 0 ? LP_USAGE : LP_NO_VOCAB));
    copy[size - 1] ^= 1; /* a bit that a mixed code may do without */
    if (info.checked)
        CHECK(lp_unpack_ids(codec, copy, size, NULL, NULL, &of_blob, &nof_blob) != LP_OK ||
              (nof_blob == nids && memcmp(of_blob, expected, nids * sizeof *ids) == 0));
    CHECK(lp_blob_count(codec, copy, 0, NULL, NULL, &count) != LP_OK);
    free(expected);
    free(copy);
    lp_codec_free(plain);
    lp_codec_free(codec);
}

static void test_cost(bool fast)
{
    struct lp_options o = {
        .chain = LP_CHAIN_TOKENS_MIX, .vocab = vocab, .model = model, .fast = fast};
    struct lp_codec *codec;
    const uint32_t *ids;
    const void *blob;
    size_t nids, size;
    double sum = 0;
    CHECK(lp_codec_new(&o, &codec) == LP_OK);
    CHECK(lp_pack(codec, text, 5000, &blob, &size) == LP_OK);
    CHECK(lp_encode(codec, text, 5000, &ids, &nids) == LP_OK);
    double *bits = malloc(nids * sizeof *bits);
    CHECK(lp_cost(codec, ids, nids, bits) == LP_OK);
    for (size_t i = 0; i < nids; i++) {
        CHECK(bits[i] >= 0 && bits[i] < 64);
        sum += bits[i];
    }
    CHECK(sum / 8 < (double)size && sum / 8 + 16 > (double)size); /* head, count, check */
    free(bits);
    const uint32_t unknown = UINT32_MAX;
    double one;
    CHECK(lp_cost(codec, &unknown, 1, &one) == LP_DATA);
    CHECK(lp_cost(codec, NULL, 0, NULL) == LP_OK);
    lp_codec_free(codec);
    o.model = NULL;
    o.chain = LP_CHAIN_TOKENS;
    CHECK(lp_codec_new(&o, &codec) == LP_OK && lp_cost(codec, &unknown, 1, &one) == LP_USAGE);
    lp_codec_free(codec);
}

/* Packs in one way, restores from another, again and again. */
static void test_two_ways(void)
{
    struct lp_options o = {.chain = LP_CHAIN_TOKENS_MIX, .vocab = vocab, .model = model};
    struct lp_codec *codec, *other;
    const void *blob, *restored;
    size_t size, n;
    CHECK(lp_codec_new(&o, &codec) == LP_OK);
    o.fast = true;
    CHECK(lp_codec_new(&o, &other) == LP_OK);
    for (size_t i = 1000; i < 4000; i += 1000) {
        CHECK(lp_pack(other, text, i, &blob, &size) == LP_OK);
        CHECK(lp_unpack(codec, blob, size, NULL, NULL, &restored, &n) == LP_OK);
        CHECK(n == i && memcmp(restored, text, n) == 0);
        CHECK(lp_pack(codec, text, i + 1, &blob, &size) == LP_OK);
        CHECK(lp_unpack(other, blob, size, NULL, NULL, &restored, &n) == LP_OK);
        CHECK(n == i + 1 && memcmp(restored, text, n) == 0);
    }
    lp_codec_free(codec);
    lp_codec_free(other);
}

static void test_lopace(enum lp_lopace kind)
{
    struct lp_options o = {.vocab = vocab};
    struct lp_codec *codec;
    const void *blob, *restored;
    size_t size, n;
    CHECK(lp_codec_new(&o, &codec) == LP_OK);
    for (size_t i = 0; i < 3000; i += 999) {
        CHECK(lp_lopace_pack(codec, kind, text, i, &blob, &size) == LP_OK);
        unsigned char *copy = malloc(size);
        memcpy(copy, blob, size);
        CHECK(lp_lopace_unpack(codec, kind, copy, size, i + 1, &restored, &n) == LP_OK);
        CHECK(n == i && (n == 0 || memcmp(restored, text, n) == 0));
        if (i > 0)
            CHECK(lp_lopace_unpack(codec, kind, copy, size, 1, &restored, &n) == LP_LIMIT);
        free(copy);
    }
    lp_codec_free(codec);
}

/* --- Interrupts --------------------------------------------------------------------------- */

/* Interrupts a codec the first time, the second ..., until it is not asked so often. */
static void test_interrupted_codec(enum lp_chain chain)
{
    int left = 0, times = 0;
    struct lp_options o = {.chain = chain,
                           .vocab = vocab,
                           .model = model,
                           .level = 1,
                           .interrupt = interrupt,
                           .interrupt_ctx = &left};
    struct lp_codec *codec;
    const void *blob, *restored;
    size_t size, n;
    enum lp_status status;
    CHECK(lp_codec_new(&o, &codec) == LP_OK);
    for (left = times; (status = lp_pack(codec, text, sizeof text, &blob, &size)) != LP_OK;
         left = ++times) {
        CHECK(status == LP_INTERRUPTED);
        if (status != LP_INTERRUPTED || times > 100)
            break;
    }
    CHECK(times >= 4);
    left = 1000;
    CHECK(lp_unpack(codec, blob, size, NULL, NULL, &restored, &n) == LP_OK);
    CHECK(n == sizeof text && memcmp(restored, text, n) == 0);
    lp_codec_free(codec);
}

static void test_interrupted_stream(unsigned threads)
{
    int left = 2;
    struct sunk out = {0}, back = {0};
    struct lp_options o = {.chain = LP_CHAIN_TOKENS,
                           .vocab = vocab,
                           .block_size = 1 << 14,
                           .threads = threads,
                           .interrupt = interrupt,
                           .interrupt_ctx = &left};
    struct lp_writer *writer;
    CHECK(lp_writer_new(&o, sink, &out, &writer) == LP_OK);
    CHECK(lp_writer_push(writer, text, sizeof text) == LP_INTERRUPTED);
    lp_writer_free(writer);
    left = 1000;
    out.n = 0;
    CHECK(lp_writer_new(&o, sink, &out, &writer) == LP_OK);
    CHECK(lp_writer_push(writer, text, sizeof text) == LP_OK && lp_writer_finish(writer) == LP_OK);
    lp_writer_free(writer);

    struct lp_reader_options how = {
        .find = find, .threads = threads, .interrupt = interrupt, .interrupt_ctx = &left};
    struct lp_reader *reader;
    left = 3;
    CHECK(lp_reader_new(&how, sink, &back, &reader) == LP_OK);
    CHECK(lp_reader_push(reader, out.p, out.n) == LP_INTERRUPTED && back.n < sizeof text);
    lp_reader_free(reader);

    struct lp_recoder *recoder;
    o.chain = LP_CHAIN_TOKENS_ZSTD;
    left = 3;
    CHECK(lp_recoder_new(&o, find, NULL, sink, &back, &recoder) == LP_OK);
    CHECK(lp_recoder_push(recoder, out.p, out.n) == LP_INTERRUPTED);
    lp_recoder_free(recoder);

    how.interrupt = NULL; /* and a sink that has had enough */
    back.n = 0;
    back.stop_at = 50000;
    CHECK(lp_reader_new(&how, sink, &back, &reader) == LP_OK);
    CHECK(lp_reader_push(reader, out.p, out.n) == LP_STOP);
    CHECK(back.n >= 50000 && back.n < sizeof text && memcmp(back.p, text, back.n) == 0);
    lp_reader_free(reader);
    free(out.p);
    free(back.p);
}

/* --- Records ------------------------------------------------------------------------------ */

struct records {
    struct sunk sunk;
    uint64_t number, stop_at;
    size_t end, sizes[64];
};

static enum lp_status sink_records(void *ctx, const void *data, size_t n)
{
    struct records *r = ctx;
    return sink(&r->sunk, data, n);
}

static enum lp_status on_record(void *ctx, uint64_t number, uint64_t size)
{
    struct records *r = ctx;
    CHECK(number == ++r->number && number <= 64);
    r->sizes[number - 1] = (size_t)size;
    r->end += (size_t)size;
    CHECK(r->sunk.n == r->end); /* all of it is there, and nothing of the next */
    return r->stop_at == number ? LP_STOP : LP_OK;
}

/* Takes the ends of a block's records as if they came one by one. */
static enum lp_status on_block(void *ctx, const void *block, size_t n, const uint64_t *ends,
                               size_t nends)
{
    struct records *r = ctx;
    const size_t before = r->sunk.n;
    CHECK(sink(&r->sunk, block, n) == LP_OK);
    for (size_t i = 0; i < nends; i++) {
        CHECK(ends[i] <= n && before + ends[i] >= r->end && r->number < 64);
        r->sizes[r->number++] = before + (size_t)ends[i] - r->end;
        r->end = before + (size_t)ends[i];
    }
    return r->stop_at > 0 && r->number >= r->stop_at ? LP_STOP : LP_OK;
}

/* Packs records of these sizes, the last of which has no separator. */
static void write_records(enum lp_split split, size_t block_size, const size_t *sizes, size_t n,
                          struct sunk *out)
{
    const struct lp_options o = {
        .chain = LP_CHAIN_TOKENS, .split = split, .vocab = vocab, .block_size = block_size};
    struct lp_writer *writer;
    CHECK(lp_writer_new(&o, sink, out, &writer) == LP_OK);
    for (size_t i = 0; i < n; i++) {
        char *record = malloc(sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++)
            record[k] = text[k] != '\n' ? text[k] : ' ';
        if (split != LP_WHOLE && i + 1 < n)
            record[sizes[i] - 1] = split == LP_LINES ? '\n' : 0;
        CHECK(lp_writer_push(writer, record, sizes[i]) == LP_OK);
        if (split == LP_WHOLE)
            CHECK(lp_writer_end_record(writer) == LP_OK);
        free(record);
    }
    CHECK(lp_writer_finish(writer) == LP_OK);
    lp_writer_free(writer);
}

/* The last record is larger than blocks. */
static void test_records(enum lp_split split, unsigned threads)
{
    static const size_t sizes[] = {1, 100, 30000, 1, 5000, 40000};
    enum { RECORDS = sizeof sizes / sizeof *sizes };
    struct records r = {0};
    struct sunk out = {0};
    write_records(split, 1 << 13, sizes, RECORDS, &out);
    struct lp_reader_options how = {
        .find = find, .threads = threads, .record_ctx = &r, .block_ctx = &r};
    struct lp_reader *reader;
    for (int turn = 0; turn < 4; turn++) { /* by both ways, and once more, to be stopped */
        const bool blocks = turn & 1, twice = turn & 2;
        how.on_record = blocks ? NULL : on_record;
        how.on_block = blocks ? on_block : NULL;
        r.number = r.end = r.sunk.n = 0;
        r.stop_at = twice ? 2 : 0;
        CHECK(lp_reader_new(&how, sink_records, &r, &reader) == LP_OK);
        CHECK(lp_reader_push(reader, out.p, out.n) == (twice ? LP_STOP : LP_OK));
        if (!twice)
            CHECK(lp_reader_finish(reader) == LP_OK);
        lp_reader_free(reader);
        CHECK(blocks && twice ? r.number >= 2 : r.number == (twice ? 2 : RECORDS));
        CHECK(memcmp(r.sizes, sizes, (size_t)r.number * sizeof *sizes) == 0);
    }
    free(r.sunk.p);
    free(out.p);
}

static enum lp_status count_ids(void *ctx, const struct lp_vocab *of, const uint32_t *ids,
                                size_t nids, bool end)
{
    uint64_t *number = ctx;
    (void)of, (void)ids, (void)nids;
    *number += end;
    return LP_OK;
}

static void ignore_loss(void *ctx, const struct lp_loss *loss)
{
    (void)ctx, (void)loss;
}

/* Recovers a stream that is cut, and the whole one after it if that is wanted. */
static void recover_cut(struct lp_reader_options how, struct records *r, const struct sunk *stream,
                        size_t cut, bool more)
{
    struct lp_reader *reader;
    how.find = find;
    how.on_loss = ignore_loss;
    CHECK(lp_reader_new(&how, sink_records, r, &reader) == LP_OK);
    CHECK(lp_reader_push(reader, stream->p, cut) == LP_OK);
    if (more)
        CHECK(lp_reader_push(reader, stream->p, stream->n) == LP_OK);
    const enum lp_status status = lp_reader_finish(reader);
    CHECK(status == LP_DATA || (!more && status == LP_NOT_LP)); /* less than a header */
    lp_reader_free(reader);
}

/* Wherever a stream is cut, between two blocks too, its open record ends there. */
static void test_cut_record(enum lp_split split)
{
    static const size_t sizes[] = {500, 2500, 1024, 1, 3000};
    enum { RECORDS = sizeof sizes / sizeof *sizes };
    struct sunk out = {0};
    write_records(split, LP_BLOCK_MIN, sizes, RECORDS, &out);
    for (size_t i = 2; i < 2 * out.n; i++) {
        const size_t cut = i / 2, whole = i % 2 ? RECORDS : 0;
        struct records one = {0}, block = {0};
        uint64_t nids = 0;
        recover_cut((struct lp_reader_options){.on_record = on_record, .record_ctx = &one}, &one,
                    &out, cut, i % 2);
        recover_cut((struct lp_reader_options){.on_block = on_block, .block_ctx = &block}, &block,
                    &out, cut, i % 2);
        recover_cut((struct lp_reader_options){.on_ids = count_ids, .ids_ctx = &nids}, &one, &out,
                    cut, i % 2);
        const size_t n = (size_t)one.number - whole; /* of the one that is cut */
        CHECK(n <= RECORDS && one.end == one.sunk.n && block.end == block.sunk.n);
        CHECK(block.number == one.number && nids == one.number);
        CHECK(n == 0 || memcmp(one.sizes, sizes, (n - 1) * sizeof *sizes) == 0);
        CHECK(n == 0 || one.sizes[n - 1] <= sizes[n - 1]);
        CHECK(memcmp(one.sizes + n, sizes, whole * sizeof *sizes) == 0);
        CHECK(memcmp(one.sizes, block.sizes, sizeof one.sizes) == 0);
        free(one.sunk.p);
        free(block.sunk.p);
    }
    free(out.p);
}

/* --- Versions ------------------------------------------------------------------------------ */

static void test_sizes(void)
{
    struct {
        struct lp_options now;
        uint64_t later;
    } newer = {.now = {.chain = LP_CHAIN_TOKENS, .vocab = vocab}};
    struct lp_codec *codec;
    CHECK(lp_codec_new_sized(&newer.now, sizeof newer, &codec) == LP_OK);
    lp_codec_free(codec);
    newer.later = 1;
    CHECK(lp_codec_new_sized(&newer.now, sizeof newer, &codec) == LP_USAGE && codec == NULL);
    CHECK(lp_codec_new_sized(&newer.now, offsetof(struct lp_options, dict), &codec) == LP_OK);
    const void *blob;
    size_t size;
    CHECK(lp_pack(codec, text, 1000, &blob, &size) == LP_OK);
    struct lp_blob_info info = {.payload_size = 77};
    CHECK(lp_blob_info_sized(blob, size, &info, offsetof(struct lp_blob_info, checked)) == LP_OK);
    CHECK(info.chain == LP_CHAIN_TOKENS && info.payload_size == 77);
    lp_codec_free(codec);
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LP_VERSION_MAJOR, LP_VERSION_MINOR,
             LP_VERSION_PATCH);
    CHECK(strcmp(version, lp_version()) == 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: api VOCAB_FILE MODEL_FILE\n");
        return 2;
    }
    if (lp_vocab_open(argv[1], &vocab) != LP_OK || lp_model_open(argv[2], &model) != LP_OK) {
        fprintf(stderr, "api: cannot open the vocabulary or model\n");
        return 1;
    }
    make_text();
    static const size_t sizes[] = {0, 1, 3, 1000, 20000};
    for (int chain = LP_CHAIN_TEXT; chain <= LP_CHAIN_TOKENS_MIX; chain++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            test_blob((enum lp_chain)chain, sizes[i]);
    }
    test_cost(false);
    test_cost(true);
    test_two_ways();
    test_lopace(LP_LOPACE_ZSTD);
    test_lopace(LP_LOPACE_TOKEN);
    test_lopace(LP_LOPACE_HYBRID);
    test_interrupted_codec(LP_CHAIN_TOKENS);
    test_interrupted_codec(LP_CHAIN_TOKENS_MIX);
    for (unsigned threads = 1; threads < 4; threads += 2) {
        test_interrupted_stream(threads);
        test_records(LP_WHOLE, threads);
        test_records(LP_LINES, threads);
        test_records(LP_NUL, threads);
    }
    test_cut_record(LP_WHOLE);
    test_cut_record(LP_LINES);
    test_cut_record(LP_NUL);
    test_sizes();
    lp_vocab_close(vocab);
    lp_model_close(model);
    return failures != 0;
}
