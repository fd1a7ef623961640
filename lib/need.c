#include "need.h"

#include "dict.h"

#include <string.h>

void lp_header_of(const struct lp_options *options, unsigned block_log, struct lp_header *header)
{
    *header = (struct lp_header){
        .chain = options->chain, .split = options->split, .block_log = block_log};
    if (lp_chain_tokens(options->chain)) {
        strncpy(header->vocab_name, lp_vocab_name(options->vocab), LP_VOCAB_NAME_MAX);
        header->vocab_fingerprint = lp_vocab_fingerprint(options->vocab);
    }
    if (options->dict != NULL)
        header->dict_fingerprint = options->dict->fingerprint;
}

enum lp_status lp_need_find(const struct lp_header *header, lp_finder *find, void *ctx,
                            struct lp_found *found, struct lp_need *need)
{
    struct lp_found got = {0};
    *found = got;
    if (lp_chain_tokens(header->chain)) {
        *need = (struct lp_need){LP_NEED_VOCAB, header->vocab_name, header->vocab_fingerprint};
        enum lp_status status = find == NULL ? LP_NO_VOCAB : find(ctx, need, &got);
        if (status != LP_OK)
            return status;
        if (got.vocab == NULL || lp_vocab_fingerprint(got.vocab) != need->fingerprint)
            return LP_NO_VOCAB;
        found->vocab = got.vocab;
    }
    if (header->dict_fingerprint == 0)
        return LP_OK;
    *need = (struct lp_need){LP_NEED_DICT, "", header->dict_fingerprint};
    enum lp_status status = find == NULL ? LP_NO_DICT : find(ctx, need, &got);
    if (status != LP_OK)
        return status;
    if (got.dict == NULL || got.dict->fingerprint != need->fingerprint)
        return LP_NO_DICT;
    found->dict = got.dict;
    return LP_OK;
}
