#include "lpgrep/matcher.h"

#include "lpgrep/line_pattern.h"
#include "lpgrep/literal_find.h"
#include "lpgrep/words.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* An expression, compiled twice: text of ASCII alone is searched without Unicode, which is several
 * times as fast and gives the same. */
struct expression {
    pcre2_code *unicode, *ascii; /* ascii: NULL where it might differ */
};

struct matcher {
    const struct tool *tool;
    const struct options *o;
    struct words *words;             /* NULL: expressions */
    struct literal_finder *literals; /* of which a match has one; NULL: unknown */
    bool literals_all;               /* and which are all that is sought */
    struct expression unit, lines;
    pcre2_code *no_word_before, *no_word_after; /* for words */
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    bool jit;
    const unsigned char *text; /* to seek in */
    size_t size;
    size_t candidates;  /* lines with a literal that were found */
    size_t stretch_end; /* of lines that one form of the expression is for */
    bool stretch_ascii;
    bool unit_ascii; /* of matcher_find() */
};

static _Noreturn void no_memory(const struct tool *tool)
{
    tool_die(tool, EXIT_IO, "out of memory");
}

/* --- Compiling --------------------------------------------------------------- */

/* *error: where it is not zero, what is wrong, and at *offset. */
static pcre2_code *compile(struct matcher *m, const char *text, size_t n, uint32_t options,
                           int *error, PCRE2_SIZE *offset)
{
    *error = 0;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)text, n, options | PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES,
                      error, offset, m->compile);
    if (code == NULL && *error == PCRE2_ERROR_NOMEMORY)
        no_memory(m->tool);
    if (code != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
        m->jit = false;
    return code;
}

static uint32_t compile_options(const struct options *o)
{
    return (o->ignore_case ? PCRE2_CASELESS : 0) | (o->records ? PCRE2_MULTILINE : 0);
}

enum { UNICODE = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF };

static bool is_ascii(const void *text, size_t n)
{
    enum { STEP = 256 };
    const unsigned char *p = text;
    uint64_t all = 0, words[STEP / sizeof all];
    for (; n >= STEP && (all & UINT64_C(0x8080808080808080)) == 0; p += STEP, n -= STEP) {
        memcpy(words, p, STEP);
        for (size_t i = 0; i < STEP / sizeof all; i++)
            all |= words[i];
    }
    for (; n >= sizeof all; p += sizeof all, n -= sizeof all) {
        memcpy(words, p, sizeof all);
        all |= words[0];
    }
    for (; n > 0; n--)
        all |= *p++;
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

static struct expression compile_both(struct matcher *m, const struct growing *text,
                                      uint32_t options)
{
    int error;
    PCRE2_SIZE offset;
    struct expression e = {0};
    e.unicode =
        compile(m, (const char *)text->text.v, text->text.n, options | UNICODE, &error, &offset);
    if (e.unicode == NULL) {
        PCRE2_UCHAR why[256];
        pcre2_get_error_message(error, why, sizeof why);
        tool_usage(m->tool, "the patterns together: %s", (const char *)why);
    }
    if (is_ascii((const char *)text->text.v, text->text.n))
        e.ascii = compile(m, (const char *)text->text.v, text->text.n, options, &error, &offset);
    return e;
}

/* Compiles one alone, for messages that are about it. */
static void check(struct matcher *m, const struct pattern *p)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code =
        compile(m, p->text, p->n, compile_options(m->o) | PCRE2_UTF, &error, &offset);
    if (code == NULL) {
        PCRE2_UCHAR why[256];
        pcre2_get_error_message(error, why, sizeof why);
        tool_usage(m->tool, "pattern '%.500s': at character %zu: %s", p->text, (size_t)offset + 1,
                   (const char *)why);
    }
    pcre2_code_free(code);
}

/* A fixed string as an expression. */
static void quote(struct growing *out, const struct pattern *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const char c = p->text[i];
        if (c == 0)
            growing_text(out, "\\x00");
        else if (c > 0 && strchr("\\^$.[|()?*+{#-", c) != NULL)
            growing_text(out, "\\");
        if (c != 0)
            growing_add(out, &c, 1);
    }
}

/* The bytes of a class, from its bracket on. */
static size_t class_size(const char *p, size_t n)
{
    size_t i = n > 1 && p[1] == '^' ? 2 : 1;
    for (i += i < n && p[i] == ']'; i < n && p[i] != ']'; i++) {
        const char *close = p[i] == '[' && i + 2 < n && strchr(":.=", p[i + 1]) != NULL
                                ? memchr(p + i, ']', n - i)
                                : NULL;
        if (close != NULL)
            i = (size_t)(close - p);
        else if (p[i] == '\\' && i + 1 < n)
            i++;
    }
    return i < n ? i + 1 : n;
}

