/* boundary - lp_ids_boundary() finds the boundaries of characters, as a walk over the whole text
 * from its start does. Slices that meet there are the text, and so are chunks.
 *
 * usage: boundary VOCAB_DIR */
#include "lp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 400, PARTS = 40 };

static int failures;

static uint32_t any(uint32_t n)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

/* A text of characters of each length, whole and cut, of lead bytes of none and of any bytes. */
static size_t make_text(char *text)
{
    static const char *const parts[] = {"a",        " b",       "\xC3\xA9",         "\xE3\x82\xB9",
                                        "\xE2\x80", "\xF0\x9F", "\xF0\x9F\x99\x83", "\xF0\x9F\x99",
                                        "\x80",     "\xFF",     "\xC0\xAF",         "\xED\xA0\x80",
                                        "\xF4\x90", "\xE0\x80", "\xF0\x9F\xA7\xBF", "\xF1\x80"};
    size_t n = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        const char *part = parts[any(sizeof parts / sizeof *parts)];
        memcpy(text + n, part, strlen(part));
        n += strlen(part);
        if (any(8) == 0)
            text[n++] = (char)any(256);
    }
    return n;
}

/* Bytes of the valid character at p (RFC 3629), 1 if there is none. */
static size_t character(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char lead, last, least, most; /* of the second byte */
        size_t size;
    } rows[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
                {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t k = 2;
        if (p[0] < rows[i].lead || p[0] > rows[i].last)
            continue;
        if (n < rows[i].size || p[1] < rows[i].least || p[1] > rows[i].most)
            return 1;
        while (k < rows[i].size && p[k] >= 0x80 && p[k] <= 0xBF)
            k++;
        return k == rows[i].size ? k : 1;
    }
    return 1;
}

static void expect(size_t got, size_t wanted, size_t at, const char *way)
{
    if (got == wanted)
        return;
    failures++;
    fprintf(stderr, "boundary: %s %zu: %zu, not %zu\n", way, at, got, wanted);
}

/* All boundaries of a text. whole[i]: no character is cut before its byte i. */
static void check(const struct lp_vocab *v, const struct lp_ids *ids, const bool *whole)
{
    static bool good[8 * PARTS * 4];
    size_t offset = 0, size;
    for (size_t i = 0; i <= ids->n; i++) {
        good[i] = whole[offset];
        if (i < ids->n && lp_vocab_token(v, ids->v[i], &size) != NULL)
            offset += size;
    }
    for (size_t i = 0; i <= ids->n + 2; i++) {
        size_t before = i < ids->n ? i : ids->n, after = before;
        while (!good[before])
            before--;
        while (!good[after])
            after++;
        expect(lp_ids_boundary(v, ids->v, ids->n, i, false), before, i, "before");
        expect(lp_ids_boundary(v, ids->v, ids->n, i, true), after, i, "after");
    }
}

/* The end of a slice, from both sides. */
static void check_slice_end(const struct lp_vocab *v, const struct lp_ids *ids)
{
    const int64_t n = (int64_t)ids->n;
    for (int64_t i = 0; i <= n; i++) {
        const size_t at = (size_t)i, left = (size_t)(n - i);
        expect(lp_ids_slice_end(v, ids->v, ids->n, i),
               lp_ids_boundary(v, ids->v, ids->n, at, false), at, "slice end");
        expect(lp_ids_slice_end(v, ids->v, ids->n, -i),
               i == 0 ? 0 : lp_ids_boundary(v, ids->v, ids->n, left, true), left,
               "slice end from the last");
    }
    expect(lp_ids_slice_end(v, ids->v, ids->n, n + 1), ids->n, 0, "slice end far on");
    expect(lp_ids_slice_end(v, ids->v, ids->n, INT64_MAX), ids->n, 0, "slice end at the most");
    expect(lp_ids_slice_end(v, ids->v, ids->n, -n - 1), 0, 0, "slice end far back");
    expect(lp_ids_slice_end(v, ids->v, ids->n, INT64_MIN), 0, 0, "slice end at the least");
}

/* Whether a position is where characters may be parted. */
static bool is_boundary(const struct lp_vocab *v, const struct lp_ids *ids, size_t at)
{
    return lp_ids_boundary(v, ids->v, ids->n, at, false) == at;
}

/* Chunks get on, leave nothing out, repeat what they may, and are as long as they may be. */
static void check_chunks(const struct lp_vocab *v, const struct lp_ids *ids, size_t size,
                         size_t overlap)
{
    size_t next;
    for (size_t at = 0; at < ids->n; at = next) {
        const size_t end = lp_ids_chunk(v, ids->v, ids->n, at, size, overlap, &next);
        const size_t most = ids->n - at < size ? ids->n : at + size;
        const size_t one = lp_ids_boundary(v, ids->v, ids->n, at + 1, true);
        const size_t full = lp_ids_boundary(v, ids->v, ids->n, most, false);
        expect(end, full > at ? full : one, at, "chunk");
        expect(next > at && next <= end && (end < ids->n || next == end), true, at, "next chunk");
        expect(is_boundary(v, ids, next), true, at, "start of the next chunk");
        if (next < end)
            expect(next, lp_ids_boundary(v, ids->v, ids->n, end - overlap, false), at, "overlap");
        else if (end < ids->n && overlap > 0)
            expect(lp_ids_boundary(v, ids->v, ids->n, end > overlap ? end - overlap : 0, false) <=
                       at,
                   true, at, "no overlap");
        if (failures > 0)
            return;
    }
}

static void check_text(const struct lp_vocab *v, struct lp_tok *tok, struct lp_ids *ids)
{
    char text[8 * PARTS];
    bool whole[8 * PARTS + 1] = {false};
    size_t n = make_text(text);
    for (size_t at = 0; at < n; at += character((const unsigned char *)text + at, n - at))
        whole[at] = true;
    whole[n] = true;
    ids->n = 0;
    lp_tok_reset(tok);
    if (lp_tok_push(tok, text, n, true, ids) != LP_OK)
        exit(1);
    check(v, ids, whole);
    check_slice_end(v, ids);
    for (size_t size = 1; size < 9; size++) {
        for (size_t overlap = 0; overlap < size; overlap++)
            check_chunks(v, ids, size, overlap);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"cl100k_base", "gpt2"};
    char path[4096];
    struct lp_vocab *v;
    struct lp_tok *tok;
    struct lp_ids ids = {0};
    if (argc != 2)
        return 2;
    for (size_t k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s.lpv", argv[1], names[k]);
        if (lp_vocab_open(path, &v) != LP_OK || lp_tok_new(v, false, &tok) != LP_OK)
            return 1;
        expect(lp_ids_boundary(NULL, (const uint32_t[]){0, 0}, 2, 1, true), 1, 1, "unmoved");
        for (int i = 0; i < TEXTS; i++)
            check_text(v, tok, &ids);
        lp_tok_free(tok);
        lp_vocab_close(v);
    }
    free(ids.v);
    if (failures == 0)
        printf("boundary: %d texts\n", 2 * TEXTS);
    return failures > 0;
}
