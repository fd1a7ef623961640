/* literal.h - the fixed string that all matches of a regular expression hold, and its search. */
#ifndef LPGREP_LITERAL_H
#define LPGREP_LITERAL_H

#include "lpgrep/options.h"

enum { LITERAL_MAX = 64 };

struct literal {
    unsigned char text[LITERAL_MAX];
    size_t n;    /* 0: there is none */
    size_t rare; /* the place in it of the byte that text has least often */
    bool all;    /* it is all of the expression: where it stands is a match */
};

/* The longest such string of an expression as PCRE2 has them, without options. None where it is
 * unsure. */
struct literal literal_of(const struct pattern *pattern);

/* Where the string first stands in a text, NULL: nowhere. */
const unsigned char *literal_find(const struct literal *l, const unsigned char *text, size_t n);

#endif
