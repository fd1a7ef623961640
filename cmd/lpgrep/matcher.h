/* matcher.h - finds patterns: by PCRE2, or, where they are many fixed words, by their automaton. */
#ifndef LPGREP_MATCHER_H
#define LPGREP_MATCHER_H

#include "lpgrep/options.h"

struct matcher;

/* Exits where a pattern is wrong, or memory is out. */
struct matcher *matcher_new(const struct tool *tool, const struct options *o,
                            const struct patterns *patterns);
void matcher_free(struct matcher *m);

/* A line or record, without its end. */
struct unit {
    const unsigned char *text;
    size_t n;
};

enum match { MATCH_NONE, MATCH_FOUND, MATCH_FAILED };

/* Finds the first match in a unit from a place on: 0, or a later place of the unit before.
 * MATCH_FAILED: matching takes more than the limits of PCRE2 allow. */
enum match matcher_find(struct matcher *m, const struct unit *unit, size_t from, size_t *start,
                        size_t *end);

/* Whether matcher_seek() works: it finds the first line that can match. */
bool matcher_seeks(const struct matcher *m);
/* Begins a text to seek in: whole lines, each with its line feed. */
void matcher_text(struct matcher *m, const unsigned char *text, size_t n);
/* *at is in the first line, of those from a line's begin on, that matches, or, unless *sure is set,
 * that may match. MATCH_FAILED: seek no more in this text, and ask matcher_find() for each line. */
enum match matcher_seek(struct matcher *m, size_t from, size_t *at, bool *sure);

#endif
