/* writer.h - a writer that is given blocks of a token stream instead of text. */
#ifndef LP_WRITER_H
#define LP_WRITER_H

#include "lp.h"

/* Adds n bytes of text of a record, with its separator if it has one, and the codes of their
 * tokens. With ends set the record ends there. */
enum lp_status lp_writer_add_tokens(struct lp_writer *writer, const unsigned char *text, size_t n,
                                    const unsigned char *codes, size_t ncodes, bool ends);

/* Writes the whole records that are held, before an error that ends the stream. */
enum lp_status lp_writer_put_held(struct lp_writer *writer);

/* Bytes of text that were taken since the segment began, which may have ended. */
uint64_t lp_writer_text_size(const struct lp_writer *writer);

#endif
