/* lpunpack - restores the original bytes of a stream or blob. */
#include "shared/form.h"
#include "shared/memory.h"
#include "shared/progress.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: lpunpack [OPTION...] [FILE...]\n"
    "Restore the original bytes of a lopace stream or blob.\n"
    "\n"
    "  -t, --test            restore and check, write nothing\n"
    "  -l, --list            list the segments, and their sum\n"
    "      --json            list as JSON\n"
    "  -r, --records LIST    restore only these records: N, N-M or N-, with commas;\n"
    "                        a number with a minus before it counts from the end\n"
    "      --recover         skip damaged blocks, and report what is lost\n"
    "  -D, --dictionary FILE use the zstd dictionary or model that it was packed with\n"
    "      --parent FILE     the text that the blob was packed with\n"
    "  -M, --memory N        limit the memory that a block may need (1G)\n"
    "      --max-output N    stop before more than N bytes of text (no limit)\n"
    "  -T, --threads N       restore N blocks in parallel, 0: one per processor (1)\n"
    "      --from=KIND       restore a blob of the Python package LoPace:\n"
    "                        lopace-zstd, lopace-token or lopace-hybrid\n"
    "  -e, --encoding NAME   with --from: use this encoding, or that of this model\n"
    "                        (cl100k_base)\n"
    "  -o, --output FILE     write to FILE, atomically (standard output)\n"
    "  -f, --force           read from a terminal anyway\n"
    "  -q, --quiet           print no warnings and no progress\n"
    "  -v, --verbose         say at the end how much was read and written\n"
    "  -h, --help            show this help\n"
    "  -V, --version         show the version\n";

enum { OPT_JSON = 256, OPT_RECOVER, OPT_PARENT, OPT_FROM, OPT_MAX_OUTPUT };

static const struct option long_options[] = {
    {"test", no_argument, NULL, 't'},
    {"list", no_argument, NULL, 'l'},
    {"json", no_argument, NULL, OPT_JSON},
    {"records", required_argument, NULL, 'r'},
    {"recover", no_argument, NULL, OPT_RECOVER},
    {"dictionary", required_argument, NULL, 'D'},
    {"parent", required_argument, NULL, OPT_PARENT},
    TOOL_MEMORY_OPTION,
    {"max-output", required_argument, NULL, OPT_MAX_OUTPUT},
    TOOL_THREADS_OPTION,
    {"from", required_argument, NULL, OPT_FROM},
    {"encoding", required_argument, NULL, 'e'},
    TOOL_VERBOSE_OPTION,
    TOOL_LONG_OPTIONS,
};

struct options {
    const char *dictionary, *parent, *records, *from, *encoding;
    bool test, list, json, recover;
    uint64_t memory, max_output;
    unsigned threads;
    char **files;
};

static struct options parse(struct tool *tool, int argc, char **argv)
{
    struct options o = {
        .encoding = "cl100k_base", .memory = LP_MEMORY_DEFAULT, .max_output = UINT64_MAX};
    int c;
    while ((c = tool_option(tool, argc, argv, "tlr:D:M:T:e:v" TOOL_LETTERS, long_options)) != -1) {
        switch (c) {
        case 't':
            o.test = true;
            break;
        case 'l':
            o.list = true;
            break;
        case OPT_JSON:
            o.json = true;
            break;
        case 'r':
            o.records = optarg;
            break;
        case OPT_RECOVER:
            o.recover = true;
            break;
        case 'D':
            o.dictionary = optarg;
            break;
        case OPT_PARENT:
            o.parent = optarg;
            break;
        case 'M':
            o.memory = tool_memory(tool, optarg);
            break;
        case OPT_MAX_OUTPUT:
            o.max_output = tool_size(tool, "--max-output", optarg, 1, UINT64_MAX / 2);
            break;
        case 'T':
            o.threads = tool_threads(tool, optarg);
            break;
        case OPT_FROM:
            o.from = optarg;
            break;
        case 'e':
            o.encoding = optarg;
            break;
        }
    }
    o.files = argv + optind;
    if (o.test + o.list + o.recover + (o.records != NULL) + (o.from != NULL) > 1)
        tool_usage(tool, "only one of -t, -l, -r, --recover and --from can be given");
    if (o.json && !o.list)
        tool_usage(tool, "--json needs -l");
    return o;
}

