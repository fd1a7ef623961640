/* Ids, in decimal or binary. */
#include "lptok/records.h"

#include <inttypes.h>
#include <string.h>

enum { TOGETHER = 512, ID_SIZE = 12 }; /* ids of a write; bytes of an id in decimal, at most */

struct ids_writer {
    const struct tool *tool;
    enum mode mode;
    struct output *out;
    bool line_begun;
    char digits[4 * 1000 + 4]; /* see make_digits(); four bytes can be read at the last digit */
};

/* Fills a table with the three digits of each number below 1000, four bytes apart. Copying
 * four bytes from it takes no branch on the number of digits, which is unpredictable. */
static void make_digits(char *digits)
{
    for (unsigned i = 0; i < 1000; i++) {
        digits[4 * i] = (char)('0' + i / 100);
        digits[4 * i + 1] = (char)('0' + i / 10 % 10);
        digits[4 * i + 2] = (char)('0' + i % 10);
    }
}

/* Writes value in decimal, and one byte more. Returns the end of the number. */
static char *put_number(const char *digits, char *p, uint32_t value)
{
    size_t skip = 0;
    if (value > 999)
        p = put_number(digits, p, value / 1000);
    else
        skip = (size_t)(value < 100) + (value < 10);
    memcpy(p, digits + 4 * (value % 1000) + skip, 4);
    return p + 3 - skip;
}

static void put_decimal(struct ids_writer *w, const uint32_t *ids, size_t n)
{
    char text[TOGETHER * ID_SIZE], *p = text;
    for (size_t i = 0; i < n; i++) {
        if (w->line_begun)
            *p++ = ' ';
        p = put_number(w->digits, p, ids[i]);
        w->line_begun = true;
        if (sizeof text - (size_t)(p - text) < ID_SIZE) {
            output_sink(w->out, text, (size_t)(p - text));
            p = text;
        }
    }
    output_sink(w->out, text, (size_t)(p - text));
}

static void put_binary(struct ids_writer *w, const uint32_t *ids, size_t n, size_t width)
{
    unsigned char bytes[4 * TOGETHER], *p = bytes;
    for (size_t i = 0; i < n; i++) {
        if (width == 2 && ids[i] > UINT16_MAX)
            tool_die(w->tool, EXIT_DATA, "token %" PRIu32 " needs more than 16 bits: use --u32",
                     ids[i]);
        for (size_t k = 0; k < width; k++)
            *p++ = (unsigned char)(ids[i] >> 8 * k);
        if (p == bytes + width * TOGETHER) {
            output_sink(w->out, bytes, (size_t)(p - bytes));
            p = bytes;
        }
    }
    output_sink(w->out, bytes, (size_t)(p - bytes));
}

static bool take_decimal(void *ctx, const uint32_t *ids, size_t n, bool end)
{
    struct ids_writer *w = ctx;
    put_decimal(w, ids, n);
    if (end) {
        output_sink(w->out, "\n", 1);
        w->line_begun = false;
    }
    return true;
}

static bool take_binary(void *ctx, const uint32_t *ids, size_t n, bool end)
{
    struct ids_writer *w = ctx;
    (void)end;
    put_binary(w, ids, n, w->mode == U16 ? 2 : 4);
    return true;
}

void write_ids(const struct tool *tool, const struct options *o, struct output *out)
{
    struct ids_writer w = {.tool = tool, .mode = o->mode, .out = out};
    struct records records = records_new(tool, o, o->mode == IDS ? take_decimal : take_binary, &w);
    make_digits(w.digits);
    records_read_all(&records, o);
    records_free(&records);
}
