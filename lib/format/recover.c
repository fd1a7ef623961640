#include "format/recover.h"

#include "base/bytes.h"

#define UNKNOWN UINT64_MAX

void lp_recovery_free(struct lp_recovery *r)
{
    free(r->stretch);
}

static enum lp_status add(struct lp_recovery *r, struct lp_stretch stretch)
{
    if (r->n == r->cap) {
        size_t cap = r->cap * 2 + 64;
        struct lp_stretch *p = realloc(r->stretch, cap * sizeof *p);
        if (p == NULL)
            return LP_NOMEM;
        r->stretch = p;
        r->cap = cap;
    }
    r->stretch[r->n++] = stretch;
    return LP_OK;
}

/* Moves a place past a block. */
static void pass(struct lp_place *place, uint64_t text_size, uint64_t nrecords, bool open)
{
    if (place->nrecords != UNKNOWN) {
        place->text_offset += text_size;
        place->nrecords += nrecords - place->open;
    }
    place->open = open;
}

static void report(struct lp_recovery *r, const struct lp_stretch *gap, const struct lp_place *from,
                   const struct lp_place *to)
{
    struct lp_loss loss = {gap->offset, gap->size, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, gap->why};
    if (from->nrecords != UNKNOWN) {
        loss.first_record = from->nrecords + !from->open;
        loss.text_offset = from->text_offset;
        bool nothing = to->nrecords == from->nrecords && to->text_offset == from->text_offset;
        if (to->nrecords != UNKNOWN) {
            loss.nrecords = nothing ? 0 : to->nrecords + 1 - loss.first_record;
            loss.text_size = to->text_offset - from->text_offset;
        }
    }
    r->lost = true;
    r->on_loss(r->ctx, &loss);
}

/* Settles all stretches by what is known at their end: totals, or nothing. With
 * one gap the totals tell what it held; with more, only where the first began. */
static void settle(struct lp_recovery *r, const struct lp_place *end)
{
    size_t gaps = 0;
    struct lp_place before = r->place, after = *end;
    for (size_t i = 0; i < r->n; i++)
        gaps += r->stretch[i].gap;
    size_t first = 0;
    for (; first < r->n && !r->stretch[first].gap; first++) {
        const struct lp_stretch *s = &r->stretch[first];
        pass(&before, s->text_size, s->nrecords, s->open);
    }
    for (size_t i = r->n; gaps == 1 && after.nrecords != UNKNOWN && i-- > first + 1;) {
        bool joined = i > first + 1 && r->stretch[i - 1].open;
        after.text_offset -= r->stretch[i].text_size;
        after.nrecords -= r->stretch[i].nrecords - joined;
    }
    struct lp_place unknown = {UNKNOWN, UNKNOWN, false};
    for (size_t i = first; i < r->n; i++) {
        if (r->stretch[i].gap)
            report(r, &r->stretch[i], i == first ? &before : &unknown,
                   gaps == 1 ? &after : &unknown);
    }
    r->place = gaps == 0 ? before : *end;
    r->n = 0;
}

/* One entry of an index, or false at its end. */
static bool next_entry(const unsigned char **p, const unsigned char *end, struct lp_stretch *entry)
{
    uint64_t field[3];
    for (int i = 0; i < 3; i++) {
        size_t len = lp_get_varint(*p, (size_t)(end - *p), &field[i]);
        if (len == 0 || len == SIZE_MAX)
            return false;
        *p += len;
    }
    *entry = (struct lp_stretch){
        .size = field[0], .text_size = field[1], .nrecords = field[2] >> 1, .open = field[2] & 1};
    return true;
}

/* Settles all stretches by an index that lists every block since the last one:
 * those entries are lost that no good block answers to. Blocks are known by
 * their offset, or where bytes went missing altogether, by their sizes; an entry
 * counts in its size the ancillary frames that follow its block. */
