/* model.h - an open model (.lpm, lpmodel(5)): its tables where they lie in the
 * mapped file, and how to read them.
 *
 * All integers are little-endian and read byte by byte, so a file serves every
 * machine. Opening checks that the sections lie within the file and have the
 * sizes that the header implies; what indexes a table is clamped where it is
 * used, so that the contents may be anything. Known to the mixing stage and the
 * trainer only. */
#ifndef LP_MODEL_H
#define LP_MODEL_H

#include "bytes.h"
#include "lp.h"

#define LP_LPM_MAGIC "LPMODEL" /* eight bytes with the NUL */

enum {
    LP_LPM_VERSION = 1,
    LP_LPM_HEAD = 256,
    LP_LPM_ALIGN = 64,      /* of sections: a cache line */
    LP_LEAF_MAX = 1 << 18,  /* leaves of a tree at most; cells have 18 bits for one */
    LP_STRETCH_BITS = 14,   /* of a node: its stretched probability; the rest is mid */
    LP_FOLLOW_BITS = 14,    /* of a successor: its cumulative count; the rest is a leaf */
    LP_CELL_CLASS_BITS = 4, /* of a cell: its count's class */
    LP_BUCKET_CELLS = 16,   /* 64 bytes */
    LP_BLOCK_SIZE = 16,     /* a check byte, then the nodes of four levels */
    LP_BLOCK_LEVELS = 4,
    LP_BLOCK_BUCKET = 4, /* 64 bytes */
    LP_DEPTH_MAX = 40,   /* of a node that splits where it likes; below it, intervals are halved */
};

/* Offsets in the header. */
enum lp_lpm_field {
    LP_LPM_AT_VERSION = 8,      /* u32 */
    LP_LPM_AT_SIZE = 12,        /* u32: one more than the largest id */
    LP_LPM_AT_FILE_SIZE = 16,   /* u64 */
    LP_LPM_AT_FINGERPRINT = 24, /* u64: XXH64 of the file from offset 32 on */
    LP_LPM_AT_VOCAB = 32,       /* u64: the vocabulary's fingerprint */
    LP_LPM_AT_NAME = 40,        /* char[40]: the vocabulary's name, zeros after it */
    LP_LPM_AT_LEAVES = 80,      /* u32 */
    LP_LPM_AT_SECTION = 128,    /* u32[]: where each section begins, then the file's size */
};

/* Sections. A leaf is a token's place in the tree; as a context, number `leaves`
 * stands for the sequence's begin. */
enum lp_lpm_section {
    LP_LPM_TREE,    /* u32[leaves - 1]: mid << 14 | stretch + 8192, nodes in preorder */
    LP_LPM_LEAF,    /* u24[size]: the leaf of an id, 0xFFFFFF for none */
    LP_LPM_ID,      /* u24[leaves]: the id of a leaf */
    LP_LPM_CLASS,   /* u8[leaves + 1]: the context class of a leaf */
    LP_LPM_START,   /* u32[leaves + 2]: where in FOLLOW each leaf's successors begin */
    LP_LPM_FOLLOW,  /* u32[]: leaf << 14 | count of those before it; a list ends with the total */
    LP_LPM_BLOCK1,  /* u8[16][4][]: stretched probabilities / 16 by the class of the token before */
    LP_LPM_BLOCK2,  /* u8[16][4][]: by the classes of the two tokens before */
    LP_LPM_CELL,    /* u32[16][]: check, count class, leaf: successors of two and three tokens */
    LP_LPM_INITIAL, /* u16[]: what adapts, as a sequence begins: see struct lp_adaptive */
    LP_LPM_SECTIONS,
};

/* What adapts as a sequence is coded. */
enum {
    LP_INPUTS = 16, /* what a bit's probability is mixed from, with spare zeros */
    LP_LISTS = 5,   /* successors of 2 and 3 tokens in the model, of 1, 2, 3 in the sequence */
    LP_LEVELS = 16, /* of a sum of counts */
    LP_DEAD = 3,    /* how much of a list's mass is elsewhere: none, less, more */
    LP_SETS_A = 256,
    LP_SETS_B = 128,
};

/* All of u16 or i16: initial values are in the model, in this order. */
struct lp_adaptive {
    uint16_t list[LP_LISTS][LP_DEAD][LP_LEVELS][LP_LEVELS];
    uint16_t follow[8][64];
    uint16_t match[64];
    uint16_t history[64];
    int16_t weight_a[LP_SETS_A][LP_INPUTS];
    int16_t weight_b[LP_SETS_B][LP_INPUTS];
};

/* All values, and the probabilities that come before the weights. */
enum {
    LP_ADAPTIVE_SIZE = sizeof(struct lp_adaptive) / 2,
    LP_ADAPTIVE_MAPS = offsetof(struct lp_adaptive, weight_a) / 2,
};

struct lp_model {
    const unsigned char *file;
    size_t file_size;
    uint32_t size;                                  /* one more than the largest id */
    uint32_t nleaves;                               /* at least 2 */
    uint32_t leaf_bits;                             /* of a cell */
    uint32_t nfollow, nblocks1, nblocks2, nbuckets; /* blocks in buckets of four */
    const unsigned char *section[LP_LPM_SECTIONS];
    uint32_t section_size[LP_LPM_SECTIONS];
    const unsigned char *tree, *leaf, *id, *class, *start, *follow, *block1, *block2, *cell,
        *initial;
};

/* Looks at a file in memory, as opening does. It is not copied. */
enum lp_status lp_model_view(const void *file, size_t size, struct lp_model *model);

static inline uint32_t lp_get24(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

/* --- Contexts ------------------------------------------------------------------- */

/* A hash of up to three leaves before, one added at a time. */
static inline uint64_t lp_context(uint64_t hash, uint32_t leaf)
{
    uint64_t h = (hash + leaf + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

/* The bucket of n, and the check in it, that a hash means. */
static inline uint32_t lp_bucket(uint64_t hash, uint32_t n)
{
    return (uint32_t)((hash >> 32) * n >> 32);
}

static inline uint32_t lp_cell_check(uint64_t hash, uint32_t leaf_bits)
{
    return (uint32_t)(hash >> 18 & ((UINT64_C(1) << (28 - leaf_bits)) - 1));
}

/* The hash of the block at a node in a class context. */
static inline uint64_t lp_block_hash(uint32_t context, uint32_t node)
{
    uint64_t h = ((uint64_t)context << 20 | node) * UINT64_C(0x9E3779B97F4A7C15);
    return (h ^ h >> 32) * UINT64_C(0x243F6A8885A308D3);
}

static inline unsigned char lp_block_check(uint64_t hash)
{
    return (unsigned char)(1 + (hash & 0xFFFF) % 255); /* 0: an empty block */
}

/* --- Count classes --------------------------------------------------------------- */

/* The counts that the sixteen classes of a cell stand for: half octaves; 0 is an
 * empty cell. */
extern const uint16_t lp_class_count[16];

#endif
