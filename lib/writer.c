/* writer.c - text in, a stream out.
 *
 * Holds the text of the next block and its tokens. A block takes whole records while they fit; a
 * larger record is cut into parts, each the longest run of tokens that fits. So block ends depend
 * on the text alone, never on the pieces it came in. A block is written only after it has been
 * restored and compared with the text. */
#include "writer.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/interrupt.h"
#include "base/sized.h"
#include "base/workers.h"
#include "block/body.h"
#include "block/match.h"
#include "block/resolve.h"
#include "format/emit.h"
#include "format/split.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

enum {
    PIECE = 64 << 10, /* text given to the tokeniser at once: bounds the ids held */
    /* With a window a block grows by parts until it has REST_MAX bytes of codes that are no copies:
     * after so many mixing has learnt most of what it can, and no thread holds many more. */
    PARTS = 8,
    REST_MAX = 1 << 20,
};

/* One block on its way out. */
struct job {
    struct lp_block_coder coder;
    const struct lp_options *options;
    struct lp_frame frame;
    bool as_text;               /* it may be stored so, too */
    bool apart;                 /* from the window that its stream has */
    struct lp_buf text;         /* what the block is to restore */
    struct lp_buf ends;         /* u64 each: where its records end, if it has a table of lengths */
    struct lp_buf tokens;       /* a body of them; while the block grows, without its lengths: */
    struct lp_buf lengths;      /* of all records but the last, */
    size_t length;              /* and of that */
    struct lp_buf copies, rest; /* with LP_KIND_COPIES: packed copies, and the body without them */
    struct lp_buf payload;
};

/* Where the whole records of a block end, in its text and in its tokens. */
struct mark {
    size_t text, tokens;
};

struct lp_writer {
    struct lp_options options;
    size_t block_size, part_size;
    int separator; /* a byte, and the token that it is; -1 for none */
    uint32_t separator_id;
    struct lp_tok *tok;
    struct lp_ids ids;
    struct lp_buf text, tokens; /* of the block to come; tokens of the settled text */
    struct mark *ends;          /* LP_WHOLE: of each whole record; else the last only */
    size_t nends, ends_cap;
    uint64_t nrecords; /* whole records held */
    bool in_record;    /* text of a record without its end is held */
    struct mark fits;  /* what is held was this when it last fitted a block */
    bool ended;        /* that record has no separator, and others may follow */
    uint64_t taken;    /* bytes of text, of the segment */
    /* With a window: what the blocks since the last key block were. */
    struct lp_window window;
    struct lp_matcher matcher;
    struct lp_copies copies;
    uint64_t since_key;  /* text; NO_KEY before the first block */
    struct job *growing; /* the block that the next part may be added to, or NULL */
    uint64_t start;      /* of its codes in the window */
    struct lp_emit emit;
    struct job *jobs;
    unsigned njobs;
    struct lp_workers *workers;
};

#define NO_KEY UINT64_MAX

/* Proves that a packed block restores, the way a reader does it; its copies are proved already. The
 * payload can be the body itself. */
static enum lp_status prove(struct job *job, const struct lp_packed *packed)
{
    const struct lp_options *o = job->options;
    const struct lp_found tools = {.vocab = o->vocab, .dict = o->dict, .model = o->model};
    const enum lp_chain chain = lp_wire_chain(packed->wire), base = lp_base_of(chain);
    const bool copies = job->frame.kind & LP_KIND_COPIES, is_body = !copies && chain == base;
    const struct lp_buf *whole = copies ? &job->tokens : packed->body;
    enum lp_status status = lp_body_prove(&job->coder, o->vocab, o->split, &job->frame, base,
                                          is_body ? &job->payload : whole, job->text.p,
                                          (const uint64_t *)(const void *)job->ends.p);
    if (status != LP_OK || is_body)
        return status;
    return lp_body_prove_payload(&job->coder, &tools, o->split, &job->frame, &job->payload,
                                 packed->body);
}

