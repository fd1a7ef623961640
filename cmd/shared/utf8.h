/* utf8.h - the characters of text that may not be valid UTF-8, and text that is safe to show. */
#ifndef SHARED_UTF8_H
#define SHARED_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Added to a byte that is not valid UTF-8, to make a character of it. */
#define INVALID_BYTE UINT32_C(0x110000)

/* Decodes the character at p: *size is its bytes, 0 where the n bytes end within it. Valid UTF-8
 * is as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
uint32_t utf8_decode(const unsigned char *p, size_t n, size_t *size);

/* Writes a character, at most U+10FFFF, of up to 4 bytes. Returns their end. */
unsigned char *utf8_encode(unsigned char *to, uint32_t c);

enum { ESCAPE = 4 }; /* bytes that an escaped byte takes: \x1b */

/* Copies text to a buffer of size bytes, cut to what fits. Each byte of what a terminal could take
 * for a command, or that would reorder a line, becomes \x1b: control characters, bidirectional
 * controls, invalid UTF-8. Returns the length. */
size_t utf8_escape(char *to, size_t size, const char *text);

#endif
