/* soak - sends any amount of real text through the library and back; scripts/soak runs it.
 *
 * usage: soak [OPTION...] VOCAB_DIR FILE...
 *
 * FILEs hold records separated by NULs. Each round draws a text, a way to store it, and the pieces
 * in which the text and its stored form are pushed; restores it in other pieces; compares. A round
 * depends on the seed, its number and the FILEs alone, so it can be repeated. */
#include "texts.h"

#include <lp.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zdict.h>

enum {
    MAX_ENCODINGS = 16,
    MAX_THREADS = 64,
    MAX_FAILURES = 10,    /* after which the run ends */
    MANY = 24 << 20,      /* most bytes of text in a round */
    SLOW = 1 << 20,       /* with a high level of zstd */
    MIXED = 3 << 17,      /* with mixing */
    MIXED_FAST = 3 << 18, /* with mixing by a fast model */
    DICT = 64 << 10,      /* bytes of the dictionary */
    SAMPLES = 4 << 20,    /* bytes of samples for it */
};

enum { PORTABLE, AVX2, PATHS };

/* Shared by all rounds. */
struct soak {
    struct corpus corpus;
    struct lp_vocab *vocabs[MAX_ENCODINGS][PATHS]; /* one more where there is no AVX2 */
    struct lp_model *models[MAX_ENCODINGS];        /* NULL for none */
    size_t nvocabs;
    struct lp_dict *dict;
    uint64_t seed, bytes;   /* bytes: of text to test */
    const char *save, *dir; /* where to save failures; where vocabularies are */
    FILE *running;          /* the current round of each thread, in case it crashes */
    atomic_uint_fast64_t round, done, records, streams, blobs, ids, failures;
    atomic_bool stop;
};

/* One round. Rounds reuse the buffers. */
struct round {
    struct soak *soak;
    uint64_t number;
    struct draw d;
    struct text text;
    struct bytes {
        unsigned char *p;
        size_t n, cap;
    } stored, other;
    struct span parent; /* of blobs, NULL for none */
    char recipe[2000], why[400];
};

/* --- Failures ---------------------------------------------------------------------- */

/* Adds to the description of the round. */
__attribute__((format(printf, 2, 3))) static void say(struct round *r, const char *format, ...)
{
    size_t n = strlen(r->recipe);
    va_list args;
    va_start(args, format);
    vsnprintf(r->recipe + n, sizeof r->recipe - n, format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct round *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
    return false;
}

static bool ok(struct round *r, enum lp_status status, const char *what)
{
    return status == LP_OK || fail(r, "%s: %s", what, lp_status_text(status));
}

static void save_file(const struct round *r, const char *name, const void *data, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/library-%llu.%s", r->soak->save, (unsigned long long)r->number,
             name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0)
        fprintf(stderr, "soak: %s: cannot write\n", path);
}

