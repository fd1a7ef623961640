/* lptrain - a model, or a zstd dictionary, from one's own records.
 *
 * A part of the records is held out and packed with what the others made, to say
 * what it is worth; what is written is then made of all. */
#include "base/bytes.h"
#include "base/xxh64.h"
#include "block/dict.h"
#include "shared/form.h"
#include "shared/progress.h"
#include "shared/stored.h"
#include "tokens/codes.h"
#include "tokens/vocab_layout.h"
#include "train/train.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zdict.h>
#include <zstd.h>

static const char help[] =
    "usage: lptrain [OPTION...] -o FILE [FILE...]\n"
    "       lptrain --install FILE...\n"
    "Make a model for lpmix, or a dictionary for lpzstd, from records like those to be\n"
    "packed: texts, or token streams.\n"
    "\n"
    "  -o, --output FILE     where to write the model or dictionary\n"
    "      --zstd            a zstd dictionary\n"
    "      --new             a model from nothing; each FILE may be WEIGHT:FILE\n"
    "  -D, --dictionary FILE the model to adapt (default: the one that comes with lopace)\n"
    "  -e, --encoding NAME   encoding or model of tokens (cl100k_base)\n"
    "  -s, --size N          bytes of tables of a new model, of a dictionary (10M, 110K)\n"
    "  -0, --null            records end with NUL\n"
    "  -L, --lines           records are lines (default: each FILE is a record)\n"
    "      --text            the input is text, even if it looks packed\n"
    "      --install         put models and dictionaries where all commands find them\n"
    "  -f, --force           make or install what is refused otherwise; read from a terminal\n"
    "  -q, --quiet           no warnings, no progress, no report\n"
    "  -h, --help            -V, --version\n";

enum { OPT_ZSTD = 256, OPT_NEW, OPT_INSTALL };

static const struct option long_options[] = {
    {"zstd", no_argument, NULL, OPT_ZSTD},
    {"new", no_argument, NULL, OPT_NEW},
    {"dictionary", required_argument, NULL, 'D'},
    {"encoding", required_argument, NULL, 'e'},
    {"size", required_argument, NULL, 's'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"install", no_argument, NULL, OPT_INSTALL},
    TOOL_TEXT_OPTION,
    TOOL_LONG_OPTIONS,
};

enum {
    TEXT_MAX = 64 << 20,    /* of records to adapt to: more teaches little, and takes memory */
    NEW_TEXT_MAX = 1 << 30, /* of a new model */
    NEW_TEXT_MIN = 1 << 20, /* of a new model: less teaches it few of the tokens */
    HELD_EACH = 5,          /* one record in so many is held out */
    FEW = 50,               /* records that hardly tell what others will be like */
    MODEL_SIZE = 10 << 20,  /* of a new model's tables */
    DICT_SIZE = 110 << 10,  /* zstd's own default */
    DICT_LEVEL = 19,
    /* The least that zstd's trainer is given. It learns from the first three quarters of the
     * samples, and crashes if they hold fewer than 8 bytes (libzstd 1.5.4 to 1.5.7). Samples are
     * not empty, so 11 are safe; 16 would be even if it learned from half of them. The smallest
     * dictionary has 256 bytes: from fewer bytes it cannot be worth its size. */
    DICT_SAMPLES_MIN = 16,
    DICT_BYTES_MIN = 256,
};

struct options {
    const char *model, *encoding;
    size_t size;
    bool zstd, new, install;
    int separator; /* a byte, or -1 */
    char **files;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.encoding = "cl100k_base", .separator = -1};
    int c;
    while ((c = tool_option(tool, argc, argv, "D:e:s:0L" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case OPT_ZSTD:
            o.zstd = true;
            break;
        case OPT_NEW:
            o.new = true;
            break;
        case 'D':
            o.model = optarg;
            break;
        case 'e':
            o.encoding = optarg;
            break;
        case 's':
            o.size = (size_t)tool_size(tool, "-s", optarg, 1 << 10, 64 << 20);
            break;
        case '0':
            o.separator = 0;
            break;
        case 'L':
            o.separator = '\n';
            break;
        case OPT_INSTALL:
            o.install = true;
            break;
        }
    }
    o.files = argv + optind;
    if (o.install && (tool->output != NULL || o.zstd || o.new || o.model != NULL))
        tool_usage(tool, "--install takes files and nothing else");
    if (o.install && o.files[0] == NULL)
        tool_usage(tool, "--install needs at least one FILE");
    if (!o.install && tool->output == NULL)
        tool_usage(tool, "-o FILE is required");
    if (o.zstd && (o.new || o.model != NULL))
        tool_usage(tool, "--zstd goes with neither --new nor -D");
    if (o.new &&o.model != NULL)
        tool_usage(tool, "--new adapts no model: -D does not go with it");
    if (o.size > 0 && !o.new && !o.zstd)
        tool_usage(tool, "-s: an adapted model keeps its size");
    return o;
}

