/* reader.c - a stream in, its text out.
 *
 * A block's text is passed on only after its check has been verified. In recovery, damage is
 * skipped and reported; a segment whose header is lost is read with the vocabulary and model that
 * make the checks of its blocks match. */
#include "base/interrupt.h"
#include "base/sized.h"
#include "base/workers.h"
#include "block/body.h"
#include "block/resolve.h"
#include "format/recover.h"

#include <errno.h>

struct job {
    struct lp_block_coder coder;
    struct lp_found tools;
    enum lp_split split;
    struct lp_frame frame;
    struct lp_buf in, text;
    struct lp_buf ends; /* u64 each: where records end in text, if that is wanted */
    bool wants_ends;
    struct lp_window *window; /* NULL: blocks do not refer to one another */
    struct lp_turn *turn;     /* in which they take the window, */
    uint64_t number;          /* and the block's */
    enum lp_chain base;       /* of coder.body */
    uint64_t offset;
};

struct lp_reader {
    struct lp_reader_options options;
    lp_sink *sink;
    void *sink_ctx;
    struct lp_parser parser;
    struct lp_recovery recovery;
    struct lp_found tools; /* of the segment */
    struct lp_window window;
    struct lp_need need;
    struct lp_header header; /* the one tools were found for: need's name is in it */
    struct job *jobs;
    unsigned njobs;
    struct lp_workers *workers;
    struct lp_turn turn;
    bool has_turn;
    uint64_t nturns; /* of blocks that were started */
    uint64_t offset;
    bool any;
    struct lp_ids_target ids;       /* instead of the sink */
    bool in_record;                 /* the last part of a record was not its end */
    uint64_t text_size;             /* handed out, or about to be */
    uint64_t handed_on;             /* of the segment */
    uint64_t nrecords, record_size; /* on_record: those that have ended; text of the next */
};

/* Makes room for where the records end, if that is wanted. */
static enum lp_status reserve_ends(struct job *job, uint64_t **ends)
{
    *ends = NULL;
    job->ends.n = 0;
    if (!job->wants_ends)
        return LP_OK;
    if (!lp_buf_reserve(&job->ends, (size_t)job->frame.nrecords * sizeof **ends))
        return LP_NOMEM;
    *ends = (uint64_t *)(void *)job->ends.p;
    return LP_OK;
}

static enum lp_status begin(struct job *job)
{
    return lp_body_begin(&job->coder, &job->tools, job->split, &job->frame, job->in.p, &job->base);
}

/* Makes the body whole, when it is this block's turn to take the window. */
static enum lp_status join(struct job *job, enum lp_status status)
{
    lp_turn_take(job->turn, job->number);
    if (status == LP_OK)
        status = lp_body_join(&job->coder, &job->tools, job->split, &job->frame, job->in.p,
                              job->base, job->window);
    lp_turn_pass(job->turn);
    return status;
}

/* Restores a block's text, in a thread. */
static enum lp_status run(void *arg)
{
    struct job *job = arg;
    uint64_t *ends;
    enum lp_status status = begin(job);
    if (job->window != NULL)
        status = join(job, status);
    if (status == LP_OK)
        status = reserve_ends(job, &ends);
    return status == LP_OK ? lp_body_end(&job->coder, &job->tools, job->split, &job->frame,
                                         job->base, &job->text, ends)
                           : status;
}

/* Restores a block's text in the caller's thread; if that fails the window is as before. */
static enum lp_status restore(struct job *job)
{
    uint64_t *ends;
    enum lp_status status = begin(job);
    if (status == LP_OK)
        status = reserve_ends(job, &ends);
    return status == LP_OK ? lp_body_finish(&job->coder, &job->tools, job->split, &job->frame,
                                            job->in.p, job->base, job->window, &job->text, ends)
                           : status;
}

/* Hands on a block's records as ids. */
static enum lp_status put_ids(struct lp_reader *r, struct job *job)
{
    enum lp_status status = lp_body_ids_vocab(&r->ids, job->tools.vocab);
    if (status != LP_OK)
        return status;
    r->in_record = job->frame.kind & LP_KIND_OPEN;
    const struct lp_restored restored = {job->frame, job->base, &job->coder.body, &job->text,
                                         (const uint64_t *)(const void *)job->ends.p};
    return lp_body_ids(&r->ids, job->split, &restored);
}

static enum lp_status end_record(struct lp_reader *r)
{
    uint64_t size = r->record_size;
    r->record_size = 0;
    r->in_record = false;
    return r->options.on_record(r->options.record_ctx, ++r->nrecords, size);
}

