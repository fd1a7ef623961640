/* model.c - packs a shipped model (.lpm) for the repository, and expands it.
 *
 * usage: model pack IN.lpm OUT.lpm.zst
 *        model expand IN.lpm.zst OUT.lpm
 *
 * zstd finds little in a model as it is: neighbouring bytes belong to different fields. So each
 * table is transposed to columns of bytes. Follow lists are sorted by leaf and stored as
 * differences. In cells, checks are stored as differences, and leaves by frequency rank, so that
 * high bytes are small. What can be derived is left out: the ids of leaves and the checksums of
 * pages. */
#include "mix/model_follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
    FILE_MAX = 64 << 20,
    LEVEL = 22,
    MIN_MATCH = 5, /* shorter matches cost more than what they save in tables: 0.8% */
};

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("model: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *need(size_t size)
{
    void *p = malloc(size + 1);
    if (p == NULL)
        die("out of memory");
    return p;
}

static unsigned char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("%s: cannot read", path);
    unsigned char *data = need(FILE_MAX);
    *n = fread(data, 1, FILE_MAX, file);
    if (ferror(file) || *n == FILE_MAX)
        die("%s: cannot read, or is too large", path);
    fclose(file);
    return data;
}

static void write_file(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0)
        die("%s: cannot write", path);
}

/* Reads the successors of a list, max at most, as words. Returns how many. */
static uint32_t read_list(const unsigned char *list, uint32_t max, uint32_t word[LP_FOLLOW_MAX])
{
    uint32_t n = 0;
    while (n < max && (lp_get24(list + LP_FOLLOW_WORD * n) & LP_FOLLOW_COUNTS) != 0) {
        word[n] = lp_get24(list + LP_FOLLOW_WORD * n);
        n++;
    }
    return n;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The highest count first. */
static int by_count(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if ((x & LP_FOLLOW_COUNTS) != (y & LP_FOLLOW_COUNTS))
        return (x & LP_FOLLOW_COUNTS) > (y & LP_FOLLOW_COUNTS) ? -1 : 1;
    return ascending(a, b);
}

/* Sorts a list by leaf and stores differences: in two bytes, then two high bits with the count. */
static void split_list(unsigned char *list, uint32_t max)
{
    uint32_t word[LP_FOLLOW_MAX], before = 0;
    const uint32_t n = read_list(list, max, word);
    qsort(word, n, sizeof *word, ascending);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t leaf = word[i] >> LP_FOLLOW_BITS, step = leaf - before;
        lp_put16(list + LP_FOLLOW_WORD * i, (uint16_t)step);
        list[LP_FOLLOW_WORD * i + 2] =
            (unsigned char)(step >> 16 << LP_FOLLOW_BITS | (word[i] & LP_FOLLOW_COUNTS));
        before = leaf;
    }
}

static void join_list(unsigned char *list, uint32_t max)
{
    uint32_t word[LP_FOLLOW_MAX], n = 0, leaf = 0;
    for (; n < max; n++) {
        const unsigned char *p = list + LP_FOLLOW_WORD * n;
        if ((p[2] & LP_FOLLOW_COUNTS) == 0)
            break;
        leaf += lp_get16(p) | (uint32_t)p[2] >> LP_FOLLOW_BITS << 16;
        word[n] = leaf << LP_FOLLOW_BITS | (p[2] & LP_FOLLOW_COUNTS);
    }
    qsort(word, n, sizeof *word, by_count);
    for (uint32_t i = 0; i < n; i++)
        lp_put24(list + LP_FOLLOW_WORD * i, word[i]);
}

/* Transposes a table to columns of bytes, and back: values in a column resemble each other. */
static void split_columns(unsigned char *p, size_t n, size_t width, unsigned char *scratch)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < width; k++)
            scratch[k * n + i] = p[i * width + k];
    }
    memcpy(p, scratch, n * width);
}

static void join_columns(unsigned char *p, size_t n, size_t width, unsigned char *scratch)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < width; k++)
            scratch[i * width + k] = p[k * n + i];
    }
    memcpy(p, scratch, n * width);
}

/* Long and short follow lists, to columns. */
static void split_lists(const struct lp_model *m, unsigned char *follow, unsigned char *scratch)
{
    const size_t size = lp_follow_size(LP_FOLLOW_MAX), half = lp_follow_size(LP_FOLLOW_SHORT);
    unsigned char *few = follow + size * m->nlong;
    for (size_t i = 0; i < m->nlong; i++)
        split_list(follow + size * i, LP_FOLLOW_MAX);
    for (size_t i = 0; i < m->nshort; i++)
        split_list(few + half * i, LP_FOLLOW_SHORT);
    split_columns(follow, m->nlong, size, scratch);
    split_columns(few, m->nshort, half, scratch);
}

