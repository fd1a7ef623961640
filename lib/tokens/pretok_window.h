/* pretok_window.h - text to pretokens, 64 bytes at a time: the fast way to what pretok.c
 * finds character by character. Knows characters only; never tokens. */
#ifndef LP_TOKENS_PRETOK_WINDOW_H
#define LP_TOKENS_PRETOK_WINDOW_H

#include "base/cpu.h"
#include "tokens/vocab_layout.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LP_WINDOW = 64,                  /* bytes looked at together: a bit for each in a word */
    LP_WINDOW_SLACK = LP_WINDOW + 16 /* bytes from its start that are read, with some to spare */
};

/* Finds pretokens from text + at on, where one begins, and writes their ends, as
 * offsets in text, to ends, of which there are max. Returns how many: it stops
 * before one that no window decides (a long one; one near the end of the n bytes),
 * which the scanner must find. With final set the text ends after the n bytes,
 * and LP_WINDOW_SLACK zeros follow. */
typedef size_t lp_window_scan(const unsigned char *text, size_t at, size_t n, bool final,
                              uint32_t *ends, size_t max);

/* The scan of a pattern; NULL when this CPU lacks the instructions. */
lp_window_scan *lp_window_scanner(enum lp_pattern pattern, enum lp_cpu cpu);

#endif
