/* Text packed: a stream, a blob, LoPace's token payload. */
#include "lptok/lptok.h"

#include <stdlib.h>

void write_stream(const struct tool *tool, const struct options *o, struct output *out)
{
    struct input in;
    struct lp_writer *writer;
    tool_check(tool, out->name, lp_writer_new(&o->lp, output_sink, out, &writer));
    for (size_t i = 0; next_text(tool, o, i, &in); i++) {
        for (size_t n; (n = input_read(tool, &in)) > 0;) {
            tool_check(tool, in.name, lp_writer_push(writer, in.data, n));
            if (o->lp.flush)
                output_flush(out);
        }
        tool_check(tool, in.name, lp_writer_end_record(writer));
        input_close(&in);
    }
    tool_check(tool, out->name, lp_writer_finish(writer));
    lp_writer_free(writer);
}

void write_record(const struct tool *tool, const struct options *o, struct output *out)
{
    struct input in;
    struct lp_codec *codec;
    unsigned char *text;
    const void *packed;
    size_t size;
    tool_check(tool, out->name, lp_codec_new(&o->lp, &codec));
    next_text(tool, o, 0, &in);
    size_t n = input_all(tool, &in, LP_BLOCK_MAX, &text);
    tool_check(tool, in.name,
               o->mode == BLOB ? lp_pack(codec, text, n, &packed, &size)
                               : lp_lopace_pack(codec, LP_LOPACE_TOKEN, text, n, &packed, &size));
    output_sink(out, packed, size);
    input_close(&in);
    free(text);
    lp_codec_free(codec);
}
