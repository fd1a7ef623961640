/* tok_paths - the fast code paths against the plain ones: pretokens by windows against
 * lp_pretok_next(); ids against merging by definition; codes to text by all instructions. Texts are
 * random mixes of what the patterns distinguish, whole and in pieces; some overflow the memo or
 * have giant pretokens. The seed is fixed. */
#include "tokens/codes.h"
#include "tokens/merge_giant.h"
#include "tokens/pretok.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 1500, TEXT_MAX = 3000, GIANTS = 300, GIANT = 100000 };

static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

/* Words of the patterns' grammars, and what may be at their borders. */
static const char *const bits[] = {
    "a",
    "b",
    "Z",
    "foo",
    "Bar",
    "BAZ",
    "theQuickBrown",
    "HTTPServer",
    "don't",
    "we'LL",
    "'s",
    "'S",
    "'re",
    "'ve",
    "'d",
    "'\u017F",
    "'l",
    "'",
    "''",
    " ",
    "  ",
    "     ",
    "\t",
    "\n",
    "\r\n",
    "\n\n",
    " \n",
    "\n ",
    "\n    ",
    "    \n",
    "\u00A0",
    "\u3000",
    "\u2028",
    "\xC2\x85",
    "\v",
    "1",
    "22",
    "333",
    "4444",
    "\u0663\u0664\u0665\u0666",
    "\u00BD",
    ".",
    "...",
    "!?",
    "/",
    "//",
    "/\n",
    "\n/",
    ".\n/\n/",
    ";\n",
    ";\n//",
    "-",
    "----",
    "_",
    "(",
    "{\"",
    "\u2014",
    "\u00E9",
    "\u00C9t\u00E9",
    "\u0416\u0443\u043A",
    "\u0396\u03B5\u03C5\u03C2",
    "\u65E5\u672C",
    "\u3042",
    "\u65E5A",
    "A\u65E5",
    "\u65E5ABc",
    "a\u65E5B",
    "\u0E01\u0E34",
    "\u0915\u094D\u0937",
    "e\u0301",
    "\u0301",
    ".\u0301",
    "..\u0301",
    " \u0301",
    "\u0301A",
    "\u01C5",
    "\u02B0",
    "\u2764\uFE0F",
    "\U0001F600",
    "\U0001F468\u200D\U0001F469",
    "\U00020000",
    "\x80",
    "\xC3",
    "\xE2\x82",
    "\xF0\x9F",
    "\xED\xA0\x80",
    "\xC0\xAF",
    "\xFF",
    "\xF4\x90\x80\x80",
    "<|endoftext|>",
    "supercalifragilistic",
    "0123456789",
    "0x7fff",
};

static size_t make_text(unsigned char *text)
{
    size_t n = 0, size = 1 + any(any(8) == 0 ? TEXT_MAX : 200);
    uint32_t few = 1 + any(6); /* few kinds at a time, so that they are next to each other */
    uint32_t kind[6];
    for (uint32_t i = 0; i < few; i++)
        kind[i] = any(sizeof bits / sizeof *bits);
    while (n < size) {
        const char *bit = bits[any(4) == 0 ? any(sizeof bits / sizeof *bits) : kind[any(few)]];
        size_t length = strlen(bit), times = any(20) == 0 ? 1 + any(40) : 1;
        for (; times > 0 && n + length < TEXT_MAX; times--, n += length)
            memcpy(text + n, bit, length);
        if (any(10) == 0 && n < TEXT_MAX)
            text[n++] = (unsigned char)any(256);
        if (n + 60 > TEXT_MAX)
            break;
    }
    return n;
}

/* A long pretoken of units of one kind: random, one unit repeated, or in runs, which tokens of many
 * bytes match. */
