/* batch.c - a batch of pretokens to ids.
 *
 * Most pretokens are in the memo's table, and their ids are copied from there, one pretoken
 * after the other. Those that are not leave gaps. The gaps' pretokens are then looked up in
 * the vocabulary or merged, all together and in steps, so that their cache misses overlap.
 * The memo learns them, and their ids go into the gaps. */
#include "tokens/batch.h"

#include "base/xxh64.h"

bool lp_batch_init(struct lp_batch *b, const struct lp_vocab *v)
{
    b->v = v;
    lp_merge_giant_init(&b->giant, v);
    return lp_memo_new(&b->memo);
}

void lp_batch_free(struct lp_batch *b)
{
    lp_merge_giant_free(&b->giant);
    lp_memo_free(&b->memo);
}

void lp_batch_reset(struct lp_batch *b)
{
    if (b->giant.text.n == 0)
        return;
    lp_merge_giant_free(&b->giant);
    lp_merge_giant_init(&b->giant, b->v);
}

/* --- Keys -------------------------------------------------------------------------- */

/* The key of n <= LP_KEY_TEXT_MAX bytes. LP_KEY_SIZE bytes are readable. */
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

static inline bool is_short(const struct lp_batch_key *k)
{
    return k->key.b != 0;
}

static inline bool is_giant(const struct lp_batch_key *k)
{
    return k->key.b == 0 && k->key.a != 0;
}

static struct lp_batch_key long_key(const unsigned char *text, size_t n)
{
    if (n > LP_MERGE_MAX)
        return (struct lp_batch_key){.key.a = 1};
    return (struct lp_batch_key){.hash = lp_xxh64(text, n, 0)};
}

/* Where pretoken i begins, and its size. */
static inline size_t pretoken_at(const struct lp_batch *b, size_t i, size_t *size)
{
    size_t from = i > 0 ? b->end[i - 1] : 0;
    *size = b->end[i] - from;
    return from;
}

/* Computes the keys of the batch and prefetches their cache lines of the memo. */
static void find_keys(struct lp_batch *b, const unsigned char *text, size_t n)
{
    const struct lp_memo memo = b->memo; /* a copy stays in registers: no store can alias it */
    size_t from = 0;
    for (size_t i = 0; i < n; from = b->end[i++]) {
        struct lp_batch_key *k = &b->key[i];
        size_t size = b->end[i] - from;
        if (size > LP_KEY_TEXT_MAX) {
            *k = long_key(text + from, size);
            LP_PREFETCH(&memo.index[lp_memo_ring_set(&memo, k->hash)]);
            continue;
        }
        struct lp_key key = load_key(text + from, size);
        uint64_t hash = lp_key_hash(key);
        LP_PREFETCH(memo.line[lp_memo_line(&memo, hash)]);
        k->key = key;
        k->hash = hash;
    }
}

/* --- From the memo ----------------------------------------------------------------- */

/* Lists pretoken i as a gap. If it may be in the memo's ring, prefetches it there: known is its
 * entry in the table, or NULL. */
static inline void add_gap(struct lp_batch *b, size_t i, const struct lp_memo_entry *known,
                           struct lp_batch_gap *gap)
{
    const struct lp_batch_key *k = &b->key[i];
    gap->pretoken = (uint32_t)i;
    gap->nids = 0;
    gap->position = LP_RING_NONE;
    if (known != NULL)
        gap->position = lp_memo_position(known);
    if (known != NULL || !is_short(k)) {
        uint64_t guess = known != NULL ? gap->position : lp_memo_ring_guess(&b->memo, k->hash);
        LP_PREFETCH(lp_memo_ring_at(&b->memo, guess));
    }
}

/* Writes the ids of the pretokens that are in the memo's table, and lists the others as gaps.
 * Returns the number of ids. */
