/* compare.c - what two texts share: runs of tokens that stand in both, the longest first found from
 * the left. */
#include "lpweb/api.h"

#include "shared/json.h"

#include <stdlib.h>
#include <string.h>

/* A run shorter than this is chance more often than not. */
enum { RUN_MIN = 4, TRIES = 64 };

static const uint32_t none = UINT32_MAX;

/* Tokens, and where each begins in its text. */
struct tokens {
    uint32_t *ids;
    size_t *at; /* n + 1 */
    size_t n;
};

/* Where each run of RUN_MIN tokens stands: the last place by its hash, and the one before each. */
struct places {
    uint32_t *last, *before;
    uint32_t mask;
};

static struct tokens tokens_of(const struct call *call, const struct lp_vocab *vocab,
                               const unsigned char *text, size_t n)
{
    const struct lp_options options = {.chain = LP_CHAIN_TOKENS, .vocab = vocab};
    struct tokens t = {0};
    struct lp_codec *codec;
    const uint32_t *ids;
    api_check(call, lp_codec_new(&options, &codec));
    api_check(call, lp_encode(codec, text, n, &ids, &t.n));
    t.ids = tool_realloc(call->tool, NULL, t.n, sizeof *t.ids);
    t.at = tool_realloc(call->tool, NULL, t.n + 1, sizeof *t.at);
    t.at[0] = 0;
    for (size_t i = 0; i < t.n; i++) {
        size_t size = 0;
        t.ids[i] = ids[i];
        lp_vocab_token(vocab, ids[i], &size);
        t.at[i + 1] = t.at[i] + size;
    }
    lp_codec_free(codec);
    return t;
}

static uint32_t hash(const uint32_t *ids, uint32_t mask)
{
    uint32_t h = 0;
    for (size_t i = 0; i < RUN_MIN; i++)
        h = (h ^ ids[i]) * UINT32_C(0x9E3779B1); /* the golden ratio, as Knuth multiplies */
    return (h >> 7) & mask;
}

static struct places find_places(const struct call *call, const struct tokens *t)
{
    struct places p = {.mask = 1023};
    while (p.mask < t->n)
        p.mask = p.mask * 2 + 1;
    p.last = tool_realloc(call->tool, NULL, (size_t)p.mask + 1, sizeof *p.last);
    p.before = tool_realloc(call->tool, NULL, t->n, sizeof *p.before);
    memset(p.last, 0xFF, ((size_t)p.mask + 1) * sizeof *p.last);
    for (size_t i = 0; i + RUN_MIN <= t->n; i++) {
        const uint32_t h = hash(t->ids + i, p.mask);
        p.before[i] = p.last[h];
        p.last[h] = (uint32_t)i;
    }
    return p;
}

static size_t run_length(const struct tokens *a, size_t i, const struct tokens *b, size_t j)
{
    size_t n = 0;
    while (i + n < a->n && j + n < b->n && a->ids[i + n] == b->ids[j + n])
        n++;
    return n;
}

/* The longest run of text from its token i on that stands beside; 0 for none. */
static size_t longest(const struct tokens *text, size_t i, const struct tokens *beside,
                      const struct places *places, size_t *where)
{
    size_t best = 0;
    if (i + RUN_MIN > text->n)
        return 0;
    uint32_t j = places->last[hash(text->ids + i, places->mask)];
    for (size_t tries = 0; j != none && tries < TRIES; tries++, j = places->before[j]) {
        const size_t n = run_length(text, i, beside, j);
        if (n >= RUN_MIN && n > best) {
            best = n;
            *where = j;
        }
    }
    return best;
}

/* Writes where a run begins in both texts, and its size, in bytes. */
static void put_run(struct json *json, const struct tokens *text, size_t i,
                    const struct tokens *beside, size_t j, size_t n)
{
    json_open(json, NULL, '[');
    json_count(json, NULL, text->at[i]);
    json_count(json, NULL, beside->at[j]);
    json_count(json, NULL, text->at[i + n] - text->at[i]);
    json_close(json, ']');
}

static void put_shared(struct json *json, const struct tokens *text, const struct tokens *beside,
                       const struct places *places)
{
    uint64_t tokens = 0, bytes = 0;
    json_open_flat(json, "shared", '[');
    for (size_t i = 0, j = 0, n; i<text->n; i += n> 0 ? n : 1) {
        n = longest(text, i, beside, places, &j);
        if (n == 0)
            continue;
        put_run(json, text, i, beside, j, n);
        tokens += n;
        bytes += text->at[i + n] - text->at[i];
    }
    json_close(json, ']');
    json_count(json, "shared_tokens", tokens);
    json_count(json, "shared_bytes", bytes);
}

void answer_compare(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const struct lp_vocab *vocab = api_vocab(call);
    struct tokens beside = tokens_of(call, vocab, call->beside, call->nbeside);
    struct tokens text = tokens_of(call, vocab, call->text, call->ntext);
    struct places places = find_places(call, &beside);
    json_open(&json, NULL, '{');
    json_count(&json, "beside_tokens", beside.n);
    json_count(&json, "tokens", text.n);
    json_count(&json, "bytes", call->ntext);
    put_shared(&json, &text, &beside, &places);
    json_close(&json, '}');
    free(places.last);
    free(places.before);
    free(beside.ids);
    free(beside.at);
    free(text.ids);
    free(text.at);
}
