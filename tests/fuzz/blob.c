/* blob - blobs, restored within limits of memory, as text and as ids, recoded and restored again;
 * those with a parent with the right one, another, and none. */
#include "shared/fuzz.h"

#include "base/bytes.h"
#include "format/blob.h"

static struct lp_buf text; /* of the blob */

/* The parent that is there. */
enum parent { RIGHT, OWN, NONE, OTHER, PARENTS };

static const char parent_text[] =
    "You are a helpful assistant. Answer briefly, and write in French where you are asked in it.\n"
    "The user's name is Alice; her question is: \"What is the capital of France, and how many\n"
    "inhabitants does it have?\" Tools: search(query), calculate(expression), weather(city).\n"
    "0123456789 0123456789 0123456789 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

/* A finder: ctx is an enum parent. What it finds stays the finder's, exact for the sanitizer. */
static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    static unsigned char *exact;
    const enum parent parent = *(const enum parent *)ctx;
    const size_t n = sizeof parent_text - 1;
    if (need->what != LP_NEED_PARENT)
        return fuzz_find(NULL, need, found);
    if (parent == OWN || parent == NONE)
        return LP_NO_PARENT;
    if (exact == NULL)
        exact = fuzz_copy(parent_text, n);
    found->parent = exact;
    found->parent_size = n - (parent == OTHER);
    return LP_OK;
}

static struct lp_codec *codec_of(const struct lp_options *options)
{
    struct lp_codec *codec;
    FUZZ_MUST(lp_codec_new(options, &codec) == LP_OK, "no codec");
    return codec;
}

/* A codec that has the parent itself if it is to be its own. */
static struct lp_codec *codec_with(const struct lp_options *options, enum parent parent)
{
    struct lp_codec *codec = codec_of(options);
    if (parent == OWN && options->vocab != NULL)
        FUZZ_MUST(lp_codec_parent(codec, parent_text, sizeof parent_text - 1) == LP_OK,
                  "no parent");
    return codec;
}

/* Restores the blob's text. */
static enum lp_status unpack(const struct lp_options *options, enum parent parent,
                             const unsigned char *blob, size_t n)
{
    const void *out;
    size_t size;
    struct lp_blob_info info;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_with(options, parent);
    const enum lp_status status = lp_unpack(codec, blob, n, find, &parent, &out, &size);
    text.n = 0;
    fuzz_add(&text, out, size);
    FUZZ_MUST(status != LP_NO_PARENT || (lp_blob_info(blob, n, &info) == LP_OK && info.has_parent &&
                                         lp_codec_need(codec)->what == LP_NEED_PARENT &&
                                         lp_codec_need(codec)->fingerprint == info.parent),
              "a parent is missing, and not named");
    lp_codec_free(codec);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= options->memory + FUZZ_MEMORY_FIXED, "unpacking takes %zu bytes", memory);
    FUZZ_MUST(status != LP_NOMEM && status != LP_INTERNAL && status != LP_USAGE,
              "unpacking gives \"%s\"", lp_status_text(status));
    return status;
}

/* Without its parent, or with another, a blob restores nothing. */
static void check_other_parents(const struct lp_options *options, enum parent parent,
                                const unsigned char *blob, size_t n)
{
    struct lp_blob_info info;
    if (lp_blob_info(blob, n, &info) != LP_OK || !info.has_parent)
        return;
    for (enum parent other = NONE; other < PARENTS; other++)
        FUZZ_MUST(unpack(options, other, blob, n) != LP_OK, "restored without its parent");
    (void)unpack(options, parent, blob, n); /* the text again */
}

/* Makes the parent's check right, if there is one. */
static void reseal_parent(unsigned char *blob, size_t n)
{
    struct lp_blob info;
    size_t head;
    if (lp_blob_get(blob, n, &info, &head) == LP_OK && info.copies)
        lp_put32(blob + head - 4, lp_check(parent_text, sizeof parent_text - 1));
}

/* Makes the check right. Returns whether there is one and it was wrong. */
static bool reseal(unsigned char *blob, size_t n)
{
    struct lp_blob info;
    size_t head;
    if (lp_blob_get(blob, n, &info, &head) != LP_OK || !info.checked)
        return false;
    lp_put32(blob + head - (info.copies ? 8 : 4), lp_check32(text.p, text.n));
    return true;
}

