/* codes.c - see codes.h. */
#include "tokens/codes.h"

#include "base/bytes.h"
#include "tokens/vocab.h"

/* The codes of a vocabulary. A code's first byte is less than one_end for one byte, less than
 * two_end for two, else it has three. less: what to subtract from a code, read as a big-endian
 * number, to get its rank, by the code's length. */
struct codes {
    uint32_t one_end, two_end, ntokens, less[LP_CODE_MAX + 1];
};

static inline struct codes codes_of(const struct lp_vocab *v)
{
    uint32_t one = v->header->one, two = v->header->two;
    return (struct codes){one,
                          one + two,
                          v->header->ntokens,
                          {0, 0, (one << 8) - one, ((one + two) << 16) - one - (two << 8)}};
}

void lp_codes_begin(const struct lp_vocab *v, unsigned *two, unsigned *three)
{
    const struct codes c = codes_of(v);
    *two = c.one_end;
    *three = c.two_end;
}

static inline size_t code_size(const struct codes *c, uint32_t rank)
{
    return 1u + (rank >= c->one_end) + (rank >= c->one_end + ((c->two_end - c->one_end) << 8));
}

static void put_last(const struct codes *c, uint32_t rank, unsigned char **p)
{
    size_t size = code_size(c, rank);
    uint32_t code = rank + c->less[size];
    for (size_t i = size; i > 0; i--)
        *(*p)++ = (unsigned char)(code >> 8 * (i - 1));
}

bool lp_ids_are_known(const struct lp_vocab *v, const uint32_t *ids, size_t n)
{
    const uint32_t *const ranks = v->rank, size = v->header->size;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] >= size || lp_unseal(ranks[ids[i]], 0) >= v->header->ntokens)
            return false;
    }
    return true;
}

/* No branch depends on a code's length, which is unpredictable. Each code is stored as four bytes;
 * the next one overwrites those that it does not have. */
size_t lp_codes_from_ids(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                         unsigned char *dst)
{
    const struct codes c = codes_of(v);
    const uint32_t *const ranks = v->rank; /* stays in a register: no store can alias it */
    unsigned char *p = dst;
    uint32_t bits = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        const uint32_t rank = lp_unseal(ranks[ids[i]], 0);
        LP_PREFETCH(v->text + (size_t)rank * LP_KEY_SIZE);
        bits |= rank;
        size_t size = code_size(&c, rank);
        lp_put32be(p, (rank + c.less[size]) << (32 - 8 * size));
        p += size;
    }
    if (n > 0) {
        const uint32_t rank = lp_unseal(ranks[ids[n - 1]], 0);
        bits |= rank;
        put_last(&c, rank, &p);
    }
    if (bits > LP_NO_ID)
        lp_vocab_damaged(v);
    return (size_t)(p - dst);
}

/* --- Reading codes ---------------------------------------------------------------------
 *
 * The first byte of a code tells its length, so the codes must be found one after the other. This
 * is done for many bytes at a time, in registers; all else, what the ranks stand for, is done for
 * many codes at once, so that it has arrived from memory by the time it is used. */

enum {
    BLOCK = LP_CODES_BLOCK,
    AHEAD = 8 * BLOCK, /* bytes of codes that are read at a time at most */
    GROUP = 4,         /* codes that are read at once */
};

/* What is to be known of tokens, and is prefetched: entries of 1 << size_log bytes by rank. */
struct entries {
    const unsigned char *first;
    unsigned size_log;
};

enum { TEXT_LOG = 4, ID_LOG = 2 };
_Static_assert(1 << TEXT_LOG == LP_KEY_SIZE && 1 << ID_LOG == sizeof(uint32_t), "entries");

static inline struct entries texts_of(const struct lp_vocab *v)
{
    return (struct entries){v->text, TEXT_LOG};
}

static inline struct entries ids_of(const struct lp_vocab *v)
{
    return (struct entries){(const unsigned char *)v->id, ID_LOG};
}

static inline void prefetch_entry(const struct entries *e, uint32_t rank)
{
    LP_PREFETCH(e->first + ((size_t)rank << e->size_log));
}

