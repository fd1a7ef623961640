/* lpstat - measures all methods on a text, side by side: size, speed, memory, losslessness. For a
 * stream or blob it says what that holds. */
#include "lpstat/form.h"
#include "measure/report.h"
#include "shared/form.h"
#include "shared/stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: lpstat [OPTION...] [FILE...]\n"
    "Compare the methods on text: size, speed and memory; every byte is restored and\n"
    "compared. Describe a stream or blob.\n"
    "\n"
    "      --method LIST     measure these, with commas: zstd,token,hybrid,mix-fast,mix,\n"
    "                        window,window-hybrid; with -D also zstd-dict,hybrid-dict\n"
    "                        (all)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "      --level N         set the zstd level, 1 to 22 (15)\n"
    "  -D, --dictionary FILE use a zstd dictionary, or a model for mix\n"
    "      --parent FILE     copy from this text in blobs with a window (from the record\n"
    "                        before)\n"
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

enum { OPT_METHOD = 256, OPT_LEVEL, OPT_PARENT, OPT_JSON, OPT_CSV, OPT_HTML };

static const struct option long_options[] = {
    {"method", required_argument, NULL, OPT_METHOD},
    {"encoding", required_argument, NULL, 'e'},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"dictionary", required_argument, NULL, 'D'},
    {"parent", required_argument, NULL, OPT_PARENT},
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
    const char *encoding, *dictionary, *parent;
    struct lp_found named; /* the dictionary, open */
    bool wanted[VARIANTS], methods_given;
    int level;
    enum lp_split split;
    enum format format;
    char **files;
};

static _Noreturn void refuse_method(const struct tool *tool, const char *name, int n)
{
    char names[128] = "";
    for (size_t i = 0; i < VARIANTS; i++) {
        strcat(names, i == 0 ? "" : i + 1 < VARIANTS ? ", " : " or ");
        strcat(names, variants[i].name);
    }
    tool_usage(tool, "--method: '%.*s' is not %s", n, name, names);
}

static void parse_methods(const struct tool *tool, struct options *o, const char *list)
{
    memset(o->wanted, 0, sizeof o->wanted);
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ","), i = variant_named(at, n);
        if (i == VARIANTS)
            refuse_method(tool, at, (int)n);
        o->wanted[i] = true;
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
        case OPT_PARENT:
            o.parent = optarg;
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

/* Reads all inputs: texts into the report, or streams and blobs into the list. */
static void read_inputs(struct report *r, const struct options *o, struct finder *finder,
                        struct stored_list *stored)
{
    struct input in;
    for (size_t i = 0; input_next(r->tool, &in, o->files, i); i++) {
        bool is_stored = input_form(r->tool, &in, finder, true, 0) != FORM_TEXT;
        if (i > 0 && is_stored != (stored->n > 0))
            tool_die(r->tool, EXIT_DATA, "%s: is %s: cannot mix packed files and text in one run",
                     in.name, is_stored ? "a stream or blob" : "text");
        if (is_stored) {
            stored_read(r->tool, &in, finder, 0, stored_add, stored);
        } else {
            unsigned char *text;
            size_t n = input_all(r->tool, &in, SIZE_MAX / 8, &text);
            report_add(r, in.name, text, n);
        }
        input_close(&in);
    }
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
    const struct result *result;
    if (report_exact(r, &result))
        return;
    uint64_t wrong = result->blobs.wrong + result->stream.wrong;
    tool_die(r->tool, EXIT_DATA, "%s: %" PRIu64 " byte%s not restored correctly: do not use it",
             result->variant->name, wrong, plural(wrong));
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lpstat", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    struct report report = {.tool = &tool,
                            .dictionary = o.dictionary,
                            .parent = o.parent,
                            .insists = o.methods_given,
                            .level = o.level,
                            .split = o.split,
                            .operands = o.files};
    struct finder finder = {.tool = &tool};
    struct stored_list stored = {.tool = &tool};
    struct output out;
    if (o.dictionary != NULL)
        o.named = finder_open(&finder, o.dictionary);
    if (o.parent != NULL)
        input_parent(&finder, o.parent);
    memcpy(report.wanted, o.wanted, sizeof report.wanted);
    report.parent_text = (struct text){finder.parent, finder.parent_size};
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
        tool.vocab = lp_vocab_name(vocab);
        report_measure(&report, &finder, vocab, o.named);
        if (o.format == HTML)
            report_measure_scaling(&report);
        print_report(&report, &o, &out);
        insist_on_exactness(&report);
        report_free(&report);
    }
    output_close(&out);
    finder_close(&finder);
    return EXIT_OK;
}
