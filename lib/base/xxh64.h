/* xxh64.h - XXH64, the hash of every check and fingerprint; and a faster checksum.
 * Source: the xxHash specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). */
#ifndef LP_BASE_XXH64_H
#define LP_BASE_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t lp_xxh64(const void *data, size_t n, uint64_t seed);

/* A checksum for megabytes: it detects accidental damage and takes half the instructions of XXH64.
 * n is a multiple of LP_SUM_UNIT bytes. */
enum { LP_SUM_UNIT = 32 };
uint64_t lp_sum64(const void *data, size_t n);

#endif
