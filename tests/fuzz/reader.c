/* reader - streams, read whole, in pieces, by threads, with recovery, as ids and within little
 * memory: all must agree. */
#include "shared/fuzz.h"

#include "tokens/codes.h"

static struct fuzz_reading whole, other, again;

static bool begins_with(const struct lp_buf *text, const struct lp_buf *beginning)
{
    return beginning->n == 0 ||
           (beginning->n <= text->n && memcmp(text->p, beginning->p, beginning->n) == 0);
}

/* Recovery never passes over what the plain reader refuses, and keeps all that it restores. */
static void recover(const struct lp_reader_options *options, struct fuzz_pieces pieces,
                    const struct lp_buf *stream)
{
    fuzz_read(*options, FUZZ_RECOVER, (struct fuzz_pieces){0}, stream, &other);
    fuzz_read(*options, FUZZ_RECOVER, pieces, stream, &again);
    fuzz_agree(&other, &again, "recovery, and in pieces");
    fuzz_read(*options, FUZZ_RECOVER_BLOCKS, pieces, stream, &again);
    fuzz_agree(&other, &again, "recovery by records, and by blocks");
    FUZZ_MUST(other.status != LP_OK || whole.status == LP_OK, "recovery passes over \"%s\" at %llu",
              lp_status_text(whole.status), (unsigned long long)whole.offset);
    FUZZ_MUST(other.status != LP_OK || other.nlosses == 0, "losses, and no error");
    FUZZ_MUST(other.status != LP_DATA || other.nlosses > 0, "an error, and no loss");
    FUZZ_MUST(begins_with(&other.text, &whole.text), "recovery has other text");
    if (whole.status == LP_OK)
        fuzz_agree(&whole, &other, "reader and recovery");
    FUZZ_MUST(other.memory <= options->memory + 2 * FUZZ_MEMORY_FIXED, "recovery takes %zu bytes",
              other.memory);
}

/* Whether the ids of a record have its text from *at on, without the separator. */
static bool ids_match(const struct lp_vocab *vocab, const uint32_t *ids, size_t n, size_t *at,
                      size_t end)
{
    static struct lp_buf text;
    const unsigned char *record = whole.text.p + *at;
    const size_t size = end - *at;
    *at = end;
    text.n = 0;
    if (lp_ids_append_text(vocab, ids, n, size, &text) != LP_OK)
        return false;
    if (text.n + 1 == size && (record[text.n] == 0 || record[text.n] == '\n'))
        fuzz_add(&text, record + text.n, 1);
    return lp_buf_is(&text, record, size);
}

/* The ids of each record are of its text. */
static void decode_ids(const struct lp_vocab *vocab)
{
    const uint32_t *ids = (const uint32_t *)(const void *)other.text.p;
    const size_t nids = other.text.n / sizeof *ids, nrecords = whole.records.n / sizeof(uint64_t);
    size_t from = 0, at = 0, record = 0;
    for (size_t i = 0; i < nids; i++) {
        uint64_t end;
        if (ids[i] != UINT32_MAX)
            continue;
        FUZZ_MUST(record < nrecords, "more records of ids than of text");
        memcpy(&end, whole.records.p + record++ * sizeof end, sizeof end);
        FUZZ_MUST(ids_match(vocab, ids + from, i - from, &at, (size_t)end),
                  "record %zu: its ids have another text", record);
        from = i + 1;
    }
    FUZZ_MUST(from == nids && record == nrecords, "more records of text than of ids");
}

static enum lp_status note_vocab(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                                 size_t n, bool end)
{
    const struct lp_vocab **all = ctx; /* one for two: of the first and of any other segment */
    (void)ids, (void)n, (void)end;
    all[all[0] != NULL && all[0] != vocab] = vocab;
    return LP_OK;
}

/* The one vocabulary of a stream, NULL where there are several. */
static const struct lp_vocab *only_vocab(const struct lp_buf *stream)
{
    const struct lp_vocab *all[2] = {0};
    struct lp_reader *reader;
    const struct lp_reader_options options = {
        .find = fuzz_find, .on_ids = note_vocab, .ids_ctx = all};
    FUZZ_MUST(lp_reader_new(&options, NULL, NULL, &reader) == LP_OK, "no reader");
    if (lp_reader_push(reader, stream->p, stream->n) == LP_OK)
        (void)lp_reader_finish(reader);
    lp_reader_free(reader);
    return all[1] == NULL ? all[0] : NULL;
}

static void read_ids(const struct lp_reader_options *options, struct fuzz_pieces pieces,
                     const struct lp_buf *stream)
{
    fuzz_read(*options, FUZZ_IDS, (struct fuzz_pieces){0}, stream, &other);
    fuzz_read(*options, FUZZ_IDS, pieces, stream, &again);
    fuzz_agree(&other, &again, "ids, and in pieces");
    FUZZ_MUST(other.status == LP_USAGE || other.status == whole.status,
              "ids: \"%s\", text: \"%s\"", lp_status_text(other.status),
              lp_status_text(whole.status));
    const struct lp_vocab *vocab = other.status == LP_OK ? only_vocab(stream) : NULL;
    if (vocab != NULL)
        decode_ids(vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_buf sealed, windowed;
    struct fuzz_input in = {data, n};
    const unsigned mode = fuzz_choice(&in, 256), window = mode >> 3;
    struct lp_reader_options options = {.memory = (uint64_t)1 << (fuzz_flip(&in) ? 16 : 24)};
    const struct fuzz_pieces pieces = fuzz_choose_pieces(&in);
    fuzz_reseal(&in, &sealed);
    if (window > 0)
        fuzz_give_window(&sealed, window, &windowed);
    const struct lp_buf stream = window > 0 ? windowed : sealed;
    fuzz_read(options, FUZZ_RECORDS, (struct fuzz_pieces){0}, &stream, &whole);
    FUZZ_MUST(whole.memory <= options.memory + FUZZ_MEMORY_FIXED, "reading takes %zu bytes",
              whole.memory);
    fuzz_read(options, FUZZ_RECORDS, pieces, &stream, &other);
    fuzz_agree(&whole, &other, "whole and in pieces");
    fuzz_read(options, FUZZ_BLOCKS, pieces, &stream, &other);
    fuzz_agree(&whole, &other, "by records and by blocks");
    if (mode & 1)
        recover(&options, pieces, &stream);
    if (mode & 2)
        read_ids(&options, pieces, &stream);
    if (mode & 4) {
        options.threads = 3;
        fuzz_read(options, FUZZ_RECORDS, pieces, &stream, &other);
        fuzz_agree(&whole, &other, "one thread and three");
    }
    return 0;
}
