/* lptrain - a model, or a zstd dictionary, from one's own records.
 *
 * A part of the records is held out and packed with what the others made, to say
 * what it is worth; what is written is then made of all. */
#include "check.h"
#include "dict.h"
#include "pack.h"
#include "progress.h"
#include "train.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zstd.h>

static const char help[] =
    "usage: lptrain [OPTION...] -o FILE [FILE...]\n"
    "       lptrain --install FILE...\n"
    "Make a model for lpmix, or a dictionary for lpzstd, from records like those to be\n"
    "packed: texts, or token streams.\n"
    "\n"
    "  -o, --output FILE     what is made\n"
    "      --zstd            a zstd dictionary\n"
    "      --new             a model from nothing; each FILE may be WEIGHT:FILE\n"
    "  -D, --dictionary FILE the model to adapt (default: the one that comes with lopace)\n"
    "  -e, --encoding NAME   encoding or model of tokens (cl100k_base)\n"
    "  -s, --size N          bytes of tables of a new model, of a dictionary (10M, 110K)\n"
    "  -0, --null            records end with NUL\n"
    "  -L, --lines           records are lines (default: each FILE is a record)\n"
    "      --install         put models and dictionaries where all commands find them\n"
    "  -f, --force           read from a terminal\n"
    "  -q, --quiet           no warnings, no progress, no report\n"
    "  -h, --help            -V, --version\n";

enum { OPT_ZSTD = 256, OPT_NEW, OPT_INSTALL };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"zstd", no_argument, NULL, OPT_ZSTD},
    {"new", no_argument, NULL, OPT_NEW},
    {"dictionary", required_argument, NULL, 'D'},
    {"encoding", required_argument, NULL, 'e'},
    {"size", required_argument, NULL, 's'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"install", no_argument, NULL, OPT_INSTALL},
    {"force", no_argument, NULL, 'f'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

enum {
    TEXT_MAX = 64 << 20,    /* of records to adapt to: more teaches little, and takes memory */
    NEW_TEXT_MAX = 1 << 30, /* of a new model */
    HELD_EACH = 5,          /* one record in so many is held out */
    FEW = 50,               /* records that hardly tell what others will be like */
    MODEL_SIZE = 10 << 20,  /* of a new model's tables */
    DICT_SIZE = 110 << 10,  /* zstd's own default */
    DICT_LEVEL = 19,
};

struct options {
    const char *output, *model, *encoding;
    size_t size;
    bool zstd, new, install, force;
    int separator; /* a byte, or -1 */
    char **files;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.encoding = "cl100k_base", .separator = -1};
    int c;
    argv[0] = tool->name; /* for getopt's own messages */
    while ((c = getopt_long(argc, argv, "o:D:e:s:0LfqhV", long_options, NULL)) != -1) {
        switch (c) {
        case 'o':
            o.output = optarg;
            break;
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
        case 'f':
            o.force = true;
            break;
        case 'q':
            tool->quiet = true;
            break;
        case 'h':
            tool_help(tool);
        case 'V':
            tool_version(tool);
        default:
            exit(EXIT_USAGE);
        }
    }
    o.files = argv + optind;
    if (o.install && (o.output != NULL || o.zstd || o.new || o.model != NULL))
        tool_usage(tool, "--install takes files and nothing else");
    if (o.install && o.files[0] == NULL)
        tool_usage(tool, "--install: which FILE?");
    if (!o.install && o.output == NULL)
        tool_usage(tool, "-o FILE is needed: it is what is made");
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
};

static void check(const struct tool *tool, const char *name, enum lp_status status)
{
    if (status != LP_OK)
        tool_fail(tool, name, status, 0, NULL);
}

/* Takes a record, unless it is empty or there is enough. */
static void add_record(struct records *r, const unsigned char *text, size_t n, float weight)
{
    const uint32_t *ids;
    size_t nids;
    if (n == 0 || r->full)
        return;
    if (n > r->limit - r->text.n) {
        r->full = true;
        return;
    }
    check(r->tool, "records", lp_encode(r->codec, text, n, &ids, &nids));
    if (r->docs.ndocs == r->cap) {
        r->cap = r->cap * 3 / 2 + 64;
        size_t *end = realloc(r->end, r->cap * sizeof *end);
        if (end == NULL)
            tool_die(r->tool, EXIT_IO, "out of memory");
        r->end = end;
    }
    if (!lp_buf_append(&r->text, text, n) || !lp_docs_add(&r->docs, ids, nids, weight))
        tool_die(r->tool, EXIT_IO, "out of memory");
    r->end[r->docs.ndocs - 1] = r->text.n;
}

