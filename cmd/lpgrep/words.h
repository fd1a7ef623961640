/* words.h - finds any of many words in one pass (Aho and Corasick, 1975). */
#ifndef LPGREP_WORDS_H
#define LPGREP_WORDS_H

#include "lpgrep/options.h"

struct words;

/* NULL: out of memory, or its table would take more bytes than limit. */
struct words *words_new(const struct patterns *patterns, uint64_t limit);
void words_free(struct words *w);

/* Where the first of the words to end in the text ends; 0: there is none. An empty word is in any
 * text, and ends before everything: words_empty(). */
size_t words_seek(const struct words *w, const unsigned char *text, size_t n);
bool words_empty(const struct words *w);

/* Whether a word that stands there counts. */
typedef bool words_check(void *ctx, size_t start, size_t end);

/* The longest of the leftmost words from a place on that count. False: there is none. */
bool words_find(const struct words *w, const unsigned char *text, size_t n, size_t from,
                words_check *check, void *ctx, size_t *start, size_t *end);

#endif
