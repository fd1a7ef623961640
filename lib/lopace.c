/* lopace.c - the blobs of the Python package LoPace, to and from. */
#include "base/buf.h"
#include "base/bytes.h"
#include "codec.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

enum { WIDE = 1 }; /* the first byte: 0 for ids of 16 bits, 1 for 32 */

/* Appends ids as a token payload. */
static enum lp_status put_payload(const uint32_t *ids, size_t nids, struct lp_buf *out)
{
    bool wide = false;
    for (size_t i = 0; i < nids; i++)
        wide = wide || ids[i] > UINT16_MAX;
    if (!lp_buf_reserve(out, 1 + nids * (wide ? 4 : 2)))
        return LP_NOMEM;
    out->p[out->n++] = wide ? WIDE : 0;
    for (size_t i = 0; i < nids; i++) {
        unsigned char *p = out->p + out->n;
        if (wide)
            lp_put32(p, ids[i]);
        else
            lp_put16(p, (uint16_t)ids[i]);
        out->n += wide ? 4 : 2;
    }
    return LP_OK;
}

static enum lp_status unpack_tokens(const struct lp_vocab *vocab, const unsigned char *src,
                                    size_t n, size_t limit, struct lp_buf *out)
{
    enum { TOGETHER = 256 };
    uint32_t ids[TOGETHER];
    const size_t width = n > 0 && src[0] == WIDE ? 4 : 2;
    if (n == 0 || src[0] > WIDE || (n - 1) % width != 0)
        return LP_DATA;
    if (!lp_vocab_expect(vocab, LP_READ_TEXT))
        return LP_BAD_VOCAB;
    enum lp_status status = LP_OK;
    for (const unsigned char *at = src + 1, *end = src + n; status == LP_OK && at < end;) {
        size_t nids = 0;
        for (; nids < TOGETHER && at < end; at += width)
            ids[nids++] = width == 4 ? lp_get32(at) : lp_get16(at);
        status = lp_ids_append_text(vocab, ids, nids, limit - out->n, out);
    }
    return status;
}

enum lp_status lp_lopace_unpack(struct lp_codec *codec, enum lp_lopace kind, const void *blob,
                                size_t size, size_t limit, const void **text, size_t *n)
{
    const struct lp_vocab *vocab = codec->options.vocab;
    struct lp_zstd *zstd = &codec->coder.zstd;
    struct lp_buf *payload = &codec->body;
    struct lp_buf *out = &codec->text;
    enum lp_status status = LP_OK;
    out->n = payload->n = 0;
    if (kind == LP_LOPACE_ZSTD)
        status = lp_zstd_unpack_frame(zstd, blob, size, limit, out);
    else if (vocab == NULL)
        status = LP_USAGE;
    else if (kind == LP_LOPACE_HYBRID)
        status = lp_zstd_unpack_frame(zstd, blob, size,
                                      limit < SIZE_MAX / 8 ? 4 * limit + 1 : SIZE_MAX / 2, payload);
    else
        status = lp_vocab_blame(vocab, unpack_tokens(vocab, blob, size, limit, out));
    if (status == LP_OK && kind == LP_LOPACE_HYBRID)
        status = lp_vocab_blame(vocab, unpack_tokens(vocab, payload->p, payload->n, limit, out));
    *text = out->p;
    *n = out->n;
    return status == LP_OK && out->n > limit ? LP_LIMIT : status;
}

/* Proves that the blob in the codec's buffer restores a text. */
static enum lp_status prove(struct lp_codec *codec, enum lp_lopace kind, const void *text, size_t n)
{
    const struct lp_buf *blob = &codec->payload;
    const void *restored;
    size_t got;
    enum lp_status status =
        lp_lopace_unpack(codec, kind, blob->p, blob->n, SIZE_MAX / 2, &restored, &got);
    bool same = got == n && (n == 0 || memcmp(restored, text, n) == 0);
    return status == LP_NOMEM || status == LP_BAD_VOCAB || (status == LP_OK && same) ? status
                                                                                     : LP_INTERNAL;
}

enum lp_status lp_lopace_pack(struct lp_codec *codec, enum lp_lopace kind, const void *text,
                              size_t n, const void **blob, size_t *size)
{
    const struct lp_options *o = &codec->options;
    const int level = o->level != 0 ? o->level : LP_LEVEL_DEFAULT;
    struct lp_buf *payload = &codec->body;
    struct lp_buf *out = &codec->payload;
    const uint32_t *ids = NULL;
    size_t nids = 0;
    enum lp_status status = LP_OK;
    payload->n = out->n = 0;
    if (kind != LP_LOPACE_ZSTD)
        status = lp_encode(codec, text, n, &ids, &nids);
    if (status == LP_OK && kind != LP_LOPACE_ZSTD)
        status = put_payload(ids, nids, kind == LP_LOPACE_TOKEN ? out : payload);
    if (status == LP_OK && kind == LP_LOPACE_ZSTD)
        status = lp_zstd_pack_frame(&codec->coder.zstd, level, text, n, out);
    if (status == LP_OK && kind == LP_LOPACE_HYBRID)
        status = lp_zstd_pack_frame(&codec->coder.zstd, level, payload->p, payload->n, out);
    if (status == LP_OK && !o->unverified)
        status = prove(codec, kind, text, n);
    *blob = out->p;
    *size = out->n;
    return status;
}
