/* csv.c - a report as CSV (RFC 4180, with line feeds). */
#include "lpstat/form.h"
#include "measure/figures.h"
#include "shared/json.h"
#include "shared/text.h"

#include <inttypes.h>
#include <math.h>

static void put_count(struct output *out, uint64_t value)
{
    output_print(out, ",%" PRIu64, value);
}

static void put_number(struct output *out, double value)
{
    char text[32] = "";
    if (isfinite(value))
        json_digits(text, sizeof text, value);
    output_print(out, ",%s", text);
}

static void put_summed_up(struct output *out, const double *values)
{
    for (unsigned i = 0; i < SUMMED_UP; i++)
        put_number(out, values[i]);
}

static void put_figures(struct output *out, const struct figures *f)
{
    double values[SUMMED_UP];
    for (unsigned i = 0; i < SUMMED_UP; i++)
        values[i] = figure(f, (enum summed_up)i);
    put_summed_up(out, values);
}

static void put_total(const struct report *r, struct output *out, const struct result *result,
                      bool blobs)
{
    const struct measured *m = blobs ? &result->blobs : &result->stream;
    struct figures f = blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
    output_print(out, "total,,,%s,%s", result->variant->name, blobs ? "blobs" : "stream");
    put_count(out, f.original);
    put_count(out, r->characters);
    put_count(out, r->tokens);
    put_number(out, r->limit);
    put_count(out, f.stored);
    put_figures(out, &f);
    put_count(out, m->pack.memory);
    put_count(out, m->unpack.memory);
    output_print(out, ",%s", measured_exact(m) ? "true" : "false");
    put_number(out, m->copied);
    put_number(out, 1000 * m->record_seconds);
    output_print(out, "\n");
}

static void put_statistics(const struct report *r, struct output *out, const struct result *result)
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
        output_print(out, "%s,,,%s,blobs,,,,,", names[j], result->variant->name);
        put_summed_up(out, values[j]);
        output_print(out, ",,,,,\n");
    }
}

void report_csv(const struct report *r, struct output *out)
{
    output_print(out, "scope,file,record,method,form,original_bytes,characters,tokens,limit_bytes,"
                      "stored_bytes");
    for (unsigned i = 0; i < SUMMED_UP; i++)
        output_print(out, ",%s", summed_up_names[i]);
    output_print(out, ",pack_memory_bytes,unpack_memory_bytes,exact,copied,record_ms\n");
    for (size_t i = 0; i < r->nrecords && report_has_blobs(r); i++) {
        for (size_t m = 0; m < r->nresults; m++) {
            if (!r->results[m].blobs.done)
                continue;
            const struct record *record = &r->records[i];
            struct figures f = figures_of_record(r, &r->results[m], i);
            output_print(out, "record,");
            csv_text(out, record->file);
            put_count(out, record->number);
            output_print(out, ",%s,blobs", r->results[m].variant->name);
            put_count(out, f.original);
            put_count(out, record->characters);
            put_count(out, record->tokens);
            put_number(out, record->limit);
            put_count(out, f.stored);
            put_figures(out, &f);
            output_print(out, ",,,,,\n");
        }
    }
    for (size_t m = 0; m < r->nresults; m++) {
        if (r->results[m].blobs.done)
            put_total(r, out, &r->results[m], true);
        put_total(r, out, &r->results[m], false);
        if (r->results[m].blobs.done && r->nrecords > 1)
            put_statistics(r, out, &r->results[m]);
    }
}
