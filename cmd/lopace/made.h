/* made.h - the files that a run has made, by what they are: one may have many names. */
#ifndef LOPACE_MADE_H
#define LOPACE_MADE_H

#include <stdbool.h>
#include <sys/stat.h>

/* A tree of tsearch(3). Zero-initialised is empty. */
struct made {
    void *tree;
};

/* False where there is no memory. */
bool made_add(struct made *made, const struct stat *st);
/* Whether a path leads to one of them. */
bool made_has(const struct made *made, const char *path);
void made_free(struct made *made);

#endif
