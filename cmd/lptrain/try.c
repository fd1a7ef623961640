#include "lptrain/try.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    HELD_EACH = 5,   /* one record in this many is held out */
    FEW = 50,        /* fewer records hardly tell how others will pack */
    DICT_LEVEL = 19, /* of zstd: the highest that takes no --ultra in zstd(1) */
};

struct lp_trained_dict make_dict(const struct training *t, const struct lp_docs *docs)
{
    const struct records *r = t->records;
    struct lp_trained_dict dict;
    if (lp_train_dict(r->vocab, docs, t->dict_size, &dict) != LP_OK)
        no_memory(r->tool);
    return dict;
}

void make_model(const struct training *t, const struct lp_docs *docs, struct lp_buf *image)
{
    enum lp_status status = t->new_model ? lp_train_new(t->trainer, docs, image)
                                         : lp_train_adapt(t->trainer, docs, image);
    tool_check(t->records->tool, "training", status);
}

/* --- Measuring ----------------------------------------------------------------------- */

/* Of a blob, at most, see lpstream(5): bytes before the payload without a fingerprint, and bytes
 * of a fingerprint. */
enum { HEAD_MOST = 6, NAMING = 8 };

static struct ratio measure(const struct records *r, const bool *held,
                            const struct lp_options *options)
{
    struct lp_codec *codec;
    struct ratio mean = {0, 0};
    size_t n = 0;
    tool_check(r->tool, "measuring", lp_codec_new(options, &codec));
    for (uint32_t d = 0; d < r->docs.ndocs; d++) {
        const void *blob;
        struct lp_blob_info info;
        size_t size, begin = d > 0 ? r->end[d - 1] : 0;
        double text = (double)(r->end[d] - begin);
        if (!held[d])
            continue;
        tool_check(r->tool, "measuring",
                   lp_pack(codec, r->text.p + begin, r->end[d] - begin, &blob, &size));
        tool_check(r->tool, "measuring", lp_blob_info(blob, size, &info));
        size_t naming = size - info.payload_size > HEAD_MOST ? NAMING : 0;
        mean.blob += text / (double)size;
        mean.stream += text / (double)(size - naming);
        n++;
        progress_say(r->progress, "packing the records held out");
    }
    lp_codec_free(codec);
    return (struct ratio){mean.blob / (double)n, mean.stream / (double)n};
}

/* dict: NULL for none. */
static struct ratio measure_zstd(const struct records *r, const bool *held,
                                 const struct lp_dict *dict)
{
    struct lp_options options = {
        .chain = LP_CHAIN_TOKENS_ZSTD, .vocab = r->vocab, .dict = dict, .level = DICT_LEVEL};
    return measure(r, held, &options);
}

static struct ratio measure_model(const struct records *r, const bool *held,
                                  const struct lp_model *model)
{
    struct lp_options options = {.chain = LP_CHAIN_TOKENS_MIX, .vocab = r->vocab, .model = model};
    return measure(r, held, &options);
}

/* --- Holding out --------------------------------------------------------------------- */

/* Holds out a random one of each HELD_EACH records, and adds the others to most. The last few
 * records, fewer than HELD_EACH, are all among the others. Returns how many are held out. */
static uint32_t hold_out(const struct records *r, bool *held, struct lp_docs *most)
{
    uint32_t seed = 12345, pick = UINT32_MAX, n = 0;
    size_t begin = 0;
    for (uint32_t d = 0; d < r->docs.ndocs; begin = r->docs.end[d++]) {
        if (d % HELD_EACH == 0 && r->docs.ndocs - d >= HELD_EACH) {
            seed = seed * 1664525 + 1013904223; /* Numerical Recipes' generator */
            pick = d + (seed >> 8) % HELD_EACH;
        }
        held[d] = d == pick;
        n += held[d];
        if (!held[d] &&
            !lp_docs_add(most, r->docs.id + begin, r->docs.end[d] - begin, r->docs.weight[d]))
            no_memory(r->tool);
    }
    return n;
}

static void try_dict(const struct training *t, const bool *held, const struct lp_docs *most,
                     struct trial *trial)
{
    const struct records *r = t->records;
    struct lp_trained_dict made = make_dict(t, most);
    if (made.file.n > 0) {
        struct lp_dict *dict;
        tool_check(r->tool, "training",
                   lp_dict_open_memory(made.file.p, made.file.n, false, &dict));
        trial->dict = measure_zstd(r, held, dict);
        lp_dict_close(dict);
    }
    lp_buf_free(&made.file);
    if (t->zstd)
        trial->zstd = measure_zstd(r, held, NULL);
}

