/* source.h - what lpgrep searches: text, streams and blobs, and the files of a directory. */
#ifndef LPGREP_SOURCE_H
#define LPGREP_SOURCE_H

#include "lpgrep/search.h"

#include "shared/form.h"

/* What a run shares. */
struct run {
    const struct tool *tool;
    const struct options *o;
    struct finder finder;
    struct search *search;
    struct printer printer;
    struct output out;
    bool found;  /* something that makes the exit status 0 */
    bool failed; /* something that makes it 2, and has been said */
};

/* Searches a file, or standard input for NULL or "-"; with -r, all files below a directory, in the
 * order of their names. What cannot be read is said, and the rest goes on. Returns at once when
 * nothing more is wanted. */
void source_search(struct run *r, const char *file);

#endif
