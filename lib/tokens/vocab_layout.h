/* vocab_layout.h - a compiled vocabulary file (.lpv), made by vocab/compile.c.
 *
 * Tables to be used where they lie, in the byte order of the machine that made
 * them: the build makes its own, and a file of the other order is refused. All
 * sections begin at a multiple of 64 bytes.
 *
 * What is read of a file is checked, so that a damaged one is never used. Each section has a sum
 * in the header, compared when the section is first used. Summing up the largest takes longer
 * than a short text does: their entries are sealed, each by itself (see lp_seal()), and their
 * sums are for lp_vocab_verify() only. Texts of tokens are read as they are where what they are
 * read for has a check of its own.
 *
 * Known to the tokeniser and the packer only. */
#ifndef LP_TOKENS_VOCAB_LAYOUT_H
#define LP_TOKENS_VOCAB_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LP_LPV_MAGIC "LPVOCAB" /* eight bytes with the NUL */

enum {
    LP_LPV_VERSION = 10,
    LP_LPV_BYTE_ORDER = 0x01020304,
    LP_LPV_PART = 64 << 10, /* a multiple of any machine's pages */
    LP_KEY_SIZE = 16,
    LP_KEY_TEXT_MAX = 15, /* longest token that has a key */
    LP_HALF_TEXT_MAX = 7, /* and one whose key is half as long */
    LP_KEY_ENTRY = 5,     /* u32s of a key and its id */
    LP_HALF_ENTRY = 3,    /* and of half a key and its id */
    LP_ID_BITS = 18,      /* o200k_harmony needs 201,088 ids */
    LP_NO_ID = (1 << LP_ID_BITS) - 1,
    LP_TOKEN_MAX = 256, /* bytes */
};

enum lp_pattern { LP_PATTERN_GPT2, LP_PATTERN_CL100K, LP_PATTERN_O200K };

/* Sections, in parts that begin at multiples of LP_LPV_PART: what all need, and what only
 * payloads to text, payloads to ids, text to payloads, and giant words, special tokens and
 * the API do. Each part is mapped as if it were a file of its own (see vocab.c). */
enum lp_section {
    LP_SECTION_LONG_TEXT, /* the bytes of tokens without key, and LP_KEY_SIZE more */

    LP_SECTION_TEXT, /* u8[16][ntokens]: keys by frequency rank, so that common ones lie
                      * together; of a token without key, see struct lp_long_text */

    LP_SECTION_ID, /* u32[ntokens]: the id of a frequency rank, sealed */

    LP_SECTION_RANK, /* u32[size]: the frequency rank of an id, sealed; 0, as no number is, for none
                      */
    LP_SECTION_HALF_SHIFT, /* tokens of up to LP_HALF_TEXT_MAX bytes, by hash: see lp_slot() */
    LP_SECTION_HALF,       /* u32[slots][3]: half a key, the id sealed with it */
    LP_SECTION_KEY_SHIFT,  /* longer tokens that have a key, by hash */
    LP_SECTION_KEY,        /* u32[slots][5]: a key, the id sealed with it */
    LP_SECTION_LONG,       /* struct lp_long_entry[1 << long_log]: tokens without key, by XXH64 */
    LP_SECTION_PAIR_SHIFT, /* pairs that merge, by hash */
    LP_SECTION_PAIR,       /* u64[slots]: left << 36 | right << 18 | merged, sealed */
    LP_SECTION_BYTE,       /* u32[256]: the ids of the single bytes */
    LP_SECTION_BYTE_PAIR,  /* u32[65536]: of two bytes; see lp_byte_pair_id() */

    LP_SECTION_OFFSET,  /* u32[size + 1]: where each id begins in BYTES */
    LP_SECTION_BYTES,   /* the bytes of all tokens, in the order of ids */
    LP_SECTION_SPLIT,   /* u32[2][size]: the two ids that merge to an id, or itself twice */
    LP_SECTION_SORTED,  /* u32[]: ids that merges reach, of two bytes and more, by their bytes */
    LP_SECTION_PREFIX,  /* u32[size]: the longest of SORTED, or single byte, that an id of
                         * SORTED begins with; LP_NO_ID for others */
    LP_SECTION_START,   /* u32[65537]: where in SORTED each pair of first bytes begins */
    LP_SECTION_SPECIAL, /* u32[nspecial]: ids of special tokens */
    LP_SECTIONS,
};

/* Whether a section is the first of a part. */
static inline bool lp_section_begins_part(enum lp_section section)
{
    return section == LP_SECTION_TEXT || section == LP_SECTION_ID || section == LP_SECTION_RANK ||
           section == LP_SECTION_OFFSET;
}

/* Of two bytes: the token that they are or LP_NO_ID, and above it, in units of
 * 1 << LP_BORDER_UNIT and rounded down, the least id of those whose last merge is between
 * these two bytes, or all ones. */
enum { LP_BORDER_UNIT = 4 };

static inline uint32_t lp_byte_pair_id(uint32_t pair)
{
    return pair & LP_NO_ID;
}

static inline uint32_t lp_byte_pair_border(uint32_t pair)
{
    return pair >> LP_ID_BITS;
}

/* A token without key: size is 0 in an empty entry. */
struct lp_long_entry {
    uint32_t tag, id, offset, size; /* the hash's upper half; in LONG_TEXT */
};

/* Where in TEXT a key would be when a token is too long for one. */
struct lp_long_text {
    uint32_t offset, size; /* in LONG_TEXT */
    uint8_t none[7], mark; /* LP_LONG_MARK: no key's length */
};
enum { LP_LONG_MARK = 255 };
_Static_assert(sizeof(struct lp_long_text) == LP_KEY_SIZE, "as large as a key");

