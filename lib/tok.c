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
#include "merge.h"
#include "pretok.h"

enum {
    PIECE = 32 << 10, /* text taken at once */
    GIANT = 4 << 10,  /* bytes of an unended pretoken that are passed on before its end */
    BATCH = 256,      /* words encoded together */
};

/* A word of the batch: a short one has a key, a long one has none (key.b is 0),
 * and one longer than LP_MERGE_MAX has key.a 1 and no hash. */
struct word {
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
    struct word word[BATCH];
    struct lp_merging merging[LP_MERGING];
};

enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out)
{
    *out = NULL;
    if (vocab->file->token_max > LP_MERGE_MAX)
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

static inline bool is_short(const struct word *w)
{
    return w->key.b != 0;
}

static inline bool is_giant(const struct word *w)
{
    return w->key.b == 0 && w->key.a != 0;
}

static inline struct word word_at(const unsigned char *text, size_t n)
{
    if (n > LP_MERGE_MAX)
        return (struct word){.key.a = 1};
    if (n > LP_KEY_TEXT_MAX)
        return (struct word){.hash = lp_xxh64(text, n, 0)};
    struct lp_key key = load_key(text, n);
    return (struct word){key, lp_key_hash(key)};
}

static void remember(struct lp_tok *tok, const struct word *w, const unsigned char *text, size_t n,
                     const uint32_t *ids, size_t nids)
{
    bool in_table = is_short(w) && nids <= LP_WORD_IDS;
    if (is_short(w))
        lp_memo_put(&tok->memo, w->key, w->hash, ids, in_table ? nids : 0);
    if (!in_table)
        lp_memo_ring_put(&tok->memo, text, n, w->hash, ids, nids);
}

static inline bool is_known(const struct lp_memo *memo, const struct word *w,
                            const unsigned char *text, size_t n)
{
    size_t nids;
    if (is_short(w))
        return lp_memo_find(memo, w->key, w->hash) != NULL;
    return lp_memo_ring_find(memo, text, n, w->hash, &nids) != NULL;
}

/* Appends the ids of the batch's words from number i on that are in the memo's
 * table. Returns the number of the first that is not, or n. */
static size_t recall_words(const struct lp_tok *tok, size_t i, size_t n, struct lp_ids *out)
{
    const struct lp_memo memo = tok->memo; /* in registers: no id stored can change it */
    uint32_t *ids = out->v + out->n;
    for (; i < n; i++) {
        const struct word *w = &tok->word[i];
        const struct lp_word *known = lp_memo_find(&memo, w->key, w->hash);
        if (known == NULL || known->ids[0] < 1u << LP_WORD_COUNT)
            break;
        uint32_t first = known->ids[0];
        memcpy(ids, known->ids, sizeof known->ids); /* a fixed size is one store */
        ids[0] = first & LP_NO_ID;
        ids += first >> LP_WORD_COUNT;
    }
    out->n = (size_t)(ids - out->v);
    return i;
}

/* The token that a word is, or LP_NO_ID. likely: of lp_vocab_likely(). */
static uint32_t find_token(const struct lp_tok *tok, const struct word *w,
                           const unsigned char *text, size_t n, uint32_t likely)
{
    const struct lp_vocab *v = tok->v;
    if (!is_short(w))
        return lp_vocab_find_long(v, text, n, w->hash);
    if (likely == LP_NO_ID)
        return LP_NO_ID;
    return lp_vocab_has_key(v, likely, w->key) ? v->id[likely] : lp_vocab_key(v, w->key, w->hash);
}

/* A word that the memo lacks. */
struct miss {
    uint32_t word; /* number in the batch */
    uint32_t from, size;
    uint32_t likely;
};

/* Merges up to LP_MERGING words and puts them into the memo. */
static void learn_merged(struct lp_tok *tok, const unsigned char *text, const struct miss *miss,
                         size_t n)
{
    struct lp_merging *m = tok->merging;
    for (size_t i = 0; i < n; i++) {
        m[i].text = text + miss[i].from;
        m[i].n = miss[i].size;
    }
    lp_merge_words(tok->v, m, n);
    for (size_t i = 0; i < n; i++)
        remember(tok, &tok->word[miss[i].word], m[i].text, m[i].n, m[i].ids, m[i].nids);
}

/* Puts those of the batch's words that the memo lacks into it, from number i,
 * which begins at from, up to number n. */
static void learn(struct lp_tok *tok, const unsigned char *text, size_t from, size_t i, size_t n)
{
    const struct lp_vocab *v = tok->v;
    const struct lp_memo memo = tok->memo;
    struct miss miss[BATCH];
    size_t nmisses = 0, nmerges = 0;
    for (; i < n; from = tok->end[i++]) {
        const struct word *w = &tok->word[i];
        size_t size = tok->end[i] - from;
        if (is_giant(w) || is_known(&memo, w, text + from, size))
            continue;
        miss[nmisses++] =
            (struct miss){.word = (uint32_t)i, .from = (uint32_t)from, .size = (uint32_t)size};
        LP_PREFETCH(&v->index[lp_index_slot(w->hash, v->file->index_log)]);
    }
    for (i = 0; i < nmisses; i++) {
        const struct word *w = &tok->word[miss[i].word];
        miss[i].likely = is_short(w) ? lp_vocab_likely(v, w->hash) : (uint32_t)LP_NO_ID;
        if (miss[i].likely != LP_NO_ID) {
            LP_PREFETCH(v->text + (size_t)miss[i].likely * LP_KEY_SIZE);
            LP_PREFETCH(&v->id[miss[i].likely]);
        }
    }
    for (i = 0; i < nmisses; i++) {
        const struct word *w = &tok->word[miss[i].word];
        const unsigned char *word = text + miss[i].from;
        if (is_known(&tok->memo, w, word, miss[i].size))
            continue; /* it came twice */
        uint32_t id = find_token(tok, w, word, miss[i].size, miss[i].likely);
        if (id != LP_NO_ID)
            remember(tok, w, word, miss[i].size, &id, 1);
        else
            miss[nmerges++] = miss[i];
    }
    for (i = 0; i < nmerges; i += LP_MERGING)
        learn_merged(tok, text, miss + i, nmerges - i < LP_MERGING ? nmerges - i : LP_MERGING);
}

/* Appends the ids of a giant word, or of its rest. */
static enum lp_status end_run(struct lp_tok *tok, const unsigned char *text, size_t n,
                              struct lp_ids *out)
{
    enum lp_status status = lp_bpe_run_push(&tok->run, text, n, out);
    return status == LP_OK ? lp_bpe_run_end(&tok->run, out) : status;
}

/* Appends the ids of a word that is not in the memo's table: it is in the ring, or
 * giant, or others of its batch have driven it out. */
static enum lp_status encode_word(struct lp_tok *tok, const struct word *w,
                                  const unsigned char *text, size_t n, struct lp_ids *out)
{
    if (is_giant(w))
        return end_run(tok, text, n, out);
    uint32_t *ids = out->v + out->n;
    size_t nids;
    const uint32_t *known = lp_memo_ring_find(&tok->memo, text, n, w->hash, &nids);
    if (known == NULL) {
        ids[0] = find_token(tok, w, text, n, is_short(w) ? lp_vocab_likely(tok->v, w->hash) : 0);
        nids = 1;
        if (ids[0] == LP_NO_ID) {
            struct lp_merging *m = tok->merging;
            m->text = text;
            m->n = n;
            lp_merge_words(tok->v, m, 1);
            known = m->ids;
            nids = m->nids;
        }
    }
    if (known != NULL)
        memcpy(ids, known, nids * sizeof *ids);
    out->n += nids;
    return LP_OK;
}

/* Encodes the batch's n words. */
static enum lp_status encode_batch(struct lp_tok *tok, const unsigned char *text, size_t n,
                                   struct lp_ids *out)
{
    if (!lp_ids_reserve(out, tok->end[n - 1] + LP_WORD_IDS))
        return LP_NOMEM;
    const struct lp_memo memo = tok->memo;
    size_t from = 0;
    for (size_t i = 0; i < n; from = tok->end[i++]) {
        tok->word[i] = word_at(text + from, tok->end[i] - from);
        LP_PREFETCH(memo.line[lp_memo_line(&memo, tok->word[i].hash)]);
    }
    bool learnt = false;
    for (size_t i = recall_words(tok, 0, n, out); i < n; i = recall_words(tok, i, n, out)) {
        const struct word *w = &tok->word[i];
        from = i > 0 ? tok->end[i - 1] : 0;
        const unsigned char *word = text + from;
        size_t size = tok->end[i] - from;
        if (!learnt) {
            learn(tok, text, from, i, n);
            learnt = true;
            continue;
        }
        enum lp_status status = encode_word(tok, w, word, size, out);
        if (status != LP_OK)
            return status;
        i++;
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
    *status =
        tok->running ? lp_bpe_run_push(&tok->run, text, size, out) : end_run(tok, text, size, out);
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
