/* lprow - packs, unpacks, counts or slices row by row: one row out for each row in. */
#include "lprow/queue.h"
#include "shared/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

static const char help[] =
    "usage: lprow [OPTION...] pack|unpack|count|ids|info|slice [FILE...]\n"
    "Read rows, one per line, and write one row for each, in the same order.\n"
    "\n"
    "  pack                  text to a blob\n"
    "  unpack                a blob to its text\n"
    "  count                 text to its number of tokens\n"
    "  ids                   text to its token ids, a JSON array\n"
    "  info                  a blob to what it says of itself, a JSON object\n"
    "  slice                 text to a part of it, given by --range\n"
    "\n"
    "  -m, --method NAME     pack by mix, fast, hybrid, token or zstd (mix)\n"
    "  -e, --encoding NAME   use this encoding, or that of this model (cl100k_base)\n"
    "  -D, --dictionary FILE use this model or zstd dictionary\n"
    "      --range FROM:TO   slice: tokens from FROM, from 0, to before TO; from the\n"
    "                        end if negative\n"
    "      --packed          count, ids, slice: the rows are blobs\n"
    "      --special         encode the text of special tokens as special tokens\n"
    "      --no-verify       do not verify blobs by restoring them: faster\n"
    "      --in FORM         rows are tsv, base64, hex, bytea, json or raw\n"
    "                        (tsv; blobs: base64)\n"
    "      --out FORM        write rows in this form (tsv; blobs: base64)\n"
    "      --key[=N]         copy the first N TAB-separated fields of each row (1)\n"
    "      --chunk-header    a line before each chunk says how many rows it has\n"
    "      --on-error WHAT   a row that fails: fail, null or pass (fail)\n"
    "  -T, --threads N       do N rows in parallel, 0: one per processor;\n"
    "                        the output is the same (1)\n"
    "  -M, --memory N        limit the memory that a blob may need (1G)\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from a terminal anyway\n"
    "  -q, --quiet           print no warnings\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum {
    OPT_RANGE = 256,
    OPT_PACKED,
    OPT_SPECIAL,
    OPT_IN,
    OPT_OUT,
    OPT_KEY,
    OPT_CHUNK_HEADER,
    OPT_ON_ERROR
};

static const struct option long_options[] = {
    {"method", required_argument, NULL, 'm'},
    {"encoding", required_argument, NULL, 'e'},
    {"dictionary", required_argument, NULL, 'D'},
    {"range", required_argument, NULL, OPT_RANGE},
    {"packed", no_argument, NULL, OPT_PACKED},
    {"special", no_argument, NULL, OPT_SPECIAL},
    TOOL_NO_VERIFY_OPTION,
    {"in", required_argument, NULL, OPT_IN},
    {"out", required_argument, NULL, OPT_OUT},
    {"key", optional_argument, NULL, OPT_KEY},
    {"chunk-header", no_argument, NULL, OPT_CHUNK_HEADER},
    {"on-error", required_argument, NULL, OPT_ON_ERROR},
    TOOL_THREADS_OPTION,
    TOOL_MEMORY_OPTION,
    TOOL_LONG_OPTIONS,
};

/* --- Options ----------------------------------------------------------------------------- */

struct options {
    const char *encoding, *dictionary, *method, *range, *in, *out;
    struct row_job job;
    bool chunks;
};

/* The place of a name in a list; a usage error if it is not there. */
static int choose(const struct tool *tool, const char *what, const char *name,
                  const char *const *names)
{
    char list[100] = "";
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "",
                 names[i]);
    }
    tool_usage(tool, "unknown %s '%s': use one of %s", what, name, list);
}

static enum field_form form(const struct tool *tool, const char *option, const char *name,
                            enum field_form otherwise)
{
    enum field_form form = otherwise;
    if (name != NULL && !field_form_named(name, &form))
        tool_usage(tool, "%s: '%s' is not tsv, base64, hex, bytea, json or raw", option, name);
    return form;
}