/* Ends a record that no block continues. */
static enum lp_status cut_record(struct lp_reader *r)
{
    r->in_record = false;
    if (r->options.on_ids != NULL)
        return lp_body_ids_end(&r->ids);
    if (r->options.on_block != NULL)
        return r->options.on_block(r->options.block_ctx, "", 0, &(uint64_t){0}, 1);
    return r->options.on_record != NULL ? end_record(r) : LP_OK;
}

/* Hands on a block's text at once, with where its records end. */
static enum lp_status put_whole(struct lp_reader *r, const struct job *job)
{
    const uint64_t *ends = (const uint64_t *)(const void *)job->ends.p;
    const size_t nrecords = (size_t)job->frame.nrecords;
    r->in_record = job->frame.kind & LP_KIND_OPEN;
    return r->options.on_block(r->options.block_ctx, job->text.p, job->text.n, ends,
                               nrecords - r->in_record);
}

/* Hands on a block's text record by record. */
static enum lp_status put_records(struct lp_reader *r, const struct job *job)
{
    const uint64_t *ends = (const uint64_t *)(const void *)job->ends.p;
    const uint64_t nrecords = job->frame.nrecords;
    const bool open = job->frame.kind & LP_KIND_OPEN;
    enum lp_status status = LP_OK;
    for (uint64_t i = 0, from = 0; status == LP_OK && i < nrecords; from = ends[i++]) {
        size_t size = (size_t)(ends[i] - from);
        r->record_size += size;
        r->in_record = open && i + 1 == nrecords;
        if (size > 0)
            status = r->sink(r->sink_ctx, job->text.p + from, size);
        if (status == LP_OK && !r->in_record)
            status = end_record(r);
    }
    return status;
}

static enum lp_status put_text(struct lp_reader *r, const struct job *job)
{
    if (r->options.on_block != NULL)
        return put_whole(r, job);
    if (job->wants_ends)
        return put_records(r, job);
    return job->text.n > 0 ? r->sink(r->sink_ctx, job->text.p, job->text.n) : LP_OK;
}

/* Hands on a restored block. */
static enum lp_status put_block(struct lp_reader *r, struct job *job, enum lp_status status)
{
    if (status == LP_OK)
        r->handed_on += job->text.n;
    if (status == LP_OK && r->options.on_ids == NULL)
        return put_text(r, job);
    if (status == LP_OK)
        status = put_ids(r, job);
    if (status != LP_OK)
        r->offset = job->offset;
    return status;
}

static enum lp_status done(void *ctx, void *arg, enum lp_status status)
{
    return put_block(ctx, arg, status);
}

static void forget(void *arg)
{
    struct job *job = arg;
    lp_block_coder_free(&job->coder);
    lp_buf_free(&job->in);
    lp_buf_free(&job->text);
    lp_buf_free(&job->ends);
}

/* Recovery may meet blocks whose header is lost: to these the window is as large as any header's,
 * if an eighth of the memory is enough. */
static void begin_lost_segment(struct lp_reader *r)
{
    unsigned log = r->parser.recover ? LP_WINDOW_LOG_MAX : 0;
    while (lp_memory_of_window(log) > r->parser.memory / 8)
        log--;
    r->parser.header.window_log = log;
    lp_window_clear(&r->window, lp_window_reach(log));
}

static enum lp_status new_reader(const struct lp_reader_options *options, lp_sink *sink,
                                 void *sink_ctx, struct lp_reader **out)
{
    struct lp_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return LP_NOMEM;
    r->options = *options;
    r->sink = sink;
    r->sink_ctx = sink_ctx;
    r->ids.on_ids = options->on_ids;
    r->ids.ctx = options->ids_ctx;
    bool recover = options->on_loss != NULL;
    lp_parser_init(&r->parser, recover, lp_memory_limit(options->memory));
    r->recovery.on_loss = options->on_loss;
    r->recovery.ctx = options->loss_ctx;
    /* Recovery decides about each block before it reads on. */
    r->njobs = options->threads > 1 && !recover ? options->threads : 1;
    r->jobs = calloc(r->njobs, sizeof *r->jobs);
    r->has_turn = lp_turn_init(&r->turn);
    enum lp_status status = r->jobs == NULL || !r->has_turn ? LP_NOMEM : LP_OK;
    for (unsigned i = 0; status == LP_OK && i < r->njobs; i++)
        r->jobs[i].wants_ends =
            options->on_record != NULL || options->on_ids != NULL || options->on_block != NULL;
    if (status == LP_OK)
        status = lp_workers_new(
            r->njobs, r->jobs, sizeof *r->jobs,
            &(struct lp_workers_calls){
                .run = run, .done = done, .ctx = r, .forget = forget, .memory = r->parser.memory},
            &r->workers);
    if (status != LP_OK) {
        lp_reader_free(r);
        return status;
    }
    begin_lost_segment(r);
    *out = r;
    return LP_OK;
}