static enum lp_status pack(void *arg)
{
    struct job *job = arg;
    const bool copies = job->frame.kind & LP_KIND_COPIES;
    const struct lp_bodies bodies = {.text = job->as_text ? &job->text : NULL,
                                     .ends = (const uint64_t *)(const void *)job->ends.p,
                                     .tokens = !lp_chain_tokens(job->options->chain) ? NULL
                                               : copies                              ? &job->rest
                                                                                     : &job->tokens,
                                     .copies = job->copies.p,
                                     .ncopies = copies ? job->copies.n : 0};
    struct lp_packed packed;
    job->payload.n = 0;
    if (copies && !lp_payload_put_copies(&job->copies, &job->payload))
        return LP_NOMEM;
    enum lp_status status =
        lp_body_pack(&job->coder, job->options, &job->frame, &bodies, &job->payload, &packed);
    if (status != LP_OK)
        return status;
    job->frame.kind = lp_kind_stored(job->frame.kind, packed.wire, job->apart);
    return job->options->unverified ? LP_OK : prove(job, &packed);
}

static enum lp_status emit(void *ctx, void *arg, enum lp_status status)
{
    struct lp_writer *w = ctx;
    struct job *job = arg;
    return status == LP_OK ? lp_emit_block(&w->emit, job->frame, &job->payload) : status;
}

static unsigned block_log(size_t size)
{
    unsigned log = LP_BLOCK_LOG_MIN;
    while ((size_t)1 << log < size)
        log++;
    return log;
}

/* A separator is a token by itself: every single byte is one. */
static enum lp_status find_separator_id(struct lp_writer *w)
{
    unsigned char byte = (unsigned char)w->separator;
    if (w->tok == NULL || w->separator < 0)
        return LP_OK;
    enum lp_status status = lp_tok_push(w->tok, &byte, 1, true, &w->ids);
    lp_tok_reset(w->tok);
    if (status == LP_OK)
        w->separator_id = w->ids.v[0];
    return status;
}

static enum lp_status begin_segment(struct lp_writer *w)
{
    struct lp_header header;
    lp_header_of(&w->options, block_log(w->block_size), &header);
    lp_window_clear(&w->window, lp_window_reach(header.window_log));
    w->part_size = w->block_size;
    if (w->window.reach > 0 && w->block_size / PARTS >= LP_BLOCK_MIN)
        w->part_size = w->block_size / PARTS;
    w->since_key = NO_KEY;
    w->taken = 0;
    return lp_emit_begin(&w->emit, &header);
}

static enum lp_status new_writer(const struct lp_options *options, lp_sink *sink, void *ctx,
                                 struct lp_writer **out)
{
    size_t block_size = options->block_size != 0 ? options->block_size : LP_BLOCK_DEFAULT;
    bool tokens = lp_chain_tokens(options->chain);
    if (block_size < LP_BLOCK_MIN || block_size > LP_BLOCK_MAX || !lp_options_complete(options))
        return LP_USAGE;
    struct lp_writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return LP_NOMEM;
    w->options = *options;
    w->block_size = block_size;
    w->separator = lp_split_separator(options->split);
    w->emit.sink = sink;
    w->emit.ctx = ctx;
    w->njobs = options->threads > 1 ? options->threads : 1;
    w->jobs = calloc(w->njobs, sizeof *w->jobs);
    enum lp_status status = w->jobs == NULL ? LP_NOMEM : LP_OK;
    for (unsigned i = 0; status == LP_OK && i < w->njobs; i++)
        w->jobs[i].options = &w->options;
    if (status == LP_OK)
        status = lp_workers_new(w->njobs, w->jobs, sizeof *w->jobs,
                                &(struct lp_workers_calls){.run = pack, .done = emit, .ctx = w},
                                &w->workers);
    if (status == LP_OK && tokens)
        status = lp_tok_new(options->vocab, options->special, &w->tok);
    if (status == LP_OK)
        status = find_separator_id(w);
    if (status == LP_OK)
        status = begin_segment(w);
    if (status != LP_OK) {
        lp_writer_free(w);
        return status;
    }
    *out = w;
    return LP_OK;
}

