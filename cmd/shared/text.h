/* text.h - text as characters; numbers and names as text. */
#ifndef SHARED_TEXT_H
#define SHARED_TEXT_H

#include "shared/io.h"
#include "shared/utf8.h"

/* Appends the characters of n bytes to out: Unicode scalar values, and INVALID_BYTE + b for each
 * byte b that is not valid UTF-8. *used is the number of bytes consumed: unless final, an
 * incomplete character at the end is left for the next call. LP_NOMEM. */
enum lp_status characters(const void *text, size_t n, bool final, struct lp_ids *out, size_t *used);

/* Formats n as 1,234,567 into text, of at least 32 bytes, and returns it. */
char *commas(char *text, uint64_t n);

/* Formats a number of bytes with three digits, as 999 B, 1.23 kB or 45.6 MB, and returns text. */
char *human_bytes(char *text, size_t size, uint64_t bytes);

/* Writes a field of CSV (RFC 4180), quoted where necessary. */
void csv_text(struct output *out, const char *text);

#endif
