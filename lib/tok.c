/* tok.c - text to ids: each pretoken is looked up; one that is no token is
 * merged, and if it is short the result is remembered. */
#include "lp.h"

#include "bpe.h"
#include "pretok.h"

enum {
    PIECE = 64 << 10,    /* text taken at once */
    GIANT = 4 << 10,     /* bytes of an unended pretoken that are passed on before its end */
    SLACK = LP_KEY_SIZE, /* bytes after the text that a key may read */
    MEMO_LOG = 12,
    MEMO_IDS = 11, /* so that an entry is 64 bytes, a cache line */
};

/* The ids of a short pretoken that is no token. */
struct memo {
    struct lp_key key;
    uint32_t n, ids[MEMO_IDS];
};

struct lp_tok {
    const struct lp_vocab *v;
    bool special;
    struct lp_pretok scanner;
    struct lp_buf held;    /* text from the current pretoken's start on */
    struct lp_buf partial; /* what may become a special token */
    struct lp_bpe_run run; /* the pretoken's front, if it is giant */
    bool running;
    struct memo *memo; /* 1 << MEMO_LOG */
    uint32_t ids[LP_BPE_SHORT];
};

enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out)
{
    *out = NULL;
    if (vocab->file->token_max > LP_BPE_SHORT)
        return LP_DATA;
    struct lp_tok *tok = calloc(1, sizeof *tok);
    if (tok == NULL)
        return LP_NOMEM;
    tok->v = vocab;
    tok->special = special;
    tok->scanner.pattern = (enum lp_pattern)vocab->file->pattern;
    lp_bpe_run_init(&tok->run, vocab);
    tok->memo = calloc((size_t)1 << MEMO_LOG, sizeof *tok->memo);
    if (tok->memo == NULL) {
        lp_tok_free(tok);
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
    lp_bpe_run_free(&tok->run);
    free(tok->memo);
    free(tok);
}

void lp_tok_reset(struct lp_tok *tok)
{
    tok->scanner = (struct lp_pretok){.pattern = tok->scanner.pattern};
    tok->held.n = tok->partial.n = 0;
    if (tok->running || tok->run.text.n > 0) {
        lp_bpe_run_free(&tok->run);
        lp_bpe_run_init(&tok->run, tok->v);
    }
    tok->running = false;
}

size_t lp_tok_held(const struct lp_tok *tok)
{
    return tok->held.n + tok->partial.n + tok->run.text.n;
}

/* The key of n <= 15 bytes that SLACK readable bytes follow. */
static struct lp_key load_key(const unsigned char *text, size_t n)
{
    static const unsigned char ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                      255, 255, 255, 255, 255, 255, 255, 255};
    unsigned char length[LP_KEY_SIZE] = {0};
    struct lp_key key, mask, last;
    length[LP_KEY_SIZE - 1] = (unsigned char)n;
    memcpy(&key, text, sizeof key);
    memcpy(&mask, ones_then_zeros + LP_KEY_SIZE - n, sizeof mask);
    memcpy(&last, length, sizeof last);
    return (struct lp_key){(key.a & mask.a) | last.a, (key.b & mask.b) | last.b};
}

static void append(struct lp_ids *out, const uint32_t *ids, size_t n)
{
    memcpy(out->v + out->n, ids, n * sizeof *ids);
    out->n += n;
}

/* Appends the ids of a pretoken of at most 15 bytes; out has room. */
static void encode_short(struct lp_tok *tok, const unsigned char *text, size_t n,
                         struct lp_ids *out)
{
    struct lp_key key = load_key(text, n);
    uint64_t hash = lp_key_hash(key);
    uint32_t id = lp_vocab_key(tok->v, key, hash);
    if (id != LP_NO_ID) {
        out->v[out->n++] = id;
        return;
    }
    struct memo *memo = &tok->memo[hash >> (64 - MEMO_LOG)];
    if (memo->key.a == key.a && memo->key.b == key.b) {
        append(out, memo->ids, memo->n);
        return;
    }
    size_t count = lp_bpe_merge(tok->v, text, n, tok->ids);
    append(out, tok->ids, count);
    if (count <= MEMO_IDS) {
        memo->key = key;
        memo->n = (uint32_t)count;
        memcpy(memo->ids, tok->ids, count * sizeof *memo->ids);
    }
}

/* Appends the ids of a whole pretoken. */
static enum lp_status encode(struct lp_tok *tok, const unsigned char *text, size_t n,
                             struct lp_ids *out)
{
    if (n <= LP_KEY_TEXT_MAX && !tok->running) {
        encode_short(tok, text, n, out);
        return LP_OK;
    }
    if (tok->running || n > LP_BPE_SHORT) {
        enum lp_status status = lp_bpe_run_push(&tok->run, text, n, out);
        if (status == LP_OK)
            status = lp_bpe_run_end(&tok->run, out);
        tok->running = false;
        return status;
    }
    uint32_t id = lp_vocab_find(tok->v, text, n);
    if (id != LP_NO_ID)
        append(out, &id, 1);
    else
        append(out, tok->ids, lp_bpe_merge(tok->v, text, n, tok->ids));
    return LP_OK;
}

/* Encodes the pretokens that end in what is held. */
static enum lp_status encode_held(struct lp_tok *tok, bool final, struct lp_ids *out)
{
    const unsigned char *text = tok->held.p;
    size_t n = tok->held.n, at = 0;
    enum lp_status status = LP_OK;
    while (at < n && status == LP_OK) {
        size_t size = lp_pretok_next(&tok->scanner, text + at, n - at, final);
        if (size > 0) {
            if (!lp_ids_reserve(out, size))
                return LP_NOMEM;
            status = encode(tok, text + at, size, out);
            at += size;
            continue;
        }
        if (tok->scanner.settled > GIANT) { /* one settled byte stays, see lp_pretok_drop */
            size = tok->scanner.settled - 1;
            lp_pretok_drop(&tok->scanner, size);
            tok->running = true;
            status = lp_bpe_run_push(&tok->run, text + at, size, out);
            at += size;
        }
        break;
    }
    lp_buf_drop(&tok->held, at);
    return status;
}

static enum lp_status push_ordinary(struct lp_tok *tok, const unsigned char *text, size_t n,
                                    bool final, struct lp_ids *out)
{
    for (;;) {
        size_t piece = n < PIECE ? n : PIECE;
        bool last = final && piece == n;
        if (!lp_buf_reserve(&tok->held, piece + SLACK))
            return LP_NOMEM;
        lp_buf_append(&tok->held, text, piece);
        enum lp_status status = encode_held(tok, last, out);
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
            append(out, &id, 1);
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

enum lp_status lp_tok_push(struct lp_tok *tok, const void *text, size_t n, bool final,
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
