/* literal.h - fixed strings of which each match of an expression has one. */
#ifndef LPGREP_LITERAL_H
#define LPGREP_LITERAL_H

#include "lpgrep/byte_set.h"
#include "lpgrep/options.h"

enum { LITERAL_MAX = 32, LITERALS_MAX = 64 };

struct literals {
    struct literal {
        unsigned char text[LITERAL_MAX];
        size_t n;
        struct byte_set before, after; /* one of which stands beside it */
    } v[LITERALS_MAX];
    size_t n; /* 0: there are none */
    bool all; /* they are all of the expression: where one stands is a match */
};

/* Those of an expression as PCRE2 has them, without options: of all that would do, those that text
 * has least often. None where it is unsure. */
struct literals literals_of(const struct pattern *pattern);
/* Adds those of another expression, of which a match does as well. None where they are too many or
 * too short. */
void literals_join(struct literals *l, const struct literals *other);
/* Those of plain words. */
struct literals literals_words(const struct patterns *words);

/* How often text has a byte, roughly, from 1 on. */
unsigned literal_frequency(unsigned char c);
/* Sets the places of a literal's rarest byte, and of the rarest of the others if there is one. */
void literal_rare(const struct literal *l, size_t rare[2]);

#endif
