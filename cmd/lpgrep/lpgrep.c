/* lpgrep - searches streams, blobs and text for patterns. */
#include "lpgrep/source.h"

#include "shared/buffer.h"
#include "shared/memory.h"
#include "shared/progress.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: lpgrep [OPTION...] PATTERN [FILE...]\n"
    "       lpgrep [OPTION...] (-e PATTERN | -f FILE)... [FILE...]\n"
    "Print the lines that match a pattern, of lopace streams, blobs and plain text.\n"
    "\n"
    "Patterns:\n"
    "  -E, --extended-regexp       regular expressions (default)\n"
    "  -P, --perl-regexp           the same; \\< and \\> have no meaning\n"
    "  -F, --fixed-strings         plain words\n"
    "  -e, --regexp PATTERN        search for this pattern, one per line\n"
    "  -f, --file FILE             search for the lines of FILE\n"
    "  -i, --ignore-case           upper and lower case are the same\n"
    "  -w, --word-regexp           match whole words only\n"
    "  -x, --line-regexp           match whole lines only\n"
    "Selection:\n"
    "  -v, --invert-match          select the lines that do not match\n"
    "  -m, --max-count N           stop reading a file after N selected lines\n"
    "      --records               select records, not lines\n"
    "  -0, --null                  records of text end with NUL, printed records too\n"
    "  -r, --recursive             search all files below a directory\n"
    "      --text                  take files as text, whatever they look like\n"
    "Output:\n"
    "  -c, --count                 print how many lines are selected\n"
    "  -l, --files-with-matches    print the names of files with selected lines\n"
    "  -L, --files-without-match   print the names of files without\n"
    "  -q, --quiet                 print nothing, stop at the first selected line\n"
    "  -o, --only-matching         print only what matches, one match per line\n"
    "  -n, --line-number           print numbers: of the record, of the line in it\n"
    "  -b, --byte-offset           print the offset of the line in the text\n"
    "  -H, --with-filename         print the file's name (if there are several)\n"
    "  -h, --no-filename           never print it\n"
    "  -Z, --null-names            end printed names with NUL\n"
    "  -A, --after-context N       print N lines after each selected one too\n"
    "  -B, --before-context N      and N lines before it\n"
    "  -C, --context N             and N lines before and after it\n"
    "  -a, --binary                print lines with NUL bytes too\n"
    "      --color[=WHEN]          auto, always or never (auto)\n"
    "      --json                  print JSON Lines, as ripgrep does\n"
    "Other:\n"
    "  -D, --dictionary FILE       use the zstd dictionary or model that was packed with\n"
    "  -M, --memory N              limit the memory for a block or a line (1G)\n"
    "  -T, --threads N             restore N blocks in parallel, 0: one per processor (1)\n"
    "      --help                  show this help\n"
    "  -V, --version               show the version\n"
    "\n"
    "Exit status: 0 something is selected, 1 nothing, 2 an error.\n";

enum { OPT_RECORDS = 256, OPT_COLOR, OPT_JSON };

static const struct option long_options[] = {
    {"extended-regexp", no_argument, NULL, 'E'},
    {"perl-regexp", no_argument, NULL, 'P'},
    {"fixed-strings", no_argument, NULL, 'F'},
    {"regexp", required_argument, NULL, 'e'},
    {"file", required_argument, NULL, 'f'},
    {"ignore-case", no_argument, NULL, 'i'},
    {"word-regexp", no_argument, NULL, 'w'},
    {"line-regexp", no_argument, NULL, 'x'},
    {"invert-match", no_argument, NULL, 'v'},
    {"max-count", required_argument, NULL, 'm'},
    {"records", no_argument, NULL, OPT_RECORDS},
    {"null", no_argument, NULL, '0'},
    {"recursive", no_argument, NULL, 'r'},
    {"count", no_argument, NULL, 'c'},
    {"files-with-matches", no_argument, NULL, 'l'},
    {"files-without-match", no_argument, NULL, 'L'},
    {"quiet", no_argument, NULL, 'q'},
    {"only-matching", no_argument, NULL, 'o'},
    {"line-number", no_argument, NULL, 'n'},
    {"byte-offset", no_argument, NULL, 'b'},
    {"with-filename", no_argument, NULL, 'H'},
    {"no-filename", no_argument, NULL, 'h'},
    {"null-names", no_argument, NULL, 'Z'},
    {"after-context", required_argument, NULL, 'A'},
    {"before-context", required_argument, NULL, 'B'},
    {"context", required_argument, NULL, 'C'},
    {"binary", no_argument, NULL, 'a'},
    {"color", optional_argument, NULL, OPT_COLOR},
    {"json", no_argument, NULL, OPT_JSON},
    {"dictionary", required_argument, NULL, 'D'},
    TOOL_MEMORY_OPTION,
    TOOL_THREADS_OPTION,
    {"help", no_argument, NULL, TOOL_HELP},
    {"version", no_argument, NULL, 'V'},
    TOOL_TEXT_OPTION,
    {NULL, 0, NULL, 0},
};

