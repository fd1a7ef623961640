/* recode.c - a stream in, the same stream with a further stage out.
 *
 * Blocks keep their records and checks; only their stored form changes. Each block is restored and
 * verified before it is stored again, so damage is never passed on, and it is written only after
 * its new form has been restored and compared. A block of tokens may become one of text, and one of
 * text is tokenised, whichever is smaller, but where its tokens are part of a window.
 *
 * With a window to be given, blocks are cut anew: a writer takes their tokens. */
#include "base/interrupt.h"
#include "base/sized.h"
#include "base/workers.h"
#include "block/body.h"
#include "block/resolve.h"
#include "format/emit.h"
#include "format/parse.h"
#include "rewrite.h"
#include "writer.h"

struct job {
    struct lp_block_coder coder;
    const struct lp_recoder *recoder;
    struct lp_frame frame;
    struct lp_buf in, text, out;
    struct lp_buf ends;       /* u64 each: of the records in text */
    struct lp_window *window; /* NULL: blocks do not refer to one another */
    enum lp_chain base;       /* of coder.body */
    struct lp_packed packed;
    uint64_t offset;
};

struct lp_recoder {
    struct lp_options options; /* the caller's */
    struct lp_options packing; /* of the segment */
    lp_finder *find;
    void *find_ctx;
    struct lp_parser parser;
    struct lp_found tools;
    struct lp_window window;
    struct lp_need need;
    struct lp_emit emit;
    struct job *jobs;
    unsigned njobs;
    struct lp_workers *workers;
    uint64_t offset;
    bool any;           /* a segment has begun */
    bool ended;         /* it is over, but for its end frame */
    uint64_t text_size; /* of that */
    /* With a window to be given: */
    struct lp_writer *writer; /* of the segment */
    struct lp_rewriter rewriter;
};

/* Whether the block has nothing to do with a window: it can be text or tokens. */
static bool is_free(const struct job *job)
{
    return job->window == NULL || job->base != LP_CHAIN_TOKENS || job->frame.kind & LP_KIND_APART;
}

/* Restores the text and verifies it; with a window, in the order of the blocks. */
static enum lp_status verify(struct job *job, struct lp_window *window)
{
    const struct lp_recoder *r = job->recoder;
    if (!lp_buf_reserve(&job->ends, (size_t)job->frame.nrecords * sizeof(uint64_t)))
        return LP_NOMEM;
    return lp_body_finish(&job->coder, &r->tools, r->packing.split, &job->frame, job->in.p,
                          job->base, window, &job->text, (uint64_t *)(void *)job->ends.p);
}

/* The frame of the recoded block. */
static struct lp_frame recoded(const struct job *job)
{
    struct lp_frame frame = job->frame;
    frame.kind &= ~(unsigned)(LP_WIRE_MASK | LP_KIND_APART);
    frame.kind = lp_kind_stored(frame.kind, job->packed.wire, job->window != NULL && is_free(job));
    return frame;
}

/* Proves that the new payload restores the stored body, and that tokens made here restore the
 * text. */
static enum lp_status prove(struct job *job)
{
    const struct lp_options *o = &job->recoder->packing;
    const struct lp_found tools = {.vocab = o->vocab, .dict = o->dict, .model = o->model};
    const struct lp_frame frame = recoded(job);
    enum lp_status status = LP_OK;
    if (job->packed.body == &job->coder.tokens)
        status = lp_body_prove(&job->coder, o->vocab, o->split, &frame, LP_CHAIN_TOKENS,
                               job->packed.body, job->text.p,
                               (const uint64_t *)(const void *)job->ends.p);
    return status == LP_OK ? lp_body_prove_payload(&job->coder, &tools, o->split, &frame, &job->out,
                                                   job->packed.body)
                           : status;
}

/* What the block may be stored as. One of text has tokens too, where the segment has a
 * vocabulary. */
static enum lp_status find_bodies(struct job *job, struct lp_bodies *bodies)
{
    const struct lp_options *o = &job->recoder->packing;
    const bool tokens = job->base == LP_CHAIN_TOKENS;
    const uint64_t *ends = (const uint64_t *)(const void *)job->ends.p;
    enum lp_status status = LP_OK;
    *bodies = (struct lp_bodies){.text = is_free(job) ? &job->text : NULL, .ends = ends};
    if (tokens) {
        bodies->tokens = &job->coder.body;
    } else if (lp_chain_tokens(o->chain)) {
        status = lp_body_tokenise(&job->coder, o->vocab, o->split, &job->frame, job->text.p, ends);
        bodies->tokens = &job->coder.tokens;
    }
    return status;
}

