#include "bpe.h"

bool lp_ids_reserve(struct lp_ids *ids, size_t n)
{
    if (n <= ids->cap - ids->n)
        return true;
    size_t cap = ids->cap + ids->cap / 2;
    if (cap < ids->n + n)
        cap = ids->n + n;
    uint32_t *v = cap > SIZE_MAX / sizeof *v ? NULL : realloc(ids->v, cap * sizeof *v);
    if (v == NULL)
        return false;
    ids->v = v;
    ids->cap = cap;
    return true;
}

/* --- Short pretokens: merging ------------------------------------------------- */

enum { BLOCK = LP_MERGE_BLOCK, PLACE_BITS = 8, NO_MERGE = INT32_MAX };

static inline int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline void find_least(struct lp_merging *m, size_t place)
{
    const int32_t *at = m->at + place / BLOCK * BLOCK;
    int32_t least[4] = {at[0], at[1], at[2], at[3]}; /* four at once: no waiting for one another */
    for (size_t i = 4; i < BLOCK; i += 4) {
        for (size_t k = 0; k < 4; k++)
            least[k] = lesser(least[k], at[i + k]);
    }
    m->least[place / BLOCK] = lesser(lesser(least[0], least[1]), lesser(least[2], least[3]));
}

static inline void put_merge(struct lp_merging *m, size_t place, uint32_t id)
{
    m->at[place] = id == LP_NO_ID ? NO_MERGE : (int32_t)(id << PLACE_BITS | (uint32_t)place);
}

/* Begins to fetch what two neighbours merge to. */
static inline void ask(const struct lp_vocab *v, struct lp_merging *m, size_t left, size_t right)
{
    struct lp_pair_place asked = lp_vocab_pair_place(v, m->ids[left], m->ids[right]);
    LP_PREFETCH(asked.entry);
    m->asked_by[m->nasked] = (uint8_t)left;
    m->asked[m->nasked++] = asked;
}

static void begin(const struct lp_vocab *v, struct lp_merging *m)
{
    size_t n = m->n, nblocks = (n + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < n; i++) {
        m->ids[i] = v->byte_id[m->text[i]];
        m->next[i] = (uint8_t)(i + 1);
        m->before[(i + 1) % LP_BPE_SHORT] = (uint8_t)i;
    }
    m->next[n - 1] = 0;
    for (size_t i = 0; i + 1 < n; i++)
        put_merge(m, i, v->byte_pair[m->text[i] << 8 | m->text[i + 1]]);
    for (size_t i = n - 1; i < nblocks * BLOCK; i++)
        m->at[i] = NO_MERGE;
    for (size_t i = 0; i < nblocks; i++)
        find_least(m, i * BLOCK);
    m->nasked = 0;
}

/* Takes the answers to what was asked, then makes the next merge and asks about
 * its neighbours. False when there is none. */
static bool step(const struct lp_vocab *v, struct lp_merging *m)
{
    size_t nblocks = (m->n + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < m->nasked; i++) {
        put_merge(m, m->asked_by[i], lp_vocab_pair_there(m->asked[i]));
        find_least(m, m->asked_by[i]);
    }
    m->nasked = 0;
    int32_t least = m->least[0];
    for (size_t i = 1; i < nblocks; i++)
        least = lesser(least, m->least[i]);
    if (least == NO_MERGE)
        return false;
    size_t left = (uint32_t)least & ((1u << PLACE_BITS) - 1), gone = m->next[left];
    size_t right = m->next[gone];
    m->ids[left] = (uint32_t)least >> PLACE_BITS;
    m->at[left] = m->at[gone] = NO_MERGE;
    m->next[left] = (uint8_t)right;
    if (right != 0) {
        m->before[right] = (uint8_t)left;
        ask(v, m, left, right);
    }
    if (left != 0)
        ask(v, m, m->before[left], left);
    find_least(m, left);
    if (nblocks > 1)
        find_least(m, gone);
    return true;
}

void lp_bpe_merge(const struct lp_vocab *v, struct lp_merging *words, size_t n)
{
    struct lp_merging *active[LP_MERGING];
    for (size_t i = 0; i < n; i++) {
        active[i] = &words[i];
        begin(v, active[i]);
    }
    for (size_t left = n; left > 0;) {
        for (size_t i = 0; i < left;) {
            if (step(v, active[i]))
                i++;
            else
                active[i] = active[--left];
        }
    }
    for (size_t i = 0; i < n; i++) {
        struct lp_merging *m = &words[i];
        size_t place = 0;
        m->nids = 0;
        do {
            m->ids[m->nids++] = m->ids[place];
            place = m->next[place];
        } while (place != 0);
    }
}

