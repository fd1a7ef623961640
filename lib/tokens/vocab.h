/* vocab.h - an open vocabulary: pointers to its tables in the mapped file. */
#ifndef LP_TOKENS_VOCAB_H
#define LP_TOKENS_VOCAB_H

#include "lp.h"
#include "tokens/pretok_window.h"
#include "tokens/vocab_layout.h"

#include <stdatomic.h>

/* A perfect hash table (see lp_slot()) of pairs of tokens: the token that each merges to. */
struct lp_pairs {
    const uint64_t *pair;
    const uint16_t *shift;
    struct lp_slots slots;
};

/* A perfect hash table of keys, or of half keys: the token of each. */
struct lp_keys {
    const uint32_t *entry;
    const uint16_t *shift;
    struct lp_slots slots;
};

/* Sets of sections for lp_vocab_expect(), a bit for each section. */
#define LP_SECTION_BIT(name) ((uint32_t)1 << LP_SECTION_##name)
#define LP_READ_KEYS         (LP_SECTION_BIT(HALF_SHIFT) | LP_SECTION_BIT(KEY_SHIFT))
#define LP_READ_LONG         (LP_SECTION_BIT(LONG) | LP_SECTION_BIT(LONG_TEXT))
#define LP_READ_PAIRS                                                                              \
    (LP_SECTION_BIT(PAIR_SHIFT) | LP_SECTION_BIT(BYTE) | LP_SECTION_BIT(BYTE_PAIR))
#define LP_READ_TEXT    (LP_SECTION_BIT(TEXT) | LP_SECTION_BIT(LONG_TEXT))
#define LP_READ_TOKEN   (LP_SECTION_BIT(OFFSET) | LP_SECTION_BIT(BYTES))
#define LP_READ_SPECIAL (LP_READ_TOKEN | LP_SECTION_BIT(SPECIAL))
#define LP_READ_GIANT                                                                              \
    (LP_READ_PAIRS | LP_READ_TOKEN | LP_SECTION_BIT(SPLIT) | LP_SECTION_BIT(SORTED) |              \
     LP_SECTION_BIT(PREFIX) | LP_SECTION_BIT(START))
#define LP_READ_ALL (((uint32_t)1 << LP_SECTIONS) - 1)

/* What has been found out about the file so far, by any thread. */
struct lp_vocab_checks {
    atomic_bool damaged; /* something that was read is damaged */
    atomic_uint passed;  /* the sections that have been checked, a bit for each */
};

struct lp_vocab {
    const struct lp_vocab_header *header;
    size_t file_size;
    struct lp_vocab_checks *checks;
    const uint32_t *offset, *byte_id, *byte_pair, *prefix, *split, *sorted, *start, *rank, *id,
        *special;
    const unsigned char *bytes, *text, *long_text;
    const struct lp_long_entry *longs;
    struct lp_keys halves, keys;
    struct lp_pairs pairs;
    enum lp_cpu cpu; /* the instruction set to use */
};

/* Checks sections: their checksums, and that nothing in them can do harm. */
bool lp_vocab_check(const struct lp_vocab *v, uint32_t sections);

/* To be called before sections are used: true if they have passed their check, or do so now. The
 * entries of sections that are in LP_READ_ALL alone are sealed, and checked where they are read. */
static inline bool lp_vocab_expect(const struct lp_vocab *v, uint32_t sections)
{
    return (sections & ~atomic_load_explicit(&v->checks->passed, memory_order_relaxed)) == 0 ||
           lp_vocab_check(v, sections);
}

/* Records that something that was read is damaged. */
void lp_vocab_damaged(const struct lp_vocab *v);

/* LP_BAD_VOCAB if anything read so far was damaged. To be asked before results are handed out. */
static inline enum lp_status lp_vocab_status(const struct lp_vocab *v)
{
    return atomic_load(&v->checks->damaged) ? LP_BAD_VOCAB : LP_OK;
}

/* The status of a call that used v (NULL for none): LP_DATA becomes LP_BAD_VOCAB if the whole
 * vocabulary, checked now, is damaged. */
enum lp_status lp_vocab_blame(const struct lp_vocab *v, enum lp_status status);

/* Writes the checksums into a file in memory that is complete but for them. */
void lp_vocab_put_sums(struct lp_vocab_header *header);

