/* value.h - what SQL values hold: a text, plain or packed, and its tokens.
 *
 * A BLOB is packed; any other value but NULL, for which these are not called, is the text that
 * SQLite makes of it. What is handed out is valid until the next call with that connection. parent
 * is the text that a value was packed with, itself plain or packed, or NULL. */
#ifndef LP_EXT_SQLITE_VALUE_H
#define LP_EXT_SQLITE_VALUE_H

#include "ext/shared/value.h"
#include "ext/sqlite/connection.h"

bool value_is_null(sqlite3_value *value);
bool value_is_blob(sqlite3_value *value);

/* The bytes of a TEXT or BLOB as they are. LP_LIMIT for more than a blob may hold. */
enum lp_status value_bytes(struct connection *c, sqlite3_value *value, struct bytes *bytes);

/* A name; otherwise where the value is NULL or there is none. */
enum lp_status value_name(sqlite3_value *value, const char *otherwise, const char **name);

/* The text, restored where it is packed. */
enum lp_status value_text(struct connection *c, sqlite3_value *value, sqlite3_value *parent,
                          struct bytes *text);

/* The tokens, and how many there are. encoding: NULL is that of the packed value, or the default.
 * The number of a mixed value is taken from its first bits, unchecked. */
enum lp_status value_tokens(struct connection *c, sqlite3_value *value, const char *encoding,
                            sqlite3_value *parent, struct tokens *tokens);
enum lp_status value_count(struct connection *c, sqlite3_value *value, const char *encoding,
                           sqlite3_value *parent, size_t *n);

/* LP_OK where a text that is a result stays as it is; a database in UTF-16 may change it. */
enum lp_status value_check_result(struct connection *c, const void *text, size_t n);

/* Makes a value the parent of what the codec packs next. */
enum lp_status value_to_parent(struct connection *c, sqlite3_value *parent, struct lp_codec *codec);

#endif
