/* lpentropy - prints the Shannon entropy of text by byte, character and token. */
#include "shared/entropy.h"
#include "shared/form.h"
#include "shared/json.h"
#include "shared/progress.h"
#include "shared/split.h"
#include "shared/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: lpentropy [OPTION...] [FILE...]\n"
    "Print the entropy of text, in bits per byte, character and token, and the fewest\n"
    "bytes that it allows. For a token stream, print that of its tokens.\n"
    "\n"
    "  -u, --unit LIST       count these units, with commas (byte,character,token)\n"
    "  -n, --order N         use up to N symbols of context, 0 to 3 (3)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "  -0, --null            split records at NULs (default: one record per FILE)\n"
    "  -L, --lines           split records at line feeds\n"
    "      --json            print JSON\n"
    "      --text            take the input as text, even if it looks packed\n"
    "  -D, --dictionary FILE use the dictionary or model of a stream\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum unit { BYTE, CHARACTER, TOKEN, UNITS };
static const char *const unit_names[UNITS] = {"byte", "character", "token"};

enum { OPT_JSON = 256 };

static const struct option long_options[] = {
    {"unit", required_argument, NULL, 'u'},
    {"order", required_argument, NULL, 'n'},
    {"encoding", required_argument, NULL, 'e'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"json", no_argument, NULL, OPT_JSON},
    {"dictionary", required_argument, NULL, 'D'},
    TOOL_TEXT_OPTION,
    TOOL_LONG_OPTIONS,
};

struct options {
    const char *encoding, *dictionary;
    bool units[UNITS], units_given, json;
    unsigned order;
    enum lp_split split;
    char **files;
};

static void parse_units(const struct tool *tool, struct options *o, const char *list)
{
    memset(o->units, 0, sizeof o->units);
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ","), u = 0;
        while (u < UNITS && (strlen(unit_names[u]) != n || memcmp(unit_names[u], at, n) != 0))
            u++;
        if (u == UNITS)
            tool_usage(tool, "-u: '%s' is not a list of byte, character, token", list);
        o->units[u] = true;
        at += n;
        if (*at == 0)
            break;
    }
    o->units_given = true;
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {
        .encoding = "cl100k_base", .units = {true, true, true}, .order = ENTROPY_ORDER_MAX};
    int c;
    while ((c = tool_option(tool, argc, argv, "u:n:e:0LD:" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 'u':
            parse_units(tool, &o, optarg);
            break;
        case 'n':
            o.order = (unsigned)tool_number(tool, "-n", optarg, 0, ENTROPY_ORDER_MAX);
            break;
        case 'e':
            o.encoding = optarg;
            break;
        case '0':
            o.split = LP_NUL;
            break;
        case 'L':
            o.split = LP_LINES;
            break;
        case OPT_JSON:
            o.json = true;
            break;
        case 'D':
            o.dictionary = optarg;
            break;
        }
    }
    o.files = argv + optind;
    return o;
}

/* --- Counting ---------------------------------------------------------------- */

/* Counts over all inputs: all records together form one distribution. */
struct counts {
    const struct tool *tool;
    const struct options *o;
    const char *name; /* of the input */
    struct progress *progress;
    const struct lp_vocab *vocab; /* of the tokens counted so far */
    struct lp_tok *tok;
    struct entropy *entropy[UNITS];
    uint64_t nbytes, nrecords, invalid;
    struct lp_ids symbols;
    unsigned char cut[3]; /* the first bytes of a character that the last piece cut */
    size_t ncut;
};

static void check(const struct counts *c, enum lp_status status)
{
    tool_check(c->tool, c->name, status);
}

static void count(struct counts *c, enum unit unit)
{
    check(c, entropy_push(c->entropy[unit], c->symbols.v, c->symbols.n));
    c->symbols.n = 0;
}

