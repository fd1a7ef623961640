/* vocab - a damaged vocabulary gives the results of a sound one, or LP_BAD_VOCAB: never other ids
 * or bytes. A contrived one, whose checksums are right, does no harm. */
#include "tokens/vocab.h"
#include "base/xxh64.h"
#include "lp.h"
#include "tokens/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 24 << 10, SINGLE = 600, DENSE = 24, CONTRIVED = 150 };

static int failures;

static void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "vocab: %s failed\n", what);
    exit(1);
}

static uint32_t any(uint32_t n)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % n;
}

/* --- Uses of a vocabulary ----------------------------------------------------------------- */

/* All output of a use. */
struct results {
    enum lp_status status; /* the first one that is not LP_OK */
    struct lp_buf bytes;
};

static enum lp_status take(void *ctx, const void *data, size_t n)
{
    must(lp_buf_append(ctx, data, n), "memory");
    return LP_OK;
}

static enum lp_status take_ids(void *ctx, const struct lp_vocab *v, const uint32_t *ids, size_t n,
                               bool end)
{
    for (size_t i = 0; i < n; i++)
        must(ids[i] < lp_vocab_size(v), "ids below the size");
    (void)end;
    return take(ctx, ids, n * sizeof *ids);
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)need;
    found->vocab = ctx;
    return LP_OK;
}

/* Text to ids, whole or in pieces, and the ids back to text. */
static enum lp_status tokenise(const struct lp_vocab *v, const unsigned char *text, size_t n,
                               bool special, size_t piece, struct lp_buf *out)
{
    struct lp_tok *tok;
    struct lp_codec *codec;
    struct lp_ids ids = {0};
    const void *back;
    size_t size;
    enum lp_status status = lp_tok_new(v, special, &tok);
    for (size_t at = 0; status == LP_OK && at < n; at += piece)
        status = lp_tok_push(tok, text + at, piece < n - at ? piece : n - at, false, &ids);
    if (status == LP_OK)
        status = lp_tok_push(tok, NULL, 0, true, &ids);
    if (status == LP_OK)
        take_ids(out, v, ids.v, ids.n, true);
    lp_tok_free(tok);
    must(lp_codec_new(NULL, &codec) == LP_OK, "lp_codec_new");
    lp_codec_free(codec);
    if (status == LP_OK)
        status = lp_codec_new(&(struct lp_options){.vocab = v}, &codec);
    if (status == LP_OK) {
        status = lp_decode(codec, ids.v, ids.n, &back, &size);
        if (status == LP_OK)
            take(out, back, size);
        lp_codec_free(codec);
    }
    for (size_t i = 0; status == LP_OK && i < ids.n; i += 50) {
        back = lp_vocab_token(v, ids.v[i], &size);
        status = back != NULL ? take(out, back, size) : LP_BAD_VOCAB;
    }
    free(ids.v);
    return status;
}

static enum lp_status pack(const struct lp_vocab *v, const unsigned char *text, size_t n,
                           struct lp_buf *stream, struct lp_buf *blobs)
{
    struct lp_options options = {
        .chain = LP_CHAIN_TOKENS, .split = LP_LINES, .vocab = v, .block_size = LP_BLOCK_MIN};
    struct lp_writer *writer;
    struct lp_codec *codec;
    const void *blob;
    size_t size;
    enum lp_status status = lp_writer_new(&options, take, stream, &writer);
    if (status == LP_OK)
        status = lp_writer_push(writer, text, n);
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    lp_writer_free(writer);
    for (int unchecked = 0; status == LP_OK && unchecked < 2; unchecked++) {
        options.unchecked = unchecked;
        status = lp_codec_new(&options, &codec);
        if (status == LP_OK)
            status = lp_pack(codec, text, n, &blob, &size);
        if (status == LP_OK) {
            uint32_t length = (uint32_t)size;
            take(blobs, &length, sizeof length);
            take(blobs, blob, size);
        }
        lp_codec_free(codec);
    }
    return status;
}

static enum lp_status read_stream(const struct lp_vocab *v, const struct lp_buf *stream, bool ids,
                                  struct lp_buf *out)
{
    struct lp_reader_options options = {.find = find, .find_ctx = (void *)(uintptr_t)v};
    struct lp_reader *reader;
    if (ids) {
        options.on_ids = take_ids;
        options.ids_ctx = out;
    }
    enum lp_status status = lp_reader_new(&options, take, out, &reader);
    if (status == LP_OK)
        status = lp_reader_push(reader, stream->p, stream->n);
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    lp_reader_free(reader);
    return status;
}

