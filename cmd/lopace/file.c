#include "lopace/file.h"

#include "lopace/remove.h"
#include "shared/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER = 64 << 10 };

/* One file at work. */
struct file {
    struct work *work;
    const struct entry *entry;
    int fd; /* of the input */
    struct stat st;
    struct replacement out;
    unsigned char *sample; /* the input's first bytes: n of them */
    size_t n;
    uint64_t nread, nwritten;
    int error;               /* errno of what failed; 0: nothing */
    const char *failed, *to; /* with error: which file, "read" or "write" */
    char how[80];            /* it was packed, for -v */
    double start;            /* seconds_now() */
    bool made;               /* the output was made here, and is in place */
};

static int fail(const struct file *f, const char *name, const char *what)
{
    tool_warn(f->work->tool, "%s: cannot %s: %s", name, what, strerror(errno));
    return EXIT_IO;
}

/* Says what a status means for a file, and returns the exit code. */
static int explain(const struct file *f, const char *name, enum lp_status status, uint64_t offset,
                   const struct lp_need *need)
{
    struct work *work = f->work;
    errno = f->error;
    if (status == LP_IO && f->error != 0)
        return fail(f, f->failed, f->to);
    pthread_mutex_lock(&work->finding);
    const bool unread = status == LP_IO && work->finder->unread[0] != 0;
    if (unread)
        tool_warn(work->tool, "%s: %s", name, work->finder->unread);
    pthread_mutex_unlock(&work->finding);
    return unread ? EXIT_IO : tool_tell(work->tool, name, status, offset, need);
}

/* --- Reading and writing ----------------------------------------------------- */

ssize_t file_read_at(int fd, void *data, size_t n, uint64_t offset)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)data + done, n - done, (off_t)(offset + done));
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

static enum lp_status io_error(struct file *f, const char *failed, const char *to)
{
    f->error = errno;
    f->failed = failed;
    f->to = to;
    return LP_IO;
}

/* An lp_sink: writes to the file's output. */
static enum lp_status put(void *ctx, const void *data, size_t n)
{
    struct file *f = ctx;
    if (!write_whole(f->out.fd, data, n))
        return io_error(f, f->entry->output, "write");
    f->nwritten += n;
    work_count(f->work, 0, n);
    return LP_OK;
}

/* An lp_sink, for tests. */
static enum lp_status drop(void *ctx, const void *data, size_t n)
{
    struct file *f = ctx;
    (void)data;
    f->nwritten += n;
    work_count(f->work, 0, n);
    return LP_OK;
}

/* Restores what an open file holds; name is for messages. */
static int restore(struct file *f, int fd, const char *name, lp_sink *sink, void *ctx, bool counted)
{
    struct unpacker u = {.options = {.find = work_find,
                                     .find_ctx = f->work,
                                     .memory = f->work->o->memory,
                                     .threads = f->work->packing.lp.threads},
                         .sink = sink,
                         .sink_ctx = ctx};
    unsigned char *data = malloc(BUFFER);
    enum lp_status status = data != NULL ? LP_OK : LP_NOMEM;
    uint64_t at = 0;
    ssize_t n = 0;
    while (status == LP_OK && (n = file_read_at(fd, data, BUFFER, at)) > 0) {
        status = unpacker_push(&u, data, (size_t)n);
        at += (uint64_t)n;
        if (counted)
            work_count(f->work, (uint64_t)n, 0);
    }
    if (status == LP_OK && n == 0)
        status = unpacker_finish(&u);
    int code = EXIT_OK;
    if (n < 0)
        code = fail(f, name, "read");
    else if (status != LP_OK && status != LP_STOP)
        code = explain(f, name, status, unpacker_offset(&u), unpacker_need(&u));
    f->nread = counted ? at : f->nread;
    unpacker_close(&u);
    free(data);
    return code;
}

/* --- Comparing --------------------------------------------------------------- */

struct comparison {
    int fd; /* of the text */
    uint64_t at;
    unsigned char *data;
    bool differs;
};

