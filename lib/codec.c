#include "codec.h"

#include "base/bytes.h"
#include "base/ids.h"
#include "base/interrupt.h"
#include "base/sized.h"
#include "block/body.h"
#include "block/parent.h"
#include "block/resolve.h"
#include "format/blob.h"
#include "format/encodings.h"
#include "lp.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

struct lp_codec {
    struct lp_options options;
    struct lp_tok *tok;
    struct lp_ids ids;
    struct lp_block_coder coder;
    struct lp_buf body, payload, text;
    struct lp_buf other;         /* the text restored before, while a new blob is proved */
    struct lp_parent own, found; /* parents: that of lp_codec_parent(), the finder's last */
    struct lp_buf copies, rest;  /* of a blob with a parent: packed copies, and the other codes */
    struct lp_header header;     /* of the last blob opened: need's name is in it */
    struct lp_need need;
};

enum lp_status lp_codec_new_sized(const struct lp_options *options, size_t size,
                                  struct lp_codec **out)
{
    *out = NULL;
    struct lp_codec *codec = calloc(1, sizeof *codec);
    if (codec == NULL)
        return LP_NOMEM;
    const struct lp_options *o = &codec->options;
    enum lp_status status =
        lp_take_sized(&codec->options, sizeof codec->options, options, size) ? LP_OK : LP_USAGE;
    if (status == LP_OK && o->vocab != NULL)
        status = lp_tok_new(o->vocab, o->special, &codec->tok);
    if (status != LP_OK) {
        lp_codec_free(codec);
        return status;
    }
    codec->coder.mixer.interrupt = o->interrupt;
    codec->coder.mixer.interrupt_ctx = o->interrupt_ctx;
    *out = codec;
    return LP_OK;
}

void lp_codec_free(struct lp_codec *codec)
{
    if (codec == NULL)
        return;
    lp_tok_free(codec->tok);
    free(codec->ids.v);
    lp_block_coder_free(&codec->coder);
    lp_buf_free(&codec->body);
    lp_buf_free(&codec->payload);
    lp_buf_free(&codec->text);
    lp_buf_free(&codec->other);
    lp_buf_free(&codec->copies);
    lp_buf_free(&codec->rest);
    lp_parent_free(&codec->own);
    lp_parent_free(&codec->found);
    free(codec);
}

/* Appends the ids of a text to codec->ids; whoever may interrupt is asked between pieces of it. */
static enum lp_status push_text(struct lp_codec *codec, const unsigned char *text, size_t n)
{
    enum { PIECE = 64 << 10 };
    const struct lp_options *o = &codec->options;
    for (;;) {
        size_t piece = o->interrupt != NULL && n > PIECE ? PIECE : n;
        enum lp_status status = lp_tok_push(codec->tok, text, piece, piece == n, &codec->ids);
        if (status == LP_OK && piece < n)
            status = lp_ask_interrupt(o->interrupt, o->interrupt_ctx);
        if (status != LP_OK || piece == n)
            return status;
        text += piece;
        n -= piece;
    }
}

enum lp_status lp_encode(struct lp_codec *codec, const void *text, size_t n, const uint32_t **ids,
                         size_t *nids)
{
    if (codec->tok == NULL)
        return LP_USAGE;
    codec->ids.n = 0;
    lp_tok_reset(codec->tok);
    enum lp_status status = push_text(codec, text, n);
    *ids = codec->ids.v;
    *nids = codec->ids.n;
    return status;
}

enum lp_status lp_count(struct lp_codec *codec, const void *text, size_t n, size_t *nids)
{
    const uint32_t *ids;
    return lp_encode(codec, text, n, &ids, nids);
}

enum lp_status lp_decode(struct lp_codec *codec, const uint32_t *ids, size_t nids,
                         const void **text, size_t *n)
{
    if (codec->options.vocab == NULL)
        return LP_USAGE;
    codec->text.n = 0;
    enum lp_status status = LP_BAD_VOCAB;
    if (lp_vocab_expect(codec->options.vocab, LP_READ_TEXT))
        status = lp_ids_append_text(codec->options.vocab, ids, nids, SIZE_MAX, &codec->text);
    *text = codec->text.p;
    *n = codec->text.n;
    return status;
}

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

