/* recode - streams, given zstd, mixing or a window: what comes out has the same records and ids;
 * what cannot be read cannot be recoded, and leaves no whole stream. */
#include "shared/fuzz.h"

static enum lp_status recode(const struct lp_options *options, struct fuzz_pieces pieces,
                             const struct lp_buf *stream, struct lp_buf *out)
{
    struct lp_recoder *recoder;
    out->n = 0;
    enum lp_status status = lp_recoder_new(options, fuzz_find, NULL, fuzz_append, out, &recoder);
    FUZZ_MUST(status == LP_OK, "no recoder");
    for (size_t at = 0, n; status == LP_OK && at < stream->n; at += n) {
        n = fuzz_piece(&pieces, stream->n - at);
        unsigned char *piece = fuzz_copy(stream->p + at, n);
        status = lp_recoder_push(recoder, piece, n);
        free(piece);
    }
    if (status == LP_OK)
        status = lp_recoder_finish(recoder);
    lp_recoder_free(recoder);
    FUZZ_MUST(status != LP_NOMEM && status != LP_INTERNAL && status != LP_BAD_VOCAB &&
                  status != LP_BAD_MODEL,
              "recoding gives \"%s\"", lp_status_text(status));
    return status;
}

static struct lp_options choose_options(struct fuzz_input *in)
{
    struct lp_options options = {.chain = LP_CHAIN_TOKENS_ZSTD, .level = 3, .memory = 1 << 24};
    const unsigned mode = fuzz_choice(in, 256), window = mode >> 3;
    options.block_size = LP_BLOCK_MIN << window % 4;
    fuzz_choose_window(&options, window);
    if (window % 2 == 1) {
        options.chain = LP_CHAIN_TOKENS;
        options.flush = mode & 1;
        options.unverified = mode & 4;
    } else if (mode & 1) {
        options.chain = LP_CHAIN_TOKENS_MIX;
        options.fast = mode & 2;
        options.unverified = mode & 4;
    } else {
        options.level = mode & 2 ? 1 : 19;
        options.dict = mode & 4 ? fuzz_dict() : NULL;
    }
    return options;
}

/* With a window a stream has the ids that it had. Where a stream that no command writes has tokens
 * that take more than the text, they become text. */
static void check_ids(const struct lp_reader_options *reading, const struct lp_buf *stream,
                      const struct lp_buf *out)
{
    static struct fuzz_reading before, after;
    fuzz_read(*reading, FUZZ_IDS, (struct fuzz_pieces){0}, stream, &before);
    fuzz_read(*reading, FUZZ_IDS, (struct fuzz_pieces){0}, out, &after);
    if (before.status == LP_OK && after.status != LP_LIMIT)
        fuzz_agree(&before, &after, "ids before and after");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_buf stream, out, other;
    static struct fuzz_reading before, after;
    struct fuzz_input in = {data, n};
    struct lp_options options = choose_options(&in);
    options.threads = fuzz_choice(&in, 3);
    const struct fuzz_pieces pieces = fuzz_choose_pieces(&in), at_once = {0};
    const struct lp_reader_options reading = {.memory = options.memory};
    fuzz_reseal(&in, &stream);
    fuzz_read(reading, FUZZ_RECORDS, at_once, &stream, &before);
    const enum lp_status status = recode(&options, at_once, &stream, &out);
    options.threads = 0;
    FUZZ_MUST(recode(&options, pieces, &stream, &other) == status && fuzz_same(&out, &other),
              "whole by threads and in pieces: \"%s\", and not the same", lp_status_text(status));
    FUZZ_MUST((status == LP_OK) == (before.status == LP_OK) || status == LP_USAGE ||
                  status == LP_NO_MODEL || before.status == LP_LIMIT || status == LP_LIMIT,
              "reading gives \"%s\", recoding \"%s\"", lp_status_text(before.status),
              lp_status_text(status));
    fuzz_read(reading, FUZZ_RECORDS, at_once, &out, &after);
    if (status == LP_OK) {
        fuzz_agree(&before, &after, "before and after");
        check_ids(&reading, &stream, &out);
    } else {
        FUZZ_MUST(after.status != LP_OK || out.n == 0, "\"%s\", and the stream is whole",
                  lp_status_text(status));
    }
    return 0;
}