/* The token of exactly these bytes, or LP_NO_ID. Special tokens are not found. */
uint32_t lp_vocab_find(const struct lp_vocab *v, const unsigned char *text, size_t n);

/* The token of exactly these n > LP_KEY_TEXT_MAX bytes, or LP_NO_ID. hash is their XXH64. */
uint32_t lp_vocab_find_long(const struct lp_vocab *v, const unsigned char *text, size_t n,
                            uint64_t hash);

/* The bytes of a token that is too long for a key. text is its struct lp_long_text. */
const unsigned char *lp_vocab_long_text(const struct lp_vocab *v, const unsigned char *text,
                                        size_t *size);

/* The bytes of the token of a frequency rank. Without lp_vocab_expect(v, LP_READ_TEXT) before, the
 * text must be compared with a checksum of its own: a damaged token may have any bytes of the
 * file, or none. */
static inline const unsigned char *lp_vocab_text(const struct lp_vocab *v, uint32_t rank,
                                                 size_t *size)
{
    const unsigned char *text = v->text + (size_t)rank * LP_KEY_SIZE;
    *size = text[LP_KEY_SIZE - 1];
    return *size <= LP_KEY_TEXT_MAX ? text : lp_vocab_long_text(v, text, size);
}

#if defined(__GNUC__)
#define LP_PREFETCH(p) __builtin_prefetch(p)
#else
#define LP_PREFETCH(p) ((void)(p))
#endif

/* The slot of a pair. */
static inline uint32_t lp_pairs_slot(const struct lp_pairs *p, uint32_t left, uint32_t right)
{
    return lp_slot_of(p->slots, p->shift, lp_pair_hash(left, right));
}

/* The token that a pair merges to, from its slot, or LP_NO_ID. ORs the entry into *bits: more than
 * LP_PAIR_BITS bits there say that one of the entries read was damaged. */
static inline uint32_t lp_pairs_read(const struct lp_pairs *p, uint32_t slot, uint32_t left,
                                     uint32_t right, uint64_t *bits)
{
    uint64_t entry = lp_unseal_pair(p->pair[slot]), pair = (uint64_t)left << LP_ID_BITS | right;
    *bits |= entry;
    return entry >> LP_ID_BITS == pair ? (uint32_t)entry & LP_NO_ID : (uint32_t)LP_NO_ID;
}

/* The token that a pair merges to, or LP_NO_ID. */
static inline uint32_t lp_vocab_pair(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    uint64_t bits = 0;
    uint32_t id =
        lp_pairs_read(&v->pairs, lp_pairs_slot(&v->pairs, left, right), left, right, &bits);
    if (bits >> LP_PAIR_BITS != 0)
        lp_vocab_damaged(v);
    return id;
}

static inline bool lp_vocab_has_half(struct lp_key key)
{
    return lp_key_length(key) <= LP_HALF_TEXT_MAX;
}

/* The entry that a key has if it is a token. It is found apart from reading it, so that it can be
 * prefetched in between. */
static inline const uint32_t *lp_vocab_entry(const struct lp_vocab *v, struct lp_key key,
                                             uint64_t hash)
{
    bool half = lp_vocab_has_half(key);
    const struct lp_keys *k = half ? &v->halves : &v->keys;
    size_t slot = lp_slot_of(k->slots, k->shift, hash);
    return k->entry + slot * (half ? LP_HALF_ENTRY : LP_KEY_ENTRY);
}

/* The token of an entry, from lp_vocab_entry(), if it has this key; else LP_NO_ID. */
static inline uint32_t lp_vocab_entry_id(const struct lp_vocab *v, const uint32_t *entry,
                                         struct lp_key key)
{
    const bool half = lp_vocab_has_half(key);
    struct lp_key stored = {0};
    if (half) {
        memcpy(&stored.a, entry, sizeof stored.a);
        key = (struct lp_key){.a = lp_half_key(key)};
    } else {
        memcpy(&stored, entry, sizeof stored);
    }
    const uint32_t sealed = entry[(half ? LP_HALF_ENTRY : LP_KEY_ENTRY) - 1];
    const uint32_t id = lp_unseal(sealed, lp_key_hash(stored));
    if (id >= v->header->size && id != LP_NO_ID) {
        lp_vocab_damaged(v);
        return LP_NO_ID;
    }
    return lp_key_same(stored, key) ? id : (uint32_t)LP_NO_ID;
}

#endif