struct code_reader {
    struct codes codes;
    struct entries wanted;
    bool avx2;
    /* What was read last: */
    size_t n, size;       /* so many codes, and their bytes */
    uint32_t rank[AHEAD]; /* frequency rank; ntokens or more: no token */
};

static void reader_init(struct code_reader *r, const struct lp_vocab *v, struct entries wanted)
{
    r->codes = codes_of(v);
    r->wanted = wanted;
    r->avx2 = v->cpu == LP_CPU_AVX2;
}

static inline uint32_t rank_at(const struct codes *c, const unsigned char *src, size_t size)
{
    return (lp_get32be(src) >> (32 - 8 * size)) - c->less[size];
}

/* Which of eight bytes are at least limit, a bit for each. */
static inline uint64_t at_least(uint64_t eight, unsigned limit)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    /* Compares the low seven bits, with no borrow between bytes, then the top bits. */
    uint64_t low = (eight | tops) - ones * (limit & 127);
    uint64_t tests = (limit < 128 ? low | eight : low & eight) & tops;
    return (tests >> 7) * UINT64_C(0x0102040810204080) >> 56; /* moves bit 8 i to 56 + i */
}

/* Reads the codes that begin in a block, after which four more bytes are readable. False when one
 * is of no token. */
static bool read_block(struct code_reader *r, const unsigned char *src)
{
    const struct codes *c = &r->codes;
    /* A bit for each byte: whether a code that begins there has two bytes or more, or three. */
    uint64_t two = 0, three = 0;
    for (unsigned i = 0; i < BLOCK; i += 8) {
        const uint64_t eight = lp_get64(src + i);
        two |= at_least(eight, c->one_end) << i;
        three |= at_least(eight, c->two_end) << i;
    }
    uint32_t most = 0;
    size_t n = 0, at = 0;
    for (size_t size; at < BLOCK; at += size) {
        size = (size_t)(1 + (two & 1) + (three & 1));
        two >>= size;
        three >>= size;
        const uint32_t rank = rank_at(c, src + at, size);
        most = rank > most ? rank : most;
        prefetch_entry(&r->wanted, rank);
        r->rank[n++] = rank;
    }
    r->n = n;
    r->size = at;
    return most < c->ntokens;
}

/* Reads the codes of the last n bytes, or of a block of them. False when one is of no token; so is
 * an incomplete code. */
static bool read_last(struct code_reader *r, const unsigned char *src, size_t n)
{
    const struct codes *c = &r->codes;
    size_t at = 0;
    bool known = true;
    for (r->n = 0; at < n && at < BLOCK; r->n++) {
        unsigned char four[4] = {0};
        size_t size = 1u + (src[at] >= c->one_end) + (src[at] >= c->two_end), left = n - at;
        memcpy(four, src + at, left < size ? left : size);
        r->rank[r->n] = rank_at(c, four, size);
        known &= size <= left && r->rank[r->n] < c->ntokens;
        at += left < size ? left : size;
    }
    r->size = at;
    return known;
}

#if LP_HAVE_AVX2
_Static_assert(LP_CODES_SLACK >= BLOCK + sizeof(uint32_t), "the last codes are read in groups too");

/* For each byte that is read ahead: how many bytes take a code that begins there, that and the
 * next, and a group. What lies beyond those bytes decides nothing. */
enum { BEYOND = 32 };
struct jumps {
    unsigned char one[AHEAD + BEYOND], two[AHEAD + BEYOND], group[AHEAD];
};

LP_AVX2 LP_INLINE __m256i load_avx2(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

LP_AVX2 LP_INLINE void store_avx2(unsigned char *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, x);
}

/* For each byte x of some: x, and what is x bytes after it at p; x is from least to most. */
LP_AVX2 LP_INLINE __m256i then_avx2(const unsigned char *p, int least, int most)
{
    const __m256i x = load_avx2(p);
    __m256i next = load_avx2(p + most);
#pragma GCC unroll 4
    for (int i = least; i < most; i++)
        next = _mm256_blendv_epi8(next, load_avx2(p + i),
                                  _mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)i)));
    return _mm256_add_epi8(x, next);
}