static enum lp_status compare(void *ctx, const void *text, size_t n)
{
    struct comparison *c = ctx;
    for (size_t done = 0, part; done < n; done += part) {
        part = n - done < BUFFER ? n - done : BUFFER;
        c->differs = file_read_at(c->fd, c->data, part, c->at) != (ssize_t)part ||
                     memcmp(c->data, (const char *)text + done, part) != 0;
        if (c->differs)
            return LP_STOP;
        c->at += part;
    }
    return LP_OK;
}

/* What is read of a file from now on comes from the disk, where the system can do that. */
static void forget_cached(int fd)
{
#ifdef POSIX_FADV_DONTNEED
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
#else
    (void)fd;
#endif
}

/* Whether one open file, which is on disk, holds the text that the other one is. Says so where it
 * cannot be restored. */
static bool holds(struct file *f, int packed, int text, const char *name)
{
    struct stat st;
    struct comparison c = {.fd = text, .data = malloc(BUFFER)};
    if (c.data == NULL)
        tool_die(f->work->tool, EXIT_IO, "out of memory");
    forget_cached(packed);
    forget_cached(text);
    const bool restored = restore(f, packed, name, compare, &c, false) == EXIT_OK;
    free(c.data);
    return restored && !c.differs && fstat(text, &st) == 0 && (uint64_t)st.st_size == c.at;
}

/* The descriptor of the packed side, and of the text. */
static bool proved(struct file *f, int output)
{
    const bool pack = f->work->o->action == PACK;
    return holds(f, pack ? output : f->fd, pack ? f->fd : output,
                 pack ? f->entry->output : f->entry->path);
}

/* --- Packing and restoring --------------------------------------------------- */

/* Reads the first bytes of the input. */
static int read_sample(struct file *f)
{
    const uint64_t size = (uint64_t)f->st.st_size + 1; /* one more shows that it has grown */
    const size_t n = size < METHOD_SAMPLE ? (size_t)size : METHOD_SAMPLE;
    f->sample = malloc(n);
    if (f->sample == NULL)
        tool_die(f->work->tool, EXIT_IO, "out of memory");
    const ssize_t got = file_read_at(f->fd, f->sample, n, 0);
    f->n = got > 0 ? (size_t)got : 0;
    return got < 0 ? fail(f, f->entry->path, "read") : EXIT_OK;
}

/* Packs the bytes after the sample. */
static enum lp_status pack_rest(struct file *f, struct packer *p)
{
    ssize_t n;
    enum lp_status status = LP_OK;
    while (status == LP_OK && (n = file_read_at(f->fd, f->sample, BUFFER, f->nread)) > 0) {
        status = packer_push(p, f->sample, (size_t)n);
        f->nread += (uint64_t)n;
        work_count(f->work, (uint64_t)n, 0);
    }
    return status == LP_OK && n < 0 ? io_error(f, f->entry->path, "read") : status;
}

static enum lp_status pack_sample(struct file *f, struct packer *p)
{
    enum lp_status status = LP_OK;
    while (status == LP_OK && f->nread < f->n) {
        const size_t left = f->n - (size_t)f->nread, n = left < BUFFER ? left : BUFFER;
        status = packer_push(p, f->sample + f->nread, n);
        f->nread += n;
        work_count(f->work, n, 0);
    }
    return status;
}

static int pack(struct file *f)
{
    struct packer p;
    enum lp_status status = packer_open(&p, &f->work->packing, f->sample, f->n, put, f);
    if (status == LP_OK)
        status = pack_sample(f, &p);
    if (status == LP_OK && f->n == METHOD_SAMPLE)
        status = pack_rest(f, &p);
    if (status == LP_OK)
        status = packer_end_record(&p);
    if (status == LP_OK)
        status = packer_finish(&p);
    if (status == LP_OK)
        method_pipeline(f->how, sizeof f->how, p.method, p.split);
    const int code =
        status == LP_OK ? EXIT_OK : explain(f, f->entry->path, status, 0, packer_need(&p));
    packer_close(&p);
    return code;
}

