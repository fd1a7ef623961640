/* lpmix - compresses a token stream with a statistical model. */
#include "shared/memory.h"
#include "shared/progress.h"
#include "shared/recode.h"
#include "shared/stored.h"

#include <stdlib.h>

static const char help[] =
    "usage: lpmix [OPTION...] [FILE...]\n"
    "Compress a token stream with a statistical model, smallest of all; lpunpack\n"
    "restores it.\n"
    "\n"
    "  -D, --dictionary FILE use this model (default: the one that lopace ships)\n"
    "      --fast            compress faster, somewhat larger\n"
    "  -T, --threads N       compress N blocks in parallel, 0: one per processor;\n"
    "                        the output is the same (1)\n"
    "  -M, --memory N        limit the memory that a block of the input may need (1G)\n"
    "      --blob            write a blob, of a blob or a one-record stream\n"
    "      --no-check        omit a blob's checksum: saves 4 bytes, hides damage\n"
    "      --no-verify       do not verify the output by restoring it: faster\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from or write to a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say at the end how much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum { OPT_FAST = 256, OPT_BLOB, OPT_NO_CHECK };

static const struct option long_options[] = {
    {"dictionary", required_argument, NULL, 'D'}, /* a model */
    {"fast", no_argument, NULL, OPT_FAST},
    TOOL_THREADS_OPTION,
    TOOL_MEMORY_OPTION,
    {"blob", no_argument, NULL, OPT_BLOB},
    {"no-check", no_argument, NULL, OPT_NO_CHECK},
    TOOL_NO_VERIFY_OPTION,
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

struct options {
    const char *model;
    struct lp_options lp;
    bool blob;
    char **files;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.lp = {.chain = LP_CHAIN_TOKENS_MIX}};
    int c;
    while ((c = tool_option(tool, argc, argv, "D:M:T:v" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 'D':
            o.model = optarg;
            break;
        case OPT_FAST:
            o.lp.fast = true;
            break;
        case OPT_BLOB:
            o.blob = true;
            break;
        case OPT_NO_CHECK:
            o.lp.unchecked = true;
            break;
        default:
            tool_packing_option(tool, c, &o.lp);
        }
    }
    o.files = argv + optind;
    if (o.blob && o.files[0] != NULL && o.files[1] != NULL)
        tool_usage(tool, "--blob takes one record: give one FILE");
    if (o.lp.unchecked && !o.blob)
        tool_usage(tool, "--no-check needs --blob");
    return o;
}

int main(int argc, char **argv)
{
    struct progress progress = {.flow = FLOW_PACKS};
    struct tool tool = {.name = "lpmix", .help = help, .progress = &progress, .keeps_time = true};
    tool_start(&tool);
    memory_keep_little();
    struct options o = parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    if (o.model != NULL) {
        o.lp.model = finder_open(&finder, o.model).model;
        if (o.lp.model == NULL)
            tool_die(&tool, EXIT_DATA, "%s: not a model (make one with lptrain)", o.model);
    }
    struct input in;
    struct output out;
    struct recode streams = {.options = &o.lp, .finder = &finder, .out = &out};
    output_open(&tool, &out, tool.output, true);
    if (o.blob)
        input_spool(&tool);
    finder_confine(&finder, &out);
    for (size_t i = 0; input_next(&tool, &in, o.files, i); i++) {
        enum form form = recode_form(&tool, &in, o.blob);
        if (o.blob)
            recode_to_blob(&o.lp, &finder, &in, form, &out);
        else
            recode_stream(&streams, &in);
        input_close(&in);
    }
    recode_finish(&streams);
    output_close(&out);
    finder_close(&finder);
    return EXIT_OK;
}
