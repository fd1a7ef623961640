#include "shared/pack.h"

#include "shared/window.h"

#include <stdlib.h>
#include <string.h>

/* --- Packing ----------------------------------------------------------------- */

static enum lp_status to_window(void *ctx, const void *data, size_t n)
{
    struct packer *p = ctx;
    p->into_window += n;
    return lp_recoder_push(p->window, data, n);
}

static enum lp_status to_last(void *ctx, const void *data, size_t n)
{
    struct packer *p = ctx;
    p->into_last += n;
    return lp_recoder_push(p->last, data, n);
}

static enum lp_status choose(struct packer *p, const struct packing *packing, const void *sample,
                             size_t n)
{
    p->split = packing->split < 0 ? method_split(sample, n) : (enum lp_split)packing->split;
    p->method = packing->method;
    return p->method != NULL
               ? LP_OK
               : method_choose(packing->lp.vocab, packing->last, sample, n, &p->method);
}

/* Makes the last stage first: each one needs the sink that the next one is. */
static enum lp_status make_stages(struct packer *p, const struct packing *packing, lp_sink *sink,
                                  void *ctx)
{
    struct lp_options last = packing->lp, window = packing->lp, writer = packing->lp;
    enum lp_status status = LP_OK;
    writer.chain = p->method->tokens ? LP_CHAIN_TOKENS : LP_CHAIN_TEXT_ZSTD;
    writer.split = p->split;
    if (p->method->tokens && p->method->last != LP_CHAIN_TOKENS) {
        last.chain = p->method->last;
        status = lp_recoder_new(&last, packing->find, packing->find_ctx, sink, ctx, &p->last);
        sink = to_last;
        ctx = p;
    }
    if (p->method->window && status == LP_OK) {
        window.chain = LP_CHAIN_TOKENS;
        window.window = WINDOW_SIZE;
        window.key = WINDOW_KEY;
        window.block_size = WINDOW_BLOCK_SIZE;
        status = lp_recoder_new(&window, packing->find, packing->find_ctx, sink, ctx, &p->window);
        sink = to_window;
        ctx = p;
    }
    return status == LP_OK ? lp_writer_new(&writer, sink, ctx, &p->writer) : status;
}

enum lp_status packer_open(struct packer *p, const struct packing *packing, const void *sample,
                           size_t n, lp_sink *sink, void *ctx)
{
    *p = (struct packer){0};
    enum lp_status status = choose(p, packing, sample, n);
    return status == LP_OK ? make_stages(p, packing, sink, ctx) : status;
}

enum lp_status packer_push(struct packer *p, const void *text, size_t n)
{
    return lp_writer_push(p->writer, text, n);
}

enum lp_status packer_end_record(struct packer *p)
{
    return lp_writer_end_record(p->writer);
}

static enum lp_status finish(struct lp_recoder *recoder)
{
    enum lp_status status = recoder != NULL ? lp_recoder_end_input(recoder) : LP_OK;
    return status == LP_OK && recoder != NULL ? lp_recoder_finish(recoder) : status;
}

enum lp_status packer_finish(struct packer *p)
{
    enum lp_status status = lp_writer_finish(p->writer);
    if (status == LP_OK)
        status = finish(p->window);
    return status == LP_OK ? finish(p->last) : status;
}

void packer_close(struct packer *p)
{
    lp_writer_free(p->writer);
    lp_recoder_free(p->window);
    lp_recoder_free(p->last);
    *p = (struct packer){0};
}

const struct lp_need *packer_need(const struct packer *p)
{
    return p->last != NULL ? lp_recoder_need(p->last) : NULL;
}

/* --- Restoring --------------------------------------------------------------- */

enum { BLOB_MAX = LP_BLOCK_MAX + 64 }; /* more than any blob has */

static enum lp_status add_to_blob(struct unpacker *u, const void *data, size_t n)
{
    if (n > BLOB_MAX - u->blob.n)
        return LP_LIMIT;
    return buffer_add(&u->blob, data, n) ? LP_OK : LP_NOMEM;
}

enum lp_status unpacker_push(struct unpacker *u, const void *data, size_t n)
{
    enum lp_status status = LP_OK;
    if (n == 0)
        return LP_OK;
    if (u->reader == NULL && u->codec == NULL && lp_is_blob(data, n))
        status = lp_codec_new(&(struct lp_options){.memory = u->options.memory}, &u->codec);
    else if (u->reader == NULL && u->codec == NULL && lp_is_stream(data, n))
        status = lp_reader_new(&u->options, u->sink, u->sink_ctx, &u->reader);
    if (status != LP_OK)
        return status;
    if (u->codec != NULL)
        return add_to_blob(u, data, n);
    return u->reader != NULL ? lp_reader_push(u->reader, data, n) : LP_NOT_LP;
}

enum lp_status unpacker_finish(struct unpacker *u)
{
    const void *text;
    size_t n;
    if (u->reader != NULL)
        return lp_reader_finish(u->reader);
    if (u->codec == NULL)
        return LP_TRUNCATED;
    enum lp_status status =
        lp_unpack(u->codec, u->blob.v, u->blob.n, u->options.find, u->options.find_ctx, &text, &n);
    return status == LP_OK ? u->sink(u->sink_ctx, text, n) : status;
}

void unpacker_close(struct unpacker *u)
{
    lp_reader_free(u->reader);
    lp_codec_free(u->codec);
    free(u->blob.v);
    u->reader = NULL;
    u->codec = NULL;
    u->blob = (struct buffer){0};
}

uint64_t unpacker_offset(const struct unpacker *u)
{
    return u->reader != NULL ? lp_reader_offset(u->reader) : 0;
}

const struct lp_need *unpacker_need(const struct unpacker *u)
{
    return u->reader != NULL  ? lp_reader_need(u->reader)
           : u->codec != NULL ? lp_codec_need(u->codec)
                              : NULL;
}
