/* value.h - what SQL values hold: a text, plain or packed, and its tokens.
 *
 * A bytea is packed, but for what lp_pack() takes. Plain text is UTF-8 here, whatever the database
 * has. What is handed out is valid until the next call for a value of that kind, plain or packed.
 * All functions raise what fails, unless they return a status. */
#ifndef LP_EXT_POSTGRES_VALUE_H
#define LP_EXT_POSTGRES_VALUE_H

#include "ext/postgres/session.h"
#include "ext/shared/value.h"

#include <fmgr.h>

/* The arguments of a function, by their number, from 0: a name, otherwise where it is NULL; the
 * text or the bytes of one that is not NULL; the first n bytes, of which no more is read from the
 * table. */
const char *argument_name(FunctionCallInfo fcinfo, int i, const char *otherwise);
struct bytes argument_text(FunctionCallInfo fcinfo, int i);
struct bytes argument_bytes(FunctionCallInfo fcinfo, int i);
struct bytes argument_first_bytes(FunctionCallInfo fcinfo, int i, int n);

/* A bytea that is to be a packed value, or is refused. */
struct bytes argument_packed(FunctionCallInfo fcinfo, int i);
/* The text of a parent, by the spare codec; none where it is NULL. The second looks at it only if
 * a packed value says that it has one. */
struct parent argument_parent(FunctionCallInfo fcinfo, int i);
struct parent argument_parent_of(FunctionCallInfo fcinfo, int i, const struct bytes *packed);

/* Restores packed bytes; *codec, for session_check(), is any but the spare one. */
enum lp_status value_restore(const struct bytes *packed, const struct parent *parent,
                             struct bytes *text, struct lp_codec **codec);

/* The tokens of plain text. Those of a packed value by its own encoding, or by another that is
 * named; and their number. */
struct tokens value_tokens_of_text(const struct bytes *text, const char *encoding, bool special);
struct tokens value_tokens(const struct bytes *packed, const char *encoding,
                           const struct parent *parent);
size_t value_count(const struct bytes *packed, const char *encoding, const struct parent *parent);

/* Whether value_count() is known from the first bytes alone. */
bool value_begins_with_count(const struct bytes *first, const char *encoding);

/* Values for PostgreSQL: text, the text of the tokens in a range, bytea. */
Datum result_text(const struct bytes *text);
Datum result_tokens(const struct tokens *tokens, size_t from, size_t to);
Datum result_bytea(const struct bytes *bytes);

#endif
