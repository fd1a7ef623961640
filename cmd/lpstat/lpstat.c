/* lpstat - measures all methods on a text, side by side: size, speed, memory, losslessness. For a
 * stream or blob it says what that holds. */
#include "lpstat/figures.h"
#include "shared/entropy.h"
#include "shared/form.h"
#include "shared/split.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: lpstat [OPTION...] [FILE...]\n"
    "Compare the methods on text: size, speed and memory; every byte is restored and\n"
    "compared. Describe a stream or blob.\n"
    "\n"
    "      --method LIST     measure these, with commas: zstd,token,hybrid,mix;\n"
    "                        with -D also zstd-dict,hybrid-dict (all)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "      --level N         set the zstd level, 1 to 22 (15)\n"
    "  -D, --dictionary FILE use a zstd dictionary, or a model for mix\n"
    "  -0, --null            split records at NULs (default: one record per FILE)\n"
    "  -L, --lines           split records at line feeds\n"
    "      --json            print JSON\n"
    "      --csv             print CSV\n"
    "      --html            print a page with tables and plots\n"
    "      --text            take the input as text, even if it looks packed\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

/* From the simplest to the smallest. */
static const struct method methods[] = {
    {"zstd", LP_CHAIN_TEXT_ZSTD, NULL, "lpzstd", false},
    {"zstd-dict", LP_CHAIN_TEXT_ZSTD, NULL, "lpzstd", true},
    {"token", LP_CHAIN_TOKENS, "lptok", NULL, false},
    {"hybrid", LP_CHAIN_TOKENS_ZSTD, "lptok", "lpzstd", false},
    {"hybrid-dict", LP_CHAIN_TOKENS_ZSTD, "lptok", "lpzstd", true},
    {"mix", LP_CHAIN_TOKENS_MIX, "lptok", "lpmix", false},
};
enum { METHODS = sizeof methods / sizeof *methods, MIX = METHODS - 1 };

enum { OPT_METHOD = 256, OPT_LEVEL, OPT_JSON, OPT_CSV, OPT_HTML };

static const struct option long_options[] = {
    {"method", required_argument, NULL, OPT_METHOD},
    {"encoding", required_argument, NULL, 'e'},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"dictionary", required_argument, NULL, 'D'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"json", no_argument, NULL, OPT_JSON},
    {"csv", no_argument, NULL, OPT_CSV},
    {"html", no_argument, NULL, OPT_HTML},
    TOOL_TEXT_OPTION,
    TOOL_LONG_OPTIONS,
};

enum format { TABLE, JSON, CSV, HTML };

struct options {
    const char *encoding, *dictionary;
    struct lp_found named; /* the dictionary, open */
    bool wanted[METHODS], methods_given;
    int level;
    enum lp_split split;
    enum format format;
    char **files;
};

static void parse_methods(const struct tool *tool, struct options *o, const char *list)
{
    memset(o->wanted, 0, sizeof o->wanted);
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ","), m = 0;
        while (m < METHODS && (strlen(methods[m].name) != n || memcmp(methods[m].name, at, n) != 0))
            m++;
        if (m == METHODS)
            tool_usage(tool,
                       "--method: '%.*s' is not zstd, zstd-dict, token, hybrid, hybrid-dict "
                       "or mix",
                       (int)n, at);
        o->wanted[m] = true;
        at += n;
        if (*at == 0)
            break;
    }
    o->methods_given = true;
}

static void set_format(const struct tool *tool, struct options *o, enum format format)
{
    if (o->format != TABLE && o->format != format)
        tool_usage(tool, "only one of --json, --csv and --html can be given");
    o->format = format;
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.encoding = "cl100k_base", .level = LP_LEVEL_DEFAULT};
    int c;
    memset(o.wanted, true, sizeof o.wanted);
    while ((c = tool_option(tool, argc, argv, "e:D:0L" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case OPT_METHOD:
            parse_methods(tool, &o, optarg);
            break;
        case 'e':
            o.encoding = optarg;
            break;
        case OPT_LEVEL:
            o.level = (int)tool_number(tool, "--level", optarg, 1, 22);
            break;
        case 'D':
            o.dictionary = optarg;
            break;
        case '0':
            o.split = LP_NUL;
            break;
        case 'L':
            o.split = LP_LINES;
            break;
        case OPT_JSON:
            set_format(tool, &o, JSON);
            break;
        case OPT_CSV:
            set_format(tool, &o, CSV);
            break;
        case OPT_HTML:
            set_format(tool, &o, HTML);
            break;
        }
    }
    o.files = argv + optind;
    return o;
}

