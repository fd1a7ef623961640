/* api - every call of liblp when memory, files or threads fail it, the Nth time it asks: it says
 * so, gives back all memory, and what may be used on afterwards gives the right bytes.
 *
 * usage: api [-v] VOCAB_FILE MODEL_FILE [SCENARIO] */
#include "inject.h"
#include "lp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>

enum { TEXT = 5000, ROOM = 1 << 16, PIECE = 700 };

static const char *vocab_file, *model_file, *any_file;
static struct lp_vocab *vocab;
static struct lp_model *model;
static struct lp_dict *dict;
static unsigned char text[TEXT];
static unsigned char parents[2][TEXT]; /* of the text: it repeats most of one, some of the other */
static const size_t parent_sizes[] = {TEXT, TEXT / 4};
static const struct inject *plan; /* of the run */
static bool met;
static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "api.c:%d: %s: %s %ld%s, error %d\n", __LINE__, #condition,            \
                    plan->call, plan->at, plan->on ? " and on" : "", plan->error);                 \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* From here on nothing fails. */
static void calm(void)
{
    met = inject_stop() || met;
}

/* Does a call; where it fails, does it once more when nothing does, which has to succeed. */
#define TWICE(status, doing)                                                                       \
    do {                                                                                           \
        status = (doing);                                                                          \
        if (status != LP_OK) {                                                                     \
            const int error_ = errno;                                                              \
            calm();                                                                                \
            CHECK((doing) == LP_OK);                                                               \
            errno = error_;                                                                        \
        }                                                                                          \
    } while (0)

struct bytes {
    unsigned char p[ROOM];
    size_t n;
};

static enum lp_status take(void *ctx, const void *data, size_t n)
{
    struct bytes *to = ctx;
    if (n > ROOM - to->n)
        return LP_LIMIT;
    memcpy(to->p + to->n, data, n);
    to->n += n;
    return LP_OK;
}

static bool is_text(const void *data, size_t n)
{
    return n == TEXT && memcmp(data, text, n) == 0;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    *found = (struct lp_found){0};
    if (need->what == LP_NEED_VOCAB)
        found->vocab = vocab;
    else if (need->what == LP_NEED_MODEL)
        found->model = model;
    else if (need->what == LP_NEED_DICT)
        found->dict = dict;
    for (int i = 0; i < 2 && need->what == LP_NEED_PARENT; i++) {
        if (lp_check(parents[i], parent_sizes[i]) == need->fingerprint)
            *found = (struct lp_found){.parent = parents[i], .parent_size = parent_sizes[i]};
    }
    return LP_OK;
}

/* --- Files ------------------------------------------------------------------------------- */

static enum lp_status vocabularies(int variant)
{
    struct lp_vocab *v = NULL;
    enum lp_status status =
        variant == 0 ? lp_vocab_open(vocab_file, &v) : lp_vocab_load(vocab_file, &v);
    const int saved = errno;
    CHECK((status == LP_OK) == (v != NULL));
    lp_vocab_close(v);
    errno = saved;
    return status;
}

static enum lp_status models(int variant)
{
    struct lp_model *m = NULL;
    enum lp_status status =
        variant == 0 ? lp_model_open(model_file, &m) : lp_model_load(model_file, &m);
    if (status == LP_OK)
        TWICE(status, lp_model_verify(m));
    const int saved = errno;
    CHECK(status != LP_OK || m != NULL);
    lp_model_close(m);
    errno = saved;
    return status;
}

static struct bytes trained; /* a dictionary with zstd's tables */

static enum lp_status dictionaries(int variant)
{
    struct lp_dict *d = NULL;
    enum lp_status status = variant == 0   ? lp_dict_open(any_file, &d) /* bytes, not trained */
                            : variant == 1 ? lp_dict_open_memory(text, TEXT, true, &d)
                                           : lp_dict_open_memory(trained.p, trained.n, true, &d);
    const int saved = errno;
    CHECK((status == LP_OK) == (d != NULL));
    lp_dict_close(d);
    errno = saved;
    return status;
}

