/* blob_pack.c - a record to a blob, and a blob to a smaller one. */
#include "codec.h"

#include "block/resolve.h"
#include "format/encodings.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

/* What it costs a blob to name the dictionary or model of options: 0 when there is
 * none, or one that the toolkit ships. */
static size_t naming(const struct lp_options *options)
{
    if (options->chain == LP_CHAIN_TOKENS_MIX)
        return lp_model_fingerprint(options->model) !=
                       lp_shipped_model(lp_model_vocab_fingerprint(options->model))
                   ? LP_BLOB_NAMING
                   : 0;
    return options->dict != NULL ? LP_BLOB_NAMING : 0;
}

/* Puts a record into codec->payload as a blob: head, copies if it has a parent, then its smallest
 * form. */
static enum lp_status put_blob(struct lp_codec *codec, const struct lp_options *o,
                               struct lp_blob *blob, const struct lp_bodies *bodies)
{
    struct lp_buf *out = &codec->payload;
    struct lp_packed packed;
    out->n = 0;
    if (!lp_buf_reserve(out, LP_BLOB_HEAD_MAX))
        return LP_NOMEM;
    codec->coder.naming = naming(o);
    out->n = LP_BLOB_HEAD_MAX; /* the head is put before the payload once that is known */
    if (blob->copies && !lp_payload_put_copies(&codec->copies, out))
        return LP_NOMEM;
    const struct lp_frame frame = lp_blob_frame(blob, 0, LP_BLOCK_MAX);
    enum lp_status status = lp_body_pack(&codec->coder, o, &frame, bodies, out, &packed);
    if (status != LP_OK)
        return status;
    blob->wire = packed.wire;
    enum lp_chain chain = lp_wire_chain(blob->wire);
    struct lp_header header;
    lp_header_of(o, LP_BLOCK_LOG_MAX, &header);
    bool zstd = chain == LP_CHAIN_TEXT_ZSTD || chain == LP_CHAIN_TOKENS_ZSTD;
    blob->dict_fingerprint = zstd ? header.dict_fingerprint : 0;
    blob->model_fingerprint = chain == LP_CHAIN_TOKENS_MIX ? header.model_fingerprint : 0;
    if (lp_chain_tokens(o->chain)) {
        blob->vocab_name = lp_vocab_name(o->vocab);
        blob->vocab_fingerprint = lp_vocab_fingerprint(o->vocab);
    }
    unsigned char head[LP_BLOB_HEAD_MAX];
    size_t size = lp_blob_put(blob, head);
    if (size == 0)
        return LP_USAGE;
    lp_buf_drop(out, LP_BLOB_HEAD_MAX - size);
    memcpy(out->p, head, size);
    return LP_OK;
}

/* Proves that the blob in codec->payload, put there as put says, restores the n bytes at text,
 * of which put has the check. They may be those that codec->text holds: what is restored goes to
 * another buffer. */
static enum lp_status prove_blob(struct lp_codec *codec, const struct lp_blob *put, lp_finder *find,
                                 void *ctx, const void *text, size_t n)
{
    struct lp_blob blob;
    struct lp_found tools;
    const struct lp_buf before = codec->text;
    codec->text = codec->other;
    codec->other = before;
    enum lp_status status = lp_blob_open(codec, codec->payload.p, codec->payload.n, LP_BLOCK_MAX,
                                         find, ctx, &blob, &tools, NULL);
    return lp_proof(codec->options.vocab, status,
                    lp_buf_is(&codec->text, text, n) && blob.checked == put->checked &&
                        (!put->checked || blob.check == put->check));
}

/* Finds what codec->body, of tokens, repeats of the codec's parent. Whether it is worth naming the
 * parent. */
static enum lp_status match_parent(struct lp_codec *codec, const struct lp_options *o,
                                   struct lp_blob *blob)
{
    codec->copies.n = codec->rest.n = 0;
    if (codec->own.vocab == NULL || codec->own.vocab != o->vocab)
        return LP_OK;
    enum lp_status status =
        lp_parent_match(&codec->own, codec->body.p, codec->body.n, &codec->copies, &codec->rest);
    blob->copies = codec->rest.n + codec->copies.n < codec->body.n;
    blob->parent_check = lp_parent_check(&codec->own);
    return status;
}

