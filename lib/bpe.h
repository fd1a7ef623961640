/* bpe.h - byte pair encoding of one pretoken: the merges, in the order of rank.
 *
 * Two ways to the same ids: merging step by step for short pretokens, and for
 * long ones a run that takes linear time and bounded memory however long they
 * are. Pure over a vocabulary. */
#ifndef LP_BPE_H
#define LP_BPE_H

#include "buf.h"
#include "lp.h"
#include "vocab.h"

enum {
    LP_BPE_SHORT = 256, /* bytes of a pretoken that is merged; no token is longer */
    LP_MERGING = 16,    /* pretokens that are merged together */
    LP_MERGE_BLOCK = 16,
};

/* A short pretoken and its merging. Its parts, at first its bytes, are known by
 * the place of their first byte. */
struct lp_merging {
    const unsigned char *text;
    size_t n;                   /* 1 to LP_BPE_SHORT */
    size_t nids;                /* in the end, how many came out */
    uint32_t ids[LP_BPE_SHORT]; /* of the parts; in the end, without gaps */
    /* By place: the merge with the part on the right that can be made, as the
     * token made, which is its rank too, above the place. And the least of each
     * block of them. */
    int32_t at[LP_BPE_SHORT], least[LP_BPE_SHORT / LP_MERGE_BLOCK];
    uint8_t next[LP_BPE_SHORT], before[LP_BPE_SHORT]; /* places; next 0: the last */
    struct lp_pair_place asked[2];                    /* look-ups under way */
    uint8_t asked_by[2];
    size_t nasked;
};

/* Encodes up to LP_MERGING pretokens (text and n are given). They take turns, a
 * merge each, so that the look-ups of one pass while the others go on. */
void lp_bpe_merge(const struct lp_vocab *v, struct lp_merging *words, size_t n);

/* A long pretoken, in pieces.
 *
 * For each of its prefixes the encoding is known by its last token alone: what
 * is before it is the encoding of a shorter prefix. So last[p] of all p makes a
 * tree; each new token is a leaf, and what all live leaves have in common can
 * never change again and is given out. */
struct lp_bpe_run {
    const struct lp_vocab *v;
    struct lp_buf text;  /* from the last token given out on */
    uint32_t *last;      /* last[p]: the token that ends the prefix of p bytes, or LP_NO_ID */
    unsigned char *live; /* scratch: one mark for each p */
    uint64_t *known;     /* pairs of tokens and whether they stay apart, by hash */
    size_t cap;          /* of last and live */
    size_t done;         /* prefixes that have been extended by all tokens */
    size_t open;         /* no prefix above done and below this is without its last token */
    uint32_t before;     /* the last token given out, or LP_NO_ID */
};

void lp_bpe_run_init(struct lp_bpe_run *run, const struct lp_vocab *v);
void lp_bpe_run_free(struct lp_bpe_run *run);
/* Takes n further bytes; appends to ids those that are settled. */
enum lp_status lp_bpe_run_push(struct lp_bpe_run *run, const unsigned char *text, size_t n,
                               struct lp_ids *ids);
/* The pretoken ends: appends the rest; the run is ready for another. */
enum lp_status lp_bpe_run_end(struct lp_bpe_run *run, struct lp_ids *ids);

/* Makes room for n further ids. */
bool lp_ids_reserve(struct lp_ids *ids, size_t n);

#endif