struct memory {
    const unsigned char *p;
    size_t n;
};

static enum lp_status read_memory(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct memory *m = ctx;
    if (offset > m->n || n > m->n - offset)
        return LP_TRUNCATED;
    memcpy(data, m->p + offset, n);
    return LP_OK;
}

static enum lp_status append(void *ctx, const void *data, size_t n)
{
    return lp_buf_append(ctx, data, n) ? LP_OK : LP_NOMEM;
}

/* The records of a stream; their separators do not belong to them. */
static void add_stream(struct records *r, const char *name, const unsigned char *data, size_t n,
                       float weight)
{
    struct memory memory = {data, n};
    struct lp_reader_options options = {.find = tool_find, .find_ctx = r->finder};
    struct lp_file *file;
    struct lp_buf text = {0};
    uint64_t nrecords = 0;
    enum lp_status status = lp_file_open(read_memory, &memory, n, &options, &file);
    if (status == LP_OK)
        status = lp_file_records(file, &nrecords);
    struct lp_segment segment = {0};
    if (status == LP_OK && nrecords > 0)
        status = lp_file_segment(file, 0, &segment);
    for (uint64_t i = 1; status == LP_OK && i <= nrecords && !r->full; i++) {
        text.n = 0;
        status = lp_file_record(file, i, append, &text);
        unsigned char separator = segment.split == LP_NUL ? 0 : '\n';
        if (segment.split != LP_WHOLE && text.n > 0 && text.p[text.n - 1] == separator)
            text.n--;
        if (status == LP_OK)
            add_record(r, text.p, text.n, weight);
    }
    if (status != LP_OK)
        tool_fail(r->tool, name, status, file != NULL ? lp_file_offset(file) : 0,
                  file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
    lp_buf_free(&text);
}

static void add_input(struct records *r, struct input *in, int separator, float weight)
{
    unsigned char *data;
    size_t n = input_all(r->tool, in, NEW_TEXT_MAX, &data);
    if (lp_is_stream(data, n)) {
        add_stream(r, in->name, data, n, weight);
    } else {
        for (size_t at = 0, size; at < n; at += size + 1) {
            const unsigned char *sign = separator < 0 ? NULL : memchr(data + at, separator, n - at);
            size = sign == NULL ? n - at : (size_t)(sign - data) - at;
            add_record(r, data + at, size, weight);
        }
    }
    free(data);
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
    for (size_t i = 0; i == 0 || o->files[i] != NULL; i++) {
        float weight = 1;
        if (o->new && o->files[i] != NULL)
            weight = split_weight(r->tool, &o->files[i]);
        if (!input_next(r->tool, &in, o->files, i, o->force))
            break;
        add_input(r, &in, o->separator, weight);
        input_close(&in);
        if (o->files[i] == NULL)
            break;
    }
    if (r->full && !r->tool->quiet)
        tool_warn(r->tool, "only the first %zu MiB of text are used", r->limit >> 20);
    if (r->docs.ndocs == 0)
        tool_die(r->tool, EXIT_DATA, "no records: nothing to learn from");
}

/* --- What is made -------------------------------------------------------------------- */

static void say(void *ctx, const char *text)
{
    struct progress *progress = ctx;
    progress->what = text;
    progress_add(progress, 0);
}

/* A dictionary of the token payloads of docs. */
static struct lp_buf make_dict(const struct records *r, const struct lp_docs *docs, size_t size)
{
    struct lp_buf samples = {0}, dict = {0};
    size_t *sizes = malloc((docs->ndocs + 1) * sizeof *sizes), begin = 0;
    if (sizes == NULL || !lp_buf_reserve(&samples, LP_PACK_MAX * docs->n) ||
        !lp_buf_reserve(&dict, size))
        tool_die(r->tool, EXIT_IO, "out of memory");
    for (uint32_t d = 0; d < docs->ndocs; begin = docs->end[d++]) {
        sizes[d] =
            lp_pack_ids(r->vocab, docs->id + begin, docs->end[d] - begin, samples.p + samples.n);
        samples.n += sizes[d];
    }
    size_t n = ZDICT_trainFromBuffer(dict.p, size, samples.p, sizes, docs->ndocs);
    dict.n = ZDICT_isError(n) ? 0 : n;
    free(sizes);
    lp_buf_free(&samples);
    return dict;
}

/* Mean ratio of the records held out, each as a blob. */
static double mean_ratio(const struct records *r, const bool *held,
                         const struct lp_options *options)
{
    struct lp_codec *codec;
    double sum = 0;
    size_t n = 0;
    check(r->tool, "measuring", lp_codec_new(options, &codec));
    for (uint32_t d = 0; d < r->docs.ndocs; d++) {
        const void *blob;
        size_t size, begin = d > 0 ? r->end[d - 1] : 0;
        if (!held[d])
            continue;
        check(r->tool, "measuring",
              lp_pack(codec, r->text.p + begin, r->end[d] - begin, &blob, &size));
        sum += (double)(r->end[d] - begin) / (double)size;
        n++;
    }
    lp_codec_free(codec);
    return sum / (double)n;
}

struct result {
    double before, model, dict; /* mean ratios; 0: not known */
    uint32_t nheld;
};

static void make_model(const struct records *r, const struct options *o, const struct lp_trainer *t,
                       const struct lp_docs *docs, struct lp_buf *image)
{
    enum lp_status status = o->new ? lp_train_new(t, docs, image) : lp_train_adapt(t, docs, image);
    check(r->tool, "training", status);
}

/* Holds a part out and packs it by what the others made. */
static struct result try_out(const struct records *r, const struct options *o,
                             const struct lp_trainer *t, size_t dict_size)
{
    struct result result = {0};
    struct lp_docs most = {0};
    bool *held = calloc(r->docs.ndocs, sizeof *held);
    size_t begin = 0;
    uint32_t seed = 12345;
    for (uint32_t d = 0; held != NULL && d < r->docs.ndocs; begin = r->docs.end[d++]) {
        seed = seed * 1664525 + 1013904223;
        held[d] = (seed >> 8) % HELD_EACH == 0;
        result.nheld += held[d];
        if (!held[d] &&
            !lp_docs_add(&most, r->docs.id + begin, r->docs.end[d] - begin, r->docs.weight[d]))
            held = NULL;
    }
    if (held == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    if (result.nheld > 0 && most.ndocs > 0) {
        struct lp_options options = {.vocab = r->vocab, .level = DICT_LEVEL};
        struct lp_buf dict = make_dict(r, &most, dict_size), image = {0};
        if (dict.n > 0) {
            struct lp_dict made = {.data = dict.p,
                                   .size = dict.n,
                                   .fingerprint = lp_xxh64(dict.p, dict.n, 0) | 1,
                                   .ddict = ZSTD_createDDict(dict.p, dict.n)};
            options.chain = LP_CHAIN_TOKENS_ZSTD;
            options.dict = &made;
            if (made.ddict != NULL)
                result.dict = mean_ratio(r, held, &options);
            ZSTD_freeDDict(made.ddict);
            options.dict = NULL;
        }
        options.chain = LP_CHAIN_TOKENS_MIX;
        options.model = t->base;
        if (t->base != NULL) {
            result.before = mean_ratio(r, held, &options);
            struct lp_model model;
            make_model(r, o, t, &most, &image);
            check(r->tool, "training", lp_model_view(image.p, image.n, &model));
            options.model = &model;
            result.model = mean_ratio(r, held, &options);
        }
        lp_buf_free(&dict);
        lp_buf_free(&image);
    }
    lp_docs_free(&most);
    free(held);
    return result;
}

static void report(const struct records *r, const struct options *o, const struct result *result)
{
    if (r->tool->quiet)
        return;
    if (r->docs.ndocs < FEW)
        tool_warn(r->tool, "%" PRIu32 " records are few: others may be unlike them", r->docs.ndocs);
    printf("%" PRIu32 " records, %zu bytes; %" PRIu32 " held out\n", r->docs.ndocs, r->text.n,
           result->nheld);
    if (result->nheld == 0)
        return;
    printf("mean ratio of those held out, each as a blob:\n");
    if (result->before > 0)
        printf("  %6.2f  lpmix, the model as it was\n"
               "  %6.2f  lpmix, the model adapted to the other records\n",
               result->before, result->model);
    if (result->dict > 0)
        printf("  %6.2f  lpzstd -%d, a dictionary of the other records\n", result->dict,
               DICT_LEVEL);
    if (result->model > 0 && result->dict > 0 && (result->model > result->dict) == o->zstd)
        printf("%s\n", o->zstd ? "a model suits these records better: leave out --zstd"
                               : "a dictionary suits these records better: --zstd");
}

static void install(const struct tool *tool, const struct options *o)
{
    for (size_t i = 0; o->files[i] != NULL; i++) {
        struct lp_model *model = NULL;
        struct lp_dict *dict = NULL;
        char where[4096], path[4200];
        enum lp_status status = lp_model_open(o->files[i], &model);
        if (status == LP_OK)
            status = lp_model_verify(model);
        else if (status == LP_DATA)
            status = lp_dict_open(o->files[i], &dict);
        if (status != LP_OK)
            tool_die(tool, tool_code(status), "%s: is neither a model nor a dictionary: %s",
                     o->files[i], lp_status_text(status));
        snprintf(path, sizeof path, "%s/%016" PRIx64 ".%s",
                 tool_install_dir(tool, where, sizeof where),
                 model != NULL ? lp_model_fingerprint(model) : lp_dict_fingerprint(dict),
                 model != NULL ? "lpm" : "dict");
        struct output out;
        output_open(tool, &out, path, true, false);
        if (model != NULL)
            output_sink(&out, model->file, model->file_size);
        else
            output_sink(&out, dict->data, dict->size);
        output_close(&out);
        if (!tool->quiet)
            printf("%s\n", path);
        lp_model_close(model);
        lp_dict_close(dict);
    }
}

/* The model to adapt: that of -D, or the one that comes with lopace. */
static const struct lp_model *base_model(const struct tool *tool, const struct options *o,
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
        if (tool_find(finder, &need, &found) != LP_OK && !o->zstd)
            tool_die(tool, EXIT_DATA,
                     "no model of %s comes with lopace: --new makes one, of some megabytes of text",
                     need.name);
    }
    return found.model;
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lptrain", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    if (o.install) {
        install(&tool, &o);
        return EXIT_OK;
    }
    struct finder finder = {.tool = &tool, .packs = true};
    struct lp_vocab *vocab = tool_vocab(&tool, o.encoding);
    struct lp_options options = {.chain = LP_CHAIN_TOKENS, .vocab = vocab};
    struct records r = {
        .tool = &tool, .vocab = vocab, .finder = &finder, .limit = o.new ? NEW_TEXT_MAX : TEXT_MAX};
    check(&tool, "tokens", lp_codec_new(&options, &r.codec));
    struct progress progress;
    progress_start(&progress, &tool, "training", 0);
    struct lp_trainer t = {.vocab = vocab, .say = say, .say_ctx = &progress};
    size_t size = o.size > 0 ? o.size : MODEL_SIZE;
    t.sizes = (struct lp_train_sizes){.follow = (uint32_t)(size / 100 * 31),
                                      .block1 = (uint32_t)(size / 100 * 9),
                                      .block2 = (uint32_t)(size / 100 * 13),
                                      .cell = (uint32_t)(size / 100 * 47)};
    t.base = o.new ? NULL : base_model(&tool, &o, &finder, vocab);
    read_records(&r, &o);
    size_t dict_size = o.zstd && o.size > 0 ? o.size : DICT_SIZE;
    struct lp_buf made = {0};
    struct output out;
    output_open(&tool, &out, o.output, true, o.force);
    if (!o.new) {
        struct result result = try_out(&r, &o, &t, dict_size);
        progress_end(&progress);
        report(&r, &o, &result);
    }
    if (o.zstd)
        made = make_dict(&r, &r.docs, dict_size);
    else
        make_model(&r, &o, &t, &r.docs, &made);
    if (made.n == 0)
        tool_die(&tool, EXIT_DATA, "too few records, or too short, for a dictionary");
    progress_end(&progress);
    output_sink(&out, made.p, made.n);
    output_close(&out);
    return EXIT_OK;
}
