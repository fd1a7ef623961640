#include "shared/recode.h"

#include "shared/buffer.h"
#include "shared/stored.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void fail(const struct lp_options *options, struct output *out, const char *name,
                           enum lp_status status, uint64_t offset, const struct lp_need *need)
{
    if (status == LP_NO_MODEL && need->fingerprint == 0 && options->model != NULL)
        tool_die(out->tool, EXIT_DATA, "%s: has tokens of %s, but -D names a model of %s", name,
                 need->name, lp_model_vocab(options->model));
    if (status == LP_USAGE)
        tool_die(out->tool, EXIT_DATA,
                 "%s: has text without tokens: restore it with lpunpack, then use lptok", name);
    tool_fail(out->tool, name, status, offset, need);
}

void recode_stream(struct recode *r, struct input *in)
{
    enum lp_status status = LP_OK;
    uint64_t taken = 0;
    if (r->recoder == NULL)
        status = lp_recoder_new(r->options, tool_find, r->finder, output_sink, r->out, &r->recoder);
    if (status != LP_OK)
        fail(r->options, r->out, in->name, status, 0, NULL);
    for (size_t n; status == LP_OK && (n = input_read(r->out->tool, in)) > 0; taken += n) {
        status = lp_recoder_push(r->recoder, in->data, n);
        /* pass on each whole block, so that lptok --flush reaches the end of a pipe */
        if (r->options->threads <= 1)
            output_flush(r->out);
    }
    if (status == LP_OK)
        status = lp_recoder_end_input(r->recoder);
    if (status != LP_OK)
        fail(r->options, r->out, in->name, status, lp_recoder_offset(r->recoder) - r->before,
             lp_recoder_need(r->recoder));
    r->before += taken;
}

void recode_finish(struct recode *r)
{
    enum lp_status status = r->recoder != NULL ? lp_recoder_finish(r->recoder) : LP_OK;
    if (status != LP_OK)
        fail(r->options, r->out, r->out->name, status, 0, NULL);
    lp_recoder_free(r->recoder);
}

/* --- Blobs ------------------------------------------------------------------- */

/* A codec to recode a blob; with the finder's parent if its tokens are to be looked for there. */
static enum lp_status new_codec(const struct lp_options *options, struct finder *finder,
                                const void *data, size_t n, struct lp_codec **codec)
{
    struct lp_options o = *options;
    struct lp_blob_info info;
    struct lp_found found = {0};
    const bool parent = o.chain == LP_CHAIN_TOKENS && finder->parent != NULL &&
                        lp_blob_info(data, n, &info) == LP_OK && info.vocab[0] != 0;
    if (parent) {
        const struct lp_need need = {.what = LP_NEED_VOCAB, .name = info.vocab};
        enum lp_status status = tool_find(finder, &need, &found);
        if (status != LP_OK)
            fail(options, &(struct output){.tool = finder->tool}, info.vocab, status, 0, &need);
        o.vocab = found.vocab;
    }
    enum lp_status status = lp_codec_new(&o, codec);
    return status == LP_OK && parent ? lp_codec_parent(*codec, finder->parent, finder->parent_size)
                                     : status;
}

static void put_blob(const struct lp_options *options, struct finder *finder, const char *name,
                     const void *data, size_t n, struct output *out)
{
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    enum lp_status status = new_codec(options, finder, data, n, &codec);
    if (status != LP_OK)
        fail(options, out, name, status, 0, NULL);
    status = lp_recode(codec, data, n, tool_find, finder, &blob, &size);
    if (status != LP_OK)
        form_refuse_other(out->tool, name, data, n);
    if (status != LP_OK)
        fail(options, out, name, status, 0, lp_codec_need(codec));
    output_sink(out, blob, size);
    lp_codec_free(codec);
}

/* A stream's only record. */
struct record {
    unsigned char *text; /* size bytes */
    size_t n, size;
    struct lp_ids ids; /* none without tokens */
};

static enum lp_status take_text(void *ctx, const void *data, size_t n)
{
    struct record *record = ctx;
    if (n > record->size - record->n)
        return LP_DATA;
    memcpy(record->text + record->n, data, n);
    record->n += n;
    return LP_OK;
}

static enum lp_status take_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                               size_t n, bool end)
{
    (void)vocab;
    (void)end;
    return ids_add(&((struct record *)ctx)->ids, ids, n) ? LP_OK : LP_NOMEM;
}

/* Reads all of a stream: its text, or with on_ids its tokens. */
static void read_stream(const struct lp_options *options, struct finder *finder, struct input *in,
                        lp_on_ids *on_ids, struct record *record, struct output *out)
{
    struct lp_reader *reader;
    struct lp_reader_options how = {.find = tool_find,
                                    .find_ctx = finder,
                                    .memory = options->memory,
                                    .threads = options->threads,
                                    .on_ids = on_ids,
                                    .ids_ctx = record};
    enum lp_status status = lp_reader_new(&how, take_text, record, &reader);
    uint64_t size = input_seekable(out->tool, in);
    for (uint64_t at = 0; status == LP_OK && at < size;) {
        size_t n = size - at < TOOL_BUFFER ? (size_t)(size - at) : TOOL_BUFFER;
        status = input_read_at(in, at, in->data, n);
        if (status == LP_OK)
            status = lp_reader_push(reader, in->data, n);
        at += n;
    }
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    if (status != LP_OK)
        fail(options, out, in->name, status, reader != NULL ? lp_reader_offset(reader) : 0,
             reader != NULL ? lp_reader_need(reader) : NULL);
    lp_reader_free(reader);
}

