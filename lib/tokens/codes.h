/* codes.h - token ids to their stored codes and back, and both to text.
 *
 * A token's code has one, two or three bytes, the fewer the more frequent the token is. The codes
 * are a prefix code over the frequency ranks (lpstream(5)). Knows neither merging nor streams. */
#ifndef LP_TOKENS_CODES_H
#define LP_TOKENS_CODES_H

#include "base/buf.h"
#include "lp.h"

enum { LP_CODE_MAX = 3 }; /* bytes of the longest code */

/* Ranks and ids are checked where they are read. A damaged one shows in lp_vocab_status(), which
 * the caller asks before it hands out the results. Texts are not checked, except by
 * lp_codes_prefix(): a caller without a checksum to compare them with calls lp_vocab_expect() for
 * LP_READ_TEXT first. */

/* Whether all ids are tokens of v. */
bool lp_ids_are_known(const struct lp_vocab *v, const uint32_t *ids, size_t n);

/* The least first byte of a code of two bytes, and of one of three. */
void lp_codes_begin(const struct lp_vocab *v, unsigned *two, unsigned *three);

/* Skips codes from one on that begins LP_CODES_BLOCK readable bytes, fast: as many groups of some
 * as are sure to lie there whole, which is most. Returns where the next code begins; on each
 * machine the same. */
enum { LP_CODES_BLOCK = 64 };
size_t lp_codes_skip(const struct lp_vocab *v, const unsigned char *codes);

/* Appends the codes of n ids to dst, which has room for LP_CODE_MAX * n bytes.
 * Returns the bytes written. Every id must be a token of v. */
size_t lp_codes_from_ids(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                         unsigned char *dst);

/* Decodes codes to text. dst has room for cap bytes; *written is the length of the text. LP_DATA
 * when the codes end within one, when one is of no token, and when the text is longer than cap. */
enum lp_status lp_codes_to_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                unsigned char *dst, size_t cap, size_t *written);

/* Appends the text of codes, after which LP_CODES_SLACK bytes of any content can be read: so that
 * the last codes are decoded as fast as the others. LP_DATA when they end within one or one is of
 * no token, LP_LIMIT when the text is longer than max bytes. */
enum { LP_CODES_SLACK = 72 };
enum lp_status lp_codes_append_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                    size_t max, struct lp_buf *text);

/* Appends the text of n ids. LP_DATA when one is no token, LP_LIMIT when the text is longer than
 * max bytes, LP_BAD_VOCAB. */
enum lp_status lp_ids_append_text(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                                  size_t max, struct lp_buf *text);

/* The longest prefix of the n bytes of codes whose text has at most max_text bytes: *used bytes of
 * codes, *text_size bytes of text. src holds whole, valid codes. */
void lp_codes_prefix(const struct lp_vocab *v, const unsigned char *src, size_t n, size_t max_text,
                     size_t *used, size_t *text_size);

/* Decodes codes to ids. dst has room for n ids, as a code has at least one byte. LP_DATA when the
 * codes end within one or one is of no token, LP_BAD_VOCAB. */
enum lp_status lp_codes_to_ids(const struct lp_vocab *v, const unsigned char *src, size_t n,
                               uint32_t *dst, size_t *nids);

/* How many of n ids come before the first special token. */
size_t lp_ids_until_special(const struct lp_vocab *v, const uint32_t *ids, size_t n);

/* Whether n bytes of whole codes have a special token. */
bool lp_codes_have_special(const struct lp_vocab *v, const unsigned char *codes, size_t n);

#endif
