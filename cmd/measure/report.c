#include "measure/report.h"

#include "shared/entropy.h"
#include "shared/text.h"

#include <stdlib.h>
#include <string.h>

const struct variant variants[VARIANTS] = {
    {"zstd", "zstd", false, false},         {"zstd-dict", "zstd", true, false},
    {"token", "token", false, false},       {"hybrid", "hybrid", false, false},
    {"hybrid-dict", "hybrid", true, false}, {"window-hybrid", "window-hybrid", false, false},
    {"mix-fast", "mix", false, true},       {"mix", "mix", false, false},
    {"window", "window", false, false},
};

size_t variant_named(const char *name, size_t n)
{
    size_t i = 0;
    while (i < VARIANTS &&
           (strlen(variants[i].name) != n || memcmp(variants[i].name, name, n) != 0))
        i++;
    return i;
}

/* --- Texts ------------------------------------------------------------------- */

static void add_record(struct report *r, struct text text, const char *file, uint64_t number)
{
    if (r->nrecords == r->records_cap) {
        r->records_cap = r->records_cap * 2 + 16;
        r->texts = tool_realloc(r->tool, r->texts, r->records_cap, sizeof *r->texts);
        r->records = tool_realloc(r->tool, r->records, r->records_cap, sizeof *r->records);
    }
    r->texts[r->nrecords] = text;
    r->records[r->nrecords++] = (struct record){.file = file, .number = number};
    r->record_bytes += text.n;
}

/* Adds the records of an input: all of it, or those that end with a separator and the rest. */
static void add_records(struct report *r, struct text input, const char *file)
{
    int separator = lp_split_separator(r->split);
    uint64_t number = 0;
    if (separator < 0)
        add_record(r, input, file, 1);
    for (size_t at = 0, n; separator >= 0 && at < input.n; at += n + 1) {
        const unsigned char *end = memchr(input.p + at, separator, input.n - at);
        n = end != NULL ? (size_t)(end - (input.p + at)) : input.n - at;
        add_record(r, (struct text){input.p + at, n}, file, ++number);
    }
}

void report_add(struct report *r, const char *file, unsigned char *data, size_t n)
{
    struct text text = {data, n};
    r->inputs = tool_realloc(r->tool, r->inputs, r->ninputs + 1, sizeof *r->inputs);
    r->files = tool_realloc(r->tool, r->files, r->ninputs + 1, sizeof *r->files);
    r->inputs[r->ninputs] = text;
    r->files[r->ninputs++] = file;
    r->input_bytes += n;
    add_records(r, text, file);
}

/* --- Variants ---------------------------------------------------------------- */

/* What a variant needs of the model and the dictionary. */
static bool mixes(const struct variant *variant)
{
    return method_named(variant->method)->last == LP_CHAIN_TOKENS_MIX;
}

/* The first variant that mixes and is wanted, NULL for none. */
static const struct variant *wants_model(const struct report *r)
{
    size_t i = 0;
    while (i < VARIANTS && !(r->wanted[i] && mixes(&variants[i])))
        i++;
    return i < VARIANTS ? &variants[i] : NULL;
}

/* The dictionary or model of -D. Without such a model, the one found for the vocabulary, if any. */
static struct lp_found find_tools(const struct report *r, struct finder *finder,
                                  const struct lp_vocab *vocab, struct lp_found tools)
{
    struct lp_found found = {0};
    struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
    const struct variant *mixing = wants_model(r);
    bool required = r->insists && mixing != NULL;
    if (tools.model != NULL &&
        lp_model_vocab_fingerprint(tools.model) != lp_vocab_fingerprint(vocab))
        tool_usage(r->tool, "%s: is a model of %s, not of %s: use -e %s", r->dictionary,
                   lp_model_vocab(tools.model), lp_vocab_name(vocab), lp_model_vocab(tools.model));
    if (tools.model == NULL &&
        (required ? tool_find(finder, &need, &found) == LP_OK : finder_has(finder, &need, &found)))
        tools.model = found.model;
    if (tools.model == NULL && required)
        tool_fail(r->tool, mixing->name, LP_NO_MODEL, 0, &need);
    return tools;
}

/* A variant, ready to be measured. */
static struct result prepare(const struct report *r, size_t i, const struct lp_vocab *vocab,
                             struct lp_found tools)
{
    const struct variant *v = &variants[i];
    bool named = v->dictionary || (mixes(v) && r->dictionary != NULL && tools.dict == NULL);
    return (struct result){.variant = v,
                           .dictionary = named ? r->dictionary : NULL,
                           .colour = (int)i,
                           .packing = {.method = method_named(v->method),
                                       .split = (int)r->split,
                                       .lp = {.split = r->split,
                                              .vocab = vocab,
                                              .dict = v->dictionary ? tools.dict : NULL,
                                              .model = mixes(v) ? tools.model : NULL,
                                              .fast = v->fast,
                                              .level = r->level}}};
}

