/* stored.c - what a stream or blob holds: its segments, its records, its damage, its text. */
#include "lpweb/api.h"

#include "shared/buffer.h"
#include "shared/json.h"
#include "shared/stored.h"

#include <stdlib.h>
#include <string.h>

/* Text that is restored for a page, and of the begin of each record. */
static const uint64_t text_max = (uint64_t)256 << 20;
enum { START_MAX = 240, PIECE = 64 << 10 };

/* An lp_read_at of the body of a call. */
static enum lp_status read_body(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct call *call = ctx;
    if (offset > call->ntext || n > call->ntext - offset)
        return LP_TRUNCATED;
    memcpy(data, call->text + offset, n);
    return LP_OK;
}

static struct lp_file *open_file(const struct call *call, enum lp_status *status)
{
    const struct lp_reader_options options = {.find = tool_find, .find_ctx = call->finder};
    struct lp_file *file = NULL;
    *status = lp_file_open(read_body, (void *)(uintptr_t)call, call->ntext, &options, &file);
    return file;
}

/* The text of a blob, which the codec keeps. */
static enum lp_status unpack(const struct call *call, struct lp_codec *codec, const void **text,
                             size_t *n)
{
    return lp_unpack(codec, call->text, call->ntext, tool_find, call->finder, text, n);
}

static struct lp_codec *new_codec(const struct call *call)
{
    struct lp_codec *codec;
    api_check(call, lp_codec_new(&(struct lp_options){.max_text = text_max}, &codec));
    return codec;
}

static bool is_blob(const struct call *call)
{
    return lp_is_blob(call->text, call->ntext);
}

/* Writes what went wrong, or null. */
static void put_error(const struct call *call, struct json *json, enum lp_status status,
                      const struct lp_need *need)
{
    char why[5000];
    tool_explain(call->tool, why, sizeof why, status, need);
    json_text(json, "error", status == LP_OK ? NULL : why);
}

/* --- Segments ------------------------------------------------------------------------ */

