/* html.c - lpstat's report as an HTML page: one file with its style sheet and plots, without
 * JavaScript, for light and dark mode. */
#include "lpstat/form.h"
#include "lpstat/svg.h"
#include "measure/advice.h"
#include "measure/figures.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

/* Series colours are distinguishable with colour blindness, in both modes. */
static const char plot_style[] =
    "svg{display:block;width:100%;height:auto;font-size:12.5px;font-variant-numeric:tabular-nums}"
    ".label{fill:var(--ink)}.value{fill:var(--soft)}.tick{fill:var(--faint);font-size:11.5px}"
    ".end{text-anchor:end}.middle{text-anchor:middle}.axis{stroke:var(--neutral);fill:none}"
    ".grid{stroke:var(--line);fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round;"
    "stroke-linecap:round}.dashed{stroke-dasharray:2 5}.dot{fill-opacity:.16}"
    ".mark{stroke:var(--card);stroke-width:1.5}.whisker{stroke:var(--ink);stroke-width:1.5;"
    "fill:none;opacity:.75}.heat{fill:var(--heat)}.cell{fill:var(--ink);font-size:12px}"
    ".cell.on{fill:var(--on)}.fill.neutral{fill:var(--neutral)}.line.neutral{stroke:"
    "var(--neutral)}\n"
    ".fill.s0{fill:var(--s0)}.fill.s1{fill:var(--s1)}.fill.s2{fill:var(--s2)}"
    ".fill.s3{fill:var(--s3)}.fill.s4{fill:var(--s4)}.fill.s5{fill:var(--s5)}"
    ".line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}"
    ".line.s3{stroke:var(--s3)}.line.s4{stroke:var(--s4)}.line.s5{stroke:var(--s5)}\n";

static const char style[] =
    ":root{color-scheme:light dark;--page:#f6f6f3;--card:#fff;--ink:#16161a;--soft:#55555c;"
    "--faint:#85858c;--line:#e3e2dd;--neutral:#b9b8b2;--good:#0b7a4b;--heat:#2a78d6;--on:#fff;"
    "--s0:#2a78d6;--s1:#c2509a;--s2:#e0662b;--s3:#0f9d6b;--s4:#b58300;--s5:#8c5a2b;--s6:#a03ad0;--"
    "s7:#6a50c7;--s8:#00838f}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#111113;--card:#1b1b1e;--ink:#f2f2ef;"
    "--soft:#b4b4b0;--faint:#8a8a88;--line:#303034;--neutral:#5c5c60;--good:#3ecb8f;"
    "--heat:#3987e5;--on:#fff;--s0:#4a94ec;--s1:#de6db4;--s2:#ec7a45;--s3:#27b883;--s4:#d3a12a;"
    "--s5:#c08a55;--s6:#c678e8;--s7:#9a86f0;--s8:#22b3c9}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}"
    "main{max-width:1080px;margin:0 auto;padding:40px 24px 56px}"
    "h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}"
    "h2{font-size:18px;margin:40px 0 12px}h3{font-size:15px;margin:0 0 2px}"
    "p{margin:0 0 12px;color:var(--soft)}.small{font-size:13px;color:var(--faint);"
    "overflow-wrap:anywhere}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px}\n"
    ".answer{display:grid;grid-template-columns:minmax(220px,1fr) 2fr;gap:16px 32px;"
    "margin-top:24px;align-items:center}"
    ".use{font-size:15px;color:var(--soft)}.use b{display:block;font-size:44px;line-height:1.15;"
    "color:var(--good);letter-spacing:-.02em}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:16px}"
    ".tile{color:var(--soft);font-size:13px}.tile b{display:block;font-size:24px;line-height:1.3;"
    "color:var(--ink);font-weight:600}"
    ".say{grid-column:1/-1;color:var(--soft)}.say p{margin:10px 0 0}"
    "pre{margin:4px 0 0;color:var(--ink);padding:10px "
    "14px;border-radius:8px;background:var(--page);"
    "font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;"
    "overflow-x:auto}pre:empty{display:none}\n"
    ".grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));"
    "gap:16px}.wide{grid-column:1/-1}.wide "
    "svg{max-width:720px}.card>p{font-size:13px;margin-bottom:10px}"
    "h4{font-size:13px;font-weight:600;color:var(--soft);margin:12px 0 4px}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px;"
    "font-variant-numeric:tabular-nums}"
    "th,td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}th:first-child,td:first-child{text-align:left;padding-left:0}"
    "thead th{font-weight:500;color:var(--faint);font-size:13px;vertical-align:bottom}"
    "tbody tr:last-child td{border-bottom:0}.best td{font-weight:650}"
    ".group th{color:var(--soft);font-weight:600;padding-top:18px;text-align:left}"
    "details{margin-top:16px}summary{cursor:pointer;color:var(--soft)}\n"
    ".key{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--soft);"
    "margin:0 0 6px}.key i{display:inline-block;width:10px;height:10px;border-radius:3px;"
    "margin-right:6px}.swatch{display:inline-block;width:10px;height:10px;border-radius:3px;"
    "margin-right:8px}\n"
    "@media(max-width:640px){main{padding:24px 14px}.answer{grid-template-columns:"
    "minmax(0,1fr)}}"
    "@media print{body{background:#fff}.card{break-inside:avoid}}\n";

