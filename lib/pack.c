#include "pack.h"

#include "vocab.h"

size_t lp_pack_ids(const struct lp_vocab *v, const uint32_t *ids, size_t n, unsigned char *dst)
{
    const uint32_t one = v->file->one, two = v->file->two;
    unsigned char *p = dst;
    for (size_t i = 0; i < n; i++) {
        uint32_t rank = v->rank[ids[i]];
        if (rank < one) {
            *p++ = (unsigned char)rank;
            continue;
        }
        rank -= one;
        if (rank < two << 8) {
            *p++ = (unsigned char)(one + (rank >> 8));
            *p++ = (unsigned char)rank;
            continue;
        }
        rank -= two << 8;
        *p++ = (unsigned char)(one + two + (rank >> 16));
        *p++ = (unsigned char)(rank >> 8);
        *p++ = (unsigned char)rank;
    }
    return (size_t)(p - dst);
}

/* The frequency rank at src, of at least one byte, and its code's length; rank
 * LP_NO_ID when the code is cut or of no token. */
static inline uint32_t get_code(const struct lp_lpv *f, const unsigned char *src, size_t n,
                                size_t *size)
{
    uint32_t byte = src[0], one = f->one, two = f->two, rank;
    if (byte < one) {
        *size = 1;
        return byte;
    }
    if (byte < one + two) {
        *size = 2;
        rank = n < 2 ? LP_NO_ID : one + ((byte - one) << 8 | src[1]);
    } else {
        *size = 3;
        rank = n < 3
                   ? LP_NO_ID
                   : one + (two << 8) + ((byte - one - two) << 16 | (uint32_t)src[1] << 8 | src[2]);
    }
    return rank < f->ntokens ? rank : LP_NO_ID;
}

/* Bytes of the token of a frequency rank. */
static inline const unsigned char *rank_text(const struct lp_vocab *v, uint32_t rank, size_t *size)
{
    const unsigned char *text = v->text + (size_t)rank * LP_KEY_SIZE;
    *size = text[LP_KEY_SIZE - 1];
    if (*size <= LP_KEY_TEXT_MAX)
        return text;
    uint32_t id = v->id[rank];
    *size = v->offset[id + 1] - v->offset[id];
    return v->bytes + v->offset[id];
}

enum lp_status lp_pack_text_size(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                 size_t *text_size)
{
    size_t total = 0, used, size;
    for (size_t at = 0; at < n; at += used) {
        uint32_t rank = get_code(v->file, src + at, n - at, &used);
        if (rank == LP_NO_ID)
            return LP_DATA;
        rank_text(v, rank, &size);
        total += size;
    }
    *text_size = total;
    return LP_OK;
}

enum lp_status lp_pack_to_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                               unsigned char *dst, size_t cap, size_t *written)
{
    size_t out = 0, used, size;
    for (size_t at = 0; at < n; at += used) {
        uint32_t rank = get_code(v->file, src + at, n - at, &used);
        if (rank == LP_NO_ID)
            return LP_DATA;
        const unsigned char *text = rank_text(v, rank, &size);
        if (size <= LP_KEY_TEXT_MAX && cap - out >= LP_KEY_SIZE)
            memcpy(dst + out, text, LP_KEY_SIZE); /* a fixed size is one store */
        else if (size <= cap - out)
            memcpy(dst + out, text, size);
        else
            return LP_DATA;
        out += size;
    }
    *written = out;
    return LP_OK;
}

void lp_pack_prefix(const struct lp_vocab *v, const unsigned char *src, size_t n, size_t max_text,
                    size_t *used, size_t *text_size)
{
    size_t code, size;
    *used = *text_size = 0;
    while (*used < n) {
        rank_text(v, get_code(v->file, src + *used, n - *used, &code), &size);
        if (size > max_text - *text_size)
            return;
        *used += code;
        *text_size += size;
    }
}

enum lp_status lp_pack_to_ids(const struct lp_vocab *v, const unsigned char *src, size_t n,
                              uint32_t *dst, size_t *nids)
{
    size_t used;
    *nids = 0;
    for (size_t at = 0; at < n; at += used) {
        uint32_t rank = get_code(v->file, src + at, n - at, &used);
        if (rank == LP_NO_ID)
            return LP_DATA;
        dst[(*nids)++] = v->id[rank];
    }
    return LP_OK;
}
