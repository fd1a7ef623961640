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
            map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
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

static enum lp_status check_head(struct lp_model *m)
{
    const unsigned char *p = m->file;
    if (memcmp(p, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) != 0)
        return LP_DATA;
    if (lp_get32(p + LP_LPM_AT_VERSION) != LP_LPM_VERSION)
        return LP_VERSION;
    m->size = lp_get32(p + LP_LPM_AT_SIZE);
    if (lp_get64(p + LP_LPM_AT_FILE_SIZE) != m->file_size || p[LP_LPM_AT_NAME + 39] != 0 ||
        m->size == 0 || m->size >= 1 << 18)
        return LP_DATA;
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
        status = check_head(m);
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
