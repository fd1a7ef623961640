/* Ids to text: what --ids, --u16 and --u32 wrote, or Python printed. */
#include "lptok/records.h"

#include <inttypes.h>
#include <string.h>

enum { TOGETHER = 4096 }; /* ids decoded at once */

struct decoder {
    const struct tool *tool;
    const struct options *o;
    struct output *out;
    struct lp_codec *codec;
    const char *name; /* of the input */
    uint32_t ids[TOGETHER];
    size_t nids;
    uint64_t line; /* from 1 */
    uint64_t id;   /* that is being read */
    unsigned ndigits, nbytes;
    bool line_begun;
};

static void put_text(struct decoder *d)
{
    const void *text;
    size_t n;
    for (size_t i = 0; i < d->nids; i++) {
        if (lp_vocab_token(d->o->lp.vocab, d->ids[i], &n) == NULL)
            tool_die(d->tool, EXIT_DATA, "%s: %s has no token %" PRIu32 ": see -e", d->name,
                     lp_vocab_name(d->o->lp.vocab), d->ids[i]);
    }
    tool_check(d->tool, d->name, lp_decode(d->codec, d->ids, d->nids, &text, &n));
    output_sink(d->out, text, n);
    d->nids = 0;
}

static void take_id(struct decoder *d)
{
    d->ids[d->nids++] = (uint32_t)d->id;
    d->id = 0;
    d->ndigits = d->nbytes = 0;
    if (d->nids == TOGETHER)
        put_text(d);
}

static void end_line(struct decoder *d)
{
    put_text(d);
    end_record(d->out, d->o->lp.split);
    d->line++;
    d->line_begun = false;
}

/* Brackets and commas are taken too: lists as Python and JSON have them. */
static void take_decimal(struct decoder *d, unsigned char c)
{
    bool digit = c >= '0' && c <= '9';
    if (digit) {
        d->id = 10 * d->id + (uint64_t)(c - '0');
        d->ndigits++;
    }
    if (d->id > UINT32_MAX || (!digit && (c == 0 || strchr(" \t\r\n,[]", c) == NULL)))
        tool_die(d->tool, EXIT_DATA, "%s: line %" PRIu64 ": not ids in decimal%s", d->name, d->line,
                 d->id > UINT32_MAX ? ": a number is too large" : ": see --u16 and --u32");
    if (!digit && d->ndigits > 0)
        take_id(d);
    d->line_begun = c != '\n';
    if (c == '\n')
        end_line(d);
}

/* An id of 2 or 4 bytes, the least significant first. */
static void take_binary(struct decoder *d, unsigned char c)
{
    d->id |= (uint64_t)c << 8 * d->nbytes++;
    if (d->nbytes == (d->o->mode == U16 ? 2 : 4))
        take_id(d);
}

static void end_input(struct decoder *d)
{
    if (d->nbytes > 0)
        tool_die(d->tool, EXIT_DATA, "%s: ends within an id", d->name);
    if (d->ndigits > 0)
        take_id(d);
    if (d->line_begun || d->o->mode != IDS)
        end_line(d);
}

void write_decoded(const struct tool *tool, const struct options *o, struct output *out)
{
    struct decoder d = {.tool = tool, .o = o, .out = out};
    struct input in;
    tool_check(tool, out->name, lp_codec_new(&o->lp, &d.codec));
    for (size_t i = 0; input_next(tool, &in, o->files, i); i++) {
        d.name = in.name;
        d.line = 1;
        for (size_t n; (n = input_read(tool, &in)) > 0;) {
            for (size_t k = 0; k < n; k++)
                o->mode == IDS ? take_decimal(&d, in.data[k]) : take_binary(&d, in.data[k]);
        }
        end_input(&d);
        input_close(&in);
    }
    lp_codec_free(d.codec);
}
