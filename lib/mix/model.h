/* model.h - an open model (.lpm, lpmodel(5)): its tables where they lie in the
 * mapped file, and how to read them.
 *
 * All integers are little-endian and read byte by byte, so a file serves every
 * machine. Opening checks that the sections lie within the file and have the
 * sizes that the header implies, and that the nodes are a tree; what else indexes a
 * table is clamped where it is used, so that the other contents may be anything.
 * Known to the mixing stage and the trainer only. */
#ifndef LP_MIX_MODEL_H
#define LP_MIX_MODEL_H

#include "base/bytes.h"
#include "base/load.h"
#include "lp.h"

#include <stdatomic.h>

#define LP_LPM_MAGIC "LPMODEL" /* eight bytes with the NUL */

enum {
    LP_LPM_VERSION = 8,
    LP_LPM_HEAD = 4096,
    LP_LPM_PAGE = 1024,      /* sections are whole pages, each of which has a sum */
    LP_LEAF_MAX = 1 << 18,   /* leaves of a tree at most */
    LP_LEAF_BITS_MIN = 14,   /* of a leaf in a cell, so that its check has at most as many */
    LP_NODE_CHILDREN = 16,   /* at most */
    LP_NODE_SIZE = 64,       /* bytes */
    LP_NODE_DEPTH = 16,      /* of the tree at most */
    LP_NODE_NONE = 0xFFFF,   /* a child that is not there */
    LP_NODE_COST_MAX = 127,  /* of a child: -ln(p) in 1/8 */
    LP_INDEX_LEAVES = 64,    /* of an entry of the index, */
    LP_INDEX_SIZE = 32,      /* and its bytes */
    LP_INDEX_COUNT = 0xFFFF, /* of what it counts */
    LP_FOLLOW_MAX = 16,      /* successors of a list; */
    LP_FOLLOW_SHORT = 5,     /* of a short one */
    LP_FOLLOW_SIZE = 64,     /* bytes of a list; a short one has half as many */
    LP_FOLLOW_BITS = 6,      /* of a successor: its count; the rest is a leaf */
    LP_PLACE_BITS = 4,       /* of a successor's place */
    LP_CELL_CLASS_BITS = 4,  /* of a cell: its count's class */
    LP_CELL_CLASSES = 1 << LP_CELL_CLASS_BITS,
    LP_BUCKET_CELLS = 16,     /* 64 bytes */
    LP_NET_SIZE = 32,         /* values of a vector of the network (model_net.h) */
    LP_NET_PLACES = 4,        /* the last three tokens, and the faded sum of all before */
    LP_NET_ROW = 16,          /* bytes of a row in one place: nibbles */
    LP_NET_ROW_MAX = 7,       /* its values are from -7 to 7, plus 8 */
    LP_NET_UNIT = 64,         /* a vector's values are in 1/64, as an input in 1/16 */
    LP_NET_WEIGHT_UNIT = 128, /* weights in 1/128, times the node's scale */
    LP_NET_WEIGHT_ZERO = 8,   /* what is added to them: four bits without a sign */
    LP_NET_FADE = 4,          /* the faded sum loses a sixteenth a token */
    LP_NET_FADED_SHIFT = 3,   /* and has units finer by as many bits */
    LP_NET_NODE = LP_NODE_CHILDREN * LP_NET_SIZE / 2, /* bytes of a node's weights */
};

/* Offsets in the header. */
enum lp_lpm_field {
    LP_LPM_AT_VERSION = 8,      /* u32 */
    LP_LPM_AT_SIZE = 12,        /* u32: one more than the largest id */
    LP_LPM_AT_FILE_SIZE = 16,   /* u64 */
    LP_LPM_AT_FINGERPRINT = 24, /* u64: XXH64 of the header from here on, seeded with the sums' */
    LP_LPM_AT_VOCAB = 32,       /* u64: the vocabulary's fingerprint */
    LP_LPM_AT_NAME = 40,        /* char[40]: the vocabulary's name, zeros after it */
    LP_LPM_AT_LEAVES = 80,      /* u32 */
    LP_LPM_AT_SCALE = 84, /* u8[4]: what the values of a row are multiplied by, in each place */
    LP_LPM_AT_ROOT = 88,  /* u8[16]: costs of the root's children, for the trainer */
    LP_LPM_AT_LONG = 104, /* u32: long lists of successors */
    LP_LPM_AT_NOTHING = LP_LPM_HEAD - LP_FOLLOW_SIZE, /* zeros: a list of no successors */
    LP_LPM_AT_SECTION = 128, /* u32[][2]: where each section begins, and its bytes */
};

/* Sections. A leaf is a token's place in the tree; as a context, number `leaves`
 * stands for the sequence's begin. */
