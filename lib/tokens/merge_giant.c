/* merge_giant.c - giant words: merged block by block, each from a bit before the last one's end.
 *
 * Two tokens fit if they are the encoding of their bytes: if merging would keep
 * them apart. A sequence of tokens is the encoding of its bytes if and only if each
 * two neighbours fit. So it does not matter how tokens have been found; and the
 * encoding up to a place is known by its last token, as what is before that is the
 * encoding up to another place.
 *
 * Merging a block finds the right tokens but for some at its end, as what follows
 * is not seen. The next block begins before those. If its first token fits to the
 * one there, all tokens are right up to the new block's end; and so on.
 *
 * If not, steps are taken: from each place whose last token is known, each token
 * that the text goes on with and that fits is the last one of the place that it
 * ends at. Begun far enough back this finds the last tokens of all places, in linear
 * time, but slowly.
 *
 * Text is settled up to a place when the encodings up to token_max places in a row,
 * found by steps, all go through it: whatever comes, its encoding goes through one
 * of them. */
#include "tokens/merge_giant.h"

enum {
    UNKNOWN = -1,     /* in last; LP_NO_ID is known: no token before */
    FIT_LOG = 13,     /* pairs remembered */
    BACK = 4,         /* tokens that a block's end may have got wrong, mostly, */
    BACK_SIZE = 192,  /* and their bytes at most: less than a block, to get on */
    BLOCK_SHARE = 16, /* a block's size, in sizes of these */
    BLOCK_MIN = 64,   /* and at least */
    AHEAD = LP_BPE_BLOCKS * LP_MERGE_MAX, /* text to wait for */
    PIECE = 16 << 10,   /* text taken at once, so that what is held grows no further */
    SETTLE = 32 << 10,  /* text before an attempt to give out */
    SETTLE_SHARE = 128, /* the part of it that is looked at for that */
};

/* Whether merging would keep these two tokens side by side. Undoes their merges,
 * the latest first: at no step may a merge across the border have come earlier
 * than the merge just undone. Of equal merges the one further left comes first. */
static bool stay_apart(const struct lp_vocab *v, uint32_t left, uint32_t right)
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

/* --- Tokens that a text begins with ------------------------------------------------ */

static size_t token_size(const struct lp_vocab *v, uint32_t id)
{
    return v->offset[id + 1] - v->offset[id];
}

/* Bytes that a token and a text of n bytes begin with both. */
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

/* The longest token that text begins with: the last one of the sorted ones that is
 * not above text, or one that this begins with. v->prefix leads to the others. */
static uint32_t longest_token(const struct lp_vocab *v, const unsigned char *text, size_t n)
{
    if (n < 2)
        return v->byte_id[text[0]];
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
    if (low == first)
        return v->byte_id[text[0]];
    uint32_t id = v->sorted[low - 1];
    while (id != LP_NO_ID && token_size(v, id) > common)
        id = v->prefix[id];
    return id != LP_NO_ID ? id : v->byte_id[text[0]];
}

/* --- Places ------------------------------------------------------------------------- */

void lp_bpe_run_init(struct lp_bpe_run *run, const struct lp_vocab *v)
{
    *run = (struct lp_bpe_run){.v = v, .back = BACK, .settle = SETTLE};
}

void lp_bpe_run_free(struct lp_bpe_run *run)
{
    lp_buf_free(&run->text);
    free(run->last);
    free(run->fit);
}

/* Takes text and makes room for its places. */
static bool take(struct lp_bpe_run *run, const unsigned char *text, size_t n)
{
    if (run->fit == NULL)
        run->fit = calloc((size_t)1 << FIT_LOG, sizeof *run->fit);
    if (run->fit == NULL || !lp_buf_append(&run->text, text, n))
        return false;
    if (run->text.cap < run->cap)
        return true;
    size_t cap = run->text.cap + 1;
    uint32_t *last = cap > SIZE_MAX / sizeof *last ? NULL : realloc(run->last, cap * sizeof *last);
    if (last == NULL)
        return false;
    for (size_t i = run->cap; i < cap; i++)
        last[i] = (uint32_t)UNKNOWN;
    if (run->cap == 0)
        last[0] = LP_NO_ID;
    run->last = last;
    run->cap = cap;
    return true;
}

static bool is_known(const struct lp_bpe_run *run, size_t place)
{
    return run->last[place] != (uint32_t)UNKNOWN;
}

