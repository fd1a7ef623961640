/* rewrite.h - hands the blocks of a token stream to a writer, which cuts them anew and gives them a
 * window. Tokens stay as they are; a block stored as text is tokenised if it has whole records. */
#ifndef LP_REWRITE_H
#define LP_REWRITE_H

#include "base/buf.h"
#include "format/frame.h"

/* A block that has been restored. */
struct lp_restored {
    struct lp_frame frame;
    bool continues; /* its first record began in the block before */
    enum lp_chain base;
    const struct lp_buf *body, *text;
    const uint64_t *ends; /* of its records in text */
};

/* scratch is overwritten. Errors: as lp_writer_push(). */
enum lp_status lp_rewrite_block(struct lp_writer *writer, const struct lp_vocab *vocab,
                                enum lp_split split, const struct lp_restored *block,
                                struct lp_buf *scratch);

#endif
