/* character.h - one character of UTF-8 text as the patterns see it: its class and its length.
 * For pretok.c and pretok_window.c alone. */
#ifndef LP_TOKENS_CHARACTER_H
#define LP_TOKENS_CHARACTER_H

#include "tokens/unicode_class.h"

#include <stdbool.h>
#include <stddef.h>

/* Line ends (CR, LF) have a class apart from other white space. */
enum { LP_LINE_END = LP_SPACE + 1, LP_CLASSES };

struct lp_character {
    unsigned klass;
    size_t size; /* bytes; 0: the text ends within it */
};

static inline bool lp_is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* The character of two bytes or more at p if it is valid UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, at most U+10FFFF), else one byte of class LP_OTHER. Four bytes are readable. */
static inline struct lp_character lp_character_decode(const unsigned char *p)
{
    const struct lp_character bad = {LP_OTHER, 1};
    uint32_t cp;
    if (!lp_is_continuation(p[1]))
        return bad;
    if (p[0] < 0xE0) {
        cp = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
        return p[0] < 0xC2 ? bad : (struct lp_character){lp_unicode_class(cp), 2};
    }
    if (!lp_is_continuation(p[2]))
        return bad;
    if (p[0] < 0xF0) {
        cp = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
        return cp < 0x800 || cp >> 11 == 0xD800 >> 11
                   ? bad
                   : (struct lp_character){lp_unicode_class(cp), 3};
    }
    cp = (p[0] & 0x0Fu) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
    if (p[0] > 0xF4 || !lp_is_continuation(p[3]) || cp < 0x10000 || cp > 0x10FFFF)
        return bad;
    return (struct lp_character){lp_unicode_class(cp), 4};
}

/* Like lp_character_decode(), where n bytes are readable. Unless final is set, more may follow. */
static inline struct lp_character lp_character_decode_within(const unsigned char *p, size_t n,
                                                             bool final)
{
    if (n >= 4)
        return lp_character_decode(p);
    unsigned char four[4] = {0};
    for (size_t i = 0; i < n; i++)
        four[i] = p[i];
    struct lp_character c = lp_character_decode(four);
    if (final || c.size > 1)
        return c;
    /* It is incomplete if some continuation makes it a character: then the least or the greatest
     * continuation does. */
    static const unsigned char continuations[2] = {0x80, 0xBF};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = n; i < 4; i++)
            four[i] = continuations[k];
        if (lp_character_decode(four).size > n)
            return (struct lp_character){LP_OTHER, 0};
    }
    return c;
}

#endif
