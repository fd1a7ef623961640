/* body_ids.c - a block's body to the ids of its records, without its text. */
#include "body.h"
#include "bytes.h"
#include "pack.h"
#include "vocab.h"

/* Makes scratch the ids of stored bytes: codes, or text that saved nothing as tokens. */
static enum lp_status to_ids(const struct lp_ids_target *t, enum lp_chain base,
                             const unsigned char *src, size_t n)
{
    struct lp_ids *ids = t->scratch;
    ids->n = 0;
    if (base == LP_CHAIN_TEXT) {
        lp_tok_reset(t->tok);
        return lp_tok_push(t->tok, src, n, true, ids);
    }
    if (n > ids->cap) {
        uint32_t *v = n > SIZE_MAX / sizeof *v ? NULL : realloc(ids->v, n * sizeof *v);
        if (v == NULL)
            return LP_NOMEM;
        ids->v = v;
        ids->cap = n;
    }
    return lp_pack_to_ids(t->vocab, src, n, ids->v, &ids->n);
}

static enum lp_status put_record(const struct lp_ids_target *t, enum lp_chain base,
                                 const unsigned char *src, size_t n, bool end)
{
    enum lp_status status = to_ids(t, base, src, n);
    return status == LP_OK ? t->on_ids(t->ctx, t->vocab, t->scratch->v, t->scratch->n, end)
                           : status;
}

/* Records without separator: all but the last have their lengths in a table. */
static enum lp_status put_whole(const struct lp_ids_target *t, uint64_t nrecords, bool open,
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
static enum lp_status put_split_codes(const struct lp_ids_target *t, unsigned char separator,
                                      const unsigned char *body, size_t n)
{
    uint32_t separator_id = lp_vocab_find(t->vocab, &separator, 1);
    enum lp_status status = to_ids(t, LP_CHAIN_TOKENS, body, n);
    const struct lp_ids *ids = t->scratch;
    for (size_t from = 0, at; status == LP_OK && from < ids->n; from = at + 1) {
        for (at = from; at < ids->n && ids->v[at] != separator_id;)
            at++;
        status = t->on_ids(t->ctx, t->vocab, ids->v + from, at - from, at < ids->n);
    }
    return status;
}

static enum lp_status put_split_text(const struct lp_ids_target *t, unsigned char separator,
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

enum lp_status lp_body_ids(const struct lp_ids_target *t, enum lp_split split, uint64_t nrecords,
                           bool open, enum lp_chain base, const unsigned char *body, size_t n)
{
    int separator = lp_separator(split);
    if (separator < 0)
        return put_whole(t, nrecords, open, base, body, n);
    return base == LP_CHAIN_TEXT ? put_split_text(t, (unsigned char)separator, body, n)
                                 : put_split_codes(t, (unsigned char)separator, body, n);
}
