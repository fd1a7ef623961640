/* tables.h - the virtual tables. */
#ifndef LP_EXT_SQLITE_TABLES_H
#define LP_EXT_SQLITE_TABLES_H

#include "ext/sqlite/connection.h"

/* Each defines a module for the connection, and is a user of it. They return SQLite's code.
 * lp_ids(x [, encoding [, parent]]): a row for each token of x. */
int ids_table_define(struct connection *c);
/* CREATE VIRTUAL TABLE t USING lp_file('x.lp'): a row for each record of a stream. */
int file_table_define(struct connection *c);

#endif