static size_t recall(struct lp_batch *b, size_t n, uint32_t *ids, size_t *ngaps)
{
    const struct lp_memo memo = b->memo;
    uint32_t *const first = ids;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct lp_batch_key *k = &b->key[i];
        const struct lp_memo_entry *known = lp_memo_find(&memo, k->key, k->hash);
        if (known == NULL || known->ids[0] < 1u << LP_MEMO_COUNT) {
            b->gap[count].at = (uint32_t)(ids - first);
            add_gap(b, i, known, &b->gap[count++]);
            continue;
        }
        uint32_t id = known->ids[0];
        memcpy(ids, known->ids, sizeof known->ids); /* a fixed size is one store */
        ids[0] = id & LP_NO_ID;
        ids += id >> LP_MEMO_COUNT;
    }
    *ngaps = count;
    return (size_t)(ids - first);
}

/* --- From the vocabulary ----------------------------------------------------------- */

/* Puts a pretoken's ids into its gap and into the memo. */
static void remember(struct lp_batch *b, struct lp_batch_gap *gap, const unsigned char *text,
                     size_t n, const uint32_t *ids, size_t nids)
{
    const struct lp_batch_key *k = &b->key[gap->pretoken];
    if (nids <= LP_MEMO_IDS) {
        memcpy(gap->ids, ids, nids * sizeof *ids);
        gap->nids = (uint32_t)nids;
    }
    if (is_short(k))
        gap->position = lp_memo_put(&b->memo, k->key, k->hash, ids, nids);
    else
        gap->position = lp_memo_ring_put(&b->memo, text, n, k->hash, ids, nids);
}

/* The token that has just these bytes, or LP_NO_ID. entry: from lp_vocab_entry(). */
static uint32_t find_token(const struct lp_vocab *v, const struct lp_batch_key *k,
                           const uint32_t *entry, const unsigned char *text, size_t n)
{
    return is_short(k) ? lp_vocab_entry_id(v, entry, k->key)
                       : lp_vocab_find_long(v, text, n, k->hash);
}

/* Finds the long gaps in the memo's ring. Lists the gaps that the memo does not have, and
 * prefetches their entries of the vocabulary. Returns their number. */
static size_t list_unknown(struct lp_batch *b, const unsigned char *text, size_t ngaps)
{
    size_t n = 0, size;
    for (size_t i = 0; i < ngaps; i++) {
        struct lp_batch_gap *gap = &b->gap[i];
        const struct lp_batch_key *k = &b->key[gap->pretoken];
        if (is_giant(k))
            continue;
        if (!is_short(k)) {
            size_t from = pretoken_at(b, gap->pretoken, &size);
            gap->position = lp_memo_ring_find(&b->memo, text + from, size, k->hash);
        }
        if (lp_memo_ring_ids(&b->memo, gap->position, &size) != NULL)
            continue;
        b->unknown[n++] = gap;
        if (is_short(k)) {
            gap->entry = lp_vocab_entry(b->v, k->key, k->hash);
            LP_PREFETCH(gap->entry);
            LP_PREFETCH(gap->entry + LP_KEY_ENTRY - 1);
        }
    }
    return n;
}

/* Merges the first n unknown pretokens and puts them into the memo. */
static void learn_merged(struct lp_batch *b, const unsigned char *text, size_t n)
{
    struct lp_merging *m = b->merging;
    for (size_t i = 0; i < n;) {
        size_t count = n - i < LP_MERGE_BATCH ? n - i : LP_MERGE_BATCH;
        for (size_t k = 0; k < count; k++)
            m[k].text = text + pretoken_at(b, b->unknown[i + k]->pretoken, &m[k].n);
        if (!lp_merge_pretokens(b->v, m, count))
            return;
        for (size_t k = 0; k < count; k++, i++)
            remember(b, b->unknown[i], m[k].text, m[k].n, m[k].ids, m[k].nids);
    }
}

