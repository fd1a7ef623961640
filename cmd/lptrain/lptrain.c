/* lptrain - makes a model, or a zstd dictionary, from your own records.
 *
 * First some records are held out and packed with what the others make, to estimate the
 * gain; then the model or dictionary is made of all records. */
#include "lptrain/try.h"
#include "shared/form.h"
#include "shared/stored.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: lptrain [OPTION...] -o FILE [FILE...]\n"
    "       lptrain --install FILE...\n"
    "Train a model for lpmix, or a dictionary for lpzstd, with records like those to\n"
    "pack: texts, streams or blobs.\n"
    "\n"
    "  -o, --output FILE     write the model or dictionary to FILE, atomically\n"
    "      --zstd            make a zstd dictionary\n"
    "      --new             make a model from scratch; each FILE may be WEIGHT:FILE\n"
    "  -D, --dictionary FILE adapt this model (default: the one that lopace ships)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "  -s, --size N          set the size of a new model (10M) or a dictionary (110K)\n"
    "  -0, --null            split records at NULs (default: one record per FILE)\n"
    "  -L, --lines           split records at line feeds\n"
    "      --text            take the input as text, even if it looks packed\n"
    "      --install         install models and dictionaries for all commands\n"
    "  -f, --force           override a refusal to make or install; read from or\n"
    "                        write to a terminal anyway\n"
    "  -q, --quiet           print no warnings, no progress and no report\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

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
    TEXT_MAX = 64 << 20,    /* bytes to adapt a model to: more teach little, and take memory */
    NEW_TEXT_MAX = 1 << 30, /* bytes for a new model */
    NEW_TEXT_MIN = 1 << 20, /* a new model of fewer bytes knows few of the tokens */
    MODEL_SIZE = 10 << 20,  /* bytes of a new model's tables */
    DICT_SIZE = 110 << 10,  /* zstd's own default */
};

struct options {
    const char *model, *encoding;
    size_t size;
    bool zstd, new_model, install;
    enum lp_split split;
    char **files;
};

/* Exits on options that contradict each other. */
static void refuse_conflicts(const struct tool *tool, const struct options *o)
{
    if (o->install && (tool->output != NULL || o->zstd || o->new_model || o->model != NULL))
        tool_usage(tool, "--install takes only files");
    if (o->install && o->files[0] == NULL)
        tool_usage(tool, "--install needs at least one FILE");
    if (!o->install && tool->output == NULL)
        tool_usage(tool, "-o FILE is required");
    if (o->zstd && (o->new_model || o->model != NULL))
        tool_usage(tool, "--zstd cannot be combined with --new or -D");
    if (o->new_model && o->model != NULL)
        tool_usage(tool, "--new cannot be combined with -D: it adapts no model");
    if (o->size > 0 && !o->new_model && !o->zstd)
        tool_usage(tool, "-s: cannot change the size of an adapted model");
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.encoding = "cl100k_base"};
    int c;
    while ((c = tool_option(tool, argc, argv, "D:e:s:0L" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case OPT_ZSTD:
            o.zstd = true;
            break;
        case OPT_NEW:
            o.new_model = true;
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
            o.split = LP_NUL;
            break;
        case 'L':
            o.split = LP_LINES;
            break;
        case OPT_INSTALL:
            o.install = true;
            break;
        }
    }
    o.files = argv + optind;
    refuse_conflicts(tool, &o);
    return o;
}

/* --- Installing ---------------------------------------------------------------------- */

static bool is_model(const unsigned char *data, size_t n)
{
    return n >= sizeof LP_LPM_MAGIC && memcmp(data, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) == 0;
}

/* "a vocabulary, " or what else a file is. */
static const char *other_kind(const struct tool *tool, const char *file, const unsigned char *data,
                              size_t n)
{
    struct lp_vocab *vocab;
    enum lp_status status = lp_vocab_open(file, &vocab);
    if (status == LP_NOMEM || status == LP_IO)
        tool_die(tool, EXIT_IO, "%s: cannot use: %s", file,
                 status == LP_IO ? strerror(errno) : lp_status_text(status));
    if (status == LP_OK) {
        lp_vocab_close(vocab);
        return "a vocabulary, ";
    }
    return lp_is_stream(data, n) ? "a stream, " : lp_is_blob(data, n) ? "a blob, " : "";
}

/* Whether a file is a model, by its first bytes, or else a dictionary. Any other file is accepted
 * as a raw-content dictionary only with -f: it may be a text, named by mistake. */
