/* texts.h - the texts of the soak: records of a corpus, cut, joined and modified. */
#ifndef SOAK_TEXTS_H
#define SOAK_TEXTS_H

#include "draw.h"

struct span {
    const unsigned char *p;
    size_t n;
};

/* All records of all files. File i has records[first[i]] up to, but not including,
 * records[first[i + 1]]. */
struct corpus {
    struct span *records;
    size_t nrecords, *first, nfiles;
};

/* A text, and the offsets at which its records end. */
struct text {
    unsigned char *p;
    size_t n, cap;
    size_t *end;
    size_t nends, cap_ends;
};

/* Reads files of records separated by NULs, or ends the program. */
void corpus_read(struct corpus *corpus, char *const *paths, size_t n);
void corpus_free(struct corpus *corpus);

/* Draws a text of about size bytes. separator: the byte that ends its records, -1 for none. */
void text_draw(struct text *text, struct draw *d, const struct corpus *corpus, int separator,
               size_t size);
/* Makes the text one record. */
void text_join(struct text *text);
/* Ends a record at the offset at, too. */
void text_cut(struct text *text, size_t at);
size_t text_begin(const struct text *text, size_t record);
void text_free(struct text *text);

_Noreturn void die(const char *what, const char *why);
void *need(void *p);

#endif
