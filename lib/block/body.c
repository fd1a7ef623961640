#include "block/body.h"

#include "base/bytes.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

void lp_block_coder_free(struct lp_block_coder *coder)
{
    lp_zstd_free(&coder->zstd);
    lp_mixer_free(&coder->mixer);
    lp_tok_free(coder->tok);
    coder->tok = NULL;
    free(coder->ids.v);
    coder->ids = (struct lp_ids){0};
    lp_buf_free(&coder->spare);
    lp_buf_free(&coder->body);
    lp_buf_free(&coder->tokens);
    lp_buf_free(&coder->plain);
    lp_buf_free(&coder->ends);
}

/* Size of the table of lengths at a body's start, SIZE_MAX if it is malformed. */
static size_t table_size(enum lp_split split, uint64_t nrecords, const unsigned char *body,
                         size_t n)
{
    size_t at = 0;
    for (uint64_t i = 1; i < nrecords && lp_body_has_lengths(split, nrecords); i++) {
        uint64_t length;
        size_t used = lp_get_varint(body + at, n - at, &length);
        if (used == 0 || used == SIZE_MAX)
            return SIZE_MAX;
        at += used;
    }
    return at;
}

enum lp_status lp_body_parts_begin(struct lp_body_parts *parts, enum lp_split split,
                                   uint64_t nrecords, const unsigned char *body, size_t n)
{
    size_t table = table_size(split, nrecords, body, n);
    if (table == SIZE_MAX)
        return LP_DATA;
    *parts = (struct lp_body_parts){.length = body,
                                    .part = body + table,
                                    .end = body + n,
                                    .left = lp_body_has_lengths(split, nrecords) ? nrecords : 1};
    return LP_OK;
}

bool lp_body_parts_next(struct lp_body_parts *parts, const unsigned char **part, size_t *size)
{
    const size_t rest = (size_t)(parts->end - parts->part);
    uint64_t length = rest;
    if (parts->left == 0)
        return false;
    if (parts->left > 1)
        parts->length +=
            lp_get_varint(parts->length, (size_t)(parts->end - parts->length), &length);
    if (length > rest)
        return false;
    *part = parts->part;
    *size = (size_t)length;
    parts->part += *size;
    parts->left--;
    return true;
}

static enum lp_status found_for_mixed(const struct lp_found *tools)
{
    return tools->vocab == NULL ? LP_NO_VOCAB : tools->model == NULL ? LP_NO_MODEL : LP_OK;
}

static enum lp_status unmix(struct lp_block_coder *coder, const struct lp_found *tools,
                            enum lp_split split, const struct lp_frame *frame,
                            const struct lp_payload *payload, size_t limit, struct lp_buf *dst)
{
    const unsigned char *src = payload->stored;
    const size_t n = payload->nstored;
    enum lp_status status = found_for_mixed(tools);
    if (status != LP_OK)
        return status;
    size_t table = table_size(split, frame->nrecords, src, n), start = dst->n;
    if (table == SIZE_MAX)
        return LP_DATA;
    if (!lp_buf_append(dst, src, table))
        return LP_NOMEM;
    const struct lp_mixing_way way = {.vocab = tools->vocab,
                                      .model = tools->model,
                                      .fast = (frame->kind & LP_WIRE_MASK) == LP_WIRE_TOKENS_FAST,
                                      .copies = payload->copies,
                                      .ncopies = payload->ncopies};
    status = lp_mixer_unpack(&coder->mixer, &way, src + table, n - table, (size_t)frame->text_size,
                             dst); /* a token has a byte at least */
    return status == LP_OK && dst->n - start > limit ? LP_LIMIT : status;
}

enum lp_status lp_body_unmix_text(struct lp_block_coder *coder, const struct lp_found *tools,
                                  unsigned wire, const unsigned char *src, size_t n, size_t max,
                                  struct lp_buf *text)
{
    const struct lp_ids *ids;
    enum lp_status status = found_for_mixed(tools);
    if (status == LP_OK)
        status = lp_mixer_unpack_ids(&coder->mixer, tools->model, wire == LP_WIRE_TOKENS_FAST, src,
                                     n, max, &ids); /* a token has a byte at least */
    if (status == LP_LIMIT && max == LP_BLOCK_MAX)
        return LP_DATA; /* no blob has so many */
    return status == LP_OK ? lp_ids_append_text(tools->vocab, ids->v, ids->n, max, text) : status;
}

