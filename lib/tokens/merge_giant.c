/* merge_giant.c - byte pair encoding of a giant pretoken: block by block, each from shortly before
 * the end of the last one.
 *
 * Two tokens fit if merging their bytes gives just these two tokens. A sequence of tokens is the
 * encoding of its bytes if and only if every two neighbours fit. So it does not matter how the
 * tokens have been found. And the last token of the encoding up to a place determines all of that
 * encoding: what is before that token is the encoding up to where it begins.
 *
 * Merging a block finds the right tokens except for some at its end, which depend on the text
 * that follows. The next block begins before those. Where a token begins in both blocks and fits
 * the token before it in the last block, the new block's tokens from there on are right.
 *
 * If there is no such place, the encoder takes steps: from each place whose last token is known,
 * every token that the text continues with and that fits is the last token of the place where it
 * ends. Started far enough back, this finds the last tokens of all places in linear time, but
 * slowly.
 *
 * Text is settled up to a place if the encodings up to token_max consecutive places, found by
 * steps, all have a border there: whatever follows, its encoding passes through one of these
 * places. */
#include "tokens/merge_giant.h"

enum {
    UNKNOWN = -1,     /* in last; LP_NO_ID there says that no token is before the place */
    FIT_LOG = 13,     /* entries of the cache of pairs */
    BACK = 4,         /* tokens at a block's end that may be wrong (more rarely are), */
    BACK_SIZE = 192,  /* and their bytes at most: less than a block, to make progress */
    BLOCK_SHARE = 16, /* a block's size, in multiples of the bytes it goes back */
    BLOCK_MIN = 64,   /* bytes */
    AHEAD = LP_GIANT_BLOCKS * LP_MERGE_MAX, /* bytes of text to wait for */
    PIECE = 16 << 10,                       /* bytes of text taken at once: bounds the text held */
    SETTLE = 32 << 10,                      /* bytes of text before the first try to settle it */
    SETTLE_SHARE = 128, /* the share of it at its end that is examined for that */
};

/* Whether two tokens fit. Undoes their merges, the latest first. They do not fit if at any step a
 * merge across the border ranks before the merge just undone. Of merges of equal rank the leftmost
 * comes first. */
static bool stay_apart(const struct lp_vocab *v, uint32_t left, uint32_t right)
{
    uint32_t limit = LP_NO_ID; /* a merge across the border below this comes first */
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
            return true; /* single bytes have the least ids, so left is one too */
        limit = right + 1;
        right = half;
    }
}

/* --- The tokens that a text begins with -------------------------------------------- */

static size_t token_size(const struct lp_vocab *v, uint32_t id)
{
    return v->offset[id + 1] - v->offset[id];
}

/* The length of the common prefix of a token and a text of n bytes. */
static size_t in_common(const struct lp_vocab *v, uint32_t id, const unsigned char *text, size_t n)
{
    const unsigned char *token = v->bytes + v->offset[id];
    size_t size = token_size(v, id), i = 0;
    if (n > size)
        n = size;
    while (i + 8 <= n && memcmp(token + i, text + i, 8) == 0)
        i += 8;
    while (i < n && token[i] == text[i])
        i++;
    return i;
}

/* The longest token that text begins with. A binary search finds the last of the sorted tokens
 * that is not greater than text; it, or one of its prefixes (v->prefix), is the longest. */
static uint32_t longest_token(const struct lp_vocab *v, const unsigned char *text, size_t n)
{
    if (n < 2)
        return v->byte_id[text[0]];
    uint32_t two = (uint32_t)text[0] << 8 | text[1], first = v->start[two];
    uint32_t low = first, high = v->start[two + 1];
    size_t common = 0; /* prefix of text and the token before low */
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
    if (low == first)
        return v->byte_id[text[0]];
    uint32_t id = v->sorted[low - 1];
    while (id != LP_NO_ID && token_size(v, id) > common)
        id = v->prefix[id];
    return id != LP_NO_ID ? id : v->byte_id[text[0]];
}

/* --- Places ------------------------------------------------------------------------- */

void lp_merge_giant_init(struct lp_merge_giant *g, const struct lp_vocab *v)
{
    *g = (struct lp_merge_giant){.v = v, .back = BACK, .settle = SETTLE};
}

void lp_merge_giant_free(struct lp_merge_giant *g)
{
    lp_buf_free(&g->text);
    free(g->last);
    free(g->fit);
}

/* Appends text and makes room for its places. */
static bool take(struct lp_merge_giant *g, const unsigned char *text, size_t n)
{
    if (g->fit == NULL)
        g->fit = calloc((size_t)1 << FIT_LOG, sizeof *g->fit);
    if (g->fit == NULL || !lp_buf_append(&g->text, text, n))
        return false;
    if (g->text.cap < g->cap)
        return true;
    size_t cap = g->text.cap + 1;
    uint32_t *last = cap > SIZE_MAX / sizeof *last ? NULL : realloc(g->last, cap * sizeof *last);
    if (last == NULL)
        return false;
    for (size_t i = g->cap; i < cap; i++)
        last[i] = (uint32_t)UNKNOWN;
    if (g->cap == 0)
        last[0] = LP_NO_ID;
    g->last = last;
    g->cap = cap;
    return true;
}

