/* vocab.h - an open vocabulary: its tables, where they lie in the mapped file. */
#ifndef LP_VOCAB_H
#define LP_VOCAB_H

#include "lp.h"
#include "vocab_layout.h"
#include "window.h"

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

struct lp_vocab {
    const struct lp_lpv *file;
    size_t file_size;
    const uint32_t *offset, *byte_id, *byte_pair, *prefix, *split, *sorted, *start, *rank, *id,
        *special;
    const unsigned char *bytes, *text, *long_text;
    const struct lp_long *longs;
    struct lp_keys halves, keys;
    struct lp_pairs pairs;
    enum lp_path path; /* the instructions to use */
};

/* The token of exactly these bytes, special ones excepted, or LP_NO_ID. */
uint32_t lp_vocab_find(const struct lp_vocab *v, const unsigned char *text, size_t n);

/* The same for more bytes than a key has; hash is their XXH64. */
uint32_t lp_vocab_find_long(const struct lp_vocab *v, const unsigned char *text, size_t n,
                            uint64_t hash);

/* The bytes of the token of a frequency rank; LP_KEY_SIZE can be read. */
static inline const unsigned char *lp_vocab_text(const struct lp_vocab *v, uint32_t rank,
                                                 size_t *size)
{
    const unsigned char *text = v->text + (size_t)rank * LP_KEY_SIZE;
    *size = text[LP_KEY_SIZE - 1];
    if (*size != LP_LONG_MARK)
        return text;
    struct lp_long_text there;
    memcpy(&there, text, sizeof there);
    *size = there.size;
    return v->long_text + there.offset;
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

static inline uint32_t lp_pairs_there(const struct lp_pairs *p, uint32_t slot, uint32_t left,
                                      uint32_t right)
{
    uint64_t entry = p->pair[slot], pair = (uint64_t)left << LP_ID_BITS | right;
    return entry >> LP_ID_BITS == pair ? (uint32_t)entry & LP_NO_ID : (uint32_t)LP_NO_ID;
}

/* The token that two merge to, or LP_NO_ID. */
static inline uint32_t lp_vocab_pair(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    return lp_pairs_there(&v->pairs, lp_pairs_slot(&v->pairs, left, right), left, right);
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
static inline uint32_t lp_vocab_there(const uint32_t *place, struct lp_key key)
{
    struct lp_key there = {0};
    if (lp_vocab_has_half(key)) {
        memcpy(&there.a, place, sizeof there.a);
        return there.a == lp_half_key(key) ? place[LP_HALF_ENTRY - 1] : (uint32_t)LP_NO_ID;
    }
    memcpy(&there, place, sizeof there);
    return lp_key_same(there, key) ? place[LP_KEY_ENTRY - 1] : (uint32_t)LP_NO_ID;
}

#endif
