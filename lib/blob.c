#include "blob.h"

#include "bytes.h"
#include "shipped.h"

#include <string.h>

/* The description: three bits of wire, three of vocabulary, one that says that a
 * fingerprint of a dictionary follows; the top bit is 0. */
enum { VOCAB_SHIFT = 3, HAS_FINGERPRINT = 0x40, RESERVED = 0x80 };

static bool has_tokens(unsigned wire)
{
    enum lp_chain chain;
    return lp_wire_chain(wire, &chain) == LP_OK && lp_chain_tokens(chain);
}

size_t lp_blob_put(const struct lp_blob *blob, unsigned char *dst)
{
    unsigned vocab = 0;
    bool tokens = has_tokens(blob->wire);
    while (tokens && lp_shipped[vocab] != blob->vocab_fingerprint) {
        if (++vocab == LP_SHIPPED_VOCABS)
            return 0;
    }
    unsigned char *p = dst;
    bool named = blob->dict_fingerprint != 0;
    if (blob->checked && !named && blob->wire == LP_WIRE_TOKENS_LEAN && vocab == LP_VOCAB_CL100K) {
        *p++ = LP_BLOB_CL100K_ZSTD;
    } else {
        *p++ = blob->checked ? LP_BLOB_CHECKED : LP_BLOB_UNCHECKED;
        *p++ = (unsigned char)(blob->wire | vocab << VOCAB_SHIFT | (named ? HAS_FINGERPRINT : 0));
    }
    if (named) {
        lp_put64(p, blob->dict_fingerprint);
        p += 8;
    }
    if (blob->checked) {
        lp_put32(p, blob->check);
        p += 4;
    }
    return (size_t)(p - dst);
}

enum lp_status lp_blob_get(const unsigned char *src, size_t n, struct lp_blob *blob, size_t *size)
{
    *blob = (struct lp_blob){.checked = true, .vocab_name = ""};
    if (!lp_is_blob(src, n))
        return LP_NOT_LP;
    size_t at = 1;
    unsigned vocab = 0;
    bool named = false;
    if (src[0] == LP_BLOB_CL100K_ZSTD) {
        blob->wire = LP_WIRE_TOKENS_LEAN;
        vocab = LP_VOCAB_CL100K;
    } else {
        blob->checked = src[0] == LP_BLOB_CHECKED;
        if (n < 2)
            return LP_TRUNCATED;
        unsigned description = src[at++];
        blob->wire = description & LP_WIRE_MASK;
        vocab = description >> VOCAB_SHIFT & 7;
        named = description & HAS_FINGERPRINT;
        if (description & RESERVED || vocab >= LP_SHIPPED_VOCABS)
            return LP_VERSION;
    }
    enum lp_chain chain;
    if (lp_wire_chain(blob->wire, &chain) != LP_OK)
        return LP_VERSION;
    if (lp_chain_tokens(chain)) {
        blob->vocab_name = lp_encoding_list(vocab);
        blob->vocab_fingerprint = lp_shipped[vocab];
    } else if (vocab != 0) {
        return LP_DATA;
    }
    if (n - at < (named ? 8u : 0u) + (blob->checked ? 4u : 0u))
        return LP_TRUNCATED;
    if (named) {
        blob->dict_fingerprint = lp_get64(src + at);
        at += 8;
    }
    if (blob->checked) {
        blob->check = lp_get32(src + at);
        at += 4;
    }
    *size = at;
    return LP_OK;
}

bool lp_is_blob(const void *data, size_t n)
{
    static const unsigned char first[] = {LP_BLOB_UNCHECKED, LP_BLOB_CHECKED, LP_BLOB_CL100K_ZSTD};
    return n > 0 && memchr(first, *(const unsigned char *)data, sizeof first) != NULL;
}

bool lp_is_stream(const void *data, size_t n)
{
    return n > 0 && memcmp(data, LP_SYNC, n < LP_SYNC_SIZE ? n : LP_SYNC_SIZE) == 0;
}

enum lp_status lp_blob_info(const void *data, size_t size, struct lp_blob_info *info)
{
    struct lp_blob blob;
    size_t head;
    enum lp_status status = lp_blob_get(data, size, &blob, &head);
    if (status != LP_OK)
        return status;
    *info = (struct lp_blob_info){.dict = blob.dict_fingerprint,
                                  .checked = blob.checked,
                                  .check = blob.check,
                                  .payload_size = size - head};
    strncpy(info->vocab, blob.vocab_name, sizeof info->vocab - 1);
    return lp_wire_chain(blob.wire, &info->chain);
}