static enum lp_status catalogues(int variant)
{
    struct lp_catalog *c = NULL;
    const struct lp_vocab *v;
    const struct lp_model *m = NULL;
    enum lp_status status = lp_catalog_default(&c);
    if (status == LP_OK && variant == 1)
        lp_catalog_load(c);
    if (status == LP_OK)
        TWICE(status, lp_catalog_vocab(c, "gpt-4", &v));
    if (status == LP_OK)
        TWICE(status, lp_catalog_model(c, v, &m));
    const int saved = errno;
    lp_catalog_free(c);
    errno = saved;
    return status;
}

/* --- One record -------------------------------------------------------------------------- */

static enum lp_status tokenisers(int variant)
{
    struct lp_tok *tok = NULL;
    struct lp_ids ids = {0};
    size_t n = 0, len;
    enum lp_status status = lp_tok_new(vocab, variant == 1, &tok);
    for (size_t at = 0; status == LP_OK && at < TEXT; at += PIECE) {
        const size_t piece = TEXT - at < PIECE ? TEXT - at : PIECE;
        status = lp_tok_push(tok, text + at, piece, at + piece == TEXT, &ids);
    }
    if (status != LP_OK && tok != NULL) {
        calm();
        ids.n = 0;
        lp_tok_reset(tok);
        CHECK(lp_tok_push(tok, text, TEXT, true, &ids) == LP_OK);
    }
    for (size_t i = 0; i < ids.n; n += len, i++) {
        const unsigned char *token = lp_vocab_token(vocab, ids.v[i], &len);
        if (token == NULL || len > TEXT - n || memcmp(token, text + n, len) != 0)
            break;
    }
    CHECK(tok == NULL || n == TEXT);
    lp_tok_free(tok);
    free(ids.v);
    return status;
}

static const struct chain {
    enum lp_chain chain;
    bool dict, fast, window;
} chains[] = {
    {LP_CHAIN_TEXT, false, false, false},       {LP_CHAIN_TEXT_ZSTD, true, false, false},
    {LP_CHAIN_TOKENS, false, false, false},     {LP_CHAIN_TOKENS_ZSTD, false, false, false},
    {LP_CHAIN_TOKENS_ZSTD, true, false, false}, {LP_CHAIN_TOKENS_MIX, false, false, false},
    {LP_CHAIN_TOKENS_MIX, false, true, false},  {LP_CHAIN_TOKENS, false, false, true},
    {LP_CHAIN_TOKENS_ZSTD, false, false, true}, {LP_CHAIN_TOKENS_MIX, false, false, true}};
enum {
    CHAINS = sizeof chains / sizeof *chains,
    STAGES_FROM = LP_CHAIN_TOKENS_ZSTD,
    WINDOWS_FROM = LP_CHAIN_TOKENS_MIX + 3, /* no difference to blobs */
};

static struct lp_options options_of(int variant)
{
    const struct chain *c = &chains[variant % CHAINS];
    return (struct lp_options){.chain = c->chain,
                               .vocab = c->chain >= LP_CHAIN_TOKENS ? vocab : NULL,
                               .model = c->chain == LP_CHAIN_TOKENS_MIX ? model : NULL,
                               .dict = c->dict ? dict : NULL,
                               .fast = c->fast,
                               .window = c->window ? 4 * LP_BLOCK_MIN : 0,
                               .key = 3 * LP_BLOCK_MIN,
                               .level = 3,
                               .block_size = LP_BLOCK_MIN,
                               .threads = variant < CHAINS ? 1 : 2};
}

/* What each chain packs when nothing fails. */
static struct bytes blobs[CHAINS], streams[CHAINS];

static enum lp_status pack(int variant)
{
    struct lp_options o = options_of(variant);
    struct lp_codec *codec = NULL;
    const void *blob = NULL;
    size_t n = 0;
    enum lp_status status = lp_codec_new(&o, &codec);
    if (status == LP_OK) {
        TWICE(status, lp_pack(codec, text, TEXT, &blob, &n));
        CHECK(n == blobs[variant].n && memcmp(blob, blobs[variant].p, n) == 0);
    }
    lp_codec_free(codec);
    return status;
}