/* Sets the forms on both sides, and refuses those that cannot carry what is there. */
static void choose_forms(const struct tool *tool, struct options *o)
{
    struct row_job *job = &o->job;
    const enum operation op = job->operation;
    const bool blobs = op == ROW_UNPACK || op == ROW_INFO || job->packed;
    const bool texts = op == ROW_UNPACK || op == ROW_SLICE;
    job->in = form(tool, "--in", o->in, blobs ? FIELD_BASE64 : FIELD_TSV);
    job->out = form(tool, "--out", o->out, op == ROW_PACK ? FIELD_BASE64 : FIELD_TSV);
    const bool tsv = job->out == FIELD_TSV, json = job->out == FIELD_JSON;
    if (blobs && (job->in == FIELD_JSON || job->in == FIELD_RAW))
        tool_usage(tool, "--in=%s cannot carry blobs: use base64, hex, bytea or tsv", o->in);
    if (op == ROW_PACK && (json || job->out == FIELD_RAW))
        tool_usage(tool, "--out=%s cannot carry blobs: use base64, hex, bytea or tsv", o->out);
    if (op != ROW_PACK && !texts && !tsv && !json)
        tool_usage(tool, "--out=%s is for texts and blobs: use tsv or json", o->out);
    if (job->on_error == ON_ERROR_NULL && field_null(job->out) == NULL)
        tool_usage(tool, "--on-error=null: --out=raw has no NULL");
}

/* Parses one end of --range, which is at *at, and moves past it. */
static int64_t range_end(const struct tool *tool, const char *range, const char **at, int64_t none)
{
    char *end;
    errno = 0;
    const long long value = strtoll(*at, &end, 10);
    const bool empty = **at == ':' || **at == 0;
    if (!empty && (end == *at || errno != 0 || (**at != '-' && (**at < '0' || **at > '9'))))
        tool_usage(tool, "--range: '%s' is not a range like 0:100, :100 or -100:", range);
    *at = empty ? *at : end;
    return empty ? none : value;
}

static void set_range(const struct tool *tool, struct options *o)
{
    const char *at = o->range;
    if ((o->range != NULL) != (o->job.operation == ROW_SLICE))
        tool_usage(tool, o->range != NULL ? "--range is for slice" : "slice needs --range");
    if (o->range == NULL)
        return;
    o->job.from = range_end(tool, o->range, &at, 0);
    if (*at != ':')
        tool_usage(tool, "--range: '%s' is not a range like 0:100, :100 or -100:", o->range);
    at++;
    o->job.to = range_end(tool, o->range, &at, INT64_MAX);
    if (*at != 0)
        tool_usage(tool, "--range: '%s' is not a range like 0:100, :100 or -100:", o->range);
}

static void set_method(const struct tool *tool, struct options *o)
{
    static const char *const names[] = {"mix", "fast", "hybrid", "token", "zstd", NULL};
    static const enum lp_chain chains[] = {LP_CHAIN_TOKENS_MIX, LP_CHAIN_TOKENS_MIX,
                                           LP_CHAIN_TOKENS_ZSTD, LP_CHAIN_TOKENS,
                                           LP_CHAIN_TEXT_ZSTD};
    if (o->job.operation != ROW_PACK && o->method != NULL)
        tool_usage(tool, "-m is for pack");
    if (o->job.operation != ROW_PACK)
        return;
    const int method = o->method != NULL ? choose(tool, "method", o->method, names) : 0;
    o->job.options.chain = chains[method];
    o->job.options.fast = method == 1;
}

/* Takes the operation off the operands. */
static void set_operation(struct tool *tool, struct options *o)
{
    static const char *const names[] = {"pack", "unpack", "count", "ids", "info", "slice", NULL};
    if (tool->files[0] == NULL)
        tool_usage(tool, "name an operation: pack, unpack, count, ids, info or slice");
    o->job.operation = (enum operation)choose(tool, "operation", tool->files[0], names);
    tool->files++;
    const bool tokens = o->job.operation == ROW_COUNT || o->job.operation == ROW_IDS ||
                        o->job.operation == ROW_SLICE;
    if (o->job.packed && !tokens)
        tool_usage(tool, "--packed is for count, ids and slice");
}

