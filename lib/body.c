#include "body.h"

#include "bytes.h"
#include "pack.h"

void lp_coder_free(struct lp_coder *coder)
{
    lp_zstd_free(&coder->zstd);
    lp_buf_free(&coder->spare);
    lp_buf_free(&coder->body);
}

/* Replaces what dst holds from start by spare's bytes where those are fewer. */
static bool keep_smaller(struct lp_buf *dst, size_t start, const struct lp_buf *spare)
{
    if (spare->n >= dst->n - start)
        return false;
    memcpy(dst->p + start, spare->p, spare->n);
    dst->n = start + spare->n;
    return true;
}

static enum lp_status try_zstd(struct lp_coder *coder, const struct lp_options *options,
                               enum lp_chain base, const struct lp_buf *body, struct lp_buf *dst,
                               size_t start, unsigned *wire)
{
    bool lean;
    coder->spare.n = 0;
    int level = options->level != 0 ? options->level : LP_LEVEL_DEFAULT;
    enum lp_status status =
        lp_zstd_pack(&coder->zstd, level, options->dict, body->p, body->n, &coder->spare, &lean);
    if (status == LP_OK && keep_smaller(dst, start, &coder->spare))
        *wire = base == LP_CHAIN_TEXT ? (lean ? LP_WIRE_TEXT_LEAN : LP_WIRE_TEXT_FRAME)
                                      : (lean ? LP_WIRE_TOKENS_LEAN : LP_WIRE_TOKENS_FRAME);
    return status;
}

enum lp_status lp_body_pack(struct lp_coder *coder, const struct lp_options *options,
                            enum lp_chain base, const struct lp_buf *body, struct lp_buf *dst,
                            unsigned *wire)
{
    size_t start = dst->n;
    *wire = base;
    if (!lp_buf_append(dst, body->p, body->n))
        return LP_NOMEM;
    enum lp_status status = LP_OK;
    if (options->chain != LP_CHAIN_TEXT && options->chain != LP_CHAIN_TOKENS && body->n > 0)
        status = try_zstd(coder, options, base, body, dst, start, wire);
    return status;
}

enum lp_status lp_body_unpack(struct lp_coder *coder, const struct lp_found *tools,
                              uint64_t nrecords, uint64_t text_size, unsigned wire,
                              const unsigned char *src, size_t n, struct lp_buf *dst,
                              enum lp_chain *base)
{
    uint64_t limit = lp_body_limit(text_size, nrecords);
    enum lp_chain chain;
    enum lp_status status = lp_wire_chain(wire, &chain);
    if (status != LP_OK)
        return status;
    *base = chain <= LP_CHAIN_TEXT_ZSTD ? LP_CHAIN_TEXT : LP_CHAIN_TOKENS;
    if (chain == LP_CHAIN_TEXT || chain == LP_CHAIN_TOKENS)
        return n > limit ? LP_DATA : lp_buf_append(dst, src, n) ? LP_OK : LP_NOMEM;
    bool lean = wire == LP_WIRE_TEXT_LEAN || wire == LP_WIRE_TOKENS_LEAN;
    return lp_zstd_unpack(&coder->zstd, tools->dict, lean, src, n, (size_t)limit, dst);
}

/* Appends one record's stored bytes as text of at most room bytes. */
static enum lp_status record_text(const struct lp_vocab *vocab, enum lp_chain base,
                                  const unsigned char *src, size_t n, size_t room,
                                  struct lp_buf *text)
{
    size_t size = n;
    if (base == LP_CHAIN_TEXT) {
        if (n > room)
            return LP_DATA;
        memcpy(text->p + text->n, src, n);
    } else {
        enum lp_status status = lp_pack_to_text(vocab, src, n, text->p + text->n, room, &size);
        if (status != LP_OK)
            return status;
    }
    text->n += size;
    return LP_OK;
}

static void find_ends(const unsigned char *text, size_t n, int separator, uint64_t nrecords,
                      uint64_t *ends)
{
    size_t at = 0;
    for (uint64_t i = 0; i < nrecords; i++) {
        const unsigned char *end = memchr(text + at, separator, n - at);
        at = end != NULL ? (size_t)(end - text) + 1 : n;
        ends[i] = at;
    }
}

enum lp_status lp_body_text(const struct lp_vocab *vocab, enum lp_split split, uint64_t nrecords,
                            uint64_t text_size, enum lp_chain base, const unsigned char *body,
                            size_t n, struct lp_buf *text, uint64_t *ends)
{
    if (base == LP_CHAIN_TOKENS && vocab == NULL)
        return LP_NO_VOCAB;
    if (!lp_buf_reserve(text, (size_t)text_size))
        return LP_NOMEM;
    size_t start = text->n, room = (size_t)text_size;
    size_t table = lp_body_has_lengths(split, nrecords) ? (size_t)nrecords - 1 : 0;
    size_t at = 0; /* in the table */
    for (size_t i = 0; i < table; i++) {
        uint64_t length;
        size_t used = lp_get_varint(body + at, n - at, &length);
        if (used == 0 || used == SIZE_MAX)
            return LP_DATA;
        at += used;
    }
    size_t from = at; /* the record */
    at = 0;
    for (size_t i = 0; i <= table; i++) {
        uint64_t length = n - from;
        if (i < table)
            at += lp_get_varint(body + at, n - at, &length);
        if (length > n - from)
            return LP_DATA;
        enum lp_status status =
            record_text(vocab, base, body + from, (size_t)length, room - (text->n - start), text);
        if (status != LP_OK)
            return status;
        from += (size_t)length;
        if (ends != NULL && split == LP_WHOLE)
            ends[i] = text->n - start;
    }
    if (text->n - start != text_size)
        return LP_DATA;
    if (ends != NULL && split != LP_WHOLE)
        find_ends(text->p + start, room, lp_separator(split), nrecords, ends);
    return LP_OK;
}
