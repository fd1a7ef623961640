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
