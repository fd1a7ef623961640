#include "lopace/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char options_help[] =
    "usage: lopace [OPTION...] [FILE...]\n"
    "       lopace COMMAND [ARGUMENT...]\n"
    "Pack each FILE, losslessly, to FILE.lp; without FILE, standard input to standard\n"
    "output. `lopace help` lists the commands.\n"
    "\n"
    "  -d, --decompress      restore each FILE.lp to FILE\n"
    "  -t, --test            restore and check, write nothing\n"
    "  -l, --list            list packed files and their sizes\n"
    "  -c, --stdout          write to standard output\n"
    "  -o, --output FILE     write to FILE, atomically\n"
    "      --output-dir-flat DIR\n"
    "                        write into DIR\n"
    "      --output-dir-mirror DIR\n"
    "                        write into DIR, below the same directories\n"
    "  -k, --keep            keep the input files (the default)\n"
    "      --rm              remove each input once its output, read back from disk,\n"
    "                        is proved to hold the same text\n"
    "  -r, --recursive       take the files in directories\n"
    "      --older-than AGE  only files unchanged for this long: 90m, 12h, 7d, 4w\n"
    "  -1 ... -22, --level N compress with zstd at this level: larger, faster to restore\n"
    "      --fast            compress faster, somewhat larger\n"
    "      --method NAME     zstd, token, hybrid, mix, window or window-hybrid\n"
    "                        (mix; window for what repeats)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "  -D, --dictionary FILE use this model or dictionary\n"
    "  -0, --null            split records at NULs\n"
    "  -L, --lines           split records at line feeds (the default for JSONL)\n"
    "      --whole           one record per FILE (the default for all else)\n"
    "  -T, --threads N       use N threads, 0 for all processors (all, at most 4)\n"
    "  -M, --memory N        limit the memory that a block may need (1G)\n"
    "      --no-verify       do not verify the output by restoring it: faster\n"
    "  -f, --force           overwrite files, follow links, pack packed files, use a\n"
    "                        terminal\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say for each file what became of it, and at the end how\n"
    "                        much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum {
    OPT_FLAT = 256,
    OPT_MIRROR,
    OPT_RM,
    OPT_OLDER,
    OPT_LEVEL,
    OPT_FAST,
    OPT_METHOD,
    OPT_WHOLE,
};

static const struct option long_options[] = {
    {"decompress", no_argument, NULL, 'd'},
    {"test", no_argument, NULL, 't'},
    {"list", no_argument, NULL, 'l'},
    {"stdout", no_argument, NULL, 'c'},
    {"output-dir-flat", required_argument, NULL, OPT_FLAT},
    {"output-dir-mirror", required_argument, NULL, OPT_MIRROR},
    {"keep", no_argument, NULL, 'k'},
    {"rm", no_argument, NULL, OPT_RM},
    {"recursive", no_argument, NULL, 'r'},
    {"older-than", required_argument, NULL, OPT_OLDER},
    {"level", required_argument, NULL, OPT_LEVEL},
    {"fast", no_argument, NULL, OPT_FAST},
    {"method", required_argument, NULL, OPT_METHOD},
    {"encoding", required_argument, NULL, 'e'},
    {"dictionary", required_argument, NULL, 'D'},
    {"null", no_argument, NULL, '0'},
    {"lines", no_argument, NULL, 'L'},
    {"whole", no_argument, NULL, OPT_WHOLE},
    TOOL_THREADS_OPTION,
    TOOL_MEMORY_OPTION,
    TOOL_NO_VERIFY_OPTION,
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

static void set_action(const struct tool *tool, struct options *o, enum action action)
{
    if (o->action != PACK && o->action != action)
        tool_usage(tool, "only one of -d, -t and -l can be given");
    o->action = action;
}

/* "7d" in seconds. */
static uint64_t parse_age(const struct tool *tool, const char *text)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (*text >= '0' && *text <= '9' && errno == 0 && n > 0 && n < UINT64_MAX / 604800 &&
            end[0] == units[i].unit && end[1] == 0)
            return n * units[i].seconds;
    }
    tool_usage(tool, "--older-than: '%s' is not an age like 90m, 12h, 7d or 4w", text);
}

static const struct method *parse_method(const struct tool *tool, const char *name)
{
    char names[128] = "";
    const struct method *method = method_named(name);
    for (size_t i = 0; method == NULL && method_list(i) != NULL; i++) {
        strcat(names, i > 0 ? ", " : "");
        strcat(names, method_list(i)->name);
    }
    if (method == NULL)
        tool_usage(tool, "--method: unknown method '%s': use one of %s", name, names);
    return method;
}

/* Whether only standard input is read. */
static bool names_none(const struct options *o)
{
    return o->files[0] == NULL || (strcmp(o->files[0], "-") == 0 && o->files[1] == NULL);
}

