#include "shared/progress.h"

#include <time.h>
#include <unistd.h>

enum { DELAY_MS = 1000, EVERY_MS = 100 };

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_start(struct progress *p, const struct tool *tool, const char *what, uint64_t total)
{
    *p = (struct progress){.tool = tool, .what = what, .total = total, .start = seconds_now()};
    p->wanted = !tool->quiet && isatty(STDERR_FILENO);
}

void progress_add(struct progress *p, uint64_t n)
{
    p->done += n;
    if (!p->wanted)
        return;
    double now = seconds_now();
    if ((now - p->start) * 1e3 < DELAY_MS || (now - p->last) * 1e3 < EVERY_MS)
        return;
    p->last = now;
    if (p->total > 0)
        tool_print("\r%s: %s %3.0f %%\033[K", p->tool->name, p->what,
                   100 * (double)p->done / (double)p->total);
    else if (p->done > 0)
        tool_print("\r%s: %s %.1f MB\033[K", p->tool->name, p->what, (double)p->done / 1e6);
    else
        tool_print("\r%s: %s\033[K", p->tool->name, p->what);
}

void progress_say(void *ctx, const char *what)
{
    struct progress *progress = ctx;
    progress->what = what;
    progress_add(progress, 0);
}

void progress_end(struct progress *p)
{
    if (p->last > 0)
        tool_print("\r\033[K");
    p->last = 0;
}