static enum lp_status unpack(const struct lp_vocab *v, const struct lp_buf *blobs,
                             struct lp_buf *out)
{
    struct lp_codec *codec;
    enum lp_status status = LP_OK;
    for (size_t at = 0; status == LP_OK && at < blobs->n;) {
        const void *text;
        size_t n;
        uint32_t length;
        memcpy(&length, blobs->p + at, sizeof length);
        must(lp_codec_new(NULL, &codec) == LP_OK, "lp_codec_new");
        status = lp_unpack(codec, blobs->p + at + sizeof length, length, find, (void *)(uintptr_t)v,
                           &text, &n);
        if (status == LP_OK)
            take(out, text, n);
        lp_codec_free(codec);
        at += sizeof length + length;
    }
    return status;
}

static void note(struct results *r, enum lp_status status)
{
    if (r->status == LP_OK)
        r->status = status;
}

/* Made with a sound vocabulary. */
struct packed {
    struct lp_buf stream, blobs;
};

enum { JOBS = 7 };

/* Uses a vocabulary in one of the ways. */
static void use(const struct lp_vocab *v, int job, const unsigned char *text, size_t n,
                const struct packed *packed, struct results *r)
{
    r->bytes.n = 0;
    r->status = LP_OK;
    if (job == 0)
        note(r, tokenise(v, text, n, false, n > 0 ? n : 1, &r->bytes));
    else if (job == 1)
        note(r, tokenise(v, text, n, true, n / 37 + 1, &r->bytes));
    else if (job == 2)
        note(r, pack(v, text, n, &r->bytes, &r->bytes));
    else if (job == 3)
        note(r, read_stream(v, &packed->stream, false, &r->bytes));
    else if (job == 4)
        note(r, read_stream(v, &packed->stream, true, &r->bytes));
    else if (job == 5)
        note(r, unpack(v, &packed->blobs, &r->bytes));
    else
        note(r, lp_vocab_verify(v));
}

/* --- A vocabulary file to damage ----------------------------------------------------------- */

struct copy {
    char path[64];
    int fd;
    unsigned char *sound, *now; /* the contents: original, current */
    size_t n;
};

