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

/* The merges that can be made, by the place of their left part: the token made,
 * which is their order too, and that place. Blocks of them know their least. */
enum { BLOCK = 16, BLOCKS = LP_BPE_SHORT / BLOCK, PLACE_BITS = 8, NO_MERGE = INT32_MAX };

struct merges {
    int32_t at[LP_BPE_SHORT], least[BLOCKS];
};

static inline int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline void find_least(struct merges *m, size_t place)
{
    const int32_t *at = m->at + place / BLOCK * BLOCK;
    int32_t least[4] = {at[0], at[1], at[2], at[3]}; /* four at once: no waiting for one another */
    for (size_t i = 4; i < BLOCK; i += 4) {
        for (size_t k = 0; k < 4; k++)
            least[k] = lesser(least[k], at[i + k]);
    }
    m->least[place / BLOCK] = lesser(lesser(least[0], least[1]), lesser(least[2], least[3]));
}

static inline void put_merge(const struct lp_vocab *v, struct merges *m, const uint32_t *ids,
                             size_t left, size_t right)
{
    uint32_t id = lp_vocab_pair(v, ids[left], ids[right]);
    m->at[left] = id == LP_NO_ID ? NO_MERGE : (int32_t)(id << PLACE_BITS | (uint32_t)left);
}

/* A part is known by the place of its first byte. */
size_t lp_bpe_merge(const struct lp_vocab *v, const unsigned char *text, size_t n, uint32_t *ids)
{
    struct merges m;
    uint16_t next[LP_BPE_SHORT], before[LP_BPE_SHORT + 1];
    size_t nblocks = (n + BLOCK - 1) / BLOCK;
    for (size_t i = 0; i < n; i++) {
        ids[i] = v->byte_id[text[i]];
        next[i] = (uint16_t)(i + 1);
        before[i + 1] = (uint16_t)i;
    }
    for (size_t i = 0; i + 1 < n; i++)
        put_merge(v, &m, ids, i, i + 1);
    for (size_t i = n - 1; i < nblocks * BLOCK; i++)
        m.at[i] = NO_MERGE;
    for (size_t i = 0; i < nblocks; i++)
        find_least(&m, i * BLOCK);
    for (;;) {
        int32_t least = m.least[0];
        for (size_t i = 1; i < nblocks; i++)
            least = lesser(least, m.least[i]);
        if (least == NO_MERGE)
            break;
        size_t left = (uint32_t)least & ((1u << PLACE_BITS) - 1), gone = next[left];
        size_t right = next[gone];
        ids[left] = (uint32_t)least >> PLACE_BITS;
        m.at[left] = m.at[gone] = NO_MERGE;
        next[left] = (uint16_t)right;
        before[right] = (uint16_t)left;
        if (right < n)
            put_merge(v, &m, ids, left, right);
        if (left > 0) {
            put_merge(v, &m, ids, before[left], left);
            find_least(&m, before[left]);
        }
        find_least(&m, left);
        if (nblocks > 1)
            find_least(&m, gone);
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i = next[i])
        ids[count++] = ids[i];
    return count;
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

static void extend_by(struct lp_bpe_run *run, uint32_t id, size_t size)
{
    uint32_t before = run->done == 0 ? run->before : run->last[run->done];
    if (before == LP_NO_ID || stays_apart(run->v, before, id))
        run->last[run->done + size] = id;
}

/* Extends the prefix of run->done bytes by each token that may follow. Those
 * that begin like the text lie together in the sorted list; each further byte
 * narrows it, and a token that ends there is the first. */
static void extend(struct lp_bpe_run *run)
{
    const struct lp_vocab *v = run->v;
    const unsigned char *text = run->text.p + run->done;
    size_t n = run->text.n - run->done;
    extend_by(run, v->byte_id[text[0]], 1);
    if (n < 2)
        return;
    uint32_t prefix = (uint32_t)text[0] << 8 | text[1];
    uint32_t from = v->start[prefix], to = v->start[prefix + 1];
    for (size_t depth = 2; from < to; depth++) {
        if (token_size(v, v->sorted[from]) == depth)
            extend_by(run, v->sorted[from++], depth);
        if (depth == n)
            return;
        uint32_t low = from, high = to;
        while (low < high) { /* the first with a byte at depth not below the text's */
            uint32_t middle = low + (high - low) / 2;
            if (v->bytes[v->offset[v->sorted[middle]] + depth] < text[depth])
                low = middle + 1;
            else
                high = middle;
        }
        from = low;
        high = to;
        while (low < high) { /* the first with one above it */
            uint32_t middle = low + (high - low) / 2;
            if (v->bytes[v->offset[v->sorted[middle]] + depth] <= text[depth])
                low = middle + 1;
            else
                high = middle;
        }
        to = low;
    }
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
    run->text.n = run->done = 0;
    run->before = LP_NO_ID;
    return status;
}