static enum lp_status unpack(int variant)
{
    const struct bytes *blob = &blobs[variant];
    struct lp_codec *codec = NULL;
    const void *got = NULL;
    const uint32_t *ids;
    size_t n = 0, nids = 0, count = 0;
    enum lp_status status = lp_codec_new(&(struct lp_options){.vocab = vocab}, &codec);
    if (status == LP_OK) {
        TWICE(status, lp_unpack(codec, blob->p, blob->n, find, NULL, &got, &n));
        CHECK(is_text(got, n));
    }
    if (status == LP_OK)
        TWICE(status, lp_unpack_ids(codec, blob->p, blob->n, find, NULL, &ids, &nids));
    if (status == LP_OK) {
        TWICE(status, lp_blob_count(codec, blob->p, blob->n, find, NULL, &count));
        CHECK(count == nids);
    }
    lp_codec_free(codec);
    return status;
}

/* A blob of tokens is compressed further. */
static enum lp_status recode_blob(int variant)
{
    struct lp_options o = options_of(STAGES_FROM + variant);
    const struct bytes *from = &blobs[LP_CHAIN_TOKENS], *to = &blobs[STAGES_FROM + variant];
    struct lp_codec *codec = NULL;
    const void *blob = NULL;
    size_t n = 0;
    enum lp_status status = lp_codec_new(&o, &codec);
    if (status == LP_OK) {
        TWICE(status, lp_recode(codec, from->p, from->n, find, NULL, &blob, &n));
        CHECK(n == to->n && memcmp(blob, to->p, n) == 0);
    }
    lp_codec_free(codec);
    return status;
}

/* Blobs of the text with a parent. Those of one family have the same parent. */
enum { CHILDREN = WINDOWS_FROM - LP_CHAIN_TOKENS };
static struct bytes children[2][CHILDREN];

static struct lp_options options_of_child(int variant)
{
    return options_of(LP_CHAIN_TOKENS + variant % CHILDREN);
}

static enum lp_status pack_child(int variant)
{
    struct lp_options o = options_of_child(variant);
    const int family = variant / CHILDREN;
    const struct bytes *to = &children[family][variant % CHILDREN];
    struct lp_codec *codec = NULL;
    const void *blob = NULL;
    size_t n = 0;
    enum lp_status status = lp_codec_new(&o, &codec);
    if (status == LP_OK)
        TWICE(status, lp_codec_parent(codec, parents[family], parent_sizes[family]));
    if (status == LP_OK) {
        TWICE(status, lp_pack(codec, text, TEXT, &blob, &n));
        CHECK(n == to->n && memcmp(blob, to->p, n) == 0);
    }
    lp_codec_free(codec);
    return status;
}

static enum lp_status unpack_child(int variant)
{
    const struct bytes *blob = &children[variant / CHILDREN][variant % CHILDREN];
    struct lp_codec *codec = NULL;
    const void *got = NULL;
    const uint32_t *ids;
    size_t n = 0, nids = 0, count = 0;
    enum lp_status status = lp_codec_new(NULL, &codec);
    if (status == LP_OK) {
        TWICE(status, lp_unpack(codec, blob->p, blob->n, find, NULL, &got, &n));
        CHECK(is_text(got, n));
    }
    if (status == LP_OK)
        TWICE(status, lp_unpack_ids(codec, blob->p, blob->n, find, NULL, &ids, &nids));
    if (status == LP_OK) {
        TWICE(status, lp_blob_count(codec, blob->p, blob->n, find, NULL, &count));
        CHECK(count == nids);
    }
    lp_codec_free(codec);
    return status;
}

/* A blob of tokens with a parent is compressed further; one without is given the parent too. */
static enum lp_status recode_child(int variant)
{
    struct lp_options o = options_of_child(variant);
    const int family = variant / CHILDREN % 2;
    const bool has_parent = variant < 2 * CHILDREN;
    const struct bytes *from = has_parent ? &children[family][0] : &blobs[LP_CHAIN_TOKENS];
    const struct bytes *to = &children[family][variant % CHILDREN];
    struct lp_codec *codec = NULL;
    const void *blob = NULL;
    size_t n = 0;
    enum lp_status status = lp_codec_new(&o, &codec);
    if (status == LP_OK && !has_parent)
        TWICE(status, lp_codec_parent(codec, parents[family], parent_sizes[family]));
    if (status == LP_OK) {
        TWICE(status, lp_recode(codec, from->p, from->n, find, NULL, &blob, &n));
        CHECK(n == to->n && memcmp(blob, to->p, n) == 0);
    }
    lp_codec_free(codec);
    return status;
}

