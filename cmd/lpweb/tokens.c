/* tokens.c - the tokens of a text: their ids, sizes and bits, and how many there are in each
 * encoding and in each message of a conversation. */
#include "lpweb/api.h"

#include "shared/chat.h"
#include "shared/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that the page is told of one by one: those of some megabytes. More would take a browser
 * hundreds of megabytes. */
enum { SHOWN_MAX = 1 << 19 };

static struct lp_codec *new_codec(const struct call *call, const struct lp_vocab *vocab,
                                  const struct lp_model *model)
{
    const struct lp_options options = {.chain =
                                           model != NULL ? LP_CHAIN_TOKENS_MIX : LP_CHAIN_TOKENS,
                                       .vocab = vocab,
                                       .model = model};
    struct lp_codec *codec;
    api_check(call, lp_codec_new(&options, &codec));
    return codec;
}

static void put_sizes(struct json *json, const struct lp_vocab *vocab, const uint32_t *ids,
                      size_t nids)
{
    size_t size;
    json_open_flat(json, "sizes", '[');
    for (size_t i = 0; i < nids; i++) {
        size = 0;
        lp_vocab_token(vocab, ids[i], &size);
        json_count(json, NULL, size);
    }
    json_close(json, ']');
}

/* Hundredths of a bit: whole numbers are short. */
static void put_bits(const struct call *call, struct json *json, struct lp_codec *codec,
                     const uint32_t *ids, size_t nids)
{
    double *bits = tool_realloc(call->tool, NULL, nids, sizeof *bits);
    api_check(call, lp_cost(codec, ids, nids, bits));
    json_open_flat(json, "centibits", '[');
    for (size_t i = 0; i < nids; i++)
        json_count(json, NULL, (uint64_t)llround(100 * bits[i]));
    json_close(json, ']');
    free(bits);
}

void answer_tokens(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const struct lp_vocab *vocab = api_vocab(call);
    const struct lp_model *model = api_model(call, vocab);
    struct lp_codec *codec = new_codec(call, vocab, model);
    const uint32_t *ids;
    size_t nids;
    api_check(call, lp_encode(codec, call->text, call->ntext, &ids, &nids));
    const size_t shown = nids < SHOWN_MAX ? nids : SHOWN_MAX;
    json_open(&json, NULL, '{');
    json_text(&json, "encoding", lp_vocab_name(vocab));
    json_count(&json, "bytes", call->ntext);
    json_count(&json, "tokens", nids);
    json_count(&json, "shown", shown);
    json_open_flat(&json, "ids", '[');
    for (size_t i = 0; i < shown; i++)
        json_count(&json, NULL, ids[i]);
    json_close(&json, ']');
    put_sizes(&json, vocab, ids, shown);
    if (model != NULL)
        put_bits(call, &json, codec, ids, shown);
    else
        json_null(&json, "centibits");
    json_close(&json, '}');
    lp_codec_free(codec);
}

/* --- Counts -------------------------------------------------------------------------- */

void answer_counts(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const char *name;
    json_open(&json, NULL, '{');
    json_count(&json, "bytes", call->ntext);
    json_open(&json, "encodings", '[');
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++) {
        struct lp_codec *codec = new_codec(call, finder_vocab(call->finder, name), NULL);
        size_t ntokens;
        api_check(call, lp_count(codec, call->text, call->ntext, &ntokens));
        json_open_flat(&json, NULL, '{');
        json_text(&json, "name", name);
        json_count(&json, "tokens", ntokens);
        json_close(&json, '}');
        lp_codec_free(codec);
    }
    json_close(&json, ']');
    json_close(&json, '}');
}

static void put_message(void *ctx, uint64_t tokens)
{
    json_count(ctx, NULL, tokens);
}

/* Messages in JSON, as lptok -c --chat counts them. */
void answer_chat(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const struct lp_vocab *vocab = api_vocab(call);
    struct chat chat = {.tool = call->tool,
                        .name = "the text",
                        .record = 1,
                        .on_message = put_message,
                        .ctx = &json};
    if (!chat_knows(lp_vocab_name(vocab)))
        tool_die(call->tool, EXIT_USAGE, "how models of %s count conversations is not known",
                 lp_vocab_name(vocab));
    api_check(call, lp_tok_new(vocab, false, &chat.tok));
    json_open(&json, NULL, '{');
    json_open_flat(&json, "messages", '[');
    const uint64_t tokens = chat_count(&chat, call->text, call->ntext);
    json_close(&json, ']');
    json_count(&json, "reply", CHAT_REPLY);
    json_count(&json, "tokens", tokens);
    json_text(&json, "uncounted", chat.uncounted[0] != 0 ? chat.uncounted : NULL);
    json_close(&json, '}');
    lp_tok_free(chat.tok);
    chat_free(&chat);
}
