/* json_read.h - reads JSON (RFC 8259) value by value, from memory.
 *
 *     if (json_enter(&r, '{'))
 *         while (json_more(&r, '}'))
 *             if (json_key(&r, &key, &n)) ... read or json_skip() its value
 *     if (r.why != NULL) ... it is not JSON, at r.at
 *
 * After an error every call returns false or 0. */
#ifndef SHARED_JSON_READ_H
#define SHARED_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

struct json_reader {
    const unsigned char *at, *end;
    const char *why; /* what is wrong at `at`, or NULL */
    bool first;      /* nothing of the innermost object or array has been read */
    char *text;      /* the last string; free() it */
    size_t room;
};

/* Reads n bytes from now on. A reader is zero-initialised, and its text is kept for the next. */
void json_read(struct json_reader *r, const void *text, size_t n);

/* What comes next: '{', '[', '"', or 'v' for a number, true, false or null; 0 at the end. */
char json_peek(struct json_reader *r);

/* Enters an object or array. Then json_more(), with the closing bracket, is true before each of its
 * members, and leaves it when there are no more. */
bool json_enter(struct json_reader *r, char bracket);
bool json_more(struct json_reader *r, char bracket);

/* A string, or a member's name and its colon: n bytes, valid until the next. Escaped halves of a
 * surrogate pair that stand alone become U+FFFD. */
bool json_string(struct json_reader *r, const char **text, size_t *n);
bool json_key(struct json_reader *r, const char **key, size_t *n);

/* Reads a string from behind its first quote up to its last, or end, to where as many bytes as it
 * has have room; *n of them are written. strict: it is valid UTF-8, without half a pair. Returns
 * what is wrong at *at, or NULL. */
const char *json_unescape(const unsigned char **at, const unsigned char *end, bool strict,
                          unsigned char *to, size_t *n);

/* Any value. */
bool json_skip(struct json_reader *r);

/* Only white space is left. */
bool json_done(struct json_reader *r);

#endif