static enum lp_status costs(int variant)
{
    struct lp_options o = options_of(LP_CHAIN_TOKENS_MIX + 1 + variant);
    struct lp_codec *codec = NULL;
    const uint32_t *ids;
    const void *decoded = NULL;
    size_t nids, n = 0;
    double bits[TEXT];
    enum lp_status status = lp_codec_new(&o, &codec);
    if (status == LP_OK)
        TWICE(status, lp_encode(codec, text, TEXT, &ids, &nids));
    if (status == LP_OK)
        TWICE(status, lp_cost(codec, ids, nids, bits));
    if (status == LP_OK) {
        TWICE(status, lp_decode(codec, ids, nids, &decoded, &n));
        CHECK(is_text(decoded, n));
    }
    lp_codec_free(codec);
    return status;
}

static enum lp_status lopace(int variant)
{
    const enum lp_lopace kind = (enum lp_lopace)variant;
    struct lp_codec *codec = NULL;
    const void *blob = NULL, *got = NULL;
    struct bytes copy = {.n = 0};
    size_t n = 0;
    enum lp_status status = lp_codec_new(&(struct lp_options){.vocab = vocab}, &codec);
    if (status == LP_OK)
        TWICE(status, lp_lopace_pack(codec, kind, text, TEXT, &blob, &n));
    if (status == LP_OK) {
        take(&copy, blob, n);
        TWICE(status, lp_lopace_unpack(codec, kind, copy.p, copy.n, TEXT, &got, &n));
        CHECK(is_text(got, n));
    }
    lp_codec_free(codec);
    return status;
}

/* --- Streams ----------------------------------------------------------------------------- */

static enum lp_status write_stream(int variant, struct bytes *out)
{
    struct lp_options o = options_of(variant);
    struct lp_writer *writer = NULL;
    enum lp_status status = lp_writer_new(&o, take, out, &writer);
    for (size_t at = 0; status == LP_OK && at < TEXT; at += PIECE) {
        status = lp_writer_push(writer, text + at, TEXT - at < PIECE ? TEXT - at : PIECE);
        if (status == LP_OK)
            status = lp_writer_end_record(writer);
    }
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    lp_writer_free(writer);
    return status;
}

static enum lp_status writer(int variant)
{
    static struct bytes out;
    const struct bytes *expected = &streams[variant % CHAINS];
    out.n = 0;
    enum lp_status status = write_stream(variant, &out);
    CHECK(status == LP_OK ? out.n == expected->n : out.n < expected->n); /* never a whole one */
    CHECK(memcmp(out.p, expected->p, out.n) == 0);
    return status;
}

static void on_loss(void *ctx, const struct lp_loss *loss)
{
    (void)loss;
    ++*(int *)ctx;
}

/* Reads a chain's stream; recovers what is damaged, where losses is not NULL. */
static enum lp_status read_stream(int variant, int *losses)
{
    static struct bytes out;
    const struct bytes *in = &streams[variant % CHAINS];
    struct lp_reader_options o = {.find = find,
                                  .threads = variant < CHAINS ? 1 : 2,
                                  .on_loss = losses != NULL ? on_loss : NULL,
                                  .loss_ctx = losses};
    struct lp_reader *reader = NULL;
    out.n = 0;
    enum lp_status status = lp_reader_new(&o, take, &out, &reader);
    for (size_t at = 0; status == LP_OK && at < in->n; at += PIECE)
        status = lp_reader_push(reader, in->p + at, in->n - at < PIECE ? in->n - at : PIECE);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    CHECK(memcmp(out.p, text, out.n) == 0 && (status != LP_OK || out.n == TEXT));
    lp_reader_free(reader);
    return status;
}

static enum lp_status reader(int variant)
{
    return read_stream(variant, NULL);
}

/* What memory could not be had for is no loss. */
static enum lp_status recovery(int variant)
{
    int losses = 0;
    enum lp_status status = read_stream(variant, &losses);
    CHECK(losses == 0);
    return status;
}

/* Recovery asks for all that a stream without its header might need; what cannot be opened then
 * is not taken for something that does not fit. */
