/* file_table.c - lp_file: the records of a stream, by their number.
 *
 * Each cursor opens the file, so a query sees it as it is then, and a table whose file is gone can
 * be dropped. */
#include "ext/shared/read_at.h"
#include "ext/sqlite/tables.h"
#include "ext/sqlite/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COLUMN_RECORD, COLUMN_TEXT };

struct file_table {
    sqlite3_vtab base;
    struct connection *c;
    char *path;
};

/* Records up to a number, in which all end with the same separator. */
struct segment_end {
    uint64_t nrecords;
    int separator; /* -1: none */
};

struct file_cursor {
    sqlite3_vtab_cursor base;
    struct connection *c;
    int fd;
    struct lp_file *file;
    struct segment_end *segments;
    size_t nsegments;
    uint64_t at, left; /* the record, and how many there are from it on */
    bool descending;
    char *text; /* of the record last read */
    size_t n, room;
};

/* --- The file ---------------------------------------------------------------------------- */

/* An lp_read_at. */
static enum lp_status read_file(void *ctx, uint64_t offset, void *data, size_t n)
{
    return read_at(((struct file_cursor *)ctx)->fd, offset, data, n);
}

static enum lp_status cannot(struct connection *c, const char *what)
{
    char buffer[100];
    return connection_why(c, LP_IO, "cannot %s: %s", what,
                          connection_errno(errno, buffer, sizeof buffer));
}

static enum lp_status open_regular(struct connection *c, const char *path, int *fd, uint64_t *size)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is not waited for */
    if (*fd < 0)
        return cannot(c, "open");
    if (fstat(*fd, &st) != 0)
        return cannot(c, "read");
    if (!S_ISREG(st.st_mode))
        return connection_why(c, LP_USAGE, "not a regular file");
    *size = (uint64_t)st.st_size;
    return LP_OK;
}

/* Whether a file begins like a stream. */
static enum lp_status expect_stream(struct file_cursor *cursor, uint64_t size)
{
    unsigned char first[16] = {0};
    const size_t n = size < sizeof first ? (size_t)size : sizeof first;
    enum lp_status status = read_at(cursor->fd, 0, first, n);
    if (status != LP_OK || lp_is_stream(first, n))
        return status;
    return connection_why(cursor->c, LP_NOT_LP, "not a stream: lptok makes one");
}

/* Lists where segments end, and how their records do. */
static enum lp_status list_segments(struct file_cursor *cursor)
{
    struct lp_segment segment;
    uint64_t nrecords = 0;
    enum lp_status status;
    while ((status = lp_file_segment(cursor->file, cursor->nsegments, &segment)) == LP_OK) {
        struct segment_end *more =
            sqlite3_realloc64(cursor->segments, (cursor->nsegments + 1) * sizeof *cursor->segments);
        if (more == NULL)
            return LP_NOMEM;
        nrecords += segment.nrecords;
        more[cursor->nsegments++] =
            (struct segment_end){nrecords, lp_split_separator(segment.split)};
        cursor->segments = more;
    }
    return status == LP_USAGE ? LP_OK : status; /* past the last */
}

static enum lp_status open_file(struct file_cursor *cursor, const char *path)
{
    const struct lp_reader_options options = {.find = connection_find,
                                              .find_ctx = cursor->c,
                                              .interrupt = connection_interrupted,
                                              .interrupt_ctx = cursor->c};
    uint64_t size = 0;
    enum lp_status status = open_regular(cursor->c, path, &cursor->fd, &size);
    if (status == LP_OK)
        status = expect_stream(cursor, size);
    if (status == LP_OK)
        status = lp_file_open(read_file, cursor, size, &options, &cursor->file);
    return status == LP_OK ? list_segments(cursor) : status;
}

static void free_cursor(struct file_cursor *cursor)
{
    lp_file_close(cursor->file);
    if (cursor->fd >= 0)
        close(cursor->fd);
    sqlite3_free(cursor->segments);
    sqlite3_free(cursor->text);
    sqlite3_free(cursor);
}

/* Ends a call: the message of a failure is the file's. */
static int end(struct connection *c, const char *path, const struct file_cursor *cursor,
               enum lp_status status, char **message)
{
    connection_end(c);
    if (status == LP_OK || status == LP_NOMEM)
        return connection_code(status);
    if (cursor != NULL && cursor->file != NULL) {
        connection_blame(c, status, lp_file_need(cursor->file));
        if (status == LP_DATA || status == LP_TRUNCATED || status == LP_VERSION)
            connection_why(c, status, "%s at byte %llu", lp_status_text(status),
                           (unsigned long long)lp_file_offset(cursor->file));
    }
    char *name = sqlite3_mprintf("lp_file: %s", path);
    sqlite3_free(*message);
    *message = name == NULL ? NULL : connection_message(c, name, status);
    sqlite3_free(name);
    return *message == NULL ? SQLITE_NOMEM : connection_code(status);
}

