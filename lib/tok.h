/* tok.h - text to ids and ids to stored tokens, the tokeniser's private face.
 *
 * Knows vocabularies. Never knows streams, records, compression or files. */
#ifndef LP_TOK_H
#define LP_TOK_H

#include "lp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing array of token ids. Zero-initialised is empty; free() releases v. */
struct lp_ids {
    uint32_t *v;
    size_t n, cap;
};

/* One tokeniser: a vocabulary, its memo of merged words, and the text held
 * back between pushes. Not to be shared by threads; the vocabulary may be. */
struct lp_tok;

enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out);
void lp_tok_free(struct lp_tok *tok);

/* Begins a new text; the memo stays. */
void lp_tok_reset(struct lp_tok *tok);

/* Takes n further bytes of the text and appends to out the ids that no later
 * byte can change; with final set the text ends here and all are appended.
 * The ids are those of the whole text, whatever the pieces it came in.
 * Errors: LP_NOMEM. Memory stays bounded on any input. */
enum lp_status lp_tok_push(struct lp_tok *tok, const void *text, size_t n, bool final,
                           struct lp_ids *out);

/* Text bytes pushed since reset whose ids have not been appended yet. */
size_t lp_tok_held(const struct lp_tok *tok);

#endif