static void count_bytes(struct counts *c, const unsigned char *text, size_t n)
{
    uint32_t bytes[4096];
    while (n > 0) {
        size_t piece = n < 4096 ? n : 4096;
        for (size_t i = 0; i < piece; i++)
            bytes[i] = text[i];
        check(c, entropy_push(c->entropy[BYTE], bytes, piece));
        text += piece;
        n -= piece;
    }
}

static void count_characters(struct counts *c, const unsigned char *text, size_t n, bool final)
{
    size_t used;
    while (c->ncut > 0) { /* complete the character that was cut, byte by byte */
        unsigned char joined[4];
        memcpy(joined, c->cut, c->ncut);
        if (n > 0)
            joined[c->ncut] = *text;
        size_t have = c->ncut + (n > 0);
        check(c, characters(joined, have, final && n <= 1, &c->symbols, &used));
        text += n > 0;
        n -= n > 0;
        c->ncut = have - used;
        memcpy(c->cut, joined + used, c->ncut);
        if (n == 0)
            break;
    }
    check(c, characters(text, n, final, &c->symbols, &used));
    if (n > used) {
        c->ncut = n - used;
        memcpy(c->cut, text + used, c->ncut);
    }
    for (size_t i = 0; i < c->symbols.n; i++)
        c->invalid += c->symbols.v[i] >= INVALID_BYTE;
    count(c, CHARACTER);
}

/* A split_take: counts the symbols of a record. */
static bool put_text(void *ctx, const unsigned char *text, size_t n, bool end)
{
    struct counts *c = ctx;
    progress_add(c->progress, n);
    c->nbytes += n;
    if (c->entropy[BYTE] != NULL)
        count_bytes(c, text, n);
    if (c->entropy[CHARACTER] != NULL)
        count_characters(c, text, n, end);
    if (c->entropy[TOKEN] != NULL) {
        check(c, lp_tok_push(c->tok, text, n, end, &c->symbols));
        count(c, TOKEN);
    }
    if (!end)
        return true;
    c->nrecords++;
    for (unsigned u = 0; u < UNITS; u++) {
        if (c->entropy[u] != NULL)
            entropy_end(c->entropy[u]);
    }
    if (c->tok != NULL)
        lp_tok_reset(c->tok);
    return true;
}

/* An lp_on_ids: counts the ids of a record. The text is not restored: its size is the sum of its
 * tokens' sizes. */
static enum lp_status put_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                              size_t nids, bool end)
{
    struct counts *c = ctx;
    if (c->vocab != NULL && lp_vocab_fingerprint(c->vocab) != lp_vocab_fingerprint(vocab))
        tool_die(c->tool, EXIT_DATA,
                 "%s: has tokens of %s, other inputs have tokens of %s: count them separately",
                 c->name, lp_vocab_name(vocab), lp_vocab_name(c->vocab));
    c->vocab = vocab;
    for (size_t i = 0; i < nids; i++) {
        size_t size;
        if (lp_vocab_token(vocab, ids[i], &size) == NULL)
            return LP_BAD_VOCAB;
        c->nbytes += size;
    }
    check(c, entropy_push(c->entropy[TOKEN], ids, nids));
    if (end) {
        c->nrecords++;
        entropy_end(c->entropy[TOKEN]);
    }
    return LP_OK;
}

static enum lp_status no_text(void *ctx, const void *data, size_t n)
{
    (void)ctx, (void)data, (void)n;
    return LP_OK;
}

static void put_stream(struct counts *c, struct input *in, struct finder *finder)
{
    struct lp_reader *reader;
    struct lp_reader_options options = {
        .find = tool_find, .find_ctx = finder, .on_ids = put_ids, .ids_ctx = c};
    check(c, lp_reader_new(&options, no_text, NULL, &reader));
    enum lp_status status = LP_OK;
    for (size_t n; status == LP_OK && (n = input_read(c->tool, in)) > 0;) {
        progress_add(c->progress, n);
        status = lp_reader_push(reader, in->data, n);
    }
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    if (status == LP_USAGE)
        tool_die(c->tool, EXIT_DATA,
                 "%s: is a stream without tokens: pipe it through lpunpack first", in->name);
    if (status != LP_OK)
        tool_fail(c->tool, in->name, status, lp_reader_offset(reader), lp_reader_need(reader));
    lp_reader_free(reader);
}

