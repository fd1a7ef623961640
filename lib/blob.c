#include "blob.h"

#include "bytes.h"
#include "shipped.h"

#include <string.h>

/* The description: three bits of wire, three of vocabulary, one that says that a
 * fingerprint of a dictionary or model follows; the top bit is 0. */
enum { VOCAB_SHIFT = 3, HAS_FINGERPRINT = 0x40, RESERVED = 0x80 };

static bool has_tokens(unsigned wire)
{
    enum lp_chain chain;
    return lp_wire_chain(wire, &chain) == LP_OK && lp_chain_tokens(chain);
}

/* The chains with a first byte of their own. */
static const struct {
    unsigned char first;
    unsigned char wire;
    unsigned char vocab;
} common[] = {
    {LP_BLOB_CL100K_ZSTD, LP_WIRE_TOKENS_LEAN, LP_VOCAB_CL100K},
    {LP_BLOB_CL100K_MIX, LP_WIRE_MIX, LP_VOCAB_CL100K},
    {LP_BLOB_O200K_MIX, LP_WIRE_MIX, LP_VOCAB_O200K},
};

/* The dictionary or model that a chain has when none is named. */
static uint64_t implied_fingerprint(unsigned wire, unsigned vocab)
{
    return wire == LP_WIRE_MIX ? lp_shipped[vocab].model : 0;
}

size_t lp_blob_put(const struct lp_blob *blob, unsigned char *dst)
{
    unsigned vocab = 0;
    bool tokens = has_tokens(blob->wire);
    while (tokens && lp_shipped[vocab].fingerprint != blob->vocab_fingerprint) {
        if (++vocab == LP_SHIPPED_VOCABS)
            return 0;
    }
    bool implied = blob->dict_fingerprint == implied_fingerprint(blob->wire, vocab);
    unsigned char *p = dst;
    unsigned first = 0;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        if (common[i].wire == blob->wire && common[i].vocab == vocab && implied && blob->checked)
            first = common[i].first;
    }
    *p++ = (unsigned char)(first ? first : blob->checked ? LP_BLOB_CHECKED : LP_BLOB_UNCHECKED);
    if (first == 0) {
        *p++ = (unsigned char)(blob->wire | vocab << VOCAB_SHIFT | (implied ? 0 : HAS_FINGERPRINT));
        if (!implied) {
            lp_put64(p, blob->dict_fingerprint);
            p += 8;
        }
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
    if (src[0] == LP_BLOB_CHECKED || src[0] == LP_BLOB_UNCHECKED) {
        blob->checked = src[0] == LP_BLOB_CHECKED;
        if (n < 2)
            return LP_TRUNCATED;
        unsigned description = src[at++];
        blob->wire = description & LP_WIRE_MASK;
        vocab = description >> VOCAB_SHIFT & 7;
        named = description & HAS_FINGERPRINT;
        if (description & RESERVED || vocab >= LP_SHIPPED_VOCABS)
            return LP_VERSION;
    } else {
        size_t i = 0;
        while (common[i].first != src[0])
            i++;
        blob->wire = common[i].wire;
        vocab = common[i].vocab;
    }
    enum lp_chain chain;
    if (lp_wire_chain(blob->wire, &chain) != LP_OK)
        return LP_VERSION;
    blob->dict_fingerprint = implied_fingerprint(blob->wire, vocab);
    if (lp_chain_tokens(chain)) {
        blob->vocab_name = lp_encoding_list(vocab);
        blob->vocab_fingerprint = lp_shipped[vocab].fingerprint;
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
    static const unsigned char first[] = {LP_BLOB_UNCHECKED, LP_BLOB_CHECKED, LP_BLOB_CL100K_ZSTD,
                                          LP_BLOB_CL100K_MIX, LP_BLOB_O200K_MIX};
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
