/* hostile - every flipped bit and every truncation of small streams and blobs gives the exact
 * original or an error: never other bytes, never a crash. Pushing them in pieces gives the same
 * text. */
#include "lp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *p;
    size_t n, cap;
};

static int failures;

static void must(enum lp_status status, const char *what)
{
    if (status == LP_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, lp_status_text(status));
    exit(1);
}

static enum lp_status append(void *ctx, const void *data, size_t n)
{
    struct bytes *b = ctx;
    if (n == 0)
        return LP_OK;
    if (n > b->cap - b->n) {
        b->cap = b->cap * 2 + n;
        b->p = realloc(b->p, b->cap);
        if (b->p == NULL)
            return LP_NOMEM;
    }
    memcpy(b->p + b->n, data, n);
    b->n += n;
    return LP_OK;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)need;
    *found = *(const struct lp_found *)ctx;
    return LP_OK;
}

/* Restores a stream, pushed in pieces of at most size bytes. */
static enum lp_status restore(struct lp_found *tools, const unsigned char *data, size_t n,
                              size_t size, struct bytes *text)
{
    struct lp_reader *reader;
    struct lp_reader_options options = {.find = find, .find_ctx = tools};
    must(lp_reader_new(&options, append, text, &reader), "reader");
    enum lp_status status = LP_OK;
    text->n = 0;
    for (size_t at = 0; status == LP_OK && at < n; at += size)
        status = lp_reader_push(reader, data + at, size < n - at ? size : n - at);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    lp_reader_free(reader);
    return status;
}

static void ignore_loss(void *ctx, const struct lp_loss *loss)
{
    (void)loss;
    ++*(int *)ctx;
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0; /* if n is 0, a or b may be NULL */
}

/* Recovery must terminate, and report a loss unless the text is complete. */
static void recover(struct lp_found *tools, const unsigned char *data, size_t n,
                    const struct bytes *original, const char *name, size_t where)
{
    struct lp_reader *reader;
    struct bytes text = {0};
    int losses = 0;
    struct lp_reader_options options = {
        .find = find, .find_ctx = tools, .on_loss = ignore_loss, .loss_ctx = &losses};
    must(lp_reader_new(&options, append, &text, &reader), "reader");
    enum lp_status status = lp_reader_push(reader, data, n);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    bool same = text.n == original->n && same_bytes(text.p, original->p, text.n);
    if ((status == LP_OK && (!same || losses > 0)) || (status == LP_DATA && losses == 0)) {
        fprintf(stderr, "%s: recovery at %zu: %s, %d losses\n", name, where, lp_status_text(status),
                losses);
        failures++;
    }
    lp_reader_free(reader);
    free(text.p);
}

/* The output must be a prefix of the original, and all of it on success. */
static void judge(enum lp_status status, const unsigned char *text, size_t n,
                  const struct bytes *original, const char *name, const char *what, size_t where)
{
    bool prefix = n <= original->n && same_bytes(text, original->p, n);
    if (prefix && (status != LP_OK || n == original->n))
        return;
    fprintf(stderr, "%s: %s at %zu: wrong bytes (%s)\n", name, what, where, lp_status_text(status));
    failures++;
}

static void damage_stream(struct lp_found *tools, struct bytes *stream,
                          const struct bytes *original, const char *name)
{
    struct bytes text = {0};
    for (size_t size = 1; size <= stream->n; size = size * 3 + 1) {
        must(restore(tools, stream->p, stream->n, size, &text), name);
        judge(LP_OK, text.p, text.n, original, name, "pieces of", size);
    }
    for (size_t bit = 0; bit < 8 * stream->n; bit++) {
        stream->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        enum lp_status status = restore(tools, stream->p, stream->n, stream->n, &text);
        judge(status, text.p, text.n, original, name, "flipped bit", bit);
        recover(tools, stream->p, stream->n, original, name, bit);
        stream->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t n = 0; n < stream->n; n++) {
        enum lp_status status = restore(tools, stream->p, n, stream->n, &text);
        judge(status, text.p, text.n, original, name, "cut", n);
        if (status == LP_OK) {
            fprintf(stderr, "%s: cut at %zu: not noticed\n", name, n);
            failures++;
        }
        recover(tools, stream->p, n, original, name, n);
    }
    free(text.p);
}