/* --- Long ones: all prefixes ----------------------------------------------------- */

/* Whether merging would keep these two tokens side by side. Undoes their merges,
 * the latest first: at no step may a merge across the border have come earlier
 * than the merge just undone. Of equal merges the one further left comes first. */
static bool stays_apart(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    uint32_t limit = LP_NO_ID; /* a merge across the border below this came first */
    for (;;) {
        if (lp_vocab_pair(v, left, right) < limit)
            return false;
        if (left > right) {
            limit = left;
            left = v->split[2 * (size_t)left + 1];
            if (left != limit)
                continue;
        }
        uint32_t half = v->split[2 * (size_t)right];
        if (half == right)
            return true; /* single bytes have the least ids: left is one too */
        limit = right + 1;
        right = half;
    }
}

void lp_bpe_run_init(struct lp_bpe_run *run, const struct lp_vocab *v)
{
    *run = (struct lp_bpe_run){.v = v, .before = LP_NO_ID};
}

void lp_bpe_run_free(struct lp_bpe_run *run)
{
    lp_buf_free(&run->text);
    free(run->last);
    free(run->live);
    free(run->known);
}

/* Makes last and live reach prefixes of size bytes. */
static bool reserve(struct lp_bpe_run *run, size_t size)
{
    if (size < run->cap)
        return true;
    size_t cap = run->cap + run->cap / 2 > size + 1 ? run->cap + run->cap / 2 : size + 1;
    uint32_t *last = realloc(run->last, cap * sizeof *last);
    if (last != NULL)
        run->last = last;
    unsigned char *live = realloc(run->live, cap);
    if (live != NULL)
        run->live = live;
    if (last == NULL || live == NULL)
        return false;
    for (size_t i = run->cap; i < cap; i++)
        run->last[i] = LP_NO_ID;
    memset(run->live + run->cap, 0, cap - run->cap);
    run->cap = cap;
    return true;
}

static size_t token_size(const struct lp_vocab *v, uint32_t id)
{
    return v->offset[id + 1] - v->offset[id];
}

enum { KNOWN_LOG = 13 }; /* pairs remembered: runs of one character ask for few, often */

static bool stay_apart(struct lp_bpe_run *run, uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << LP_ID_BITS | right;
    uint64_t *known = &run->known[lp_pair_hash(left, right) >> (64 - KNOWN_LOG)];
    if (*known >> 1 != pair + 1) /* zero is none */
        *known = (pair + 1) << 1 | stays_apart(run->v, left, right);
    return *known & 1;
}

/* A prefix has one last token: others need no look. */
static void extend_by(struct lp_bpe_run *run, uint32_t id, size_t size)
{
    uint32_t before = run->done == 0 ? run->before : run->last[run->done];
    uint32_t *last = &run->last[run->done + size];
    if (*last == LP_NO_ID && (before == LP_NO_ID || stay_apart(run, before, id)))
        *last = id;
}

/* Bytes that a token and a text of n bytes begin with both. */
static size_t in_common(const struct lp_vocab *v, uint32_t id, const unsigned char *text, size_t n)
{
    const unsigned char *token = v->bytes + v->offset[id];
    size_t size = token_size(v, id), i = 0;
    if (n > size)
        n = size;
    while (i < n && token[i] == text[i])
        i++;
    return i;
}

/* The longest token of two bytes and more that text begins with, as its place
 * among the sorted ones, or LP_NO_ID. It is the last one not above text, or one
 * that this begins with. */
static uint32_t longest_token(const struct lp_vocab *v, const unsigned char *text, size_t n)
{
    uint32_t two = (uint32_t)text[0] << 8 | text[1], first = v->start[two];
    uint32_t low = first, high = v->start[two + 1];
    size_t common = 0; /* of text and the token before low */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, id = v->sorted[middle];
        size_t same = in_common(v, id, text, n), size = token_size(v, id);
        if (same == size || (same < n && v->bytes[v->offset[id] + same] < text[same])) {
            low = middle + 1;
            common = same;
        } else {
            high = middle;
        }
    }
    uint32_t at = low > first ? low - 1 : (uint32_t)LP_NO_ID;
    while (at != LP_NO_ID && token_size(v, v->sorted[at]) > common)
        at = v->prefix[at];
    return at;
}

