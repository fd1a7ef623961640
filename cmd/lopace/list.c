#include "lopace/list.h"

#include "lopace/file.h"
#include "shared/io.h"
#include "shared/stored.h"
#include "shared/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file, or the sum of all. */
struct row {
    uint64_t nrecords, nblocks, stored, text;
    const char *chain;
};

struct listing {
    const struct tool *tool;
    const struct options *o;
    struct finder *finder;
    struct output out;
    int fd; /* of the file at work */
};

static void put_row(struct listing *l, const struct row *r, const char *name)
{
    char stored[32], text[32];
    output_print(&l->out, "%9" PRIu64 " %7" PRIu64 " %9s %9s %7.2f  %-11s  ", r->nrecords,
                 r->nblocks, human_bytes(stored, sizeof stored, r->stored),
                 human_bytes(text, sizeof text, r->text),
                 r->stored > 0 ? (double)r->text / (double)r->stored : 0, r->chain);
    output_name(&l->out, name, 0);
    output_print(&l->out, "\n");
}

static enum lp_status read_at(void *ctx, uint64_t offset, void *data, size_t n)
{
    const struct listing *l = ctx;
    const ssize_t got = file_read_at(l->fd, data, n, offset);
    if (got < 0)
        return LP_IO;
    return (size_t)got == n ? LP_OK : LP_TRUNCATED;
}

static int fail(const struct listing *l, const char *name, enum lp_status status, uint64_t offset,
                const struct lp_need *need)
{
    if (status != LP_IO)
        return tool_tell(l->tool, name, status, offset, need);
    const bool unread = l->finder->unread[0] != 0;
    tool_warn(l->tool, "%s: %s%s", name,
              unread ? "" : "cannot read: ", unread ? l->finder->unread : strerror(errno));
    return EXIT_IO;
}

static int read_stream(struct listing *l, const struct entry *entry, struct row *r)
{
    struct lp_file *file = NULL;
    struct lp_segment s;
    const struct lp_reader_options options = {
        .find = finder_try, .find_ctx = l->finder, .memory = l->o->memory};
    int code = EXIT_OK;
    enum lp_status status = lp_file_open(read_at, l, entry->size, &options, &file);
    for (size_t i = 0; status == LP_OK && (status = lp_file_segment(file, i, &s)) == LP_OK; i++) {
        r->nrecords += s.nrecords;
        r->nblocks += s.nblocks;
        r->text += s.text_size;
        r->chain =
            i == 0 || strcmp(r->chain, chain_name(s.chain)) == 0 ? chain_name(s.chain) : "several";
    }
    if (status != LP_USAGE) /* that is past the last */
        code = fail(l, entry->path, status, file != NULL ? lp_file_offset(file) : 0,
                    file != NULL ? lp_file_need(file) : NULL);
    lp_file_close(file);
    return code;
}

static enum lp_status add_size(void *ctx, const void *text, size_t n)
{
    (void)text;
    ((struct row *)ctx)->text += n;
    return LP_OK;
}

/* Only unpacking it tells how large its text is. */
static int read_blob(struct listing *l, const struct entry *entry, struct row *r)
{
    struct unpacker u = {
        .options = {.find = finder_try, .find_ctx = l->finder, .memory = l->o->memory},
        .sink = add_size,
        .sink_ctx = r};
    struct lp_blob_info info = {0};
    const size_t n = (size_t)entry->size;
    unsigned char *data = n == entry->size ? malloc(n > 0 ? n : 1) : NULL;
    enum lp_status status = data != NULL ? read_at(l, 0, data, n) : LP_NOMEM;
    if (status == LP_OK)
        status = unpacker_push(&u, data, n);
    if (status == LP_OK)
        status = unpacker_finish(&u);
    if (status == LP_OK)
        lp_blob_info(data, n, &info);
    const int code = status == LP_OK ? EXIT_OK : fail(l, entry->path, status, 0, unpacker_need(&u));
    r->nrecords = r->nblocks = 1;
    r->chain = chain_name(info.chain);
    unpacker_close(&u);
    free(data);
    return code;
}

static int list_file(struct listing *l, const struct entry *entry, struct row *r)
{
    enum { BLOB_MAX = LP_BLOCK_MAX + 64 };
    unsigned char first[4] = {0};
    const size_t n = entry->size < sizeof first ? (size_t)entry->size : sizeof first;
    l->fd = open(entry->path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0)
        return fail(l, entry->path, LP_IO, 0, NULL);
    r->stored = entry->size;
    enum lp_status status = read_at(l, 0, first, n);
    if (status == LP_OK && !lp_is_blob(first, n) && !lp_is_stream(first, n))
        status = LP_NOT_LP;
    int code;
    if (status != LP_OK)
        code = fail(l, entry->path, status, 0, NULL);
    else if (lp_is_blob(first, n) && entry->size <= BLOB_MAX)
        code = read_blob(l, entry, r);
    else
        code = read_stream(l, entry, r);
    close(l->fd);
    return code;
}

int list_files(const struct tool *tool, const struct options *o, struct finder *finder,
               const struct walk *walk)
{
    struct listing l = {.tool = tool, .o = o, .finder = finder};
    struct row sum = {.chain = ""};
    int code = walk->failed ? EXIT_IO : EXIT_OK;
    size_t nlisted = 0;
    output_open(tool, &l.out, NULL, false);
    for (size_t i = 0; i < walk->n; i++) {
        struct row row = {.chain = ""};
        const int one = list_file(&l, &walk->v[i], &row);
        code = one > code ? one : code;
        if (one != EXIT_OK)
            continue;
        if (nlisted++ == 0)
            output_print(&l.out, "  records  blocks    packed      text   ratio  chain        "
                                 "file\n");
        put_row(&l, &row, walk->v[i].path);
        sum.nrecords += row.nrecords;
        sum.nblocks += row.nblocks;
        sum.stored += row.stored;
        sum.text += row.text;
    }
    if (nlisted > 1)
        put_row(&l, &sum, "total");
    output_close(&l.out);
    return code;
}
