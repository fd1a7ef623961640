/* match.c - see match.h.
 *
 * Each code of a block is a place where a copy may begin. The bytes from there on are hashed; a
 * table has the places that hash to the same, the latest few, and the longest match is taken,
 * extended backwards over codes not yet copied. A table of all places would be as large as the
 * window, and slow. So a small one has the latest of them, which is where most repeats are, and
 * another has one place in SAMPLE, chosen by its hash: of a long repeat both ends then have the
 * same ones. After a copy its distance is tried again first: what is repeated usually goes on after
 * a small difference. Greedy: what remains is modelled well enough that choosing copies by their
 * cost gains little. */
#include "block/match.h"

#include "base/bytes.h"
#include "base/cpu.h"
#include "tokens/codes.h"

#include <string.h>

enum {
    HASHED = 24, /* bytes: about 14 tokens */
    WAYS = 4,
    NEAR_LOG = 16, /* of sets of WAYS: 1 MiB; a larger one finds hardly more */
    LOG_MIN = 6,
    SAMPLE = 16,
    FAR_BYTES = 32, /* of a window for each place in the far table: a code has two bytes or less */
    FAR_MIN = HASHED, /* least length of a copy from an earlier block */
    NEAR_MIN = 64,    /* from the same block, where zstd and mixing find repeats by themselves: with
                       * 32, lines of a log that differ in times and numbers were 30% larger */
    AGAIN_MIN = 24,   /* at the last distance */
    AGAIN_WITHIN = 80, /* bytes after the last copy */
    DENSE = 256,       /* bytes at the begin of a copy of which */
    NOTED = 4,         /* each fourth code is noted */
    FEW = 10,          /* parts of the rest, of which what is copied from the same block is one */
    LEFT = 20,         /* bytes of a copy that may go to the rest when a longer one replaces it */
    TAKE_OVER = 8,     /* bytes to compare for that, at most, for each byte searched */
    BACK = 256,        /* codes before a match that it may be extended over */
};

struct search {
    const struct lp_vocab *vocab;
    const unsigned char *codes; /* of the window */
    size_t start, end;          /* of the block, of the part to be searched */
    uint32_t base;              /* the position of codes[0], modulo 2^32 */
    size_t reach;
    unsigned two, three; /* first bytes of codes of two bytes and of three */
    struct lp_places near, far;
    bool notes;
    size_t anchor;       /* all before it is copied or in the rest */
    size_t last;         /* distance, 0 for none */
    size_t before[BACK]; /* where the codes before begin, in turn */
    size_t nbefore;
    size_t credit; /* bytes that may yet be compared to take copies over: this keeps time linear */
};

struct match {
    size_t at, length, distance;
};

static inline size_t code_size(const struct search *s, size_t at)
{
    return 1u + (s->codes[at] >= s->two) + (s->codes[at] >= s->three);
}

static inline uint64_t hash(const unsigned char *p)
{
    const uint64_t k = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t h = lp_get64(p) * k;
    h = (h ^ h >> 29 ^ lp_get64(p + 8)) * k;
    return (h ^ h >> 29 ^ lp_get64(p + 16)) * k;
}

static inline bool is_sampled(uint64_t hash)
{
    return (hash >> 8) % SAMPLE == 0;
}

static inline uint32_t *set_of(const struct lp_places *places, uint64_t hash)
{
    return places->sets + (size_t)(hash >> (64 - places->log)) * WAYS;
}

/* Puts a place before the others of its set. A set holds positions plus one: 0 is none. */
static inline void put_first(uint32_t *set, uint32_t position)
{
    for (int i = WAYS - 1; i > 0; i--)
        set[i] = set[i - 1];
    set[0] = position + 1;
}

static inline void note(const struct search *s, uint64_t h, size_t at)
{
    const uint32_t position = s->base + (uint32_t)at;
    if (!s->notes)
        return;
    put_first(set_of(&s->near, h), position);
    if (is_sampled(h))
        put_first(set_of(&s->far, h), position);
}

/* How many bytes from a on are as from b on, up to end. */
static size_t same(const unsigned char *p, size_t a, size_t b, size_t end)
{
    const size_t from = b;
    for (; end - b >= 8; a += 8, b += 8) {
        const uint64_t differ = lp_get64(p + a) ^ lp_get64(p + b);
        if (differ != 0)
            return b - from + (size_t)__builtin_ctzll(differ) / 8;
    }
    while (b < end && p[a] == p[b])
        a++, b++;
    return b - from;
}

/* Extends a match backwards, code by code. */
static void extend_back(const struct search *s, struct match *m)
{
    for (size_t i = 0; i < s->nbefore && i < BACK; i++) {
        const size_t at = s->before[(s->nbefore - 1 - i) % BACK], size = m->at - at;
        if (at < s->anchor || m->at - m->distance < size ||
            memcmp(s->codes + at, s->codes + at - m->distance, size) != 0)
            return;
        m->at = at;
        m->length += size;
    }
}