static enum lp_status new_cursor(struct connection *c, const char *path, struct file_cursor **out)
{
    struct file_cursor *cursor = sqlite3_malloc(sizeof *cursor);
    *out = cursor;
    if (cursor == NULL)
        return LP_NOMEM;
    *cursor = (struct file_cursor){.c = c, .fd = -1};
    return open_file(cursor, path);
}

/* --- The table --------------------------------------------------------------------------- */

/* The path in an argument of CREATE VIRTUAL TABLE, for sqlite3_free(): as SQL quotes it, or bare.
 */
static char *unquoted(const char *argument)
{
    const char quote = *argument;
    char *path = sqlite3_mprintf("%s", argument);
    if (path == NULL || (quote != '\'' && quote != '"'))
        return path;
    char *to = path;
    for (const char *from = argument + 1; *from != 0 && !(*from == quote && from[1] != quote);
         from++) {
        from += *from == quote;
        *to++ = *from;
    }
    *to = 0;
    return path;
}

static int disconnect(sqlite3_vtab *base)
{
    struct file_table *table = (struct file_table *)base;
    sqlite3_free(table->path);
    sqlite3_free(table);
    return SQLITE_OK;
}

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                   char **error)
{
    if (argc != 4) {
        *error = sqlite3_mprintf("lp_file: takes the name of one file");
        return SQLITE_ERROR;
    }
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE file(record INTEGER PRIMARY KEY, text TEXT)");
    if (rc != SQLITE_OK)
        return rc;
    struct file_table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL)
        return SQLITE_NOMEM;
    *table = (struct file_table){.c = aux, .path = unquoted(argv[3])};
    *out = &table->base;
    if (table->path != NULL)
        return sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY); /* a schema may name any file */
    *out = NULL;
    disconnect(&table->base);
    return SQLITE_NOMEM;
}

/* A table is made of a file that can be read; later that is seen when it is. */
static int create(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                  char **error)
{
    struct file_cursor *cursor;
    int rc = connect(db, aux, argc, argv, out, error);
    if (rc != SQLITE_OK)
        return rc;
    const struct file_table *table = (struct file_table *)*out;
    connection_begin(table->c);
    enum lp_status status = new_cursor(table->c, table->path, &cursor);
    rc = end(table->c, table->path, cursor, status, error);
    if (cursor != NULL)
        free_cursor(cursor);
    if (rc != SQLITE_OK) {
        disconnect(*out);
        *out = NULL;
    }
    return rc;
}

/* --- Queries ----------------------------------------------------------------------------- */

/* What of a query is answered here: a bit in idxNum for each bound on the number of a record, whose
 * values follow in this order, and one for the order of rows. SQLite compares again. */
enum { EQUAL, AT_LEAST, AT_MOST, BOUNDS, DESCENDING = BOUNDS };

static int bound_of(unsigned char op)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return EQUAL;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return AT_LEAST;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return AT_MOST;
    default:
        return BOUNDS;
    }
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    static const double rows[] = {1e6, 3e5, 1e5}; /* a guess, for none, one and two bounds */
    int used[BOUNDS] = {-1, -1, -1}, n = 0;
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        const int bound = bound_of(info->aConstraint[i].op);
        if (info->aConstraint[i].usable && info->aConstraint[i].iColumn <= COLUMN_RECORD &&
            bound < BOUNDS)
            used[bound] = i;
    }
    for (int i = 0; i < BOUNDS; i++) {
        if (used[i] < 0)
            continue;
        info->aConstraintUsage[used[i]].argvIndex = ++n;
        info->idxNum |= 1 << i;
    }
    info->estimatedRows = used[EQUAL] >= 0 ? 1 : (sqlite3_int64)rows[n];
    info->estimatedCost = 100 * (double)info->estimatedRows;
    if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn <= COLUMN_RECORD) {
        info->orderByConsumed = 1;
        info->idxNum |= info->aOrderBy[0].desc ? 1 << DESCENDING : 0;
    }
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    struct file_table *table = (struct file_table *)base;
    struct file_cursor *cursor;
    connection_begin(table->c);
    enum lp_status status = new_cursor(table->c, table->path, &cursor);
    int rc = end(table->c, table->path, cursor, status, &base->zErrMsg);
    if (rc == SQLITE_OK)
        *out = &cursor->base;
    else if (cursor != NULL)
        free_cursor(cursor);
    return rc;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    free_cursor((struct file_cursor *)base);
    return SQLITE_OK;
}