/* --- Patterns ----------------------------------------------------------------- */

static void add_pattern(const struct tool *tool, struct patterns *p, const char *text, size_t n)
{
    char *copy = malloc(n + 1);
    p->v = array_grow(p->v, p->n, &p->cap, sizeof *p->v);
    if (copy == NULL || p->v == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    memcpy(copy, text, n);
    copy[n] = 0;
    p->v[p->n++] = (struct pattern){copy, n};
}

/* Adds the lines of a text, which has at least one. */
static void add_lines(const struct tool *tool, struct patterns *p, const char *text, size_t n)
{
    for (const char *end; (end = memchr(text, '\n', n)) != NULL;) {
        const size_t size = (size_t)(end - text);
        add_pattern(tool, p, text, size);
        text += size + 1;
        n -= size + 1;
    }
    add_pattern(tool, p, text, n);
}

static void add_file(const struct tool *tool, struct patterns *p, const char *file)
{
    struct input in;
    unsigned char *text;
    input_open(tool, &in, file);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    input_close(&in);
    const bool ended = n > 0 && text[n - 1] == '\n';
    if (n > 0)
        add_lines(tool, p, (const char *)text, n - ended);
    free(text);
}

static void free_patterns(struct patterns *p)
{
    for (size_t i = 0; i < p->n; i++)
        free((void *)(uintptr_t)p->v[i].text);
    free(p->v);
}

/* --- Options ------------------------------------------------------------------ */

/* Those of patterns. False: it is none of them. */
static bool take_pattern_option(const struct tool *tool, struct options *o, struct patterns *p,
                                int c, bool *given)
{
    switch (c) {
    case 'E':
    case 'P':
    case 'F':
        o->fixed = c == 'F';
        o->perl = c == 'P';
        return true;
    case 'e':
        add_lines(tool, p, optarg, strlen(optarg));
        return *given = true;
    case 'f':
        add_file(tool, p, optarg);
        return *given = true;
    case 'i':
        return o->ignore_case = true;
    case 'w':
        return o->word = true;
    case 'x':
        return o->whole = true;
    case 'v':
        return o->invert = true;
    default:
        return false;
    }
}

static bool take_color(const struct tool *tool, const char *when)
{
    if (when == NULL || strcmp(when, "auto") == 0)
        return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    if (strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        tool_usage(tool, "--color: '%s' is not auto, always or never", when);
    return strcmp(when, "always") == 0;
}

static uint64_t take_number(const struct tool *tool, const char *option)
{
    return (uint64_t)tool_number(tool, option, optarg, 0, LONG_MAX);
}

/* Those with a number. */
static bool take_number_option(const struct tool *tool, struct options *o, int c)
{
    switch (c) {
    case 'm':
        o->max_count = take_number(tool, "-m");
        return true;
    case 'A':
        o->after = take_number(tool, "-A");
        return o->context = true;
    case 'B':
        o->before = take_number(tool, "-B");
        return o->context = true;
    case 'C':
        o->before = o->after = take_number(tool, "-C");
        return o->context = true;
    case 'M':
        o->memory = tool_memory(tool, optarg);
        return true;
    case 'T':
        o->threads = tool_threads(tool, optarg);
        return true;
    default:
        return false;
    }
}

/* What is printed: the strongest of all that are given. */
static void show(struct options *o, enum show what)
{
    static const unsigned char strength[] = {
        [SHOW_UNITS] = 0, [SHOW_MATCHES] = 1, [SHOW_JSON] = 2,   [SHOW_COUNT] = 3,
        [SHOW_NAME] = 4,  [SHOW_MISSING] = 4, [SHOW_NOTHING] = 5};
    if (strength[what] >= strength[o->show])
        o->show = what;
}

static void take_option(const struct tool *tool, struct options *o, int c)
{
    switch (c) {
    case OPT_RECORDS:
        o->records = true;
        break;
    case '0':
        o->null = true;
        break;
    case 'r':
        o->walk = true;
        break;
    case 'c':
        show(o, SHOW_COUNT);
        break;
    case 'l':
        show(o, SHOW_NAME);
        break;
    case 'L':
        show(o, SHOW_MISSING);
        break;
    case 'q':
        show(o, SHOW_NOTHING);
        break;
    case 'o':
        show(o, SHOW_MATCHES);
        break;
    case OPT_JSON:
        show(o, SHOW_JSON);
        break;
    case 'n':
        o->number = true;
        break;
    case 'b':
        o->offset = true;
        break;
    case 'H':
    case 'h':
        o->with_name = c == 'H';
        o->no_name = c == 'h';
        break;
    case 'Z':
        o->null_name = true;
        break;
    case 'a':
        o->binary = true;
        break;
    case OPT_COLOR:
        o->color = take_color(tool, optarg);
        break;
    case 'D':
        o->dictionary = optarg;
        break;
    }
}

static struct options parse(struct tool *tool, int argc, char **argv, struct patterns *patterns)
{
    static char *here[] = {".", NULL};
    struct options o = {.memory = LP_MEMORY_DEFAULT, .max_count = UINT64_MAX};
    bool given = false;
    o.color = take_color(tool, NULL);
    for (int c; (c = tool_own_option(tool, argc, argv, "EPFe:f:iwxvm:0rclLqonbHhZA:B:C:aD:M:T:V",
                                     long_options)) != -1;) {
        if (!take_pattern_option(tool, &o, patterns, c, &given) && !take_number_option(tool, &o, c))
            take_option(tool, &o, c);
    }
    if (!given && *tool->files == NULL)
        tool_usage(tool, "which PATTERN?");
    if (!given) {
        add_lines(tool, patterns, *tool->files, strlen(*tool->files));
        tool->files++;
    }
    if (o.walk && *tool->files == NULL)
        tool->files = here;
    o.with_name = o.with_name || (!o.no_name && (o.walk || (*tool->files && tool->files[1])));
    return o;
}

int main(int argc, char **argv)
{
    enum { FOUND, NOT_FOUND, FAILED }; /* exit codes, as grep's */
    struct tool tool = {.name = "lpgrep", .help = help, .force = true, .failure = FAILED};
    struct patterns patterns = {0};
    tool_start(&tool);
    memory_keep_little();
    const struct options o = parse(&tool, argc, argv, &patterns);
    struct run r = {.tool = &tool, .o = &o, .finder = {.tool = &tool, .walks = o.walk}};
    if (o.dictionary != NULL)
        finder_open(&r.finder, o.dictionary);
    struct matcher *matcher = matcher_new(&tool, &o, &patterns);
    output_open(&tool, &r.out, NULL, false);
    r.printer = (struct printer){
        .o = &o, .matcher = matcher, .out = &r.out, .json.out = &r.out, .start = seconds_now()};
    r.search = search_new(&o, matcher, &r.printer);
    if (r.search == NULL)
        tool_die(&tool, EXIT_IO, "out of memory");
    finder_confine(&r.finder, &r.out);
    if (*tool.files == NULL && o.max_count > 0)
        source_search(&r, NULL);
    for (char **file = tool.files; *file != NULL && o.max_count > 0; file++)
        source_search(&r, *file);
    print_finish(&r.printer);
    output_close(&r.out);
    search_free(r.search);
    matcher_free(matcher);
    free_patterns(&patterns);
    finder_close(&r.finder);
    const bool found_first = o.show == SHOW_NOTHING && r.found;
    return r.failed && !found_first ? FAILED : r.found ? FOUND : NOT_FOUND;
}
