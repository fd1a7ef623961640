/* vocab_layout.h - the compiled vocabulary file (.lpv), which vocab/compile.c writes.
 *
 * Tables to be used in place in the mapped file, in the byte order of the machine that compiled
 * them: the build compiles its own. A file of the other byte order is refused. Every section
 * begins at a multiple of 64 bytes.
 *
 * All that is read is checked, so that a damaged file is never used. The header has a checksum of
 * each section, which is compared when the section is first used. For the largest sections that
 * would take longer than encoding a short text: each of their entries is sealed (see lp_seal()),
 * and only lp_vocab_verify() compares their checksums. The texts of tokens are read unchecked where
 * the result has a checksum of its own.
 *
 * For lib/tokens and vocab/compile.c alone. */
#ifndef LP_TOKENS_VOCAB_LAYOUT_H
#define LP_TOKENS_VOCAB_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LP_LPV_MAGIC "LPVOCAB" /* eight bytes with the NUL */

enum {
    LP_LPV_VERSION = 11,
    LP_LPV_BYTE_ORDER = 0x01020304,
    LP_LPV_PART = 64 << 10, /* bytes; a multiple of any page size */
    LP_KEY_SIZE = 16,
    LP_KEY_TEXT_MAX = 15, /* longest token that has a key */
    LP_HALF_TEXT_MAX = 7, /* longest token whose key fits in half */
    LP_KEY_ENTRY = 5,     /* u32s of an entry: a key and its id */
    LP_HALF_ENTRY = 3,    /* u32s of an entry: half a key and its id */
    LP_ID_BITS = 18,      /* o200k_harmony needs 201,088 ids */
    LP_NO_ID = (1 << LP_ID_BITS) - 1,
    LP_TOKEN_MAX = 256, /* bytes of the longest token */
};

enum lp_pattern { LP_PATTERN_GPT2, LP_PATTERN_CL100K, LP_PATTERN_O200K };

/* Sections. They are grouped in parts, each of which begins at a multiple of LP_LPV_PART: for all
 * uses; payloads to text; payloads to ids; text to payloads; giant pretokens, special tokens and
 * the API. Each part is mapped as if it were a file of its own (see vocab.c). */
enum lp_section {
    LP_SECTION_LONG_TEXT, /* the bytes of tokens without a key, and LP_KEY_SIZE more */

    LP_SECTION_TEXT, /* u8[16][ntokens]: keys by frequency rank, so that common ones are close
                      * together; for a token without a key a struct lp_long_text */

    LP_SECTION_ID, /* u32[ntokens]: the id of each frequency rank, sealed */

    LP_SECTION_RANK,       /* u32[size]: the frequency rank of each id, sealed; 0, which is no
                            * sealed number, for none */
    LP_SECTION_HALF_SHIFT, /* u16[]: the shifts of HALF, see lp_slot() */
    LP_SECTION_HALF,       /* u32[slots][3]: tokens of up to LP_HALF_TEXT_MAX bytes by hash: half a
                            * key, the id sealed with it */
    LP_SECTION_KEY_SHIFT,  /* u16[]: the shifts of KEY */
    LP_SECTION_KEY,  /* u32[slots][5]: longer tokens with a key by hash: the key, the id sealed
                      * with it */
    LP_SECTION_LONG, /* struct lp_long_entry[1 << long_log]: tokens without a key, by XXH64 */
    LP_SECTION_PAIR_SHIFT, /* u16[]: the shifts of PAIR */
    LP_SECTION_PAIR,      /* u64[slots]: pairs by hash: left << 36 | right << 18 | merged, sealed */
    LP_SECTION_BYTE,      /* u32[256]: the id of each single byte */
    LP_SECTION_BYTE_PAIR, /* u32[65536]: by two bytes; see lp_byte_pair_id() */

