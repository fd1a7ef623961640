/* file.h - one file: packed, restored or tested, and removed where that is wanted and safe. */
#ifndef LOPACE_FILE_H
#define LOPACE_FILE_H

#include "lopace/work.h"

#include <sys/types.h>

/* Does with an entry what the options say. Returns its exit code; where that is not EXIT_OK it has
 * said why, and the input is as it was. */
int file_work(struct work *work, const struct entry *entry);

/* Reads up to n bytes at an offset; less at the end, -1 on failure. */
ssize_t file_read_at(int fd, void *data, size_t n, uint64_t offset);

#endif