enum lp_status lp_writer_new_sized(const struct lp_options *given, size_t size, lp_sink *sink,
                                   void *ctx, struct lp_writer **out)
{
    struct lp_options options;
    *out = NULL;
    if (!lp_take_sized(&options, sizeof options, given, size))
        return LP_USAGE;
    return new_writer(&options, sink, ctx, out);
}

void lp_writer_free(struct lp_writer *w)
{
    if (w == NULL)
        return;
    lp_workers_free(w->workers);
    for (unsigned i = 0; w->jobs != NULL && i < w->njobs; i++) {
        lp_block_coder_free(&w->jobs[i].coder);
        lp_buf_free(&w->jobs[i].text);
        lp_buf_free(&w->jobs[i].ends);
        lp_buf_free(&w->jobs[i].tokens);
        lp_buf_free(&w->jobs[i].lengths);
        lp_buf_free(&w->jobs[i].payload);
        lp_buf_free(&w->jobs[i].copies);
        lp_buf_free(&w->jobs[i].rest);
    }
    free(w->jobs);
    lp_window_free(&w->window);
    lp_matcher_free(&w->matcher);
    lp_copies_free(&w->copies);
    lp_tok_free(w->tok);
    free(w->ids.v);
    lp_buf_free(&w->text);
    lp_buf_free(&w->tokens);
    free(w->ends);
    lp_emit_free(&w->emit);
    free(w);
}

/* Adds the records held up to end to the tables of a block; the last that it had may go on. */
static bool put_lengths(const struct lp_writer *w, struct mark end, uint64_t nrecords,
                        struct job *job)
{
    const bool open = job->frame.kind & LP_KIND_OPEN;
    struct mark from = {0};
    for (uint64_t i = 0; w->options.split == LP_WHOLE && i < nrecords; i++) {
        const struct mark to = i + 1 < nrecords ? w->ends[i] : end; /* the last may have no mark */
        const uint64_t text_end = job->text.n + to.text;
        unsigned char varint[LP_VARINT_MAX];
        const bool goes_on = open && i == 0;
        if (goes_on)
            job->ends.n -= sizeof text_end;
        else if (job->ends.n > 0 &&
                 !lp_buf_append(&job->lengths, varint, lp_put_varint(varint, job->length)))
            return false;
        if (!lp_buf_append(&job->ends, &text_end, sizeof text_end))
            return false;
        job->length = to.tokens - from.tokens + (goes_on ? job->length : 0);
        from = to;
    }
    return true;
}

/* Puts the table of lengths before a body. */
static bool put_before(const struct lp_buf *lengths, struct lp_buf *body)
{
    if (lengths->n == 0)
        return true;
    if (!lp_buf_reserve(body, lengths->n))
        return false;
    memmove(body->p + lengths->n, body->p, body->n);
    memcpy(body->p, lengths->p, lengths->n);
    body->n += lengths->n;
    return true;
}

/* Moves the first n bytes of from to to, replacing its content: swaps the buffers and copies back
 * the bytes after the first n, which are usually fewer. */
static bool move_front(struct lp_buf *from, size_t n, struct lp_buf *to)
{
    struct lp_buf rest = *to;
    rest.n = 0;
    *to = *from;
    *from = rest;
    const size_t left = to->n - n;
    to->n = n;
    return lp_buf_append(from, to->p + n, left);
}

/* Whether n more bytes of text can be linked to the blocks since the last key block. */
static bool can_link(const struct lp_writer *w, size_t n)
{
    const uint64_t key = w->options.key != 0 ? w->options.key : NO_KEY;
    return w->since_key < key && n <= key - w->since_key;
}

