/* merge.h - byte pair encoding of short pretokens ("words"): merge by merge, in
 * the order of rank. Pure over a vocabulary. */
#ifndef LP_MERGE_H
#define LP_MERGE_H

#include "vocab.h"

enum {
    LP_MERGE_MAX = 256, /* bytes of a word that is merged; no token is longer */
    LP_MERGING = 16,    /* words that are merged together */
};

/* A word and its merging. Its parts, at first its bytes, are known by the place
 * of their first byte. */
struct lp_merging {
    const unsigned char *text;
    size_t n;                   /* 1 to LP_MERGE_MAX */
    size_t nids;                /* in the end, how many came out */
    uint32_t ids[LP_MERGE_MAX]; /* of the parts; in the end, without gaps */
    /* By place: the merge with the part on the right that can be made, as the
     * token made, which is its rank too, above the place. */
    int32_t at[LP_MERGE_MAX];
    uint8_t next[LP_MERGE_MAX], before[LP_MERGE_MAX]; /* places; next 0: the last */
    struct lp_pair_place asked[2];                    /* look-ups under way */
    uint8_t asked_by[2];
    size_t nasked;
};

/* Encodes up to LP_MERGING words (text and n are given). They take turns, a merge
 * each, so that the look-ups of one pass while the others go on. */
void lp_merge_words(const struct lp_vocab *v, struct lp_merging *words, size_t n);

#endif
