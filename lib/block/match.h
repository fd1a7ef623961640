/* match.h - finds what a block's codes repeat of the window's and of their own. */
#ifndef LP_BLOCK_MATCH_H
#define LP_BLOCK_MATCH_H

#include "block/window.h"

struct lp_vocab;

/* Where the codes of the window begin that hash to the same, the latest first. Zero-initialised is
 * ready, for one window. */
struct lp_matcher {
    uint32_t *table;
};

void lp_matcher_free(struct lp_matcher *matcher);

/* Finds copies for the last n codes of the window, and appends to rest what no copy gives.
 * LP_NOMEM. */
enum lp_status lp_match(struct lp_matcher *matcher, const struct lp_window *window,
                        const struct lp_vocab *vocab, size_t n, struct lp_copies *copies,
                        struct lp_buf *rest);

#endif