/* Gets a job for a block that begins with a part of so much text. */
static enum lp_status begin_block(struct lp_writer *w, size_t text_size)
{
    void *arg;
    enum lp_status status = lp_workers_next(w->workers, 0, 0, &arg);
    struct job *job = arg;
    if (status != LP_OK)
        return status;
    job->frame = (struct lp_frame){.kind = LP_KIND_DATA};
    job->as_text = w->window.reach == 0;
    job->apart = false;
    job->text.n = job->ends.n = job->lengths.n = job->tokens.n = job->copies.n = job->rest.n = 0;
    w->copies.n = 0;
    w->growing = job;
    if (w->window.reach == 0)
        return LP_OK;
    if (can_link(w, text_size)) {
        job->frame.kind |= LP_KIND_LINKED;
    } else {
        lp_window_clear(&w->window, w->window.reach);
        w->since_key = 0;
    }
    w->start = lp_window_end(&w->window);
    return LP_OK;
}

/* Whether a part of nrecords that ends at end can be added to the block that grows. */
static bool fits_block(const struct lp_writer *w, struct mark end, uint64_t nrecords)
{
    const struct lp_frame *f = &w->growing->frame;
    return f->text_size + f->nrecords + end.text + nrecords <= w->block_size &&
           can_link(w, end.text);
}

/* Adds the codes of a part to the window, and finds what they repeat. */
static enum lp_status match_part(struct lp_writer *w, struct job *job, size_t n)
{
    enum lp_status status = lp_window_push(&w->window, w->tokens.p, n, job->tokens.n - n);
    return status == LP_OK ? lp_match(&w->matcher, &w->window, w->options.vocab, job->tokens.n, n,
                                      &w->copies, &job->rest)
                           : status;
}

/* Adds the text and tokens held up to end to the block that grows. */
static enum lp_status add_part(struct lp_writer *w, struct mark end, uint64_t nrecords, bool open)
{
    struct job *job = w->growing;
    const bool first = job->text.n == 0;
    enum lp_status status = put_lengths(w, end, nrecords, job) ? LP_OK : LP_NOMEM;
    if (status == LP_OK && w->tok != NULL && !lp_buf_append(&job->tokens, w->tokens.p, end.tokens))
        status = LP_NOMEM;
    if (status == LP_OK && w->window.reach > 0)
        status = match_part(w, job, end.tokens);
    if (status == LP_OK && !(first ? move_front(&w->text, end.text, &job->text)
                                   : lp_buf_append(&job->text, w->text.p, end.text)))
        status = LP_NOMEM;
    if (status != LP_OK)
        return status;
    if (!first)
        lp_buf_drop(&w->text, end.text);
    lp_buf_drop(&w->tokens, end.tokens);
    job->frame.text_size += end.text;
    job->frame.nrecords += nrecords - (job->frame.kind & LP_KIND_OPEN ? 1 : 0);
    job->frame.kind = (job->frame.kind & ~(unsigned)LP_KIND_OPEN) | (open ? LP_KIND_OPEN : 0u);
    w->since_key += end.text;
    return LP_OK;
}

/* Proves that a block's copies and the rest restore its n codes, which end the window. */
static enum lp_status prove_copies(struct lp_writer *w, const struct job *job, size_t table)
{
    struct lp_buf *codes = &w->window.codes;
    const size_t n = job->tokens.n - table;
    size_t restored;
    codes->n -= n;
    enum lp_status status =
        lp_window_restore(&w->window, job->copies.p, job->copies.n, job->rest.p + table,
                          job->rest.n - table, n, &restored);
    const bool same = status == LP_OK && restored == n &&
                      memcmp(codes->p + codes->n - n, job->tokens.p + table, n) == 0;
    return lp_proof(NULL, status, same);
}

/* Whether text takes less than the rest and its copies. A fast level tells what cannot be,
 * a slow one of some of the block what is: the fast one can take three times as much for tokens of
 * numbers as for text, where the slow one and mixing take less. */
