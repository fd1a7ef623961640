#define _GNU_SOURCE /* RTLD_NEXT, dladdr */
#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* For other libraries to meet. */
#pragma GCC visibility push(default)

/* INJECT_WRAP: a sanitizer has functions of its own in these places, so the linker is told
 * --wrap=SYMBOL, which sends here what the objects that it links call, and no more. */
#ifdef INJECT_WRAP
#define HERE(name) __wrap_##name
#define LIBC(name) __real_##name
#else
#define HERE(name) name
#define LIBC(name) libc_##name
#endif

static struct inject plan;
static atomic_long calls, blocks;

/* Libraries that do not bear what is asked of them: calls that they make themselves go well. */
static bool is_spared(const void *caller)
{
    Dl_info info;
    if (dladdr(caller, &info) == 0 || info.dli_fname == NULL)
        return false;
    /* OpenSSL 3.0's EVP_MD_fetch() uses what it could not allocate. */
    if (strstr(info.dli_fname, "libcrypto") != NULL)
        return true;
    /* So does libzstd's ZSTD_createCDict_advanced2() until 1.5.5, and all that makes a CDict calls
     * it. The names of its static functions are not known here; its own is. */
    return strstr(info.dli_fname, "libzstd") != NULL && info.dli_sname != NULL &&
           strcmp(info.dli_sname, "ZSTD_createCDict_advanced2") == 0;
}

static bool is_host(const void *caller)
{
    Dl_info host, libc, info;
    return plan.host != NULL && dladdr(plan.host, &host) != 0 && dladdr(stdout, &libc) != 0 &&
           dladdr(caller, &info) != 0 &&
           (info.dli_fbase == host.dli_fbase || info.dli_fbase == libc.dli_fbase);
}

/* Whether this call of a function is to fail, or be short; sets errno. */
static bool hit(const char *call, const void *caller)
{
    if (plan.call == NULL || strcmp(plan.call, call) != 0 || is_host(caller))
        return false;
    const long n = atomic_fetch_add(&calls, 1) + 1;
    if (n < plan.at || (n > plan.at && !plan.on))
        return false;
    const bool spared = is_spared(caller);
    if (n == plan.at && plan.met != NULL)
        plan.met(spared);
    if (!spared)
        errno = plan.error;
    return !spared;
}

#define HIT(call) hit(call, __builtin_return_address(0))

static void resolve(void);

void inject_start(const struct inject *p)
{
    resolve(); /* now, as dlsym() may allocate */
    plan = *p;
    atomic_store(&calls, 0);
}

bool inject_stop(void)
{
    const bool met = plan.call != NULL && atomic_load(&calls) >= plan.at;
    plan = (struct inject){0};
    return met;
}

long inject_blocks(void)
{
    return atomic_load(&blocks);
}

/* --- Memory ------------------------------------------------------------------------------ */

/* Here and there NULL is counted as no block: the number of blocks that are in use. */
static void *counted(void *block)
{
    if (block != NULL)
        atomic_fetch_add(&blocks, 1);
    return block;
}

#ifdef INJECT_WRAP
#define HEAP(name) __real_##name
#else
/* Not by dlsym(), which allocates. */
#define HEAP(name) __libc_##name
#endif
void *HEAP(malloc)(size_t n);
void *HEAP(calloc)(size_t n, size_t size);
void *HEAP(realloc)(void *block, size_t n);
void HEAP(free)(void *block);
void *HERE(malloc)(size_t n);
void *HERE(calloc)(size_t n, size_t size);
void *HERE(realloc)(void *block, size_t n);
void *HERE(aligned_alloc)(size_t alignment, size_t n);
void HERE(free)(void *block);
#ifdef INJECT_WRAP
void *__real_aligned_alloc(size_t alignment, size_t n);
#else
void *__libc_memalign(size_t alignment, size_t n);
#define __real_aligned_alloc __libc_memalign
#endif

void *HERE(malloc)(size_t n)
{
    return HIT("malloc") ? NULL : counted(HEAP(malloc)(n));
}

void *HERE(calloc)(size_t n, size_t size)
{
    return HIT("malloc") ? NULL : counted(HEAP(calloc)(n, size));
}

void *HERE(aligned_alloc)(size_t alignment, size_t n)
{
    return HIT("malloc") ? NULL : counted(__real_aligned_alloc(alignment, n));
}

void *HERE(realloc)(void *block, size_t n)
{
    if (HIT("malloc"))
        return NULL;
    void *moved = HEAP(realloc)(block, n);
    return block == NULL ? counted(moved) : moved;
}

