/* lptok - turns text into a token stream, a blob, ids or counts. */
#include "shared/form.h"
#include "shared/split.h"

#include <inttypes.h>
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
    "  -c, --count           print the number of tokens, as wc does\n"
    "      --u16             write ids as 16-bit little-endian integers\n"
    "      --u32             write ids as 32-bit little-endian integers\n"
    "      --format=lopace   write the token payload of the Python package LoPace\n"
    "      --list            list the encodings\n"
    "  -f, --force           read from or write to a terminal anyway\n"
    "  -q, --quiet           print no warnings\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum mode { STREAM, BLOB, IDS, COUNT, U16, U32, LOPACE };

enum {
    OPT_FLUSH = 256,
    OPT_SPECIAL,
    OPT_BLOB,
    OPT_NO_CHECK,
    OPT_NO_VERIFY,
    OPT_IDS,
    OPT_U16,
    OPT_U32,
    OPT_FORMAT,
    OPT_LIST
};

static const struct option long_options[] = {
    {"encoding", required_argument, NULL, 'e'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"block-size", required_argument, NULL, 'B'},
    {"flush", no_argument, NULL, OPT_FLUSH},
    {"special", no_argument, NULL, OPT_SPECIAL},
    {"blob", no_argument, NULL, OPT_BLOB},
    {"no-check", no_argument, NULL, OPT_NO_CHECK},
    {"no-verify", no_argument, NULL, OPT_NO_VERIFY},
    {"ids", no_argument, NULL, OPT_IDS},
    {"count", no_argument, NULL, 'c'},
    {"u16", no_argument, NULL, OPT_U16},
    {"u32", no_argument, NULL, OPT_U32},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"list", no_argument, NULL, OPT_LIST},
    TOOL_TEXT_OPTION,
    TOOL_LONG_OPTIONS,
};

struct options {
    const char *encoding;
    enum mode mode;
    struct lp_options lp;
    bool force, list;
    char **files;
};

static void set_mode(const struct tool *tool, struct options *o, enum mode mode)
{
    if (o->mode != STREAM && o->mode != mode)
        tool_usage(tool, "only one of --blob, --ids, -c, --u16, --u32 and --format can be given");
    o->mode = mode;
}

/* Exits on options that contradict each other. */
static void refuse_conflicts(const struct tool *tool, const struct options *o)
{
    bool one_record = o->mode == BLOB || o->mode == LOPACE;
    if (one_record && (o->lp.split != LP_WHOLE || (o->files[0] != NULL && o->files[1] != NULL)))
        tool_usage(tool, "%s takes one record: give one FILE, without -0 or -L",
                   o->mode == BLOB ? "--blob" : "--format=lopace");
    if (o->lp.unchecked && o->mode != BLOB)
        tool_usage(tool, "--no-check needs --blob");
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.encoding = "cl100k_base", .lp = {.chain = LP_CHAIN_TOKENS}};
    int c;
    while ((c = tool_option(tool, argc, argv, "e:0LB:c" TOOL_LETTERS, long_options)) != -1) {
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
        case 'B':
            o.lp.block_size = (size_t)tool_size(tool, "-B", optarg, LP_BLOCK_MIN, LP_BLOCK_MAX);
            break;
        case OPT_FLUSH:
            o.lp.flush = true;
            break;
        case OPT_SPECIAL:
            o.lp.special = true;
            break;
        case OPT_BLOB:
            set_mode(tool, &o, BLOB);
            break;
        case OPT_NO_CHECK:
            o.lp.unchecked = true;
            break;
        case OPT_NO_VERIFY:
            o.lp.unverified = true;
            break;
        case OPT_IDS:
            set_mode(tool, &o, IDS);
            break;
        case 'c':
            set_mode(tool, &o, COUNT);
            break;
        case OPT_U16:
            set_mode(tool, &o, U16);
            break;
        case OPT_U32:
            set_mode(tool, &o, U32);
            break;
        case OPT_FORMAT:
            if (strcmp(optarg, "lopace") != 0)
                tool_usage(tool, "--format: unknown format '%s': use lopace", optarg);
            set_mode(tool, &o, LOPACE);
            break;
        case OPT_LIST:
            o.list = true;
            break;
        }
    }
    o.files = argv + optind;
    refuse_conflicts(tool, &o);
    return o;
}

/* Exits when an input is not text. */
static void insist_on_text(const struct tool *tool, struct input *in)
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