static enum lp_status scout_text(struct job *job, const struct lp_buf *rest, size_t besides,
                                 bool *better)
{
    enum { FAST_PERCENT = 108, PERCENT = 98, SOME = 256 << 10 };
    const size_t parts = job->text.n / SOME + 1;
    const struct lp_buf some_text = {.p = job->text.p, .n = job->text.n / parts};
    const struct lp_buf some_rest = {.p = rest->p, .n = rest->n / parts};
    enum lp_status status =
        lp_body_scout(&job->coder, LP_SCOUT, &job->text, rest, besides, FAST_PERCENT, better);
    return status == LP_OK && *better ? lp_body_scout(&job->coder, LP_LEVEL_DEFAULT, &some_text,
                                                      &some_rest, besides / parts, PERCENT, better)
                                      : status;
}

/* Whether a block of a stream with a window is better apart from it: if its tokens, copied or not,
 * are not smaller than its text; or if most of them are not copied, and its text takes less. */
static enum lp_status is_better_apart(struct lp_writer *w, struct job *job,
                                      const struct lp_buf *rest, size_t table, bool *better)
{
    enum { MOSTLY = 2 };
    const size_t besides = rest == &job->rest ? job->copies.n + LP_VARINT_MAX : 0;
    const struct lp_buf *tokens = &job->tokens;
    const bool larger = rest->n + besides >= job->text.n;
    enum lp_status status = LP_OK;
    *better = larger;
    if (!larger && !lp_body_fits_tokens(job->text.n, tokens->n) && rest->n >= tokens->n / MOSTLY)
        status = scout_text(job, rest, besides, better);
    *better =
        *better && !lp_codes_have_special(w->options.vocab, tokens->p + table, tokens->n - table);
    return status;
}

/* Decides whether a block, whose table of lengths has that size, is stored as copies and the rest,
 * as tokens, or apart from the window, as what is smaller of tokens and text. */
static enum lp_status put_copies(struct lp_writer *w, struct job *job, size_t table)
{
    enum lp_status status = lp_copies_pack(&w->copies, &job->copies);
    const bool copies = job->rest.n + job->copies.n + LP_VARINT_MAX < job->tokens.n;
    if (status == LP_OK)
        status = is_better_apart(w, job, copies ? &job->rest : &job->tokens, table, &job->apart);
    job->as_text = job->apart;
    if (status == LP_OK && job->apart)
        lp_window_take_back(&w->window, w->start);
    if (status != LP_OK || job->apart || !copies)
        return status;
    job->frame.kind |= LP_KIND_COPIES;
    return w->options.unverified ? LP_OK : prove_copies(w, job, table);
}

/* Starts the block that grows, if there is one. */
static enum lp_status put_growing(struct lp_writer *w)
{
    struct job *job = w->growing;
    if (job == NULL)
        return LP_OK;
    w->growing = NULL;
    job->frame.check = lp_check32(job->text.p, job->text.n);
    if (w->window.reach > 0 && lp_match_review(job->tokens.p, &w->copies, &job->rest) != LP_OK)
        return LP_NOMEM;
    if (!(put_before(&job->lengths, &job->tokens) && put_before(&job->lengths, &job->rest)))
        return LP_NOMEM;
    const enum lp_status status = w->window.reach > 0 ? put_copies(w, job, job->lengths.n) : LP_OK;
    return status == LP_OK ? lp_workers_start(w->workers) : status;
}

/* Whether a block may still grow: most of it is copies, and it need not be whole now. */
static bool grows(const struct lp_writer *w)
{
    return w->part_size < w->block_size && !w->options.flush && w->growing->rest.n < REST_MAX;
}

/* Puts the held text and tokens up to end into a block. */
static enum lp_status put_block(struct lp_writer *w, struct mark end, uint64_t nrecords, bool open)
{
    enum lp_status status = w->tok != NULL ? lp_vocab_status(w->options.vocab) : LP_OK;
    if (status == LP_OK && w->growing != NULL && !fits_block(w, end, nrecords))
        status = put_growing(w);
    if (status == LP_OK && w->growing == NULL)
        status = begin_block(w, end.text);
    if (status == LP_OK)
        status = add_part(w, end, nrecords, open);
    if (status == LP_OK && !grows(w))
        status = put_growing(w);
    w->nends = 0;
    w->nrecords = 0;
    w->fits = (struct mark){0};
    return status;
}

