#if defined(__linux__)
#define _GNU_SOURCE /* F_SETLEASE, flock() */
#endif
#include "lopace/remove.h"

#include "shared/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* --- Locks ------------------------------------------------------------------- */

/* False while another has locked the file: a program of its own, or a lopace that is going to
 * remove it. Two of these would take each other's output for their own. The lock ends with fd. Not
 * all systems and file systems have such locks. */
static bool lock(int fd)
{
#if defined(LOCK_EX)
    int failed;
    do
        failed = flock(fd, LOCK_EX | LOCK_NB);
    while (failed && errno == EINTR);
    return !failed || errno != EWOULDBLOCK;
#else
    (void)fd;
    return true;
#endif
}

/* --- Leases ------------------------------------------------------------------ */

/* On Linux a lease for reading can be had only while no program has the file open for writing, and
 * one that then opens it waits until the lease is given back, which the system asks for by a
 * signal. Some file systems have none, and only the owner gets it, or root. */
enum lease { NO_LEASE, LEASE, IN_USE };

#if defined(F_SETLEASE)
void remove_prepare(void)
{
    signal(SIGIO, SIG_IGN);
}

static enum lease take_lease(int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
        return LEASE;
    return errno == EAGAIN ? IN_USE : NO_LEASE;
}

/* Whether nobody waits for it. */
static bool lease_holds(int fd)
{
    return fcntl(fd, F_GETLEASE) == F_RDLCK;
}

static void give_lease_back(int fd)
{
    fcntl(fd, F_SETLEASE, F_UNLCK);
}
#else
void remove_prepare(void)
{
}

static enum lease take_lease(int fd)
{
    (void)fd;
    return NO_LEASE;
}

static bool lease_holds(int fd)
{
    (void)fd;
    return true;
}

static void give_lease_back(int fd)
{
    (void)fd;
}
#endif

/* --- Changes ----------------------------------------------------------------- */

#ifdef __APPLE__
#define modified(st) ((st)->st_mtimespec)
#else
#define modified(st) ((st)->st_mtim)
#endif

bool same_content(const struct stat *a, const struct stat *b)
{
    return same_file(a, b) && a->st_size == b->st_size &&
           modified(a).tv_sec == modified(b).tv_sec && modified(a).tv_nsec == modified(b).tv_nsec;
}

static bool leave(const struct tool *tool, const char *path, const char *why)
{
    tool_warn(tool, "%s: left alone: %s", path, why);
    return false;
}

static bool unchanged(const struct tool *tool, const char *path, int fd, const struct stat *then)
{
    struct stat now, named;
    if (fstat(fd, &now) != 0 || lstat(path, &named) != 0)
        return leave(tool, path, strerror(errno));
    if (S_ISLNK(named.st_mode))
        return leave(tool, path, "it is a symbolic link");
    if (!same_file(&named, &now))
        return leave(tool, path, "another file has its name now");
    if (!same_content(&now, then))
        return leave(tool, path, "it has changed meanwhile");
    return now.st_nlink <= 1 || tool->force ||
           leave(tool, path, "it has other names (hard links): use -f to remove this one");
}

bool remove_allowed(const struct tool *tool, const char *path, int fd, const struct stat *then)
{
    if (!lock(fd))
        return leave(tool, path, "another program has locked it");
    const enum lease lease = take_lease(fd);
    if (lease == IN_USE)
        return leave(tool, path, "a program has it open for writing");
    if (lease == LEASE)
        give_lease_back(fd);
    return unchanged(tool, path, fd, then);
}

/* --- What is needed ---------------------------------------------------------- */

/* Whether a path is one of FINGERPRINT.dict. */
static bool is_named_dict(const char *path)
{
    enum { DIGITS = 16 };
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    return strspn(name, "0123456789abcdef") == DIGITS && strcmp(name + DIGITS, ".dict") == 0;
}

/* A file of a later version is one too. */
static bool is_model_or_vocab(const char *path)
{
    struct lp_model *model = NULL;
    struct lp_vocab *vocab = NULL;
    enum lp_status status = lp_model_open(path, &model);
    if (status == LP_DATA)
        status = lp_vocab_open(path, &vocab);
    lp_model_close(model);
    lp_vocab_close(vocab);
    return status == LP_OK || status == LP_VERSION;
}

bool remove_loses(const char *path, const void *data, size_t n)
{
    static const unsigned char trained[] = {0x37, 0xA4, 0x30, 0xEC}; /* as RFC 8878 has it */
    return is_named_dict(path) ||
           (n >= sizeof trained && memcmp(data, trained, sizeof trained) == 0) ||
           is_model_or_vocab(path);
}

/* --- Removal ----------------------------------------------------------------- */

/* A name beside path that no file has; to be freed. */
static char *name_beside(const struct tool *tool, const char *path)
{
    static atomic_uint count;
    struct stat st;
    const char *slash = strrchr(path, '/');
    const size_t directory = slash != NULL ? (size_t)(slash - path) + 1 : 0, size = directory + 64;
    char *name = malloc(size);
    if (name == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    memcpy(name, path, directory);
    do
        snprintf(name + directory, size - directory, REMOVE_PREFIX "%ld-%u", (long)getpid(),
                 atomic_fetch_add(&count, 1));
    while (lstat(name, &st) == 0);
    return name;
}

static bool failed(const struct tool *tool, const char *path)
{
    tool_warn(tool, "%s: cannot remove: %s", path, strerror(errno));
    return false;
}

/* Gives a file its name back; where another has that now, or it fails, says which name it has. */
static bool put_back(const struct tool *tool, const char *path, const char *name, const char *why)
{
    struct stat st;
    bool back = link(name, path) == 0;
    if (back)
        unlink(name);
    else if (errno != EEXIST && lstat(path, &st) != 0 && errno == ENOENT)
        back = rename(name, path) == 0;
    if (!back)
        tool_warn(tool, "%s: is %s now: %s, and it could not have its name back: %s", path, name,
                  why, strerror(errno));
    return back && leave(tool, path, why);
}

/* A program may have looked the name up and be about to open the file: what it wrote then would be
 * lost. So the name goes first. After that either nothing has happened to the file, nor can it; or
 * it gets its name back. */
static bool remove_checked(const struct tool *tool, const char *path, int fd, bool leased,
                           const struct stat *then)
{
    struct stat now, named;
    char *name = name_beside(tool, path);
    bool done = rename(path, name) == 0;
    if (!done)
        failed(tool, path);
    else if (fstat(fd, &now) != 0 || lstat(name, &named) != 0 || !same_content(&now, then) ||
             !same_content(&named, then))
        done = put_back(tool, path, name, "it has changed meanwhile");
    else if (leased && !lease_holds(fd))
        done = put_back(tool, path, name, "a program opened it for writing");
    else if (unlink(name) != 0)
        done = put_back(tool, path, name, strerror(errno));
    free(name);
    return done;
}

bool remove_file(const struct tool *tool, const char *path, int fd, const struct stat *then)
{
    const enum lease lease = take_lease(fd);
    if (lease == IN_USE)
        return leave(tool, path, "a program has it open for writing");
    const bool done =
        unchanged(tool, path, fd, then) && remove_checked(tool, path, fd, lease == LEASE, then);
    if (lease == LEASE)
        give_lease_back(fd);
    return done;
}
