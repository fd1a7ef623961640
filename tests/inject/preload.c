/* preload - a library for LD_PRELOAD. INJECT="CALL N ERRNO on|once" says what fails; once it has,
 * the first byte of the file INJECT_MARK is 1, or 2 if the call was spared. */
#include "inject.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char call[32];
static unsigned char *mark; /* mapped: then no call is needed, nor any allowed */

static void met(bool spared)
{
    *mark = spared ? 2 : 1;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *text = getenv("INJECT"), *path = getenv("INJECT_MARK");
    char how[8];
    struct inject plan = {.call = call, .met = met};
    if (text == NULL || path == NULL ||
        sscanf(text, "%31s %ld %d %7s", call, &plan.at, &plan.error, how) != 4)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    mark = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    plan.on = strcmp(how, "on") == 0;
    if (mark != MAP_FAILED)
        inject_start(&plan);
}