static void put_last(struct lp_bpe_run *run, size_t place, uint32_t id)
{
    run->last[place] = id;
    if (place > run->reach)
        run->reach = place;
}

/* From a known place to where its last token begins. */
static size_t before(const struct lp_bpe_run *run, size_t place)
{
    return place - token_size(run->v, run->last[place]);
}

/* The same for some tokens, of so many bytes together at most. */
static size_t go_back(const struct lp_bpe_run *run, size_t place, size_t ntokens, size_t size)
{
    size_t at = place;
    for (; ntokens > 0 && at > 0 && place - before(run, at) <= size; ntokens--)
        at = before(run, at);
    return at;
}

static bool fit(struct lp_bpe_run *run, uint32_t left, uint32_t right)
{
    if (left == LP_NO_ID)
        return true;
    uint64_t pair = (uint64_t)left << LP_ID_BITS | right;
    uint64_t *known = &run->fit[lp_pair_hash(left, right) >> (64 - FIT_LOG)];
    if (*known >> 1 != pair + 1) /* zero is none */
        *known = (pair + 1) << 1 | stay_apart(run->v, left, right);
    return *known & 1;
}

/* --- Steps -------------------------------------------------------------------------- */

/* Finds the places that tokens lead to from a known one, the longest token first,
 * as far as they are beyond those known already. */
static void step(struct lp_bpe_run *run, size_t place)
{
    const struct lp_vocab *v = run->v;
    if (run->open <= place)
        run->open = place + 1;
    uint32_t id = longest_token(v, run->text.p + place, run->text.n - place);
    for (; id != LP_NO_ID; id = v->prefix[id]) {
        size_t end = place + token_size(v, id);
        if (end < run->open)
            break;
        if (!is_known(run, end) && fit(run, run->last[place], id))
            put_last(run, end, id);
    }
    while (run->open <= run->reach && is_known(run, run->open))
        run->open++;
}

static void step_all(struct lp_bpe_run *run, size_t from, size_t to)
{
    run->open = 0;
    for (size_t place = from; place < to; place++) {
        if (is_known(run, place))
            step(run, place);
    }
}

/* --- Blocks ------------------------------------------------------------------------- */

/* Whether a merged block's tokens have its bytes in number. A vocabulary can be whole and yet
 * contrived. */
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

/* Joins a merged block that begins at a place to what is known, where both have a
 * border and the tokens there fit. False if that is nowhere. */
static bool join(struct lp_bpe_run *run, size_t place, const struct lp_merging *m)
{
    if (!is_block(run->v, m))
        return false;
    for (size_t i = 0; i < m->nids; place += token_size(run->v, m->ids[i++])) {
        if (!is_known(run, place) || !fit(run, run->last[place], m->ids[i]))
            continue;
        for (; i < m->nids; i++)
            put_last(run, place += token_size(run->v, m->ids[i]), m->ids[i]);
        return true;
    }
    return false;
}

/* Merges the block at a place and, if it is of short tokens, some more ahead, each
 * with a good part in common with the one before. Text that repeats itself does so
 * from border to border of its tokens: then the block is the one merged last. How
 * many blocks, none when the vocabulary is damaged; from one to the next it is *pace bytes. */
static size_t merge_blocks(struct lp_bpe_run *run, size_t place, size_t end, size_t *pace)
{
    struct lp_merging *m = run->merging;
    size_t doubtful = run->reach - place, size = doubtful * BLOCK_SHARE, count = 0;
    size_t most = size <= LP_MERGE_MAX ? LP_BPE_BLOCKS : 1;
    if (size < BLOCK_MIN)
        size = BLOCK_MIN;
    if (size > LP_MERGE_MAX)
        size = LP_MERGE_MAX;
    *pace = size - 2 * size / BLOCK_SHARE;
    for (; count < most && place < end; place += *pace) {
        m[count].text = run->text.p + place;
        m[count++].n = end - place < size ? end - place : size;
    }
    if (run->block_size == m->n && memcmp(run->block, m->text, m->n) == 0)
        return 1;
    if (!lp_merge_words(run->v, m, count))
        return 0;
    run->block_size = m->n;
    memcpy(run->block, m->text, m->n);
    return count;
}

/* Steps are to be taken, from further back each time, and as far ahead too, so that
 * their number is in proportion. */
