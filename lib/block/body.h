/* body.h - a block's body: what lies between its text and its stored payload.
 *
 * A body is text or tokens (the base): the records of the block one after the
 * other, each with the separator that ended it. Where records have no separator
 * (LP_WHOLE) and there are several, the stored lengths of all but the last come
 * first, as varints. Knows one block; never knows streams. */
#ifndef LP_BLOCK_BODY_H
#define LP_BLOCK_BODY_H

#include "base/buf.h"
#include "block/stage_mix.h"
#include "block/stage_zstd.h"
#include "format/frame.h"

/* Working state of one thread. Zero-initialised is ready. */
struct lp_block_coder {
    struct lp_zstd zstd;
    struct lp_mixer mixer;
    struct lp_buf spare, body;
    struct lp_buf ends; /* u64 each */
    size_t
        naming; /* set by the owner: bytes that a form with a dictionary or model costs besides */
};

void lp_block_coder_free(struct lp_block_coder *coder);

/* Whether a block of n records has a table of lengths. */
static inline bool lp_body_has_lengths(enum lp_split split, uint64_t nrecords)
{
    return split == LP_WHOLE && nrecords > 1;
}

/* Appends to dst the smallest stored form that the chain of options allows, of a
 * body of nrecords records; *wire says which. ids: those of one record's body, NULL where
 * they are not at hand. */
enum lp_status lp_body_pack(struct lp_block_coder *coder, const struct lp_options *options,
                            enum lp_chain base, uint64_t nrecords, const struct lp_buf *body,
                            const struct lp_ids *ids, struct lp_buf *dst, unsigned *wire);

/* Undoes it: appends to dst the body whose n stored bytes and frame are given. */
enum lp_status lp_body_unpack(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const unsigned char *src, size_t n, struct lp_buf *dst,
                              enum lp_chain *base);

/* Appends to text one record that was mixed, without the way by its body; LP_LIMIT when it is
 * more than max bytes. */
enum lp_status lp_body_unmix_text(struct lp_block_coder *coder, const struct lp_found *tools,
                                  unsigned wire, const unsigned char *src, size_t n, size_t max,
                                  struct lp_buf *text);

/* Appends to text what the body of a frame's block holds. When ends is not NULL it gets as many
 * numbers as the frame has records: where in that text each ends, separator included. LP_DATA when
 * text or records are not those of the frame. */
enum lp_status lp_body_text(const struct lp_vocab *vocab, enum lp_split split,
                            const struct lp_frame *frame, enum lp_chain base,
                            const unsigned char *body, size_t n, struct lp_buf *text,
                            uint64_t *ends);

/* Restores a block from its payload: its body to coder->body, its text, found
 * right by the frame's check, to text. base and ends may be NULL. */
enum lp_status lp_body_restore(struct lp_block_coder *coder, const struct lp_found *tools,
                               enum lp_split split, const struct lp_frame *frame,
                               const unsigned char *payload, struct lp_buf *text, uint64_t *ends,
                               enum lp_chain *base);

/* Where the ids of records go (see lp_on_ids), and what is kept between blocks.
 * With on_ids and ctx set it is ready. */
struct lp_ids_target {
    lp_on_ids *on_ids;
    void *ctx;
    const struct lp_vocab *vocab;
    struct lp_tok *tok; /* for blocks stored as text */
    struct lp_ids scratch;
    bool in_text; /* the last part of a record was text, and the record goes on */
};

void lp_body_ids_free(struct lp_ids_target *target);

/* The blocks to come are of this vocabulary. */
enum lp_status lp_body_ids_vocab(struct lp_ids_target *target, const struct lp_vocab *vocab);

/* Hands on the ids of each record that a body holds; open: the last one does not
 * end in it. lp_body_ids_end(): it ends where no block follows. */
enum lp_status lp_body_ids(struct lp_ids_target *target, enum lp_split split, uint64_t nrecords,
                           bool open, enum lp_chain base, const unsigned char *body, size_t n);
enum lp_status lp_body_ids_end(struct lp_ids_target *target);

/* Proof of what is packed, before it is handed out: it is restored and compared with the
 * original. LP_INTERNAL when they differ, or nothing is restored.
 *
 * That a body restores these text_size bytes, and records that end there (ends: of several that
 * have lengths, else not looked at). */
enum lp_status lp_body_prove(struct lp_block_coder *coder, const struct lp_vocab *vocab,
                             enum lp_split split, const struct lp_frame *frame, enum lp_chain base,
                             const struct lp_buf *body, const unsigned char *text,
                             const uint64_t *ends);

/* That a payload restores this body. */
enum lp_status lp_body_prove_payload(struct lp_block_coder *coder, const struct lp_found *tools,
                                     enum lp_split split, const struct lp_frame *frame,
                                     const struct lp_buf *payload, const struct lp_buf *body);

/* The outcome of a proof: what was restored, or why not, and whether it is the original. What the
 * vocabulary (NULL: none) is to blame for is LP_BAD_VOCAB. */
enum lp_status lp_proof(const struct lp_vocab *vocab, enum lp_status restored, bool same);

#endif
