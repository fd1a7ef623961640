/* Counts of tokens: of inputs as wc(1) has them, or of each record. */
#include "lptok/records.h"
#include "shared/buffer.h"
#include "shared/chat.h"
#include "shared/json.h"
#include "shared/split.h"
#include "shared/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum { EXIT_OVER = 4 }; /* more tokens than --max */

struct counter {
    const struct tool *tool;
    const struct options *o;
    struct output *out;
    struct json json;
    struct records records;
    struct chat chat;
    const char *name;        /* of the input; NULL: standard input, without a name */
    uint64_t record, tokens; /* of the one that is being counted */
    uint64_t input, total;   /* tokens */
    bool over;               /* some count is larger than it may be */
    struct buffer text;      /* of a record of messages */
};

/* --- Rows --------------------------------------------------------------------------- */

static void put_plain(struct counter *c, const char *name, uint64_t record, uint64_t tokens)
{
    output_print(c->out, "%7" PRIu64 "%s", tokens, name != NULL || record > 0 ? " " : "");
    output_name(c->out, name != NULL ? name : "", 0);
    if (record > 0)
        output_print(c->out, "%s%" PRIu64, name != NULL ? ":" : "", record);
    output_print(c->out, "\n");
}

static void put_csv(struct counter *c, const char *name, uint64_t record, uint64_t tokens)
{
    csv_text(c->out, name);
    if (record > 0)
        output_print(c->out, ",%" PRIu64, record);
    output_print(c->out, ",%" PRIu64 "\n", tokens);
}

static void put_json(struct counter *c, const char *name, uint64_t record, uint64_t tokens)
{
    json_open_flat(&c->json, NULL, '{');
    json_text(&c->json, "file", name);
    if (record > 0)
        json_count(&c->json, "record", record);
    json_count(&c->json, "tokens", tokens);
    json_close(&c->json, '}');
}

/* Of an input, or with a number above 0 of a record of it. */
static void put_row(struct counter *c, uint64_t record, uint64_t tokens)
{
    const char *name = c->name != NULL ? c->name : "standard input";
    if (c->o->style == JSON)
        put_json(c, name, record, tokens);
    else if (c->o->style == CSV)
        put_csv(c, name, record, tokens);
    else
        put_plain(c, c->name, record, tokens);
    if (tokens <= c->o->max)
        return;
    c->over = true;
    if (!c->tool->quiet && record > 0)
        tool_warn(c->tool, "%s: record %" PRIu64 ": has more than %" PRIu64 " tokens", name, record,
                  c->o->max);
    else if (!c->tool->quiet)
        tool_warn(c->tool, "%s: has more than %" PRIu64 " tokens", name, c->o->max);
}

/* --- Counting ------------------------------------------------------------------------ */

static void end_of_record(struct counter *c)
{
    c->record++;
    if (c->o->per_record)
        put_row(c, c->record, c->tokens);
    c->input += c->tokens;
    c->tokens = 0;
}

/* An ids_take. */
static bool count_ids(void *ctx, const uint32_t *ids, size_t n, bool end)
{
    struct counter *c = ctx;
    (void)ids;
    c->tokens += n;
    if (end)
        end_of_record(c);
    return true;
}

/* A split_take: a record of messages is counted once it is whole. */
static bool count_messages(void *ctx, const unsigned char *text, size_t n, bool end)
{
    struct counter *c = ctx;
    if (n > LP_BLOCK_MAX - c->text.n)
        tool_die(c->tool, EXIT_DATA, "%s: record %" PRIu64 " is larger than %zu bytes",
                 c->chat.name, c->record + 1, LP_BLOCK_MAX);
    if (!buffer_add(&c->text, text, n))
        tool_die(c->tool, EXIT_IO, "out of memory");
    if (!end)
        return true;
    c->chat.record = c->record + 1;
    c->tokens = chat_count(&c->chat, c->text.v, c->text.n);
    c->text.n = 0;
    end_of_record(c);
    return true;
}

static void count_input(struct counter *c, struct input *in)
{
    c->input = c->record = 0;
    insist_on_text(c->tool, in);
    if (c->o->chat) {
        c->chat.name = in->name;
        split_input(c->tool, in, c->o->lp.split, count_messages, c);
        input_close(in);
    } else
        records_read(&c->records, in);
    if (!c->o->per_record)
        put_row(c, 0, c->input);
    c->total += c->input;
}

/* As wc(1), goes on where a file cannot be opened, and fails at the end. */
static bool count_all(struct counter *c)
{
    struct input in;
    char *const *file = c->o->files;
    bool opened = true;
    do {
        if (!input_try(c->tool, &in, *file)) {
            opened = false;
            continue;
        }
        c->name = *file != NULL ? in.name : NULL;
        count_input(c, &in);
    } while (*file != NULL && *++file != NULL);
    if (file - c->o->files > 1 && c->o->style == PLAIN && !c->o->per_record)
        put_plain(c, "total", 0, c->total);
    return opened;
}

int write_counts(const struct tool *tool, const struct options *o, struct output *out)
{
    struct counter c = {.tool = tool, .o = o, .out = out, .json = {.out = out}};
    c.records = records_new(tool, o, count_ids, &c);
    c.chat = (struct chat){.tool = tool, .tok = c.records.tok};
    if (o->style == CSV)
        output_print(out, "file,%stokens\n", o->per_record ? "record," : "");
    bool opened = count_all(&c);
    if (c.chat.uncounted[0] != 0 && !tool->quiet)
        tool_warn(tool, "\"%s\" is not counted: no rule for it is known", c.chat.uncounted);
    chat_free(&c.chat);
    records_free(&c.records);
    free(c.text.v);
    if (!opened)
        exit(EXIT_IO); /* so that a file is written whole or not at all */
    return c.over ? EXIT_OVER : EXIT_OK;
}
