/* functions.h - the scalar functions. */
#ifndef LP_EXT_SQLITE_FUNCTIONS_H
#define LP_EXT_SQLITE_FUNCTIONS_H

#include "ext/sqlite/connection.h"

/* Defines them all for the connection, each of which is a user of it. Returns SQLite's code. */
int functions_define(struct connection *c);

#endif
