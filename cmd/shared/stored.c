#include "shared/stored.h"

#include "shared/buffer.h"
#include "shared/form.h"
#include "shared/progress.h"
#include "shared/split.h"
#include "shared/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *chain_name(enum lp_chain chain)
{
    static const char *const names[] = {"text", "text+zstd", "tokens", "tokens+zstd", "tokens+mix"};
    return names[chain];
}

/* --- Reading ----------------------------------------------------------------- */

enum lp_status input_read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct input *in = ctx;
    unsigned char *to = data;
    while (n > 0) {
        ssize_t got = pread(in->fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            tool_die(in->tool, EXIT_IO, "%s: cannot read: %s", in->name, strerror(errno));
        if (got == 0)
            return LP_TRUNCATED;
        if (in->tool->progress != NULL)
            progress_add(in->tool->progress, (uint64_t)got);
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return LP_OK;
}

/* An unnamed temporary file. It has a name at first, when no signal may end the program. */
static FILE *temporary(const struct tool *tool)
{
    FILE *file;
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    do
        file = tmpfile();
    while (file == NULL && errno == EINTR);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (file == NULL)
        tool_die(tool, EXIT_IO, "temporary file: cannot create: %s", strerror(errno));
    return file;
}

void input_spool(struct tool *tool)
{
    struct stat st;
    char *standard[] = {"-", NULL}, **files = tool->files[0] != NULL ? tool->files : standard;
    for (; *files != NULL && tool->spool == NULL; files++) {
        const bool named = strcmp(*files, "-") != 0;
        int known = named ? stat(*files, &st) : fstat(STDIN_FILENO, &st);
        if (known == 0 && !(named ? S_ISREG(st.st_mode) : input_is_whole(STDIN_FILENO, &st)))
            tool->spool = temporary(tool);
    }
}

/* Copies a pipe to the temporary file, whose content of before goes. */
static void spool(const struct tool *tool, struct input *in)
{
    FILE *file = tool->spool != NULL ? tool->spool : temporary(tool);
    bool good = lseek(fileno(file), 0, SEEK_SET) == 0 && ftruncate(fileno(file), 0) == 0;
    for (size_t n; good && (n = input_read(tool, in)) > 0;)
        good = write_whole(fileno(file), in->data, n);
    if (in->fd != STDIN_FILENO)
        close(in->fd);
    in->fd = good ? dup(fileno(file)) : -1;
    if (in->fd < 0)
        tool_die(tool, EXIT_IO, "temporary file: cannot write: %s", strerror(errno));
    in->regular = true;
}

uint64_t input_seekable(const struct tool *tool, struct input *in)
{
    struct stat st;
    if (!in->regular)
        spool(tool, in);
    if (fstat(in->fd, &st) != 0)
        tool_die(tool, EXIT_IO, "%s: cannot read: %s", in->name, strerror(errno));
    return (uint64_t)st.st_size;
}

void stored_add(void *to, const struct stored *stored)
{
    struct stored_list *list = to;
    list->v = array_grow(list->v, list->n, &list->cap, sizeof *list->v);
    if (list->v == NULL)
        tool_die(list->tool, EXIT_IO, "out of memory");
    list->v[list->n++] = *stored;
}

struct stored stored_blob(const char *name, const struct lp_blob_info *info, uint64_t size,
                          uint64_t text_size)
{
    struct stored stored = {.file = name,
                            .blob = true,
                            .chain = info->chain,
                            .dict = info->dict,
                            .model = info->model,
                            .nrecords = 1,
                            .nblocks = 1,
                            .nkeys = 1,
                            .block_limit = LP_BLOCK_MAX,
                            .text_size = text_size,
                            .size = size,
                            .checked = info->checked,
                            .check = info->check};
    memcpy(stored.vocab, info->vocab, sizeof stored.vocab);
    return stored;
}

struct stored stored_segment(const char *name, const struct lp_segment *s)
{
    struct stored stored = {.file = name,
                            .chain = s->chain,
                            .split = s->split,
                            .vocab_fingerprint = s->vocab_fingerprint,
                            .dict = s->dict,
                            .model = s->model,
                            .nrecords = s->nrecords,
                            .nblocks = s->nblocks,
                            .window = s->window,
                            .nkeys = s->nkeys,
                            .block_limit = s->block_limit,
                            .text_size = s->text_size,
                            .size = s->size,
                            .checked = true,
                            .check = s->check};
    memcpy(stored.vocab, s->vocab, sizeof stored.vocab);
    return stored;
}

static void read_blob(const struct tool *tool, struct input *in, struct finder *finder,
                      uint64_t memory, stored_sink *sink, void *ctx)
{
    struct lp_blob_info info = {.checked = false};
    struct lp_codec *codec;
    const void *text;
    size_t text_size, n = input_blob(tool, in, memory);
    const unsigned char *data = in->data;
    enum lp_status status = lp_codec_new(&(struct lp_options){.memory = memory}, &codec);
    if (status != LP_OK)
        tool_fail(tool, in->name, status, 0, NULL);
    status = lp_unpack(codec, data, n, tool_find, finder, &text, &text_size);
    if (status != LP_OK) {
        form_refuse_other(tool, in->name, data, n);
        tool_fail(tool, in->name, status, 0, lp_codec_need(codec));
    }
    lp_blob_info(data, n, &info);
    const struct stored stored = stored_blob(in->name, &info, n, text_size);
    sink(ctx, &stored);
    lp_codec_free(codec);
}

static void read_stream(const struct tool *tool, struct input *in, struct finder *finder,
                        uint64_t memory, stored_sink *sink, void *ctx)
{
    struct lp_file *file;
    struct lp_segment s;
    struct lp_reader_options options = {.find = tool_find, .find_ctx = finder, .memory = memory};
    enum lp_status status =
        lp_file_open(input_read_at, in, input_seekable(tool, in), &options, &file);
    for (size_t i = 0; status == LP_OK && (status = lp_file_segment(file, i, &s)) == LP_OK; i++) {
        const struct stored stored = stored_segment(in->name, &s);
        sink(ctx, &stored);
    }
    if (status != LP_USAGE)
        tool_fail(tool, in->name, status, file != NULL ? lp_file_offset(file) : 0,
                  file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
}

void stored_read(const struct tool *tool, struct input *in, struct finder *finder, uint64_t memory,
                 stored_sink *sink, void *ctx)
{
    if (lp_is_blob(in->data, input_peek(tool, in, 1)))
        read_blob(tool, in, finder, memory, sink, ctx);
    else
        read_stream(tool, in, finder, memory, sink, ctx);
}

/* --- Printing ---------------------------------------------------------------- */

double stored_ratio(const struct stored *s)
{
    return s->size > 0 ? (double)s->text_size / (double)s->size : 0;
}

static double saved(const struct stored *s)
{
    return s->text_size > 0 ? 1 - (double)s->size / (double)s->text_size : 0;
}

static void put_sizes(struct output *out, const struct stored *s)
{
    char a[32];
    output_print(out, "  text        %s byte%s\n", commas(a, s->text_size), plural(s->text_size));
    output_print(out, "  stored      %s byte%s: ratio %.2f, %.1f%% saved\n", commas(a, s->size),
                 plural(s->size), stored_ratio(s), 100 * saved(s));
}

static void put_stored(struct output *out, const struct stored *s, size_t segment, size_t segments)
{
    static const char *const ends[] = {"", ", NUL-terminated", ", one per line"};
    char a[32];
    output_name(out, s->file, 0);
    output_print(out, s->blob ? ": a blob" : ": a stream");
    if (!s->blob && segments > 1)
        output_print(out, ", segment %zu of %zu", segment, segments);
    output_print(out, "\n");
    output_print(out, "  chain       %s\n", chain_name(s->chain));
    if (s->vocab[0] != 0)
        output_print(out, "  vocabulary  %s", s->vocab);
    if (s->vocab[0] != 0 && s->vocab_fingerprint != 0)
        output_print(out, ", fingerprint %016" PRIx64, s->vocab_fingerprint);
    output_print(out, s->vocab[0] != 0 ? "\n" : "");
    if (s->dict != 0)
        output_print(out, "  dictionary  fingerprint %016" PRIx64 "\n", s->dict);
    if (s->model != 0)
        output_print(out, "  model       fingerprint %016" PRIx64 "%s\n", s->model,
                     lp_model_ships(s->model) ? " (shipped)" : "");
    output_print(out, "  records     %s%s\n", commas(a, s->nrecords), ends[s->split]);
    if (!s->blob) {
        output_print(out, "  blocks      %s", commas(a, s->nblocks));
        output_print(out, ", at most %s byte%s of text each\n", commas(a, s->block_limit),
                     plural(s->block_limit));
    }
    if (s->window != 0) {
        output_print(out, "  window      %s bytes of codes", commas(a, s->window));
        output_print(out, ", %s key block%s\n", commas(a, s->nkeys), plural(s->nkeys));
    }
    put_sizes(out, s);
    if (s->blob && s->checked)
        output_print(out, "  checksum    %08" PRIx32 " OK\n", s->check);
    else if (s->checked)
        output_print(out, "  checksum    %08" PRIx32 " (test every block with lpunpack -t)\n",
                     s->check);
    else
        output_print(out, "  checksum    none\n");
}

/* The end of those from the i-th on that are of one file. */
static size_t end_of_file(const struct stored_list *list, size_t i)
{
    const char *file = list->v[i].file;
    while (i < list->n && list->v[i].file == file) /* the same operand */
        i++;
    return i;
}

void stored_table(const struct stored_list *list, struct output *out)
{
    struct stored total = {0};
    char a[32];
    for (size_t i = 0, first = 0, end = 0; i < list->n; i++) {
        const struct stored *s = &list->v[i];
        if (i == end) {
            first = i;
            end = end_of_file(list, i);
        }
        if (i > 0)
            output_print(out, "\n");
        put_stored(out, s, i - first + 1, end - first);
        total.text_size += s->text_size;
        total.size += s->size;
        total.nrecords += s->nrecords;
    }
    if (list->n > 1) {
        output_print(out, "\ntotal\n  records     %s\n", commas(a, total.nrecords));
        put_sizes(out, &total);
    }
}

static void put_hex(struct json *json, const char *key, uint64_t value, int digits, bool known)
{
    char text[24];
    snprintf(text, sizeof text, "%0*" PRIx64, digits, value);
    json_text(json, key, known ? text : NULL);
}

void stored_json_item(struct json *json, const struct stored *s)
{
    json_open(json, NULL, '{');
    json_text(json, "file", s->file);
    json_text(json, "kind", s->blob ? "blob" : "segment");
    json_text(json, "chain", chain_name(s->chain));
    json_text(json, "vocabulary", s->vocab[0] != 0 ? s->vocab : NULL);
    put_hex(json, "vocabulary_fingerprint", s->vocab_fingerprint, 16, s->vocab_fingerprint != 0);
    put_hex(json, "dictionary", s->dict, 16, s->dict != 0);
    put_hex(json, "model", s->model, 16, s->model != 0);
    json_text(json, "split", split_name(s->split));
    json_count(json, "records", s->nrecords);
    json_count(json, "blocks", s->nblocks);
    json_count(json, "block_limit", s->block_limit);
    json_count(json, "window", s->window);
    json_count(json, "key_blocks", s->nkeys);
    json_count(json, "text_bytes", s->text_size);
    json_count(json, "stored_bytes", s->size);
    json_number(json, "ratio", stored_ratio(s));
    json_number(json, "saved", saved(s));
    put_hex(json, "check", s->check, 8, s->checked);
    json_close(json, '}');
}

void stored_json(const struct stored_list *list, struct output *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_text(&json, "kind", "stored");
    json_open(&json, "items", '[');
    for (size_t i = 0; i < list->n; i++)
        stored_json_item(&json, &list->v[i]);
    json_close(&json, ']');
    json_close(&json, '}');
}

void stored_csv(const struct stored_list *list, struct output *out)
{
    output_print(out, "file,kind,chain,vocabulary,dictionary,model,split,records,blocks,window,"
                      "key_blocks,text_bytes,stored_bytes,ratio,saved,check\n");
    for (size_t i = 0; i < list->n; i++) {
        const struct stored *s = &list->v[i];
        char dict[24] = "", model[24] = "", check[16] = "", r[32], v[32];
        if (s->dict != 0)
            snprintf(dict, sizeof dict, "%016" PRIx64, s->dict);
        if (s->model != 0)
            snprintf(model, sizeof model, "%016" PRIx64, s->model);
        if (s->checked)
            snprintf(check, sizeof check, "%08" PRIx32, s->check);
        json_digits(r, sizeof r, stored_ratio(s));
        json_digits(v, sizeof v, saved(s));
        csv_text(out, s->file);
        output_print(out, ",%s,%s,%s,%s,%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                     s->blob ? "blob" : "segment", chain_name(s->chain), s->vocab, dict, model,
                     split_name(s->split), s->nrecords, s->nblocks, s->window, s->nkeys);
        output_print(out, ",%" PRIu64 ",%" PRIu64 ",%s,%s,%s\n", s->text_size, s->size, r, v,
                     check);
    }
}
