/* lopace - LoPace's blobs: noise is refused, limits hold; what is packed unpacks. */
#include "shared/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_codec *codec;
    struct fuzz_input in = {data, n};
    const struct lp_options options = {
        .chain = LP_CHAIN_TOKENS, .vocab = fuzz_vocab("cl100k_base"), .level = 3};
    if (codec == NULL)
        FUZZ_MUST(lp_codec_new(&options, &codec) == LP_OK, "no codec");
    const enum lp_lopace kind = (enum lp_lopace)fuzz_choice(&in, 3);
    const size_t limit = fuzz_flip(&in) ? 1000 : 1 << 20;
    const void *out, *back;
    size_t size, n_back;
    unsigned char *exact = fuzz_copy(in.p, in.n);
    fuzz_memory_begin();
    enum lp_status status = lp_lopace_unpack(codec, kind, exact, in.n, limit, &out, &size);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(status != LP_OK || size <= limit, "%zu bytes, where %zu are allowed", size, limit);
    FUZZ_MUST(memory <= 8 * limit + FUZZ_MEMORY_FIXED, "unpacking takes %zu bytes", memory);
    FUZZ_MUST(status != LP_NOMEM && status != LP_INTERNAL, "unpacking gives \"%s\"",
              lp_status_text(status));
    status = lp_lopace_pack(codec, kind, exact, in.n, &out, &size);
    FUZZ_MUST(status == LP_OK, "packing gives \"%s\"", lp_status_text(status));
    unsigned char *blob = fuzz_copy(out, size);
    status = lp_lopace_unpack(codec, kind, blob, size, in.n, &back, &n_back);
    FUZZ_MUST(status == LP_OK && n_back == in.n && (in.n == 0 || memcmp(back, exact, in.n) == 0),
              "packed, it unpacks to \"%s\"", lp_status_text(status));
    free(blob);
    free(exact);
    return 0;
}
