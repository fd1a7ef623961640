/* codec.h - one record at a time: what a codec holds, and how a blob is opened. codec.c has the
 * handle and ids, blob_pack.c makes blobs, blob_unpack.c opens them, lopace.c those of another
 * program. */
#ifndef LP_CODEC_H
#define LP_CODEC_H

#include "block/body.h"
#include "block/parent.h"
#include "format/blob.h"

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

/* Where a blob is read from. */
struct lp_blob_source {
    const unsigned char *payload;
    size_t n;
    uint64_t max; /* bytes of text */
    lp_finder *find;
    void *ctx;
};

/* Restores a blob's text, of at most max bytes, into codec->text, and its body into codec->body
 * unless base is NULL. */
enum lp_status lp_blob_open(struct lp_codec *codec, const unsigned char *data, size_t size,
                            uint64_t max, lp_finder *find, void *ctx, struct lp_blob *blob,
                            struct lp_found *tools, enum lp_chain *base);

/* Restores a caller's blob within the codec's limit of memory, as lp_blob_open() does, and compares
 * its text with the blob's check. */
enum lp_status lp_blob_open_checked(struct lp_codec *codec, const unsigned char *data, size_t size,
                                    lp_finder *find, void *ctx, struct lp_blob *blob,
                                    struct lp_found *tools, enum lp_chain *base);

/* Reads a blob's head, *head bytes, and finds what it needs besides a parent. */
enum lp_status lp_blob_open_head(struct lp_codec *codec, const unsigned char *data, size_t size,
                                 lp_finder *find, void *ctx, struct lp_blob *blob,
                                 struct lp_found *tools, size_t *head);

/* Restores the stored body of a blob: into codec->body, or, if the blob has a parent, into
 * codec->rest, with the packed copies in codec->copies. */
enum lp_status lp_blob_restore_stored(struct lp_codec *codec, const struct lp_found *tools,
                                      const struct lp_blob *blob, const struct lp_blob_source *from,
                                      enum lp_chain *base);

/* Makes codec->body the tokens of codec->text, which was restored from a blob of text that names a
 * vocabulary, and codec->coder.ids their ids; finds the vocabulary. */
enum lp_status lp_blob_tokenise(struct lp_codec *codec, const struct lp_blob *blob, lp_finder *find,
                                void *ctx, struct lp_found *tools);

/* The frame that a blob's payload of n bytes would have as a block. A mixed one has as many ids as
 * bytes of text, at most max. */
struct lp_frame lp_blob_frame(const struct lp_blob *blob, size_t n, uint64_t max);

/* The most bytes of text of a blob that the codec's limit of memory allows. */
uint64_t lp_blob_text_max(const struct lp_codec *codec, const void *data, size_t size);

#endif
