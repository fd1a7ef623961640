#include "format/recover.h"

#include "base/array.h"
#include "base/bytes.h"

#define UNKNOWN UINT64_MAX

enum {
    ENTRY_MIN = 3 + 2, /* bytes of a block in an index */
    LP_ENTRIES_MAX = LP_INDEX_MAX / ENTRY_MIN,
    HELD_MAX = 2 * LP_ENTRIES_MAX, /* stretches held: the blocks of an index, and as many gaps */
};

static const struct lp_place nowhere = {UNKNOWN, UNKNOWN, false};

void lp_recovery_free(struct lp_recovery *r)
{
    free(r->stretch);
    free(r->entry);
}

/* Moves a place past a block. */
static void pass(struct lp_place *place, const struct lp_entry *block)
{
    if (place->nrecords != UNKNOWN) {
        place->text_offset += block->text_size;
        place->nrecords += block->nrecords - place->open;
    }
    place->open = block->open;
}

static void report(struct lp_recovery *r, const struct lp_stretch *gap, const struct lp_place *from,
                   const struct lp_place *to)
{
    struct lp_loss loss = {.offset = gap->offset,
                           .size = gap->size,
                           .first_record = UNKNOWN,
                           .nrecords = UNKNOWN,
                           .text_offset = UNKNOWN,
                           .text_size = UNKNOWN,
                           .why = gap->why};
    if (from->nrecords != UNKNOWN) {
        loss.first_record = from->nrecords + !from->open;
        loss.text_offset = from->text_offset;
        bool nothing = to->nrecords == from->nrecords && to->text_offset == from->text_offset;
        bool ahead = to->nrecords >= from->nrecords && to->text_offset >= from->text_offset;
        if (to->nrecords != UNKNOWN && ahead) { /* a repeated block can bring it back */
            loss.nrecords = nothing ? 0 : to->nrecords + 1 - loss.first_record;
            loss.text_size = to->text_offset - from->text_offset;
            loss.begun = from->open;
            loss.continued = to->open;
        }
    }
    r->nlosses++;
    r->on_loss(r->ctx, &loss);
}

/* Reports damage at offset that is not known to have lost a block. */
static void report_fault(struct lp_recovery *r, uint64_t offset, uint64_t size)
{
    const struct lp_stretch fault = {.offset = offset, .size = size, .gap = true, .why = LP_DATA};
    report(r, &fault, &nowhere, &nowhere);
}

/* Reports the losses among the first n stretches, given the place at their end, if that is known.
 * If there is one gap, the loss is known exactly; if there are more, only where the first begins.
 * If there is none and the place does not fit, blocks vanished; where is known only if no blocks
 * are left. */
static void settle(struct lp_recovery *r, size_t n, const struct lp_place *end, uint64_t offset)
{
    size_t gaps = 0, first = 0;
    struct lp_place before = r->place, after = *end;
    for (size_t i = 0; i < n; i++)
        gaps += r->stretch[i].gap;
    for (; first < n && !r->stretch[first].gap; first++)
        pass(&before, &r->stretch[first].block);
    for (size_t i = n; gaps == 1 && after.nrecords != UNKNOWN && i-- > first + 1;) {
        const struct lp_entry *block = &r->stretch[i].block;
        bool joined = i > first + 1 && r->stretch[i - 1].block.open;
        after.text_offset -= block->text_size;
        after.nrecords -= block->nrecords - joined;
    }
    for (size_t i = first; i < n; i++) {
        if (r->stretch[i].gap)
            report(r, &r->stretch[i], i == first ? &before : &nowhere,
                   gaps == 1 ? &after : &nowhere);
    }
    bool known = before.nrecords != UNKNOWN && end->nrecords != UNKNOWN;
    if (gaps == 0 && known &&
        (before.nrecords != end->nrecords || before.text_offset != end->text_offset)) {
        const struct lp_stretch cut = {.offset = offset, .gap = true, .why = LP_DATA};
        report(r, &cut, n == 0 ? &before : &nowhere, n == 0 ? end : &nowhere);
    }
    r->place = gaps == 0 && end->nrecords == UNKNOWN ? before : *end;
    r->n -= n;
    if (r->n > 0)
        memmove(r->stretch, r->stretch + n, r->n * sizeof *r->stretch);
}

