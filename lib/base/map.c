/* map.c - see map.h. */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum lp_status lp_map_file(const char *path, uint64_t least, uint64_t most, const void **file,
                           size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return LP_IO;
    struct stat st;
    enum lp_status status = LP_IO;
    if (fstat(fd, &st) == 0) {
        void *map = MAP_FAILED;
        if (st.st_size < 0 || (uint64_t)st.st_size < least || (uint64_t)st.st_size > most)
            status = LP_DATA;
        else
            map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            *file = map;
            *size = (size_t)st.st_size;
            status = LP_OK;
        }
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

void lp_unmap_file(const void *file, size_t size)
{
    if (file != NULL)
        munmap((void *)(uintptr_t)file, size);
}
