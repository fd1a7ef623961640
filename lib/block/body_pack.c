/* body_pack.c - a block's text and tokens to the smallest stored form, and the proof of it.
 *
 * Tokens are usually smaller, however they are compressed. Where a vocabulary does not fit the text
 * (base64, numbers, binary data) or where it repeats itself most of the time, text can be: then
 * both are tried. */
#include "base/bytes.h"
#include "base/ids.h"
#include "block/body.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

/* --- Bodies of a text ----------------------------------------------------------------- */

static enum lp_status prepare_tok(struct lp_block_coder *coder, const struct lp_vocab *vocab)
{
    if (coder->tok != NULL && coder->vocab == vocab)
        return LP_OK;
    lp_tok_free(coder->tok);
    coder->tok = NULL;
    coder->vocab = vocab;
    return lp_tok_new(vocab, false, &coder->tok);
}

/* Appends the codes of n bytes of text by themselves. */
static enum lp_status append_codes(struct lp_block_coder *coder, const unsigned char *text,
                                   size_t n, struct lp_buf *codes)
{
    coder->ids.n = 0;
    enum lp_status status = lp_tok_push(coder->tok, text, n, true, &coder->ids);
    lp_tok_reset(coder->tok);
    if (status == LP_OK && !lp_buf_reserve(codes, LP_CODE_MAX * coder->ids.n))
        status = LP_NOMEM;
    if (status == LP_OK)
        codes->n +=
            lp_codes_from_ids(coder->vocab, coder->ids.v, coder->ids.n, codes->p + codes->n);
    return status == LP_OK ? lp_vocab_status(coder->vocab) : status;
}

static bool append_varint(struct lp_buf *dst, uint64_t value)
{
    unsigned char varint[LP_VARINT_MAX];
    return lp_buf_append(dst, varint, lp_put_varint(varint, value));
}

/* Appends the codes of each record, or part of one, of a block; and of its separator. With a table
 * of lengths that goes to table. */
static enum lp_status append_records(struct lp_block_coder *coder, enum lp_split split,
                                     const struct lp_frame *frame, const unsigned char *text,
                                     const uint64_t *ends, struct lp_buf *table)
{
    struct lp_buf *codes = &coder->tokens;
    enum lp_status status = LP_OK;
    for (uint64_t i = 0, from = 0; status == LP_OK && i < frame->nrecords; from = ends[i++]) {
        const bool last = i + 1 == frame->nrecords, whole = !last || !(frame->kind & LP_KIND_OPEN);
        const size_t n = (size_t)(ends[i] - from), separator = split != LP_WHOLE && whole;
        const size_t before = codes->n;
        status = append_codes(coder, text + from, n - separator, codes);
        if (status == LP_OK && separator > 0)
            status = append_codes(coder, text + ends[i] - 1, 1, codes);
        if (status == LP_OK && table != NULL && !last && !append_varint(table, codes->n - before))
            status = LP_NOMEM;
    }
    return status;
}

enum lp_status lp_body_tokenise(struct lp_block_coder *coder, const struct lp_vocab *vocab,
                                enum lp_split split, const struct lp_frame *frame,
                                const unsigned char *text, const uint64_t *ends)
{
    const bool lengths = lp_body_has_lengths(split, frame->nrecords);
    coder->tokens.n = coder->spare.n = 0;
    enum lp_status status = prepare_tok(coder, vocab);
    if (status == LP_OK)
        status = append_records(coder, split, frame, text, ends, lengths ? &coder->spare : NULL);
    if (status != LP_OK || !lengths)
        return status;
    const struct lp_buf codes = coder->tokens;
    coder->tokens = coder->spare;
    coder->spare = codes;
    return lp_buf_append(&coder->tokens, codes.p, codes.n) ? LP_OK : LP_NOMEM;
}

/* The body of text: with several records without separator a table of lengths, then the text. NULL
 * if memory is out. */
