#include "lpgrep/literal_find.h"

#include <stdlib.h>
#include <string.h>

/* Three ways to search, for one with a rare byte, for few, and for more: by that byte; by the two
 * rarest bytes of each, at many places at a time; and by windows of two to four bytes, whose hashes
 * are looked up in a table. Where each literal is longer than a window, two of it are in there, of
 * which one is at an even place of the text: only these are looked at. */
enum way { BY_BYTE, BY_BYTES, BY_WINDOW };
enum { FEW = 4 }; /* as fast as windows */

/* Bytes that are compared at once: a vector of AVX2, or what the compiler makes of that. */
typedef unsigned char lanes __attribute__((vector_size(32), aligned(16)));
enum { LANES = sizeof(lanes), PLACES = 2 * LANES };

#define INLINE static inline __attribute__((always_inline))

struct literal_finder {
    struct literals set;
    enum way way;
    bool avx2;                       /* this machine has it */
    size_t rare[FEW][2];             /* the places of the two rarest bytes of each */
    lanes bytes[FEW][2];             /* and these bytes, each in all lanes */
    uint64_t heads[FEW], masks[FEW]; /* the first eight bytes of each, and which of them it has */
    uint32_t window;                 /* which of four bytes are the window */
    size_t stride;
    struct entry {
        unsigned char literal, at, next; /* of the same hash, 0: none */
    } entries[1 + 2 * LITERALS_MAX];
    size_t nentries;
    unsigned char first[1 << 16]; /* of each hash: an entry, 0: none */
};
_Static_assert(2 * LITERALS_MAX < 256, "an entry's number is a byte");

/* Whether what is beside a place where a literal stands may be. A line feed, or the text's begin or
 * end, may where anything may. */
static inline bool fits(const struct literal *l, const unsigned char *text, size_t n, size_t at)
{
    return byte_set_has(&l->before, at > 0 ? text[at - 1] : '\n') &&
           byte_set_has(&l->after, at + l->n < n ? text[at + l->n] : '\n');
}

static bool stands_at(const struct literal *l, const unsigned char *text, size_t n, size_t at)
{
    return l->n <= n - at && memcmp(text + at, l->text, l->n) == 0 && fits(l, text, n, at);
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
    const unsigned char *p = text, *end = text + n;
    for (; p < end && (p = memchr(p, l->text[0], (size_t)(end - p))) != NULL; p++) {
        if (fits(l, text, n, (size_t)(p - text)))
            return p;
    }
    return NULL;
}

INLINE void load(lanes *v, const unsigned char *p)
{
    memcpy(v, p, sizeof *v);
}

/* Marks those of PLACES places at which the rare bytes of a literal stand as if it began there.
 * False: none is. */
INLINE bool mark_places(const struct literal_finder *f, const unsigned char *text, size_t nliterals,
                        lanes mark[PLACES / LANES])
{
    lanes any = {0}, a, b;
    uint64_t part[LANES / sizeof(uint64_t)];
#pragma GCC unroll 2
    for (int i = 0; i < PLACES / LANES; i++) {
        mark[i] = (lanes){0};
#pragma GCC unroll 4
        for (size_t k = 0; k < nliterals; k++) {
            load(&a, text + f->rare[k][0] + i * LANES);
            load(&b, text + f->rare[k][1] + i * LANES);
            mark[i] |= (lanes)(a == f->bytes[k][0]) & (lanes)(b == f->bytes[k][1]);
        }
        any |= mark[i];
    }
    memcpy(part, &any, sizeof any);
    return (part[0] | part[1] | part[2] | part[3]) != 0;
}

/* Whether one of the literals stands at a place, after which LITERAL_MAX bytes are text. */
static inline bool any_stands(const struct literal_finder *f, const unsigned char *text, size_t n,
                              size_t at)
{
    uint64_t head;
    memcpy(&head, text + at, sizeof head);
    for (size_t k = 0; k < f->set.n; k++) {
        const struct literal *l = &f->set.v[k];
        if (((head ^ f->heads[k]) & f->masks[k]) == 0 &&
            (l->n <= sizeof head || memcmp(text + at, l->text, l->n) == 0) && fits(l, text, n, at))
            return true;
    }
    return false;
}

/* The place of the first of eight bytes that is not zero, of which there is one. */
static inline size_t first_byte(uint64_t eight)
{
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (size_t)__builtin_clzll(eight) / 8;
#else
    return (size_t)__builtin_ctzll(eight) / 8;
#endif
}

/* The first literal that begins at one of PLACES marked places. */
static inline const unsigned char *first_marked(const struct literal_finder *f,
                                                const unsigned char *text, size_t n, size_t at,
                                                lanes mark[PLACES / LANES])
{
    uint64_t eight;
    unsigned char *marks = (unsigned char *)mark;
    for (size_t i = 0; i < PLACES; i += sizeof eight) {
        while (memcpy(&eight, marks + i, sizeof eight), eight != 0) {
            const size_t place = i + first_byte(eight);
            if (any_stands(f, text, n, at + place))
                return text + at + place;
            marks[place] = 0;
        }
    }
    return NULL;
}

INLINE const unsigned char *find_bytes(const struct literal_finder *f, const unsigned char *text,
                                       size_t n, size_t nliterals)
{
    lanes mark[PLACES / LANES];
    size_t at = 0;
    for (; n - at >= PLACES + LITERAL_MAX; at += PLACES) {
        if (!mark_places(f, text + at, nliterals, mark))
            continue;
        const unsigned char *found = first_marked(f, text, n, at, mark);
        if (found != NULL)
            return found;
    }
    return find_plainly(f, text, n, at, n);
}

/* The loops are told how many literals there are. */
INLINE const unsigned char *find_few(const struct literal_finder *f, const unsigned char *text,
                                     size_t n)
{
    switch (f->set.n) {
    case 1:
        return find_bytes(f, text, n, 1);
    case 2:
        return find_bytes(f, text, n, 2);
    case 3:
        return find_bytes(f, text, n, 3);
    default:
        return find_bytes(f, text, n, FEW);
    }
}

static const unsigned char *find_few_portable(const struct literal_finder *f,
                                              const unsigned char *text, size_t n)
{
    return find_few(f, text, n);
}

#if defined __x86_64__ || defined __i386__
__attribute__((target("avx2"))) static const unsigned char *
find_few_avx2(const struct literal_finder *f, const unsigned char *text, size_t n)
{
    return find_few(f, text, n);
}

static bool have_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define find_few_avx2 find_few_portable

static bool have_avx2(void)
{
    return false;
}
#endif

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
    f->avx2 = have_avx2();
    for (size_t i = 0; i < l->n && i < FEW; i++) {
        literal_rare(&l->v[i], f->rare[i]);
        for (size_t k = 0; k < 2; k++)
            f->bytes[i][k] = (lanes){0} + l->v[i].text[f->rare[i][k]];
        memcpy(&f->heads[i], l->v[i].text, sizeof f->heads[i]);
        memset(&f->masks[i], 0xFF, l->v[i].n < sizeof f->masks[i] ? l->v[i].n : sizeof f->masks[i]);
    }
    f->way = l->n > FEW ? BY_WINDOW : l->n == 1 && l->v[0].n == 1 ? BY_BYTE : BY_BYTES;
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
        return f->avx2 ? find_few_avx2(f, text, n) : find_few_portable(f, text, n);
    return f->stride == 2 ? find_window(f, text, n, 2) : find_window(f, text, n, 1);
}