enum lp_lpm_section {
    LP_LPM_NODE,    /* the tree's nodes, each after the one above it: see below */
    LP_LPM_LEAF,    /* u24[size]: the leaf of an id, 0xFFFFFF for none */
    LP_LPM_ID,      /* u24[leaves]: the id of a leaf */
    LP_LPM_INDEX,   /* u8[leaves / 64 + 1][32]: which leaves have successors and rows; see below */
    LP_LPM_FOLLOW,  /* u8[][64], u8[][32]: leaves' successors; see model_follow.h */
    LP_LPM_NET_ROW, /* u4[rows][4][32]: a leaf's part of the vector in each place */
    LP_LPM_NET_WEIGHT, /* u4[][4][16][4][2]: of the first nodes' children; plus 8 */
    LP_LPM_CELL,       /* u32[16][]: check, count class, leaf: successors of two, of three tokens */
    LP_LPM_MIXING,     /* i16[2][]: what choices are mixed by, of each way: see struct lp_mixing */
    LP_LPM_SUM,        /* u64[]: XXH64 of each page after the header and before this */
    LP_LPM_SECTIONS,
};

/* Offsets in a node. */
enum lp_node_field {
    LP_NODE_AT_BEGIN = 0,  /* u16[16]: where each child's leaves begin; none after the last */
    LP_NODE_AT_COST = 32,  /* u8[16]: of each child */
    LP_NODE_AT_LEAF = 48,  /* u32: the first leaf */
    LP_NODE_AT_FIRST = 52, /* u32: the node of the first child that is one */
    LP_NODE_AT_INNER = 56, /* u16: a bit for each child that is a node, not a leaf */
    LP_NODE_AT_SHIFT = 58, /* u8: begins are in units of 1 << shift leaves */
    LP_NODE_AT_SCALE = 59, /* u8: what its weights are multiplied by */
    LP_NODE_AT_END = 60,   /* u32: one after the last leaf */
};

/* Offsets in an entry of the index: which of its leaves have what, a bit each, the first one's
 * the lowest, and where what these have begins: so what is often needed can lie together, where it
 * takes fewer pages. Those that have no row of their own share one. */
enum lp_index_field {
    LP_INDEX_AT_LONG = 0,    /* u64: long lists of successors */
    LP_INDEX_AT_SHORT = 8,   /* u64: short ones */
    LP_INDEX_AT_OWN = 16,    /* u64: rows of their own in the network */
    LP_INDEX_AT_LONGS = 24,  /* u16: the first one's number */
    LP_INDEX_AT_SHORTS = 26, /* u16: the same */
    LP_INDEX_AT_OWNS = 28,   /* u16: the same */
    LP_INDEX_AT_SHARED = 30, /* u16: the row of the others */
};

/* What choices are mixed by. */
enum {
    LP_LISTS = 3,   /* successors of 2 and 3 tokens in the model, of 1 in the sequence */
    LP_SOURCES,     /* of what is offered: the model's successors of one token, then these */
    LP_LEVELS = 16, /* of a sum of counts */
    LP_MATCH_LENGTHS = 32,
    LP_NODE_DEPTHS = 8, /* told apart */
    LP_MET_LEVELS = 8,  /* of how often a node was met */
    LP_WAYS = 2,        /* to code: the whole one, the fast one */
    LP_STATES = 32,     /* of an offer */
    LP_SETS = 64,       /* of weights */
};

/* What the odds of what is offered are mixed from, and those of children. */
enum lp_input {
    LP_IN_MATCH = LP_SOURCES, /* what came after the same tokens; before it are the sources */
    LP_IN_MODEL = 0,     /* what the model knows of them: the network, or how frequent they are */
    LP_IN_NODE,          /* what this sequence has shown of them */
    LP_IN_FOLLOW,        /* the model's successors of the last token */
    LP_INPUTS = 4,       /* of children, the last one nothing, */
    LP_OFFER_INPUTS = 8, /* and of what is offered */
};

/* In a model these are in this order, of each way. The trainer learns them. */
struct lp_mixing {
    /* Weights: 1 is 8192. */
    int16_t offer_a[LP_STATES][LP_OFFER_INPUTS], offer_b[LP_SETS][LP_OFFER_INPUTS];
    int16_t child_a[2 * LP_MET_LEVELS][LP_INPUTS], child_b[2 * LP_NODE_DEPTHS][LP_INPUTS];
    /* Log odds in 1/2048. */
    int16_t offer[LP_SOURCES][LP_LEVELS][LP_LEVELS];
    int16_t none[LP_STATES];
    int16_t match[LP_MATCH_LENGTHS];
    int16_t follow[LP_LEVELS][LP_LEVELS];
};

enum { LP_MIXING_SIZE = sizeof(struct lp_mixing) / 2 };

/* What is known of a file's pages. A small input needs but some of them, so that each
 * is compared with its sum when it is first read, not all at opening. */
struct lp_model_pages {
    atomic_bool damaged;   /* one of those read */
    atomic_uchar unread[]; /* which are yet to be compared: a bit each */
};

