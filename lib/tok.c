/* tok.c - text to ids.
 *
 * Pretokens ("words") are found and encoded in batches, in steps that wait for
 * memory together: where words end; their keys; then, word by word, ids from the
 * memo. The first word of a batch that the memo lacks makes it learn all words of
 * the batch that it lacks, from the vocabulary or by merging. */
#include "lp.h"

#include "bpe.h"
#include "check.h"
#include "memo.h"
#include "pretok.h"

#if defined(__GNUC__)
#define PREFETCH(p) __builtin_prefetch(p)
#else
#define PREFETCH(p) ((void)(p))
#endif

enum {
    PIECE = 32 << 10, /* text taken at once */
    GIANT = 4 << 10,  /* bytes of an unended pretoken that are passed on before its end */
    BATCH = 256,      /* words encoded together */
};

/* A short word of the batch. */
struct short_word {
    struct lp_key key;
    uint64_t hash;
};

struct lp_tok {
    const struct lp_vocab *v;
    bool special;
    lp_window_scan *scan;
    struct lp_pretok scanner;
    struct lp_buf held;    /* text from the current pretoken's start on */
    struct lp_buf partial; /* what may become a special token */
    struct lp_bpe_run run; /* the pretoken's front, if it is giant */
    bool running;
    struct lp_memo memo;
    uint32_t end[BATCH]; /* of the batch's words, in the text held */
    struct short_word word[BATCH];
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
    tok->scan = lp_window_scanner(tok->scanner.pattern, vocab->path);
    lp_bpe_run_init(&tok->run, vocab);
    if (!lp_memo_new(&tok->memo)) {
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
    lp_bpe_run_free(&tok->run);
    lp_memo_free(&tok->memo);
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

/* The key of n <= 15 bytes, where 16 are readable. */
static inline struct lp_key load_key(const unsigned char *text, size_t n)
{
    static const unsigned char ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                      255, 255, 255, 255, 255, 255, 255, 255};
    static const unsigned char length[LP_KEY_SIZE][LP_KEY_SIZE] = {
        [1][15] = 1,   [2][15] = 2,   [3][15] = 3,   [4][15] = 4,   [5][15] = 5,
        [6][15] = 6,   [7][15] = 7,   [8][15] = 8,   [9][15] = 9,   [10][15] = 10,
        [11][15] = 11, [12][15] = 12, [13][15] = 13, [14][15] = 14, [15][15] = 15};
    struct lp_key key, mask, last;
    memcpy(&key, text, sizeof key);
    memcpy(&mask, ones_then_zeros + LP_KEY_SIZE - n, sizeof mask);
    memcpy(&last, length[n], sizeof last);
    return (struct lp_key){(key.a & mask.a) | last.a, (key.b & mask.b) | last.b};
}

/* Merges a word of at most LP_BPE_SHORT bytes and puts it into the memo's ring. */
static size_t merge(struct lp_tok *tok, const unsigned char *text, size_t n, uint64_t hash,
                    uint32_t *out)
{
    size_t count = lp_bpe_merge(tok->v, text, n, out);
    lp_memo_ring_put(&tok->memo, text, n, hash, out, count);
    return count;
}

/* Encodes a word that the memo's table has no room for; out has n ids' room. */
static size_t encode_other(struct lp_tok *tok, const unsigned char *text, size_t n, uint64_t hash,
                           uint32_t *out)
{
    size_t count;
    const uint32_t *known = lp_memo_ring_find(&tok->memo, text, n, hash, &count);
    if (known == NULL)
        return merge(tok, text, n, hash, out);
    memcpy(out, known, count * sizeof *out);
    return count;
}

/* Encodes a word of 16 to LP_BPE_SHORT bytes. */
static size_t encode_long(struct lp_tok *tok, const unsigned char *text, size_t n, uint32_t *out)
{
    uint64_t hash = lp_xxh64(text, n, 0);
    uint32_t id = lp_vocab_find_long(tok->v, text, n, hash);
    if (id == LP_NO_ID)
        return encode_other(tok, text, n, hash, out);
    *out = id;
    return 1;
}

/* Puts a short word into the memo. likely: of lp_vocab_likely(). */
static void learn_word(struct lp_tok *tok, const unsigned char *text, struct short_word w,
                       uint32_t likely)
{
    uint32_t ids[LP_KEY_TEXT_MAX];
    size_t n = 1;
    struct lp_word *line = lp_memo_line(&tok->memo, w.hash);
    if (lp_memo_find(line, w.key) != NULL)
        return; /* it came twice */
    if (likely != LP_NO_ID && lp_vocab_has_key(tok->v, likely, w.key))
        ids[0] = tok->v->id[likely];
    else
        ids[0] = likely == LP_NO_ID ? LP_NO_ID : lp_vocab_key(tok->v, w.key, w.hash);
    if (ids[0] == LP_NO_ID) {
        size_t size = lp_key_length(w.key);
        n = lp_bpe_merge(tok->v, text, size, ids);
        if (n > LP_WORD_IDS) {
            lp_memo_ring_put(&tok->memo, text, size, w.hash, ids, n);
            n = 0; /* as much as: see there */
        }
    }
    lp_memo_put(line, w.key, ids, n);
}

/* Puts those short words of the batch, from number i on, into the memo that are
 * not there. */
static void learn(struct lp_tok *tok, const unsigned char *text, size_t i, size_t n)
{
    struct {
        uint32_t word, likely;
    } miss[BATCH];
    size_t nmisses = 0;
    for (; i < n; i++) {
        struct short_word w = tok->word[i];
        if (w.hash == 0 || lp_memo_find(lp_memo_line(&tok->memo, w.hash), w.key) != NULL)
            continue;
        miss[nmisses++].word = (uint32_t)i;
        PREFETCH(&tok->v->index[lp_index_slot(w.hash, tok->v->file->index_log)]);
    }
    for (i = 0; i < nmisses; i++) {
        miss[i].likely = lp_vocab_likely(tok->v, tok->word[miss[i].word].hash);
        if (miss[i].likely != LP_NO_ID) {
            PREFETCH(tok->v->text + (size_t)miss[i].likely * LP_KEY_SIZE);
            PREFETCH(&tok->v->id[miss[i].likely]);
        }
    }
    for (i = 0; i < nmisses; i++) {
        uint32_t word = miss[i].word;
        learn_word(tok, text + (word > 0 ? tok->end[word - 1] : 0), tok->word[word],
                   miss[i].likely);
    }
}

/* Encodes the batch's n words. */
static enum lp_status encode_batch(struct lp_tok *tok, const unsigned char *text, size_t n,
                                   struct lp_ids *out)
{
    if (!lp_ids_reserve(out, tok->end[n - 1] + LP_WORD_IDS))
        return LP_NOMEM;
    size_t from = 0;
    for (size_t i = 0; i < n; from = tok->end[i++]) {
        size_t size = tok->end[i] - from;
        if (size > LP_KEY_TEXT_MAX) {
            tok->word[i].hash = 0;
            continue;
        }
        struct lp_key key = load_key(text + from, size);
        tok->word[i] = (struct short_word){key, lp_key_hash(key)};
        PREFETCH(lp_memo_line(&tok->memo, tok->word[i].hash));
    }
    bool learnt = false;
    from = 0;
    for (size_t i = 0; i < n; from = tok->end[i++]) {
        struct short_word w = tok->word[i];
        uint32_t *ids = out->v + out->n;
        size_t size = tok->end[i] - from;
        if (w.hash == 0) {
            if (size <= LP_BPE_SHORT) {
                out->n += encode_long(tok, text + from, size, ids);
                continue;
            }
            enum lp_status status = lp_bpe_run_push(&tok->run, text + from, size, out);
            if (status == LP_OK)
                status = lp_bpe_run_end(&tok->run, out);
            if (status != LP_OK)
                return status;
            continue;
        }
        struct lp_word *line = lp_memo_line(&tok->memo, w.hash);
        const struct lp_word *known = lp_memo_find(line, w.key);
        if (known == NULL) {
            if (!learnt)
                learn(tok, text, i, n);
            learnt = true;
            known = lp_memo_find(line, w.key);
        }
        if (known == NULL) { /* others of the batch have taken its place */
            learn_word(tok, text + from, w, lp_vocab_likely(tok->v, w.hash));
            known = line;
        }
        uint32_t first = known->ids[0];
        memcpy(ids, known->ids, sizeof known->ids); /* a fixed size is one store */
        ids[0] = first & LP_NO_ID;
        out->n += first >> LP_WORD_COUNT;
        if (first >> LP_WORD_COUNT == 0)
            out->n += encode_other(tok, text + from, size, w.hash, ids);
    }
    return LP_OK;
}

/* Finds the words of the next batch; how many. */
static size_t find_words(struct lp_tok *tok, const unsigned char *text, size_t n, bool final)
{
    size_t at = 0, count = 0;
    while (BATCH - count >= LP_WINDOW && at < n) { /* a window has as many words at most */
        if (tok->scanner.at == 0)
            count += tok->scan(text, at, n, final, tok->end + count, BATCH - count);
        at = count > 0 ? tok->end[count - 1] : 0;
        if (BATCH - count < LP_WINDOW || at == n)
            break;
        size_t size = lp_pretok_next(&tok->scanner, text + at, n - at, final);
        if (size == 0)
            break;
        tok->end[count++] = (uint32_t)(at += size);
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
    *status = lp_bpe_run_push(&tok->run, text, size, out);
    if (*status == LP_OK && !tok->running)
        *status = lp_bpe_run_end(&tok->run, out);
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
            status = encode_batch(tok, text + at, count, out);
            size = tok->end[count - 1];
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
