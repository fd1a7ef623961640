/* agree - readers never disagree. Frames of good streams are cut out, doubled, swapped and moved,
 * and bytes changed: a plain reader, one that recovers, and one that reads record by record must
 * all accept what comes of it, and give the same text, or all refuse it. */
#include "format/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 2600, ROOM = 1 << 16, FRAMES = 1000, FLIPS = 4000 };

struct bytes {
    unsigned char p[ROOM];
    size_t n;
};

static const struct lp_vocab *vocab;
static int failures;
static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * n) >> 32);
}

static enum lp_status take(void *ctx, const void *data, size_t n)
{
    struct bytes *to = ctx;
    if (n > ROOM - to->n)
        return LP_LIMIT;
    memcpy(to->p + to->n, data, n);
    to->n += n;
    return LP_OK;
}

static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    if (need->what != LP_NEED_VOCAB || strcmp(need->name, lp_vocab_name(vocab)) != 0)
        return LP_NO_VOCAB;
    found->vocab = vocab;
    return LP_OK;
}

/* --- Streams ------------------------------------------------------------------------------ */

/* Records of words, each ended by the separator; some are alike, some empty, and much repeats what
 * came before. */
static size_t make_text(unsigned char *text, unsigned char separator)
{
    static const char *const words[] = {"the ", "same ", "line", "", "1234 ", "\xE6\x97\xA5 "};
    size_t n = 0;
    while (n < TEXT - 20) {
        const char *word = words[any(sizeof words / sizeof *words)];
        if (any(16) == 0 && n > 300 && n < TEXT - 300) {
            memcpy(text + n, text + any((uint32_t)n - 200), 200);
            n += 200;
        }
        memcpy(text + n, word, strlen(word));
        n += strlen(word);
        if (any(4) == 0)
            text[n++] = separator;
    }
    return n;
}

static void write_segment(struct lp_options o, bool last_separator, struct bytes *out)
{
    unsigned char text[TEXT], separator = o.split == LP_NUL ? 0 : '\n';
    struct lp_writer *writer;
    size_t n = make_text(text, separator);
    if (last_separator)
        text[n++] = separator;
    o.vocab = vocab;
    o.block_size = LP_BLOCK_MIN;
    if (lp_writer_new(&o, take, out, &writer) != LP_OK)
        exit(1);
    for (size_t at = 0, size; at < n; at += size) {
        size = o.split == LP_WHOLE ? 1 + any(300) : n;
        size = size < n - at ? size : n - at;
        if (lp_writer_push(writer, text + at, size) != LP_OK ||
            lp_writer_end_record(writer) != LP_OK)
            exit(1);
    }
    if (lp_writer_finish(writer) != LP_OK)
        exit(1);
    lp_writer_free(writer);
}

/* --- Readers ------------------------------------------------------------------------------ */

static void count_loss(void *ctx, const struct lp_loss *loss)
{
    (void)loss;
    ++*(unsigned *)ctx;
}

/* With losses, in recovery; with it NULL, plainly. */
static enum lp_status read_all(const struct bytes *in, unsigned *losses, struct bytes *text)
{
    const struct lp_reader_options o = {
        .find = find, .on_loss = losses != NULL ? count_loss : NULL, .loss_ctx = losses};
    struct lp_reader *reader;
    text->n = 0;
    if (lp_reader_new(&o, take, text, &reader) != LP_OK)
        exit(1);
    enum lp_status status = LP_OK;
    for (size_t at = 0, size; status == LP_OK && at < in->n; at += size) {
        size = 1 + any(2000) < in->n - at ? 1 + any((uint32_t)(in->n - at)) : in->n - at;
        status = lp_reader_push(reader, in->p + at, size);
    }
    if (status == LP_OK)
        status = lp_reader_finish(reader);
    lp_reader_free(reader);
    return status;
}

static enum lp_status read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct bytes *in = ctx;
    if (offset > in->n || n > in->n - offset)
        return LP_TRUNCATED;
    memcpy(data, in->p + offset, n);
    return LP_OK;
}

