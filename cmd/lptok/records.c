#include "lptok/records.h"

#include "shared/split.h"

#include <stdlib.h>

struct records records_new(const struct tool *tool, const struct options *o, ids_take *take,
                           void *ctx)
{
    struct records r = {.tool = tool, .take = take, .ctx = ctx, .split = o->lp.split};
    tool_check(tool, lp_vocab_name(o->lp.vocab), lp_tok_new(o->lp.vocab, o->lp.special, &r.tok));
    return r;
}

void records_free(struct records *r)
{
    free(r->ids.v);
    lp_tok_free(r->tok);
}

/* A split_take. */
static bool take_text(void *ctx, const unsigned char *text, size_t n, bool end)
{
    struct records *r = ctx;
    r->nbytes += n;
    if (!r->enough) {
        tool_check(r->tool, r->name, lp_tok_push(r->tok, text, n, end, &r->ids));
        r->enough = !r->take(r->ctx, r->ids.v, r->ids.n, end);
        r->ids.n = 0;
    }
    if (!end)
        return !r->enough || r->split != LP_WHOLE;
    lp_tok_reset(r->tok);
    r->number++;
    r->nbytes = 0;
    r->enough = false;
    return true;
}

void records_read(struct records *r, struct input *in)
{
    lp_tok_reset(r->tok);
    r->name = in->name;
    r->number = 1;
    r->nbytes = 0;
    r->enough = false;
    split_input(r->tool, in, r->split, take_text, r);
    input_close(in);
}

void records_read_all(struct records *r, const struct options *o)
{
    struct input in;
    for (size_t i = 0; next_text(r->tool, o, i, &in); i++)
        records_read(r, &in);
}

void end_record(struct output *out, enum lp_split split)
{
    int separator = lp_split_separator(split);
    if (separator >= 0)
        output_sink(out, &(char){(char)separator}, 1);
}