/* Narrows a range of records by a bound. What is no number is not narrowed by, as SQLite orders it
 * before or after all numbers. */
static void narrow(int bound, sqlite3_value *value, sqlite3_int64 *first, sqlite3_int64 *last)
{
    const int type = sqlite3_value_numeric_type(value);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
        return;
    const sqlite3_int64 number = sqlite3_value_int64(value);
    if (bound != AT_MOST && number > *first)
        *first = number;
    if (bound != AT_LEAST && number < *last)
        *last = number;
}

static int filter(sqlite3_vtab_cursor *base, int bounds, const char *index, int argc,
                  sqlite3_value **argv)
{
    struct file_cursor *cursor = (struct file_cursor *)base;
    const uint64_t nrecords =
        cursor->nsegments > 0 ? cursor->segments[cursor->nsegments - 1].nrecords : 0;
    sqlite3_int64 first = 1, last = nrecords < INT64_MAX ? (sqlite3_int64)nrecords : INT64_MAX;
    (void)index;
    (void)argc;
    for (int bound = 0, n = 0; bound < BOUNDS; bound++) {
        if ((bounds >> bound & 1) != 0)
            narrow(bound, argv[n++], &first, &last);
    }
    cursor->descending = (bounds >> DESCENDING & 1) != 0;
    cursor->left = first <= last ? (uint64_t)(last - first) + 1 : 0;
    cursor->at = (uint64_t)(cursor->descending ? last : first);
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct file_cursor *cursor = (struct file_cursor *)base;
    cursor->at += cursor->descending ? (uint64_t)-1 : 1;
    cursor->left--;
    return SQLITE_OK;
}

static int is_over(sqlite3_vtab_cursor *base)
{
    return ((struct file_cursor *)base)->left == 0;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct file_cursor *)base)->at;
    return SQLITE_OK;
}

/* --- Records ----------------------------------------------------------------------------- */

/* An lp_sink. A record may be any size, up to SQLite's limit for a value. */
static enum lp_status take(void *ctx, const void *data, size_t n)
{
    struct file_cursor *cursor = ctx;
    const size_t limit = (size_t)sqlite3_limit(cursor->c->db, SQLITE_LIMIT_LENGTH, -1);
    if (cursor->n > limit || n > limit - cursor->n)
        return LP_MAX_TEXT;
    if (n > cursor->room - cursor->n) {
        const size_t room = 2 * (cursor->n + n);
        char *text = sqlite3_realloc64(cursor->text, room);
        if (text == NULL)
            return LP_NOMEM;
        cursor->text = text;
        cursor->room = room;
    }
    memcpy(cursor->text + cursor->n, data, n);
    cursor->n += n;
    return LP_OK;
}

/* The byte that ends a record, -1 for none. */
static int separator_of(const struct file_cursor *cursor, uint64_t record)
{
    size_t low = 0, high = cursor->nsegments - 1;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (cursor->segments[middle].nrecords < record)
            low = middle + 1;
        else
            high = middle;
    }
    return cursor->segments[low].separator;
}

static enum lp_status read_record(struct file_cursor *cursor)
{
    const int separator = separator_of(cursor, cursor->at);
    cursor->n = 0;
    enum lp_status status = lp_file_record(cursor->file, cursor->at, take, cursor);
    if (cursor->n > 0 && (unsigned char)cursor->text[cursor->n - 1] == separator)
        cursor->n--;
    return status;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
    struct file_cursor *cursor = (struct file_cursor *)base;
    if (number == COLUMN_RECORD)
        sqlite3_result_int64(ctx, (sqlite3_int64)cursor->at);
    if (number != COLUMN_TEXT)
        return SQLITE_OK;
    connection_begin(cursor->c);
    enum lp_status status = read_record(cursor);
    if (status == LP_OK)
        status = value_check_result(cursor->c, cursor->text, cursor->n);
    if (status == LP_OK)
        sqlite3_result_text64(ctx, cursor->n > 0 ? cursor->text : "", cursor->n, SQLITE_TRANSIENT,
                              SQLITE_UTF8);
    return end(cursor->c, ((struct file_table *)base->pVtab)->path, cursor, status,
               &base->pVtab->zErrMsg);
}

static const sqlite3_module module = {
    .xCreate = create,
    .xConnect = connect,
    .xDisconnect = disconnect,
    .xDestroy = disconnect,
    .xBestIndex = best_index,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = is_over,
    .xColumn = column,
    .xRowid = rowid,
};

int file_table_define(struct connection *c)
{
    c->users++; /* which SQLite drops, also when it fails */
    return sqlite3_create_module_v2(c->db, "lp_file", &module, c, connection_drop);
}