/* --- Numbers ----------------------------------------------------------------- */

static void format_plain(char *text, size_t size, double value)
{
    snprintf(text, size,
             value >= 100 || (value >= 1 && fmod(value, 1) == 0.0) ? "%.0f"
             : value >= 10                                         ? "%.1f"
                                                                   : "%.3g",
             value);
}

static void format_unit(char *text, size_t size, double value, const char *const *units,
                        double base)
{
    char digits[16];
    size_t unit = 0;
    for (; value >= base && units[unit + 1] != NULL; unit++)
        value /= base;
    snprintf(digits, sizeof digits, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    if (strchr(digits, '.') != NULL) { /* 1.00 is 1 */
        size_t n = strlen(digits);
        while (digits[n - 1] == '0')
            digits[--n] = 0;
        if (digits[n - 1] == '.')
            digits[n - 1] = 0;
    }
    snprintf(text, size, "%s %s", digits, units[unit]);
}

static void format_bytes(char *text, size_t size, double value)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", NULL};
    format_unit(text, size, value, units, 1000);
}

static void format_memory(char *text, size_t size, double value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", NULL};
    format_unit(text, size, value, units, 1024);
}

static void format_seconds(char *text, size_t size, double value)
{
    static const char *const units[] = {"ns", "\302\265s", "ms", "s", NULL};
    format_unit(text, size, value * 1e9, units, 1000);
}

static void format_milliseconds(char *text, size_t size, double value)
{
    snprintf(text, size, isfinite(value) ? "%.2f ms" : "-", 1000 * value);
}

static void format_percent(char *text, size_t size, double value)
{
    snprintf(text, size, isfinite(value) ? "%.1f %%" : "-", 100 * value);
}

static void format_ratio(char *text, size_t size, double value)
{
    snprintf(text, size, isfinite(value) ? "%.2f" : "-", value);
}

static void format_speed(char *text, size_t size, double value)
{
    if (isfinite(value))
        snprintf(text, size,
                 value < 10    ? "%.2f MB/s"
                 : value < 100 ? "%.1f MB/s"
                               : "%.0f MB/s",
                 value);
    else
        snprintf(text, size, "-");
}

/* --- Text and tables --------------------------------------------------------- */

/* Plots show the records as blobs, or as a stream where one is too large for a blob. */
static const struct measured *main_form(const struct report *r, size_t i)
{
    return report_has_blobs(r) ? &r->results[i].blobs : &r->results[i].stream;
}

/* Whether a result has that form: a window makes blobs only with a parent. */
static bool shown(const struct report *r, size_t i)
{
    return !report_has_blobs(r) || r->results[i].blobs.done;
}

static struct figures main_figures(const struct report *r, size_t i)
{
    return report_has_blobs(r) ? figures_of_blobs(r, &r->results[i])
                               : figures_of_stream(r, &r->results[i]);
}

static void put(struct output *out, const char *html)
{
    output_sink(out, html, strlen(html));
}

static void put_card(struct output *out, const char *title, const char *text, bool wide)
{
    output_print(out, "<section class=\"card%s\"><h3>%s</h3><p>%s</p>\n", wide ? " wide" : "",
                 title, text);
}

static void end_card(struct output *out)
{
    put(out, "</section>\n");
}