/* realloc() to n elements of size bytes. Exits without memory. */
static void *more(const struct tool *tool, void *p, size_t n, size_t size)
{
    p = n > SIZE_MAX / size ? NULL : realloc(p, (n > 0 ? n : 1) * size);
    if (p == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    return p;
}

/* --- Inputs ------------------------------------------------------------------ */

static void add_record(struct report *r, size_t *cap, struct text text, const char *file,
                       uint64_t number)
{
    if (r->nrecords == *cap) {
        *cap = *cap * 2 + 16;
        r->texts = more(r->tool, r->texts, *cap, sizeof *r->texts);
        r->records = more(r->tool, r->records, *cap, sizeof *r->records);
    }
    r->texts[r->nrecords] = text;
    r->records[r->nrecords++] = (struct record){.file = file, .number = number};
    r->record_bytes += text.n;
}

/* Adds the records of an input: all of it, or those that end with a separator and the rest. */
static void add_records(struct report *r, size_t *cap, struct text input, const char *file)
{
    int separator = lp_split_separator(r->split);
    uint64_t number = 0;
    if (separator < 0)
        add_record(r, cap, input, file, 1);
    for (size_t at = 0, n; separator >= 0 && at < input.n; at += n + 1) {
        const unsigned char *end = memchr(input.p + at, separator, input.n - at);
        n = end != NULL ? (size_t)(end - (input.p + at)) : input.n - at;
        add_record(r, cap, (struct text){input.p + at, n}, file, ++number);
    }
}

/* Reads all inputs: texts into the report, or streams and blobs into the list. */
static void read_inputs(struct report *r, const struct options *o, struct finder *finder,
                        struct stored_list *stored)
{
    struct input in;
    size_t cap = 0;
    for (size_t i = 0; input_next(r->tool, &in, o->files, i); i++) {
        bool is_stored = input_form(r->tool, &in, finder, true, 0) != FORM_TEXT;
        if (i > 0 && is_stored != (stored->n > 0))
            tool_die(r->tool, EXIT_DATA, "%s: is %s: cannot mix packed files and text in one run",
                     in.name, is_stored ? "a stream or blob" : "text");
        if (is_stored) {
            stored_read(r->tool, &in, finder, 0, stored_add, stored);
        } else {
            unsigned char *data;
            struct text text = {.n = input_all(r->tool, &in, SIZE_MAX / 8, &data)};
            text.p = data;
            r->inputs = more(r->tool, r->inputs, r->ninputs + 1, sizeof *r->inputs);
            r->files = more(r->tool, r->files, r->ninputs + 1, sizeof *r->files);
            r->inputs[r->ninputs] = text;
            r->files[r->ninputs++] = in.name;
            r->input_bytes += text.n;
            add_records(r, &cap, text, in.name);
        }
        input_close(&in);
    }
    r->named = o->files[0] != NULL;
}

/* --- Measuring --------------------------------------------------------------- */

/* The dictionary or model of -D. Without such a model, the one found for the vocabulary, if any. */
static struct lp_found find_tools(const struct report *r, const struct options *o,
                                  struct finder *finder, const struct lp_vocab *vocab)
{
    struct lp_found tools = o->named, found = {0};
    struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
    bool required = o->methods_given && o->wanted[MIX];
    if (tools.model != NULL &&
        lp_model_vocab_fingerprint(tools.model) != lp_vocab_fingerprint(vocab))
        tool_usage(r->tool, "%s: is a model of %s, not of %s: use -e %s", o->dictionary,
                   lp_model_vocab(tools.model), lp_vocab_name(vocab), lp_model_vocab(tools.model));
    if (tools.model == NULL &&
        (required ? tool_find(finder, &need, &found) == LP_OK : finder_has(finder, &need, &found)))
        tools.model = found.model;
    if (tools.model == NULL && required)
        tool_fail(r->tool, "mix", LP_NO_MODEL, 0, &need);
    return tools;
}

/* Sets up the methods to measure. Those that can use the dictionary of -D are measured without
 * and with it. */
static void choose_methods(struct report *r, const struct options *o, struct finder *finder,
                           const struct lp_vocab *vocab)
{
    struct lp_found tools = find_tools(r, o, finder, vocab);
    bool wanted[LP_CHAIN_TOKENS_MIX + 1] = {false};
    r->results = more(r->tool, NULL, METHODS, sizeof *r->results);
    for (size_t m = 0; m < METHODS; m++) {
        const struct method *method = &methods[m];
        bool mix = m == MIX, dictionary = method->dictionary;
        if (dictionary && tools.dict == NULL && o->methods_given && o->wanted[m])
            tool_usage(r->tool, "--method: %s needs a zstd dictionary: name it with -D",
                       method->name);
        if (!dictionary)
            wanted[method->chain] = o->wanted[m];
        if ((!o->wanted[m] && !(dictionary && wanted[method->chain])) ||
            (dictionary && tools.dict == NULL) || (mix && tools.model == NULL))
            continue;
        bool named = dictionary || (mix && o->dictionary != NULL && tools.dict == NULL);
        r->results[r->nresults++] =
            (struct result){.method = method,
                            .dictionary = named ? o->dictionary : NULL,
                            .colour = (int)m,
                            .options = {.chain = method->chain,
                                        .split = o->split,
                                        .vocab = vocab,
                                        .dict = dictionary ? tools.dict : NULL,
                                        .model = mix ? tools.model : NULL,
                                        .level = o->level}};
    }
}

static void measure(struct report *r)
{
    struct progress progress;
    struct store store = {0};
    bool blobs = true;
    for (size_t i = 0; i < r->nrecords; i++)
        blobs = blobs && r->texts[i].n <= LP_BLOCK_MAX;
    progress_start(&progress, r->tool, "measuring",
                   r->nresults * 2 * (r->input_bytes + (blobs ? r->record_bytes : 0)));
    for (size_t i = 0; i < r->nresults; i++) {
        struct result *result = &r->results[i];
        if (blobs)
            measure_blobs(r->tool, &progress, &store, &result->options, r->texts, r->nrecords,
                          &result->blobs);
        measure_stream(r->tool, &progress, &store, &result->options, r->inputs, r->ninputs,
                       &result->stream);
        if (result->blobs.stored < r->results[r->best].blobs.stored)
            r->best = i;
        if (result->stream.stored < r->results[r->best_stream].stream.stored)
            r->best_stream = i;
    }
    if (!blobs)
        r->best = r->best_stream;
    progress_end(&progress);
    free(store.p);
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

/* With fewer records, prefixes show how figures grow with size; bytes of the shortest prefix. */
enum { SCALING_RECORDS = 8, SCALING_MIN = 16 };

/* Measures prefixes of the longest record, each twice as long as the one before. */
static void measure_scaling(struct report *r)
{
    struct scaling *s = &r->scaling;
    struct text longest = {0};
    struct progress progress;
    struct store store = {0};
    uint64_t total = 0;
    for (size_t i = 0; i < r->nrecords; i++)
        longest = r->texts[i].n > longest.n ? r->texts[i] : longest;
    if (r->nrecords >= SCALING_RECORDS || longest.n < 2 * SCALING_MIN || !report_has_blobs(r))
        return;
    for (size_t n = SCALING_MIN;; n *= 2) {
        struct text text = {longest.p, n < longest.n ? n : longest.n};
        while (text.n < longest.n && text.n > 1 && (longest.p[text.n] & 0xC0) == 0x80)
            text.n--; /* cut no character */
        s->texts = more(r->tool, s->texts, s->n + 1, sizeof *s->texts);
        s->texts[s->n++] = text;
        total += text.n;
        if (n >= longest.n)
            break;
    }
    s->blobs = more(r->tool, NULL, r->nresults, sizeof *s->blobs);
    progress_start(&progress, r->tool, "measuring by size", 2 * r->nresults * total);
    for (size_t i = 0; i < r->nresults; i++)
        measure_blobs(r->tool, &progress, &store, &r->results[i].options, s->texts, s->n,
                      &s->blobs[i]);
    progress_end(&progress);
    free(store.p);
}

/* --- Printing ---------------------------------------------------------------- */

static bool want_colour(const struct tool *tool)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return tool->output == NULL && isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == 0) &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static void print_report(const struct report *r, const struct options *o, struct output *out)
{
    if (o->format == JSON)
        report_json(r, out);
    else if (o->format == CSV)
        report_csv(r, out);
    else if (o->format == HTML)
        report_html(r, out);
    else
        report_table(r, out, want_colour(r->tool));
}

/* Exits when a method did not restore every byte. */
static void insist_on_exactness(const struct report *r)
{
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        uint64_t wrong = result->blobs.wrong + result->stream.wrong;
        if (!result_exact(result))
            tool_die(r->tool, EXIT_DATA,
                     "%s: %" PRIu64 " byte%s not restored correctly: do not use it",
                     result->method->name, wrong, plural(wrong));
    }
}