/* Extends the prefix of run->done bytes by each token that may follow, the
 * longest first, as far as they reach prefixes that have no last token yet. */
static void extend(struct lp_bpe_run *run)
{
    const struct lp_vocab *v = run->v;
    const unsigned char *text = run->text.p + run->done;
    size_t n = run->text.n - run->done;
    if (run->open <= run->done)
        run->open = run->done + 1;
    uint32_t at = n < 2 ? (uint32_t)LP_NO_ID : longest_token(v, text, n);
    for (; at != LP_NO_ID; at = v->prefix[at]) {
        uint32_t id = v->sorted[at];
        size_t size = token_size(v, id);
        if (run->done + size < run->open)
            break;
        extend_by(run, id, size);
    }
    extend_by(run, v->byte_id[text[0]], 1);
    while (run->open < run->text.n && run->last[run->open] != LP_NO_ID)
        run->open++;
}

/* Appends the encoding of the first size bytes and takes them from the run. */
static enum lp_status give_out(struct lp_bpe_run *run, size_t size, struct lp_ids *ids)
{
    size_t n = 0;
    for (size_t at = size; at > 0; at -= token_size(run->v, run->last[at]))
        n++;
    if (!lp_ids_reserve(ids, n))
        return LP_NOMEM;
    uint32_t *out = ids->v + ids->n + n;
    for (size_t at = size; at > 0; at -= token_size(run->v, run->last[at]))
        *--out = run->last[at];
    ids->n += n;
    if (size > 0)
        run->before = run->last[size];
    size_t kept = run->cap - size;
    memmove(run->last, run->last + size, kept * sizeof *run->last);
    for (size_t i = kept; i < run->cap; i++)
        run->last[i] = LP_NO_ID;
    lp_buf_drop(&run->text, size);
    run->done -= size;
    run->open -= run->open < size ? run->open : size;
    return LP_OK;
}

/* Gives out what all encodings that are still possible have in common. Each goes
 * through one of the prefixes that a token from a done prefix reaches. */
static enum lp_status settle(struct lp_bpe_run *run, struct lp_ids *ids)
{
    size_t count = 0, top = run->done + run->v->file->token_max;
    if (top > run->text.n)
        top = run->text.n;
    for (size_t at = run->done; at <= top; at++) {
        run->live[at] = at == 0 || run->last[at] != LP_NO_ID;
        count += run->live[at];
    }
    size_t at = top;
    for (; count > 1; at--) {
        if (!run->live[at])
            continue;
        size_t parent = at - token_size(run->v, run->last[at]);
        run->live[at] = 0;
        count -= run->live[parent];
        run->live[parent] = 1;
    }
    while (!run->live[at])
        at--;
    run->live[at] = 0;
    return give_out(run, at, ids);
}

enum lp_status lp_bpe_run_push(struct lp_bpe_run *run, const unsigned char *text, size_t n,
                               struct lp_ids *ids)
{
    enum { SETTLE = 16 << 10 }; /* prefixes between two attempts to settle */
    size_t token_max = run->v->file->token_max;
    if (run->known == NULL)
        run->known = calloc((size_t)1 << KNOWN_LOG, sizeof *run->known);
    if (run->known == NULL)
        return LP_NOMEM;
    while (n > 0) {
        size_t piece = n < SETTLE ? n : SETTLE;
        if (!lp_buf_append(&run->text, text, piece) || !reserve(run, run->text.n + token_max))
            return LP_NOMEM;
        text += piece;
        n -= piece;
        while (run->text.n - run->done >= token_max)
            extend(run), run->done++;
        if (run->done >= SETTLE) {
            enum lp_status status = settle(run, ids);
            if (status != LP_OK)
                return status;
        }
    }
    return LP_OK;
}

enum lp_status lp_bpe_run_end(struct lp_bpe_run *run, struct lp_ids *ids)
{
    for (; run->done < run->text.n; run->done++)
        extend(run);
    enum lp_status status = give_out(run, run->text.n, ids);
    run->text.n = run->done = run->open = 0;
    run->before = LP_NO_ID;
    return status;
}