static void put_head(const struct report *r, struct output *out)
{
    char a[32];
    put(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
             "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    html_text(out, r->ninputs == 1 ? r->files[0] : "Several files");
    put(out, " - lpstat</title>\n<style>\n");
    put(out, style);
    put(out, plot_style);
    for (int i = 0; i < VARIANTS; i++)
        output_print(out, ".fill.s%d{fill:var(--s%d)}.line.s%d{stroke:var(--s%d)}", i, i, i, i);
    put(out, "</style></head><body><main>\n<h1>");
    if (r->ninputs == 1)
        html_text(out, r->files[0]);
    else
        output_print(out, "%zu file%s", r->ninputs, plural(r->ninputs));
    output_print(out, "</h1>\n<p>%s record%s, ", commas(a, r->nrecords), plural(r->nrecords));
    output_print(out, "%s byte%s, ", commas(a, r->record_bytes), plural(r->record_bytes));
    output_print(out, "%s character%s, ", commas(a, r->characters), plural(r->characters));
    output_print(out, "%s token%s of %s", commas(a, r->tokens), plural(r->tokens), r->encoding);
    if (r->invalid > 0)
        output_print(out, "; %s byte%s of invalid UTF-8", commas(a, r->invalid),
                     plural(r->invalid));
    put(out, "</p>\n");
}

static void put_tile(struct output *out, const char *value, const char *name)
{
    output_print(out, "<div class=\"tile\"><b>%s</b>%s</div>\n", value, name);
}

/* What to use, with the commands. */
static void put_advice(const struct report *r, struct output *out)
{
    struct advice advice[PURPOSES];
    const size_t n = report_advice(r, advice);
    if (n == 0)
        put(out, report_no_advice(r));
    for (size_t i = 0; i < n; i++) {
        char *sentence = advice_sentence(r, &advice[i]);
        char *command = result_command(r, advice[i].result, advice[i].blobs);
        put(out, "<p>");
        html_text(out, sentence);
        put(out, "</p><pre>");
        html_text(out, command);
        put(out, "</pre>");
        free(sentence);
        free(command);
    }
}

static void put_answer(const struct report *r, struct output *out)
{
    struct figures f = main_figures(r, r->best);
    char text[64], a[32], b[32];
    bool exact = report_exact(r, NULL), saves = f.saved > 0;
    output_print(out, "<div class=\"card answer\"><div class=\"use\">Use<b>%s</b>%s</div>\n",
                 saves ? r->results[r->best].variant->name : "the text",
                 saves ? "the smallest" : "no method saves space here");
    put(out, "<div class=\"tiles\">\n");
    format_percent(text, sizeof text, f.saved);
    put_tile(out, text, "saved");
    format_ratio(text, sizeof text, f.ratio);
    put_tile(out, text, "compression ratio");
    format_bytes(a, sizeof a, (double)f.original);
    format_bytes(b, sizeof b, (double)f.stored);
    snprintf(text, sizeof text, "stored, of %s", a);
    put_tile(out, b, text);
    put_tile(out, exact ? "lossless" : "not lossless",
             exact ? "every byte restored and compared"
                   : "some bytes were not restored: do not use it");
    put(out, "</div>\n<div class=\"say\">");
    put_advice(r, out);
    put(out, "</div></div>\n");
}

static void put_rows(const struct report *r, struct output *out, bool blobs, const char *title)
{
    output_print(out, "<tr class=\"group\"><th colspan=\"12\">%s</th></tr>\n", title);
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        const struct measured *m = blobs ? &result->blobs : &result->stream;
        struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
        char text[32];
        if (!m->done)
            continue;
        output_print(out,
                     "<tr%s><td><span class=\"swatch\" style=\"background:var(--s%d)\"></span>"
                     "%s</td><td>%s</td>",
                     i == (blobs ? r->best : r->best_stream) ? " class=\"best\"" : "",
                     result->colour, result->variant->name, commas(text, f.stored));
        format_ratio(text, sizeof text, f.ratio);
        output_print(out, "<td>%s</td>", text);
        format_percent(text, sizeof text, f.saved);
        output_print(out, "<td>%s</td>", text);
        format_ratio(text, sizeof text, f.bits_per_character);
        output_print(out, "<td>%s</td>", text);
        format_percent(text, sizeof text, f.of_limit);
        output_print(out, "<td>%s</td>", text);
        format_speed(text, sizeof text, f.pack_mb);
        output_print(out, "<td>%s</td>", text);
        format_speed(text, sizeof text, f.unpack_mb);
        output_print(out, "<td>%s</td>", text);
        format_memory(text, sizeof text, (double)m->pack.memory);
        output_print(out, "<td>%s</td>", text);
        format_memory(text, sizeof text, (double)m->unpack.memory);
        output_print(out, "<td>%s</td>", text);
        format_milliseconds(text, sizeof text, m->record_seconds);
        output_print(out, "<td>%s</td>", text);
        format_percent(text, sizeof text, m->copied);
        output_print(out, "<td>%s</td></tr>\n", text);
    }
}