/* Losses added up. Where a count is not known it is left out. */
struct losses {
    uint64_t n, size, nrecords, text_size;
    bool unknown;
};

/* State that all ways to read an input share. */
struct unpack {
    const struct tool *tool;
    const struct options *o;
    struct finder finder;
    struct output out;
    struct json json;
    bool lost;
    uint64_t nlisted; /* rows of the list */
    struct stored sum;
    uint64_t text_size; /* restored so far */
    const char *name;   /* of this input, and its losses: those not told one by one */
    struct losses more;
    unsigned ntold;
};

static _Noreturn void fail(struct unpack *u, const char *name, enum lp_status status,
                           uint64_t offset, const struct lp_need *need)
{
    if (status == LP_MAX_TEXT)
        tool_die(u->tool, EXIT_DATA, "%s: at byte %" PRIu64 ": more text than --max-output allows",
                 name, offset);
    if (status == LP_IO && u->finder.unread[0] != 0)
        tool_die(u->tool, EXIT_IO, "%s", u->finder.unread);
    tool_fail(u->tool, name, status, offset, need);
}

/* What --max-output leaves. The library takes 0 for no limit; put() counts again. */
static uint64_t text_left(const struct unpack *u)
{
    const uint64_t left = u->o->max_output - u->text_size;
    return left > 0 ? left : 1;
}

static enum lp_status put(void *ctx, const void *data, size_t n)
{
    struct unpack *u = ctx;
    if (n > u->o->max_output - u->text_size)
        return LP_MAX_TEXT;
    u->text_size += n;
    if (u->o->test)
        u->tool->progress->written += n;
    return u->o->test ? LP_OK : output_sink(&u->out, data, n);
}

/* --- A blob ------------------------------------------------------------------ */

static void unpack_blob(struct unpack *u, struct input *in)
{
    struct lp_codec *codec;
    const void *text;
    size_t size, n = input_blob(u->tool, in, u->o->memory);
    const struct lp_options options = {.memory = u->o->memory, .max_text = text_left(u)};
    enum lp_status status = lp_codec_new(&options, &codec);
    if (status != LP_OK)
        fail(u, in->name, status, 0, NULL);
    status = lp_unpack(codec, in->data, n, tool_find, &u->finder, &text, &size);
    if (status == LP_OK)
        status = put(u, text, size);
    if (status != LP_OK) {
        form_refuse_other(u->tool, in->name, in->data, n);
        fail(u, in->name, status, 0, lp_codec_need(codec));
    }
    lp_codec_free(codec);
}

/* --- A stream ---------------------------------------------------------------- */

/* Writes "records 4-7" to line, or as much as is known: first and n may be UINT64_MAX. */
static void say_range(char *line, size_t size, const char *what, uint64_t first, uint64_t n)
{
    if (first == UINT64_MAX)
        snprintf(line, size, "an unknown number of %ss", what);
    else if (n == UINT64_MAX)
        snprintf(line, size, "%ss from %" PRIu64 " on", what, first);
    else if (n == 1)
        snprintf(line, size, "%s %" PRIu64, what, first);
    else
        snprintf(line, size, "%ss %" PRIu64 "-%" PRIu64, what, first, first + n - 1);
}

static void add_loss(struct losses *all, const struct lp_loss *loss)
{
    all->n++;
    all->size += loss->size;
    if (loss->nrecords != UINT64_MAX)
        all->nrecords += loss->nrecords;
    if (loss->text_size != UINT64_MAX)
        all->text_size += loss->text_size;
    all->unknown |= loss->nrecords == UINT64_MAX || loss->text_size == UINT64_MAX;
}

