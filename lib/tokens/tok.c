/* tok.c - text to ids.
 *
 * Takes text in pieces, finds pretokens in it and encodes them in batches. The text of a pretoken
 * that may go on is held until more comes. A giant pretoken is encoded as it comes. */
#include "lp.h"

#include "tokens/batch.h"
#include "tokens/pretok.h"

enum {
    PIECE = 32 << 10, /* text taken at once */
    GIANT = 4 << 10,  /* bytes of a pretoken that has not ended, from which on it is a giant one */
};

struct lp_tok {
    const struct lp_vocab *v;
    bool special;
    lp_pretok_window *window;
    struct lp_pretok pretok;
    struct lp_buf held;    /* text from the current pretoken's start on */
    struct lp_buf partial; /* what may be the beginning of a special token */
    bool in_giant;         /* a giant pretoken has been encoded in part */
    struct lp_batch batch;
};

enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out)
{
    *out = NULL;
    struct lp_tok *tok = calloc(1, sizeof *tok);
    if (tok == NULL)
        return LP_NOMEM;
    tok->v = vocab;
    tok->special = special;
    tok->pretok.pattern = (enum lp_pattern)vocab->header->pattern;
    tok->window = lp_pretok_window_for(tok->pretok.pattern, vocab->cpu);
    if (!lp_batch_init(&tok->batch, vocab)) {
        free(tok);
        return LP_NOMEM;
    }
    *out = tok;
    return LP_OK;
}

void lp_tok_free(struct lp_tok *tok)
{
    if (tok == NULL)
        return;
    lp_buf_free(&tok->held);
    lp_buf_free(&tok->partial);
    lp_batch_free(&tok->batch);
    free(tok);
}

void lp_tok_reset(struct lp_tok *tok)
{
    tok->pretok = (struct lp_pretok){.pattern = tok->pretok.pattern};
    tok->held.n = tok->partial.n = 0;
    lp_batch_reset(&tok->batch);
    tok->in_giant = false;
}

size_t lp_tok_held(const struct lp_tok *tok)
{
    return tok->held.n + tok->partial.n + tok->batch.giant.text.n;
}

/* Finds the pretokens of the next batch. Returns their number. */
static size_t find_pretokens(struct lp_tok *tok, const unsigned char *text, size_t n, bool final)
{
    size_t at = 0, count = 0;
    while (LP_BATCH_MAX - count >= LP_PRETOK_WINDOW &&
           at < n) { /* a window has no more pretokens */
        if (lp_pretok_is_between(&tok->pretok))
            count += tok->window(text, at, n, final, tok->batch.end + count, LP_BATCH_MAX - count);
        at = count > 0 ? tok->batch.end[count - 1] : 0;
        if (LP_BATCH_MAX - count < LP_PRETOK_WINDOW || at == n)
            break;
        size_t size = lp_pretok_next(&tok->pretok, text + at, n - at, final);
        if (size == 0)
            break;
        tok->batch.end[count++] = (uint32_t)(at += size);
    }
    return count;
}

/* Encodes a giant pretoken as far as the n bytes settle it. Returns the number of bytes taken. */
static size_t encode_giant(struct lp_tok *tok, const unsigned char *text, size_t n, bool final,
                           struct lp_ids *out, enum lp_status *status)
{
    size_t size = lp_pretok_next(&tok->pretok, text, n, final);
    tok->in_giant = size == 0;
    if (tok->in_giant) { /* one settled byte stays, as lp_pretok_drop() requires */
        size = tok->pretok.settled > GIANT ? tok->pretok.settled - 1 : 0;
        lp_pretok_drop(&tok->pretok, size);
    }
    *status = lp_batch_giant(&tok->batch, text, size, !tok->in_giant, out);
    return size;
}