/* The bytes of what is quoted, from \Q on. */
static size_t quoted_size(const char *p, size_t n)
{
    for (size_t i = 2; i + 1 < n; i++) {
        if (p[i] == '\\' && p[i + 1] == 'E')
            return i + 2;
    }
    return n;
}

/* An expression as it is, but \< and \> of grep -E as what they mean. */
static void translate(struct growing *out, const struct pattern *p)
{
    for (size_t i = 0, size; i < p->n; i += size) {
        const char *at = p->text + i, next = i + 1 < p->n ? at[1] : 0;
        const bool escape = *at == '\\' && next != 0;
        size = escape ? 2 : 1;
        if (escape && (next == '<' || next == '>')) {
            growing_text(out, next == '<' ? "\\b(?=\\w)" : "\\b(?<=\\w)");
            continue;
        }
        if (*at == '[')
            size = class_size(at, p->n - i);
        else if (escape && next == 'Q')
            size = quoted_size(at, p->n - i);
        growing_add(out, at, size);
    }
}

/* A pattern as an expression of PCRE2. */
static struct growing expression_of(const struct matcher *m, const struct pattern *p)
{
    struct growing out = {0};
    growing_reserve(&out, 1);
    if (m->o->fixed)
        quote(&out, p);
    else if (!m->o->perl)
        translate(&out, p);
    else
        growing_add(&out, p->text, p->n);
    if (out.failed)
        no_memory(m->tool);
    return out;
}

static struct pattern pattern_of(const struct growing *expression)
{
    return (struct pattern){(const char *)expression->text.v, expression->text.n};
}

/* Whether a comment would hide what follows the pattern, as in "(?x) a # b". */
static bool ends_in_comment(struct matcher *m, const struct pattern *p)
{
    struct growing group = {0};
    int error;
    PCRE2_SIZE offset;
    if (memchr(p->text, '#', p->n) == NULL)
        return false;
    growing_text(&group, "(?:");
    growing_add(&group, p->text, p->n);
    growing_text(&group, "\\E)");
    if (group.failed)
        no_memory(m->tool);
    const struct pattern whole = pattern_of(&group);
    pcre2_code_free(compile(m, whole.text, whole.n, UNICODE, &error, &offset));
    free(group.text.v);
    return error == PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS;
}

/* Joins the patterns to one expression, for a unit or for a text of many lines. False: that cannot
 * be for many. */
static bool join(struct matcher *m, const struct patterns *patterns, struct growing *out,
                 bool lines)
{
    const struct options *o = m->o;
    const bool alone = patterns->n == 1 && !o->word && !o->whole;
    bool good = true;
    growing_text(out, !o->whole ? "" : lines ? "^(?:" : "\\A(?:");
    growing_text(out, o->word ? "(?<!\\w)(?:" : "");
    growing_text(out, alone ? "" : "(?|");
    for (size_t i = 0; good && i < patterns->n; i++) {
        struct growing one = expression_of(m, &patterns->v[i]);
        const struct pattern p = pattern_of(&one);
        growing_text(out, i > 0 ? "|" : "");
        growing_text(out, alone ? "" : "(?:");
        if (lines)
            good = line_pattern(out, &p);
        else
            growing_add(out, p.text, p.n);
        growing_text(out, alone || !ends_in_comment(m, &p) ? "" : "\n");
        growing_text(out, alone ? "" : "\\E)"); /* of a \Q */
        free(one.text.v);
    }
    growing_text(out, alone ? "" : ")");
    growing_text(out, o->word ? ")(?!\\w)" : "");
    growing_text(out, !o->whole ? "" : lines ? ")$" : ")\\z");
    if (out->failed)
        no_memory(m->tool);
    return good;
}

static void use_literals(struct matcher *m, const struct literals *l)
{
    m->literals = literal_finder_new(l);
    m->literals_all = l->all;
    if (l->n > 0 && m->literals == NULL)
        no_memory(m->tool);
}

static struct literals literals_of_all(const struct matcher *m, const struct patterns *patterns)
{
    struct literals all = {0};
    for (size_t i = 0; i < patterns->n; i++) {
        struct growing one = expression_of(m, &patterns->v[i]);
        const struct pattern p = pattern_of(&one);
        const struct literals l = literals_of(&p);
        free(one.text.v);
        if (i > 0)
            literals_join(&all, &l);
        else
            all = l;
    }
    return all;
}