/* Makes best the longest match of a place with those in a set, if one is longer. */
static void try_set(const struct search *s, const uint32_t *set, size_t at, struct match *best)
{
    for (size_t i = 0; i < WAYS && set[i] != 0; i++) {
        const size_t distance = (uint32_t)(s->base + (uint32_t)at + 1 - set[i]);
        if (distance == 0 || distance > at || distance > s->reach)
            continue;
        const size_t least = at - distance < s->start ? FAR_MIN : NEAR_MIN;
        const size_t length = same(s->codes, at - distance, at, s->end);
        if (length < least)
            continue;
        struct match m = {at, length, distance};
        extend_back(s, &m);
        if (m.length > best->length)
            *best = m;
    }
}

/* The longest match at a place, of length 0 for none. Notes the place. */
static struct match longest(const struct search *s, size_t at)
{
    const uint64_t h = hash(s->codes + at);
    struct match best = {.at = at};
    try_set(s, set_of(&s->near, h), at, &best);
    if (is_sampled(h))
        try_set(s, set_of(&s->far, h), at, &best);
    note(s, h, at);
    return best;
}

/* Notes each NOTED-th of the codes that lie whole before end. Returns where these end. */
static size_t note_many(const struct search *s, size_t at, size_t end)
{
    for (size_t i = 0, size; at < end && (size = code_size(s, at)) <= end - at; i++, at += size) {
        if (i % NOTED == NOTED - 1 && s->end - at >= HASHED)
            note(s, hash(s->codes + at), at);
    }
    return at;
}

/* The same with a code within every LP_CODES_BLOCK bytes. */
static size_t note_few(const struct search *s, size_t at, size_t end)
{
    size_t place = 0;
    uint64_t h = 0;
    while (end - at >= LP_CODES_BLOCK) {
        if (place > 0) /* by now its set has been fetched */
            note(s, h, place);
        place = at += lp_codes_skip(s->vocab, s->codes + at);
        h = s->end - at >= HASHED ? hash(s->codes + at) : 0;
        __builtin_prefetch(set_of(&s->near, h));
    }
    if (place > 0 && s->end - place >= HASHED)
        note(s, h, place);
    while (at < end && code_size(s, at) <= end - at)
        at += code_size(s, at);
    return at;
}

/* Cuts a match where a code ends, and notes places within: many where it begins, so that short
 * passages are found again, then few, since what repeats often would crowd out what is rarer.
 * False if nothing is left. */
static bool settle(const struct search *s, size_t at, struct match *m)
{
    const size_t end = m->at + m->length;
    at = note_many(s, at, m->length < DENSE ? end : m->at + DENSE);
    at = note_few(s, at, end);
    m->length = at - m->at;
    return m->length > 0;
}

static bool put_copy(struct search *s, const struct match *m, struct lp_copies *copies,
                     struct lp_buf *rest)
{
    const size_t n = m->at - s->anchor;
    const bool done = lp_copies_add(copies, (struct lp_copy){(uint32_t)n, (uint32_t)m->length,
                                                             (uint32_t)m->distance}) &&
                      lp_buf_append(rest, s->codes + s->anchor, n);
    s->anchor = m->at + m->length;
    return done;
}

/* How many bytes before a are as those before b, at most n. */
static size_t same_before(const unsigned char *p, size_t a, size_t b, size_t n)
{
    size_t i = 0;
    while (n - i >= 8 && lp_get64(p + a - i - 8) == lp_get64(p + b - i - 8))
        i += 8;
    while (i < n && p[a - i - 1] == p[b - i - 1])
        i++;
    return i;
}

/* Extends a match over the copies right before it, as far as it repeats them but for LEFT bytes at
 * most, and takes those copies back. So a copy that ends in a passage which occurs often does not
 * keep the one that follows from all of its own passage. What is left goes to the rest. */
static void take_over(struct search *s, struct match *m, struct lp_copies *copies,
                      struct lp_buf *rest)
{
    while (copies->n > 0 && m->at == s->anchor) {
        const struct lp_copy *last = &copies->v[copies->n - 1];
        size_t at = m->at - last->length;
        if (at < m->distance || s->credit < last->length)
            return;
        s->credit -= last->length;
        const size_t back = same_before(s->codes, m->at - m->distance, m->at, last->length);
        const size_t from = m->at - back;
        if (from - at > LEFT)
            return;
        s->anchor = at - last->rest;
        rest->n -= last->rest;
        copies->n--;
        while (at < from)
            at += code_size(s, at);
        m->length += m->at - at;
        m->at = at;
    }
}

/* The match that repeats the last distance, of length 0 for none. */
static struct match again(const struct search *s, size_t at)
{
    struct match m = {at, 0, s->last};
    if (s->last == 0 || at - s->anchor >= AGAIN_WITHIN || at < s->last)
        return m;
    m.length = same(s->codes, at - s->last, at, s->end);
    if (m.length < AGAIN_MIN)
        m.length = 0;
    return m;
}