static void free_report(struct report *r)
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

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lpstat", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    struct report report = {
        .tool = &tool, .dictionary = o.dictionary, .level = o.level, .split = o.split};
    struct finder finder = {.tool = &tool};
    struct stored_list stored = {.tool = &tool};
    struct output out;
    if (o.dictionary != NULL)
        o.named = finder_open(&finder, o.dictionary);
    output_open(&tool, &out, tool.output, false);
    input_spool(&tool);
    finder_confine(&finder, &out);
    read_inputs(&report, &o, &finder, &stored);
    if (stored.n > 0) {
        if (o.format == HTML)
            tool_usage(&tool, "--html: %s is not text", stored.v[0].file);
        (o.format == JSON  ? stored_json
         : o.format == CSV ? stored_csv
                           : stored_table)(&stored, &out);
        free(stored.v);
    } else {
        const struct lp_vocab *vocab = finder_vocab(&finder, o.encoding);
        report.encoding = tool.vocab = lp_vocab_name(vocab);
        choose_methods(&report, &o, &finder, vocab);
        measure(&report);
        if (o.format == HTML)
            measure_scaling(&report);
        count_records(&report, vocab);
        print_report(&report, &o, &out);
        insist_on_exactness(&report);
        free_report(&report);
    }
    output_close(&out);
    finder_close(&finder);
    return EXIT_OK;
}
