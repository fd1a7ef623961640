/* literal.h - fixed strings of which each match of an expression has one, and their search. */
#ifndef LPGREP_LITERAL_H
#define LPGREP_LITERAL_H

#include "lpgrep/options.h"

enum { LITERAL_MAX = 64, LITERALS_MAX = 8 };

struct literal {
    unsigned char text[LITERAL_MAX];
    size_t n;
    size_t rare[2]; /* the places in it of the two bytes that text has least often */
};

struct literals {
    struct literal v[LITERALS_MAX];
    size_t n;       /* 0: there are none */
    size_t longest; /* bytes */
    bool all;       /* they are all of the expression: where one stands is a match */
};

/* Those of an expression as PCRE2 has them, without options: of all that would do, those that text
 * has least often. None where it is unsure. */
struct literals literals_of(const struct pattern *pattern);
/* Adds those of another expression, of which a match does as well. */
void literals_join(struct literals *l, const struct literals *other);
/* Those that are plain words. None where they are too many, too long, or one is empty. */
struct literals literals_words(const struct patterns *words);

/* Where the first of them stands in a text, NULL: nowhere. */
const unsigned char *literals_find(const struct literals *l, const unsigned char *text, size_t n);

#endif
