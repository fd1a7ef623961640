/* vocab.h - an open vocabulary: its tables, where they lie in the mapped file. */
#ifndef LP_VOCAB_H
#define LP_VOCAB_H

#include "lp.h"
#include "vocab_layout.h"

struct lp_vocab {
    const struct lp_lpv *file;
    size_t file_size;
    const uint32_t *offset, *index, *longs, *split, *sorted, *start, *rank, *id, *special;
    const uint64_t *pair;
    const unsigned char *bytes, *key, *text;
    uint32_t byte_id[256]; /* the ids of the single bytes */
};

/* The token of exactly these bytes, special ones excepted, or LP_NO_ID. */
uint32_t lp_vocab_find(const struct lp_vocab *v, const unsigned char *text, size_t n);

/* The token that two merge to, or LP_NO_ID. */
static inline uint32_t lp_vocab_pair(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    uint32_t log = v->file->pair_log, mask = ((uint32_t)1 << log) - 1;
    uint64_t key = (uint64_t)left << LP_ID_BITS | right;
    for (uint32_t slot = lp_pair_slot(left, right, log);; slot = (slot + 1) & mask) {
        uint64_t entry = v->pair[slot];
        if (entry >> LP_ID_BITS == key)
            return (uint32_t)entry & LP_NO_ID;
        if (entry == UINT64_MAX)
            return LP_NO_ID;
    }
}

/* The token of a short key, or LP_NO_ID. */
static inline uint32_t lp_vocab_key(const struct lp_vocab *v, struct lp_key key, uint64_t hash)
{
    uint32_t log = v->file->index_log, mask = ((uint32_t)1 << log) - 1;
    uint32_t tag = lp_index_tag(hash);
    for (uint32_t slot = lp_index_slot(hash, log);; slot = (slot + 1) & mask) {
        uint32_t entry = v->index[slot];
        if (entry >> LP_ID_BITS == tag) {
            struct lp_key there;
            memcpy(&there, v->key + (size_t)(entry & LP_NO_ID) * LP_KEY_SIZE, sizeof there);
            if (there.a == key.a && there.b == key.b)
                return entry & LP_NO_ID;
        }
        if (entry == UINT32_MAX)
            return LP_NO_ID;
    }
}

#endif
