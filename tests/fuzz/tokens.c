/* tokens - any text has the same ids whole and in pieces, by every instruction set, through the
 * codec, and these have the text. */
#include "shared/fuzz.h"

#include <stdio.h>

enum { VOCABS = 4 };

struct vocab {
    struct lp_vocab *best, *portable; /* by the best instructions that there are, by plain C */
    struct lp_codec *codec;           /* of the best */
};

static const struct vocab *open_vocab(unsigned which)
{
    static const char *const names[] = {"cl100k_base", "o200k_base", "gpt2", "o200k_harmony"};
    static struct vocab all[VOCABS];
    struct vocab *v = &all[which];
    if (v->best != NULL)
        return v;
    char name[64];
    size_t n;
    snprintf(name, sizeof name, "%s.lpv", names[which]);
    unsigned char *file = fuzz_file(name, &n);
    FUZZ_MUST(lp_vocab_open_memory(file, n, false, &v->best) == LP_OK &&
                  lp_vocab_open_memory(file, n, false, &v->portable) == LP_OK &&
                  lp_vocab_use(v->portable, "portable") == LP_OK &&
                  lp_codec_new(&(struct lp_options){.vocab = v->best}, &v->codec) == LP_OK,
              "no vocabulary");
    return v;
}

static void tokenise(const struct lp_vocab *vocab, bool special, struct fuzz_pieces pieces,
                     const struct lp_buf *text, struct lp_ids *ids)
{
    struct lp_tok *tok;
    ids->n = 0;
    FUZZ_MUST(lp_tok_new(vocab, special, &tok) == LP_OK, "no tokeniser");
    enum lp_status status = LP_OK;
    for (size_t at = 0, n; status == LP_OK && at < text->n; at += n) {
        n = fuzz_piece(&pieces, text->n - at);
        unsigned char *piece = fuzz_copy(text->p + at, n);
        status = lp_tok_push(tok, piece, n, at + n == text->n && pieces.seed % 2 == 0, ids);
        free(piece);
        FUZZ_MUST(lp_tok_held(tok) <= at + n, "more text is held than there was");
    }
    if (status == LP_OK && (text->n == 0 || pieces.seed % 2 == 1))
        status = lp_tok_push(tok, NULL, 0, true, ids);
    FUZZ_MUST(status == LP_OK && lp_tok_held(tok) == 0, "tokenising gives \"%s\"",
              lp_status_text(status));
    lp_tok_free(tok);
}

static bool same_ids(const struct lp_ids *a, const uint32_t *ids, size_t n)
{
    return a->n == n && (n == 0 || memcmp(a->v, ids, n * sizeof *ids) == 0);
}

/* The tokens of the ids have the text, one after the other. */
static void check_tokens(const struct lp_vocab *vocab, const struct lp_ids *ids,
                         const struct lp_buf *text)
{
    size_t at = 0;
    for (size_t i = 0, n; i < ids->n; i++, at += n) {
        const unsigned char *token = lp_vocab_token(vocab, ids->v[i], &n);
        FUZZ_MUST(token != NULL && n <= text->n - at && memcmp(token, text->p + at, n) == 0,
                  "token %zu has another text", i);
    }
    FUZZ_MUST(at == text->n, "the tokens have %zu bytes of %zu", at, text->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_ids whole, other;
    static struct lp_buf text;
    struct fuzz_input in = {data, n};
    const struct vocab *v = open_vocab(fuzz_choice(&in, VOCABS));
    const bool special = fuzz_flip(&in);
    const unsigned repeat = fuzz_choice(&in, 8) == 7 ? 20 : 1;
    const struct fuzz_pieces pieces = fuzz_choose_pieces(&in);
    text.n = 0;
    for (unsigned i = 0; i < repeat; i++)
        fuzz_add(&text, in.p, in.n);
    tokenise(v->best, special, (struct fuzz_pieces){0}, &text, &whole);
    tokenise(v->best, special, pieces, &text, &other);
    FUZZ_MUST(same_ids(&whole, other.v, other.n), "in pieces: %zu ids, not %zu", other.n, whole.n);
    tokenise(v->portable, special, pieces, &text, &other);
    FUZZ_MUST(same_ids(&whole, other.v, other.n), "portable: %zu ids, not %zu", other.n, whole.n);
    check_tokens(v->best, &whole, &text);
    const void *back;
    const uint32_t *ids;
    size_t size, nids;
    FUZZ_MUST(lp_decode(v->codec, whole.v, whole.n, &back, &size) == LP_OK &&
                  lp_buf_is(&text, back, size),
              "the ids have another text");
    FUZZ_MUST(special || (lp_encode(v->codec, text.p, text.n, &ids, &nids) == LP_OK &&
                          same_ids(&whole, ids, nids)),
              "the codec has other ids");
    /* Any ids decode or are refused. */
    (void)lp_decode(v->codec, (const uint32_t *)(const void *)text.p, text.n / sizeof *ids, &back,
                    &size);
    return 0;
}
