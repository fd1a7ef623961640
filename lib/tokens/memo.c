#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise() */
#endif
#include "tokens/memo.h"

#include <sys/mman.h>

/* A word in the ring: this, its ids, its text. Begins at a multiple of eight
 * bytes. A word is there as long as no more than the ring's size has been put in
 * since it was; it never wraps round the ring's end. */
struct entry {
    uint32_t size, nids;
    uint64_t hash;
};

enum { HUGE_PAGE = 2 << 20 }; /* of most machines; on others this costs address space only */

/* Gives the memo an empty table. All of a large one will be touched soon: a fault
 * for each 4 kB would take longer than looking up the words that it is for. */
static bool new_table(struct lp_memo *memo, unsigned log)
{
    size_t size = sizeof *memo->line << log;
    size_t align = size < HUGE_PAGE ? sizeof *memo->line : HUGE_PAGE;
    unsigned char *table = calloc(1, size + align);
    if (table == NULL)
        return false;
    memo->table = table;
    table += align - (uintptr_t)table % align;
#ifdef MADV_HUGEPAGE
    if (align == HUGE_PAGE)
        madvise(table, size, MADV_HUGEPAGE);
#endif
    memo->line = (void *)table;
    memo->log = log;
    memo->nputs = 0;
    return true;
}

/* Gives the memo an empty ring. */
static bool new_ring(struct lp_memo *memo, unsigned log)
{
    unsigned char *ring = malloc((size_t)1 << log);
    uint64_t *slot = calloc((size_t)1 << (log - LP_RING_WORD), sizeof *slot);
    if (ring == NULL || slot == NULL) {
        free(ring);
        free(slot);
        return false;
    }
    memo->ring = ring;
    memo->slot = slot;
    memo->ring_log = log;
    return true;
}

bool lp_memo_new(struct lp_memo *memo)
{
    *memo = (struct lp_memo){0};
    if (!new_table(memo, LP_MEMO_LOG) || !new_ring(memo, LP_RING_LOG)) {
        lp_memo_free(memo);
        return false;
    }
    return true;
}

void lp_memo_free(struct lp_memo *memo)
{
    free(memo->table);
    free(memo->ring);
    free(memo->slot);
}

static void put(struct lp_memo *memo, uint64_t hash, struct lp_word word)
{
    size_t i = lp_memo_line(memo, hash);
    struct lp_word *line = memo->line[i];
    if (lp_memo_full(line) && !lp_memo_full(memo->line[i ^ 1]))
        line = memo->line[i ^ 1];
    line[1] = line[0];
    line[0] = word;
}

/* Gives the table four times the lines. Without memory for that, it stays as it is. */
static void grow(struct lp_memo *memo)
{
    struct lp_memo old = *memo;
    unsigned log = old.log + 2 < LP_MEMO_LOG_MAX ? old.log + 2 : LP_MEMO_LOG_MAX;
    memo->nputs = 0;
    if (old.log == LP_MEMO_LOG_MAX || !new_table(memo, log))
        return;
    for (size_t i = 0; i < (size_t)1 << old.log; i++) {
        for (size_t k = LP_WORD_LINE; k-- > 0;)
            if (old.line[i][k].key.b != 0)
                put(memo, lp_key_hash(old.line[i][k].key), old.line[i][k]);
    }
    free(old.table);
}

void lp_memo_put(struct lp_memo *memo, struct lp_key key, uint64_t hash, const uint32_t *ids,
                 size_t n)
{
    if (++memo->nputs > (size_t)1 << memo->log) /* more collide than is worth a smaller table */
        grow(memo);
    struct lp_word word = {.key = key};
    for (size_t i = 0; i < n; i++)
        word.ids[i] = ids[i];
    word.ids[0] |= (uint32_t)n << LP_WORD_COUNT;
    put(memo, hash, word);
}

/* --- The ring --------------------------------------------------------------------------- */

static uint64_t ring_size(const struct lp_memo *memo)
{
    return (uint64_t)1 << memo->ring_log;
}

/* The word in the ring that a slot is of, if it is this one. */
static const uint32_t *find_there(const struct lp_memo *memo, uint64_t slot,
                                  const unsigned char *text, size_t n, uint64_t hash, size_t *nids)
{
    const uint64_t place = (slot >> LP_RING_TAG) - 1;
    if ((uint16_t)(slot ^ hash) != 0 || slot == 0 || memo->head - place > ring_size(memo))
        return NULL;
    const unsigned char *p = memo->ring + place % ring_size(memo);
    struct entry entry;
    memcpy(&entry, p, sizeof entry);
    p += sizeof entry;
    if (entry.hash != hash || entry.size != n ||
        memcmp(p + entry.nids * sizeof(uint32_t), text, n) != 0)
        return NULL;
    *nids = entry.nids;
    return (const uint32_t *)(const void *)p;
}

const uint32_t *lp_memo_ring_find(const struct lp_memo *memo, const unsigned char *text, size_t n,
                                  uint64_t hash, size_t *nids)
{
    const uint64_t *slots = memo->slot + lp_memo_slot(memo, hash);
    const uint32_t *ids = NULL;
    for (int i = 0; ids == NULL && i < LP_RING_SET; i++)
        ids = find_there(memo, slots[i], text, n, hash, nids);
    return ids;
}

/* The newest of its set comes first, the oldest goes. */
static void put_slot(struct lp_memo *memo, uint64_t hash, uint64_t place)
{
    uint64_t *slots = memo->slot + lp_memo_slot(memo, hash);
    memmove(slots + 1, slots, (LP_RING_SET - 1) * sizeof *slots);
    slots[0] = (place + 1) << LP_RING_TAG | (uint16_t)hash;
}

static uint64_t entry_size(const struct entry *entry)
{
    return (sizeof *entry + entry->nids * sizeof(uint32_t) + entry->size + 7) & ~(uint64_t)7;
}

/* A ring that has been filled once, from its begin on, becomes the first part of one of
 * four times the size. Without memory for that, it stays as it is. */
static void grow_ring(struct lp_memo *memo)
{
    struct lp_memo old = *memo;
    const unsigned log = old.ring_log + 2;
    struct entry entry;
    if (old.ring_log == LP_RING_LOG_MAX ||
        !new_ring(memo, log < LP_RING_LOG_MAX ? log : LP_RING_LOG_MAX))
        return;
    memcpy(memo->ring, old.ring, (size_t)old.head);
    for (uint64_t at = 0; at < old.head; at += entry_size(&entry)) {
        memcpy(&entry, memo->ring + at, sizeof entry);
        put_slot(memo, entry.hash, at);
    }
    free(old.ring);
    free(old.slot);
}

void lp_memo_ring_put(struct lp_memo *memo, const unsigned char *text, size_t n, uint64_t hash,
                      const uint32_t *ids, size_t nids)
{
    const struct entry entry = {(uint32_t)n, (uint32_t)nids, hash};
    const uint64_t size = entry_size(&entry);
    if (memo->head <= ring_size(memo) && memo->head + size > ring_size(memo))
        grow_ring(memo);
    const uint64_t left = ring_size(memo) - memo->head % ring_size(memo);
    if (size > left)
        memo->head += left;
    unsigned char *p = memo->ring + memo->head % ring_size(memo);
    memcpy(p, &entry, sizeof entry);
    memcpy(p + sizeof entry, ids, nids * sizeof *ids);
    memcpy(p + sizeof entry + nids * sizeof *ids, text, n);
    put_slot(memo, hash, memo->head);
    memo->head += size;
}
