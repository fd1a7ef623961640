/* lp.h - liblp: LLM prompts, stored losslessly in a fraction of their size.
 *
 * Handles are opaque; _new/_open pairs with _free/_close, which accept NULL.
 * Inputs are borrowed for the call. A handle serves one thread at a time,
 * except a vocabulary and a model, which are immutable once open and may be
 * shared. Sizes are bytes unless the name says ids or records. */
#ifndef LP_H
#define LP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LP_API __attribute__((visibility("default")))
#else
#define LP_API
#endif

/* Every outcome of a call. X(name, sentence) */
#define LP_STATUS_LIST(X)                                                                          \
    X(LP_OK, "done")                                                                               \
    X(LP_NOMEM, "out of memory")                                                                   \
    X(LP_IO, "input or output failed")                                                             \
    X(LP_USAGE, "invalid argument")                                                                \
    X(LP_NOT_LP, "not a lopace stream or blob")                                                    \
    X(LP_DATA, "damaged data")                                                                     \
    X(LP_TRUNCATED, "truncated data")                                                              \
    X(LP_VERSION, "made by a newer version")                                                       \
    X(LP_NO_VOCAB, "vocabulary not found")                                                         \
    X(LP_NO_DICT, "dictionary or model not found")                                                 \
    X(LP_LIMIT, "larger than the limit allows")

enum lp_status {
#define LP_STATUS_NAME(name, text) name,
    LP_STATUS_LIST(LP_STATUS_NAME)
#undef LP_STATUS_NAME
};

/* The sentence of a status, for messages. */
LP_API const char *lp_status_text(enum lp_status status);

/* --- Vocabularies ---------------------------------------------------------- */

struct lp_vocab;

/* The encoding that a name means: an encoding's own name, or a model's (gpt-4o,
 * o3, text-davinci-003, ...; prefixes as tiktoken has them). NULL when unknown. */
LP_API const char *lp_encoding_name(const char *name);

/* The i-th encoding's name, NULL past the last: gpt2, r50k_base, ... */
LP_API const char *lp_encoding_list(size_t i);

/* Opens a compiled vocabulary file (.lpv): an mmap and a header check.
 * LP_IO when it cannot be read (errno tells), LP_DATA or LP_VERSION when it is
 * not a vocabulary this library reads. */
LP_API enum lp_status lp_vocab_open(const char *path, struct lp_vocab **out);
LP_API void lp_vocab_close(struct lp_vocab *vocab);
LP_API const char *lp_vocab_name(const struct lp_vocab *vocab);
LP_API uint64_t lp_vocab_fingerprint(const struct lp_vocab *vocab);
/* One more than the largest id, special tokens included. */
LP_API uint32_t lp_vocab_size(const struct lp_vocab *vocab);

#ifdef __cplusplus
}
#endif

#endif
