/* model.h - an open model (.lpm, lpmodel(5)): its tables, which stay in the mapped file, and how to
 * read them.
 *
 * All integers are little-endian and read byte by byte, so a file serves every machine. Opening
 * checks that the sections lie within the file and have the sizes that the header implies, and that
 * the nodes are a tree. Any other index into a table is clamped where it is used, so the rest of
 * the contents may be anything. Known to the mixing stage and the trainer only. */
#ifndef LP_MIX_MODEL_H
#define LP_MIX_MODEL_H

#include "base/bytes.h"
#include "base/load.h"
#include "lp.h"

#include <stdatomic.h>

#define LP_LPM_MAGIC "LPMODEL" /* eight bytes, with the NUL */

enum {
    LP_LPM_VERSION = 13,
    LP_LPM_HEAD = 4096,
    LP_LPM_PAGE = 1024,      /* sections are whole pages, each of which has a checksum */
    LP_LEAF_MAX = 1 << 18,   /* leaves of a tree, at most */
    LP_LEAF_BITS_MIN = 14,   /* of a leaf in a cell; a check then has at most as many */
    LP_NODE_CHILDREN = 16,   /* of a node, at most */
    LP_NODE_SIZE = 64,       /* bytes of a node */
    LP_NODE_DEPTH = 16,      /* of the tree, at most */
    LP_NODE_NONE = 0xFFFF,   /* stands for the begin of a child that does not exist */
    LP_NODE_COST_MAX = 127,  /* of a child: -ln(p) in 1/8 */
    LP_INDEX_LEAVES = 64,    /* leaves of an index entry */
    LP_INDEX_SIZE = 32,      /* bytes of an index entry */
    LP_INDEX_COUNT = 0xFFFF, /* lists or rows that an index can number, at most */
    LP_FOLLOW_MAX = 16,      /* successors of a long follow list, at most, */
    LP_FOLLOW_SHORT = 5,     /* and of a short one */
    LP_FOLLOW_SIZE = 64,     /* bytes of a long follow list; a short one has half as many */
    LP_FOLLOW_BITS = 6,      /* of a successor's count; the rest of its word is the leaf */
    LP_PLACE_BITS = 4,       /* of a place in a follow list */
    LP_CELL_CLASS_BITS = 4,  /* of the class of a cell's count */
    LP_CELL_CLASSES = 1 << LP_CELL_CLASS_BITS,
    LP_BUCKET_CELLS = 16, /* 64 bytes: a cache line */
    LP_NET_SIZE = 32,     /* values of the network's input vector, for most nodes (model_net.h), */
    LP_NET_STATE = 128,   /* and of its state, which is the vector of upper nodes */
    LP_NET_PLACES = 3,    /* for the rows of the last three leaves */
    LP_NET_GATES = 2,     /* of the state: the gate, the candidate */
    LP_NET_GROUP = 16,    /* bytes of 32 values of a row: a nibble for each */
    LP_NET_ROW = LP_NET_GROUP * (LP_NET_PLACES + LP_NET_GATES * LP_NET_STATE / LP_NET_SIZE),
    LP_NET_ROW_MAX = 7,         /* values are from -7 to 7, stored plus 8 */
    LP_NET_UNIT = 64,           /* sums of rows are in 1/64, the input vector is in 1/16, */
    LP_NET_GATE_UNIT = 4096,    /* sums for gates in 1/4096, */
    LP_NET_GATE_STEP = 8,       /* of which a row's values have 8 times the scale; */
    LP_NET_RECURRENT_UNIT = 32, /* weights of the state are in 1/32, and it counts in 1/64, */
    LP_NET_STATE_ZERO = 64,     /* plus 64 */
    LP_NET_WEIGHT_UNIT = 128,   /* weights are in 1/128, times the node's scale, */
    LP_NET_WEIGHT_ZERO = 8,     /* and stored plus 8, as unsigned nibbles */
    LP_NET_NODE = LP_NODE_CHILDREN * LP_NET_SIZE / 2, /* bytes of a node's weights, */
    LP_NET_BIASES = 2 * LP_NET_GATES * LP_NET_STATE,  /* bytes of the state's biases */
    LP_NET_STATE_SIZE = LP_NET_BIASES + LP_NET_GATES * LP_NET_STATE * LP_NET_STATE / 16,
    LP_NET_UPPER = LP_NODE_CHILDREN * LP_NET_STATE / 2, /* of an upper one's */
};