static size_t make_giant(unsigned char *text, size_t size)
{
    static const char *const kinds[][6] = {
        {"a", "e", "i", "x", "z"},      {"t", "h", "e", "i", "n", "g"},
        {"A", "C", "G", "T"},           {"-", "="},
        {"-", "=", "*", "#", "_", "~"}, {" ", "\t"},
        {" ", "\n", "\u00A0"},          {"\u0301", "\u0300", "\u0651"},
        {"\u65E5", "\u672C", "\u3042"}, {"\xFF", "\x80", "\xC3"},
    };
    const char *const *unit = kinds[any(sizeof kinds / sizeof *kinds)];
    uint32_t count = 1 + any(6), n = 0, run = (uint32_t[]){1, 10, 100, 1000}[any(4)];
    for (uint32_t of = 6; unit[of - 1] == NULL; of--)
        count = count > of - 1 ? of - 1 : count;
    for (;;) {
        const char *bit = unit[any(count)];
        uint32_t length = (uint32_t)strlen(bit);
        for (uint32_t times = 1 + any(2 * run - 1); times > 0; times--, n += length) {
            if (n + length > size)
                return n;
            memcpy(text + n, bit, length);
        }
    }
}

static int fail(const char *what, const char *instructions, const unsigned char *text, size_t n)
{
    fprintf(stderr, "%s: %s: seed %lu:", instructions, what, (unsigned long)seed);
    for (size_t i = 0; i < n && i < 200; i++)
        fprintf(stderr, " %02x", text[i]);
    fputc('\n', stderr);
    return 1;
}

/* Windows must find what lp_pretok_next() finds, and may stop early. */
static bool same_ends(enum lp_pattern pattern, enum lp_cpu cpu, const unsigned char *text, size_t n,
                      bool final)
{
    static uint32_t ends[2 * TEXT_MAX];
    size_t count = lp_pretok_window_for(pattern, cpu)(text, 0, n, final, ends, 2 * TEXT_MAX);
    struct lp_pretok pretok = {.pattern = pattern};
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = lp_pretok_next(&pretok, text + at, n - at, final);
        if (size == 0 || at + size != ends[i])
            return false;
        at += size;
    }
    return true;
}

/* The ids of a pretoken by definition: make the merge of least rank, the leftmost of several, until
 * none is left. All merges of the least rank are made in one pass: none of them gives a part whose
 * merge ranks lower. */
static size_t plain_pretoken(const struct lp_vocab *v, const unsigned char *text, size_t n,
                             uint32_t *ids)
{
    static uint32_t merge[GIANT]; /* of an id with the next */
    ids[0] = lp_vocab_find(v, text, n);
    if (ids[0] != LP_NO_ID)
        return 1;
    for (size_t i = 0; i < n; i++)
        ids[i] = v->byte_id[text[i]];
    for (size_t i = 0; i < n; i++)
        merge[i] = i + 1 < n ? lp_vocab_pair(v, ids[i], ids[i + 1]) : (uint32_t)LP_NO_ID;
    for (;;) {
        uint32_t least = LP_NO_ID;
        for (size_t i = 0; i < n; i++)
            least = merge[i] < least ? merge[i] : least;
        if (least == LP_NO_ID)
            return n;
        size_t kept = 0;
        for (size_t i = 0; i < n; kept++) {
            bool made = merge[i] == least;
            ids[kept] = made ? least : ids[i];
            merge[kept] = made ? UINT32_MAX : merge[i]; /* to be looked up */
            if (made && kept > 0)
                merge[kept - 1] = UINT32_MAX;
            i += made ? 2 : 1;
        }
        n = kept;
        for (size_t i = 0; i < n; i++) {
            if (merge[i] == UINT32_MAX)
                merge[i] = i + 1 < n ? lp_vocab_pair(v, ids[i], ids[i + 1]) : (uint32_t)LP_NO_ID;
        }
    }
}

static size_t plain(const struct lp_vocab *v, const unsigned char *text, size_t n, uint32_t *ids)
{
    struct lp_pretok pretok = {.pattern = (enum lp_pattern)v->header->pattern};
    size_t count = 0;
    for (size_t at = 0, size; at < n; at += size) {
        size = lp_pretok_next(&pretok, text + at, n - at, true);
        count += plain_pretoken(v, text + at, size, ids + count);
    }
    return count;
}

/* Whether pushing the text in two pieces gives these ids. final: the second push ends the text;
 * else a third, empty one does. */
static bool same_ids_cut(struct lp_tok *tok, const unsigned char *text, size_t n, size_t cut,
                         bool final, const uint32_t *ids, size_t nids)
{
    static struct lp_ids out;
    out.n = 0;
    lp_tok_reset(tok);
    return lp_tok_push(tok, text, cut, false, &out) == LP_OK &&
           lp_tok_push(tok, text + cut, n - cut, final, &out) == LP_OK &&
           (final || lp_tok_push(tok, NULL, 0, true, &out) == LP_OK) && lp_tok_held(tok) == 0 &&
           out.n == nids && memcmp(out.v, ids, nids * sizeof *ids) == 0;
}

