#include "rewrite.h"

#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"
#include "writer.h"

/* Where the records of a body of tokens end, in its codes. */
struct code_ends {
    const unsigned char *codes; /* after the table of lengths */
    size_t *end;
    uint64_t n;
};

/* Records without separator: as the table of lengths says. */
static bool ends_by_lengths(const struct lp_restored *b, struct code_ends *e)
{
    struct lp_body_parts parts;
    const unsigned char *part;
    size_t size;
    if (lp_body_parts_begin(&parts, LP_WHOLE, b->frame.nrecords, b->body->p, b->body->n) != LP_OK)
        return false;
    e->codes = parts.part;
    while (lp_body_parts_next(&parts, &part, &size))
        e->end[e->n++] = (size_t)(part + size - e->codes);
    return e->n == b->frame.nrecords;
}

/* Where the first code from a place on begins, after one that begins at at. */
static const unsigned char *code_from(const struct lp_vocab *vocab, const unsigned char *at,
                                      const unsigned char *place)
{
    unsigned two, three;
    lp_codes_begin(vocab, &two, &three);
    while (place - at >= LP_CODES_BLOCK)
        at += lp_codes_skip(vocab, at);
    while (at < place)
        at += 1 + (*at >= two) + (*at >= three);
    return at;
}

/* Records with a separator: after each token of that byte. Its first byte is searched; where that
 * is not part of another code, it begins one. */
static bool ends_by_separator(const struct lp_restored *b, const struct lp_vocab *vocab,
                              unsigned char separator, struct code_ends *e)
{
    unsigned char code[LP_CODE_MAX];
    const uint32_t id = lp_vocab_find(vocab, &separator, 1);
    if (id == LP_NO_ID)
        return false;
    const size_t ncode = lp_codes_from_ids(vocab, &id, 1, code);
    const unsigned char *at = e->codes = b->body->p, *const end = at + b->body->n, *place;
    while (at < end && (place = memchr(at, code[0], (size_t)(end - at))) != NULL) {
        at = code_from(vocab, at, place);
        if (at != place)
            continue;
        const bool same = ncode <= (size_t)(end - at) && memcmp(at, code, ncode) == 0;
        at = code_from(vocab, at, at + 1);
        if (same && e->n == b->frame.nrecords)
            return false;
        if (same)
            e->end[e->n++] = (size_t)(at - e->codes);
    }
    return e->n > 0 && e->n == b->frame.nrecords && e->end[e->n - 1] == b->body->n;
}

/* Hands on a block's whole records as they are. */
static enum lp_status put_tokens(struct lp_writer *w, const struct lp_restored *b,
                                 const struct code_ends *e)
{
    enum lp_status status = LP_OK;
    size_t from = 0, text_from = 0;
    for (uint64_t i = 0; status == LP_OK && i < e->n; i++) {
        const size_t text_end = (size_t)b->ends[i];
        status = lp_writer_add_tokens(w, b->text->p + text_from, text_end - text_from,
                                      e->codes + from, e->end[i] - from, true);
        from = e->end[i];
        text_from = text_end;
    }
    return status;
}

/* Tokenises the whole records of a block that is stored as text. */
static enum lp_status put_text(struct lp_writer *w, enum lp_split split,
                               const struct lp_restored *b)
{
    enum lp_status status = LP_OK;
    if (split != LP_WHOLE)
        return lp_writer_push(w, b->text->p, b->text->n);
    size_t from = 0;
    for (uint64_t i = 0; status == LP_OK && i < b->frame.nrecords; i++) {
        status = lp_writer_push(w, b->text->p + from, (size_t)b->ends[i] - from);
        if (status == LP_OK)
            status = lp_writer_end_record(w);
        from = (size_t)b->ends[i];
    }
    return status;
}

static bool append_token(struct lp_rewriter *r, uint32_t id)
{
    struct lp_buf *codes = &r->scratch;
    if (!lp_buf_reserve(codes, LP_CODE_MAX))
        return false;
    codes->n += lp_codes_from_ids(r->vocab, &id, 1, codes->p + codes->n);
    return true;
}

