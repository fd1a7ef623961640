/* lpzstd - compresses a token stream, or plain text, with zstd. */
#include "shared/memory.h"
#include "shared/progress.h"
#include "shared/recode.h"
#include "shared/stored.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: lpzstd [OPTION...] [FILE...]\n"
    "Compress a token stream, or plain text, with zstd; lpunpack restores it.\n"
    "\n"
    "  -1 ... -22, --level N set the compression level (15)\n"
    "  -D, --dictionary FILE use a zstd dictionary\n"
    "  -0, --null            split text at NULs (default: one record per FILE)\n"
    "  -L, --lines           split text at line feeds\n"
    "  -B, --block-size N    aim at N bytes of text per block (1M)\n"
    "      --flush           end a block with each record of text\n"
    "  -T, --threads N       compress N blocks in parallel, 0: one per processor;\n"
    "                        the output is the same (1)\n"
    "  -M, --memory N        limit the memory that a block of the input may need (1G)\n"
    "      --blob            write a blob, of a text, a blob or a one-record stream\n"
    "      --no-check        omit a blob's checksum: saves 4 bytes, hides damage\n"
    "      --no-verify       do not verify the output by restoring it: faster\n"
    "      --format=lopace   write the blob that the Python package LoPace makes of a\n"
    "                        text, or of a payload from lptok --format=lopace\n"
    "      --text            take the input as text, even if it looks packed\n"
    "      --packed          take the input as a stream or blob, never as text\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from or write to a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say at the end how much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum {
    OPT_FLUSH = 256,
    OPT_BLOB,
    OPT_NO_CHECK,
    OPT_LEVEL,
    OPT_FORMAT,
    OPT_PACKED,
};

