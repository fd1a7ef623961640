/* merge.h - byte pair encoding of short pretokens ("words"): merge by merge, in
 * the order of rank. Pure over a vocabulary. */
#ifndef LP_TOKENS_MERGE_H
#define LP_TOKENS_MERGE_H

#include "tokens/vocab.h"

enum {
    LP_MERGE_MAX = LP_TOKEN_MAX, /* bytes of a word that is merged; no token is longer */
    LP_MERGING = 16,             /* words that are merged together */
    LP_MERGE_LANES = 8,          /* numbers that are moved and compared together */
};

/* A word and its merging. Its parts, at first of one or two bytes, are without gaps,
 * from 1 on; before and after them is LP_NO_ID, which merges with nothing. */
struct lp_merging {
    const unsigned char *text;
    size_t n;            /* 1 to LP_MERGE_MAX */
    const uint32_t *ids; /* in the end, what came out */
    size_t nids;         /* and how many; before, how many parts there are */
    size_t place;        /* of the first of the look-ups under way */
    uint64_t bits;       /* see lp_pairs_there() */
    uint32_t part[LP_MERGE_MAX + 2 * LP_MERGE_LANES];
    uint32_t merge[LP_MERGE_MAX + 2 * LP_MERGE_LANES]; /* what a part and the next merge to */
    uint32_t slot[LP_MERGE_MAX + 1];                   /* where that is looked up */
};

/* Encodes up to LP_MERGING words (text and n are given). They take turns, a merge
 * each, so that the look-ups of one pass while the others go on. False when the vocabulary is
 * damaged; else all ids are less than its size. */
bool lp_merge_words(const struct lp_vocab *v, struct lp_merging *words, size_t n);

#endif