static void report(struct round *r)
{
    char text[3000];
    int n = snprintf(text, sizeof text, "seed %llu round %llu: %s\n  %s\n",
                     (unsigned long long)r->soak->seed, (unsigned long long)r->number, r->why,
                     r->recipe);
    fprintf(stderr, "FAILED %s", text);
    mkdir(r->soak->save, 0777);
    save_file(r, "text", r->text.p, r->text.n);
    save_file(r, "stored", r->stored.p, r->stored.n);
    save_file(r, "recipe", text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    if (++r->soak->failures >= MAX_FAILURES)
        r->soak->stop = true;
}

/* --- Sinks ------------------------------------------------------------------------- */

static enum lp_status keep(void *ctx, const void *data, size_t n)
{
    struct bytes *b = ctx;
    if (b->cap - b->n < n) {
        b->cap = 2 * (b->n + n) + 4096;
        b->p = need(realloc(b->p, b->cap));
    }
    if (n > 0)
        memcpy(b->p + b->n, data, n);
    b->n += n;
    return LP_OK;
}

/* The expected bytes, and how many have come. */
struct expected {
    const unsigned char *p;
    size_t n, at;
    bool differs;
};

static enum lp_status match(void *ctx, const void *data, size_t n)
{
    struct expected *e = ctx;
    size_t left = e->n - e->at;
    if (n > left || (n > 0 && memcmp(e->p + e->at, data, n) != 0)) {
        e->differs = true;
        return LP_IO;
    }
    e->at += n;
    return LP_OK;
}

static bool matched(struct round *r, const struct expected *e, enum lp_status status,
                    const char *what)
{
    if (e->differs)
        return fail(r, "%s: other bytes near %zu of %zu", what, e->at, e->n);
    if (status == LP_OK && e->at != e->n)
        return fail(r, "%s: ends at %zu of %zu", what, e->at, e->n);
    return ok(r, status, what);
}

/* --- Options ----------------------------------------------------------------------- */

static enum lp_status find(void *ctx, const struct lp_need *wanted, struct lp_found *found)
{
    const struct soak *soak = ctx;
    if (wanted->what == LP_NEED_DICT)
        return found->dict = soak->dict, LP_OK;
    for (size_t i = 0; i < soak->nvocabs; i++) {
        if (strcmp(wanted->name, lp_vocab_name(soak->vocabs[i][0])) != 0)
            continue;
        found->vocab = soak->vocabs[i][0];
        found->model = soak->models[i];
        if (wanted->what == LP_NEED_VOCAB)
            return LP_OK;
        return found->model == NULL ? LP_NO_MODEL : LP_OK;
    }
    return LP_NO_VOCAB;
}

/* For blobs: finds their parent too. */
static enum lp_status find_for_blob(void *ctx, const struct lp_need *wanted, struct lp_found *found)
{
    const struct round *r = ctx;
    if (wanted->what != LP_NEED_PARENT)
        return find(r->soak, wanted, found);
    found->parent = r->parent.p;
    found->parent_size = r->parent.n;
    return r->parent.p != NULL ? LP_OK : LP_NO_PARENT;
}

/* Half of all rounds use the two current encodings, which have models. */
static size_t draw_encoding(struct round *r)
{
    const struct soak *soak = r->soak;
    for (;;) {
        size_t i = draw_any(&r->d, soak->nvocabs);
        if (soak->models[i] != NULL || draw_one_in(&r->d, 3))
            return i;
    }
}

static int draw_level(struct draw *d, bool slow)
{
    static const int levels[] = {1, 1, 1, 2, 3, -1, -5};
    return slow ? (int[]){0, 6, 12, 19}[draw_any(d, 4)] : levels[draw_any(d, 7)];
}

static void name_options(struct round *r, const char *what, const struct lp_options *o)
{
    static const char *const chains[] = {"text", "text,zstd", "tokens", "tokens,zstd",
                                         "tokens,mix"};
    say(r, " | %s %s", what, chains[o->chain]);
    if (o->vocab != NULL)
        say(r, " %s", lp_vocab_name(o->vocab));
    say(r, "%s%s%s%s%s level %d block %zu threads %u split %d", o->dict ? " dict" : "",
        o->fast ? " fast" : "", o->special ? " special" : "", o->flush ? " flush" : "",
        o->unchecked ? " unchecked" : "", o->level, o->block_size, o->threads, (int)o->split);
    if (o->window > 0)
        say(r, " window %zu key %zu", o->window, (size_t)o->key);
}

/* Draws the options of a chain. encoding: for tokens. slow: also slow ones. */
static struct lp_options draw_options(struct round *r, enum lp_chain chain, size_t encoding,
                                      bool slow)
{
    struct draw *d = &r->d;
    size_t path = draw_any(d, PATHS), block = 10 + draw_any(d, 15);
    struct lp_options o = {.chain = chain, .level = draw_level(d, slow)};
    if (chain >= LP_CHAIN_TOKENS)
        o.vocab = r->soak->vocabs[encoding][path];
    if (draw_one_in(d, 2))
        o.block_size = ((size_t)1 << block) + draw_any(d, 1000);
    bool dict = draw_one_in(d, 3);
    if (dict && (chain == LP_CHAIN_TEXT_ZSTD || chain == LP_CHAIN_TOKENS_ZSTD))
        o.dict = r->soak->dict;
    o.model = chain == LP_CHAIN_TOKENS_MIX ? r->soak->models[encoding] : NULL;
    o.threads = draw_one_in(d, 6) ? (unsigned)draw_any(d, 5) : 1;
    o.fast = !draw_one_in(d, 4);
    o.special = draw_one_in(d, 3);
    o.flush = draw_one_in(d, 6);
    o.unchecked = draw_one_in(d, 4);
    return o;
}

/* Every third chain of tokens gets a window. */
static void draw_window(struct round *r, struct lp_options *o)
{
    if (o->chain < LP_CHAIN_TOKENS || !draw_one_in(&r->d, 3))
        return;
    o->window = (size_t)1 << (11 + draw_any(&r->d, 15));
    o->key =
        draw_one_in(&r->d, 2) ? 0 : 1 + draw_any(&r->d, (size_t)1 << (10 + draw_any(&r->d, 13)));
}

/* --- Streams ----------------------------------------------------------------------- */

/* The push function of any handle. */
typedef enum lp_status push_function(void *handle, const void *data, size_t n);

static enum lp_status push_writer(void *handle, const void *data, size_t n)
{
    return lp_writer_push(handle, data, n);
}

static enum lp_status push_stage(void *handle, const void *data, size_t n)
{
    return lp_recoder_push(handle, data, n);
}

static enum lp_status push_reader(void *handle, const void *data, size_t n)
{
    return lp_reader_push(handle, data, n);
}

static enum lp_status push_pieces(struct round *r, push_function *push, void *handle,
                                  const unsigned char *p, size_t n, enum pieces pieces)
{
    for (size_t at = 0, size; at < n; at += size) {
        size = draw_piece(&r->d, pieces, n - at);
        enum lp_status status = push(handle, p + at, size);
        if (status != LP_OK)
            return status;
    }
    return LP_OK;
}

/* Whole records end where the text says; of others only what cut says. */
static enum lp_status push_text(struct round *r, struct lp_writer *writer, bool whole, size_t cut)
{
    const struct text *t = &r->text;
    enum pieces pieces = draw_pieces(&r->d, t->n);
    size_t count = whole ? t->nends : cut > 0 ? 2 : 1, at = 0;
    enum lp_status status = LP_OK;
    say(r, " pieces %d", (int)pieces);
    for (size_t i = 0; i < count && status == LP_OK; i++) {
        size_t end = whole ? t->end[i] : i + 1 < count ? cut : t->n;
        status = push_pieces(r, push_writer, writer, t->p + at, end - at, pieces);
        if (status == LP_OK && (whole || i + 1 < count))
            status = lp_writer_end_record(writer);
        at = end;
    }
    return status;
}

static bool write_stream(struct round *r, const struct lp_options *options, size_t cut)
{
    struct lp_writer *writer = NULL;
    name_options(r, "write", options);
    r->stored.n = 0;
    enum lp_status status = lp_writer_new(options, keep, &r->stored, &writer);
    if (status == LP_OK)
        status = push_text(r, writer, options->split == LP_WHOLE, cut);
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    lp_writer_free(writer);
    return ok(r, status, "writer");
}

static bool stage_stream(struct round *r, const struct lp_options *options)
{
    struct lp_recoder *stage = NULL;
    name_options(r, "stage", options);
    r->other.n = 0;
    enum pieces pieces = draw_pieces(&r->d, r->stored.n);
    enum lp_status status = lp_recoder_new(options, find, r->soak, keep, &r->other, &stage);
    if (status == LP_OK)
        status = push_pieces(r, push_stage, stage, r->stored.p, r->stored.n, pieces);
    if (status == LP_OK)
        status = lp_recoder_end_input(stage);
    if (status == LP_OK)
        status = lp_recoder_finish(stage);
    lp_recoder_free(stage);
    struct bytes made = r->other;
    r->other = r->stored;
    r->stored = made;
    return ok(r, status, "stage");
}

static struct lp_reader_options reader_options(struct round *r)
{
    return (struct lp_reader_options){
        .find = find,
        .find_ctx = r->soak,
        .threads = draw_one_in(&r->d, 6) ? (unsigned)draw_any(&r->d, 5) : 1,
    };
}

static bool read_stream(struct round *r)
{
    struct lp_reader *reader = NULL;
    struct expected e = {r->text.p, r->text.n, 0, false};
    struct lp_reader_options options = reader_options(r);
    enum pieces pieces = draw_pieces(&r->d, r->stored.n);
    say(r, " | read pieces %d threads %u", (int)pieces, options.threads);
    enum lp_status status = lp_reader_new(&options, match, &e, &reader);
    if (status == LP_OK)
        status = push_pieces(r, push_reader, reader, r->stored.p, r->stored.n, pieces);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    lp_reader_free(reader);
    return matched(r, &e, status, "reader");
}

static enum lp_status read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct bytes *b = ctx;
    if (offset > b->n || n > b->n - offset)
        return LP_TRUNCATED;
    memcpy(data, b->p + offset, n);
    return LP_OK;
}