static struct copy copy_of(const char *path)
{
    struct copy c = {.path = "/tmp/lp-vocab.XXXXXX"};
    FILE *file = fopen(path, "rb");
    must(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
    c.n = (size_t)ftell(file);
    rewind(file);
    c.sound = malloc(c.n);
    c.now = malloc(c.n);
    must(c.sound != NULL && c.now != NULL && fread(c.sound, 1, c.n, file) == c.n, path);
    fclose(file);
    c.fd = mkstemp(c.path);
    must(c.fd >= 0, c.path);
    memcpy(c.now, c.sound, c.n);
    return c;
}

static void write_range(const struct copy *c, size_t begin, size_t end)
{
    must(pwrite(c->fd, c->now + begin, end - begin, (off_t)begin) == (ssize_t)(end - begin),
         c->path);
}

static void restore(struct copy *c, size_t begin, size_t end)
{
    memcpy(c->now + begin, c->sound + begin, end - begin);
    write_range(c, begin, end);
}

static void free_copy(struct copy *c)
{
    close(c->fd);
    unlink(c->path);
    free(c->sound);
    free(c->now);
}

/* --- Damage -------------------------------------------------------------------------------- */

/* A text that uses all sections: words, long tokens, other scripts, giant pretokens, special
 * tokens, bytes that are not UTF-8. */
static size_t make_text(unsigned char *text)
{
    static const char *const some[] = {
        "The quick brown fox jumps over the lazy dog. ",
        "unbelievably antidisestablishmentarianism xylophonist's zyzzyva\n",
        "for (int i = 0; i < n; i++) {\n                            return 12345;\n}\n",
        "Съешь же ещё этих мягких французских булок, да выпей чаю. ",
        "日本語のテキストと中文文本。Ελληνικά, हिन्दी, العربية. ",
        "------------------------------------------------\n<|endoftext|>",
        " responsibilities, characteristics, telecommunications\r\n\r\n\t\t\t\t",
    };
    size_t n = 0;
    while (n < TEXT - 6000) {
        const char *next = some[any(sizeof some / sizeof *some)];
        memcpy(text + n, next, strlen(next));
        n += strlen(next);
        for (uint32_t k = any(12); k > 0; k--)
            text[n++] = (unsigned char)(any(4) == 0 ? any(256) : 'a' + any(26));
    }
    memset(text + n, 'a', 700);
    for (n += 700; n < TEXT - 500; n++)
        text[n] = (unsigned char)("ABCDEFabcdefghij"[any(16)]);
    return n;
}

struct sound {
    unsigned char text[TEXT + 1000];
    size_t n;
    struct packed packed;
    struct results results[JOBS];
};

static void judge(const struct copy *c, const struct sound *s, const char *what, int section)
{
    struct lp_vocab *v;
    enum lp_status status = lp_vocab_open(c->path, &v);
    if (status != LP_OK) {
        must(status == LP_BAD_VOCAB || status == LP_VERSION, "refusal");
        return;
    }
    lp_vocab_close(v);
    for (int job = 0; job < JOBS; job++) {
        struct results r = {0};
        must(lp_vocab_open(c->path, &v) == LP_OK, "lp_vocab_open");
        use(v, job, s->text, s->n, &s->packed, &r);
        const struct lp_buf *right = &s->results[job].bytes;
        const bool same =
            r.bytes.n == right->n && (right->n == 0 || memcmp(r.bytes.p, right->p, right->n) == 0);
        if (job == JOBS - 1 ? r.status != LP_BAD_VOCAB : r.status != LP_BAD_VOCAB && !same) {
            fprintf(stderr, "vocab: %s in section %d: job %d: %s\n", what, section, job,
                    lp_status_text(r.status));
            failures++;
        }
        lp_vocab_close(v);
        lp_buf_free(&r.bytes);
    }
}

/* The size of an entry of a section. */
static size_t stride(int section)
{
    switch (section) {
    case LP_SECTION_HALF:
        return 4 * LP_HALF_ENTRY;
    case LP_SECTION_KEY:
        return 4 * LP_KEY_ENTRY;
    case LP_SECTION_PAIR:
        return 8;
    case LP_SECTION_TEXT:
        return LP_KEY_SIZE;
    default:
        return 4;
    }
}

static void damage(struct copy *c, const struct sound *s)
{
    const struct lp_vocab_header *f = (const void *)c->sound;
    for (uint32_t i = 0; i < SINGLE; i++) { /* one flipped bit in a section */
        const int section = (int)(i % LP_SECTIONS);
        const size_t size = (size_t)(f->section[section + 1] - f->section[section]);
        const size_t at = (size_t)f->section[section] + any((uint32_t)size);
        c->now[at] ^= (unsigned char)(1 << any(8));
        write_range(c, at, at + 1);
        judge(c, s, "a bit", section);
        restore(c, at, at + 1);
    }
    for (uint32_t i = 0; i < DENSE * LP_SECTIONS;
         i++) { /* all zeros, all ones, then one bit flipped in every entry */
        const int section = (int)(i % LP_SECTIONS);
        const size_t begin = (size_t)f->section[section], end = (size_t)f->section[section + 1];
        const size_t step = stride(section), bit = any((uint32_t)(8 * step));
        for (size_t at = begin; i / LP_SECTIONS > 1 && at + step <= end; at += step)
            c->now[at + bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (i / LP_SECTIONS <= 1)
            memset(c->now + begin, i / LP_SECTIONS == 0 ? 0 : 0xFF, end - begin);
        write_range(c, begin, end);
        judge(c, s, "each entry", section);
        restore(c, begin, end);
    }
    for (size_t bit = 0; bit < 8 * sizeof *f; bit++) {
        struct lp_vocab *v;
        c->now[bit / 8] ^= (unsigned char)(1 << bit % 8);
        write_range(c, bit / 8, bit / 8 + 1);
        const enum lp_status status = lp_vocab_open(c->path, &v);
        if (status != LP_BAD_VOCAB && status != LP_VERSION) {
            fprintf(stderr, "vocab: bit %zu of the header: %s\n", bit, lp_status_text(status));
            failures++;
        }
        lp_vocab_close(v);
        restore(c, bit / 8, bit / 8 + 1);
    }
}

/* --- Contrived vocabularies ---------------------------------------------------------------- */

/* A number that may be in an entry. */
static uint32_t number(const struct lp_vocab_header *f)
{
    const uint32_t some[] = {0,          1,   f->size - 1, f->size,   LP_NO_ID,
                             UINT32_MAX, 255, 256,         f->nsorted};
    return any(3) == 0 ? some[any(sizeof some / sizeof *some)] : any(f->size);
}

/* Overwrites some entries of a section, sealed where the section is. */
static void contrive(unsigned char *file, int section)
{
    struct lp_vocab_header *f = (struct lp_vocab_header *)(void *)file;
    const size_t size = (size_t)(f->section[section + 1] - f->section[section]);
    const size_t step = stride(section);
    for (uint32_t k = any(2) == 0 ? 1 + any(20) : (uint32_t)(size / step); k > 0; k--) {
        unsigned char *p = file + f->section[section];
        p += any((uint32_t)(size / step)) * step;
        struct lp_key key = {0};
        const uint64_t pair = (uint64_t)(number(f) & LP_NO_ID) << 2 * LP_ID_BITS |
                              (uint64_t)(number(f) & LP_NO_ID) << LP_ID_BITS |
                              (number(f) & LP_NO_ID);
        const uint64_t sealed_pair = lp_seal_pair(pair);
        const size_t of_key = step - 4 < sizeof key ? step - 4 : sizeof key;
        uint32_t word = number(f);
        switch (section) {
        case LP_SECTION_PAIR:
            memcpy(p, &sealed_pair, sizeof sealed_pair);
            break;
        case LP_SECTION_HALF:
        case LP_SECTION_KEY:
            memcpy(&key, p, of_key);
            word = lp_seal(word & LP_NO_ID, lp_key_hash(key));
            memcpy(p + of_key, &word, sizeof word);
            break;
        case LP_SECTION_ID:
        case LP_SECTION_RANK:
            word = lp_seal(word & LP_NO_ID, 0);
            memcpy(p, &word, sizeof word);
            break;
        case LP_SECTION_TEXT:
            p[LP_KEY_SIZE - 1] = (unsigned char)(any(2) == 0 ? LP_LONG_MARK : any(256));
            memcpy(p, &word, sizeof word);
            word = number(f);
            memcpy(p + 4, &word, sizeof word);
            break;
        default:
            memcpy(p, &word, sizeof word);
        }
    }
}

static void try_contrived(struct copy *c, const struct sound *s)
{
    for (uint32_t i = 0; i < CONTRIVED; i++) {
        struct lp_vocab_header *f = (struct lp_vocab_header *)(void *)c->now;
        for (uint32_t k = 1 + any(3); k > 0; k--)
            contrive(c->now, (int)any(LP_SECTIONS));
        if (any(8) == 0)
            c->now[offsetof(struct lp_vocab_header, size) + any(64)] ^=
                (unsigned char)(1 << any(8));
        lp_vocab_put_sums(f);
        write_range(c, 0, c->n);
        for (int job = 0; job < JOBS; job++) {
            struct lp_vocab *v;
            struct results r = {0};
            if (lp_vocab_open(c->path, &v) == LP_OK)
                use(v, job, s->text, s->n, &s->packed, &r);
            lp_vocab_close(v);
            lp_buf_free(&r.bytes);
        }
        memcpy(c->now, c->sound, c->n);
    }
    restore(c, 0, c->n);
}

static void test(const char *dir, const char *name, bool all)
{
    static struct sound s;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.lpv", dir, name);
    struct copy c = copy_of(path);
    struct lp_vocab *v;
    write_range(&c, 0, c.n);
    must(lp_vocab_open(c.path, &v) == LP_OK && lp_vocab_verify(v) == LP_OK, path);
    s.n = make_text(s.text);
    must(pack(v, s.text, s.n, &s.packed.stream, &s.packed.blobs) == LP_OK, "packing");
    for (int job = 0; job < JOBS; job++) {
        use(v, job, s.text, s.n, &s.packed, &s.results[job]);
        must(s.results[job].status == LP_OK, "a sound vocabulary");
    }
    lp_vocab_close(v);
    damage(&c, &s);
    if (all)
        try_contrived(&c, &s);
    for (int job = 0; job < JOBS; job++)
        lp_buf_free(&s.results[job].bytes);
    lp_buf_free(&s.packed.stream);
    lp_buf_free(&s.packed.blobs);
    memset(&s, 0, sizeof s);
    free_copy(&c);
}

/* usage: vocab VOCAB_DIR */
int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    test(argv[1], "gpt2", true);
    test(argv[1], "cl100k_base", false);
    return failures > 0;
}
