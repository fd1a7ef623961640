/* replace.h - a file that appears under its name only once all of it is on disk. */
#ifndef SHARED_REPLACE_H
#define SHARED_REPLACE_H

#include "shared/tool.h"

#include <sys/stat.h>
#include <time.h>

/* Whether these are of the same file. */
static inline bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A file to write. Where the program exits or a signal kills it before replace_finish(), the
 * temporary file goes, and the old file stays. Threads may each have their own. */
struct replacement {
    const struct tool *tool;
    const char *name; /* for messages */
    int fd;           /* to write to */
    char *temporary;  /* NULL: fd is a device, a pipe or what else cannot be replaced */
    char *path;       /* what the temporary file will be named: the end of all symbolic links */
    bool exists;      /* a file of that name */
    bool fresh;       /* set by the caller: no file of that name is to be replaced */
    bool synced;      /* after replace_sync(): not every file system allows that */
    bool lasting;     /* after replace_finish(): the directory is synced, too */
    struct timespec modified; /* the time of the new file, if dated */
    bool dated;
    struct replacement *volatile next; /* of those that are not yet finished */
};

/* All but replace_like() and replace_abandon() return false on failure, and say what failed. */

/* Opens a temporary file beside a regular file, with its owner, group, permissions and extended
 * attributes; or beside the place for a new one. Opens anything else as it is. */
bool replace_open(const struct tool *tool, struct replacement *r, const char *name);

/* Gives a new file the owner, group, permissions and extended attributes of the regular file that
 * it is made from, and any file its time where the tool keeps it. fd: that file, or -1: without
 * the attributes. */
void replace_like(struct replacement *r, const struct stat *source, int fd);

/* Syncs the temporary file. */
bool replace_sync(struct replacement *r);

/* Puts the file in place, on disk; a fresh one fails where there is one by now. Either way r is
 * done with then. */
bool replace_finish(struct replacement *r);

/* Makes the name of a file last. False where that fails, or the file system or the permissions of
 * the directory do not allow it; errno says why. */
bool replace_sync_directory(const struct tool *tool, const char *path);

/* Removes the temporary file. */
void replace_abandon(struct replacement *r);

#endif
