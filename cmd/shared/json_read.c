#include "shared/json_read.h"

#include "shared/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 1000 }; /* objects and arrays within each other that json_skip() takes */

void json_read(struct json_reader *r, const void *text, size_t n)
{
    r->at = text;
    r->end = r->at + n;
    r->why = NULL;
    r->first = false;
}

static bool fail(struct json_reader *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    return false;
}

static void skip_space(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

char json_peek(struct json_reader *r)
{
    skip_space(r);
    if (r->why != NULL || r->at == r->end)
        return 0;
    char c = (char)*r->at;
    return c == '{' || c == '[' || c == '"' ? c : 'v';
}

static bool expect(struct json_reader *r, char c, const char *why)
{
    skip_space(r);
    if (r->why != NULL || r->at == r->end || *r->at != (unsigned char)c)
        return fail(r, why);
    r->at++;
    return true;
}

bool json_enter(struct json_reader *r, char bracket)
{
    r->first = expect(r, bracket, bracket == '{' ? "not an object" : "not an array");
    return r->first;
}

bool json_more(struct json_reader *r, char bracket)
{
    bool first = r->first;
    r->first = false;
    skip_space(r);
    if (r->why == NULL && r->at < r->end && *r->at == (unsigned char)bracket) {
        r->at++;
        return false;
    }
    return first ? json_peek(r) != 0 || fail(r, "the end is missing")
                 : expect(r, ',', "a comma or the end is missing");
}

/* --- Strings ---------------------------------------------------------------------- */

/* Four hexadecimal digits; UINT32_MAX where they are none. */
static uint32_t hex4(const unsigned char *p, const unsigned char *end)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t value = 0;
    if (end - p < 4)
        return UINT32_MAX;
    for (int i = 0; i < 4; i++) {
        const char *digit = p[i] == 0 ? NULL : strchr(digits, p[i]);
        if (digit == NULL)
            return UINT32_MAX;
        value = value << 4 | (uint32_t)((digit - digits) % 16);
    }
    return value;
}

/* A string that is being read: from `at` to `to`. */
struct string {
    const unsigned char *at, *end;
    unsigned char *to;
    bool strict;
};

/* The character of \u and what follows; at is at its digits, and moves behind them. */
static const char *escaped_character(struct string *s, uint32_t *c)
{
    *c = hex4(s->at, s->end);
    if (*c == UINT32_MAX)
        return "\\u without four hexadecimal digits";
    s->at += 4;
    if (*c < 0xD800 || *c > 0xDFFF)
        return NULL;
    if (*c < 0xDC00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        const uint32_t low = hex4(s->at + 2, s->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *c = 0x10000 + ((*c & 0x3FF) << 10 | (low & 0x3FF));
            s->at += 6;
            return NULL;
        }
    }
    *c = 0xFFFD;
    return s->strict ? "half of a surrogate pair" : NULL;
}

/* What a backslash and the next character stand for. */
static const char *escape(struct string *s)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint32_t c;
    const char *name = s->at == s->end || *s->at == 0 ? NULL : strchr(names, *s->at);
    if (name != NULL) {
        s->at++;
        *s->to++ = (unsigned char)values[name - names];
        return NULL;
    }
    if (s->at == s->end || *s->at != 'u')
        return "an unknown escape";
    s->at++;
    const char *why = escaped_character(s, &c);
    if (why == NULL)
        s->to = utf8_encode(s->to, c);
    return why;
}

/* Copies a character that is not escaped. */
static const char *copy(struct string *s)
{
    size_t size = 1;
    if (*s->at < 0x20)
        return "a control character in a string";
    if (s->strict &&
        (utf8_decode(s->at, (size_t)(s->end - s->at), &size) >= INVALID_BYTE || size == 0))
        return "not valid UTF-8, which JSON is";
    memcpy(s->to, s->at, size);
    s->at += size;
    s->to += size;
    return NULL;
}

const char *json_unescape(const unsigned char **at, const unsigned char *end, bool strict,
                          unsigned char *to, size_t *n)
{
    struct string s = {*at, end, to, strict};
    const char *why = NULL;
    while (why == NULL && s.at < end && *s.at != '"') {
        if (*s.at != '\\') {
            why = copy(&s);
        } else {
            s.at++;
            why = escape(&s);
        }
    }
    *at = s.at;
    *n = (size_t)(s.to - to);
    return why;
}

/* Makes room for a string; its text is never longer than it is in JSON. */
static bool reserve(struct json_reader *r)
{
    const unsigned char *p = r->at;
    while (p < r->end && *p != '"')
        p += *p == '\\' && p + 1 < r->end ? 2 : 1;
    if (p == r->end)
        return fail(r, "a string without end");
    size_t n = (size_t)(p - r->at) + 1;
    if (n <= r->room)
        return true;
    char *text = realloc(r->text, n);
    if (text == NULL)
        return fail(r, "out of memory");
    r->text = text;
    r->room = n;
    return true;
}

bool json_string(struct json_reader *r, const char **text, size_t *n)
{
    if (!expect(r, '"', "not a string") || !reserve(r))
        return false;
    const char *why = json_unescape(&r->at, r->end, false, (unsigned char *)r->text, n);
    if (why != NULL)
        return fail(r, why);
    r->at++;
    *text = r->text;
    return true;
}

bool json_key(struct json_reader *r, const char **key, size_t *n)
{
    return json_string(r, key, n) && expect(r, ':', "a colon is missing");
}

/* --- Values that are not wanted ----------------------------------------------------- */

/* A number, true, false or null. */
static bool skip_scalar(struct json_reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    const unsigned char *p = r->at;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - p) >= n && memcmp(p, words[i], n) == 0) {
            r->at += n;
            return true;
        }
    }
    while (r->at < r->end && *r->at != 0 && strchr("+-.0123456789eE", *r->at) != NULL)
        r->at++;
    return r->at > p || fail(r, "not a value");
}

static bool skip(struct json_reader *r, unsigned depth)
{
    const char *text;
    size_t n;
    char c = json_peek(r);
    if (c == 0 || c == 'v')
        return c != 0 ? skip_scalar(r) : fail(r, "a value is missing");
    if (c == '"')
        return json_string(r, &text, &n);
    if (depth == DEEPEST)
        return fail(r, "too many objects within each other");
    json_enter(r, c);
    while (json_more(r, c == '{' ? '}' : ']')) {
        if ((c == '{' && !json_key(r, &text, &n)) || !skip(r, depth + 1))
            return false;
    }
    return r->why == NULL;
}

bool json_skip(struct json_reader *r)
{
    return skip(r, 0);
}

bool json_done(struct json_reader *r)
{
    skip_space(r);
    return r->why == NULL && (r->at == r->end || fail(r, "something follows the value"));
}
