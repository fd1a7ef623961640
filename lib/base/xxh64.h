/* xxh64.h - XXH64, the hash behind every check and fingerprint; and a faster sum.
 * Source: the xxHash specification, XXH64 (github.com/Cyan4973/xxHash, doc). */
#ifndef LP_BASE_XXH64_H
#define LP_BASE_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t lp_xxh64(const void *data, size_t n, uint64_t seed);

/* A sum for what is read by the megabyte: detects what chance does, twice as fast as XXH64 in
 * instructions. n is a multiple of LP_SUM_UNIT. */
enum { LP_SUM_UNIT = 32 };
uint64_t lp_sum64(const void *data, size_t n);

#endif
