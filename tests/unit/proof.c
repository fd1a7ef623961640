/* proof - a packer hands out nothing that does not restore. A faulty dictionary and a faulty
 * vocabulary pack differently than they unpack. Every way of packing must return LP_INTERNAL and
 * hand out no block. Unverified, the block does go out, which shows that the fault was there. */
#include "block/dict.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static int failures;

static void expect(bool holds, const char *what, enum lp_chain chain)
{
    if (holds)
        return;
    fprintf(stderr, "proof: %s, chain %d\n", what, (int)chain);
    failures++;
}

static unsigned char text[200000], stream[1 << 20];
static size_t stream_size;

/* Sentences of words in a random order, which are smaller as tokens than as text. */
static void make_text(void)
{
    static const char *const words[] = {
        "of",      " all", " the",     " lines",  " that",   " one",    " can",   " write",
        " this",   " is",  " plainly", ".",       " number", " method", " every", " when",
        " output", ",",    " whose",   " reader", " knows",  " which",  " token", " it"};
    uint32_t seed = 1;
    for (size_t i = 0, n; i < sizeof text; i += n) {
        seed = seed * 1664525 + 1013904223;
        const char *word = words[(seed >> 16) % (sizeof words / sizeof *words)];
        n = strlen(word) < sizeof text - i ? strlen(word) : sizeof text - i;
        memcpy(text + i, word, n);
    }
}

/* --- Faults ----------------------------------------------------------------------------- */

/* A dictionary that packs with one content and unpacks with another: some text and its codes, and a
 * copy of them with a bit flipped in each byte. */
static struct lp_dict two_contents(const struct lp_vocab *v)
{
    enum { SOME = 4000 };
    static unsigned char content[2][2 * SOME];
    const struct lp_options o = {.vocab = v};
    struct lp_codec *codec;
    const uint32_t *ids = NULL;
    size_t nids = 0, n = SOME;
    expect(lp_codec_new(&o, &codec) == LP_OK && lp_encode(codec, text, SOME, &ids, &nids) == LP_OK,
           "no tokens", LP_CHAIN_TOKENS);
    memcpy(content[0], text, SOME);
    n += lp_codes_from_ids(v, ids, nids < SOME / LP_CODE_MAX ? nids : SOME / LP_CODE_MAX,
                           content[0] + SOME);
    lp_codec_free(codec);
    for (size_t i = 0; i < n; i++)
        content[1][i] = content[0][i] ^ 1;
    return (struct lp_dict){
        .data = content[0], .size = n, .fingerprint = 1, .ddict = ZSTD_createDDict(content[1], n)};
}

/* A vocabulary that swaps the codes of two tokens when packing. */
static struct lp_vocab swap_ranks(const struct lp_vocab *v, uint32_t **ranks)
{
    struct lp_vocab other = *v;
    const uint32_t a = lp_vocab_find(v, (const unsigned char *)" the", 4);
    const uint32_t b = lp_vocab_find(v, (const unsigned char *)" one", 4);
    *ranks = malloc(v->header->size * sizeof **ranks);
    memcpy(*ranks, v->rank, v->header->size * sizeof **ranks);
    (*ranks)[a] = v->rank[b];
    (*ranks)[b] = v->rank[a];
    other.rank = *ranks;
    return other;
}

/* A vocabulary that takes one word for another. */
static struct lp_vocab swap_words(const struct lp_vocab *v, uint32_t **entries)
{
    struct lp_vocab other = *v;
    const unsigned char the[] = " the";
    const uint32_t it = lp_vocab_find(v, (const unsigned char *)" it", 3);
    const struct lp_key key = lp_key_of(the, 4);
    const size_t size = (size_t)LP_HALF_ENTRY * v->header->halves.size * sizeof **entries;
    const size_t at =
        (size_t)(lp_vocab_entry(v, key, lp_key_hash(key)) - v->halves.entry) + LP_HALF_ENTRY - 1;
    *entries = malloc(size);
    memcpy(*entries, v->halves.entry, size);
    (*entries)[at] = lp_seal(it, lp_key_hash((struct lp_key){.a = lp_half_key(key)}));
    other.halves.entry = *entries;
    return other;
}

/* --- Ways of packing -------------------------------------------------------------------- */

static enum lp_status keep(void *ctx, const void *data, size_t n)
{
    (void)ctx;
    if (n > sizeof stream - stream_size)
        return LP_LIMIT;
    memcpy(stream + stream_size, data, n);
    stream_size += n;
    return LP_OK;
}

