#include "lptrain/records.h"

#include "shared/buffer.h"
#include "shared/form.h"
#include "shared/split.h"
#include "shared/stored.h"

#include <stdlib.h>
#include <string.h>

_Noreturn void no_memory(const struct tool *tool)
{
    tool_die(tool, EXIT_IO, "out of memory");
}

/* Adds a record, unless it is empty or does not fit. */
static void add_record(struct records *r, const void *text, size_t n, float weight)
{
    const uint32_t *ids;
    size_t nids;
    r->full = r->full || n > r->limit - r->text.n;
    if (n == 0 || r->full)
        return;
    tool_check(r->tool, "records", lp_encode(r->codec, text, n, &ids, &nids));
    r->end = array_grow(r->end, r->docs.ndocs, &r->cap, sizeof *r->end);
    if (r->end == NULL)
        no_memory(r->tool);
    if (!lp_buf_append(&r->text, text, n) || !lp_docs_add(&r->docs, ids, nids, weight))
        no_memory(r->tool);
    r->end[r->docs.ndocs - 1] = r->text.n;
    progress_add(r->progress, n);
}

/* A record of a text, while it is read. */
struct partial {
    struct records *records;
    struct lp_buf text;
    float weight;
};

/* A split_take. Stops before a record that does not fit is read to its end. */
static bool take_text(void *ctx, const unsigned char *text, size_t n, bool end)
{
    struct partial *record = ctx;
    struct records *r = record->records;
    if (!lp_buf_append(&record->text, text, n))
        no_memory(r->tool);
    r->full = r->full || record->text.n > r->limit - r->text.n;
    if (end) {
        add_record(r, record->text.p, record->text.n, record->weight);
        record->text.n = 0;
    }
    return !r->full;
}

static void add_text(struct records *r, struct input *in, enum lp_split split, float weight)
{
    struct partial record = {.records = r, .weight = weight};
    split_input(r->tool, in, split, take_text, &record);
    add_record(r, record.text.p, record.text.n, weight);
    lp_buf_free(&record.text);
}

/* An lp_sink: take_text() of a part of a record. */
static enum lp_status take_part(void *ctx, const void *data, size_t n)
{
    return take_text(ctx, data, n, false) ? LP_OK : LP_STOP;
}

/* Adds the records of a stream, without their separators. */
static void add_stream(struct records *r, struct input *in, float weight)
{
    struct lp_reader_options options = {.find = tool_find, .find_ctx = r->finder};
    struct lp_file *file;
    struct lp_segment segment;
    struct partial record = {.records = r, .weight = weight};
    struct lp_buf *text = &record.text;
    uint64_t number = 1;
    enum lp_status status =
        lp_file_open(input_read_at, in, input_seekable(r->tool, in), &options, &file);
    for (size_t i = 0; status == LP_OK && !r->full; i++) {
        status = lp_file_segment(file, i, &segment);
        for (uint64_t k = 0; status == LP_OK && k < segment.nrecords && !r->full; k++) {
            text->n = 0;
            status = lp_file_record(file, number++, take_part, &record);
            text->n -= text->n > 0 && text->p[text->n - 1] == lp_split_separator(segment.split);
            if (status == LP_OK)
                add_record(r, text->p, text->n, weight);
        }
    }
    if (status != LP_OK && status != LP_STOP && status != LP_USAGE) /* past the last segment */
        tool_fail(r->tool, in->name, status, file != NULL ? lp_file_offset(file) : 0,
                  file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
    lp_buf_free(text);
}

static void add_blob(struct records *r, struct input *in, float weight)
{
    const void *text;
    struct lp_buf copy = {0};
    size_t size, n = input_blob(r->tool, in, 0);
    enum lp_status status = lp_unpack(r->codec, in->data, n, tool_find, r->finder, &text, &size);
    if (status != LP_OK)
        tool_fail(r->tool, in->name, status, 0, lp_codec_need(r->codec));
    if (!lp_buf_append(&copy, text, size)) /* add_record() uses the codec again */
        no_memory(r->tool);
    add_record(r, copy.p, copy.n, weight);
    lp_buf_free(&copy);
}

static void add_input(struct records *r, struct input *in, enum lp_split split, float weight)
{
    bool whole = split == LP_WHOLE;
    enum form form = input_form(r->tool, in, r->finder, whole, 0);
    if (form == FORM_STREAM)
        add_stream(r, in, weight);
    else if (form == FORM_BLOB || (form == FORM_UNCHECKED && whole))
        add_blob(r, in, weight);
    else
        add_text(r, in, split, weight);
}

/* Takes the weight off WEIGHT:FILE and returns it; 1 where there is none. */
static float take_weight(const struct tool *tool, char **file)
{
    char *end, *colon = strchr(*file, ':');
    if (colon == NULL || (**file != '.' && (**file < '0' || **file > '9')))
        return 1;
    const float weight = strtof(*file, &end); /* of less than it can hold 0 is left */
    if (end != colon)
        return 1;
    if (!(weight > 0 && weight <= 1000))
        tool_usage(tool, "%s: a weight must be above 0 and at most 1000", *file);
    *file = colon + 1;
    return weight;
}

float *take_weights(const struct tool *tool, char **files)
{
    size_t n = 0;
    while (files[n] != NULL)
        n++;
    float *weights = malloc((n + 1) * sizeof *weights);
    if (weights == NULL)
        no_memory(tool);
    weights[0] = 1; /* of standard input, where there are no files */
    for (size_t i = 0; i < n; i++)
        weights[i] = take_weight(tool, &files[i]);
    return weights;
}

void records_read(struct records *r, char **files, const float *weights, enum lp_split split)
{
    struct input in;
    struct lp_options tokens = {.chain = LP_CHAIN_TOKENS, .vocab = r->vocab};
    tool_check(r->tool, "tokens", lp_codec_new(&tokens, &r->codec));
    for (size_t i = 0; !r->full && input_next(r->tool, &in, files, i); i++) {
        add_input(r, &in, split, weights != NULL ? weights[i] : 1);
        input_close(&in);
    }
    progress_end(r->progress);
    if (r->full && !r->tool->quiet)
        tool_warn(r->tool, "using only the first %zu MiB of text", r->limit >> 20);
    if (r->docs.ndocs == 0)
        tool_die(r->tool, EXIT_DATA, "no records: nothing to learn from");
}

void records_free(struct records *r)
{
    lp_codec_free(r->codec);
    lp_docs_free(&r->docs);
    lp_buf_free(&r->text);
    free(r->end);
}
