/* lpentropy - Shannon entropy of text, by bytes, characters and tokens. */
#include "shared/entropy.h"
#include "shared/form.h"
#include "shared/json.h"
#include "shared/progress.h"
#include "shared/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: lpentropy [OPTION...] [FILE...]\n"
    "Print the entropy of text, in bits per byte, character and token, and the\n"
    "fewest bytes that it allows; of a token stream, by its tokens.\n"
    "\n"
    "  -u, --unit LIST       byte, character, token; with commas (all)\n"
    "  -n, --order N         up to N symbols of context, 0 to 3 (3)\n"
    "  -e, --encoding NAME   encoding or model of tokens (cl100k_base)\n"
    "  -0, --null            records end with NUL\n"
    "  -L, --lines           records are lines (default: each FILE is a record)\n"
    "      --json            print JSON\n"
    "      --text            the input is text, even if it looks packed\n"
    "  -D, --dictionary FILE the dictionary or model of a stream\n"
    "  -o, --output FILE     write FILE, whole or not at all\n"
    "  -f, --force           read from a terminal\n"
    "  -q, --quiet           no warnings, no progress\n"
    "  -h, --help            -V, --version\n";

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
    int separator; /* a byte, or -1 */
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
    struct options o = {.encoding = "cl100k_base",
                        .units = {true, true, true},
                        .order = ENTROPY_ORDER_MAX,
                        .separator = -1};
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
            o.separator = 0;
            break;
        case 'L':
            o.separator = '\n';
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

/* What is counted, over all inputs; records share one distribution. */
struct counts {
    const struct tool *tool;
    const struct options *o;
    const char *name; /* of the input at hand */
    const struct lp_vocab *vocab;
    struct lp_tok *tok;
    struct entropy *entropy[UNITS];
    uint64_t nbytes, nrecords, invalid;
    struct lp_ids symbols;
    unsigned char cut[3]; /* a character that the last piece cut off */
    size_t ncut;
};

static void count(struct counts *c, enum unit unit)
{
    tool_check(c->tool, c->name, entropy_push(c->entropy[unit], c->symbols.v, c->symbols.n));
    c->symbols.n = 0;
}

static void count_bytes(struct counts *c, const unsigned char *text, size_t n)
{
    uint32_t bytes[4096];
    while (n > 0) {
        size_t piece = n < 4096 ? n : 4096;
        for (size_t i = 0; i < piece; i++)
            bytes[i] = text[i];
        tool_check(c->tool, c->name, entropy_push(c->entropy[BYTE], bytes, piece));
        text += piece;
        n -= piece;
    }
}

static void count_characters(struct counts *c, const unsigned char *text, size_t n, bool final)
{
    size_t used;
    while (c->ncut > 0) { /* byte by byte to the end of the character that was cut */
        unsigned char joined[4];
        memcpy(joined, c->cut, c->ncut);
        if (n > 0)
            joined[c->ncut] = *text;
        size_t have = c->ncut + (n > 0);
        tool_check(c->tool, c->name, characters(joined, have, final && n <= 1, &c->symbols, &used));
        text += n > 0;
        n -= n > 0;
        c->ncut = have - used;
        memcpy(c->cut, joined + used, c->ncut);
        if (n == 0)
            break;
    }
    tool_check(c->tool, c->name, characters(text, n, final, &c->symbols, &used));
    if (n > used) {
        c->ncut = n - used;
        memcpy(c->cut, text + used, c->ncut);
    }
    for (size_t i = 0; i < c->symbols.n; i++)
        c->invalid += c->symbols.v[i] >= INVALID_BYTE;
    count(c, CHARACTER);
}

/* Takes text of a record; with final set it ends. */
static void put_text(struct counts *c, const unsigned char *text, size_t n, bool final)
{
    c->nbytes += n;
    if (c->entropy[BYTE] != NULL)
        count_bytes(c, text, n);
    if (c->entropy[CHARACTER] != NULL)
        count_characters(c, text, n, final);
    if (c->entropy[TOKEN] != NULL) {
        tool_check(c->tool, c->name, lp_tok_push(c->tok, text, n, final, &c->symbols));
        count(c, TOKEN);
    }
    if (!final)
        return;
    c->nrecords++;
    for (unsigned u = 0; u < UNITS; u++) {
        if (c->entropy[u] != NULL)
            entropy_end(c->entropy[u]);
    }
    if (c->tok != NULL)
        lp_tok_reset(c->tok);
}

static void put_input(struct counts *c, struct input *in, struct progress *progress)
{
    int separator = c->o->separator;
    bool in_record = separator < 0;
    for (size_t n; (n = input_read(c->tool, in)) > 0;) {
        progress_add(progress, n);
        for (unsigned char *at = in->data, *end; n > 0;) {
            end = separator < 0 ? NULL : memchr(at, separator, n);
            size_t size = end != NULL ? (size_t)(end - at) : n;
            put_text(c, at, size, end != NULL);
            in_record = end == NULL;
            size += end != NULL;
            at += size;
            n -= size;
        }
    }
    if (in_record)
        put_text(c, NULL, 0, true);
}

/* Takes ids of a stream's record. The text is never restored: the bytes of its
 * tokens tell its length. */
