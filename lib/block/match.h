/* match.h - finds what a block's codes repeat of the window's and of their own. */
#ifndef LP_BLOCK_MATCH_H
#define LP_BLOCK_MATCH_H

#include "block/window.h"

struct lp_vocab;

/* Places in a window by what follows them: sets of those that hash to the same, the latest first.
 */
struct lp_places {
    uint32_t *sets;
    unsigned log; /* of how many sets */
};

/* What a window holds. Zero-initialised is ready, for one window. */
struct lp_matcher {
    struct lp_places near; /* all places that are recent */
    struct lp_places far;  /* one in SAMPLE, over all of the window */
    bool learnt;           /* nothing more is noted */
};

void lp_matcher_free(struct lp_matcher *matcher);

/* Notes all codes of a window; of blocks that follow none is noted, so that what is found in one
 * does not depend on those matched before. LP_NOMEM. */
enum lp_status lp_matcher_learn(struct lp_matcher *matcher, const struct lp_window *window,
                                const struct lp_vocab *vocab);

/* Finds copies for the last npart codes of the window, and appends to rest what no copy gives. The
 * block has nblock codes: copies and rest are of those before the part, which may change. LP_NOMEM.
 */
enum lp_status lp_match(struct lp_matcher *matcher, const struct lp_window *window,
                        const struct lp_vocab *vocab, size_t nblock, size_t npart,
                        struct lp_copies *copies, struct lp_buf *rest);

/* Puts what a block copies of itself back into the rest, if it is little: mixing and zstd
 * then take less for it than copies do. LP_NOMEM. */
enum lp_status lp_match_review(const unsigned char *codes, struct lp_copies *copies,
                               struct lp_buf *rest);

#endif