/* Copies stay as they are; what is stored besides gets a new form. */
static enum lp_status pack(struct job *job)
{
    const struct lp_options *o = &job->recoder->packing;
    const struct lp_frame *f = &job->frame;
    struct lp_payload payload;
    struct lp_bodies bodies;
    job->out.n = 0;
    enum lp_status status = lp_payload_get(f, job->in.p, &payload);
    const size_t ncopies = (size_t)(payload.stored - job->in.p);
    if (status == LP_OK && !lp_buf_append(&job->out, job->in.p, ncopies))
        status = LP_NOMEM;
    if (status == LP_OK)
        status = find_bodies(job, &bodies);
    bodies.copies = payload.copies;
    bodies.ncopies = payload.ncopies;
    if (status == LP_OK)
        status = lp_body_pack(&job->coder, o, f, &bodies, &job->out, &job->packed);
    return status;
}

/* Whether what is restored leaves too little memory to pack it: the block alone must fit. */
static enum lp_status check_packing(const struct job *job)
{
    const struct lp_recoder *r = job->recoder;
    const uint64_t text = job->frame.text_size, body = job->coder.body.n;
    const uint64_t tokens =
        job->base == LP_CHAIN_TOKENS ? body : lp_body_limit(true, text, job->frame.nrecords);
    const uint64_t need =
        lp_memory_of_block(&job->frame) + lp_body_memory(&r->packing, text, tokens);
    return need > r->parser.memory ? LP_LIMIT : LP_OK;
}

static enum lp_status recode_block(void *arg)
{
    struct job *job = arg;
    const struct lp_recoder *r = job->recoder;
    enum lp_status status =
        lp_body_begin(&job->coder, &r->tools, r->packing.split, &job->frame, job->in.p, &job->base);
    if (status == LP_OK && is_free(job))
        status = verify(job, NULL);
    if (status == LP_OK)
        status = check_packing(job);
    if (status == LP_OK)
        status = pack(job);
    return status == LP_OK && !r->packing.unverified ? prove(job) : status;
}

static enum lp_status emit(void *ctx, void *arg, enum lp_status status)
{
    struct lp_recoder *r = ctx;
    struct job *job = arg;
    if (status == LP_OK && job->window != NULL)
        status = is_free(job) ? lp_body_join(&job->coder, &r->tools, r->packing.split, &job->frame,
                                             job->in.p, job->base, job->window)
                              : verify(job, job->window);
    if (status == LP_OK)
        return lp_emit_block(&r->emit, recoded(job), &job->out);
    r->offset = job->offset;
    return status;
}

static void forget(void *arg)
{
    struct job *job = arg;
    lp_block_coder_free(&job->coder);
    lp_buf_free(&job->in);
    lp_buf_free(&job->text);
    lp_buf_free(&job->ends);
    lp_buf_free(&job->out);
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
    lp_parser_init(&r->parser, false, lp_memory_limit(options->memory));
    r->njobs = options->threads > 1 ? options->threads : 1;
    r->jobs = calloc(r->njobs, sizeof *r->jobs);
    enum lp_status status = r->jobs == NULL ? LP_NOMEM : LP_OK;
    for (unsigned i = 0; status == LP_OK && i < r->njobs; i++)
        r->jobs[i].recoder = r;
    if (status == LP_OK)
        status = lp_workers_new(r->njobs, r->jobs, sizeof *r->jobs,
                                &(struct lp_workers_calls){.run = recode_block,
                                                           .done = emit,
                                                           .ctx = r,
                                                           .forget = forget,
                                                           .memory = r->parser.memory},
                                &r->workers);
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
    for (unsigned i = 0; r->jobs != NULL && i < r->njobs; i++)
        forget(&r->jobs[i]);
    free(r->jobs);
    lp_writer_free(r->writer);
    lp_rewriter_free(&r->rewriter);
    lp_window_free(&r->window);
    lp_parser_free(&r->parser);
    lp_emit_free(&r->emit);
    free(r);
}

/* --- Giving a window -------------------------------------------------------------- */

static bool rewrites(const struct lp_recoder *r)
{
    return r->options.window > 0;
}

static enum lp_status begin_writer(struct lp_recoder *r)
{
    enum lp_status status = lp_writer_new(&r->packing, r->emit.sink, r->emit.ctx, &r->writer);
    return status == LP_OK
               ? lp_rewrite_begin(&r->rewriter, r->writer, r->tools.vocab, r->packing.split)
               : status;
}

