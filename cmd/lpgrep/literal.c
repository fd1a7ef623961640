#include "lpgrep/literal.h"

#include <ctype.h>
#include <string.h>

/* What is left of the expression, and the string that its last characters are. */
struct rest {
    const char *p, *end;
    struct literal run, best;
    bool broken; /* something else than plain characters was in it */
};

/* The next byte but i, 0 after the end. */
static char ahead(const struct rest *r, size_t i)
{
    return i < (size_t)(r->end - r->p) ? r->p[i] : 0;
}

static bool one_of(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static void end_run(struct rest *r, size_t skip)
{
    if (r->run.n > r->best.n)
        r->best = r->run;
    r->run.n = 0;
    r->broken = true;
    r->p += skip;
}

static void add(struct rest *r, char c)
{
    if (r->run.n == LITERAL_MAX)
        end_run(r, 0);
    r->run.text[r->run.n++] = (unsigned char)c;
}

/* What a quantifier follows may be missing: the last character. */
static void drop_character(struct rest *r)
{
    while (r->run.n > 0 && (r->run.text[r->run.n - 1] & 0xC0) == 0x80)
        r->run.n--;
    if (r->run.n > 0)
        r->run.n--;
}

/* *, ?, {2,3}; a brace that is plain is taken for one too. */
static void quantifier(struct rest *r)
{
    size_t n = 1;
    drop_character(r);
    if (*r->p == '{') {
        while (one_of(ahead(r, n), "0123456789, "))
            n++;
        n = ahead(r, n) == '}' ? n + 1 : 1;
    }
    end_run(r, n);
}

static bool escape(struct rest *r)
{
    const char c = ahead(r, 1);
    if (c > 0 && ispunct((unsigned char)c)) {
        add(r, c);
        r->p += 2;
        return true;
    }
    end_run(r, 2);
    return one_of(c, "wWdDsSbBAzZhHvVtrf");
}

/* The bytes of [:alpha:] in a class, 0: something else. */
static size_t named_class(const struct rest *r, size_t i)
{
    const size_t begin = i;
    for (i += 2; isalpha((unsigned char)ahead(r, i)) || ahead(r, i) == '^';)
        i++;
    return ahead(r, i) == ':' && ahead(r, i + 1) == ']' ? i + 2 - begin : 0;
}

/* Passes over a class. */
static bool class(struct rest *r)
{
    size_t i = ahead(r, 1) == '^' ? 2 : 1, size;
    for (i += ahead(r, i) == ']'; ahead(r, i) != ']'; i += size) {
        size = ahead(r, i) == '\\' ? 2 : 1;
        if (ahead(r, i) == '[' && one_of(ahead(r, i + 1), ":.="))
            size = named_class(r, i);
        if (ahead(r, i) == 0 || size == 0)
            return false;
    }
    end_run(r, i + 1);
    return true;
}

/* Passes over a group with all that is in it. */
static bool group(struct rest *r)
{
    size_t depth = 0;
    if (ahead(r, 1) == '?' && !one_of(ahead(r, 2), ":=!<>|"))
        return false; /* options, or a comment */
    do {
        if (r->p >= r->end || (*r->p == '[' && !class(r)))
            return false;
        depth += ahead(r, 0) == '(';
        depth -= ahead(r, 0) == ')';
        end_run(r, ahead(r, 0) == '\\' ? 2 : 1);
    } while (depth > 0);
    return true;
}

/* Whether an expression has what changes the meaning of what follows it. */
static bool is_unsure(const struct pattern *p)
{
    for (size_t i = 0; i + 1 < p->n; i++) {
        if ((p->text[i] == '\\' && one_of(p->text[i + 1], "QEc")) ||
            (p->text[i] == '(' && p->text[i + 1] == '*') ||
            (p->text[i] == '?' && p->text[i + 1] == '#'))
            return true;
    }
    return false;
}

static bool step(struct rest *r)
{
    const char c = *r->p;
    if (c == '\\')
        return escape(r);
    if (c == '[')
        return class(r);
    if (c == '(')
        return group(r);
    if (c == '|' || c == ')')
        return false;
    if (one_of(c, "*?{"))
        quantifier(r);
    else if (one_of(c, ".^$+"))
        end_run(r, 1);
    else
        add(r, *r->p++);
    return true;
}

/* How often a byte is in text, roughly: its place among the bytes that are often there. */
static size_t rarity(unsigned char c)
{
    static const char often[] = " etaoinsrhldcumfpgwybv,.k-\n";
    const char *place = c != 0 ? strchr(often, c) : NULL;
    if (c >= 0x80) /* of a script other than Latin most characters begin alike */
        return c >= 0xC0 ? 0 : 12;
    return place != NULL ? (size_t)(place - often) : sizeof often;
}

struct literal literal_of(const struct pattern *pattern)
{
    struct rest r = {.p = pattern->text, .end = pattern->text + pattern->n};
    bool sure = !is_unsure(pattern);
    while (sure && r.p < r.end)
        sure = step(&r);
    if (!sure)
        return (struct literal){0};
    const bool all = !r.broken;
    end_run(&r, 0);
    r.best.all = all;
    for (size_t i = 0; i < r.best.n; i++) {
        if (rarity(r.best.text[i]) > rarity(r.best.text[r.best.rare]))
            r.best.rare = i;
    }
    return r.best;
}

const unsigned char *literal_find(const struct literal *l, const unsigned char *text, size_t n)
{
    const unsigned char *p = text + l->rare;
    while (n >= l->n && p <= text + n - l->n + l->rare) {
        p = memchr(p, l->text[l->rare], (size_t)(text + n - l->n + l->rare + 1 - p));
        if (p == NULL)
            return NULL;
        if (memcmp(p - l->rare, l->text, l->n) == 0)
            return p - l->rare;
        p++;
    }
    return NULL;
}
