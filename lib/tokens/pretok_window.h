/* pretok_window.h - text to pretokens, 64 bytes at a time: a faster way to most of the pretokens
 * that pretok.c finds character by character. Knows characters only; never tokens. */
#ifndef LP_TOKENS_PRETOK_WINDOW_H
#define LP_TOKENS_PRETOK_WINDOW_H

#include "base/cpu.h"
#include "tokens/vocab_layout.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LP_PRETOK_WINDOW = 64,                   /* bytes looked at together, a bit of a u64 for each */
    LP_PRETOK_SLACK = LP_PRETOK_WINDOW + 16, /* bytes from a window's start that must be readable */
};

/* Finds the pretokens from text + at on, where one begins. Writes their ends, as offsets in text,
 * to ends, which has room for max. Returns their number. Stops before a pretoken that no window
 * decides (a long one, or one near the end of the n bytes): lp_pretok_next() finds that one. With
 * final set the text ends after the n bytes, and LP_PRETOK_SLACK zeros follow it. */
typedef size_t lp_pretok_window(const unsigned char *text, size_t at, size_t n, bool final,
                                uint32_t *ends, size_t max);

/* The function for a pattern; NULL when this CPU lacks the instructions. */
lp_pretok_window *lp_pretok_window_for(enum lp_pattern pattern, enum lp_cpu cpu);

#endif