static bool holds_model(const struct tool *tool, const char *file)
{
    struct input in;
    struct stat st = {0};
    if (strcmp(file, "-") == 0)
        tool_usage(tool, "--install needs files: it does not read standard input");
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        tool_die(tool, EXIT_DATA, "%s: is not a regular file", file); /* opening a FIFO may block */
    input_open(tool, &in, file);
    size_t n = input_peek(tool, &in, sizeof LP_LPM_MAGIC);
    bool model = is_model(in.data, n);
    if (n == 0)
        tool_die(tool, EXIT_DATA, "%s: is empty, neither a model nor a zstd dictionary", file);
    if (!model && !lp_dict_is_trained(in.data, n) && !tool->force)
        tool_die(
            tool, EXIT_DATA,
            "%s: is %sneither a model nor a zstd dictionary: use -f to install it as a raw-content "
            "dictionary",
            file, other_kind(tool, file, in.data, n));
    if (!model && (uint64_t)st.st_size > LP_DICT_MAX)
        tool_die(tool, EXIT_DATA, "%s: is larger than %d MiB: too large for a dictionary", file,
                 LP_DICT_MAX >> 20);
    input_close(&in);
    return model;
}

/* Opens a file as a model or a dictionary, and verifies all of it. */
static struct lp_found open_made(const struct tool *tool, const char *file)
{
    struct lp_model *model = NULL;
    struct lp_dict *dict = NULL;
    bool models = holds_model(tool, file);
    enum lp_status status = models ? lp_model_open(file, &model) : lp_dict_open(file, &dict);
    if (status == LP_OK)
        status = models ? lp_model_verify(model) : lp_dict_verify(dict);
    if (status != LP_OK)
        tool_die(tool, tool_code(status), "%s: cannot use as a %s: %s", file,
                 models ? "model" : "dictionary",
                 status == LP_IO ? strerror(errno) : lp_status_text(status));
    return (struct lp_found){.model = model, .dict = dict};
}

/* A model or dictionary that is installed. */
struct copy {
    struct lp_found made;
    char path[4200];
    struct output out;
};

/* Writes a copy beside its place. */
static void write_copy(const struct tool *tool, struct copy *c, const char *file)
{
    char where[4096];
    struct stat st;
    const struct lp_model *model = c->made.model;
    const struct lp_dict *dict = c->made.dict;
    snprintf(c->path, sizeof c->path, "%s/%016" PRIx64 ".%s",
             tool_install_dir(tool, where, sizeof where),
             model != NULL ? lp_model_fingerprint(model) : lp_dict_fingerprint(dict),
             model != NULL ? "lpm" : "dict");
    output_open(tool, &c->out, c->path, true);
    const int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0)
        replace_like(&c->out.file, &st, fd);
    if (fd >= 0)
        close(fd);
    if (model != NULL)
        output_sink(&c->out, model->file, model->file_size);
    else
        output_sink(&c->out, dict->data, dict->size);
    output_flush(&c->out);
    lp_model_close((struct lp_model *)(uintptr_t)model);
    lp_dict_close((struct lp_dict *)(uintptr_t)dict);
}

/* All are verified, then all written, before one is in its place: no file that is wrong, and no
 * disk that is full, leaves a part of them installed. */
