/* rewrite.h - hands the blocks of a token stream to a writer, which cuts them anew and gives them a
 * window. Tokens stay as they are; what is stored as text is tokenised, and so is a record that
 * blocks cut, since only then its tokens are sure to be those of the whole record. */
#ifndef LP_REWRITE_H
#define LP_REWRITE_H

#include "block/body.h"

/* Zero-initialised is ready to begin. */
struct lp_rewriter {
    struct lp_writer *writer;
    const struct lp_vocab *vocab;
    enum lp_split split;
    struct lp_ids_target ids;
    bool continues; /* the last block's last record goes on */
    bool cut_off;   /* and no block continues it: it has no separator */
    struct lp_buf scratch, decoded;
    struct lp_buf text; /* of blocks that cut records: what has no tokens yet, and before it */
    size_t taken;       /* bytes of it that the writer has, with their tokens */
};

void lp_rewriter_free(struct lp_rewriter *rewriter);

/* Begins a segment. */
enum lp_status lp_rewrite_begin(struct lp_rewriter *rewriter, struct lp_writer *writer,
                                const struct lp_vocab *vocab, enum lp_split split);

/* Errors: as lp_writer_push(). */
enum lp_status lp_rewrite_block(struct lp_rewriter *rewriter, const struct lp_restored *block);

/* No block follows in the segment. */
enum lp_status lp_rewrite_end(struct lp_rewriter *rewriter);

#endif