static bool read_records(struct round *r, struct lp_file *file)
{
    const struct text *t = &r->text;
    uint64_t count;
    if (!ok(r, lp_file_records(file, &count), "records"))
        return false;
    if (count != t->nends)
        return fail(r, "%llu records, not %zu", (unsigned long long)count, t->nends);
    for (size_t left = t->nends == 0 ? 0 : draw_any(&r->d, 6); left > 0; left--) {
        size_t i = draw_any(&r->d, t->nends), begin = text_begin(t, i);
        struct expected e = {t->p + begin, t->end[i] - begin, 0, false};
        enum lp_status status = lp_file_record(file, i + 1, match, &e);
        if (!matched(r, &e, status, "a record")) {
            say(r, " (record %zu)", i + 1);
            return false;
        }
    }
    return true;
}

/* Reads random records by the index. */
static bool seek_stream(struct round *r)
{
    struct lp_file *file = NULL;
    struct lp_reader_options options = reader_options(r);
    enum lp_status status = lp_file_open(read_at, &r->stored, r->stored.n, &options, &file);
    bool good = ok(r, status, "file") && read_records(r, file);
    lp_file_close(file);
    return good;
}

/* A chain to which another can be recoded. */
static enum lp_chain draw_stage(struct round *r, enum lp_chain chain, bool mix)
{
    if (chain < LP_CHAIN_TOKENS)
        return LP_CHAIN_TEXT_ZSTD;
    return mix && draw_one_in(&r->d, 2) ? LP_CHAIN_TOKENS_MIX : LP_CHAIN_TOKENS_ZSTD;
}

