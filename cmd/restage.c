#include "restage.h"

bool input_is_stream(const struct tool *tool, struct input *in)
{
    size_t n = input_peek(tool, in, 4);
    return n >= 4 && lp_is_stream(in->data, n) && in->data[3] == 'H';
}

static _Noreturn void fail(const struct lp_options *options, struct output *out, const char *name,
                           enum lp_status status, uint64_t offset, const struct lp_need *need)
{
    if (status == LP_NO_MODEL && need->fingerprint == 0 && options->model != NULL)
        tool_die(out->tool, EXIT_DATA, "%s: has tokens of %s, but -D names a model of %s", name,
                 need->name, lp_model_vocab(options->model));
    if (status == LP_USAGE)
        tool_die(out->tool, EXIT_DATA, "%s: has text without tokens: lpunpack it, lptok makes them",
                 name);
    tool_fail(out->tool, name, status, offset, need);
}

void restage_stream(struct restage *r, struct input *in)
{
    enum lp_status status = LP_OK;
    uint64_t taken = 0;
    if (r->stage == NULL)
        status = lp_stage_new(r->options, tool_find, r->finder, output_sink, r->out, &r->stage);
    if (status != LP_OK)
        fail(r->options, r->out, in->name, status, 0, NULL);
    for (size_t n; status == LP_OK && (n = input_read(r->out->tool, in)) > 0; taken += n) {
        status = lp_stage_push(r->stage, in->data, n);
        if (r->options->threads <= 1)
            output_flush(r->out); /* what came in whole goes out: lptok --flush reaches through */
    }
    if (status == LP_OK)
        status = lp_stage_end_input(r->stage);
    if (status != LP_OK)
        fail(r->options, r->out, in->name, status, lp_stage_offset(r->stage) - r->before,
             lp_stage_need(r->stage));
    r->before += taken;
}

void restage_finish(struct restage *r)
{
    enum lp_status status = r->stage != NULL ? lp_stage_finish(r->stage) : LP_OK;
    if (status != LP_OK)
        fail(r->options, r->out, r->out->name, status, 0, NULL);
    lp_stage_free(r->stage);
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
