/* check.h - XXH64, the hash behind every check and fingerprint.
 * Source: the xxHash specification, XXH64 (github.com/Cyan4973/xxHash, doc). */
#ifndef LP_CHECK_H
#define LP_CHECK_H

#include <stddef.h>
#include <stdint.h>

uint64_t lp_xxh64(const void *data, size_t n, uint64_t seed);

#endif
