/* Text out again, by tokens: a slice of each record, or all of it in chunks.
 *
 * The ends of slices and chunks are moved to where a character begins. They are looked for in the
 * ids that are held: those that may still be written, and MARGIN more before them. */
#include "lptok/records.h"
#include "shared/buffer.h"
#include "shared/json.h"

#include <stdlib.h>
#include <string.h>

/* Ids on each side of a boundary that say whether it cuts a character (at most 3, of one byte),
 * and how far it may be moved (3 more). */
enum { MARGIN = 6 };

struct slicer {
    const struct tool *tool;
    const struct options *o;
    struct output *out;
    struct json json;
    struct records records;
    struct lp_codec *codec;
    struct lp_ids held; /* of the record from `base` on */
    uint64_t base, total;
    uint64_t at;     /* the next id to be written */
    bool begun;      /* at is known */
    uint64_t nth;    /* chunk of the record */
    uint64_t nmoved; /* ends */
};

static void hold(struct slicer *s, const uint32_t *ids, size_t n)
{
    if (!ids_add(&s->held, ids, n))
        tool_die(s->tool, EXIT_IO, "out of memory");
    s->total += n;
}

/* Lets go of what is before a position and its margin. */
static void release(struct slicer *s, uint64_t position)
{
    size_t n = position < s->base + MARGIN ? 0 : (size_t)(position - MARGIN - s->base);
    if (n == 0 || n < s->held.n / 2) /* so that moving costs no more than what has come */
        return;
    s->held.n -= n;
    memmove(s->held.v, s->held.v + n, s->held.n * sizeof *s->held.v);
    s->base += n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where an end falls, of the tokens that have come. */
static uint64_t position(const struct slicer *s, int64_t end)
{
    return end < 0 ? s->total - least(s->total, 0 - (uint64_t)end) : least(s->total, (uint64_t)end);
}

/* Up to here boundaries are known. */
static uint64_t settled(const struct slicer *s, bool end)
{
    return end ? s->total : s->total - least(s->total, MARGIN);
}

/* By which ends are moved; NULL: none is. */
static const struct lp_vocab *moving(const struct slicer *s)
{
    return s->o->exact ? NULL : s->o->lp.vocab;
}

/* The nearest boundary of a character. */
static uint64_t boundary(struct slicer *s, uint64_t at, bool after)
{
    if (at < s->base)
        return at;
    uint64_t to =
        s->base + lp_ids_boundary(moving(s), s->held.v, s->held.n, (size_t)(at - s->base), after);
    s->nmoved += to != at;
    return to;
}

static const char *text_of(struct slicer *s, uint64_t from, uint64_t to, size_t *n)
{
    const void *text;
    tool_check(s->tool, s->records.name,
               lp_decode(s->codec, s->held.v + (from - s->base), (size_t)(to - from), &text, n));
    return text;
}

static void next_record(struct slicer *s)
{
    s->held.n = 0;
    s->base = s->total = s->at = s->nth = 0;
    s->begun = false;
}

/* --- Slices --------------------------------------------------------------------- */

static void put_slice(struct slicer *s, uint64_t to)
{
    size_t n;
    if (to <= s->at)
        return;
    const char *text = text_of(s, s->at, to, &n);
    output_sink(s->out, text, n);
    s->at = to;
}

/* An end that is counted from the record's end is moved towards it, so that neither the first nor
 * the last tokens of a record are ever more than asked for, and slices that meet share nothing. */
static bool take_slice(void *ctx, const uint32_t *ids, size_t n, bool end)
{
    struct slicer *s = ctx;
    const struct range *slice = &s->o->slice;
    hold(s, ids, n);
    uint64_t known = settled(s, end);
    if (!s->begun && (end || (slice->from >= 0 && (uint64_t)slice->from <= known))) {
        s->at = boundary(s, position(s, slice->from), slice->from < 0);
        s->begun = true;
    }
    uint64_t to = position(s, slice->to);
    bool last = end || (s->begun && slice->to >= 0 && (uint64_t)slice->to <= known);
    if (last)
        put_slice(s, boundary(s, to, slice->to < 0));
    else if (s->begun)
        put_slice(s, to - least(to, MARGIN));
    if (!last) {
        release(s, s->begun ? s->at : position(s, slice->from));
        return true;
    }
    end_record(s->out, s->o->lp.split);
    next_record(s);
    return false;
}

/* --- Chunks --------------------------------------------------------------------- */

static void put_chunk(struct slicer *s, uint64_t to)
{
    size_t n;
    const char *text = text_of(s, s->at, to, &n);
    s->nth++;
    if (s->o->style == PLAIN) {
        output_sink(s->out, text, n);
        end_record(s->out, s->o->lp.split == LP_LINES ? LP_LINES : LP_NUL);
        return;
    }
    json_open_flat(&s->json, NULL, '{');
    json_text(&s->json, "file", s->records.name);
    json_count(&s->json, "record", s->records.number);
    json_count(&s->json, "chunk", s->nth);
    json_count(&s->json, "from", s->at);
    json_count(&s->json, "tokens", to - s->at);
    json_bytes(&s->json, "text", text, n);
    json_close(&s->json, '}');
}

/* Writes the next chunk, once its end is known. */
static bool next_chunk(struct slicer *s, bool last)
{
    const uint64_t whole = s->at + s->o->chunk;
    if (s->at == s->total || (!last && whole > settled(s, false)))
        return false;
    const size_t from = (size_t)(s->at - s->base);
    size_t next;
    const size_t end =
        lp_ids_chunk(moving(s), s->held.v, s->held.n, from, s->o->chunk, s->o->overlap, &next);
    s->nmoved += s->base + end != least(whole, s->total);
    s->nmoved += next < end && end - next != s->o->overlap;
    put_chunk(s, s->base + end);
    s->at = s->base + next;
    return true;
}

static bool take_chunks(void *ctx, const uint32_t *ids, size_t n, bool end)
{
    struct slicer *s = ctx;
    hold(s, ids, n);
    while (next_chunk(s, end))
        ;
    if (end)
        next_record(s);
    else
        release(s, s->at);
    return true;
}

static void write_parts(const struct tool *tool, const struct options *o, struct output *out,
                        ids_take *take)
{
    struct slicer s = {.tool = tool, .o = o, .out = out, .json = {.out = out}};
    s.records = records_new(tool, o, take, &s);
    tool_check(tool, out->name, lp_codec_new(&o->lp, &s.codec));
    records_read_all(&s.records, o);
    if (s.nmoved > 0 && !tool->quiet)
        tool_warn(tool, "%ju end%s moved to where a character begins: --exact leaves %s",
                  (uintmax_t)s.nmoved, plural(s.nmoved), s.nmoved == 1 ? "it" : "them");
    records_free(&s.records);
    lp_codec_free(s.codec);
    free(s.held.v);
}

void write_slices(const struct tool *tool, const struct options *o, struct output *out)
{
    write_parts(tool, o, out, take_slice);
}

void write_chunks(const struct tool *tool, const struct options *o, struct output *out)
{
    write_parts(tool, o, out, take_chunks);
}