static void use_expressions(struct matcher *m, const struct patterns *patterns)
{
    struct growing unit = {0}, lines = {0};
    growing_reserve(&unit, 1); /* the empty expression is none for PCRE2 otherwise */
    growing_reserve(&lines, 1);
    for (size_t i = 0; i < patterns->n && !m->o->fixed; i++)
        check(m, &patterns->v[i]);
    join(m, patterns, &unit, false);
    m->unit = compile_both(m, &unit, compile_options(m->o));
    if (!m->o->records && join(m, patterns, &lines, true) && m->jit)
        m->lines = compile_both(m, &lines, compile_options(m->o) | PCRE2_MULTILINE);
    free(unit.text.v);
    free(lines.text.v);
    if (!m->o->ignore_case) {
        const struct literals l = literals_of_all(m, patterns);
        use_literals(m, &l);
    }
}

static void use_words(struct matcher *m, const struct patterns *patterns)
{
    int error;
    PCRE2_SIZE offset;
    m->words = words_new(patterns, m->o->memory);
    const struct literals l = literals_words(patterns);
    use_literals(m, &l);
    if (m->words == NULL)
        tool_die(m->tool, EXIT_IO, "the patterns take too much memory: raise it with -M");
    m->no_word_before = compile(m, "(?<!\\w)", 7, UNICODE | PCRE2_ANCHORED, &error, &offset);
    m->no_word_after = compile(m, "(?!\\w)", 6, UNICODE | PCRE2_ANCHORED, &error, &offset);
}

struct matcher *matcher_new(const struct tool *tool, const struct options *o,
                            const struct patterns *patterns)
{
    enum { STACK_MIN = 32 << 10, STACK_MAX = 8 << 20 };
    struct matcher *m = calloc(1, sizeof *m);
    if (m == NULL)
        no_memory(tool);
    *m = (struct matcher){.tool = tool, .o = o, .jit = true};
    m->compile = pcre2_compile_context_create(NULL);
    m->match = pcre2_match_context_create(NULL);
    m->data = pcre2_match_data_create(1, NULL);
    m->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
    if (m->compile == NULL || m->match == NULL || m->data == NULL)
        no_memory(tool);
    if (m->stack != NULL)
        pcre2_jit_stack_assign(m->match, NULL, m->stack);
    pcre2_set_newline(m->compile, PCRE2_NEWLINE_LF);
    if (patterns->n == 0 || (patterns->n > 1 && o->fixed && !o->ignore_case))
        use_words(m, patterns);
    else
        use_expressions(m, patterns);
    return m;
}

void matcher_free(struct matcher *m)
{
    if (m == NULL)
        return;
    words_free(m->words);
    literal_finder_free(m->literals);
    pcre2_code_free(m->unit.unicode);
    pcre2_code_free(m->unit.ascii);
    pcre2_code_free(m->lines.unicode);
    pcre2_code_free(m->lines.ascii);
    pcre2_code_free(m->no_word_before);
    pcre2_code_free(m->no_word_after);
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->match);
    pcre2_compile_context_free(m->compile);
    pcre2_jit_stack_free(m->stack);
    free(m);
}

/* --- Matching ---------------------------------------------------------------- */

/* What a program's stack cannot hold, another way of matching may, up to its own limits. */
static enum match run(struct matcher *m, const pcre2_code *code, const unsigned char *text,
                      size_t n, size_t from)
{
    int found = pcre2_match(code, text, n, from, 0, m->data, m->match);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, text, n, from, PCRE2_NO_JIT, m->data, m->match);
    if (found == PCRE2_ERROR_NOMEMORY)
        no_memory(m->tool);
    return found >= 0 ? MATCH_FOUND : found == PCRE2_ERROR_NOMATCH ? MATCH_NONE : MATCH_FAILED;
}

struct place {
    struct matcher *m;
    const struct unit *unit;
};

/* A words_check. */
static bool stands(void *ctx, size_t start, size_t end)
{
    const struct place *at = ctx;
    struct matcher *m = at->m;
    const unsigned char *text = at->unit->text;
    const size_t n = at->unit->n;
    if (m->o->whole && (start > 0 || end < n))
        return false;
    return !m->o->word || (run(m, m->no_word_before, text, n, start) == MATCH_FOUND &&
                           run(m, m->no_word_after, text, n, end) == MATCH_FOUND);
}