/* Draws the text, for this way of splitting, and where to cut it in two, 0 for nowhere. */
static size_t draw_text(struct round *r, enum lp_split split, size_t size)
{
    static const int separators[] = {[LP_WHOLE] = -1, [LP_NUL] = 0, [LP_LINES] = '\n'};
    size_t cut = 0;
    text_draw(&r->text, &r->d, &r->soak->corpus, separators[split], size);
    if (split == LP_WHOLE && draw_one_in(&r->d, 2))
        text_join(&r->text);
    if (split != LP_WHOLE && r->text.n > 0 && draw_one_in(&r->d, 5))
        text_cut(&r->text, cut = draw_any(&r->d, r->text.n));
    say(r, "text of %zu bytes, %zu records, cut at %zu", r->text.n, r->text.nends, cut);
    return cut;
}

/* A quarter of the texts have any size; the others are large, which costs least per byte. */
static size_t draw_text_size(struct round *r, size_t most)
{
    size_t size = draw_any(&r->d, most + 1);
    return draw_one_in(&r->d, 4) ? size % draw_size(&r->d, 21) : size;
}

static bool soak_stream(struct round *r, enum lp_chain chain)
{
    bool mix = chain == LP_CHAIN_TOKENS_MIX, slow = mix || draw_one_in(&r->d, 16);
    enum lp_split split = (enum lp_split)draw_any(&r->d, 3);
    size_t encoding = draw_encoding(r), stages = draw_any(&r->d, 4);
    if (r->soak->models[encoding] == NULL && mix)
        chain = LP_CHAIN_TOKENS_ZSTD, mix = false;
    size_t most = mix ? MIXED : slow ? SLOW : MANY;
    size_t cut = draw_text(r, split, draw_text_size(r, most));
    bool staged = stages > 0 && chain != LP_CHAIN_TEXT && chain != LP_CHAIN_TOKENS;
    enum lp_chain first = !staged                   ? chain
                          : chain < LP_CHAIN_TOKENS ? LP_CHAIN_TEXT
                                                    : LP_CHAIN_TOKENS;
    struct lp_options options = draw_options(r, first, encoding, slow);
    options.split = split;
    draw_window(r, &options);
    bool good = write_stream(r, &options, cut);
    for (; good && staged && stages > 0; stages--) {
        enum lp_chain made = stages == 1 ? chain : draw_stage(r, chain, mix);
        options = draw_options(r, made, encoding, slow);
        draw_window(r, &options);
        good = stage_stream(r, &options);
    }
    r->soak->streams++;
    r->soak->records += r->text.nends;
    return good && read_stream(r) && seek_stream(r);
}

