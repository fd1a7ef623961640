#include "base/load.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Closes a descriptor, keeping errno. */
static void close_file(int fd)
{
    int saved = errno;
    close(fd);
    errno = saved;
}

static int open_file(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Opens a regular file of least to most bytes and says how many it has. */
static enum lp_status open_regular(const char *path, size_t least, size_t most, int *fd, size_t *n)
{
    struct stat st;
    *fd = open_file(path, O_NONBLOCK);
    if (*fd < 0)
        return LP_IO;
    enum lp_status status = fstat(*fd, &st) == 0 ? LP_OK : LP_IO;
    if (status == LP_OK && !S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : ENODEV;
        status = LP_IO;
    }
    if (status == LP_OK &&
        (st.st_size < 0 || (uint64_t)st.st_size < least || (uint64_t)st.st_size > most))
        status = LP_DATA;
    if (status == LP_OK)
        *n = (size_t)st.st_size;
    else
        close_file(*fd);
    return status;
}

enum lp_status lp_load_map(const char *path, size_t least, size_t most, struct lp_loaded *out)
{
    int fd;
    size_t n;
    *out = (struct lp_loaded){0};
    enum lp_status status = open_regular(path, least, most, &fd, &n);
    if (status != LP_OK)
        return status;
    void *map = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    close_file(fd);
    if (map == MAP_FAILED)
        return errno == ENOMEM ? LP_NOMEM : LP_IO;
    *out = (struct lp_loaded){map, n, LP_LOADED_MAPPED};
    return LP_OK;
}

/* Reads to the end of a file; at most one byte more than most. */
static enum lp_status read_all(int fd, size_t expected, size_t most, struct lp_buf *buf)
{
    enum { PIECE = 64 << 10 };
    size_t piece = expected + 1 > PIECE ? expected + 1 : PIECE;
    while (buf->n <= most) {
        size_t room = most - buf->n < piece ? most - buf->n + 1 : piece;
        if (!lp_buf_reserve(buf, room))
            return LP_NOMEM;
        ssize_t got = read(fd, buf->p + buf->n, room);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return LP_IO;
        if (got > 0) {
            buf->n += (size_t)got;
            piece = PIECE;
        }
    }
    return LP_OK;
}

enum lp_status lp_load_file(const char *path, bool any_file, size_t least, size_t most,
                            struct lp_loaded *out)
{
    int fd;
    size_t n = 0;
    struct lp_buf buf = {0};
    *out = (struct lp_loaded){0};
    enum lp_status status = LP_OK;
    if (!any_file)
        status = open_regular(path, least, most, &fd, &n);
    else if ((fd = open_file(path, 0)) < 0)
        status = LP_IO;
    if (status != LP_OK)
        return status;
    status = read_all(fd, n, most, &buf);
    close_file(fd);
    if (status == LP_OK && (buf.n < least || buf.n > most))
        status = LP_DATA;
    *out = (struct lp_loaded){buf.p, buf.n, LP_LOADED_OWNED};
    if (status != LP_OK)
        lp_unload(out);
    return status;
}

enum lp_status lp_load_memory(const void *data, size_t n, bool copy, struct lp_loaded *out)
{
    struct lp_buf buf = {0};
    *out = (struct lp_loaded){0};
    if (!copy) {
        *out = (struct lp_loaded){data, n, LP_LOADED_BORROWED};
        return (uintptr_t)data % 8 == 0 ? LP_OK : LP_USAGE;
    }
    if (!lp_buf_append(&buf, data, n))
        return LP_NOMEM;
    *out = (struct lp_loaded){buf.p, n, LP_LOADED_OWNED};
    return LP_OK;
}

void lp_unload(struct lp_loaded *bytes)
{
    int saved = errno;
    if (bytes->how == LP_LOADED_MAPPED)
        munmap((void *)(uintptr_t)bytes->p, bytes->n);
    else if (bytes->how == LP_LOADED_OWNED)
        free((void *)(uintptr_t)bytes->p);
    *bytes = (struct lp_loaded){0};
    errno = saved;
}
