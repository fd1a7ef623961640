/* pretok.h - text to pretokens: the patterns of the three families, hand-written.
 *
 * The state stands at the start of a pretoken or inside it. It can stop at the end of the bytes
 * that are there and go on when there are more, so that no character is looked at twice, however
 * long the pretoken is. Knows characters only; never tokens. */
#ifndef LP_TOKENS_PRETOK_H
#define LP_TOKENS_PRETOK_H

#include "tokens/vocab_layout.h"

#include <stdbool.h>
#include <stddef.h>

/* Between pretokens, or inside a pretoken of this kind. at does not tell: it can be 0 inside a
 * pretoken whose kind is known. */
enum lp_phase {
    LP_PHASE_BETWEEN,
    LP_PHASE_LETTERS,
    LP_PHASE_NUMBERS,
    LP_PHASE_PUNCT,
    LP_PHASE_TAIL, /* line ends (o200k: and slashes) after punctuation */
    LP_PHASE_SPACES,
    LP_PHASE_UPPER,  /* o200k: upper case, caseless letters, marks */
    LP_PHASE_LOWER,  /* o200k: lower case, caseless letters, marks */
    LP_PHASE_SUFFIX, /* o200k: a contraction after letters */
};

struct lp_pretok {
    enum lp_pattern pattern;
    enum lp_phase phase;
    size_t at;         /* bytes of the pretoken looked at */
    size_t settled;    /* bytes that belong to it whatever follows */
    size_t backtrack;  /* SPACES: end of the last line end, 0 for none;
                        * UPPER: end of the last caseless letter or mark, 0 for none */
    size_t last_space; /* SPACES: where the last space begins */
};

/* Whether no pretoken has begun. lp_pretok_window may then find the next ones; else only
 * lp_pretok_next() can. */
static inline bool lp_pretok_is_between(const struct lp_pretok *pretok)
{
    return pretok->phase == LP_PHASE_BETWEEN;
}

/* Returns the length of the pretoken that begins at text and ends it. Of its n > 0 bytes, the first
 * pretok->at have been looked at before. Returns 0 when the length depends on what follows. With
 * final set nothing follows the n bytes, and it never does. */
size_t lp_pretok_next(struct lp_pretok *pretok, const unsigned char *text, size_t n, bool final);

/* Length of the contraction at the apostrophe text[at]: 0 for none, LP_PRETOK_UNDECIDED when the n
 * bytes do not tell and more may follow. With any_case, U+017F counts as s; it is the only other
 * character that folds to one of the seven letters. */
enum { LP_PRETOK_UNDECIDED = 99 };
size_t lp_pretok_contraction(const unsigned char *text, size_t at, size_t n, bool final,
                             bool any_case);

/* Accounts for the pretoken's first k settled bytes, k < settled, being dropped. */
void lp_pretok_drop(struct lp_pretok *pretok, size_t k);

#endif