static void damage_blob(struct lp_codec *codec, struct bytes *blob, const struct bytes *original,
                        const char *name)
{
    const void *text;
    size_t n;
    for (size_t bit = 0; bit < 8 * blob->n; bit++) {
        blob->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        enum lp_status status = lp_unpack(codec, blob->p, blob->n, NULL, NULL, &text, &n);
        judge(status, text, status == LP_OK ? n : 0, original, name, "blob bit", bit);
        blob->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < blob->n; cut++) {
        enum lp_status status = lp_unpack(codec, blob->p, cut, NULL, NULL, &text, &n);
        judge(status, text, status == LP_OK ? n : 0, original, name, "blob cut", cut);
    }
}

static void test(struct lp_options options, const char *text, size_t n, const char *name)
{
    struct lp_found tools = {.vocab = options.vocab, .model = options.model};
    struct bytes stream = {0}, copy = {0}, original = {0};
    struct lp_writer *writer;
    must(append(&original, text, n), name);
    must(lp_writer_new(&options, append, &stream, &writer), name);
    must(lp_writer_push(writer, text, n), name);
    must(lp_writer_end_record(writer), name);
    must(lp_writer_push(writer, text, 0), name);
    must(lp_writer_finish(writer), name);
    lp_writer_free(writer);
    damage_stream(&tools, &stream, &original, name);
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    must(lp_codec_new(&options, &codec), name);
    must(lp_pack(codec, text, n, &blob, &size), name);
    must(append(&copy, blob, size), name);
    damage_blob(codec, &copy, &original, name);
    lp_codec_free(codec);
    free(stream.p);
    free(copy.p);
    free(original.p);
}

/* usage: hostile VOCAB_FILE MODEL_FILE */
int main(int argc, char **argv)
{
    static const char prompt[] = "You are a helpful assistant.\nAnswer briefly, in French.\n\n"
                                 "You are a helpful assistant.\nAnswer at length, in German.\n";
    struct lp_vocab *vocab;
    struct lp_model *model;
    char large[5000], noise[600];
    uint32_t seed = 7;
    if (argc != 3)
        return 2;
    must(lp_vocab_open(argv[1], &vocab), argv[1]);
    must(lp_model_open(argv[2], &model), argv[2]);
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = prompt[i * 7 / 3 % (sizeof prompt - 1)];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    static const struct {
        enum lp_chain chain;
        enum lp_split split;
        const char *name;
    } kinds[] = {
        {LP_CHAIN_TEXT, LP_WHOLE, "text"},
        {LP_CHAIN_TEXT_ZSTD, LP_LINES, "text, zstd, lines"},
        {LP_CHAIN_TOKENS, LP_WHOLE, "tokens"},
        {LP_CHAIN_TOKENS, LP_LINES, "tokens, lines"},
        {LP_CHAIN_TOKENS_ZSTD, LP_WHOLE, "tokens, zstd"},
        {LP_CHAIN_TOKENS_ZSTD, LP_NUL, "tokens, zstd, nul"},
        {LP_CHAIN_TOKENS_MIX, LP_WHOLE, "tokens, mix"},
        {LP_CHAIN_TOKENS_MIX, LP_LINES, "tokens, mix, fast, lines"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct lp_options options = {.chain = kinds[i].chain,
                                     .split = kinds[i].split,
                                     .vocab = vocab,
                                     .model = model,
                                     .fast = kinds[i].split == LP_LINES,
                                     .block_size = LP_BLOCK_MIN};
        test(options, prompt, sizeof prompt - 1, kinds[i].name);
        if (options.chain == LP_CHAIN_TOKENS_MIX)
            continue; /* too slow: each of thousands of decodings sets up the model */
        test(options, noise, sizeof noise, kinds[i].name);
        test(options, large, sizeof large, kinds[i].name);
        test(options, "", 0, kinds[i].name);
    }
    lp_model_close(model);
    lp_vocab_close(vocab);
    return failures > 0;
}