static void settle_by_index(struct lp_recovery *r, const struct lp_event *index)
{
    const unsigned char *p = index->payload, *end = p + index->frame.payload_size;
    uint64_t before, total = 0, offset;
    size_t len = lp_get_varint(p, (size_t)(end - p), &before), at = 0;
    if (len == 0 || len == SIZE_MAX)
        return;
    p += len;
    struct lp_stretch entry;
    for (const unsigned char *q = p; next_entry(&q, end, &entry); total += entry.size) {
        if (entry.size > index->offset - total)
            return; /* it lists more than there is before it */
    }
    offset = index->offset - total;
    bool aligned = r->n > 0 && r->stretch[0].offset == offset; /* no bytes went missing */
    struct lp_stretch gap = {0};
    struct lp_place from = r->place;
    bool losing = false; /* a gap or lost blocks, since from, are still to be reported */
    for (;;) {
        for (; at < r->n && r->stretch[at].gap; at++) {
            gap = r->stretch[at];
            from = losing ? from : r->place;
            losing = true;
        }
        if (!next_entry(&p, end, &entry))
            break;
        const struct lp_stretch *good = at < r->n ? &r->stretch[at] : NULL;
        if (good != NULL && good->size <= entry.size && good->text_size == entry.text_size &&
            good->nrecords == entry.nrecords && (good->offset == offset || !aligned)) {
            if (losing)
                report(r, &gap, &from, &r->place);
            losing = false;
            at++;
        } else if (!losing) {
            /* nothing is in its place */
            gap = (struct lp_stretch){.offset = good != NULL ? good->offset : index->offset,
                                      .why = LP_DATA};
            from = r->place;
            losing = true;
        }
        pass(&r->place, entry.text_size, entry.nrecords, entry.open);
        offset += entry.size;
    }
    if (losing)
        report(r, &gap, &from, &r->place);
    r->n = 0;
}

/* At offset the segment is over without its end: more may be missing. */
static enum lp_status cut_segment(struct lp_recovery *r, uint64_t offset)
{
    struct lp_place unknown = {UNKNOWN, UNKNOWN, false};
    enum lp_status status = LP_OK;
    bool gap_at_end = r->n > 0 && r->stretch[r->n - 1].gap;
    if (r->in_segment && !gap_at_end)
        status = add(r, (struct lp_stretch){.offset = offset, .gap = true, .why = LP_TRUNCATED});
    settle(r, &unknown);
    return status;
}

/* Whether what stands before a segment is too short to have been one: 14 bytes
 * for each of three frames, 4 more for what a header says, 2 for an end. */
static bool only_noise(const struct lp_recovery *r)
{
    uint64_t size = 0;
    for (size_t i = 0; i < r->n; i++)
        size += r->stretch[i].gap ? r->stretch[i].size : UINT32_MAX;
    return size < 3 * 14 + 4 + 2;
}

static enum lp_status begin_segment(struct lp_recovery *r, uint64_t offset)
{
    struct lp_place unknown = {UNKNOWN, UNKNOWN, false}, here = r->place;
    enum lp_status status = LP_OK;
    if (r->in_segment)
        status = cut_segment(r, offset);
    else
        settle(r, only_noise(r) ? &here : &unknown);
    r->place.open = false;
    r->segment = r->place;
    r->in_segment = true;
    return status;
}

static void end_segment(struct lp_recovery *r, const struct lp_frame *frame)
{
    struct lp_place end = r->segment;
    pass(&end, frame->text_size, frame->nrecords, false);
    settle(r, &end);
    r->place = end;
    r->segment = end;
    r->in_segment = false;
}

enum lp_status lp_recovery_event(struct lp_recovery *r, const struct lp_event *e)
{
    switch (e->kind) {
    case LP_EVENT_HEADER:
        return begin_segment(r, e->offset);
    case LP_EVENT_BLOCK:
        return add(r, (struct lp_stretch){.offset = e->offset,
                                          .size = e->size,
                                          .text_size = e->frame.text_size,
                                          .nrecords = e->frame.nrecords,
                                          .open = e->frame.kind & LP_KIND_OPEN});
    case LP_EVENT_GAP:
        return add(r, (struct lp_stretch){
                          .offset = e->offset, .size = e->size, .gap = true, .why = e->why});
    case LP_EVENT_INDEX:
        settle_by_index(r, e);
        return LP_OK;
    case LP_EVENT_END:
        end_segment(r, &e->frame);
        return LP_OK;
    default:
        return LP_OK;
    }
}

void lp_recovery_reject(struct lp_recovery *r)
{
    r->n--;
}

enum lp_status lp_recovery_finish(struct lp_recovery *r, uint64_t offset)
{
    enum lp_status status = cut_segment(r, offset);
    return status != LP_OK ? status : r->lost ? LP_DATA : LP_OK;
}
