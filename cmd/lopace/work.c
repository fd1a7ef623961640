#include "lopace/work.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum lp_status work_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    struct work *work = ctx;
    pthread_mutex_lock(&work->finding);
    const enum lp_status status = finder_try(work->finder, need, found);
    pthread_mutex_unlock(&work->finding);
    return status;
}

void work_count(struct work *work, uint64_t nread, uint64_t nwritten)
{
    pthread_mutex_lock(&work->telling);
    work->progress->written += nwritten;
    progress_add(work->progress, nread);
    pthread_mutex_unlock(&work->telling);
}

/* Asks on the terminal; false where there is none. */
static bool ask(const struct tool *tool, const char *path)
{
    char c, answer = 0;
    if (tool->quiet || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    tool_ask(tool, "%s: is there already: overwrite it (y/N)?", path);
    for (bool first = true; read(STDIN_FILENO, &c, 1) == 1 && c != '\n'; first = false)
        answer = first ? c : answer;
    return answer == 'y' || answer == 'Y';
}

bool work_may_overwrite(struct work *work, const struct tool *tool, const char *path)
{
    if (tool->force)
        return true;
    if (work != NULL)
        pthread_mutex_lock(&work->telling);
    const bool may = ask(tool, path);
    if (work != NULL)
        pthread_mutex_unlock(&work->telling);
    if (!may)
        tool_warn(tool, "%s: is there already: use -f to overwrite it", path);
    return may;
}

static void *run_thread(void *ctx)
{
    struct work *work = ctx;
    pthread_mutex_lock(&work->telling);
    while (work->next < work->walk->n) {
        const struct entry *entry = &work->walk->v[work->next++];
        pthread_mutex_unlock(&work->telling);
        const int code = work->each(work, entry);
        pthread_mutex_lock(&work->telling);
        work->ndone += code == EXIT_OK;
        work->code = code > work->code ? code : work->code;
    }
    pthread_mutex_unlock(&work->telling);
    return NULL;
}

/* Files share the threads: each has one, or where there are few files, some. Where the system has
 * no more threads the others, this one at least, do all there is. */
int work_run(struct work *work, work_entry *each)
{
    const size_t nfiles = work->walk->n, most = work->o->threads;
    const size_t n = nfiles < most ? nfiles : most;
    pthread_t *threads = calloc(n + 1, sizeof *threads);
    size_t started = 0;
    if (threads == NULL)
        tool_die(work->tool, EXIT_IO, "out of memory");
    work->each = each;
    work->packing.lp.threads = (unsigned)(n > 0 ? most / n : 1);
    pthread_mutex_init(&work->finding, NULL);
    pthread_mutex_init(&work->telling, NULL);
    pthread_mutex_init(&work->placing, NULL);
    progress_start_bytes(work->progress, work->tool, work->walk->size);
    while (started + 1 < n && pthread_create(&threads[started], NULL, run_thread, work) == 0)
        started++;
    run_thread(work);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    made_free(&work->made);
    progress_end(work->progress);
    if (work->tool->verbose && nfiles > 1)
        tool_warn(work->tool, "%zu of %zu files", work->ndone, nfiles);
    if (work->tool->verbose && nfiles > 1)
        progress_sum_up(work->progress);
    return work->code;
}
