/* Where ids of a text can be parted so that no character is cut. A character may be several tokens,
 * each a part of its bytes. UTF-8 shows by itself where a character begins, so that the bytes next
 * to a boundary are enough. */
#include "lp.h"
#include "tokens/character.h"

enum { SIDE = 3 }; /* bytes that a character may have on one side of a boundary */

/* Copies the bytes next to a boundary, SIDE of each side, to bytes; NULs where there are fewer. */
static void copy_around(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids, size_t at,
                        unsigned char bytes[2 * SIDE])
{
    size_t len;
    for (size_t i = at, to = SIDE; i > 0 && to > 0; i--) {
        const unsigned char *token = lp_vocab_token(vocab, ids[i - 1], &len);
        while (token != NULL && len > 0 && to > 0)
            bytes[--to] = token[--len];
    }
    for (size_t i = at, to = SIDE; i < nids && to < 2 * SIDE; i++) {
        const unsigned char *token = lp_vocab_token(vocab, ids[i], &len);
        for (size_t k = 0; token != NULL && k < len && to < 2 * SIDE; k++)
            bytes[to++] = token[k];
    }
}

/* Whether a character begins before a boundary and ends after it. */
static bool cuts(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids, size_t at)
{
    unsigned char bytes[2 * SIDE] = {0};
    if (at == 0 || at == nids)
        return false;
    copy_around(vocab, ids, nids, at, bytes);
    for (size_t i = 0; i < SIDE; i++) {
        if (bytes[i] >= 0xC0 && i + lp_character_decode(bytes + i).size > SIDE)
            return true;
    }
    return false;
}

size_t lp_ids_boundary(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids, size_t at,
                       bool after)
{
    if (at > nids)
        at = nids;
    while (vocab != NULL && cuts(vocab, ids, nids, at))
        at += after ? 1 : (size_t)-1;
    return at;
}

size_t lp_ids_slice_end(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids, int64_t end)
{
    const uint64_t count = end < 0 ? 0 - (uint64_t)end : (uint64_t)end;
    const size_t within = count < nids ? (size_t)count : nids;
    return lp_ids_boundary(vocab, ids, nids, end < 0 ? nids - within : within, end < 0);
}

size_t lp_ids_chunk(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids, size_t from,
                    size_t size, size_t overlap, size_t *next)
{
    const size_t left = nids - from;
    size_t end = lp_ids_boundary(vocab, ids, nids, from + (size < left ? size : left), false);
    if (end <= from)
        end = lp_ids_boundary(vocab, ids, nids, from + 1, true);
    *next = end;
    if (end == nids || end - from <= overlap)
        return end;
    const size_t again = lp_ids_boundary(vocab, ids, nids, end - overlap, false);
    if (again > from)
        *next = again;
    return end;
}
