/* preload - a library for LD_PRELOAD. INJECT="CALL N ERRNO on|once" says what fails; once it has,
 * the file INJECT_MARK is there, and names who called: an empty one where the call was spared. */
#define _GNU_SOURCE /* syscall */
#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char call[32];

/* By system calls, as the functions are those that fail. */
static void mark(bool spared)
{
    const char *path = getenv("INJECT_MARK");
    const int saved = errno;
    if (path != NULL) {
        long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (!spared)
            syscall(SYS_write, fd, "met\n", 4);
        syscall(SYS_close, fd);
    }
    errno = saved;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *text = getenv("INJECT");
    char how[8];
    struct inject plan = {.call = call, .met = mark};
    if (text != NULL && sscanf(text, "%31s %ld %d %7s", call, &plan.at, &plan.error, how) == 4) {
        plan.on = strcmp(how, "on") == 0;
        inject_start(&plan);
    }
}
