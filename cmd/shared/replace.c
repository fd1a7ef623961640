#include "shared/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Early ends -------------------------------------------------------------- */

static struct replacement *volatile unfinished;

static void remove_temporaries(void)
{
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

static _Noreturn void die(const struct replacement *r, const char *what)
{
    tool_die(r->tool, EXIT_IO, "%s: cannot %s: %s", r->name, what, strerror(errno));
}

static char *new_string(const struct replacement *r, size_t n)
{
    char *p = malloc(n + 1);
    if (p == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
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
static void follow(struct replacement *r)
{
    enum { LINKS = 40, TARGET = 4096 };
    char target[TARGET];
    ssize_t n = 0;
    r->path = new_string(r, strlen(r->name));
    memcpy(r->path, r->name, strlen(r->name));
    for (int links = 0; descriptor(r->path) < 0; links++) {
        n = readlink(r->path, target, TARGET);
        if (n < 0)
            return;
        errno = links == LINKS ? ELOOP : ENAMETOOLONG;
        if (links == LINKS || n == TARGET)
            die(r, "open");
        size_t kept = target[0] == '/' ? 0 : directory(r->path);
        char *path = new_string(r, kept + (size_t)n);
        memcpy(path, r->path, kept);
        memcpy(path + kept, target, (size_t)n);
        free(r->path);
        r->path = path;
    }
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
static void set_owner(const struct replacement *r, const struct stat *st)
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
}

void replace_like(struct replacement *r, const char *source)
{
    struct stat st;
    if (r->temporary == NULL || stat(source, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    if (!r->exists)
        set_owner(r, &st);
#ifdef __APPLE__
    r->modified = st.st_mtimespec;
#else
    r->modified = st.st_mtim;
#endif
    r->dated = r->tool->keeps_time;
}

/* --- Opening ----------------------------------------------------------------- */

/* Opens what cannot be replaced. */
static void open_as_it_is(struct replacement *r)
{
    int fd = descriptor(r->path);
    if (fd >= 0)
        REPEAT(r->fd, fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    else
        REPEAT(r->fd, open(r->path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (r->fd < 0)
        die(r, "open");
}

/* Makes the temporary file. Signals wait meanwhile: until it is there its name is another's. */
static void open_temporary(struct replacement *r)
{
    enum { NAME = 240 }; /* bytes of the file's name, as many systems allow no more than 255 */
    sigset_t all, before;
    size_t at = directory(r->path), n = strlen(r->path);
    n = n - at > NAME ? at + NAME : n;
    char *name = new_string(r, n + sizeof ".XXXXXX");
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    do {
        memcpy(name, r->path, n);
        memcpy(name + n, ".XXXXXX", sizeof ".XXXXXX");
        r->fd = mkstemp(name);
    } while (r->fd < 0 && errno == EINTR);
    if (r->fd >= 0) {
        if (unfinished == NULL)
            catch_signals();
        r->temporary = name;
        r->next = unfinished;
        unfinished = r;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (r->fd < 0)
        die(r, "create");
    fcntl(r->fd, F_SETFD, FD_CLOEXEC);
}

void replace_open(const struct tool *tool, struct replacement *r, const char *name)
{
    static bool registered;
    struct stat st;
    *r = (struct replacement){.tool = tool, .name = name, .fd = -1};
    if (stat(name, &st) == 0)
        r->exists = true;
    else if (errno != ENOENT)
        die(r, "open");
    follow(r);
    if (descriptor(r->path) >= 0 || (r->exists && !S_ISREG(st.st_mode))) {
        open_as_it_is(r);
        return;
    }
    if (!registered && atexit(remove_temporaries) != 0)
        tool_die(tool, EXIT_IO, "out of memory");
    registered = true;
    open_temporary(r);
    mode_t mask = umask(0);
    umask(mask);
    if (r->exists)
        set_owner(r, &st);
    else
        set_mode(r, 0666 & ~mask);
}

/* --- Finishing --------------------------------------------------------------- */

/* Makes the new name last. Not all file systems can do that (EINVAL), and it takes a directory that
 * may be read. */
static void sync_directory(struct replacement *r)
{
    int fd, failed = 0;
    size_t n = directory(r->path);
    char *path = new_string(r, n + 1);
    memcpy(path, n > 0 ? r->path : ".", n > 0 ? n : 2);
    path[n > 0 ? n : 1] = 0;
    REPEAT(fd, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd >= 0)
        REPEAT(failed, fsync(fd));
    if (fd < 0 ? errno != EACCES : failed && errno != EINVAL)
        die(r, "sync the directory");
    if (fd >= 0)
        close(fd);
    free(path);
}

void replace_finish(struct replacement *r)
{
    int failed = 0;
    if (r->dated && futimens(r->fd, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, r->modified}) != 0)
        warn(r, "time");
    if (r->temporary != NULL)
        REPEAT(failed, fsync(r->fd));
    if (failed && errno != EINVAL)
        die(r, "write");
    if (close(r->fd) != 0 && errno != EINTR)
        die(r, "write");
    if (r->temporary == NULL) {
        free(r->path);
        return;
    }
    if (rename(r->temporary, r->path) != 0)
        die(r, "rename the temporary file");
    struct replacement *volatile *at = &unfinished;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    free(r->temporary);
    sync_directory(r);
    free(r->path);
}
