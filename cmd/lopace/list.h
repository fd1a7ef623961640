/* list.h - what packed files hold, a line for each and their sum. */
#ifndef LOPACE_LIST_H
#define LOPACE_LIST_H

#include "lopace/walk.h"
#include "shared/find.h"

/* Returns the exit code: one file that cannot be listed does not stop it. */
int list_files(const struct tool *tool, const struct options *o, struct finder *finder,
               const struct walk *walk);

#endif
