/* literal_find.h - finds any of a few fixed strings. */
#ifndef LPGREP_LITERAL_FIND_H
#define LPGREP_LITERAL_FIND_H

#include "lpgrep/literal.h"

struct literal_finder;

/* NULL: there are none, or memory is out. */
struct literal_finder *literal_finder_new(const struct literals *l);
void literal_finder_free(struct literal_finder *f);

/* Where one of them stands, in the first line that has one; NULL: nowhere. */
const unsigned char *literal_find(const struct literal_finder *f, const unsigned char *text,
                                  size_t n);

#endif
