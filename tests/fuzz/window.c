/* window - packed copies, of any bytes or made of any copies, restored within limits and as a plain
 * model of the format does; any bytes as the codes of blocks, matched, packed and restored. */
#include "block/match.h"
#include "shared/fuzz.h"

static struct lp_window window; /* to restore in, and its content before */
static struct lp_buf before;

static void begin(size_t reach, const unsigned char *codes, size_t n)
{
    lp_window_clear(&window, reach);
    before.n = 0;
    fuzz_add(&before, codes, n);
    FUZZ_MUST(lp_window_push(&window, codes, n, 0) == LP_OK, "no window");
}

/* Restores, and checks what is promised whatever the bytes are. */
static enum lp_status restore(const struct lp_buf *copies, const void *rest, size_t nrest,
                              size_t max, size_t *n)
{
    unsigned char *packed = fuzz_copy(copies->p, copies->n), *exact = fuzz_copy(rest, nrest);
    fuzz_memory_begin();
    const enum lp_status status =
        lp_window_restore(&window, packed, copies->n, exact, nrest, max, n);
    const size_t memory = fuzz_memory_end();
    free(packed);
    free(exact);
    FUZZ_MUST(memory <= 4 * (before.n + nrest + max) + 1, "restoring takes %zu bytes", memory);
    FUZZ_MUST(status == LP_OK || status == LP_DATA || status == LP_LIMIT, "restoring gives \"%s\"",
              lp_status_text(status));
    FUZZ_MUST(*n <= max || status != LP_OK, "%zu bytes are more than %zu", *n, max);
    const size_t size = window.codes.n - (status == LP_OK ? *n : 0);
    FUZZ_MUST(size <= before.n && memcmp(window.codes.p, before.p + before.n - size, size) == 0,
              "the window before has changed");
    return status;
}

/* --- A plain model of lpstream(5), WINDOWS --------------------------------------------------- */

struct odds {
    uint32_t length[32], top[32][8];
};

/* Reads packed copies, bit by bit. */
struct model {
    struct fuzz_input in;
    unsigned past_end; /* bytes read there, which are zeros */
    uint32_t low, range, last;
    struct odds rest, length, distance, difference;
    uint32_t again, near, back;
};

static void shift_in(struct model *m)
{
    m->low = m->low << 8 | (m->in.n > 0 ? *m->in.p : 0);
    if (m->in.n == 0) {
        m->past_end++;
        return;
    }
    m->in.p++;
    m->in.n--;
}

static uint32_t take_even(struct model *m, uint32_t p)
{
    const uint32_t part = (m->range >> 16) * p;
    const bool bit = m->low < part;
    if (!bit)
        m->low -= part;
    m->range = bit ? part : (m->range >> 16) * (65536 - p);
    for (; m->range < 1u << 24; m->range <<= 8)
        shift_in(m);
    return bit;
}

static uint32_t take_bit(struct model *m, uint32_t *odds)
{
    const uint32_t bit = take_even(m, *odds < 64 ? 64 : *odds > 65472 ? 65472 : *odds);
    *odds = bit ? *odds + (65535 - *odds) / 16 : *odds - *odds / 16;
    return bit;
}

static uint32_t take_coded(struct model *m, struct odds *odds)
{
    uint32_t length = 1, number = 1;
    while (length < 32)
        length = 2 * length + take_bit(m, &odds->length[length]);
    length -= 32;
    for (uint32_t i = 1; i < length; i++)
        number = 2 * number +
                 (i <= 3 ? take_bit(m, &odds->top[length][number % 8]) : take_even(m, 32768));
    return length == 0 ? 0 : number;
}

static struct lp_copy take_copy(struct model *m)
{
    struct lp_copy copy = {.rest = take_coded(m, &m->rest)};
    copy.length = take_coded(m, &m->length);
    if (copy.length == 0)
        return copy;
    if (!take_bit(m, &m->again)) {
        if (!take_bit(m, &m->near))
            m->last = take_coded(m, &m->distance);
        else if (take_bit(m, &m->back))
            m->last -= take_coded(m, &m->difference);
        else
            m->last += take_coded(m, &m->difference);
    }
    copy.distance = m->last;
    return copy;
}

static void begin_model(struct model *m, const struct lp_buf *packed)
{
    struct odds even;
    for (unsigned i = 0; i < 32; i++) {
        even.length[i] = 32768;
        for (unsigned j = 0; j < 8; j++)
            even.top[i][j] = 32768;
    }
    *m = (struct model){.in = {packed->p, packed->n}, .range = UINT32_MAX};
    m->rest = m->length = m->distance = m->difference = even;
    m->again = m->near = m->back = 32768;
    for (int i = 0; i < 4; i++)
        shift_in(m);
}