static bool same_ids(struct lp_tok *tok, const unsigned char *text, size_t n, int how,
                     const uint32_t *ids, size_t nids)
{
    static struct lp_ids out;
    out.n = 0;
    lp_tok_reset(tok);
    for (size_t at = 0, size; at < n; at += size) {
        size = how == 0 ? n : how == 1 ? 1 : any(150);
        if (size > n - at)
            size = n - at;
        if (lp_tok_push(tok, text + at, size, how == 0, &out) != LP_OK)
            return false;
    }
    return (how == 0 || lp_tok_push(tok, NULL, 0, true, &out) == LP_OK) && out.n == nids &&
           memcmp(out.v, ids, nids * sizeof *ids) == 0;
}

/* Appends short words, so that a batch is full before the text ends. */
static size_t add_words(unsigned char *text, size_t n, size_t words)
{
    static const char *const kinds[] = {" a",      "1 ", "\n",    ".a",   "'s",
                                        " \u00E9", "a1", "\r\n ", "\xFF "};
    const char *word = kinds[any(sizeof kinds / sizeof *kinds)];
    const size_t length = strlen(word);
    for (; words > 0; words--, n += length)
        memcpy(text + n, word, length);
    return n;
}

/* Ids must not depend on where pieces end. A text is cut at each byte, or by the border of 32 KiB
 * at which the tokeniser itself cuts. After it are any number of words, which fit in a batch or do
 * not.
 */
static int test_cuts(const struct lp_vocab *v, struct lp_tok *tok, const char *instructions)
{
    enum { CUT_TEXTS = 12, MOST_WORDS = 600, COUNTS = 40, NEAR = 64, BORDER = 32 << 10 };
    static unsigned char text[4 * BORDER];
    static uint32_t ids[sizeof text];
    for (int i = 0; i < CUT_TEXTS; i++) {
        size_t mixed = make_text(text);
        mixed = mixed < 2 * NEAR ? mixed : 2 * NEAR;
        for (int count = 0; count < COUNTS; count++) {
            size_t n = add_words(text, mixed, any(MOST_WORDS + 1)), nids = plain(v, text, n, ids);
            for (size_t cut = 0; cut <= mixed + 2 && cut <= n; cut++) {
                if (!same_ids_cut(tok, text, n, cut, any(2), ids, nids))
                    return fail("ids differ by a cut", instructions, text, n);
            }
        }
    }
    for (int shift = -NEAR; shift <= NEAR; shift++) {
        size_t n = add_words(text, 0, BORDER);
        n = (size_t)(BORDER + shift);
        n += make_text(text + n);
        n = add_words(text, n, any(MOST_WORDS + 1));
        size_t nids = plain(v, text, n, ids);
        if (!same_ids_cut(tok, text, n, 0, true, ids, nids) ||
            !same_ids_cut(tok, text, n, n < BORDER ? n : BORDER, any(2), ids, nids))
            return fail("ids differ by the border", instructions, text, n);
    }
    return 0;
}

static int test_path(struct lp_vocab *v, enum lp_cpu cpu, const char *instructions)
{
    static unsigned char text[GIANT + LP_PRETOK_SLACK];
    static uint32_t ids[GIANT];
    struct lp_tok *tok;
    enum lp_pattern pattern = (enum lp_pattern)v->header->pattern;
    if (lp_vocab_use(v, instructions) != LP_OK)
        return 0;
    if (lp_tok_new(v, false, &tok) != LP_OK)
        return 1;
    for (int i = 0; i < TEXTS; i++) {
        size_t n = make_text(text);
        bool final = any(2);
        memset(text + n, final ? 0 : (int)any(256), LP_PRETOK_SLACK);
        if (!same_ends(pattern, cpu, text, n, final))
            return fail("pretokens differ", instructions, text, n);
        size_t nids = plain(v, text, n, ids);
        for (int how = 0; how < 3; how++) {
            if (!same_ids(tok, text, n, how, ids, nids))
                return fail("ids differ", instructions, text, n);
        }
    }
    for (int i = 0; i < GIANTS; i++) {
        size_t n = make_giant(text, 257 + any(i % 10 == 0 ? GIANT - 257 : 3000));
        size_t nids = plain(v, text, n, ids);
        for (int how = 0; how < 3; how += 2) {
            if (!same_ids(tok, text, n, how, ids, nids))
                return fail("ids of a giant word differ", instructions, text, n);
        }
    }
    int failed = test_cuts(v, tok, instructions);
    lp_tok_free(tok);
    return failed;
}