static enum lp_status put_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                              size_t nids, bool end)
{
    struct counts *c = ctx;
    if (c->vocab != NULL && lp_vocab_fingerprint(c->vocab) != lp_vocab_fingerprint(vocab))
        tool_die(c->tool, EXIT_DATA, "%s: its tokens are of %s, others of %s: look at them apart",
                 c->name, lp_vocab_name(vocab), lp_vocab_name(c->vocab));
    c->vocab = vocab;
    for (size_t i = 0; i < nids; i++) {
        size_t size;
        if (lp_vocab_token(vocab, ids[i], &size) == NULL)
            return LP_BAD_VOCAB;
        c->nbytes += size;
    }
    tool_check(c->tool, c->name, entropy_push(c->entropy[TOKEN], ids, nids));
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

static void put_stream(struct counts *c, struct input *in, struct finder *finder,
                       struct progress *progress)
{
    struct lp_reader *reader;
    struct lp_reader_options options = {
        .find = tool_find, .find_ctx = finder, .on_ids = put_ids, .ids_ctx = c};
    enum lp_status status = lp_reader_new(&options, no_text, NULL, &reader);
    for (size_t n; status == LP_OK && (n = input_read(c->tool, in)) > 0;) {
        progress_add(progress, n);
        status = lp_reader_push(reader, in->data, n);
    }
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    if (status == LP_USAGE)
        tool_die(c->tool, EXIT_DATA, "%s: is a stream without tokens: pipe lpunpack into lpentropy",
                 in->name);
    if (status != LP_OK)
        tool_fail(c->tool, in->name, status, lp_reader_offset(reader), lp_reader_need(reader));
    lp_reader_free(reader);
}

/* --- Printing ---------------------------------------------------------------- */

/* Below so many symbols for each distinct sequence the estimate is worth little:
 * the correction then is more than 1 / (2 * 10 * ln 2) = 0.07 bits. */
enum { SPARSE = 10 };

struct row {
    struct entropy_figures f;
    uint64_t count; /* units of text, with or without context */
    double min_bytes, ratio, corrected_min_bytes, corrected_ratio;
    bool sparse;
};

static struct row row_of(const struct counts *c, enum unit unit, unsigned order)
{
    struct row row;
    struct entropy_figures first;
    tool_check(c->tool, c->name, entropy_figures(c->entropy[unit], 0, &first));
    tool_check(c->tool, c->name, entropy_figures(c->entropy[unit], order, &row.f));
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
        output_print(out, ", %" PRIu64 " not valid UTF-8, counted as a character each", c->invalid);
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
        out, "\nThe plug-in estimate lies too low on a sample; corrected is Miller and Madow's.\n");
    if (sparse)
        output_print(out,
                     "* fewer than %d symbols for each distinct sequence: both lie far too low.\n",
                     SPARSE);
}

/* --- All of it --------------------------------------------------------------- */

static void start_counts(struct counts *c, bool stream)
{
    const struct options *o = c->o;
    if (stream && o->units_given && (o->units[BYTE] || o->units[CHARACTER]))
        tool_usage(c->tool,
                   "-u: of a token stream tokens are counted: pipe lpunpack into lpentropy");
    for (unsigned u = stream ? TOKEN : BYTE; u < UNITS; u++) {
        if (o->units[u])
            tool_check(c->tool, c->name, entropy_new(o->order, &c->entropy[u]));
    }
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lpentropy", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    struct counts c = {.tool = &tool, .o = &o, .name = "standard output"};
    struct finder finder = {.tool = &tool};
    const struct lp_vocab *vocab = NULL;
    struct output out;
    struct input in;
    struct progress progress;
    bool streams = false;
    if (o.dictionary != NULL)
        finder_open(&finder, o.dictionary);
    output_open(&tool, &out, tool.output, false);
    progress_start(&progress, &tool, "counting", 0);
    for (size_t i = 0; input_next(&tool, &in, o.files, i); i++) {
        c.name = in.name;
        enum form form = input_form(&tool, &in, &finder, false);
        bool stream = form == FORM_STREAM;
        if (form == FORM_UNCHECKED)
            form_unsure(&tool, &in, "--text if it is text");
        if (form == FORM_BLOB)
            tool_die(&tool, EXIT_DATA, "%s: is a lopace blob: pipe lpunpack into lpentropy",
                     in.name);
        if (i == 0) {
            streams = stream;
            start_counts(&c, stream);
        }
        if (stream != streams)
            tool_die(&tool, EXIT_DATA, "%s: is %s: count streams and text apart", in.name,
                     stream ? "a lopace stream" : "text");
        if (!stream && c.entropy[TOKEN] != NULL && vocab == NULL) {
            c.vocab = vocab = finder_vocab(&finder, o.encoding);
            tool.vocab = lp_vocab_name(vocab);
            tool_check(&tool, c.name, lp_tok_new(vocab, false, &c.tok));
        }
        if (stream)
            put_stream(&c, &in, &finder, &progress);
        else
            put_input(&c, &in, &progress);
        input_close(&in);
    }
    progress_end(&progress);
    if (o.json)
        print_json(&c, &out);
    else
        print_table(&c, &out);
    output_close(&out);
    for (unsigned u = 0; u < UNITS; u++)
        entropy_free(c.entropy[u]);
    free(c.symbols.v);
    lp_tok_free(c.tok);
    finder_close(&finder);
    return EXIT_OK;
}
