/* codec.c - a codec, and ids: of a text, to a text, their number and cost. */
#include "codec.h"

#include "base/ids.h"
#include "base/interrupt.h"
#include "base/sized.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

enum lp_status lp_codec_new_sized(const struct lp_options *options, size_t size,
                                  struct lp_codec **out)
{
    *out = NULL;
    struct lp_codec *codec = calloc(1, sizeof *codec);
    if (codec == NULL)
        return LP_NOMEM;
    const struct lp_options *o = &codec->options;
    enum lp_status status =
        lp_take_sized(&codec->options, sizeof codec->options, options, size) ? LP_OK : LP_USAGE;
    if (status == LP_OK && o->vocab != NULL)
        status = lp_tok_new(o->vocab, o->special, &codec->tok);
    if (status != LP_OK) {
        lp_codec_free(codec);
        return status;
    }
    codec->coder.mixer.interrupt = o->interrupt;
    codec->coder.mixer.interrupt_ctx = o->interrupt_ctx;
    *out = codec;
    return LP_OK;
}

void lp_codec_free(struct lp_codec *codec)
{
    if (codec == NULL)
        return;
    lp_tok_free(codec->tok);
    free(codec->ids.v);
    lp_block_coder_free(&codec->coder);
    lp_buf_free(&codec->body);
    lp_buf_free(&codec->payload);
    lp_buf_free(&codec->text);
    lp_buf_free(&codec->other);
    lp_buf_free(&codec->copies);
    lp_buf_free(&codec->rest);
    lp_parent_free(&codec->own);
    lp_parent_free(&codec->found);
    free(codec);
}

/* Appends the ids of a text to codec->ids; whoever may interrupt is asked between pieces of it. */
static enum lp_status push_text(struct lp_codec *codec, const unsigned char *text, size_t n)
{
    enum { PIECE = 64 << 10 };
    const struct lp_options *o = &codec->options;
    for (;;) {
        size_t piece = o->interrupt != NULL && n > PIECE ? PIECE : n;
        enum lp_status status = lp_tok_push(codec->tok, text, piece, piece == n, &codec->ids);
        if (status == LP_OK && piece < n)
            status = lp_ask_interrupt(o->interrupt, o->interrupt_ctx);
        if (status != LP_OK || piece == n)
            return status;
        text += piece;
        n -= piece;
    }
}

enum lp_status lp_encode(struct lp_codec *codec, const void *text, size_t n, const uint32_t **ids,
                         size_t *nids)
{
    if (codec->tok == NULL)
        return LP_USAGE;
    codec->ids.n = 0;
    lp_tok_reset(codec->tok);
    enum lp_status status = push_text(codec, text, n);
    *ids = codec->ids.v;
    *nids = codec->ids.n;
    return status;
}

enum lp_status lp_count(struct lp_codec *codec, const void *text, size_t n, size_t *nids)
{
    const uint32_t *ids;
    return lp_encode(codec, text, n, &ids, nids);
}

enum lp_status lp_decode(struct lp_codec *codec, const uint32_t *ids, size_t nids,
                         const void **text, size_t *n)
{
    if (codec->options.vocab == NULL)
        return LP_USAGE;
    codec->text.n = 0;
    enum lp_status status = LP_BAD_VOCAB;
    if (lp_vocab_expect(codec->options.vocab, LP_READ_TEXT))
        status = lp_ids_append_text(codec->options.vocab, ids, nids, SIZE_MAX, &codec->text);
    *text = codec->text.p;
    *n = codec->text.n;
    return status;
}

enum lp_status lp_codec_parent(struct lp_codec *codec, const void *text, size_t n)
{
    if (text == NULL) {
        codec->own.vocab = NULL;
        return LP_OK;
    }
    if (codec->options.vocab == NULL)
        return LP_USAGE;
    return lp_parent_set(&codec->own, codec->options.vocab, text, n);
}

enum lp_status lp_cost(struct lp_codec *codec, const uint32_t *ids, size_t nids, double *bits)
{
    const struct lp_options *o = &codec->options;
    if (o->model == NULL)
        return LP_USAGE;
    return lp_mixer_cost(&codec->coder.mixer, o->model, o->fast, ids, nids, bits, &codec->payload);
}

const struct lp_need *lp_codec_need(const struct lp_codec *codec)
{
    return &codec->need;
}

uint32_t lp_check(const void *text, size_t n)
{
    return lp_check32(text, n);
}
