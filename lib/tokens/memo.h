/* memo.h - words lately seen, with their ids.
 *
 * In front of the vocabulary, for speed alone: words of few bytes and ids are in
 * a table; other words are in a ring, where the newest overwrite the oldest. Both
 * grow with what they are given, up to a fixed size, so that a short text costs
 * little memory. What is found is exact: all bytes are compared.
 *
 * The table has lines of two words. A word is in the line that its hash picks or,
 * when that was full, in the line's neighbour; where both are full the newest
 * drive out the oldest. */
#ifndef LP_TOKENS_MEMO_H
#define LP_TOKENS_MEMO_H

#include "lp.h"
#include "tokens/vocab_layout.h"

#include <stdlib.h>

enum {
    LP_WORD_IDS = 4,      /* ids of a table's word at most */
    LP_WORD_COUNT = 24,   /* the bit from which on the first of them has their number */
    LP_WORD_LINE = 2,     /* words that share a cache line */
    LP_MEMO_LOG = 9,      /* lines of the table at first: 32 kB */
    LP_MEMO_LOG_MAX = 17, /* and at most: 8 MB */
    LP_RING_LOG = 16,     /* bytes of the ring at first */
    LP_RING_LOG_MAX = 23, /* and at most: 8 MB */
    LP_RING_WORD = 5,     /* bytes of the ring for which its index has a slot: 32 */
    LP_RING_SET = 4,      /* slots that a word may have */
    LP_RING_TAG = 16,     /* bits of a word's hash in its slot */
    LP_RING_TEXT = 256,   /* bytes of a ring's word at most */
};

/* 32 bytes. The first id's top byte is their number, 0 for a word in the ring. */
struct lp_word {
    struct lp_key key;
    uint32_t ids[LP_WORD_IDS];
};

struct lp_memo {
    struct lp_word (*line)[LP_WORD_LINE];
    void *table;  /* what was allocated for them */
    unsigned log; /* of their number */
    size_t nputs; /* words put since the table has this size */
    unsigned char *ring;
    uint64_t *slot; /* by hash: where a word is in the ring's whole history, plus one; a tag */
    unsigned ring_log;
    uint64_t head; /* bytes that have ever been put into the ring */
};

bool lp_memo_new(struct lp_memo *memo);
void lp_memo_free(struct lp_memo *memo);

static inline size_t lp_memo_line(const struct lp_memo *memo, uint64_t hash)
{
    return (size_t)(hash >> (64 - memo->log));
}

/* The first of the slots that a word of the ring may have. */
static inline size_t lp_memo_slot(const struct lp_memo *memo, uint64_t hash)
{
    return (size_t)(hash >> (64 + LP_RING_WORD - memo->ring_log)) & ~(size_t)(LP_RING_SET - 1);
}

/* The word of a line that has the key, or its last word. */
static inline const struct lp_word *lp_memo_pick(const struct lp_word *line, struct lp_key key)
{
    return line + !lp_key_same(line->key, key);
}

static inline bool lp_memo_full(const struct lp_word *line)
{
    return line[LP_WORD_LINE - 1].key.b != 0;
}

/* The word of a key, or NULL. */
static inline const struct lp_word *lp_memo_find(const struct lp_memo *memo, struct lp_key key,
                                                 uint64_t hash)
{
    size_t i = lp_memo_line(memo, hash);
    const struct lp_word *word = lp_memo_pick(memo->line[i], key);
    if (lp_key_same(word->key, key))
        return word;
    if (!lp_memo_full(memo->line[i]))
        return NULL;
    word = lp_memo_pick(memo->line[i ^ 1], key);
    return lp_key_same(word->key, key) ? word : NULL;
}

/* Puts a word of at most LP_WORD_IDS ids (0: it is in the ring) into the table. */
void lp_memo_put(struct lp_memo *memo, struct lp_key key, uint64_t hash, const uint32_t *ids,
                 size_t n);

/* Other words: at most LP_RING_TEXT bytes. Finds: the ids and how many, or NULL. */
const uint32_t *lp_memo_ring_find(const struct lp_memo *memo, const unsigned char *text, size_t n,
                                  uint64_t hash, size_t *nids);
void lp_memo_ring_put(struct lp_memo *memo, const unsigned char *text, size_t n, uint64_t hash,
                      const uint32_t *ids, size_t nids);

#endif