/* Exits on options that contradict each other. */
static void refuse_conflicts(const struct tool *tool, const struct options *o)
{
    const struct packing *p = &o->packing;
    const bool elsewhere = o->to_stdout || tool->output != NULL || names_none(o);
    const enum lp_chain last = p->method != NULL ? p->method->last : p->last;
    if ((o->flat != NULL) + (o->mirror != NULL) + o->to_stdout + (tool->output != NULL) > 1)
        tool_usage(tool, "only one of -c, -o, --output-dir-flat and --output-dir-mirror can be "
                         "given");
    if (o->action > UNPACK && (o->flat != NULL || o->mirror != NULL || elsewhere) && !names_none(o))
        tool_usage(tool, "-t and -l write no files");
    if (p->lp.level != 0 && last != LP_CHAIN_TEXT_ZSTD)
        tool_usage(tool, "a level needs a method that uses zstd, without --fast");
    if (p->lp.fast && last != LP_CHAIN_TOKENS_MIX)
        tool_usage(tool, "--fast needs a method that mixes, and no level");
    if (o->removes && (o->action > UNPACK || elsewhere))
        tool_usage(tool, "--rm needs an output file for each input");
    if (o->older_than > 0 && elsewhere)
        tool_usage(tool, "--older-than needs an output file for each input");
    if (o->recursive && elsewhere)
        tool_usage(tool, "-r needs an output file for each input: use tar(1) for one archive");
}

static void set_split(struct options *o, enum lp_split split)
{
    o->packing.split = (int)split;
}

/* What stands before the output, and what becomes of the input. */
static void take_file_option(const struct tool *tool, struct options *o, int c)
{
    switch (c) {
    case 'd':
        set_action(tool, o, UNPACK);
        break;
    case 't':
        set_action(tool, o, TEST);
        break;
    case 'l':
        set_action(tool, o, LIST);
        break;
    case 'c':
        o->to_stdout = true;
        break;
    case OPT_FLAT:
        o->flat = optarg;
        break;
    case OPT_MIRROR:
        o->mirror = optarg;
        break;
    case 'k':
        o->removes = false;
        break;
    case OPT_RM:
        o->removes = true;
        break;
    case 'r':
        o->recursive = true;
        break;
    case OPT_OLDER:
        o->older_than = parse_age(tool, optarg);
        break;
    case 'T':
        o->threads = tool_threads(tool, optarg);
        break;
    }
}

/* How to pack. */
static void take_packing_option(const struct tool *tool, struct options *o, int c)
{
    struct packing *p = &o->packing;
    switch (c) {
    case OPT_LEVEL:
        p->lp.level = (int)tool_number(tool, "--level", optarg, 1, 22);
        break;
    case OPT_FAST:
        p->lp.fast = true;
        break;
    case OPT_METHOD:
        p->method = parse_method(tool, optarg);
        break;
    case 'e':
        o->encoding = optarg;
        break;
    case 'D':
        o->dictionary = optarg;
        break;
    case '0':
        set_split(o, LP_NUL);
        break;
    case 'L':
        set_split(o, LP_LINES);
        break;
    case OPT_WHOLE:
        set_split(o, LP_WHOLE);
        break;
    case 'M':
        o->memory = tool_memory(tool, optarg);
        break;
    case TOOL_NO_VERIFY:
        p->lp.unverified = true;
        break;
    }
}

struct options options_parse(struct tool *tool, int argc, char **argv)
{
    static const char letters[] = "dtlckre:D:0LT:M:v" TOOL_LETTERS;
    struct options o = {.encoding = "cl100k_base",
                        .packing = {.split = -1, .last = LP_CHAIN_TOKENS_MIX}};
    int c, level = 0;
    argc = tool_levels(tool, argc, argv, letters, long_options, &level);
    while ((c = tool_option(tool, argc, argv, letters, long_options)) != -1) {
        take_file_option(tool, &o, c);
        take_packing_option(tool, &o, c);
    }
    o.files = argv + optind;
    if (level != 0)
        o.packing.lp.level = level;
    if (o.packing.lp.level != 0 && !o.packing.lp.fast)
        o.packing.last = LP_CHAIN_TEXT_ZSTD;
    o.packing.lp.memory = o.memory;
    if (o.threads == 0)
        o.threads = tool_threads(tool, "0") < 4 ? tool_threads(tool, "0") : 4;
    refuse_conflicts(tool, &o);
    return o;
}

bool options_one_output(const struct tool *tool, const struct options *o)
{
    return (names_none(o) && o->action != LIST) ||
           (o->action <= UNPACK && (o->to_stdout || tool->output != NULL));
}
