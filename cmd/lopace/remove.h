/* remove.h - removes an input whose content is safe elsewhere, unless anyone could still add to
 * it. */
#ifndef LOPACE_REMOVE_H
#define LOPACE_REMOVE_H

#include "shared/tool.h"

#include <sys/stat.h>

/* How the names begin that files have for the instant before they go. */
#define REMOVE_PREFIX ".lopace-"

/* For before any is removed: that another program opens such a file is not to end this one. */
void remove_prepare(void);

/* Whether these are of the same file, and by size and time nothing has been written to it. */
bool same_content(const struct stat *a, const struct stat *b);

/* Whether the file of an open descriptor is still as it was then, also by its name, and no program
 * has it open to write to it or has locked it, as far as the system tells. Else says so. Locks it
 * until fd is closed. */
bool remove_allowed(const struct tool *tool, const char *path, int fd, const struct stat *then);

/* Removes the file, after the same questions. A program that opens it at the last moment finds it
 * in place. Says why where it returns false: the file is still there. */
bool remove_file(const struct tool *tool, const char *path, int fd, const struct stat *then);

/* Whether a file, which begins with n bytes of data, is one that streams need to be restored: a
 * vocabulary, a model, or a dictionary that is trained or has the name that it is found by. */
bool remove_loses(const char *path, const void *data, size_t n);

#endif