/* Encodes the pretokens that end in the text held. */
static enum lp_status encode_held(struct lp_tok *tok, bool final, struct lp_ids *out)
{
    const unsigned char *text = tok->held.p;
    size_t n = tok->held.n, at = 0, size;
    enum lp_status status = LP_OK;
    do {
        size_t count = tok->in_giant ? 0 : find_pretokens(tok, text + at, n - at, final);
        size = 0;
        if (count > 0) {
            status = lp_batch_encode(&tok->batch, text + at, count, out);
            size = tok->batch.end[count - 1];
        } else if (at < n && (tok->in_giant || tok->pretok.settled > GIANT)) {
            size = encode_giant(tok, text + at, n - at, final, out, &status);
        }
        at += size;
    } while (size > 0 && status == LP_OK);
    lp_buf_drop(&tok->held, at);
    return status;
}

static enum lp_status push_ordinary(struct lp_tok *tok, const unsigned char *text, size_t n,
                                    bool final, struct lp_ids *out)
{
    for (;;) {
        size_t piece = n < PIECE ? n : PIECE;
        bool last = final && piece == n;
        if (!lp_buf_reserve(&tok->held, piece + LP_PRETOK_SLACK))
            return LP_NOMEM;
        lp_buf_append(&tok->held, text, piece);
        memset(tok->held.p + tok->held.n, 0, LP_PRETOK_SLACK);
        enum lp_status status = encode_held(tok, last, out);
        if (status == LP_OK && last && tok->held.n > 0)
            status = LP_INTERNAL; /* cannot be: at the end of the text every pretoken ends */
        if (status != LP_OK || piece == n)
            return status;
        text += piece;
        n -= piece;
    }
}

/* The special token that text begins with, or LP_NO_ID. *cut is set when text is the beginning of
 * one. */
static uint32_t find_special(const struct lp_vocab *v, const unsigned char *text, size_t n,
                             bool *cut)
{
    if (!lp_vocab_expect(v, LP_READ_SPECIAL))
        return LP_NO_ID;
    for (uint32_t i = 0; i < v->header->nspecial; i++) {
        size_t size;
        const unsigned char *special = lp_vocab_token(v, v->special[i], &size);
        if (memcmp(text, special, n < size ? n : size) != 0)
            continue;
        if (n >= size)
            return v->special[i];
        *cut = true;
    }
    return LP_NO_ID;
}

/* Encodes text with special tokens. The text between them is encoded apart. */
static enum lp_status push_special(struct lp_tok *tok, const unsigned char *text, size_t n,
                                   bool final, struct lp_ids *out)
{
    size_t from = 0; /* where ordinary text begins */
    for (size_t at = 0; at < n;) {
        const unsigned char *sign = memchr(text + at, '<', n - at);
        if (sign == NULL)
            break;
        at = (size_t)(sign - text);
        bool cut = false;
        uint32_t id = find_special(tok->v, sign, n - at, &cut);
        if (id != LP_NO_ID) {
            enum lp_status status = push_ordinary(tok, text + from, at - from, true, out);
            if (status != LP_OK)
                return status;
            if (!lp_ids_reserve(out, 1))
                return LP_NOMEM;
            out->v[out->n++] = id;
            at += tok->v->offset[id + 1] - tok->v->offset[id];
            from = at;
        } else if (cut && !final) {
            if (!lp_buf_append(&tok->partial, sign, n - at))
                return LP_NOMEM;
            n = at;
        } else {
            at++;
        }
    }
    return push_ordinary(tok, text + from, n - from, final, out);
}

static enum lp_status push(struct lp_tok *tok, const void *text, size_t n, bool final,
                           struct lp_ids *out)
{
    if (!tok->special)
        return push_ordinary(tok, text, n, final, out);
    if (tok->partial.n == 0)
        return push_special(tok, text, n, final, out);
    struct lp_buf joined = tok->partial;
    tok->partial = (struct lp_buf){0};
    enum lp_status status = LP_NOMEM;
    if (lp_buf_append(&joined, text, n))
        status = push_special(tok, joined.p, joined.n, final, out);
    lp_buf_free(&joined);
    return status;
}

enum lp_status lp_tok_push(struct lp_tok *tok, const void *text, size_t n, bool final,
                           struct lp_ids *out)
{
    /* Nothing may be added to NULL, not even 0. */
    enum lp_status status = push(tok, n > 0 ? text : "", n, final, out);
    return status == LP_OK ? lp_vocab_status(tok->v) : status;
}
