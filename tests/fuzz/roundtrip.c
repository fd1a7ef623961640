/* roundtrip - any text, packed with any options, restores: by a reader, by random access, as a
 * blob. A window, or a parent, changes nothing but the size. */
#include "format/parse.h"
#include "shared/fuzz.h"

enum { TEXT_MAX = 200000, BLOB_MAX = 20000, RECORDS_MAX = 2000 };

static struct lp_buf text, ends; /* as pushed; where records were ended, u64 each */

static struct lp_options choose_options(struct fuzz_input *in)
{
    static const char *const encodings[] = {"cl100k_base", "o200k_base", "gpt2", "o200k_harmony"};
    static const int levels[] = {3, 1, -5, 19};
    struct lp_options options = {.chain = (enum lp_chain)fuzz_choice(in, 5),
                                 .split = (enum lp_split)fuzz_choice(in, 3)};
    options.vocab = fuzz_vocab(encodings[fuzz_choice(in, 4)]);
    if (options.chain == LP_CHAIN_TOKENS_MIX) {
        if (lp_vocab_size(options.vocab) < 100000 || strstr(lp_vocab_name(options.vocab), "harm"))
            options.vocab = fuzz_vocab("cl100k_base"); /* the others have no model */
        options.model = fuzz_model(options.vocab);
    }
    const unsigned flags = fuzz_choice(in, 256);
    options.dict = flags & 1 ? fuzz_dict() : NULL;
    options.fast = flags & 2;
    options.special = flags & 4;
    options.flush = flags & 8;
    options.unverified = flags & 16;
    options.threads = flags >> 5 & 3;
    options.unchecked = flags & 128;
    const unsigned sizes = fuzz_choice(in, 16);
    options.level = levels[sizes & 3];
    options.block_size = (size_t)LP_BLOCK_MIN << (sizes >> 2);
    return options;
}

/* Pushes the input, several times if repeat, and ends records between. */
static void write_stream(const struct lp_options *options, const struct fuzz_input *in,
                         struct fuzz_pieces pieces, unsigned repeat, bool with_ends,
                         struct lp_buf *stream)
{
    struct lp_writer *writer;
    FUZZ_MUST(lp_writer_new(options, fuzz_append, stream, &writer) == LP_OK, "no writer");
    enum lp_status status = LP_OK;
    for (; repeat > 0 && text.n < TEXT_MAX; repeat--) {
        for (size_t at = 0, n; status == LP_OK && at < in->n; at += n) {
            n = fuzz_piece(&pieces, in->n - at);
            status = lp_writer_push(writer, in->p + at, n);
            fuzz_add(&text, in->p + at, n);
            if (with_ends && status == LP_OK && (pieces.seed >> 9) % 4 == 0) {
                status = lp_writer_end_record(writer);
                const uint64_t end = text.n;
                fuzz_add(&ends, &end, sizeof end);
            }
        }
    }
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    lp_writer_free(writer);
    FUZZ_MUST(status == LP_OK, "writing gives \"%s\"", lp_status_text(status));
}

static void check_stream(enum lp_split split, unsigned threads, struct fuzz_pieces pieces,
                         const struct lp_buf *stream)
{
    static struct fuzz_reading reading;
    const struct lp_reader_options options = {.threads = threads, .find = fuzz_find};
    struct lp_buf records = {0};
    struct lp_file *file;
    uint64_t nrecords;
    struct lp_buf source = *stream;
    fuzz_read(options, FUZZ_RECORDS, pieces, stream, &reading);
    FUZZ_MUST(reading.status == LP_OK && fuzz_same(&text, &reading.text),
              "reading gives \"%s\", %zu bytes of %zu", lp_status_text(reading.status),
              reading.text.n, text.n);
    FUZZ_MUST(split != LP_WHOLE || ends.n == 0 ||
                  (ends.n <= reading.records.n && memcmp(reading.records.p, ends.p, ends.n) == 0),
              "records end elsewhere");
    FUZZ_MUST(lp_file_open(fuzz_read_at, &source, source.n, &options, &file) == LP_OK &&
                  lp_file_records(file, &nrecords) == LP_OK &&
                  nrecords == reading.records.n / sizeof(uint64_t),
              "by random access it has other records");
    for (uint64_t i = 1; i <= nrecords && nrecords <= RECORDS_MAX; i++) {
        const enum lp_status status = lp_file_record(file, i, fuzz_append, &records);
        FUZZ_MUST(status == LP_OK, "record %zu: \"%s\"", (size_t)i, lp_status_text(status));
    }
    FUZZ_MUST(nrecords > RECORDS_MAX || fuzz_same(&records, &text), "the records have other text");
    lp_file_close(file);
    lp_buf_free(&records);
}