enum lp_status lp_codec_parent(struct lp_codec *codec, const void *text, size_t n)
{
    if (text == NULL) {
        codec->own.vocab = NULL;
        return LP_OK;
    }
    if (codec->options.vocab == NULL)
        return LP_USAGE;
    return lp_parent_set(&codec->own, codec->options.vocab, text, n);
}

/* Puts a body, of which the ids may be at hand, into codec->payload as a blob: head, copies if it
 * has a parent, then its smallest form. */
static enum lp_status put_blob(struct lp_codec *codec, const struct lp_options *o,
                               struct lp_blob *blob, enum lp_chain base, const struct lp_buf *body,
                               const struct lp_ids *ids)
{
    struct lp_buf *out = &codec->payload;
    out->n = 0;
    if (!lp_buf_reserve(out, LP_BLOB_HEAD_MAX))
        return LP_NOMEM;
    codec->coder.naming = naming(o);
    out->n = LP_BLOB_HEAD_MAX; /* the head is put before the payload once that is known */
    if (blob->copies && !lp_payload_put_copies(&codec->copies, out))
        return LP_NOMEM;
    enum lp_status status = lp_body_pack(&codec->coder, o, base, 1, body, ids, out, &blob->wire);
    if (status != LP_OK)
        return status;
    enum lp_chain chain = lp_wire_chain(blob->wire);
    struct lp_header header;
    lp_header_of(o, LP_BLOCK_LOG_MAX, &header);
    bool zstd = chain == LP_CHAIN_TEXT_ZSTD || chain == LP_CHAIN_TOKENS_ZSTD;
    blob->dict_fingerprint = zstd ? header.dict_fingerprint : 0;
    blob->model_fingerprint = chain == LP_CHAIN_TOKENS_MIX ? header.model_fingerprint : 0;
    if (o->vocab != NULL) {
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

/* What a blob needs: the finder's, unless the codec's own options have it. */
static enum lp_status find_tools(struct lp_codec *codec, const struct lp_blob *blob,
                                 lp_finder *find, void *ctx, struct lp_found *tools)
{
    const struct lp_options *o = &codec->options;
    struct lp_header *header = &codec->header;
    *header = (struct lp_header){.chain = lp_wire_chain(blob->wire),
                                 .vocab_fingerprint = blob->vocab_fingerprint,
                                 .dict_fingerprint = blob->dict_fingerprint,
                                 .model_fingerprint = blob->model_fingerprint};
    strncpy(header->vocab_name, blob->vocab_name, LP_VOCAB_NAME_MAX);
    bool known =
        (!lp_chain_tokens(header->chain) ||
         (o->vocab != NULL && lp_vocab_fingerprint(o->vocab) == header->vocab_fingerprint)) &&
        (header->dict_fingerprint == 0 ||
         (o->dict != NULL && lp_dict_fingerprint(o->dict) == header->dict_fingerprint)) &&
        (header->model_fingerprint == 0 ||
         (o->model != NULL && lp_model_fingerprint(o->model) == header->model_fingerprint));
    if (!known)
        return lp_need_find(header, find, ctx, tools, &codec->need);
    *tools = (struct lp_found){.vocab = o->vocab, .model = o->model};
    if (header->dict_fingerprint != 0)
        tools->dict = o->dict;
    return LP_OK;
}

/* The most bytes of text of a blob that the codec's limit of memory allows. */
static uint64_t text_max(const struct lp_codec *codec, const void *data, size_t size)
{
    struct lp_blob_info info;
    if (lp_blob_info(data, size, &info) != LP_OK)
        info.chain = LP_CHAIN_TEXT; /* no blob is opened then */
    const uint64_t max = lp_memory_limit(codec->options.memory) / lp_memory_of_text(info.chain);
    return max < LP_BLOCK_MAX ? max : LP_BLOCK_MAX;
}

/* Whether a payload says, by its size or its first bytes, that the text is longer than max bytes,
 * though not longer than any blob's. */
static bool text_too_large(unsigned wire, const unsigned char *payload, size_t n, uint64_t max)
{
    uint64_t size = n;
    const enum lp_chain chain = lp_wire_chain(wire);
    if (chain == LP_CHAIN_TOKENS_MIX)
        size = lp_mixer_count(payload, n); /* a token has a byte at least */
    else if ((wire == LP_WIRE_TEXT_FRAME || wire == LP_WIRE_TOKENS_FRAME) &&
             lp_get_varint(payload, n, &size) - 1 >= LP_VARINT_MAX)
        return false; /* malformed */
    return size <= LP_BLOCK_MAX && size > max;
}

/* The parent that a blob names: the codec's own, else the finder's. */
static enum lp_status find_parent(struct lp_codec *codec, const struct lp_blob *blob,
                                  const struct lp_vocab *vocab, lp_finder *find, void *ctx,
                                  struct lp_parent **parent)
{
    struct lp_found found = {0};
    *parent = &codec->own;
    if (codec->own.vocab == vocab && lp_parent_check(&codec->own) == blob->parent_check)
        return LP_OK;
    *parent = &codec->found;
    codec->need =
        (struct lp_need){.what = LP_NEED_PARENT, .name = "", .fingerprint = blob->parent_check};
    enum lp_status status = lp_need_ask(&codec->need, find, ctx, &found);
    return status == LP_OK ? lp_parent_set(&codec->found, vocab, found.parent, found.parent_size)
                           : status;
}

/* Restores into codec->body the codes of a blob with a parent, of at most max bytes of text, of
 * which codec->rest has those that are not copied. */
static enum lp_status copy_from_parent(struct lp_codec *codec, const struct lp_blob *blob,
                                       const struct lp_vocab *vocab, uint64_t max, lp_finder *find,
                                       void *ctx)
{
    struct lp_parent *parent;
    enum lp_status status = find_parent(codec, blob, vocab, find, ctx, &parent);
    if (status != LP_OK)
        return status;
    codec->body.n = 0;
    status = lp_parent_restore(parent, codec->copies.p, codec->copies.n, &codec->rest, (size_t)max,
                               &codec->body);
    return status == LP_LIMIT && max == LP_BLOCK_MAX ? LP_DATA : status; /* no blob has so many */
}

/* Where a blob is read from. */
struct source {
    const unsigned char *payload;
    size_t n;
    uint64_t max; /* bytes of text */
    lp_finder *find;
    void *ctx;
};

/* The frame that a blob's payload of n bytes would have as a block. A mixed one has as many ids as
 * bytes of text, at most max. */
static struct lp_frame frame_of(const struct lp_blob *blob, size_t n, uint64_t max)
{
    const bool mixed = lp_wire_chain(blob->wire) == LP_CHAIN_TOKENS_MIX;
    return (struct lp_frame){.kind = blob->wire | (blob->copies ? LP_KIND_COPIES : 0u),
                             .payload_size = (uint32_t)n,
                             .text_size = mixed ? max : LP_BLOCK_MAX,
                             .nrecords = 1};
}

/* Restores the stored body of a blob: into codec->body, or, if the blob has a parent, into
 * codec->rest, with the packed copies in codec->copies. */
static enum lp_status restore_stored(struct lp_codec *codec, const struct lp_found *tools,
                                     const struct lp_blob *blob, const struct source *from,
                                     enum lp_chain *base)
{
    const struct lp_frame frame = frame_of(blob, from->n, from->max);
    struct lp_payload payload;
    struct lp_buf *body = blob->copies ? &codec->rest : &codec->body;
    if (from->n > UINT32_MAX)
        return LP_DATA;
    enum lp_status status = lp_payload_get(&frame, from->payload, &payload);
    if (status == LP_OK && text_too_large(blob->wire, payload.stored, payload.nstored, from->max))
        status = LP_LIMIT; /* what is not copied is already */
    body->n = codec->copies.n = 0;
    if (status == LP_OK && blob->copies &&
        !lp_buf_append(&codec->copies, payload.copies, payload.ncopies))
        status = LP_NOMEM;
    if (status == LP_OK)
        status = lp_body_unpack(&codec->coder, tools, LP_WHOLE, &frame, payload.stored,
                                payload.nstored, body, base);
    if (status == LP_LIMIT && from->max == LP_BLOCK_MAX)
        status = LP_DATA; /* no blob has so many */
    return status == LP_OK && *base == LP_CHAIN_TOKENS && tools->vocab == NULL ? LP_NO_VOCAB
                                                                               : status;
}

/* Restores a blob's body, and its text into codec->text. */
static enum lp_status restore(struct lp_codec *codec, const struct lp_found *tools,
                              const struct lp_blob *blob, const struct source *from,
                              enum lp_chain *base)
{
    const struct lp_buf *body = &codec->body;
    enum lp_status status = restore_stored(codec, tools, blob, from, base);
    if (status == LP_OK && blob->copies)
        status = copy_from_parent(codec, blob, tools->vocab, from->max, from->find, from->ctx);
    if (status != LP_OK)
        return status;
    if (*base == LP_CHAIN_TOKENS) {
        if (!lp_buf_reserve(&codec->body, LP_CODES_SLACK))
            return LP_NOMEM;
        memset(codec->body.p + codec->body.n, 0, LP_CODES_SLACK);
        return lp_codes_append_text(tools->vocab, body->p, body->n, (size_t)from->max,
                                    &codec->text);
    }
    if (body->n > from->max)
        return LP_LIMIT;
    return lp_buf_append(&codec->text, body->p, body->n) ? LP_OK : LP_NOMEM;
}

/* The vocabulary that a blob is restored with, NULL for none. */
static const struct lp_vocab *vocab_of(const struct lp_blob *blob, const struct lp_found *tools)
{
    return lp_chain_tokens(lp_wire_chain(blob->wire)) ? tools->vocab : NULL;
}

/* Reads a blob's head, *head bytes, and finds what it needs besides a parent. */
static enum lp_status open_head(struct lp_codec *codec, const unsigned char *data, size_t size,
                                lp_finder *find, void *ctx, struct lp_blob *blob,
                                struct lp_found *tools, size_t *head)
{
    enum lp_status status = lp_blob_get(data, size, blob, head);
    if (status == LP_VERSION)
        codec->need = (struct lp_need){
            .what = LP_NEED_NEWER, .name = "", .field = "blob description", .number = data[1]};
    return status == LP_OK ? find_tools(codec, blob, find, ctx, tools) : status;
}

/* Restores a blob's text, of at most max bytes, into codec->text, and its body into codec->body
 * unless base is NULL. */
static enum lp_status open_blob(struct lp_codec *codec, const unsigned char *data, size_t size,
                                uint64_t max, lp_finder *find, void *ctx, struct lp_blob *blob,
                                struct lp_found *tools, enum lp_chain *base)
{
    size_t head;
    enum lp_chain own;
    enum lp_status status = open_head(codec, data, size, find, ctx, blob, tools, &head);
    codec->body.n = codec->text.n = 0;
    if (status != LP_OK)
        return status;
    const struct source from = {data + head, size - head, max, find, ctx};
    const struct lp_vocab *vocab = vocab_of(blob, tools);
    if (vocab != NULL && !blob->checked && !lp_vocab_expect(vocab, LP_READ_TEXT))
        return LP_BAD_VOCAB;
    if (!blob->copies && text_too_large(blob->wire, from.payload, from.n, max))
        return LP_LIMIT;
    if (lp_wire_chain(blob->wire) == LP_CHAIN_TOKENS_MIX && base == NULL && !blob->copies)
        status = lp_body_unmix_text(&codec->coder, tools, blob->wire, from.payload, from.n,
                                    (size_t)max, &codec->text);
    else
        status = restore(codec, tools, blob, &from, base != NULL ? base : &own);
    return lp_vocab_blame(vocab, status);
}

/* Whether the text restored is what the blob's check was made of. */
static enum lp_status check_text(const struct lp_codec *codec, const struct lp_blob *blob,
                                 const struct lp_found *tools)
{
    bool right = !blob->checked || lp_check32(codec->text.p, codec->text.n) == blob->check;
    return right ? LP_OK : lp_vocab_blame(vocab_of(blob, tools), LP_DATA);
}

/* Restores a caller's blob within the codec's limit of memory, as open_blob() does, and compares
 * its text with the blob's check. */
static enum lp_status open_checked(struct lp_codec *codec, const unsigned char *data, size_t size,
                                   lp_finder *find, void *ctx, struct lp_blob *blob,
                                   struct lp_found *tools, enum lp_chain *base)
{
    const uint64_t allowed = codec->options.max_text, max = text_max(codec, data, size);
    const bool limited = allowed != 0 && allowed < max;
    enum lp_status status =
        open_blob(codec, data, size, limited ? allowed : max, find, ctx, blob, tools, base);
    if (status == LP_LIMIT && limited)
        return LP_MAX_TEXT;
    return status == LP_OK ? check_text(codec, blob, tools) : status;
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
    enum lp_status status = open_blob(codec, codec->payload.p, codec->payload.n, LP_BLOCK_MAX, find,
                                      ctx, &blob, &tools, NULL);
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
 * zstd comes near. */
static enum lp_status whole_may_be_smaller(struct lp_codec *codec, bool *may)
{
    enum { MOSTLY = 2, NEAR = 3, FAST = 1 };
    struct lp_buf *scout = &codec->other;
    bool lean;
    *may = codec->rest.n >= codec->body.n / MOSTLY;
    scout->n = 0;
    if (*may || codec->options.chain == LP_CHAIN_TOKENS)
        return LP_OK;
    enum lp_status status =
        lp_zstd_pack(&codec->coder.zstd, FAST, NULL, codec->body.p, codec->body.n, scout, &lean);
    *may = scout->n < NEAR * codec->payload.n;
    return status;
}

/* Puts codec->body into codec->payload as a blob, with copies from the parent if that is
 * smaller. */
static enum lp_status put_smallest(struct lp_codec *codec, const struct lp_options *o,
                                   struct lp_blob *head, enum lp_chain base,
                                   const struct lp_ids *ids)
{
    bool try_whole = true;
    enum lp_status status = base == LP_CHAIN_TOKENS ? match_parent(codec, o, head) : LP_OK;
    if (status != LP_OK || !head->copies)
        return status == LP_OK ? put_blob(codec, o, head, base, &codec->body, ids) : status;
    struct lp_blob whole = *head;
    whole.copies = false;
    status = put_blob(codec, o, head, base, &codec->rest, NULL);
    if (status == LP_OK)
        status = whole_may_be_smaller(codec, &try_whole);
    if (status != LP_OK || !try_whole)
        return status;
    const struct lp_buf with = codec->payload;
    codec->payload = codec->other;
    codec->other = with;
    status = put_blob(codec, o, &whole, base, &codec->body, ids);
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
    enum lp_chain base = LP_CHAIN_TEXT;
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
        base = codec->body.n < n ? LP_CHAIN_TOKENS : LP_CHAIN_TEXT;
    }
    if (status == LP_OK && base == LP_CHAIN_TEXT) {
        codec->body.n = 0;
        status = lp_buf_append(&codec->body, text, n) ? LP_OK : LP_NOMEM;
    }
    if (status == LP_OK)
        status = put_smallest(codec, o, &head, base, base == LP_CHAIN_TOKENS ? &codec->ids : NULL);
    if (status == LP_OK && !o->unverified)
        status = prove_blob(codec, &head, NULL, NULL, text, n);
    *blob = codec->payload.p;
    *size = codec->payload.n;
    return status;
}

enum lp_status lp_unpack(struct lp_codec *codec, const void *data, size_t size, lp_finder *find,
                         void *ctx, const void **text, size_t *n)
{
    struct lp_blob blob;
    struct lp_found tools;
    enum lp_status status = open_checked(codec, data, size, find, ctx, &blob, &tools, NULL);
    *text = codec->text.p;
    *n = codec->text.n;
    return status;
}

enum lp_status lp_unpack_ids(struct lp_codec *codec, const void *data, size_t size, lp_finder *find,
                             void *ctx, const uint32_t **ids, size_t *nids)
{
    struct lp_blob blob;
    struct lp_found tools;
    enum lp_chain base;
    *ids = NULL;
    *nids = 0;
    enum lp_status status = open_checked(codec, data, size, find, ctx, &blob, &tools, &base);
    if (status == LP_OK && base == LP_CHAIN_TEXT)
        return lp_encode(codec, codec->text.p, codec->text.n, ids, nids);
    codec->ids.n = 0;
    if (status == LP_OK && !lp_ids_reserve(&codec->ids, codec->body.n)) /* a code has a byte */
        status = LP_NOMEM;
    if (status == LP_OK)
        status =
            lp_codes_to_ids(tools.vocab, codec->body.p, codec->body.n, codec->ids.v, &codec->ids.n);
    *ids = codec->ids.v;
    *nids = codec->ids.n;
    return status;
}

enum lp_status lp_blob_count(struct lp_codec *codec, const void *data, size_t size, lp_finder *find,
                             void *ctx, size_t *nids)
{
    struct lp_blob blob;
    const uint32_t *ids;
    size_t head;
    *nids = 0;
    if (lp_blob_get(data, size, &blob, &head) != LP_OK || blob.copies ||
        lp_wire_chain(blob.wire) != LP_CHAIN_TOKENS_MIX)
        return lp_unpack_ids(codec, data, size, find, ctx, &ids, nids);
    size_t count = lp_mixer_count((const unsigned char *)data + head, size - head);
    if (count > LP_BLOCK_MAX) /* a token has a byte at least */
        return LP_DATA;
    *nids = count;
    return LP_OK;
}

enum lp_status lp_cost(struct lp_codec *codec, const uint32_t *ids, size_t nids, double *bits)
{
    const struct lp_options *o = &codec->options;
    if (o->model == NULL)
        return LP_USAGE;
    return lp_mixer_cost(&codec->coder.mixer, o->model, o->fast, ids, nids, bits, &codec->payload);
}

/* The memory that the last blob opened may take until it is recoded: its text is restored twice. */
static uint64_t memory_to_recode(const struct lp_codec *codec, const struct lp_options *packing)
{
    const uint64_t text = lp_memory_of_text(codec->header.chain) * (uint64_t)codec->text.n;
    return text + codec->text.n + lp_body_memory(packing, codec->body.n);
}

/* Recodes a blob that has a parent already: the copies stay as they are, and the parent is not
 * needed. */
static enum lp_status recode_child(struct lp_codec *codec, const unsigned char *data, size_t size,
                                   lp_finder *find, void *ctx)
{
    struct lp_blob blob;
    struct lp_found tools;
    struct lp_options packing;
    enum lp_chain base;
    size_t head;
    enum lp_status status = open_head(codec, data, size, find, ctx, &blob, &tools, &head);
    if (status != LP_OK)
        return status;
    const struct source from = {data + head, size - head, text_max(codec, data, size), find, ctx};
    status = restore_stored(codec, &tools, &blob, &from, &base);
    if (status == LP_OK)
        status = lp_need_packing(&codec->header, &codec->options, find, ctx, &tools, &packing,
                                 &codec->need);
    blob.checked = blob.checked && !codec->options.unchecked;
    if (status == LP_OK)
        status = put_blob(codec, &packing, &blob, base, &codec->rest, NULL);
    if (status != LP_OK || packing.unverified)
        return status;
    const struct lp_found made = {packing.vocab, packing.dict, packing.model, NULL, 0};
    struct lp_buf payload = codec->payload;
    status = lp_blob_get(payload.p, payload.n, &blob, &head);
    if (status != LP_OK)
        return LP_INTERNAL;
    payload.p += head;
    payload.n -= head;
    const struct lp_frame frame = frame_of(&blob, payload.n, LP_BLOCK_MAX);
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
    enum lp_status status = open_checked(codec, data, size, find, ctx, &blob, &tools, &base);
    if (status == LP_OK)
        status = lp_need_packing(&codec->header, &codec->options, find, ctx, &tools, &packing,
                                 &codec->need);
    if (status == LP_OK && memory_to_recode(codec, &packing) > lp_memory_limit(packing.memory))
        status = LP_LIMIT;
    blob.checked = blob.checked && !codec->options.unchecked;
    if (status == LP_OK)
        status = put_smallest(codec, &packing, &blob, base, NULL);
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

const struct lp_need *lp_codec_need(const struct lp_codec *codec)
{
    return &codec->need;
}

struct lp_buf *lp_codec_buf(struct lp_codec *codec, enum lp_codec_buf which)
{
    return which == LP_CODEC_BODY   ? &codec->body
           : which == LP_CODEC_BLOB ? &codec->payload
                                    : &codec->text;
}

const struct lp_options *lp_codec_options(const struct lp_codec *codec)
{
    return &codec->options;
}

uint32_t lp_check(const void *text, size_t n)
{
    return lp_check32(text, n);
}
