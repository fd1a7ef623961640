/* lpwin - takes out of a token stream what repeats across its blocks. */
#include "shared/progress.h"
#include "shared/recode.h"
#include "shared/stored.h"
#include "shared/window.h"

#include <stdlib.h>

static const char help[] =
    "usage: lpwin [OPTION...] [FILE...]\n"
    "Copy what a token stream repeats from a window of what came before; lpzstd or\n"
    "lpmix compresses the rest, and lpunpack restores it all.\n"
    "\n"
    "  -w, --window N        look for repeats in about the last N bytes of text (64M)\n"
    "      --key N           begin anew after N bytes of text, 0 for never (256M)\n"
    "  -B, --block-size N    put at most N bytes of text into a block (16M)\n"
    "      --flush           end a block with each record\n"
    "  -T, --threads N       pack N blocks in parallel, 0: one per processor;\n"
    "                        the output is the same (1)\n"
    "  -M, --memory N        limit the memory that a block of the input may need (1G)\n"
    "      --blob            write a blob, of a blob or a one-record stream\n"
    "      --parent FILE     with --blob: copy from this text, which lpunpack will need\n"
    "      --no-verify       do not verify the output by restoring it: faster\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from or write to a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say at the end how much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum { OPT_KEY = 256, OPT_FLUSH, OPT_BLOB, OPT_PARENT };

static const struct option long_options[] = {
    {"window", required_argument, NULL, 'w'},
    {"key", required_argument, NULL, OPT_KEY},
    TOOL_BLOCK_OPTION,
    {"flush", no_argument, NULL, OPT_FLUSH},
    TOOL_THREADS_OPTION,
    TOOL_MEMORY_OPTION,
    {"blob", no_argument, NULL, OPT_BLOB},
    {"parent", required_argument, NULL, OPT_PARENT},
    TOOL_NO_VERIFY_OPTION,
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

#define WINDOW_MIN ((size_t)1 << 11)
#define KEY_MAX    ((uint64_t)1 << 50)

struct options {
    struct lp_options lp;
    const char *parent;
    bool blob;
    char **files;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {.lp = {.chain = LP_CHAIN_TOKENS,
                               .window = WINDOW_SIZE,
                               .key = WINDOW_KEY,
                               .block_size = WINDOW_BLOCK_SIZE}};
    int c;
    while ((c = tool_option(tool, argc, argv, "w:B:M:T:v" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 'w':
            o.lp.window = (size_t)tool_size(tool, "-w", optarg, WINDOW_MIN, LP_WINDOW_MAX);
            break;
        case OPT_KEY:
            o.lp.key = tool_size(tool, "--key", optarg, 0, KEY_MAX);
            break;
        case OPT_FLUSH:
            o.lp.flush = true;
            break;
        case OPT_BLOB:
            o.blob = true;
            break;
        case OPT_PARENT:
            o.parent = optarg;
            break;
        default:
            tool_packing_option(tool, c, &o.lp);
        }
    }
    o.files = argv + optind;
    if (o.blob != (o.parent != NULL))
        tool_usage(tool, "--blob and --parent need each other: a blob copies from its parent");
    if (o.blob && o.files[0] != NULL && o.files[1] != NULL)
        tool_usage(tool, "--blob takes one record: give one FILE");
    return o;
}

int main(int argc, char **argv)
{
    struct progress progress = {.flow = FLOW_PACKS};
    struct tool tool = {.name = "lpwin", .help = help, .progress = &progress, .keeps_time = true};
    tool_start(&tool);
    struct options o = parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    struct input in;
    struct output out;
    struct recode streams = {.options = &o.lp, .finder = &finder, .out = &out};
    if (o.parent != NULL)
        input_parent(&finder, o.parent);
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
