#include "tokens/pretok.h"

#include "tokens/character.h"

/* clang-format off */
static const unsigned char ascii[128] = {
    0,0,0,0,0,0,0,0,0,LP_SPACE,LP_LINE_END,LP_SPACE,LP_SPACE,LP_LINE_END,0,0,
    0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
    LP_SPACE,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
    5,5,5,5,5,5,5,5,5,5,0,0,0,0,0,0,
    0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0,0,0,0,0,
    0,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,0,0,0,0,0,
};
/* clang-format on */
_Static_assert(LP_UPPER == 1 && LP_LOWER == 2 && LP_NUMBER == 5, "as in the table above");

/* Sets of classes, as bits. */
enum {
    LETTERS = 1 << LP_UPPER | 1 << LP_LOWER | 1 << LP_LETTER,
    NUMBERS = 1 << LP_NUMBER,
    PUNCT = 1 << LP_OTHER | 1 << LP_MARK, /* [^\s\p{L}\p{N}] */
    SPACES = 1 << LP_SPACE | 1 << LP_LINE_END,
    NO_CASE = 1 << LP_LETTER | 1 << LP_MARK,
    UPPER = 1 << LP_UPPER | NO_CASE,
    LOWER = 1 << LP_LOWER | NO_CASE,
};

static bool in(struct lp_character c, unsigned set)
{
    return set >> c.klass & 1;
}

static inline struct lp_character character_at(const unsigned char *text, size_t at, size_t n,
                                               bool final)
{
    if (at >= n)
        return (struct lp_character){LP_OTHER, 0};
    if (text[at] < 0x80)
        return (struct lp_character){ascii[text[at]], 1};
    return lp_character_decode_within(text + at, n - at, final);
}

/* Skips characters of a set. True when a character that is not in it, or the end of the text,
 * follows. */
static inline bool skip(struct lp_pretok *s, const unsigned char *text, size_t n, bool final,
                        unsigned set)
{
    for (;;) {
        struct lp_character c = character_at(text, s->at, n, final);
        if (c.size == 0)
            return final;
        if (!in(c, set))
            return true;
        s->at += c.size;
    }
}

size_t lp_pretok_contraction(const unsigned char *text, size_t at, size_t n, bool final,
                             bool any_case)
{
    unsigned char c[3] = {0};
    size_t have = n - at - 1 < 3 ? n - at - 1 : 3;
    for (size_t i = 0; i < have; i++) {
        c[i] = text[at + 1 + i];
        if (any_case && c[i] >= 'A' && c[i] <= 'Z')
            c[i] |= 0x20;
    }
    if (have == 0)
        return final ? 0 : LP_PRETOK_UNDECIDED;
    if (c[0] == 's' || c[0] == 't' || c[0] == 'm' || c[0] == 'd')
        return 2;
    bool long_s = any_case && c[0] == 0xC5;
    if (c[0] != 'l' && c[0] != 'v' && c[0] != 'r' && !long_s)
        return 0;
    if (have == 1)
        return final ? 0 : LP_PRETOK_UNDECIDED;
    bool two = (c[0] == 'l' && c[1] == 'l') || (c[0] == 'v' && c[1] == 'e') ||
               (c[0] == 'r' && c[1] == 'e') || (long_s && c[1] == 0xBF);
    return two ? 3 : 0;
}

/* Ends the pretoken. */
static size_t done(struct lp_pretok *s, size_t size)
{
    *s = (struct lp_pretok){.pattern = s->pattern};
    return size;
}

/* Decides by the first character or two what kind of pretoken begins. False when more bytes are
 * needed. A contraction is complete at once: *size is its length. */
static bool start(struct lp_pretok *s, const unsigned char *text, size_t n, bool final,
                  size_t *size)
{
    bool gpt2 = s->pattern == LP_PATTERN_GPT2, o200k = s->pattern == LP_PATTERN_O200K;
    unsigned letters = o200k ? LETTERS | 1 << LP_MARK : LETTERS;
    struct lp_character c = character_at(text, 0, n, final), next = {LP_LINE_END, 0};
    if (c.size == 0)
        return false;
    if (text[0] == '\'' && !o200k) {
        *size = lp_pretok_contraction(text, 0, n, final, !gpt2);
        if (*size == LP_PRETOK_UNDECIDED)
            return false;
        if (*size > 0)
            return true;
    }
    /* One character may precede the letters: a space, or in the newer patterns any but a line
     * end. A space may also precede punctuation and, in gpt2, numbers. */
    bool space = text[0] == ' ';
    bool prefix = gpt2 ? space : in(c, PUNCT | 1 << LP_SPACE) && !in(c, letters);
    if (prefix) {
        next = character_at(text, c.size, n, final);
        if (next.size == 0 && !final)
            return false;
        bool end = next.size == 0;
        if (!end && in(next, letters)) {
            s->at = c.size;
            c = next;
        } else if (!end && space && (in(next, PUNCT) || (gpt2 && in(next, NUMBERS)))) {
            s->at = c.size;
            c = next;
        }
    }
    if (in(c, letters))
        s->phase = o200k ? LP_PHASE_UPPER : LP_PHASE_LETTERS;
    else if (in(c, NUMBERS))
        s->phase = LP_PHASE_NUMBERS;
    else if (in(c, PUNCT))
        s->phase = LP_PHASE_PUNCT;
    else
        s->phase = LP_PHASE_SPACES;
    return true;
}

