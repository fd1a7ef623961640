/* rewrite.h - hands the blocks of a token stream to a writer, which cuts them anew and gives them a
 * window. Tokens stay as they are; a block stored as text is tokenised if it has whole records. */
#ifndef LP_REWRITE_H
#define LP_REWRITE_H

#include "block/body.h"

/* continues: the block's first record began in the block before. scratch is overwritten. Errors: as
 * lp_writer_push(). */
enum lp_status lp_rewrite_block(struct lp_writer *writer, const struct lp_vocab *vocab,
                                enum lp_split split, bool continues,
                                const struct lp_restored *block, struct lp_buf *scratch);

#endif
