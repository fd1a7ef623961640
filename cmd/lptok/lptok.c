/* lptok - turns text into a token stream, a blob, ids, counts, or parts of it by tokens. */
#include "lptok/lptok.h"
#include "shared/chat.h"
#include "shared/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: lptok [OPTION...] [FILE...]\n"
    "Turn text into a token stream, for lpzstd, lpmix and lpunpack.\n"
    "\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "  -0, --null            split records at NULs (default: one record per FILE)\n"
    "  -L, --lines           split records at line feeds\n"
    "      --text            take the input as text, even if it looks packed\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -B, --block-size N    aim at N bytes of text per block (1M)\n"
    "      --flush           end a block with each record\n"
    "      --special         encode the text of special tokens as special tokens\n"
    "      --blob            pack one record as a blob\n"
    "      --no-check        omit a blob's checksum: saves 4 bytes, hides damage\n"
    "      --no-verify       do not verify the output by restoring it: faster\n"
    "      --ids             print token ids, one line per record\n"
    "      --u16             write ids as 16-bit little-endian integers\n"
    "      --u32             write ids as 32-bit little-endian integers\n"
    "      --decode          turn ids back into text: decimal ones, or those of --u16, --u32\n"
    "      --slice FROM:TO   write the text of these tokens of each record, from 0 on;\n"
    "                        below 0 they count from the end\n"
    "      --chunk N         write each record in chunks of at most N tokens, each ended by\n"
    "                        a NUL, with -L by a line feed\n"
    "      --overlap N       begin each chunk with the last N tokens of the one before\n"
    "      --exact           let slices and chunks cut characters\n"
    "  -c, --count           print the number of tokens, as wc does\n"
    "      --per-record      print it for each record\n"
    "      --chat            take records as messages in JSON: count as the API does\n"
    "      --max N           exit with 4 if more than N tokens are counted\n"
    "      --json            write counts or chunks as a line of JSON each\n"
    "      --csv             write counts as CSV\n"
    "      --format=lopace   write the token payload of the Python package LoPace\n"
    "      --list            list the encodings, and the models that use them\n"
    "  -f, --force           read from or write to a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say at the end how much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum {
    OPT_FLUSH = 256,
    OPT_SPECIAL,
    OPT_BLOB,
    OPT_NO_CHECK,
    OPT_IDS,
    OPT_U16,
    OPT_U32,
    OPT_FORMAT,
    OPT_LIST,
    OPT_DECODE,
    OPT_SLICE,
    OPT_CHUNK,
    OPT_OVERLAP,
    OPT_EXACT,
    OPT_PER_RECORD,
    OPT_CHAT,
    OPT_MAX,
    OPT_JSON,
    OPT_CSV
};

