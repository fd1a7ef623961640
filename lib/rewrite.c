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

/* Records with a separator: after each token of that byte. */
static bool ends_by_separator(const struct lp_restored *b, const struct lp_vocab *vocab,
                              unsigned char separator, struct code_ends *e)
{
    unsigned char code[LP_CODE_MAX];
    unsigned two, three;
    const uint32_t id = lp_vocab_find(vocab, &separator, 1);
    if (id == LP_NO_ID)
        return false;
    const size_t n = b->body->n, ncode = lp_codes_from_ids(vocab, &id, 1, code);
    const bool open = b->frame.kind & LP_KIND_OPEN;
    lp_codes_begin(vocab, &two, &three);
    e->codes = b->body->p;
    for (size_t at = 0, size; at < n; at += size) {
        size = 1u + (e->codes[at] >= two) + (e->codes[at] >= three);
        if (size != ncode || size > n - at || memcmp(e->codes + at, code, size) != 0)
            continue;
        if (e->n == b->frame.nrecords)
            return false;
        e->end[e->n++] = at + size;
    }
    if (open && e->n < b->frame.nrecords)
        e->end[e->n++] = n;
    return e->n == b->frame.nrecords && e->end[e->n - 1] == n;
}

static enum lp_status put_tokens(struct lp_writer *w, const struct lp_restored *b,
                                 const struct code_ends *e)
{
    const bool open = b->frame.kind & LP_KIND_OPEN;
    enum lp_status status = LP_OK;
    size_t from = 0, text_from = 0;
    for (uint64_t i = 0; status == LP_OK && i < e->n; i++) {
        const size_t text_end = (size_t)b->ends[i];
        status = lp_writer_add_tokens(w, b->text->p + text_from, text_end - text_from,
                                      e->codes + from, e->end[i] - from, !open || i + 1 < e->n);
        from = e->end[i];
        text_from = text_end;
    }
    return status;
}

/* Tokenises a block of whole records. */
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

enum lp_status lp_rewrite_block(struct lp_writer *w, const struct lp_vocab *vocab,
                                enum lp_split split, bool continues, const struct lp_restored *b,
                                struct lp_buf *scratch)
{
    const bool open = b->frame.kind & LP_KIND_OPEN;
    const int separator = lp_split_separator(split);
    scratch->n = 0;
    if (!lp_buf_reserve(scratch, (size_t)b->frame.nrecords * sizeof(size_t)))
        return LP_NOMEM;
    struct code_ends e = {.end = (size_t *)(void *)scratch->p};
    if (b->base == LP_CHAIN_TOKENS &&
        (separator < 0 ? ends_by_lengths(b, &e)
                       : ends_by_separator(b, vocab, (unsigned char)separator, &e)))
        return put_tokens(w, b, &e);
    return open || continues
               ? lp_writer_add_text_block(w, b->text->p, b->ends, b->frame.nrecords, open)
               : put_text(w, split, b);
}