enum lp_status lp_reader_new_sized(const struct lp_reader_options *given, size_t size,
                                   lp_sink *sink, void *sink_ctx, struct lp_reader **out)
{
    struct lp_reader_options options;
    *out = NULL;
    if (!lp_take_sized(&options, sizeof options, given, size) ||
        (options.on_ids != NULL) + (options.on_record != NULL) + (options.on_block != NULL) > 1)
        return LP_USAGE;
    return new_reader(&options, sink, sink_ctx, out);
}

void lp_reader_free(struct lp_reader *r)
{
    if (r == NULL)
        return;
    lp_workers_free(r->workers);
    if (r->has_turn)
        lp_turn_free(&r->turn);
    lp_body_ids_free(&r->ids);
    for (unsigned i = 0; r->jobs != NULL && i < r->njobs; i++)
        forget(&r->jobs[i]);
    free(r->jobs);
    lp_window_free(&r->window);
    lp_parser_free(&r->parser);
    lp_recovery_free(&r->recovery);
    free(r);
}

static enum lp_status begin_segment(struct lp_reader *r)
{
    r->header = r->parser.header;
    r->handed_on = 0;
    if (r->options.on_ids != NULL && !lp_chain_tokens(r->header.chain))
        return LP_USAGE;
    lp_window_clear(&r->window, lp_window_reach(r->header.window_log));
    return lp_need_find(&r->header, r->options.find, r->options.find_ctx, &r->tools, &r->need);
}

/* Whether a status says that a block is damaged, or that what it needs is missing. All others would
 * be the same for any block: memory that is out, files that cannot be read, a finder that stops. */
static bool blames_block(enum lp_status status)
{
    return status == LP_DATA || status == LP_TRUNCATED || status == LP_LIMIT ||
           status == LP_VERSION || status == LP_NO_VOCAB || status == LP_NO_DICT ||
           status == LP_NO_MODEL || status == LP_BAD_MODEL;
}

/* Asks for what a segment without a header may need: a vocabulary by name, and its model for a
 * mixed block. */
static enum lp_status ask_for(struct lp_reader *r, const struct job *job, const char *name,
                              struct lp_found *found)
{
    const struct lp_need vocab = {.what = LP_NEED_VOCAB, .name = name},
                         model = {.what = LP_NEED_MODEL, .name = name};
    *found = (struct lp_found){0};
    enum lp_status status = lp_need_ask(&vocab, r->options.find, r->options.find_ctx, found);
    if (status == LP_OK && lp_wire_chain(job->frame.kind) == LP_CHAIN_TOKENS_MIX)
        status = lp_need_ask(&model, r->options.find, r->options.find_ctx, found);
    return status;
}

/* Restores a block of a segment without a header: tries all encodings and splits until the check
 * matches. Where none does, a vocabulary or model that could not be used may have been the one. */
static enum lp_status guess(struct lp_reader *r, struct job *job)
{
    static const enum lp_split splits[] = {LP_WHOLE, LP_LINES, LP_NUL};
    enum { SPLITS = sizeof splits / sizeof *splits };
    enum lp_status status = restore(job), unusable = LP_DATA;
    int error = 0;
    for (size_t i = 0; blames_block(status) || status == LP_BAD_VOCAB || status == LP_IO; i++) {
        const char *name = lp_encoding_list(i / SPLITS);
        struct lp_found found;
        if (name == NULL) {
            errno = error;
            return unusable;
        }
        status = ask_for(r, job, name, &found);
        if (status == LP_OK) {
            job->tools = found;
            job->split = splits[i % SPLITS];
            status = restore(job);
        }
        if (status == LP_OK) {
            r->tools = found;
            r->parser.header.split = job->split;
        } else if (status == LP_BAD_VOCAB || status == LP_IO) {
            unusable = status;
            error = errno;
            r->need = (struct lp_need){.what = LP_NEED_VOCAB, .name = name};
        }
    }
    return status;
}

/* Counts the text of a block that is to be handed out. */
static enum lp_status count_text(struct lp_reader *r, uint64_t size)
{
    const uint64_t max = r->options.max_text;
    if (max != 0 && size > max - r->text_size)
        return LP_MAX_TEXT;
    r->text_size += size;
    return LP_OK;
}

