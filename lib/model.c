#ifdef __linux__
#define _DEFAULT_SOURCE /* MAP_POPULATE */
#endif
/* model.c - opens models. */
#include "model.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* All of a model is read as it is verified: mapped at once, that takes half the time. */
#ifdef MAP_POPULATE
enum { POPULATE = MAP_POPULATE };
#else
enum { POPULATE = 0 };
#endif

static enum lp_status map_file(const char *path, struct lp_model *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return LP_IO;
    struct stat st;
    enum lp_status status = LP_IO;
    if (fstat(fd, &st) == 0) {
        void *map = MAP_FAILED;
        if (st.st_size < LP_LPM_HEAD || st.st_size > UINT32_MAX)
            status = LP_DATA;
        else
            map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | POPULATE, fd, 0);
        if (map != MAP_FAILED) {
            m->file = map;
            m->file_size = (size_t)st.st_size;
            status = LP_OK;
        }
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

/* Bytes of a section, or what they must be a multiple of. */
static uint64_t section_unit(const struct lp_model *m, int section)
{
    switch (section) {
    case LP_LPM_TREE:
        return 4 * ((uint64_t)m->nleaves - 1);
    case LP_LPM_LEAF:
        return 3 * (uint64_t)m->size;
    case LP_LPM_ID:
        return 3 * (uint64_t)m->nleaves;
    case LP_LPM_ROW:
        return 2 * ((uint64_t)m->nleaves + 1);
    case LP_LPM_START:
        return 4 * ((uint64_t)m->nleaves + 2);
    case LP_LPM_INITIAL:
        return 2 * (uint64_t)LP_ADAPTIVE_SIZE;
    default:
        return 0;
    }
}

enum lp_status lp_model_view(const void *file, size_t size, struct lp_model *m)
{
    const unsigned char *p = file;
    *m = (struct lp_model){.file = p, .file_size = size};
    if (size < LP_LPM_HEAD)
        return LP_DATA;
    if (memcmp(p, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) != 0)
        return LP_DATA;
    if (lp_get32(p + LP_LPM_AT_VERSION) != LP_LPM_VERSION)
        return LP_VERSION;
    m->size = lp_get32(p + LP_LPM_AT_SIZE);
    m->nleaves = lp_get32(p + LP_LPM_AT_LEAVES);
    if (lp_get64(p + LP_LPM_AT_FILE_SIZE) != m->file_size || p[LP_LPM_AT_NAME + 39] != 0 ||
        m->size > LP_LEAF_MAX || m->nleaves < 2 || m->nleaves > m->size)
        return LP_DATA;
    while ((uint32_t)1 << m->leaf_bits < m->nleaves)
        m->leaf_bits++;
    for (int i = 0; i < LP_LPM_SECTIONS; i++) {
        uint32_t begin = lp_get32(p + LP_LPM_AT_SECTION + 4 * i);
        uint32_t end = lp_get32(p + LP_LPM_AT_SECTION + 4 * i + 4);
        if (begin < LP_LPM_HEAD || begin % LP_LPM_ALIGN != 0 || begin > end || end > m->file_size ||
            end - begin < section_unit(m, i))
            return LP_DATA;
        m->section[i] = p + begin;
        m->section_size[i] = end - begin;
    }
    m->nfollow = m->section_size[LP_LPM_FOLLOW] / 4;
    m->nrows = m->section_size[LP_LPM_NET_ROW] / (LP_NET_PLACES * LP_NET_ROW);
    /* Sections are padded, except where what they hold is as long as that. */
    m->nnodes = m->section_size[LP_LPM_NET_WEIGHT] / LP_NET_SIZE;
    if (m->nrows == 0)
        m->nnodes = 0;
    if (m->section_size[LP_LPM_NET_NODE] / 4 < m->nnodes)
        return LP_DATA;
    for (int i = 0; i < LP_NET_PLACES; i++)
        m->net_scale[i] = p[LP_LPM_AT_SCALE + i];
    m->nbuckets = m->section_size[LP_LPM_CELL] / (LP_BUCKET_CELLS * 4);
    m->tree = m->section[LP_LPM_TREE];
    m->leaf = m->section[LP_LPM_LEAF];
    m->id = m->section[LP_LPM_ID];
    m->row = m->section[LP_LPM_ROW];
    m->start = m->section[LP_LPM_START];
    m->follow = m->section[LP_LPM_FOLLOW];
    m->net_row = m->section[LP_LPM_NET_ROW];
    m->net_node = m->section[LP_LPM_NET_NODE];
    m->net_weight = m->section[LP_LPM_NET_WEIGHT];
    m->cell = m->section[LP_LPM_CELL];
    m->initial = m->section[LP_LPM_INITIAL];
    return LP_OK;
}

enum lp_status lp_model_open(const char *path, struct lp_model **out)
{
    *out = NULL;
    struct lp_model *m = calloc(1, sizeof *m);
    if (m == NULL)
        return LP_NOMEM;
    enum lp_status status = map_file(path, m);
    if (status == LP_OK)
        status = lp_model_view(m->file, m->file_size, m);
    if (status != LP_OK) {
        int saved = errno;
        lp_model_close(m);
        errno = saved;
        return status;
    }
    *out = m;
    return LP_OK;
}

void lp_model_close(struct lp_model *m)
{
    if (m == NULL)
        return;
    if (m->file != NULL)
        munmap((void *)(uintptr_t)m->file, m->file_size);
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

enum lp_status lp_model_verify(const struct lp_model *m)
{
    uint64_t hash = lp_xxh64(m->file + LP_LPM_AT_VOCAB, m->file_size - LP_LPM_AT_VOCAB, 0);
    return hash == lp_model_fingerprint(m) ? LP_OK : LP_DATA;
}
