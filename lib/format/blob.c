#include "format/blob.h"

#include "base/bytes.h"
#include "base/sized.h"
#include "format/encodings.h"

#include <string.h>

/* The description: three bits of wire, three of vocabulary, one that says that a
 * fingerprint follows, of a dictionary or of a model, and one for copies from a
 * parent. Mixed and without a fingerprint means the shipped model. */
enum { VOCAB_SHIFT = 3, HAS_FINGERPRINT = 0x40, HAS_COPIES = 0x80 };

/* First bytes that say all that a description would; all have a check. */
static const struct shorthand {
    unsigned first, wire, vocab;
} shorthand[] = {
    {0xF5, LP_WIRE_TOKENS_FAST, LP_VOCAB_CL100K}, {0xF6, LP_WIRE_TOKENS_FAST, LP_VOCAB_O200K},
    {0xFD, LP_WIRE_TOKENS_LEAN, LP_VOCAB_CL100K}, {0xFE, LP_WIRE_TOKENS_MIX, LP_VOCAB_CL100K},
    {0xFF, LP_WIRE_TOKENS_MIX, LP_VOCAB_O200K},
};
enum { SHORTHANDS = sizeof shorthand / sizeof *shorthand };

/* What a first byte is short for; NULL if nothing. */
static const struct shorthand *shorthand_of(unsigned first)
{
    for (unsigned i = 0; i < SHORTHANDS; i++) {
        if (shorthand[i].first == first)
            return &shorthand[i];
    }
    return NULL;
}

static unsigned first_byte(const struct lp_blob *blob, unsigned vocab, bool named)
{
    for (unsigned i = 0; i < SHORTHANDS && blob->checked && !blob->copies && !named; i++) {
        if (shorthand[i].wire == blob->wire && shorthand[i].vocab == vocab)
            return shorthand[i].first;
    }
    return blob->checked ? LP_BLOB_CHECKED : LP_BLOB_UNCHECKED;
}

/* Two vocabularies have the same tokens, so the name counts. */
static unsigned vocab_number(const struct lp_blob *blob)
{
    unsigned i = 0;
    while (i < LP_ENCODINGS && (lp_encodings[i].vocab != blob->vocab_fingerprint ||
                                strcmp(lp_encodings[i].name, blob->vocab_name) != 0))
        i++;
    return i;
}

size_t lp_blob_put(const struct lp_blob *blob, unsigned char *dst)
{
    enum lp_chain chain = lp_wire_chain(blob->wire);
    unsigned vocab = vocab_number(blob);
    if (vocab == LP_ENCODINGS && lp_chain_tokens(chain))
        return 0;
    uint64_t named = blob->dict_fingerprint;
    if (vocab == LP_ENCODINGS || (!lp_chain_tokens(chain) && (named != 0 || !blob->checked)))
        vocab = 0; /* text names a vocabulary only where a check tells a blob from other text */
    if (chain == LP_CHAIN_TOKENS_MIX && blob->model_fingerprint != lp_encodings[vocab].model)
        named = blob->model_fingerprint;
    unsigned char *p = dst;
    *p = (unsigned char)first_byte(blob, vocab, named != 0);
    if (shorthand_of(*p++) == NULL)
        *p++ =
            (unsigned char)(blob->wire | vocab << VOCAB_SHIFT | (named != 0 ? HAS_FINGERPRINT : 0) |
                            (blob->copies ? HAS_COPIES : 0));
    if (named != 0) {
        lp_put64(p, named);
        p += 8;
    }
    if (blob->checked) {
        lp_put32(p, blob->check);
        p += 4;
    }
    if (blob->copies) {
        lp_put32(p, blob->parent_check);
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
    unsigned vocab;
    bool named = false;
    const struct shorthand *whole = shorthand_of(src[0]);
    if (whole != NULL) {
        blob->wire = whole->wire;
        vocab = whole->vocab;
    } else {
        blob->checked = src[0] == LP_BLOB_CHECKED;
        if (n < 2)
            return LP_TRUNCATED;
        unsigned description = src[at++];
        blob->wire = description & LP_WIRE_MASK;
        vocab = description >> VOCAB_SHIFT & 7;
        named = description & HAS_FINGERPRINT;
        blob->copies = description & HAS_COPIES;
        if (vocab >= LP_ENCODINGS)
            return LP_VERSION;
    }
    enum lp_chain chain = lp_wire_chain(blob->wire);
    bool mixed = chain == LP_CHAIN_TOKENS_MIX;
    if (!lp_chain_tokens(chain) && (blob->copies || (vocab != 0 && (named || !blob->checked))))
        return LP_DATA;
    if (lp_chain_tokens(chain) || vocab != 0) {
        blob->vocab_name = lp_encodings[vocab].name;
        blob->vocab_fingerprint = lp_encodings[vocab].vocab;
    }
    if (n - at <
        (named ? (size_t)LP_BLOB_NAMING : 0) + (blob->checked ? 4 : 0) + (blob->copies ? 4 : 0))
        return LP_TRUNCATED;
    uint64_t fingerprint = mixed ? lp_encodings[vocab].model : 0;
    if (named) {
        fingerprint = lp_get64(src + at);
        at += 8;
    }
    *(mixed ? &blob->model_fingerprint : &blob->dict_fingerprint) = fingerprint;
    if (mixed && fingerprint == 0)
        return LP_VERSION; /* a model that this version does not ship */
    if (blob->checked) {
        blob->check = lp_get32(src + at);
        at += 4;
    }
    if (blob->copies) {
        blob->parent_check = lp_get32(src + at);
        at += 4;
    }
    *size = at;
    return LP_OK;
}

bool lp_is_blob(const void *data, size_t n)
{
    if (n == 0)
        return false;
    unsigned first = *(const unsigned char *)data;
    return first == LP_BLOB_UNCHECKED || first == LP_BLOB_CHECKED || shorthand_of(first) != NULL;
}

bool lp_is_stream(const void *data, size_t n)
{
    return n > 0 && memcmp(data, LP_SYNC, n < LP_SYNC_SIZE ? n : LP_SYNC_SIZE) == 0;
}

enum lp_status lp_blob_info_sized(const void *data, size_t size, struct lp_blob_info *out,
                                  size_t out_size)
{
    struct lp_blob blob;
    size_t head;
    enum lp_status status = lp_blob_get(data, size, &blob, &head);
    if (status != LP_OK)
        return status;
    struct lp_blob_info info = {.chain = lp_wire_chain(blob.wire),
                                .dict = blob.dict_fingerprint,
                                .model = blob.model_fingerprint,
                                .checked = blob.checked,
                                .check = blob.check,
                                .payload_size = size - head,
                                .has_parent = blob.copies,
                                .parent = blob.parent_check};
    strncpy(info.vocab, blob.vocab_name, sizeof info.vocab - 1);
    lp_give_sized(out, out_size, &info, sizeof info);
    return LP_OK;
}
