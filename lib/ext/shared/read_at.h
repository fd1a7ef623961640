/* read_at.h - reads a file at an offset. */
#ifndef LP_EXT_SHARED_READ_AT_H
#define LP_EXT_SHARED_READ_AT_H

#include <lp.h>

#include <errno.h>
#include <unistd.h>

/* Reads n bytes of a descriptor, as an lp_read_at does. */
static inline enum lp_status read_at(int fd, uint64_t offset, void *data, size_t n)
{
    for (char *to = data; n > 0;) {
        const ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? LP_IO : LP_TRUNCATED;
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return LP_OK;
}

#endif
