/* memo.h - recently seen pretokens with their ids: a cache in front of the vocabulary.
 *
 * Pretokens of few bytes are in a table, with their ids if these are few. Other pretokens, and
 * lists of many ids, are in a ring, where the newest overwrites the oldest. Both grow with use, up
 * to a fixed size, so that a short text costs little memory. A hit is exact: all bytes are
 * compared.
 *
 * The table is two-way set associative: a line, which is a cache line, has two entries. An entry
 * is in the line that its hash picks or, if that was full, in the line next to it (their numbers
 * differ in the lowest bit). If both are full, the older entry of its own line is evicted. */
#ifndef LP_TOKENS_MEMO_H
#define LP_TOKENS_MEMO_H

#include "lp.h"
#include "tokens/vocab_layout.h"

#include <stdlib.h>

enum {
    LP_MEMO_IDS = 4,      /* most ids of a table entry */
    LP_MEMO_COUNT = 24,   /* the bit of an entry's first id from which on its number of ids is */
    LP_MEMO_WAYS = 2,     /* entries of a line */
    LP_MEMO_LOG = 9,      /* lines of the table at first: 32 kB */
    LP_MEMO_LOG_MAX = 19, /* and at most: 32 MB */
    LP_RING_LOG = 16,     /* bytes of the ring at first */
    LP_RING_LOG_MAX = 23, /* and at most: 8 MB */
    LP_RING_SLOT = 5,     /* log2 of the bytes of the ring for each slot of its index: 32 */
    LP_RING_WAYS = 4,     /* slots that a pretoken may be in */
    LP_RING_TAG = 16,     /* bits of its hash in a slot */
    LP_RING_TEXT = 256,   /* most bytes of a pretoken in the ring */
};

/* 32 bytes. The top byte of the first id is the number of ids, 0 if they are in the ring: then the
 * last two words are their position there (see lp_memo_position()). */
struct lp_memo_entry {
    struct lp_key key;
    uint32_t ids[LP_MEMO_IDS];
};

struct lp_memo {
    struct lp_memo_entry (*line)[LP_MEMO_WAYS];
    void *table;  /* the allocation that the lines are in */
    unsigned log; /* of the number of lines */
    size_t nputs; /* entries put since the table has this size */
    unsigned char *ring;
    uint64_t *index; /* of the ring, by hash. A slot is 0, or a position plus 1, and a tag below it.
                      * Positions count all bytes ever put into the ring */
    unsigned ring_log;
    uint64_t head; /* the ring's next position */
};

/* False when memory is out. */
bool lp_memo_new(struct lp_memo *memo);
void lp_memo_free(struct lp_memo *memo);

/* --- The table --------------------------------------------------------------------------- */

static inline size_t lp_memo_line(const struct lp_memo *memo, uint64_t hash)
{
    return (size_t)(hash >> (64 - memo->log));
}

/* The entry of a line that has the key, else the line's last entry. */
static inline const struct lp_memo_entry *lp_memo_pick(const struct lp_memo_entry *line,
                                                       struct lp_key key)
{
    return line + !lp_key_same(line->key, key);
}

static inline bool lp_memo_line_full(const struct lp_memo_entry *line)
{
    return line[LP_MEMO_WAYS - 1].key.b != 0;
}

/* The entry of a key, or NULL. */
static inline const struct lp_memo_entry *lp_memo_find(const struct lp_memo *memo,
                                                       struct lp_key key, uint64_t hash)
{
    size_t i = lp_memo_line(memo, hash);
    const struct lp_memo_entry *entry = lp_memo_pick(memo->line[i], key);
    if (lp_key_same(entry->key, key))
        return entry;
    if (!lp_memo_line_full(memo->line[i]))
        return NULL;
    entry = lp_memo_pick(memo->line[i ^ 1], key);
    return lp_key_same(entry->key, key) ? entry : NULL;
}

/* Puts a pretoken with n ids into the table; more than LP_MEMO_IDS also into the ring. Returns
 * their position there, or LP_RING_NONE. */
uint64_t lp_memo_put(struct lp_memo *memo, struct lp_key key, uint64_t hash, const uint32_t *ids,
                     size_t n);

/* --- The ring ---------------------------------------------------------------------------- */

/* No position in the ring. */
#define LP_RING_NONE UINT64_MAX

/* Of an entry of the table whose ids are in the ring. */
static inline uint64_t lp_memo_position(const struct lp_memo_entry *entry)
{
    return (uint64_t)entry->ids[LP_MEMO_IDS - 1] << 32 | entry->ids[LP_MEMO_IDS - 2];
}

static inline const unsigned char *lp_memo_ring_at(const struct lp_memo *memo, uint64_t position)
{
    return memo->ring + (position & (((uint64_t)1 << memo->ring_log) - 1));
}

/* The first of the slots that a pretoken may be in. */
static inline size_t lp_memo_ring_set(const struct lp_memo *memo, uint64_t hash)
{
    return (size_t)(hash >> (64 + LP_RING_SLOT - memo->ring_log)) & ~(size_t)(LP_RING_WAYS - 1);
}

/* Where the ids of a pretoken of n bytes, at most LP_RING_TEXT, are, or LP_RING_NONE. */
uint64_t lp_memo_ring_find(const struct lp_memo *memo, const unsigned char *text, size_t n,
                           uint64_t hash);

/* Where the pretoken may be, so that it can be prefetched; any position if it is nowhere. */
static inline uint64_t lp_memo_ring_guess(const struct lp_memo *memo, uint64_t hash)
{
    const uint64_t *slot = memo->index + lp_memo_ring_set(memo, hash);
    size_t way = 0;
    while (way < LP_RING_WAYS - 1 && (uint16_t)(slot[way] ^ hash) != 0)
        way++;
    return (slot[way] >> LP_RING_TAG) - 1;
}

/* The ids at a position and their number, or NULL when they have been overwritten. */
const uint32_t *lp_memo_ring_ids(const struct lp_memo *memo, uint64_t position, size_t *nids);

/* Puts a pretoken of n bytes with its ids into the ring. Returns their position. */
uint64_t lp_memo_ring_put(struct lp_memo *memo, const unsigned char *text, size_t n, uint64_t hash,
                          const uint32_t *ids, size_t nids);

#endif
