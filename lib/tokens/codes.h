/* codes.h - ids to the stored token bytes and back.
 *
 * The token payload is a prefix code of one, two or three bytes per token over
 * the tokens ranked by frequency (lpstream(5)). Never knows BPE, streams, I/O. */
#ifndef LP_TOKENS_CODES_H
#define LP_TOKENS_CODES_H

#include "base/buf.h"
#include "lp.h"

enum { LP_CODE_MAX = 3 }; /* bytes of the longest code */

/* Ranks and ids are checked where they are read: a damaged one shows in lp_vocab_status(), which
 * is to be asked before what these functions made is handed out. Texts are not, but for
 * lp_codes_prefix(): who has no check to compare them with calls lp_vocab_expect() for LP_READ_TEXT
 * before. */

/* Whether all ids are tokens of v. */
bool lp_ids_are_known(const struct lp_vocab *v, const uint32_t *ids, size_t n);

/* Appends the codes of n ids to dst, which has room for LP_CODE_MAX * n bytes.
 * Returns the bytes written. Every id must be a token of v. */
size_t lp_codes_from_ids(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                         unsigned char *dst);

/* Decodes a payload to text; dst has room for cap bytes. LP_DATA when the payload is cut
 * within a code or holds a code of no token, and when the text would be longer than cap.
 * *written is the text's length. */
enum lp_status lp_codes_to_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                unsigned char *dst, size_t cap, size_t *written);

/* Appends the text that a payload decodes to. LP_DATA as above, LP_LIMIT when it is more than
 * max bytes. */
enum lp_status lp_codes_append_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                    size_t max, struct lp_buf *text);

/* Appends the text of n ids. LP_DATA when one is no token, LP_LIMIT when it is more than max
 * bytes, LP_BAD_VOCAB. */
enum lp_status lp_ids_append_text(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                                  size_t max, struct lp_buf *text);

/* The longest run of whole codes at src's start whose text has at most max_text
 * bytes: *used of the n bytes, *text_size of text. src holds whole, valid codes. */
void lp_codes_prefix(const struct lp_vocab *v, const unsigned char *src, size_t n, size_t max_text,
                     size_t *used, size_t *text_size);

/* Decodes a payload to ids; dst has room for n (one byte is one code at least). LP_DATA as above,
 * LP_BAD_VOCAB. */
enum lp_status lp_codes_to_ids(const struct lp_vocab *v, const unsigned char *src, size_t n,
                               uint32_t *dst, size_t *nids);

#endif
