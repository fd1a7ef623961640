#include "shared/text.h"

#include "shared/buffer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum lp_status characters(const void *text, size_t n, bool final, struct lp_ids *out, size_t *used)
{
    const unsigned char *p = text;
    *used = 0;
    if (!ids_reserve(out, n)) /* a character has at least one byte */
        return LP_NOMEM;
    while (*used < n) {
        size_t size;
        uint32_t c = utf8_decode(p + *used, n - *used, &size);
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

char *human_bytes(char *text, size_t size, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5) {
        value /= 1000;
        unit++;
    }
    snprintf(text, size, "%.*f %s",
             unit == 0 || value >= 99.95 ? 0
             : value >= 9.995            ? 1
                                         : 2,
             value, units[unit]);
    return text;
}

void csv_text(struct output *out, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    char *field = malloc(2 * strlen(text) + 3), *to = field;
    if (field == NULL)
        tool_die(out->tool, EXIT_IO, "out of memory");
    if (quoted)
        *to++ = '"';
    for (; *text != 0; text++) {
        if (*text == '"')
            *to++ = '"';
        *to++ = *text;
    }
    if (quoted)
        *to++ = '"';
    *to = 0;
    output_name(out, field, 0);
    free(field);
}
