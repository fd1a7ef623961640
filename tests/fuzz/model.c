/* model - models with any content: what is coded with one is decoded with it; damage to a sound one
 * is noticed; noise is no harm.
 *
 * An input is a number n, n bytes of text, then changes of the model: where, how many bytes, what.
 */
#include "mix/model.h"
#include "mix/mix.h"
#include "shared/fuzz.h"
#include "shared/patch.h"

static unsigned char *file;
static size_t file_size;

/* Where changes of a section go: in one of its entries, or near its begin, where the entries are
 * that the first tokens need. */
static size_t place(unsigned section, uint32_t at)
{
    if (section == LP_LPM_SECTIONS)
        return at % LP_LPM_AT_SECTION;
    const unsigned char *where = file + LP_LPM_AT_SECTION + 8 * section;
    const uint32_t size = lp_get32(where + 4);
    return lp_get32(where) + (size > 0 ? at % size : 0);
}

static void change(struct fuzz_input *in, struct patches *patches)
{
    while (in->n >= PATCH_HEAD && patches->n < PATCHES_MAX) {
        const size_t at = place(in->p[0] % (LP_LPM_SECTIONS + 1), lp_get24(in->p + 1));
        patch(patches, file, file_size, at, in);
    }
}

static void must_be(enum lp_status status, enum lp_status allowed, const char *what)
{
    FUZZ_MUST(status == LP_OK || status == allowed, "%s gives \"%s\"", what,
              lp_status_text(status));
}

/* Codes ids with a model whose damage is not told from its content, and decodes them. */
static void round_trip(const struct lp_model *model, bool fast, const struct lp_ids *ids,
                       const struct fuzz_input *noise)
{
    static struct lp_buf code;
    const struct lp_ids *back;
    struct lp_mix *mix;
    FUZZ_MUST(lp_mix_new(model, fast, &mix) == LP_OK, "no state");
    code.n = 0;
    enum lp_status status = lp_mix_encode(mix, ids->v, ids->n, &code);
    must_be(status, LP_DATA, "coding");
    if (status == LP_OK) {
        unsigned char *exact = fuzz_copy(code.p, code.n);
        status = lp_mix_decode(mix, exact, code.n, ids->n, &back);
        free(exact);
        FUZZ_MUST(status == LP_OK && back->n == ids->n &&
                      (back->n == 0 || memcmp(back->v, ids->v, back->n * sizeof *back->v) == 0),
                  "decoding gives \"%s\", %zu ids of %zu", lp_status_text(status), back->n, ids->n);
    }
    enum { NOISE_MAX = 200 };
    status = lp_mix_decode(mix, noise->p, noise->n, NOISE_MAX, &back);
    FUZZ_MUST(back->n <= NOISE_MAX && (status == LP_OK || status == LP_DATA || status == LP_LIMIT),
              "noise gives \"%s\", %zu ids", lp_status_text(status), back->n);
    lp_mix_free(mix);
}

/* A text gives the same code with a damaged model as with the sound one, or none. */
static void notice(bool fast, const struct fuzz_input *text)
{
    static struct lp_codec *sound[2];
    struct lp_options options = {.chain = LP_CHAIN_TOKENS_MIX,
                                 .vocab = fuzz_vocab("cl100k_base"),
                                 .fast = fast,
                                 .level = 1,
                                 .unverified = true};
    struct lp_model *model;
    struct lp_codec *codec;
    const void *right, *blob;
    size_t n_right, n;
    options.model = fuzz_model(options.vocab);
    if (sound[fast] == NULL)
        FUZZ_MUST(lp_codec_new(&options, &sound[fast]) == LP_OK, "no codec");
    FUZZ_MUST(lp_pack(sound[fast], text->p, text->n, &right, &n_right) == LP_OK, "packing");
    if (lp_model_open_memory(file, file_size, false, &model) != LP_OK)
        return;
    const bool whole = lp_model_verify(model) == LP_OK;
    options.model = model;
    enum lp_status status = lp_codec_new(&options, &codec);
    if (status == LP_OK)
        status = lp_pack(codec, text->p, text->n, &blob, &n);
    FUZZ_MUST(status == LP_BAD_MODEL || status == LP_USAGE ||
                  (status == LP_OK && n == n_right && memcmp(blob, right, n) == 0),
              "a damaged model gives \"%s\", and another blob", lp_status_text(status));
    FUZZ_MUST(status == LP_OK || !whole, "a sound model gives \"%s\"", lp_status_text(status));
    lp_codec_free(codec);
    lp_model_close(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct patches patches;
    static struct lp_ids ids;
    struct fuzz_input in = {data, n}, text;
    struct lp_model model;
    struct lp_tok *tok;
    if (file == NULL)
        file = fuzz_file("cl100k_base.lpm", &file_size);
    const bool damage = fuzz_choice(&in, 4) == 3, fast = fuzz_flip(&in);
    text = take_text(&in);
    patches.n = 0;
    change(&in, &patches);
    if (damage) {
        notice(fast, &text);
    } else if (lp_model_view(file, file_size, &model) == LP_OK) {
        ids.n = 0;
        FUZZ_MUST(lp_tok_new(fuzz_vocab("cl100k_base"), false, &tok) == LP_OK &&
                      lp_tok_push(tok, text.p, text.n, true, &ids) == LP_OK,
                  "no ids");
        lp_tok_free(tok);
        round_trip(&model, fast, &ids, &text);
    }
    undo(&patches, file);
    return 0;
}
