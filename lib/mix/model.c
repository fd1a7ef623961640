/* model.c - opens models and checks them. */
#include "mix/model.h"

#include "base/xxh64.h"
#include "mix/vec.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of the checksums of all pages from the header to the section of checksums. */
static uint64_t checksums_size(const struct lp_model *m)
{
    const uint32_t begin = lp_get32(m->file + LP_LPM_AT_SECTION + 8 * LP_LPM_SUM);
    return begin < LP_LPM_HEAD ? 0 : 8 * (uint64_t)(begin - LP_LPM_HEAD) / LP_LPM_PAGE;
}

/* The bytes that a section must have at least; 0: any number, checked elsewhere. */
static uint64_t section_min(const struct lp_model *m, int section)
{
    switch (section) {
    case LP_LPM_NODE:
        return LP_NODE_SIZE;
    case LP_LPM_LEAF:
        return 3 * (uint64_t)m->size;
    case LP_LPM_ID:
        return 3 * (uint64_t)m->nleaves;
    case LP_LPM_INDEX:
        return LP_INDEX_SIZE * ((uint64_t)m->nleaves / LP_INDEX_LEAVES + 1);
    case LP_LPM_NET_STATE:
        return LP_NET_STATE_SIZE;
    case LP_LPM_MIXING:
        return 2 * (uint64_t)LP_MODES * LP_MIXING_SIZE;
    case LP_LPM_SUM:
        return checksums_size(m);
    default:
        return 0;
    }
}

/* The leaves that a node divides. */
struct interval {
    uint32_t begin, end; /* 0 while the node's parent is unknown */
    uint32_t depth;
};

/* Whether a node's inner children, as many as bits are set, come after it in the table from first
 * on and have no other parent. */
static bool check_below(const struct lp_model *m, const struct interval *of, uint32_t at,
                        uint32_t first, uint32_t bits)
{
    const uint32_t n = (uint32_t)__builtin_popcount(bits);
    bool good = n == 0 || (first > at && first < m->nnodes && n <= m->nnodes - first);
    for (uint32_t k = 0; good && k < n; k++)
        good = of[first + k].end == 0;
    return good;
}

/* Checks a node, and notes the intervals of its inner children. Mostly branch-free: there are many
 * nodes. */
static bool check_node(const struct lp_model *m, struct interval *of, uint32_t at)
{
    const unsigned char *p = m->node + LP_NODE_SIZE * (size_t)at;
    const struct interval whole = of[at];
    const uint32_t inner = lp_get16(p + LP_NODE_AT_INNER), shift = p[LP_NODE_AT_SHIFT];
    const uint32_t first = lp_get32(p + LP_NODE_AT_FIRST);
    int16_t at_begin[LP_NODE_CHILDREN + 1];
    const lp_vec begins = lp_vec_load_le(p + LP_NODE_AT_BEGIN);
    lp_vec_store(at_begin, begins);
    at_begin[LP_NODE_CHILDREN] = -1; /* LP_NODE_NONE */
    /* Begins ascend, then there are none; the gaps between them. */
    const lp_vec gap = lp_vec_sub_unsigned(lp_vec_load(at_begin + 1), begins);
    const uint32_t none = lp_vec_mask(lp_vec_equal(begins, lp_vec_splat(-1)));
    const lp_vec more = lp_vec_sub_unsigned(gap, lp_vec_splat(1));
    const lp_vec cost = lp_vec_widen(p + LP_NODE_AT_COST), most = lp_vec_splat(LP_NODE_COST_MAX);
    if (lp_vec_mask(lp_vec_equal(gap, lp_vec_splat(0))) != none || (none & 3) != 0 ||
        at_begin[0] != 0 || lp_vec_mask(lp_vec_equal(lp_vec_min(cost, most), cost)) != UINT16_MAX ||
        shift > 8 || whole.end == 0 || (whole.end - whole.begin - 1) >> shift >= LP_NODE_NONE ||
        lp_get32(p + LP_NODE_AT_LEAF) != whole.begin || lp_get32(p + LP_NODE_AT_END) != whole.end ||
        whole.depth >= LP_NODE_DEPTH)
        return false;
    const uint32_t n = (uint32_t)__builtin_ctz(none | (uint32_t)1 << LP_NODE_CHILDREN);
    const uint32_t last = whole.begin + ((uint32_t)(uint16_t)at_begin[n - 1] << shift);
    if (last >= whole.end || (none >> n) + 1 != (uint32_t)1 << (LP_NODE_CHILDREN - n))
        return false;
    uint32_t is_node = shift > 0 ? UINT16_MAX : ~lp_vec_mask(lp_vec_equal(more, lp_vec_splat(0)));
    is_node = (is_node & (((uint32_t)1 << (n - 1)) - 1)) | (uint32_t)(whole.end - last > 1)
                                                               << (n - 1);
    if (inner != is_node || !check_below(m, of, at, first, inner))
        return false;
    uint32_t below = first;
    for (uint32_t rest = inner; rest != 0; rest &= rest - 1) {
        const uint32_t k = (uint32_t)__builtin_ctz(rest);
        of[below++] = (struct interval){
            whole.begin + ((uint32_t)(uint16_t)at_begin[k] << shift),
            k + 1 < n ? whole.begin + ((uint32_t)(uint16_t)at_begin[k + 1] << shift) : whole.end,
            whole.depth + 1};
    }
    return true;
}

