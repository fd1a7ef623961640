/* parent.h - a text that a blob copies from: its codes as a window, tokenised once for many blobs.
 */
#ifndef LP_BLOCK_PARENT_H
#define LP_BLOCK_PARENT_H

#include "block/match.h"

/* Zero-initialised is none. */
struct lp_parent {
    const struct lp_vocab *vocab; /* NULL: none */
    uint64_t hash;                /* of the text; the low half is its check */
    struct lp_tok *tok;
    struct lp_ids ids;
    struct lp_window window; /* the parent's codes, all of them */
    struct lp_matcher matcher;
    struct lp_copies copies;
};

void lp_parent_free(struct lp_parent *parent);

/* Makes a text the parent, unless it is already; it is not needed afterwards. LP_NOMEM, LP_LIMIT
 * for more than LP_BLOCK_MAX bytes, LP_BAD_VOCAB; then there is none. */
enum lp_status lp_parent_set(struct lp_parent *parent, const struct lp_vocab *vocab,
                             const void *text, size_t n);

/* The check by which a blob names its parent. */
uint32_t lp_parent_check(const struct lp_parent *parent);

/* Finds what the n codes of a text repeat of the parent's: packed copies are appended to packed,
 * and to rest the codes that none gives. LP_NOMEM. */
enum lp_status lp_parent_match(struct lp_parent *parent, const unsigned char *codes, size_t n,
                               struct lp_buf *packed, struct lp_buf *rest);

/* The inverse: appends to codes, at most max bytes of them. LP_DATA, LP_LIMIT, LP_NOMEM. */
enum lp_status lp_parent_restore(struct lp_parent *parent, const unsigned char *packed,
                                 size_t npacked, const struct lp_buf *rest, size_t max,
                                 struct lp_buf *codes);

#endif