static enum lp_status headerless(int variant)
{
    static struct bytes out;
    const struct bytes *in = &streams[variant == 0 ? LP_CHAIN_TOKENS : LP_CHAIN_TOKENS_MIX + 1];
    int losses = 0;
    struct lp_catalog *c = NULL;
    struct lp_reader_options o = {.find = lp_catalog_find, .on_loss = on_loss, .loss_ctx = &losses};
    struct lp_reader *reader = NULL;
    size_t skip = 1; /* to the second frame */
    while (memcmp(in->p + skip, "\xF9LP", 3) != 0)
        skip++;
    out.n = 0;
    enum lp_status status = lp_catalog_default(&c);
    o.find_ctx = c;
    if (status == LP_OK)
        status = lp_reader_new(&o, take, &out, &reader);
    if (status == LP_OK)
        status = lp_reader_push(reader, in->p + skip, in->n - skip);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    const int saved = errno;
    CHECK(memcmp(out.p, text, out.n) == 0);
    if (status == LP_DATA && out.n == TEXT) /* only the header is lost */
        status = LP_OK;
    lp_reader_free(reader);
    lp_catalog_free(c);
    errno = saved;
    return status;
}

/* Which streams become which: tokens are compressed further, or given a window, or both; a window
 * is kept. */
static const struct step {
    int from, to;
} steps[] = {{LP_CHAIN_TOKENS, 3}, {LP_CHAIN_TOKENS, 4}, {LP_CHAIN_TOKENS, 5},
             {LP_CHAIN_TOKENS, 6}, {LP_CHAIN_TOKENS, 7}, {LP_CHAIN_TOKENS, 8},
             {LP_CHAIN_TOKENS, 9}, {WINDOWS_FROM, 8},    {WINDOWS_FROM, 9}};
enum { STEPS = sizeof steps / sizeof *steps };

static enum lp_status recoder(int variant)
{
    static struct bytes out;
    const struct step *step = &steps[variant % STEPS];
    const struct bytes *in = &streams[step->from], *expected = &streams[step->to];
    struct lp_options o = options_of(step->to);
    struct lp_recoder *recoder = NULL;
    if (step->from == WINDOWS_FROM)
        o.window = 0;
    o.threads = variant < STEPS ? 1 : 2;
    out.n = 0;
    enum lp_status status = lp_recoder_new(&o, find, NULL, take, &out, &recoder);
    for (size_t at = 0; status == LP_OK && at < in->n; at += PIECE)
        status = lp_recoder_push(recoder, in->p + at, in->n - at < PIECE ? in->n - at : PIECE);
    if (status == LP_OK)
        status = lp_recoder_end_input(recoder);
    if (status == LP_OK)
        status = lp_recoder_finish(recoder);
    lp_recoder_free(recoder);
    CHECK(status == LP_OK ? out.n == expected->n : out.n < expected->n);
    CHECK(memcmp(out.p, expected->p, out.n) == 0);
    return status;
}

static enum lp_status read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct bytes *from = ctx;
    if (offset > from->n || n > from->n - offset)
        return LP_TRUNCATED;
    memcpy(data, from->p + offset, n);
    return LP_OK;
}

/* Finds in a catalogue, but for the dictionary. */
static enum lp_status search(void *catalog, const struct lp_need *need, struct lp_found *found)
{
    return need->what == LP_NEED_DICT ? find(NULL, need, found)
                                      : lp_catalog_find(catalog, need, found);
}

/* From the last record to the first. */
static enum lp_status read_records(struct lp_file *f)
{
    static struct bytes out;
    struct lp_segment segment;
    uint64_t nrecords = 0;
    enum lp_status status;
    TWICE(status, lp_file_segment(f, 0, &segment));
    if (status == LP_OK)
        TWICE(status, lp_file_records(f, &nrecords));
    for (uint64_t i = nrecords; status == LP_OK && i > 0; i--) {
        const size_t at = (size_t)(i - 1) * PIECE;
        out.n = 0;
        TWICE(status, (out.n = 0, lp_file_record(f, i, take, &out)));
        CHECK(out.n == (TEXT - at < PIECE ? TEXT - at : PIECE));
        CHECK(memcmp(out.p, text + at, out.n) == 0);
    }
    return status;
}

