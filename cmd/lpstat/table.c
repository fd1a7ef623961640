/* table.c - lpstat's report as a table for people. */
#include "lpstat/form.h"
#include "measure/advice.h"
#include "measure/figures.h"
#include "shared/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct output *out;
    const char *bold, *good, *dim, *plain; /* escape sequences, or "" */
};

/* Formats a number with fewer decimals the larger it is, and "-" for NAN. */
static char *number(char *text, size_t size, double value)
{
    if (!isfinite(value))
        snprintf(text, size, "-");
    else
        snprintf(text, size, "%.*f", value < 99.95 ? 2 : value < 9999.5 ? 1 : 0, value);
    return text;
}

static char *percent(char *text, size_t size, double value)
{
    if (!isfinite(value))
        snprintf(text, size, "-");
    else
        snprintf(text, size, value > -9.995 && value < 9.995 ? "%.1f%%" : "%.0f%%", 100 * value);
    return text;
}

static double mebi(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void put_row(const struct table *t, const char *name, const struct figures *f,
                    const struct measured *m, bool best)
{
    char stored[32], a[16], b[16], c[16], d[16], e[16], g[16];
    uint64_t memory = m->pack.memory > m->unpack.memory ? m->pack.memory : m->unpack.memory;
    output_print(t->out, "%s%-13s %13s %6s %7s %6s %7s %6s %6s %7.1f%s\n", best ? t->good : "",
                 name, commas(stored, f->stored), number(a, sizeof a, f->ratio),
                 percent(b, sizeof b, f->saved), number(c, sizeof c, f->bits_per_character),
                 percent(d, sizeof d, f->of_limit), number(e, sizeof e, f->pack_mb),
                 number(g, sizeof g, f->unpack_mb), mebi(memory), best ? t->plain : "");
}

static void put_rows(const struct report *r, const struct table *t, const char *title, bool blobs)
{
    static const char *const heads[2][9] = {
        {"method", "stored", "ratio", "saved", "bits/", "vs", "pack", "unpack", "memory"},
        {"", "bytes", "", "", "char", "order-0", "MB/s", "MB/s", "MiB"}};
    output_print(t->out, "\n%s%s%s\n%s", t->bold, title, t->plain, t->dim);
    for (int i = 0; i < 2; i++) {
        const char *const *h = heads[i];
        output_print(t->out, "%-13s %13s %6s %7s %6s %7s %6s %6s %7s%s\n", h[0], h[1], h[2], h[3],
                     h[4], h[5], h[6], h[7], h[8], i > 0 ? t->plain : "");
    }
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        const struct measured *m = blobs ? &result->blobs : &result->stream;
        struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
        if (m->done)
            put_row(t, result->variant->name, &f, m, i == (blobs ? r->best : r->best_stream));
    }
}

static void put_summaries(const struct report *r, const struct table *t, const char *title,
                          enum summed_up what, char *(*format)(char *, size_t, double))
{
    output_print(t->out, "\n%s%s%s\n%s%-13s %8s %8s %8s %8s %8s %8s %8s%s\n", t->bold, title,
                 t->plain, t->dim, "method", "mean", "median", "sd", "min", "25%", "75%", "max",
                 t->plain);
    for (size_t i = 0; i < r->nresults; i++) {
        if (!r->results[i].blobs.done)
            continue;
        struct summary s = summary_of(r, &r->results[i], what);
        double columns[] = {s.mean, s.median, s.sd, s.min, s.q1, s.q3, s.max};
        char text[16];
        output_print(t->out, "%s%-13s", i == r->best ? t->good : "", r->results[i].variant->name);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            output_print(t->out, " %8s", format(text, sizeof text, columns[c]));
        output_print(t->out, "%s\n", i == r->best ? t->plain : "");
    }
}

/* A name, without its first characters where it is wider than its column. */
static const char *short_name(const char *name, size_t width)
{
    size_t n = strlen(name);
    name += n > width ? n - width : 0;
    while ((*name & 0xC0) == 0x80 && n > width)
        name++;
    return name;
}

enum { WIDTH = 80, NAME_MIN = 16, BYTES = 12, TOKENS = 10 };

/* Chooses the variants with a column in a line of so many characters, which the smallest of them
 * get first; returns what is left of the line. */
static size_t choose_columns(const struct report *r, size_t width, bool shown[VARIANTS])
{
    for (;;) {
        size_t best = r->nresults;
        for (size_t i = 0; i < r->nresults; i++) {
            const struct measured *m = &r->results[i].blobs;
            if (m->done && !shown[i] && strlen(r->results[i].variant->name) + 2 <= width &&
                (best == r->nresults || m->stored < r->results[best].blobs.stored))
                best = i;
        }
        if (best == r->nresults)
            return width;
        shown[best] = true;
        width -= strlen(r->results[best].variant->name) + 2;
    }
}

/* A row for each file, where each is a record, and one for the total. The name's column takes
 * what the others leave of the line. */
