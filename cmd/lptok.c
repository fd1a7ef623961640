/* lptok - text to a token stream; or to ids, counts, a blob. */
#include "shared/form.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: lptok [OPTION...] [FILE...]\n"
    "Turn text into a stream of tokens, for lpzstd and lpunpack.\n"
    "\n"
    "  -e, --encoding NAME   encoding or model (cl100k_base)\n"
    "  -0, --null            records end with NUL\n"
    "  -L, --lines           records are lines (default: each FILE is a record)\n"
    "      --text            the input is text, even if it looks packed\n"
    "  -o, --output FILE     write FILE, whole or not at all\n"
    "  -B, --block-size N    text bytes of a block (1M)\n"
    "      --flush           end a block at each record\n"
    "      --special         special-token text becomes special tokens\n"
    "      --blob            one record in, one blob out\n"
    "      --no-check        a blob without its check: 4 bytes less, damage unseen\n"
    "      --no-verify       do not restore and compare what is written: faster\n"
    "      --ids             print ids, a line for each record\n"
    "  -c, --count           print how many tokens, as wc does\n"
    "      --u16, --u32      write ids as little-endian integers\n"
    "      --format=lopace   write LoPace's token payload\n"
    "      --list            list the encodings\n"
    "  -f, --force           read from or write to a terminal\n"
    "  -q, --quiet           no warnings\n"
    "  -h, --help            -V, --version\n";

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
    char **files; /* NULL-terminated; standard input when empty */
};

static void set_mode(const struct tool *tool, struct options *o, enum mode mode)
{
    if (o->mode != STREAM && o->mode != mode)
        tool_usage(tool, "only one of --blob, --ids, -c, --u16, --u32 and --format can be given");
    o->mode = mode;
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
                tool_usage(tool, "--format: '%s' is not known: lopace is", optarg);
            set_mode(tool, &o, LOPACE);
            break;
        case OPT_LIST:
            o.list = true;
            break;
        }
    }
    o.files = argv + optind;
    bool one_record = o.mode == BLOB || o.mode == LOPACE;
    if (one_record && (o.lp.split != LP_WHOLE || (o.files[0] != NULL && o.files[1] != NULL)))
        tool_usage(tool, "%s takes one record: one FILE, without -0 and -L",
                   o.mode == BLOB ? "--blob" : "--format=lopace");
    if (o.lp.unchecked && o.mode != BLOB)
        tool_usage(tool, "--no-check goes with --blob");
    return o;
}

/* Opens the i-th input: a text. */
static bool next_input(const struct tool *tool, const struct options *o, size_t i, struct input *in)
{
    if (!input_next(tool, in, o->files, i))
        return false;
    struct finder finder = {.tool = tool};
    enum form form = input_form(tool, in, &finder, false);
    finder_close(&finder);
    if (form == FORM_UNCHECKED)
        form_unsure(tool, in, "--text if it is text");
    if (form != FORM_TEXT)
        tool_die(tool, EXIT_DATA,
                 "%s: is a lopace %s already: lpunpack restores it, --text takes it as text",
                 in->name, form == FORM_BLOB ? "blob" : "stream");
    return true;
}

static void write_stream(const struct tool *tool, const struct options *o)
{
    struct output out;
    struct input in;
    struct lp_writer *writer;
    output_open(tool, &out, tool->output, true);
    tool_check(tool, out.name, lp_writer_new(&o->lp, output_sink, &out, &writer));
    for (size_t i = 0; next_input(tool, o, i, &in); i++) {
        for (size_t n; (n = input_read(tool, &in)) > 0;) {
            tool_check(tool, in.name, lp_writer_push(writer, in.data, n));
            if (o->lp.flush)
                output_flush(&out);
        }
        tool_check(tool, in.name, lp_writer_end_record(writer));
        input_close(&in);
    }
    tool_check(tool, out.name, lp_writer_finish(writer));
    lp_writer_free(writer);
    output_close(&out);
}

static void write_blob(const struct tool *tool, const struct options *o)
{
    struct output out;
    struct input in;
    struct lp_codec *codec;
    unsigned char *text;
    const void *blob;
    size_t size;
    output_open(tool, &out, tool->output, true);
    tool_check(tool, out.name, lp_codec_new(&o->lp, &codec));
    next_input(tool, o, 0, &in);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    tool_check(tool, in.name, lp_pack(codec, text, n, &blob, &size));
    output_sink(&out, blob, size);
    input_close(&in);
    free(text);
    lp_codec_free(codec);
    output_close(&out);
}

/* --- Ids, in all their forms ------------------------------------------------- */

struct ids_writer {
    const struct tool *tool;
    enum mode mode;
    int separator;
    struct lp_tok *tok;
    struct lp_ids ids;
    struct output out;
    bool line_begun;
    uint64_t count;
};

enum { TOGETHER = 512, ID_SIZE = 12 }; /* ids given to the output at once; bytes of each at most */