static const struct option long_options[] = {
    {"level", required_argument, NULL, OPT_LEVEL},
    {"dictionary", required_argument, NULL, 'D'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    TOOL_BLOCK_OPTION,
    {"flush", no_argument, NULL, OPT_FLUSH},
    TOOL_THREADS_OPTION,
    TOOL_MEMORY_OPTION,
    {"blob", no_argument, NULL, OPT_BLOB},
    {"no-check", no_argument, NULL, OPT_NO_CHECK},
    TOOL_NO_VERIFY_OPTION,
    {"format", required_argument, NULL, OPT_FORMAT},
    {"packed", no_argument, NULL, OPT_PACKED},
    TOOL_TEXT_OPTION,
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

struct options {
    const char *dictionary;
    struct lp_options lp;
    bool blob, lopace, packed, text_options;
    char **files;
};

/* Exits on options that contradict each other. */
static void refuse_conflicts(const struct tool *tool, const struct options *o)
{
    if (o->packed && tool->take == TAKE_TEXT)
        tool_usage(tool, "--text and --packed cannot be combined");
    if (o->blob && o->lopace)
        tool_usage(tool, "--blob and --format=lopace cannot be combined");
    if (o->lopace && o->dictionary != NULL)
        tool_usage(tool, "--format=lopace takes no -D: LoPace has no dictionaries");
    if ((o->blob || o->lopace) && (o->text_options || (o->files[0] != NULL && o->files[1] != NULL)))
        tool_usage(tool, "%s takes one record: give one FILE, without -0, -L, -B or --flush",
                   o->blob ? "--blob" : "--format=lopace");
    if (o->lp.unchecked && !o->blob)
        tool_usage(tool, "--no-check needs --blob");
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    static const char letters[] = "D:0LB:M:T:v" TOOL_LETTERS;
    struct options o = {.lp = {.chain = LP_CHAIN_TEXT_ZSTD}};
    int c;
    argc = tool_levels(tool, argc, argv, letters, long_options, &o.lp.level);
    while ((c = tool_option(tool, argc, argv, letters, long_options)) != -1) {
        switch (c) {
        case OPT_LEVEL:
            o.lp.level = (int)tool_number(tool, "--level", optarg, 1, 22);
            break;
        case 'D':
            o.dictionary = optarg;
            break;
        case '0':
            o.lp.split = LP_NUL;
            o.text_options = true;
            break;
        case 'L':
            o.lp.split = LP_LINES;
            o.text_options = true;
            break;
        case 'B':
            o.text_options = tool_packing_option(tool, c, &o.lp);
            break;
        case OPT_FLUSH:
            o.lp.flush = true;
            o.text_options = true;
            break;
        case OPT_BLOB:
            o.blob = true;
            break;
        case OPT_NO_CHECK:
            o.lp.unchecked = true;
            break;
        case OPT_FORMAT:
            if (strcmp(optarg, "lopace") != 0)
                tool_usage(tool, "--format: unknown format '%s': use lopace", optarg);
            o.lopace = true;
            break;
        case OPT_PACKED:
            o.packed = true;
            break;
        default:
            tool_packing_option(tool, c, &o.lp);
        }
    }
    o.files = argv + optind;
    refuse_conflicts(tool, &o);
    if (o.packed)
        tool->take = TAKE_PACKED;
    return o;
}

/* What an input is. Exits on a blob where a stream is to be written. */
static enum form form_of(const struct tool *tool, const struct options *o, struct finder *finder,
                         struct input *in)
{
    enum form form = input_form(tool, in, finder, o->blob, o->lp.memory);
    if (form == FORM_UNCHECKED)
        form_unsure(tool, in, "--text or --packed");
    if (form == FORM_BLOB && !o->blob && !o->lopace)
        recode_no_blob(tool, in);
    return form;
}

/* Writes the text of this input and of those after it as one segment. */
static void write_text(const struct tool *tool, const struct options *o, struct finder *finder,
                       struct input *in, struct output *out)
{
    size_t i = 0;
    struct lp_writer *writer;
    tool_check(tool, out->name, lp_writer_new(&o->lp, output_sink, out, &writer));
    do {
        if (i > 0 && form_of(tool, o, finder, in) == FORM_STREAM)
            tool_die(tool, EXIT_DATA,
                     "%s: is a lopace stream, after text: compress them separately", in->name);
        for (size_t n; (n = input_read(tool, in)) > 0;) {
            tool_check(tool, in->name, lp_writer_push(writer, in->data, n));
            if (o->lp.flush)
                output_flush(out);
        }
        tool_check(tool, in->name, lp_writer_end_record(writer));
        input_close(in);
    } while (input_next(tool, in, o->files, ++i));
    tool_check(tool, out->name, lp_writer_finish(writer));
    lp_writer_free(writer);
}

static void write_stream(const struct tool *tool, const struct options *o, struct recode *streams,
                         struct input *in)
{
    if (o->text_options)
        tool_usage(tool,
                   "%s: is a lopace stream, its records and blocks are set: give -0, -L, -B and "
                   "--flush to lptok",
                   in->name);
    recode_stream(streams, in);
    input_close(in);
}

static void write_blob(const struct tool *tool, const struct options *o, struct finder *finder,
                       struct input *in, struct output *out)
{
    enum form form = form_of(tool, o, finder, in);
    if (form != FORM_TEXT) {
        recode_to_blob(&o->lp, finder, in, form, out);
    } else {
        struct lp_codec *codec;
        unsigned char *data;
        const void *blob;
        size_t size, n = input_all(tool, in, LP_BLOCK_MAX, &data);
        tool_check(tool, in->name, lp_codec_new(&o->lp, &codec));
        tool_check(tool, in->name, lp_pack(codec, data, n, &blob, &size));
        output_sink(out, blob, size);
        lp_codec_free(codec);
        free(data);
    }
    input_close(in);
}

static void write_lopace(const struct tool *tool, const struct options *o, struct finder *finder,
                         struct input *in, struct output *out)
{
    unsigned char *data;
    const void *blob;
    struct lp_codec *codec;
    if (form_of(tool, o, finder, in) != FORM_TEXT)
        tool_die(tool, EXIT_DATA, "%s: not text or a payload of lptok --format=lopace", in->name);
    size_t size, n = input_all(tool, in, LP_BLOCK_MAX, &data);
    tool_check(tool, in->name, lp_codec_new(&o->lp, &codec));
    tool_check(tool, in->name, lp_lopace_pack(codec, LP_LOPACE_ZSTD, data, n, &blob, &size));
    output_sink(out, blob, size);
    lp_codec_free(codec);
    free(data);
    input_close(in);
}

int main(int argc, char **argv)
{
    struct progress progress = {.flow = FLOW_PACKS};
    struct tool tool = {.name = "lpzstd",
                        .help = help,
                        .progress = &progress,
                        .keeps_time = true,
                        .takes_packed = true};
    tool_start(&tool);
    memory_keep_little();
    struct options o = parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    if (o.dictionary != NULL) {
        o.lp.dict = finder_open(&finder, o.dictionary).dict;
        if (o.lp.dict == NULL)
            tool_die(&tool, EXIT_DATA, "%s: is a model: use lpmix", o.dictionary);
    }
    struct input in;
    struct output out;
    struct recode streams = {.options = &o.lp, .finder = &finder, .out = &out};
    output_open(&tool, &out, tool.output, true);
    if (o.blob)
        input_spool(&tool);
    finder_confine(&finder, &out);
    for (size_t i = 0; input_next(&tool, &in, o.files, i); i++) {
        if (o.lopace) {
            write_lopace(&tool, &o, &finder, &in, &out);
        } else if (o.blob) {
            write_blob(&tool, &o, &finder, &in, &out);
        } else if (form_of(&tool, &o, &finder, &in) == FORM_STREAM) {
            write_stream(&tool, &o, &streams, &in);
        } else if (i > 0) {
            tool_die(&tool, EXIT_DATA,
                     "%s: is text, after a lopace stream: compress them separately", in.name);
        } else {
            write_text(&tool, &o, &finder, &in, &out);
            break;
        }
    }
    recode_finish(&streams);
    output_close(&out);
    finder_close(&finder);
    return EXIT_OK;
}
