#include "lopace/filter.h"

#include "lopace/work.h"
#include "shared/progress.h"

#include <stdlib.h>
#include <sys/stat.h>

static _Noreturn void fail(const struct tool *tool, const struct finder *finder, const char *name,
                           enum lp_status status, uint64_t offset, const struct lp_need *need)
{
    if (status == LP_IO && finder->unread[0] != 0)
        tool_die(tool, EXIT_IO, "%s: %s", name, finder->unread);
    tool_fail(tool, name, status, offset, need);
}

/* Packs all inputs as one stream. */
static void pack(const struct tool *tool, const struct options *o, const struct packing *packing,
                 struct finder *finder, struct output *out)
{
    struct input in;
    struct packer p = {0};
    enum lp_status status = LP_OK;
    char how[80];
    for (size_t i = 0; input_next(tool, &in, o->files, i); i++) {
        size_t n = input_peek(tool, &in, i == 0 ? METHOD_SAMPLE : 4);
        if (n >= 4 && lp_is_stream(in.data, n) && !tool->force)
            tool_die(tool, EXIT_DATA, "%s: is packed already: use -f to pack it again", in.name);
        if (i == 0)
            status = packer_open(&p, packing, in.data, n, output_sink, out);
        while (status == LP_OK && (n = input_read(tool, &in)) > 0)
            status = packer_push(&p, in.data, n);
        if (status == LP_OK)
            status = packer_end_record(&p);
        if (status != LP_OK)
            fail(tool, finder, in.name, status, 0, packer_need(&p));
        input_close(&in);
    }
    status = packer_finish(&p);
    if (status != LP_OK)
        fail(tool, finder, out->name, status, 0, packer_need(&p));
    if (tool->verbose)
        tool_warn(tool, "%s", method_pipeline(how, sizeof how, p.method, p.split));
    packer_close(&p);
}

/* An lp_sink that drops the text, but counts it: ctx is the progress. */
static enum lp_status count(void *ctx, const void *text, size_t n)
{
    (void)text;
    ((struct progress *)ctx)->written += n;
    return LP_OK;
}

static void restore(const struct tool *tool, const struct options *o, struct finder *finder,
                    struct output *out)
{
    struct input in;
    for (size_t i = 0; input_next(tool, &in, o->files, i); i++) {
        struct unpacker u = {.options = {.find = finder_try,
                                         .find_ctx = finder,
                                         .memory = o->memory,
                                         .threads = o->threads},
                             .sink = o->action == TEST ? count : output_sink,
                             .sink_ctx = o->action == TEST ? (void *)tool->progress : out};
        enum lp_status status = LP_OK;
        input_peek(tool, &in, 4);
        for (size_t n; status == LP_OK && (n = input_read(tool, &in)) > 0;) {
            status = unpacker_push(&u, in.data, n);
            if (status == LP_OK && !in.regular)
                output_flush(out);
        }
        if (status == LP_OK)
            status = unpacker_finish(&u);
        if (status != LP_OK)
            fail(tool, finder, in.name, status, unpacker_offset(&u), unpacker_need(&u));
        unpacker_close(&u);
        input_close(&in);
    }
}

void filter_run(const struct tool *tool, const struct options *o, const struct packing *packing,
                struct finder *finder)
{
    struct stat st;
    struct output out;
    if (tool->output != NULL && stat(tool->output, &st) == 0 && S_ISREG(st.st_mode) &&
        !work_may_overwrite(NULL, tool, tool->output))
        exit(EXIT_IO);
    output_open(tool, &out, tool->output, o->action == PACK);
    finder_confine(finder, &out);
    if (o->action == PACK)
        pack(tool, o, packing, finder, &out);
    else
        restore(tool, o, finder, &out);
    output_close(&out);
}