/* --- Records ----------------------------------------------------------------------- */

struct records {
    const struct tool *tool;
    const struct lp_vocab *vocab;
    struct lp_codec *codec;
    struct finder *finder;
    struct lp_buf text;
    size_t *end; /* in text */
    struct lp_docs docs;
    size_t cap, limit;
    bool full;
    struct progress *progress;
};

static _Noreturn void no_memory(const struct tool *tool)
{
    tool_die(tool, EXIT_IO, "out of memory");
}

/* Takes a record, unless it is empty or there is enough. */
static void add_record(struct records *r, const void *text, size_t n, float weight)
{
    const uint32_t *ids;
    size_t nids;
    r->full = r->full || n > r->limit - r->text.n;
    if (n == 0 || r->full)
        return;
    tool_check(r->tool, "records", lp_encode(r->codec, text, n, &ids, &nids));
    if (r->docs.ndocs == r->cap) {
        r->cap = r->cap * 3 / 2 + 64;
        size_t *end = realloc(r->end, r->cap * sizeof *end);
        if (end == NULL)
            no_memory(r->tool);
        r->end = end;
    }
    if (!lp_buf_append(&r->text, text, n) || !lp_docs_add(&r->docs, ids, nids, weight))
        no_memory(r->tool);
    r->end[r->docs.ndocs - 1] = r->text.n;
    progress_add(r->progress, n);
}

/* The records of a text. No more of it is read than can be used. */
static void add_text(struct records *r, struct input *in, int separator, float weight)
{
    struct lp_buf record = {0};
    for (size_t n; !r->full && (n = input_read(r->tool, in)) > 0;) {
        const unsigned char *p = in->data, *end = p + n, *sign;
        while (separator >= 0 && (sign = memchr(p, separator, (size_t)(end - p))) != NULL) {
            if (!lp_buf_append(&record, p, (size_t)(sign - p)))
                no_memory(r->tool);
            add_record(r, record.p, record.n, weight);
            record.n = 0;
            p = sign + 1;
        }
        if (!lp_buf_append(&record, p, (size_t)(end - p)))
            no_memory(r->tool);
        r->full = r->full || record.n > r->limit - r->text.n;
    }
    add_record(r, record.p, record.n, weight);
    lp_buf_free(&record);
}

static enum lp_status append(void *ctx, const void *data, size_t n)
{
    return lp_buf_append(ctx, data, n) ? LP_OK : LP_NOMEM;
}