static enum lp_status file(int variant)
{
    struct bytes *in = &streams[variant % CHAINS];
    struct lp_reader_options o = {.find = find};
    struct lp_catalog *c = NULL;
    struct lp_file *f = NULL;
    enum lp_status status = LP_OK;
    if (variant >= CHAINS) {
        status = lp_catalog_default(&c);
        o.find = search;
        o.find_ctx = c;
    }
    if (status == LP_OK)
        status = lp_file_open(read_at, in, in->n, &o, &f);
    if (status == LP_OK)
        status = read_records(f);
    const int saved = errno;
    lp_file_close(f);
    lp_catalog_free(c);
    errno = saved;
    return status;
}

/* --- All of them, and each call of each function ------------------------------------------- */

static const struct scenario {
    const char *name;
    enum lp_status (*run)(int variant);
    int variants;
} scenarios[] = {
    {"vocabularies", vocabularies, 2},
    {"models", models, 2},
    {"dictionaries", dictionaries, 3},
    {"catalogues", catalogues, 2},
    {"tokenisers", tokenisers, 2},
    {"pack", pack, WINDOWS_FROM},
    {"unpack", unpack, WINDOWS_FROM},
    {"recode", recode_blob, WINDOWS_FROM - STAGES_FROM},
    {"children", pack_child, 2 * CHILDREN},
    {"unpack children", unpack_child, 2 * CHILDREN},
    {"recode children", recode_child, 4 * CHILDREN},
    {"costs", costs, 2},
    {"lopace", lopace, 3},
    {"writer", writer, 2 * CHAINS},
    {"reader", reader, 2 * CHAINS},
    {"recovery", recovery, 2 * CHAINS},
    {"headerless", headerless, 2},
    {"recoder", recoder, 2 * STEPS},
    {"file", file, 2 * CHAINS},
};