static enum lp_status end_writer(struct lp_recoder *r)
{
    enum lp_status status = lp_rewrite_end(&r->rewriter);
    if (status == LP_OK)
        status = lp_writer_finish(r->writer);
    if (status == LP_OK && lp_writer_text_size(r->writer) != r->text_size)
        status = LP_INTERNAL; /* cannot be: it took all blocks */
    lp_writer_free(r->writer);
    r->writer = NULL;
    return status;
}

/* Writes the good blocks before an error. */
static enum lp_status put_good(struct lp_recoder *r)
{
    const enum lp_status status = lp_workers_drain(r->workers);
    return status == LP_OK && r->writer != NULL ? lp_writer_put_held(r->writer) : status;
}

/* Restores a block and hands it to the writer. */
static enum lp_status rewrite_block(struct lp_recoder *r, struct job *job)
{
    const struct lp_frame *f = &job->frame;
    if (!lp_buf_reserve(&job->ends, (size_t)f->nrecords * sizeof(uint64_t)))
        return LP_NOMEM;
    uint64_t *ends = (uint64_t *)(void *)job->ends.p;
    enum lp_split split = r->parser.header.split;
    enum lp_status status = lp_body_begin(&job->coder, &r->tools, split, f, job->in.p, &job->base);
    if (status == LP_OK)
        status = lp_body_finish(&job->coder, &r->tools, split, f, job->in.p, job->base, job->window,
                                &job->text, ends);
    r->offset = job->offset;
    if (status != LP_OK) {
        const enum lp_status earlier = put_good(r);
        return earlier != LP_OK ? earlier : status;
    }
    const struct lp_restored restored = {*f, job->base, &job->coder.body, &job->text, ends};
    return lp_rewrite_block(&r->rewriter, &restored);
}

/* --- Segments and blocks ---------------------------------------------------------- */

/* Writes an end frame only when the next segment begins or the input is finished: after an error
 * the last end is missing, however many segments precede it. */
static enum lp_status put_end(struct lp_recoder *r)
{
    bool ended = r->ended;
    r->ended = false;
    if (ended && r->writer != NULL)
        return end_writer(r);
    if (ended && r->emit.text_size != r->text_size)
        return LP_INTERNAL; /* cannot be: each block has been written */
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
    if (status == LP_OK && (r->options.chain == LP_CHAIN_TOKENS_MIX || rewrites(r)) &&
        !lp_chain_tokens(in->chain))
        status = LP_USAGE;
    if (status != LP_OK) {
        const enum lp_status earlier = put_good(r);
        return earlier != LP_OK ? earlier : status;
    }
    lp_header_of(&r->packing, in->block_log, &header);
    header.window_log = in->window_log;
    lp_window_clear(&r->window, lp_window_reach(in->window_log));
    r->any = true;
    status = put_end(r);
    if (status == LP_OK && rewrites(r))
        return begin_writer(r);
    return status == LP_OK ? lp_emit_begin(&r->emit, &header) : status;
}

/* What a block may need: most have no more codes than bytes of text. */
static uint64_t need_of(const struct lp_recoder *r, const struct lp_frame *frame)
{
    const uint64_t body = lp_body_limit(false, frame->text_size, frame->nrecords);
    const uint64_t thread = r->njobs > 1 ? lp_memory_of_thread(r->options.chain) : 0;
    return lp_memory_of_block(frame) + lp_memory_of_window(r->parser.header.window_log) +
           lp_body_memory(&r->packing, body, body) + thread;
}

static enum lp_status take_block(struct lp_recoder *r, const struct lp_event *e)
{
    void *arg;
    enum lp_status status =
        lp_workers_next(r->workers, lp_wire_chain(e->frame.kind), need_of(r, &e->frame), &arg);
    struct job *job = arg;
    if (status == LP_OK)
        status = lp_ask_interrupt(r->options.interrupt, r->options.interrupt_ctx);
    if (status != LP_OK)
        return status;
    job->frame = e->frame;
    job->offset = e->offset;
    job->window = r->window.reach > 0 ? &r->window : NULL;
    job->in.n = 0;
    if (!lp_buf_append(&job->in, e->payload, e->frame.payload_size))
        return LP_NOMEM;
    return rewrites(r) ? rewrite_block(r, job) : lp_workers_start(r->workers);
}

enum lp_status lp_recoder_push(struct lp_recoder *r, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (;;) {
        struct lp_event e;
        r->offset = r->parser.offset;
        enum lp_status status = lp_parser_step(&r->parser, &at, &n, &e);
        if (status != LP_OK) {
            const enum lp_status earlier = put_good(r);
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
            r->text_size = e.frame.text_size;
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