/* A table where each key has a slot of its own. */
struct lp_slots {
    uint32_t size;      /* slots */
    uint32_t shift_log; /* of the number of shifts, u16 each */
};

struct lp_vocab_header {
    char magic[8];
    uint32_t byte_order, version;
    uint64_t file_size, fingerprint;
    char name[40];
    uint32_t size;    /* one more than the largest id */
    uint32_t ntokens; /* ids in use */
    uint32_t nspecial, nsorted;
    uint32_t pattern;
    uint32_t one, two; /* first bytes of one-byte and of two-byte codes */
    struct lp_slots halves, keys, pairs;
    uint32_t long_log;
    uint32_t token_max;                /* bytes of the longest token */
    uint32_t none;                     /* so that all machines have the same layout */
    uint64_t section[LP_SECTIONS + 1]; /* offsets in the file; the last is its size */
    uint64_t sum[LP_SECTIONS];         /* lp_sum64() of each section, up to the next */
    uint64_t head_sum;                 /* XXH64 of all before */
};

_Static_assert(offsetof(struct lp_vocab_header, section) == 136, "the same on all machines");

/* Sealed numbers: a number of LP_ID_BITS bits (a pair's entry: of three times as many) is stored
 * such that a multiplication gives it back, with zeros above it: so that of many one OR tells
 * whether all are sound. When a bit of what is stored has flipped, there are not only zeros: the
 * multipliers' runs of equal bits are shorter than that. Nor are those of lp_key_hash()'s, which
 * is added where an entry has a key. One in 16,384 (of pairs: 1024) words of noise passes; zeros
 * do not, as one is taken off, nor do ones. */
#define LP_SEAL      UINT32_C(0x9E3779B1)
#define LP_SEAL_PAIR UINT64_C(0x9E3779B97F4A7C15)

/* hash: of the key in the same entry, else 0. More than LP_NO_ID: damaged. */
static inline uint32_t lp_unseal(uint32_t sealed, uint64_t hash)
{
    return sealed * LP_SEAL - 1 + (uint32_t)(hash >> 32);
}

/* Of more than LP_PAIR_BITS bits: damaged. */
enum { LP_PAIR_BITS = 3 * LP_ID_BITS };
static inline uint64_t lp_unseal_pair(uint64_t sealed)
{
    return sealed * LP_SEAL_PAIR - 1;
}

/* Of an odd number, modulo 2^64: each step doubles the bits that are right, at first three. */
static inline uint64_t lp_inverse(uint64_t odd)
{
    uint64_t inverse = odd;
    for (int bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - odd * inverse;
    return inverse;
}

static inline uint32_t lp_seal(uint32_t number, uint64_t hash)
{
    return (number + 1 - (uint32_t)(hash >> 32)) * (uint32_t)lp_inverse(LP_SEAL);
}

static inline uint64_t lp_seal_pair(uint64_t entry)
{
    return (entry + 1) * lp_inverse(LP_SEAL_PAIR);
}

/* A short token or pretoken as 16 bytes: its text, zeros, its length. */
struct lp_key {
    uint64_t a, b;
};

static inline struct lp_key lp_key_of(const unsigned char *text, size_t n)
{
    unsigned char bytes[LP_KEY_SIZE] = {0};
    struct lp_key key;
    memcpy(bytes, text, n);
    bytes[LP_KEY_SIZE - 1] = (unsigned char)n;
    memcpy(&key, bytes, sizeof key);
    return key;
}

static inline bool lp_key_same(struct lp_key x, struct lp_key y)
{
    return ((x.a ^ y.a) | (x.b ^ y.b)) == 0;
}

static inline size_t lp_key_length(struct lp_key key)
{
    return ((const unsigned char *)&key)[LP_KEY_SIZE - 1];
}

/* Spreads a key over 64 bits, the higher the better; the multipliers are odd and without
 * pattern (fractional digits of the golden ratio and of pi). */
static inline uint64_t lp_key_hash(struct lp_key key)
{
    return (key.a + key.b * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0x243F6A8885A308D3);
}

/* The key of up to LP_HALF_TEXT_MAX bytes in half the size: the text, zeros, the length. */
static inline uint64_t lp_half_key(struct lp_key key)
{
    return key.a | key.b; /* the text ends before the last byte of a; b has its last byte only */
}

static inline uint64_t lp_pair_hash(uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << LP_ID_BITS | right;
    return (pair + 1) * UINT64_C(0x9E3779B97F4A7C15); /* never 0, which no shift moves */
}

/* Hash and displace: the builder has found a shift for each set of keys that share one,
 * such that no two keys share a slot. So a look-up reads one entry, and the table can be
 * nearly full. */
static inline uint32_t lp_slot_shift(uint64_t hash, uint32_t shift_log)
{
    return (uint32_t)(hash >> (64 - shift_log));
}

static inline uint32_t lp_slot(uint64_t hash, uint32_t shift, uint32_t size)
{
    uint32_t h = (uint32_t)(hash ^ hash >> 32) * (2 * shift + 1);
    return (uint32_t)((uint64_t)h * size >> 32);
}

/* The slot that a hash has in a table with these shifts. */
static inline uint32_t lp_slot_of(struct lp_slots slots, const uint16_t *shift, uint64_t hash)
{
    return lp_slot(hash, shift[lp_slot_shift(hash, slots.shift_log)], slots.size);
}

#endif
