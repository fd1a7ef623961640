/* mix.c - codes ids bit by bit down a binary tree, each bit by an adaptive
 * probability in the context of the token before. */
#include "mix.h"

#include "bpe.h"
#include "model.h"

enum { SLOT_LOG = 16, ID_BITS = 19 };

struct lp_mix {
    const struct lp_model *model;
    uint16_t p[1 << SLOT_LOG];
};

struct coder {
    uint32_t low, high, code;
    struct lp_buf *out;
    const unsigned char *in, *end;
};

enum lp_status lp_mix_new(const struct lp_model *model, bool fast, struct lp_mix **out)
{
    (void)fast;
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return LP_NOMEM;
    (*out)->model = model;
    return LP_OK;
}

void lp_mix_free(struct lp_mix *mix)
{
    free(mix);
}

static unsigned next_byte(struct coder *c)
{
    return c->in < c->end ? *c->in++ : 0;
}

/* Codes one bit; decodes it where out is NULL. */
static bool code_bit(struct coder *c, uint16_t *p, unsigned bit)
{
    uint32_t range = c->high - c->low;
    uint32_t mid = c->low + (uint32_t)((uint64_t)range * *p >> 16);
    if (c->out == NULL)
        bit = c->code <= mid;
    if (bit)
        c->high = mid;
    else
        c->low = mid + 1;
    *p = (uint16_t)(bit ? *p + ((65535 - *p) >> 4) : *p - (*p >> 4));
    while ((c->low ^ c->high) >> 24 == 0) {
        if (c->out != NULL)
            c->out->p[c->out->n++] = (unsigned char)(c->low >> 24);
        else
            c->code = c->code << 8 | next_byte(c);
        c->low <<= 8;
        c->high = c->high << 8 | 255;
    }
    return bit;
}

/* Codes an id, or the end as model->size; 19 bits. */
static uint32_t code_id(struct lp_mix *mix, struct coder *c, uint32_t before, uint32_t id)
{
    uint32_t node = 1;
    for (int i = ID_BITS - 1; i >= 0; i--) {
        uint32_t h = (before << ID_BITS ^ node * 2654435761u ^ before * 40503u) * 2246822519u;
        node = node << 1 | code_bit(c, &mix->p[h >> (32 - SLOT_LOG)], id >> i & 1);
    }
    return node ^ 1u << ID_BITS;
}

static void start(struct lp_mix *mix)
{
    for (size_t i = 0; i < sizeof mix->p / sizeof *mix->p; i++)
        mix->p[i] = 1 << 15;
}

enum lp_status lp_mix_encode(struct lp_mix *mix, const uint32_t *ids, size_t n, struct lp_buf *out)
{
    struct coder c = {.high = UINT32_MAX, .out = out};
    size_t begin = out->n;
    uint32_t before = mix->model->size;
    start(mix);
    for (size_t i = 0; i <= n; i++) {
        uint32_t id = i < n ? ids[i] : mix->model->size;
        if (i < n && id >= mix->model->size)
            return LP_DATA;
        if (!lp_buf_reserve(out, 128))
            return LP_NOMEM;
        before = code_id(mix, &c, before, id);
    }
    /* The shortest bytes that lie within, zeros after them. */
    uint32_t rest = UINT32_MAX >> 8, value = (c.low + rest) & ~rest;
    while (value < c.low || value > c.high) {
        rest >>= 8;
        value = (c.low + rest) & ~rest;
    }
    for (; value != 0; value <<= 8)
        out->p[out->n++] = (unsigned char)(value >> 24);
    while (out->n > begin && out->p[out->n - 1] == 0)
        out->n--;
    return LP_OK;
}

enum lp_status lp_mix_decode(struct lp_mix *mix, const unsigned char *in, size_t size, size_t max,
                             struct lp_ids *out)
{
    struct coder c = {.high = UINT32_MAX, .in = in, .end = in + size};
    uint32_t before = mix->model->size;
    start(mix);
    for (int i = 0; i < 4; i++)
        c.code = c.code << 8 | next_byte(&c);
    for (size_t n = 0;; n++) {
        before = code_id(mix, &c, before, 0);
        if (before == mix->model->size)
            return LP_OK;
        if (n == max || before > mix->model->size)
            return LP_DATA;
        if (!lp_ids_reserve(out, 1))
            return LP_NOMEM;
        out->v[out->n++] = before;
    }
}
