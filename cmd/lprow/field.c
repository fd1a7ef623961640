#include "lprow/field.h"

#include "shared/json_read.h"
#include "shared/utf8.h"

static const char *const names[] = {"tsv", "base64", "hex", "bytea", "json", "raw"};

bool field_form_named(const char *name, enum field_form *form)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *form = (enum field_form)i;
            return true;
        }
    }
    return false;
}

const char *field_null(enum field_form form)
{
    return form == FIELD_RAW ? NULL : form == FIELD_JSON ? "null" : "\\N";
}

size_t field_longest(enum field_form form, size_t n)
{
    enum { AROUND = 64 }; /* quotes, a prefix, padding, blanks */
    static const unsigned char times[] = {2, 2, 2, 2, 6, 1};
    return n > (SIZE_MAX - AROUND) / 6 ? SIZE_MAX : n * times[form] + AROUND;
}

static enum lp_status malformed(const char **why, const char *what)
{
    *why = what;
    return LP_DATA;
}

/* --- tsv ------------------------------------------------------------------------------ */

/* The byte that a letter after a backslash stands for; -1: nobody writes this one. */
static int unescaped(unsigned char letter)
{
    static const char letters[] = "ntr0bfv\\'", bytes[] = "\n\t\r\0\b\f\v\\'";
    const char *at = letter != 0 ? strchr(letters, letter) : NULL;
    return at != NULL ? (unsigned char)bytes[at - letters] : -1;
}

