/* bytes.h - little-endian loads and stores, the same on every machine. */
#ifndef LP_BYTES_H
#define LP_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t lp_get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
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

#endif