static void install(const struct tool *tool, const struct options *o)
{
    struct output list;
    size_t n = 0;
    while (o->files[n] != NULL)
        n++;
    struct copy *copies = calloc(n, sizeof *copies);
    if (copies == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    output_open(tool, &list, NULL, false);
    for (size_t i = 0; i < n; i++)
        copies[i].made = open_made(tool, o->files[i]);
    for (size_t i = 0; i < n; i++)
        write_copy(tool, &copies[i], o->files[i]);
    for (size_t i = 0; i < n; i++) {
        output_close(&copies[i].out);
        if (!tool->quiet) {
            output_name(&list, copies[i].path, 0);
            output_print(&list, "\n");
        }
    }
    output_close(&list);
    free(copies);
}

/* --- Training ------------------------------------------------------------------------ */

/* The model of -D, or the one found for the encoding. It is the one to adapt, or to compare a new
 * one with, which works without. */
static const struct lp_model *base_model(const struct tool *tool, const struct options *o,
                                         struct finder *finder, const struct lp_vocab *vocab)
{
    struct lp_found found = {0};
    if (o->model != NULL) {
        found = finder_open(finder, o->model);
        if (found.model == NULL)
            tool_die(tool, EXIT_DATA, "%s: not a model", o->model);
        if (lp_model_vocab_fingerprint(found.model) != lp_vocab_fingerprint(vocab))
            tool_die(tool, EXIT_DATA, "%s: is a model of %s, not of %s: use -e %s", o->model,
                     lp_model_vocab(found.model), lp_vocab_name(vocab),
                     lp_model_vocab(found.model));
    } else {
        struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
        bool required = !o->zstd && !o->new_model;
        if (!required)
            finder_has(finder, &need, &found);
        else if (tool_find(finder, &need, &found) != LP_OK)
            tool_die(tool, EXIT_DATA,
                     "no model of %s found: name one with -D, or make one with --new from some "
                     "megabytes of text",
                     need.name);
    }
    if (found.model != NULL && lp_model_verify(found.model) != LP_OK)
        tool_die(tool, EXIT_DATA,
                 "the model of %s with fingerprint %016" PRIx64 " is damaged: install it again",
                 lp_model_vocab(found.model), lp_model_fingerprint(found.model));
    return found.model;
}

/* A dictionary of all records. Exits where there is none. */
static struct lp_buf whole_dict(const struct training *t)
{
    const struct tool *tool = t->records->tool;
    struct lp_trained_dict dict = make_dict(t, &t->records->docs);
    if (dict.error != NULL)
        tool_die(tool, EXIT_DATA, "zstd cannot make a dictionary of these records: %s", dict.error);
    if (dict.file.n == 0)
        tool_die(tool, EXIT_DATA,
                 "too little for a dictionary: %zu record%s, %zu byte%s as tokens: at least %d "
                 "records and %d bytes are needed",
                 dict.nsamples, plural(dict.nsamples), dict.nbytes, plural(dict.nbytes),
                 LP_DICT_SAMPLES_MIN, LP_DICT_BYTES_MIN);
    return dict.file;
}

/* Makes a model or dictionary of all records, unless a trial shows that it gains nothing. */
static struct lp_buf make(const struct training *t)
{
    const struct records *r = t->records;
    struct lp_buf made = {0};
    if (t->zstd) /* before the trial: it takes little time, and may find too few records */
        made = whole_dict(t);
    if ((!t->new_model || t->base != NULL) && !(r->tool->quiet && r->tool->force)) {
        struct trial trial = try_out(t);
        progress_end(r->progress);
        if (!r->tool->quiet)
            report_trial(t, &trial);
        insist_on_gain(t, &trial);
    }
    if (!t->zstd)
        make_model(t, &r->docs, &made);
    progress_end(r->progress);
    return made;
}

/* Trains on the records of all files, and writes the model or dictionary. */
static void train(struct tool *tool, const struct options *o)
{
    struct progress progress;
    struct output out;
    struct finder finder = {.tool = tool};
    const struct lp_vocab *vocab = finder_vocab(&finder, o->encoding);
    tool->vocab = lp_vocab_name(vocab);
    tool_check(tool, "tokens", lp_vocab_verify(vocab));
    struct records r = {.tool = tool,
                        .vocab = vocab,
                        .finder = &finder,
                        .progress = &progress,
                        .limit = o->new_model ? NEW_TEXT_MAX : TEXT_MAX};
    const struct lp_model *base = base_model(tool, o, &finder, vocab);
    struct lp_trainer trainer = {.vocab = vocab,
                                 .sizes = lp_train_sizes_of(o->size > 0 ? o->size : MODEL_SIZE),
                                 .base = o->new_model ? NULL : base,
                                 .say = progress_say,
                                 .say_ctx = &progress};
    struct training t = {.records = &r,
                         .trainer = &trainer,
                         .base = base,
                         .zstd = o->zstd,
                         .new_model = o->new_model,
                         .dict_size = o->zstd && o->size > 0 ? o->size : DICT_SIZE};
    float *weights = o->new_model ? take_weights(tool, o->files) : NULL;
    output_open(tool, &out, tool->output, true);
    input_spool(tool);
    finder_confine(&finder, &out);
    progress_start(&progress, tool, "reading", 0);
    records_read(&r, o->files, weights, o->split);
    free(weights);
    if (o->new_model && r.text.n < NEW_TEXT_MIN && !tool->force)
        tool_die(tool, EXIT_DATA,
                 "%zu byte%s of text: too little for --new, which needs %d MiB: use -f to make the "
                 "model anyway",
                 r.text.n, plural(r.text.n), NEW_TEXT_MIN >> 20);
    progress_start(&progress, tool, "training", 0);
    struct lp_buf made = make(&t);
    output_sink(&out, made.p, made.n);
    output_close(&out);
    lp_buf_free(&made);
    records_free(&r);
    finder_close(&finder);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lptrain", .help = help, .adapts = true};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    if (o.install)
        install(&tool, &o);
    else
        train(&tool, &o);
    return EXIT_OK;
}