/* All segments, then all records, the last one first, put together. */
static enum lp_status read_records(const struct bytes *in, struct bytes *text)
{
    const struct lp_reader_options o = {.find = find};
    static struct bytes record[2];
    struct lp_segment segment;
    struct lp_file *file;
    uint64_t n = 0;
    text->n = 0;
    enum lp_status status = lp_file_open(read_at, (void *)(uintptr_t)in, in->n, &o, &file);
    for (size_t i = 0; status == LP_OK; i++)
        status = lp_file_segment(file, i, &segment);
    status = status == LP_USAGE ? lp_file_records(file, &n) : status;
    for (; status == LP_OK && n > 0; n--) {
        record[0].n = 0;
        status = lp_file_record(file, n, take, &record[0]);
        if (text->n + record[0].n > ROOM)
            exit(1);
        memmove(text->p + record[0].n, text->p, text->n);
        memcpy(text->p, record[0].p, record[0].n);
        text->n += record[0].n;
    }
    lp_file_close(file);
    return status;
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static void compare(const struct bytes *in, const char *what, size_t i, size_t n)
{
    static struct bytes plain, recovered, records;
    unsigned losses = 0;
    bool reads = read_all(in, NULL, &plain) == LP_OK;
    bool recovers = read_all(in, &losses, &recovered) == LP_OK;
    bool finds = read_records(in, &records) == LP_OK;
    bool agree = reads == recovers && reads == finds && (recovers || losses > 0 || !reads);
    if (agree && (!reads || (same(&plain, &recovered) && same(&plain, &records))))
        return;
    if (failures++ < 20)
        fprintf(stderr, "agree: %s %zu, %zu: plain %d, recovery %d (%u losses), records %d\n", what,
                i, n, reads, recovers, losses, finds);
}

/* --- Records ------------------------------------------------------------------------------ */

struct sizes {
    size_t n;
    uint64_t size[8];
};

static enum lp_status take_record(void *ctx, uint64_t number, uint64_t size)
{
    struct sizes *s = ctx;
    s->n = (size_t)number;
    s->size[number % 8] = size;
    return LP_OK;
}

static enum lp_status ignore_text(void *ctx, const void *data, size_t n)
{
    (void)ctx, (void)data, (void)n;
    return LP_OK;
}

/* --- Damage ------------------------------------------------------------------------------- */

/* Where the frames of a stream begin, and where it ends. */
static size_t find_frames(const struct bytes *in, size_t at[FRAMES + 1])
{
    size_t n = 0, head;
    struct lp_frame frame;
    for (at[0] = 0; at[n] < in->n; n++) {
        if (n == FRAMES || lp_frame_get(in->p + at[n], in->n - at[n], &frame, &head) != LP_OK)
            exit(1);
        at[n + 1] = at[n] + head + frame.payload_size;
    }
    return n;
}

static void append(struct bytes *out, const struct bytes *in, const size_t *at, size_t i,
                   size_t end)
{
    take(out, in->p + at[i], at[end] - at[i]);
}

/* Cuts n frames from number i on, doubles them, swaps them with the next ones, moves them on. */
static void test_frames(const struct bytes *in, const size_t *at, size_t nframes, size_t i,
                        size_t n)
{
    static struct bytes out;
    const size_t end = i + n, next = end + n < nframes ? end + n : nframes;
    out.n = 0;
    append(&out, in, at, 0, i);
    append(&out, in, at, end, nframes);
    compare(&out, "frames cut out", i, n);
    out.n = 0;
    append(&out, in, at, 0, end);
    append(&out, in, at, i, nframes);
    compare(&out, "frames doubled", i, n);
    out.n = 0;
    append(&out, in, at, 0, i);
    append(&out, in, at, end, next);
    append(&out, in, at, i, end);
    append(&out, in, at, next, nframes);
    compare(&out, "frames swapped", i, n);
    const size_t to = end + any((uint32_t)(nframes - end) + 1);
    out.n = 0;
    append(&out, in, at, 0, i);
    append(&out, in, at, end, to);
    append(&out, in, at, i, end);
    append(&out, in, at, to, nframes);
    compare(&out, "frames moved", i, n);
}

/* A block that is cut out from before its index, and after that blocks of another stream whose
 * header is lost: they do not go on with the record that the index shows to be cut. */
static void test_cut_record(void)
{
    static struct bytes one, other;
    static const char record[1500] = "a record of two blocks";
    const struct lp_options o = {
        .chain = LP_CHAIN_TEXT, .split = LP_WHOLE, .block_size = LP_BLOCK_MIN};
    struct lp_writer *writer;
    struct lp_reader *reader;
    struct sizes s = {0};
    unsigned losses = 0;
    size_t at[FRAMES + 1];
    if (lp_writer_new(&o, take, &one, &writer) != LP_OK ||
        lp_writer_push(writer, record, sizeof record) != LP_OK ||
        lp_writer_finish(writer) != LP_OK || find_frames(&one, at) != 5)
        exit(1);
    lp_writer_free(writer);
    append(&other, &one, at, 0, 2); /* header, block, index */
    append(&other, &one, at, 3, 4);
    append(&other, &one, at, 1, 5); /* all but the header */
    const struct lp_reader_options how = {.find = find,
                                          .on_loss = count_loss,
                                          .loss_ctx = &losses,
                                          .on_record = take_record,
                                          .record_ctx = &s};
    if (lp_reader_new(&how, ignore_text, NULL, &reader) != LP_OK ||
        lp_reader_push(reader, other.p, other.n) != LP_OK || lp_reader_finish(reader) != LP_DATA)
        exit(1);
    lp_reader_free(reader);
    if (s.n != 2 || s.size[1] >= sizeof record || s.size[2] != sizeof record) {
        fprintf(stderr, "agree: a record goes on after a loss\n");
        failures++;
    }
}

static void test_stream(const struct bytes *in)
{
    static struct bytes out;
    size_t at[FRAMES + 1], nframes = find_frames(in, at);
    compare(in, "a good stream", 0, 0);
    for (size_t n = 1; n <= 4; n++) {
        for (size_t i = 0; i + n <= nframes; i++)
            test_frames(in, at, nframes, i, n);
    }
    for (int i = 0; i < FLIPS / 10; i++) {
        const size_t where = any((uint32_t)in->n);
        out = *in;
        out.p[where] ^= (unsigned char)(1 + any(255));
        compare(&out, "a byte changed", where, 0);
        out = *in;
        out.n = where;
        compare(&out, "cut short", where, 0);
    }
}

/* usage: agree VOCAB_FILE */
int main(int argc, char **argv)
{
    static const enum lp_chain chains[] = {LP_CHAIN_TEXT, LP_CHAIN_TOKENS, LP_CHAIN_TOKENS_ZSTD};
    static struct bytes stream;
    struct lp_vocab *v;
    if (argc != 2 || lp_vocab_open(argv[1], &v) != LP_OK) {
        fputs("agree: cannot open the vocabulary\n", stderr);
        return 1;
    }
    vocab = v;
    for (int i = 0; i < 15; i++) {
        const bool window = i >= 9;
        const struct lp_options o = {.chain = chains[window ? i / 3 - 2 : i / 3],
                                     .split = (enum lp_split)(i % 3),
                                     .flush = i % 2 == 1,
                                     .window = window ? 2048 : 0,
                                     .key = i % 2 == 1 ? 1500 : 0};
        stream.n = 0;
        write_segment(o, i % 4 < 2, &stream);
        if (i % 3 == 2)
            write_segment((struct lp_options){.chain = chains[any(3)], .split = LP_LINES}, true,
                          &stream);
        test_stream(&stream);
    }
    test_cut_record();
    lp_vocab_close(v);
    return failures > 0;
}
