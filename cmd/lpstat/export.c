/* export.c - lpstat's report for other programs: JSON, and CSV (RFC 4180, with line feeds). */
#include "lpstat/figures.h"
#include "shared/json.h"
#include "shared/split.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <inttypes.h>
#include <math.h>

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

/* --- CSV --------------------------------------------------------------------- */

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