/* Finds the ids of the gaps that the memo does not have, and puts them into it. */
static void learn(struct lp_batch *b, const unsigned char *text, size_t ngaps)
{
    size_t n = list_unknown(b, text, ngaps), nmerges = 0, size;
    for (size_t i = 0; i < n; i++) {
        struct lp_batch_gap *gap = b->unknown[i];
        const unsigned char *pretoken = text + pretoken_at(b, gap->pretoken, &size);
        uint32_t id = find_token(b->v, &b->key[gap->pretoken], gap->entry, pretoken, size);
        if (id != LP_NO_ID)
            remember(b, gap, pretoken, size, &id, 1);
        else
            b->unknown[nmerges++] = gap;
    }
    learn_merged(b, text, nmerges);
}

/* --- Gaps -------------------------------------------------------------------------- */

static void append(struct lp_ids *out, const uint32_t *ids, size_t n)
{
    memcpy(out->v + out->n, ids, n * sizeof *ids);
    out->n += n;
}

/* Appends the ids of a gap. If they were in the memo's ring, others of the batch may have
 * overwritten them since. The pretoken is then merged once more. */
static void append_gap(struct lp_batch *b, const struct lp_batch_gap *gap,
                       const unsigned char *text, size_t n, struct lp_ids *out)
{
    size_t nids = gap->nids;
    if (nids > 0) {
        append(out, gap->ids, nids);
        return;
    }
    const uint32_t *ids = lp_memo_ring_ids(&b->memo, gap->position, &nids);
    if (ids != NULL) {
        append(out, ids, nids);
        return;
    }
    uint32_t id = lp_vocab_find(b->v, text, n);
    if (id != LP_NO_ID) {
        append(out, &id, 1);
        return;
    }
    struct lp_merging *m = b->merging;
    m->text = text;
    m->n = n;
    if (lp_merge_pretokens(b->v, m, 1))
        append(out, m->ids, m->nids);
}

/* Fills the gaps: inserts the ids of their pretokens among the nids after out's end. */
static enum lp_status fill(struct lp_batch *b, const unsigned char *text, size_t nids, size_t ngaps,
                           struct lp_ids *out)
{
    size_t from = 0, size;
    memcpy(b->ids, out->v + out->n, nids * sizeof *out->v);
    for (size_t i = 0; i < ngaps; i++) {
        const struct lp_batch_gap *gap = &b->gap[i];
        const unsigned char *pretoken = text + pretoken_at(b, gap->pretoken, &size);
        append(out, b->ids + from, gap->at - from);
        from = gap->at;
        enum lp_status status = LP_OK;
        if (is_giant(&b->key[gap->pretoken]))
            status = lp_batch_giant(b, pretoken, size, true, out);
        else
            append_gap(b, gap, pretoken, size, out);
        if (status != LP_OK)
            return status;
    }
    append(out, b->ids + from, nids - from);
    return LP_OK;
}

enum lp_status lp_batch_giant(struct lp_batch *b, const unsigned char *text, size_t n, bool end,
                              struct lp_ids *out)
{
    enum lp_status status = lp_merge_giant_push(&b->giant, text, n, out);
    return status == LP_OK && end ? lp_merge_giant_end(&b->giant, out) : status;
}

enum lp_status lp_batch_encode(struct lp_batch *b, const unsigned char *text, size_t n,
                               struct lp_ids *out)
{
    if (!lp_ids_reserve(out, b->end[n - 1] + LP_MEMO_IDS)) /* a token has at least one byte */
        return LP_NOMEM;
    size_t ngaps;
    find_keys(b, text, n);
    size_t nids = recall(b, n, out->v + out->n, &ngaps);
    if (ngaps == 0) {
        out->n += nids;
        return LP_OK;
    }
    if (!lp_vocab_expect(b->v, LP_READ_KEYS))
        return LP_BAD_VOCAB;
    learn(b, text, ngaps);
    const enum lp_status status = fill(b, text, nids, ngaps, out);
    return status == LP_OK ? lp_vocab_status(b->v) : status;
}