    LP_SECTION_OFFSET,  /* u32[size + 1]: where each id begins in BYTES */
    LP_SECTION_BYTES,   /* the bytes of all tokens, in the order of ids */
    LP_SECTION_SPLIT,   /* u32[size][2]: the two ids that merge to an id, or itself twice */
    LP_SECTION_SORTED,  /* u32[nsorted]: the ids of two bytes or more that merges reach, sorted by
                         * their bytes */
    LP_SECTION_PREFIX,  /* u32[size]: for each id of SORTED the longest other one, or single byte,
                         * that it begins with; LP_NO_ID for others */
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

/* An entry of BYTE_PAIR. The low LP_ID_BITS bits are the token of the two bytes, or LP_NO_ID. Above
 * them is the border: the least id of the tokens whose last merge joins these two bytes, divided by
 * 1 << LP_BORDER_UNIT and rounded down, or all ones for none. */
enum { LP_BORDER_UNIT = 4 };

static inline uint32_t lp_byte_pair_id(uint32_t pair)
{
    return pair & LP_NO_ID;
}

static inline uint32_t lp_byte_pair_border(uint32_t pair)
{
    return pair >> LP_ID_BITS;
}

/* A token without a key. In an empty entry size is 0. */
struct lp_long_entry {
    uint32_t tag, id, offset, size; /* tag: the upper half of the hash; offset: in LONG_TEXT */
};

/* In TEXT, what a token without a key has in the place of a key. */
struct lp_long_text {
    uint32_t offset, size;   /* in LONG_TEXT */
    uint8_t unused[7], mark; /* LP_LONG_MARK, in the place of a key's length */
};
enum { LP_LONG_MARK = 255 };
_Static_assert(sizeof(struct lp_long_text) == LP_KEY_SIZE, "as large as a key");

/* The size of a perfect hash table, see lp_slot(). */
struct lp_slots {
    uint32_t size;      /* slots */
    uint32_t shift_log; /* log2 of the number of shifts */
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
    uint32_t one, two; /* how many first bytes are of one-byte and of two-byte codes */
    struct lp_slots halves, keys, pairs;
    uint32_t long_log;
    uint32_t token_max;                /* bytes of the longest token */
    uint32_t unused;                   /* padding, so that all machines have this layout */
    uint64_t section[LP_SECTIONS + 1]; /* offsets in the file; the last one is the file's size */
    uint64_t sum[LP_SECTIONS]; /* lp_sum64() of each section, up to where the next one begins */
    uint64_t head_sum;         /* XXH64 of the header up to here */
};

_Static_assert(offsetof(struct lp_vocab_header, section) == 136, "the same on all machines");

/* Sealing. A number of LP_ID_BITS bits (an entry of a pair: three times as many) is stored so that
 * a multiplication restores it with zeros in the bits above. An OR of many restored numbers shows
 * whether all are sound. A flipped bit always leaves a one above: the runs of equal bits in the
 * multipliers are shorter than the zeros. The hash that is added where an entry has a key has the
 * same property. One word of noise in 16,384 passes (of pairs, one in 1,024). All zeros, which is
 * why 1 is subtracted, and all ones do not pass. */
#define LP_SEAL      UINT32_C(0x9E3779B1)
#define LP_SEAL_PAIR UINT64_C(0x9E3779B97F4A7C15)

/* The number. More than LP_NO_ID: damaged. hash: of the key in its entry, else 0. */
static inline uint32_t lp_unseal(uint32_t sealed, uint64_t hash)
{
    return sealed * LP_SEAL - 1 + (uint32_t)(hash >> 32);
}

/* An entry of a pair. More than LP_PAIR_BITS bits: damaged. */
enum { LP_PAIR_BITS = 3 * LP_ID_BITS };
static inline uint64_t lp_unseal_pair(uint64_t sealed)
{
    return sealed * LP_SEAL_PAIR - 1;
}

/* The inverse of an odd number modulo 2^64, by Newton's method. The first 3 bits are right at the
 * start; each step doubles their number. */
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

/* A token or pretoken of up to LP_KEY_TEXT_MAX bytes as 16 bytes: its text, zeros, its length. */
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

/* A multiplicative hash; the high bits are the best. The multipliers are odd numbers without
 * pattern: fractional digits of the golden ratio and of pi. */
static inline uint64_t lp_key_hash(struct lp_key key)
{
    return (key.a + key.b * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0x243F6A8885A308D3);
}

/* The key of a text of up to LP_HALF_TEXT_MAX bytes in 8 bytes: the text, zeros, its length. */
static inline uint64_t lp_half_key(struct lp_key key)
{
    return key.a | key.b; /* a has the text and a zero byte, b has zeros and the length */
}

static inline uint64_t lp_pair_hash(uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << LP_ID_BITS | right;
    return (pair + 1) * UINT64_C(0x9E3779B97F4A7C15); /* never 0, which no shift moves */
}

/* Perfect hashing by hash and displace. The high bits of a hash select one of the table's shifts,
 * and hash and shift together a slot. The compiler has chosen the shifts so that no two keys share
 * a slot. So a look-up reads one shift and one entry, and the table is nearly full. */
static inline uint32_t lp_slot_shift(uint64_t hash, uint32_t shift_log)
{
    return (uint32_t)(hash >> (64 - shift_log));
}

static inline uint32_t lp_slot(uint64_t hash, uint32_t shift, uint32_t size)
{
    uint32_t h = (uint32_t)(hash ^ hash >> 32) * (2 * shift + 1);
    return (uint32_t)((uint64_t)h * size >> 32);
}

/* The slot of a hash in a table with these shifts. */
static inline uint32_t lp_slot_of(struct lp_slots slots, const uint16_t *shift, uint64_t hash)
{
    return lp_slot(hash, shift[lp_slot_shift(hash, slots.shift_log)], slots.size);
}

#endif
