#if defined(__linux__)
#define _GNU_SOURCE /* O_PATH, syscall */
#endif
#define _BSD_SOURCE    /* DT_LNK, pledge, unveil */
#define _NETBSD_SOURCE /* DT_LNK */
#define _DEFAULT_SOURCE
#if defined(__FreeBSD__) || defined(__DragonFly__)
#undef _POSIX_C_SOURCE /* which hides DT_LNK */
#endif
#include "shared/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether the user does not want a sandbox, or a sanitizer needs more than it would permit. */
static bool unwanted(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
    return true;
#endif
#endif
    const char *wanted = getenv("LP_SANDBOX");
    return wanted != NULL && strcmp(wanted, "none") == 0;
}

/* What may be done at a path. */
enum use {
    READ,    /* read the file, or list the directory, which tells it from what is forbidden */
    WALK,    /* read the file, or all that is below the directory */
    SEARCH,  /* read the file, or those in the directory */
    CHANGE,  /* read, make, rename and remove files in the directory and below */
    REPLACE, /* rename files in the directory and remove them, and open it to make that last */
};

/* Whether an error of open() is to come again without a sandbox: then nothing need be permitted. */
static bool is_barred(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG ||
           error == EACCES;
}

/* Permits it, or sets s->failed. */
static void permit(struct sandbox *s, const char *path, enum use use);

#if defined(__linux__)
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#if defined(__has_include)
#if __has_include(<linux/audit.h>) && __has_include(<linux/filter.h>) && \
    __has_include(<linux/seccomp.h>)
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#endif
#endif

/* --- Linux: files, by Landlock -------------------------------------------------------------- */

/* The kernel's interface, since the headers of older systems lack the newer half of it. A version
 * is called ABI; each has all rights of the one before. */
enum {
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_FILE = 1 << 5,
    MAKE_REG = 1 << 8,
    ABI_QUERY = 1,
    RULE_PATH_BENEATH = 1,
};

struct ruleset { /* what is forbidden unless a rule permits it */
    uint64_t files, tcp, scopes;
};

struct rule {
    uint64_t permitted;
    int32_t file;
};

static long landlock_create(const struct ruleset *ruleset, size_t size, unsigned flags)
{
#if defined(SYS_landlock_create_ruleset)
    return syscall(SYS_landlock_create_ruleset, ruleset, size, flags);
#else
    (void)ruleset, (void)size, (void)flags;
    return -1;
#endif
}

static long landlock_add(int rules, const struct rule *rule)
{
#if defined(SYS_landlock_add_rule)
    return syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, rule, 0);
#else
    (void)rules, (void)rule;
    return -1;
#endif
}

static long landlock_restrict(int rules)
{
#if defined(SYS_landlock_restrict_self)
    return syscall(SYS_landlock_restrict_self, rules, 0);
#else
    (void)rules;
    return -1;
#endif
}

/* The ABI of the kernel; below 1: no Landlock. */
static long landlock_abi(void)
{
    return unwanted() ? 0 : landlock_create(NULL, 0, ABI_QUERY);
}

bool sandbox_begin(struct sandbox *s)
{
    static const unsigned char rights[] = {0, 13, 14, 15, 15, 16}; /* to files, by ABI */
    const long abi = landlock_abi(), known = sizeof rights - 1;
    *s = (struct sandbox){.rules = -1};
    if (abi < 1)
        return false;
    const struct ruleset all = {.files = (UINT64_C(1) << rights[abi < known ? abi : known]) - 1,
                                .tcp = abi < 4 ? 0 : 3,     /* bind, connect */
                                .scopes = abi < 6 ? 0 : 3}; /* abstract sockets, signals */
    s->rules = (int)landlock_create(&all, sizeof all, 0);
    return s->rules >= 0;
}