/* What may fail, and what a call then says if it cannot do without. */
static const struct kind {
    struct inject plan;
    enum lp_status status;
    int nfailed; /* -v counts */
} kinds[] = {
    {{.call = "malloc", .error = ENOMEM}, LP_NOMEM, 0},
    {{.call = "malloc", .error = ENOMEM, .on = true}, LP_NOMEM, 0},
    {{.call = "pthread_create", .error = EAGAIN}, LP_OK, 0},
    {{.call = "pthread_create", .error = EAGAIN, .on = true}, LP_OK, 0},
    {{.call = "mmap", .error = ENOMEM}, LP_NOMEM, 0},
    {{.call = "mmap", .error = EACCES}, LP_IO, 0},
    {{.call = "open", .error = EMFILE}, LP_IO, 0},
    {{.call = "open", .error = EINTR}, LP_OK, 0},
    {{.call = "fstat", .error = EIO}, LP_IO, 0},
    {{.call = "read", .error = EIO}, LP_IO, 0},
    {{.call = "read", .error = EINTR}, LP_OK, 0},
    {{.call = "read", .error = INJECT_SHORT}, LP_OK, 0},
    {{.call = "close", .error = EIO}, LP_OK, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Runs a scenario with the Nth call failing, for N from 1 until there is none; how many failed. */
static long sweep(const struct scenario *s, int variant, const struct kind *kind, long *tried)
{
    long failed = 0;
    struct inject p = kind->plan;
    plan = &p;
    for (p.at = 1;; p.at++) {
        const long before = inject_blocks();
        met = false;
        inject_start(&p);
        const enum lp_status status = s->run(variant);
        const int error = errno;
        calm();
        CHECK(status == LP_OK || status == kind->status);
        CHECK(status != LP_IO || error == p.error);
        CHECK(inject_blocks() == before);
        if (failures > 0)
            fprintf(stderr, "%s %d: %s\n", s->name, variant, lp_status_text(status));
        if (!met || failures > 0)
            break;
        failed += status != LP_OK;
        ++*tried;
    }
    return failed;
}

static void make_text(void)
{
    static const char *const words[] = {"You",     " are", " a",      " helpful", " assistant",
                                        ".",       "\n",   " Answer", " in",      " French",
                                        " prompt", " 42",  ",",       " the"};
    enum { AGAIN = 2000, LONG = 600 };
    uint32_t seed = 1;
    size_t n = 0;
    while (n < TEXT - 16 - AGAIN - LONG) {
        seed = seed * 1664525 + 1013904223;
        const char *word = words[(seed >> 16) % (sizeof words / sizeof *words)];
        memcpy(text + n, word, strlen(word));
        n += strlen(word);
    }
    for (size_t i = 0; i < AGAIN; i++, n++) /* what was there before, with changes */
        text[n] = i % 97 == 0 ? '#' : text[i];
    for (; n < TEXT; n++) /* a long word, of many merges */
        text[n] = (unsigned char)('a' + n * n % 7);
    for (size_t i = 0; i < TEXT; i++)
        parents[0][i] = parents[1][i] = i % 499 == 0 ? '#' : text[i];
}

static void train(void)
{
    static unsigned char samples[100 * TEXT];
    size_t sizes[100];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof samples; i++) {
        seed = seed * 1664525 + 1013904223;
        samples[i] = text[(i + (seed >> 28)) % TEXT];
    }
    for (size_t i = 0; i < 100; i++)
        sizes[i] = TEXT;
    trained.n = ZDICT_trainFromBuffer(trained.p, 4096, samples, sizes, 100);
    if (ZDICT_isError(trained.n))
        exit(1);
}

static void set_up_children(void)
{
    for (int i = 0; i < 2 * CHILDREN; i++) {
        struct lp_options o = options_of_child(i);
        const int family = i / CHILDREN;
        struct lp_codec *codec = NULL;
        struct lp_blob_info info;
        const void *blob;
        size_t n;
        if (lp_codec_new(&o, &codec) != LP_OK ||
            lp_codec_parent(codec, parents[family], parent_sizes[family]) != LP_OK ||
            lp_pack(codec, text, TEXT, &blob, &n) != LP_OK ||
            take(&children[family][i % CHILDREN], blob, n) != LP_OK ||
            lp_blob_info(blob, n, &info) != LP_OK || !info.has_parent)
            exit(1);
        lp_codec_free(codec);
    }
}

/* What scenarios begin with, and what they must give. */
static void set_up(void)
{
    train();
    if (lp_vocab_open(vocab_file, &vocab) != LP_OK || lp_model_open(model_file, &model) != LP_OK ||
        lp_dict_open_memory(text, TEXT / 2, true, &dict) != LP_OK) {
        fprintf(stderr, "api: %s, %s: cannot be opened\n", vocab_file, model_file);
        exit(1);
    }
    for (int i = 0; i < CHAINS; i++) {
        struct lp_options o = options_of(i);
        struct lp_codec *codec = NULL;
        const void *blob;
        size_t n;
        if (lp_codec_new(&o, &codec) != LP_OK || lp_pack(codec, text, TEXT, &blob, &n) != LP_OK ||
            take(&blobs[i], blob, n) != LP_OK || write_stream(i, &streams[i]) != LP_OK)
            exit(1);
        lp_codec_free(codec);
    }
    if (streams[WINDOWS_FROM].n >= streams[LP_CHAIN_TOKENS].n) /* nothing is copied */
        exit(1);
    set_up_children();
}

int main(int argc, char **argv)
{
    const bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    any_file = argv[0];
    long failed[KINDS] = {0}, tried[KINDS] = {0};
    argv += verbose;
    argc -= verbose;
    if (argc < 3)
        return 2;
    vocab_file = argv[1];
    model_file = argv[2];
    make_text();
    set_up();
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const struct scenario *s = &scenarios[i];
        for (int v = 0; v < s->variants && (argc < 4 || strcmp(argv[3], s->name) == 0); v++) {
            s->run(v); /* what libraries keep for good is there then */
            for (int k = 0; k < KINDS && failures == 0; k++)
                failed[k] += sweep(s, v, &kinds[k], &tried[k]);
        }
    }
    lp_dict_close(dict);
    lp_model_close(model);
    lp_vocab_close(vocab);
    for (int k = 0; k < KINDS; k++) {
        const struct inject *p = &kinds[k].plan;
        if (verbose)
            printf("%-15s %-30s %s: %ld tried, %ld failed\n", p->call,
                   p->error == INJECT_SHORT ? "one byte" : strerror(p->error),
                   p->on ? "from N on" : "once", tried[k], failed[k]);
        if (argc < 4 && (tried[k] == 0 || (kinds[k].status != LP_OK && failed[k] == 0))) {
            fprintf(stderr, "api: nothing failed by %s\n", p->call);
            failures++;
        }
    }
    return failures > 0;
}
