/* vocab.h - an open vocabulary: its tables, where they lie in the mapped file. */
#ifndef LP_VOCAB_H
#define LP_VOCAB_H

#include "lp.h"
#include "vocab_layout.h"
#include "window.h"

/* Which token two others merge to. */
struct lp_pairs {
    const uint64_t *pair;
    const unsigned char *shift;
    uint32_t pair_log, shift_log;
};

struct lp_vocab {
    const struct lp_lpv *file;
    size_t file_size;
    const uint32_t *offset, *index, *byte_id, *prefix, *longs, *split, *sorted, *start, *rank, *id,
        *special;
    const struct lp_byte_pair *byte_pair;
    const unsigned char *bytes, *text, *long_text;
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
    uint64_t hash = lp_pair_hash(left, right);
    return lp_pair_slot(hash, p->shift[lp_pair_shift(hash, p->shift_log)], p->pair_log);
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

/* A short key is looked for in two steps, so that others can be between them and
 * what each reads can be fetched before. The first finds the frequency rank of a
 * token that is likely to have the key, or LP_NO_ID. */
static inline uint32_t lp_vocab_likely(const struct lp_vocab *v, uint64_t hash)
{
    uint32_t log = v->file->index_log, mask = ((uint32_t)1 << log) - 1;
    uint32_t tag = lp_index_tag(hash);
    for (uint32_t slot = lp_index_slot(hash, log);; slot = (slot + 1) & mask) {
        uint32_t entry = v->index[slot];
        if (entry >> LP_ID_BITS == tag || entry == UINT32_MAX)
            return entry & LP_NO_ID;
    }
}

static inline bool lp_vocab_has_key(const struct lp_vocab *v, uint32_t rank, struct lp_key key)
{
    struct lp_key there;
    memcpy(&there, v->text + (size_t)rank * LP_KEY_SIZE, sizeof there);
    return lp_key_same(there, key);
}

/* The token of a short key, or LP_NO_ID. */
uint32_t lp_vocab_key(const struct lp_vocab *v, struct lp_key key, uint64_t hash);

#endif
