/* load.h - the bytes of a file: mapped, read, or the caller's own. */
#ifndef LP_BASE_LOAD_H
#define LP_BASE_LOAD_H

#include "lp.h"

/* Read-only bytes. Zero-initialised, there are none. */
struct lp_loaded {
    const void *p;
    size_t n;
    enum { LP_LOADED_BORROWED, LP_LOADED_MAPPED, LP_LOADED_OWNED } how;
};

/* Maps a regular file of least to most bytes, shared with all who map it. Never waits for a
 * FIFO or device. LP_IO (errno says why; ENODEV: not a regular file), LP_DATA when the file has
 * fewer bytes or more. */
enum lp_status lp_load_map(const char *path, size_t least, size_t most, struct lp_loaded *out);

/* Reads a file of least to most bytes into memory. With any_file set it may be a pipe or device,
 * which is waited for. LP_NOMEM, else as lp_load_map(). */
enum lp_status lp_load_file(const char *path, bool any_file, size_t least, size_t most,
                            struct lp_loaded *out);

/* The caller's n bytes: a copy of them, or borrowed until lp_unload(). LP_NOMEM, LP_USAGE when
 * borrowed bytes do not begin at a multiple of 8, which file formats with u64 fields need. */
enum lp_status lp_load_memory(const void *data, size_t n, bool copy, struct lp_loaded *out);

/* Unmaps or frees bytes, or leaves them to whom they belong. Keeps errno. */
void lp_unload(struct lp_loaded *bytes);

#endif
