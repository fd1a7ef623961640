/* window.h - what repeats across blocks: a block's codes as copies of codes before them, and the
 * rest.
 *
 * A window holds the codes of the blocks since the last key block, the last of them if there are
 * more than it has room for. A copy takes codes of the window, or of the block itself, from
 * distance bytes before; the rest are codes as of a block without copies, and compressed as these
 * are. Knows bytes only: that copies begin and end where codes do is the packer's care. */
#ifndef LP_BLOCK_WINDOW_H
#define LP_BLOCK_WINDOW_H

#include "base/buf.h"
#include "lp.h"

/* One step: rest bytes of the rest, then length bytes from distance bytes before. The last may have
 * no length. */
struct lp_copy {
    uint32_t rest, length, distance;
};

struct lp_copies {
    struct lp_copy *v;
    size_t n, cap;
};

/* Zero-initialised is empty, and reaches nowhere. */
struct lp_window {
    struct lp_buf codes; /* the window, and the last block's codes at its end */
    size_t reach;        /* of a copy, in bytes */
    uint64_t dropped;    /* bytes that were before codes */
};

void lp_window_free(struct lp_window *window);

/* The reach of a header's window. */
static inline size_t lp_window_reach(unsigned log)
{
    return log != 0 ? (size_t)1 << log : 0;
}

/* Empties the window: a key block follows. Its reach is not written to, as other threads may read
 * it. */
void lp_window_empty(struct lp_window *window);
/* Empties it for a segment, of which that is the reach. */
void lp_window_clear(struct lp_window *window, size_t reach);

/* Where the window ends, in all codes that it was given; takes back what was appended since. */
static inline uint64_t lp_window_end(const struct lp_window *window)
{
    return window->dropped + window->codes.n;
}
static inline void lp_window_take_back(struct lp_window *window, uint64_t end)
{
    window->codes.n = (size_t)(end - window->dropped);
}

/* Appends n codes of a block, of which the window has the block's nbefore codes before them.
 * LP_NOMEM. */
enum lp_status lp_window_push(struct lp_window *window, const unsigned char *codes, size_t n,
                              size_t nbefore);

/* Appends the codes that packed copies and the rest restore, at most max bytes, *n of them. On
 * failure the window is as it was. LP_DATA, LP_LIMIT for more than max, LP_NOMEM. */
enum lp_status lp_window_restore(struct lp_window *window, const unsigned char *copies,
                                 size_t ncopies, const unsigned char *rest, size_t nrest,
                                 size_t max, size_t *n);

/* Appends the packed form of copies to out. LP_NOMEM. */
enum lp_status lp_copies_pack(const struct lp_copies *copies, struct lp_buf *out);

/* Makes copies the first of packed ones, max at most; none after the last, or after damage.
 * LP_NOMEM. */
enum lp_status lp_copies_unpack(const unsigned char *packed, size_t n, size_t max,
                                struct lp_copies *copies);

/* Adds a copy. False when memory is out. */
bool lp_copies_add(struct lp_copies *copies, struct lp_copy copy);

void lp_copies_free(struct lp_copies *copies);

#endif
