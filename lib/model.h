/* model.h - an open model: where its tables lie in the mapped file. */
#ifndef LP_MODEL_H
#define LP_MODEL_H

#include "bytes.h"
#include "lp.h"

#define LP_LPM_MAGIC "LPMODEL" /* eight bytes with the NUL */

enum { LP_LPM_VERSION = 1, LP_LPM_HEAD = 256 };

/* Offsets in the header; integers are little-endian. */
enum lp_lpm_field {
    LP_LPM_AT_VERSION = 8,      /* u32 */
    LP_LPM_AT_SIZE = 12,        /* u32: one more than the largest id */
    LP_LPM_AT_FILE_SIZE = 16,   /* u64 */
    LP_LPM_AT_FINGERPRINT = 24, /* u64: XXH64 of the file from offset 32 on */
    LP_LPM_AT_VOCAB = 32,       /* u64: the vocabulary's fingerprint */
    LP_LPM_AT_NAME = 40,        /* char[40]: the vocabulary's name, zeros after it */
};

struct lp_model {
    const unsigned char *file;
    size_t file_size;
    uint32_t size; /* one more than the largest id */
};

#endif
