#include "base/xxh64.h"

#include "base/bytes.h"

/* The five primes of the XXH64 specification. */
#define P1 UINT64_C(0x9E3779B185EBCA87)
#define P2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define P3 UINT64_C(0x165667B19E3779F9)
#define P4 UINT64_C(0x85EBCA77C2B2AE63)
#define P5 UINT64_C(0x27D4EB2F165667C5)

static uint64_t rotl(uint64_t x, int r)
{
    return x << r | x >> (64 - r);
}

static uint64_t mix(uint64_t acc, uint64_t lane)
{
    return rotl(acc + lane * P2, 31) * P1;
}

static uint64_t fold(uint64_t hash, uint64_t acc)
{
    return (hash ^ mix(0, acc)) * P1 + P4;
}

uint64_t lp_xxh64(const void *data, size_t n, uint64_t seed)
{
    const unsigned char *p = data;
    const uint64_t total = n;
    uint64_t hash = seed + P5;
    if (n >= 32) {
        uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
        for (; n >= 32; p += 32, n -= 32) {
            a = mix(a, lp_get64(p));
            b = mix(b, lp_get64(p + 8));
            c = mix(c, lp_get64(p + 16));
            d = mix(d, lp_get64(p + 24));
        }
        hash = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
        hash = fold(fold(fold(fold(hash, a), b), c), d);
    }
    hash += total;
    for (; n >= 8; p += 8, n -= 8)
        hash = rotl(hash ^ mix(0, lp_get64(p)), 27) * P1 + P4;
    if (n >= 4) {
        hash = rotl(hash ^ lp_get32(p) * P1, 23) * P2 + P3;
        p += 4;
        n -= 4;
    }
    for (; n > 0; p++, n--)
        hash = rotl(hash ^ *p * P5, 11) * P1;
    hash = (hash ^ hash >> 33) * P2;
    hash = (hash ^ hash >> 29) * P3;
    return hash ^ hash >> 32;
}

/* Half of XXH64's mixing: each step is one to one in the word and in what was before, so a changed
 * word changes the sum for certain, and regular changes in many do not cancel out, as they do in
 * sums that are only added up. */
uint64_t lp_sum64(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t lane[4] = {P1, P2, P3, P4}, hash = P5;
    for (; n > 0; p += LP_SUM_UNIT, n -= LP_SUM_UNIT) {
        for (int i = 0; i < 4; i++)
            lane[i] = rotl(lane[i] ^ lp_get64(p + 8 * i), 31) * P1;
    }
    for (int i = 0; i < 4; i++)
        hash = fold(hash, lane[i]);
    return hash;
}
