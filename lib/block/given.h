/* given.h - tokens that copies give to the mixing of the rest.
 *
 * The rest of a block is mixed as one sequence. Where a copy was left out, the token before the
 * next one of the rest is not the one that is before it in the text, the copy's last. If that was
 * copied from within the block, directly or by way of other copies, it is a token of the rest too:
 * then encoder and decoder know it before the next one, whatever the window is, and put it between
 * the two. */
#ifndef LP_BLOCK_GIVEN_H
#define LP_BLOCK_GIVEN_H

#include "block/window.h"

struct lp_vocab;

/* A token that is given. */
struct lp_given {
    uint32_t at;    /* bytes of the rest before it */
    uint32_t from;  /* bytes of the rest up to its end where it is coded */
    uint32_t id;    /* known once it has been coded */
    uint32_t place; /* in the sequence, known once it has been given */
};

/* Those of one block. Zero-initialised is none. */
struct lp_givens {
    const struct lp_vocab *vocab;
    struct lp_copies copies;
    struct lp_buf spans;    /* struct span: where the copies are */
    struct lp_buf v;        /* struct lp_given, in the order of the rest; those given first, */
    size_t n, ngiven;       /* how many these are */
    struct lp_buf by_from;  /* u64 each: their from and their index, in order */
    size_t next, next_from; /* that may be given, that may be coded next */
    uint32_t at, ntokens;   /* of the sequence so far: bytes of the rest; tokens, given ones too */
};

void lp_givens_free(struct lp_givens *givens);

/* Makes givens what packed copies give to the rest that they leave. LP_NOMEM. */
enum lp_status lp_givens_find(struct lp_givens *givens, const struct lp_vocab *vocab,
                              const unsigned char *copies, size_t ncopies);

/* An lp_mix_given for that rest, with givens as its context. */
uint32_t lp_givens_next(void *givens, uint32_t id);

/* Those that were given, in the order of their places. */
static inline const struct lp_given *lp_givens_v(const struct lp_givens *givens)
{
    return (const struct lp_given *)(const void *)givens->v.p;
}

#endif