/* --- Blobs ------------------------------------------------------------------------- */

static bool unpack(struct round *r, struct lp_codec *codec, const void *blob, size_t size,
                   struct span record, const char *what)
{
    const void *text;
    size_t n;
    enum lp_status status = lp_unpack(codec, blob, size, find_for_blob, r, &text, &n);
    if (status == LP_OK && (n != record.n || (n > 0 && memcmp(text, record.p, n) != 0)))
        return fail(r, "%s: other bytes", what);
    return ok(r, status, what);
}

/* The codecs of a round: for packing, recoding and unpacking. */
struct codecs {
    struct lp_codec *packer, *restager, *unpacker;
    bool tokens; /* the packer has a vocabulary */
};

/* The record before, NULL for none, is its parent now and then. */
static bool soak_blob(struct round *r, const struct codecs *c, struct span before,
                      struct span record)
{
    const void *blob, *again;
    size_t size, n;
    r->parent = draw_one_in(&r->d, 2) ? before : (struct span){0};
    if (c->tokens && !ok(r, lp_codec_parent(c->packer, r->parent.p, r->parent.n), "parent"))
        return false;
    if (!ok(r, lp_pack(c->packer, record.p, record.n, &blob, &size), "pack"))
        return false;
    r->stored.n = 0;
    keep(&r->stored, blob, size);
    if (size > record.n + 6)
        return fail(r, "pack: %zu bytes for %zu", size, record.n);
    if (!unpack(r, c->unpacker, blob, size, record, "unpack"))
        return false;
    if (!ok(r, lp_recode(c->restager, blob, size, find_for_blob, r, &again, &n), "restage"))
        return false;
    return unpack(r, c->unpacker, again, n, record, "unpack what was restaged");
}

static bool soak_all_blobs(struct round *r, const struct codecs *c)
{
    const struct text *t = &r->text;
    struct span before = {0};
    for (size_t i = 0; i < t->nends; i++) {
        size_t begin = text_begin(t, i);
        const struct span record = {t->p + begin, t->end[i] - begin};
        r->soak->blobs++;
        if (!soak_blob(r, c, before, record)) {
            say(r, " (record %zu, at %zu)", i + 1, begin);
            return false;
        }
        before = record;
    }
    return true;
}

static bool soak_blobs(struct round *r)
{
    bool slow = draw_one_in(&r->d, 16), mix = draw_one_in(&r->d, 8);
    size_t encoding = draw_encoding(r);
    mix = mix && r->soak->models[encoding] != NULL;
    draw_text(r, LP_WHOLE, draw_text_size(r, mix ? MIXED : slow ? SLOW : MANY / 4));
    enum lp_chain chain = (enum lp_chain)draw_any(&r->d, mix ? 5 : 4);
    struct lp_options packed = draw_options(r, chain, encoding, slow);
    name_options(r, "pack", &packed);
    struct lp_options staged = draw_options(r, draw_stage(r, chain, mix), encoding, slow);
    name_options(r, "restage", &staged);
    struct codecs c = {.tokens = packed.vocab != NULL};
    bool good = ok(r, lp_codec_new(&packed, &c.packer), "codec") &&
                ok(r, lp_codec_new(&staged, &c.restager), "codec") &&
                ok(r, lp_codec_new(NULL, &c.unpacker), "codec") && soak_all_blobs(r, &c);
    lp_codec_free(c.packer);
    lp_codec_free(c.restager);
    lp_codec_free(c.unpacker);
    return good;
}