enum match matcher_find(struct matcher *m, const struct unit *unit, size_t from, size_t *start,
                        size_t *end)
{
    if (m->words != NULL)
        return words_find(m->words, unit->text, unit->n, from, stands, &(struct place){m, unit},
                          start, end)
                   ? MATCH_FOUND
                   : MATCH_NONE;
    if (from == 0)
        m->unit_ascii = m->unit.ascii != NULL && is_ascii(unit->text, unit->n);
    const bool ascii = m->unit_ascii;
    enum match match = run(m, ascii ? m->unit.ascii : m->unit.unicode, unit->text, unit->n, from);
    if (match == MATCH_FOUND) {
        *start = pcre2_get_ovector_pointer(m->data)[0];
        *end = pcre2_get_ovector_pointer(m->data)[1];
        *end = *end > *start ? *end : *start; /* \K in a lookahead */
    }
    return match;
}

bool matcher_seeks(const struct matcher *m)
{
    return m->literals != NULL ||
           (!m->o->records && (m->words != NULL || m->lines.unicode != NULL));
}

void matcher_text(struct matcher *m, const unsigned char *text, size_t n)
{
    m->text = text;
    m->size = n;
    m->stretch_end = m->candidates = 0;
}

/* The end of the line that has the last byte before a place. */
static size_t line_end(const struct matcher *m, size_t at)
{
    const unsigned char *end =
        at < m->size ? memchr(m->text + at - 1, '\n', m->size - at + 1) : NULL;
    return end != NULL ? (size_t)(end - m->text) + 1 : m->size;
}

/* Finds how far one form of the expression serves: whole lines. Where text is not ASCII, steps keep
 * their number low. */
static void find_stretch(struct matcher *m, size_t from)
{
    enum { STEP = 4096 };
    size_t end = from, step = 0;
    while (end < m->size &&
           is_ascii(m->text + end, step = m->size - end < STEP ? m->size - end : STEP))
        end += step;
    while (end < m->size && m->text[end] < 0x80)
        end++;
    while (end < m->size && end > from && m->text[end - 1] != '\n')
        end--;
    m->stretch_ascii = end > from;
    m->stretch_end = end > from ? end : line_end(m, m->size - from < STEP ? m->size : from + STEP);
}

static enum match seek_expression(struct matcher *m, size_t from, size_t *at)
{
    while (from < m->size) {
        if (m->lines.ascii == NULL)
            m->stretch_end = m->size;
        else if (from >= m->stretch_end)
            find_stretch(m, from);
        const bool ascii = m->lines.ascii != NULL && m->stretch_ascii;
        const size_t size = m->stretch_end - from;
        enum match match =
            run(m, ascii ? m->lines.ascii : m->lines.unicode, m->text + from, size, 0);
        if (match == MATCH_FAILED)
            return match;
        const size_t found = pcre2_get_ovector_pointer(m->data)[0];
        if (match == MATCH_FOUND && found < size) {
            *at = from + found;
            return match;
        }
        from += size;
    }
    return MATCH_NONE;
}

/* Whether to look for a literal, and then match the line: not where so many lines have it that
 * the expression finds them sooner. */
static bool use_literal(struct matcher *m, size_t from)
{
    enum { FIRST = 16, DISTANCE = 512 };
    return m->literals != NULL &&
           (m->literals_all || m->lines.unicode == NULL || m->candidates < FIRST + from / DISTANCE);
}

static enum match seek_literal(struct matcher *m, size_t from, size_t *at)
{
    const unsigned char *found = literal_find(m->literals, m->text + from, m->size - from);
    *at = found != NULL ? (size_t)(found - m->text) : m->size;
    m->candidates++;
    return found != NULL ? MATCH_FOUND : MATCH_NONE;
}

enum match matcher_seek(struct matcher *m, size_t from, size_t *at, bool *sure)
{
    if (use_literal(m, from)) {
        *sure = m->literals_all && !m->o->word && !m->o->whole && !m->o->records;
        return seek_literal(m, from, at);
    }
    *sure = m->words == NULL || (!m->o->word && !m->o->whole);
    if (m->words == NULL)
        return seek_expression(m, from, at);
    const size_t end =
        words_empty(m->words) ? 1 : words_seek(m->words, m->text + from, m->size - from);
    *at = from + (end > 0 ? end - 1 : 0);
    return end > 0 ? MATCH_FOUND : MATCH_NONE;
}