static void put_segments(const struct call *call, struct json *json)
{
    enum lp_status status;
    struct lp_segment segment;
    struct lp_file *file = open_file(call, &status);
    json_open(json, "items", '[');
    for (size_t i = 0; status == LP_OK; i++) {
        status = lp_file_segment(file, i, &segment);
        if (status != LP_OK)
            break;
        const struct stored stored = stored_segment(NULL, &segment);
        stored_json_item(json, &stored);
    }
    json_close(json, ']');
    put_error(call, json, status == LP_USAGE ? LP_OK : status,
              file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
}

static void put_blob(const struct call *call, struct json *json)
{
    struct lp_codec *codec = new_codec(call);
    struct lp_blob_info info = {.checked = false};
    const void *text;
    size_t n = 0;
    const enum lp_status status = unpack(call, codec, &text, &n);
    json_open(json, "items", '[');
    if (lp_blob_info(call->text, call->ntext, &info) == LP_OK) {
        const struct stored stored = stored_blob(NULL, &info, call->ntext, n);
        stored_json_item(json, &stored);
    }
    json_close(json, ']');
    put_error(call, json, status, lp_codec_need(codec));
    lp_codec_free(codec);
}

/* As lpunpack -l --json; what is damaged is listed up to there. The kind is null for what is
 * neither a stream nor a blob. */
void answer_stored(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const bool stream = lp_is_stream(call->text, call->ntext);
    json_open(&json, NULL, '{');
    json_text(&json, "kind", is_blob(call) ? "blob" : stream ? "stream" : NULL);
    json_count(&json, "stored_bytes", call->ntext);
    if (is_blob(call))
        put_blob(call, &json);
    else if (stream)
        put_segments(call, &json);
    json_close(&json, '}');
}

/* --- Records ------------------------------------------------------------------------- */

/* A loss, to be written when the records have been. */
struct losses {
    struct lp_loss *v;
    size_t n;
};

/* A record to be listed. Its number is known once the losses before it are, which is later. */
struct shown {
    uint64_t nth; /* of those that were restored, from 1 */
    uint64_t size, nmatches;
    unsigned char start[START_MAX];
    size_t nstart;
};

/* Lists the records of a stream. */
struct listing {
    const struct call *call;
    struct json *json;
    struct buffer text; /* of the record so far */
    char *needle;       /* in lower case unless case counts; NULL: all records */
    uint64_t nrecords, nmatching, text_bytes;
    struct shown *shown;
    size_t nshown, shown_cap;
    struct losses losses;
};

static void to_lower(unsigned char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text[i] = (unsigned char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
}

/* How often the needle stands in the record. */
static uint64_t matches(const struct listing *l, const unsigned char *text, size_t size)
{
    const size_t n = l->call->nbeside;
    uint64_t count = 0;
    for (size_t at = 0; n > 0 && at + n <= size;) {
        const unsigned char *found = memchr(text + at, l->needle[0], size - at - n + 1);
        if (found == NULL)
            break;
        at = (size_t)(found - text);
        const bool same = memcmp(found, l->needle, n) == 0;
        count += same;
        at += same ? n : 1;
    }
    return count;
}

/* The same for the record so far, in lower case unless case counts. */
static uint64_t count_matches(const struct listing *l)
{
    if (!l->call->ignore_case)
        return matches(l, l->text.v, l->text.n);
    unsigned char *text = tool_realloc(l->call->tool, NULL, l->text.n, 1);
    if (l->text.n > 0)
        memcpy(text, l->text.v, l->text.n);
    to_lower(text, l->text.n);
    const uint64_t count = matches(l, text, l->text.n);
    free(text);
    return count;
}

/* An lp_sink: the text of the record that is read. */
static enum lp_status take_text(void *ctx, const void *data, size_t n)
{
    struct listing *l = ctx;
    l->text_bytes += n;
    return buffer_add(&l->text, data, n) ? LP_OK : LP_NOMEM;
}

static size_t start_of(const unsigned char *text, size_t n)
{
    if (n <= START_MAX)
        return n;
    for (n = START_MAX; n > START_MAX - 4 && (text[n] & 0xC0) == 0x80;)
        n--; /* cut no character */
    return n;
}

static void add_record(struct listing *l, uint64_t nth, uint64_t nmatches)
{
    l->shown = array_grow(l->shown, l->nshown, &l->shown_cap, sizeof *l->shown);
    if (l->shown == NULL)
        tool_die(l->call->tool, EXIT_IO, "out of memory");
    struct shown *shown = &l->shown[l->nshown++];
    *shown = (struct shown){.nth = nth, .size = l->text.n, .nmatches = nmatches};
    shown->nstart = start_of(l->text.v, l->text.n);
    if (shown->nstart > 0)
        memcpy(shown->start, l->text.v, shown->nstart);
}

/* The number in the stream of the nth record that was restored; 0 where it is not known. */
static uint64_t number_of(const struct losses *losses, uint64_t nth)
{
    uint64_t before = 0,
             last = 0; /* records restored up to a loss; the number of the last of these */
    for (size_t i = 0; i < losses->n; i++) {
        const struct lp_loss *loss = &losses->v[i];
        if (loss->first_record == UINT64_MAX || loss->first_record <= last)
            return 0;
        const uint64_t good = before + loss->first_record - last - !loss->begun;
        if (nth <= good)
            break;
        if (loss->nrecords == UINT64_MAX)
            return 0;
        before = good;
        last = loss->first_record + loss->nrecords - 1 + (loss->nrecords == 0 && loss->begun) -
               loss->continued;
    }
    return nth - before + last;
}

static void put_record(struct listing *l, const struct shown *shown)
{
    const uint64_t number = number_of(&l->losses, shown->nth);
    json_open_flat(l->json, NULL, '{');
    if (number == 0)
        json_null(l->json, "number");
    else
        json_count(l->json, "number", number);
    json_count(l->json, "bytes", shown->size);
    json_bytes(l->json, "start", shown->start, shown->nstart);
    json_count(l->json, "matches", shown->nmatches);
    json_close(l->json, '}');
}

/* An lp_on_record: the record ends here. Those that match are counted from 1. */
static enum lp_status take_record(void *ctx, uint64_t number, uint64_t size)
{
    struct listing *l = ctx;
    const uint64_t first = (uint64_t)l->call->first, count = (uint64_t)l->call->count;
    uint64_t nmatches = 0;
    (void)size; /* what is left of a record at the edge of a loss is shown too */
    l->nrecords++;
    if (l->call->nbeside > 0)
        nmatches = count_matches(l);
    if (l->call->nbeside == 0 || nmatches > 0) {
        l->nmatching++;
        if (l->nmatching >= first && l->nmatching - first < count)
            add_record(l, number, nmatches);
    }
    l->text.n = 0;
    return LP_OK;
}

/* An lp_on_loss. */
static void take_loss(void *ctx, const struct lp_loss *loss)
{
    struct listing *l = ctx;
    l->losses.v = tool_realloc(l->call->tool, l->losses.v, l->losses.n + 1, sizeof *l->losses.v);
    l->losses.v[l->losses.n++] = *loss;
}

static void put_known(struct json *json, const char *key, uint64_t value)
{
    if (value == UINT64_MAX)
        json_null(json, key);
    else
        json_count(json, key, value);
}

static void put_losses(struct json *json, const struct losses *losses)
{
    json_open(json, "losses", '[');
    for (size_t i = 0; i < losses->n; i++) {
        const struct lp_loss *loss = &losses->v[i];
        json_open_flat(json, NULL, '{');
        json_count(json, "offset", loss->offset);
        json_count(json, "bytes", loss->size);
        put_known(json, "first_record", loss->first_record);
        put_known(json, "records", loss->nrecords);
        put_known(json, "text_offset", loss->text_offset);
        put_known(json, "text_bytes", loss->text_size);
        json_text(json, "why", lp_status_text(loss->why));
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Reads a stream, and what is left of a damaged one. */
static enum lp_status read_stream(const struct call *call, struct lp_reader_options *options,
                                  lp_sink *sink, void *ctx, struct lp_reader **reader)
{
    options->find = tool_find;
    options->find_ctx = call->finder;
    options->max_text = text_max;
    enum lp_status status = lp_reader_new(options, sink, ctx, reader);
    for (size_t at = 0, n; status == LP_OK && at < call->ntext; at += n) {
        n = call->ntext - at < PIECE ? call->ntext - at : PIECE;
        status = lp_reader_push(*reader, call->text + at, n);
    }
    return status == LP_OK ? lp_reader_finish(*reader) : status;
}

static void put_records(struct listing *l)
{
    for (size_t i = 0; i < l->nshown; i++)
        put_record(l, &l->shown[i]);
    json_close(l->json, ']');
}

static void list_stream(struct listing *l)
{
    struct lp_reader_options options = {
        .on_loss = take_loss, .loss_ctx = l, .on_record = take_record, .record_ctx = l};
    struct lp_reader *reader = NULL;
    const enum lp_status status = read_stream(l->call, &options, take_text, l, &reader);
    put_records(l);
    put_error(l->call, l->json, l->losses.n > 0 && status == LP_DATA ? LP_OK : status,
              reader != NULL ? lp_reader_need(reader) : NULL);
    lp_reader_free(reader);
}

static void list_blob(struct listing *l)
{
    struct lp_codec *codec = new_codec(l->call);
    const void *text;
    size_t n;
    enum lp_status status = unpack(l->call, codec, &text, &n);
    if (status == LP_OK)
        status = take_text(l, text, n);
    if (status == LP_OK)
        status = take_record(l, 1, n);
    put_records(l);
    put_error(l->call, l->json, status, lp_codec_need(codec));
    lp_codec_free(codec);
}

/* The words that are searched for stand before the file. */
static char *needle_of(const struct call *call)
{
    char *needle = tool_realloc(call->tool, NULL, call->nbeside + 1, 1);
    memcpy(needle, call->beside, call->nbeside);
    if (call->ignore_case)
        to_lower((unsigned char *)needle, call->nbeside);
    return needle;
}

void answer_records(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    struct listing l = {.call = call, .json = &json, .needle = needle_of(call)};
    json_open(&json, NULL, '{');
    json_open(&json, "records", '[');
    if (is_blob(call))
        list_blob(&l);
    else
        list_stream(&l);
    json_count(&json, "nrecords", l.nrecords);
    json_count(&json, "nmatching", l.nmatching);
    json_count(&json, "text_bytes", l.text_bytes);
    put_losses(&json, &l.losses);
    json_close(&json, '}');
    free(l.losses.v);
    free(l.shown);
    free(l.needle);
    free(l.text.v);
}

/* --- Text ---------------------------------------------------------------------------- */

static void put_unpacked(const struct call *call, struct output *out)
{
    struct lp_codec *codec = new_codec(call);
    const void *text;
    size_t n;
    const enum lp_status status = unpack(call, codec, &text, &n);
    if (status != LP_OK)
        tool_fail(call->tool, "the blob", status, 0, lp_codec_need(codec));
    output_sink(out, text, n);
    lp_codec_free(codec);
}

/* One record, its separator included. */
void answer_record(const struct call *call, struct output *out)
{
    enum lp_status status;
    if (is_blob(call) && call->first == 1) {
        put_unpacked(call, out);
        return;
    }
    struct lp_file *file = open_file(call, &status);
    if (status == LP_OK)
        status = lp_file_record(file, (uint64_t)call->first, output_sink, out);
    if (status == LP_USAGE)
        tool_die(call->tool, EXIT_DATA, "there is no record %ld", call->first);
    if (status != LP_OK)
        tool_fail(call->tool, "the stream", status, file != NULL ? lp_file_offset(file) : 0,
                  file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
}

static void count_loss(void *ctx, const struct lp_loss *loss)
{
    (void)loss;
    ++*(size_t *)ctx;
}

/* All text, or what is left of it. */
void answer_text(const struct call *call, struct output *out)
{
    size_t nlosses = 0;
    struct lp_reader_options options = {.on_loss = count_loss, .loss_ctx = &nlosses};
    struct lp_reader *reader = NULL;
    if (is_blob(call)) {
        put_unpacked(call, out);
        return;
    }
    const enum lp_status status = read_stream(call, &options, output_sink, out, &reader);
    if (status != LP_OK && !(status == LP_DATA && nlosses > 0))
        tool_fail(call->tool, "the stream", status, reader != NULL ? lp_reader_offset(reader) : 0,
                  reader != NULL ? lp_reader_need(reader) : NULL);
    lp_reader_free(reader);
}