/* Offsets in the header. */
enum lp_lpm_field {
    LP_LPM_AT_VERSION = 8,      /* u32 */
    LP_LPM_AT_SIZE = 12,        /* u32: the highest id plus 1 */
    LP_LPM_AT_FILE_SIZE = 16,   /* u64 */
    LP_LPM_AT_FINGERPRINT = 24, /* u64: XXH64 of what follows and of the checksums */
    LP_LPM_AT_VOCAB = 32,       /* u64: the vocabulary's fingerprint */
    LP_LPM_AT_NAME = 40,        /* char[40]: the vocabulary's name, padded with zeros */
    LP_LPM_AT_LEAVES = 80,      /* u32 */
    LP_LPM_AT_UPPER = 84,       /* u32: the number of upper nodes */
    LP_LPM_AT_ROOT = 88,        /* u8[16]: costs of the root's children, for the trainer */
    LP_LPM_AT_LONG = 104,       /* u32: the number of long follow lists */
    LP_LPM_AT_SCALE = 108,      /* u8[5]: factors of the values of rows, by place, then by gate */
    LP_LPM_AT_NOTHING = LP_LPM_HEAD - LP_FOLLOW_SIZE, /* zeros: a follow list without successors */
    LP_LPM_AT_SECTION = 128, /* u32[][2]: offset and bytes of each section */
};

/* Sections. A leaf is a token's number in the order of the tree. As a context, the number `leaves`
 * stands for the begin of the sequence. */
enum lp_lpm_section {
    LP_LPM_NODE,       /* the nodes of the tree, parents first: enum lp_node_field */
    LP_LPM_LEAF,       /* u24[size]: the leaf of an id; 0xFFFFFF for none */
    LP_LPM_ID,         /* u24[leaves]: the id of a leaf */
    LP_LPM_INDEX,      /* u8[leaves / 64 + 1][32]: which leaves have lists and rows */
    LP_LPM_FOLLOW,     /* u8[][64], u8[][32]: long, then short follow lists: model_follow.h */
    LP_LPM_NET_ROW,    /* u4[rows][11][32]: rows, for each place and gate: model_net.h */
    LP_LPM_NET_STATE,  /* i16[2][128], i8[2][8][4][16][2]: biases and weights of the state */
    LP_LPM_NET_WEIGHT, /* u4[][4][4][16][4][2], u4[][4][16][4][2]: weights of the upper nodes and
                        * of more, plus 8 */
    LP_LPM_CELL,       /* u32[][16]: cells of two and of three leaves: model_cells.h */
    LP_LPM_MIXING,     /* i16[2][]: the mixing parameters of each mode: struct lp_mixing */
    LP_LPM_SUM,        /* u64[]: XXH64 of each page between the header and this section */
    LP_LPM_SECTIONS,
};

/* Offsets in a node. */
enum lp_node_field {
    LP_NODE_AT_BEGIN = 0,  /* u16[16]: first leaf of each child, less the node's; LP_NODE_NONE */
    LP_NODE_AT_COST = 32,  /* u8[16]: of each child */
    LP_NODE_AT_LEAF = 48,  /* u32: the node's first leaf */
    LP_NODE_AT_FIRST = 52, /* u32: the first inner child; the others follow it */
    LP_NODE_AT_INNER = 56, /* u16: a bit for each child that is a node; the others are leaves */
    LP_NODE_AT_SHIFT = 58, /* u8: begins are in units of 1 << shift leaves */
    LP_NODE_AT_SCALE = 59, /* u8: the factor of its weights */
    LP_NODE_AT_END = 60,   /* u32: one after the node's last leaf */
};

/* Offsets in an index entry, which covers 64 leaves: three bitmaps (the lowest bit is the first
 * leaf) of which leaves have what, and the number of the first one each. So lists and rows that are
 * often needed can lie together, on fewer pages. Leaves without a row of their own share one. */
