#include "lpgrep/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- One input ------------------------------------------------------------------ */

/* Says why an input could not be read to its end. */
static void fail(struct run *r, const struct input *in, enum lp_status status, uint64_t offset,
                 const struct lp_need *need)
{
    if (status == LP_IO && r->finder.unread[0] != 0)
        tool_warn(r->tool, "%s", r->finder.unread);
    else
        tool_tell(r->tool, in->name, status, offset, need);
}

/* The same of search_push() and its like. */
static bool taken(struct run *r, const struct input *in, enum lp_status status)
{
    if (status == LP_LIMIT)
        tool_warn(r->tool, "%s: a %s takes more memory than allowed: raise it with -M", in->name,
                  r->o->records ? "record" : "line");
    else if (status != LP_OK && status != LP_STOP)
        fail(r, in, status, 0, NULL);
    return status == LP_OK || status == LP_STOP;
}

/* Pushes text whose records, if any, end with NUL. */
static enum lp_status push_text(struct run *r, const unsigned char *text, size_t n)
{
    enum lp_status status = LP_OK;
    while (status == LP_OK && n > 0) {
        const unsigned char *end = r->o->null ? memchr(text, 0, n) : NULL;
        const size_t size = end != NULL ? (size_t)(end - text) + 1 : n;
        status = search_push(r->search, text, size);
        if (status == LP_OK && end != NULL)
            status = search_end_record(r->search);
        text += size;
        n -= size;
    }
    return status;
}

/* What a pipe has delivered is searched, and what was found goes out, before the next read makes it
 * wait; and a search that may end early looks whether it can. */
static enum lp_status pass_on(struct run *r, const struct input *in)
{
    const enum show show = r->o->show;
    const bool early = show == SHOW_NAME || show == SHOW_MISSING || show == SHOW_NOTHING ||
                       r->o->max_count != UINT64_MAX;
    enum lp_status status = !in->regular || early ? search_flush(r->search) : LP_OK;
    if (!in->regular)
        output_flush(&r->out);
    return status;
}

static bool search_text(struct run *r, struct input *in)
{
    enum lp_status status = LP_OK;
    search_begin(r->search, r->o->null);
    for (size_t n; status == LP_OK && (n = input_read(r->tool, in)) > 0;) {
        status = push_text(r, in->data, n);
        if (status == LP_OK)
            status = pass_on(r, in);
    }
    if (status == LP_OK)
        status = search_finish(r->search);
    return taken(r, in, status) && !in->failed;
}

static bool search_blob(struct run *r, struct input *in)
{
    struct lp_codec *codec;
    const void *text;
    size_t size, n = input_blob(r->tool, in, r->o->memory);
    const struct lp_options options = {.memory = r->o->memory};
    search_begin(r->search, true);
    enum lp_status status = lp_codec_new(&options, &codec);
    if (status == LP_OK)
        status = lp_unpack(codec, in->data, n, finder_try, &r->finder, &text, &size);
    bool good = status == LP_OK;
    if (!good)
        fail(r, in, status, 0, codec != NULL ? lp_codec_need(codec) : NULL);
    if (good)
        status = search_push(r->search, text, size);
    if (good && status == LP_OK)
        status = search_end_record(r->search);
    if (good && status == LP_OK)
        status = search_finish(r->search);
    lp_codec_free(codec);
    return good && taken(r, in, status);
}

/* What a reader calls. The search's own failures are not the stream's. */
struct sink {
    struct run *r;
    enum lp_status status; /* of the search */
};

static enum lp_status take(void *ctx, const void *text, size_t n, const uint64_t *ends,
                           size_t nends)
{
    struct sink *sink = ctx;
    sink->status = search_push_block(sink->r->search, text, n, ends, nends);
    return sink->status == LP_OK ? LP_OK : LP_STOP;
}

static bool search_stream(struct run *r, struct input *in)
{
    struct lp_reader *reader;
    struct sink sink = {.r = r};
    const struct lp_reader_options options = {.find = finder_try,
                                              .find_ctx = &r->finder,
                                              .memory = r->o->memory,
                                              .threads = r->o->threads,
                                              .on_block = take,
                                              .block_ctx = &sink};
    search_begin(r->search, true);
    enum lp_status status = lp_reader_new(&options, NULL, NULL, &reader);
    for (size_t n; status == LP_OK && (n = input_read(r->tool, in)) > 0;) {
        status = lp_reader_push(reader, in->data, n);
        if (status == LP_OK)
            status = sink.status = pass_on(r, in);
    }
    if (status == LP_OK && !in->failed)
        status = lp_reader_finish(reader);
    if (status != LP_OK && status != LP_STOP) {
        search_finish(r->search); /* what is right of a stream is searched to its last line */
        fail(r, in, status, reader != NULL ? lp_reader_offset(reader) : 0,
             reader != NULL ? lp_reader_need(reader) : NULL);
    } else if (status == LP_OK) {
        sink.status = search_finish(r->search);
    }
    lp_reader_free(reader);
    return (status == LP_OK || status == LP_STOP) && taken(r, in, sink.status) && !in->failed;
}

