#include "lpstat/report.h"

#include "shared/json.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Figures ----------------------------------------------------------------- */

static double divide(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

static struct figures figures(uint64_t original, uint64_t stored, uint64_t characters, double limit,
                              double pack_seconds, double unpack_seconds)
{
    double text = (double)original, size = (double)stored;
    return (struct figures){.original = original,
                            .stored = stored,
                            .ratio = original > 0 ? divide(text, size) : NAN,
                            .saved = 1 - divide(size, text),
                            .bits_per_character = divide(8 * size, (double)characters),
                            .of_limit = divide(size, limit),
                            .pack_mb = original > 0 ? divide(text / 1e6, pack_seconds) : NAN,
                            .unpack_mb = original > 0 ? divide(text / 1e6, unpack_seconds) : NAN};
}

struct figures figures_of_blobs(const struct report *r, const struct result *result)
{
    const struct measured *m = &result->blobs;
    return figures(m->original, m->stored, r->characters, r->limit, m->pack.seconds,
                   m->unpack.seconds);
}

struct figures figures_of_record(const struct report *r, const struct result *result, size_t i)
{
    const struct measured *m = &result->blobs;
    const struct record *record = &r->records[i];
    return figures(r->texts[i].n, m->sizes[i], record->characters, record->limit,
                   m->pack_seconds[i], m->unpack_seconds[i]);
}

/* The stream's text has the separators too, a character each. */
struct figures figures_of_stream(const struct report *r, const struct result *result)
{
    const struct measured *m = &result->stream;
    uint64_t separators = r->input_bytes - r->record_bytes;
    return figures(m->original, m->stored, r->characters + separators, r->limit, m->pack.seconds,
                   m->unpack.seconds);
}

const char *const summed_up_names[SUMMED_UP] = {
#define SUMMED_UP_NAME(member, name) name,
    SUMMED_UP_LIST(SUMMED_UP_NAME)
#undef SUMMED_UP_NAME
};

static double figure(const struct figures *f, enum summed_up what)
{
    switch (what) {
#define SUMMED_UP_CASE(member, name)                                                               \
    case SUM_##member:                                                                             \
        return f->member;
        SUMMED_UP_LIST(SUMMED_UP_CASE)
#undef SUMMED_UP_CASE
    default:
        return NAN;
    }
}

struct summary summary_of(const struct report *r, const struct result *result, enum summed_up what)
{
    double *values = malloc((r->nrecords + 1) * sizeof *values);
    if (values == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    for (size_t i = 0; i < r->nrecords; i++) {
        struct figures f = figures_of_record(r, result, i);
        values[i] = figure(&f, what);
    }
    struct summary s = summarize(values, r->nrecords);
    free(values);
    return s;
}

bool report_has_blobs(const struct report *r)
{
    return r->results[0].blobs.done;
}

bool result_exact(const struct result *result)
{
    return (!result->blobs.done || measured_exact(&result->blobs)) &&
           measured_exact(&result->stream);
}

void sha256_hex(char text[2 * SHA256_SIZE + 1], const unsigned char *sum)
{
    for (size_t i = 0; i < SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
}

/* --- The answer -------------------------------------------------------------- */

/* A word for the shell: in quotes where it has more than plain characters. */
static void put_word(struct output *out, put_text *put, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._/-+,:@";
    if (*word != 0 && word[strspn(word, plain)] == 0) {
        output_print(out, " %s", word);
        return;
    }
    put(out, " '");
    for (size_t n; *word != 0; word += n) {
        char part[64];
        n = strcspn(word, "'");
        n = n < sizeof part - 1 ? n : sizeof part - 1;
        memcpy(part, word, n);
        part[n] = 0;
        put(out, n > 0 ? part : "'\\''");
        n = n > 0 ? n : 1;
    }
    put(out, "'");
}

/* A stage's command, with its options. */
static void put_stage(const struct report *r, const struct result *result, struct output *out,
                      put_text *put, const char *blob)
{
    const char *stage = result->method->stage;
    output_print(out, "%s%s", stage, blob);
    if (strcmp(stage, "lpzstd") == 0 && r->level != LP_LEVEL_DEFAULT)
        output_print(out, " -%d", r->level);
    if (result->dictionary != NULL) {
        output_print(out, " -D");
        put_word(out, put, result->dictionary);
    }
}

/* The form that saves: a stream, else for a single record a blob. */
static const struct result *form_that_saves(const struct report *r, bool *blob)
{
    const struct result *stream = &r->results[r->best_stream], *best = &r->results[r->best];
    *blob = !(figures_of_stream(r, stream).saved > 0);
    if (!*blob)
        return stream;
    bool saves = report_has_blobs(r) && r->nrecords == 1 && figures_of_blobs(r, best).saved > 0;
    return saves ? best : NULL;
}

enum { NAMED_FILES = 3 }; /* more of them are left to be filled in */

bool report_command(const struct report *r, struct output *out, put_text *put)
{
    static const char *const split[] = {"", " -0", " -L"};
    bool blob;
    const struct result *result = form_that_saves(r, &blob);
    if (result == NULL)
        return false;
    const struct method *method = result->method;
    const char *option = blob ? " --blob" : "";
    put(out, "  ");
    if (method->tokens != NULL)
        output_print(out, "%s%s", method->tokens, option);
    else
        put_stage(r, result, out, put, option);
    if (method->tokens != NULL && strcmp(r->encoding, "cl100k_base") != 0)
        output_print(out, " -e %s", r->encoding);
    output_print(out, "%s", blob ? "" : split[r->split]);
    if (r->ninputs > NAMED_FILES)
        put(out, " FILE...");
    for (size_t i = 0; i < r->ninputs && r->ninputs <= NAMED_FILES && r->named; i++)
        put_word(out, put, r->files[i]);
    if (method->tokens != NULL && method->stage != NULL) {
        put(out, " | ");
        put_stage(r, result, out, put, option);
    }
    put(out, blob ? " > prompt.blob" : " > prompts.lp");
    return true;
}

/* "hybrid: 2,073,112 bytes become 619,190, 70.1% saved." */
static void put_saving(struct output *out, put_text *put, const struct result *result,
                       struct figures f)
{
    char text[160], a[32], b[32];
    snprintf(text, sizeof text, "%s: %s byte%s become%s %s, %.1f%% saved.", result->method->name,
             commas(a, f.original), plural(f.original), f.original == 1 ? "s" : "",
             commas(b, f.stored), 100 * f.saved);
    put(out, text);
}

void report_answer(const struct report *r, struct output *out, put_text *put)
{
    const struct result *best = &r->results[r->best], *best_stream = &r->results[r->best_stream];
    struct figures blobs = {.saved = NAN}, stream = figures_of_stream(r, best_stream);
    if (report_has_blobs(r))
        blobs = figures_of_blobs(r, best);
    if (r->record_bytes == 0) {
        put(out, "There is no text to store.");
    } else if (!(blobs.saved > 0) && !(stream.saved > 0)) {
        put(out, "No method saves space here: store the text as it is.");
    } else if (!(blobs.saved > 0)) {
        put(out, "In a stream, use ");
        put_saving(out, put, best_stream, stream);
    } else {
        put(out, "Use ");
        put_saving(out, put, best, blobs);
        if (r->nrecords > 1 && stream.saved > 0) {
            put(out, "\nIn one stream, ");
            put_saving(out, put, best_stream, stream);
        }
    }
}

/* --- A table for people ------------------------------------------------------ */

struct table {
    struct output *out;
    const char *bold, *good, *dim, *plain; /* what switches the terminal, or "" */
};

/* A number to fit some places: fewer decimals for a large one, "-" for none. */
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
    output_print(t->out, "%s%-11s %13s %6s %7s %6s %7s %7s %7s %7.1f%s\n", best ? t->good : "",
                 name, commas(stored, f->stored), number(a, sizeof a, f->ratio),
                 percent(b, sizeof b, f->saved), number(c, sizeof c, f->bits_per_character),
                 percent(d, sizeof d, f->of_limit), number(e, sizeof e, f->pack_mb),
                 number(g, sizeof g, f->unpack_mb), mebi(memory), best ? t->plain : "");
}

static void put_rows(const struct report *r, const struct table *t, const char *title, bool blobs)
{
    static const char *const heads[2][9] = {
        {"method", "stored", "ratio", "saved", "bits/", "of", "pack", "unpack", "memory"},
        {"", "bytes", "", "", "char", "limit", "MB/s", "MB/s", "MiB"}};
    output_print(t->out, "\n%s%s%s\n%s", t->bold, title, t->plain, t->dim);
    for (int i = 0; i < 2; i++) {
        const char *const *h = heads[i];
        output_print(t->out, "%-11s %13s %6s %7s %6s %7s %7s %7s %7s%s\n", h[0], h[1], h[2], h[3],
                     h[4], h[5], h[6], h[7], h[8], i > 0 ? t->plain : "");
    }
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
        put_row(t, result->method->name, &f, blobs ? &result->blobs : &result->stream,
                i == (blobs ? r->best : r->best_stream));
    }
}

static void put_summaries(const struct report *r, const struct table *t, const char *title,
                          enum summed_up what, char *(*format)(char *, size_t, double))
{
    output_print(t->out, "\n%s%s%s\n%s%-11s %8s %8s %8s %8s %8s %8s %8s%s\n", t->bold, title,
                 t->plain, t->dim, "method", "mean", "median", "sd", "min", "25%", "75%", "max",
                 t->plain);
    for (size_t i = 0; i < r->nresults; i++) {
        struct summary s = summary_of(r, &r->results[i], what);
        double columns[] = {s.mean, s.median, s.sd, s.min, s.q1, s.q3, s.max};
        char text[16];
        output_print(t->out, "%s%-11s", i == r->best ? t->good : "", r->results[i].method->name);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            output_print(t->out, " %8s", format(text, sizeof text, columns[c]));
        output_print(t->out, "%s\n", i == r->best ? t->plain : "");
    }
}

/* The last bytes of a name that is too long for its column. */
static const char *short_name(const char *name, size_t width)
{
    size_t n = strlen(name);
    return n > width ? name + n - width : name;
}

/* A row for each file, when each is a record, and one for the total; the columns
 * of the methods leave what they leave to the name. */
static void put_files(const struct report *r, const struct table *t)
{
    enum { WIDTH = 80, NAME_MIN = 20, BYTES = 12, TOKENS = 10 };
    size_t name = WIDTH - BYTES;
    char a[32], b[32];
    for (size_t m = 0; m < r->nresults; m++)
        name -= strlen(r->results[m].method->name) + 2;
    bool tokens = name >= NAME_MIN + TOKENS;
    name -= tokens ? TOKENS : 0;
    output_print(t->out, "\n%sRatio of each file%s\n%s%-*s %*s", t->bold, t->plain, t->dim,
                 (int)name, "file", BYTES - 1, "bytes");
    if (tokens)
        output_print(t->out, " %*s", TOKENS - 1, "tokens");
    for (size_t m = 0; m < r->nresults; m++)
        output_print(t->out, "  %s", r->results[m].method->name);
    output_print(t->out, "%s\n", t->plain);
    for (size_t i = 0; i <= r->nrecords; i++) {
        bool total = i == r->nrecords;
        output_print(t->out, "%-*s %*s", (int)name,
                     total ? "total" : short_name(r->records[i].file, name), BYTES - 1,
                     commas(a, total ? r->record_bytes : r->texts[i].n));
        if (tokens)
            output_print(t->out, " %*s", TOKENS - 1,
                         commas(b, total ? r->tokens : r->records[i].tokens));
        for (size_t m = 0; m < r->nresults; m++) {
            struct figures f = total ? figures_of_blobs(r, &r->results[m])
                                     : figures_of_record(r, &r->results[m], i);
            output_print(t->out, " %*s", (int)strlen(r->results[m].method->name) + 1,
                         number(a, sizeof a, f.ratio));
        }
        output_print(t->out, "\n");
    }
}

static void put_head(const struct report *r, const struct table *t)
{
    char a[32];
    output_print(t->out, "%s%s%s: ", t->bold, r->ninputs == 1 ? r->files[0] : "All files",
                 t->plain);
    if (r->nrecords != 1)
        output_print(t->out, "%s record%s, ", commas(a, r->nrecords), plural(r->nrecords));
    output_print(t->out, "%s byte%s, ", commas(a, r->record_bytes), plural(r->record_bytes));
    output_print(t->out, "%s character%s, ", commas(a, r->characters), plural(r->characters));
    output_print(t->out, "%s token%s\n", commas(a, r->tokens), plural(r->tokens));
    output_print(t->out, "%s%s, zstd level %d", t->dim, r->encoding, r->level);
    if (r->dictionary != NULL)
        output_print(t->out, ", %s", r->dictionary);
    output_print(t->out, "\nShannon limit of characters one by one: %s byte%s, %.2f bits each%s\n",
                 commas(a, (uint64_t)(r->limit + 0.5)), plural((uint64_t)(r->limit + 0.5)),
                 r->characters > 0 ? r->limit * 8 / (double)r->characters : 0, t->plain);
    if (r->invalid > 0)
        output_print(t->out, "%s byte%s not valid UTF-8, counted as a character each\n",
                     commas(a, r->invalid), plural(r->invalid));
}

static void put_proof(const struct report *r, const struct table *t)
{
    char hex[2 * SHA256_SIZE + 1];
    for (size_t i = 0; i < r->nresults; i++) {
        if (!result_exact(&r->results[i]))
            return; /* the error says it */
    }
    sha256_hex(hex, r->results[0].stream.original_sha256);
    output_print(t->out,
                 "\nLossless: every method gave every byte back (reconstruction error 0).\n"
                 "%sSHA-256 %s%s\n",
                 t->dim, hex, t->plain);
}

static void put_plain(struct output *out, const char *text)
{
    output_sink(out, text, strlen(text));
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
    put_proof(r, &t);
    output_print(out, "\n%s", t.good);
    report_answer(r, out, put_plain);
    output_print(out, "%s\n%s", t.plain, t.dim);
    if (report_command(r, out, put_plain))
        output_print(out, "\n");
    output_print(out, "%s", t.plain);
}

/* --- JSON -------------------------------------------------------------------- */

static void put_json_figures(struct json *json, const struct figures *f)
{
    json_count(json, "original_bytes", f->original);
    json_count(json, "stored_bytes", f->stored);
    json_number(json, "saved_bytes", (double)f->original - (double)f->stored);
    json_number(json, "ratio", f->ratio);
    json_number(json, "saved", f->saved);
    json_number(json, "bits_per_character", f->bits_per_character);
    json_number(json, "of_limit", f->of_limit);
    json_number(json, "pack_mb_s", f->pack_mb);
    json_number(json, "unpack_mb_s", f->unpack_mb);
}

static void put_json_measured(const struct report *r, struct json *json, const char *key,
                              const struct result *result, bool blobs)
{
    const struct measured *m = blobs ? &result->blobs : &result->stream;
    struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
    char hex[2 * SHA256_SIZE + 1];
    if (!m->done) {
        json_null(json, key);
        return;
    }
    json_open(json, key, '{');
    put_json_figures(json, &f);
    json_count(json, "pack_memory_bytes", m->pack.memory);
    json_count(json, "unpack_memory_bytes", m->unpack.memory);
    json_bool(json, "exact", measured_exact(m));
    json_number(json, "reconstruction_error",
                m->original > 0 ? (double)m->wrong / (double)m->original : m->wrong > 0);
    sha256_hex(hex, m->original_sha256);
    json_text(json, "original_sha256", hex);
    sha256_hex(hex, m->restored_sha256);
    json_text(json, "restored_sha256", hex);
    if (blobs && r->nrecords > 1) {
        json_open(json, "statistics", '{');
        for (unsigned i = 0; i < SUMMED_UP; i++) {
            struct summary s = summary_of(r, result, (enum summed_up)i);
            json_open_flat(json, summed_up_names[i], '{');
            json_count(json, "n", s.n);
            json_number(json, "mean", s.mean);
            json_number(json, "sd", s.sd);
            json_number(json, "min", s.min);
            json_number(json, "q1", s.q1);
            json_number(json, "median", s.median);
            json_number(json, "q3", s.q3);
            json_number(json, "max", s.max);
            json_close(json, '}');
        }
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void put_json_record(const struct report *r, struct json *json, size_t i)
{
    const struct record *record = &r->records[i];
    json_open_flat(json, NULL, '{');
    json_text(json, "file", record->file);
    json_count(json, "record", record->number);
    json_count(json, "original_bytes", r->texts[i].n);
    json_count(json, "characters", record->characters);
    json_count(json, "tokens", record->tokens);
    json_number(json, "limit_bytes", record->limit);
    json_open(json, "methods", '{');
    for (size_t m = 0; m < r->nresults && report_has_blobs(r); m++) {
        struct figures f = figures_of_record(r, &r->results[m], i);
        json_open(json, r->results[m].method->name, '{');
        json_count(json, "stored_bytes", f.stored);
        json_number(json, "ratio", f.ratio);
        json_number(json, "saved", f.saved);
        json_number(json, "pack_mb_s", f.pack_mb);
        json_number(json, "unpack_mb_s", f.unpack_mb);
        json_close(json, '}');
    }
    json_close(json, '}');
    json_close(json, '}');
}

void report_json(const struct report *r, struct output *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_text(&json, "kind", "text");
    json_open_flat(&json, "files", '[');
    for (size_t i = 0; i < r->ninputs; i++)
        json_text(&json, NULL, r->files[i]);
    json_close(&json, ']');
    json_text(&json, "encoding", r->encoding);
    json_count(&json, "level", (uint64_t)r->level);
    json_text(&json, "dictionary", r->dictionary);
    json_text(&json, "split", split_name(r->split));
    json_count(&json, "records", r->nrecords);
    json_count(&json, "original_bytes", r->record_bytes);
    json_count(&json, "characters", r->characters);
    json_count(&json, "invalid_bytes", r->invalid);
    json_count(&json, "tokens", r->tokens);
    json_open_flat(&json, "limit", '{');
    json_text(&json, "unit", "character");
    json_number(&json, "bits_per_character", divide(r->limit * 8, (double)r->characters));
    json_number(&json, "min_bytes", r->limit);
    json_number(&json, "ratio", divide((double)r->record_bytes, r->limit));
    json_close(&json, '}');
    json_text(&json, "best", r->results[r->best].method->name);
    json_text(&json, "best_stream", r->results[r->best_stream].method->name);
    json_open(&json, "methods", '[');
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        json_open(&json, NULL, '{');
        json_text(&json, "method", result->method->name);
        json_text(&json, "chain", chain_name(result->method->chain));
        json_bool(&json, "dictionary", result->method->dictionary);
        json_bool(&json, "exact", result_exact(result));
        put_json_measured(r, &json, "blobs", result, true);
        put_json_measured(r, &json, "stream", result, false);
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_open(&json, "each", '[');
    for (size_t i = 0; i < r->nrecords; i++)
        put_json_record(r, &json, i);
    json_close(&json, ']');
    json_close(&json, '}');
}

/* --- CSV: RFC 4180, with line feeds ------------------------------------------ */

static void put_csv_count(struct output *out, uint64_t value)
{
    output_print(out, ",%" PRIu64, value);
}

static void put_csv_number(struct output *out, double value)
{
    char text[32] = "";
    if (isfinite(value))
        json_digits(text, sizeof text, value);
    output_print(out, ",%s", text);
}

static void put_csv_summed_up(struct output *out, const double *values)
{
    for (unsigned i = 0; i < SUMMED_UP; i++)
        put_csv_number(out, values[i]);
}

static void put_csv_figures(struct output *out, const struct figures *f)
{
    double values[SUMMED_UP];
    for (unsigned i = 0; i < SUMMED_UP; i++)
        values[i] = figure(f, (enum summed_up)i);
    put_csv_summed_up(out, values);
}

static void put_csv_total(const struct report *r, struct output *out, const struct result *result,
                          bool blobs)
{
    const struct measured *m = blobs ? &result->blobs : &result->stream;
    struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
    output_print(out, "total,,,%s,%s", result->method->name, blobs ? "blobs" : "stream");
    put_csv_count(out, f.original);
    put_csv_count(out, r->characters);
    put_csv_count(out, r->tokens);
    put_csv_number(out, r->limit);
    put_csv_count(out, f.stored);
    put_csv_figures(out, &f);
    put_csv_count(out, m->pack.memory);
    put_csv_count(out, m->unpack.memory);
    output_print(out, ",%s\n", measured_exact(m) ? "true" : "false");
}

static void put_csv_statistics(const struct report *r, struct output *out,
                               const struct result *result)
{
    static const char *const names[] = {"mean", "median", "sd", "min", "q1", "q3", "max"};
    double values[7][SUMMED_UP];
    for (unsigned i = 0; i < SUMMED_UP; i++) {
        struct summary s = summary_of(r, result, (enum summed_up)i);
        double of[] = {s.mean, s.median, s.sd, s.min, s.q1, s.q3, s.max};
        for (size_t j = 0; j < 7; j++)
            values[j][i] = of[j];
    }
    for (size_t j = 0; j < 7; j++) {
        output_print(out, "%s,,,%s,blobs,,,,,", names[j], result->method->name);
        put_csv_summed_up(out, values[j]);
        output_print(out, ",,,\n");
    }
}

void report_csv(const struct report *r, struct output *out)
{
    output_print(out, "scope,file,record,method,form,original_bytes,characters,tokens,limit_bytes,"
                      "stored_bytes");
    for (unsigned i = 0; i < SUMMED_UP; i++)
        output_print(out, ",%s", summed_up_names[i]);
    output_print(out, ",pack_memory_bytes,unpack_memory_bytes,exact\n");
    for (size_t i = 0; i < r->nrecords && report_has_blobs(r); i++) {
        for (size_t m = 0; m < r->nresults; m++) {
            const struct record *record = &r->records[i];
            struct figures f = figures_of_record(r, &r->results[m], i);
            output_print(out, "record,");
            csv_text(out, record->file);
            put_csv_count(out, record->number);
            output_print(out, ",%s,blobs", r->results[m].method->name);
            put_csv_count(out, f.original);
            put_csv_count(out, record->characters);
            put_csv_count(out, record->tokens);
            put_csv_number(out, record->limit);
            put_csv_count(out, f.stored);
            put_csv_figures(out, &f);
            output_print(out, ",,,\n");
        }
    }
    for (size_t m = 0; m < r->nresults; m++) {
        if (report_has_blobs(r))
            put_csv_total(r, out, &r->results[m], true);
        put_csv_total(r, out, &r->results[m], false);
        if (report_has_blobs(r) && r->nrecords > 1)
            put_csv_statistics(r, out, &r->results[m]);
    }
}
