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
    const struct lp_recoder *stage;
    struct lp_frame frame, restored; /* as it is to be, as it was */
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
    const struct lp_options *o = &job->stage->packing;
    const struct lp_found tools = {.vocab = o->vocab, .dict = o->dict, .model = o->model};
    return lp_body_prove_payload(&job->coder, &tools, o->split, &job->frame, &job->out,
                                 &job->coder.body);
}

/* Whether what is restored leaves too little memory to pack it: the block alone must fit. */
static enum lp_status check_packing(const struct job *job)
{
    const struct lp_recoder *s = job->stage;
    const uint64_t need =
        lp_memory_of_block(&job->restored) + lp_body_memory(&s->packing, job->coder.body.n);
    return need > s->parser.memory ? LP_LIMIT : LP_OK;
}

static enum lp_status restage(void *arg)
{
    struct job *job = arg;
    const struct lp_recoder *s = job->stage;
    struct lp_frame *f = &job->frame;
    enum lp_chain base;
    unsigned wire;
    job->out.n = 0;
    enum lp_status status = lp_body_restore(&job->coder, &s->tools, s->packing.split, f, job->in.p,
                                            &job->text, NULL, &base);
    if (status == LP_OK)
        status = check_packing(job);
    if (status == LP_OK)
        status = lp_body_pack(&job->coder, &s->packing, base, f->nrecords, &job->coder.body, NULL,
                              &job->out, &wire);
    if (status != LP_OK)
        return status;
    f->kind = (f->kind & ~(unsigned)LP_WIRE_MASK) | wire;
    return s->packing.unverified ? LP_OK : prove(job);
}

static enum lp_status emit(void *ctx, void *arg, enum lp_status status)
{
    struct lp_recoder *s = ctx;
    struct job *job = arg;
    if (status == LP_OK)
        return lp_emit_block(&s->emit, job->frame, &job->out);
    s->offset = job->offset;
    return status;
}

static void forget(void *arg)
{
    struct job *job = arg;
    lp_block_coder_free(&job->coder);
    lp_buf_free(&job->in);
    lp_buf_free(&job->text);
    lp_buf_free(&job->out);
}

static enum lp_status new_recoder(const struct lp_options *options, lp_finder *find, void *find_ctx,
                                  lp_sink *sink, void *sink_ctx, struct lp_recoder **out)
{
    struct lp_recoder *s = calloc(1, sizeof *s);
    if (s == NULL)
        return LP_NOMEM;
    s->options = *options;
    s->find = find;
    s->find_ctx = find_ctx;
    s->emit.sink = sink;
    s->emit.ctx = sink_ctx;
    lp_parser_init(&s->parser, false, lp_memory_limit(options->memory));
    s->njobs = options->threads > 1 ? options->threads : 1;
    s->jobs = calloc(s->njobs, sizeof *s->jobs);
    enum lp_status status = s->jobs == NULL ? LP_NOMEM : LP_OK;
    for (unsigned i = 0; status == LP_OK && i < s->njobs; i++)
        s->jobs[i].stage = s;
    if (status == LP_OK)
        status = lp_workers_new(s->njobs, s->jobs, sizeof *s->jobs,
                                &(struct lp_workers_calls){.run = restage,
                                                           .done = emit,
                                                           .ctx = s,
                                                           .forget = forget,
                                                           .memory = s->parser.memory},
                                &s->workers);
    if (status != LP_OK) {
        lp_recoder_free(s);
        return status;
    }
    *out = s;
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

void lp_recoder_free(struct lp_recoder *s)
{
    if (s == NULL)
        return;
    lp_workers_free(s->workers);
    for (unsigned i = 0; s->jobs != NULL && i < s->njobs; i++)
        forget(&s->jobs[i]);
    free(s->jobs);
    lp_parser_free(&s->parser);
    lp_emit_free(&s->emit);
    free(s);
}

/* Writes an end frame only when the next segment begins or the input is finished: after an error
 * the last end is missing, however many segments precede it. */
static enum lp_status put_end(struct lp_recoder *s)
{
    bool ended = s->ended;
    s->ended = false;
    return ended ? lp_emit_end(&s->emit) : LP_OK;
}

static enum lp_status begin_segment(struct lp_recoder *s)
{
    const struct lp_header *in = &s->parser.header;
    struct lp_header header;
    enum lp_status status = lp_need_find(in, s->find, s->find_ctx, &s->tools, &s->need);
    if (status == LP_OK)
        status = lp_need_packing(in, &s->options, s->find, s->find_ctx, &s->tools, &s->packing,
                                 &s->need);
    if (status != LP_OK)
        return status;
    if (s->options.chain == LP_CHAIN_TOKENS_MIX && !lp_chain_tokens(in->chain))
        return LP_USAGE;
    lp_header_of(&s->packing, in->block_log, &header);
    s->any = true;
    status = put_end(s);
    return status == LP_OK ? lp_emit_begin(&s->emit, &header) : status;
}

/* The most that a block may need: its body may be as large as a body can be. */
static uint64_t need_of(const struct lp_recoder *s, const struct lp_frame *frame)
{
    const uint64_t body = lp_body_limit(frame->text_size, frame->nrecords);
    const uint64_t thread = s->njobs > 1 ? lp_memory_of_thread(s->options.chain) : 0;
    return lp_memory_of_block(frame) + lp_body_memory(&s->packing, body) + thread;
}

static enum lp_status take_block(struct lp_recoder *s, const struct lp_event *e)
{
    void *arg;
    enum lp_status status =
        lp_workers_next(s->workers, lp_wire_chain(e->frame.kind), need_of(s, &e->frame), &arg);
    struct job *job = arg;
    if (status == LP_OK)
        status = lp_ask_interrupt(s->options.interrupt, s->options.interrupt_ctx);
    if (status != LP_OK)
        return status;
    job->frame = job->restored = e->frame;
    job->offset = e->offset;
    job->in.n = 0;
    if (!lp_buf_append(&job->in, e->payload, e->frame.payload_size))
        return LP_NOMEM;
    return lp_workers_start(s->workers);
}

enum lp_status lp_recoder_push(struct lp_recoder *s, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (;;) {
        struct lp_event e;
        s->offset = s->parser.offset;
        enum lp_status status = lp_parser_step(&s->parser, &at, &n, &e);
        if (status != LP_OK) {
            enum lp_status earlier =
                lp_workers_drain(s->workers); /* good blocks before the error */
            if (earlier != LP_OK)
                return earlier;
            s->offset = s->parser.offset;
            if (status == LP_VERSION)
                s->need = s->parser.newer;
            return status == LP_DATA && !s->any ? LP_NOT_LP : status;
        }
        switch (e.kind) {
        case LP_EVENT_HEADER:
            status = begin_segment(s);
            break;
        case LP_EVENT_BLOCK:
            status = take_block(s, &e);
            break;
        case LP_EVENT_END:
            status = lp_workers_drain(s->workers);
            s->ended = true;
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

enum lp_status lp_recoder_end_input(struct lp_recoder *s)
{
    lp_parser_eof(&s->parser);
    enum lp_status status = lp_recoder_push(s, NULL, 0);
    s->parser.eof = false;
    return status == LP_OK && !s->any ? LP_NOT_LP : status;
}

enum lp_status lp_recoder_finish(struct lp_recoder *s)
{
    enum lp_status status = lp_recoder_end_input(s);
    return status == LP_OK ? put_end(s) : status;
}

uint64_t lp_recoder_offset(const struct lp_recoder *s)
{
    return s->offset;
}

const struct lp_need *lp_recoder_need(const struct lp_recoder *s)
{
    return &s->need;
}