static struct options parse(struct tool *tool, int argc, char **argv)
{
    static const char *const on_error[] = {"fail", "null", "pass", NULL};
    struct options o = {.encoding = "cl100k_base", .job = {.options = {.threads = 1}}};
    int c;
    while ((c = tool_option(tool, argc, argv, "m:e:D:T:M:" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 'm':
            o.method = optarg;
            break;
        case 'e':
            o.encoding = optarg;
            break;
        case 'D':
            o.dictionary = optarg;
            break;
        case OPT_RANGE:
            o.range = optarg;
            break;
        case OPT_PACKED:
            o.job.packed = true;
            break;
        case OPT_SPECIAL:
            o.job.options.special = true;
            break;
        case OPT_IN:
            o.in = optarg;
            break;
        case OPT_OUT:
            o.out = optarg;
            break;
        case OPT_KEY:
            o.job.nkeys =
                (size_t)tool_number(tool, "--key", optarg != NULL ? optarg : "1", 1, 1000);
            break;
        case OPT_CHUNK_HEADER:
            o.chunks = true;
            break;
        case OPT_ON_ERROR:
            o.job.on_error = (enum on_error)choose(tool, "--on-error", optarg, on_error);
            break;
        default:
            tool_packing_option(tool, c, &o.job.options);
        }
    }
    set_operation(tool, &o);
    set_method(tool, &o);
    set_range(tool, &o);
    choose_forms(tool, &o);
    return o;
}

/* Finds what packing needs: the file of -D, else the shipped model. */
static void find_model(struct finder *finder, struct options *o)
{
    const struct tool *tool = finder->tool;
    struct lp_options *lp = &o->job.options;
    struct lp_found named = {0}, found = {0};
    const struct lp_need need = {.what = LP_NEED_MODEL, .name = o->encoding};
    const bool mixes = lp->chain == LP_CHAIN_TOKENS_MIX;
    if (o->dictionary != NULL)
        named = finder_open(finder, o->dictionary);
    if (o->job.operation != ROW_PACK)
        return;
    if (o->dictionary != NULL && mixes != (named.model != NULL))
        tool_usage(tool, "-D: %s is a %s: use it with -m %s", o->dictionary,
                   mixes ? "dictionary" : "model", mixes ? "hybrid or zstd" : "mix or fast");
    lp->dict = named.dict;
    lp->model = named.model;
    if (!mixes)
        return;
    if (lp->model == NULL && tool_find(finder, &need, &found) != LP_OK)
        tool_fail(tool, "pack", LP_NO_MODEL, 0, &need);
    if (lp->model == NULL)
        lp->model = found.model;
    if (lp_model_vocab_fingerprint(lp->model) != lp_vocab_fingerprint(lp->vocab))
        tool_usage(tool, "-D: %s is a model of %s, not of %s: use -e %s", o->dictionary,
                   lp_model_vocab(lp->model), lp_vocab_name(lp->vocab), lp_model_vocab(lp->model));
}

/* --- Rows ---------------------------------------------------------------------------------- */

struct rows {
    const struct tool *tool;
    const struct row_job *job;
    struct queue *queue;
    struct output *out;
    const char *name; /* of the input */
    bool chunks;
    uint64_t left;   /* rows of the chunk that are to come */
    uint64_t number; /* of the last row: in the chunk, or in the input */
    struct row *row; /* the line being read, NULL between lines */
    uint64_t failed; /* rows of this input */
    bool any_failed;
};

/* A queue_take. */
static void take(void *ctx, const struct row *row)
{
    enum { TOLD_MAX = 10 }; /* lines for an input, so that bad rows cannot flood a log */
    struct rows *r = ctx;
    if (row->status != LP_OK && row->fatal) {
        output_flush(r->out); /* the rows before are right */
        tool_die(r->tool, tool_code(row->status), "%s: row %" PRIu64 ": %s", r->name, row->number,
                 row->why);
    }
    if (row->status != LP_OK && r->failed++ < TOLD_MAX)
        tool_warn(r->tool, "%s: row %" PRIu64 ": %s", r->name, row->number, row->why);
    output_sink(r->out, row->out.v, row->out.n);
}

/* The line before a chunk: how many rows it has. */
static void take_header(struct rows *r, const struct buffer *line)
{
    uint64_t value = 0;
    bool good = line->n > 0 && line->n <= 18; /* no overflow */
    for (size_t i = 0; good && i < line->n; i++) {
        good = line->v[i] >= '0' && line->v[i] <= '9';
        value = 10 * value + (uint64_t)(line->v[i] - '0');
    }
    if (!good) {
        queue_drain(r->queue);
        output_flush(r->out);
        tool_die(r->tool, EXIT_DATA, "%s: the line before a chunk is not its number of rows",
                 r->name);
    }
    r->left = value;
    r->number = 0;
}

static void end_line(struct rows *r)
{
    if (r->chunks && r->left == 0) {
        take_header(r, &r->row->line);
        r->row = NULL;
        return;
    }
    r->left -= r->chunks;
    r->row->number = ++r->number;
    r->row = NULL;
    queue_put(r->queue);
}

/* Appends n bytes to the line, of which only as much is kept as a row may have. */
static void add_to_line(struct rows *r, const unsigned char *data, size_t n)
{
    if (r->row == NULL)
        r->row = queue_row(r->queue);
    struct buffer *line = &r->row->line;
    const size_t room = row_longest(r->job) - line->n;
    if (n > room) {
        r->row->too_long = true;
        n = room;
    }
    if (!buffer_add(line, data, n))
        tool_die(r->tool, EXIT_IO, "out of memory");
}

/* Rows that are due go out before a wait for more. */
static void before_reading(struct rows *r, const struct input *in)
{
    struct pollfd fd = {.fd = in->fd, .events = POLLIN};
    if (in->regular || poll(&fd, 1, 0) > 0)
        return;
    queue_drain(r->queue);
    output_flush(r->out);
}

static void end_input(struct rows *r)
{
    if (r->row != NULL)
        end_line(r);
    queue_drain(r->queue);
    if (r->left > 0) {
        output_flush(r->out);
        tool_die(r->tool, EXIT_DATA, "%s: ends within a chunk: %" PRIu64 " row%s missing", r->name,
                 r->left, plural(r->left));
    }
    if (r->failed > 10)
        tool_warn(r->tool, "%s: %" PRIu64 " more row%s failed", r->name, r->failed - 10,
                  plural(r->failed - 10));
    r->any_failed = r->any_failed || r->failed > 0;
}

static void take_input(struct rows *r, struct input *in)
{
    r->name = in->name;
    r->number = r->failed = 0;
    for (size_t n; before_reading(r, in), (n = input_read(r->tool, in)) > 0;) {
        for (const unsigned char *at = in->data, *end = at + n; at < end;) {
            const unsigned char *feed = memchr(at, '\n', (size_t)(end - at));
            add_to_line(r, at, (size_t)((feed != NULL ? feed : end) - at));
            if (feed != NULL)
                end_line(r);
            at = feed != NULL ? feed + 1 : end;
        }
    }
    end_input(r);
}

int main(int argc, char **argv)
{
    struct tool tool = {.name = "lprow", .help = help};
    tool_start(&tool);
    memory_keep_little();
    struct options o = parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    pthread_mutex_t finding = PTHREAD_MUTEX_INITIALIZER;
    o.job.finder = &finder;
    o.job.finding = &finding;
    if (o.job.operation != ROW_UNPACK && o.job.operation != ROW_INFO &&
        o.job.options.chain != LP_CHAIN_TEXT_ZSTD) {
        o.job.options.vocab = finder_vocab(&finder, o.encoding);
        o.encoding = tool.vocab = lp_vocab_name(o.job.options.vocab);
    }
    find_model(&finder, &o);
    struct output out;
    struct input in;
    output_open(&tool, &out, tool.output, false);
    finder_confine(&finder, &out);
    struct rows r = {.tool = &tool, .job = &o.job, .out = &out, .chunks = o.chunks};
    r.queue = queue_new(&o.job, o.job.options.threads, take, &r);
    if (r.queue == NULL)
        tool_die(&tool, EXIT_IO, "out of memory");
    for (size_t i = 0; input_next(&tool, &in, tool.files, i); i++) {
        take_input(&r, &in);
        input_close(&in);
    }
    output_close(&out);
    queue_free(r.queue);
    finder_close(&finder);
    return r.any_failed ? EXIT_DATA : EXIT_OK;
}