/* --- Ids --------------------------------------------------------------------------- */

struct tokenisers {
    struct lp_codec *whole;
    struct lp_tok *tok; /* is pushed pieces */
    struct lp_ids ids;
};

static bool push_ids(struct round *r, struct tokenisers *t, struct span record)
{
    enum pieces pieces = draw_pieces(&r->d, record.n);
    bool later = draw_one_in(&r->d, 2), final = false; /* later: an empty push ends the text */
    t->ids.n = 0;
    lp_tok_reset(t->tok);
    for (size_t at = 0, size; !final; at += size) {
        size = draw_piece(&r->d, pieces, record.n - at);
        final = at + size == record.n && (!later || size == 0);
        enum lp_status status = lp_tok_push(t->tok, record.p + at, size, final, &t->ids);
        if (!ok(r, status, "tokeniser"))
            return false;
    }
    return lp_tok_held(t->tok) == 0 || fail(r, "tokeniser: holds bytes at the end");
}

static bool soak_record_ids(struct round *r, struct tokenisers *t, struct span record)
{
    const uint32_t *ids;
    const void *text;
    size_t nids, n, count;
    if (!push_ids(r, t, record) ||
        !ok(r, lp_encode(t->whole, record.p, record.n, &ids, &nids), "encode"))
        return false;
    r->soak->ids += nids;
    if (nids != t->ids.n || (nids > 0 && memcmp(ids, t->ids.v, nids * sizeof *ids) != 0))
        return fail(r, "ids in pieces differ");
    if (!ok(r, lp_decode(t->whole, t->ids.v, t->ids.n, &text, &n), "decode"))
        return false;
    if (n != record.n || (n > 0 && memcmp(text, record.p, n) != 0))
        return fail(r, "decode: other bytes");
    if (!ok(r, lp_count(t->whole, record.p, record.n, &count), "count"))
        return false;
    return count == nids || fail(r, "count: %zu, not %zu", count, nids);
}

static bool soak_all_ids(struct round *r, struct tokenisers *t)
{
    for (size_t i = 0; i < r->text.nends; i++) {
        size_t begin = text_begin(&r->text, i);
        if (!soak_record_ids(r, t, (struct span){r->text.p + begin, r->text.end[i] - begin})) {
            say(r, " (record %zu, at %zu)", i + 1, begin);
            return false;
        }
    }
    return true;
}

static bool soak_ids(struct round *r)
{
    size_t encoding = draw_encoding(r);
    struct lp_options options = draw_options(r, LP_CHAIN_TOKENS, encoding, false);
    size_t path = draw_any(&r->d, PATHS);
    draw_text(r, LP_WHOLE, draw_text_size(r, MANY / 2));
    name_options(r, "ids", &options);
    struct tokenisers t = {0};
    bool good =
        ok(r, lp_codec_new(&options, &t.whole), "codec") &&
        ok(r, lp_tok_new(r->soak->vocabs[encoding][path], options.special, &t.tok), "tokeniser") &&
        soak_all_ids(r, &t);
    lp_codec_free(t.whole);
    lp_tok_free(t.tok);
    free(t.ids.v);
    return good;
}

/* --- Rounds ------------------------------------------------------------------------ */

static bool soak_round(struct round *r)
{
    size_t kind = draw_any(&r->d, 100);
    if (kind < 8)
        return soak_stream(r, LP_CHAIN_TEXT);
    if (kind < 20)
        return soak_stream(r, LP_CHAIN_TEXT_ZSTD);
    if (kind < 55)
        return soak_stream(r, LP_CHAIN_TOKENS);
    if (kind < 72)
        return soak_stream(r, LP_CHAIN_TOKENS_ZSTD);
    if (kind < 77)
        return soak_stream(r, LP_CHAIN_TOKENS_MIX);
    return kind < 90 ? soak_blobs(r) : soak_ids(r);
}

