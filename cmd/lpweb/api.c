#include "lpweb/api.h"

#include "shared/json.h"
#include "shared/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JSON  "application/json"
#define BYTES "application/octet-stream"

static const struct api apis[] = {
    {"/api/about", JSON, answer_about},     {"/api/tokens", JSON, answer_tokens},
    {"/api/counts", JSON, answer_counts},   {"/api/chat", JSON, answer_chat},
    {"/api/compare", JSON, answer_compare}, {"/api/measure", JSON, answer_measure},
    {"/api/pack", BYTES, answer_pack},      {"/api/stored", JSON, answer_stored},
    {"/api/records", JSON, answer_records}, {"/api/record", BYTES, answer_record},
    {"/api/text", BYTES, answer_text},
};

const struct api *api_find(const char *path)
{
    const size_t n = sizeof apis / sizeof *apis;
    size_t i = 0;
    while (i < n && strcmp(apis[i].path, path) != 0)
        i++;
    return i < n ? &apis[i] : NULL;
}

/* --- Parameters ---------------------------------------------------------------------- */

void api_defaults(struct call *call)
{
    strcpy(call->encoding, "cl100k_base");
    strcpy(call->method, "hybrid");
    call->level = LP_LEVEL_DEFAULT;
    call->milliseconds = 100;
    call->first = 1;
    call->count = 100;
}

static bool set_number(long *to, const char *value, long min, long max)
{
    char *end;
    errno = 0;
    const long number = strtol(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != 0 || errno != 0 || number < min || number > max)
        return false;
    *to = number;
    return true;
}

static bool set_flag(bool *to, const char *value)
{
    *to = strcmp(value, "1") == 0;
    return *to || strcmp(value, "0") == 0;
}

static bool set_word(char *to, size_t size, const char *value)
{
    return snprintf(to, size, "%s", value) < (int)size;
}

/* The size of the text that stands before the other one in the body. */
static bool set_beside(struct call *call, const char *value)
{
    long n;
    if (!set_number(&n, value, 0, LP_BLOCK_MAX))
        return false;
    call->nbeside = (size_t)n;
    return true;
}

bool api_set(struct call *call, const char *key, const char *value)
{
    if (strcmp(key, "encoding") == 0)
        return set_word(call->encoding, sizeof call->encoding, value);
    if (strcmp(key, "method") == 0)
        return set_word(call->method, sizeof call->method, value);
    if (strcmp(key, "level") == 0)
        return set_number(&call->level, value, 1, 22);
    if (strcmp(key, "ms") == 0)
        return set_number(&call->milliseconds, value, 1, 1000);
    if (strcmp(key, "first") == 0)
        return set_number(&call->first, value, 1, INT32_MAX);
    if (strcmp(key, "count") == 0)
        return set_number(&call->count, value, 0, 10000);
    if (strcmp(key, "stream") == 0)
        return set_flag(&call->stream, value);
    if (strcmp(key, "ignore_case") == 0)
        return set_flag(&call->ignore_case, value);
    if (strcmp(key, "quick") == 0)
        return set_flag(&call->quick, value);
    return strcmp(key, "beside") == 0 && set_beside(call, value);
}

/* --- What the answers share ---------------------------------------------------------- */

const struct lp_vocab *api_vocab(const struct call *call)
{
    return finder_vocab(call->finder, call->encoding);
}

const struct lp_model *api_model(const struct call *call, const struct lp_vocab *vocab)
{
    const struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
    struct lp_found found = {0};
    return finder_has(call->finder, &need, &found) ? found.model : NULL;
}

void api_check(const struct call *call, enum lp_status status)
{
    tool_check(call->tool, "the text", status);
}

/* --- /api/about ---------------------------------------------------------------------- */

static void put_encoding(const struct call *call, struct json *json, const char *name)
{
    const char *model;
    const struct lp_vocab *vocab = finder_vocab(call->finder, name);
    json_open(json, NULL, '{');
    json_text(json, "name", name);
    json_bool(json, "mixes", api_model(call, vocab) != NULL);
    json_open_flat(json, "models", '[');
    for (size_t i = 0; (model = lp_encoding_model(name, i)) != NULL; i++)
        json_text(json, NULL, model);
    json_close(json, ']');
    json_close(json, '}');
}

/* What the page offers: the version, and the encodings with the language models that use each. */
void answer_about(const struct call *call, struct output *out)
{
    struct json json = {.out = out};
    const char *name;
    json_open(&json, NULL, '{');
    json_text(&json, "version", lp_version());
    json_count(&json, "text_bytes_max", LP_BLOCK_MAX);
    json_open(&json, "encodings", '[');
    for (size_t i = 0; (name = lp_encoding_list(i)) != NULL; i++)
        put_encoding(call, &json, name);
    json_close(&json, ']');
    json_close(&json, '}');
}
