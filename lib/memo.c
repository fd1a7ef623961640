#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise() */
#endif
#include "memo.h"

#include <sys/mman.h>

/* A word in the ring: this, its ids, its text. Begins at a multiple of eight
 * bytes. A word is there as long as no more than the ring's size has been put in
 * since it was; it never wraps round the ring's end. */
struct entry {
    uint32_t size, nids;
    uint64_t hash;
};

static const uint64_t ring_size = (uint64_t)1 << LP_RING_LOG;

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

bool lp_memo_new(struct lp_memo *memo)
{
    *memo = (struct lp_memo){0};
    memo->ring = malloc((size_t)ring_size);
    memo->slot = calloc((size_t)1 << LP_RING_SLOTS, sizeof *memo->slot);
    if (memo->ring == NULL || memo->slot == NULL || !new_table(memo, LP_MEMO_LOG)) {
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

/* The two slots that a word may have. */
static uint64_t *slots_of(const struct lp_memo *memo, uint64_t hash)
{
    return &memo->slot[lp_memo_slot(hash)];
}

/* The word in the ring that a slot is of, if it is this one. */
static const uint32_t *find_there(const struct lp_memo *memo, uint64_t slot,
                                  const unsigned char *text, size_t n, uint64_t hash, size_t *nids)
{
    if (slot == 0 || memo->head - --slot > ring_size)
        return NULL;
    const unsigned char *p = memo->ring + slot % ring_size;
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
    const uint64_t *slots = slots_of(memo, hash);
    const uint32_t *ids = find_there(memo, slots[0], text, n, hash, nids);
    return ids != NULL ? ids : find_there(memo, slots[1], text, n, hash, nids);
}

void lp_memo_ring_put(struct lp_memo *memo, const unsigned char *text, size_t n, uint64_t hash,
                      const uint32_t *ids, size_t nids)
{
    struct entry entry = {(uint32_t)n, (uint32_t)nids, hash};
    uint64_t size = (sizeof entry + nids * sizeof *ids + n + 7) & ~(uint64_t)7;
    uint64_t left = ring_size - memo->head % ring_size;
    if (size > left)
        memo->head += left;
    unsigned char *p = memo->ring + memo->head % ring_size;
    memcpy(p, &entry, sizeof entry);
    memcpy(p + sizeof entry, ids, nids * sizeof *ids);
    memcpy(p + sizeof entry + nids * sizeof *ids, text, n);
    uint64_t *slots = slots_of(memo, hash);
    slots[1] = slots[0];
    slots[0] = memo->head + 1;
    memo->head += size;
}