static void run_round(struct round *r, uint64_t number)
{
    r->number = number;
    r->d = draw_round(r->soak->seed, number);
    r->recipe[0] = r->why[0] = 0;
    r->text.n = r->text.nends = r->stored.n = 0;
    if (!soak_round(r))
        report(r);
    r->soak->done += r->text.n;
}

static void note_running(struct soak *soak, unsigned thread, uint64_t number)
{
    char line[32];
    if (soak->running == NULL)
        return;
    int n = snprintf(line, sizeof line, "%20llu\n", (unsigned long long)number);
    if (pwrite(fileno(soak->running), line, (size_t)n, (off_t)(thread * (unsigned)n)) != n)
        die("running", "cannot write");
}

/* A thread and its number. */
struct worker {
    pthread_t thread;
    unsigned number;
    struct soak *soak;
};

static void *work(void *ctx)
{
    const struct worker *w = ctx;
    struct soak *soak = w->soak;
    struct round r = {.soak = soak};
    while (!soak->stop && soak->done < soak->bytes) {
        uint64_t number = ++soak->round;
        note_running(soak, w->number, number);
        run_round(&r, number);
    }
    text_free(&r.text);
    free(r.stored.p);
    free(r.other.p);
    return NULL;
}

/* --- Shared by all rounds ---------------------------------------------------------- */

static struct lp_vocab *open_vocab(const struct soak *soak, const char *name, size_t path)
{
    char file[4096];
    struct lp_vocab *vocab;
    snprintf(file, sizeof file, "%s/%s.lpv", soak->dir, name);
    if (lp_vocab_open(file, &vocab) != LP_OK)
        die(file, "cannot open");
    if (lp_vocab_use(vocab, path == AVX2 ? "avx2" : "portable") != LP_OK && path != AVX2)
        die(file, "cannot use");
    return vocab;
}

static void open_vocabs(struct soak *soak)
{
    const char *name;
    char file[4096];
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++) {
        for (size_t path = 0; path < PATHS; path++)
            soak->vocabs[i][path] = open_vocab(soak, name, path);
        snprintf(file, sizeof file, "%s/%s.lpm", soak->dir, name);
        if (lp_model_open(file, &soak->models[i]) != LP_OK)
            soak->models[i] = NULL;
        soak->nvocabs++;
    }
}

static void close_vocabs(struct soak *soak)
{
    for (size_t i = 0; i < soak->nvocabs; i++) {
        for (size_t path = 0; path < PATHS; path++)
            lp_vocab_close(soak->vocabs[i][path]);
        lp_model_close(soak->models[i]);
    }
    lp_dict_close(soak->dict);
}

/* Makes a dictionary from the corpus: one half of it from texts, one half from their tokens. */
static void make_dict(const struct soak *soak, const char *path)
{
    struct bytes samples = {0};
    size_t *sizes = need(malloc(soak->corpus.nrecords * sizeof *sizes)), n = 0;
    unsigned char *dict = need(malloc(DICT));
    struct draw d = draw_round(soak->seed, 0);
    struct lp_options options = {.chain = LP_CHAIN_TOKENS, .vocab = soak->vocabs[0][0]};
    struct lp_codec *codec;
    if (lp_codec_new(&options, &codec) != LP_OK)
        die("codec", "cannot create");
    while (samples.n < SAMPLES && n < soak->corpus.nrecords) {
        struct span s = soak->corpus.records[draw_any(&d, soak->corpus.nrecords)];
        const void *data = s.p;
        size_t size = s.n = s.n < 4096 ? s.n : 4096;
        if (n % 2 == 1 && lp_pack(codec, s.p, s.n, &data, &size) != LP_OK)
            die("codec", "failed");
        keep(&samples, data, size);
        sizes[n++] = size;
    }
    lp_codec_free(codec);
    size_t size = ZDICT_trainFromBuffer(dict, DICT, samples.p, sizes, (unsigned)n);
    FILE *file = fopen(path, "wb");
    if (ZDICT_isError(size)) /* too little text: use its beginning */
        memcpy(dict, samples.p, size = samples.n < DICT ? samples.n : DICT);
    if (file == NULL || fwrite(dict, 1, size, file) != size || fclose(file) != 0)
        die(path, "cannot write");
    free(samples.p);
    free(sizes);
    free(dict);
}