/* The records of a stream; their separators do not belong to them. */
static void add_stream(struct records *r, struct input *in, float weight)
{
    struct lp_reader_options options = {.find = tool_find, .find_ctx = r->finder};
    struct lp_file *file;
    struct lp_segment segment;
    struct lp_buf text = {0};
    uint64_t number = 1;
    enum lp_status status =
        lp_file_open(input_read_at, in, input_seekable(r->tool, in), &options, &file);
    for (size_t i = 0; status == LP_OK && !r->full; i++) {
        status = lp_file_segment(file, i, &segment);
        for (uint64_t k = 0; status == LP_OK && k < segment.nrecords && !r->full; k++) {
            text.n = 0;
            status = lp_file_record(file, number++, append, &text);
            unsigned char separator = segment.split == LP_NUL ? 0 : '\n';
            if (segment.split != LP_WHOLE && text.n > 0 && text.p[text.n - 1] == separator)
                text.n--;
            if (status == LP_OK)
                add_record(r, text.p, text.n, weight);
        }
    }
    if (status != LP_OK && status != LP_USAGE) /* that is past the last segment */
        tool_fail(r->tool, in->name, status, file != NULL ? lp_file_offset(file) : 0,
                  file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
    lp_buf_free(&text);
}

static void add_blob(struct records *r, struct input *in, float weight)
{
    unsigned char *data;
    const void *text;
    struct lp_buf copy = {0};
    size_t size, n = input_all(r->tool, in, LP_BLOCK_MAX + 64, &data);
    enum lp_status status = lp_unpack(r->codec, data, n, tool_find, r->finder, &text, &size);
    if (status != LP_OK)
        tool_fail(r->tool, in->name, status, 0, lp_codec_need(r->codec));
    if (!lp_buf_append(&copy, text, size))
        no_memory(r->tool);
    add_record(r, copy.p, copy.n, weight);
    lp_buf_free(&copy);
    free(data);
}

static void add_input(struct records *r, struct input *in, int separator, float weight)
{
    enum form form = input_form(r->tool, in, r->finder, separator < 0);
    if (form == FORM_STREAM)
        add_stream(r, in, weight);
    else if (form == FORM_BLOB || (form == FORM_UNCHECKED && separator < 0))
        add_blob(r, in, weight);
    else
        add_text(r, in, separator, weight);
}

/* WEIGHT:FILE, where a weight is given. */
static float split_weight(const struct tool *tool, char **file)
{
    char *end, *colon = strchr(*file, ':');
    if (colon == NULL || (**file != '.' && (**file < '0' || **file > '9')))
        return 1;
    double weight = strtod(*file, &end);
    if (end != colon)
        return 1;
    if (!(weight > 0 && weight <= 1000))
        tool_usage(tool, "%s: a weight is more than 0 and at most 1000", *file);
    *file = colon + 1;
    return (float)weight;
}

static void read_records(struct records *r, const struct options *o)
{
    struct input in;
    for (size_t i = 0; !r->full; i++) {
        float weight = 1;
        if (o->new && o->files[0] != NULL && o->files[i] != NULL)
            weight = split_weight(r->tool, &o->files[i]);
        if (!input_next(r->tool, &in, o->files, i))
            break;
        add_input(r, &in, o->separator, weight);
        input_close(&in);
    }
    progress_end(r->progress);
    if (r->full && !r->tool->quiet)
        tool_warn(r->tool, "only the first %zu MiB of text are used", r->limit >> 20);
    if (r->docs.ndocs == 0)
        tool_die(r->tool, EXIT_DATA, "no records: nothing to learn from");
    if (o->new && r->text.n < NEW_TEXT_MIN && !r->tool->force)
        tool_die(r->tool, EXIT_DATA,
                 "%zu byte%s of text: too little for --new, which needs %d MiB: -f makes the model "
                 "anyway",
                 r->text.n, plural(r->text.n), NEW_TEXT_MIN >> 20);
}

static void records_free(struct records *r)
{
    lp_codec_free(r->codec);
    lp_docs_free(&r->docs);
    lp_buf_free(&r->text);
    free(r->end);
}

/* --- What is made -------------------------------------------------------------------- */

/* What the trainer is at. */
static void say(void *ctx, const char *text)
{
    struct progress *progress = ctx;
    progress->what = text;
    progress_add(progress, 0);
}

/* A dictionary that zstd made of samples, or why it made none. */
struct made_dict {
    struct lp_buf file;
    size_t nsamples, nbytes;
    const char *error; /* zstd's; NULL when the samples were too few or too short to try */
};

/* The only call of zstd's trainer, which crashes on samples that it cannot take. */
static void train_dict(struct made_dict *dict, size_t size, const void *samples,
                       const size_t *sizes)
{
    if (dict->nsamples < DICT_SAMPLES_MIN || dict->nbytes < DICT_BYTES_MIN)
        return;
    size_t n = ZDICT_trainFromBuffer(dict->file.p, size, samples, sizes, (unsigned)dict->nsamples);
    if (ZDICT_isError(n))
        dict->error = ZDICT_getErrorName(n);
    else
        dict->file.n = n;
}

/* A dictionary of the token payloads of docs. */
static struct made_dict make_dict(const struct records *r, const struct lp_docs *docs, size_t size)
{
    struct made_dict dict = {0};
    struct lp_buf samples = {0};
    size_t *sizes = malloc((docs->ndocs + 1) * sizeof *sizes), begin = 0;
    if (sizes == NULL || !lp_buf_reserve(&samples, LP_CODE_MAX * docs->n) ||
        !lp_buf_reserve(&dict.file, size))
        no_memory(r->tool);
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        size_t n = lp_codes_from_ids(r->vocab, docs->id + begin, docs->end[d] - begin,
                                     samples.p + samples.n);
        if (n > 0)
            sizes[dict.nsamples++] = n;
        samples.n += n;
    }
    dict.nbytes = samples.n;
    train_dict(&dict, size, samples.p, sizes);
    free(sizes);
    lp_buf_free(&samples);
    return dict;
}

