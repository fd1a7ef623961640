#include "lpgrep/search.h"

#include "shared/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256 << 10 };   /* bytes searched at once: what fits into a cache */
enum { ENDS_MAX = 16 << 10 }; /* records at once */

/* The end of a record, or of several where those after the first have no lines: in what is looked
 * at, and in the text. There each line and each record has one byte that ends it, in what is held a
 * line feed, or with -0 a NUL, where it had none. */
struct end {
    size_t at;
    uint64_t in_text, nrecords;
};

/* A line or record that is looked at. */
struct span {
    size_t start, end, next; /* next: the start of the one after it */
};

struct search {
    const struct options *o;
    struct matcher *matcher;
    struct printer *printer;
    struct buffer held;
    const unsigned char *v; /* what is looked at: what is held, or the caller's text */
    size_t whole;           /* in it, the end of the last line or record that is whole */
    size_t done;            /* what is before this has been searched */
    size_t printed;         /* what is before this has been written, or passed over */
    struct end *ends;       /* of the records that end in the buffer */
    size_t nends, ends_cap;
    bool records;       /* records are told apart */
    uint64_t text_size; /* taken so far */
    uint64_t count, after_left;
    bool stop, full, any_printed, failed;
    bool
        apart; /* something that is no longer in the buffer stands between it and what is printed */
    /* A place in the buffer that begins a line or record, and where it is. */
    struct {
        size_t at, nends; /* records that end before it */
        uint64_t record, line, offset;
    } here;
};

struct search *search_new(const struct options *o, struct matcher *m, struct printer *p)
{
    struct search *s = calloc(1, sizeof *s);
    if (s != NULL) {
        s->o = o;
        s->matcher = m;
        s->printer = p;
    }
    return s;
}

void search_free(struct search *s)
{
    if (s == NULL)
        return;
    free(s->held.v);
    free(s->ends);
    free(s);
}

void search_begin(struct search *s, bool records)
{
    *s = (struct search){.o = s->o,
                         .matcher = s->matcher,
                         .printer = s->printer,
                         .held = {.v = s->held.v, .cap = s->held.cap},
                         .ends = s->ends,
                         .ends_cap = s->ends_cap,
                         .any_printed = s->any_printed,
                         .apart = true,
                         .records = records};
    s->here.record = s->here.line = 1;
}

uint64_t search_count(const struct search *s)
{
    return s->count;
}

uint64_t search_size(const struct search *s)
{
    return s->text_size;
}

bool search_failed(const struct search *s)
{
    return s->failed;
}

/* --- Lines and records in the buffer ------------------------------------------- */

/* The begin of the line that a place of a text is in, or least. Looks at eight bytes at a time. */
static size_t line_start(const unsigned char *text, size_t at, size_t least)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (uint64_t eight; at - least >= sizeof eight; at -= sizeof eight) {
        memcpy(&eight, text + at - sizeof eight, sizeof eight);
        eight ^= '\n' * ones; /* a line feed is zero now */
        if (((eight - ones) & ~eight & ones << 7) != 0)
            break;
    }
    while (at > least && text[at - 1] != '\n')
        at--;
    return at;
}

