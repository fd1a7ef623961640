#include "shared/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Decodes the character at p: *size is its bytes, 0 where the n bytes end within it. Valid UTF-8
 * is as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static uint32_t decode(const unsigned char *p, size_t n, size_t *size)
{
    uint32_t lead = p[0], invalid = INVALID_BYTE + lead;
    *size = 1;
    if (lead < 0x80)
        return lead;
    if (lead < 0xC2 || lead > 0xF4)
        return invalid;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (i == n) {
            *size = 0;
            return invalid;
        }
        uint32_t low = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint32_t high = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (p[i] < low || p[i] > high)
            return invalid;
        c = c << 6 | (p[i] & 0x3F);
    }
    *size = length;
    return c;
}

enum lp_status characters(const void *text, size_t n, bool final, struct lp_ids *out, size_t *used)
{
    const unsigned char *p = text;
    *used = 0;
    if (n > out->cap - out->n) { /* a character has at least one byte */
        size_t cap = out->n + n;
        uint32_t *v = cap > SIZE_MAX / 2 / sizeof *v ? NULL : realloc(out->v, cap * sizeof *v);
        if (v == NULL)
            return LP_NOMEM;
        out->v = v;
        out->cap = cap;
    }
    while (*used < n) {
        size_t size;
        uint32_t c = decode(p + *used, n - *used, &size);
        if (size == 0 && !final)
            break;
        out->v[out->n++] = c;
        *used += size > 0 ? size : 1;
    }
    return LP_OK;
}

char *commas(char *text, uint64_t n)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

void csv_text(struct output *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        output_sink(out, text, strlen(text));
        return;
    }
    output_sink(out, "\"", 1);
    for (; *text != 0; text++)
        output_sink(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    output_sink(out, "\"", 1);
}
