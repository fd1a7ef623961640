#include "lpgrep/print.h"

#include "shared/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Colour: as grep has them ------------------------------------------------- */

#define COLOR_MATCH "01;31"
#define COLOR_NAME  "35"
#define COLOR_PLACE "32"
#define COLOR_MARK  "36"

static void put(struct printer *p, const void *text, size_t n)
{
    output_sink(p->out, text, n);
}

static void put_text(struct printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static void color(struct printer *p, const char *code)
{
    if (p->o->color) {
        put_text(p, "\33[");
        put_text(p, code);
        put_text(p, "m\33[K");
    }
}

static void plain(struct printer *p)
{
    if (p->o->color)
        put_text(p, "\33[m\33[K");
}

static void mark(struct printer *p, const char *text)
{
    color(p, COLOR_MARK);
    put_text(p, text);
    plain(p);
}

/* --- Text --------------------------------------------------------------------- */

static void name(struct printer *p)
{
    color(p, COLOR_NAME);
    if (p->o->null_name)
        put_text(p, p->name);
    else
        output_name(p->out, p->name, 0);
    plain(p);
    if (p->o->null_name)
        put(p, "", 1);
}

static void place(struct printer *p, uint64_t number, const char *separator)
{
    color(p, COLOR_PLACE);
    output_print(p->out, "%" PRIu64, number);
    plain(p);
    mark(p, separator);
}

/* Where a line is; at: bytes from its begin. */
static void prefix(struct printer *p, const struct hit *hit, size_t at)
{
    const char *separator = hit->selected ? ":" : "-";
    if (p->o->with_name)
        name(p);
    if (p->o->with_name && !p->o->null_name)
        mark(p, separator);
    if (p->o->number && hit->record != 0)
        place(p, hit->record, separator);
    if (p->o->number && hit->line != 0)
        place(p, hit->line, separator);
    if (p->o->offset)
        place(p, hit->offset + at, separator);
}

/* The next match in a unit that is not empty. */
static bool next_match(struct printer *p, const struct unit *unit, size_t from, size_t *start,
                       size_t *end)
{
    while (from <= unit->n) {
        enum match match = matcher_find(p->matcher, unit, from, start, end);
        if (match != MATCH_FOUND) {
            p->failed = p->failed || match == MATCH_FAILED;
            return false;
        }
        if (*end > *start && *start >= from)
            return true;
        from = (*end > from ? *end : from) + 1;
        while (from < unit->n && (unit->text[from] & 0xC0) == 0x80)
            from++;
    }
    return false;
}

static void print_matches(struct printer *p, const struct hit *hit)
{
    size_t start, end;
    for (size_t from = 0; next_match(p, &hit->unit, from, &start, &end); from = end) {
        prefix(p, hit, start);
        color(p, COLOR_MATCH);
        put(p, hit->unit.text + start, end - start);
        plain(p);
        put(p, &hit->end, 1);
    }
}

static void print_unit(struct printer *p, const struct hit *hit)
{
    const struct unit *unit = &hit->unit;
    size_t start, end, from = 0;
    prefix(p, hit, 0);
    while (p->o->color && hit->selected && !p->o->invert &&
           next_match(p, unit, from, &start, &end)) {
        put(p, unit->text + from, start - from);
        color(p, COLOR_MATCH);
        put(p, unit->text + start, end - start);
        plain(p);
        from = end;
    }
    put(p, unit->text + from, unit->n - from);
    if (hit->line_feed)
        put(p, "\n", 1);
    put(p, &hit->end, 1);
}

/* --- JSON, as ripgrep has it --------------------------------------------------- */

static bool is_utf8(const unsigned char *text, size_t n)
{
    for (size_t at = 0, size; at < n; at += size) {
        if (utf8_decode(text + at, n - at, &size) >= INVALID_BYTE)
            return false;
    }
    return true;
}

static void json_base64(struct json *json, const char *key, const unsigned char *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(n / 3 * 4 + 5), *to = text;
    if (text == NULL)
        tool_die(json->out->tool, EXIT_IO, "out of memory");
    for (size_t i = 0; i < n; i += 3) {
        const size_t size = n - i < 3 ? n - i : 3;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= size > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= size > 2 ? data[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            *to++ = k <= size ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    *to = 0;
    json_text(json, key, text);
    free(text);
}

static void json_data(struct json *json, const char *key, const void *data, size_t n)
{
    json_open(json, key, '{');
    if (is_utf8(data, n))
        json_bytes(json, "text", data, n);
    else
        json_base64(json, "bytes", data, n);
    json_close(json, '}');
}

static void open_event(struct printer *p, const char *type)
{
    json_open_flat(&p->json, NULL, '{');
    json_text(&p->json, "type", type);
    json_open(&p->json, "data", '{');
}

static void close_event(struct printer *p)
{
    json_close(&p->json, '}');
    json_close(&p->json, '}');
}

static void json_name(struct printer *p)
{
    json_data(&p->json, "path", p->name, strlen(p->name));
}

static void json_matches(struct printer *p, const struct hit *hit)
{
    size_t start, end;
    json_open(&p->json, "submatches", '[');
    for (size_t from = 0;
         hit->selected && !p->o->invert && next_match(p, &hit->unit, from, &start, &end);
         from = end) {
        json_open(&p->json, NULL, '{');
        json_data(&p->json, "match", hit->unit.text + start, end - start);
        json_count(&p->json, "start", start);
        json_count(&p->json, "end", end);
        json_close(&p->json, '}');
        p->figures.matches++;
    }
    json_close(&p->json, ']');
}

static void json_hit(struct printer *p, const struct hit *hit)
{
    const uint64_t before = p->out->written;
    if (!p->begun) {
        open_event(p, "begin");
        json_name(p);
        close_event(p);
        p->begun = true;
    }
    open_event(p, hit->selected ? "match" : "context");
    json_name(p);
    json_data(&p->json, "lines", hit->unit.text, hit->unit.n + (hit->line != 0));
    if (hit->line != 0)
        json_count(&p->json, "line_number", hit->line);
    else
        json_null(&p->json, "line_number");
    if (hit->record != 0)
        json_count(&p->json, "record_number", hit->record);
    json_count(&p->json, "absolute_offset", hit->offset);
    json_matches(p, hit);
    close_event(p);
    p->figures.printed += p->out->written - before;
}

static void json_seconds(struct json *json, const char *key, double seconds)
{
    char human[32];
    snprintf(human, sizeof human, "%.6fs", seconds);
    json_open(json, key, '{');
    json_count(json, "secs", (uint64_t)seconds);
    json_count(json, "nanos", (uint64_t)((seconds - (double)(uint64_t)seconds) * 1e9));
    json_text(json, "human", human);
    json_close(json, '}');
}

static void json_figures(struct json *json, const struct figures *f)
{
    json_open(json, "stats", '{');
    json_seconds(json, "elapsed", f->seconds);
    json_count(json, "searches", f->inputs);
    json_count(json, "searches_with_match", f->with_match);
    json_count(json, "bytes_searched", f->bytes);
    json_count(json, "bytes_printed", f->printed);
    json_count(json, "matched_lines", f->units);
    json_count(json, "matches", f->matches);
    json_close(json, '}');
}

static void json_end(struct printer *p)
{
    if (!p->begun)
        return;
    open_event(p, "end");
    json_name(p);
    json_null(&p->json, "binary_offset");
    json_figures(&p->json, &p->figures);
    close_event(p);
}

static void json_summary(struct printer *p)
{
    json_open_flat(&p->json, NULL, '{');
    json_open(&p->json, "data", '{');
    json_seconds(&p->json, "elapsed_total", seconds_now() - p->start);
    json_figures(&p->json, &p->all);
    json_close(&p->json, '}');
    json_text(&p->json, "type", "summary");
    json_close(&p->json, '}');
}

/* --- All of it ----------------------------------------------------------------- */

void print_begin(struct printer *p, const char *of)
{
    p->name = of;
    p->begun = p->failed = p->binary = false;
    p->figures = (struct figures){.inputs = 1, .seconds = -seconds_now()};
}

void print_hit(struct printer *p, const struct hit *hit)
{
    p->binary =
        p->o->show != SHOW_JSON && !p->o->binary && memchr(hit->unit.text, 0, hit->unit.n) != NULL;
    if (p->binary)
        return;
    if (p->o->show == SHOW_JSON)
        json_hit(p, hit);
    else if (p->o->show == SHOW_UNITS)
        print_unit(p, hit);
    else if (hit->selected && !p->o->invert)
        print_matches(p, hit);
}

void print_gap(struct printer *p)
{
    if (p->o->show != SHOW_UNITS && p->o->show != SHOW_MATCHES)
        return;
    mark(p, "--");
    put(p, "\n", 1);
}

static void print_name(struct printer *p)
{
    name(p);
    if (!p->o->null_name)
        put(p, "\n", 1);
}

static void print_count(struct printer *p, uint64_t count)
{
    if (p->o->with_name)
        name(p);
    if (p->o->with_name && !p->o->null_name)
        mark(p, ":");
    output_print(p->out, "%" PRIu64 "\n", count);
}

static void add_figures(struct printer *p, uint64_t count, uint64_t nbytes)
{
    struct figures *f = &p->figures, *all = &p->all;
    f->bytes = nbytes;
    f->units = count;
    f->with_match = count > 0;
    f->seconds += seconds_now();
    all->seconds += f->seconds;
    all->inputs++;
    all->with_match += f->with_match;
    all->bytes += f->bytes;
    all->printed += f->printed;
    all->units += f->units;
    all->matches += f->matches;
}

void print_end(struct printer *p, uint64_t count, bool whole, uint64_t nbytes)
{
    add_figures(p, count, nbytes);
    if (p->binary) {
        output_name(p->out, p->name, 0);
        put_text(p, ": binary file matches\n");
    }
    if (p->o->show == SHOW_COUNT && whole)
        print_count(p, count);
    else if (p->o->show == SHOW_NAME ? count > 0
                                     : p->o->show == SHOW_MISSING && count == 0 && whole)
        print_name(p);
    else if (p->o->show == SHOW_JSON)
        json_end(p);
}

void print_finish(struct printer *p)
{
    if (p->o->show == SHOW_JSON)
        json_summary(p);
}