/* The first record that ends after a place. */
static size_t record_of(const struct search *s, size_t at)
{
    size_t low = 0, high = s->nends;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->ends[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct span record_span(const struct search *s, size_t i, size_t least)
{
    const size_t start = i > 0 ? s->ends[i - 1].at : least, next = s->ends[i].at;
    return (struct span){start, next - 1, next};
}

/* The line or record that a place is in. It begins at least or later. */
static struct span span_at(const struct search *s, size_t at, size_t least)
{
    if (s->o->records)
        return record_span(s, record_of(s, at), least);
    const size_t start = line_start(s->v, at, least);
    const unsigned char *end = memchr(s->v + at, '\n', s->whole - at);
    const size_t stop = (size_t)(end - s->v);
    return (struct span){start, stop, stop + 1};
}

/* The start of the one before that which begins at a place. */
static size_t start_before(const struct search *s, size_t at)
{
    if (!s->o->records)
        return line_start(s->v, at - 1, 0);
    const size_t i = record_of(s, at - 1);
    return i > 0 ? s->ends[i - 1].at : 0;
}

static uint64_t count_lines(const unsigned char *p, size_t n)
{
    uint64_t lines = 0;
    for (const unsigned char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

/* Moves the place that is known to another, later one. */
static void go(struct search *s, size_t to)
{
    const bool lines = s->o->number || s->o->show == SHOW_JSON;
    while (s->here.nends < s->nends && s->ends[s->here.nends].at <= to) {
        s->here.at = s->ends[s->here.nends].at;
        s->here.offset = s->ends[s->here.nends].in_text;
        s->here.record += s->ends[s->here.nends++].nrecords;
        s->here.line = 1;
    }
    if (lines && !s->o->records)
        s->here.line += count_lines(s->v + s->here.at, to - s->here.at);
    s->here.offset += to - s->here.at;
    s->here.at = to;
}

/* --- What is selected ---------------------------------------------------------- */

static void print(struct search *s, struct span span, bool selected)
{
    go(s, span.start);
    const char own = (char)s->v[span.end];
    const bool null = s->o->records && s->o->null;
    print_hit(s->printer, &(struct hit){.unit = {s->v + span.start, span.end - span.start},
                                        .end = null ? 0 : own,
                                        .line_feed = null && own == '\n',
                                        .selected = selected,
                                        .record = s->records ? s->here.record : 0,
                                        .line = s->o->records ? 0 : s->here.line,
                                        .offset = s->here.offset});
    s->any_printed = true;
    s->apart = false;
    s->printed = span.next;
    s->stop = s->stop || s->printer->binary;
    s->failed = s->failed || s->printer->failed;
}

/* Writes the context after what was selected last, up to a place. */
static void print_after(struct search *s, size_t to)
{
    while (s->after_left > 0 && s->printed < to && !s->stop) {
        s->after_left--;
        print(s, span_at(s, s->printed, s->printed), false);
    }
    s->stop = s->stop || (s->full && s->after_left == 0);
}

static void print_before(struct search *s, size_t to)
{
    size_t from = to;
    for (uint64_t i = 0; i < s->o->before && from > s->printed; i++)
        from = start_before(s, from);
    if (s->o->context && s->any_printed && (from > s->printed || s->apart))
        print_gap(s->printer);
    for (s->printed = from; s->printed < to && !s->stop;)
        print(s, span_at(s, s->printed, s->printed), false);
}

static void select_span(struct search *s, struct span span)
{
    const enum show show = s->o->show;
    const bool last = ++s->count >= s->o->max_count;
    if (show == SHOW_COUNT || show == SHOW_NAME || show == SHOW_MISSING || show == SHOW_NOTHING) {
        s->stop = show != SHOW_COUNT || last;
        return;
    }
    print_after(s, span.start);
    print_before(s, span.start);
    if (s->stop)
        return;
    print(s, span, true);
    s->after_left = s->o->after;
    s->full = last;
    s->stop = s->stop || (s->full && s->after_left == 0);
}

/* --- Searching ----------------------------------------------------------------- */

static bool matches(struct search *s, struct span span)
{
    size_t start, end;
    const struct unit unit = {s->v + span.start, span.end - span.start};
    enum match match = matcher_find(s->matcher, &unit, 0, &start, &end);
    s->failed = s->failed || match == MATCH_FAILED;
    return match == MATCH_FOUND;
}

/* Finds the next that matches, or *span stays as it is. seek: with matcher_seek(). */
static bool next_match(struct search *s, size_t from, bool *seek, struct span *span)
{
    while (from < s->whole) {
        size_t at = from;
        bool sure = false;
        enum match found = *seek ? matcher_seek(s->matcher, from, &at, &sure) : MATCH_FOUND;
        if (found == MATCH_NONE)
            return false;
        *seek = *seek && found != MATCH_FAILED;
        struct span next = span_at(s, *seek ? at : from, from);
        if (sure && *seek ? true : matches(s, next)) {
            *span = next;
            return true;
        }
        from = next.next;
    }
    return false;
}

/* Selects all from a place to another, as they do not match. */
static void select_others(struct search *s, size_t from, size_t to)
{
    while (from < to && !s->stop && !s->full) {
        const struct span span = span_at(s, from, from);
        select_span(s, span);
        from = span.next;
    }
}

/* Searches what is whole. */
static void search_whole(struct search *s)
{
    bool seek = matcher_seeks(s->matcher);
    if (seek)
        matcher_text(s->matcher, s->v, s->whole);
    for (size_t from = s->done; from < s->whole && !s->stop && !s->full;) {
        struct span span = {s->whole, s->whole, s->whole};
        const bool found = next_match(s, from, &seek, &span);
        if (s->o->invert)
            select_others(s, from, span.start);
        else if (found)
            select_span(s, span);
        from = span.next;
    }
    s->done = s->whole;
    if (!s->stop)
        print_after(s, s->whole);
}

/* Forgets what is searched, but for what may be context. Returns where that begins. */
static size_t forget(struct search *s)
{
    size_t from = s->done;
    for (uint64_t i = 0; i < s->o->before && from > s->printed; i++)
        from = start_before(s, from);
    go(s, from);
    const size_t gone = s->here.nends;
    for (size_t i = gone; i < s->nends; i++) {
        s->ends[i - gone] = s->ends[i];
        s->ends[i - gone].at -= from;
    }
    s->nends -= gone;
    s->here.nends = 0;
    s->here.at = 0;
    s->whole -= from;
    s->done -= from;
    s->apart = s->apart || s->printed < from;
    s->printed = s->printed > from ? s->printed - from : 0;
    return from;
}

/* Searches what is whole of what is held. */
static enum lp_status search_held(struct search *s)
{
    s->v = s->held.v;
    search_whole(s);
    const size_t from = forget(s);
    memmove(s->held.v, s->held.v + from, s->held.n - from);
    s->held.n -= from;
    return s->stop ? LP_STOP : LP_OK;
}

/* Searches n bytes of whole lines where they stand. */
static enum lp_status search_there(struct search *s, const unsigned char *text, size_t n)
{
    s->v = text;
    s->whole = n;
    s->text_size += n;
    search_whole(s);
    forget(s);
    return s->stop ? LP_STOP : LP_OK;
}

/* --- Holding text -------------------------------------------------------------- */

static enum lp_status grow(struct search *s, size_t n)
{
    const size_t size = s->held.n + n + 1;
    if (size > s->o->memory / 2 && size > 2 * CHUNK)
        return LP_LIMIT;
    return buffer_reserve(&s->held, n + 1) ? LP_OK : LP_NOMEM;
}

/* Makes room for n bytes and one more. Inline, like work(): records may be short. */
static inline enum lp_status reserve(struct search *s, size_t n)
{
    return n < s->held.cap - s->held.n ? LP_OK : grow(s, n);
}

/* Searches, once there is enough. */
static inline enum lp_status work(struct search *s, size_t least)
{
    return s->whole - s->done >= least || s->nends >= ENDS_MAX ? search_held(s) : LP_OK;
}

/* Takes text that is copied. */
static enum lp_status hold(struct search *s, const unsigned char *text, size_t n)
{
    enum lp_status status = s->stop ? LP_STOP : LP_OK;
    for (size_t size; status == LP_OK && n > 0; text += size, n -= size) {
        size = n < CHUNK ? n : CHUNK;
        status = reserve(s, size);
        if (status != LP_OK)
            return status;
        const size_t lines = s->o->records ? 0 : line_start(text, size, 0);
        s->whole = lines > 0 ? s->held.n + lines : s->whole;
        buffer_add(&s->held, text, size);
        s->text_size += size;
        status = work(s, CHUNK);
    }
    return status;
}

/* Ends the line that is not whole. A NUL that ends a record is no line of its own. */
static void end_line(struct search *s)
{
    struct buffer *held = &s->held;
    if (s->records && held->n > s->whole && held->v[held->n - 1] == 0)
        held->n--;
    if (held->n > s->whole)
        held->v[held->n++] = '\n';
}

/* Sees to it that a record ends with a separator. */
static void end_whole_record(struct search *s)
{
    struct buffer *held = &s->held;
    const unsigned char last = held->n > s->whole ? held->v[held->n - 1] : 'x';
    if (last != 0 && last != '\n')
        held->v[held->n++] = s->o->null ? 0 : '\n';
}

/* Makes room for n more ends of records. */
static bool reserve_ends(struct search *s, size_t n)
{
    while (s->ends_cap < s->nends + n) {
        struct end *ends = array_grow(s->ends, s->ends_cap, &s->ends_cap, sizeof *ends);
        if (ends == NULL)
            return false;
        s->ends = ends;
    }
    return true;
}

static struct end *new_end(struct search *s)
{
    struct end *last = s->nends > 0 ? &s->ends[s->nends - 1] : NULL;
    if (last != NULL && last->at == s->held.n)
        return last;
    if (!reserve_ends(s, 1))
        return NULL;
    s->ends[s->nends] = (struct end){.at = s->held.n};
    return &s->ends[s->nends++];
}

enum lp_status search_end_record(struct search *s)
{
    enum lp_status status = s->stop ? LP_STOP : reserve(s, 1);
    if (status != LP_OK)
        return status;
    if (s->o->records)
        end_whole_record(s);
    else
        end_line(s);
    struct end *end = new_end(s);
    if (end == NULL)
        return LP_NOMEM;
    end->in_text = s->text_size;
    end->nrecords++;
    s->whole = s->held.n;
    return work(s, CHUNK);
}

/* --- Taking text --------------------------------------------------------------- */

/* Whether lines can be searched where they stand, which saves a copy: there is no context of which
 * they would be a part later on. */
static bool can_look(const struct search *s)
{
    return !s->o->records && s->o->before == 0;
}

enum lp_status search_push(struct search *s, const void *data, size_t n)
{
    enum { LEAST = 16 << 10 };
    const unsigned char *text = data, *first;
    if (n < LEAST || !can_look(s) || (first = memchr(text, '\n', n)) == NULL)
        return hold(s, text, n);
    const size_t begin = s->held.n > 0 ? (size_t)(first - text) + 1 : 0,
                 end = line_start(text, n, 0);
    enum lp_status status = hold(s, text, begin);
    if (status == LP_OK && begin > 0)
        status = search_held(s);
    if (status == LP_OK && end > begin)
        status = search_there(s, text + begin, end - begin);
    return status == LP_OK ? hold(s, text + end, n - end) : status;
}

/* How many of the next records are whole lines. */
static size_t count_line_records(const unsigned char *text, size_t at, const uint64_t *ends,
                                 size_t nends)
{
    size_t k = 0;
    for (; k < nends && k < ENDS_MAX && ends[k] > at && text[ends[k] - 1] == '\n'; k++)
        at = (size_t)ends[k];
    return k;
}

/* Takes records that are whole lines, which begin at a place in the text, after whole lines. */
static enum lp_status push_line_records(struct search *s, const unsigned char *text, size_t at,
                                        const uint64_t *ends, size_t nends)
{
    enum lp_status status = s->held.n > 0 ? search_held(s) : LP_OK;
    if (status != LP_OK)
        return status;
    if (!reserve_ends(s, nends))
        return LP_NOMEM;
    for (size_t i = 0; i < nends; i++) {
        const size_t end = (size_t)ends[i] - at;
        s->ends[s->nends++] = (struct end){end, s->text_size + end, 1};
    }
    return search_there(s, text + at, (size_t)ends[nends - 1] - at);
}

enum lp_status search_push_block(struct search *s, const void *data, size_t n, const uint64_t *ends,
                                 size_t nends)
{
    const unsigned char *text = data;
    enum lp_status status = s->stop ? LP_STOP : LP_OK;
    size_t at = 0;
    for (size_t i = 0, k; status == LP_OK && i < nends; i += k) {
        const bool look = can_look(s) && s->held.n == s->whole;
        k = look ? count_line_records(text, at, ends + i, nends - i) : 0;
        if (k > 1) {
            status = push_line_records(s, text, at, ends + i, k);
        } else {
            k = 1;
            status = search_push(s, text + at, (size_t)ends[i] - at);
            if (status == LP_OK)
                status = search_end_record(s);
        }
        at = (size_t)ends[i + k - 1];
    }
    return status == LP_OK ? search_push(s, text + at, n - at) : status;
}

enum lp_status search_flush(struct search *s)
{
    return s->stop ? LP_STOP : work(s, 1);
}

enum lp_status search_finish(struct search *s)
{
    enum lp_status status = s->stop ? LP_OK : reserve(s, 1);
    if (status == LP_OK && !s->stop && s->held.n > s->whole && (s->records || s->o->records))
        status = search_end_record(s);
    if (status == LP_OK && !s->stop && s->held.n > s->whole) {
        end_line(s);
        s->whole = s->held.n;
    }
    if (status == LP_OK && !s->stop)
        status = work(s, 0);
    return status == LP_STOP ? LP_OK : status;
}
