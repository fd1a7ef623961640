/* lopace.c - the blobs of the Python package LoPace, to and from. */
#include "base/buf.h"
#include "base/bytes.h"
#include "lp.h"
#include "tokens/vocab.h"

#include <zstd.h>

enum { WIDE = 1 }; /* the first byte: 0 for ids of 16 bits, 1 for 32 */

enum lp_status lp_lopace_payload(const uint32_t *ids, size_t nids, unsigned char **payload,
                                 size_t *size)
{
    bool wide = false;
    for (size_t i = 0; i < nids; i++)
        wide = wide || ids[i] > UINT16_MAX;
    *size = 1 + nids * (wide ? 4 : 2);
    unsigned char *p = malloc(*size);
    *payload = p;
    if (p == NULL)
        return LP_NOMEM;
    *p++ = wide ? WIDE : 0;
    for (size_t i = 0; i < nids; i++, p += wide ? 4 : 2) {
        if (wide)
            lp_put32(p, ids[i]);
        else
            lp_put16(p, (uint16_t)ids[i]);
    }
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

/* Proves that a blob restores the data that it was made of. */
static enum lp_status prove_zstd(const void *blob, size_t size, const void *data, size_t n)
{
    struct lp_buf restored = {0};
    enum lp_status status = unpack_zstd(blob, size, SIZE_MAX, &restored);
    bool same = lp_buf_is(&restored, data, n);
    lp_buf_free(&restored);
    return status == LP_NOMEM || (status == LP_OK && same) ? status : LP_INTERNAL;
}

enum lp_status lp_lopace_zstd(int level, const void *data, size_t n, unsigned char **blob,
                              size_t *size)
{
    size_t bound = ZSTD_compressBound(n);
    *blob = malloc(bound);
    if (*blob == NULL)
        return LP_NOMEM;
    *size = ZSTD_compress(*blob, bound, data, n, level != 0 ? level : LP_LEVEL_DEFAULT);
    /* An error: all else is ruled out, as there is room, and any level is clamped. */
    enum lp_status status = ZSTD_isError(*size) ? LP_NOMEM : prove_zstd(*blob, *size, data, n);
    if (status == LP_OK)
        return LP_OK;
    free(*blob);
    *blob = NULL;
    return status;
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

enum lp_status lp_lopace_unpack(enum lp_lopace kind, const struct lp_vocab *vocab, const void *blob,
                                size_t size, size_t limit, unsigned char **text, size_t *n)
{
    struct lp_buf plain = {0}, out = {0};
    enum lp_status status = LP_OK;
    if (kind != LP_LOPACE_TOKEN)
        status = unpack_zstd(blob, size, limit, &plain);
    else if (!lp_buf_append(&plain, blob, size))
        status = LP_NOMEM;
    if (status == LP_OK && kind != LP_LOPACE_ZSTD) {
        status = lp_vocab_blame(vocab, unpack_tokens(vocab, plain.p, plain.n, limit, &out));
        lp_buf_free(&plain);
        plain = out;
    }
    if (status != LP_OK)
        lp_buf_free(&plain);
    *text = plain.p;
    *n = plain.n;
    return status;
}