/* Checks that the nodes are one tree over all leaves: each but the root has one parent, before it.
 */
static enum lp_status check_tree(const struct lp_model *m)
{
    struct interval *of = calloc((size_t)m->nnodes + 1, sizeof *of);
    if (of == NULL)
        return LP_NOMEM;
    uint32_t at = 0;
    of[0] = (struct interval){0, m->nleaves, 0};
    while (at < m->nnodes && check_node(m, of, at))
        at++;
    free(of);
    return at == m->nnodes && at > 0 ? LP_OK : LP_DATA;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Counts what the sections have of the network. Nothing without rows. */
static void lay_out_net(struct lp_model *m)
{
    const uint32_t size = m->section_size[LP_LPM_NET_WEIGHT];
    m->nrows = m->section_size[LP_LPM_NET_ROW] / LP_NET_ROW;
    const uint32_t nodes = m->nrows > 0 ? m->nnodes : 0;
    m->nupper = least_of(lp_get32(m->file + LP_LPM_AT_UPPER), size / LP_NET_UPPER);
    m->nnets = least_of(m->nupper + (size - m->nupper * LP_NET_UPPER) / LP_NET_NODE, nodes);
    m->nupper = least_of(m->nupper, nodes);
    memcpy(m->net_scale, m->file + LP_LPM_AT_SCALE, sizeof m->net_scale);
}

enum lp_status lp_model_layout(const void *file, size_t size, struct lp_model *m)
{
    const unsigned char *p = file;
    *m = (struct lp_model){.file = p, .file_size = size};
    if (size < LP_LPM_HEAD)
        return LP_DATA;
    if (memcmp(p, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) != 0)
        return LP_DATA;
    const uint32_t version = lp_get32(p + LP_LPM_AT_VERSION);
    if (version != LP_LPM_VERSION)
        return version > LP_LPM_VERSION ? LP_VERSION : LP_DATA;
    m->size = lp_get32(p + LP_LPM_AT_SIZE);
    m->nleaves = lp_get32(p + LP_LPM_AT_LEAVES);
    if (lp_get64(p + LP_LPM_AT_FILE_SIZE) != m->file_size || p[LP_LPM_AT_NAME + 39] != 0 ||
        m->size > LP_LEAF_MAX || m->nleaves < 2 || m->nleaves > m->size)
        return LP_DATA;
    m->leaf_bits = lp_leaf_bits(m->nleaves);
    m->nothing = p + LP_LPM_AT_NOTHING;
    for (uint32_t i = 0; i < LP_FOLLOW_SIZE; i++) {
        if (m->nothing[i] != 0)
            return LP_DATA;
    }
    for (int i = 0; i < LP_LPM_SECTIONS; i++) {
        const uint32_t begin = lp_get32(p + LP_LPM_AT_SECTION + 8 * i);
        const uint32_t bytes = lp_get32(p + LP_LPM_AT_SECTION + 8 * i + 4);
        if (begin < LP_LPM_HEAD || begin % LP_LPM_PAGE != 0 || begin > m->file_size ||
            bytes > m->file_size - begin || bytes < section_min(m, i))
            return LP_DATA;
        m->section[i] = p + begin;
        m->section_size[i] = bytes;
    }
    /* Follow lists are loaded sixteen words at a time. */
    if ((size_t)(m->section[LP_LPM_FOLLOW] - p) + m->section_size[LP_LPM_FOLLOW] + LP_FOLLOW_SIZE >
        m->file_size)
        return LP_DATA;
    m->nnodes = m->section_size[LP_LPM_NODE] / LP_NODE_SIZE;
    m->nlong = lp_get32(p + LP_LPM_AT_LONG);
    const uint32_t halves = m->section_size[LP_LPM_FOLLOW] / (LP_FOLLOW_SIZE / 2);
    if (m->nlong > halves / 2)
        return LP_DATA;
    m->nshort = halves - 2 * m->nlong;
    lay_out_net(m);
    m->nbuckets = m->section_size[LP_LPM_CELL] / (LP_BUCKET_CELLS * 4);
    m->node = m->section[LP_LPM_NODE];
    m->leaf = m->section[LP_LPM_LEAF];
    m->id = m->section[LP_LPM_ID];
    m->index = m->section[LP_LPM_INDEX];
    m->follow = m->section[LP_LPM_FOLLOW];
    m->net_row = m->section[LP_LPM_NET_ROW];
    m->net_state = m->section[LP_LPM_NET_STATE];
    m->net_weight = m->section[LP_LPM_NET_WEIGHT];
    m->cell = m->section[LP_LPM_CELL];
    m->mixing = m->section[LP_LPM_MIXING];
    return LP_OK;
}

enum lp_status lp_model_view(const void *file, size_t size, struct lp_model *m)
{
    enum lp_status status = lp_model_layout(file, size, m);
    if (status == LP_OK)
        status = check_tree(m);
    m->sound = status == LP_OK;
    return status;
}

/* --- Checksums --------------------------------------------------------------------------- */

static size_t count_pages(const struct lp_model *m)
{
    return m->file_size / LP_LPM_PAGE + 1;
}

/* Of a page between the header and the section of checksums. */
static uint64_t checksum_of(const struct lp_model *m, size_t page)
{
    return lp_xxh64(m->file + page * LP_LPM_PAGE, LP_LPM_PAGE, 0);
}

/* Where the checksum of a page is stored; NULL for a page that has none. */
static const unsigned char *checksum_at(const struct lp_model *m, size_t page)
{
    const unsigned char *sums = m->section[LP_LPM_SUM];
    const size_t first = LP_LPM_HEAD / LP_LPM_PAGE;
    const size_t end = (size_t)(sums - m->file) / LP_LPM_PAGE;
    return page >= first && page < end ? sums + 8 * (page - first) : NULL;
}

static bool page_whole(const struct lp_model *m, size_t page)
{
    const unsigned char *sum = checksum_at(m, page);
    return sum != NULL && lp_get64(sum) == checksum_of(m, page);
}

/* The fingerprint computed from the header and the checksums. The version is part of it: with
 * another one, a model of the same content codes otherwise. */
static uint64_t fingerprint(const struct lp_model *m)
{
    const uint64_t sums = lp_xxh64(m->section[LP_LPM_SUM], m->section_size[LP_LPM_SUM],
                                   lp_get32(m->file + LP_LPM_AT_VERSION));
    return lp_xxh64(m->file + LP_LPM_AT_VOCAB, LP_LPM_HEAD - LP_LPM_AT_VOCAB, sums);
}

void lp_model_read_page(const struct lp_model *m, size_t page)
{
    if (!page_whole(m, page))
        atomic_store(&m->pages->damaged, true);
    atomic_fetch_and_explicit(&m->pages->unread[page / 8], (unsigned char)~(1u << page % 8),
                              memory_order_relaxed);
}

/* Whether a section's pages are checked as they are first read: each token needs only a few of
 * many. */
static bool is_large(int section)
{
    return section == LP_LPM_FOLLOW || section == LP_LPM_NET_ROW || section == LP_LPM_NET_WEIGHT ||
           section == LP_LPM_CELL;
}

/* Checks all pages of the other sections, and then the tree. A damaged model is opened too: sound
 * is false. */
static enum lp_status read_first(struct lp_model *m)
{
    m->pages = malloc(sizeof *m->pages + count_pages(m) / 8 + 1);
    if (m->pages == NULL)
        return LP_NOMEM;
    atomic_init(&m->pages->damaged, fingerprint(m) != lp_model_fingerprint(m));
    for (size_t i = 0; i <= count_pages(m) / 8; i++)
        atomic_init(&m->pages->unread[i], UCHAR_MAX);
    atomic_init(&m->pages->unread[0], (unsigned char)(UCHAR_MAX << LP_LPM_HEAD / LP_LPM_PAGE));
    for (int i = 0; i < LP_LPM_SUM; i++) {
        for (uint32_t at = 0; !is_large(i) && at < m->section_size[i]; at += LP_LPM_PAGE)
            lp_model_prefetch(m, m->section[i] + at);
    }
    if (m->nnets > 0)
        lp_model_prefetch(m, m->net_weight); /* the root's: read, but never gone to */
    const enum lp_status status = lp_model_status(m) == LP_OK ? check_tree(m) : LP_DATA;
    m->sound = status == LP_OK;
    return status == LP_NOMEM ? LP_NOMEM : LP_OK;
}

void lp_model_seal(unsigned char *file, const struct lp_model *m)
{
    for (size_t page = 0; page < count_pages(m); page++) {
        const unsigned char *sum = checksum_at(m, page);
        if (sum != NULL)
            lp_put64(file + (sum - m->file), checksum_of(m, page));
    }
    lp_put64(file + LP_LPM_AT_FINGERPRINT, fingerprint(m));
}

enum lp_status lp_model_verify(const struct lp_model *m)
{
    bool whole = m->sound && fingerprint(m) == lp_model_fingerprint(m);
    for (size_t page = 0; whole && page < count_pages(m); page++)
        whole = checksum_at(m, page) == NULL || page_whole(m, page);
    return whole ? LP_OK : LP_DATA;
}

/* --- Files ------------------------------------------------------------------------------ */

/* Opens what was loaded, or, where that failed with a status, returns it. */
static enum lp_status open_new(enum lp_status status, struct lp_loaded *loaded,
                               struct lp_model **out)
{
    *out = NULL;
    if (status != LP_OK)
        return status;
    struct lp_model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        lp_unload(loaded);
        return LP_NOMEM;
    }
    status = lp_model_layout(loaded->p, loaded->n, m);
    m->loaded = *loaded;
    if (status == LP_OK)
        status = read_first(m);
    if (status != LP_OK)
        lp_model_close(m);
    else
        *out = m;
    return status;
}

enum lp_status lp_model_open(const char *path, struct lp_model **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_map(path, LP_LPM_HEAD, UINT32_MAX, &loaded);
    return open_new(status, &loaded, out);
}

enum lp_status lp_model_load(const char *path, struct lp_model **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_file(path, false, LP_LPM_HEAD, UINT32_MAX - 1, &loaded);
    return open_new(status, &loaded, out);
}

enum lp_status lp_model_open_memory(const void *data, size_t n, bool copy, struct lp_model **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_memory(data, n, copy, &loaded);
    return open_new(status, &loaded, out);
}

void lp_model_close(struct lp_model *m)
{
    if (m == NULL)
        return;
    lp_unload(&m->loaded);
    free(m->pages);
    free(m);
}

uint64_t lp_model_fingerprint(const struct lp_model *m)
{
    return lp_get64(m->file + LP_LPM_AT_FINGERPRINT);
}

const char *lp_model_vocab(const struct lp_model *m)
{
    return (const char *)m->file + LP_LPM_AT_NAME;
}

uint64_t lp_model_vocab_fingerprint(const struct lp_model *m)
{
    return lp_get64(m->file + LP_LPM_AT_VOCAB);
}
