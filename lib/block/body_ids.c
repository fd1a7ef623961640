/* body_ids.c - a block's body to the ids of its records, without its text. */
#include "base/ids.h"
#include "block/body.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

/* Hands on what scratch holds. */
static enum lp_status hand_on(struct lp_ids_target *t, bool end)
{
    return t->on_ids(t->ctx, t->vocab, t->scratch.v, t->scratch.n, end);
}

/* A part of a record stored as text. Its last tokens are held back, since the next part may change
 * them. */
static enum lp_status put_text(struct lp_ids_target *t, const unsigned char *text, size_t n,
                               bool end)
{
    t->scratch.n = 0;
    enum lp_status status = lp_tok_push(t->tok, text, n, end, &t->scratch);
    t->in_text = !end;
    if (end)
        lp_tok_reset(t->tok);
    return status == LP_OK ? hand_on(t, end) : status;
}

/* Ends a part stored as text: no more text follows it. With end set the record ends too. */
static enum lp_status end_text(struct lp_ids_target *t, bool end)
{
    t->scratch.n = 0;
    enum lp_status status = LP_OK;
    if (t->in_text)
        status = lp_tok_push(t->tok, NULL, 0, true, &t->scratch);
    t->in_text = false;
    lp_tok_reset(t->tok);
    return status == LP_OK ? hand_on(t, end) : status;
}

/* Makes scratch the ids of codes. */
static enum lp_status to_ids(struct lp_ids_target *t, const unsigned char *codes, size_t n)
{
    struct lp_ids *ids = &t->scratch;
    enum lp_status status = t->in_text ? end_text(t, false) : LP_OK;
    if (status != LP_OK)
        return status;
    ids->n = 0;
    if (!lp_ids_reserve(ids, n)) /* a code has one byte at least */
        return LP_NOMEM;
    return lp_codes_to_ids(t->vocab, codes, n, ids->v, &ids->n);
}

static enum lp_status put_record(struct lp_ids_target *t, enum lp_chain base,
                                 const unsigned char *src, size_t n, bool end)
{
    if (base == LP_CHAIN_TEXT)
        return put_text(t, src, n, end);
    enum lp_status status = to_ids(t, src, n);
    return status == LP_OK ? hand_on(t, end) : status;
}

/* Records without separator. */
static enum lp_status put_whole(struct lp_ids_target *t, uint64_t nrecords, bool open,
                                enum lp_chain base, const unsigned char *body, size_t n)
{
    struct lp_body_parts parts;
    enum lp_status status = lp_body_parts_begin(&parts, LP_WHOLE, nrecords, body, n);
    const unsigned char *part;
    for (size_t size; status == LP_OK && lp_body_parts_next(&parts, &part, &size);)
        status = put_record(t, base, part, size, parts.left > 0 || !open);
    return status == LP_OK && parts.left > 0 ? LP_DATA : status;
}

/* Codes of records with a separator: the token of that single byte, which ends as many records.
 * LP_DATA if the text, which has been checked, has separators within other tokens. */
static enum lp_status put_split_codes(struct lp_ids_target *t, unsigned char separator,
                                      uint64_t nrecords, const unsigned char *body, size_t n)
{
    uint32_t separator_id = lp_vocab_find(t->vocab, &separator, 1);
    enum lp_status status = separator_id != LP_NO_ID ? to_ids(t, body, n) : LP_BAD_VOCAB;
    const struct lp_ids *ids = &t->scratch;
    for (size_t i = 0; status == LP_OK && i < ids->n; i++)
        nrecords -= ids->v[i] == separator_id;
    if (status == LP_OK && nrecords != 0)
        return LP_DATA;
    for (size_t from = 0, at; status == LP_OK && from < ids->n; from = at + 1) {
        for (at = from; at < ids->n && ids->v[at] != separator_id;)
            at++;
        status = t->on_ids(t->ctx, t->vocab, ids->v + from, at - from, at < ids->n);
    }
    return status;
}

static enum lp_status put_split_text(struct lp_ids_target *t, unsigned char separator,
                                     const unsigned char *body, size_t n)
{
    enum lp_status status = LP_OK;
    for (size_t from = 0, size; status == LP_OK && from < n; from += size) {
        size = lp_split_record(body + from, n - from, separator);
        const bool ends = size > 0;
        size = ends ? size : n - from;
        status = put_record(t, LP_CHAIN_TEXT, body + from, size - ends, ends);
    }
    return status;
}

enum lp_status lp_body_ids_vocab(struct lp_ids_target *t, const struct lp_vocab *vocab)
{
    if (t->vocab == vocab)
        return LP_OK;
    lp_tok_free(t->tok);
    t->tok = NULL;
    t->vocab = vocab;
    return lp_tok_new(vocab, false, &t->tok);
}

void lp_body_ids_free(struct lp_ids_target *t)
{
    lp_tok_free(t->tok);
    free(t->scratch.v);
}

enum lp_status lp_body_ids_end(struct lp_ids_target *t)
{
    return end_text(t, true);
}

enum lp_status lp_body_ids(struct lp_ids_target *t, enum lp_split split, uint64_t nrecords,
                           bool open, enum lp_chain base, const unsigned char *body, size_t n)
{
    int separator = lp_split_separator(split);
    if (separator < 0)
        return put_whole(t, nrecords, open, base, body, n);
    return base == LP_CHAIN_TEXT
               ? put_split_text(t, (unsigned char)separator, body, n)
               : put_split_codes(t, (unsigned char)separator, nrecords - open, body, n);
}
