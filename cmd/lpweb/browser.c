#include "lpweb/browser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs in a process that nobody waits for. A browser says much that is no concern of this terminal.
 */
static _Noreturn void open_with(const char *const *commands, char *address)
{
    const int null = open("/dev/null", O_RDWR);
    for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    for (; *commands != NULL; commands++) {
        char name[64];
        snprintf(name, sizeof name, "%s", *commands);
        execvp(name, (char *[]){name, address, NULL});
    }
    _exit(EXIT_IO);
}

/* Whether there is a screen that a browser could be on. */
static bool has_screen(void)
{
#if defined(__APPLE__)
    return getenv("SSH_CONNECTION") == NULL;
#else
    return getenv("DISPLAY") != NULL || getenv("WAYLAND_DISPLAY") != NULL ||
           getenv("WSL_DISTRO_NAME") != NULL || getenv("BROWSER") != NULL;
#endif
}

void browser_open(const struct tool *tool, const char *address)
{
#if defined(__APPLE__)
    static const char *const commands[] = {"open", NULL};
#else
    static const char *const commands[] = {"xdg-open", "wslview", "x-www-browser", NULL};
#endif
    char text[256];
    int status;
    if (!has_screen())
        return;
    snprintf(text, sizeof text, "%s", address);
    const pid_t process = fork();
    if (process == 0) {
        setsid(); /* Ctrl-C ends lpweb, not the browser */
        if (fork() == 0)
            open_with(commands, text);
        _exit(EXIT_OK);
    }
    if (process < 0)
        tool_warn(tool, "cannot open a browser: %s", strerror(errno));
    while (process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR)
        ;
}
