/* dictionary - any bytes are a dictionary or are refused; what is packed with one unpacks with it.
 *
 * An input is a number n (u16), n bytes of dictionary, then a text. */
#include "base/bytes.h"
#include "shared/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = {data, n};
    struct lp_options options = {.vocab = fuzz_vocab("cl100k_base"), .level = 3};
    options.chain = fuzz_flip(&in) ? LP_CHAIN_TOKENS_ZSTD : LP_CHAIN_TEXT_ZSTD;
    const unsigned damage = fuzz_choice(&in, 256);
    if (in.n < 2)
        return 0;
    size_t n_dict = lp_get16(in.p);
    n_dict = n_dict < in.n - 2 ? n_dict : in.n - 2;
    unsigned char *content = fuzz_copy(in.p + 2, n_dict);
    const unsigned char *text = in.p + 2 + n_dict;
    const size_t n_text = in.n - 2 - n_dict;
    struct lp_dict *dict;
    enum lp_status status = lp_dict_open_memory(content, n_dict, true, &dict);
    free(content);
    FUZZ_MUST(status == LP_OK || status == LP_DATA, "opening gives \"%s\"", lp_status_text(status));
    if (status != LP_OK)
        return 0;
    struct lp_codec *codec;
    const void *blob, *back;
    size_t size, n_back;
    options.dict = dict;
    FUZZ_MUST(lp_codec_new(&options, &codec) == LP_OK, "no codec");
    status = lp_pack(codec, text, n_text, &blob, &size);
    FUZZ_MUST(status == LP_OK, "packing gives \"%s\"", lp_status_text(status));
    unsigned char *exact = fuzz_copy(blob, size);
    status = lp_unpack(codec, exact, size, NULL, NULL, &back, &n_back);
    FUZZ_MUST(status == LP_OK && n_back == n_text &&
                  (n_text == 0 || memcmp(back, text, n_text) == 0),
              "unpacking gives \"%s\"", lp_status_text(status));
    exact[size - 1 - damage % size] ^= (unsigned char)(damage | 1);
    status = lp_unpack(codec, exact, size, fuzz_find, NULL, &back, &n_back);
    FUZZ_MUST(status != LP_OK ||
                  (n_back == n_text && (n_text == 0 || memcmp(back, text, n_text) == 0)),
              "damage gives another text");
    free(exact);
    lp_codec_free(codec);
    lp_dict_close(dict);
    return 0;
}
