/* body_ids.c - a block's records as token ids.
 *
 * The ids are always those of the whole record. Where blocks cut a record, a part of it may be
 * stored as text, and what its tokens are depends on the parts around it. So the text of all parts
 * of such a record is tokenised; once a part was stored as text, the ids from there on are taken
 * from that, before they are the stored ones. */
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

static enum lp_status hand_on(const struct lp_ids_target *t, const struct lp_ids *ids, bool end)
{
    return t->on_ids(t->ctx, t->vocab, ids->v, ids->n, end);
}

/* Appends a token for each byte. */
static enum lp_status append_bytes(const struct lp_vocab *v, const unsigned char *text, size_t n,
                                   struct lp_ids *ids)
{
    if (!lp_ids_reserve(ids, n))
        return LP_NOMEM;
    for (size_t i = 0; i < n; i++)
        ids->v[ids->n++] = lp_vocab_find(v, text + i, 1);
    return LP_OK;
}

/* Removes from scratch the tokens of text whose ids are handed on already. If one reaches beyond
 * it, as where special tokens have been stored, its other bytes become tokens. */
static enum lp_status drop_handed_on(struct lp_ids_target *t)
{
    struct lp_ids *ids = &t->scratch;
    size_t i = 0, size = 0;
    const unsigned char *text = NULL;
    if (t->tokenised >= t->handed_on || ids->n == 0)
        return LP_OK;
    for (; i < ids->n && t->tokenised < t->handed_on; i++) {
        text = lp_vocab_token(t->vocab, ids->v[i], &size);
        t->tokenised += size;
    }
    const size_t beyond = t->tokenised > t->handed_on ? (size_t)(t->tokenised - t->handed_on) : 0;
    t->bytes.n = 0;
    enum lp_status status = append_bytes(t->vocab, text + size - beyond, beyond, &t->bytes);
    t->tokenised -= beyond;
    if (status == LP_OK && !lp_ids_reserve(ids, beyond))
        status = LP_NOMEM;
    if (status != LP_OK)
        return status;
    memmove(ids->v + t->bytes.n, ids->v + i, (ids->n - i) * sizeof *ids->v);
    if (beyond > 0)
        memcpy(ids->v, t->bytes.v, t->bytes.n * sizeof *ids->v);
    ids->n += t->bytes.n - i;
    return LP_OK;
}

/* Tokenises the text of a part of a record; scratch gets the tokens of text that is not handed on
 * yet. Those at its end are held back, since the next part may change them. */
static enum lp_status tokenise(struct lp_ids_target *t, const struct part *part)
{
    t->scratch.n = 0;
    enum lp_status status = lp_tok_push(t->tok, part->text, part->size, part->ends, &t->scratch);
    return status == LP_OK ? drop_handed_on(t) : status;
}

/* A part of a record that has others. */
static enum lp_status put_part(struct lp_ids_target *t, const struct part *part)
{
    const struct lp_ids stored = {(uint32_t *)(uintptr_t)part->ids, part->nids, part->nids};
    t->by_text = t->by_text || part->ids == NULL;
    if (!t->by_text)
        t->handed_on += part->size;
    enum lp_status status = t->by_text || !part->ends ? tokenise(t, part) : LP_OK;
    return status == LP_OK ? hand_on(t, t->by_text ? &t->scratch : &stored, part->ends) : status;
}

static void end_record(struct lp_ids_target *t)
{
    lp_tok_reset(t->tok);
    t->in_record = t->by_text = false;
    t->handed_on = t->tokenised = 0;
}

static enum lp_status put(struct lp_ids_target *t, const struct part *part)
{
    enum lp_status status;
    if (!t->in_record && part->ends && part->ids != NULL)
        return t->on_ids(t->ctx, t->vocab, part->ids, part->nids, true);
    status = put_part(t, part);
    t->in_record = true;
    if (part->ends)
        end_record(t);
    return status;
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

/* Records with a separator: the token of that single byte ends as many. LP_DATA if the text, which
 * has been checked, has separators within other tokens. */
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
        return LP_DATA;
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
    free(t->bytes.v);
    free(t->ids.v);
}

enum lp_status lp_body_ids_end(struct lp_ids_target *t)
{
    const struct part nothing = {.ids = t->ids.v, .ends = true};
    return t->in_record ? put(t, &nothing) : LP_OK;
}

enum lp_status lp_body_ids(struct lp_ids_target *t, enum lp_split split,
                           const struct lp_restored *block)
{
    if (block->base == LP_CHAIN_TEXT)
        return put_texts(t, split, block);
    return split == LP_WHOLE ? put_whole(t, block) : put_split(t, split, block);
}
