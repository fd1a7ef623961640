/* map.h - a file mapped into memory, read-only and shared. */
#ifndef LP_BASE_MAP_H
#define LP_BASE_MAP_H

#include "lp.h"

#include <stddef.h>
#include <stdint.h>

/* Maps a file of least to most bytes. LP_IO with errno set; LP_DATA when it has fewer or more
 * bytes. */
enum lp_status lp_map_file(const char *path, uint64_t least, uint64_t most, const void **file,
                           size_t *size);

/* file is NULL, or from lp_map_file(). */
void lp_unmap_file(const void *file, size_t size);

#endif
