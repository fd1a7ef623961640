#include "shared/progress.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum { DELAY_MS = 1000, EVERY_MS = 100 };
/* Bytes read and written before a ratio is shown: what is read ahead of what is written, some
   blocks for each thread, is about a tenth of them. */
enum { ENOUGH = 100 << 20 };

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

void progress_start_bytes(struct progress *p, const struct tool *tool, uint64_t total)
{
    const enum flow flow = p->flow;
    progress_start(p, tool, NULL, total);
    p->flow = flow;
}

double progress_ratio(const struct progress *p)
{
    const uint64_t text = p->flow == FLOW_UNPACKS ? p->written : p->done;
    const uint64_t packed = p->flow == FLOW_UNPACKS ? p->done : p->written;
    return p->flow != FLOW_OTHER && packed > 0 ? (double)text / (double)packed : 0;
}

/* "3:05", or "2:03:05". */
static void duration(char *text, size_t size, double seconds)
{
    const uint64_t s = (uint64_t)seconds;
    if (s < 3600)
        snprintf(text, size, "%" PRIu64 ":%02u", s / 60, (unsigned)(s % 60));
    else
        snprintf(text, size, "%" PRIu64 ":%02u:%02u", s / 3600, (unsigned)(s / 60 % 60),
                 (unsigned)(s % 60));
}

static void put_bytes(const struct progress *p, double now)
{
    char percent[16] = "", ratio[32] = "", left[64] = "", time[48];
    const double rate = (double)p->done / (now - p->start);
    if (progress_ratio(p) > 0 && p->done + p->written >= ENOUGH)
        snprintf(ratio, sizeof ratio, "  ratio %.2f", progress_ratio(p));
    if (p->total > 0 && p->done <= p->total) {
        snprintf(percent, sizeof percent, "%3.0f%%  ", 100 * (double)p->done / (double)p->total);
        duration(time, sizeof time, (double)(p->total - p->done) / rate);
        snprintf(left, sizeof left, "  %s left", time);
    }
    tool_print("\r%s: %s%.1f MB  %.1f MB/s%s%s\033[K", p->tool->name, percent,
               (double)p->done / 1e6, rate / 1e6, ratio, left);
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
    if (p->what == NULL && p->done > 0)
        put_bytes(p, now);
    else if (p->what == NULL)
        p->last = 0;
    else if (p->total > 0)
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

void progress_sum_up(const struct progress *p)
{
    char ratio[32] = "";
    const double seconds = seconds_now() - p->start;
    if (progress_ratio(p) > 0)
        snprintf(ratio, sizeof ratio, ", ratio %.2f", progress_ratio(p));
    tool_warn(p->tool, "%" PRIu64 " byte%s in, %" PRIu64 " byte%s out%s, %.2f s, %.1f MB/s",
              p->done, plural(p->done), p->written, plural(p->written), ratio, seconds,
              (double)p->done / 1e6 / (seconds > 0 ? seconds : 1));
}
