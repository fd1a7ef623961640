/* lopace.c - lopace.so, a loadable extension of SQLite: prompts packed and restored, tokens
 * counted, in SQL. lopace-sqlite(3) describes it. */
#include "ext/sqlite/functions.h"
#include "ext/sqlite/tables.h"

SQLITE_EXTENSION_INIT1

enum { OLDEST = 3031000 }; /* which knows innocuous functions and tables */

__attribute__((visibility("default"))) int sqlite3_lopace_init(sqlite3 *db, char **error,
                                                               const sqlite3_api_routines *api)
{
    struct connection *c;
    SQLITE_EXTENSION_INIT2(api)
    if (sqlite3_libversion_number() < OLDEST) {
        *error =
            sqlite3_mprintf("lopace: needs SQLite 3.31 or newer, not %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    if (connection_new(db, &c) != LP_OK)
        return SQLITE_NOMEM;
    int rc = functions_define(c);
    if (rc == SQLITE_OK)
        rc = ids_table_define(c);
    if (rc == SQLITE_OK)
        rc = file_table_define(c);
    connection_drop(c);
    return rc;
}