/* Blocks that refer to those before them come to no more text than they may, since a key block. */
static void check_keys(const struct lp_options *options, const struct lp_buf *stream)
{
    struct lp_parser parser;
    struct lp_event e = {.kind = LP_EVENT_HEADER};
    const unsigned char *at = stream->p;
    size_t left = stream->n;
    uint64_t since_key = 0;
    lp_parser_init(&parser, false, LP_MEMORY_DEFAULT);
    while (e.kind != LP_EVENT_NONE) {
        FUZZ_MUST(lp_parser_step(&parser, &at, &left, &e) == LP_OK, "no frames");
        if (e.kind != LP_EVENT_BLOCK)
            continue;
        const bool linked = e.frame.kind & LP_KIND_LINKED;
        since_key = linked ? since_key + e.frame.text_size : e.frame.text_size;
        FUZZ_MUST(!linked || options->key == 0 || since_key <= options->key,
                  "%llu bytes without a key block", (unsigned long long)since_key);
    }
    lp_parser_free(&parser);
}

/* The ids of each record are those of its text by itself. */
static void check_ids(const struct lp_options *options, const struct fuzz_reading *ids,
                      const struct lp_buf *records)
{
    const struct lp_options encoding = {.vocab = options->vocab};
    const int separator = lp_split_separator(options->split);
    const uint32_t *right, *got = (const uint32_t *)(const void *)ids->text.p;
    const size_t nids = ids->text.n / sizeof *got;
    struct lp_codec *codec;
    size_t n, at = 0;
    FUZZ_MUST(lp_codec_new(&encoding, &codec) == LP_OK, "no codec");
    for (uint64_t i = 0, from = 0, end; i < records->n / sizeof end; i++, from = end, at += n + 1) {
        memcpy(&end, records->p + i * sizeof end, sizeof end);
        size_t size = (size_t)(end - from);
        if (size > 0 && text.p[end - 1] == separator)
            size--;
        FUZZ_MUST(lp_encode(codec, text.p + from, size, &right, &n) == LP_OK, "no ids");
        FUZZ_MUST(n < nids - at && got[at + n] == UINT32_MAX &&
                      (n == 0 || memcmp(got + at, right, n * sizeof *got) == 0),
                  "record %zu: other ids", (size_t)i + 1);
    }
    FUZZ_MUST(at == nids, "more ids than records");
    lp_codec_free(codec);
}

/* A stream of tokens: its ids are right, and with a window it has the records and ids that it has
 * without. */
static void check_tokens(struct lp_options options, const struct lp_buf *stream,
                         const struct lp_buf *without, unsigned threads, struct fuzz_pieces pieces)
{
    static struct fuzz_reading a, b, ids;
    const struct lp_reader_options reading = {.threads = threads}, plainly = {0};
    fuzz_read(reading, FUZZ_RECORDS, pieces, stream, &a);
    fuzz_read(reading, FUZZ_IDS, pieces, stream, &ids);
    FUZZ_MUST(ids.status == LP_OK, "ids: \"%s\"", lp_status_text(ids.status));
    if (!options.special)
        check_ids(&options, &ids, &a.records);
    if (options.window == 0)
        return;
    check_keys(&options, stream);
    fuzz_read(plainly, FUZZ_RECORDS, (struct fuzz_pieces){0}, without, &b);
    fuzz_agree(&a, &b, "with a window and without");
    fuzz_read(plainly, FUZZ_IDS, (struct fuzz_pieces){0}, without, &b);
    fuzz_agree(&ids, &b, "ids with a window and without");
}

