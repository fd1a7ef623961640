/* body_ids.c - a block's records as token ids.
 *
 * The ids are always those of the whole record. Where blocks cut a record, the tokens of a part of
 * it can be others: a part that was stored as text has been tokenised by itself, or is not yet. So
 * such a record is tokenised by its text, but for its special tokens, which only the stored ids
 * have: as wherever text has special tokens, the text between them is tokenised apart. */
#include "base/ids.h"
#include "block/body.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

/* A record, or a part of one. Without ids it is stored as text. */
struct part {
    const uint32_t *ids;
    size_t nids;
    const unsigned char *text; /* without separator */
    size_t size;
    bool ends; /* the record ends with it */
};

/* Tokenises text of a record that has several parts; final: up to a special token, or its end. */
static enum lp_status tokenise(struct lp_ids_target *t, const unsigned char *text, size_t n,
                               bool final)
{
    const enum lp_status status = lp_tok_push(t->tok, text, n, final, &t->scratch);
    if (final)
        lp_tok_reset(t->tok);
    return status;
}

/* Tokenises the text up to the first of the part's special tokens and takes that over. *done and
 * *at: the ids and the text of the part that come before; they move on behind it. */
static enum lp_status take_special(struct lp_ids_target *t, const struct part *part, size_t *done,
                                   size_t *at)
{
    const size_t before = lp_ids_until_special(t->vocab, part->ids + *done, part->nids - *done);
    const uint32_t *ids = part->ids + *done;
    size_t end = *at, size = 0;
    *done += before;
    if (*done == part->nids)
        return LP_OK;
    for (size_t i = 0; i < before && end <= part->size; i++, end += size)
        lp_vocab_token(t->vocab, ids[i], &size);
    lp_vocab_token(t->vocab, ids[before], &size);
    if (end > part->size || size > part->size - end)
        return LP_BAD_VOCAB; /* the text has been checked */
    enum lp_status status = tokenise(t, part->text + *at, end - *at, true);
    if (status == LP_OK && !lp_ids_reserve(&t->scratch, 1))
        status = LP_NOMEM;
    if (status == LP_OK)
        t->scratch.v[t->scratch.n++] = part->ids[(*done)++];
    *at = end + size;
    return status;
}

/* A part of a record that has others. The tokens at its end are held back, since the next part may
 * change them. */
static enum lp_status put_part(struct lp_ids_target *t, const struct part *part)
{
    enum lp_status status = LP_OK;
    size_t at = 0;
    t->scratch.n = 0;
    for (size_t done = 0; status == LP_OK && done < part->nids;)
        status = take_special(t, part, &done, &at);
    if (status == LP_OK)
        status = tokenise(t, part->text + at, part->size - at, part->ends);
    return status == LP_OK ? t->on_ids(t->ctx, t->vocab, t->scratch.v, t->scratch.n, part->ends)
                           : status;
}

static enum lp_status put(struct lp_ids_target *t, const struct part *part)
{
    if (!t->in_record && part->ends && part->ids != NULL)
        return t->on_ids(t->ctx, t->vocab, part->ids, part->nids, true);
    t->in_record = !part->ends;
    return put_part(t, part);
}

/* --- Records of a block ---------------------------------------------------------------- */

/* The text of record i of a block, without its separator. */
static struct part text_of(const struct lp_restored *b, enum lp_split split, uint64_t i)
{
    const uint64_t from = i > 0 ? b->ends[i - 1] : 0;
    const bool ends = i + 1 < b->frame.nrecords || !(b->frame.kind & LP_KIND_OPEN);
    const size_t separator = ends && split != LP_WHOLE;
    return (struct part){
        .text = b->text->p + from, .size = (size_t)(b->ends[i] - from) - separator, .ends = ends};
}

static enum lp_status put_texts(struct lp_ids_target *t, enum lp_split split,
                                const struct lp_restored *b)
{
    enum lp_status status = LP_OK;
    for (uint64_t i = 0; status == LP_OK && i < b->frame.nrecords; i++) {
        const struct part part = text_of(b, split, i);
        status = put(t, &part);
    }
    return status;
}

/* Makes t->ids the ids of codes. */
static enum lp_status to_ids(struct lp_ids_target *t, const unsigned char *codes, size_t n)
{
    t->ids.n = 0;
    if (!lp_ids_reserve(&t->ids, n + 1)) /* a code has one byte at least; never NULL */
        return LP_NOMEM;
    return lp_codes_to_ids(t->vocab, codes, n, t->ids.v, &t->ids.n);
}

/* Records without separator. */
static enum lp_status put_whole(struct lp_ids_target *t, const struct lp_restored *b)
{
    struct lp_body_parts parts;
    const unsigned char *codes;
    enum lp_status status =
        lp_body_parts_begin(&parts, LP_WHOLE, b->frame.nrecords, b->body->p, b->body->n);
    uint64_t i = 0;
    for (size_t size; status == LP_OK && lp_body_parts_next(&parts, &codes, &size); i++) {
        struct part part = text_of(b, LP_WHOLE, i);
        status = to_ids(t, codes, size);
        part.ids = t->ids.v;
        part.nids = t->ids.n;
        if (status == LP_OK)
            status = put(t, &part);
    }
    return status == LP_OK && parts.left > 0 ? LP_DATA : status;
}

/* Records with a separator: the token of that single byte ends as many. In a block that no command
 * writes, separators may lie within other tokens: the ids are then those of its text. */
static enum lp_status put_split(struct lp_ids_target *t, enum lp_split split,
                                const struct lp_restored *b)
{
    const unsigned char separator = (unsigned char)lp_split_separator(split);
    const uint32_t separator_id = lp_vocab_find(t->vocab, &separator, 1);
    uint64_t ended = 0;
    if (separator_id == LP_NO_ID)
        return LP_BAD_VOCAB;
    enum lp_status status = to_ids(t, b->body->p, b->body->n);
    for (size_t i = 0; status == LP_OK && i < t->ids.n; i++)
        ended += t->ids.v[i] == separator_id;
    if (status == LP_OK && ended != b->frame.nrecords - !!(b->frame.kind & LP_KIND_OPEN))
        return put_texts(t, split, b);
    size_t from = 0;
    for (uint64_t i = 0; status == LP_OK && i < b->frame.nrecords; i++) {
        struct part part = text_of(b, split, i);
        size_t at = from;
        while (at < t->ids.n && t->ids.v[at] != separator_id)
            at++;
        part.ids = t->ids.v + from;
        part.nids = at - from;
        status = put(t, &part);
        from = at + 1;
    }
    return status;
}

enum lp_status lp_body_ids_vocab(struct lp_ids_target *t, const struct lp_vocab *vocab)
{
    if (t->vocab == vocab)
        return LP_OK;
    lp_tok_free(t->tok);
    t->tok = NULL;
    t->vocab = vocab;
    return lp_tok_new(vocab, false, &t->tok);
}

void lp_body_ids_free(struct lp_ids_target *t)
{
    lp_tok_free(t->tok);
    free(t->scratch.v);
    free(t->ids.v);
}

enum lp_status lp_body_ids_end(struct lp_ids_target *t)
{
    const struct part nothing = {.ids = t->ids.v, .text = (const unsigned char *)"", .ends = true};
    return t->in_record ? put(t, &nothing) : LP_OK;
}

enum lp_status lp_body_ids(struct lp_ids_target *t, enum lp_split split,
                           const struct lp_restored *block)
{
    if (block->base == LP_CHAIN_TEXT)
        return put_texts(t, split, block);
    return split == LP_WHOLE ? put_whole(t, block) : put_split(t, split, block);
}
