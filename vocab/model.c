/* model.c - shipped models: makes a model file (.lpm) small for the repository, and
 * back.
 *
 * usage: model pack IN.lpm OUT.lpm.zst
 *        model expand IN.lpm.zst OUT.lpm
 *
 * zstd sees little in a model: its tables are words of unlike parts. So each
 * table of words goes in as differences to the word before, first the lowest
 * bytes of them all, then the next ones. Successors go in ascending; as they are, those that count
 * most come first. In cells, checks go in as differences and leaves by their rank among the
 * successors, so that high bytes are small.
 * What the rest tells is left out: the ids of leaves, the sums of pages. */
#include "../lib/follow.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { FILE_MAX = 64 << 20, LEVEL = 22 };

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
        die("%s: cannot be read", path);
    unsigned char *data = need(FILE_MAX);
    *n = fread(data, 1, FILE_MAX, file);
    if (ferror(file) || *n == FILE_MAX)
        die("%s: cannot be read, or is too large", path);
    fclose(file);
    return data;
}

static void write_file(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0)
        die("%s: cannot be written", path);
}

/* Words of so many bytes to the bytes of their differences, and back. */
static void split_words(unsigned char *p, size_t nwords, size_t width, unsigned char *scratch)
{
    uint32_t before = 0;
    for (size_t i = 0; i < nwords; i++) {
        uint32_t word = width == 2 ? lp_get16(p + 2 * i) : lp_get32(p + 4 * i);
        for (size_t k = 0; k < width; k++)
            scratch[k * nwords + i] = (unsigned char)((word - before) >> (8 * k));
        before = word;
    }
    memcpy(p, scratch, width * nwords);
}

static void join_words(unsigned char *p, size_t nwords, size_t width, unsigned char *scratch)
{
    uint32_t word = 0;
    for (size_t i = 0; i < nwords; i++) {
        for (size_t k = 0; k < width; k++)
            word += (uint32_t)p[k * nwords + i] << (8 * k);
        if (width == 2)
            lp_put16(scratch + 2 * i, (uint16_t)word);
        else
            lp_put32(scratch + 4 * i, word);
    }
    memcpy(p, scratch, width * nwords);
}

static uint32_t count_of(uint32_t word)
{
    return word & ((1 << LP_FOLLOW_BITS) - 1);
}

/* Whether a successor comes after another: in the lists as they are by its count, in those that
 * are packed by its leaf alone. */
static bool comes_after(uint32_t word, uint32_t other, bool by_count)
{
    if (by_count && count_of(word) != count_of(other))
        return count_of(word) < count_of(other);
    return word > other;
}

/* Sorts each list of successors. */
static void sort_lists(const struct lp_model *m, unsigned char *follow, bool by_count)
{
    for (uint32_t leaf = 0; leaf <= m->nleaves; leaf++) {
        const uint32_t end = lp_get32(m->start + 4 * (size_t)leaf + 4);
        const uint32_t begin = lp_get32(m->start + 4 * (size_t)leaf) + LP_FOLLOW_HEAD;
        for (uint32_t i = begin + 1; i < end && end <= m->nfollow; i++) {
            const uint32_t word = lp_get32(follow + 4 * (size_t)i);
            uint32_t at = i;
            for (; at > begin; at--) {
                const uint32_t before = lp_get32(follow + 4 * (size_t)at - 4);
                if (!comes_after(before, word, by_count))
                    break;
                lp_put32(follow + 4 * (size_t)at, before);
            }
            lp_put32(follow + 4 * (size_t)at, word);
        }
    }
}

/* A table to its columns, of a byte each, and back: one column of the network's values
 * is more like itself than like others. */
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

/* Leaves by how often they follow another, the most frequent first: rank[leaf],
 * leaf[rank]. */
struct ranks {
    uint32_t *rank, *leaf;
};

static const uint32_t *ranked_counts;

static int by_count(const void *a, const void *b)
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
    for (uint32_t i = 0; i < m->nfollow; i++) {
        uint32_t leaf = lp_get32(m->follow + 4 * (size_t)i) >> LP_FOLLOW_BITS;
        if (leaf < m->nleaves)
            count[leaf]++;
    }
    for (uint32_t i = 0; i < m->nleaves; i++)
        r.leaf[i] = i;
    ranked_counts = count;
    qsort(r.leaf, m->nleaves, sizeof *r.leaf, by_count);
    for (uint32_t i = 0; i < m->nleaves; i++)
        r.rank[r.leaf[i]] = i;
    free(count);
    return r;
}

/* A cell as a word of four fields, a byte each as far as they can: the low bits of
 * its check's difference to the cell before; its high bits, the class and the
 * rank's; the rank's two low bytes. The ranks of successors are their places, those of other
 * leaves come after. */
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

/* What is left out, and its return. */
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
} words[] = {{LP_LPM_ROW, 2}, {LP_LPM_START, 4}, {LP_LPM_FOLLOW, 4}};
static const struct {
    int section;
    size_t width;
} columns[] = {{LP_LPM_NODE, LP_NODE_SIZE},
               {LP_LPM_NET_ROW, LP_NET_PLACES *LP_NET_ROW},
               {LP_LPM_NET_WEIGHT, LP_NET_NODE}};
enum {
    WORD_SECTIONS = sizeof words / sizeof *words,
    COLUMN_SECTIONS = sizeof columns / sizeof *columns,
};

static void pack(const char *in, const char *out)
{
    size_t n;
    struct lp_model model;
    unsigned char *file = read_file(in, &n);
    if (lp_model_view(file, n, &model) != LP_OK || lp_model_verify(&model) != LP_OK)
        die("%s: is no model", in);
    unsigned char *scratch = need(n);
    sort_lists(&model, section_of(&model, file, LP_LPM_FOLLOW), false);
    leave_out(&model, file);
    split_cells(&model, section_of(&model, file, LP_LPM_CELL), scratch);
    for (int i = 0; i < COLUMN_SECTIONS; i++) {
        int section = columns[i].section;
        split_columns(section_of(&model, file, section),
                      model.section_size[section] / columns[i].width, columns[i].width, scratch);
    }
    for (int i = 0; i < WORD_SECTIONS; i++) {
        int section = words[i].section;
        split_words(section_of(&model, file, section), model.section_size[section] / words[i].width,
                    words[i].width, scratch);
    }
    size_t room = ZSTD_compressBound(n);
    unsigned char *packed = need(room);
    size_t size = ZSTD_compress(packed, room, file, n, LEVEL);
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
    for (int i = 0; i < WORD_SECTIONS; i++) {
        int section = words[i].section;
        join_words(section_of(&model, file, section), model.section_size[section] / words[i].width,
                   words[i].width, scratch);
    }
    join_cells(&model, section_of(&model, file, LP_LPM_CELL), scratch);
    sort_lists(&model, section_of(&model, file, LP_LPM_FOLLOW), true);
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