static enum lp_status pack_blob(const struct lp_options *o)
{
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    enum lp_status status = lp_codec_new(o, &codec);
    if (status == LP_OK)
        status = lp_pack(codec, text, 5000, &blob, &size);
    lp_codec_free(codec);
    return status;
}

static enum lp_status write_stream(const struct lp_options *o)
{
    struct lp_writer *writer;
    stream_size = 0;
    enum lp_status status = lp_writer_new(o, keep, NULL, &writer);
    for (size_t at = 0; status == LP_OK && at < sizeof text; at += 10000) {
        status = lp_writer_push(writer, text + at, 10000);
        if (status == LP_OK)
            status = lp_writer_end_record(writer);
    }
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    lp_writer_free(writer);
    return status;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)need;
    *found = *(const struct lp_found *)ctx;
    return LP_OK;
}

/* Adds a stage to a stream of tokens, which that vocabulary made, in blocks of that size. */
static enum lp_status stage(const struct lp_options *o, const struct lp_vocab *made_by,
                            size_t block_size)
{
    static unsigned char tokens[sizeof stream];
    struct lp_options sound = {
        .chain = LP_CHAIN_TOKENS, .vocab = made_by, .block_size = block_size};
    struct lp_recoder *stage;
    expect(write_stream(&sound) == LP_OK, "a sound stream is not written", sound.chain);
    const size_t n = stream_size;
    memcpy(tokens, stream, n);
    stream_size = 0;
    struct lp_found found = {.vocab = o->vocab, .dict = o->dict};
    enum lp_status status = lp_recoder_new(o, find, &found, keep, NULL, &stage);
    if (status == LP_OK)
        status = lp_recoder_push(stage, tokens, n);
    if (status == LP_OK)
        status = lp_recoder_finish(stage);
    lp_recoder_free(stage);
    return status;
}

static enum lp_status restage(const struct lp_options *o)
{
    const struct lp_options sound = {.chain = LP_CHAIN_TOKENS, .vocab = o->vocab};
    struct lp_codec *codec, *other = NULL;
    struct lp_found found = {.vocab = o->vocab, .dict = o->dict};
    const void *blob = NULL, *out;
    size_t size = 0, n;
    enum lp_status status = lp_codec_new(&sound, &codec);
    expect(status == LP_OK && lp_pack(codec, text, 5000, &blob, &size) == LP_OK,
           "a sound blob is not packed", sound.chain);
    if (status == LP_OK)
        status = lp_codec_new(o, &other);
    if (status == LP_OK)
        status = lp_recode(other, blob, size, find, &found, &out, &n);
    lp_codec_free(codec);
    lp_codec_free(other);
    return status;
}

/* --- Tests ------------------------------------------------------------------------------ */

/* Whether no more than a segment's header went out. */
static bool no_block(void)
{
    enum { HEADER_MOST = 80 };
    return stream_size < HEADER_MOST;
}

/* Packs in all ways with options that have a fault. */
static void test_faulty(const struct lp_options *faulty)
{
    struct lp_options o = *faulty;
    for (o.threads = 1; o.threads <= 3; o.threads++) {
        expect(write_stream(&o) == LP_INTERNAL, "a stream that does not restore is written",
               o.chain);
        expect(no_block(), "a block that does not restore went out", o.chain);
    }
    expect(pack_blob(&o) == LP_INTERNAL, "a blob that does not restore is packed", o.chain);
    o.unverified = true;
    expect(write_stream(&o) == LP_OK && !no_block(), "unverified, no stream is written", o.chain);
    expect(pack_blob(&o) == LP_OK, "unverified, no blob is packed", o.chain);
}

static void test_zstd(const struct lp_vocab *v)
{
    struct lp_dict faulty = two_contents(v);
    struct lp_options o = {.vocab = v, .dict = &faulty, .block_size = 1 << 14, .level = 3};
    for (o.chain = LP_CHAIN_TEXT_ZSTD; o.chain <= LP_CHAIN_TOKENS_ZSTD; o.chain += 2)
        test_faulty(&o);
    o.chain = LP_CHAIN_TOKENS_ZSTD;
    for (o.threads = 1; o.threads <= 3; o.threads++) {
        expect(stage(&o, v, 1 << 14) == LP_INTERNAL, "a block that does not restore is staged",
               o.chain);
        expect(no_block(), "a staged block that does not restore went out", o.chain);
    }
    expect(restage(&o) == LP_INTERNAL, "a blob that does not restore is restaged", o.chain);
    o.unverified = true;
    expect(stage(&o, v, 1 << 14) == LP_OK && restage(&o) == LP_OK, "unverified, nothing is staged",
           o.chain);
    ZSTD_freeDDict(faulty.ddict);
}