static const struct option long_options[] = {
    {"encoding", required_argument, NULL, 'e'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    TOOL_BLOCK_OPTION,
    {"flush", no_argument, NULL, OPT_FLUSH},
    {"special", no_argument, NULL, OPT_SPECIAL},
    {"blob", no_argument, NULL, OPT_BLOB},
    {"no-check", no_argument, NULL, OPT_NO_CHECK},
    TOOL_NO_VERIFY_OPTION,
    {"ids", no_argument, NULL, OPT_IDS},
    {"count", no_argument, NULL, 'c'},
    {"u16", no_argument, NULL, OPT_U16},
    {"u32", no_argument, NULL, OPT_U32},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"list", no_argument, NULL, OPT_LIST},
    {"decode", no_argument, NULL, OPT_DECODE},
    {"slice", required_argument, NULL, OPT_SLICE},
    {"chunk", required_argument, NULL, OPT_CHUNK},
    {"overlap", required_argument, NULL, OPT_OVERLAP},
    {"exact", no_argument, NULL, OPT_EXACT},
    {"per-record", no_argument, NULL, OPT_PER_RECORD},
    {"chat", no_argument, NULL, OPT_CHAT},
    {"max", required_argument, NULL, OPT_MAX},
    {"json", no_argument, NULL, OPT_JSON},
    {"csv", no_argument, NULL, OPT_CSV},
    TOOL_TEXT_OPTION,
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

/* What the modes are asked for by; the default has no option. */
static const char *const mode_options[] = {
    [BLOB] = "--blob", [LOPACE] = "--format", [IDS] = "--ids",     [U16] = "--u16",
    [U32] = "--u32",   [COUNT] = "-c",        [SLICE] = "--slice", [CHUNKS] = "--chunk",
};

static void set_mode(const struct tool *tool, struct options *o, enum mode mode)
{
    if (o->mode != STREAM && o->mode != mode)
        tool_usage(tool, "%s and %s cannot be given together", mode_options[o->mode],
                   mode_options[mode]);
    o->mode = mode;
}

static void set_style(const struct tool *tool, struct options *o, enum style style)
{
    if (o->style != PLAIN && o->style != style)
        tool_usage(tool, "--json and --csv cannot be given together");
    o->style = style;
}

/* FROM:TO; either may be missing. */
static struct range slice(const struct tool *tool, const char *text)
{
    struct range range = {0, INT64_MAX};
    const char *colon = strchr(text, ':');
    char *end = (char *)text;
    errno = 0;
    if (colon != NULL && colon != text)
        range.from = strtoll(text, &end, 10);
    bool good = colon != NULL && end == colon;
    if (good && colon[1] != 0) {
        range.to = strtoll(colon + 1, &end, 10);
        good = *end == 0;
    }
    if (!good || errno != 0)
        tool_usage(tool, "--slice: '%s' is not FROM:TO, such as 0:4000 or -100:", text);
    return range;
}

/* Exits where an option is given without the one that it belongs to. */
static void insist(const struct tool *tool, bool given, const char *option, bool there,
                   const char *wanted)
{
    if (given && !there)
        tool_usage(tool, "%s needs %s", option, wanted);
}

/* Exits on options that contradict each other. */
static void refuse_conflicts(const struct tool *tool, const struct options *o)
{
    bool one_record = o->mode == BLOB || o->mode == LOPACE, count = o->mode == COUNT;
    if (one_record && (o->lp.split != LP_WHOLE || (o->files[0] != NULL && o->files[1] != NULL)))
        tool_usage(tool, "%s takes one record: give one FILE, without -0 or -L",
                   o->mode == BLOB ? "--blob" : "--format=lopace");
    if (o->decode && o->mode != IDS && o->mode != U16 && o->mode != U32)
        tool_usage(tool, "--decode and %s cannot be given together", mode_options[o->mode]);
    insist(tool, o->lp.unchecked, "--no-check", o->mode == BLOB, "--blob");
    insist(tool, o->overlap > 0, "--overlap", o->mode == CHUNKS, "--chunk");
    insist(tool, o->exact, "--exact", o->mode == CHUNKS || o->mode == SLICE, "--slice or --chunk");
    insist(tool, o->per_record, "--per-record", count, "-c");
    insist(tool, o->max != UINT64_MAX, "--max", count, "-c");
    insist(tool, o->style == CSV, "--csv", count, "-c");
    insist(tool, o->style == JSON, "--json", count || o->mode == CHUNKS, "-c or --chunk");
    if (o->mode == CHUNKS && o->overlap >= o->chunk)
        tool_usage(tool, "--overlap must be less than --chunk");
}

/* An option that says what comes out. False for others. */
static bool mode_option(const struct tool *tool, struct options *o, int c)
{
    switch (c) {
    case OPT_BLOB:
        set_mode(tool, o, BLOB);
        return true;
    case OPT_IDS:
        set_mode(tool, o, IDS);
        return true;
    case 'c':
        set_mode(tool, o, COUNT);
        return true;
    case OPT_U16:
        set_mode(tool, o, U16);
        return true;
    case OPT_U32:
        set_mode(tool, o, U32);
        return true;
    case OPT_FORMAT:
        if (strcmp(optarg, "lopace") != 0)
            tool_usage(tool, "--format: unknown format '%s': use lopace", optarg);
        set_mode(tool, o, LOPACE);
        return true;
    case OPT_SLICE:
        o->slice = slice(tool, optarg);
        set_mode(tool, o, SLICE);
        return true;
    case OPT_CHUNK:
        o->chunk = (size_t)tool_number(tool, "--chunk", optarg, 1, INT32_MAX);
        set_mode(tool, o, CHUNKS);
        return true;
    default:
        return false;
    }
}

/* An option of some of the modes. */
static void further_option(const struct tool *tool, struct options *o, int c)
{
    switch (c) {
    case OPT_DECODE:
        o->decode = true;
        break;
    case OPT_OVERLAP:
        o->overlap = (size_t)tool_number(tool, "--overlap", optarg, 0, INT32_MAX);
        break;
    case OPT_EXACT:
        o->exact = true;
        break;
    case OPT_PER_RECORD:
        o->per_record = true;
        break;
    case OPT_CHAT:
        o->chat = true;
        break;
    case OPT_MAX:
        o->max = (uint64_t)tool_number(tool, "--max", optarg, 0, LONG_MAX);
        break;
    case OPT_JSON:
        set_style(tool, o, JSON);
        break;
    case OPT_CSV:
        set_style(tool, o, CSV);
        break;
    }
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {
        .encoding = "cl100k_base", .max = UINT64_MAX, .lp = {.chain = LP_CHAIN_TOKENS}};
    int c;
    while ((c = tool_option(tool, argc, argv, "e:0LB:cv" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 'e':
            o.encoding = optarg;
            break;
        case '0':
            o.lp.split = LP_NUL;
            break;
        case 'L':
            o.lp.split = LP_LINES;
            break;
        case OPT_FLUSH:
            o.lp.flush = true;
            break;
        case OPT_SPECIAL:
            o.lp.special = true;
            break;
        case OPT_NO_CHECK:
            o.lp.unchecked = true;
            break;
        case OPT_LIST:
            o.list = true;
            break;
        default:
            if (!tool_packing_option(tool, c, &o.lp) && !mode_option(tool, &o, c))
                further_option(tool, &o, c);
        }
    }
    o.files = argv + optind;
    if (o.decode && o.mode == STREAM)
        o.mode = IDS;
    if (o.chat && o.mode == STREAM)
        o.mode = COUNT;
    insist(tool, o.chat, "--chat", o.mode == COUNT, "-c");
    refuse_conflicts(tool, &o);
    return o;
}

void insist_on_text(const struct tool *tool, struct input *in)
{
    struct finder finder = {.tool = tool};
    enum form form = input_form(tool, in, &finder, false, 0);
    finder_close(&finder);
    if (form == FORM_UNCHECKED)
        form_unsure(tool, in, "--text if it is text");
    if (form != FORM_TEXT)
        tool_die(
            tool, EXIT_DATA,
            "%s: is already a lopace %s: restore it with lpunpack, or use --text if it is text",
            in->name, form == FORM_BLOB ? "blob" : "stream");
}

bool next_text(const struct tool *tool, const struct options *o, size_t i, struct input *in)
{
    if (!input_next(tool, in, o->files, i))
        return false;
    insist_on_text(tool, in);
    return true;
}

static void list_encodings(const struct tool *tool, struct finder *finder)
{
    const char *name, *model;
    struct output out;
    output_open(tool, &out, NULL, false);
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++) {
        const struct lp_vocab *vocab = finder_vocab(finder, name);
        output_print(&out, "%-14s %6" PRIu32 " ids  %016" PRIx64, name, lp_vocab_size(vocab),
                     lp_vocab_fingerprint(vocab));
        for (size_t k = 0; (model = lp_encoding_model(name, k)) != NULL; k++)
            output_print(&out, "%s%s", k == 0 ? "  " : " ", model);
        output_print(&out, "\n");
    }
    output_close(&out);
}

/* Writes what was asked for. Returns the exit code. */
static int write_output(const struct tool *tool, const struct options *o, struct output *out)
{
    if (o->mode == COUNT)
        return write_counts(tool, o, out);
    if (o->decode)
        write_decoded(tool, o, out);
    else if (o->mode == STREAM)
        write_stream(tool, o, out);
    else if (o->mode == BLOB || o->mode == LOPACE)
        write_record(tool, o, out);
    else if (o->mode == SLICE)
        write_slices(tool, o, out);
    else if (o->mode == CHUNKS)
        write_chunks(tool, o, out);
    else
        write_ids(tool, o, out);
    return EXIT_OK;
}

/* Whether the output is no text. */
static bool is_binary(const struct options *o)
{
    bool ids = o->mode == U16 || o->mode == U32;
    return o->mode == STREAM || o->mode == BLOB || o->mode == LOPACE || (ids && !o->decode);
}

int main(int argc, char **argv)
{
    struct progress progress = {.flow = FLOW_PACKS};
    struct tool tool = {.name = "lptok", .help = help, .progress = &progress};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    tool.keeps_time = o.mode == STREAM || o.mode == BLOB || o.mode == LOPACE;
    if (!tool.keeps_time)
        progress.flow = FLOW_OTHER;
    struct finder finder = {.tool = &tool};
    if (o.list) {
        tool.files = NULL; /* nothing is read */
        list_encodings(&tool, &finder);
        finder_close(&finder);
        return EXIT_OK;
    }
    const struct lp_vocab *vocab = finder_vocab(&finder, o.encoding);
    o.lp.vocab = vocab;
    tool.vocab = lp_vocab_name(vocab);
    if (o.chat && !chat_knows(tool.vocab))
        tool_usage(&tool, "--chat: no rule is known for models of %s", tool.vocab);
    struct output out;
    output_open(&tool, &out, tool.output, is_binary(&o));
    finder_confine(&finder, &out);
    int code = write_output(&tool, &o, &out);
    output_close(&out);
    finder_close(&finder);
    return code;
}
