/* merge_giant.h - byte pair encoding of one long pretoken, in linear time and bounded
 * memory however long it is. merge.h has the short ones. Pure over a vocabulary. */
#ifndef LP_TOKENS_MERGE_GIANT_H
#define LP_TOKENS_MERGE_GIANT_H

#include "base/buf.h"
#include "base/ids.h"
#include "lp.h"
#include "tokens/merge.h"

enum { LP_BPE_BLOCKS = 4 }; /* parts of a giant word that are merged together */

/* A giant word, in pieces. Places are numbers of bytes from the last token given
 * out. */
struct lp_bpe_run {
    const struct lp_vocab *v;
    struct lp_buf text;        /* from the last token given out on */
    uint32_t *last;            /* by place: the last token of the text's encoding up to there */
    size_t cap;                /* places in last */
    size_t reach;              /* the furthest with a last token */
    size_t step_from, step_to; /* steps are to be taken from there to there */
    size_t open;               /* all places that steps still reach are from here on */
    size_t back;               /* tokens by which steps begin before the reach */
    size_t settle;             /* reach at which text is to be given out */
    uint64_t *fit;             /* pairs of tokens and whether they fit, by hash */
    struct lp_merging merging[LP_BPE_BLOCKS];
    unsigned char block[LP_MERGE_MAX]; /* the text of the first one of these */
    size_t block_size;
};

void lp_bpe_run_init(struct lp_bpe_run *run, const struct lp_vocab *v);
void lp_bpe_run_free(struct lp_bpe_run *run);
/* Takes n further bytes; appends to ids those that are settled. */
enum lp_status lp_bpe_run_push(struct lp_bpe_run *run, const unsigned char *text, size_t n,
                               struct lp_ids *ids);
/* The pretoken ends: appends the rest; the run is ready for another. */
enum lp_status lp_bpe_run_end(struct lp_bpe_run *run, struct lp_ids *ids);

#endif
