/* lopace.c - the blobs of the Python package LoPace, to and from. */
#include "base/buf.h"
#include "base/bytes.h"
#include "codec.h"
#include "tokens/vocab.h"

#include <zstd.h>

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

/* Appends a frame of zstd that says how large its content is. */
static enum lp_status put_zstd(int level, const void *data, size_t n, struct lp_buf *out)
{
    size_t bound = ZSTD_compressBound(n);
    if (ZSTD_isError(bound) || !lp_buf_reserve(out, bound))
        return LP_NOMEM;
    size_t size =
        ZSTD_compress(out->p + out->n, bound, data, n, level != 0 ? level : LP_LEVEL_DEFAULT);
    if (ZSTD_isError(size))
        return LP_NOMEM; /* all else is ruled out: there is room, and any level is clamped */
    out->n += size;
    return LP_OK;
}

static enum lp_status unpack_zstd(const void *blob, size_t size, size_t limit, struct lp_buf *out)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {blob, size, 0};
    enum lp_status status = stream == NULL ? LP_NOMEM : LP_OK;
    size_t more = 1;
    while (status == LP_OK && more != 0) {
        /* Room for a byte more than the limit allows tells whether there is one. */
        const size_t left = limit - out->n, most = ZSTD_DStreamOutSize();
        const size_t room = left < most ? left + 1 : most;
        if (!lp_buf_reserve(out, room)) {
            status = LP_NOMEM;
            break;
        }
        ZSTD_outBuffer to = {out->p, out->n + room, out->n};
        more = ZSTD_decompressStream(stream, &to, &in);
        bool stuck = to.pos == out->n && in.pos == in.size;
        out->n = to.pos;
        if (ZSTD_isError(more))
            status = LP_DATA;
        else if (out->n > limit)
            status = LP_LIMIT;
        else if (more != 0 && stuck)
            status = LP_TRUNCATED;
    }
    ZSTD_freeDStream(stream);
    return status == LP_OK && in.pos != in.size ? LP_DATA : status;
}

static enum lp_status unpack_tokens(const struct lp_vocab *vocab, const unsigned char *src,
                                    size_t n, size_t limit, struct lp_buf *out)
{
    size_t width = n > 0 && src[0] == WIDE ? 4 : 2;
    if (n == 0 || src[0] > WIDE || (n - 1) % width != 0)
        return LP_DATA;
    for (size_t at = 1; at < n; at += width) {
        size_t len;
        uint32_t id = width == 4 ? lp_get32(src + at) : lp_get16(src + at);
        const unsigned char *text = lp_vocab_token(vocab, id, &len);
        if (text == NULL)
            return LP_DATA;
        if (len > limit - out->n)
            return LP_LIMIT;
        if (!lp_buf_append(out, text, len))
            return LP_NOMEM;
    }
    return LP_OK;
}

enum lp_status lp_lopace_unpack(struct lp_codec *codec, enum lp_lopace kind, const void *blob,
                                size_t size, size_t limit, const void **text, size_t *n)
{
    const struct lp_vocab *vocab = codec->options.vocab;
    struct lp_buf *payload = &codec->body;
    struct lp_buf *out = &codec->text;
    enum lp_status status = LP_OK;
    out->n = payload->n = 0;
    if (kind == LP_LOPACE_ZSTD)
        status = unpack_zstd(blob, size, limit, out);
    else if (vocab == NULL)
        status = LP_USAGE;
    else if (kind == LP_LOPACE_HYBRID)
        status = unpack_zstd(blob, size, limit < SIZE_MAX / 8 ? 4 * limit + 1 : SIZE_MAX, payload);
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
        status = put_zstd(o->level, text, n, out);
    if (status == LP_OK && kind == LP_LOPACE_HYBRID)
        status = put_zstd(o->level, payload->p, payload->n, out);
    if (status == LP_OK && !o->unverified)
        status = prove(codec, kind, text, n);
    *blob = out->p;
    *size = out->n;
    return status;
}
