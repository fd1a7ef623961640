#include "shared/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint32_t utf8_decode(const unsigned char *p, size_t n, size_t *size)
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

unsigned char *utf8_encode(unsigned char *to, uint32_t c)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    const int size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = size - 1; i > 0; i--) {
        to[i] = (unsigned char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    to[0] = (unsigned char)(leads[size] | c);
    return to + size;
}

/* Whether a character is harmless on a terminal: no control of C0 or C1, no line separator, no
 * bidirectional control. */
static bool is_plain(uint32_t c)
{
    bool control = c < ' ' || (c >= 0x7F && c < 0xA0);
    bool bidirectional = c == 0x061C || c == 0x200E || c == 0x200F ||
                         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    return !control && !bidirectional && c < INVALID_BYTE;
}

size_t utf8_escape(char *to, size_t size, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = strlen(text), length = 0;
    for (size_t at = 0, bytes; at < n; at += bytes) {
        bool plain = is_plain(utf8_decode(p + at, n - at, &bytes));
        bytes = bytes > 0 ? bytes : 1;
        if (bytes * (plain ? 1 : ESCAPE) >= size - length)
            break;
        for (size_t i = at; i < at + bytes; i++)
            length += (size_t)snprintf(to + length, size - length, plain ? "%c" : "\\x%02x", p[i]);
    }
    to[length] = 0;
    return length;
}