/* Adds tokens, whose text is decoded, with as much of the text that they were made of: the writer
 * compares the two. */
static enum lp_status put_with_text(struct lp_rewriter *r, bool ends)
{
    const size_t n = r->decoded.n;
    const unsigned char *text = r->text.p + r->taken;
    if (n > r->text.n - r->taken)
        return lp_proof(r->vocab, LP_OK, false);
    r->taken += n;
    return lp_writer_add_tokens(r->writer, text, n, r->scratch.p, r->scratch.n, ends);
}

/* An lp_on_ids: adds tokens of a record of a block of which some are cut. */
static enum lp_status take_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                               size_t n, bool end)
{
    struct lp_rewriter *r = ctx;
    const int separator = lp_split_separator(r->split);
    const unsigned char byte = (unsigned char)separator;
    struct lp_buf *codes = &r->scratch;
    const bool separated = end && separator >= 0 && !r->cut_off;
    codes->n = r->decoded.n = 0;
    if (!lp_buf_reserve(codes, LP_CODE_MAX * n))
        return LP_NOMEM;
    codes->n = lp_codes_from_ids(vocab, ids, n, codes->p);
    enum lp_status status = lp_ids_append_text(vocab, ids, n, SIZE_MAX, &r->decoded);
    if (status == LP_OK && separated &&
        (!append_token(r, lp_vocab_find(vocab, &byte, 1)) || !lp_buf_append(&r->decoded, &byte, 1)))
        status = LP_NOMEM;
    return status == LP_OK ? put_with_text(r, end && !r->cut_off) : status;
}

static enum lp_status put_whole_records(struct lp_rewriter *r, const struct lp_restored *b)
{
    const int separator = lp_split_separator(r->split);
    r->scratch.n = 0;
    if (!lp_buf_reserve(&r->scratch, (size_t)b->frame.nrecords * sizeof(size_t)))
        return LP_NOMEM;
    struct code_ends e = {.end = (size_t *)(void *)r->scratch.p};
    if (b->base == LP_CHAIN_TOKENS &&
        (separator < 0 ? ends_by_lengths(b, &e)
                       : ends_by_separator(b, r->vocab, (unsigned char)separator, &e)))
        return put_tokens(r->writer, b, &e);
    return put_text(r->writer, r->split, b);
}

void lp_rewriter_free(struct lp_rewriter *r)
{
    lp_body_ids_free(&r->ids);
    lp_buf_free(&r->scratch);
    lp_buf_free(&r->decoded);
    lp_buf_free(&r->text);
}

enum lp_status lp_rewrite_begin(struct lp_rewriter *r, struct lp_writer *writer,
                                const struct lp_vocab *vocab, enum lp_split split)
{
    r->writer = writer;
    r->vocab = vocab;
    r->split = split;
    r->continues = r->cut_off = false;
    r->text.n = r->taken = 0;
    r->ids.on_ids = take_ids;
    r->ids.ctx = r;
    return lp_body_ids_vocab(&r->ids, vocab);
}

/* What a call came to, after which all records have ended: no text is without its tokens. */
static enum lp_status end_records(const struct lp_rewriter *r, enum lp_status status)
{
    return status == LP_OK ? lp_proof(r->vocab, LP_OK, r->taken == r->text.n) : status;
}

enum lp_status lp_rewrite_block(struct lp_rewriter *r, const struct lp_restored *b)
{
    const bool open = b->frame.kind & LP_KIND_OPEN, cut = open || r->continues;
    r->continues = open;
    if (!cut)
        return put_whole_records(r, b);
    lp_buf_drop(&r->text, r->taken);
    r->taken = 0;
    if (!lp_buf_append(&r->text, b->text->p, b->text->n))
        return LP_NOMEM;
    enum lp_status status = lp_body_ids(&r->ids, r->split, b);
    return open ? status : end_records(r, status);
}

enum lp_status lp_rewrite_end(struct lp_rewriter *r)
{
    r->cut_off = r->continues;
    return end_records(r, lp_body_ids_end(&r->ids));
}
