/* window - packed copies of any bytes, restored within limits; any copies, restored as a plain
 * model of them has it; any bytes as the codes of blocks, matched, packed and restored. */
#include "block/match.h"
#include "shared/fuzz.h"

static struct lp_window window; /* to restore in, and its content before */
static struct lp_buf before;

static void begin(size_t reach, const unsigned char *codes, size_t n)
{
    lp_window_clear(&window, reach);
    before.n = 0;
    fuzz_add(&before, codes, n);
    FUZZ_MUST(lp_window_push(&window, codes, n) == LP_OK, "no window");
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

/* --- Any bytes ---------------------------------------------------------------------------- */

static void restore_bytes(struct fuzz_input in)
{
    size_t n;
    const size_t reach = (size_t)1 << fuzz_choice(&in, 17);
    const size_t max = fuzz_choice(&in, 256) * 256;
    const unsigned codes_part = fuzz_choice(&in, 256), copies_part = fuzz_choice(&in, 256);
    const size_t ncodes = in.n * codes_part / 256;
    const size_t ncopies = (in.n - ncodes) * copies_part / 256;
    begin(reach, in.p, ncodes);
    const struct lp_buf copies = {(unsigned char *)(uintptr_t)in.p + ncodes, ncopies, ncopies};
    (void)restore(&copies, in.p + ncodes + ncopies, in.n - ncodes - ncopies, max, &n);
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

static enum lp_status apply_all(const struct lp_copies *copies, struct fuzz_input rest, size_t max,
                                size_t reach, struct lp_buf *codes)
{
    enum lp_status status = LP_OK;
    codes->n = 0;
    fuzz_add(codes, before.p, before.n);
    for (size_t i = 0; status == LP_OK && i < copies->n; i++)
        status = apply(&copies->v[i], &rest, max - (codes->n - before.n), reach, codes);
    return status == LP_OK && rest.n > 0 ? LP_DATA : status;
}

static void restore_copies(struct fuzz_input in)
{
    enum { COPIES = 64 };
    static struct lp_copy copy[COPIES + 1];
    static struct lp_buf packed, model;
    struct lp_copies copies = {.v = copy};
    size_t n;
    const size_t reach = (size_t)1 << fuzz_choice(&in, 17);
    const size_t max = fuzz_choice(&in, 256) * 256;
    const size_t ncopies = fuzz_choice(&in, COPIES);
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
    copy[copies.n++] = (struct lp_copy){.rest = (uint32_t)left};
    begin(reach, in.p, ncodes);
    packed.n = 0;
    fuzz_add(&packed, "", 0);
    FUZZ_MUST(lp_copies_pack(&copies, &packed) == LP_OK, "no copies");
    const enum lp_status right = apply_all(&copies, rest, max, reach, &model);
    const enum lp_status status = restore(&packed, rest.p, rest.n, max, &n);
    FUZZ_MUST(status == right, "the model gives \"%s\", restoring \"%s\"", lp_status_text(right),
              lp_status_text(status));
    if (status == LP_OK)
        FUZZ_MUST(window.codes.n <= model.n && n == model.n - before.n &&
                      memcmp(window.codes.p, model.p + model.n - window.codes.n, window.codes.n) ==
                          0,
                  "the copies restore something else");
}

/* --- Any codes ---------------------------------------------------------------------------- */

/* What is packed, and what is restored, block by block. */
struct sides {
    struct lp_window packing;
    struct lp_matcher matcher;
    struct lp_copies copies;
    struct lp_buf packed, rest;
};

static void check_block(struct sides *s, const struct lp_vocab *vocab, const unsigned char *codes,
                        size_t n)
{
    size_t restored;
    s->packed.n = s->rest.n = 0;
    fuzz_add(&s->packed, "", 0);
    FUZZ_MUST(lp_window_push(&s->packing, codes, n) == LP_OK &&
                  lp_match(&s->matcher, &s->packing, vocab, n, &s->copies, &s->rest) == LP_OK &&
                  lp_copies_pack(&s->copies, &s->packed) == LP_OK,
              "no match");
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
        FUZZ_MUST(lp_window_push(&s.packing, in.p, in.n / 2) == LP_OK &&
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
