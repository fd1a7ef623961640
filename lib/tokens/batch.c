/* batch.c - a batch of words to ids.
 *
 * Most words are in the memo's table: their ids are copied from there, one word
 * after the other, and those that it lacks leave holes. Only then are these looked
 * up in the vocabulary or merged, all together and in steps, so that they wait for
 * memory together; the memo learns them, and the holes are filled. */
#include "tokens/batch.h"

#include "base/xxh64.h"

bool lp_batch_init(struct lp_batch *w, const struct lp_vocab *v)
{
    w->v = v;
    lp_bpe_run_init(&w->run, v);
    return lp_memo_new(&w->memo);
}

void lp_batch_free(struct lp_batch *w)
{
    lp_bpe_run_free(&w->run);
    lp_memo_free(&w->memo);
}

void lp_batch_reset(struct lp_batch *w)
{
    if (w->run.text.n == 0)
        return;
    lp_bpe_run_free(&w->run);
    lp_bpe_run_init(&w->run, w->v);
}

/* --- Words as keys ----------------------------------------------------------------- */

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

static inline bool is_short(const struct lp_word_key *k)
{
    return k->key.b != 0;
}

static inline bool is_giant(const struct lp_word_key *k)
{
    return k->key.b == 0 && k->key.a != 0;
}

/* The same for a word of more bytes. */
static struct lp_word_key long_key(const unsigned char *text, size_t n)
{
    if (n > LP_MERGE_MAX)
        return (struct lp_word_key){.key.a = 1};
    return (struct lp_word_key){.hash = lp_xxh64(text, n, 0)};
}

/* Where word number i begins, and its size. */
static inline size_t word_at(const struct lp_batch *w, size_t i, size_t *size)
{
    size_t from = i > 0 ? w->end[i - 1] : 0;
    *size = w->end[i] - from;
    return from;
}

/* Finds the keys of the batch and begins to fetch what the memo has of them. */
static void find_keys(struct lp_batch *w, const unsigned char *text, size_t n)
{
    const struct lp_memo memo = w->memo; /* in registers: nothing stored can change it */
    size_t from = 0;
    for (size_t i = 0; i < n; from = w->end[i++]) {
        struct lp_word_key *k = &w->word[i];
        size_t size = w->end[i] - from;
        if (size > LP_KEY_TEXT_MAX) {
            *k = long_key(text + from, size);
            LP_PREFETCH(&memo.slot[lp_memo_slot(&memo, k->hash)]);
            continue;
        }
        struct lp_key key = load_key(text + from, size);
        uint64_t hash = lp_key_hash(key);
        LP_PREFETCH(memo.line[lp_memo_line(&memo, hash)]);
        k->key = key;
        k->hash = hash;
    }
}

/* --- What the memo has ------------------------------------------------------------- */

/* Writes the ids of the words that the memo's table has; the others are holes.
 * Returns how many ids. */
static size_t recall(struct lp_batch *w, size_t n, uint32_t *ids, size_t *nholes)
{
    const struct lp_memo memo = w->memo;
    uint32_t *const first = ids;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lp_word_key *k = &w->word[i];
        const struct lp_word *known = lp_memo_find(&memo, k->key, k->hash);
        if (known == NULL || known->ids[0] < 1u << LP_WORD_COUNT) {
            w->hole[count++] = (struct lp_hole){.word = (uint32_t)i, .at = (uint32_t)(ids - first)};
            continue;
        }
        uint32_t id = known->ids[0];
        memcpy(ids, known->ids, sizeof known->ids); /* a fixed size is one store */
        ids[0] = id & LP_NO_ID;
        ids += id >> LP_WORD_COUNT;
    }
    *nholes = count;
    return (size_t)(ids - first);
}

static bool is_known(const struct lp_memo *memo, const struct lp_word_key *k,
                     const unsigned char *text, size_t n)
{
    size_t nids;
    return is_short(k) ? lp_memo_find(memo, k->key, k->hash) != NULL
                       : lp_memo_ring_find(memo, text, n, k->hash, &nids) != NULL;
}

/* --- What it lacks ----------------------------------------------------------------- */

static void remember(struct lp_memo *memo, const struct lp_word_key *k, const unsigned char *text,
                     size_t n, const uint32_t *ids, size_t nids)
{
    bool in_table = is_short(k) && nids <= LP_WORD_IDS;
    if (is_short(k))
        lp_memo_put(memo, k->key, k->hash, ids, in_table ? nids : 0);
    if (!in_table)
        lp_memo_ring_put(memo, text, n, k->hash, ids, nids);
}

/* The token that a word is, or LP_NO_ID. place: of lp_vocab_place(). */
static uint32_t find_token(const struct lp_vocab *v, const struct lp_word_key *k,
                           const uint32_t *place, const unsigned char *text, size_t n)
{
    return is_short(k) ? lp_vocab_there(v, place, k->key) : lp_vocab_find_long(v, text, n, k->hash);
}

