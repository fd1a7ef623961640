/* body.h - a block's body: the layer between a block's text and its stored payload.
 *
 * A body is text or token codes (its base): the records of the block in order, each with its
 * separator. If records have no separator (LP_WHOLE) and there are several, a table precedes them:
 * the stored lengths of all but the last, as varints. Knows one block; never knows streams. */
#ifndef LP_BLOCK_BODY_H
#define LP_BLOCK_BODY_H

#include "base/buf.h"
#include "block/stage_mix.h"
#include "block/stage_zstd.h"
#include "block/window.h"
#include "format/frame.h"

/* Working state of one thread. Zero-initialised is ready. */
struct lp_block_coder {
    struct lp_zstd zstd;
    struct lp_mixer mixer;
    struct lp_tok *tok; /* made when first used; of vocab */
    const struct lp_vocab *vocab;
    struct lp_ids ids;
    struct lp_buf spare, body;
    struct lp_buf tokens, plain; /* bodies of tokens and of text that packing makes */
    struct lp_buf ends;          /* u64 each */
    size_t naming; /* set by the owner: extra bytes that a form with a dictionary or model costs */
};

void lp_block_coder_free(struct lp_block_coder *coder);

/* The chain of a stored form's body. */
static inline enum lp_chain lp_base_of(enum lp_chain chain)
{
    return lp_chain_tokens(chain) ? LP_CHAIN_TOKENS : LP_CHAIN_TEXT;
}

/* Whether a block of n records has a table of lengths. */
static inline bool lp_body_has_lengths(enum lp_split split, uint64_t nrecords)
{
    return split == LP_WHOLE && nrecords > 1;
}

/* Reads the stored records of a body one after the other, or the whole body as one part if it has
 * no table of lengths. */
struct lp_body_parts {
    const unsigned char *length, *part, *end; /* where the next length and the next part begin */
    uint64_t left;                            /* parts to come */
};

/* LP_DATA if the table is malformed. */
enum lp_status lp_body_parts_begin(struct lp_body_parts *parts, enum lp_split split,
                                   uint64_t nrecords, const unsigned char *body, size_t n);

/* False after the last part, and, with some left, if a length reaches past the body. */
bool lp_body_parts_next(struct lp_body_parts *parts, const unsigned char **part, size_t *size);

/* A block's payload: packed copies (none: n is 0), then the stored form of its body, or, with
 * copies, of the body that has the rest of its codes only. */
struct lp_payload {
    const unsigned char *copies, *stored;
    size_t ncopies, nstored;
};

/* What a block can be stored as. */
struct lp_bodies {
    const struct lp_buf *text;   /* the block's text; NULL: not as text */
    const uint64_t *ends;        /* of its records in text; NULL: text is a body already */
    const struct lp_buf *tokens; /* a body of tokens; NULL: not as tokens */
    const struct lp_ids *ids;    /* of tokens, if they are one record's and at hand, else NULL */
    const unsigned char *copies; /* packed, of which tokens has the rest; none if ncopies is 0 */
    size_t ncopies;
};

/* What it is stored as: a form, and the body that this restores. */
struct lp_packed {
    unsigned wire;
    const struct lp_buf *body;
};

/* Appends to dst the smallest stored form of a block that the chain of options allows: as tokens,
 * or as text unless that would lose special tokens. nrecords and text_size are frame's. */
enum lp_status lp_body_pack(struct lp_block_coder *coder, const struct lp_options *options,
                            const struct lp_frame *frame, const struct lp_bodies *bodies,
                            struct lp_buf *dst, struct lp_packed *packed);

/* Makes coder->tokens a body of tokens of a block's text: of each record, or part of one, by
 * itself. ends: of the records in text. */
enum lp_status lp_body_tokenise(struct lp_block_coder *coder, const struct lp_vocab *vocab,
                                enum lp_split split, const struct lp_frame *frame,
                                const unsigned char *text, const uint64_t *ends);

/* Whether a text of so many bytes is such as vocabularies are made for, by the bytes of its tokens:
 * prompts have less than half as many. Compressed, its tokens are smaller unless it repeats itself
 * most of the time. */
bool lp_body_fits_tokens(size_t text, size_t tokens);

/* Compresses text, and tokens, with zstd at a level: whether text takes less than so many percent
 * of what tokens and so many bytes besides do. */
enum { LP_SCOUT = 3 }; /* a fast level, which sees all of a block's repetition */
enum lp_status lp_body_scout(struct lp_block_coder *coder, int level, const struct lp_buf *text,
                             const struct lp_buf *tokens, size_t besides, unsigned percent,
                             bool *smaller);

/* Bytes of memory that packing a block may take, and the proof: of so many bytes of text, and of
 * tokens. */
uint64_t lp_body_memory(const struct lp_options *options, uint64_t text, uint64_t tokens);