static void try_model(const struct training *t, const bool *held, const struct lp_docs *most,
                      struct trial *trial)
{
    const struct records *r = t->records;
    struct lp_buf image = {0};
    struct lp_model *model;
    trial->base = measure_model(r, held, t->base);
    make_model(t, most, &image);
    tool_check(r->tool, "training", lp_model_open_memory(image.p, image.n, false, &model));
    trial->model = measure_model(r, held, model);
    lp_model_close(model);
    lp_buf_free(&image);
}

struct trial try_out(const struct training *t)
{
    const struct records *r = t->records;
    struct lp_docs most = {0};
    bool *held = calloc(r->docs.ndocs, sizeof *held), all = !r->tool->quiet;
    if (held == NULL)
        no_memory(r->tool);
    struct trial trial = {.nheld = hold_out(r, held, &most)};
    if (trial.nheld > 0 && (t->zstd || all))
        try_dict(t, held, &most, &trial);
    if (trial.nheld > 0 && (!t->zstd || all) && t->base != NULL)
        try_model(t, held, &most, &trial);
    lp_docs_free(&most);
    free(held);
    return trial;
}

/* --- Reporting ----------------------------------------------------------------------- */

static void report_ratio(const struct ratio *ratio, const char *what)
{
    if (ratio->blob > 0)
        tool_print("  %6.2f %6.2f  %s\n", ratio->blob, ratio->stream, what);
}

/* Prints what packs the records best, and how to make it. */
static void advise(const struct training *t, const struct trial *x)
{
    bool dict = x->dict.blob > x->model.blob;
    if (x->model.blob == 0 || x->dict.blob == 0)
        return;
    if (x->base.blob >= x->model.blob && x->base.blob >= x->dict.blob)
        tool_print("the %s model is best for %s\n", t->new_model ? "existing" : "base",
                   x->model.stream <= x->base.stream ? "these records"
                   : t->new_model                    ? "blobs, the new one for streams"
                                                     : "blobs, the adapted one for streams");
    else
        tool_print("a %s is best for these records%s\n", dict ? "dictionary" : "model",
                   dict == t->zstd ? ""
                   : dict          ? ": use --zstd to make one"
                                   : ": omit --zstd to make one");
}

void report_trial(const struct training *t, const struct trial *x)
{
    const struct records *r = t->records;
    if (r->docs.ndocs < FEW)
        tool_warn(r->tool, "only %" PRIu32 " record%s: too few to estimate the gain", r->docs.ndocs,
                  plural(r->docs.ndocs));
    tool_print("%" PRIu32 " record%s, %zu byte%s; %" PRIu32 " held out\n", r->docs.ndocs,
               plural(r->docs.ndocs), r->text.n, plural(r->text.n), x->nheld);
    if (x->nheld == 0)
        return;
    tool_print("mean compression ratio of the records held out, as blobs and in a stream:\n");
    report_ratio(&x->base, t->new_model ? "lpmix, the existing model" : "lpmix, the base model");
    report_ratio(&x->model, t->new_model ? "lpmix -D, a new model of the other records"
                                         : "lpmix -D, the model adapted to the other records");
    report_ratio(&x->zstd, "lpzstd -19, no dictionary");
    report_ratio(&x->dict, "lpzstd -19 -D, a dictionary of the other records");
    if (x->dict.blob == 0)
        tool_print(
            "no zstd dictionary to compare with: the other records are too few or too short\n");
    advise(t, x);
}

void insist_on_gain(const struct training *t, const struct trial *x)
{
    const struct tool *tool = t->records->tool;
    double without = t->zstd ? x->zstd.stream : x->base.stream;
    double with = t->zstd ? x->dict.stream : x->model.stream;
    char text[160];
    if (with == 0 || with >= without)
        return;
    snprintf(text, sizeof text, "%s: mean ratio %.2f with it, %.2f without",
             t->zstd        ? "the dictionary is worse than none"
             : t->new_model ? "the new model is worse than the existing one"
                            : "the adapted model is worse than the base model",
             with, without);
    if (!tool->force)
        tool_die(tool, EXIT_DATA, "%s: use -f to make it anyway", text);
    tool_warn(tool, "%s", text);
}