/* Whether the variant of the same method without a dictionary is wanted. */
static bool wanted_without(const struct report *r, size_t i)
{
    return variants[i].dictionary &&
           r->wanted[variant_named(variants[i].method, strlen(variants[i].method))];
}

/* Sets up the variants to measure. Those that can use the dictionary of -D are measured without
 * and with it. */
static void choose(struct report *r, struct finder *finder, const struct lp_vocab *vocab,
                   struct lp_found named)
{
    struct lp_found tools = find_tools(r, finder, vocab, named);
    r->results = tool_realloc(r->tool, NULL, VARIANTS, sizeof *r->results);
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct variant *v = &variants[i];
        if (v->dictionary && tools.dict == NULL && r->insists && r->wanted[i])
            tool_usage(r->tool, "--method: %s needs a zstd dictionary: name it with -D", v->name);
        if ((r->wanted[i] || wanted_without(r, i)) && (!v->dictionary || tools.dict != NULL) &&
            (!mixes(v) || tools.model != NULL))
            r->results[r->nresults++] = prepare(r, i, vocab, tools);
    }
}

/* --- Measuring --------------------------------------------------------------- */

enum parent result_parent(const struct report *r, const struct result *result)
{
    if (!result->packing.method->window)
        return PARENT_NONE;
    return r->parent != NULL ? PARENT_FILE : PARENT_BEFORE;
}

/* With a window, a blob needs a parent; else it is as without. */
static bool makes_blobs(const struct report *r, const struct result *result)
{
    return result_parent(r, result) != PARENT_BEFORE || r->nrecords > 1;
}

/* Whether every record is small enough for a blob. */
static bool fit_blobs(const struct report *r)
{
    size_t i = 0;
    while (i < r->nrecords && r->texts[i].n <= LP_BLOCK_MAX)
        i++;
    return i == r->nrecords;
}

static void measure_result(struct report *r, struct result *result, struct job job, bool blobs)
{
    job.packing = &result->packing;
    job.parent = result_parent(r, result);
    job.parent_text = r->parent_text;
    job.texts = r->texts;
    job.ntexts = r->nrecords;
    if (blobs && makes_blobs(r, result))
        measure_blobs(&job, &result->blobs);
    job.texts = r->inputs;
    job.ntexts = r->ninputs;
    measure_stream(&job, &result->stream);
}

/* The smallest of all, SIZE_MAX for none: as blobs, those with the record before as a parent left
 * out, or in a stream. */
static size_t smallest(const struct report *r, bool blobs)
{
    size_t best = SIZE_MAX;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        const struct measured *m = blobs ? &result->blobs : &result->stream;
        if (!m->done || m->stored >= least || (blobs && result_parent(r, result) == PARENT_BEFORE))
            continue;
        best = i;
        least = m->stored;
    }
    return best;
}

static void measure_all(struct report *r)
{
    struct progress progress;
    struct buffer store = {0};
    struct job job = {
        .tool = r->tool, .progress = &progress, .store = &store, .seconds = r->seconds};
    const bool blobs = fit_blobs(r);
    uint64_t total = 0;
    for (size_t i = 0; i < r->nresults; i++)
        total += 2 * r->input_bytes +
                 (blobs && makes_blobs(r, &r->results[i]) ? 2 * r->record_bytes : 0);
    progress_start(&progress, r->tool, "measuring", total);
    for (size_t i = 0; i < r->nresults; i++)
        measure_result(r, &r->results[i], job, blobs);
    progress_end(&progress);
    free(store.v);
    r->best_stream = smallest(r, false);
    r->best = smallest(r, true);
    if (r->best == SIZE_MAX)
        r->best = r->best_stream;
}

/* Counts a record's characters and tokens, and computes the order-0 entropy of the characters. */
static void count_record(struct report *r, size_t i, struct lp_codec *codec, struct lp_ids *chars)
{
    struct record *record = &r->records[i];
    struct entropy *entropy;
    struct entropy_figures figures;
    size_t used, ntokens;
    chars->n = 0;
    tool_check(r->tool, record->file, characters(r->texts[i].p, r->texts[i].n, true, chars, &used));
    tool_check(r->tool, record->file, entropy_new(0, &entropy));
    tool_check(r->tool, record->file, entropy_push(entropy, chars->v, chars->n));
    tool_check(r->tool, record->file, entropy_figures(entropy, 0, &figures));
    entropy_free(entropy);
    tool_check(r->tool, record->file, lp_count(codec, r->texts[i].p, r->texts[i].n, &ntokens));
    for (size_t c = 0; c < chars->n; c++)
        record->invalid += chars->v[c] >= INVALID_BYTE;
    record->characters = chars->n;
    record->tokens = ntokens;
    record->limit = figures.bits * (double)chars->n / 8;
    r->characters += record->characters;
    r->invalid += record->invalid;
    r->tokens += record->tokens;
    r->limit += record->limit;
}