/* Adds a stretch. If there are more than an index can list, settles the older half without one. A
 * gap that follows another is part of it: blocks that need a lost one are lost one by one. */
static enum lp_status add(struct lp_recovery *r, struct lp_stretch stretch)
{
    struct lp_stretch *last = r->n > 0 ? &r->stretch[r->n - 1] : NULL;
    if (stretch.gap && last != NULL && last->gap && last->offset + last->size == stretch.offset) {
        last->size += stretch.size;
        return LP_OK;
    }
    if (r->n == HELD_MAX)
        settle(r, r->n / 2, &nowhere, stretch.offset);
    struct lp_stretch *grown = lp_array_grow(r->stretch, r->n, &r->cap, sizeof *grown);
    if (grown == NULL)
        return LP_NOMEM;
    r->stretch = grown;
    r->stretch[r->n++] = stretch;
    return LP_OK;
}

/* Reads the entries of an index into r->entry, and the distance of the first from what precedes it.
 * Returns their number, SIZE_MAX if the index is malformed. */
static size_t read_index(struct lp_recovery *r, const struct lp_event *index, uint64_t *before)
{
    const unsigned char *p = index->payload, *end = p + index->frame.payload_size;
    size_t n = 0, len = lp_get_varint(p, (size_t)(end - p), before);
    if (len == 0 || len == SIZE_MAX)
        return SIZE_MAX;
    for (p += len; p < end && n < LP_ENTRIES_MAX; p += len, n++) {
        len = lp_entry_get(p, (size_t)(end - p), &r->entry[n]);
        if (len == 0)
            return SIZE_MAX;
    }
    return p == end ? n : SIZE_MAX;
}

static bool is_listed(const struct lp_stretch *s, const struct lp_entry *entry)
{
    return !s->gap && s->size <= entry->distance && s->block.header_check == entry->header_check &&
           s->block.text_size == entry->text_size && s->block.nrecords == entry->nrecords &&
           s->block.open == entry->open && s->block.linked == entry->linked;
}

/* Reports a block that its index does not list, and removes it. */
static void report_foreign(struct lp_recovery *r, size_t at)
{
    const struct lp_stretch block = r->stretch[at];
    r->n--;
    memmove(r->stretch + at, r->stretch + at + 1, (r->n - at) * sizeof *r->stretch);
    report_fault(r, block.offset, block.size);
}

/* Returns how many stretches precede the blocks of an index of n entries. Its blocks directly
 * precede the index, so they are matched from the last one backwards. Blocks among them that it
 * does not list (duplicates, or from another stream) are reported; after a few of these it gives
 * up. */
static size_t count_others(struct lp_recovery *r, size_t n)
{
    enum { FEW = 16 };
    size_t first = r->n, other[FEW], nothers = 0, nforeign = 0;
    for (size_t at = r->n; at-- > 0 && n > 0;) {
        size_t i = n;
        if (r->stretch[at].gap)
            continue;
        while (i > 0 && !is_listed(&r->stretch[at], &r->entry[i - 1]))
            i--;
        if (i > 0) {
            n = i - 1;
            first = at;
            nforeign = nothers; /* what follows a block that is listed */
        } else if (nothers < FEW) {
            other[nothers++] = at;
        } else {
            break;
        }
    }
    for (size_t i = 0; i < nforeign; i++)
        report_foreign(r, other[i]);
    /* Gaps before the first match belong to this index, unless other blocks precede them. */
    size_t goods = 0;
    for (size_t at = 0; at < first && at < r->n; at++)
        goods += !r->stretch[at].gap;
    return goods > 0 ? first : 0;
}

