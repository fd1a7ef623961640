#include "shared/json.h"

#include "shared/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put(struct json *json, const char *text)
{
    output_sink(json->out, text, strlen(text));
}

static void put_text(struct json *json, const void *text, size_t n)
{
    struct lp_ids chars = {0};
    size_t used;
    put(json, "\"");
    if (characters(text, n, true, &chars, &used) != LP_OK)
        tool_die(json->out->tool, EXIT_IO, "out of memory");
    for (size_t i = 0; i < chars.n; i++) {
        char escaped[16];
        uint32_t c = chars.v[i] >= INVALID_BYTE ? 0xFFFD : chars.v[i];
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", (char)c);
        else if (c == '\n')
            snprintf(escaped, sizeof escaped, "\\n");
        else if (c >= 0x20 && c < 0x7F)
            snprintf(escaped, sizeof escaped, "%c", (char)c);
        else if (c < 0x10000)
            snprintf(escaped, sizeof escaped, "\\u%04" PRIx32, c);
        else
            snprintf(escaped, sizeof escaped, "\\u%04" PRIx32 "\\u%04" PRIx32,
                     0xD800 + ((c - 0x10000) >> 10), 0xDC00 + (c & 0x3FF));
        put(json, escaped);
    }
    put(json, "\"");
    free(chars.v);
}

static void new_line(struct json *json)
{
    if (json->flat != 0)
        return;
    put(json, "\n");
    for (unsigned i = 0; i < json->depth; i++)
        put(json, "  ");
}

static void put_key(struct json *json, const char *key)
{
    if (!json->first)
        put(json, json->flat != 0 ? ", " : ",");
    if (json->depth > 0)
        new_line(json);
    json->first = false;
    if (key == NULL)
        return;
    put_text(json, key, strlen(key));
    put(json, ": ");
}

void json_open(struct json *json, const char *key, char bracket)
{
    json->first = json->first || json->depth == 0;
    put_key(json, key);
    put(json, (char[]){bracket, 0});
    json->depth++;
    json->first = true;
}

void json_open_flat(struct json *json, const char *key, char bracket)
{
    json_open(json, key, bracket);
    if (json->flat == 0)
        json->flat = json->depth;
}

void json_close(struct json *json, char bracket)
{
    if (json->flat == json->depth)
        json->flat = 0;
    else if (json->flat == 0 && !json->first) {
        json->depth--;
        new_line(json);
        json->depth++;
    }
    json->depth--;
    json->first = false;
    put(json, (char[]){bracket, 0});
    if (json->depth == 0)
        put(json, "\n");
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (text == NULL)
        json_null(json, key);
    else
        json_bytes(json, key, text, strlen(text));
}

void json_bytes(struct json *json, const char *key, const void *text, size_t n)
{
    put_key(json, key);
    put_text(json, text, n);
}

void json_count(struct json *json, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_key(json, key);
    put(json, text);
}

void json_digits(char *text, size_t size, double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, value);
        if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
            return;
    }
}

void json_number(struct json *json, const char *key, double value)
{
    char text[32];
    if (!isfinite(value)) {
        json_null(json, key);
        return;
    }
    json_digits(text, sizeof text, value);
    put_key(json, key);
    put(json, text);
}

void json_bool(struct json *json, const char *key, bool value)
{
    put_key(json, key);
    put(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
    put_key(json, key);
    put(json, "null");
}