static void permit(struct sandbox *s, const char *path, enum use use)
{
    static const uint64_t of_directory[] = {[READ] = READ_DIR,
                                            [WALK] = READ_DIR | READ_FILE,
                                            [SEARCH] = READ_FILE,
                                            [CHANGE] = WRITE_FILE | READ_FILE | READ_DIR |
                                                       MAKE_REG | REMOVE_FILE,
                                            [REPLACE] = READ_DIR | MAKE_REG | REMOVE_FILE};
    struct stat st;
    int fd;
    do
        fd = open(path, O_PATH | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 || fstat(fd, &st) != 0) {
        s->failed = s->failed || fd >= 0 || use >= CHANGE || !is_barred(errno);
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct rule rule = {S_ISDIR(st.st_mode) ? of_directory[use] : READ_FILE, fd};
    if (landlock_add(s->rules, &rule) != 0 && errno != EBADFD)
        s->failed = true; /* EBADFD: a pipe or socket in /dev/fd, which is never forbidden */
    close(fd);
}

/* --- Linux: the rest, by seccomp ------------------------------------------------------------ */

/* The architecture that system calls are numbered for. */
#if !defined(AUDIT_ARCH_X86_64) || !defined(SECCOMP_FILTER_FLAG_SPEC_ALLOW) || !defined(SYS_seccomp)
#elif defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARMEL__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64 && defined(AUDIT_ARCH_RISCV64)
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#endif

#if defined(ARCHITECTURE)
/* What is forbidden. A list of what is permitted would depend on the C library, its version, the
 * architecture and what a debugger preloads, and an omission would lose data. */
static const uint32_t forbidden[] = {
    /* programs, other processes, the network */
    SYS_execve,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
#ifdef SYS_execveat
    SYS_execveat,
#endif
#ifdef SYS_socket
    SYS_socket,
#endif
#ifdef SYS_socketcall
    SYS_socketcall,
#endif
/* what does such things without these calls */
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
/* the mode, owner and attributes of files, which Landlock does not know */
#ifdef SYS_chmod
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
#endif
#ifdef SYS_chown32
    SYS_chown32,
    SYS_lchown32,
#endif
#ifdef SYS_fchmodat2
    SYS_fchmodat2,
#endif
    SYS_fchmodat,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    /* parts of the kernel that a filter never uses, and attacks often do */
    SYS_add_key,
    SYS_keyctl,
    SYS_perf_event_open,
#ifdef SYS_bpf
    SYS_bpf,
#endif
#ifdef SYS_userfaultfd
    SYS_userfaultfd,
#endif
};

/* Adds "where the value loaded is k, return result". */
static struct sock_filter *where(struct sock_filter *f, uint32_t k, uint32_t result)
{
    *f++ = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k};
    *f++ = (struct sock_filter){BPF_RET | BPF_K, 0, 0, result};
    return f;
}

static struct sock_filter *load(struct sock_filter *f, size_t offset)
{
    *f++ = (struct sock_filter){BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset};
    return f;
}

/* Forbids system calls, all of them by the numbers of another architecture, and the characters that
 * a program can type into its terminal for the shell to read. */
