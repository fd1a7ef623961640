/* text.h - text as characters; numbers and names as text. */
#ifndef SHARED_TEXT_H
#define SHARED_TEXT_H

#include "shared/io.h"

/* Stands for an undecodable byte: that plus the byte. */
#define INVALID_BYTE UINT32_C(0x110000)

/* Appends a text's characters to out: Unicode scalar values, and each byte that is
 * no valid UTF-8 as a character by itself. A character that the n bytes cut off
 * is left for the next call, unless final; *used tells. LP_NOMEM. */
enum lp_status characters(const void *text, size_t n, bool final, struct lp_ids *out, size_t *used);

/* 1,234,567. Returns text, of at least 32 bytes. */
char *commas(char *text, uint64_t n);

/* A field of CSV (RFC 4180), in quotes where it needs them. */
void csv_text(struct output *out, const char *text);

#endif
