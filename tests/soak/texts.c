/* texts.c - see texts.h. */
#include "texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINED_BITS = 23 }; /* a joined record has up to 8 MB */

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(s)                                                                                    \
    {                                                                                              \
        (const unsigned char *)(s), sizeof(s) - 1                                                  \
    }

/* What is inserted between records, and into them. */
static const struct span bits[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("\n"),
    TEXT("\n\n"),
    TEXT("\r\n"),
    TEXT("\r"),
    TEXT("\t"),
    TEXT(", "),
    TEXT("\0"),
    TEXT("1"),
    TEXT(" 1"),
    TEXT("12"),
    TEXT("1234567"),
    TEXT("'"),
    TEXT("'s"),
    TEXT("'LL "),
    TEXT("\u2019re"),
    TEXT("}\n{"),
    TEXT("       "),
    TEXT("\n        "),
    TEXT("\u00A0"),
    TEXT("\u3000"),
    TEXT("\u0301"),
    TEXT("\u0663\u0664"),
    TEXT("\u65E5\u672C"),
    TEXT("\u0416"),
    TEXT("A\u0301b"),
    TEXT("\U0001F468\u200D\U0001F469"),
    TEXT("\xFF"),
    TEXT("\xC3"),
    TEXT("\xE2\x82"),
    TEXT("\xF0\x9F\x98"),
    TEXT("<|endoftext|>"),
    TEXT("<|endofte"),
    TEXT("<|fim_prefix|>"),
    TEXT("<|"),
    TEXT("----------------"),
    TEXT("/\r\n"),
};

void die(const char *what, const char *why)
{
    fprintf(stderr, "soak: %s: %s\n", what, why);
    exit(1);
}

void *need(void *p)
{
    if (p == NULL)
        die("memory", "there is not enough");
    return p;
}

/* --- The corpus -------------------------------------------------------------------- */

static struct span read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        die(path, "cannot read");
    size_t n = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = need(malloc(n + 1));
    if (fread(data, 1, n, file) != n)
        die(path, "cannot read");
    fclose(file);
    data[n] = 0;
    return (struct span){data, n};
}

static void add_records(struct corpus *corpus, struct span file)
{
    size_t count = 1;
    for (size_t i = 0; i < file.n; i++)
        count += file.p[i] == 0;
    corpus->records =
        need(realloc(corpus->records, (corpus->nrecords + count) * sizeof *corpus->records));
    for (size_t at = 0; at < file.n;) {
        size_t n = strlen((const char *)file.p + at);
        corpus->records[corpus->nrecords++] = (struct span){file.p + at, n};
        at += n + 1;
    }
}

void corpus_read(struct corpus *corpus, char *const *paths, size_t n)
{
    *corpus = (struct corpus){.first = need(malloc((n + 1) * sizeof *corpus->first))};
    for (size_t i = 0; i < n; i++) {
        struct span file = read_file(paths[i]);
        corpus->first[corpus->nfiles] = corpus->nrecords;
        add_records(corpus, file);
        if (corpus->nrecords > corpus->first[corpus->nfiles])
            corpus->nfiles++;
        else
            free((void *)(uintptr_t)file.p);
    }
    if (corpus->nfiles == 0)
        die("corpus", "it has no records");
    corpus->first[corpus->nfiles] = corpus->nrecords;
}

void corpus_free(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->nfiles; i++) /* a file's data begins with its first record */
        free((void *)(uintptr_t)corpus->records[corpus->first[i]].p);
    free(corpus->records);
    free(corpus->first);
}

/* --- Texts ------------------------------------------------------------------------- */

static void append(struct text *text, const unsigned char *p, size_t n)
{
    if (text->cap - text->n < n) {
        text->cap = 2 * (text->n + n) + 4096;
        text->p = need(realloc(text->p, text->cap));
    }
    if (n > 0)
        memcpy(text->p + text->n, p, n);
    text->n += n;
}

static void append_bits(struct text *text, struct draw *d, size_t times)
{
    for (; times > 0; times--) {
        struct span bit = bits[draw_any(d, COUNT(bits))];
        append(text, bit.p, bit.n);
    }
}