static void forbid_calls(void)
{
    const uint32_t no = SECCOMP_RET_ERRNO | EPERM, yes = SECCOMP_RET_ALLOW;
    const uint16_t one = 1;
    const size_t low = *(const unsigned char *)&one == 1 ? 0 : 4; /* half of an argument */
    enum { CALLS = sizeof forbidden / sizeof *forbidden };
    struct sock_filter filter[2 * CALLS + 16], *f = filter;
    f = load(f, offsetof(struct seccomp_data, arch));
    *f++ = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE};
    *f++ = (struct sock_filter){BPF_RET | BPF_K, 0, 0, no};
    f = load(f, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    *f++ = (struct sock_filter){BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000}; /* x32 */
    *f++ = (struct sock_filter){BPF_RET | BPF_K, 0, 0, no};
#endif
    for (size_t i = 0; i < CALLS; i++)
        f = where(f, forbidden[i], no);
    *f++ = (struct sock_filter){BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_ioctl};
    *f++ = (struct sock_filter){BPF_RET | BPF_K, 0, 0, yes};
    f = load(f, offsetof(struct seccomp_data, args[1]) + low);
    f = where(f, TIOCSTI, no);
    f = where(f, TIOCLINUX, no);
    *f++ = (struct sock_filter){BPF_RET | BPF_K, 0, 0, yes};
    const struct sock_fprog program = {(unsigned short)(f - filter), filter};
    /* without the flag, kernels before 5.16 slow down all that the process does */
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

static bool can_forbid_calls(void)
{
    const uint32_t action = SECCOMP_RET_ERRNO;
    return !unwanted() && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
#else
static void forbid_calls(void)
{
}

static bool can_forbid_calls(void)
{
    return false;
}
#endif

void sandbox_enter(struct sandbox *s)
{
    const bool privileges = !unwanted() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
    if (s->rules >= 0) {
        if (privileges && !s->failed)
            landlock_restrict(s->rules);
        close(s->rules);
    }
    if (privileges)
        forbid_calls();
}

void sandbox_describe(char *text, size_t size)
{
    const long abi = landlock_abi();
    const bool calls = can_forbid_calls();
    if (abi > 0)
        snprintf(text, size, "Landlock %ld%s", abi, calls ? ", seccomp" : "");
    else
        snprintf(text, size, "%s", calls ? "seccomp" : "none");
}

#elif defined(__OpenBSD__)

/* --- OpenBSD -------------------------------------------------------------------------------- */

bool sandbox_begin(struct sandbox *s)
{
    *s = (struct sandbox){.rules = -1};
    return !unwanted();
}

static void permit(struct sandbox *s, const char *path, enum use use)
{
    const char *permitted = use == CHANGE ? "rwc" : use == REPLACE ? "rc" : "r";
    if (unveil(path, permitted) != 0 && (use >= CHANGE || !is_barred(errno)))
        s->failed = true;
}

void sandbox_enter(struct sandbox *s)
{
    if (s->failed && unveil("/", s->changes ? "rwc" : "rc") != 0)
        return;
    if (!unwanted() && s->changes)
        pledge("stdio rpath wpath cpath fattr chown", NULL);
    else if (!unwanted())
        pledge("stdio rpath cpath fattr proc", NULL); /* proc: lpstat measures in a child */
}

void sandbox_describe(char *text, size_t size)
{
    snprintf(text, size, "%s", unwanted() ? "none" : "pledge, unveil");
}

#else

/* --- Others --------------------------------------------------------------------------------- */

bool sandbox_begin(struct sandbox *s)
{
    *s = (struct sandbox){.rules = -1};
    return false;
}

static void permit(struct sandbox *s, const char *path, enum use use)
{
    (void)s, (void)path, (void)use, (void)is_barred;
}

void sandbox_enter(struct sandbox *s)
{
    (void)s;
}

void sandbox_describe(char *text, size_t size)
{
    (void)unwanted;
    snprintf(text, size, "none");
}
#endif

/* --- Everywhere ----------------------------------------------------------------------------- */

void sandbox_may_read(struct sandbox *s, const char *file)
{
    permit(s, file, READ);
}

void sandbox_may_walk(struct sandbox *s, const char *path)
{
    permit(s, path, WALK);
}

void sandbox_may_search(struct sandbox *s, const char *path)
{
    char file[4096];
    DIR *directory = opendir(path); /* first: it mounts what is mounted on use */
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        bool link = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
        if (link && entry->d_name[0] != '.' &&
            snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file)
            permit(s, file, READ);
    }
    if (directory != NULL)
        closedir(directory);
    else if (errno == ENOENT)
        return;
    else
        s->failed = s->failed || !is_barred(errno);
    permit(s, path, SEARCH);
}

/* Permits a use of the directory in which a file is. */
static void permit_directory(struct sandbox *s, const char *file, enum use use)
{
    const char *slash = strrchr(file, '/');
    char *directory = slash == NULL ? strdup(".") : strndup(file, (size_t)(slash - file) + 1);
    if (directory == NULL)
        s->failed = true;
    else
        permit(s, directory, use);
    free(directory);
}

void sandbox_may_replace(struct sandbox *s, const char *file)
{
    permit_directory(s, file, REPLACE);
}

void sandbox_may_change(struct sandbox *s, const char *path)
{
    struct stat st;
    const bool there = stat(path, &st) == 0;
    s->changes = true;
    if (there && S_ISDIR(st.st_mode)) {
        permit(s, path, CHANGE);
        return;
    }
    permit(s, path, READ);
    if (there)
        permit_directory(s, path, CHANGE);
}
