/* roundtrip - any text, packed with any options, restores: by a reader, by random access, as a
 * blob. */
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

static void check_blob(const struct lp_options *options)
{
    struct lp_codec *codec;
    const void *blob, *back;
    size_t n, size;
    FUZZ_MUST(lp_codec_new(options, &codec) == LP_OK, "no codec");
    enum lp_status status = lp_pack(codec, text.p, text.n, &blob, &n);
    FUZZ_MUST(status == LP_OK && n <= text.n + 6, "packing gives \"%s\"", lp_status_text(status));
    unsigned char *exact = fuzz_copy(blob, n);
    status = lp_unpack(codec, exact, n, fuzz_find, NULL, &back, &size);
    FUZZ_MUST(status == LP_OK && lp_buf_is(&text, back, size), "unpacking gives \"%s\"",
              lp_status_text(status));
    lp_codec_free(codec);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_buf stream, other;
    struct fuzz_input in = {data, n};
    struct lp_options options = choose_options(&in);
    const unsigned how = fuzz_choice(&in, 16);
    const unsigned repeat = how % 8 == 7 ? 300 : how % 8 == 6 ? 40 : 1;
    const struct fuzz_pieces pieces = fuzz_choose_pieces(&in), reading = fuzz_choose_pieces(&in);
    const unsigned threads = fuzz_choice(&in, 3);
    text.n = ends.n = stream.n = 0;
    write_stream(&options, &in, pieces, repeat, how & 8, &stream);
    check_stream(options.split, threads, reading, &stream);
    if (!(how & 8)) {
        text.n = other.n = 0;
        options.threads = 0;
        write_stream(&options, &in, (struct fuzz_pieces){0}, repeat, false, &other);
        FUZZ_MUST(fuzz_same(&stream, &other), "pieces or threads change the stream");
    }
    if (text.n <= BLOB_MAX)
        check_blob(&options);
    return 0;
}
