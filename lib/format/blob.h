/* blob.h - the few bytes before a blob's payload (lpstream(5), BLOBS).
 *
 * The first byte is 0xF5 to 0xFF, which begins no UTF-8 text, and says how the
 * rest is read. The commonest forms have a byte of their own; else a second
 * byte, the description, names form and vocabulary. No single flipped bit can
 * turn a checked blob into an unchecked one: 0xF8's neighbours are the stream's
 * 0xF9 and two bytes that begin nothing. */
#ifndef LP_FORMAT_BLOB_H
#define LP_FORMAT_BLOB_H

#include "format/frame.h"

enum {
    LP_BLOB_UNCHECKED = 0xF8, /* description follows, no check */
    LP_BLOB_CHECKED = 0xFB,   /* description follows */
    LP_BLOB_NAMING = 8,       /* a fingerprint */
    LP_BLOB_HEAD_MAX = 2 + LP_BLOB_NAMING + 4 + 4,
};

struct lp_blob {
    unsigned wire;
    bool checked;
    uint32_t check;
    const char *vocab_name; /* of its tokens, or to tokenise its text by; "" none */
    uint64_t vocab_fingerprint;
    uint64_t dict_fingerprint;  /* 0 none */
    uint64_t model_fingerprint; /* 0 none: nothing is mixed */
    bool copies;                /* the payload begins with copies from a parent */
    uint32_t parent_check;      /* of its text */
};

/* Writes the head of a blob; returns its length, at most LP_BLOB_HEAD_MAX, or 0
 * when blobs have no number for the vocabulary. */
size_t lp_blob_put(const struct lp_blob *blob, unsigned char *dst);

/* Reads it, and its length. LP_NOT_LP when src begins no blob. */
enum lp_status lp_blob_get(const unsigned char *src, size_t n, struct lp_blob *blob, size_t *size);

#endif