/* Restores a block immediately; skips it if that fails. */
static enum lp_status recover_block(struct lp_reader *r, struct job *job)
{
    enum lp_status status = r->parser.in_segment ? restore(job) : guess(r, job);
    if (status == LP_OK)
        status = count_text(r, job->frame.text_size);
    if (!blames_block(status))
        return put_block(r, job, status);
    lp_parser_reject(&r->parser, status);
    lp_recovery_reject(&r->recovery);
    return LP_OK;
}

static enum lp_status take_block(struct lp_reader *r, const struct lp_event *e)
{
    void *arg;
    if (!r->parser.recover && count_text(r, e->frame.text_size) != LP_OK) {
        enum lp_status earlier = lp_workers_drain(r->workers);
        r->offset = e->offset;
        return earlier != LP_OK ? earlier : LP_MAX_TEXT;
    }
    const enum lp_chain chain = lp_wire_chain(e->frame.kind);
    const uint64_t thread = r->njobs > 1 ? lp_memory_of_thread(chain) : 0;
    enum lp_status status = lp_workers_next(
        r->workers, chain,
        lp_memory_of_block(&e->frame) + lp_memory_of_window(r->parser.header.window_log) + thread,
        &arg);
    struct job *job = arg;
    if (status == LP_OK)
        status = lp_ask_interrupt(r->options.interrupt, r->options.interrupt_ctx);
    if (status != LP_OK)
        return status;
    job->frame = e->frame;
    job->offset = e->offset;
    job->tools = r->tools;
    job->split = r->parser.header.split;
    job->window = r->window.reach > 0 ? &r->window : NULL;
    job->in.n = 0;
    if (!lp_buf_append(&job->in, e->payload, e->frame.payload_size))
        return LP_NOMEM;
    if (r->parser.recover)
        return recover_block(r, job);
    job->turn = &r->turn;
    if (job->window != NULL)
        job->number = r->nturns++;
    return lp_workers_start(r->workers);
}

/* An open record ends with the segment. */
static enum lp_status end_segment(struct lp_reader *r)
{
    enum lp_status status = lp_workers_drain(r->workers);
    if (status == LP_OK && !r->parser.recover && r->handed_on != r->parser.text_size)
        status = LP_INTERNAL; /* cannot be: each block has been handed on */
    if (status == LP_OK && r->in_record)
        status = cut_record(r);
    begin_lost_segment(r);
    return status;
}

/* In recovery a record ends where something is missing: what follows may be of another one. */
static enum lp_status take_event(struct lp_reader *r, const struct lp_event *e)
{
    enum lp_status status = r->parser.recover ? lp_recovery_event(&r->recovery, e) : LP_OK;
    if (status == LP_OK && r->in_record && r->recovery.cut)
        status = cut_record(r);
    if (status != LP_OK)
        return status;
    r->any = r->any || e->kind != LP_EVENT_GAP;
    switch (e->kind) {
    case LP_EVENT_HEADER:
        return begin_segment(r);
    case LP_EVENT_BLOCK:
        return take_block(r, e);
    case LP_EVENT_END:
        return end_segment(r);
    default:
        return LP_OK;
    }
}

enum lp_status lp_reader_push(struct lp_reader *r, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (;;) {
        struct lp_event e;
        enum lp_status status = lp_parser_step(&r->parser, &at, &n, &e);
        if (status != LP_OK) {
            enum lp_status earlier =
                lp_workers_drain(r->workers); /* good blocks out before the error */
            if (earlier != LP_OK)
                return earlier;
            r->offset = r->parser.offset;
            if (status == LP_VERSION)
                r->need = r->parser.newer;
            return status == LP_DATA && !r->any ? LP_NOT_LP : status;
        }
        if (e.kind == LP_EVENT_NONE)
            return LP_OK;
        r->offset = e.offset;
        status = take_event(r, &e);
        if (status != LP_OK)
            return status;
    }
}

enum lp_status lp_reader_finish(struct lp_reader *r)
{
    lp_parser_eof(&r->parser);
    enum lp_status status = lp_reader_push(r, NULL, 0);
    if (status == LP_OK && r->in_record) /* in recovery: the input stops right after a block */
        status = cut_record(r);
    if (status == LP_OK && r->parser.recover)
        status = lp_recovery_finish(&r->recovery, r->parser.offset);
    return (status == LP_OK || status == LP_DATA) && !r->any ? LP_NOT_LP : status;
}

uint64_t lp_reader_offset(const struct lp_reader *r)
{
    return r->offset;
}

const struct lp_need *lp_reader_need(const struct lp_reader *r)
{
    return &r->need;
}
