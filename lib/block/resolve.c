#include "block/resolve.h"

#include "block/dict.h"

#include <string.h>

bool lp_options_complete(const struct lp_options *options)
{
    if (lp_chain_tokens(options->chain) && options->vocab == NULL)
        return false;
    if (options->window > (lp_chain_tokens(options->chain) ? LP_WINDOW_MAX : 0))
        return false;
    return options->chain != LP_CHAIN_TOKENS_MIX ||
           (options->model != NULL &&
            lp_model_vocab_fingerprint(options->model) == lp_vocab_fingerprint(options->vocab));
}

/* The window of a header for so many bytes of text: codes have about half of them. */
static unsigned window_log(size_t text)
{
    unsigned log = text > 0 ? LP_WINDOW_LOG_MIN : 0;
    while (log < LP_WINDOW_LOG_MAX && (size_t)2 << log < text)
        log++;
    return log;
}

void lp_header_of(const struct lp_options *options, unsigned block_log, struct lp_header *header)
{
    *header = (struct lp_header){.chain = options->chain,
                                 .split = options->split,
                                 .block_log = block_log,
                                 .window_log = window_log(options->window)};
    if (lp_chain_tokens(options->chain)) {
        strncpy(header->vocab_name, lp_vocab_name(options->vocab), LP_VOCAB_NAME_MAX);
        header->vocab_fingerprint = lp_vocab_fingerprint(options->vocab);
    }
    if (options->chain == LP_CHAIN_TOKENS_MIX)
        header->model_fingerprint = lp_model_fingerprint(options->model);
    else if (options->dict != NULL)
        header->dict_fingerprint = options->dict->fingerprint;
}

/* Whether a fingerprint is the one asked for. */
static bool fits(const struct lp_need *need, uint64_t fingerprint)
{
    return need->fingerprint == 0 || need->fingerprint == fingerprint;
}

enum lp_status lp_need_ask(const struct lp_need *need, lp_finder *find, void *ctx,
                           struct lp_found *found)
{
    struct lp_found got = {0};
    if (find != NULL) {
        enum lp_status status = find(ctx, need, &got);
        if (status != LP_OK)
            return status;
    }
    switch (need->what) {
    case LP_NEED_VOCAB:
        if (got.vocab == NULL || !fits(need, lp_vocab_fingerprint(got.vocab)))
            return LP_NO_VOCAB;
        found->vocab = got.vocab;
        return LP_OK;
    case LP_NEED_DICT:
        if (got.dict == NULL || !fits(need, got.dict->fingerprint))
            return LP_NO_DICT;
        found->dict = got.dict;
        return LP_OK;
    case LP_NEED_PARENT:
        if (got.parent == NULL || lp_check32(got.parent, got.parent_size) != need->fingerprint)
            return LP_NO_PARENT;
        found->parent = got.parent;
        found->parent_size = got.parent_size;
        return LP_OK;
    default:
        if (got.model == NULL || !fits(need, lp_model_fingerprint(got.model)))
            return LP_NO_MODEL;
        found->model = got.model;
        return LP_OK;
    }
}

enum lp_status lp_need_find(const struct lp_header *header, lp_finder *find, void *ctx,
                            struct lp_found *found, struct lp_need *need)
{
    *found = (struct lp_found){0};
    enum lp_status status = LP_OK;
    if (lp_chain_tokens(header->chain)) {
        *need = (struct lp_need){.what = LP_NEED_VOCAB,
                                 .name = header->vocab_name,
                                 .fingerprint = header->vocab_fingerprint};
        status = lp_need_ask(need, find, ctx, found);
    }
    if (status == LP_OK && header->dict_fingerprint != 0) {
        *need = (struct lp_need){
            .what = LP_NEED_DICT, .name = "", .fingerprint = header->dict_fingerprint};
        status = lp_need_ask(need, find, ctx, found);
    }
    if (status == LP_OK && header->model_fingerprint != 0) {
        *need = (struct lp_need){.what = LP_NEED_MODEL,
                                 .name = header->vocab_name,
                                 .fingerprint = header->model_fingerprint};
        status = lp_need_ask(need, find, ctx, found);
    }
    return status;
}

enum lp_status lp_need_packing(const struct lp_header *header, const struct lp_options *options,
                               lp_finder *find, void *ctx, const struct lp_found *tools,
                               struct lp_options *packing, struct lp_need *need)
{
    const bool tokens = header->vocab_name[0] != '\0', mix = options->chain == LP_CHAIN_TOKENS_MIX;
    *packing = *options;
    packing->split = header->split;
    packing->vocab = tools->vocab;
    if (options->chain == LP_CHAIN_TOKENS)
        packing->chain = tokens ? LP_CHAIN_TOKENS : LP_CHAIN_TEXT;
    else
        packing->chain = !tokens ? LP_CHAIN_TEXT_ZSTD
                         : mix   ? LP_CHAIN_TOKENS_MIX
                                 : LP_CHAIN_TOKENS_ZSTD;
    if (packing->chain != LP_CHAIN_TOKENS_MIX)
        return LP_OK;
    struct lp_found found = {.model = options->model};
    enum lp_status status = LP_OK;
    *need = (struct lp_need){.what = LP_NEED_MODEL, .name = header->vocab_name};
    if (found.model == NULL)
        status = lp_need_ask(need, find, ctx, &found);
    packing->model = found.model;
    return status == LP_OK && !lp_options_complete(packing) ? LP_NO_MODEL : status;
}