static void on_loss(void *ctx, const struct lp_loss *loss)
{
    enum { TOLD_MAX = 10 }; /* lines for an input, so that damage cannot flood a log */
    struct unpack *u = ctx;
    char records[96] = "no record", bytes[96] = "no text";
    u->lost = true;
    if (u->ntold == TOLD_MAX) {
        add_loss(&u->more, loss);
        return;
    }
    u->ntold++;
    if (loss->nrecords != 0)
        say_range(records, sizeof records, "record", loss->first_record, loss->nrecords);
    if (loss->text_size != 0)
        say_range(bytes, sizeof bytes, "text byte",
                  loss->text_offset == UINT64_MAX ? UINT64_MAX : loss->text_offset + 1,
                  loss->text_size);
    tool_warn(u->tool, "%s: %" PRIu64 " byte%s at byte %" PRIu64 ": %s: lost %s, %s", u->name,
              loss->size, plural(loss->size), loss->offset, lp_status_text(loss->why), records,
              bytes);
}

/* Tells of the losses that were not told one by one. */
static void tell_more(struct unpack *u)
{
    const struct losses *more = &u->more;
    if (more->n > 0)
        tool_warn(u->tool,
                  "%s: %" PRIu64 " more loss%s, of %" PRIu64 " byte%s: lost %" PRIu64
                  " record%s, %" PRIu64 " text byte%s%s",
                  u->name, more->n, more->n == 1 ? "" : "es", more->size, plural(more->size),
                  more->nrecords, plural(more->nrecords), more->text_size, plural(more->text_size),
                  more->unknown ? ", and an unknown number" : "");
    u->more = (struct losses){0};
    u->ntold = 0;
}

static struct lp_reader_options reader_options(struct unpack *u)
{
    return (struct lp_reader_options){.find = u->o->recover ? finder_try : tool_find,
                                      .find_ctx = &u->finder,
                                      .memory = u->o->memory,
                                      .threads = u->o->threads,
                                      .on_loss = u->o->recover ? on_loss : NULL,
                                      .loss_ctx = u,
                                      .max_text = text_left(u)};
}

static void unpack_stream(struct unpack *u, struct input *in)
{
    struct lp_reader *reader;
    struct lp_reader_options options = reader_options(u);
    u->name = in->name;
    enum lp_status status = lp_reader_new(&options, put, u, &reader);
    if (status != LP_OK)
        fail(u, in->name, status, 0, NULL);
    for (size_t n; status == LP_OK && (n = input_read(u->tool, in)) > 0;) {
        status = lp_reader_push(reader, in->data, n);
        if (status == LP_OK && !in->regular && !u->o->test)
            output_flush(&u->out); /* pass on what a pipe has delivered so far */
    }
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    tell_more(u);
    if (status != LP_OK && !(u->o->recover && u->lost && status == LP_DATA))
        fail(u, in->name, status, lp_reader_offset(reader), lp_reader_need(reader));
    lp_reader_free(reader);
}

/* --- LoPace ------------------------------------------------------------------ */

static void unpack_lopace(struct unpack *u, struct input *in)
{
    static const char *const kinds[] = {"lopace-zstd", "lopace-token", "lopace-hybrid"};
    size_t kind = 0, size;
    while (kind < 3 && strcmp(kinds[kind], u->o->from) != 0)
        kind++;
    if (kind == 3)
        tool_usage(u->tool, "--from: '%s' is not lopace-zstd, lopace-token or lopace-hybrid",
                   u->o->from);
    const struct lp_vocab *vocab =
        kind == LP_LOPACE_ZSTD ? NULL : finder_vocab(&u->finder, u->o->encoding);
    const void *text;
    struct lp_codec *codec;
    /* Bytes of memory for each byte of text, which may be a token of 4 bytes: blob, text, and
     * zstd's window; of a hybrid blob payload and window are tokens too. */
    const uint64_t memory = u->o->memory < SIZE_MAX / 4 ? u->o->memory : SIZE_MAX / 4;
    size_t limit = (size_t)(memory / (kind == LP_LOPACE_HYBRID ? 13 : 6));
    const size_t n = input_peek(u->tool, in, 4 * limit + 1);
    enum lp_status status = n > 4 * limit ? LP_LIMIT : LP_OK;
    if (status == LP_OK)
        status = lp_codec_new(&(struct lp_options){.vocab = vocab}, &codec);
    if (status != LP_OK)
        fail(u, in->name, status, 0, NULL);
    const bool limited = text_left(u) < limit;
    if (limited)
        limit = (size_t)text_left(u);
    status = lp_lopace_unpack(codec, (enum lp_lopace)kind, in->data, n, limit, &text, &size);
    if (status == LP_LIMIT && limited)
        status = LP_MAX_TEXT;
    if (status == LP_DATA || status == LP_TRUNCATED)
        tool_die(u->tool, EXIT_DATA, "%s: not a %s blob of %s", in->name, kinds[kind],
                 u->o->encoding);
    if (status == LP_OK)
        status = put(u, text, size);
    if (status != LP_OK)
        fail(u, in->name, status, 0, NULL);
    lp_codec_free(codec);
}