static const struct lp_buf *text_body(struct lp_block_coder *coder, enum lp_split split,
                                      uint64_t nrecords, const struct lp_bodies *bodies)
{
    if (bodies->ends == NULL || !lp_body_has_lengths(split, nrecords))
        return bodies->text;
    bool done = true;
    coder->plain.n = 0;
    for (uint64_t i = 0, from = 0; done && i + 1 < nrecords; from = bodies->ends[i++])
        done = append_varint(&coder->plain, bodies->ends[i] - from);
    done = done && lp_buf_append(&coder->plain, bodies->text->p, bodies->text->n);
    return done ? &coder->plain : NULL;
}

/* --- Forms of a body ------------------------------------------------------------------- */

/* The smallest form so far: the end of dst, from start on. */
struct best {
    struct lp_buf *dst;
    size_t start, cost;
    size_t limit; /* bytes that a compressed form may have */
    struct lp_packed packed;
};

static enum lp_status put_raw(struct best *best, enum lp_chain base, const struct lp_buf *body)
{
    best->dst->n = best->start;
    best->cost = body->n;
    best->packed = (struct lp_packed){base, body};
    return lp_buf_append(best->dst, body->p, body->n) ? LP_OK : LP_NOMEM;
}

/* Takes spare as the best form if it is smaller, counting the extra bytes that naming its
 * dictionary or model costs. */
static void keep_smaller(struct best *best, const struct lp_buf *spare, size_t besides,
                         unsigned wire, const struct lp_buf *body)
{
    if (spare->n + besides >= best->cost || spare->n > best->limit)
        return;
    best->cost = spare->n + besides;
    best->packed = (struct lp_packed){wire, body};
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
    keep_smaller(best, &coder->spare, dict != NULL ? coder->naming : 0, wire, body);
    return LP_OK;
}

/* Copies the table of lengths and mixes the tokens after it. */
static enum lp_status try_mix(struct lp_block_coder *coder, const struct lp_options *options,
                              uint64_t nrecords, const struct lp_bodies *bodies, struct best *best)
{
    const struct lp_buf *body = bodies->tokens;
    const struct lp_mixing_way way = {options->vocab, options->model, options->fast, bodies->copies,
                                      bodies->ncopies};
    struct lp_body_parts parts;
    if (lp_body_parts_begin(&parts, options->split, nrecords, body->p, body->n) != LP_OK)
        return LP_DATA; /* a linked block is packed anew before it is verified */
    coder->spare.n = 0;
    if (!lp_buf_append(&coder->spare, body->p, (size_t)(parts.part - body->p)))
        return LP_NOMEM;
    enum lp_status status =
        bodies->ids != NULL ? lp_mixer_pack(&coder->mixer, options->model, options->fast,
                                            bodies->ids->v, bodies->ids->n, &coder->spare)
                            : lp_mixer_pack_codes(&coder->mixer, &way, parts.part,
                                                  (size_t)(parts.end - parts.part), &coder->spare);
    if (status == LP_OK)
        keep_smaller(best, &coder->spare, coder->naming,
                     options->fast ? LP_WIRE_TOKENS_FAST : LP_WIRE_TOKENS_MIX, body);
    return status == LP_DATA ? LP_OK : status; /* a token that the model does not have */
}

/* --- Which forms are tried -----------------------------------------------------------------
 *
 * The ratios were measured on prompts, transcripts and logs of all sorts, and on 30 kinds of
 * generated data (numbers, base64, hexadecimal, phrases of all lengths, words, binary), in pieces
 * of 300 B to 1 MiB. */

/* Looks for a form of zstd that is smaller than the best, a mixed one: by slower and slower levels,
 * as long as the next can reach it. Level 15 had at least 65% of level 3's size where it beat
 * mixing, level 19 at least 87% of level 15's. */