enum lp_index_field {
    LP_INDEX_AT_LONG = 0,    /* u64: long follow lists */
    LP_INDEX_AT_SHORT = 8,   /* u64: short follow lists */
    LP_INDEX_AT_OWN = 16,    /* u64: rows of their own in the network */
    LP_INDEX_AT_LONGS = 24,  /* u16: the number of the first long list */
    LP_INDEX_AT_SHORTS = 26, /* u16: of the first short list */
    LP_INDEX_AT_OWNS = 28,   /* u16: of the first row */
    LP_INDEX_AT_SHARED = 30, /* u16: the row of the other leaves */
};

/* The sizes of the mixing parameters. */
enum {
    LP_LISTS = 4,   /* of two and of three leaves in the model, own ones of one and of two */
    LP_SOURCES,     /* the follow list, then these lists */
    LP_LEVELS = 16, /* of a sum of counts */
    LP_MATCH_LENGTHS = 32,
    LP_NODE_DEPTHS = 8,  /* of a node in the tree; deeper ones count as the last */
    LP_UPPER_DEPTHS = 4, /* the same where there are more contexts beside the depth */
    LP_POSITIONS = 16,   /* of a token in the sequence: half octaves */
    LP_VISIT_LEVELS = 8, /* of the visits of a node */
    LP_MODES = 2,        /* whole, fast */
    LP_STATES = 32,      /* of an offer: which lists count something, and the match's length; */
    LP_STATE_LISTS = 3,  /* these are the first ones */
    LP_SETS = 64,        /* of weights */
    LP_BACKINGS = 16,    /* of a candidate: which lists have it */
};

/* The inputs of a choice among an offer, and among children. */
enum lp_input {
    LP_IN_MATCH = LP_SOURCES, /* of an offer: the match; the sources come before it */
    LP_IN_MODEL = 0,          /* of children: the network, or plain frequencies */
    LP_IN_NODE,               /* what this sequence has shown at the node */
    LP_IN_FOLLOW,             /* the follow list */
    LP_IN_CONTEXT,            /* what it has shown at an upper node in contexts (run_learnt.h) */
    LP_INPUTS,                /* weights for children */
    LP_OFFER_INPUTS = 8,      /* weights for an offer; the last ones are not used */
};

/* The mixing parameters of a mode, in a model's order. The trainer learns them. */
struct lp_mixing {
    /* Weights; 8192 is 1. */
    int16_t offer_a[LP_STATES][LP_OFFER_INPUTS], offer_b[LP_SETS][LP_OFFER_INPUTS];
    int16_t child_a[2 * LP_VISIT_LEVELS][LP_INPUTS], child_b[2 * LP_NODE_DEPTHS][LP_INPUTS];
    int16_t child_c[2 * LP_UPPER_DEPTHS * LP_LEVELS][LP_INPUTS];
    int16_t child_d[LP_UPPER_DEPTHS * LP_POSITIONS][LP_INPUTS];
    /* Logits in 1/2048. */
    int16_t offer[LP_SOURCES][LP_LEVELS][LP_LEVELS];
    int16_t escape[LP_STATES];
    int16_t match[LP_MATCH_LENGTHS];
    int16_t backing[LP_BACKINGS];
    int16_t follow[LP_LEVELS][LP_LEVELS];
};

enum { LP_MIXING_SIZE = sizeof(struct lp_mixing) / 2 };

/* The pages of a mapped file. A small input needs only some of them, so each large section's page
 * is compared with its checksum when it is first read, not all of them at opening. */
struct lp_model_pages {
    atomic_bool damaged;   /* a page that was read */
    atomic_uchar unread[]; /* pages that are not yet compared: a bit each */
};

struct lp_model {
    bool sound; /* what opening checks is intact; else nothing is coded with the model */
    const unsigned char *file;
    size_t file_size;
    struct lp_loaded loaded;      /* what holds the file of an open model */
    struct lp_model_pages *pages; /* NULL: the model is in memory, and its pages are not checked */
    uint32_t size;                /* the highest id plus 1 */
    uint32_t nleaves;             /* at least 2 */
    uint32_t leaf_bits;           /* of a leaf in a cell; at least LP_LEAF_BITS_MIN */
    uint32_t nnodes, nlong, nshort, nbuckets;
    uint32_t nrows, nnets, nupper; /* of the network: rows, first nodes with weights, upper ones */
    unsigned char net_scale[LP_NET_PLACES + LP_NET_GATES];
    const unsigned char *section[LP_LPM_SECTIONS];
    uint32_t section_size[LP_LPM_SECTIONS];
    const unsigned char *node, *leaf, *id, *index, *follow, *nothing, *net_row, *net_state,
        *net_weight, *cell, *mixing;
};