static void test_codes(const struct lp_vocab *v, const struct lp_model *model)
{
    uint32_t *ranks;
    const struct lp_vocab faulty = swap_ranks(v, &ranks);
    struct lp_options o = {.vocab = &faulty, .model = model, .block_size = 1 << 14, .level = 3};
    for (o.chain = LP_CHAIN_TOKENS; o.chain <= LP_CHAIN_TOKENS_MIX; o.chain++)
        test_faulty(&o);
    free(ranks);
}

/* Makes most of each record bytes that have a token each, of two bytes or three, but repeat
 * themselves: it is stored as text until it is compressed. */
static void fill_in(void)
{
    static const unsigned char bytes[] = {0xF1, 0x9C, 0x02, 0xE3, 0x13, 0xC7, 0x8B};
    for (size_t i = 0; i < sizeof text; i++) {
        if (i % 10000 >= 4000)
            text[i] = bytes[i % sizeof bytes];
    }
}

/* Blocks of text are tokenised when a stage is added. */
static void test_tokenised(const struct lp_vocab *v, const struct lp_model *model)
{
    uint32_t *ranks;
    const struct lp_vocab faulty = swap_ranks(v, &ranks);
    struct lp_options o = {.vocab = &faulty, .model = model, .level = 3};
    fill_in();
    for (o.chain = LP_CHAIN_TOKENS_ZSTD; o.chain <= LP_CHAIN_TOKENS_MIX; o.chain++) {
        o.unverified = false;
        for (o.threads = 1; o.threads <= 3; o.threads++) {
            expect(stage(&o, v, 1 << 14) == LP_INTERNAL, "tokens that are not the text are staged",
                   o.chain);
            expect(no_block(), "a block of them went out", o.chain);
        }
        o.unverified = true;
        expect(stage(&o, v, 1 << 14) == LP_OK, "unverified, nothing is staged", o.chain);
    }
    free(ranks);
}

/* Records that blocks cut are tokenised anew when they are given a window. */
static void test_window(const struct lp_vocab *v)
{
    uint32_t *entries;
    const struct lp_vocab faulty = swap_words(v, &entries);
    struct lp_options o = {.chain = LP_CHAIN_TOKENS, .vocab = &faulty, .window = 1 << 20};
    expect(stage(&o, v, 1 << 12) == LP_INTERNAL, "another text gets a window", o.chain);
    expect(no_block(), "a block of it went out", o.chain);
    o.unverified = true;
    expect(stage(&o, v, 1 << 12) != LP_OK || !no_block(), "unverified, nothing went out", o.chain);
    o = (struct lp_options){.chain = LP_CHAIN_TOKENS, .vocab = v, .window = 1 << 20};
    expect(stage(&o, v, 1 << 12) == LP_OK, "no text gets a window", o.chain);
    free(entries);
}

static void test_sound(const struct lp_vocab *v)
{
    struct lp_options o = {.vocab = v, .block_size = 1 << 14, .level = 3};
    for (o.chain = LP_CHAIN_TEXT; o.chain <= LP_CHAIN_TOKENS_ZSTD; o.chain++) {
        expect(write_stream(&o) == LP_OK && pack_blob(&o) == LP_OK, "nothing is packed", o.chain);
        o.unverified = !o.unverified;
    }
}

/* usage: proof VOCAB_FILE MODEL_FILE */
int main(int argc, char **argv)
{
    struct lp_vocab *v;
    struct lp_model *model;
    if (argc != 3 || lp_vocab_open(argv[1], &v) != LP_OK ||
        lp_model_open(argv[2], &model) != LP_OK) {
        fputs("proof: cannot open the vocabulary and the model\n", stderr);
        return 1;
    }
    make_text();
    test_sound(v);
    test_zstd(v);
    test_codes(v, model);
    test_window(v);
    test_tokenised(v, model);
    lp_model_close(model);
    lp_vocab_close(v);
    return failures > 0;
}
