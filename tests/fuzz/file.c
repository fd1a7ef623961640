/* file - streams, by random access: segments and records, forwards, backwards, at random, are those
 * that a reader finds. */
#include "shared/fuzz.h"

static struct fuzz_reading reading;

static size_t count_records(void)
{
    return reading.records.n / sizeof(uint64_t);
}

static void check_segments(struct lp_file *file, size_t stream_size)
{
    struct lp_segment segment;
    uint64_t text = 0, nrecords = 0, size = 0;
    enum lp_status status;
    size_t i = 0;
    while ((status = lp_file_segment(file, i++, &segment)) == LP_OK) {
        FUZZ_MUST(segment.offset == size, "a segment begins at %llu, not %llu",
                  (unsigned long long)segment.offset, (unsigned long long)size);
        size += segment.size;
        text += segment.text_size;
        nrecords += segment.nrecords;
    }
    if (reading.status != LP_OK)
        return;
    FUZZ_MUST(status == LP_USAGE, "segment %zu: \"%s\"", i, lp_status_text(status));
    FUZZ_MUST(size == stream_size && text == reading.text.n && nrecords == count_records(),
              "segments have %llu records of %llu bytes, a reader %zu of %zu",
              (unsigned long long)nrecords, (unsigned long long)text, count_records(),
              reading.text.n);
}

/* Reads record number n. */
static enum lp_status check_record(struct lp_file *file, uint64_t n)
{
    static struct lp_buf record;
    uint64_t from = 0, end = 0;
    record.n = 0;
    const enum lp_status status = lp_file_record(file, n, fuzz_append, &record);
    FUZZ_MUST(status != LP_NOMEM && status != LP_INTERNAL && status != LP_USAGE,
              "record %llu: \"%s\"", (unsigned long long)n, lp_status_text(status));
    if (reading.status != LP_OK)
        return status;
    FUZZ_MUST(status == LP_OK, "record %llu: \"%s\"", (unsigned long long)n,
              lp_status_text(status));
    if (n > 1)
        memcpy(&from, reading.records.p + (n - 2) * sizeof from, sizeof from);
    memcpy(&end, reading.records.p + (n - 1) * sizeof end, sizeof end);
    FUZZ_MUST(record.n == end - from &&
                  (record.n == 0 || memcmp(record.p, reading.text.p + from, record.n) == 0),
              "record %llu is not the reader's", (unsigned long long)n);
    return status;
}

enum order { FORWARDS, BACKWARDS, RANDOM };

/* Reads records in an order, at most a few. Returns whether these are all, and all are right. */
static bool check_records(struct lp_file *file, uint64_t nrecords, enum order order, uint32_t seed)
{
    enum { RECORDS_MAX = 300 };
    bool right = nrecords <= RECORDS_MAX;
    for (uint64_t i = 0; i < nrecords && i < RECORDS_MAX; i++) {
        seed = seed * 1664525 + 1013904223;
        uint64_t n = order == BACKWARDS ? nrecords - i : i + 1;
        if (order == RANDOM) /* both ends of many, which blocks are told to have */
            n = seed >> 31 ? 1 + (seed >> 8) % nrecords : nrecords - (seed >> 8) % nrecords % 40;
        right = check_record(file, n) == LP_OK && right;
    }
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_buf sealed, windowed;
    struct fuzz_input in = {data, n};
    const enum order order = (enum order)fuzz_choice(&in, 3);
    const uint32_t seed = fuzz_choice(&in, 256);
    const unsigned mode = fuzz_choice(&in, 256), window = mode >> 3;
    struct lp_reader_options options = {.memory = (uint64_t)1 << (mode & 1 ? 16 : 24),
                                        .find = fuzz_find};
    struct lp_file *file;
    uint64_t nrecords = 0;
    fuzz_reseal(&in, &sealed);
    if (window > 0)
        fuzz_give_window(&sealed, window, &windowed);
    const struct lp_buf stream = window > 0 ? windowed : sealed;
    fuzz_read(options, FUZZ_RECORDS, (struct fuzz_pieces){0}, &stream, &reading);
    unsigned char *exact = fuzz_copy(stream.p, stream.n);
    struct lp_buf source = {exact, stream.n, stream.n};
    fuzz_memory_begin();
    enum lp_status status = lp_file_open(fuzz_read_at, &source, source.n, &options, &file);
    FUZZ_MUST(status == LP_OK || reading.status != LP_OK, "opening gives \"%s\"",
              lp_status_text(status));
    if (status == LP_OK) {
        check_segments(file, stream.n);
        status = lp_file_records(file, &nrecords);
        FUZZ_MUST(status == LP_OK, "counting gives \"%s\"", lp_status_text(status));
        check_records(file, nrecords, order, seed);
    }
    lp_file_close(file);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= 3 * options.memory + FUZZ_MEMORY_FIXED, "access takes %zu bytes", memory);
    free(exact);
    return 0;
}
