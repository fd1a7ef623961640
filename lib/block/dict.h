/* dict.h - a zstd dictionary, read whole, immutable once open. */
#ifndef LP_BLOCK_DICT_H
#define LP_BLOCK_DICT_H

#include "lp.h"

enum { LP_DICT_MAX = 16 << 20 }; /* bytes of a file */

struct lp_dict {
    unsigned char *data;
    size_t size;
    uint64_t fingerprint; /* XXH64 of the file's bytes; never 0, which means none */
    void *ddict;          /* a ZSTD_DDict: digested once, shared by threads */
};

/* Makes a dictionary of size bytes at data (malloc'ed), which it takes over, even on failure.
 * LP_DATA when they are none, LP_NOMEM. */
enum lp_status lp_dict_new(unsigned char *data, size_t size, struct lp_dict **out);

#endif