/* Mean ratios of the records held out, each as a blob; and without what it costs each
 * to name a model or dictionary, which a stream does once. 0: not known. */
struct ratio {
    double blob, stream;
};

/* Bytes of a blob's head at most, and of a fingerprint in it, see lpstream(5). */
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
        say(r->progress, "packing the records held out");
    }
    lp_codec_free(codec);
    return (struct ratio){mean.blob / (double)n, mean.stream / (double)n};
}

/* With a dictionary, or without one: NULL. */
static struct ratio measure_zstd(const struct records *r, const bool *held,
                                 const struct lp_buf *dict)
{
    struct lp_options options = {
        .chain = LP_CHAIN_TOKENS_ZSTD, .vocab = r->vocab, .level = DICT_LEVEL};
    if (dict == NULL)
        return measure(r, held, &options);
    struct lp_dict made = {.data = dict->p,
                           .size = dict->n,
                           .fingerprint = lp_xxh64(dict->p, dict->n, 0) | 1,
                           .ddict = ZSTD_createDDict(dict->p, dict->n)};
    options.dict = &made;
    if (made.ddict == NULL)
        no_memory(r->tool);
    struct ratio mean = measure(r, held, &options);
    ZSTD_freeDDict(made.ddict);
    return mean;
}

static struct ratio measure_model(const struct records *r, const bool *held,
                                  const struct lp_model *model)
{
    struct lp_options options = {.chain = LP_CHAIN_TOKENS_MIX, .vocab = r->vocab, .model = model};
    return measure(r, held, &options);
}

struct result {
    struct ratio before, model; /* the model that there is, and adapted or a new one */
    struct ratio zstd, dict;    /* zstd without a dictionary, and with one */
    uint32_t nheld;
};

static void make_model(const struct records *r, const struct options *o, const struct lp_trainer *t,
                       const struct lp_docs *docs, struct lp_buf *image)
{
    enum lp_status status = o->new ? lp_train_new(t, docs, image) : lp_train_adapt(t, docs, image);
    tool_check(r->tool, "training", status);
}

/* Holds out one of each HELD_EACH records, where so many are left; the others go to
 * most. */