/* --- Listing and records: random access -------------------------------------- */

static struct lp_file *open_file(struct unpack *u, struct input *in)
{
    struct lp_file *file;
    struct lp_reader_options options = reader_options(u);
    enum lp_status status =
        lp_file_open(input_read_at, in, input_seekable(u->tool, in), &options, &file);
    if (status != LP_OK)
        fail(u, in->name, status, file != NULL ? lp_file_offset(file) : 0, NULL);
    return file;
}

/* What a segment or blob needs to be restored, and how it is made. */
static void put_needs(struct output *out, const struct stored *s)
{
    char window[32];
    if (s->dict != 0)
        output_print(out, "  needs dictionary %016" PRIx64, s->dict);
    else if (s->model != 0)
        output_print(out, "  needs model %016" PRIx64 "%s", s->model,
                     lp_model_ships(s->model) ? " (shipped)" : "");
    if (s->window != 0)
        output_print(out, "  window %s, %" PRIu64 " key block%s",
                     tool_typed_size(window, sizeof window, s->window), s->nkeys, plural(s->nkeys));
}

static void put_row(struct output *out, const struct stored *s)
{
    char text[32], stored[32];
    output_print(out, "%-12s %-13s %9" PRIu64 " %7" PRIu64 " %9s %9s %7.2f  ", chain_name(s->chain),
                 s->vocab[0] != 0 ? s->vocab : "-", s->nrecords, s->nblocks,
                 human_bytes(text, sizeof text, s->text_size),
                 human_bytes(stored, sizeof stored, s->size), stored_ratio(s));
    output_name(out, s->file, 0);
    put_needs(out, s);
    output_print(out, "\n");
}

/* Prints a segment or blob: a row, or an item of the array. */
static void put_stored(void *ctx, const struct stored *s)
{
    struct unpack *u = ctx;
    if (u->o->json) {
        if (u->json.depth == 0)
            json_open(&u->json, NULL, '[');
        stored_json_item(&u->json, s);
        return;
    }
    if (u->nlisted++ == 0)
        output_print(&u->out, "chain        vocabulary      records  blocks      text    stored"
                              "   ratio  file\n");
    put_row(&u->out, s);
    u->sum.nrecords += s->nrecords;
    u->sum.nblocks += s->nblocks;
    u->sum.text_size += s->text_size;
    u->sum.size += s->size;
}

/* The sum of several rows. */
static void put_sum(struct unpack *u)
{
    char text[32], stored[32];
    if (u->nlisted > 1)
        output_print(&u->out, "%-12s %-13s %9" PRIu64 " %7" PRIu64 " %9s %9s %7.2f\n", "total", "",
                     u->sum.nrecords, u->sum.nblocks,
                     human_bytes(text, sizeof text, u->sum.text_size),
                     human_bytes(stored, sizeof stored, u->sum.size), stored_ratio(&u->sum));
}

static void list(struct unpack *u, struct input *in)
{
    stored_read(u->tool, in, &u->finder, u->o->memory, put_stored, u);
}

/* Parses the number of a record at *at, from the end if it is negative, and moves past it. Returns
 * 0 where there is no number; exits where there is no such record. */