/* The ids of a blob have its text, and are as many as it says. */
static void check_ids(const struct lp_options *options, enum parent parent, enum lp_status unpacked,
                      const unsigned char *blob, size_t n)
{
    const uint32_t *ids;
    const void *back;
    size_t nids, count, size;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_with(options, parent);
    enum lp_status status = lp_unpack_ids(codec, blob, n, find, &parent, &ids, &nids);
    struct lp_buf copy = {0};
    if (status == LP_OK)
        fuzz_add(&copy, ids, nids * sizeof *ids);
    const enum lp_status counted = lp_blob_count(codec, blob, n, find, &parent, &count);
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

/* A blob that has a parent keeps it, which is not needed; then only unpacking shows damage. */
static void check_recoded(struct lp_options options, enum parent parent, enum lp_status unpacked,
                          const unsigned char *blob, size_t n)
{
    const void *out;
    size_t n_out;
    struct lp_blob_info info;
    enum parent recoding = parent == OWN ? OWN : NONE, back = RIGHT;
    const bool child = lp_blob_info(blob, n, &info) == LP_OK && info.has_parent;
    fuzz_memory_begin();
    struct lp_codec *codec = codec_with(&options, recoding);
    enum lp_status status = lp_recode(codec, blob, n, find, &recoding, &out, &n_out);
    struct lp_buf copy = {0}, before = text;
    if (status == LP_OK)
        fuzz_add(&copy, out, n_out);
    lp_codec_free(codec);
    const size_t memory = fuzz_memory_end();
    FUZZ_MUST(memory <= 2 * options.memory + 2 * FUZZ_MEMORY_FIXED, "recoding takes %zu bytes",
              memory);
    FUZZ_MUST((status == LP_OK) == (unpacked == LP_OK) || (child && status == LP_OK) ||
                  status == LP_NO_MODEL || status == LP_LIMIT,
              "unpacking gives \"%s\", recoding \"%s\"", lp_status_text(unpacked),
              lp_status_text(status));
    if (status == LP_OK) {
        const struct lp_options any = {.memory = (uint64_t)1 << 24};
        unsigned char *exact = fuzz_copy(copy.p, copy.n);
        text = (struct lp_buf){0};
        status = unpack(&any, back, exact, copy.n);
        FUZZ_MUST(unpacked != LP_OK || (status == LP_OK && fuzz_same(&text, &before)),
                  "recoded, it gives \"%s\"", lp_status_text(status));
        FUZZ_MUST(status != LP_OK || unpacked != LP_DATA || options.unchecked,
                  "recoding hides damage");
        free(exact);
        lp_buf_free(&text);
        text = before;
    }
    lp_buf_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = {data, n};
    struct lp_options options = {.memory = (uint64_t)1 << (fuzz_flip(&in) ? 18 : 24)};
    const bool put_right = !fuzz_flip(&in);
    const unsigned choice = fuzz_choice(&in, 8 * PARENTS), mode = choice % 8;
    const enum parent parent = (enum parent)(choice / 8);
    unsigned char *blob = fuzz_copy(in.p, in.n);
    struct lp_blob_info info;
    if (put_right)
        reseal_parent(blob, in.n);
    if (lp_blob_info(blob, in.n, &info) == LP_OK && info.vocab[0] != 0)
        options.vocab = parent == OWN ? fuzz_vocab(info.vocab) : NULL;
    enum lp_status status = unpack(&options, parent, blob, in.n);
    FUZZ_MUST(lp_is_blob(blob, in.n) || status != LP_OK, "no blob, and unpacked");
    if (status == LP_DATA && put_right && reseal(blob, in.n))
        status = unpack(&options, parent, blob, in.n);
    if (status == LP_OK)
        check_other_parents(&options, parent, blob, in.n);
    if (mode & 1)
        check_ids(&options, parent, status, blob, in.n);
    options.level = 3;
    options.unchecked = mode == 0;
    if (mode & 2) {
        options.chain = LP_CHAIN_TOKENS_MIX;
        options.fast = mode & 4;
    } else {
        options.chain = LP_CHAIN_TOKENS_ZSTD;
        options.dict = mode & 4 ? fuzz_dict() : NULL;
    }
    check_recoded(options, parent, status, blob, in.n);
    free(blob);
    return 0;
}