static enum lp_status parse_tsv(const unsigned char *field, size_t n, struct buffer *out,
                                const char **why)
{
    unsigned char *p = out->v + out->n;
    if (memchr(field, '\t', n) != NULL)
        return malformed(why, "a TAB: use --key for fields before the text, or --in=raw");
    for (const unsigned char *end = field + n; field < end; field += 2) {
        const unsigned char *escape = memchr(field, '\\', (size_t)(end - field));
        const size_t plain = (size_t)((escape != NULL ? escape : end) - field);
        memcpy(p, field, plain);
        p += plain;
        field += plain;
        if (escape == NULL)
            break;
        int byte = end - field >= 2 ? unescaped(field[1]) : -1;
        if (byte < 0)
            return malformed(why, "a backslash that no escape begins with (or use --in=raw)");
        *p++ = (unsigned char)byte;
    }
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

/* Bytes without escapes are copied together. */
static enum lp_status write_tsv(const unsigned char *value, size_t n, struct buffer *out)
{
    static const char escapes[256] = {
        ['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r', ['\\'] = '\\', [0] = '0'};
    if (!buffer_reserve(out, 2 * n))
        return LP_NOMEM;
    unsigned char *p = out->v + out->n;
    for (size_t i = 0, from = 0; i <= n; i++) {
        if (i < n && escapes[value[i]] == 0)
            continue;
        if (i > from)
            memcpy(p, value + from, i - from);
        p += i - from;
        from = i + 1;
        if (i == n)
            break;
        *p++ = '\\';
        *p++ = (unsigned char)escapes[value[i]];
    }
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

/* --- base64, hexadecimal digits --------------------------------------------------------- */

/* The value of a base64 digit, -1 for none. */
static int sextet(unsigned char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Padding may be missing; the bits after the last byte are zero, so that one value has one form. */
static enum lp_status parse_base64(const unsigned char *field, size_t n, struct buffer *out,
                                   const char **why)
{
    unsigned char *p = out->v + out->n;
    unsigned bits = 0, held = 0;
    size_t digits = n;
    while (digits > 0 && n - digits < 2 && field[digits - 1] == '=')
        digits--;
    if (digits % 4 == 1 || (digits < n && n % 4 != 0))
        return malformed(why, "not base64: its length is wrong");
    for (size_t i = 0; i < digits; i++) {
        const int six = sextet(field[i]);
        if (six < 0)
            return malformed(why, "not base64");
        bits = bits << 6 | (unsigned)six;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *p++ = (unsigned char)(bits >> held);
        }
    }
    if ((bits & ((1U << held) - 1)) != 0)
        return malformed(why, "not base64: bits after the last byte");
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

static enum lp_status write_base64(const unsigned char *value, size_t n, struct buffer *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!buffer_reserve(out, n / 3 * 4 + 4))
        return LP_NOMEM;
    unsigned char *p = out->v + out->n;
    for (size_t i = 0; i < n; i += 3) {
        const size_t have = n - i < 3 ? n - i : 3;
        const uint32_t bits = (uint32_t)value[i] << 16 |
                              (have > 1 ? (uint32_t)value[i + 1] << 8 : 0) |
                              (have > 2 ? (uint32_t)value[i + 2] : 0);
        *p++ = (unsigned char)digits[bits >> 18];
        *p++ = (unsigned char)digits[bits >> 12 & 63];
        *p++ = have > 1 ? (unsigned char)digits[bits >> 6 & 63] : '=';
        *p++ = have > 2 ? (unsigned char)digits[bits & 63] : '=';
    }
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

/* The value of a hexadecimal digit, -1 for none. */
static int nibble(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* With or without the prefix of PostgreSQL, and with that as COPY escapes it. */
static enum lp_status parse_hex(const unsigned char *field, size_t n, struct buffer *out,
                                const char **why)
{
    static const char escaped[] = "\\\\x";
    for (size_t at = 0; at < 2; at++) {
        const size_t prefix = 3 - at;
        if (n >= prefix && memcmp(field, &escaped[at], prefix) == 0) {
            field += prefix;
            n -= prefix;
            break;
        }
    }
    if (n % 2 != 0)
        return malformed(why, "an odd number of hexadecimal digits");
    unsigned char *p = out->v + out->n;
    for (size_t i = 0; i < n; i += 2) {
        const int high = nibble(field[i]), low = nibble(field[i + 1]);
        if (high < 0 || low < 0)
            return malformed(why, "not hexadecimal digits");
        *p++ = (unsigned char)(high << 4 | low);
    }
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

static enum lp_status write_hex(const char *prefix, const unsigned char *value, size_t n,
                                struct buffer *out)
{
    static const char digits[] = "0123456789abcdef";
    if (!buffer_add(out, prefix, strlen(prefix)) || !buffer_reserve(out, 2 * n))
        return LP_NOMEM;
    unsigned char *p = out->v + out->n;
    for (size_t i = 0; i < n; i++) {
        *p++ = (unsigned char)digits[value[i] >> 4];
        *p++ = (unsigned char)digits[value[i] & 15];
    }
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

/* --- json ------------------------------------------------------------------------------- */

/* The bytes of the first character of n that is not valid UTF-8 are none: 0. */
static size_t character(const unsigned char *p, size_t n)
{
    size_t size;
    return utf8_decode(p, n, &size) < INVALID_BYTE ? size : 0;
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static enum lp_status parse_json(const unsigned char *field, size_t n, struct buffer *out,
                                 bool *null, const char **why)
{
    while (n > 0 && is_blank(field[0])) {
        field++;
        n--;
    }
    while (n > 0 && is_blank(field[n - 1]))
        n--;
    *null = n == 4 && memcmp(field, "null", 4) == 0;
    if (*null)
        return LP_OK;
    if (n < 2 || field[0] != '"' || field[n - 1] != '"')
        return malformed(why, "not a JSON string or null");
    const unsigned char *at = field + 1, *end = field + n - 1;
    size_t size;
    const char *wrong = json_unescape(&at, end, true, out->v + out->n, &size);
    if (wrong == NULL && at < end)
        wrong = "a quote in a JSON string";
    if (wrong != NULL)
        return malformed(why, wrong);
    out->n += size;
    return LP_OK;
}

static enum lp_status write_json(const unsigned char *value, size_t n, struct buffer *out,
                                 const char **why)
{
    static const char digits[] = "0123456789abcdef",
                      letters[32] = {
                          ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\b'] = 'b', ['\f'] = 'f'};
    if (!buffer_reserve(out, 2 + n))
        return LP_NOMEM;
    out->v[out->n++] = '"';
    for (size_t i = 0, size; i < n; i += size) {
        const unsigned char c = value[i];
        size = character(value + i, n - i);
        if (size == 0)
            return malformed(why, "not valid UTF-8, which JSON is: use --out=tsv or base64");
        if (!buffer_reserve(out, n - i + 8))
            return LP_NOMEM;
        unsigned char *p = out->v + out->n;
        if (c == '"' || c == '\\' || (c < ' ' && letters[c] != 0)) {
            *p++ = '\\';
            *p++ = c < ' ' ? (unsigned char)letters[c] : c;
        } else if (c < ' ') {
            memcpy(p, "\\u00", 4);
            p[4] = (unsigned char)digits[c >> 4];
            p[5] = (unsigned char)digits[c & 15];
            p += 6;
        } else {
            memcpy(p, value + i, size);
            p += size;
        }
        out->n = (size_t)(p - out->v);
    }
    return buffer_add(out, "\"", 1) ? LP_OK : LP_NOMEM;
}

/* --- All of them ------------------------------------------------------------------------- */

enum lp_status field_parse(enum field_form form, const unsigned char *field, size_t n,
                           struct buffer *out, bool *null, const char **why)
{
    *null = form != FIELD_RAW && form != FIELD_JSON && n == 2 && memcmp(field, "\\N", 2) == 0;
    if (*null)
        return LP_OK;
    if (!buffer_reserve(out, n)) /* no form is shorter than its value */
        return LP_NOMEM;
    switch (form) {
    case FIELD_TSV:
        return parse_tsv(field, n, out, why);
    case FIELD_BASE64:
        return parse_base64(field, n, out, why);
    case FIELD_HEX:
    case FIELD_BYTEA:
        return parse_hex(field, n, out, why);
    case FIELD_JSON:
        return parse_json(field, n, out, null, why);
    default:
        return buffer_add(out, field, n) ? LP_OK : LP_NOMEM;
    }
}

enum lp_status field_write(enum field_form form, const unsigned char *value, size_t n,
                           struct buffer *out, const char **why)
{
    switch (form) {
    case FIELD_TSV:
        return write_tsv(value, n, out);
    case FIELD_BASE64:
        return write_base64(value, n, out);
    case FIELD_HEX:
        return write_hex("", value, n, out);
    case FIELD_BYTEA:
        return write_hex("\\\\x", value, n, out);
    case FIELD_JSON:
        return write_json(value, n, out, why);
    default:
        if (n > 0 && memchr(value, '\n', n) != NULL)
            return malformed(why, "the text has a line feed: use --out=tsv, base64 or json");
        return buffer_add(out, value, n) ? LP_OK : LP_NOMEM;
    }
}