/* Compares a page with its checksum. */
void lp_model_read_page(const struct lp_model *model, size_t page);

/* Prefetches what is at p, and checks its page if that is the first time. */
static inline void lp_model_prefetch(const struct lp_model *m, const unsigned char *p)
{
    const size_t page = (size_t)(p - m->file) / LP_LPM_PAGE;
    __builtin_prefetch(p);
    if (m->pages != NULL &&
        (atomic_load_explicit(&m->pages->unread[page / 8], memory_order_relaxed) >> page % 8 & 1))
        lp_model_read_page(m, page);
}

/* LP_BAD_MODEL if a page that was prefetched differs from its checksum. */
static inline enum lp_status lp_model_status(const struct lp_model *m)
{
    return m->pages != NULL && atomic_load(&m->pages->damaged) ? LP_BAD_MODEL : LP_OK;
}

/* The status of a call that used a model: success and LP_DATA mean nothing if that is damaged. */
static inline enum lp_status lp_model_blame(const struct lp_model *m, enum lp_status status)
{
    const enum lp_status model = lp_model_status(m);
    return model != LP_OK && (status == LP_OK || status == LP_DATA) ? model : status;
}

/* Opens a file that is in memory and stays there; checks everything but checksums. LP_DATA,
 * LP_VERSION, LP_NOMEM. */
enum lp_status lp_model_view(const void *file, size_t size, struct lp_model *model);

/* lp_model_view() without the check of the tree. */
enum lp_status lp_model_layout(const void *file, size_t size, struct lp_model *model);

/* Writes the checksums and the fingerprint of a file in memory whose other contents are complete.
 */
void lp_model_seal(unsigned char *file, const struct lp_model *model);

/* --- Leaves ----------------------------------------------------------------------- */

/* The index entry of a leaf. */
static inline const unsigned char *lp_index_entry(const struct lp_model *m, uint32_t leaf)
{
    return m->index + LP_INDEX_SIZE * (size_t)(leaf / LP_INDEX_LEAVES);
}

/* The number of a leaf's list or row: that of the entry's first one plus the bits of the leaves
 * before it. below: a mask of these. */
static inline uint32_t lp_index_rank(const unsigned char *entry, size_t bits, size_t first,
                                     uint64_t below)
{
    return lp_get16(entry + first) + (uint32_t)__builtin_popcountll(lp_get64(entry + bits) & below);
}

/* The number of a leaf's row in the network; 0 in place of one that does not exist. Branch-free:
 * whether a leaf has a row of its own is unpredictable. */
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
    return m->net_row + (size_t)lp_leaf_row_number(m, leaf) * LP_NET_ROW;
}

/* --- Contexts ------------------------------------------------------------------- */

/* The bits of a leaf in a cell; there is room for LP_FOLLOW_MAX places too. */
static inline uint32_t lp_leaf_bits(uint32_t nleaves)
{
    uint32_t bits = LP_LEAF_BITS_MIN;
    while ((uint32_t)1 << bits < nleaves + LP_FOLLOW_MAX)
        bits++;
    return bits;
}

/* Adds a leaf to the hash of a context, which begins as 0; the last leaf is added first. */
static inline uint64_t lp_context_hash(uint64_t hash, uint32_t leaf)
{
    uint64_t h = (hash + leaf + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ h >> 29;
}

/* The bucket, of n, of the context of two or three leaves with a hash; lp_cell_check() is its check
 * there. Contexts of two leaves have the first half, which keeps them on fewer pages. */
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
    return check + (check == 0); /* 0 marks an empty cell */
}

/* --- Count classes --------------------------------------------------------------- */

/* The counts that the classes of a cell stand for: half octaves. */
extern const uint16_t lp_class_count[LP_CELL_CLASSES];

#endif
