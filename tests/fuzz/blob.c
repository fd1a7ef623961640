/* blob - blobs, restored within limits of memory, as text and as ids, recoded and restored again.
 */
#include "shared/fuzz.h"

#include "base/bytes.h"
#include "format/blob.h"

static struct lp_buf text; /* of the blob */

static struct lp_codec *codec_of(const struct lp_options *options)
{
    struct lp_codec *codec;
    FUZZ_MUST(lp_codec_new(options, &codec) == LP_OK, "no codec");
    return codec;
}

/* Restores the blob's text. */
static enum lp_status unpack(const struct lp_options *options, const unsigned char *blob, size_t n)
{
    const void *out;
    size_t size;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_of(options);
    const enum lp_status status = lp_unpack(codec, blob, n, fuzz_find, NULL, &out, &size);
    text.n = 0;
    fuzz_add(&text, out, size);
    lp_codec_free(codec);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= options->memory + FUZZ_MEMORY_FIXED, "unpacking takes %zu bytes", memory);
    FUZZ_MUST(status != LP_NOMEM && status != LP_INTERNAL && status != LP_USAGE,
              "unpacking gives \"%s\"", lp_status_text(status));
    return status;
}

/* Makes the check right. Returns whether there is one and it was wrong. */
static bool reseal(unsigned char *blob, size_t n)
{
    struct lp_blob info;
    size_t head;
    if (lp_blob_get(blob, n, &info, &head) != LP_OK || !info.checked)
        return false;
    lp_put32(blob + head - 4, lp_check32(text.p, text.n));
    return true;
}

/* The ids of a blob have its text, and are as many as it says. */
static void check_ids(const struct lp_options *options, enum lp_status unpacked,
                      const unsigned char *blob, size_t n)
{
    const uint32_t *ids;
    const void *back;
    size_t nids, count, size;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_of(options);
    enum lp_status status = lp_unpack_ids(codec, blob, n, fuzz_find, NULL, &ids, &nids);
    struct lp_buf copy = {0};
    if (status == LP_OK)
        fuzz_add(&copy, ids, nids * sizeof *ids);
    const enum lp_status counted = lp_blob_count(codec, blob, n, fuzz_find, NULL, &count);
    lp_codec_free(codec);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= options->memory + FUZZ_MEMORY_FIXED, "unpacking ids takes %zu bytes",
              memory);
    FUZZ_MUST((status == LP_OK) == (unpacked == LP_OK) || status == LP_LIMIT || status == LP_USAGE,
              "as text: \"%s\", as ids: \"%s\"", lp_status_text(unpacked), lp_status_text(status));
    struct lp_blob_info info;
    if (status == LP_OK && lp_blob_info(blob, n, &info) == LP_OK) {
        FUZZ_MUST(counted == LP_OK && count == nids, "%zu ids, %zu counted", nids, count);
        struct lp_options decoding = *options;
        decoding.vocab = fuzz_vocab(info.vocab[0] != 0 ? info.vocab : "cl100k_base");
        codec = codec_of(&decoding);
        status = lp_decode(codec, (const uint32_t *)(const void *)copy.p, nids, &back, &size);
        FUZZ_MUST(status == LP_OK && lp_buf_is(&text, back, size), "the ids have another text");
        lp_codec_free(codec);
    }
    lp_buf_free(&copy);
}

static void check_recoded(struct lp_options options, enum lp_status unpacked,
                          const unsigned char *blob, size_t n)
{
    const void *out, *back;
    size_t n_out, size;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_of(&options);
    enum lp_status status = lp_recode(codec, blob, n, fuzz_find, NULL, &out, &n_out);
    struct lp_buf copy = {0};
    if (status == LP_OK)
        fuzz_add(&copy, out, n_out);
    lp_codec_free(codec);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= 2 * options.memory + 2 * FUZZ_MEMORY_FIXED, "recoding takes %zu bytes",
              memory);
    FUZZ_MUST((status == LP_OK) == (unpacked == LP_OK) || status == LP_NO_MODEL ||
                  status == LP_LIMIT,
              "unpacking gives \"%s\", recoding \"%s\"", lp_status_text(unpacked),
              lp_status_text(status));
    if (status == LP_OK) {
        unsigned char *exact = fuzz_copy(copy.p, copy.n);
        codec = codec_of(NULL);
        status = lp_unpack(codec, exact, copy.n, fuzz_find, NULL, &back, &size);
        FUZZ_MUST(status == LP_OK && lp_buf_is(&text, back, size), "recoded, it gives \"%s\"",
                  lp_status_text(status));
        lp_codec_free(codec);
        free(exact);
    }
    lp_buf_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = {data, n};
    struct lp_options options = {.memory = (uint64_t)1 << (fuzz_flip(&in) ? 18 : 24)};
    const bool put_right = !fuzz_flip(&in);
    const unsigned mode = fuzz_choice(&in, 8);
    unsigned char *blob = fuzz_copy(in.p, in.n);
    enum lp_status status = unpack(&options, blob, in.n);
    FUZZ_MUST(lp_is_blob(blob, in.n) || status != LP_OK, "no blob, and unpacked");
    if (status == LP_DATA && put_right && reseal(blob, in.n))
        status = unpack(&options, blob, in.n);
    if (mode & 1)
        check_ids(&options, status, blob, in.n);
    options.level = 3;
    options.unchecked = mode == 0;
    if (mode & 2) {
        options.chain = LP_CHAIN_TOKENS_MIX;
        options.fast = mode & 4;
    } else {
        options.chain = LP_CHAIN_TOKENS_ZSTD;
        options.dict = mode & 4 ? fuzz_dict() : NULL;
    }
    check_recoded(options, status, blob, in.n);
    free(blob);
    return 0;
}