static bool is_known(const struct lp_merge_giant *g, size_t place)
{
    return g->last[place] != (uint32_t)UNKNOWN;
}

static void put_last(struct lp_merge_giant *g, size_t place, uint32_t id)
{
    g->last[place] = id;
    if (place > g->reach)
        g->reach = place;
}

/* Where the last token of a known place begins. */
static size_t before(const struct lp_merge_giant *g, size_t place)
{
    return place - token_size(g->v, g->last[place]);
}

/* Where the last ntokens tokens of a known place begin, or fewer, of at most size bytes. */
static size_t go_back(const struct lp_merge_giant *g, size_t place, size_t ntokens, size_t size)
{
    size_t at = place;
    for (; ntokens > 0 && at > 0 && place - before(g, at) <= size; ntokens--)
        at = before(g, at);
    return at;
}

static bool fit(struct lp_merge_giant *g, uint32_t left, uint32_t right)
{
    if (left == LP_NO_ID)
        return true;
    uint64_t pair = (uint64_t)left << LP_ID_BITS | right;
    uint64_t *known = &g->fit[lp_pair_hash(left, right) >> (64 - FIT_LOG)];
    if (*known >> 1 != pair + 1) /* 0 is an empty entry */
        *known = (pair + 1) << 1 | stay_apart(g->v, left, right);
    return *known & 1;
}

/* --- Steps -------------------------------------------------------------------------- */

/* Takes the steps from a known place, the longest token first, to places that are not before
 * open. */
static void step(struct lp_merge_giant *g, size_t place)
{
    const struct lp_vocab *v = g->v;
    if (g->open <= place)
        g->open = place + 1;
    uint32_t id = longest_token(v, g->text.p + place, g->text.n - place);
    for (; id != LP_NO_ID; id = v->prefix[id]) {
        size_t end = place + token_size(v, id);
        if (end < g->open)
            break;
        if (!is_known(g, end) && fit(g, g->last[place], id))
            put_last(g, end, id);
    }
    while (g->open <= g->reach && is_known(g, g->open))
        g->open++;
}

static void step_all(struct lp_merge_giant *g, size_t from, size_t to)
{
    g->open = 0;
    for (size_t place = from; place < to; place++) {
        if (is_known(g, place))
            step(g, place);
    }
}

/* --- Blocks ------------------------------------------------------------------------- */

/* Whether the tokens of a merged block have as many bytes as the block: a vocabulary can pass all
 * checks and yet be contrived. */
static bool is_block(const struct lp_vocab *v, const struct lp_merging *m)
{
    size_t size = 0;
    for (size_t i = 0; i < m->nids; i++) {
        if (token_size(v, m->ids[i]) == 0)
            return false;
        size += token_size(v, m->ids[i]);
    }
    return size == m->n;
}

/* Joins a merged block that begins at a place to the known encoding, at the first border of both
 * where the tokens fit. False if there is none. */
static bool join(struct lp_merge_giant *g, size_t place, const struct lp_merging *m)
{
    if (!is_block(g->v, m))
        return false;
    for (size_t i = 0; i < m->nids; place += token_size(g->v, m->ids[i++])) {
        if (!is_known(g, place) || !fit(g, g->last[place], m->ids[i]))
            continue;
        for (; i < m->nids; i++)
            put_last(g, place += token_size(g->v, m->ids[i]), m->ids[i]);
        return true;
    }
    return false;
}

/* Merges the block at a place. If tokens are short, it also merges some blocks ahead, each of
 * which overlaps the one before. Repetitive text repeats from token border to token border, so
 * the block may have the text of the last one, which is then not merged again. Returns the number
 * of blocks, 0 when the vocabulary is damaged; they begin *pace bytes apart. */
static size_t merge_blocks(struct lp_merge_giant *g, size_t place, size_t end, size_t *pace)
{
    struct lp_merging *m = g->merging;
    size_t doubtful = g->reach - place, size = doubtful * BLOCK_SHARE, count = 0;
    size_t most = size <= LP_MERGE_MAX ? LP_GIANT_BLOCKS : 1;
    if (size < BLOCK_MIN)
        size = BLOCK_MIN;
    if (size > LP_MERGE_MAX)
        size = LP_MERGE_MAX;
    *pace = size - 2 * size / BLOCK_SHARE;
    for (; count < most && place < end; place += *pace) {
        m[count].text = g->text.p + place;
        m[count++].n = end - place < size ? end - place : size;
    }
    if (g->block_size == m->n && memcmp(g->block, m->text, m->n) == 0)
        return 1;
    if (!lp_merge_pretokens(g->v, m, count))
        return 0;
    g->block_size = m->n;
    memcpy(g->block, m->text, m->n);
    return count;
}