enum lp_status lp_body_unpack(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const struct lp_payload *payload, struct lp_buf *dst,
                              enum lp_chain *base)
{
    const unsigned char *src = payload->stored;
    const size_t n = payload->nstored;
    unsigned wire = frame->kind & LP_WIRE_MASK;
    enum lp_chain chain = lp_wire_chain(wire);
    size_t limit = (size_t)lp_body_limit(lp_chain_tokens(chain), frame->text_size, frame->nrecords);
    *base = lp_base_of(chain);
    if (chain == *base)
        return n > limit ? LP_DATA : lp_buf_append(dst, src, n) ? LP_OK : LP_NOMEM;
    if (chain == LP_CHAIN_TOKENS_MIX)
        return unmix(coder, tools, split, frame, payload, limit, dst);
    bool lean = wire == LP_WIRE_TEXT_LEAN || wire == LP_WIRE_TOKENS_LEAN;
    return lp_zstd_unpack(&coder->zstd, tools->dict, lean, src, n, limit, dst);
}

/* Appends the text of one record's n stored bytes, at most room bytes. */
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
        enum lp_status status = lp_codes_to_text(vocab, src, n, text->p + text->n, room, &size);
        if (status != LP_OK)
            return status;
    }
    text->n += size;
    return LP_OK;
}

/* Finds the ends of records that have separators; an open record ends with the text. LP_DATA if the
 * number of separators does not match the frame. */
static enum lp_status find_ends(const unsigned char *text, size_t n, int separator,
                                const struct lp_frame *frame, uint64_t *ends)
{
    const bool open = frame->kind & LP_KIND_OPEN;
    size_t at = 0;
    uint64_t found = 0;
    for (size_t size; found < frame->nrecords; found++) {
        size = lp_split_record(text + at, n - at, separator);
        if (size == 0)
            break;
        at += size;
        if (ends != NULL)
            ends[found] = at;
    }
    if (found + open != frame->nrecords)
        return LP_DATA;
    if (open && ends != NULL)
        ends[found] = n;
    return open || at == n ? LP_OK : LP_DATA;
}

enum lp_status lp_body_text(const struct lp_vocab *vocab, enum lp_split split,
                            const struct lp_frame *frame, enum lp_chain base,
                            const unsigned char *body, size_t n, struct lp_buf *text,
                            uint64_t *ends)
{
    const uint64_t text_size = frame->text_size, nrecords = frame->nrecords;
    if (base == LP_CHAIN_TOKENS && vocab == NULL)
        return LP_NO_VOCAB;
    if (!lp_buf_reserve(text, (size_t)text_size))
        return LP_NOMEM;
    const size_t start = text->n, room = (size_t)text_size;
    struct lp_body_parts parts;
    enum lp_status status = lp_body_parts_begin(&parts, split, nrecords, body, n);
    const unsigned char *part;
    for (size_t i = 0, size; status == LP_OK && lp_body_parts_next(&parts, &part, &size); i++) {
        status = record_text(vocab, base, part, size, room - (text->n - start), text);
        if (ends != NULL && split == LP_WHOLE)
            ends[i] = text->n - start;
    }
    if (status != LP_OK)
        return status;
    if (text->n - start != text_size || parts.left > 0)
        return LP_DATA;
    return split == LP_WHOLE
               ? LP_OK
               : find_ends(text->p + start, room, lp_split_separator(split), frame, ends);
}

enum lp_status lp_payload_get(const struct lp_frame *frame, const unsigned char *src,
                              struct lp_payload *payload)
{
    const size_t n = frame->payload_size;
    *payload = (struct lp_payload){.stored = src, .nstored = n};
    if (!(frame->kind & LP_KIND_COPIES))
        return LP_OK;
    uint64_t size;
    const size_t used = lp_get_varint(src, n, &size);
    if (used == 0 || used == SIZE_MAX || size > n - used)
        return LP_DATA;
    payload->copies = src + used;
    payload->ncopies = (size_t)size;
    payload->stored = payload->copies + size;
    payload->nstored = n - used - (size_t)size;
    return LP_OK;
}

