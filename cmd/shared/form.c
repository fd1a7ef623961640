#include "shared/form.h"

#include <string.h>

enum { HEAD_MAX = 16 };                      /* more than a blob has before its payload */
enum { BLOB_MAX = LP_BLOCK_MAX + HEAD_MAX }; /* a whole blob */

/* --- Magic bytes ------------------------------------------------------------- */

/* The code unit of width bytes at p. */
static uint32_t unit(const unsigned char *p, size_t width, bool big)
{
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint32_t)p[i] << 8 * (big ? width - 1 - i : i);
    return value;
}

/* Whether a character may occur in text: no control but white space, no noncharacter, no
 * surrogate. */
static bool plausible(uint32_t c)
{
    bool control = c < ' ' && (c < '\b' || c > '\r') && c != 0x1B;
    bool none = (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
    return !control && !none && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
}

/* Whether all of the bytes are UTF-16 or UTF-32 text. */
static bool is_wide(const unsigned char *data, size_t n, size_t width, bool big)
{
    if (n % width != 0)
        return false;
    for (size_t at = 0; at < n; at += width) {
        uint32_t c = unit(data + at, width, big);
        if (width == 2 && c >= 0xD800 && c <= 0xDBFF && n - at >= 4) {
            uint32_t low = unit(data + at + 2, 2, big);
            if (low >= 0xDC00 && low <= 0xDFFF) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                at += 2;
            }
        }
        if (!plausible(c))
            return false;
    }
    return true;
}

/* The other format that bytes seem to be, by their first bytes; NULL for none. */
static const char *seems(const unsigned char *data, size_t n)
{
    static const struct {
        const char *name;
        unsigned char size, bytes[6];
        unsigned char width; /* bytes of a code unit; 0: not text */
    } kinds[] = {
        {"xz data", 6, {0xFD, '7', 'z', 'X', 'Z', 0}, 0},
        {"gzip data", 2, {0x1F, 0x8B}, 0},
        {"zstd data", 4, {0x28, 0xB5, 0x2F, 0xFD}, 0},
        {"bzip2 data", 3, {'B', 'Z', 'h'}, 0},
        {"a zip archive", 4, {'P', 'K', 3, 4}, 0},
        {"UTF-32 text", 4, {0xFF, 0xFE, 0, 0}, 4},
        {"UTF-32 text", 4, {0, 0, 0xFE, 0xFF}, 4},
        {"UTF-16 text", 2, {0xFF, 0xFE}, 2},
        {"UTF-16 text", 2, {0xFE, 0xFF}, 2},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size = kinds[i].size, width = kinds[i].width;
        if (n >= size && memcmp(data, kinds[i].bytes, size) == 0 &&
            (width == 0 || is_wide(data + size, n - size, width, data[0] != 0xFF)))
            return kinds[i].name;
    }
    return NULL;
}

void form_refuse_other(const struct tool *tool, const char *name, const unsigned char *data,
                       size_t n)
{
    const char *what = seems(data, n);
    if (what != NULL)
        tool_die(tool, EXIT_DATA, "%s: not a lopace stream or blob: it seems to be %s", name, what);
}

/* --- Streams, blobs, text ---------------------------------------------------- */

/* The largest blob whose text may take so much memory (0: the default). */
static size_t blob_max(uint64_t memory)
{
    enum { LEAST = 4 }; /* bytes of memory that a byte of a blob takes */
    const uint64_t allowed = (memory != 0 ? memory : LP_MEMORY_DEFAULT) / LEAST;
    return allowed < BLOB_MAX ? (size_t)allowed : BLOB_MAX;
}

/* Exits, unless the input is lenient. */
static enum form fail_unless_text(const struct tool *tool, const struct input *in,
                                  enum lp_status status, const struct lp_need *need)
{
    struct tool hinting = *tool;
    hinting.hint = "; if it is text, use --text";
    if (status == LP_NO_PARENT && tool->takes_packed)
        hinting.hint = "; to recode it without that text use --packed; if it is text, use --text";
    int code = tool_tell(&hinting, in->name, status, 0, need);
    if (!in->lenient)
        tool_exit(tool, code);
    return FORM_UNUSABLE;
}