static int convert(struct file *f)
{
    if (f->work->o->action == PACK)
        return pack(f);
    return restore(f, f->fd, f->entry->path, put, f, true);
}

/* --- The input --------------------------------------------------------------- */

static int open_input(struct file *f)
{
    const struct options *o = f->work->o;
    const char *path = f->entry->path;
    const bool follow = o->action != PACK || f->work->tool->force;
    do
        f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0 || fstat(f->fd, &f->st) != 0)
        return fail(f, path, "open");
    if (!S_ISREG(f->st.st_mode)) {
        tool_warn(f->work->tool, "%s: is not a regular file", path);
        return EXIT_IO;
    }
    if (o->action != PACK)
        return EXIT_OK;
    return read_sample(f);
}

static bool has_changed(const struct file *f)
{
    struct stat now;
    return fstat(f->fd, &now) != 0 || !same_content(&now, &f->st) ||
           f->nread != (uint64_t)f->st.st_size;
}

/* --- The output -------------------------------------------------------------- */

enum existing { NONE, REPLACE, DONE, REFUSED };

/* What is to become of a file that has the output's name. One that holds the input is what an
 * earlier run has left that ended before it removed that. */
static enum existing look_at_existing(struct file *f)
{
    struct work *work = f->work;
    const char *path = f->entry->output;
    struct stat st;
    if (lstat(path, &st) != 0)
        return NONE;
    int fd = work->o->removes ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
    const bool same = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fsync(fd) == 0 &&
                      proved(f, fd) && replace_sync_directory(work->tool, path);
    if (fd >= 0)
        close(fd);
    if (same)
        return DONE;
    return work_may_overwrite(work, work->tool, path) ? REPLACE : REFUSED;
}

static int leave(const struct file *f, const char *why)
{
    tool_warn(f->work->tool, "%s: left alone: %s", f->entry->path, why);
    return EXIT_IO;
}

/* Gives the output its name, unless an output of this run has it, by whatever way: that may be all
 * that is left of its input. One that is fresh overwrites none. */
static int put_in_place(struct file *f)
{
    struct work *work = f->work;
    const bool fresh = f->out.fresh, synced = replace_sync(&f->out); /* no other waits for that */
    struct stat st;
    bool done = synced && fstat(f->out.fd, &st) == 0, taken = false;
    pthread_mutex_lock(&work->placing);
    if (done) {
        taken = !fresh && made_has(&work->made, f->entry->output);
        if (!made_add(&work->made, &st))
            tool_die(work->tool, EXIT_IO, "out of memory");
    }
    if (fresh)
        pthread_mutex_unlock(&work->placing);
    done = done && !taken && replace_finish(&f->out);
    if (!fresh)
        pthread_mutex_unlock(&work->placing);
    if (taken)
        leave(f, "its output would replace that of another file");
    if (!done)
        replace_abandon(&f->out);
    return done ? EXIT_OK : EXIT_IO;
}

static int make_output(struct file *f, bool fresh)
{
    struct work *work = f->work;
    const bool removes = work->o->removes;
    if (!replace_open(work->tool, &f->out, f->entry->output))
        return EXIT_IO;
    f->out.exists = false; /* it is like its input, whatever was there */
    f->out.fresh = fresh;
    replace_like(&f->out, &f->st, f->fd);
    int code = convert(f);
    if (code == EXIT_OK && has_changed(f))
        code = leave(f, "it changed while it was read");
    if (code == EXIT_OK && removes && !replace_sync(&f->out))
        code = EXIT_IO;
    if (code == EXIT_OK && removes && !f->out.synced)
        code = leave(f, "its output cannot be synced");
    if (code == EXIT_OK && removes && !proved(f, f->out.fd))
        code = leave(f, has_changed(f) ? "it changed while it was read"
                                       : "what was written and read back differs from it");
    if (code != EXIT_OK)
        replace_abandon(&f->out);
    else
        code = put_in_place(f);
    f->made = code == EXIT_OK;
    return code;
}