/* The log of so many sets that there is room for n places. */
static unsigned log_for(size_t n, unsigned most)
{
    unsigned log = LOG_MIN;
    while (log < most && (size_t)WAYS << log < n)
        log++;
    return log;
}

static bool make_places(struct lp_places *places, unsigned log)
{
    places->log = log;
    places->sets = calloc((size_t)WAYS << log, sizeof *places->sets);
    return places->sets != NULL;
}

/* Makes the tables for a window of so many bytes of codes. */
static bool make_tables(struct lp_matcher *m, size_t window)
{
    enum { FAR_LOG = 26 };
    return (m->near.sets != NULL || make_places(&m->near, log_for(window, NEAR_LOG))) &&
           (m->far.sets != NULL || make_places(&m->far, log_for(window / FAR_BYTES, FAR_LOG)));
}

/* A search of the end of a window, which n codes of a block are. */
static struct search search_of(const struct lp_matcher *matcher, const struct lp_window *window,
                               const struct lp_vocab *vocab, size_t n)
{
    struct search s = {.vocab = vocab,
                       .codes = window->codes.p,
                       .start = window->codes.n - n,
                       .end = window->codes.n,
                       .base = (uint32_t)window->dropped,
                       .reach = window->reach,
                       .near = matcher->near,
                       .far = matcher->far,
                       .notes = !matcher->learnt};
    lp_codes_begin(vocab, &s.two, &s.three);
    return s;
}

enum lp_status lp_matcher_learn(struct lp_matcher *matcher, const struct lp_window *window,
                                const struct lp_vocab *vocab)
{
    if (!make_tables(matcher, window->codes.n))
        return LP_NOMEM;
    const struct search s = search_of(matcher, window, vocab, window->codes.n);
    for (size_t at = 0; s.end - at >= HASHED; at += code_size(&s, at))
        note(&s, hash(s.codes + at), at);
    matcher->learnt = true;
    return LP_OK;
}

/* Goes on after earlier parts of the block: their last copy may be made longer, and what follows it
 * be copied. */
static void resume(struct search *s, size_t npart, struct lp_copies *copies, struct lp_buf *rest)
{
    s->anchor = s->end - npart;
    s->credit = TAKE_OVER * npart;
    if (copies->n == 0)
        return;
    const size_t n = copies->v[--copies->n].rest;
    s->anchor -= n;
    rest->n -= n;
    s->last = copies->n > 0 ? copies->v[copies->n - 1].distance : 0;
}

enum lp_status lp_match(struct lp_matcher *matcher, const struct lp_window *window,
                        const struct lp_vocab *vocab, size_t nblock, size_t npart,
                        struct lp_copies *copies, struct lp_buf *rest)
{
    if (!make_tables(matcher, window->reach))
        return LP_NOMEM;
    struct search s = search_of(matcher, window, vocab, nblock);
    resume(&s, npart, copies, rest);
    bool room = true;
    for (size_t at = s.end - npart; room && at < s.end;) {
        struct match m = again(&s, at);
        if (m.length == 0 && s.end - at >= HASHED)
            m = longest(&s, at);
        if (m.length > 0 && settle(&s, at, &m)) {
            take_over(&s, &m, copies, rest);
            room = put_copy(&s, &m, copies, rest);
            at = s.anchor;
            s.last = m.distance;
            s.nbefore = 0;
        } else {
            s.before[s.nbefore++ % BACK] = at;
            at += code_size(&s, at);
        }
    }
    const struct match none = {.at = s.end};
    return room && put_copy(&s, &none, copies, rest) ? LP_OK : LP_NOMEM;
}

/* Whether a copy is from the same block, in which it begins at a place. */
static bool is_near(const struct lp_copy *copy, size_t at)
{
    return copy->length > 0 && copy->distance <= at;
}

/* How many bytes are copied from the same block. */
static size_t count_near(const struct lp_copies *copies)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < copies->n; i++) {
        const struct lp_copy *copy = &copies->v[i];
        at += copy->rest;
        n += is_near(copy, at) ? copy->length : 0;
        at += copy->length;
    }
    return n;
}

enum lp_status lp_match_review(const unsigned char *codes, struct lp_copies *copies,
                               struct lp_buf *rest)
{
    const size_t near = count_near(copies);
    size_t at = 0, from = 0, kept = 0;
    if (near == 0 || near >= (rest->n + near) / FEW)
        return LP_OK;
    rest->n = 0;
    for (size_t i = 0; i < copies->n; i++) {
        struct lp_copy copy = copies->v[i];
        at += copy.rest;
        if (!is_near(&copy, at)) {
            copy.rest = (uint32_t)(at - from);
            copies->v[kept++] = copy;
            if (!lp_buf_append(rest, codes + from, copy.rest))
                return LP_NOMEM;
            from = at + copy.length;
        }
        at += copy.length;
    }
    copies->n = kept;
    return LP_OK;
}

void lp_matcher_free(struct lp_matcher *matcher)
{
    free(matcher->near.sets);
    free(matcher->far.sets);
    *matcher = (struct lp_matcher){0};
}
