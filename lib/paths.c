/* paths.c - where vocabularies, dictionaries and models are: around the library, where it was
 * built to be installed, and what the environment says.
 *
 * The only part of the library that reads the environment, and nothing else calls it. */
#if defined(__FreeBSD__) || defined(__DragonFly__)
#undef _POSIX_C_SOURCE /* which hides what these systems have besides */
#endif
#define _GNU_SOURCE    /* dladdr, secure_getenv */
#define _NETBSD_SOURCE /* dladdr, issetugid */
#define _BSD_SOURCE
#define _DEFAULT_SOURCE
#include "base/buf.h"
#include "lp.h"

#include <dlfcn.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <mach-o/dyld.h>
#elif defined(__FreeBSD__) || defined(__NetBSD__) || defined(__DragonFly__)
#include <sys/sysctl.h>
#include <sys/types.h>
#endif

enum { PATH_SIZE = 4096 }; /* PATH_MAX, which realpath() needs, is no more anywhere */

#ifndef LP_DATADIR
#define LP_DATADIR "/usr/local/share"
#endif

/* --- Around the library ------------------------------------------------------------------ */

/* The file of the running program. */
static bool program_file(char *path, size_t size)
{
#if defined(__APPLE__)
    uint32_t n = (uint32_t)size;
    return _NSGetExecutablePath(path, &n) == 0;
#elif defined(__FreeBSD__) || defined(__DragonFly__) || defined(__NetBSD__)
#if defined(__NetBSD__)
    int mib[4] = {CTL_KERN, KERN_PROC_ARGS, -1, KERN_PROC_PATHNAME};
#else
    int mib[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
#endif
    return sysctl(mib, 4, path, &size, NULL, 0) == 0;
#else
    ssize_t n = readlink("/proc/self/exe", path, size - 1);
    if (n <= 0)
        return false;
    path[n] = 0;
    return true;
#endif
}

/* Whether an address's file is the program, of which Linux knows no path but argv[0]. */
static bool is_program(const Dl_info *info)
{
#if defined(__linux__)
    Dl_info program;
    const void *headers = (const void *)(uintptr_t)getauxval(AT_PHDR);
    return dladdr(headers, &program) == 0 || program.dli_fbase == info->dli_fbase;
#else
    (void)info;
    return false;
#endif
}

/* Writes the directory of the file that this code is in to dir: the library's, or the program's
 * where it is linked statically. False when it is not known. No memory is allocated: without it
 * the directory would seem unknown, and what is there missing. */
static bool own_dir(char dir[PATH_SIZE])
{
    char path[PATH_SIZE];
    Dl_info info;
    bool known = dladdr((const void *)(uintptr_t)lp_status_text, &info) != 0 &&
                 info.dli_fname != NULL && !is_program(&info) &&
                 realpath(info.dli_fname, dir) != NULL;
    known = known || (program_file(path, sizeof path) && realpath(path, dir) != NULL);
    char *slash = known ? strrchr(dir, '/') : NULL;
    if (slash != NULL)
        *slash = 0;
    return known;
}

/* Adds DIRECTORY/BELOW. */
static enum lp_status add_below(struct lp_catalog *c, enum lp_search_path which,
                                const char *directory, const char *below)
{
    struct lp_buf path = {0};
    enum lp_status status = LP_NOMEM;
    if (lp_buf_append(&path, directory, strlen(directory)) &&
        lp_buf_append(&path, below, strlen(below) + 1))
        status = lp_catalog_add(c, which, (const char *)path.p);
    lp_buf_free(&path);
    return status;
}

/* The toolkit's own files: in a build tree or an installed tree around the library, and where it
 * was built to be installed. */
static enum lp_status add_standard(struct lp_catalog *c, enum lp_search_path which)
{
    static const char *const around[] = {"/../vocab", "/../share/lopace"};
    char dir[PATH_SIZE];
    const bool known = own_dir(dir);
    enum lp_status status = LP_OK;
    for (size_t i = 0; known && status == LP_OK && i < 2; i++)
        status = add_below(c, which, dir, around[i]);
    return status == LP_OK ? lp_catalog_add(c, which, LP_DATADIR "/lopace") : status;
}

enum lp_status lp_catalog_add_standard(struct lp_catalog *c)
{
    enum lp_status status = add_standard(c, LP_VOCAB_PATH);
    return status == LP_OK ? add_standard(c, LP_MODEL_PATH) : status;
}

/* --- The environment --------------------------------------------------------------------- */

/* A variable that is set and not empty, else NULL: also for a program with more rights than the
 * user who sets it. */
static const char *variable(const char *name)
{
#if defined(__linux__)
    const char *value = secure_getenv(name);
#else
    const char *value = issetugid() ? NULL : getenv(name);
#endif
    return value != NULL && *value != 0 ? value : NULL;
}

/* Adds the paths of a list with colons between them. */
static enum lp_status add_list(struct lp_catalog *c, enum lp_search_path which, const char *list)
{
    enum lp_status status = LP_OK;
    while (status == LP_OK && *list != 0) {
        size_t n = strcspn(list, ":");
        char *path = strndup(list, n);
        status = path == NULL ? LP_NOMEM : n > 0 ? lp_catalog_add(c, which, path) : LP_OK;
        free(path);
        list += n + (list[n] == ':');
    }
    return status;
}

char *lp_user_dir(char *path, size_t size)
{
    const char *base = variable("XDG_DATA_HOME"), *below = "/lopace/models";
    if (base == NULL || *base != '/') { /* others are to be ignored: XDG Base Directory */
        base = variable("HOME");
        below = "/.local/share/lopace/models";
    }
    if (base == NULL || strlen(base) + strlen(below) >= size)
        return NULL;
    memcpy(path, base, strlen(base));
    memcpy(path + strlen(base), below, strlen(below) + 1);
    return path;
}

enum lp_status lp_catalog_add_environment(struct lp_catalog *c)
{
    const char *vocabs = variable("LP_VOCAB_PATH"), *models = variable("LP_MODEL_PATH");
    char user[PATH_SIZE];
    enum lp_status status =
        vocabs != NULL ? add_list(c, LP_VOCAB_PATH, vocabs) : add_standard(c, LP_VOCAB_PATH);
    if (status == LP_OK && models != NULL)
        status = add_list(c, LP_MODEL_PATH, models);
    if (status == LP_OK && lp_user_dir(user, sizeof user) != NULL)
        status = lp_catalog_add(c, LP_MODEL_PATH, user);
    return status == LP_OK ? add_standard(c, LP_MODEL_PATH) : status;
}

enum lp_status lp_catalog_default(struct lp_catalog **out)
{
    enum lp_status status = lp_catalog_new(out);
    if (status == LP_OK)
        status = lp_catalog_add_environment(*out);
    if (status != LP_OK) {
        lp_catalog_free(*out);
        *out = NULL;
    }
    return status;
}