static void open_dict(struct soak *soak)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/dict-%ld", soak->save, (long)getpid());
    make_dict(soak, path);
    if (lp_dict_open(path, &soak->dict) != LP_OK)
        die(path, "cannot open");
    remove(path);
}

/* --- The run ----------------------------------------------------------------------- */

struct arguments {
    unsigned long long seed, bytes, seconds, round, threads;
    const char *save;
    char **files;
    int nfiles;
};

static struct arguments parse(int argc, char **argv)
{
    struct arguments a = {1, 1000000000, 0, 0, 2, "soak-failures", NULL, 0};
    int c;
    while ((c = getopt(argc, argv, "s:b:t:r:j:o:")) != -1) {
        unsigned long long value = c == 'o' || c == '?' ? 0 : strtoull(optarg, NULL, 10);
        if (c == '?')
            exit(2);
        if (c == 'o')
            a.save = optarg;
        else
            *(c == 's'   ? &a.seed
              : c == 'b' ? &a.bytes
              : c == 't' ? &a.seconds
              : c == 'r' ? &a.round
                         : &a.threads) = value;
    }
    a.files = argv + optind;
    a.nfiles = argc - optind;
    if (a.nfiles < 2 || a.threads < 1 || a.threads > MAX_THREADS)
        die("usage", "soak [-s SEED] [-b BYTES] [-t SECONDS] [-j THREADS] [-r ROUND] "
                     "[-o DIR] VOCAB_DIR FILE...");
    return a;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_counts(struct soak *soak, double seconds)
{
    double mb = 1e-6 * (double)soak->done;
    printf("%.0f s: %.0f MB, %llu streams, %llu records, %llu blobs, %llu ids, %llu failures; "
           "%.0f MB/s\n",
           seconds, mb, (unsigned long long)soak->streams, (unsigned long long)soak->records,
           (unsigned long long)soak->blobs, (unsigned long long)soak->ids,
           (unsigned long long)soak->failures, mb / seconds);
    fflush(stdout);
}

/* Waits until enough is done or time is up; reports progress every minute. */
static void watch(struct soak *soak, const struct arguments *a, double started)
{
    for (double said = started; !soak->stop && soak->done < soak->bytes;) {
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        if (a->seconds > 0 && now() - started > (double)a->seconds)
            soak->stop = true;
        if (now() - said >= 60) {
            said += 60;
            print_counts(soak, now() - started);
        }
    }
}

static void run_all(struct soak *soak, const struct arguments *a)
{
    struct worker workers[MAX_THREADS];
    char path[4096];
    double started = now();
    snprintf(path, sizeof path, "%s/running", soak->save);
    soak->running = fopen(path, "wb");
    for (unsigned i = 0; i < a->threads; i++) {
        workers[i] = (struct worker){.number = i, .soak = soak};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("thread", "cannot create");
    }
    watch(soak, a, started);
    for (unsigned i = 0; i < a->threads; i++)
        pthread_join(workers[i].thread, NULL);
    print_counts(soak, now() - started);
    if (soak->running != NULL)
        fclose(soak->running);
    remove(path);
}

static void run_one(struct soak *soak, uint64_t number)
{
    struct round r = {.soak = soak};
    run_round(&r, number);
    printf("%s\n", r.recipe);
    text_free(&r.text);
    free(r.stored.p);
    free(r.other.p);
}

int main(int argc, char **argv)
{
    struct arguments a = parse(argc, argv);
    struct soak soak = {.seed = a.seed, .bytes = a.bytes, .save = a.save, .dir = a.files[0]};
    if (mkdir(a.save, 0777) != 0 && errno != EEXIST)
        die(a.save, "cannot create");
    corpus_read(&soak.corpus, a.files + 1, (size_t)a.nfiles - 1);
    open_vocabs(&soak);
    open_dict(&soak);
    if (a.round > 0)
        run_one(&soak, a.round);
    else
        run_all(&soak, &a);
    close_vocabs(&soak);
    corpus_free(&soak.corpus);
    return soak.failures > 0;
}