/* What a copy appends to codes, byte by byte. */
static enum lp_status apply(const struct lp_copy *copy, struct fuzz_input *rest, size_t room,
                            size_t reach, struct lp_buf *codes)
{
    if (copy->rest > rest->n)
        return LP_DATA;
    if (copy->rest > room || copy->length > room - copy->rest)
        return LP_LIMIT;
    fuzz_add(codes, rest->p, copy->rest);
    rest->p += copy->rest;
    rest->n -= copy->rest;
    if (copy->length > 0 &&
        (copy->distance == 0 || copy->distance > reach || copy->distance > codes->n))
        return LP_DATA;
    for (uint32_t i = 0; i < copy->length; i++) {
        const unsigned char byte = codes->p[codes->n - copy->distance];
        fuzz_add(codes, &byte, 1);
    }
    return LP_OK;
}

/* Makes codes what packed copies and the rest restore after the codes before. */
static enum lp_status apply_all(const struct lp_buf *packed, struct fuzz_input rest, size_t max,
                                size_t reach, struct lp_buf *codes)
{
    static struct model model;
    enum { PAST_END_MAX = 8 };
    struct lp_copy copy = {.length = 1};
    enum lp_status status = LP_OK;
    begin_model(&model, packed);
    codes->n = 0;
    fuzz_add(codes, before.p, before.n);
    while (status == LP_OK && copy.length > 0) {
        copy = take_copy(&model);
        status = model.past_end > PAST_END_MAX
                     ? LP_DATA
                     : apply(&copy, &rest, max - (codes->n - before.n), reach, codes);
    }
    return status == LP_OK && (rest.n > 0 || model.in.n > 0) ? LP_DATA : status;
}

/* Restores as the model does. */
static void check(const struct lp_buf *packed, struct fuzz_input rest, size_t max, size_t reach)
{
    static struct lp_buf codes;
    size_t n;
    const enum lp_status right = apply_all(packed, rest, max, reach, &codes);
    const enum lp_status status = restore(packed, rest.p, rest.n, max, &n);
    FUZZ_MUST(status == right, "the model gives \"%s\", restoring \"%s\"", lp_status_text(right),
              lp_status_text(status));
    if (status == LP_OK)
        FUZZ_MUST(window.codes.n <= codes.n && n == codes.n - before.n &&
                      memcmp(window.codes.p, codes.p + codes.n - window.codes.n, window.codes.n) ==
                          0,
                  "the copies restore something else");
}

/* --- Any bytes ---------------------------------------------------------------------------- */

static void restore_bytes(struct fuzz_input in)
{
    const size_t reach = (size_t)1 << fuzz_choice(&in, 17);
    const size_t max = fuzz_choice(&in, 256) * 256;
    const unsigned codes_part = fuzz_choice(&in, 256), copies_part = fuzz_choice(&in, 256);
    const size_t ncodes = in.n * codes_part / 256;
    const size_t ncopies = (in.n - ncodes) * copies_part / 256;
    begin(reach, in.p, ncodes);
    const struct lp_buf copies = {(unsigned char *)(uintptr_t)in.p + ncodes, ncopies, ncopies};
    const struct fuzz_input rest = {copies.p + ncopies, in.n - ncodes - ncopies};
    check(&copies, rest, max, reach);
}

/* --- Any copies --------------------------------------------------------------------------- */

/* Takes a number of at most 4 bytes, mostly small. */
static uint32_t take_number(struct fuzz_input *in)
{
    const unsigned size = fuzz_choice(in, 256);
    uint32_t number = size >> 2;
    for (unsigned i = 0; i < (size & 3); i++)
        number = number << 8 | fuzz_choice(in, 256);
    return number;
}

static void restore_copies(struct fuzz_input in)
{
    enum { COPIES = 64 };
    static struct lp_copy copy[COPIES + 1];
    static struct lp_buf packed;
    struct lp_copies copies = {.v = copy};
    const size_t reach = (size_t)1 << fuzz_choice(&in, 17);
    const size_t max = fuzz_choice(&in, 256) * 256;
    const size_t ncopies = fuzz_choice(&in, COPIES), unused = fuzz_choice(&in, 8) / 7;
    for (; copies.n < ncopies; copies.n++) {
        copy[copies.n].rest = take_number(&in);
        copy[copies.n].length = 1 + take_number(&in);
        copy[copies.n].distance = take_number(&in);
    }
    const size_t ncodes = in.n / 2;
    struct fuzz_input rest = {in.p + ncodes, in.n - ncodes};
    size_t left = rest.n;
    for (size_t i = 0; i < copies.n; i++)
        left -= copy[i].rest < left ? copy[i].rest : left;
    left -= unused < left ? unused : left;
    copy[copies.n++] = (struct lp_copy){.rest = (uint32_t)left};
    begin(reach, in.p, ncodes);
    packed.n = 0;
    fuzz_add(&packed, "", 0);
    FUZZ_MUST(lp_copies_pack(&copies, &packed) == LP_OK, "no copies");
    check(&packed, rest, max, reach);
}