static size_t numbers(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    if (s->pattern == LP_PATTERN_GPT2) {
        bool end = skip(s, text, n, final, NUMBERS);
        s->settled = s->at;
        return end ? done(s, s->at) : 0;
    }
    size_t at = s->at;
    for (int i = 0; i < 3; i++) {
        struct lp_character c = character_at(text, at, n, final);
        if (c.size == 0 && !final)
            return 0;
        if (c.size == 0 || !in(c, NUMBERS))
            break;
        at += c.size;
    }
    return done(s, at);
}

static size_t tail(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    while (s->at < n && (text[s->at] == '\r' || text[s->at] == '\n' ||
                         (text[s->at] == '/' && s->pattern == LP_PATTERN_O200K)))
        s->at++;
    s->settled = s->at;
    return s->at < n || final ? done(s, s->at) : 0;
}

/* A run of white space. All up to its last line end is one pretoken. Without a line end it is all
 * but the last character, which may belong to what follows. At the end of the text gpt2 and cl100k
 * take the whole run. */
static size_t spaces(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    bool gpt2 = s->pattern == LP_PATTERN_GPT2;
    for (;;) {
        struct lp_character c = character_at(text, s->at, n, final);
        bool end = c.size == 0 && final;
        if (c.size == 0 && !final)
            return 0;
        if (!end && in(c, SPACES)) {
            s->last_space = s->at;
            s->at += c.size;
            if (c.klass == LP_LINE_END && !gpt2)
                s->backtrack = s->at;
            s->settled = s->backtrack > 0 ? s->backtrack : s->last_space;
            continue;
        }
        if (end && (s->backtrack == 0 || s->pattern != LP_PATTERN_O200K))
            return done(s, s->at);
        if (s->backtrack > 0)
            return done(s, s->backtrack);
        return done(s, s->last_space > 0 ? s->last_space : s->at);
    }
}

/* o200k's words: [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+, or else the same two
 * classes with + and *. When no lower case follows the first class, the first pattern matches up to
 * the last caseless letter or mark, if there is one: backtrack to its end. */
static bool upper(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    for (;;) {
        struct lp_character c = character_at(text, s->at, n, final);
        if (c.size == 0 && !final)
            return false;
        if (c.size > 0 && in(c, UPPER)) {
            s->at += c.size;
            if (in(c, NO_CASE))
                s->backtrack = s->at;
            s->settled = s->backtrack > 0 ? s->backtrack : s->at;
            continue;
        }
        bool lower = c.size > 0 && c.klass == LP_LOWER;
        s->phase = lower ? LP_PHASE_LOWER : LP_PHASE_SUFFIX;
        if (!lower && s->backtrack > 0)
            s->at = s->backtrack;
        return true;
    }
}

static size_t suffix(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    s->settled = s->at;
    if (s->at >= n && !final)
        return 0;
    size_t size = 0;
    if (s->at < n && text[s->at] == '\'')
        size = lp_pretok_contraction(text, s->at, n, final, true);
    return size == LP_PRETOK_UNDECIDED ? 0 : done(s, s->at + size);
}

size_t lp_pretok_next(struct lp_pretok *s, const unsigned char *text, size_t n, bool final)
{
    size_t size = 0;
    if (lp_pretok_is_between(s)) {
        if (!start(s, text, n, final, &size))
            return 0;
        if (size > 0)
            return done(s, size);
    }
    bool gpt2 = s->pattern == LP_PATTERN_GPT2;
    bool end;
    switch (s->phase) {
    case LP_PHASE_BETWEEN:
    case LP_PHASE_LETTERS:
        end = skip(s, text, n, final, LETTERS);
        s->settled = s->at;
        return end ? done(s, s->at) : 0;
    case LP_PHASE_NUMBERS:
        return numbers(s, text, n, final);
    case LP_PHASE_PUNCT:
        end = skip(s, text, n, final, PUNCT);
        s->settled = s->at;
        if (!end)
            return 0;
        if (gpt2)
            return done(s, s->at);
        s->phase = LP_PHASE_TAIL;
        return tail(s, text, n, final);
    case LP_PHASE_TAIL:
        return tail(s, text, n, final);
    case LP_PHASE_SPACES:
        return spaces(s, text, n, final);
    case LP_PHASE_UPPER:
        if (!upper(s, text, n, final))
            return 0;
        if (s->phase == LP_PHASE_SUFFIX)
            return suffix(s, text, n, final);
        /* fall through */
    case LP_PHASE_LOWER:
        end = skip(s, text, n, final, LOWER);
        s->settled = s->at;
        if (!end)
            return 0;
        s->phase = LP_PHASE_SUFFIX;
        /* fall through */
    case LP_PHASE_SUFFIX:
        return suffix(s, text, n, final);
    }
    return 0;
}

void lp_pretok_drop(struct lp_pretok *s, size_t k)
{
    s->at -= k;
    s->settled -= k;
    s->backtrack = s->backtrack > k ? s->backtrack - k : 0;
    s->last_space = s->last_space > k ? s->last_space - k : 0;
}