enum { CODES = 2000 }; /* of a payload */

/* Whether appending the text of codes gives this outcome and text, on both paths, whatever bytes
 * follow the codes. */
static bool appends(struct lp_vocab *v, unsigned char *codes, size_t n, enum lp_status status,
                    const unsigned char *text, size_t size)
{
    static struct lp_buf out;
    bool same = true;
    for (int path = 0; path < 2 && same; path++) {
        lp_vocab_use(v, path == 0 ? "portable" : "avx2");
        for (size_t i = 0; i < LP_CODES_SLACK; i++)
            codes[n + i] = (unsigned char)any(256);
        out.n = 0;
        same = lp_codes_append_text(v, codes, n, SIZE_MAX / 8, &out) == status &&
               (status != LP_OK || lp_buf_is(&out, text, size));
    }
    return same;
}

/* Whether skipping codes, sound or not, goes as far on both paths: to where one begins, over most
 * of a block. */
static bool skips(struct lp_vocab *v, const unsigned char *codes, size_t n)
{
    enum { MOST = LP_CODES_BLOCK - 5 * LP_CODE_MAX };
    unsigned two, three;
    lp_codes_begin(v, &two, &three);
    for (size_t at = 0, first; n - at >= LP_CODES_BLOCK; at += first) {
        const unsigned char *p = codes + at;
        lp_vocab_use(v, "portable");
        const size_t plain = lp_codes_skip(v, p);
        lp_vocab_use(v, "avx2");
        size_t to = 0;
        while (to < plain)
            to += 1u + (p[to] >= two) + (p[to] >= three);
        if (plain != lp_codes_skip(v, p) || plain != to || to <= MOST || to > LP_CODES_BLOCK)
            return false;
        first = 1u + (p[0] >= two) + (p[0] >= three);
    }
    return true;
}

/* Whether codes, sound or not, give the same ids on both paths; and sound ones the same prefix of
 * at most so many bytes of text. */
static bool gives_ids(struct lp_vocab *v, const unsigned char *codes, size_t n, bool sound,
                      size_t max_text)
{
    static uint32_t ids[2][LP_CODE_MAX * CODES];
    size_t nids[2], used[2] = {0}, text[2] = {0};
    enum lp_status status[2];
    for (int path = 0; path < 2; path++) {
        lp_vocab_use(v, path == 0 ? "portable" : "avx2");
        status[path] = lp_codes_to_ids(v, codes, n, ids[path], &nids[path]);
        if (sound)
            lp_codes_prefix(v, codes, n, max_text, &used[path], &text[path]);
    }
    return status[0] == status[1] && (status[0] == LP_OK) == sound && used[0] == used[1] &&
           text[0] == text[1] && text[0] <= max_text &&
           (!sound || (nids[0] == nids[1] && memcmp(ids[0], ids[1], 4 * nids[0]) == 0));
}

/* Codes of frequent tokens or of any, some of them damaged, decoded into enough room or less: all
 * instruction sets must return and write the same. */