static uint64_t record_number(struct unpack *u, const char **at, const char *name,
                              uint64_t nrecords)
{
    char *end;
    const bool from_end = **at == '-';
    const char *digits = *at + from_end;
    if (*digits < '0' || *digits > '9')
        return 0;
    errno = 0;
    uint64_t n = strtoull(digits, &end, 10);
    if (errno != 0 || n == 0)
        tool_usage(u->tool, "-r: '%s': records are numbered from 1", *at);
    if (n > nrecords)
        tool_usage(u->tool, "-r: no record %.*s: %s has %" PRIu64 " record%s", (int)(end - *at),
                   *at, name, nrecords, plural(nrecords));
    *at = end;
    return from_end ? nrecords - n + 1 : n;
}

/* Parses the list of records, and writes them where write is set. Exits on a bad list. */
static void walk_records(struct unpack *u, const char *name, struct lp_file *file, bool write)
{
    uint64_t nrecords;
    lp_file_records(file, &nrecords);
    for (const char *at = u->o->records;; at++) {
        uint64_t first = record_number(u, &at, name, nrecords), last = first;
        if (first != 0 && *at == '-') {
            at++;
            last = record_number(u, &at, name, nrecords);
            last = last != 0 ? last : nrecords;
        }
        if (first == 0 || (*at != 0 && *at != ',') || last < first)
            tool_usage(u->tool, "-r: '%s' is not a list like 3,5-9,20- or -10-", u->o->records);
        for (uint64_t n = first; write && n <= last; n++) {
            enum lp_status status = lp_file_record(file, n, put, u);
            if (status != LP_OK)
                fail(u, name, status, lp_file_offset(file), lp_file_need(file));
        }
        if (*at == 0)
            return;
    }
}

static void write_records(struct unpack *u, struct input *in)
{
    struct lp_file *file = open_file(u, in);
    walk_records(u, in->name, file, false); /* a bad list writes nothing */
    walk_records(u, in->name, file, true);
    lp_file_close(file);
}

static void unpack(struct unpack *u, struct input *in)
{
    if (u->o->from != NULL) {
        unpack_lopace(u, in);
        return;
    }
    size_t n = input_peek(u->tool, in, 4);
    if (n == 0)
        tool_die(u->tool, EXIT_DATA, "%s: is empty: nothing to unpack", in->name);
    bool blob = lp_is_blob(in->data, n), stream = lp_is_stream(in->data, n);
    if (!blob && !stream && !u->o->recover) {
        n = input_peek(u->tool, in, 64);
        form_refuse_other(u->tool, in->name, in->data, n);
        fail(u, in->name, LP_NOT_LP, 0, NULL);
    }
    if (u->o->list)
        list(u, in);
    else if (u->o->records != NULL && stream)
        write_records(u, in);
    else if (blob && u->o->records != NULL)
        tool_usage(u->tool, "-r: %s is a blob: it has only one record", in->name);
    else if (blob && !u->o->recover)
        unpack_blob(u, in);
    else
        unpack_stream(u, in);
}

int main(int argc, char **argv)
{
    struct progress progress = {.flow = FLOW_UNPACKS};
    struct tool tool = {.name = "lpunpack", .help = help, .progress = &progress};
    tool_start(&tool);
    memory_keep_little();
    struct options o = parse(&tool, argc, argv);
    tool.keeps_time = !o.list && o.records == NULL;
    if (!tool.keeps_time)
        progress.flow = FLOW_OTHER;
    struct unpack u = {.tool = &tool, .o = &o, .finder = {.tool = &tool}};
    u.json.out = &u.out;
    if (o.dictionary != NULL)
        finder_open(&u.finder, o.dictionary);
    if (o.parent != NULL)
        input_parent(&u.finder, o.parent);
    struct input in;
    output_open(&tool, &u.out, o.test ? NULL : tool.output, false);
    if (o.list || o.records != NULL)
        input_spool(&tool);
    finder_confine(&u.finder, &u.out);
    for (size_t i = 0; input_next(&tool, &in, o.files, i); i++) {
        unpack(&u, &in);
        input_close(&in);
    }
    if (o.json)
        json_close(&u.json, ']');
    put_sum(&u);
    output_close(&u.out);
    finder_close(&u.finder);
    return u.lost ? EXIT_DATA : EXIT_OK;
}
