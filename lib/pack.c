#include "pack.h"

#include "bytes.h"
#include "vocab.h"

/* What to subtract from a code, read as a big-endian number, for its rank: by the
 * code's length. */
struct codes {
    uint32_t one, two, ntokens, less[LP_PACK_MAX + 1];
};

static inline struct codes codes_of(const struct lp_vocab *v)
{
    uint32_t one = v->file->one, two = v->file->two;
    return (struct codes){one,
                          one + two,
                          v->file->ntokens,
                          {0, 0, (one << 8) - one, ((one + two) << 16) - one - (two << 8)}};
}

static void put_last(const struct codes *c, uint32_t rank, unsigned char **p)
{
    size_t size = 1u + (rank >= c->one) + (rank >= c->one + ((c->two - c->one) << 8));
    uint32_t code = rank + c->less[size];
    for (size_t i = size; i > 0; i--)
        *(*p)++ = (unsigned char)(code >> 8 * (i - 1));
}

/* No branch depends on a code's length: that is not to be foretold. Four bytes
 * are stored for each code, of which the next one keeps those that count. */
size_t lp_pack_ids(const struct lp_vocab *v, const uint32_t *ids, size_t n, unsigned char *dst)
{
    const struct codes c = codes_of(v);
    const uint32_t three = c.one + ((c.two - c.one) << 8);
    unsigned char *p = dst;
    for (size_t i = 0; i + 1 < n; i++) {
        uint32_t rank = v->rank[ids[i]];
        size_t size = 1u + (rank >= c.one) + (rank >= three);
        lp_put32be(p, (rank + c.less[size]) << (32 - 8 * size));
        p += size;
    }
    if (n > 0)
        put_last(&c, v->rank[ids[n - 1]], &p);
    return (size_t)(p - dst);
}

/* The frequency rank at src, of which four bytes can be read, and its code's
 * length; a rank of ntokens or more is of no token. */
static inline uint32_t get_code(const struct codes *c, const unsigned char *src, size_t *size)
{
    *size = 1u + (src[0] >= c->one) + (src[0] >= c->two);
    return (lp_get32be(src) >> (32 - 8 * *size)) - c->less[*size];
}

/* The same at the end, where n bytes are there; a cut code is of no token. */
static uint32_t get_last(const struct codes *c, const unsigned char *src, size_t n, size_t *size)
{
    unsigned char four[4] = {0};
    memcpy(four, src, n < 4 ? n : 4);
    uint32_t rank = get_code(c, four, size);
    return *size <= n ? rank : (uint32_t)LP_NO_ID;
}

static inline uint32_t next_code(const struct codes *c, const unsigned char *src, size_t n,
                                 size_t *size)
{
    return n >= 4 ? get_code(c, src, size) : get_last(c, src, n, size);
}

/* Bytes of the token of a frequency rank. */
static inline const unsigned char *rank_text(const struct lp_vocab *v, uint32_t rank, size_t *size)
{
    const unsigned char *text = v->text + (size_t)rank * LP_KEY_SIZE;
    *size = text[LP_KEY_SIZE - 1];
    if (*size <= LP_KEY_TEXT_MAX)
        return text;
    uint32_t id = v->id[rank];
    *size = v->offset[id + 1] - v->offset[id];
    return v->bytes + v->offset[id];
}

/* Codes read ahead: their ranks, and how many bytes each takes. What the ranks
 * stand for is being fetched, so that nothing waits for it. */
enum { AHEAD = 64 };

struct ahead {
    uint32_t rank[AHEAD];
    unsigned char size[AHEAD];
    size_t n, used;
};

static inline void read_ahead(struct ahead *a, const struct lp_vocab *v, const struct codes *c,
                              const unsigned char *src, size_t n)
{
    size_t used = 0, count = 0, size;
    for (; used < n && count < AHEAD; used += size) {
        uint32_t rank = next_code(c, src + used, n - used, &size);
        LP_PREFETCH(v->text + (size_t)rank * LP_KEY_SIZE);
        a->rank[count] = rank;
        a->size[count++] = (unsigned char)size;
    }
    a->n = count;
    a->used = used;
}

enum lp_status lp_pack_text_size(const struct lp_vocab *v, const unsigned char *src, size_t n,
                                 size_t *text_size)
{
    const struct codes c = codes_of(v);
    size_t total = 0, used, size;
    for (size_t at = 0; at < n; at += used) {
        uint32_t rank = next_code(&c, src + at, n - at, &used);
        if (rank >= c.ntokens)
            return LP_DATA;
        rank_text(v, rank, &size);
        total += size;
    }
    *text_size = total;
    return LP_OK;
}

enum lp_status lp_pack_to_text(const struct lp_vocab *v, const unsigned char *src, size_t n,
                               unsigned char *dst, size_t cap, size_t *written)
{
    const struct codes c = codes_of(v);
    struct ahead a;
    size_t out = 0, size;
    for (size_t at = 0; at < n; at += a.used) {
        read_ahead(&a, v, &c, src + at, n - at);
        for (size_t i = 0; i < a.n; i++) {
            if (a.rank[i] >= c.ntokens)
                return LP_DATA;
            const unsigned char *text = rank_text(v, a.rank[i], &size);
            if (size <= LP_KEY_TEXT_MAX && cap - out >= LP_KEY_SIZE)
                memcpy(dst + out, text, LP_KEY_SIZE); /* a fixed size is one store */
            else if (size <= cap - out)
                memcpy(dst + out, text, size);
            else
                return LP_DATA;
            out += size;
        }
    }
    *written = out;
    return LP_OK;
}

void lp_pack_prefix(const struct lp_vocab *v, const unsigned char *src, size_t n, size_t max_text,
                    size_t *used, size_t *text_size)
{
    const struct codes c = codes_of(v);
    struct ahead a;
    size_t size;
    *used = *text_size = 0;
    while (*used < n) {
        read_ahead(&a, v, &c, src + *used, n - *used);
        for (size_t i = 0; i < a.n; i++) {
            rank_text(v, a.rank[i], &size);
            if (size > max_text - *text_size)
                return;
            *used += a.size[i];
            *text_size += size;
        }
    }
}

enum lp_status lp_pack_to_ids(const struct lp_vocab *v, const unsigned char *src, size_t n,
                              uint32_t *dst, size_t *nids)
{
    const struct codes c = codes_of(v);
    size_t used;
    *nids = 0;
    for (size_t at = 0; at < n; at += used) {
        uint32_t rank = next_code(&c, src + at, n - at, &used);
        if (rank >= c.ntokens)
            return LP_DATA;
        dst[(*nids)++] = v->id[rank];
    }
    return LP_OK;
}