/* --- Printing ---------------------------------------------------------------- */

/* With fewer symbols per distinct sequence the estimate is unreliable: its correction exceeds
 * 1 / (2 * 10 * ln 2) = 0.07 bits. */
enum { SPARSE = 10 };

struct row {
    struct entropy_figures f;
    uint64_t count; /* symbols of the text, whatever their context */
    double min_bytes, ratio, corrected_min_bytes, corrected_ratio;
    bool sparse;
};

static struct row row_of(const struct counts *c, enum unit unit, unsigned order)
{
    struct row row;
    struct entropy_figures first;
    check(c, entropy_figures(c->entropy[unit], 0, &first));
    check(c, entropy_figures(c->entropy[unit], order, &row.f));
    row.count = first.nsymbols;
    row.min_bytes = row.f.bits * (double)row.count / 8;
    row.corrected_min_bytes = row.f.corrected * (double)row.count / 8;
    row.ratio = (double)c->nbytes / row.min_bytes;
    row.corrected_ratio = (double)c->nbytes / row.corrected_min_bytes;
    row.sparse = row.f.nsymbols < SPARSE * row.f.ngrams;
    return row;
}

static void print_json(const struct counts *c, struct output *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open_flat(&json, "files", '[');
    for (char **file = c->o->files; *file != NULL; file++)
        json_text(&json, NULL, *file);
    json_close(&json, ']');
    json_count(&json, "records", c->nrecords);
    json_count(&json, "bytes", c->nbytes);
    if (c->entropy[CHARACTER] != NULL)
        json_count(&json, "invalid_bytes", c->invalid);
    if (c->entropy[TOKEN] != NULL)
        json_text(&json, "encoding", c->vocab != NULL ? lp_vocab_name(c->vocab) : NULL);
    json_open(&json, "units", '[');
    for (unsigned u = 0; u < UNITS; u++) {
        if (c->entropy[u] == NULL)
            continue;
        json_open(&json, NULL, '{');
        json_text(&json, "unit", unit_names[u]);
        json_count(&json, "count", row_of(c, u, 0).count);
        json_open(&json, "orders", '[');
        for (unsigned order = 0; order <= c->o->order; order++) {
            struct row row = row_of(c, u, order);
            json_open_flat(&json, NULL, '{');
            json_count(&json, "order", order);
            json_count(&json, "symbols", row.f.nsymbols);
            json_count(&json, "distinct", row.f.ngrams);
            json_count(&json, "contexts", row.f.ncontexts);
            json_number(&json, "bits", row.f.bits);
            json_number(&json, "min_bits", row.f.bits * (double)row.count);
            json_number(&json, "min_bytes", row.min_bytes);
            json_number(&json, "ratio", row.ratio);
            json_number(&json, "corrected_bits", row.f.corrected);
            json_number(&json, "corrected_min_bytes", row.corrected_min_bytes);
            json_number(&json, "corrected_ratio", row.corrected_ratio);
            json_bool(&json, "sparse", row.sparse);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
}

static void print_table(const struct counts *c, struct output *out)
{
    bool sparse = false, token = c->entropy[TOKEN] != NULL && c->vocab != NULL;
    output_print(out, "%" PRIu64 " record%s, %" PRIu64 " byte%s", c->nrecords, plural(c->nrecords),
                 c->nbytes, plural(c->nbytes));
    if (c->invalid > 0)
        output_print(out, ", %" PRIu64 " of invalid UTF-8, each counted as a character",
                     c->invalid);
    output_print(out, "%s%s\n\n", token ? ", tokens of " : "",
                 token ? lp_vocab_name(c->vocab) : "");
    output_print(
        out, "unit       order      symbols   distinct  entropy  corrected     minimum   ratio\n"
             "                                             bits       bits       bytes\n");
    for (unsigned u = 0; u < UNITS; u++) {
        for (unsigned order = 0; c->entropy[u] != NULL && order <= c->o->order; order++) {
            struct row row = row_of(c, u, order);
            char ratio[32] = "-";
            if (row.min_bytes > 0)
                snprintf(ratio, sizeof ratio, "%.2f", row.ratio);
            output_print(out, "%-9s %6u %12" PRIu64 " %10" PRIu64 " %8.4f %9.4f%s %11.0f %7s\n",
                         order == 0 ? unit_names[u] : "", order, row.f.nsymbols, row.f.ngrams,
                         row.f.bits, row.f.corrected, row.sparse ? "*" : " ", row.min_bytes, ratio);
            sparse = sparse || row.sparse;
        }
    }
    output_print(
        out, "\nThe plug-in estimate is biased low; corrected has the Miller-Madow correction.\n");
    if (sparse)
        output_print(out, "* fewer than %d symbols per distinct sequence: both are far too low.\n",
                     SPARSE);
}

/* Sets up counts of text, or of streams, which have only tokens. */
static void start_counts(struct counts *c, struct tool *tool, struct finder *finder, bool streams)
{
    const struct options *o = c->o;
    if (streams && o->units_given && (o->units[BYTE] || o->units[CHARACTER]))
        tool_usage(tool,
                   "-u: a token stream has only tokens to count: pipe it through lpunpack first");
    for (unsigned u = streams ? TOKEN : BYTE; u < UNITS; u++) {
        if (o->units[u])
            check(c, entropy_new(o->order, &c->entropy[u]));
    }
    if (!streams && o->units[TOKEN]) {
        c->vocab = finder_vocab(finder, o->encoding);
        tool->vocab = lp_vocab_name(c->vocab);
        check(c, lp_tok_new(c->vocab, false, &c->tok));
    }
}

/* Whether an input is a stream, else text. Exits on a blob. */
static bool is_stream(const struct tool *tool, struct input *in, struct finder *finder)
{
    enum form form = input_form(tool, in, finder, false, 0);
    if (form == FORM_UNCHECKED)
        form_unsure(tool, in, "--text if it is text");
    if (form == FORM_BLOB)
        tool_die(tool, EXIT_DATA, "%s: is a lopace blob: pipe it through lpunpack first", in->name);
    return form == FORM_STREAM;
}

static void count_inputs(struct counts *c, struct tool *tool, struct finder *finder)
{
    struct input in;
    bool streams = false;
    for (size_t i = 0; input_next(tool, &in, c->o->files, i); i++) {
        c->name = in.name;
        bool stream = is_stream(tool, &in, finder);
        if (i == 0)
            start_counts(c, tool, finder, streams = stream);
        if (stream != streams)
            tool_die(tool, EXIT_DATA, "%s: is %s: cannot mix streams and text in one run", in.name,
                     stream ? "a lopace stream" : "text");
        if (stream)
            put_stream(c, &in, finder);
        else
            split_input(tool, &in, c->o->split, put_text, c);
        input_close(&in);
    }
    progress_end(c->progress);
}

static void free_counts(struct counts *c)
{
    for (unsigned u = 0; u < UNITS; u++)
        entropy_free(c->entropy[u]);
    free(c->symbols.v);
    lp_tok_free(c->tok);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lpentropy", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    struct progress progress;
    struct counts c = {.tool = &tool, .o = &o, .name = "standard output", .progress = &progress};
    struct finder finder = {.tool = &tool};
    struct output out;
    if (o.dictionary != NULL)
        finder_open(&finder, o.dictionary);
    output_open(&tool, &out, tool.output, false);
    finder_confine(&finder, &out);
    progress_start(&progress, &tool, "counting", 0);
    count_inputs(&c, &tool, &finder);
    if (o.json)
        print_json(&c, &out);
    else
        print_table(&c, &out);
    output_close(&out);
    free_counts(&c);
    finder_close(&finder);
    return EXIT_OK;
}
