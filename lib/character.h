/* character.h - one character of UTF-8 text, as the patterns see it: its class
 * and its length. Known to the scanner and to the windows. */
#ifndef LP_CHARACTER_H
#define LP_CHARACTER_H

#include "unicode_class.h"

#include <stdbool.h>
#include <stddef.h>

/* Line ends (CR, LF) are told apart from other white space. */
enum { LP_LINE_END = LP_SPACE + 1, LP_CLASSES };

struct lp_character {
    unsigned klass;
    size_t size; /* bytes; 0: the text stops within it */
};

/* The character at p of two bytes and more, of valid UTF-8 (RFC 3629); else one
 * byte of no class. n bytes are there; with final set no more will follow. */
static inline struct lp_character lp_character_wide(const unsigned char *p, size_t n, bool final)
{
    const struct lp_character bad = {LP_OTHER, 1}, cut = {LP_OTHER, 0};
    unsigned lead = p[0];
    if (lead < 0xC2 || lead > 0xF4)
        return bad;
    size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t cp = lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (i >= n)
            return final ? bad : cut;
        /* The second byte excludes overlong forms, surrogates, what is too large. */
        unsigned low = 0x80, high = 0xBF;
        if (i == 1 && lead == 0xE0)
            low = 0xA0;
        if (i == 1 && lead == 0xED)
            high = 0x9F;
        if (i == 1 && lead == 0xF0)
            low = 0x90;
        if (i == 1 && lead == 0xF4)
            high = 0x8F;
        if (p[i] < low || p[i] > high)
            return bad;
        cp = cp << 6 | (p[i] & 0x3Fu);
    }
    return (struct lp_character){lp_unicode_class(cp), size};
}

#endif