static enum lp_status climb(struct lp_block_coder *coder, const struct lp_options *options,
                            enum lp_chain base, const struct lp_buf *body, struct best *best)
{
    static const struct {
        int level;
        unsigned percent; /* of its size that the next level may reach */
    } steps[] = {{LP_SCOUT, 65}, {LP_LEVEL_DEFAULT, 87}, {19, 100}};
    const int most = options->level != 0 ? options->level : steps[2].level;
    enum lp_status status = LP_OK;
    if (best->cost <= lp_zstd_least(body->p, body->n))
        return LP_OK;
    for (size_t i = 0; status == LP_OK && i < 3; i++) {
        const size_t goal = best->cost;
        const bool last = steps[i].level >= most;
        status = try_zstd(coder, options, last ? most : steps[i].level, base, body, best);
        if (last || (uint64_t)coder->spare.n * steps[i].percent / 100 >= goal)
            break;
    }
    return status;
}

bool lp_body_fits_tokens(size_t text, size_t tokens)
{
    enum { PERCENT = 60 };
    return (uint64_t)tokens * 100 < (uint64_t)text * PERCENT;
}

/* Whether text may have a smaller form than the best one of its tokens. */
static bool may_be_text(const struct lp_bodies *bodies, const struct best *best)
{
    enum { REPETITIVE = 8 };
    const size_t text = bodies->text->n;
    return !lp_body_fits_tokens(text, bodies->tokens->n) || best->cost < text / REPETITIVE;
}

enum lp_status lp_body_scout(struct lp_block_coder *coder, int level, const struct lp_buf *text,
                             const struct lp_buf *tokens, size_t besides, unsigned percent,
                             bool *smaller)
{
    bool lean;
    coder->spare.n = 0;
    enum lp_status status =
        lp_zstd_pack(&coder->zstd, level, NULL, text->p, text->n, &coder->spare, &lean);
    const uint64_t size = coder->spare.n;
    coder->spare.n = 0;
    if (status == LP_OK)
        status =
            lp_zstd_pack(&coder->zstd, level, NULL, tokens->p, tokens->n, &coder->spare, &lean);
    *smaller = size * 100 < (coder->spare.n + besides) * (uint64_t)percent;
    return status;
}

static bool have_special(const struct lp_options *options, uint64_t nrecords,
                         const struct lp_buf *tokens)
{
    struct lp_body_parts parts;
    return lp_body_parts_begin(&parts, options->split, nrecords, tokens->p, tokens->n) == LP_OK &&
           lp_codes_have_special(options->vocab, parts.part, (size_t)(parts.end - parts.part));
}

/* Makes *text the body of text if the block may be stored so, and it may be worth it; else NULL. */
static enum lp_status offer_text(struct lp_block_coder *coder, const struct lp_options *options,
                                 uint64_t nrecords, const struct lp_bodies *bodies,
                                 const struct best *best, const struct lp_buf **text)
{
    const struct lp_buf *tokens = bodies->tokens;
    *text = NULL;
    if (bodies->text == NULL ||
        (tokens != NULL && (!may_be_text(bodies, best) || have_special(options, nrecords, tokens))))
        return LP_OK;
    *text = text_body(coder, options->split, nrecords, bodies);
    return *text != NULL ? LP_OK : LP_NOMEM;
}

/* Compresses tokens, and text if it may be smaller; both may be missing. */
static enum lp_status pack_mix(struct lp_block_coder *coder, const struct lp_options *options,
                               const struct lp_frame *frame, const struct lp_bodies *bodies,
                               struct best *best)
{
    const struct lp_buf *text;
    enum lp_status status = LP_OK;
    if (bodies->tokens != NULL)
        status = try_mix(coder, options, frame->nrecords, bodies, best);
    if (status == LP_OK && bodies->tokens != NULL)
        status = climb(coder, options, LP_CHAIN_TOKENS, bodies->tokens, best);
    if (status == LP_OK)
        status = offer_text(coder, options, frame->nrecords, bodies, best, &text);
    return status == LP_OK && text != NULL ? climb(coder, options, LP_CHAIN_TEXT, text, best)
                                           : status;
}

