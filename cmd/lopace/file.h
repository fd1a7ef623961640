/* file.h - one file: packed, restored or tested, and removed where that is wanted and safe. */
#ifndef LOPACE_FILE_H
#define LOPACE_FILE_H

#include "lopace/work.h"

/* Does with an entry what the options say. Returns its exit code; where that is not EXIT_OK it has
 * said why, and the input is as it was. */
int file_work(struct work *work, const struct entry *entry);

#endif