static void append_slice(struct text *text, struct draw *d, struct span s)
{
    size_t from = draw_any(d, s.n + 1);
    append(text, s.p + from, draw_any(d, s.n - from + 1));
}

/* A record with something inserted in places, one of a few things. */
static void append_spoilt(struct text *text, struct draw *d, struct span s)
{
    size_t often = draw_size(d, 14), few[4], count = 1 + draw_any(d, COUNT(few));
    for (size_t i = 0; i < count; i++)
        few[i] = draw_any(d, COUNT(bits));
    for (size_t at = 0; at < s.n;) {
        size_t n = draw_any(d, 2 * often);
        n = n < s.n - at ? n : s.n - at;
        append(text, s.p + at, n);
        struct span bit = bits[few[draw_any(d, count)]];
        append(text, bit.p, bit.n);
        at += n;
    }
}

/* A part of the corpus. */
struct part {
    const struct span *records;
    size_t n;
};

static struct span any_record(struct part part, struct draw *d)
{
    return part.records[draw_any(d, part.n)];
}

/* Records joined, with or without something between them. */
static void append_joined(struct text *text, struct draw *d, struct part part)
{
    size_t size = text->n + draw_size(d, JOINED_BITS), times = draw_any(d, 4);
    while (text->n < size) {
        struct span s = any_record(part, d);
        append(text, s.p, s.n < size - text->n ? s.n : size - text->n);
        append_bits(text, d, times);
    }
}

static void append_record(struct text *text, struct draw *d, struct part part)
{
    size_t kind = draw_any(d, 100);
    struct span s = any_record(part, d);
    if (kind < 75)
        append(text, s.p, s.n);
    else if (kind < 83)
        append_slice(text, d, s);
    else if (kind < 85)
        append_bits(text, d, draw_any(d, 5));
    else if (kind < 99)
        append_spoilt(text, d, s);
    else
        append_joined(text, d, part);
}

static void add_end(struct text *text, size_t at)
{
    if (text->nends == text->cap_ends) {
        text->cap_ends = 2 * text->cap_ends + 64;
        text->end = need(realloc(text->end, text->cap_ends * sizeof *text->end));
    }
    text->end[text->nends++] = at;
}

/* Records end where the separators are, whatever was drawn as a record. */
static void find_ends(struct text *text, int separator)
{
    text->nends = 0;
    for (size_t at = 0; at < text->n;) {
        const unsigned char *p = memchr(text->p + at, separator, text->n - at);
        at = p == NULL ? text->n : (size_t)(p - text->p) + 1;
        add_end(text, at);
    }
}

void text_draw(struct text *text, struct draw *d, const struct corpus *corpus, int separator,
               size_t size)
{
    struct part part = {corpus->records, corpus->nrecords};
    if (draw_one_in(d, 2)) { /* from one file */
        size_t i = draw_any(d, corpus->nfiles);
        part.records += corpus->first[i];
        part.n = corpus->first[i + 1] - corpus->first[i];
    }
    text->n = text->nends = 0;
    while (text->n < size) {
        append_record(text, d, part);
        if (separator >= 0)
            append(text, (const unsigned char[]){(unsigned char)separator}, 1);
        add_end(text, text->n);
    }
    if (separator < 0)
        return;
    if (text->n > 0 && draw_one_in(d, 4)) /* the last record without its separator */
        text->n--;
    find_ends(text, separator);
}

void text_join(struct text *text)
{
    text->nends = 0;
    add_end(text, text->n);
}

void text_cut(struct text *text, size_t at)
{
    size_t i = 0;
    while (i < text->nends && text->end[i] < at)
        i++;
    if (at == 0 || i == text->nends || text->end[i] == at)
        return;
    add_end(text, 0);
    memmove(text->end + i + 1, text->end + i, (text->nends - 1 - i) * sizeof *text->end);
    text->end[i] = at;
}

size_t text_begin(const struct text *text, size_t record)
{
    return record == 0 ? 0 : text->end[record - 1];
}

void text_free(struct text *text)
{
    free(text->p);
    free(text->end);
}
