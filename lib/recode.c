/* recode.c - a stream in, the same stream with a further stage out.
 *
 * Blocks keep their records and checks; only their stored form changes. Each block is restored and
 * verified before it is stored again, so damage is never passed on, and it is written only after
 * its new form has been restored and compared. */
#include "base/interrupt.h"
#include "base/sized.h"
#include "base/workers.h"
#include "block/body.h"
#include "block/resolve.h"
#include "format/emit.h"
#include "format/parse.h"

struct job {
    struct lp_block_coder coder;
    const struct lp_recoder *recoder;
    struct lp_frame frame;
    struct lp_buf in, text, out;
    uint64_t offset;
};

struct lp_recoder {
    struct lp_options options; /* the caller's */
    struct lp_options packing; /* of the segment */
    lp_finder *find;
    void *find_ctx;
    struct lp_parser parser;
    struct lp_found tools;
    struct lp_need need;
    struct lp_emit emit;
    struct job *jobs;
    unsigned njobs;
    struct lp_workers *workers;
    uint64_t offset;
    bool any;   /* a segment has begun */
    bool ended; /* it is over, but for its end frame */
};

/* Proves that the new payload restores the body, which has been verified already. */
static enum lp_status prove(struct job *job)
{
    const struct lp_options *o = &job->recoder->packing;
    const struct lp_found tools = {.vocab = o->vocab, .dict = o->dict, .model = o->model};
    return lp_body_prove_payload(&job->coder, &tools, o->split, &job->frame, &job->out,
                                 &job->coder.body);
}

static enum lp_status recode_block(void *arg)
{
    struct job *job = arg;
    const struct lp_recoder *r = job->recoder;
    struct lp_frame *f = &job->frame;
    enum lp_chain base;
    unsigned wire;
    job->out.n = 0;
    enum lp_status status = lp_body_restore(&job->coder, &r->tools, r->packing.split, f, job->in.p,
                                            &job->text, NULL, &base);
    if (status == LP_OK)
        status = lp_body_pack(&job->coder, &r->packing, base, f->nrecords, &job->coder.body, NULL,
                              &job->out, &wire);
    if (status != LP_OK)
        return status;
    f->kind = (f->kind & ~(unsigned)LP_WIRE_MASK) | wire;
    return r->packing.unverified ? LP_OK : prove(job);
}

static enum lp_status emit(void *ctx, void *arg, enum lp_status status)
{
    struct lp_recoder *r = ctx;
    struct job *job = arg;
    if (status == LP_OK)
        return lp_emit_block(&r->emit, job->frame, &job->out);
    r->offset = job->offset;
    return status;
}

static enum lp_status new_recoder(const struct lp_options *options, lp_finder *find, void *find_ctx,
                                  lp_sink *sink, void *sink_ctx, struct lp_recoder **out)
{
    struct lp_recoder *r = calloc(1, sizeof *r);
    if (r == NULL)
        return LP_NOMEM;
    r->options = *options;
    r->find = find;
    r->find_ctx = find_ctx;
    r->emit.sink = sink;
    r->emit.ctx = sink_ctx;
    lp_parser_init(&r->parser, false,
                   r->options.memory != 0 ? r->options.memory : LP_MEMORY_DEFAULT);
    r->njobs = options->threads > 1 ? options->threads : 1;
    r->jobs = calloc(r->njobs, sizeof *r->jobs);
    enum lp_status status = r->jobs == NULL ? LP_NOMEM : LP_OK;
    for (unsigned i = 0; status == LP_OK && i < r->njobs; i++)
        r->jobs[i].recoder = r;
    if (status == LP_OK)
        status = lp_workers_new(r->njobs, r->jobs, sizeof *r->jobs,
                                &(struct lp_workers_calls){recode_block, emit, r}, &r->workers);
    if (status != LP_OK) {
        lp_recoder_free(r);
        return status;
    }
    *out = r;
    return LP_OK;
}

enum lp_status lp_recoder_new_sized(const struct lp_options *given, size_t size, lp_finder *find,
                                    void *find_ctx, lp_sink *sink, void *sink_ctx,
                                    struct lp_recoder **out)
{
    struct lp_options options;
    *out = NULL;
    if (!lp_take_sized(&options, sizeof options, given, size))
        return LP_USAGE;
    return new_recoder(&options, find, find_ctx, sink, sink_ctx, out);
}

