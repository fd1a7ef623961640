#include "tokens/memo.h"

#include "base/huge.h"

/* The head of a pretoken in the ring. Its ids and its text follow; size is 0 if its text is in the
 * table, whose entry says where the ids are. It begins at a multiple of eight bytes and never wraps
 * around the ring's end. It is intact until the ring's size has been put in after it. */
struct ring_entry {
    uint32_t size, nids;
    uint64_t hash;
};

/* Gives the memo an empty table. A large table is soon touched everywhere. It asks for huge
 * pages: page faults at every 4 kB would take longer than the look-ups that it saves. */
static bool new_table(struct lp_memo *memo, unsigned log)
{
    size_t size = sizeof *memo->line << log;
    size_t align = size < LP_HUGE_PAGE ? sizeof *memo->line : LP_HUGE_PAGE;
    unsigned char *table = calloc(1, size + align);
    if (table == NULL)
        return false;
    memo->table = table;
    table += align - (uintptr_t)table % align;
    if (align == LP_HUGE_PAGE)
        lp_ask_huge(table, size);
    memo->line = (void *)table;
    memo->log = log;
    memo->nputs = 0;
    return true;
}

/* Gives the memo an empty ring. */
static bool new_ring(struct lp_memo *memo, unsigned log)
{
    unsigned char *ring = malloc((size_t)1 << log);
    uint64_t *slot = calloc((size_t)1 << (log - LP_RING_SLOT), sizeof *slot);
    if (ring == NULL || slot == NULL) {
        free(ring);
        free(slot);
        return false;
    }
    memo->ring = ring;
    memo->index = slot;
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
    free(memo->index);
}

/* Puts an entry whose key is not in the table. */
static void put(struct lp_memo *memo, uint64_t hash, struct lp_memo_entry entry)
{
    size_t i = lp_memo_line(memo, hash);
    struct lp_memo_entry *line = memo->line[i];
    if (lp_memo_line_full(line) && !lp_memo_line_full(memo->line[i ^ 1]))
        line = memo->line[i ^ 1];
    line[1] = line[0];
    line[0] = entry;
}

/* Gives the table four times the lines. If memory is out, it keeps its size. */
static void grow(struct lp_memo *memo)
{
    struct lp_memo old = *memo;
    unsigned log = old.log + 2 < LP_MEMO_LOG_MAX ? old.log + 2 : LP_MEMO_LOG_MAX;
    memo->nputs = 0;
    if (old.log == LP_MEMO_LOG_MAX || !new_table(memo, log))
        return;
    for (size_t i = 0; i < (size_t)1 << old.log; i++) {
        for (size_t k = LP_MEMO_WAYS; k-- > 0;)
            if (old.line[i][k].key.b != 0)
                put(memo, lp_key_hash(old.line[i][k].key), old.line[i][k]);
    }
    free(old.table);
}

/* --- The ring --------------------------------------------------------------------------- */

static uint64_t ring_size(const struct lp_memo *memo)
{
    return (uint64_t)1 << memo->ring_log;
}

/* Whether the pretoken at a slot's position has this text. */
static bool is_in_slot(const struct lp_memo *memo, uint64_t slot, const unsigned char *text,
                       size_t n, uint64_t hash)
{
    const uint64_t position = (slot >> LP_RING_TAG) - 1;
    if ((uint16_t)(slot ^ hash) != 0 || slot == 0 || memo->head - position > ring_size(memo))
        return false;
    const unsigned char *p = lp_memo_ring_at(memo, position);
    struct ring_entry entry;
    memcpy(&entry, p, sizeof entry);
    return entry.hash == hash && entry.size == n &&
           memcmp(p + sizeof entry + entry.nids * sizeof(uint32_t), text, n) == 0;
}

uint64_t lp_memo_ring_find(const struct lp_memo *memo, const unsigned char *text, size_t n,
                           uint64_t hash)
{
    const uint64_t *slots = memo->index + lp_memo_ring_set(memo, hash);
    for (int i = 0; i < LP_RING_WAYS; i++) {
        if (is_in_slot(memo, slots[i], text, n, hash))
            return (slots[i] >> LP_RING_TAG) - 1;
    }
    return LP_RING_NONE;
}