/* Decides what an input is that begins as a blob, by unpacking it. */
static enum form try_blob(const struct tool *tool, const struct input *in, struct finder *finder,
                          bool blobs, uint64_t memory, bool checked)
{
    struct lp_codec *codec;
    const void *text;
    size_t size, n = in->peeked;
    enum lp_status status = lp_codec_new(&(struct lp_options){.memory = memory}, &codec);
    if (status == LP_OK)
        status = lp_unpack(codec, in->data, n, tool_find, finder, &text, &size);
    if (status == LP_NOMEM)
        tool_fail(tool, in->name, status, 0, NULL);
    bool unsure = status == LP_NO_DICT || status == LP_NO_MODEL || status == LP_LIMIT ||
                  status == LP_NO_PARENT;
    enum form form = status != LP_OK ? FORM_TEXT : checked ? FORM_BLOB : FORM_UNCHECKED;
    if (status != LP_OK && (blobs || unsure) && seems(in->data, n) == NULL)
        form = fail_unless_text(tool, in, status, lp_codec_need(codec));
    lp_codec_free(codec);
    return form;
}

enum form input_form(const struct tool *tool, struct input *in, struct finder *finder, bool blobs,
                     uint64_t memory)
{
    if (tool->take == TAKE_TEXT)
        return FORM_TEXT;
    size_t n = input_peek(tool, in, 4);
    if (n >= 4 && lp_is_stream(in->data, n) && in->data[3] == 'H')
        return FORM_STREAM;
    bool begins = lp_is_blob(in->data, n);
    if (tool->take == TAKE_PACKED && !begins)
        tool_fail(tool, in->name, LP_NOT_LP, 0, NULL);
    if (!begins || tool->take == TAKE_PACKED)
        return begins ? FORM_BLOB : FORM_TEXT;
    struct lp_blob_info info = {.checked = true};
    n = input_peek(tool, in, HEAD_MAX);
    enum lp_status head = lp_blob_info(in->data, n, &info);
    if (head == LP_DATA || head == LP_TRUNCATED)
        return FORM_TEXT;
    const size_t max = blob_max(memory);
    n = input_peek(tool, in, max + 1);
    if (n > max && max < BLOB_MAX && seems(in->data, n) == NULL)
        return fail_unless_text(tool, in, LP_LIMIT, NULL);
    return n > max ? FORM_TEXT : try_blob(tool, in, finder, blobs, memory, info.checked);
}

size_t input_blob(const struct tool *tool, struct input *in, uint64_t memory)
{
    const size_t max = blob_max(memory), n = input_peek(tool, in, max + 1);
    if (n > max && max < BLOB_MAX)
        tool_fail(tool, in->name, LP_LIMIT, 0, NULL);
    if (n > max)
        tool_die(tool, EXIT_DATA, "%s: is larger than %d bytes: no blob is", in->name, BLOB_MAX);
    return n;
}

void input_parent(struct finder *finder, const char *path)
{
    struct input in;
    input_refuse(finder->tool, path, finder->tool->output);
    input_open(finder->tool, &in, path);
    if (input_form(finder->tool, &in, finder, false, 0) != FORM_TEXT)
        tool_die(finder->tool, EXIT_DATA,
                 "%s: --parent takes a text, and this is packed: restore it first", in.name);
    finder->parent_size = input_all(finder->tool, &in, LP_BLOCK_MAX, &finder->parent);
    input_close(&in);
}

_Noreturn void form_unsure(const struct tool *tool, const struct input *in, const char *options)
{
    tool_die(tool, EXIT_DATA, "%s: is text, or a blob without a checksum: use %s", in->name,
             options);
}
