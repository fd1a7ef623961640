/* line_pattern.h - a regular expression for a line, made into one for many lines at once. */
#ifndef LPGREP_LINE_PATTERN_H
#define LPGREP_LINE_PATTERN_H

#include "lpgrep/options.h"
#include "shared/buffer.h"

/* Appends to a text that grows. False: out of memory. */
struct growing {
    struct buffer text;
    bool failed; /* out of memory */
};
void growing_reserve(struct growing *g, size_t n);
void growing_add(struct growing *g, const void *text, size_t n);
void growing_text(struct growing *g, const char *text);

/* Appends an equivalent expression, of which no part can match a line feed: \s becomes [^\S\n].
 * With PCRE2_MULTILINE it then matches in a text of many lines what the other one matches in each
 * of them. False where that is unsure, as of expressions with options or rare escapes, which are
 * to be matched line by line. */
bool line_pattern(struct growing *out, const struct pattern *pattern);

#endif