static enum lp_status put_whole_records(struct lp_writer *w)
{
    return w->nrecords == 0 ? LP_OK : put_block(w, w->ends[w->nends - 1], w->nrecords, false);
}

/* Starts blocks as long as more settled text is held than a block can take. */
static enum lp_status cut(struct lp_writer *w)
{
    for (;;) {
        size_t settled = w->text.n - (w->tok != NULL ? lp_tok_held(w->tok) : 0);
        if (settled + w->nrecords <= w->part_size) {
            w->fits = (struct mark){settled, w->tokens.n};
            return LP_OK;
        }
        enum lp_status status;
        if (w->nrecords > 0) {
            status = put_whole_records(w);
        } else {
            struct mark end = {.text = w->part_size};
            if (w->tok != NULL) {
                lp_codes_prefix(w->options.vocab, w->tokens.p + w->fits.tokens,
                                w->tokens.n - w->fits.tokens, w->part_size - w->fits.text,
                                &end.tokens, &end.text);
                end.text += w->fits.text;
                end.tokens += w->fits.tokens;
                if (end.text == 0)
                    return LP_BAD_VOCAB; /* a token longer than any block */
            }
            status = put_block(w, end, 1, true);
        }
        if (status != LP_OK)
            return status;
    }
}

/* Appends text of a record; with final set it ends the record's text. */
static enum lp_status add_text(struct lp_writer *w, const unsigned char *text, size_t n, bool final)
{
    for (;;) {
        size_t piece = n < PIECE ? n : PIECE;
        bool last = final && piece == n;
        if (!lp_buf_append(&w->text, text, piece))
            return LP_NOMEM;
        if (w->tok != NULL) {
            w->ids.n = 0;
            enum lp_status status = lp_tok_push(w->tok, text, piece, last, &w->ids);
            if (status != LP_OK)
                return status;
            if (!lp_buf_reserve(&w->tokens, LP_CODE_MAX * w->ids.n))
                return LP_NOMEM;
            w->tokens.n +=
                lp_codes_from_ids(w->options.vocab, w->ids.v, w->ids.n, w->tokens.p + w->tokens.n);
        }
        enum lp_status status = cut(w);
        if (status == LP_OK)
            status = lp_ask_interrupt(w->options.interrupt, w->options.interrupt_ctx);
        if (status != LP_OK || piece == n)
            return status;
        text += piece;
        n -= piece;
    }
}

static enum lp_status add_separator(struct lp_writer *w)
{
    unsigned char byte = (unsigned char)w->separator;
    if (!lp_buf_append(&w->text, &byte, 1) || !lp_buf_reserve(&w->tokens, LP_CODE_MAX))
        return LP_NOMEM;
    if (w->tok != NULL)
        w->tokens.n +=
            lp_codes_from_ids(w->options.vocab, &w->separator_id, 1, w->tokens.p + w->tokens.n);
    return cut(w);
}

/* Marks the end of a whole record. */
static enum lp_status mark_end(struct lp_writer *w)
{
    w->in_record = false;
    if (w->options.split != LP_WHOLE)
        w->nends = 0;
    struct mark *ends = lp_array_grow(w->ends, w->nends, &w->ends_cap, sizeof *ends);
    if (ends == NULL)
        return LP_NOMEM;
    w->ends = ends;
    w->ends[w->nends++] = (struct mark){w->text.n, w->tokens.n};
    w->nrecords++;
    return LP_OK;
}

/* The record is complete, with its separator. */
static enum lp_status close_record(struct lp_writer *w)
{
    if (w->tok != NULL)
        lp_tok_reset(w->tok);
    enum lp_status status = mark_end(w);
    if (status != LP_OK)
        return status;
    if (w->options.flush || w->text.n + w->nrecords >= w->part_size)
        return put_whole_records(w);
    return LP_OK;
}