static int test_payloads(struct lp_vocab *v)
{
    enum { ROOM = CODES * 300 };
    static uint32_t ids[CODES];
    static unsigned char codes[LP_CODE_MAX * CODES + LP_CODES_SLACK], plain_text[ROOM],
        fast_text[ROOM];
    if (lp_vocab_use(v, "avx2") != LP_OK)
        return 0;
    for (int round = 0; round < 20 * TEXTS; round++) {
        size_t n = any(round % 4 == 0 ? CODES : 150), size;
        uint32_t most = round % 3 == 0 ? v->header->ntokens : 1u << (4 + any(10));
        for (size_t i = 0; i < n; i++)
            ids[i] =
                lp_unseal(v->id[any(most < v->header->ntokens ? most : v->header->ntokens)], 0);
        size = lp_codes_from_ids(v, ids, n, codes);
        for (size_t i = 0; round % 5 == 0 && i <= size / 200 && size > 0; i++)
            codes[any((uint32_t)size)] = (unsigned char)(255 - any(3));
        size_t room = round % 7 == 0 ? any(16 * (uint32_t)size + 1) : ROOM, plain_n, fast_n;
        lp_vocab_use(v, "portable");
        enum lp_status plain_status = lp_codes_to_text(v, codes, size, plain_text, room, &plain_n);
        lp_vocab_use(v, "avx2");
        enum lp_status fast_status = lp_codes_to_text(v, codes, size, fast_text, room, &fast_n);
        if (plain_status != fast_status ||
            (plain_status == LP_OK &&
             (plain_n != fast_n || memcmp(plain_text, fast_text, plain_n) != 0)))
            return fail("payloads to text differ", "avx2", codes, size);
        if (room == ROOM && !gives_ids(v, codes, size, plain_status == LP_OK, any(4000)))
            return fail("ids or prefixes of payloads differ", "avx2", codes, size);
        if (!skips(v, codes, size))
            return fail("codes skipped differ", "avx2", codes, size);
        if (room == ROOM && !appends(v, codes, size, plain_status, plain_text, plain_n))
            return fail("text appended differs", "avx2", codes, size);
    }
    return 0;
}

/* Whether the look-up of a text gives this id or, with LP_NO_ID, nothing but a token of exactly its
 * bytes. */
static bool finds(const struct lp_vocab *v, const unsigned char *text, size_t n, uint32_t id)
{
    size_t size = 0;
    const unsigned char *there = id == LP_NO_ID ? NULL : lp_vocab_token(v, id, &size);
    const uint32_t found = lp_vocab_find(v, text, n);
    if (id != LP_NO_ID)
        return found == id && size == n && memcmp(there, text, n) == 0;
    there = found == LP_NO_ID ? NULL : lp_vocab_token(v, found, &size);
    return there == NULL || (size == n && memcmp(there, text, n) == 0);
}

/* Every token is found by its bytes, special tokens excepted. Nothing else is found: not for a text
 * one byte shorter or longer, or with one byte changed, unless it is a token too. */
static int test_look_up(const struct lp_vocab *v)
{
    unsigned char text[1024 + 1];
    int failures = lp_vocab_find(v, text, 0) != LP_NO_ID;
    for (uint32_t id = 0; id < lp_vocab_size(v); id++) {
        size_t n;
        const unsigned char *token = lp_vocab_token(v, id, &n);
        bool special = false;
        for (uint32_t i = 0; i < v->header->nspecial; i++)
            special |= v->special[i] == id;
        if (token == NULL)
            continue;
        memcpy(text, token, n);
        text[n] = (unsigned char)any(256);
        failures += special ? lp_vocab_find(v, text, n) != LP_NO_ID : !finds(v, text, n, id);
        failures += !finds(v, text, n - 1, LP_NO_ID) || !finds(v, text, n + 1, LP_NO_ID);
        text[any((uint32_t)n)] ^= (unsigned char)(1 + any(255));
        failures += !finds(v, text, n, LP_NO_ID);
    }
    if (failures > 0)
        fprintf(stderr, "%s: %d look-ups are wrong\n", lp_vocab_name(v), failures);
    return failures;
}

/* usage: tok_paths VOCAB_DIR */
int main(int argc, char **argv)
{
    static const char *const names[] = {"r50k_base", "cl100k_base", "o200k_base"};
    int failures = 0;
    if (argc != 2)
        return 2;
    for (int i = 0; i < 3; i++) {
        char path[4096];
        struct lp_vocab *v;
        snprintf(path, sizeof path, "%s/%s.lpv", argv[1], names[i]);
        if (lp_vocab_open(path, &v) != LP_OK) {
            fprintf(stderr, "%s: cannot open\n", path);
            return 1;
        }
        failures += test_path(v, LP_CPU_PORTABLE, "portable");
        failures += test_path(v, LP_CPU_AVX2, "avx2");
        failures += test_path(v, LP_CPU_NEON, "neon");
        failures += test_payloads(v);
        failures += test_look_up(v);
        lp_vocab_close(v);
    }
    return failures > 0;
}
