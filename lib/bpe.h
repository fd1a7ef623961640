/* bpe.h - byte pair encoding of one long pretoken, in linear time and bounded
 * memory however long it is. merge.h has the short ones. Pure over a vocabulary. */
#ifndef LP_BPE_H
#define LP_BPE_H

#include "buf.h"
#include "lp.h"
#include "vocab.h"

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
