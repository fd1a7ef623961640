/* batch.h - pretokens to ids, a batch at a time. Knows the vocabulary and the memo; never
 * how pretokens are found. */
#ifndef LP_TOKENS_BATCH_H
#define LP_TOKENS_BATCH_H

#include "tokens/memo.h"
#include "tokens/merge.h"
#include "tokens/merge_giant.h"

enum { LP_BATCH_MAX = 512 }; /* pretokens encoded together */

/* What a pretoken is looked up by. One of up to LP_KEY_TEXT_MAX bytes is short and has a key.
 * A longer one has its XXH64 alone; its key is 0. A giant one, of more than LP_MERGE_MAX
 * bytes, has neither; its key.a is 1, its key.b is 0. */
struct lp_batch_key {
    struct lp_key key;
    uint64_t hash;
};

/* A pretoken whose ids are not in the memo's table. They are a gap in the batch's ids so far. */
struct lp_batch_gap {
    uint32_t pretoken; /* its number in the batch */
    uint32_t at;       /* where its ids belong in the ids of the pretokens in the table */
    uint32_t nids;     /* how many ids it has if they are below; else 0 */
    uint32_t ids[LP_MEMO_IDS];
    uint64_t position;     /* its ids in the memo's ring, or LP_RING_NONE */
    const uint32_t *entry; /* the vocabulary's entry that may be its token, see lp_vocab_entry() */
};

struct lp_batch {
    const struct lp_vocab *v;
    struct lp_memo memo;
    struct lp_merge_giant giant; /* the giant pretoken that has begun */
    uint32_t end[LP_BATCH_MAX];  /* set by the caller: where each pretoken ends; they have no
                                  * space between them, and the first begins at 0 */
    struct lp_batch_key key[LP_BATCH_MAX];
    struct lp_batch_gap gap[LP_BATCH_MAX];
    struct lp_batch_gap *unknown[LP_BATCH_MAX]; /* gaps that are not in the memo at all */
    uint32_t ids[LP_BATCH_MAX * LP_MEMO_IDS];
    struct lp_merging merging[LP_MERGE_BATCH];
};

/* batch is zeroed memory. False when memory is out. */
bool lp_batch_init(struct lp_batch *batch, const struct lp_vocab *v);
void lp_batch_free(struct lp_batch *batch);

/* Drops a giant pretoken that has begun. */
void lp_batch_reset(struct lp_batch *batch);

/* Appends the ids of the batch's n pretokens. */
enum lp_status lp_batch_encode(struct lp_batch *batch, const unsigned char *text, size_t n,
                               struct lp_ids *out);

/* Takes the next n bytes of a giant pretoken and appends the ids that no further text can
 * change. end: the pretoken ends with these bytes. */
enum lp_status lp_batch_giant(struct lp_batch *batch, const unsigned char *text, size_t n, bool end,
                              struct lp_ids *out);

#endif