void HERE(free)(void *block)
{
    if (block != NULL)
        atomic_fetch_sub(&blocks, 1);
    HEAP(free)(block);
}

/* --- Files and threads ------------------------------------------------------------------- */

/* Each function, and its symbol where files may be large. X(name, symbol, result, parameters) */
#define FUNCTIONS(X)                                                                               \
    X(open, "open64", int, (const char *path, int flags, ...))                                     \
    X(read, "read", ssize_t, (int fd, void *data, size_t n))                                       \
    X(pread, "pread64", ssize_t, (int fd, void *data, size_t n, off_t offset))                     \
    X(write, "write", ssize_t, (int fd, const void *data, size_t n))                               \
    X(close, "close", int, (int fd))                                                               \
    X(fsync, "fsync", int, (int fd))                                                               \
    X(fstat, "fstat64", int, (int fd, struct stat *st))                                            \
    X(fchmod, "fchmod", int, (int fd, mode_t mode))                                                \
    X(rename, "rename", int, (const char *from, const char *to))                                   \
    X(mmap, "mmap64", void *, (void *at, size_t n, int prot, int flags, int fd, off_t offset))     \
    X(pthread_create, "pthread_create", int,                                                       \
      (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg))

#ifdef INJECT_WRAP
#define DECLARE(name, symbol, result, parameters)                                                  \
    result __wrap_##name parameters __asm__("__wrap_" symbol);                                     \
    result __real_##name parameters __asm__("__real_" symbol);
FUNCTIONS(DECLARE)
static void resolve(void)
{
}
#else
#define DECLARE(name, symbol, result, parameters) static result(*libc_##name) parameters;
FUNCTIONS(DECLARE)
/* Looks up what libc has under these names, when first asked: libraries are set up before this
 * one. */
static void resolve(void)
{
#define RESOLVE(name, symbol, result, parameters)                                                  \
    if (libc_##name == NULL)                                                                       \
        *(void **)&libc_##name = dlsym(RTLD_NEXT, symbol);
    FUNCTIONS(RESOLVE)
}
#endif

int HERE(open)(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const int mode = (flags & O_CREAT) != 0 ? va_arg(args, int) : 0;
    va_end(args);
    resolve();
    return HIT("open") ? -1 : LIBC(open)(path, flags, mode);
}

/* Whether read() and the like fail, or how many of n bytes they take. */
static bool cut(bool hits, size_t *n)
{
    if (hits && plan.error == INJECT_SHORT && *n > 1)
        *n = 1;
    return hits && plan.error != INJECT_SHORT;
}

ssize_t HERE(read)(int fd, void *data, size_t n)
{
    resolve();
    return cut(HIT("read"), &n) ? -1 : LIBC(read)(fd, data, n);
}

ssize_t HERE(pread)(int fd, void *data, size_t n, off_t offset)
{
    resolve();
    return cut(HIT("pread"), &n) ? -1 : LIBC(pread)(fd, data, n, offset);
}

/* Messages go well. */
ssize_t HERE(write)(int fd, const void *data, size_t n)
{
    resolve();
    return fd != STDERR_FILENO && cut(HIT("write"), &n) ? -1 : LIBC(write)(fd, data, n);
}

/* Also where it fails the descriptor is closed. */
int HERE(close)(int fd)
{
    resolve();
    const int status = LIBC(close)(fd);
    return HIT("close") ? -1 : status;
}

int HERE(fsync)(int fd)
{
    resolve();
    return HIT("fsync") ? -1 : LIBC(fsync)(fd);
}

int HERE(fstat)(int fd, struct stat *st)
{
    resolve();
    return HIT("fstat") ? -1 : LIBC(fstat)(fd, st);
}

int HERE(fchmod)(int fd, mode_t mode)
{
    resolve();
    return HIT("fchmod") ? -1 : LIBC(fchmod)(fd, mode);
}

int HERE(rename)(const char *from, const char *to)
{
    resolve();
    return HIT("rename") ? -1 : LIBC(rename)(from, to);
}

void *HERE(mmap)(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    resolve();
    return HIT("mmap") ? MAP_FAILED : LIBC(mmap)(at, n, prot, flags, fd, offset);
}

int HERE(pthread_create)(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *arg)
{
    resolve();
    return HIT("pthread_create") ? plan.error : LIBC(pthread_create)(thread, attributes, run, arg);
}