static enum lp_status pack_zstd(struct lp_block_coder *coder, const struct lp_options *options,
                                const struct lp_frame *frame, const struct lp_bodies *bodies,
                                struct best *best)
{
    const int level = options->level != 0 ? options->level : LP_LEVEL_DEFAULT;
    const struct lp_buf *text, *tokens = bodies->tokens;
    bool may = true;
    enum lp_status status = LP_OK;
    enum { PERCENT = 115 }; /* of its tokens' size, by LP_SCOUT, where text wins by a slow level */
    if (tokens != NULL)
        status = try_zstd(coder, options, level, LP_CHAIN_TOKENS, tokens, best);
    if (status == LP_OK)
        status = offer_text(coder, options, frame->nrecords, bodies, best, &text);
    if (status == LP_OK && text != NULL && tokens != NULL && level > LP_SCOUT)
        status = lp_body_scout(coder, LP_SCOUT, text, tokens, 0, PERCENT, &may);
    return status == LP_OK && text != NULL && may
               ? try_zstd(coder, options, level, LP_CHAIN_TEXT, text, best)
               : status;
}

/* Puts the smaller body as it is. */
static enum lp_status pack_raw(struct lp_block_coder *coder, const struct lp_options *options,
                               const struct lp_frame *frame, const struct lp_bodies *bodies,
                               struct best *best)
{
    const struct lp_buf *text = NULL, *tokens = bodies->tokens;
    enum lp_status status = LP_OK;
    if (tokens == NULL || (bodies->text != NULL && tokens->n >= bodies->text->n))
        status = offer_text(coder, options, frame->nrecords, bodies, best, &text);
    if (status != LP_OK)
        return status;
    return text != NULL ? put_raw(best, LP_CHAIN_TEXT, text)
                        : put_raw(best, LP_CHAIN_TOKENS, tokens);
}

enum lp_status lp_body_pack(struct lp_block_coder *coder, const struct lp_options *options,
                            const struct lp_frame *frame, const struct lp_bodies *bodies,
                            struct lp_buf *dst, struct lp_packed *packed)
{
    const uint64_t limit = lp_body_limit(false, frame->text_size, frame->nrecords);
    struct best best = {.dst = dst, .start = dst->n, .cost = SIZE_MAX};
    best.limit = limit > dst->n ? (size_t)limit - dst->n : 0;
    enum lp_status status = pack_raw(coder, options, frame, bodies, &best);
    const bool compressed =
        options->chain != LP_CHAIN_TEXT && options->chain != LP_CHAIN_TOKENS && best.cost > 0;
    if (status == LP_OK && compressed)
        status = options->chain == LP_CHAIN_TOKENS_MIX
                     ? pack_mix(coder, options, frame, bodies, &best)
                     : pack_zstd(coder, options, frame, bodies, &best);
    *packed = best.packed;
    return status;
}

/* The payload, another form of it, and zstd's output; the body of text with its lengths; to mix, an
 * id and a leaf of 4 bytes each for a code, which may have one byte. What is restored for the proof
 * replaces the second. */
uint64_t lp_body_memory(const struct lp_options *options, uint64_t text, uint64_t tokens)
{
    const bool mix = options->chain == LP_CHAIN_TOKENS_MIX;
    const int level = options->level != 0 ? options->level : LP_LEVEL_DEFAULT;
    const uint64_t larger = text > tokens ? text : tokens;
    return 3 * larger + text + (mix ? 8 : 0) * tokens + lp_zstd_memory(level, larger);
}

/* --- Proof ------------------------------------------------------------------------------ */

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
    if (payload->n >
        lp_payload_limit(lp_wire_chain(frame->kind), frame->text_size, frame->nrecords))
        return LP_INTERNAL; /* no reader would take it */
    stored.payload_size = (uint32_t)payload->n;
    enum lp_status status = lp_payload_get(&stored, payload->p, &parts);
    if (status == LP_OK)
        status = lp_body_unpack(coder, tools, split, frame, &parts, restored, &base);
    return lp_proof(tools->vocab, status, lp_buf_is(restored, body->p, body->n));
}