static enum lp_status step_back(struct lp_bpe_run *run)
{
    if (run->step_from > run->reach && run->back / 2 > run->reach)
        return LP_BAD_VOCAB; /* no way from the start: merging has not made these tokens */
    run->step_from = go_back(run, run->reach, run->back, SIZE_MAX);
    run->step_to = 2 * run->reach - run->step_from + LP_MERGE_MAX;
    run->back *= 2;
    return LP_OK;
}

/* Finds the encoding up to a later place, end at most; if not now, then next time. */
static enum lp_status pass(struct lp_bpe_run *run, size_t end)
{
    size_t to = run->step_to < end ? run->step_to : end;
    if (run->step_from < to) {
        step_all(run, run->step_from, to);
        run->step_from = to;
    }
    size_t place = go_back(run, run->reach, BACK, BACK_SIZE), pace;
    if (place >= end)
        return LP_OK;
    size_t count = merge_blocks(run, place, end, &pace);
    if (count == 0)
        return LP_BAD_VOCAB;
    if (!join(run, place, &run->merging[0]))
        return step_back(run);
    for (size_t i = 1; i < count; i++) {
        if (!join(run, place + i * pace, &run->merging[i]))
            break;
    }
    run->back = BACK;
    return LP_OK;
}

/* --- Giving out --------------------------------------------------------------------- */

/* Appends the encoding up to a place, and takes that text away. */
static enum lp_status give_out(struct lp_bpe_run *run, size_t place, struct lp_ids *ids)
{
    size_t n = 0;
    for (size_t at = place; at > 0; at = before(run, at))
        n++;
    if (!lp_ids_reserve(ids, n))
        return LP_NOMEM;
    ids->n += n;
    uint32_t *out = ids->v + ids->n;
    for (size_t at = place; at > 0; at = before(run, at))
        *--out = run->last[at];
    size_t kept = run->reach + 1 - place;
    memmove(run->last, run->last + place, kept * sizeof *run->last);
    for (size_t i = kept; i <= run->reach; i++)
        run->last[i] = (uint32_t)UNKNOWN;
    lp_buf_drop(&run->text, place);
    run->reach -= place;
    run->step_from -= run->step_from < place ? run->step_from : place;
    run->step_to -= run->step_to < place ? run->step_to : place;
    return LP_OK;
}

/* Whether the encodings up to token_max places before end all go through a place. */
static bool is_settled(const struct lp_bpe_run *run, size_t place, size_t end)
{
    for (size_t i = 0; i < run->v->file->token_max; i++) {
        size_t at = end - i;
        while (at > place && is_known(run, at))
            at = before(run, at);
        if (at != place)
            return false;
    }
    return true;
}

/* Gives out the text but for its end, if that is settled. */
static enum lp_status settle(struct lp_bpe_run *run, struct lp_ids *ids)
{
    size_t size = run->settle / SETTLE_SHARE, place = run->reach;
    while (run->reach - place < size)
        place = before(run, place);
    step_all(run, place, place + size);
    if (!is_settled(run, place, place + size)) {
        run->settle *= 2;
        return LP_OK;
    }
    run->settle = SETTLE;
    return give_out(run, place, ids);
}

enum lp_status lp_bpe_run_push(struct lp_bpe_run *run, const unsigned char *text, size_t n,
                               struct lp_ids *ids)
{
    size_t token_max = run->v->file->token_max; /* to know all tokens that may come next */
    enum lp_status status = lp_vocab_expect(run->v, LP_READ_GIANT) ? LP_OK : LP_BAD_VOCAB;
    for (size_t piece; n > 0 && status == LP_OK; text += piece, n -= piece) {
        piece = n < PIECE ? n : PIECE;
        if (!take(run, text, piece))
            return LP_NOMEM;
        while (status == LP_OK && run->text.n - run->reach >= AHEAD + token_max) {
            status = pass(run, run->text.n - token_max);
            if (status == LP_OK && run->reach >= run->settle)
                status = settle(run, ids);
        }
    }
    return status;
}

enum lp_status lp_bpe_run_end(struct lp_bpe_run *run, struct lp_ids *ids)
{
    if (run->text.n == 0)
        return LP_OK;
    enum lp_status status = LP_OK;
    while (status == LP_OK && run->reach < run->text.n)
        status = pass(run, run->text.n);
    if (status == LP_OK)
        status = give_out(run, run->text.n, ids);
    if (status != LP_OK)
        return status;
    run->last[0] = LP_NO_ID;
    run->step_from = run->step_to = 0;
    run->back = BACK;
    run->settle = SETTLE;
    return LP_OK;
}
