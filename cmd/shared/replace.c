#include "shared/replace.h"

#include "shared/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Early ends -------------------------------------------------------------- */

static struct replacement *volatile unfinished;

/* The list changes between enter() and leave() only: in one thread at a time, where no signal can
 * interrupt it; a signal that another thread gets meanwhile waits. Once the program is ending, no
 * thread gets in any more. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool inside, ending;

static void enter(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
    pthread_mutex_lock(&lock);
    inside = true;
    if (!ending)
        return;
    inside = false;
    for (;;)
        pause();
}

static void leave(const sigset_t *before)
{
    inside = false;
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void remove_temporaries(void)
{
    ending = true;
    while (inside)
        ;
    for (struct replacement *r = unfinished; r != NULL; r = r->next)
        unlink(r->temporary);
}

static void on_signal(int number)
{
    remove_temporaries();
    raise(number); /* which kills the program when this returns: SA_RESETHAND */
}

static void catch (int number)
{
    struct sigaction old, action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(number, &action, NULL);
}

/* Makes every signal that would kill the program remove the temporary files first. That includes
 * faults: SIGBUS comes when a mapped file is cut. */
static void catch_signals(void)
{
    static const int numbers[] = {
        SIGHUP,    SIGINT,  SIGQUIT,   SIGILL,  SIGABRT, SIGBUS,  SIGFPE,
        SIGSEGV,   SIGPIPE, SIGALRM,   SIGTERM, SIGUSR1, SIGUSR2,
#ifdef SIGTRAP
        SIGTRAP,
#endif
#ifdef SIGSYS
        SIGSYS,
#endif
#ifdef SIGVTALRM
        SIGVTALRM,
#endif
#ifdef SIGPROF
        SIGPROF,
#endif
#ifdef SIGXCPU
        SIGXCPU,
#endif
#ifdef __linux__ /* elsewhere these kill nothing, or are not there */
        SIGPOLL,   SIGPWR,  SIGSTKFLT,
#endif
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        catch (numbers[i]);
#ifdef SIGRTMIN
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        catch (number);
#endif
}

/* --- The place --------------------------------------------------------------- */

/* Repeats a call that a signal has interrupted. */
#define REPEAT(result, call)                                                                       \
    do                                                                                             \
        (result) = (call);                                                                         \
    while ((result) < 0 && errno == EINTR)

/* Says what failed, and returns false. */
static bool fail(const struct replacement *r, const char *what)
{
    tool_warn(r->tool, "%s: cannot %s: %s", r->name, what, strerror(errno));
    return false;
}

static char *new_string(const struct tool *tool, size_t n)
{
    char *p = malloc(n + 1);
    if (p == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    p[n] = 0;
    return p;
}

/* The bytes of a path up to its last slash. */
static size_t directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

/* The open descriptor that a path is a name of, as /dev/stdout is; -1 for other paths. */
static int descriptor(const char *path)
{
    static const char *const names[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *number = path + strlen(names[i]);
        if (strncmp(path, names[i], strlen(names[i])) == 0 && *number >= '0' && *number <= '9' &&
            number[strspn(number, "0123456789")] == 0)
            return (int)strtol(number, NULL, 10);
    }
    return -1;
}

/* Follows symbolic links to r->path: rename() would replace a link, not what it leads to, which may
 * not exist. Stops at the name of a descriptor, which also is a link. */
static bool follow(struct replacement *r)
{
    enum { LINKS = 40, TARGET = 4096 };
    char target[TARGET];
    ssize_t n = 0;
    r->path = new_string(r->tool, strlen(r->name));
    memcpy(r->path, r->name, strlen(r->name));
    for (int links = 0; descriptor(r->path) < 0; links++) {
        n = readlink(r->path, target, TARGET);
        if (n < 0)
            return true;
        errno = links == LINKS ? ELOOP : ENAMETOOLONG;
        if (links == LINKS || n == TARGET)
            return fail(r, "open");
        size_t kept = target[0] == '/' ? 0 : directory(r->path);
        char *path = new_string(r->tool, kept + (size_t)n);
        memcpy(path, r->path, kept);
        memcpy(path + kept, target, (size_t)n);
        free(r->path);
        r->path = path;
    }
    return true;
}

/* --- Owner, group, permissions ----------------------------------------------- */

static void warn(const struct replacement *r, const char *what)
{
    tool_warn(r->tool, "%s: cannot set its %s: %s", r->name, what, strerror(errno));
}

static void set_mode(const struct replacement *r, unsigned mode)
{
    int failed;
    REPEAT(failed, fchmod(r->fd, (mode_t)mode));
    if (failed)
        warn(r, "permissions");
}

/* As xz(1) and zstd(1) do it. Only root may give a file away; the group must be one of the user's.
 * With another group, its members get what both they and all others had: no one may gain. */
static void set_owner(const struct replacement *r, const struct stat *st, int source)
{
    int failed;
    unsigned mode = st->st_mode & 0777;
    REPEAT(failed, fchown(r->fd, st->st_uid, (gid_t)-1));
    if (failed && errno != EPERM)
        warn(r, "owner");
    REPEAT(failed, fchown(r->fd, (uid_t)-1, st->st_gid));
    if (failed && errno != EPERM)
        warn(r, "group");
    unsigned both = mode & mode >> 3 & 07;
    set_mode(r, failed ? (mode & 0700) | both << 3 | both : mode);
    if (source >= 0)
        attributes_copy(source, r->fd, !failed);
}

void replace_like(struct replacement *r, const struct stat *source, int fd)
{
    if (r->temporary == NULL || !S_ISREG(source->st_mode))
        return;
    if (!r->exists)
        set_owner(r, source, fd);
#ifdef __APPLE__
    r->modified = source->st_mtimespec;
#else
    r->modified = source->st_mtim;
#endif
    r->dated = r->tool->keeps_time;
}

/* --- Opening ----------------------------------------------------------------- */

/* Opens what cannot be replaced. */
static bool open_as_it_is(struct replacement *r)
{
    int fd = descriptor(r->path);
    if (fd >= 0)
        REPEAT(r->fd, fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    else
        REPEAT(r->fd, open(r->path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
    return r->fd >= 0 || fail(r, "open");
}

/* Makes the temporary file. No signal and no other thread comes between: until it is in the list
 * nobody would remove it, and before it is there its name is another's. */
static bool open_temporary(struct replacement *r)
{
    enum { NAME = 240 }; /* bytes of the file's name, as many systems allow no more than 255 */
    sigset_t before;
    size_t at = directory(r->path), n = strlen(r->path);
    n = n - at > NAME ? at + NAME : n;
    char *name = new_string(r->tool, n + sizeof ".XXXXXX");
    enter(&before);
    do {
        memcpy(name, r->path, n);
        memcpy(name + n, ".XXXXXX", sizeof ".XXXXXX");
        r->fd = mkstemp(name);
    } while (r->fd < 0 && errno == EINTR);
    const int error = errno;
    if (r->fd >= 0) {
        if (unfinished == NULL)
            catch_signals();
        r->temporary = name;
        r->next = unfinished;
        unfinished = r;
    }
    leave(&before);
    errno = error;
    if (r->fd < 0)
        free(name);
    else
        fcntl(r->fd, F_SETFD, FD_CLOEXEC);
    return r->fd >= 0 || fail(r, "create");
}

/* The umask, which can only be had by setting it: once, as other threads may be making files. */
static mode_t file_mask(const struct tool *tool)
{
    static bool known;
    static mode_t mask;
    sigset_t before;
    bool failed = false;
    enter(&before);
    if (!known) {
        failed = atexit(remove_temporaries) != 0;
        mask = umask(0);
        umask(mask);
        known = true;
    }
    leave(&before);
    if (failed)
        tool_die(tool, EXIT_IO, "out of memory");
    return mask;
}

static bool open_replacement(struct replacement *r)
{
    struct stat st;
    if (stat(r->name, &st) == 0)
        r->exists = true;
    else if (errno != ENOENT)
        return fail(r, "open");
    if (!follow(r))
        return false;
    if (descriptor(r->path) >= 0 || (r->exists && !S_ISREG(st.st_mode)))
        return open_as_it_is(r);
    const mode_t mask = file_mask(r->tool);
    if (!open_temporary(r))
        return false;
    if (!r->exists) {
        set_mode(r, 0666 & ~mask);
        return true;
    }
    const int old = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    set_owner(r, &st, old);
    if (old >= 0)
        close(old);
    return true;
}

bool replace_open(const struct tool *tool, struct replacement *r, const char *name)
{
    *r = (struct replacement){.tool = tool, .name = name, .fd = -1};
    if (open_replacement(r))
        return true;
    free(r->path);
    return false;
}

/* --- Finishing --------------------------------------------------------------- */

bool replace_sync_directory(const struct tool *tool, const char *file)
{
    int fd, failed = 0;
    const size_t n = directory(file);
    char *path = new_string(tool, n + 1);
    memcpy(path, n > 0 ? file : ".", n > 0 ? n : 2);
    path[n > 0 ? n : 1] = 0;
    REPEAT(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    free(path);
    if (fd < 0)
        return false;
    REPEAT(failed, fsync(fd));
    const int error = errno;
    close(fd);
    errno = error;
    return !failed;
}

/* Takes it out of the list. The temporary file has another name then, or goes. */
static void forget(struct replacement *r, bool renamed)
{
    sigset_t before;
    enter(&before);
    struct replacement *volatile *at = &unfinished;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    if (!renamed)
        unlink(r->temporary);
    leave(&before);
    free(r->temporary);
    r->temporary = NULL;
}

void replace_abandon(struct replacement *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->temporary != NULL)
        forget(r, false);
    free(r->path);
    *r = (struct replacement){.fd = -1, .lasting = r->lasting};
}

bool replace_sync(struct replacement *r)
{
    int failed = 0;
    if (r->dated && futimens(r->fd, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, r->modified}) != 0)
        warn(r, "time");
    r->dated = false;
    if (r->temporary == NULL || r->synced)
        return true;
    REPEAT(failed, fsync(r->fd));
    r->synced = !failed;
    return !failed || errno == EINVAL || fail(r, "write");
}

/* Gives the temporary file its name unless another has it: rename() would replace that. */
static bool name_fresh(struct replacement *r)
{
    struct stat st;
    if (link(r->temporary, r->path) == 0)
        return true;
    if (errno == EEXIST)
        return false;
    const bool exists = lstat(r->path, &st) == 0; /* the file system has no links, perhaps */
    errno = EEXIST;
    return !exists && rename(r->temporary, r->path) == 0;
}

static bool put_in_place(struct replacement *r)
{
    if (!replace_sync(r))
        return false;
    const int fd = r->fd;
    r->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return fail(r, "write");
    if (r->temporary == NULL)
        return true;
    if (r->fresh ? !name_fresh(r) : rename(r->temporary, r->path) != 0)
        return fail(r, r->fresh ? "create" : "rename the temporary file");
    forget(r, !r->fresh);
    /* not all file systems can do this (EINVAL), and it takes a directory that may be read */
    r->lasting = replace_sync_directory(r->tool, r->path);
    return r->lasting || errno == EINVAL || errno == EACCES || fail(r, "sync the directory");
}

bool replace_finish(struct replacement *r)
{
    const bool done = put_in_place(r);
    replace_abandon(r);
    return done;
}