/* Plans steps from twice as far back as last time, and as far ahead, so that their number stays
 * proportional to the text. */
static enum lp_status step_back(struct lp_merge_giant *g)
{
    if (g->step_from > g->reach && g->back / 2 > g->reach)
        return LP_BAD_VOCAB; /* not even from the start: merging never makes these tokens */
    g->step_from = go_back(g, g->reach, g->back, SIZE_MAX);
    g->step_to = 2 * g->reach - g->step_from + LP_MERGE_MAX;
    g->back *= 2;
    return LP_OK;
}

/* Extends the reach, to end at most, or plans the steps that do so next time. */
static enum lp_status extend(struct lp_merge_giant *g, size_t end)
{
    size_t to = g->step_to < end ? g->step_to : end;
    if (g->step_from < to) {
        step_all(g, g->step_from, to);
        g->step_from = to;
    }
    size_t place = go_back(g, g->reach, BACK, BACK_SIZE), pace;
    if (place >= end)
        return LP_OK;
    size_t count = merge_blocks(g, place, end, &pace);
    if (count == 0)
        return LP_BAD_VOCAB;
    if (!join(g, place, &g->merging[0]))
        return step_back(g);
    for (size_t i = 1; i < count; i++) {
        if (!join(g, place + i * pace, &g->merging[i]))
            break;
    }
    g->back = BACK;
    return LP_OK;
}

/* --- Giving out tokens -------------------------------------------------------------- */

/* Appends the encoding up to a place and drops its text. */
static enum lp_status give_out(struct lp_merge_giant *g, size_t place, struct lp_ids *ids)
{
    size_t n = 0;
    for (size_t at = place; at > 0; at = before(g, at))
        n++;
    if (!lp_ids_reserve(ids, n))
        return LP_NOMEM;
    ids->n += n;
    uint32_t *out = ids->v + ids->n;
    for (size_t at = place; at > 0; at = before(g, at))
        *--out = g->last[at];
    size_t kept = g->reach + 1 - place;
    memmove(g->last, g->last + place, kept * sizeof *g->last);
    for (size_t i = kept; i <= g->reach; i++)
        g->last[i] = (uint32_t)UNKNOWN;
    lp_buf_drop(&g->text, place);
    g->reach -= place;
    g->step_from -= g->step_from < place ? g->step_from : place;
    g->step_to -= g->step_to < place ? g->step_to : place;
    return LP_OK;
}

/* Whether the encodings up to the token_max places before end all have a border at a place. */
static bool is_settled(const struct lp_merge_giant *g, size_t place, size_t end)
{
    for (size_t i = 0; i < g->v->header->token_max; i++) {
        size_t at = end - i;
        while (at > place && is_known(g, at))
            at = before(g, at);
        if (at != place)
            return false;
    }
    return true;
}

/* Gives out the tokens up to shortly before the reach, if they are settled. */
static enum lp_status settle(struct lp_merge_giant *g, struct lp_ids *ids)
{
    size_t size = g->settle / SETTLE_SHARE, place = g->reach;
    while (g->reach - place < size)
        place = before(g, place);
    step_all(g, place, place + size);
    if (!is_settled(g, place, place + size)) {
        g->settle *= 2;
        return LP_OK;
    }
    g->settle = SETTLE;
    return give_out(g, place, ids);
}

enum lp_status lp_merge_giant_push(struct lp_merge_giant *g, const unsigned char *text, size_t n,
                                   struct lp_ids *ids)
{
    size_t token_max = g->v->header->token_max; /* bytes, to see every token that may be next */
    enum lp_status status = lp_vocab_expect(g->v, LP_READ_GIANT) ? LP_OK : LP_BAD_VOCAB;
    for (size_t piece; n > 0 && status == LP_OK; text += piece, n -= piece) {
        piece = n < PIECE ? n : PIECE;
        if (!take(g, text, piece))
            return LP_NOMEM;
        while (status == LP_OK && g->text.n - g->reach >= AHEAD + token_max) {
            status = extend(g, g->text.n - token_max);
            if (status == LP_OK && g->reach >= g->settle)
                status = settle(g, ids);
        }
    }
    return status;
}

enum lp_status lp_merge_giant_end(struct lp_merge_giant *g, struct lp_ids *ids)
{
    if (g->text.n == 0)
        return LP_OK;
    enum lp_status status = LP_OK;
    while (status == LP_OK && g->reach < g->text.n)
        status = extend(g, g->text.n);
    if (status == LP_OK)
        status = give_out(g, g->text.n, ids);
    if (status != LP_OK)
        return status;
    g->last[0] = LP_NO_ID;
    g->step_from = g->step_to = 0;
    g->back = BACK;
    g->settle = SETTLE;
    return LP_OK;
}
