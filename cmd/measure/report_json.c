/* report_json.c - a report for other programs. */
#include "measure/advice.h"
#include "measure/figures.h"
#include "shared/json.h"
#include "shared/split.h"
#include "shared/stored.h"

#include <stdlib.h>

static void put_figures(struct json *json, const struct figures *f)
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

/* The command that makes it. */
static void put_command(const struct report *r, struct json *json, const struct result *result,
                        bool blobs)
{
    char *command = result_command(r, result, blobs);
    json_text(json, "command", command);
    free(command);
}

static void put_measured(const struct report *r, struct json *json, const char *key,
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
    put_figures(json, &f);
    json_count(json, "pack_memory_bytes", m->pack.memory);
    json_count(json, "unpack_memory_bytes", m->unpack.memory);
    json_bool(json, "exact", measured_exact(m));
    json_number(json, "reconstruction_error",
                m->original > 0 ? (double)m->wrong / (double)m->original : m->wrong > 0);
    sha256_hex(hex, m->original_sha256);
    json_text(json, "original_sha256", hex);
    sha256_hex(hex, m->restored_sha256);
    json_text(json, "restored_sha256", hex);
    if (!blobs)
        json_number(json, "copied", m->copied);
    if (!blobs)
        json_number(json, "record_ms", 1000 * m->record_seconds);
    put_command(r, json, result, blobs);
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

static void put_record(const struct report *r, struct json *json, size_t i)
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
    for (size_t m = 0; m < r->nresults; m++) {
        if (!r->results[m].blobs.done)
            continue;
        struct figures f = figures_of_record(r, &r->results[m], i);
        json_open(json, r->results[m].variant->name, '{');
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

static void put_methods(const struct report *r, struct json *json)
{
    json_open(json, "methods", '[');
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        json_open(json, NULL, '{');
        json_text(json, "method", result->variant->name);
        json_text(json, "chain", chain_name(method_chain(result->packing.method)));
        json_bool(json, "dictionary", result->variant->dictionary);
        json_bool(json, "exact", result_exact(result));
        put_measured(r, json, "blobs", result, true);
        put_measured(r, json, "stream", result, false);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_advice(const struct report *r, struct json *json)
{
    struct advice advice[PURPOSES];
    const size_t n = report_advice(r, advice);
    json_open(json, "advice", '[');
    for (size_t i = 0; i < n; i++) {
        const struct result *result = advice[i].result;
        json_open_flat(json, NULL, '{');
        json_text(json, "for", purpose_name(advice[i].purpose));
        json_text(json, "method", result->variant->name);
        json_text(json, "form", advice[i].blobs ? "blobs" : "stream");
        json_count(json, "stored_bytes",
                   advice[i].blobs ? result->blobs.stored : result->stream.stored);
        put_command(r, json, result, advice[i].blobs);
        json_close(json, '}');
    }
    json_close(json, ']');
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
    json_text(&json, "parent", r->parent);
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
    json_text(&json, "best", r->results[r->best].variant->name);
    json_text(&json, "best_stream", r->results[r->best_stream].variant->name);
    put_methods(r, &json);
    put_advice(r, &json);
    json_open(&json, "each", '[');
    for (size_t i = 0; i < r->nrecords; i++)
        put_record(r, &json, i);
    json_close(&json, ']');
    json_close(&json, '}');
}
