/* bytes.h - loads and stores of integers, independent of the machine's byte order: little-endian,
 * or big-endian where the name ends in be. */
#ifndef LP_BASE_BYTES_H
#define LP_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t lp_get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t lp_get24(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static inline uint32_t lp_get32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t lp_get64(const unsigned char *p)
{
    return (uint64_t)lp_get32(p) | (uint64_t)lp_get32(p + 4) << 32;
}

static inline void lp_put16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static inline void lp_put24(unsigned char *p, uint32_t v)
{
    lp_put16(p, (uint16_t)v);
    p[2] = (unsigned char)(v >> 16);
}

static inline void lp_put32(unsigned char *p, uint32_t v)
{
    lp_put16(p, (uint16_t)v);
    lp_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void lp_put64(unsigned char *p, uint64_t v)
{
    lp_put32(p, (uint32_t)v);
    lp_put32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t lp_get32be(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline void lp_put32be(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16);
    p[2] = (unsigned char)(v >> 8);
    p[3] = (unsigned char)v;
}

/* Variable-length integers (LEB128): seven bits per byte, least significant first; the top bit is
 * set in all bytes but the last. */
enum { LP_VARINT_MAX = 10 };

static inline size_t lp_put_varint(unsigned char *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (unsigned char)(v | 0x80);
    p[n++] = (unsigned char)v;
    return n;
}

/* Reads a varint from at most n bytes. Returns its length; 0 when it does not end within them;
 * SIZE_MAX when it is more than 64 bits or not the shortest form (each number has one encoding). */
static inline size_t lp_get_varint(const unsigned char *p, size_t n, uint64_t *v)
{
    *v = 0;
    for (size_t i = 0; i < n && i < LP_VARINT_MAX; i++) {
        if (i == 9 && p[i] > 1)
            return SIZE_MAX;
        *v |= (uint64_t)(p[i] & 0x7F) << (7 * i);
        if (p[i] < 0x80)
            return i > 0 && p[i] == 0 ? SIZE_MAX : i + 1;
    }
    return n < LP_VARINT_MAX ? 0 : SIZE_MAX;
}

#endif