/* Whether a frame that refers back to an offset means the header or index read last. Where there is
 * a gap it may be a few bytes off, fewer than the smallest end and header take. */
static bool is_last_listed(const struct lp_recovery *r, uint64_t offset)
{
    enum { FEW = 2 * 14 };
    bool near = offset - r->listed < FEW || r->listed - offset < FEW, gap = false;
    for (size_t i = 0; i < r->n && near && !gap; i++)
        gap = r->stretch[i].gap;
    return offset == r->listed || (near && gap);
}

/* Whether an index of n entries at offset lists the blocks that follow the header or index read
 * last: it refers back to that, or its first block stands where it must. */
static bool follows(const struct lp_recovery *r, size_t n, uint64_t offset, uint64_t before)
{
    uint64_t at = offset - before;
    for (size_t i = 0; i < n; i++)
        at -= r->entry[i].distance;
    return is_last_listed(r, at) || (r->n > 0 && r->stretch[0].offset == r->listed + before &&
                                     is_listed(&r->stretch[0], &r->entry[0]));
}

/* Reports the entries, of the index at end, that no stretch matches, and moves the place past all n
 * entries. The stretches begin at from, which is the place unless that is unknown. Blocks can be
 * identical, so offsets are compared too if no bytes are missing. */
static void settle_listed(struct lp_recovery *r, size_t n, uint64_t end, struct lp_place from)
{
    struct lp_stretch gap = {0};
    bool losing = false; /* a loss that began at from is still to be reported */
    uint64_t offset = end;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        offset -= r->entry[i].distance;
    const bool aligned = r->n > 0 && r->stretch[0].offset == offset;
    for (size_t i = 0; i <= n; i++) {
        for (; at < r->n && r->stretch[at].gap; at++) {
            if (!losing)
                gap = r->stretch[at];
            gap.size = r->stretch[at].offset + r->stretch[at].size - gap.offset;
            losing = true;
        }
        if (i == n)
            break;
        if (at < r->n && is_listed(&r->stretch[at], &r->entry[i]) &&
            (!aligned || r->stretch[at].offset == offset)) {
            if (losing)
                report(r, &gap, &from, &r->place);
            losing = false;
            at++;
        } else if (!losing) { /* nothing is in its place */
            gap = (struct lp_stretch){.offset = at < r->n ? r->stretch[at].offset : end,
                                      .why = LP_DATA};
            losing = true;
        }
        pass(&r->place, &r->entry[i]);
        if (!losing)
            from = r->place;
        offset += r->entry[i].distance;
    }
    if (losing)
        report(r, &gap, &from, &r->place);
    r->cut = losing && at == r->n;
    if (at < r->n)
        report_fault(r, r->stretch[at].offset, r->stretch[at].size);
    r->n = 0;
}

/* Settles all stretches with an index, which lists every block since the last index. */
static enum lp_status settle_by_index(struct lp_recovery *r, const struct lp_event *index)
{
    if (r->entry == NULL && (r->entry = malloc(LP_ENTRIES_MAX * sizeof *r->entry)) == NULL)
        return LP_NOMEM;
    uint64_t before;
    size_t n = read_index(r, index, &before);
    bool idle = r->n == 0 && (!r->in_segment || index->frame.check == r->last_index);
    if (n == SIZE_MAX || idle) {
        report_fault(r, index->offset, index->size); /* malformed or duplicated */
        return LP_OK;
    }
    r->last_index = index->frame.check;
    size_t others = count_others(r, n);
    struct lp_place from = r->place;
    if (others > 0) { /* the index before this one was lost */
        settle(r, others, &nowhere, index->offset);
        from = nowhere;
        report_fault(r, index->offset, 0);
    }
    if (others > 0 || !follows(r, n, index->offset, before))
        r->place = r->segment = nowhere;
    settle_listed(r, n, index->offset, from);
    r->listed = index->offset;
    if (!index->right && r->nlosses == r->nlosses_before)
        report_fault(r, index->offset, index->size);
    return LP_OK;
}

