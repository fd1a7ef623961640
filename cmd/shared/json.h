/* json.h - writes JSON value by value, with commas, line ends and escapes.
 *
 * In an object every value has a key; in an array, and at the top, the key is NULL. */
#ifndef SHARED_JSON_H
#define SHARED_JSON_H

#include "shared/io.h"

struct json {
    struct output *out;
    unsigned depth;
    unsigned flat; /* from this depth on everything is on one line; 0: none */
    bool first;    /* the innermost object or array is empty so far */
};

/* Opens and closes an object or array: bracket is '{' or '[', then '}' or ']'.
 * json_open_flat() puts it on one line. */
void json_open(struct json *json, const char *key, char bracket);
void json_open_flat(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* Bytes of text that are not valid UTF-8 become U+FFFD. NULL is null. */
void json_text(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const void *text, size_t n);
void json_count(struct json *json, const char *key, uint64_t value);
/* With enough digits to restore value exactly; null when it is not finite. */
void json_number(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* Formats a finite number as json_number() does. size is at least 32. */
void json_digits(char *text, size_t size, double value);

#endif