/* The inverse: appends to dst the body that a payload stores; frame is its block's. LP_LIMIT if a
 * mixed one restores more than that has. */
enum lp_status lp_body_unpack(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const struct lp_payload *payload, struct lp_buf *dst,
                              enum lp_chain *base);

/* Appends to text the text of one mixed record, without building its body. LP_LIMIT if it is longer
 * than max bytes. */
enum lp_status lp_body_unmix_text(struct lp_block_coder *coder, const struct lp_found *tools,
                                  unsigned wire, const unsigned char *src, size_t n, size_t max,
                                  struct lp_buf *text);

/* Appends to text the text of a body. ends, unless NULL, gets a number for each record of the
 * frame: where in that text the record ends, separator included. LP_DATA if the size of the text or
 * the records differ from the frame's. */
enum lp_status lp_body_text(const struct lp_vocab *vocab, enum lp_split split,
                            const struct lp_frame *frame, enum lp_chain base,
                            const unsigned char *body, size_t n, struct lp_buf *text,
                            uint64_t *ends);

/* LP_DATA if the payload is shorter than its copies. */
enum lp_status lp_payload_get(const struct lp_frame *frame, const unsigned char *src,
                              struct lp_payload *payload);

/* Appends copies to dst as a payload begins with them. */
bool lp_payload_put_copies(const struct lp_buf *copies, struct lp_buf *dst);

/* Restores a block from its payload in three steps. The first needs no other block: it restores the
 * stored body to coder->body. The second, of blocks in a segment with a window, must come in the
 * order of the blocks: there it becomes the whole body, whose codes are appended to the window. The
 * third restores the text and verifies it with the frame's check. ends may be NULL. */
enum lp_status lp_body_begin(struct lp_block_coder *coder, const struct lp_found *tools,
                             enum lp_split split, const struct lp_frame *frame,
                             const unsigned char *payload, enum lp_chain *base);
enum lp_status lp_body_join(struct lp_block_coder *coder, const struct lp_found *tools,
                            enum lp_split split, const struct lp_frame *frame,
                            const unsigned char *payload, enum lp_chain base,
                            struct lp_window *window);
enum lp_status lp_body_end(struct lp_block_coder *coder, const struct lp_found *tools,
                           enum lp_split split, const struct lp_frame *frame, enum lp_chain base,
                           struct lp_buf *text, uint64_t *ends);

/* The second step, if window is not NULL, and the third. On failure the window is as before. */
enum lp_status lp_body_finish(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const unsigned char *payload, enum lp_chain base,
                              struct lp_window *window, struct lp_buf *text, uint64_t *ends);

/* A block that has been restored. */
struct lp_restored {
    struct lp_frame frame;
    enum lp_chain base;
    const struct lp_buf *body, *text;
    const uint64_t *ends; /* of its records in text */
};

/* Where the ids of records go (see lp_on_ids), and the state kept between blocks. Ready once on_ids
 * and ctx are set. */
struct lp_ids_target {
    lp_on_ids *on_ids;
    void *ctx;
    const struct lp_vocab *vocab;
    struct lp_ids ids;
    struct lp_tok *tok; /* of a record that goes on */
    struct lp_ids scratch;
    bool in_record;
};

void lp_body_ids_free(struct lp_ids_target *target);

/* Sets the vocabulary of the blocks that follow. */
enum lp_status lp_body_ids_vocab(struct lp_ids_target *target, const struct lp_vocab *vocab);

/* Passes on the ids of each record of a block. lp_body_ids_end() ends a record that no further
 * block continues. */
enum lp_status lp_body_ids(struct lp_ids_target *target, enum lp_split split,
                           const struct lp_restored *block);
enum lp_status lp_body_ids_end(struct lp_ids_target *target);

/* Packed data is proved before it is handed out: it is restored and compared with the original.
 * LP_INTERNAL if they differ or restoring fails.
 *
 * Proves that a body restores the frame's text_size bytes at text, and, if it has a table of
 * lengths, records that end at ends. */
enum lp_status lp_body_prove(struct lp_block_coder *coder, const struct lp_vocab *vocab,
                             enum lp_split split, const struct lp_frame *frame, enum lp_chain base,
                             const struct lp_buf *body, const unsigned char *text,
                             const uint64_t *ends);

/* Proves that the stored form in a payload restores a body. */
enum lp_status lp_body_prove_payload(struct lp_block_coder *coder, const struct lp_found *tools,
                                     enum lp_split split, const struct lp_frame *frame,
                                     const struct lp_buf *payload, const struct lp_buf *body);

/* The outcome of a proof, from the status of restoring and whether the result is the original.
 * LP_BAD_VOCAB if a damaged vocabulary (NULL: none was used) explains the difference. */
enum lp_status lp_proof(const struct lp_vocab *vocab, enum lp_status restored, bool same);

#endif