struct lp_model {
    bool sound; /* what is read at opening is whole, the nodes are a tree; else nothing is
                 * coded by it */
    const unsigned char *file;
    size_t file_size;
    struct lp_loaded loaded;      /* what holds the file of an open model */
    struct lp_model_pages *pages; /* NULL: in memory, and taken as it is */
    uint32_t size;                /* one more than the largest id */
    uint32_t nleaves;             /* at least 2 */
    uint32_t leaf_bits;           /* of a cell; at least LP_LEAF_BITS_MIN */
    uint32_t nnodes, nlong, nshort, nbuckets;
    uint32_t nrows, nnets; /* of the network: the first nodes have weights */
    unsigned char net_scale[LP_NET_PLACES];
    const unsigned char *section[LP_LPM_SECTIONS];
    uint32_t section_size[LP_LPM_SECTIONS];
    const unsigned char *node, *leaf, *id, *index, *follow, *nothing, *net_row, *net_weight, *cell,
        *mixing;
};

/* Compares a page with its sum. */
void lp_model_read_page(const struct lp_model *model, size_t page);

/* What is at p will be read: asks memory for it, and sees to its page. */
static inline void lp_model_expect(const struct lp_model *m, const unsigned char *p)
{
    const size_t page = (size_t)(p - m->file) / LP_LPM_PAGE;
    __builtin_prefetch(p);
    if (m->pages != NULL &&
        (atomic_load_explicit(&m->pages->unread[page / 8], memory_order_relaxed) >> page % 8 & 1))
        lp_model_read_page(m, page);
}

/* LP_BAD_MODEL when a page that was expected is not what it was made as. */
static inline enum lp_status lp_model_status(const struct lp_model *m)
{
    return m->pages != NULL && atomic_load(&m->pages->damaged) ? LP_BAD_MODEL : LP_OK;
}

/* Looks at a file in memory, as opening does, but not at sums. It is not copied. LP_DATA,
 * LP_VERSION. */
enum lp_status lp_model_view(const void *file, size_t size, struct lp_model *model);

/* The same without a look at the tree. */
enum lp_status lp_model_layout(const void *file, size_t size, struct lp_model *model);

/* Gives a file in memory, of which all else is written, its sums and its fingerprint. */
void lp_model_seal(unsigned char *file, const struct lp_model *model);

/* --- Leaves ----------------------------------------------------------------------- */

/* The entry of the index that tells of a leaf. */
static inline const unsigned char *lp_index_entry(const struct lp_model *m, uint32_t leaf)
{
    return m->index + LP_INDEX_SIZE * (size_t)(leaf / LP_INDEX_LEAVES);
}

/* The number of what a leaf has: below are the bits of those before it in its entry. */
static inline uint32_t lp_index_rank(const unsigned char *entry, size_t bits, size_t first,
                                     uint64_t below)
{
    return lp_get16(entry + first) + (uint32_t)__builtin_popcountll(lp_get64(entry + bits) & below);
}

/* The row of a leaf in the network: its number, 0 where there is no such row; where it is. No
 * branches: which leaves have rows of their own is not to be foretold. */
static inline uint32_t lp_leaf_row_number(const struct lp_model *m, uint32_t leaf)
{
    const unsigned char *entry = lp_index_entry(m, leaf);
    const uint32_t at = leaf % LP_INDEX_LEAVES;
    const uint32_t own =
        lp_index_rank(entry, LP_INDEX_AT_OWN, LP_INDEX_AT_OWNS, ((uint64_t)1 << at) - 1);
    const uint32_t has = 0U - (uint32_t)(lp_get64(entry + LP_INDEX_AT_OWN) >> at & 1);
    const uint32_t row = (own & has) | (lp_get16(entry + LP_INDEX_AT_SHARED) & ~has);
    return row < m->nrows ? row : 0;
}

static inline const unsigned char *lp_leaf_row(const struct lp_model *m, uint32_t leaf)
{
    return m->net_row + (size_t)lp_leaf_row_number(m, leaf) * LP_NET_PLACES * LP_NET_ROW;
}

/* --- Contexts ------------------------------------------------------------------- */

/* The bits of a leaf in a cell, or of what stands for one there. */
static inline uint32_t lp_leaf_bits(uint32_t nleaves)
{
    uint32_t bits = LP_LEAF_BITS_MIN;
    while ((uint32_t)1 << bits < nleaves + LP_FOLLOW_MAX)
        bits++;
    return bits;
}

/* A hash of up to three leaves before, one added at a time. */
static inline uint64_t lp_context(uint64_t hash, uint32_t leaf)
{
    uint64_t h = (hash + leaf + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

/* The bucket of n, and the check in it, that a hash of two or three leaves means. Those of two
 * have the first half: together they are sooner at hand. */
static inline uint32_t lp_bucket(uint64_t hash, uint32_t order, uint32_t n)
{
    const uint32_t half = n / 2;
    const uint32_t from = half & (0U - (order == 3));
    const uint32_t many = order == 3 ? n - half : half;
    return from + (uint32_t)((hash >> 32) * many >> 32);
}

static inline uint32_t lp_cell_check(uint64_t hash, uint32_t leaf_bits)
{
    const uint32_t check = (uint32_t)(hash >> 18 & ((UINT64_C(1) << (28 - leaf_bits)) - 1));
    return check + (check == 0); /* an empty cell has 0 */
}

/* --- Count classes --------------------------------------------------------------- */

/* The counts that the sixteen classes of a cell stand for: half octaves. */
extern const uint16_t lp_class_count[LP_CELL_CLASSES];

#endif