static void count_records(struct report *r, const struct lp_vocab *vocab)
{
    struct lp_options options = {.vocab = vocab};
    struct lp_codec *codec;
    struct lp_ids chars = {0};
    struct progress progress;
    tool_check(r->tool, "counting", lp_codec_new(&options, &codec));
    progress_start(&progress, r->tool, "counting", r->record_bytes);
    for (size_t i = 0; i < r->nrecords; i++) {
        count_record(r, i, codec, &chars);
        progress_add(&progress, r->texts[i].n);
    }
    progress_end(&progress);
    free(chars.v);
    lp_codec_free(codec);
}

void report_measure(struct report *r, struct finder *finder, const struct lp_vocab *vocab,
                    struct lp_found named)
{
    r->encoding = lp_vocab_name(vocab);
    choose(r, finder, vocab, named);
    measure_all(r);
    count_records(r, vocab);
}

/* With fewer records, prefixes show how figures grow with size; bytes of the shortest prefix. */
enum { SCALING_RECORDS = 8, SCALING_MIN = 16 };

/* Measures prefixes of the longest record, each twice as long as the one before. */
void report_measure_scaling(struct report *r)
{
    struct scaling *s = &r->scaling;
    struct text longest = {0};
    struct progress progress;
    struct buffer store = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < r->nrecords; i++)
        longest = r->texts[i].n > longest.n ? r->texts[i] : longest;
    if (r->nrecords >= SCALING_RECORDS || longest.n < 2 * SCALING_MIN || !report_has_blobs(r))
        return;
    for (size_t n = SCALING_MIN;; n *= 2) {
        struct text text = {longest.p, n < longest.n ? n : longest.n};
        while (text.n < longest.n && text.n > 1 && (longest.p[text.n] & 0xC0) == 0x80)
            text.n--; /* cut no character */
        s->texts = tool_realloc(r->tool, s->texts, s->n + 1, sizeof *s->texts);
        s->texts[s->n++] = text;
        total += text.n;
        if (n >= longest.n)
            break;
    }
    s->blobs = tool_realloc(r->tool, NULL, r->nresults, sizeof *s->blobs);
    memset(s->blobs, 0, r->nresults * sizeof *s->blobs);
    progress_start(&progress, r->tool, "measuring by size", 2 * r->nresults * total);
    for (size_t i = 0; i < r->nresults; i++) {
        struct job job = {.tool = r->tool,
                          .progress = &progress,
                          .store = &store,
                          .seconds = r->seconds,
                          .packing = &r->results[i].packing,
                          .texts = s->texts,
                          .ntexts = s->n,
                          .parent = result_parent(r, &r->results[i]),
                          .parent_text = r->parent_text};
        if (r->results[i].blobs.done && job.parent != PARENT_BEFORE)
            measure_blobs(&job, &s->blobs[i]);
    }
    progress_end(&progress);
    free(store.v);
}

bool report_has_blobs(const struct report *r)
{
    size_t i = 0;
    while (i < r->nresults && !r->results[i].blobs.done)
        i++;
    return i < r->nresults;
}

bool result_exact(const struct result *result)
{
    return (!result->blobs.done || measured_exact(&result->blobs)) &&
           measured_exact(&result->stream);
}

bool report_exact(const struct report *r, const struct result **wrong)
{
    size_t i = 0;
    while (i < r->nresults && result_exact(&r->results[i]))
        i++;
    if (wrong != NULL && i < r->nresults)
        *wrong = &r->results[i];
    return i == r->nresults;
}

void report_free(struct report *r)
{
    for (size_t i = 0; i < r->nresults; i++) {
        measured_free(&r->results[i].blobs);
        if (r->scaling.n > 0)
            measured_free(&r->scaling.blobs[i]);
    }
    for (size_t i = 0; i < r->ninputs; i++)
        free((void *)r->inputs[i].p);
    free(r->scaling.blobs);
    free(r->scaling.texts);
    free(r->results);
    free(r->inputs);
    free(r->files);
    free(r->texts);
    free(r->records);
}