/* Whether a file's name says that it is packed. */
static bool is_named_packed(const char *name)
{
    const size_t n = strlen(name);
    return n > 3 && strcmp(name + n - 3, ".lp") == 0;
}

static bool search_input(struct run *r, struct input *in)
{
    r->finder.unread[0] = 0;
    switch (input_form(r->tool, in, &r->finder, true, r->o->memory)) {
    case FORM_STREAM:
        return search_stream(r, in);
    case FORM_BLOB:
        return search_blob(r, in);
    case FORM_UNCHECKED:
        tool_warn(r->tool, "%s: is text, or a blob without a checksum: use --text, or lpunpack",
                  in->name);
        return false;
    case FORM_TEXT:
        if (is_named_packed(in->name) && r->tool->take != TAKE_TEXT) {
            tool_warn(r->tool, "%s: not a lopace stream or blob; if it is text, use --text",
                      in->name);
            return false;
        }
        return search_text(r, in);
    default:
        return false;
    }
}

/* Whether an input is a file that the output goes to: a search of it would not end. */
static bool is_output(const struct run *r, const struct input *in)
{
    struct stat a, b;
    return fstat(in->fd, &a) == 0 && fstat(r->out.fd, &b) == 0 && S_ISREG(a.st_mode) &&
           same_file(&a, &b) && r->o->show < SHOW_COUNT;
}

static void search_open(struct run *r, struct input *in)
{
    in->lenient = true;
    if (is_output(r, in)) {
        tool_warn(r->tool, "%s: is also the output", in->name);
        r->failed = true;
        return;
    }
    print_begin(&r->printer, in->fd == STDIN_FILENO ? "(standard input)" : in->name);
    search_begin(r->search, false); /* should it be unusable */
    const bool whole = search_input(r, in) && !search_failed(r->search);
    if (search_failed(r->search))
        tool_warn(r->tool,
                  "%s: a match takes more steps or memory than allowed: simplify the pattern",
                  in->name);
    const uint64_t count = search_count(r->search);
    print_end(&r->printer, count, whole, search_size(r->search));
    r->failed = r->failed || !whole;
    r->found = r->found || count > 0;
}

/* --- Directories ------------------------------------------------------------------ */

/* Whether nothing more is wanted. */
static bool is_done(const struct run *r)
{
    return r->o->show == SHOW_NOTHING && r->found;
}

/* A scandir() filter. */
static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void walk(struct run *r, const char *directory);

/* Searches an entry of a directory: a file, or what is below it. Links lead elsewhere, and devices
 * may not end. */
static void search_entry(struct run *r, const char *directory, const char *name)
{
    struct stat st;
    struct input in;
    const size_t n = strlen(directory), size = n + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    snprintf(path, size, "%s%s%s", directory, n > 0 && directory[n - 1] != '/' ? "/" : "", name);
    if (lstat(path, &st) != 0) {
        tool_warn(r->tool, "%s: cannot open: %s", path, strerror(errno));
        r->failed = true;
    } else if (S_ISDIR(st.st_mode)) {
        walk(r, path);
    } else if (S_ISREG(st.st_mode)) {
        if (input_try(r->tool, &in, path)) {
            search_open(r, &in);
            input_close(&in);
        } else {
            r->failed = true;
        }
    }
    free(path);
}

static void walk(struct run *r, const char *directory)
{
    struct dirent **entries;
    const int n = scandir(directory, &entries, is_entry, alphasort);
    if (n < 0) {
        tool_warn(r->tool, "%s: cannot read: %s", directory, strerror(errno));
        r->failed = true;
        return;
    }
    for (int i = 0; i < n; i++) {
        if (!is_done(r))
            search_entry(r, directory, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void source_search(struct run *r, const char *file)
{
    struct stat st;
    struct input in;
    if (is_done(r))
        return;
    const bool standard = file == NULL || strcmp(file, "-") == 0;
    if (!standard && r->o->walk && stat(file, &st) == 0 && S_ISDIR(st.st_mode)) {
        walk(r, file);
    } else if (input_try(r->tool, &in, file)) {
        search_open(r, &in);
        input_close(&in);
    } else {
        r->failed = true;
    }
}
