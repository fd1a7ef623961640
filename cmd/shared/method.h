/* method.h - how a text is packed: by the work of which filters, and in which records. */
#ifndef SHARED_METHOD_H
#define SHARED_METHOD_H

#include "shared/tool.h"

struct method {
    const char *name;
    bool tokens, window; /* the work of lptok, of lpwin */
    enum lp_chain last;  /* of lpzstd (LP_CHAIN_TEXT_ZSTD), of lpmix, or LP_CHAIN_TOKENS for none */
};

/* The chain of its output. */
enum lp_chain method_chain(const struct method *method);

/* The method of a name, NULL for none; the i-th, NULL past the last. */
const struct method *method_named(const char *name);
const struct method *method_list(size_t i);

enum { METHOD_SAMPLE = 4 << 20 }; /* bytes of a text that method_choose() looks at, at most */

/* Chooses the method with this last stage for a text that begins with n bytes, all of it where
 * there are fewer than METHOD_SAMPLE: one with a window where that finds much that repeats. */
enum lp_status method_choose(const struct lp_vocab *vocab, enum lp_chain last, const void *sample,
                             size_t n, const struct method **method);

/* Lines, if the text seems to be JSONL, else all one record. */
enum lp_split method_split(const void *sample, size_t n);

/* Writes the pipeline that does the same, "lptok -L | lpmix", and returns text. */
char *method_pipeline(char *text, size_t size, const struct method *method, enum lp_split split);

#endif
