/* draw.h - random draws of the soak, the same on every machine for one seed. */
#ifndef SOAK_DRAW_H
#define SOAK_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct draw {
    uint64_t state;
};

/* SplitMix64. */
static inline uint64_t draw_next(struct draw *d)
{
    uint64_t z = d->state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* Draws of a round depend neither on other rounds nor on threads. */
static inline struct draw draw_round(uint64_t seed, uint64_t round)
{
    struct draw d = {seed};
    d.state = draw_next(&d) ^ round * 0xD6E8FEB86659FD93;
    return d;
}

/* Less than n, which is not 0. */
static inline size_t draw_any(struct draw *d, size_t n)
{
    return (size_t)(draw_next(d) % n);
}

static inline bool draw_one_in(struct draw *d, size_t n)
{
    return draw_any(d, n) == 0;
}

/* 1 to 2^bits - 1; all numbers of bits are equally likely. */
static inline size_t draw_size(struct draw *d, size_t bits)
{
    size_t top = (size_t)1 << draw_any(d, bits);
    return top + draw_any(d, top);
}

/* How a text or a stream is cut into pieces. */
enum pieces {
    PIECES_WHOLE,
    PIECES_BYTES, /* of one byte each */
    PIECES_SMALL,
    PIECES_MEDIUM,
    PIECES_32K, /* near 32 KiB, where the tokeniser cuts */
    PIECES_64K, /* near 64 KiB, which the commands read at once */
    PIECES_MIXED,
    PIECES_COUNT
};

/* Ways that test more borders are more frequent. */

static inline enum pieces draw_pieces(struct draw *d, size_t n)
{
    for (;;) {
        static const enum pieces often[] = {PIECES_MEDIUM, PIECES_MEDIUM, PIECES_32K};
        size_t i = draw_any(d, PIECES_COUNT + 3);
        enum pieces pieces = i < PIECES_COUNT ? (enum pieces)i : often[i - PIECES_COUNT];
        if ((pieces != PIECES_BYTES || n <= 1 << 17) && (pieces != PIECES_SMALL || n <= 1 << 21))
            return pieces;
    }
}

/* The size of the next piece, 0 to left. */
static inline size_t draw_piece(struct draw *d, enum pieces pieces, size_t left)
{
    size_t size = left;
    switch (pieces) {
    case PIECES_WHOLE:
    case PIECES_COUNT:
        break;
    case PIECES_BYTES:
        size = 1;
        break;
    case PIECES_SMALL:
        size = draw_any(d, 64);
        break;
    case PIECES_MEDIUM:
        size = draw_any(d, 8192);
        break;
    case PIECES_32K:
        size = (32 << 10) - 20 + draw_any(d, 40);
        break;
    case PIECES_64K:
        size = (64 << 10) - 20 + draw_any(d, 40);
        break;
    case PIECES_MIXED:
        size = draw_size(d, 22);
        break;
    }
    return size < left ? size : left;
}

#endif