bool lp_payload_put_copies(const struct lp_buf *copies, struct lp_buf *dst)
{
    unsigned char varint[LP_VARINT_MAX];
    return lp_buf_append(dst, varint, lp_put_varint(varint, copies->n)) &&
           lp_buf_append(dst, copies->p, copies->n);
}

enum lp_status lp_body_begin(struct lp_block_coder *coder, const struct lp_found *tools,
                             enum lp_split split, const struct lp_frame *frame,
                             const unsigned char *src, enum lp_chain *base)
{
    struct lp_payload payload;
    *base = LP_CHAIN_TEXT;
    coder->body.n = 0;
    enum lp_status status = lp_payload_get(frame, src, &payload);
    if (status == LP_OK)
        status = lp_body_unpack(coder, tools, split, frame, &payload, &coder->body, base);
    if (status == LP_LIMIT)
        status = LP_DATA;
    return lp_vocab_blame(*base == LP_CHAIN_TOKENS ? tools->vocab : NULL, status);
}

/* Appends the codes of a body to the window; where the payload has copies, they and the codes of
 * body make the whole body first. */
static enum lp_status join(struct lp_window *window, enum lp_split split,
                           const struct lp_frame *frame, const struct lp_payload *payload,
                           struct lp_buf *body)
{
    const size_t table = table_size(split, frame->nrecords, body->p, body->n);
    const size_t limit = (size_t)lp_body_limit(true, frame->text_size, frame->nrecords);
    size_t n;
    if (table == SIZE_MAX || table > limit)
        return LP_DATA;
    const unsigned char *codes = body->p + table;
    if (!(frame->kind & LP_KIND_COPIES))
        return lp_window_push(window, codes, body->n - table, 0);
    enum lp_status status = lp_window_restore(window, payload->copies, payload->ncopies, codes,
                                              body->n - table, limit - table, &n);
    body->n = table;
    if (status == LP_LIMIT)
        return LP_DATA; /* more than the frame says */
    if (status == LP_OK && !lp_buf_append(body, window->codes.p + window->codes.n - n, n))
        status = LP_NOMEM;
    return status;
}

enum lp_status lp_body_join(struct lp_block_coder *coder, const struct lp_found *tools,
                            enum lp_split split, const struct lp_frame *frame,
                            const unsigned char *src, enum lp_chain base, struct lp_window *window)
{
    struct lp_payload payload;
    if (!(frame->kind & LP_KIND_LINKED))
        lp_window_empty(window);
    enum lp_status status = lp_payload_get(frame, src, &payload);
    if (base != LP_CHAIN_TOKENS || frame->kind & LP_KIND_APART)
        return status;
    if (status == LP_OK)
        status = join(window, split, frame, &payload, &coder->body);
    return lp_vocab_blame(tools->vocab, status);
}

enum lp_status lp_body_end(struct lp_block_coder *coder, const struct lp_found *tools,
                           enum lp_split split, const struct lp_frame *frame, enum lp_chain base,
                           struct lp_buf *text, uint64_t *ends)
{
    const struct lp_buf *body = &coder->body;
    text->n = 0;
    enum lp_status status =
        lp_body_text(tools->vocab, split, frame, base, body->p, body->n, text, ends);
    if (status == LP_OK && lp_check32(text->p, text->n) != frame->check)
        status = LP_DATA;
    return lp_vocab_blame(base == LP_CHAIN_TOKENS ? tools->vocab : NULL, status);
}

enum lp_status lp_body_finish(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const unsigned char *src, enum lp_chain base,
                              struct lp_window *window, struct lp_buf *text, uint64_t *ends)
{
    if (window == NULL)
        return lp_body_end(coder, tools, split, frame, base, text, ends);
    const uint64_t before = lp_window_end(window);
    enum lp_status status = lp_body_join(coder, tools, split, frame, src, base, window);
    if (status == LP_OK)
        status = lp_body_end(coder, tools, split, frame, base, text, ends);
    if (status != LP_OK)
        lp_window_take_back(window, before);
    return status;
}