void lp_recoder_free(struct lp_recoder *r)
{
    if (r == NULL)
        return;
    lp_workers_free(r->workers);
    for (unsigned i = 0; r->jobs != NULL && i < r->njobs; i++) {
        struct job *job = &r->jobs[i];
        lp_block_coder_free(&job->coder);
        lp_buf_free(&job->in);
        lp_buf_free(&job->text);
        lp_buf_free(&job->out);
    }
    free(r->jobs);
    lp_parser_free(&r->parser);
    lp_emit_free(&r->emit);
    free(r);
}

/* Writes an end frame only when the next segment begins or the input is finished: after an error
 * the last end is missing, however many segments precede it. */
static enum lp_status put_end(struct lp_recoder *r)
{
    bool ended = r->ended;
    r->ended = false;
    return ended ? lp_emit_end(&r->emit) : LP_OK;
}

static enum lp_status begin_segment(struct lp_recoder *r)
{
    const struct lp_header *in = &r->parser.header;
    struct lp_header header;
    enum lp_status status = lp_need_find(in, r->find, r->find_ctx, &r->tools, &r->need);
    if (status == LP_OK)
        status = lp_need_packing(in, &r->options, r->find, r->find_ctx, &r->tools, &r->packing,
                                 &r->need);
    if (status != LP_OK)
        return status;
    if (r->options.chain == LP_CHAIN_TOKENS_MIX && !lp_chain_tokens(in->chain))
        return LP_USAGE;
    lp_header_of(&r->packing, in->block_log, &header);
    r->any = true;
    status = put_end(r);
    return status == LP_OK ? lp_emit_begin(&r->emit, &header) : status;
}

static enum lp_status take_block(struct lp_recoder *r, const struct lp_event *e)
{
    void *arg;
    enum lp_status status = lp_workers_next(r->workers, &arg);
    struct job *job = arg;
    if (status == LP_OK)
        status = lp_ask_interrupt(r->options.interrupt, r->options.interrupt_ctx);
    if (status != LP_OK)
        return status;
    job->frame = e->frame;
    job->offset = e->offset;
    job->in.n = 0;
    if (!lp_buf_append(&job->in, e->payload, e->frame.payload_size))
        return LP_NOMEM;
    return lp_workers_start(r->workers);
}

enum lp_status lp_recoder_push(struct lp_recoder *r, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (;;) {
        struct lp_event e;
        r->offset = r->parser.offset;
        enum lp_status status = lp_parser_step(&r->parser, &at, &n, &e);
        if (status != LP_OK) {
            enum lp_status earlier =
                lp_workers_drain(r->workers); /* good blocks before the error */
            if (earlier != LP_OK)
                return earlier;
            r->offset = r->parser.offset;
            if (status == LP_VERSION)
                r->need = r->parser.newer;
            return status == LP_DATA && !r->any ? LP_NOT_LP : status;
        }
        switch (e.kind) {
        case LP_EVENT_HEADER:
            status = begin_segment(r);
            break;
        case LP_EVENT_BLOCK:
            status = take_block(r, &e);
            break;
        case LP_EVENT_END:
            status = lp_workers_drain(r->workers);
            r->ended = true;
            break;
        case LP_EVENT_NONE:
            return LP_OK;
        default:
            break;
        }
        if (status != LP_OK)
            return status;
    }
}

enum lp_status lp_recoder_end_input(struct lp_recoder *r)
{
    lp_parser_eof(&r->parser);
    enum lp_status status = lp_recoder_push(r, NULL, 0);
    r->parser.eof = false;
    return status == LP_OK && !r->any ? LP_NOT_LP : status;
}

enum lp_status lp_recoder_finish(struct lp_recoder *r)
{
    enum lp_status status = lp_recoder_end_input(r);
    return status == LP_OK ? put_end(r) : status;
}

uint64_t lp_recoder_offset(const struct lp_recoder *r)
{
    return r->offset;
}

const struct lp_need *lp_recoder_need(const struct lp_recoder *r)
{
    return &r->need;
}