enum lp_status lp_writer_put_held(struct lp_writer *w)
{
    enum lp_status status = put_whole_records(w);
    if (status == LP_OK)
        status = put_growing(w);
    return status == LP_OK ? lp_workers_drain(w->workers) : status;
}

/* A last record without a separator goes into an open block. */
static enum lp_status put_open_record(struct lp_writer *w)
{
    enum lp_status status = add_text(w, NULL, 0, true);
    if (status != LP_OK)
        return status;
    struct mark end = {w->text.n, w->tokens.n};
    if (w->tok != NULL)
        lp_tok_reset(w->tok);
    w->in_record = w->ended = false;
    return put_block(w, end, w->nrecords + 1, true);
}

static enum lp_status end_segment(struct lp_writer *w)
{
    enum lp_status status = w->in_record ? put_open_record(w) : put_whole_records(w);
    if (status == LP_OK)
        status = put_growing(w);
    if (status == LP_OK)
        status = lp_workers_drain(w->workers);
    if (status == LP_OK && w->emit.text_size != w->taken)
        status = LP_INTERNAL; /* cannot be: all text that was taken is in a block */
    return status == LP_OK ? lp_emit_end(&w->emit) : status;
}

uint64_t lp_writer_text_size(const struct lp_writer *w)
{
    return w->taken;
}

/* A record without its separator can only be a segment's last. */
static enum lp_status next_segment(struct lp_writer *w)
{
    enum lp_status status = end_segment(w);
    return status == LP_OK ? begin_segment(w) : status;
}

enum lp_status lp_writer_push(struct lp_writer *w, const void *text, size_t n)
{
    const unsigned char *at = text;
    enum lp_status status = n > 0 && w->ended ? next_segment(w) : LP_OK;
    w->taken += n;
    while (status == LP_OK && n > 0) {
        size_t size = lp_split_record(at, n, w->separator);
        const bool ends = size > 0;
        size = ends ? size : n;
        w->in_record = true;
        status = add_text(w, at, size - ends, ends);
        if (status == LP_OK && ends)
            status = add_separator(w);
        if (status == LP_OK && ends)
            status = close_record(w);
        at += size;
        n -= size;
    }
    return status;
}

enum lp_status lp_writer_end_record(struct lp_writer *w)
{
    if (w->options.split != LP_WHOLE) {
        w->ended = w->in_record;
        return LP_OK;
    }
    enum lp_status status = add_text(w, NULL, 0, true);
    return status == LP_OK ? close_record(w) : status;
}

enum lp_status lp_writer_finish(struct lp_writer *w)
{
    enum lp_status status = LP_OK;
    if (w->in_record && w->options.split == LP_WHOLE)
        status = lp_writer_end_record(w);
    return status == LP_OK ? end_segment(w) : status;
}

/* --- What is tokenised already ---------------------------------------------------- */

enum lp_status lp_writer_add_tokens(struct lp_writer *w, const unsigned char *text, size_t n,
                                    const unsigned char *codes, size_t ncodes, bool ends)
{
    enum lp_status status = LP_OK;
    w->in_record = true;
    w->taken += n;
    while (status == LP_OK && ncodes > 0) { /* in pieces: each block moves what is held after it */
        size_t used = ncodes, size = n;
        if (n > PIECE)
            lp_codes_prefix(w->options.vocab, codes, ncodes, PIECE, &used, &size);
        if (used == 0) { /* a token longer than that */
            used = ncodes;
            size = n;
        }
        if (!lp_buf_append(&w->text, text, size) || !lp_buf_append(&w->tokens, codes, used))
            return LP_NOMEM;
        text += size;
        codes += used;
        n -= size;
        ncodes -= used;
        status = cut(w);
    }
    return status == LP_OK && ends ? close_record(w) : status;
}