/* Begins to look up the holes' words that the memo does not know at all; how many. */
static size_t ask(struct lp_batch *w, const unsigned char *text, size_t nholes)
{
    const struct lp_vocab *v = w->v;
    size_t n = 0, size;
    for (size_t i = 0; i < nholes; i++) {
        const struct lp_word_key *k = &w->word[w->hole[i].word];
        size_t from = word_at(w, w->hole[i].word, &size);
        if (is_giant(k) || is_known(&w->memo, k, text + from, size))
            continue;
        w->miss[n] = w->hole[i];
        if (is_short(k)) {
            w->miss[n].place = lp_vocab_place(v, k->key, k->hash);
            LP_PREFETCH(w->miss[n].place);
            LP_PREFETCH(w->miss[n].place + LP_KEY_ENTRY - 1);
        }
        n++;
    }
    return n;
}

/* Merges the first n words missed, and the memo learns them. */
static void learn_merged(struct lp_batch *w, const unsigned char *text, size_t n)
{
    struct lp_merging *m = w->merging;
    for (size_t i = 0; i < n;) {
        size_t count = n - i < LP_MERGING ? n - i : LP_MERGING;
        for (size_t k = 0; k < count; k++)
            m[k].text = text + word_at(w, w->miss[i + k].word, &m[k].n);
        if (!lp_merge_words(w->v, m, count))
            return;
        for (size_t k = 0; k < count; k++, i++)
            remember(&w->memo, &w->word[w->miss[i].word], m[k].text, m[k].n, m[k].ids, m[k].nids);
    }
}

/* The memo learns all words of holes that it lacks. */
static void learn(struct lp_batch *w, const unsigned char *text, size_t nholes)
{
    size_t n = ask(w, text, nholes), nmerges = 0, size;
    for (size_t i = 0; i < n; i++) {
        const struct lp_word_key *k = &w->word[w->miss[i].word];
        const unsigned char *word = text + word_at(w, w->miss[i].word, &size);
        if (is_known(&w->memo, k, word, size))
            continue; /* it came twice */
        uint32_t id = find_token(w->v, k, w->miss[i].place, word, size);
        if (id != LP_NO_ID)
            remember(&w->memo, k, word, size, &id, 1);
        else
            w->miss[nmerges++] = w->miss[i];
    }
    learn_merged(w, text, nmerges);
}

/* --- Holes filled ------------------------------------------------------------------ */

static void append(struct lp_ids *out, const uint32_t *ids, size_t n)
{
    memcpy(out->v + out->n, ids, n * sizeof *ids);
    out->n += n;
}

/* Appends the ids of a word that was just learnt, or was in the ring. Others of its
 * batch may have driven it out again. */
static void append_word(struct lp_batch *w, const struct lp_word_key *k, const unsigned char *text,
                        size_t n, struct lp_ids *out)
{
    const struct lp_word *known = is_short(k) ? lp_memo_find(&w->memo, k->key, k->hash) : NULL;
    size_t nids = known != NULL ? known->ids[0] >> LP_WORD_COUNT : 0;
    if (nids > 0) {
        append(out, known->ids, nids);
        out->v[out->n - nids] &= LP_NO_ID;
        return;
    }
    const uint32_t *ids = lp_memo_ring_find(&w->memo, text, n, k->hash, &nids);
    if (ids != NULL) {
        append(out, ids, nids);
        return;
    }
    uint32_t id = lp_vocab_find(w->v, text, n);
    if (id != LP_NO_ID) {
        append(out, &id, 1);
        return;
    }
    struct lp_merging *m = w->merging;
    m->text = text;
    m->n = n;
    if (lp_merge_words(w->v, m, 1))
        append(out, m->ids, m->nids);
}

/* The nids at the end of out get what belongs between them. */
static enum lp_status fill(struct lp_batch *w, const unsigned char *text, size_t nids,
                           size_t nholes, struct lp_ids *out)
{
    size_t from = 0, size;
    memcpy(w->ids, out->v + out->n, nids * sizeof *out->v);
    for (size_t i = 0; i < nholes; i++) {
        const struct lp_hole *hole = &w->hole[i];
        const struct lp_word_key *k = &w->word[hole->word];
        const unsigned char *word = text + word_at(w, hole->word, &size);
        append(out, w->ids + from, hole->at - from);
        from = hole->at;
        enum lp_status status = LP_OK;
        if (is_giant(k))
            status = lp_batch_giant(w, word, size, true, out);
        else
            append_word(w, k, word, size, out);
        if (status != LP_OK)
            return status;
    }
    append(out, w->ids + from, nids - from);
    return LP_OK;
}

enum lp_status lp_batch_giant(struct lp_batch *w, const unsigned char *text, size_t n, bool end,
                              struct lp_ids *out)
{
    enum lp_status status = lp_bpe_run_push(&w->run, text, n, out);
    return status == LP_OK && end ? lp_bpe_run_end(&w->run, out) : status;
}

enum lp_status lp_batch_encode(struct lp_batch *w, const unsigned char *text, size_t n,
                               struct lp_ids *out)
{
    if (!lp_ids_reserve(out, w->end[n - 1] + LP_WORD_IDS)) /* an id has a byte at least */
        return LP_NOMEM;
    size_t nholes;
    find_keys(w, text, n);
    size_t nids = recall(w, n, out->v + out->n, &nholes);
    if (nholes == 0) {
        out->n += nids;
        return LP_OK;
    }
    if (!lp_vocab_expect(w->v, LP_READ_KEYS))
        return LP_BAD_VOCAB;
    learn(w, text, nholes);
    const enum lp_status status = fill(w, text, nids, nholes, out);
    return status == LP_OK ? lp_vocab_status(w->v) : status;
}
