#include "lpgrep/literal_find.h"

#include <stdlib.h>
#include <string.h>

/* Three ways to search, for one with a rare byte, for few, and for more: by that byte; by the two
 * rarest bytes of each, at many places at a time; and by windows of two to four bytes, whose hashes
 * are looked up in a table. Where each literal is longer than a window, two of it are in there, of
 * which one is at an even place of the text: only these are looked at. */
enum way { BY_BYTE, BY_BYTES, BY_WINDOW };
enum { FEW = 4 }; /* as fast as windows */

struct literal_finder {
    struct literals set;
    enum way way;
    size_t rare[FEW][2]; /* the places of the two rarest bytes of each */
    uint32_t window;     /* which of four bytes are the window */
    size_t stride;
    struct entry {
        unsigned char literal, at, next; /* of the same hash, 0: none */
    } entries[1 + 2 * LITERALS_MAX];
    size_t nentries;
    unsigned char first[1 << 16]; /* of each hash: an entry, 0: none */
};
_Static_assert(2 * LITERALS_MAX < 256, "an entry's number is a byte");

static bool stands_at(const struct literal *l, const unsigned char *text, size_t n, size_t at)
{
    return l->n <= n - at && memcmp(text + at, l->text, l->n) == 0;
}

/* The first literal that begins from one place on, before another. */
static const unsigned char *find_plainly(const struct literal_finder *f, const unsigned char *text,
                                         size_t n, size_t at, size_t end)
{
    for (; at < end; at++) {
        for (size_t i = 0; i < f->set.n; i++) {
            if (stands_at(&f->set.v[i], text, n, at))
                return text + at;
        }
    }
    return NULL;
}

/* --- By bytes -------------------------------------------------------------------- */

static const unsigned char *find_byte(const struct literal_finder *f, const unsigned char *text,
                                      size_t n)
{
    const struct literal *l = &f->set.v[0];
    const size_t rare = f->rare[0][0];
    const unsigned char *p = text + rare, *end = n >= l->n ? p + (n - l->n) + 1 : p;
    while ((p = memchr(p, l->text[rare], (size_t)(end - p))) != NULL) {
        if (memcmp(p - rare, l->text, l->n) == 0)
            return p - rare;
        p++;
    }
    return NULL;
}

/* Bytes that are compared at once: a vector of most machines; where there is none the compiler does
 * without. */
typedef unsigned char lanes __attribute__((vector_size(16)));
enum { LANES = sizeof(lanes), PLACES = 4 * LANES };

static inline lanes load(const unsigned char *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Marks those of PLACES places at which the rare bytes of a literal stand as if it began there. */
static inline void mark_places(const struct literal_finder *f, const unsigned char *text,
                               lanes mark[PLACES / LANES])
{
    memset(mark, 0, PLACES);
    for (size_t k = 0; k < f->set.n; k++) {
        const struct literal *l = &f->set.v[k];
        const size_t *rare = f->rare[k];
        const lanes a = (lanes){0} + l->text[rare[0]], b = (lanes){0} + l->text[rare[1]];
#pragma GCC unroll 4
        for (int i = 0; i < PLACES; i += LANES)
            mark[i / LANES] |=
                (lanes)(load(text + rare[0] + i) == a) & (lanes)(load(text + rare[1] + i) == b);
    }
}

/* The first literal that begins at one of PLACES marked places. */
static const unsigned char *first_marked(const struct literal_finder *f, const unsigned char *text,
                                         size_t n, size_t at, const lanes mark[PLACES / LANES])
{
    uint64_t eight;
    const unsigned char *marks = (const unsigned char *)mark, *found = NULL;
    for (size_t i = 0; i < PLACES && found == NULL; i++) {
        memcpy(&eight, marks + i / sizeof eight * sizeof eight, sizeof eight);
        if (eight == 0)
            i += sizeof eight - 1;
        else if (marks[i] != 0)
            found = find_plainly(f, text, n, at + i, at + i + 1);
    }
    return found;
}

static const unsigned char *find_bytes(const struct literal_finder *f, const unsigned char *text,
                                       size_t n)
{
    lanes mark[PLACES / LANES];
    size_t at = 0;
    for (; n - at >= PLACES + LITERAL_MAX; at += PLACES) {
        mark_places(f, text + at, mark);
        const unsigned char *found = first_marked(f, text, n, at, mark);
        if (found != NULL)
            return found;
    }
    return find_plainly(f, text, n, at, n);
}

/* --- By windows ------------------------------------------------------------------ */

enum { WINDOW_MAX = 4 }; /* bytes looked at */

/* How often text has the size bytes of a literal from a place on, roughly. */
static unsigned window_weight(const struct literal *l, size_t at, size_t size)
{
    unsigned weight = 1;
    for (size_t i = at; i < at + size; i++)
        weight *= literal_frequency(l->text[i]);
    return weight;
}

/* The place of the size bytes that text has least often. */
static size_t rarest_window(const struct literal *l, size_t size)
{
    size_t best = 0;
    for (size_t i = 1; i + size <= l->n; i++) {
        if (window_weight(l, i, size) < window_weight(l, best, size))
            best = i;
    }
    return best;
}

/* The hash of the window that begins at four bytes. */
static inline uint32_t hash_of(const unsigned char *p, uint32_t window)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return (four & window) * UINT32_C(0x9E3779B1) >> 16; /* the golden ratio: Knuth, 6.4 */
}

