/* body_ids.c - a block's body to the ids of its records, without its text. */
#include "base/bytes.h"
#include "base/ids.h"
#include "block/body.h"
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

/* Records without separator: all but the last have their lengths in a table. */
static enum lp_status put_whole(struct lp_ids_target *t, uint64_t nrecords, bool open,
                                enum lp_chain base, const unsigned char *body, size_t n)
{
    size_t table = 0, from = 0;
    for (uint64_t i = 0; i + 1 < nrecords; i++) {
        uint64_t length;
        size_t used = lp_get_varint(body + from, n - from, &length);
        if (used == 0 || used == SIZE_MAX)
            return LP_DATA;
        from += used;
    }
    for (uint64_t i = 0; i < nrecords; i++) {
        bool last = i + 1 == nrecords;
        uint64_t length = n - from;
        if (!last)
            table += lp_get_varint(body + table, n - table, &length);
        if (length > n - from)
            return LP_DATA;
        enum lp_status status = put_record(t, base, body + from, (size_t)length, !last || !open);
        if (status != LP_OK)
            return status;
        from += (size_t)length;
    }
    return LP_OK;
}

/* Codes of records with a separator: the token of that single byte, which ends
 * records and stands nowhere else. */
static enum lp_status put_split_codes(struct lp_ids_target *t, unsigned char separator,
                                      const unsigned char *body, size_t n)
{
    uint32_t separator_id = lp_vocab_find(t->vocab, &separator, 1);
    enum lp_status status = separator_id != LP_NO_ID ? to_ids(t, body, n) : LP_BAD_VOCAB;
    const struct lp_ids *ids = &t->scratch;
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
    for (size_t from = 0, at; status == LP_OK && from < n; from = at + 1) {
        const unsigned char *end = memchr(body + from, separator, n - from);
        at = end != NULL ? (size_t)(end - body) : n;
        status = put_record(t, LP_CHAIN_TEXT, body + from, at - from, end != NULL);
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
    int separator = lp_separator(split);
    if (separator < 0)
        return put_whole(t, nrecords, open, base, body, n);
    return base == LP_CHAIN_TEXT ? put_split_text(t, (unsigned char)separator, body, n)
                                 : put_split_codes(t, (unsigned char)separator, body, n);
}
