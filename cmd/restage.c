#include "restage.h"

bool input_is_stream(const struct tool *tool, struct input *in)
{
    size_t n = input_peek(tool, in, 4);
    return n >= 4 && lp_is_stream(in->data, n) && in->data[3] == 'H';
}

static _Noreturn void fail(const struct lp_options *options, struct output *out, const char *name,
                           enum lp_status status, uint64_t offset, const struct lp_need *need)
{
    output_flush(out); /* what was written before the error stays good */
    if (status == LP_NO_MODEL && need->fingerprint == 0 && options->model != NULL)
        tool_die(out->tool, EXIT_DATA, "%s: has tokens of %s, but -D names a model of %s", name,
                 need->name, lp_model_vocab(options->model));
    if (status == LP_USAGE)
        tool_die(out->tool, EXIT_DATA, "%s: has text without tokens: lpunpack it, lptok makes them",
                 name);
    tool_fail(out->tool, name, status, offset, need);
}

void restage_stream(const struct lp_options *options, struct finder *finder, struct input *in,
                    struct output *out)
{
    struct lp_stage *stage;
    enum lp_status status = lp_stage_new(options, tool_find, finder, output_sink, out, &stage);
    if (status != LP_OK)
        fail(options, out, in->name, status, 0, NULL);
    for (size_t n; status == LP_OK && (n = input_read(out->tool, in)) > 0;) {
        status = lp_stage_push(stage, in->data, n);
        if (options->threads <= 1)
            output_flush(out); /* what came in whole goes out: lptok --flush reaches through */
    }
    if (status == LP_OK)
        status = lp_stage_finish(stage);
    if (status != LP_OK)
        fail(options, out, in->name, status, lp_stage_offset(stage), lp_stage_need(stage));
    lp_stage_free(stage);
}

void restage_blob(const struct lp_options *options, struct finder *finder, const char *name,
                  const unsigned char *data, size_t n, struct output *out)
{
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    enum lp_status status = lp_codec_new(options, &codec);
    if (status != LP_OK)
        fail(options, out, name, status, 0, NULL);
    status = lp_restage(codec, data, n, tool_find, finder, &blob, &size);
    if (status != LP_OK)
        fail(options, out, name, status, 0, lp_codec_need(codec));
    output_sink(out, blob, size);
    lp_codec_free(codec);
}
