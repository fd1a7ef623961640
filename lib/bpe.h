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

enum { LP_BPE_SHORT = 256 }; /* bytes that lp_bpe_merge takes; no token is longer */

/* Encodes n <= LP_BPE_SHORT bytes; writes at most n ids and returns how many. */
size_t lp_bpe_merge(const struct lp_vocab *v, const unsigned char *text, size_t n, uint32_t *ids);

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
    size_t cap;          /* of last and live */
    size_t done;         /* prefixes that have been extended by all tokens */
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