static void put_files(const struct report *r, const struct table *t)
{
    bool shown[VARIANTS] = {false};
    size_t name = NAME_MIN + choose_columns(r, WIDTH - BYTES - NAME_MIN, shown);
    char a[32], b[32];
    bool tokens = name >= NAME_MIN + TOKENS;
    name -= tokens ? TOKENS : 0;
    output_print(t->out, "\n%sRatio of each file%s\n%s%-*s %*s", t->bold, t->plain, t->dim,
                 (int)name, "file", BYTES - 1, "bytes");
    if (tokens)
        output_print(t->out, " %*s", TOKENS - 1, "tokens");
    for (size_t m = 0; m < r->nresults; m++)
        if (shown[m])
            output_print(t->out, "  %s", r->results[m].variant->name);
    output_print(t->out, "%s\n", t->plain);
    for (size_t i = 0; i <= r->nrecords; i++) {
        bool total = i == r->nrecords;
        output_name(t->out, total ? "total" : short_name(r->records[i].file, name), name);
        output_print(t->out, " %*s", BYTES - 1, commas(a, total ? r->record_bytes : r->texts[i].n));
        if (tokens)
            output_print(t->out, " %*s", TOKENS - 1,
                         commas(b, total ? r->tokens : r->records[i].tokens));
        for (size_t m = 0; m < r->nresults; m++) {
            if (!shown[m])
                continue;
            struct figures f = total ? figures_of_blobs(r, &r->results[m])
                                     : figures_of_record(r, &r->results[m], i);
            output_print(t->out, " %*s", (int)strlen(r->results[m].variant->name) + 1,
                         number(a, sizeof a, f.ratio));
        }
        output_print(t->out, "\n");
    }
}

/* What a single record takes to read, and the share of the tokens that a window copies. */
static void put_access(const struct report *r, const struct table *t)
{
    output_print(t->out, "\n%sA single record of the stream (lpunpack -r), and copies%s\n", t->bold,
                 t->plain);
    output_print(t->out, "%s%-13s %13s %6s\n%-13s %13s %6s%s\n", t->dim, "method", "record",
                 "copied", "", "ms", "", t->plain);
    for (size_t i = 0; i < r->nresults; i++) {
        const struct measured *m = &r->results[i].stream;
        char a[16], b[16];
        output_print(t->out, "%-13s %13s %6s\n", r->results[i].variant->name,
                     number(a, sizeof a, 1000 * m->record_seconds),
                     percent(b, sizeof b, m->copied));
    }
}

static void put_head(const struct report *r, const struct table *t)
{
    char a[32];
    output_print(t->out, "%s", t->bold);
    output_name(t->out, r->ninputs == 1 ? r->files[0] : "All files", 0);
    output_print(t->out, "%s: ", t->plain);
    if (r->nrecords != 1)
        output_print(t->out, "%s record%s, ", commas(a, r->nrecords), plural(r->nrecords));
    output_print(t->out, "%s byte%s, ", commas(a, r->record_bytes), plural(r->record_bytes));
    output_print(t->out, "%s character%s, ", commas(a, r->characters), plural(r->characters));
    output_print(t->out, "%s token%s\n", commas(a, r->tokens), plural(r->tokens));
    output_print(t->out, "%s%s, zstd level %d", t->dim, r->encoding, r->level);
    if (r->dictionary != NULL) {
        output_print(t->out, ", ");
        output_name(t->out, r->dictionary, 0);
    }
    output_print(t->out, "\nOrder-0 entropy of the characters: %s byte%s, %.2f bits each%s\n",
                 commas(a, (uint64_t)(r->limit + 0.5)), plural((uint64_t)(r->limit + 0.5)),
                 r->characters > 0 ? r->limit * 8 / (double)r->characters : 0, t->plain);
    if (r->invalid > 0)
        output_print(t->out, "%s byte%s of invalid UTF-8, each counted as a character\n",
                     commas(a, r->invalid), plural(r->invalid));
}

static void put_proof(const struct report *r, const struct table *t)
{
    char hex[2 * SHA256_SIZE + 1];
    if (!report_exact(r, NULL))
        return; /* an error follows */
    sha256_hex(hex, r->results[0].stream.original_sha256);
    output_print(t->out,
                 "\nLossless: every method restored every byte (reconstruction error 0).\n"
                 "%sSHA-256 %s%s\n",
                 t->dim, hex, t->plain);
}

/* What to use, with the commands. */
static void put_advice(const struct report *r, const struct table *t)
{
    struct advice advice[PURPOSES];
    const size_t n = report_advice(r, advice);
    output_print(t->out, "\n");
    if (n == 0)
        output_print(t->out, "%s%s%s\n", t->good, report_no_advice(r), t->plain);
    for (size_t i = 0; i < n; i++) {
        char *sentence = advice_sentence(r, &advice[i]);
        char *command = result_command(r, advice[i].result, advice[i].blobs);
        output_print(t->out, "%s%s%s\n%s  ", t->good, sentence, t->plain, t->dim);
        output_name(t->out, command, 0);
        output_print(t->out, "%s\n", t->plain);
        free(sentence);
        free(command);
    }
}

void report_table(const struct report *r, struct output *out, bool colour)
{
    struct table t = {out, "", "", "", ""};
    if (colour)
        t = (struct table){out, "\033[1m", "\033[1;32m", "\033[2m", "\033[0m"};
    bool many = r->nrecords > 1;
    put_head(r, &t);
    if (report_has_blobs(r) && many && r->nrecords == r->ninputs)
        put_files(r, &t);
    if (report_has_blobs(r))
        put_rows(r, &t,
                 many ? "Total, each record a blob in a database cell"
                      : "As a blob in a database cell",
                 true);
    if (report_has_blobs(r) && many) {
        put_summaries(r, &t, "Ratio of each record", SUM_ratio, number);
        put_summaries(r, &t, "Space saved of each record", SUM_saved, percent);
    }
    put_rows(r, &t, many ? "Total, all in one stream" : "As a stream in a file", false);
    if (many || report_has_copies(r))
        put_access(r, &t);
    put_proof(r, &t);
    put_advice(r, &t);
}
