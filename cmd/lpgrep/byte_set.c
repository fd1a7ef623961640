#include "lpgrep/byte_set.h"

#include <ctype.h>
#include <string.h>

enum { ASCII_MAX = 0x7F };

static void add(struct byte_set *s, unsigned char first, unsigned char last)
{
    for (unsigned c = first; c <= last && c <= ASCII_MAX; c++)
        s->bits[c / 64] |= UINT64_C(1) << c % 64;
}

static bool add_escape(struct byte_set *s, char c)
{
    if (c == 's') {
        add(s, '\t', '\r');
        add(s, ' ', ' ');
    } else if (c == 'd' || c == 'w') {
        add(s, '0', '9');
    }
    if (c == 'w') {
        add(s, 'a', 'z');
        add(s, 'A', 'Z');
        add(s, '_', '_');
    }
    return c == 's' || c == 'd' || c == 'w';
}

/* Adds what begins a text: a character, a range or an escape. Returns its bytes, 0: unsure. */
static size_t add_item(struct byte_set *s, const char *text, size_t n)
{
    const bool escape = *text == '\\';
    const size_t size = escape ? 2 : 1;
    if (n < size || (*text == '[' && n > 1 && strchr(":.=", text[1]) != NULL))
        return 0;
    const unsigned char c = (unsigned char)text[size - 1];
    const bool range = n > size + 1 && text[size] == '-';
    if (escape && (c > ASCII_MAX || !ispunct(c)))
        return !range && add_escape(s, (char)c) ? size : 0;
    if (!range) {
        add(s, c, c);
        return size;
    }
    add(s, c, (unsigned char)text[size + 1]);
    return strchr("\\[", text[size + 1]) == NULL ? size + 2 : 0;
}

struct byte_set byte_set_any(void)
{
    struct byte_set any;
    memset(&any, 0xFF, sizeof any);
    return any;
}

struct byte_set byte_set_of_escape(char c)
{
    struct byte_set s = {{0, 0, UINT64_MAX, UINT64_MAX}};
    return add_escape(&s, c) ? s : byte_set_any();
}

struct byte_set byte_set_of_class(const char *class, size_t n)
{
    struct byte_set s = {{0, 0, UINT64_MAX, UINT64_MAX}};
    const bool negated = class[1] == '^';
    for (size_t i = negated ? 2 : 1, size; i + 1 < n; i += size) {
        size = add_item(&s, class + i, n - 1 - i);
        if (size == 0)
            return byte_set_any();
    }
    for (size_t i = 0; negated && i < 2; i++)
        s.bits[i] = ~s.bits[i];
    return s;
}