/* The segment stops at offset without an end frame: more may be missing. */
static enum lp_status cut_segment(struct lp_recovery *r, uint64_t offset)
{
    enum lp_status status = LP_OK;
    bool any = r->in_segment || r->n > 0, gap_at_end = r->n > 0 && r->stretch[r->n - 1].gap;
    if (any && !gap_at_end)
        status = add(r, (struct lp_stretch){.offset = offset, .gap = true, .why = LP_TRUNCATED});
    settle(r, r->n, &nowhere, offset);
    return status;
}

/* Whether the bytes before a segment are too few to have been a segment: three frames of 14 bytes,
 * 4 more for the fields of a header, 2 for those of an end. */
static bool only_noise(const struct lp_recovery *r)
{
    uint64_t size = 0;
    for (size_t i = 0; i < r->n; i++)
        size += r->stretch[i].gap ? r->stretch[i].size : UINT32_MAX;
    return size < 3 * 14 + 4 + 2;
}

static enum lp_status begin_segment(struct lp_recovery *r, uint64_t offset)
{
    const struct lp_place here = r->place;
    enum lp_status status = LP_OK;
    if (!r->in_segment && only_noise(r))
        settle(r, r->n, &here, offset);
    else
        status = cut_segment(r, offset);
    r->place.open = false;
    r->segment = r->place;
    r->listed = offset;
    r->in_segment = true;
    r->nlosses_before = r->nlosses;
    r->last_index = 0;
    return status;
}

/* Whether an end is that of the segment whose header or index was read last: it refers back to
 * that, or to an index in whose place a gap begins, right after a block. */
static bool ends(const struct lp_recovery *r, const struct lp_event *end)
{
    uint64_t distance = 0;
    lp_get_varint(end->payload, end->frame.payload_size, &distance);
    const uint64_t at = end->offset - distance;
    bool refers = end->right || is_last_listed(r, at);
    for (size_t i = 1; i < r->n && !refers; i++)
        refers = r->stretch[i].gap && r->stretch[i].offset == at;
    return refers;
}

/* If the totals fit but the hash does not, some block was replaced. */
static void end_segment(struct lp_recovery *r, const struct lp_event *e)
{
    const struct lp_entry totals = {.text_size = e->frame.text_size, .nrecords = e->frame.nrecords};
    struct lp_place end = ends(r, e) ? r->segment : nowhere;
    bool again = !r->in_segment && r->n == 0 && r->place.nrecords == r->segment.nrecords;
    if (!again) {
        pass(&end, &totals);
        settle(r, r->n, &end, e->offset);
    }
    if (!e->right && r->nlosses == r->nlosses_before)
        report_fault(r, e->offset, e->size);
    r->place = end;
    r->segment = end;
    r->listed = e->offset + e->size;
    r->in_segment = false;
    r->nlosses_before = r->nlosses;
    r->last_index = 0;
}

enum lp_status lp_recovery_event(struct lp_recovery *r, const struct lp_event *e)
{
    r->cut = e->kind == LP_EVENT_GAP || e->kind == LP_EVENT_HEADER;
    switch (e->kind) {
    case LP_EVENT_HEADER:
        return begin_segment(r, e->offset);
    case LP_EVENT_BLOCK:
        return add(r, (struct lp_stretch){.offset = e->offset,
                                          .size = e->size,
                                          .block = lp_entry_of(&e->frame, 0)});
    case LP_EVENT_GAP:
        return add(r, (struct lp_stretch){
                          .offset = e->offset, .size = e->size, .gap = true, .why = e->why});
    case LP_EVENT_INDEX:
        return settle_by_index(r, e);
    case LP_EVENT_END:
        end_segment(r, e);
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
    return status != LP_OK ? status : r->nlosses > 0 ? LP_DATA : LP_OK;
}
