#include "lpgrep/literal.h"

#include <ctype.h>
#include <string.h>

/* --- Sets ------------------------------------------------------------------------ */

static const char often[] = "\n*=xk0)(/`vw_:by,-.fg\"mhpudclrsionate "; /* the last the most */

unsigned literal_frequency(unsigned char c)
{
    const char *place = c != 0 ? strchr(often, c) : NULL;
    if (c >= 0x80) /* of a script other than Latin most characters begin alike */
        return c >= 0xC0 ? sizeof often : sizeof often / 2;
    return place != NULL ? (unsigned)(place - often) + 2 : 1;
}

void literal_rare(const struct literal *l, size_t rare[2])
{
    rare[0] = 0;
    for (size_t i = 1; i < l->n; i++) {
        if (literal_frequency(l->text[i]) < literal_frequency(l->text[rare[0]]))
            rare[0] = i;
    }
    rare[1] = rare[0] == 0 && l->n > 1 ? 1 : 0;
    for (size_t i = rare[1] + 1; i < l->n; i++) {
        if (i != rare[0] && literal_frequency(l->text[i]) < literal_frequency(l->text[rare[1]]))
            rare[1] = i;
    }
}

/* How often text has the two rarest bytes of a literal, or its one beside any other, roughly. */
static unsigned literal_weight(const struct literal *l)
{
    size_t rare[2];
    literal_rare(l, rare);
    return literal_frequency(l->text[rare[0]]) *
           (l->n > 1 ? literal_frequency(l->text[rare[1]]) : (unsigned)sizeof often);
}

/* How often text has one of the set, roughly: the more the worse. */
static unsigned weight(const struct literals *l)
{
    unsigned sum = 0;
    for (size_t i = 0; i < l->n; i++)
        sum += literal_weight(&l->v[i]);
    return l->n > 0 ? sum : (unsigned)-1;
}

void literals_join(struct literals *l, const struct literals *other)
{
    l->all = l->all && other->all;
    if (other->n == 0 || l->n == 0 || l->n + other->n > LITERALS_MAX || l->v[0].n < 2 ||
        other->v[0].n < 2) {
        l->n = 0;
        return;
    }
    memcpy(l->v + l->n, other->v, other->n * sizeof *l->v);
    l->n += other->n;
}

struct literals literals_words(const struct patterns *words)
{
    struct literals all = {0};
    for (size_t i = 0; i < words->n; i++) {
        const size_t size = words->v[i].n;
        struct literals one = {.n = size > 0, .all = size <= LITERAL_MAX};
        one.v[0].before = one.v[0].after = byte_set_any();
        one.v[0].n = one.all ? size : LITERAL_MAX;
        memcpy(one.v[0].text, words->v[i].text, one.v[0].n);
        if (i > 0)
            literals_join(&all, &one);
        else
            all = one;
    }
    return all;
}

/* --- Those of an expression -------------------------------------------------------- */

/* What is left of the expression. */
struct rest {
    const char *p, *end;
    unsigned depth; /* of groups */
};

/* What is read of a sequence: the string that its last characters are, and the best set before
 * that. */
struct sequence {
    struct literal run;
    struct literals best;
    struct byte_set last; /* of which one ends what is read, if no run does */
    bool group;           /* it begins with a group, of which the best set is all */
    bool broken;          /* there is more to it than its run, or that group */
};

static bool alternatives(struct rest *r, struct literals *out);

/* The next byte but i, 0 after the end. */
static char ahead(const struct rest *r, size_t i)
{
    return i < (size_t)(r->end - r->p) ? r->p[i] : 0;
}

