/* tok.c - text to ids.
 *
 * Text is taken in pieces; pretokens ("words") are found in it and encoded in
 * batches. What is left at a piece's end, a word that may go on, is held until
 * there is more; of a giant one what is settled is passed on before. */
#include "lp.h"

#include "tokens/batch.h"
#include "tokens/pretok.h"

enum {
    PIECE = 32 << 10, /* text taken at once */
    GIANT = 4 << 10,  /* bytes of an unended pretoken that are passed on before its end */
};

struct lp_tok {
    const struct lp_vocab *v;
    bool special;
    lp_window_scan *scan;
    struct lp_pretok scanner;
    struct lp_buf held;    /* text from the current pretoken's start on */
    struct lp_buf partial; /* what may become a special token */
    bool running;          /* a giant word has been passed on in part */
    struct lp_batch words;
};

enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out)
{
    *out = NULL;
    struct lp_tok *tok = calloc(1, sizeof *tok);
    if (tok == NULL)
        return LP_NOMEM;
    tok->v = vocab;
    tok->special = special;
    tok->scanner.pattern = (enum lp_pattern)vocab->file->pattern;
    tok->scan = lp_window_scanner(tok->scanner.pattern, vocab->cpu);
    if (!lp_batch_init(&tok->words, vocab)) {
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
    lp_batch_free(&tok->words);
    free(tok);
}

void lp_tok_reset(struct lp_tok *tok)
{
    tok->scanner = (struct lp_pretok){.pattern = tok->scanner.pattern};
    tok->held.n = tok->partial.n = 0;
    lp_batch_reset(&tok->words);
    tok->running = false;
}

size_t lp_tok_held(const struct lp_tok *tok)
{
    return tok->held.n + tok->partial.n + tok->words.run.text.n;
}

/* Finds the words of the next batch; how many. */
static size_t find_words(struct lp_tok *tok, const unsigned char *text, size_t n, bool final)
{
    size_t at = 0, count = 0;
    while (LP_BATCH_WORDS - count >= LP_WINDOW && at < n) { /* a window has as many words at most */
        if (lp_pretok_is_between(&tok->scanner))
            count += tok->scan(text, at, n, final, tok->words.end + count, LP_BATCH_WORDS - count);
        at = count > 0 ? tok->words.end[count - 1] : 0;
        if (LP_BATCH_WORDS - count < LP_WINDOW || at == n)
            break;
        size_t size = lp_pretok_next(&tok->scanner, text + at, n - at, final);
        if (size == 0)
            break;
        tok->words.end[count++] = (uint32_t)(at += size);
    }
    return count;
}

/* Takes what of a giant pretoken is in the text held: to its end, if that is
 * there. Returns its bytes. */
static size_t encode_giant(struct lp_tok *tok, const unsigned char *text, size_t n, bool final,
                           struct lp_ids *out, enum lp_status *status)
{
    size_t size = lp_pretok_next(&tok->scanner, text, n, final);
    tok->running = size == 0;
    if (tok->running) { /* one settled byte stays, see lp_pretok_drop */
        size = tok->scanner.settled > GIANT ? tok->scanner.settled - 1 : 0;
        lp_pretok_drop(&tok->scanner, size);
    }
    *status = lp_batch_giant(&tok->words, text, size, !tok->running, out);
    return size;
}

/* Encodes the pretokens that end in what is held. */
static enum lp_status encode_held(struct lp_tok *tok, bool final, struct lp_ids *out)
{
    const unsigned char *text = tok->held.p;
    size_t n = tok->held.n, at = 0, size;
    enum lp_status status = LP_OK;
    do {
        size_t count = tok->running ? 0 : find_words(tok, text + at, n - at, final);
        size = 0;
        if (count > 0) {
            status = lp_batch_encode(&tok->words, text + at, count, out);
            size = tok->words.end[count - 1];
        } else if (at < n && (tok->running || tok->scanner.settled > GIANT)) {
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
        if (!lp_buf_reserve(&tok->held, piece + LP_WINDOW_SLACK))
            return LP_NOMEM;
        lp_buf_append(&tok->held, text, piece);
        memset(tok->held.p + tok->held.n, 0, LP_WINDOW_SLACK);
        enum lp_status status = encode_held(tok, last, out);
        if (status == LP_OK && last && tok->held.n > 0)
            status = LP_INTERNAL; /* never: the text has ended, so every word has */
        if (status != LP_OK || piece == n)
            return status;
        text += piece;
        n -= piece;
    }
}

/* The special token that text begins with. *cut: the text ends before that is
 * decided. */
static uint32_t find_special(const struct lp_vocab *v, const unsigned char *text, size_t n,
                             bool *cut)
{
    if (!lp_vocab_expect(v, LP_READ_SPECIAL))
        return LP_NO_ID;
    for (uint32_t i = 0; i < v->file->nspecial; i++) {
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

/* Takes text with special tokens in it: what is between them is text by itself. */
static enum lp_status push_special(struct lp_tok *tok, const unsigned char *text, size_t n,
                                   bool final, struct lp_ids *out)
{
    size_t from = 0; /* of the ordinary text */
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
    enum lp_status status = push(tok, text, n, final, out);
    return status == LP_OK ? lp_vocab_status(tok->v) : status;
}