/* ahead is a multiple of BLOCK. */
LP_AVX2 LP_INLINE void find_jumps_avx2(const struct codes *c, const unsigned char *src,
                                       size_t ahead, struct jumps *j)
{
    const __m256i two = _mm256_set1_epi8((char)c->one_end),
                  three = _mm256_set1_epi8((char)c->two_end), one = _mm256_set1_epi8(1);
    store_avx2(j->one + ahead, one);
    store_avx2(j->two + ahead, one);
    for (size_t i = 0; i < ahead; i += 32) {
        const __m256i x = load_avx2(src + i);
        const __m256i a = _mm256_cmpeq_epi8(_mm256_max_epu8(x, two), x);
        const __m256i b = _mm256_cmpeq_epi8(_mm256_max_epu8(x, three), x);
        store_avx2(j->one + i, _mm256_sub_epi8(_mm256_sub_epi8(one, a), b));
    }
    for (size_t i = 0; i < ahead; i += 32)
        store_avx2(j->two + i, then_avx2(j->one + i, 1, LP_CODE_MAX));
    for (size_t i = 0; i < ahead; i += 32)
        store_avx2(j->group + i, then_avx2(j->two + i, 2, 2 * LP_CODE_MAX));
}

/* Whether n numbers, a multiple of GROUP, are all below a limit. */
LP_AVX2 LP_INLINE bool all_below_avx2(const uint32_t *x, size_t n, uint32_t limit)
{
    __m128i most = _mm_setzero_si128();
    for (size_t i = 0; i < n; i += GROUP)
        most = _mm_max_epu32(most, _mm_loadu_si128((const __m128i *)(const void *)(x + i)));
    const __m128i last = _mm_set1_epi32((int32_t)limit - 1); /* 0: there is no token */
    return limit > 0 &&
           _mm_movemask_epi8(_mm_cmpeq_epi32(_mm_max_epu32(most, last), last)) == 0xFFFF;
}

/* Reads codes as read_block() does: the groups that are sure to lie whole in n bytes, of which at
 * least a block and four more bytes are readable. */
LP_AVX2 static bool read_groups_avx2(struct code_reader *r, const unsigned char *src, size_t n,
                                     size_t readable)
{
    struct jumps j;
    const struct codes *c = &r->codes;
    const uint32_t less[LP_CODE_MAX + 1] = {0, 0, c->less[2], c->less[3]};
    static const uint32_t shift[LP_CODE_MAX + 1] = {0, 24, 16, 8};
    const struct entries wanted = r->wanted; /* stays in registers: no store can alias it */
    const size_t blocks = (readable - sizeof(uint32_t)) / BLOCK * BLOCK;
    const size_t ahead = blocks < AHEAD ? blocks : AHEAD, end = ahead < n ? ahead : n;
    uint32_t *rank = r->rank;
    size_t at = 0;
    find_jumps_avx2(c, src, ahead, &j);
    for (; at + LP_CODE_MAX * GROUP <= end; at += j.group[at], rank += GROUP) {
        size_t place = at;
#pragma GCC unroll 4
        for (int k = 0; k < GROUP; k++) {
            const uint32_t size = j.one[place];
            rank[k] = (lp_get32be(src + place) >> shift[size]) - less[size];
            prefetch_entry(&wanted, rank[k]);
            place = k == 1 ? at + j.two[at] : place + size;
        }
    }
    r->n = (size_t)(rank - r->rank);
    r->size = at;
    return all_below_avx2(r->rank, r->n, c->ntokens);
}

LP_AVX2 static size_t skip_avx2(const struct codes *c, const unsigned char *codes)
{
    struct jumps j;
    size_t at = 0;
    find_jumps_avx2(c, codes, BLOCK, &j);
    while (at + LP_CODE_MAX * GROUP <= BLOCK)
        at += j.group[at];
    return at;
}
#endif

/* Reads codes from the n > 0 bytes at src on, after which slack bytes can be read. False when one
 * is of no token or is incomplete. */
static inline bool read_codes(struct code_reader *r, const unsigned char *src, size_t n,
                              size_t slack)
{
#if LP_HAVE_AVX2
    if (r->avx2 && n >= LP_CODE_MAX * GROUP && n + slack >= BLOCK + sizeof(uint32_t))
        return read_groups_avx2(r, src, n, n + slack);
#else
    (void)slack;
#endif
    return n >= BLOCK + sizeof(uint32_t) ? read_block(r, src) : read_last(r, src, n);
}