/* Adds a segment to a sum, which is otherwise like the last one with a record. */
static void add_up(void *ctx, const struct stored *segment)
{
    struct stored *sum = ctx;
    const uint64_t nrecords = sum->nrecords, text_size = sum->text_size;
    if (segment->nrecords > 0)
        *sum = *segment;
    sum->nrecords = nrecords + segment->nrecords;
    sum->text_size = text_size + segment->text_size;
}

enum { EACH = 16 }; /* bytes of memory that a byte of a record takes: text, ids, packed twice */

/* The segment of a stream's only record, by its headers. Exits unless there is exactly one, which
 * memory allows to be made a blob. */
static struct stored only_record(const struct tool *tool, struct input *in, struct finder *finder,
                                 uint64_t memory)
{
    struct stored only = {0};
    stored_read(tool, in, finder, memory, add_up, &only);
    const uint64_t nrecords = only.nrecords, size = only.text_size;
    if (nrecords != 1)
        tool_die(tool, EXIT_DATA,
                 "%s: a blob holds one record, this stream has %" PRIu64 ": omit --blob", in->name,
                 nrecords);
    if (size > LP_BLOCK_MAX)
        tool_die(tool, EXIT_DATA,
                 "%s: a blob holds at most %zu bytes, this stream %" PRIu64 ": omit --blob",
                 in->name, LP_BLOCK_MAX, size);
    if (size > (memory != 0 ? memory : LP_MEMORY_DEFAULT) / EACH)
        tool_fail(tool, in->name, LP_LIMIT, 0, NULL);
    return only;
}

/* Whether a record has special tokens: without them its text would have other ids. */
static bool has_special(struct lp_codec *codec, const struct record *record)
{
    const uint32_t *ids;
    size_t n;
    return lp_encode(codec, record->text, record->n, &ids, &n) == LP_OK &&
           (n != record->ids.n || (n > 0 && memcmp(ids, record->ids.v, n * sizeof *ids) != 0));
}

enum { HEAD = 16 }; /* bytes by which a blob is larger than its text, at most */

/* Packs a stream's only record as lptok --blob does, or as plain text where it has no tokens, and
 * recodes that blob. */
static void stream_to_blob(const struct lp_options *options, struct finder *finder,
                           struct input *in, struct output *out)
{
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    struct stored only = only_record(out->tool, in, finder, options->memory);
    struct record record = {.size = (size_t)only.text_size};
    struct lp_options packing = {.chain = LP_CHAIN_TEXT};
    struct lp_found found = {0};
    record.text = malloc(record.size + HEAD);
    if (record.text == NULL)
        tool_die(out->tool, EXIT_IO, "out of memory");
    read_stream(options, finder, in, NULL, &record, out);
    const struct lp_need need = {
        .what = LP_NEED_VOCAB, .name = only.vocab, .fingerprint = only.vocab_fingerprint};
    enum lp_status status = LP_OK;
    if (only.vocab[0] != 0) {
        read_stream(options, finder, in, take_ids, &record, out);
        status = tool_find(finder, &need, &found);
        packing = (struct lp_options){.chain = LP_CHAIN_TOKENS, .vocab = found.vocab};
    } else if (options->chain == LP_CHAIN_TOKENS_MIX) {
        status = LP_USAGE;
    }
    if (status == LP_OK)
        status = lp_codec_new(&packing, &codec);
    if (status == LP_OK && found.vocab != NULL && has_special(codec, &record)) {
        lp_codec_free(codec);
        packing.special = true;
        status = lp_codec_new(&packing, &codec);
    }
    if (status == LP_OK)
        status = lp_pack(codec, record.text, record.n, &blob, &size);
    if (status != LP_OK)
        fail(options, out, in->name, status, 0, &need);
    memcpy(record.text, blob, size);
    lp_codec_free(codec);
    free(record.ids.v);
    put_blob(options, finder, in->name, record.text, size, out);
    free(record.text);
}

void recode_to_blob(const struct lp_options *options, struct finder *finder, struct input *in,
                    enum form form, struct output *out)
{
    if (form == FORM_STREAM) {
        stream_to_blob(options, finder, in, out);
        return;
    }
    const size_t n = input_blob(out->tool, in, options->memory);
    put_blob(options, finder, in->name, in->data, n, out);
}

_Noreturn void recode_no_blob(const struct tool *tool, const struct input *in)
{
    tool_die(tool, EXIT_DATA, "%s: is a blob: use --blob to write a blob", in->name);
}

enum form recode_form(const struct tool *tool, struct input *in, bool to_blob)
{
    size_t n = input_peek(tool, in, 4);
    bool stream = lp_is_stream(in->data, n), blob = lp_is_blob(in->data, n);
    if (!stream && !blob)
        tool_die(tool, EXIT_DATA, "%s: not a token %s (make one with lptok%s)", in->name,
                 to_blob ? "blob or stream" : "stream", to_blob ? " --blob" : "");
    if (blob && !to_blob)
        recode_no_blob(tool, in);
    return stream ? FORM_STREAM : FORM_BLOB;
}
