#include "ext/shared/method.h"

#include <string.h>

/* From the smallest to the simplest; what method_of_chain() says comes first of a chain. */
static const struct method methods[] = {
    {"mix", LP_CHAIN_TOKENS_MIX, false},     {"fast", LP_CHAIN_TOKENS_MIX, true},
    {"hybrid", LP_CHAIN_TOKENS_ZSTD, false}, {"zstd", LP_CHAIN_TEXT_ZSTD, false},
    {"token", LP_CHAIN_TOKENS, false},
};
enum { METHODS = sizeof methods / sizeof *methods };

const struct method method_token = {"token", LP_CHAIN_TOKENS, false};
const struct method method_unpack = {"text", LP_CHAIN_TEXT, false};
const char method_names[] = "mix, fast, hybrid, token, zstd";

bool method_has_tokens(const struct method *method)
{
    return method->chain != LP_CHAIN_TEXT && method->chain != LP_CHAIN_TEXT_ZSTD;
}

const struct method *method_named(const char *name)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    }
    return NULL;
}

const char *method_of_chain(enum lp_chain chain)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (methods[i].chain == chain)
            return methods[i].name;
    }
    return method_unpack.name;
}
