/* json.h - a JSON text, written value by value.
 *
 * Commas, line ends and escapes are the writer's. In an object every value has
 * its key, in an array the key is NULL. */
#ifndef SHARED_JSON_H
#define SHARED_JSON_H

#include "shared/io.h"

struct json {
    struct output *out;
    unsigned depth;
    unsigned flat; /* depth from which all is on one line, 0 for none */
    bool first;    /* nothing stands in the innermost yet */
};

/* bracket is '{' or '['; the end's is '}' or ']'. json_open_flat() puts all up to
 * its end on one line. */
void json_open(struct json *json, const char *key, char bracket);
void json_open_flat(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/* text of valid UTF-8; bytes that are not become U+FFFD. NULL is null. */
void json_text(struct json *json, const char *key, const char *text);
void json_count(struct json *json, const char *key, uint64_t value);
/* With as many digits as restore the very number; null when it is not finite. */
void json_number(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* A number as above, without null: for CSV too. size is at least 32. */
void json_digits(char *text, size_t size, double value);

#endif
