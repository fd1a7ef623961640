/* field.h - a field of a row: how engines write a value on one line. */
#ifndef LPROW_FIELD_H
#define LPROW_FIELD_H

#include "shared/buffer.h"

#include <lp.h>

/* TSV has the escapes that ClickHouse, PostgreSQL's COPY and Hive write. BYTEA is what COPY writes
 * of a column of bytes: a backslash, itself escaped, x and hexadecimal digits. */
enum field_form { FIELD_TSV, FIELD_BASE64, FIELD_HEX, FIELD_BYTEA, FIELD_JSON, FIELD_RAW };

/* The form of a name: "tsv". False: there is none of that name. */
bool field_form_named(const char *name, enum field_form *form);

/* The longest field of a value of n bytes. */
size_t field_longest(enum field_form form, size_t n);

/* Appends the value of a field of n bytes to out, or sets *null: the field is NULL. LP_DATA: it is
 * malformed, and *why says how. LP_NOMEM. */
enum lp_status field_parse(enum field_form form, const unsigned char *field, size_t n,
                           struct buffer *out, bool *null, const char **why);

/* Appends the field of a value. LP_DATA: this form cannot carry it, and *why says why. LP_NOMEM. */
enum lp_status field_write(enum field_form form, const unsigned char *value, size_t n,
                           struct buffer *out, const char **why);

/* NULL as a field; of FIELD_RAW, which has none, NULL. */
const char *field_null(enum field_form form);

#endif
