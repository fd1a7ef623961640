#include "shared/attributes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

#if defined(__linux__)
#include <sys/xattr.h>

/* The names or a value, of n bytes; to be freed. NULL: none, or it cannot be had. */
static char *read_names(int fd, size_t *n)
{
    const ssize_t size = flistxattr(fd, NULL, 0);
    char *names = size > 0 ? malloc((size_t)size) : NULL;
    const ssize_t got = names != NULL ? flistxattr(fd, names, (size_t)size) : 0;
    *n = got > 0 ? (size_t)got : 0;
    return names;
}

static bool copy(int from, int to, const char *name)
{
    const ssize_t size = fgetxattr(from, name, NULL, 0);
    char *value = size >= 0 ? malloc((size_t)size + 1) : NULL;
    const ssize_t got = value != NULL ? fgetxattr(from, name, value, (size_t)size) : -1;
    const bool done = got >= 0 && fsetxattr(to, name, value, (size_t)got, 0) == 0;
    free(value);
    return done;
}

void attributes_copy(int from, int to, bool access_list)
{
    static const char access[] = "system.posix_acl_access", user[] = "user.";
    size_t n;
    struct stat st;
    char *names = read_names(from, &n);
    for (const char *name = names; name != NULL && name < names + n; name += strlen(name) + 1) {
        if (strncmp(name, user, sizeof user - 1) == 0)
            copy(from, to, name);
        else if (access_list && strcmp(name, access) == 0 && !copy(from, to, name) &&
                 fstat(to, &st) == 0)
            fchmod(to, st.st_mode & (07777 & ~(mode_t)S_IRWXG));
    }
    free(names);
}

#elif defined(__APPLE__)
#include <copyfile.h>

void attributes_copy(int from, int to, bool access_list)
{
    fcopyfile(from, to, NULL, COPYFILE_XATTR | (access_list ? COPYFILE_ACL : 0));
}

#else

void attributes_copy(int from, int to, bool access_list)
{
    (void)from, (void)to, (void)access_list;
}

#endif