static void put_figures(const struct report *r, struct output *out)
{
    char a[32];
    put(out, "<h2>Figures</h2>\n<div class=\"card\"><div class=\"scroll\"><table><thead><tr>"
             "<th>method</th><th>stored bytes</th><th>ratio</th><th>saved</th><th>bits per<br>"
             "character</th><th>vs<br>order-0</th><th>packing</th><th>unpacking</th>"
             "<th>memory<br>packing</th><th>memory<br>unpacking</th>"
             "<th>a record<br>(lpunpack -r)</th><th>copied</th></tr></thead><tbody>\n");
    if (report_has_blobs(r))
        put_rows(r, out, true,
                 r->nrecords > 1 ? "Each record a blob, in a database cell"
                                 : "As a blob, in a database cell");
    put_rows(r, out, false,
             r->nrecords > 1 ? "All in one stream, in a file" : "As a stream, in a file");
    output_print(
        out,
        "</tbody></table></div>\n<p class=\"small\" style=\"margin:14px 0 0\">"
        "The order-0 entropy of the characters is %s byte%s, %.2f bits a character. Methods "
        "that use context go below it.</p></div>\n",
        commas(a, (uint64_t)(r->limit + 0.5)), plural((uint64_t)(r->limit + 0.5)),
        r->characters > 0 ? r->limit * 8 / (double)r->characters : 0);
}

static void put_distribution(const struct report *r, struct output *out, const char *title,
                             enum summed_up what, void (*format)(char *, size_t, double))
{
    output_print(out, "<tr class=\"group\"><th colspan=\"8\">%s</th></tr>\n", title);
    for (size_t i = 0; i < r->nresults; i++) {
        if (!shown(r, i))
            continue;
        struct summary s = summary_of(r, &r->results[i], what);
        double columns[] = {s.mean, s.median, s.sd, s.min, s.q1, s.q3, s.max};
        output_print(out,
                     "<tr%s><td><span class=\"swatch\" style=\"background:var(--s%d)\"></span>"
                     "%s</td>",
                     i == r->best ? " class=\"best\"" : "", r->results[i].colour,
                     r->results[i].variant->name);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            char text[32];
            format(text, sizeof text, columns[c]);
            output_print(out, "<td>%s</td>", text);
        }
        put(out, "</tr>\n");
    }
}

static void put_distributions(const struct report *r, struct output *out)
{
    put(out, "<h2>Distribution over the records</h2>\n<div class=\"card\"><div "
             "class=\"scroll\"><table><thead>"
             "<tr><th>method</th><th>mean</th><th>median</th><th>standard<br>deviation</th>"
             "<th>minimum</th><th>lower<br>quartile</th><th>upper<br>quartile</th>"
             "<th>maximum</th></tr>"
             "</thead><tbody>\n");
    put_distribution(r, out, "Compression ratio", SUM_ratio, format_ratio);
    put_distribution(r, out, "Space saved", SUM_saved, format_percent);
    put_distribution(r, out, "Bits per character", SUM_bits_per_character, format_ratio);
    put(out, "</tbody></table></div></div>\n");
}

/* --- Plots ------------------------------------------------------------------- */

/* Bars of one figure for each method: of all streams, or of all that are in the main form. */
static void put_bars(const struct report *r, struct output *out, const char *name, bool streams,
                     double (*value)(const struct report *, size_t),
                     void (*format)(char *, size_t, double))
{
    struct bar bars[VARIANTS];
    size_t n = 0;
    for (size_t i = 0; i < r->nresults; i++) {
        if (!streams && !shown(r, i))
            continue;
        bars[n] = (struct bar){.label = r->results[i].variant->name,
                               .value = value(r, i),
                               .colour = r->results[i].colour};
        format(bars[n].text, sizeof bars[n].text, bars[n].value);
        n++;
    }
    svg_bars(out, name, bars, n);
}

