/* merge.h - byte pair encoding of short pretokens, merge by merge in the order of rank. Pure over
 * a vocabulary. */
#ifndef LP_TOKENS_MERGE_H
#define LP_TOKENS_MERGE_H

#include "tokens/vocab.h"

enum {
    LP_MERGE_MAX = LP_TOKEN_MAX, /* most bytes of a pretoken; no token is longer */
    LP_MERGE_BATCH = 16,         /* most pretokens merged together */
    LP_MERGE_LANES = 8,          /* u32s moved and compared at once */
};

/* A pretoken being merged. Its parts, of one or two bytes at first, are part[1] to part[nids].
 * The parts before and after them are LP_NO_ID, which merges with nothing. */
struct lp_merging {
    const unsigned char *text;
    size_t n;            /* 1 to LP_MERGE_MAX */
    const uint32_t *ids; /* the result */
    size_t nids;         /* parts; in the end, ids */
    size_t place;        /* of the first of the two look-ups under way */
    uint64_t bits;       /* see lp_pairs_read() */
    uint32_t part[LP_MERGE_MAX + 2 * LP_MERGE_LANES];
    uint32_t merge[LP_MERGE_MAX + 2 * LP_MERGE_LANES]; /* what a part and the next merge to */
    uint32_t slot[LP_MERGE_MAX + 1];                   /* that merge's slot in the pair table */
};

/* Encodes n <= LP_MERGE_BATCH pretokens, whose text and n are set. They take turns, a merge
 * each, so that the look-ups of one overlap the work on the others. False when the vocabulary is
 * damaged; else all ids are less than its size. */
bool lp_merge_pretokens(const struct lp_vocab *v, struct lp_merging *m, size_t n);

#endif
