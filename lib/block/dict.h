/* dict.h - a zstd dictionary, read whole, immutable once open. */
#ifndef LP_BLOCK_DICT_H
#define LP_BLOCK_DICT_H

#include "base/load.h"
#include "lp.h"

enum { LP_DICT_MAX = 16 << 20 }; /* bytes of a file */

struct lp_dict {
    const unsigned char *data;
    size_t size;
    struct lp_loaded loaded; /* what holds data */
    uint64_t fingerprint;    /* XXH64 of the file's bytes; never 0, which means none */
    void *ddict;             /* a ZSTD_DDict: digested once, shared by threads */
};

#endif