static void join_lists(const struct lp_model *m, unsigned char *follow, unsigned char *scratch)
{
    const size_t size = lp_follow_size(LP_FOLLOW_MAX), half = lp_follow_size(LP_FOLLOW_SHORT);
    unsigned char *few = follow + size * m->nlong;
    join_columns(follow, m->nlong, size, scratch);
    join_columns(few, m->nshort, half, scratch);
    for (size_t i = 0; i < m->nlong; i++)
        join_list(follow + size * i, LP_FOLLOW_MAX);
    for (size_t i = 0; i < m->nshort; i++)
        join_list(few + half * i, LP_FOLLOW_SHORT);
}

/* Leaves ranked by how many follow lists have them, the most frequent first: rank[leaf],
 * leaf[rank]. */
struct ranks {
    uint32_t *rank, *leaf;
};

static const uint32_t *ranked_counts;

static int by_frequency(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (ranked_counts[x] != ranked_counts[y])
        return ranked_counts[x] > ranked_counts[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static struct ranks rank_leaves(const struct lp_model *m)
{
    struct ranks r = {need(m->nleaves * sizeof *r.rank), need(m->nleaves * sizeof *r.leaf)};
    uint32_t *count = need(m->nleaves * sizeof *count);
    memset(count, 0, m->nleaves * sizeof *count);
    for (uint32_t last = 0; last <= m->nleaves; last++) {
        struct lp_follow f;
        lp_follow_open(m, last, &f);
        for (uint32_t i = 0; i < f.n; i++) {
            if (lp_follow_leaf(&f, i) < m->nleaves)
                count[lp_follow_leaf(&f, i)]++;
        }
    }
    for (uint32_t i = 0; i < m->nleaves; i++)
        r.leaf[i] = i;
    ranked_counts = count;
    qsort(r.leaf, m->nleaves, sizeof *r.leaf, by_frequency);
    for (uint32_t i = 0; i < m->nleaves; i++)
        r.rank[r.leaf[i]] = i;
    free(count);
    return r;
}

/* Packs each cell into a word of byte-sized fields, as far as they fit: the low bits of the
 * difference to the check before; its high bits, the class and the rank's high bits; the rank's two
 * low bytes. A place in the follow list is its own rank; other leaves come after these. */
static void split_cells(const struct lp_model *m, unsigned char *p, unsigned char *scratch)
{
    const struct ranks r = rank_leaves(m);
    const uint32_t bits = m->leaf_bits, low = bits - 16;
    const size_t n = (size_t)m->nbuckets * LP_BUCKET_CELLS;
    uint32_t before = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t cell = lp_get32(p + 4 * i), word = 0;
        if (i % LP_BUCKET_CELLS == 0)
            before = 0;
        if (cell != 0) {
            uint32_t leaf = cell & (((uint32_t)1 << bits) - 1), class = cell >> bits & 15;
            uint32_t check = cell >> (bits + LP_CELL_CLASS_BITS), step = check - before;
            const uint32_t place = leaf - lp_cell_follower(bits);
            if ((leaf >= m->nleaves && place >= LP_FOLLOW_MAX) || class == 0 || check < before)
                die("cells are not in order");
            const uint32_t rank = place < LP_FOLLOW_MAX ? place : r.rank[leaf] + LP_FOLLOW_MAX;
            before = check;
            word = (step & 255) << 24 | step >> 8 << (20 + low) | class << (16 + low) | rank;
        }
        for (size_t k = 0; k < 4; k++)
            scratch[k * n + i] = (unsigned char)(word >> (8 * k));
    }
    memcpy(p, scratch, 4 * n);
    free(r.rank);
    free(r.leaf);
}

static void join_cells(const struct lp_model *m, unsigned char *p, unsigned char *scratch)
{
    const struct ranks r = rank_leaves(m);
    const uint32_t bits = m->leaf_bits, low = bits - 16;
    const size_t n = (size_t)m->nbuckets * LP_BUCKET_CELLS;
    uint32_t check = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t word = 0, cell = 0;
        for (size_t k = 0; k < 4; k++)
            word |= (uint32_t)p[k * n + i] << (8 * k);
        if (i % LP_BUCKET_CELLS == 0)
            check = 0;
        uint32_t rank = word & (((uint32_t)1 << bits) - 1), class = word >> (16 + low) & 15;
        if (class != 0 && rank < m->nleaves + LP_FOLLOW_MAX) {
            check += word >> 24 | (word >> (20 + low) & (15 >> low)) << 8;
            const uint32_t leaf =
                rank < LP_FOLLOW_MAX ? lp_cell_follower(bits) + rank : r.leaf[rank - LP_FOLLOW_MAX];
            cell = check << (bits + LP_CELL_CLASS_BITS) | class << bits | leaf;
        }
        lp_put32(scratch + 4 * i, cell);
    }
    memcpy(p, scratch, 4 * n);
    free(r.rank);
    free(r.leaf);
}