/* Three digits of each number below 1000, four bytes apart; and room to read four from
 * any of them. So no branch depends on how many digits a number has, which is hard to
 * foresee. */
static char digits[4 * 1000 + 4];

static void make_digits(void)
{
    for (unsigned i = 0; i < 1000; i++) {
        digits[4 * i] = (char)('0' + i / 100);
        digits[4 * i + 1] = (char)('0' + i / 10 % 10);
        digits[4 * i + 2] = (char)('0' + i % 10);
    }
}

/* Writes a byte more than it tells of. */
static char *put_number(char *p, uint32_t value)
{
    size_t skip = 0;
    if (value > 999)
        p = put_number(p, value / 1000);
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
        p = put_number(p, w->ids.v[i]);
        w->line_begun = true;
        if (sizeof text - (size_t)(p - text) < ID_SIZE) {
            output_sink(&w->out, text, (size_t)(p - text));
            p = text;
        }
    }
    output_sink(&w->out, text, (size_t)(p - text));
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
            output_sink(&w->out, bytes, (size_t)(p - bytes));
            p = bytes;
        }
    }
    output_sink(&w->out, bytes, (size_t)(p - bytes));
}

/* Takes text of a record; with final set it ends. */
static void put_text(struct ids_writer *w, const char *name, const unsigned char *text, size_t n,
                     bool final)
{
    tool_check(w->tool, name, lp_tok_push(w->tok, text, n, final, &w->ids));
    w->count += w->ids.n;
    if (w->mode == IDS)
        put_decimal(w);
    else if (w->mode == U16 || w->mode == U32)
        put_binary(w, w->mode == U16 ? 2 : 4);
    w->ids.n = 0;
    if (!final)
        return;
    if (w->mode == IDS)
        output_sink(&w->out, "\n", 1);
    w->line_begun = false;
    lp_tok_reset(w->tok);
}

/* Takes an input: its records, and what follows the last separator. */
static void put_input(struct ids_writer *w, struct input *in)
{
    bool in_record = w->separator < 0;
    for (size_t n; (n = input_read(w->tool, in)) > 0;) {
        for (unsigned char *at = in->data, *end; n > 0;) {
            end = w->separator < 0 ? NULL : memchr(at, w->separator, n);
            size_t size = end != NULL ? (size_t)(end - at) : n;
            put_text(w, in->name, at, size, end != NULL);
            in_record = end == NULL;
            size += end != NULL;
            at += size;
            n -= size;
        }
    }
    if (in_record)
        put_text(w, in->name, NULL, 0, true);
}

static void write_ids(const struct tool *tool, const struct options *o)
{
    struct ids_writer w = {.tool = tool, .mode = o->mode};
    struct input in;
    uint64_t total = 0;
    char line[64];
    w.separator = o->lp.split == LP_NUL ? 0 : o->lp.split == LP_LINES ? '\n' : -1;
    bool binary = o->mode == U16 || o->mode == U32;
    make_digits();
    output_open(tool, &w.out, tool->output, binary);
    tool_check(tool, w.out.name, lp_tok_new(o->lp.vocab, o->lp.special, &w.tok));
    size_t i = 0;
    for (; next_input(tool, o, i, &in); i++) {
        w.count = 0;
        put_input(&w, &in);
        total += w.count;
        if (o->mode == COUNT) {
            output_sink(&w.out, line, (size_t)snprintf(line, sizeof line, "%7" PRIu64, w.count));
            if (o->files[0] != NULL) {
                output_sink(&w.out, " ", 1);
                output_sink(&w.out, in.name, strlen(in.name));
            }
            output_sink(&w.out, "\n", 1);
        }
        input_close(&in);
    }
    if (o->mode == COUNT && i > 1)
        output_sink(&w.out, line,
                    (size_t)snprintf(line, sizeof line, "%7" PRIu64 " total\n", total));
    free(w.ids.v);
    lp_tok_free(w.tok);
    output_close(&w.out);
}

/* --- LoPace's token payload ---------------------------------------------------- */

static void write_lopace(const struct tool *tool, const struct options *o)
{
    struct output out;
    struct input in;
    struct lp_codec *codec;
    unsigned char *text;
    const void *payload;
    size_t size;
    output_open(tool, &out, tool->output, true);
    tool_check(tool, out.name, lp_codec_new(&o->lp, &codec));
    next_input(tool, o, 0, &in);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    tool_check(tool, in.name, lp_lopace_pack(codec, LP_LOPACE_TOKEN, text, n, &payload, &size));
    output_sink(&out, payload, size);
    input_close(&in);
    free(text);
    lp_codec_free(codec);
    output_close(&out);
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
    if (o.mode == STREAM)
        write_stream(&tool, &o);
    else if (o.mode == BLOB)
        write_blob(&tool, &o);
    else if (o.mode == LOPACE)
        write_lopace(&tool, &o);
    else
        write_ids(&tool, &o);
    finder_close(&finder);
    return EXIT_OK;
}
