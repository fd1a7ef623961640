#include "block/body.h"

#include "base/bytes.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

void lp_block_coder_free(struct lp_block_coder *coder)
{
    lp_zstd_free(&coder->zstd);
    lp_mixer_free(&coder->mixer);
    lp_buf_free(&coder->spare);
    lp_buf_free(&coder->body);
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

/* The smallest form of a body so far: the end of dst, from start on. */
struct best {
    struct lp_buf *dst;
    size_t start, cost;
    unsigned wire;
};

/* Takes spare as the best form if it is smaller, counting the extra bytes that naming its
 * dictionary or model costs. */
static void keep_smaller(struct best *best, const struct lp_buf *spare, size_t besides,
                         unsigned wire)
{
    if (spare->n + besides >= best->cost)
        return;
    best->cost = spare->n + besides;
    best->wire = wire;
    memcpy(best->dst->p + best->start, spare->p, spare->n);
    best->dst->n = best->start + spare->n;
}

static enum lp_status try_zstd(struct lp_block_coder *coder, const struct lp_options *options,
                               int level, enum lp_chain base, const struct lp_buf *body,
                               struct best *best)
{
    bool lean;
    coder->spare.n = 0;
    const struct lp_dict *dict = options->chain == LP_CHAIN_TOKENS_MIX ? NULL : options->dict;
    enum lp_status status =
        lp_zstd_pack(&coder->zstd, level, dict, body->p, body->n, &coder->spare, &lean);
    if (status != LP_OK)
        return status;
    unsigned wire = base == LP_CHAIN_TEXT ? (lean ? LP_WIRE_TEXT_LEAN : LP_WIRE_TEXT_FRAME)
                                          : (lean ? LP_WIRE_TOKENS_LEAN : LP_WIRE_TOKENS_FRAME);
    keep_smaller(best, &coder->spare, dict != NULL ? coder->naming : 0, wire);
    return LP_OK;
}

/* Never store a mixed body that zstd would make smaller. Trying zstd at level 15 costs a third of
 * the mixing time, so skip it where a lower bound (lp_zstd_least()) or level 3 rules it out. Among
 * 32,000 generated bodies (phrases of all lengths and probabilities, with noise), level 15 beat
 * mixing only where the mixed size was at least 0.75 of level 3's, or less than a quarter of the
 * body's. */
enum { SCOUT = 3, SCOUT_PERCENT = 70, REPETITIVE = 4 };

static bool out_of_reach(size_t mixed, size_t size, size_t scouted)
{
    return mixed > size / REPETITIVE && mixed < (uint64_t)scouted * SCOUT_PERCENT / 100;
}

/* Copies the table of lengths and mixes the tokens after it. */
static enum lp_status try_mix(struct lp_block_coder *coder, const struct lp_options *options,
                              uint64_t nrecords, const struct lp_buf *body,
                              const struct lp_ids *ids, struct best *best)
{
    size_t table = table_size(options->split, nrecords, body->p, body->n);
    if (table == SIZE_MAX)
        return LP_DATA; /* a linked block is packed anew before it is verified */
    coder->spare.n = 0;
    if (!lp_buf_append(&coder->spare, body->p, table))
        return LP_NOMEM;
    enum lp_status status =
        ids != NULL
            ? lp_mixer_pack(&coder->mixer, options->model, options->fast, ids->v, ids->n,
                            &coder->spare)
            : lp_mixer_pack_codes(&coder->mixer, options->vocab, options->model, options->fast,
                                  body->p + table, body->n - table, &coder->spare);
    if (status == LP_OK)
        keep_smaller(best, &coder->spare, coder->naming,
                     options->fast ? LP_WIRE_TOKENS_FAST : LP_WIRE_TOKENS_MIX);
    return status == LP_DATA ? LP_OK : status; /* a token that the model does not have */
}

enum lp_status lp_body_pack(struct lp_block_coder *coder, const struct lp_options *options,
                            enum lp_chain base, uint64_t nrecords, const struct lp_buf *body,
                            const struct lp_ids *ids, struct lp_buf *dst, unsigned *wire)
{
    struct best best = {dst, dst->n, body->n, base};
    if (!lp_buf_append(dst, body->p, body->n))
        return LP_NOMEM;
    bool mix = options->chain == LP_CHAIN_TOKENS_MIX && base == LP_CHAIN_TOKENS && body->n > 0;
    bool zstd = options->chain != LP_CHAIN_TEXT && options->chain != LP_CHAIN_TOKENS && body->n > 0;
    int level = options->level != 0 ? options->level : LP_LEVEL_DEFAULT;
    enum lp_status status = LP_OK;
    if (mix)
        status = try_mix(coder, options, nrecords, body, ids, &best);
    if (mix && status == LP_OK && best.cost <= lp_zstd_least(body->p, body->n))
        zstd = false;
    if (mix && zstd && level > SCOUT && status == LP_OK) {
        const size_t mixed = best.cost;
        status = try_zstd(coder, options, SCOUT, base, body, &best);
        zstd = !out_of_reach(mixed, body->n, coder->spare.n);
    }
    if (zstd && status == LP_OK)
        status = try_zstd(coder, options, level, base, body, &best);
    *wire = best.wire;
    return status;
}

/* The payload, another form of it, and zstd's output; to mix, an id and a leaf of 4 bytes each for
 * a code, which may have one byte. What is restored for the proof replaces the second. */
uint64_t lp_body_memory(const struct lp_options *options, uint64_t n)
{
    const bool mix = options->chain == LP_CHAIN_TOKENS_MIX;
    const int level = options->level != 0 ? options->level : LP_LEVEL_DEFAULT;
    return n * (mix ? 11 : 3) + lp_zstd_memory(level, n);
}

static enum lp_status found_for_mixed(const struct lp_found *tools)
{
    return tools->vocab == NULL ? LP_NO_VOCAB : tools->model == NULL ? LP_NO_MODEL : LP_OK;
}

static enum lp_status unmix(struct lp_block_coder *coder, const struct lp_found *tools,
                            enum lp_split split, const struct lp_frame *frame,
                            const unsigned char *src, size_t n, size_t limit, struct lp_buf *dst)
{
    enum lp_status status = found_for_mixed(tools);
    if (status != LP_OK)
        return status;
    size_t table = table_size(split, frame->nrecords, src, n), start = dst->n;
    if (table == SIZE_MAX)
        return LP_DATA;
    if (!lp_buf_append(dst, src, table))
        return LP_NOMEM;
    bool fast = (frame->kind & LP_WIRE_MASK) == LP_WIRE_TOKENS_FAST;
    status =
        lp_mixer_unpack(&coder->mixer, tools->vocab, tools->model, fast, src + table, n - table,
                        (size_t)frame->text_size, dst); /* a token has a byte at least */
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
                              const unsigned char *src, size_t n, struct lp_buf *dst,
                              enum lp_chain *base)
{
    size_t limit = (size_t)lp_body_limit(frame->text_size, frame->nrecords);
    unsigned wire = frame->kind & LP_WIRE_MASK;
    enum lp_chain chain = lp_wire_chain(wire);
    *base = lp_chain_tokens(chain) ? LP_CHAIN_TOKENS : LP_CHAIN_TEXT;
    if (chain == *base)
        return n > limit ? LP_DATA : lp_buf_append(dst, src, n) ? LP_OK : LP_NOMEM;
    if (chain == LP_CHAIN_TOKENS_MIX)
        return unmix(coder, tools, split, frame, src, n, limit, dst);
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
        status = lp_body_unpack(coder, tools, split, frame, payload.stored, payload.nstored,
                                &coder->body, base);
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
    const size_t limit = (size_t)lp_body_limit(frame->text_size, frame->nrecords);
    size_t n;
    if (table == SIZE_MAX || table > limit)
        return LP_DATA;
    const unsigned char *codes = body->p + table;
    if (!(frame->kind & LP_KIND_COPIES))
        return lp_window_push(window, codes, body->n - table);
    enum lp_status status = lp_window_restore(window, payload->copies, payload->ncopies, codes,
                                              body->n - table, limit - table, &n);
    body->n = table;
    if (status == LP_LIMIT)
        return LP_DATA; /* more than the frame says */
    if (status == LP_OK && !lp_buf_append(body, window->codes.p + window->codes.n - n, n))
        status = LP_NOMEM;
    return status;
}

enum lp_status lp_body_finish(struct lp_block_coder *coder, const struct lp_found *tools,
                              enum lp_split split, const struct lp_frame *frame,
                              const unsigned char *src, enum lp_chain base,
                              struct lp_window *window, struct lp_buf *text, uint64_t *ends)
{
    const bool tokens = base == LP_CHAIN_TOKENS;
    struct lp_payload payload;
    struct lp_buf *body = &coder->body;
    text->n = 0;
    if (window != NULL && !(frame->kind & LP_KIND_LINKED))
        lp_window_clear(window, window->reach);
    const uint64_t before = window != NULL ? lp_window_end(window) : 0;
    enum lp_status status = lp_payload_get(frame, src, &payload);
    if (status == LP_OK && tokens && window != NULL)
        status = join(window, split, frame, &payload, body);
    if (status == LP_OK)
        status = lp_body_text(tools->vocab, split, frame, base, body->p, body->n, text, ends);
    if (status == LP_OK && lp_check32(text->p, text->n) != frame->check)
        status = LP_DATA;
    if (status != LP_OK && window != NULL)
        lp_window_take_back(window, before);
    return lp_vocab_blame(tokens ? tools->vocab : NULL, status);
}

enum lp_status lp_proof(const struct lp_vocab *vocab, enum lp_status restored, bool same)
{
    switch (restored) {
    case LP_NOMEM: /* these say nothing of what was packed */
    case LP_BAD_MODEL:
    case LP_BAD_VOCAB:
    case LP_INTERRUPTED:
        return restored;
    default:
        if (restored == LP_OK && same)
            return LP_OK;
        return lp_vocab_blame(vocab, LP_DATA) == LP_BAD_VOCAB ? LP_BAD_VOCAB : LP_INTERNAL;
    }
}

enum lp_status lp_body_prove(struct lp_block_coder *coder, const struct lp_vocab *vocab,
                             enum lp_split split, const struct lp_frame *frame, enum lp_chain base,
                             const struct lp_buf *body, const unsigned char *text,
                             const uint64_t *ends)
{
    struct lp_buf *restored = &coder->spare;
    const bool has_lengths = lp_body_has_lengths(split, frame->nrecords);
    const size_t nends = has_lengths ? (size_t)frame->nrecords * sizeof *ends : 0;
    coder->ends.n = restored->n = 0;
    if (!lp_buf_reserve(&coder->ends, nends))
        return LP_NOMEM;
    enum lp_status status = lp_body_text(vocab, split, frame, base, body->p, body->n, restored,
                                         has_lengths ? (uint64_t *)(void *)coder->ends.p : NULL);
    return lp_proof(vocab, status,
                    lp_buf_is(restored, text, (size_t)frame->text_size) &&
                        (!has_lengths || memcmp(coder->ends.p, ends, nends) == 0));
}

enum lp_status lp_body_prove_payload(struct lp_block_coder *coder, const struct lp_found *tools,
                                     enum lp_split split, const struct lp_frame *frame,
                                     const struct lp_buf *payload, const struct lp_buf *body)
{
    struct lp_buf *restored = &coder->spare;
    struct lp_frame stored = *frame;
    struct lp_payload parts;
    enum lp_chain base;
    restored->n = 0;
    if (payload->n > lp_body_limit(frame->text_size, frame->nrecords))
        return LP_INTERNAL; /* no reader would take it */
    stored.payload_size = (uint32_t)payload->n;
    enum lp_status status = lp_payload_get(&stored, payload->p, &parts);
    if (status == LP_OK)
        status = lp_body_unpack(coder, tools, split, frame, parts.stored, parts.nstored, restored,
                                &base);
    return lp_proof(tools->vocab, status, lp_buf_is(restored, body->p, body->n));
}
