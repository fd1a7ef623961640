/* merge_giant.h - byte pair encoding of a giant pretoken, in linear time and bounded memory
 * however long it is. merge.h has the short ones. Pure over a vocabulary. */
#ifndef LP_TOKENS_MERGE_GIANT_H
#define LP_TOKENS_MERGE_GIANT_H

#include "base/buf.h"
#include "base/ids.h"
#include "lp.h"
#include "tokens/merge.h"

enum { LP_GIANT_BLOCKS = 4 }; /* blocks merged together */

/* A giant pretoken, which comes in pieces. A place is a number of bytes since the last token given
 * out. Its last token is the last one of the encoding of the text up to there. */
struct lp_merge_giant {
    const struct lp_vocab *v;
    struct lp_buf text;        /* since the last token given out */
    uint32_t *last;            /* by place: its last token */
    size_t cap;                /* of last */
    size_t reach;              /* the furthest place whose last token is known */
    size_t step_from, step_to; /* the places to step from */
    size_t open;               /* steps can reach no unknown place before this one */
    size_t back;               /* tokens before the reach at which stepping begins */
    size_t settle;             /* the reach at which to give out tokens */
    uint64_t *fit;             /* cache: pairs of tokens and whether they fit, by hash */
    struct lp_merging merging[LP_GIANT_BLOCKS];
    unsigned char block[LP_MERGE_MAX]; /* text of merging[0] */
    size_t block_size;
};

void lp_merge_giant_init(struct lp_merge_giant *giant, const struct lp_vocab *v);
void lp_merge_giant_free(struct lp_merge_giant *giant);

/* Takes the next n bytes; appends the ids that no further text can change. */
enum lp_status lp_merge_giant_push(struct lp_merge_giant *giant, const unsigned char *text,
                                   size_t n, struct lp_ids *ids);

/* Ends the pretoken and appends the other ids. Another pretoken may follow. */
enum lp_status lp_merge_giant_end(struct lp_merge_giant *giant, struct lp_ids *ids);

#endif
