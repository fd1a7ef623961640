/* blob_unpack.c - a blob to its record. */
#include "codec.h"

#include "base/bytes.h"
#include "base/ids.h"
#include "block/resolve.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

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

uint64_t lp_blob_text_max(const struct lp_codec *codec, const void *data, size_t size)
{
    struct lp_blob blob;
    size_t head;
    enum lp_chain chain = LP_CHAIN_TEXT; /* no blob is opened then */
    if (lp_blob_get(data, size, &blob, &head) == LP_OK)
        chain = lp_wire_chain(blob.wire);
    const uint64_t max = lp_memory_limit(codec->options.memory) / lp_memory_of_text(chain);
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
    if (chain == LP_CHAIN_TOKENS || chain == LP_CHAIN_TOKENS_ZSTD)
        size = (size + LP_CODE_MAX - 1) / LP_CODE_MAX;
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

struct lp_frame lp_blob_frame(const struct lp_blob *blob, size_t n, uint64_t max)
{
    const bool mixed = lp_wire_chain(blob->wire) == LP_CHAIN_TOKENS_MIX;
    return (struct lp_frame){.kind = blob->wire | (blob->copies ? LP_KIND_COPIES : 0u),
                             .payload_size = (uint32_t)n,
                             .text_size = mixed ? max : LP_BLOCK_MAX,
                             .nrecords = 1};
}

enum lp_status lp_blob_restore_stored(struct lp_codec *codec, const struct lp_found *tools,
                                      const struct lp_blob *blob, const struct lp_blob_source *from,
                                      enum lp_chain *base)
{
    const struct lp_frame frame = lp_blob_frame(blob, from->n, from->max);
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
        status = lp_body_unpack(&codec->coder, tools, LP_WHOLE, &frame, &payload, body, base);
    if (status == LP_LIMIT && from->max == LP_BLOCK_MAX)
        status = LP_DATA; /* no blob has so many */
    return status == LP_OK && *base == LP_CHAIN_TOKENS && tools->vocab == NULL ? LP_NO_VOCAB
                                                                               : status;
}

/* Restores a blob's body, and its text into codec->text. */
static enum lp_status restore(struct lp_codec *codec, const struct lp_found *tools,
                              const struct lp_blob *blob, const struct lp_blob_source *from,
                              enum lp_chain *base)
{
    const struct lp_buf *body = &codec->body;
    enum lp_status status = lp_blob_restore_stored(codec, tools, blob, from, base);
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

enum lp_status lp_blob_open_head(struct lp_codec *codec, const unsigned char *data, size_t size,
                                 lp_finder *find, void *ctx, struct lp_blob *blob,
                                 struct lp_found *tools, size_t *head)
{
    enum lp_status status = lp_blob_get(data, size, blob, head);
    if (status == LP_VERSION)
        codec->need = (struct lp_need){
            .what = LP_NEED_NEWER, .name = "", .field = "blob description", .number = data[1]};
    return status == LP_OK ? find_tools(codec, blob, find, ctx, tools) : status;
}

enum lp_status lp_blob_open(struct lp_codec *codec, const unsigned char *data, size_t size,
                            uint64_t max, lp_finder *find, void *ctx, struct lp_blob *blob,
                            struct lp_found *tools, enum lp_chain *base)
{
    size_t head;
    enum lp_chain own;
    enum lp_status status = lp_blob_open_head(codec, data, size, find, ctx, blob, tools, &head);
    codec->body.n = codec->text.n = 0;
    if (status != LP_OK)
        return status;
    const struct lp_blob_source from = {data + head, size - head, max, find, ctx};
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

enum lp_status lp_blob_tokenise(struct lp_codec *codec, const struct lp_blob *blob, lp_finder *find,
                                void *ctx, struct lp_found *tools)
{
    const struct lp_vocab *own = codec->options.vocab;
    const struct lp_frame frame = {.text_size = codec->text.n, .nrecords = 1};
    const uint64_t end = codec->text.n;
    enum lp_status status = LP_OK;
    codec->need = (struct lp_need){.what = LP_NEED_VOCAB,
                                   .name = codec->header.vocab_name,
                                   .fingerprint = blob->vocab_fingerprint};
    tools->vocab = own;
    if (own == NULL || lp_vocab_fingerprint(own) != blob->vocab_fingerprint)
        status = lp_need_ask(&codec->need, find, ctx, tools);
    if (status == LP_OK)
        status =
            lp_body_tokenise(&codec->coder, tools->vocab, LP_WHOLE, &frame, codec->text.p, &end);
    const struct lp_buf text = codec->body;
    codec->body = codec->coder.tokens;
    codec->coder.tokens = text;
    return status;
}

/* Whether the text restored is what the blob's check was made of. */
static enum lp_status check_text(const struct lp_codec *codec, const struct lp_blob *blob,
                                 const struct lp_found *tools)
{
    bool right = !blob->checked || lp_check32(codec->text.p, codec->text.n) == blob->check;
    return right ? LP_OK : lp_vocab_blame(vocab_of(blob, tools), LP_DATA);
}

enum lp_status lp_blob_open_checked(struct lp_codec *codec, const unsigned char *data, size_t size,
                                    lp_finder *find, void *ctx, struct lp_blob *blob,
                                    struct lp_found *tools, enum lp_chain *base)
{
    const uint64_t allowed = codec->options.max_text, max = lp_blob_text_max(codec, data, size);
    const bool limited = allowed != 0 && allowed < max;
    enum lp_status status =
        lp_blob_open(codec, data, size, limited ? allowed : max, find, ctx, blob, tools, base);
    if (status == LP_LIMIT && limited)
        return LP_MAX_TEXT;
    return status == LP_OK ? check_text(codec, blob, tools) : status;
}

enum lp_status lp_unpack(struct lp_codec *codec, const void *data, size_t size, lp_finder *find,
                         void *ctx, const void **text, size_t *n)
{
    struct lp_blob blob;
    struct lp_found tools;
    enum lp_status status = lp_blob_open_checked(codec, data, size, find, ctx, &blob, &tools, NULL);
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
    enum lp_status status =
        lp_blob_open_checked(codec, data, size, find, ctx, &blob, &tools, &base);
    if (status == LP_OK && base == LP_CHAIN_TEXT && blob.vocab_name[0] == 0)
        return lp_encode(codec, codec->text.p, codec->text.n, ids, nids);
    if (status == LP_OK && base == LP_CHAIN_TEXT)
        status = lp_blob_tokenise(codec, &blob, find, ctx, &tools);
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
