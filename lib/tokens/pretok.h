/* pretok.h - text to pretokens: the patterns of the three families, by hand.
 *
 * A scanner stands at the start of a pretoken and finds its end. It can stop at
 * the end of the bytes there are and go on when there are more, so that a
 * pretoken of any length needs no second look. Knows characters only; never
 * tokens. */
#ifndef LP_TOKENS_PRETOK_H
#define LP_TOKENS_PRETOK_H

#include "tokens/vocab_layout.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the scanner stands: between pretokens, or inside one of a kind. Nothing else says
 * so: a scanner can be inside a pretoken of which it has not passed a single character. */
enum lp_phase {
    LP_PHASE_BETWEEN,
    LP_PHASE_LETTERS,
    LP_PHASE_NUMBERS,
    LP_PHASE_PUNCT,
    LP_PHASE_TAIL, /* line ends (o200k: and slashes) after punctuation */
    LP_PHASE_SPACES,
    LP_PHASE_UPPER,  /* o200k: upper case and letters of no case, marks */
    LP_PHASE_LOWER,  /* o200k: lower case and letters of no case, marks */
    LP_PHASE_SUFFIX, /* o200k: a contraction after letters */
};

struct lp_pretok {
    enum lp_pattern pattern;
    enum lp_phase phase;
    size_t at;      /* bytes of the pretoken looked at */
    size_t settled; /* bytes that belong to it whatever follows */
    size_t mark;    /* SPACES: end of the last line end, 0 for none;
                     * UPPER: end of the last letter of no case or mark, 0 for none */
    size_t last;    /* SPACES: start of the last space */
};

/* Whether the next pretoken has not begun, so that anyone may find its end. Once it has,
 * only lp_pretok_next() can. */
static inline bool lp_pretok_is_between(const struct lp_pretok *scanner)
{
    return scanner->phase == LP_PHASE_BETWEEN;
}

/* Length of the pretoken that begins at text, of whose n bytes the first
 * scanner->at have been looked at before; the scanner is then between pretokens.
 * 0 when the length depends on what follows, which it never does with final set: the text
 * then ends after the n bytes (n > 0). */
size_t lp_pretok_next(struct lp_pretok *scanner, const unsigned char *text, size_t n, bool final);

/* Length of a contraction at the apostrophe text[at]: 0 for none, LP_UNDECIDED
 * when the n bytes do not tell and more may follow. Only U+017F folds to a letter
 * of the seven: to s. */
enum { LP_UNDECIDED = 99 };
size_t lp_contraction(const unsigned char *text, size_t at, size_t n, bool final, bool any_case);

/* The first k settled bytes have been taken away from the pretoken's front. */
void lp_pretok_drop(struct lp_pretok *scanner, size_t k);

#endif