static uint32_t hold_out(const struct records *r, bool *held, struct lp_docs *most)
{
    uint32_t seed = 12345, pick = UINT32_MAX, n = 0;
    size_t begin = 0;
    for (uint32_t d = 0; d < r->docs.ndocs; begin = r->docs.end[d++]) {
        if (d % HELD_EACH == 0 && r->docs.ndocs - d >= HELD_EACH) {
            seed = seed * 1664525 + 1013904223;
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

static void try_dict(const struct records *r, const struct options *o, const bool *held,
                     const struct lp_docs *most, size_t size, struct result *x)
{
    struct made_dict dict = make_dict(r, most, size);
    if (dict.file.n > 0)
        x->dict = measure_zstd(r, held, &dict.file);
    if (o->zstd)
        x->zstd = measure_zstd(r, held, NULL);
    lp_buf_free(&dict.file);
}

static void try_model(const struct records *r, const struct options *o, const bool *held,
                      const struct lp_docs *most, const struct lp_trainer *t,
                      const struct lp_model *before, struct result *x)
{
    struct lp_buf image = {0};
    struct lp_model model;
    x->before = measure_model(r, held, before);
    make_model(r, o, t, most, &image);
    tool_check(r->tool, "training", lp_model_view(image.p, image.n, &model));
    x->model = measure_model(r, held, &model);
    lp_buf_free(&image);
}

/* Holds a part out and packs it by what the others make: by what is asked for, and, for the
 * report, by what it is compared with. */
static struct result try_out(const struct records *r, const struct options *o,
                             const struct lp_trainer *t, const struct lp_model *before,
                             size_t dict_size)
{
    struct lp_docs most = {0};
    bool *held = calloc(r->docs.ndocs, sizeof *held), all = !r->tool->quiet;
    if (held == NULL)
        no_memory(r->tool);
    struct result result = {.nheld = hold_out(r, held, &most)};
    if (result.nheld > 0 && (o->zstd || all))
        try_dict(r, o, held, &most, dict_size, &result);
    if (result.nheld > 0 && (!o->zstd || all) && before != NULL)
        try_model(r, o, held, &most, t, before, &result);
    lp_docs_free(&most);
    free(held);
    return result;
}

static void report_ratio(const struct ratio *ratio, const char *what)
{
    if (ratio->blob > 0)
        fprintf(stderr, "  %6.2f %6.2f  %s\n", ratio->blob, ratio->stream, what);
}

/* Says which suits the records best, and how to have it. */
static void advise(const struct options *o, const struct result *x)
{
    bool dict = x->dict.blob > x->model.blob;
    if (x->model.blob == 0 || x->dict.blob == 0)
        return;
    if (x->before.blob >= x->model.blob && x->before.blob >= x->dict.blob)
        fputs(x->model.stream > x->before.stream
                  ? "the model as it was is best for blobs, the adapted one for streams\n"
                  : "the model as it was suits these records best\n",
              stderr);
    else
        fprintf(stderr, "a %s suits these records best%s\n", dict ? "dictionary" : "model",
                dict == o->zstd ? ""
                : dict          ? ": --zstd makes one"
                                : ": leave out --zstd");
}

/* To standard error: what is made may go to standard output. */
static void report(const struct records *r, const struct options *o, const struct result *x)
{
    if (r->docs.ndocs < FEW)
        tool_warn(r->tool, "only %" PRIu32 " record%s: too few to estimate the gain", r->docs.ndocs,
                  plural(r->docs.ndocs));
    fprintf(stderr, "%" PRIu32 " record%s, %zu byte%s; %" PRIu32 " held out\n", r->docs.ndocs,
            plural(r->docs.ndocs), r->text.n, plural(r->text.n), x->nheld);
    if (x->nheld == 0)
        return;
    fputs("mean ratio of those held out, each as a blob, and in a stream that names a model or\n"
          "dictionary once:\n",
          stderr);
    report_ratio(&x->before,
                 o->new ? "lpmix, the model that there is" : "lpmix, the model as it was");
    report_ratio(&x->model, o->new ? "lpmix -D, a new model of the other records"
                                   : "lpmix -D, the model adapted to the other records");
    report_ratio(&x->zstd, "lpzstd -19, without a dictionary");
    report_ratio(&x->dict, "lpzstd -19 -D, a dictionary of the other records");
    if (x->dict.blob == 0)
        fputs("no zstd dictionary to compare with: the other records are too few or too short\n",
              stderr);
    advise(o, x);
}

/* What packs the records held out worse than the packers do without it, even where it is named
 * for nothing, is made only by force. */
static void insist_on_gain(const struct tool *tool, const struct options *o, const struct result *x)
{
    double without = o->zstd ? x->zstd.stream : x->before.stream;
    double with = o->zstd ? x->dict.stream : x->model.stream;
    char text[160];
    if (with == 0 || with >= without)
        return;
    snprintf(text, sizeof text, "%s: mean ratio %.2f with it, %.2f without",
             o->zstd  ? "the dictionary is worse than none"
             : o->new ? "the new model is worse than the model that there is"
                      : "the adapted model is worse than the model as it was",
             with, without);
    if (!tool->force)
        tool_die(tool, EXIT_DATA, "%s: -f makes it anyway", text);
    tool_warn(tool, "%s", text);
}

/* --- Installing ---------------------------------------------------------------------- */

static bool is_model(const unsigned char *data, size_t n)
{
    return n >= sizeof LP_LPM_MAGIC && memcmp(data, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) == 0;
}

/* A dictionary that a trainer made. zstd takes any other bytes for one too, of raw content. */
static bool is_trained(const unsigned char *data, size_t n)
{
    return n >= 4 && lp_get32(data) == ZSTD_MAGIC_DICTIONARY;
}

/* What else a file is that begins so. */
static const char *other_kind(const unsigned char *data, size_t n)
{
    if (n >= sizeof LP_LPV_MAGIC && memcmp(data, LP_LPV_MAGIC, sizeof LP_LPV_MAGIC) == 0)
        return "a vocabulary, ";
    return lp_is_stream(data, n) ? "a stream, " : lp_is_blob(data, n) ? "a blob, " : "";
}

/* Whether a file is a model, by its first bytes, and not a dictionary. What is neither is taken
 * for a dictionary of raw content only by force: it may be a text named by mistake. */
static bool holds_model(const struct tool *tool, const char *file)
{
    struct input in;
    struct stat st;
    if (strcmp(file, "-") == 0)
        tool_usage(tool, "--install needs files: it does not read standard input");
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        tool_die(tool, EXIT_DATA, "%s: is not a regular file", file); /* opening might wait */
    input_open(tool, &in, file);
    size_t n = input_peek(tool, &in, sizeof LP_LPM_MAGIC);
    bool model = is_model(in.data, n);
    if (n == 0)
        tool_die(tool, EXIT_DATA, "%s: is empty, neither a model nor a zstd dictionary", file);
    if (!model && !is_trained(in.data, n) && !tool->force)
        tool_die(
            tool, EXIT_DATA,
            "%s: is %sneither a model nor a zstd dictionary: -f installs it as a dictionary of "
            "raw content",
            file, other_kind(in.data, n));
    if (!model && (uint64_t)st.st_size > LP_DICT_MAX)
        tool_die(tool, EXIT_DATA, "%s: is larger than %d MiB: too large for a dictionary", file,
                 LP_DICT_MAX >> 20);
    input_close(&in);
    return model;
}

/* A trained dictionary is one that zstd can both pack and unpack with. */
static enum lp_status verify_dict(const struct lp_dict *dict)
{
    bool sound = !is_trained(dict->data, dict->size) ||
                 !ZDICT_isError(ZDICT_getDictHeaderSize(dict->data, dict->size));
    return sound ? LP_OK : LP_DATA;
}

/* Opens a file as a model or a dictionary, and verifies all of it. */
static struct lp_found open_made(const struct tool *tool, const char *file)
{
    struct lp_model *model = NULL;
    struct lp_dict *dict = NULL;
    bool models = holds_model(tool, file);
    enum lp_status status = models ? lp_model_open(file, &model) : lp_dict_open(file, &dict);
    if (status == LP_OK)
        status = models ? lp_model_verify(model) : verify_dict(dict);
    if (status != LP_OK)
        tool_die(tool, tool_code(status), "%s: cannot be used as a %s: %s", file,
                 models ? "model" : "dictionary",
                 status == LP_IO ? strerror(errno) : lp_status_text(status));
    return (struct lp_found){.model = model, .dict = dict};
}

static void install(const struct tool *tool, const struct options *o)
{
    struct output list;
    output_open(tool, &list, NULL, false);
    for (size_t i = 0; o->files[i] != NULL; i++) {
        struct lp_found made = open_made(tool, o->files[i]);
        char where[4096], path[4200];
        snprintf(
            path, sizeof path, "%s/%016" PRIx64 ".%s", tool_install_dir(tool, where, sizeof where),
            made.model != NULL ? lp_model_fingerprint(made.model) : lp_dict_fingerprint(made.dict),
            made.model != NULL ? "lpm" : "dict");
        struct output out;
        output_open(tool, &out, path, true);
        if (made.model != NULL)
            output_sink(&out, made.model->file, made.model->file_size);
        else
            output_sink(&out, made.dict->data, made.dict->size);
        output_close(&out);
        if (!tool->quiet)
            output_print(&list, "%s\n", path);
        lp_model_close((struct lp_model *)(uintptr_t)made.model);
        lp_dict_close((struct lp_dict *)(uintptr_t)made.dict);
    }
    output_close(&list);
}

/* The model that there is: that of -D, or the one that comes with lopace. It is adapted, or a
 * new one compared with it: there need be none for that. */
static const struct lp_model *model_before(const struct tool *tool, const struct options *o,
                                           struct finder *finder, const struct lp_vocab *vocab)
{
    struct lp_found found = {0};
    if (o->model != NULL) {
        found = finder_open(finder, o->model);
        if (found.model == NULL)
            tool_die(tool, EXIT_DATA, "%s: is no model", o->model);
        if (lp_model_vocab_fingerprint(found.model) != lp_vocab_fingerprint(vocab))
            tool_die(tool, EXIT_DATA, "%s: is a model of %s, not of %s: -e names the encoding",
                     o->model, lp_model_vocab(found.model), lp_vocab_name(vocab));
    } else {
        struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
        if (tool_find(finder, &need, &found) != LP_OK && !o->zstd && !o->new)
            tool_die(
                tool, EXIT_DATA,
                "no model of %s found: -D names one, --new makes one of some megabytes of text",
                need.name);
    }
    if (found.model != NULL && lp_model_verify(found.model) != LP_OK)
        tool_die(tool, EXIT_DATA,
                 "the model of %s with fingerprint %016" PRIx64 " is damaged: install it again",
                 lp_model_vocab(found.model), lp_model_fingerprint(found.model));
    return found.model;
}

/* Parts of a new model's tables, as they proved best. */
static struct lp_train_sizes sizes_of(size_t size)
{
    const uint32_t percent = (uint32_t)(size / 100);
    return (struct lp_train_sizes){.follow = 32 * percent,
                                   .cell = 40 * percent,
                                   .rows = 13 * percent / (LP_NET_PLACES * LP_NET_ROW),
                                   .nodes = 15 * percent / LP_NET_NODE};
}

/* Makes a dictionary of all records. */
static struct lp_buf whole_dict(const struct records *r, size_t size)
{
    struct made_dict dict = make_dict(r, &r->docs, size);
    if (dict.error != NULL)
        tool_die(r->tool, EXIT_DATA, "zstd makes no dictionary of these records: %s", dict.error);
    if (dict.file.n == 0)
        tool_die(r->tool, EXIT_DATA,
                 "too little for a dictionary: %zu record%s, %zu byte%s as tokens: it needs %d "
                 "records and %d bytes at least",
                 dict.nsamples, plural(dict.nsamples), dict.nbytes, plural(dict.nbytes),
                 DICT_SAMPLES_MIN, DICT_BYTES_MIN);
    return dict.file;
}

/* What is asked for, of all records, once it proved worth it. */
static struct lp_buf make(const struct records *r, const struct options *o,
                          const struct lp_trainer *t, const struct lp_model *before)
{
    struct lp_buf made = {0};
    size_t dict_size = o->zstd && o->size > 0 ? o->size : DICT_SIZE;
    if (o->zstd) /* takes little time, and says first what is too little */
        made = whole_dict(r, dict_size);
    if ((!o->new || before != NULL) && !(r->tool->quiet && r->tool->force)) {
        struct result result = try_out(r, o, t, before, dict_size);
        progress_end(r->progress);
        if (!r->tool->quiet)
            report(r, o, &result);
        insist_on_gain(r->tool, o, &result);
    }
    if (!o->zstd)
        make_model(r, o, t, &r->docs, &made);
    progress_end(r->progress);
    return made;
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lptrain", .help = help, .adapts = true};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    if (o.install) {
        install(&tool, &o);
        return EXIT_OK;
    }
    struct progress progress;
    struct output out;
    struct finder finder = {.tool = &tool};
    const struct lp_vocab *vocab = finder_vocab(&finder, o.encoding);
    tool.vocab = lp_vocab_name(vocab);
    tool_check(&tool, "tokens", lp_vocab_verify(vocab));
    struct records r = {.tool = &tool,
                        .vocab = vocab,
                        .finder = &finder,
                        .limit = o.new ? NEW_TEXT_MAX : TEXT_MAX,
                        .progress = &progress};
    tool_check(
        &tool, "tokens",
        lp_codec_new(&(struct lp_options){.chain = LP_CHAIN_TOKENS, .vocab = vocab}, &r.codec));
    const struct lp_model *before = model_before(&tool, &o, &finder, vocab);
    struct lp_trainer t = {.vocab = vocab,
                           .sizes = sizes_of(o.size > 0 ? o.size : MODEL_SIZE),
                           .base = o.new ? NULL : before,
                           .say = say,
                           .say_ctx = &progress};
    progress_start(&progress, &tool, "reading", 0);
    read_records(&r, &o);
    output_open(&tool, &out, tool.output, true);
    progress_start(&progress, &tool, "training", 0);
    struct lp_buf made = make(&r, &o, &t, before);
    output_sink(&out, made.p, made.n);
    output_close(&out);
    lp_buf_free(&made);
    records_free(&r);
    finder_close(&finder);
    return EXIT_OK;
}
