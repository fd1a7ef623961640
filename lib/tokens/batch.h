/* batch.h - pretokens ("words") to ids, a batch at a time. Knows the vocabulary and
 * the memo; never where words come from. */
#ifndef LP_TOKENS_BATCH_H
#define LP_TOKENS_BATCH_H

#include "tokens/memo.h"
#include "tokens/merge.h"
#include "tokens/merge_giant.h"

enum { LP_BATCH_WORDS = 512 }; /* words encoded together */

/* A word by its bytes: a short one has a key, a long one has none (key.b is 0),
 * and one longer than LP_MERGE_MAX has key.a 1 and no hash. */
struct lp_word_key {
    struct lp_key key;
    uint64_t hash;
};

/* A word that the memo's table lacks. */
struct lp_hole {
    uint32_t word;         /* its number in the batch */
    uint32_t at;           /* how many ids of the words that the table has are before it */
    const uint32_t *place; /* where its token would be, see lp_vocab_place() */
};

struct lp_batch {
    const struct lp_vocab *v;
    struct lp_memo memo;
    struct lp_bpe_run run; /* a giant word so far */
    uint32_t
        end[LP_BATCH_WORDS]; /* given: where each word of the batch ends; the first begins at 0 */
    struct lp_word_key word[LP_BATCH_WORDS];
    struct lp_hole hole[LP_BATCH_WORDS], miss[LP_BATCH_WORDS];
    uint32_t ids[LP_BATCH_WORDS * LP_WORD_IDS];
    struct lp_merging merging[LP_MERGING];
};

/* words is zeroed memory. */
bool lp_batch_init(struct lp_batch *words, const struct lp_vocab *v);
void lp_batch_free(struct lp_batch *words);

/* Forgets a giant word that has begun. */
void lp_batch_reset(struct lp_batch *words);

/* Appends the ids of the n words of the batch. */
enum lp_status lp_batch_encode(struct lp_batch *words, const unsigned char *text, size_t n,
                               struct lp_ids *out);

/* Takes n bytes of a giant word, which ends with them or goes on; appends the ids
 * that are settled. */
enum lp_status lp_batch_giant(struct lp_batch *words, const unsigned char *text, size_t n, bool end,
                              struct lp_ids *out);

#endif
