/* byte_set.h - the bytes that a character of some kind has. */
#ifndef LPGREP_BYTE_SET_H
#define LPGREP_BYTE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_set {
    uint64_t bits[4];
};

static inline bool byte_set_has(const struct byte_set *s, unsigned char c)
{
    return (s->bits[c / 64] >> c % 64 & 1) != 0;
}

/* All. */
struct byte_set byte_set_any(void);
/* Those of what PCRE2 matches by \d, \w or \s; all for another escape. Characters that are not
 * ASCII are in each set, here and below. */
struct byte_set byte_set_of_escape(char c);
/* Those of what PCRE2 matches by a class, without options, and all where that is unsure. n: its
 * bytes, from bracket to bracket. */
struct byte_set byte_set_of_class(const char *class, size_t n);

#endif