/* Opens the i-th input, which must be text. False after the last. */
static bool next_input(const struct tool *tool, const struct options *o, size_t i, struct input *in)
{
    if (!input_next(tool, in, o->files, i))
        return false;
    insist_on_text(tool, in);
    return true;
}

static void write_stream(const struct tool *tool, const struct options *o, struct output *out)
{
    struct input in;
    struct lp_writer *writer;
    tool_check(tool, out->name, lp_writer_new(&o->lp, output_sink, out, &writer));
    for (size_t i = 0; next_input(tool, o, i, &in); i++) {
        for (size_t n; (n = input_read(tool, &in)) > 0;) {
            tool_check(tool, in.name, lp_writer_push(writer, in.data, n));
            if (o->lp.flush)
                output_flush(out);
        }
        tool_check(tool, in.name, lp_writer_end_record(writer));
        input_close(&in);
    }
    tool_check(tool, out->name, lp_writer_finish(writer));
    lp_writer_free(writer);
}

static void write_blob(const struct tool *tool, const struct options *o, struct output *out)
{
    struct input in;
    struct lp_codec *codec;
    unsigned char *text;
    const void *blob;
    size_t size;
    tool_check(tool, out->name, lp_codec_new(&o->lp, &codec));
    next_input(tool, o, 0, &in);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    tool_check(tool, in.name, lp_pack(codec, text, n, &blob, &size));
    output_sink(out, blob, size);
    input_close(&in);
    free(text);
    lp_codec_free(codec);
}

/* --- Ids and counts ---------------------------------------------------------- */

enum { TOGETHER = 512, ID_SIZE = 12 }; /* ids of a write; bytes of an id in decimal, at most */

struct ids_writer {
    const struct tool *tool;
    enum mode mode;
    const char *name; /* of the input */
    struct lp_tok *tok;
    struct lp_ids ids;
    struct output *out;
    bool line_begun;
    uint64_t count;
    char digits[4 * 1000 + 4]; /* see make_digits(); four bytes can be read at the last digit */
};

/* Fills a table with the three digits of each number below 1000, four bytes apart. Copying
 * four bytes from it takes no branch on the number of digits, which is unpredictable. */
static void make_digits(char *digits)
{
    for (unsigned i = 0; i < 1000; i++) {
        digits[4 * i] = (char)('0' + i / 100);
        digits[4 * i + 1] = (char)('0' + i / 10 % 10);
        digits[4 * i + 2] = (char)('0' + i % 10);
    }
}

/* Writes value in decimal, and one byte more. Returns the end of the number. */
static char *put_number(const char *digits, char *p, uint32_t value)
{
    size_t skip = 0;
    if (value > 999)
        p = put_number(digits, p, value / 1000);
    else
        skip = (size_t)(value < 100) + (value < 10);
    memcpy(p, digits + 4 * (value % 1000) + skip, 4);
    return p + 3 - skip;
}

static void put_decimal(struct ids_writer *w)
{
    char text[TOGETHER * ID_SIZE], *p = text;
    for (size_t i = 0; i < w->ids.n; i++) {
        if (w->line_begun)
            *p++ = ' ';
        p = put_number(w->digits, p, w->ids.v[i]);
        w->line_begun = true;
        if (sizeof text - (size_t)(p - text) < ID_SIZE) {
            output_sink(w->out, text, (size_t)(p - text));
            p = text;
        }
    }
    output_sink(w->out, text, (size_t)(p - text));
}

static void put_binary(struct ids_writer *w, size_t width)
{
    unsigned char bytes[4 * TOGETHER], *p = bytes;
    for (size_t i = 0; i < w->ids.n; i++) {
        uint32_t id = w->ids.v[i];
        if (width == 2 && id > UINT16_MAX)
            tool_die(w->tool, EXIT_DATA, "token %" PRIu32 " needs more than 16 bits: use --u32",
                     id);
        for (size_t k = 0; k < width; k++)
            *p++ = (unsigned char)(id >> 8 * k);
        if (p == bytes + width * TOGETHER) {
            output_sink(w->out, bytes, (size_t)(p - bytes));
            p = bytes;
        }
    }
    output_sink(w->out, bytes, (size_t)(p - bytes));
}