static double pack_speed(const struct report *r, size_t i)
{
    return main_figures(r, i).pack_mb;
}

static double unpack_speed(const struct report *r, size_t i)
{
    return main_figures(r, i).unpack_mb;
}

static double pack_memory(const struct report *r, size_t i)
{
    return (double)main_form(r, i)->pack.memory;
}

static double unpack_memory(const struct report *r, size_t i)
{
    return (double)main_form(r, i)->unpack.memory;
}

static double stream_saved(const struct report *r, size_t i)
{
    return figures_of_stream(r, &r->results[i]).saved;
}

static void put_savings(const struct report *r, struct output *out)
{
    struct bar bars[VARIANTS];
    size_t n = 0;
    bool many = report_has_blobs(r) && r->nrecords > 1;
    put_card(out, "Space saved",
             many
                 ? "Bytes saved as a share of the text. The thin lines span the middle half of the "
                   "records."
                 : "Bytes saved as a share of the text.",
             false);
    if (report_has_blobs(r)) {
        for (size_t i = 0; i < r->nresults; i++) {
            if (!shown(r, i))
                continue;
            bars[n] = (struct bar){.label = r->results[i].variant->name,
                                   .value = main_figures(r, i).saved,
                                   .colour = r->results[i].colour};
            format_percent(bars[n].text, sizeof bars[n].text, bars[n].value);
            if (many) {
                struct summary s = summary_of(r, &r->results[i], SUM_saved);
                bars[n].low = s.q1;
                bars[n].high = s.q3;
            }
            n++;
        }
        put(out, r->nrecords > 1 ? "<h4>Each record a blob</h4>\n" : "<h4>As a blob</h4>\n");
        svg_bars(out, "Space saved, as blobs", bars, n);
    }
    put(out, r->nrecords > 1 ? "<h4>All in one stream</h4>\n" : "<h4>As a stream</h4>\n");
    put_bars(r, out, "Space saved, in a stream", true, stream_saved, format_percent);
    end_card(out);
}

static void put_sizes(const struct report *r, struct output *out)
{
    struct bar bars[VARIANTS + 2] = {
        {.label = "text", .value = (double)r->record_bytes, .colour = SVG_NEUTRAL}};
    size_t n = 1;
    for (size_t i = 0; i < r->nresults; i++)
        if (shown(r, i))
            bars[n++] = (struct bar){.label = r->results[i].variant->name,
                                     .value = (double)main_figures(r, i).stored,
                                     .colour = r->results[i].colour};
    bars[n++] = (struct bar){.label = "order-0", .value = r->limit, .colour = SVG_NEUTRAL};
    for (size_t i = 0; i < n; i++)
        format_bytes(bars[i].text, sizeof bars[i].text, bars[i].value);
    put_card(out, "Size before and after",
             "Bytes of the text, as each method stores it, and its order-0 entropy.", false);
    svg_bars(out, "Bytes before and after", bars, n);
    end_card(out);
}

static void put_speed(const struct report *r, struct output *out)
{
    put_card(out, "Speed",
             "10<sup>6</sup> bytes of text per second, on one thread. Longer is faster.", false);
    put(out, "<h4>Packing</h4>\n");
    put_bars(r, out, "Packing speed", false, pack_speed, format_speed);
    put(out, "<h4>Unpacking</h4>\n");
    put_bars(r, out, "Unpacking speed", false, unpack_speed, format_speed);
    end_card(out);
}

static void put_memory(const struct report *r, struct output *out)
{
    put_card(out, "Memory",
             "Peak memory of a process without the text itself, but with the pages of the "
             "vocabulary and model that it read. Shorter is better.",
             false);
    put(out, "<h4>Packing</h4>\n");
    put_bars(r, out, "Memory for packing", false, pack_memory, format_memory);
    put(out, "<h4>Unpacking</h4>\n");
    put_bars(r, out, "Memory for unpacking", false, unpack_memory, format_memory);
    end_card(out);
}

/* A column of the heat map. */
struct metric {
    const char *name;
    double (*value)(const struct report *, size_t);
    void (*format)(char *, size_t, double);
    bool more; /* more is better */
};