static unsigned char *section_of(const struct lp_model *m, unsigned char *file, int section)
{
    return file + (m->section[section] - file);
}

/* Removes what put_ids() and lp_model_seal() restore. */
static void leave_out(const struct lp_model *m, unsigned char *file)
{
    memset(section_of(m, file, LP_LPM_ID), 0, m->section_size[LP_LPM_ID]);
    memset(section_of(m, file, LP_LPM_SUM), 0, m->section_size[LP_LPM_SUM]);
}

static void put_ids(const struct lp_model *m, unsigned char *file)
{
    unsigned char *ids = section_of(m, file, LP_LPM_ID);
    for (uint32_t id = 0; id < m->size; id++) {
        const uint32_t leaf = lp_get24(m->leaf + 3 * (size_t)id);
        if (leaf >= m->nleaves)
            continue;
        lp_put16(ids + 3 * (size_t)leaf, (uint16_t)id);
        ids[3 * (size_t)leaf + 2] = (unsigned char)(id >> 16);
    }
}

static const struct {
    int section;
    size_t width;
} columns[] = {{LP_LPM_NODE, LP_NODE_SIZE}, {LP_LPM_NET_ROW, LP_NET_ROW}};
enum { COLUMN_SECTIONS = sizeof columns / sizeof *columns };

static void pack(const char *in, const char *out)
{
    size_t n;
    struct lp_model model;
    unsigned char *file = read_file(in, &n);
    if (lp_model_view(file, n, &model) != LP_OK || lp_model_verify(&model) != LP_OK)
        die("%s: is no model", in);
    unsigned char *scratch = need(n);
    leave_out(&model, file);
    split_cells(&model, section_of(&model, file, LP_LPM_CELL), scratch);
    split_lists(&model, section_of(&model, file, LP_LPM_FOLLOW), scratch);
    for (int i = 0; i < COLUMN_SECTIONS; i++) {
        int section = columns[i].section;
        split_columns(section_of(&model, file, section),
                      model.section_size[section] / columns[i].width, columns[i].width, scratch);
    }
    size_t room = ZSTD_compressBound(n);
    unsigned char *packed = need(room);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (zstd == NULL)
        die("out of memory");
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, MIN_MATCH);
    size_t size = ZSTD_compress2(zstd, packed, room, file, n);
    ZSTD_freeCCtx(zstd);
    if (ZSTD_isError(size))
        die("%s", ZSTD_getErrorName(size));
    write_file(out, packed, size);
    free(scratch);
    free(packed);
    free(file);
}

static void expand(const char *in, const char *out)
{
    size_t size;
    struct lp_model model;
    unsigned char *packed = read_file(in, &size), *file = need(FILE_MAX);
    size_t n = ZSTD_decompress(file, FILE_MAX, packed, size);
    if (ZSTD_isError(n))
        die("%s: %s", in, ZSTD_getErrorName(n));
    if (lp_model_layout(file, n, &model) != LP_OK)
        die("%s: is damaged, or made for another version", in);
    unsigned char *scratch = need(n);
    for (int i = 0; i < COLUMN_SECTIONS; i++) {
        int section = columns[i].section;
        join_columns(section_of(&model, file, section),
                     model.section_size[section] / columns[i].width, columns[i].width, scratch);
    }
    join_lists(&model, section_of(&model, file, LP_LPM_FOLLOW), scratch);
    join_cells(&model, section_of(&model, file, LP_LPM_CELL), scratch);
    put_ids(&model, file);
    const uint64_t fingerprint = lp_model_fingerprint(&model);
    lp_model_seal(file, &model);
    if (lp_model_fingerprint(&model) != fingerprint || lp_model_view(file, n, &model) != LP_OK ||
        lp_model_verify(&model) != LP_OK)
        die("%s: is damaged, or made for another version", in);
    write_file(out, file, n);
    free(scratch);
    free(packed);
    free(file);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "pack") == 0)
        pack(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "expand") == 0)
        expand(argv[2], argv[3]);
    else
        die("usage: model pack|expand IN OUT");
    return 0;
}