size_t lp_codes_skip(const struct lp_vocab *v, const unsigned char *codes)
{
    const struct codes c = codes_of(v);
#if LP_HAVE_AVX2
    if (v->cpu == LP_CPU_AVX2)
        return skip_avx2(&c, codes);
#endif
    size_t at = 0;
    while (at + LP_CODE_MAX * GROUP <= BLOCK) {
        for (int k = 0; k < GROUP; k++)
            at += 1u + (codes[at] >= c.one_end) + (codes[at] >= c.two_end);
    }
    return at;
}

/* --- To text --------------------------------------------------------------------------- */

/* Writes the text of a token without a key, or near the end of the cap bytes. Returns its size, or
 * SIZE_MAX if it has no room. */
LP_APART size_t put_text(const struct lp_vocab *v, uint32_t rank, unsigned char *dst, size_t cap)
{
    size_t size;
    const unsigned char *text = lp_vocab_text(v, rank, &size);
    if (size > cap)
        return SIZE_MAX;
    memcpy(dst, text, size);
    return size;
}

/* Writes the texts of n tokens to dst + *at, at most to dst + cap. Returns how many had room. */
static inline size_t put_texts(const struct lp_vocab *v, const uint32_t *rank, size_t n,
                               unsigned char *dst, size_t cap, size_t *at)
{
    const unsigned char *const texts = v->text; /* stays in a register: no store can alias it */
    size_t to = *at, i;
    for (i = 0; i < n; i++) {
        const unsigned char *text = texts + (size_t)rank[i] * LP_KEY_SIZE;
        size_t size = text[LP_KEY_SIZE - 1];
        if (size <= LP_KEY_TEXT_MAX && cap - to >= LP_KEY_SIZE)
            memcpy(dst + to, text, LP_KEY_SIZE); /* a fixed size is one store */
        else if ((size = put_text(v, rank[i], dst + to, cap - to)) == SIZE_MAX)
            break;
        to += size;
    }
    *at = to;
    return i;
}

enum lp_status lp_codes_to_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                unsigned char *dst, size_t cap, size_t *written)
{
    struct code_reader r;
    reader_init(&r, v, texts_of(v));
    *written = 0;
    for (size_t at = 0; at < n; at += r.size) {
        if (!read_codes(&r, src + at, n - at, 0) ||
            put_texts(v, r.rank, r.n, dst, cap, written) < r.n)
            return LP_DATA;
    }
    return LP_OK;
}

/* Appends the texts of n tokens. */
static enum lp_status append_texts(const struct lp_vocab *v, const uint32_t *rank, size_t n,
                                   struct lp_buf *text)
{
    if (!lp_buf_reserve(text, 0)) /* never NULL */
        return LP_NOMEM;
    const size_t done = put_texts(v, rank, n, text->p, text->cap, &text->n), rest = n - done;
    if (rest == 0)
        return LP_OK;
    if (!lp_buf_reserve(text, rest * v->header->token_max))
        return LP_NOMEM;
    if (put_texts(v, rank + done, rest, text->p, text->cap, &text->n) == rest)
        return LP_OK;
    lp_vocab_damaged(v); /* a token is longer than token_max */
    return LP_BAD_VOCAB;
}

/* Bytes of text per byte of codes, rarely more: a first guess at the room needed. */
enum { TEXT_OF_CODES = 3 };

enum lp_status lp_codes_append_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                    size_t max, struct lp_buf *text)
{
    const size_t start = text->n;
    struct code_reader r;
    reader_init(&r, v, texts_of(v));
    if (!lp_buf_reserve(text, n < max / TEXT_OF_CODES ? TEXT_OF_CODES * n : max))
        return LP_NOMEM;
    for (size_t at = 0; at < n; at += r.size) {
        if (!read_codes(&r, src + at, n - at, LP_CODES_SLACK))
            return LP_DATA;
        const enum lp_status status = append_texts(v, r.rank, r.n, text);
        if (status != LP_OK)
            return status;
        if (text->n - start > max)
            return LP_LIMIT;
    }
    return LP_OK;
}