/* Whether all of codec->body may be smaller as a blob than with copies from its parent, as it is in
 * codec->payload: unless most of it is copied, or where it repeats itself so much that even fast
 * zstd comes near. To try it costs little where it is short, and nothing without compression. */
static enum lp_status whole_may_be_smaller(struct lp_codec *codec, bool *may)
{
    enum { SHORT = 512, MOSTLY = 2, NEAR = 3, FAST = 1 };
    struct lp_buf *scout = &codec->other;
    bool lean;
    *may = codec->body.n < SHORT || codec->rest.n >= codec->body.n / MOSTLY ||
           codec->options.chain == LP_CHAIN_TOKENS;
    scout->n = 0;
    if (*may)
        return LP_OK;
    enum lp_status status =
        lp_zstd_pack(&codec->coder.zstd, FAST, NULL, codec->body.p, codec->body.n, scout, &lean);
    *may = scout->n < NEAR * codec->payload.n;
    return status;
}

/* Puts codec->body into codec->payload as a blob, with copies from the parent if that is
 * smaller. */
static enum lp_status put_smallest(struct lp_codec *codec, const struct lp_options *o,
                                   struct lp_blob *head, const struct lp_bodies *bodies)
{
    struct lp_bodies rest = {.tokens = &codec->rest};
    bool try_whole = true;
    enum lp_status status = bodies->tokens != NULL ? match_parent(codec, o, head) : LP_OK;
    if (status != LP_OK || !head->copies)
        return status == LP_OK ? put_blob(codec, o, head, bodies) : status;
    struct lp_blob whole = *head;
    whole.copies = false;
    rest.copies = codec->copies.p;
    rest.ncopies = codec->copies.n;
    status = put_blob(codec, o, head, &rest);
    if (status == LP_OK)
        status = whole_may_be_smaller(codec, &try_whole);
    if (status != LP_OK || !try_whole)
        return status;
    const struct lp_buf with = codec->payload;
    codec->payload = codec->other;
    codec->other = with;
    status = put_blob(codec, o, &whole, bodies);
    if (status == LP_OK && codec->payload.n <= codec->other.n) {
        *head = whole;
        return LP_OK;
    }
    codec->other = codec->payload;
    codec->payload = with;
    return status;
}

enum lp_status lp_pack(struct lp_codec *codec, const void *text, size_t n, const void **blob,
                       size_t *size)
{
    const struct lp_options *o = &codec->options;
    if (!lp_options_complete(o))
        return LP_USAGE;
    if (n > LP_BLOCK_MAX)
        return LP_LIMIT;
    struct lp_blob head = {.checked = !o->unchecked, .check = lp_check32(text, n)};
    const struct lp_buf whole = {.p = (unsigned char *)(uintptr_t)text, .n = n};
    struct lp_bodies bodies = {.text = &whole};
    enum lp_status status = LP_OK;
    codec->body.n = 0;
    if (lp_chain_tokens(o->chain)) {
        const uint32_t *ids;
        size_t nids;
        status = lp_encode(codec, text, n, &ids, &nids);
        if (status == LP_OK && !lp_buf_reserve(&codec->body, LP_CODE_MAX * nids))
            status = LP_NOMEM;
        if (status == LP_OK)
            codec->body.n = lp_codes_from_ids(o->vocab, ids, nids, codec->body.p);
        if (status == LP_OK)
            status = lp_vocab_status(o->vocab);
        bodies.tokens = &codec->body;
        bodies.ids = &codec->ids;
    }
    if (status == LP_OK)
        status = put_smallest(codec, o, &head, &bodies);
    if (status == LP_OK && !o->unverified)
        status = prove_blob(codec, &head, NULL, NULL, text, n);
    *blob = codec->payload.p;
    *size = codec->payload.n;
    return status;
}

