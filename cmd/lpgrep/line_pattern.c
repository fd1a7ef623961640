#include "lpgrep/line_pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void growing_reserve(struct growing *g, size_t n)
{
    g->failed = g->failed || !buffer_reserve(&g->text, n);
}

void growing_add(struct growing *g, const void *text, size_t n)
{
    g->failed = g->failed || !buffer_add(&g->text, text, n);
}

void growing_text(struct growing *g, const char *text)
{
    growing_add(g, text, strlen(text));
}

/* What is left of the pattern. */
struct rest {
    const char *p, *end;
    struct growing *out;
};

/* The next byte but i, 0 after the end. */
static char ahead(const struct rest *r, size_t i)
{
    return i < (size_t)(r->end - r->p) ? r->p[i] : 0;
}

static bool copy(struct rest *r, size_t n)
{
    growing_add(r->out, r->p, n);
    r->p += n;
    return true;
}

static bool replace(struct rest *r, size_t n, const char *text)
{
    growing_text(r->out, text);
    r->p += n;
    return true;
}

static bool one_of(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static bool is_punctuation(char c)
{
    return c > 0 && ispunct((unsigned char)c);
}

/* \p{Lu} and its like: letters, numbers, punctuation, symbols, marks. */
static bool property(struct rest *r)
{
    if (ahead(r, 2) != '{' || !one_of(ahead(r, 3), "LNPSM"))
        return false;
    const size_t n = islower((unsigned char)ahead(r, 4)) || ahead(r, 4) == '&' ? 6 : 5;
    return ahead(r, n - 1) == '}' && copy(r, n);
}

static bool escape(struct rest *r)
{
    const char c = ahead(r, 1);
    if (c == 's')
        return replace(r, 2, "[^\\S\\n]");
    if (c == 'D')
        return replace(r, 2, "[^\\d\\n]");
    if (c == 'W')
        return replace(r, 2, "[^\\w\\n]");
    if (c == 'p')
        return property(r);
    const bool reference = c >= '1' && c <= '9' && !isdigit((unsigned char)ahead(r, 2));
    return (reference || one_of(c, "wdSbBhtr") || is_punctuation(c)) && copy(r, 2);
}

/* [:alpha:] in a class. */
static bool posix_class(struct rest *r, bool negated)
{
    static const char *const names[] = {"alpha",  "digit", "alnum", "upper", "lower", "punct",
                                        "xdigit", "word",  "graph", "print", "blank"};
    if (!negated && (size_t)(r->end - r->p) >= 9 && memcmp(r->p, "[:space:]", 9) == 0)
        return replace(r, 9, "\\p{Z}\\t\\x0b\\f\\r\\x85");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t n = strlen(names[i]);
        if ((size_t)(r->end - r->p) >= n + 4 && memcmp(r->p + 2, names[i], n) == 0 &&
            memcmp(r->p + 2 + n, ":]", 2) == 0)
            return copy(r, n + 4);
    }
    return false;
}

/* \d and its like in a class; not as the begin of a range. */
static bool class_escape(struct rest *r, bool negated)
{
    const char c = ahead(r, 1);
    if (ahead(r, 2) == '-' && ahead(r, 3) != ']')
        return false;
    if (!negated && c == 's')
        return replace(r, 2, "\\p{Z}\\t\\x0b\\f\\r\\x85");
    return (one_of(c, negated ? "wdsSWDhtrn" : "wdSht") || is_punctuation(c)) && copy(r, 2);
}

/* A class of characters. A negated one has the line feed added to it. */
static bool class(struct rest *r)
{
    const bool negated = ahead(r, 1) == '^';
    copy(r, negated ? 2 : 1);
    for (bool first = true, good = true, dash = false; good && r->p < r->end; first = false) {
        const char c = *r->p;
        if (c == ']' && !first) {
            if (negated && dash)
                return false;
            growing_text(r->out, negated ? "\\n" : "");
            return copy(r, 1);
        }
        dash = c == '-';
        if (c == '\\')
            good = class_escape(r, negated);
        else if (c == '[' && one_of(ahead(r, 1), ":.="))
            good = posix_class(r, negated);
        else
            good = (unsigned char)c >= ' ' && copy(r, 1);
        if (!good)
            return false;
    }
    return false;
}

/* What begins a group. */
static bool group(struct rest *r)
{
    static const char *const plain[] = {"(?:", "(?=", "(?!",  "(?<=", "(?<!",
                                        "(?>", "(?|", "(?i)", "(?i:", "(?-i)"};
    if (ahead(r, 1) == '*')
        return false;
    if (ahead(r, 1) != '?')
        return copy(r, 1);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        const size_t n = strlen(plain[i]);
        if ((size_t)(r->end - r->p) >= n && memcmp(r->p, plain[i], n) == 0)
            return copy(r, n);
    }
    const size_t name = ahead(r, 2) == 'P' ? 3 : 2;
    return ahead(r, name) == '<' && isalpha((unsigned char)ahead(r, name + 1)) && copy(r, name + 1);
}

bool line_pattern(struct growing *out, const struct pattern *pattern)
{
    struct rest r = {pattern->text, pattern->text + pattern->n, out};
    bool good = true;
    while (good && r.p < r.end) {
        if (*r.p == '\\')
            good = escape(&r);
        else if (*r.p == '[')
            good = class(&r);
        else if (*r.p == '(')
            good = group(&r);
        else
            good = ((unsigned char)*r.p >= ' ' || *r.p == '\t') && copy(&r, 1);
    }
    return good;
}