static bool one_of(char c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static void take_if_better(struct sequence *s, const struct literals *l)
{
    if (weight(l) < weight(&s->best))
        s->best = *l;
}

/* after: what follows begins with one of these. */
static void end_run(struct sequence *s, struct byte_set after)
{
    struct literals run = {.v = {s->run}, .n = s->run.n > 0};
    run.v[0].after = after;
    take_if_better(s, &run);
    s->run.n = 0;
    s->last = byte_set_any();
}

/* The bytes of a quantifier in braces, 0: plain ones. */
static size_t brace_size(const struct rest *r, size_t i)
{
    size_t n = 1;
    while (one_of(ahead(r, i + n), "0123456789, "))
        n++;
    return ahead(r, i + n) == '}' ? n + 1 : 0;
}

/* Whether a quantifier allows that what it follows is missing. Plain braces are taken for one. */
static bool may_be_missing(const struct rest *r, size_t i)
{
    const char c = ahead(r, i);
    return one_of(c, "*?") ||
           (c == '{' && (brace_size(r, i) == 0 || !one_of(ahead(r, i + 1), "123456789")));
}

/* Passes over what is no plain character. */
static void pass(struct rest *r, struct sequence *s, size_t n)
{
    end_run(s, byte_set_any());
    s->broken = true;
    r->p += n;
}

/* Passes over what is a character of a set. */
static void pass_one(struct rest *r, struct sequence *s, size_t n, struct byte_set set)
{
    const bool there = !may_be_missing(r, n);
    end_run(s, there ? set : byte_set_any());
    s->last = there ? set : byte_set_any();
    s->broken = true;
    r->p += n;
}

/* A character is whole in a run, so that a quantifier can drop it. */
static void add(struct sequence *s, char c)
{
    const size_t size = (unsigned char)c >= 0xC0 ? 4 : 1; /* at most, of the character c begins */
    const bool full = s->run.n + size > LITERAL_MAX;
    s->broken = s->broken || s->group || full;
    if (full)
        end_run(s, byte_set_any());
    if (s->run.n == 0)
        s->run.before = s->last;
    s->run.text[s->run.n++] = (unsigned char)c;
}

/* What a quantifier follows may be missing: the last character. */
static void drop_character(struct literal *run)
{
    while (run->n > 0 && (run->text[run->n - 1] & 0xC0) == 0x80)
        run->n--;
    if (run->n > 0)
        run->n--;
}

/* *, +, ?, {2,3}, with what may follow each. */
static void quantifier(struct rest *r, struct sequence *s)
{
    const bool missing = may_be_missing(r, 0), run = s->run.n > 0;
    const struct byte_set last = s->last;
    size_t n = *r->p == '{' && brace_size(r, 0) > 0 ? brace_size(r, 0) : 1;
    n += !missing && one_of(ahead(r, n), "+?");
    if (missing)
        drop_character(&s->run);
    pass(r, s, n);
    if (!missing && !run)
        s->last = last;
}

static bool escape(struct rest *r, struct sequence *s)
{
    const char c = ahead(r, 1);
    if (c > 0 && ispunct((unsigned char)c)) {
        add(s, c);
        r->p += 2;
        return true;
    }
    if (one_of(c, "wds"))
        pass_one(r, s, 2, byte_set_of_escape(c));
    else
        pass(r, s, 2);
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
static bool class(struct rest *r, struct sequence *s)
{
    size_t i = ahead(r, 1) == '^' ? 2 : 1, size;
    for (i += ahead(r, i) == ']'; ahead(r, i) != ']'; i += size) {
        size = ahead(r, i) == '\\' ? 2 : 1;
        if (ahead(r, i) == '[' && one_of(ahead(r, i + 1), ":.="))
            size = named_class(r, i);
        if (ahead(r, i) == 0 || size == 0)
            return false;
    }
    pass_one(r, s, i + 1, byte_set_of_class(r->p, i + 1));
    return true;
}

/* The bytes that begin a group, 0: options, a comment or something rare. *inside: what it matches
 * is a part of the match. */
static size_t group_begin(const struct rest *r, bool *inside)
{
    const char c = ahead(r, 2);
    const bool named = c == '<' && isalpha((unsigned char)ahead(r, 3));
    *inside = ahead(r, 1) != '?' || !one_of(c, "=!<") || named;
    if (ahead(r, 1) != '?')
        return 1;
    if (c != '<')
        return one_of(c, ":>|=!") ? 3 : 0;
    size_t n = 4; /* an assertion about what is before, or a name */
    while (*inside && ahead(r, n - 1) != '>' && ahead(r, n - 1) != 0)
        n++;
    return *inside || one_of(ahead(r, 3), "=!") ? n : 0;
}

static bool group(struct rest *r, struct sequence *s)
{
    enum { DEPTH = 16 };
    bool inside;
    struct literals within;
    const size_t n = group_begin(r, &inside);
    if (n == 0 || r->depth == DEPTH)
        return false;
    r->p += n;
    r->depth++;
    if (!alternatives(r, &within) || ahead(r, 0) != ')')
        return false;
    r->depth--;
    r->p++;
    inside = inside && !may_be_missing(r, 0);
    s->broken = s->broken || s->group || s->run.n > 0 || !inside || !within.all;
    s->group = true;
    end_run(s, byte_set_any());
    if (inside)
        take_if_better(s, &within);
    return true;
}

static bool step(struct rest *r, struct sequence *s)
{
    const char c = *r->p;
    if (c == '\\')
        return escape(r, s);
    if (c == '[')
        return class(r, s);
    if (c == '(')
        return group(r, s);
    if (one_of(c, "*+?{"))
        quantifier(r, s);
    else if (one_of(c, ".^$"))
        pass(r, s, 1);
    else
        add(s, *r->p++);
    return true;
}

/* Reads up to what ends a sequence. */
static bool sequence(struct rest *r, struct literals *out)
{
    struct sequence s = {.last = byte_set_any()};
    while (r->p < r->end && !one_of(*r->p, "|)")) {
        if (!step(r, &s))
            return false;
    }
    end_run(&s, byte_set_any());
    *out = s.best;
    out->all = !s.broken;
    return true;
}

/* Reads up to what ends a group, or the expression. */
static bool alternatives(struct rest *r, struct literals *out)
{
    bool good = sequence(r, out);
    while (good && ahead(r, 0) == '|') {
        struct literals other;
        r->p++;
        good = sequence(r, &other);
        if (good)
            literals_join(out, &other);
    }
    return good;
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

struct literals literals_of(const struct pattern *pattern)
{
    struct rest r = {.p = pattern->text, .end = pattern->text + pattern->n};
    struct literals l;
    const bool sure = !is_unsure(pattern) && alternatives(&r, &l) && r.p == r.end;
    return sure ? l : (struct literals){0};
}
