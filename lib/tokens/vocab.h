/* vocab.h - an open vocabulary: its tables, where they lie in the mapped file. */
#ifndef LP_TOKENS_VOCAB_H
#define LP_TOKENS_VOCAB_H

#include "base/load.h"
#include "lp.h"
#include "tokens/pretok_window.h"
#include "tokens/vocab_layout.h"

#include <stdatomic.h>

/* Tables where each key has a slot of its own: which token two others merge to, */
struct lp_pairs {
    const uint64_t *pair;
    const uint16_t *shift;
    struct lp_slots slots;
};

/* and which token has a key, or half a key. */
struct lp_keys {
    const uint32_t *entry;
    const uint16_t *shift;
    struct lp_slots slots;
};

/* Sections that are used together, a bit for each, for lp_vocab_expect(). */
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

/* What is known of a file's sections. */
struct lp_vocab_state {
    atomic_bool damaged; /* something that was read */
    atomic_uint whole;   /* sections found whole, a bit for each */
};

struct lp_vocab {
    const struct lp_lpv *file;
    size_t file_size;
    struct lp_loaded loaded; /* what holds the file */
    struct lp_vocab_state *state;
    const uint32_t *offset, *byte_id, *byte_pair, *prefix, *split, *sorted, *start, *rank, *id,
        *special;
    const unsigned char *bytes, *text, *long_text;
    const struct lp_long *longs;
    struct lp_keys halves, keys;
    struct lp_pairs pairs;
    enum lp_cpu cpu; /* the instructions to use */
};

/* Compares sections with their sums and looks at what is in them. */
bool lp_vocab_read(const struct lp_vocab *v, uint32_t sections);

/* Before sections are used: are they whole, and can nothing in them do harm? Entries of others
 * are sealed, and checked where they are read. */
static inline bool lp_vocab_expect(const struct lp_vocab *v, uint32_t sections)
{
    return (sections & ~atomic_load_explicit(&v->state->whole, memory_order_relaxed)) == 0 ||
           lp_vocab_read(v, sections);
}

/* Something that was read is not what it was made as. */
void lp_vocab_damaged(const struct lp_vocab *v);

/* LP_BAD_VOCAB when anything read so far was damaged: looked at before results are handed out. */
static inline enum lp_status lp_vocab_status(const struct lp_vocab *v)
{
    return atomic_load(&v->state->damaged) ? LP_BAD_VOCAB : LP_OK;
}

/* The status of a call that used a vocabulary, or none (NULL): LP_DATA is the vocabulary's fault
 * if that is damaged. */
enum lp_status lp_vocab_blame(const struct lp_vocab *v, enum lp_status status);

/* Gives a file in memory, of which all else is written, its sums. */
void lp_vocab_seal(struct lp_lpv *file);

/* The token of exactly these bytes, special ones excepted, or LP_NO_ID. */
uint32_t lp_vocab_find(const struct lp_vocab *v, const unsigned char *text, size_t n);

/* The same for more bytes than a key has; hash is their XXH64. */
uint32_t lp_vocab_find_long(const struct lp_vocab *v, const unsigned char *text, size_t n,
                            uint64_t hash);

/* The bytes of a token without key; text: where in TEXT a key would be. */
const unsigned char *lp_vocab_long_text(const struct lp_vocab *v, const unsigned char *text,
                                        size_t *size);

/* The bytes of the token of a frequency rank. Who reads them without LP_READ_TEXT must compare
 * the text with a check: a damaged token may have any bytes of the file's, or none. */
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

/* Where the token that two merge to is, if there is one. */
static inline uint32_t lp_pairs_slot(const struct lp_pairs *p, uint32_t left, uint32_t right)
{
    return lp_slot_of(p->slots, p->shift, lp_pair_hash(left, right));
}

/* *bits: an OR of all entries read; more than LP_PAIR_BITS when one is damaged. */
static inline uint32_t lp_pairs_there(const struct lp_pairs *p, uint32_t slot, uint32_t left,
                                      uint32_t right, uint64_t *bits)
{
    uint64_t entry = lp_unseal_pair(p->pair[slot]), pair = (uint64_t)left << LP_ID_BITS | right;
    *bits |= entry;
    return entry >> LP_ID_BITS == pair ? (uint32_t)entry & LP_NO_ID : (uint32_t)LP_NO_ID;
}

/* The token that two merge to, or LP_NO_ID. */
static inline uint32_t lp_vocab_pair(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    uint64_t bits = 0;
    uint32_t id =
        lp_pairs_there(&v->pairs, lp_pairs_slot(&v->pairs, left, right), left, right, &bits);
    if (bits >> LP_PAIR_BITS != 0)
        lp_vocab_damaged(v);
    return id;
}

static inline bool lp_vocab_has_half(struct lp_key key)
{
    return lp_key_length(key) <= LP_HALF_TEXT_MAX;
}

/* A key is looked for in two steps, so that others can be between them and what the second
 * reads can be fetched before: where it would be, */
static inline const uint32_t *lp_vocab_place(const struct lp_vocab *v, struct lp_key key,
                                             uint64_t hash)
{
    bool half = lp_vocab_has_half(key);
    const struct lp_keys *k = half ? &v->halves : &v->keys;
    size_t slot = lp_slot_of(k->slots, k->shift, hash);
    return k->entry + slot * (half ? LP_HALF_ENTRY : LP_KEY_ENTRY);
}

/* and the token that is there, if it is this one, or LP_NO_ID. */
static inline uint32_t lp_vocab_there(const struct lp_vocab *v, const uint32_t *place,
                                      struct lp_key key)
{
    const bool half = lp_vocab_has_half(key);
    struct lp_key there = {0};
    if (half) {
        memcpy(&there.a, place, sizeof there.a);
        key = (struct lp_key){.a = lp_half_key(key)};
    } else {
        memcpy(&there, place, sizeof there);
    }
    const uint32_t sealed = place[(half ? LP_HALF_ENTRY : LP_KEY_ENTRY) - 1];
    const uint32_t id = lp_unseal(sealed, lp_key_hash(there));
    if (id >= v->file->size && id != LP_NO_ID) {
        lp_vocab_damaged(v);
        return LP_NO_ID;
    }
    return lp_key_same(there, key) ? id : (uint32_t)LP_NO_ID;
}

#endif