static void add_window(struct literal_finder *f, size_t literal, size_t at)
{
    const struct literal *l = &f->set.v[literal];
    unsigned char four[WINDOW_MAX] = {0};
    for (size_t i = 0; i < WINDOW_MAX && at + i < l->n; i++)
        four[i] = l->text[at + i];
    unsigned char *first = &f->first[hash_of(four, f->window)];
    f->entries[f->nentries] = (struct entry){(unsigned char)literal, (unsigned char)at, *first};
    *first = (unsigned char)f->nentries++;
}

/* Puts the windows of all literals into the table. */
static void add_windows(struct literal_finder *f)
{
    size_t least = LITERAL_MAX;
    for (size_t i = 0; i < f->set.n; i++)
        least = f->set.v[i].n < least ? f->set.v[i].n : least;
    const size_t size = least > WINDOW_MAX ? WINDOW_MAX : least > 2 ? least - 1 : 2;
    memset(&f->window, 0xFF, size);
    f->stride = least > size ? 2 : 1;
    for (size_t i = 0; i < f->set.n; i++) {
        const size_t at = rarest_window(&f->set.v[i], size + f->stride - 1);
        for (size_t k = 0; k < f->stride; k++)
            add_window(f, i, at + k);
    }
}

/* The literal, if there is one, that has the window at a place. */
static const unsigned char *literal_around(const struct literal_finder *f,
                                           const unsigned char *text, size_t n, size_t place)
{
    for (size_t i = f->first[hash_of(text + place, f->window)]; i > 0; i = f->entries[i].next) {
        const size_t at = f->entries[i].at;
        if (at <= place && stands_at(&f->set.v[f->entries[i].literal], text, n, place - at))
            return text + (place - at);
    }
    return NULL;
}

enum { STEP = 8 }; /* windows looked up at once */

static inline bool any_window(const struct literal_finder *f, const unsigned char *p, size_t stride)
{
    const uint32_t window = f->window;
    unsigned any = 0;
    for (size_t i = 0; i < STEP; i++)
        any |= f->first[hash_of(p + i * stride, window)];
    return any != 0;
}

static inline const unsigned char *find_window(const struct literal_finder *f,
                                               const unsigned char *text, size_t n, size_t stride)
{
    size_t at = 0;
    for (; n - at >= STEP * stride + WINDOW_MAX; at += STEP * stride) {
        if (!any_window(f, text + at, stride))
            continue;
        for (size_t i = 0; i < STEP * stride; i += stride) {
            const unsigned char *found = literal_around(f, text, n, at + i);
            if (found != NULL)
                return found;
        }
    }
    /* of the last, those too whose window was before */
    return find_plainly(f, text, n, at > LITERAL_MAX ? at - LITERAL_MAX : 0, n);
}

/* --- All of it ------------------------------------------------------------------- */

struct literal_finder *literal_finder_new(const struct literals *l)
{
    struct literal_finder *f = l->n > 0 ? calloc(1, sizeof *f) : NULL;
    if (f == NULL)
        return NULL;
    f->set = *l;
    f->nentries = 1;
    for (size_t i = 0; i < l->n && i < FEW; i++)
        literal_rare(&l->v[i], f->rare[i]);
    const bool rare = literal_frequency(l->v[0].text[f->rare[0][0]]) == 1;
    f->way = l->n > FEW ? BY_WINDOW : l->n == 1 && (l->v[0].n == 1 || rare) ? BY_BYTE : BY_BYTES;
    if (f->way == BY_WINDOW)
        add_windows(f);
    return f;
}

void literal_finder_free(struct literal_finder *f)
{
    free(f);
}

const unsigned char *literal_find(const struct literal_finder *f, const unsigned char *text,
                                  size_t n)
{
    if (f->way == BY_BYTE)
        return find_byte(f, text, n);
    if (f->way == BY_BYTES)
        return find_bytes(f, text, n);
    return f->stride == 2 ? find_window(f, text, n, 2) : find_window(f, text, n, 1);
}