/* A split_take: writes the ids of a record. */
static bool put_text(void *ctx, const unsigned char *text, size_t n, bool end)
{
    struct ids_writer *w = ctx;
    tool_check(w->tool, w->name, lp_tok_push(w->tok, text, n, end, &w->ids));
    w->count += w->ids.n;
    if (w->mode == IDS)
        put_decimal(w);
    else if (w->mode == U16 || w->mode == U32)
        put_binary(w, w->mode == U16 ? 2 : 4);
    w->ids.n = 0;
    if (!end)
        return true;
    if (w->mode == IDS)
        output_sink(w->out, "\n", 1);
    w->line_begun = false;
    lp_tok_reset(w->tok);
    return true;
}

/* Splits the input, with its ids counted and written as the mode has it. */
static void take_input(struct ids_writer *w, const struct options *o, struct input *in)
{
    w->count = 0;
    w->name = in->name;
    split_input(w->tool, in, o->lp.split, put_text, w);
    input_close(in);
}

static void write_ids(struct ids_writer *w, const struct options *o)
{
    struct input in;
    make_digits(w->digits);
    for (size_t i = 0; next_input(w->tool, o, i, &in); i++)
        take_input(w, o, &in);
}

static void put_count(struct output *out, uint64_t count, const char *name)
{
    output_print(out, "%7" PRIu64 "%s", count, name != NULL ? " " : "");
    output_name(out, name != NULL ? name : "", 0);
    output_print(out, "\n");
}

/* As wc(1), goes on where a file cannot be opened, and fails at the end. */
static void write_counts(struct ids_writer *w, const struct options *o)
{
    struct input in;
    uint64_t total = 0;
    bool failed = false;
    size_t i = 0;
    do {
        if (!input_try(w->tool, &in, o->files[i])) {
            failed = true;
            continue;
        }
        insist_on_text(w->tool, &in);
        take_input(w, o, &in);
        put_count(w->out, w->count, o->files[i] != NULL ? in.name : NULL);
        total += w->count;
    } while (o->files[i] != NULL && o->files[++i] != NULL);
    if (i > 1)
        put_count(w->out, total, "total");
    if (failed)
        exit(EXIT_IO);
}

static void write_tokens(const struct tool *tool, const struct options *o, struct output *out)
{
    struct ids_writer w = {.tool = tool, .mode = o->mode, .out = out};
    tool_check(tool, out->name, lp_tok_new(o->lp.vocab, o->lp.special, &w.tok));
    if (o->mode == COUNT)
        write_counts(&w, o);
    else
        write_ids(&w, o);
    free(w.ids.v);
    lp_tok_free(w.tok);
}

/* --- LoPace's token payload ---------------------------------------------------- */

static void write_lopace(const struct tool *tool, const struct options *o, struct output *out)
{
    struct input in;
    struct lp_codec *codec;
    unsigned char *text;
    const void *payload;
    size_t size;
    tool_check(tool, out->name, lp_codec_new(&o->lp, &codec));
    next_input(tool, o, 0, &in);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    tool_check(tool, in.name, lp_lopace_pack(codec, LP_LOPACE_TOKEN, text, n, &payload, &size));
    output_sink(out, payload, size);
    input_close(&in);
    free(text);
    lp_codec_free(codec);
}

static void list_encodings(const struct tool *tool, struct finder *finder)
{
    const char *name;
    struct output out;
    char line[128];
    output_open(tool, &out, NULL, false);
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++) {
        const struct lp_vocab *vocab = finder_vocab(finder, name);
        output_sink(&out, line,
                    (size_t)snprintf(line, sizeof line, "%-14s %6" PRIu32 " ids  %016" PRIx64 "\n",
                                     name, lp_vocab_size(vocab), lp_vocab_fingerprint(vocab)));
    }
    output_close(&out);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lptok", .help = help};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    tool.keeps_time = o.mode == STREAM || o.mode == BLOB || o.mode == LOPACE;
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
    struct output out;
    output_open(&tool, &out, tool.output, o.mode != IDS && o.mode != COUNT);
    finder_confine(&finder, &out);
    if (o.mode == STREAM)
        write_stream(&tool, &o, &out);
    else if (o.mode == BLOB)
        write_blob(&tool, &o, &out);
    else if (o.mode == LOPACE)
        write_lopace(&tool, &o, &out);
    else
        write_tokens(&tool, &o, &out);
    output_close(&out);
    finder_close(&finder);
    return EXIT_OK;
}