/* --- Any codes ---------------------------------------------------------------------------- */

/* What is packed, and what is restored, block by block. */
struct sides {
    struct lp_window packing;
    struct lp_matcher matcher;
    struct lp_copies copies;
    struct lp_buf packed, rest;
};

/* Matches n codes as a block of two parts, or as one. */
static void match_block(struct sides *s, const struct lp_vocab *vocab, const unsigned char *codes,
                        size_t n)
{
    const size_t half = n % 2 == 0 ? n / 2 : n;
    s->copies.n = s->rest.n = 0;
    for (size_t at = 0; at < n || at == 0; at += half) {
        FUZZ_MUST(lp_window_push(&s->packing, codes + at, half, at) == LP_OK &&
                      lp_match(&s->matcher, &s->packing, vocab, at + half, half, &s->copies,
                               &s->rest) == LP_OK,
                  "no match");
        if (half == 0)
            break;
    }
}

static void check_block(struct sides *s, const struct lp_vocab *vocab, const unsigned char *codes,
                        size_t n)
{
    size_t restored;
    s->packed.n = 0;
    fuzz_add(&s->packed, "", 0);
    match_block(s, vocab, codes, n);
    FUZZ_MUST(lp_copies_pack(&s->copies, &s->packed) == LP_OK, "no copies");
    before.n = 0;
    fuzz_add(&before, window.codes.p, window.codes.n);
    const enum lp_status status = restore(&s->packed, s->rest.p, s->rest.n, n, &restored);
    FUZZ_MUST(status == LP_OK && restored == n &&
                  memcmp(window.codes.p + window.codes.n - n, codes, n) == 0,
              "%zu codes give \"%s\", %zu codes", n, lp_status_text(status), restored);
    FUZZ_MUST(lp_window_end(&window) == lp_window_end(&s->packing), "the windows end elsewhere");
}

/* Blocks of the codes, several times; what is learnt first is as of a parent: then blocks do not
 * depend on one another, and are taken back. */
static void match_codes(struct fuzz_input in)
{
    enum { CODES_MAX = 1 << 17, BLOCKS_MAX = 200 };
    static struct sides s;
    const struct lp_vocab *vocab = fuzz_vocab(fuzz_flip(&in) ? "gpt2" : "cl100k_base");
    const size_t reach = (size_t)1 << fuzz_choice(&in, 17);
    const unsigned key = fuzz_choice(&in, 16), times = 1 + fuzz_choice(&in, 64);
    const bool learn = fuzz_flip(&in);
    struct fuzz_pieces pieces = fuzz_choose_pieces(&in);
    lp_matcher_free(&s.matcher);
    lp_window_free(&s.packing);
    s.packing = (struct lp_window){0};
    lp_window_clear(&s.packing, reach);
    begin(reach, in.p, 0);
    if (learn) {
        begin(reach, in.p, in.n / 2);
        FUZZ_MUST(lp_window_push(&s.packing, in.p, in.n / 2, 0) == LP_OK &&
                      lp_matcher_learn(&s.matcher, &s.packing, vocab) == LP_OK,
                  "not learnt");
    }
    size_t done = 0, nblocks = 0;
    for (unsigned i = 0; i < times && done < CODES_MAX; i++) {
        for (size_t at = 0, n; at < in.n && nblocks < BLOCKS_MAX; at += n, done += n, nblocks++) {
            n = fuzz_piece(&pieces, in.n - at);
            const uint64_t end = lp_window_end(&window);
            if (!learn && key > 0 && nblocks % key == 0) {
                lp_window_clear(&window, reach);
                lp_window_clear(&s.packing, reach);
            }
            check_block(&s, vocab, in.p + at, n);
            if (learn) {
                lp_window_take_back(&window, end);
                lp_window_take_back(&s.packing, end);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = {data, n};
    const unsigned what = fuzz_choice(&in, 3);
    if (what == 0)
        restore_bytes(in);
    else if (what == 1)
        restore_copies(in);
    else
        match_codes(in);
    lp_window_free(&window);
    window = (struct lp_window){0};
    return 0;
}
