/* method.h - the ways to pack, by their names in SQL. */
#ifndef LP_EXT_SHARED_METHOD_H
#define LP_EXT_SHARED_METHOD_H

#include <lp.h>

#define METHOD_DEFAULT   "mix"
#define ENCODING_DEFAULT "cl100k_base"

struct method {
    const char *name;
    enum lp_chain chain;
    bool fast; /* of lp_options */
};

/* What splits text into tokens, and no more; and what packs nothing. */
extern const struct method method_token, method_unpack;

bool method_has_tokens(const struct method *method);

/* NULL: there is no method of that name. */
const struct method *method_named(const char *name);

/* The names, for messages. */
extern const char method_names[];

/* The name of what a blob is stored as; of mix and fast, which it does not tell apart, mix. */
const char *method_of_chain(enum lp_chain chain);

#endif