static void must_unpack(struct lp_codec *codec, const unsigned char *blob, size_t n)
{
    const void *back;
    size_t size;
    const enum lp_status status = lp_unpack(codec, blob, n, fuzz_find, NULL, &back, &size);
    FUZZ_MUST(status == LP_OK && lp_buf_is(&text, back, size), "unpacking gives \"%s\"",
              lp_status_text(status));
}

/* Packs and unpacks; with a parent, some of the text, the blob becomes no larger. */
static void check_blob(const struct lp_options *options, unsigned parent)
{
    struct lp_codec *codec;
    const void *blob;
    size_t n, with;
    FUZZ_MUST(lp_codec_new(options, &codec) == LP_OK, "no codec");
    enum lp_status status = lp_pack(codec, text.p, text.n, &blob, &n);
    FUZZ_MUST(status == LP_OK && n <= (options->special ? 3 : 1) * text.n + 6,
              "packing gives \"%s\"", lp_status_text(status));
    unsigned char *exact = fuzz_copy(blob, n);
    must_unpack(codec, exact, n);
    free(exact);
    if (parent > 0 && options->vocab != NULL) {
        status = lp_codec_parent(codec, text.p, text.n * parent / 256);
        if (status == LP_OK)
            status = lp_pack(codec, text.p, text.n, &blob, &with);
        FUZZ_MUST(status == LP_OK && with <= n, "%zu bytes, with a parent %zu: \"%s\"", n, with,
                  lp_status_text(status));
        exact = fuzz_copy(blob, with);
        must_unpack(codec, exact, with);
        free(exact);
    }
    lp_codec_free(codec);
}

/* Writes the text again with other options. */
static void write_again(const struct lp_options *options, const struct fuzz_input *in,
                        struct fuzz_pieces pieces, unsigned repeat, bool with_ends,
                        struct lp_buf *stream)
{
    text.n = ends.n = stream->n = 0;
    write_stream(options, in, pieces, repeat, with_ends, stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_buf stream, other;
    struct fuzz_input in = {data, n};
    struct lp_options options = choose_options(&in);
    const unsigned how = fuzz_choice(&in, 16);
    const unsigned repeat = how % 8 == 7 ? 300 : how % 8 == 6 ? 40 : 1;
    const struct fuzz_pieces pieces = fuzz_choose_pieces(&in), reading = fuzz_choose_pieces(&in);
    const unsigned threads = fuzz_choice(&in, 3), repeats = fuzz_choice(&in, 256);
    const bool tokens = options.chain >= LP_CHAIN_TOKENS;
    if (tokens)
        fuzz_choose_window(&options, repeats);
    write_again(&options, &in, pieces, repeat, how & 8, &stream);
    check_stream(options.split, threads, reading, &stream);
    if (tokens) {
        struct lp_options without = options;
        without.window = 0;
        if (options.window > 0)
            write_again(&without, &in, pieces, repeat, how & 8, &other);
        check_tokens(options, &stream, &other, threads, reading);
    }
    if (!(how & 8)) {
        options.threads = 0;
        write_again(&options, &in, (struct fuzz_pieces){0}, repeat, false, &other);
        FUZZ_MUST(fuzz_same(&stream, &other), "pieces or threads change the stream");
    }
    options.window = 0;
    if (text.n <= BLOB_MAX)
        check_blob(&options, repeats);
    return 0;
}