/* --- All of it --------------------------------------------------------------- */

/* Whether the input is where it was. Else its output may be all that is left of it. */
static bool is_in_place(const struct file *f)
{
    struct stat st;
    return lstat(f->entry->path, &st) == 0 && same_file(&st, &f->st);
}

/* Removes the input; where that is not to be, what was made of it here. */
static int remove_input(struct file *f)
{
    const struct entry *entry = f->entry;
    if (!f->work->o->removes)
        return EXIT_OK;
    if (f->made && !f->out.lasting)
        return leave(f, "the directory of its output cannot be synced");
    if (remove_file(f->work->tool, entry->path, f->fd, &f->st))
        return EXIT_OK;
    if (f->made && is_in_place(f))
        unlink(entry->output);
    return EXIT_IO;
}

static void tell(const struct file *f)
{
    const bool pack = f->work->o->action == PACK, test = f->work->o->action == TEST;
    const uint64_t text = pack ? f->nread : f->nwritten, packed = pack ? f->nwritten : f->nread;
    if (!f->work->tool->verbose)
        return;
    if (f->nread == 0 && f->nwritten == 0)
        tool_warn(f->work->tool, "%s: removed: %s holds it", f->entry->path, f->entry->output);
    else
        tool_warn(f->work->tool, "%s: %" PRIu64 " -> %" PRIu64 " bytes, ratio %.2f, %.2f s%s%s",
                  f->entry->path, f->nread, f->nwritten,
                  packed > 0 ? (double)text / (double)packed : 0, seconds_now() - f->start,
                  pack   ? ": "
                  : test ? ": good"
                         : "",
                  f->how);
}

/* What is packed already in a directory stays as it is. */
static int pass_over(const struct file *f)
{
    if (f->entry->named)
        tool_warn(f->work->tool, "%s: is packed already: use -f to pack it again", f->entry->path);
    else if (f->work->tool->verbose)
        tool_warn(f->work->tool, "%s: is packed already", f->entry->path);
    return f->entry->named ? EXIT_DATA : EXIT_OK;
}

static int convert_file(struct file *f)
{
    if (f->work->o->removes && !remove_allowed(f->work->tool, f->entry->path, f->fd, &f->st))
        return EXIT_IO;
    const enum existing existing = look_at_existing(f);
    int code = existing == REFUSED ? EXIT_IO : EXIT_OK;
    if (existing == NONE || existing == REPLACE)
        code = make_output(f, existing == NONE);
    return code == EXIT_OK ? remove_input(f) : code;
}

/* Whether the input is needed to restore its own output, or others. */
static bool is_needed(const struct file *f)
{
    return same_file(&f->st, &f->work->dictionary) || remove_loses(f->entry->path, f->sample, f->n);
}

/* What is needed in a directory stays as it is. */
static int keep_needed(const struct file *f)
{
    if (f->entry->named)
        return leave(f, "packed files need it to be restored: pack it without --rm");
    if (f->work->tool->verbose)
        leave(f, "packed files need it to be restored");
    return EXIT_OK;
}

/* Does what the action is with an open input. */
static int act(struct file *f)
{
    const enum action action = f->work->o->action;
    if (action == PACK && f->n >= 4 && lp_is_stream(f->sample, f->n) && !f->work->tool->force)
        return pass_over(f);
    if (action == PACK && f->work->o->removes && is_needed(f))
        return keep_needed(f);
    const int code =
        action == TEST ? restore(f, f->fd, f->entry->path, drop, f, true) : convert_file(f);
    if (code == EXIT_OK)
        tell(f);
    return code;
}

int file_work(struct work *work, const struct entry *entry)
{
    struct file f = {.work = work, .entry = entry, .fd = -1, .start = seconds_now()};
    int code = open_input(&f);
    if (code == EXIT_OK)
        code = act(&f);
    free(f.sample);
    if (f.fd >= 0)
        close(f.fd);
    return code;
}