const uint32_t *lp_memo_ring_ids(const struct lp_memo *memo, uint64_t position, size_t *nids)
{
    if (position >= memo->head || memo->head - position > ring_size(memo))
        return NULL;
    const unsigned char *p = lp_memo_ring_at(memo, position);
    struct ring_entry entry;
    memcpy(&entry, p, sizeof entry);
    *nids = entry.nids;
    return (const uint32_t *)(const void *)(p + sizeof entry);
}

/* Puts a position first in its set of slots; the oldest drops out. */
static void put_slot(struct lp_memo *memo, uint64_t hash, uint64_t position)
{
    uint64_t *slots = memo->index + lp_memo_ring_set(memo, hash);
    memmove(slots + 1, slots, (LP_RING_WAYS - 1) * sizeof *slots);
    slots[0] = (position + 1) << LP_RING_TAG | (uint16_t)hash;
}

static uint64_t entry_size(const struct ring_entry *entry)
{
    return (sizeof *entry + entry->nids * sizeof(uint32_t) + entry->size + 7) & ~(uint64_t)7;
}

/* Gives a ring that is full for the first time four times the size; what it holds becomes the
 * first part. If memory is out, it keeps its size. */
static void grow_ring(struct lp_memo *memo)
{
    struct lp_memo old = *memo;
    const unsigned log = old.ring_log + 2;
    struct ring_entry entry;
    if (old.ring_log == LP_RING_LOG_MAX ||
        !new_ring(memo, log < LP_RING_LOG_MAX ? log : LP_RING_LOG_MAX))
        return;
    memcpy(memo->ring, old.ring, (size_t)old.head);
    for (uint64_t at = 0; at < old.head; at += entry_size(&entry)) {
        memcpy(&entry, memo->ring + at, sizeof entry);
        if (entry.size > 0)
            put_slot(memo, entry.hash, at);
    }
    free(old.ring);
    free(old.index);
}

uint64_t lp_memo_ring_put(struct lp_memo *memo, const unsigned char *text, size_t n, uint64_t hash,
                          const uint32_t *ids, size_t nids)
{
    const struct ring_entry entry = {(uint32_t)n, (uint32_t)nids, hash};
    const uint64_t size = entry_size(&entry);
    if (memo->head <= ring_size(memo) && memo->head + size > ring_size(memo))
        grow_ring(memo);
    const uint64_t left = ring_size(memo) - memo->head % ring_size(memo);
    if (size > left)
        memo->head += left;
    unsigned char *p = memo->ring + memo->head % ring_size(memo);
    memcpy(p, &entry, sizeof entry);
    memcpy(p + sizeof entry, ids, nids * sizeof *ids);
    if (n > 0)
        memcpy(p + sizeof entry + nids * sizeof *ids, text, n);
    const uint64_t position = memo->head;
    if (n > 0)
        put_slot(memo, hash, position);
    memo->head += size;
    return position;
}

/* --- Both ------------------------------------------------------------------------------- */

uint64_t lp_memo_put(struct lp_memo *memo, struct lp_key key, uint64_t hash, const uint32_t *ids,
                     size_t n)
{
    struct lp_memo_entry entry = {.key = key};
    uint64_t position = LP_RING_NONE;
    if (n <= LP_MEMO_IDS) {
        memcpy(entry.ids, ids, n * sizeof *ids);
        entry.ids[0] |= (uint32_t)n << LP_MEMO_COUNT;
    } else {
        position = lp_memo_ring_put(memo, NULL, 0, 0, ids, n);
        entry.ids[LP_MEMO_IDS - 2] = (uint32_t)position;
        entry.ids[LP_MEMO_IDS - 1] = (uint32_t)(position >> 32);
    }
    const struct lp_memo_entry *known = lp_memo_find(memo, key, hash);
    if (known != NULL) {
        size_t at = (size_t)(known - memo->line[0]);
        memo->line[at / LP_MEMO_WAYS][at % LP_MEMO_WAYS] = entry;
        return position;
    }
    if (++memo->nputs > (size_t)1 << memo->log) /* half full: too many lines overflow */
        grow(memo);
    put(memo, hash, entry);
    return position;
}