static double ratio(const struct report *r, size_t i)
{
    return main_figures(r, i).ratio;
}

static double saved(const struct report *r, size_t i)
{
    return main_figures(r, i).saved;
}

static double bits(const struct report *r, size_t i)
{
    return main_figures(r, i).bits_per_character;
}

static void format_number(char *text, size_t size, double value)
{
    snprintf(text, size, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
}

static void put_heat(const struct report *r, struct output *out)
{
    static const struct metric metrics[] = {
        {"ratio", ratio, format_ratio, true},
        {"saved", saved, format_percent, true},
        {"bits/char", bits, format_ratio, false},
        {"packing", pack_speed, format_number, true},
        {"unpacking", unpack_speed, format_number, true},
        {"memory", pack_memory, format_memory, false},
    };
    enum { METRICS = sizeof metrics / sizeof *metrics };
    const char *rows[VARIANTS], *columns[METRICS];
    struct cell cells[VARIANTS * METRICS];
    size_t list[VARIANTS], n = 0;
    for (size_t i = 0; i < r->nresults; i++)
        if (shown(r, i))
            list[n++] = i;
    for (size_t m = 0; m < METRICS; m++) {
        double low = INFINITY, high = -INFINITY;
        columns[m] = metrics[m].name;
        for (size_t i = 0; i < n; i++) {
            double value = metrics[m].value(r, list[i]);
            low = value < low ? value : low;
            high = value > high ? value : high;
        }
        for (size_t i = 0; i < n; i++) {
            double value = metrics[m].value(r, list[i]);
            double good = high > low ? (value - low) / (high - low) : 1;
            struct cell *cell = &cells[i * METRICS + m];
            rows[i] = r->results[list[i]].variant->name;
            cell->good = metrics[m].more || !(high > low) ? good : 1 - good;
            metrics[m].format(cell->text, sizeof cell->text, value);
        }
    }
    put_card(out, "Method by metric",
             "The stronger a cell's colour, the better the method. Speed in MB/s; memory is that "
             "of packing.",
             true);
    svg_heat(out, "Heat map of methods and metrics", rows, n, columns, METRICS, cells);
    end_card(out);
}

/* --- Plots over size --------------------------------------------------------- */

/* One text and method: bytes, and seconds. */
struct sample {
    double size, stored, pack, unpack;
};

static size_t nsamples(const struct report *r)
{
    return r->scaling.n > 0 ? r->scaling.n : r->nrecords;
}

static struct sample sample(const struct report *r, size_t method, size_t i)
{
    bool scaling = r->scaling.n > 0;
    const struct measured *m = scaling ? &r->scaling.blobs[method] : &r->results[method].blobs;
    return (struct sample){(double)(scaling ? r->scaling.texts : r->texts)[i].n,
                           (double)m->sizes[i], m->pack_seconds[i], m->unpack_seconds[i]};
}

/* Whether a method was measured on these samples. */
static bool sampled(const struct report *r, size_t method)
{
    return r->scaling.n > 0 ? r->scaling.blobs[method].done : r->results[method].blobs.done;
}

static void put_key(const struct report *r, struct output *out)
{
    put(out, "<div class=\"key\">");
    for (size_t i = 0; i < r->nresults; i++)
        if (sampled(r, i))
            output_print(out, "<span><i style=\"background:var(--s%d)\"></i>%s</span>",
                         r->results[i].colour, r->results[i].variant->name);
    put(out, "</div>\n");
}

static double sample_ratio(struct sample s)
{
    return s.size > 0 ? s.size / s.stored : NAN;
}

static double sample_pack(struct sample s)
{
    return s.size > 0 ? s.pack : NAN;
}

static double sample_unpack(struct sample s)
{
    return s.size > 0 ? s.unpack : NAN;
}

enum { DOTS = 400 }; /* more dots would hide one another */

/* The median of the samples between each power of 2 and the next. Of scaling texts, that is each
 * sample itself. */
static struct series medians(const struct report *r, size_t method, double (*value)(struct sample))
{
    size_t n = nsamples(r);
    struct series s = {.name = r->results[method].variant->name,
                       .colour = r->results[method].colour};
    double *sizes = malloc((n + 1) * sizeof *sizes), *values = malloc((n + 1) * sizeof *values);
    s.points = calloc(64, sizeof *s.points);
    if (sizes == NULL || values == NULL || s.points == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    for (int bin = 0; bin < 64; bin++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            struct sample sm = sample(r, method, i);
            if (sm.size < ldexp(1, bin) || sm.size >= ldexp(1, bin + 1))
                continue;
            sizes[count] = sm.size;
            values[count++] = value(sm);
        }
        if (count > 0)
            s.points[s.n++] =
                (struct point){summarize(sizes, count).median, summarize(values, count).median};
    }
    free(sizes);
    free(values);
    return s;
}

static struct series dots(const struct report *r, size_t method, double (*value)(struct sample))
{
    size_t n = nsamples(r);
    struct series s = {.name = "", .colour = r->results[method].colour, .dots = true};
    s.points = calloc(n + 1, sizeof *s.points);
    if (s.points == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    for (; s.n < n; s.n++) {
        struct sample sm = sample(r, method, s.n);
        s.points[s.n] = (struct point){sm.size, value(sm)};
    }
    return s;
}

/* Plots one or two values of each sample over its size; the second is dashed. */
static void put_by_size(const struct report *r, struct output *out, const char *name, struct axis y,
                        double (*value)(struct sample), double (*second)(struct sample))
{
    struct series series[3 * VARIANTS];
    struct axis x = {"size of the text", true, format_bytes};
    size_t n = 0;
    for (size_t i = 0; i < r->nresults && r->scaling.n == 0 && r->nrecords <= DOTS; i++)
        if (sampled(r, i))
            series[n++] = dots(r, i, value);
    for (size_t i = 0; i < r->nresults; i++) {
        if (!sampled(r, i))
            continue;
        series[n++] = medians(r, i, value);
        if (second != NULL) {
            series[n] = medians(r, i, second);
            series[n++].dashed = true;
        }
    }
    put_key(r, out);
    svg_lines(out, name, series, n, x, y);
    for (size_t i = 0; i < n; i++)
        free(series[i].points);
}

static const char *by_size_text(const struct report *r)
{
    return r->scaling.n > 0
               ? "Measured on prefixes of the longest record."
               : "Medians of the records whose sizes lie between one power of 2 and the next.";
}

static void put_ratio_by_size(const struct report *r, struct output *out)
{
    put_card(out, "Compression ratio by size", by_size_text(r), false);
    put_by_size(r, out, "Compression ratio by size", (struct axis){"ratio", false, format_plain},
                sample_ratio, NULL);
    end_card(out);
}

static void put_time_by_size(const struct report *r, struct output *out)
{
    put_card(out, "Scaling with size",
             "Time for one text: packing solid, unpacking dotted; both axes logarithmic.", false);
    put_by_size(r, out, "Time by size", (struct axis){"time", true, format_seconds}, sample_pack,
                sample_unpack);
    end_card(out);
}

static void put_foot(const struct report *r, struct output *out)
{
    char hex[2 * SHA256_SIZE + 1], date[32];
    struct utsname machine;
    time_t now = time(NULL);
    struct tm tm;
    sha256_hex(hex, r->results[0].stream.original_sha256);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&now, &tm));
    output_print(out,
                 "<p class=\"small\" style=\"margin-top:28px\">SHA-256 of the text %s. zstd level "
                 "%d. Measured on %s",
                 hex, r->level, date);
    if (uname(&machine) == 0) {
        put(out, " on ");
        html_text(out, machine.sysname);
        put(out, " ");
        html_text(out, machine.machine);
    }
    output_print(out, " by lpstat (lopace) %s.</p>\n</main></body></html>\n", lp_version());
}

void report_html(const struct report *r, struct output *out)
{
    put_head(r, out);
    put_answer(r, out);
    put_figures(r, out);
    put(out, "<h2>Plots</h2>\n<div class=\"grid2\">\n");
    if (report_has_blobs(r)) {
        put_ratio_by_size(r, out);
        put_time_by_size(r, out);
    }
    put_savings(r, out);
    put_sizes(r, out);
    put_speed(r, out);
    put_memory(r, out);
    put_heat(r, out);
    put(out, "</div>\n");
    if (report_has_blobs(r) && r->nrecords > 1)
        put_distributions(r, out);
    put_foot(r, out);
}