enum lp_status lp_ids_append_text(const struct lp_vocab *v, const uint32_t *ids, size_t n,
                                  size_t max, struct lp_buf *text)
{
    const struct entries texts = texts_of(v);
    const size_t start = text->n;
    uint32_t rank[BLOCK];
    for (size_t at = 0, count; at < n; at += count) {
        count = n - at < BLOCK ? n - at : BLOCK;
        for (size_t i = 0; i < count; i++) {
            uint32_t id = ids[at + i];
            rank[i] = id < v->header->size ? lp_unseal(v->rank[id], 0) : (uint32_t)LP_NO_ID;
            if (rank[i] >= v->header->ntokens)
                return lp_vocab_blame(v, LP_DATA);
            prefetch_entry(&texts, rank[i]);
        }
        const enum lp_status status = append_texts(v, rank, count, text);
        if (status != LP_OK)
            return status;
        if (text->n - start > max)
            return LP_LIMIT;
    }
    return LP_OK;
}

void lp_codes_prefix(const struct lp_vocab *v, const unsigned char *src, size_t n, size_t max_text,
                     size_t *used, size_t *text_size)
{
    struct code_reader r;
    reader_init(&r, v, texts_of(v));
    *text_size = 0;
    *used = n;
    if (!lp_vocab_expect(v, LP_READ_TEXT))
        return;
    for (size_t at = 0; at < n; at += r.size) {
        if (!read_codes(&r, src + at, n - at, 0)) {
            lp_vocab_damaged(v); /* it made these codes */
            return;
        }
        size_t from = at, size;
        for (size_t i = 0; i < r.n; i++, *text_size += size) {
            lp_vocab_text(v, r.rank[i], &size);
            if (size > max_text - *text_size) {
                *used = from;
                return;
            }
            from += code_size(&r.codes, r.rank[i]);
        }
    }
}

enum lp_status lp_codes_to_ids(const struct lp_vocab *v, const unsigned char *src, size_t n,
                               uint32_t *dst, size_t *nids)
{
    struct code_reader r;
    uint32_t most = 0;
    reader_init(&r, v, ids_of(v));
    *nids = 0;
    for (size_t at = 0; at < n; at += r.size) {
        if (!read_codes(&r, src + at, n - at, 0))
            return LP_DATA;
        for (size_t i = 0; i < r.n; i++) {
            const uint32_t id = lp_unseal(v->id[r.rank[i]], 0);
            most = id > most ? id : most;
            dst[*nids + i] = id;
        }
        *nids += r.n;
    }
    if (most >= v->header->size)
        lp_vocab_damaged(v);
    return lp_vocab_status(v);
}

/* --- Special tokens -----------------------------------------------------------------------
 *
 * They have high ids, so that few others need to be looked up. */

/* The least id of a special token; more than any where there is none. */
static uint32_t least_special(const struct lp_vocab *v)
{
    uint32_t least = UINT32_MAX;
    const uint32_t n = lp_vocab_expect(v, LP_READ_SPECIAL) ? v->header->nspecial : 0;
    for (uint32_t i = 0; i < n; i++)
        least = v->special[i] < least ? v->special[i] : least;
    return least;
}

static bool is_special(const struct lp_vocab *v, uint32_t id, uint32_t least)
{
    if (id < least)
        return false;
    for (uint32_t i = 0; i < v->header->nspecial; i++) {
        if (v->special[i] == id)
            return true;
    }
    return false;
}

size_t lp_ids_until_special(const struct lp_vocab *v, const uint32_t *ids, size_t n)
{
    const uint32_t least = least_special(v);
    size_t i = 0;
    while (i < n && !is_special(v, ids[i], least))
        i++;
    return i;
}

bool lp_codes_have_special(const struct lp_vocab *v, const unsigned char *codes, size_t n)
{
    const uint32_t least = least_special(v);
    struct code_reader r;
    reader_init(&r, v, ids_of(v));
    for (size_t at = 0; at < n; at += r.size) {
        if (!read_codes(&r, codes + at, n - at, 0))
            return false;
        for (size_t i = 0; i < r.n; i++) {
            if (is_special(v, lp_unseal(v->id[r.rank[i]], 0), least))
                return true;
        }
    }
    return false;
}
