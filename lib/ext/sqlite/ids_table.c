/* ids_table.c - lp_ids(x [, encoding [, parent]]): a row for each token, whose rowid is its place.
 */
#include "ext/sqlite/tables.h"
#include "ext/sqlite/value.h"

#include <string.h>

enum { COLUMN_ID, COLUMN_TOKEN, HIDDEN, ARGUMENTS = 3 };

struct ids_table {
    sqlite3_vtab base;
    struct connection *c;
};

struct ids_cursor {
    sqlite3_vtab_cursor base;
    sqlite3_value *arguments[ARGUMENTS]; /* NULL: not given */
    struct tokens tokens;                /* whose ids are the cursor's own */
    uint32_t *ids;
    size_t at;
};

static int connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                   char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    int rc = sqlite3_declare_vtab(
        db, "CREATE TABLE ids(id INTEGER, token BLOB, x HIDDEN, encoding HIDDEN, parent HIDDEN)");
    if (rc != SQLITE_OK)
        return rc;
    struct ids_table *table = sqlite3_malloc(sizeof *table);
    if (table == NULL)
        return SQLITE_NOMEM;
    *table = (struct ids_table){.c = aux};
    *out = &table->base;
    return sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
}

static int disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct ids_cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (cursor == NULL)
        return SQLITE_NOMEM;
    *cursor = (struct ids_cursor){0};
    *out = &cursor->base;
    return SQLITE_OK;
}

static void free_arguments(struct ids_cursor *cursor)
{
    for (int i = 0; i < ARGUMENTS; i++) {
        sqlite3_value_free(cursor->arguments[i]);
        cursor->arguments[i] = NULL;
    }
}

/* Keeps what is given, which are the values of the hidden columns. */
static bool take_arguments(struct ids_cursor *cursor, int given, sqlite3_value **argv)
{
    bool taken = true;
    free_arguments(cursor);
    for (int i = 0, n = 0; taken && i < ARGUMENTS; i++) {
        if ((given >> i & 1) == 0)
            continue;
        cursor->arguments[i] = sqlite3_value_dup(argv[n++]);
        taken = cursor->arguments[i] != NULL;
    }
    return taken;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
    struct ids_cursor *cursor = (struct ids_cursor *)base;
    free_arguments(cursor);
    sqlite3_free(cursor->ids);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/* idxNum has a bit for each argument that is given. */
static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    int given[ARGUMENTS] = {-1, -1, -1}, n = 0;
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        const int column = info->aConstraint[i].iColumn;
        if (column < HIDDEN || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT;
        given[column - HIDDEN] = i;
    }
    for (int i = 0; i < ARGUMENTS; i++) {
        if (given[i] < 0)
            continue;
        info->aConstraintUsage[given[i]].argvIndex = ++n;
        info->aConstraintUsage[given[i]].omit = 1;
        info->idxNum |= 1 << i;
    }
    info->estimatedRows = 1000;
    info->estimatedCost = 1000;
    return SQLITE_OK;
}

/* Reads the arguments and makes the tokens, which the codec keeps until its next use. */
static enum lp_status begin_tokens(struct connection *c, sqlite3_value *arguments[ARGUMENTS],
                                   struct tokens *tokens)
{
    const char *encoding;
    enum lp_status status = value_name(arguments[1], NULL, &encoding);
    return status == LP_OK ? value_tokens(c, arguments[0], encoding, arguments[2], tokens) : status;
}

static int fail(sqlite3_vtab *table, struct connection *c, enum lp_status status)
{
    connection_end(c);
    if (status != LP_OK && status != LP_NOMEM)
        table->zErrMsg = connection_message(c, "lp_ids", status);
    return connection_code(status);
}

static int filter(sqlite3_vtab_cursor *base, int given, const char *index, int argc,
                  sqlite3_value **argv)
{
    struct ids_cursor *cursor = (struct ids_cursor *)base;
    struct connection *c = ((struct ids_table *)base->pVtab)->c;
    (void)index;
    (void)argc;
    connection_begin(c);
    cursor->tokens.n = cursor->at = 0;
    if (!take_arguments(cursor, given, argv))
        return SQLITE_NOMEM;
    if (cursor->arguments[0] == NULL)
        return fail(base->pVtab, c,
                    connection_why(c, LP_USAGE, "needs a text or a packed value: lp_ids(x)"));
    if (value_is_null(cursor->arguments[0]))
        return SQLITE_OK;
    struct tokens tokens;
    enum lp_status status = begin_tokens(c, cursor->arguments, &tokens);
    if (status != LP_OK)
        return fail(base->pVtab, c, status);
    connection_end(c);
    uint32_t *ids = sqlite3_realloc64(cursor->ids, (tokens.n + 1) * sizeof *ids);
    if (ids == NULL)
        return SQLITE_NOMEM;
    if (tokens.n > 0)
        memcpy(ids, tokens.ids, tokens.n * sizeof *ids);
    tokens.ids = cursor->ids = ids;
    cursor->tokens = tokens;
    return SQLITE_OK;
}

static int next(sqlite3_vtab_cursor *base)
{
    ((struct ids_cursor *)base)->at++;
    return SQLITE_OK;
}

static int is_over(sqlite3_vtab_cursor *base)
{
    const struct ids_cursor *cursor = (struct ids_cursor *)base;
    return cursor->at >= cursor->tokens.n;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number)
{
    const struct ids_cursor *cursor = (struct ids_cursor *)base;
    struct connection *c = ((struct ids_table *)base->pVtab)->c;
    const uint32_t id = cursor->ids[cursor->at];
    size_t n = 0;
    if (number == COLUMN_ID)
        sqlite3_result_int64(ctx, id);
    else if (number >= HIDDEN && cursor->arguments[number - HIDDEN] != NULL)
        sqlite3_result_value(ctx, cursor->arguments[number - HIDDEN]);
    if (number != COLUMN_TOKEN)
        return SQLITE_OK;
    const unsigned char *token = lp_vocab_token(cursor->tokens.vocab, id, &n);
    connection_begin(c);
    if (token == NULL)
        return fail(base->pVtab, c, LP_BAD_VOCAB);
    sqlite3_result_blob64(ctx, token, n, SQLITE_TRANSIENT);
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct ids_cursor *)base)->at;
    return SQLITE_OK;
}

/* Without xCreate: there is no CREATE VIRTUAL TABLE of it. */
static const sqlite3_module module = {
    .xConnect = connect,
    .xDisconnect = disconnect,
    .xBestIndex = best_index,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = is_over,
    .xColumn = column,
    .xRowid = rowid,
};

int ids_table_define(struct connection *c)
{
    c->users++; /* which SQLite drops, also when it fails */
    return sqlite3_create_module_v2(c->db, "lp_ids", &module, c, connection_drop);
}