/* The memory that the last blob opened may take until it is recoded: its text is restored twice. */
static uint64_t memory_to_recode(const struct lp_codec *codec, const struct lp_options *packing)
{
    const uint64_t text = lp_memory_of_text(codec->header.chain) * (uint64_t)codec->text.n;
    return text + codec->text.n + lp_body_memory(packing, codec->text.n, codec->body.n);
}

/* Recodes a blob that has a parent already: the copies stay as they are, and the parent is not
 * needed. So the text is not restored, and its check, which alone would show damage, stays too. */
static enum lp_status recode_child(struct lp_codec *codec, const unsigned char *data, size_t size,
                                   lp_finder *find, void *ctx)
{
    struct lp_blob blob;
    struct lp_found tools;
    struct lp_options packing;
    enum lp_chain base;
    size_t head;
    enum lp_status status = lp_blob_open_head(codec, data, size, find, ctx, &blob, &tools, &head);
    if (status != LP_OK)
        return status;
    const struct lp_blob_source from = {data + head, size - head,
                                        lp_blob_text_max(codec, data, size), find, ctx};
    status = lp_blob_restore_stored(codec, &tools, &blob, &from, &base);
    if (status == LP_OK)
        status = lp_need_packing(&codec->header, &codec->options, find, ctx, &tools, &packing,
                                 &codec->need);
    const struct lp_bodies rest = {
        .tokens = &codec->rest, .copies = codec->copies.p, .ncopies = codec->copies.n};
    if (status == LP_OK)
        status = put_blob(codec, &packing, &blob, &rest);
    if (status != LP_OK || packing.unverified)
        return status;
    const struct lp_found made = {packing.vocab, packing.dict, packing.model, NULL, 0};
    struct lp_buf payload = codec->payload;
    status = lp_blob_get(payload.p, payload.n, &blob, &head);
    if (status != LP_OK)
        return LP_INTERNAL;
    payload.p += head;
    payload.n -= head;
    const struct lp_frame frame = lp_blob_frame(&blob, payload.n, LP_BLOCK_MAX);
    return lp_body_prove_payload(&codec->coder, &made, LP_WHOLE, &frame, &payload, &codec->rest);
}

/* Recodes a blob without parent; if the codec has one, it becomes the blob's where that is
 * smaller. */
static enum lp_status recode_blob(struct lp_codec *codec, const unsigned char *data, size_t size,
                                  lp_finder *find, void *ctx)
{
    struct lp_blob blob;
    struct lp_found tools;
    struct lp_options packing;
    enum lp_chain base;
    enum lp_status status =
        lp_blob_open_checked(codec, data, size, find, ctx, &blob, &tools, &base);
    struct lp_bodies bodies = {.text = &codec->text, .tokens = &codec->body};
    if (status == LP_OK && base == LP_CHAIN_TEXT && blob.vocab_name[0] == 0)
        bodies.tokens = NULL;
    else if (status == LP_OK && base == LP_CHAIN_TEXT)
        status = lp_blob_tokenise(codec, &blob, find, ctx, &tools);
    if (status == LP_OK)
        status = lp_need_packing(&codec->header, &codec->options, find, ctx, &tools, &packing,
                                 &codec->need);
    if (status == LP_OK && memory_to_recode(codec, &packing) > lp_memory_limit(packing.memory))
        status = LP_LIMIT;
    blob.checked = blob.checked && !codec->options.unchecked;
    if (status == LP_OK)
        status = put_smallest(codec, &packing, &blob, &bodies);
    if (status == LP_OK && !packing.unverified)
        status = prove_blob(codec, &blob, find, ctx, codec->text.p, codec->text.n);
    return status;
}

enum lp_status lp_recode(struct lp_codec *codec, const void *data, size_t size, lp_finder *find,
                         void *ctx, const void **out, size_t *n)
{
    struct lp_blob blob;
    size_t head;
    const bool child = lp_blob_get(data, size, &blob, &head) == LP_OK && blob.copies;
    enum lp_status status = child ? recode_child(codec, data, size, find, ctx)
                                  : recode_blob(codec, data, size, find, ctx);
    *out = codec->payload.p;
    *n = codec->payload.n;
    return status;
}
