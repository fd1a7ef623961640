/* The rule is that of OpenAI's cookbook, "How to count tokens with tiktoken", for gpt-3.5-turbo,
 * gpt-4 and gpt-4o and their later versions: 3 tokens a message, 1 more for a name, those of each
 * text, and 3 with which every reply begins. */
#include "shared/chat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PER_MESSAGE = 3, PER_NAME = 1 };

bool chat_knows(const char *encoding)
{
    return strcmp(encoding, "cl100k_base") == 0 || strcmp(encoding, "o200k_base") == 0;
}

enum { FIELD = 32 }; /* bytes of a field's name that are kept */

/* Moves to the next field of an object, and copies its name. */
static bool next_field(struct json_reader *r, char name[FIELD])
{
    const char *key;
    size_t n;
    if (!json_more(r, '}') || !json_key(r, &key, &n))
        return false;
    snprintf(name, FIELD, "%.*s", (int)(n < FIELD ? n : FIELD), key);
    return true;
}

/* Tokens of the string that comes next. */
static uint64_t string_tokens(struct chat *chat, struct json_reader *r)
{
    const char *text;
    size_t n;
    if (!json_string(r, &text, &n))
        return 0;
    chat->ids.n = 0;
    lp_tok_reset(chat->tok);
    tool_check(chat->tool, chat->name, lp_tok_push(chat->tok, text, n, true, &chat->ids));
    return chat->ids.n;
}

/* A field that takes tokens by no known rule. */
static void pass_over(struct chat *chat, struct json_reader *r, const char *name)
{
    if (chat->uncounted[0] == 0)
        snprintf(chat->uncounted, sizeof chat->uncounted, "%s", name);
    json_skip(r);
}

/* A part of a message's content. */
static uint64_t part_tokens(struct chat *chat, struct json_reader *r)
{
    uint64_t count = 0;
    char name[FIELD];
    json_enter(r, '{');
    while (next_field(r, name)) {
        if (strcmp(name, "text") == 0)
            count += string_tokens(chat, r);
        else if (strcmp(name, "type") == 0)
            json_skip(r);
        else
            pass_over(chat, r, name);
    }
    return count;
}

static uint64_t content_tokens(struct chat *chat, struct json_reader *r)
{
    uint64_t count = 0;
    switch (json_peek(r)) {
    case '"':
        return string_tokens(chat, r);
    case '[':
        json_enter(r, '[');
        while (json_more(r, ']'))
            count += part_tokens(chat, r);
        return count;
    default: /* null, beside tool calls */
        json_skip(r);
        return 0;
    }
}

static uint64_t message_tokens(struct chat *chat, struct json_reader *r)
{
    uint64_t count = PER_MESSAGE;
    char name[FIELD];
    json_enter(r, '{');
    while (next_field(r, name)) {
        if (strcmp(name, "content") == 0)
            count += content_tokens(chat, r);
        else if (strcmp(name, "role") == 0)
            count += string_tokens(chat, r);
        else if (strcmp(name, "name") == 0)
            count += PER_NAME + string_tokens(chat, r);
        else
            pass_over(chat, r, name);
    }
    return count;
}

static uint64_t messages_tokens(struct chat *chat, struct json_reader *r)
{
    uint64_t count = CHAT_REPLY;
    json_enter(r, '[');
    while (json_more(r, ']')) {
        const uint64_t tokens = message_tokens(chat, r);
        if (chat->on_message != NULL)
            chat->on_message(chat->ctx, tokens);
        count += tokens;
    }
    return count;
}

/* A request: its messages; other fields are settings, but for those in which tools are described.
 */
static uint64_t request_tokens(struct chat *chat, struct json_reader *r)
{
    uint64_t count = 0;
    char name[FIELD];
    json_enter(r, '{');
    while (next_field(r, name)) {
        if (strcmp(name, "messages") == 0)
            count += messages_tokens(chat, r);
        else if (strcmp(name, "tools") == 0 || strcmp(name, "functions") == 0)
            pass_over(chat, r, name);
        else
            json_skip(r);
    }
    if (count == 0 && r->why == NULL)
        r->why = "no \"messages\"";
    return count;
}

/* Whether another value follows in the next line. */
static bool goes_on(const struct json_reader *r, const void *json)
{
    return r->at > (const unsigned char *)json && r->at < r->end && r->at[-1] == '\n' &&
           (*r->at == '{' || *r->at == '[');
}

uint64_t chat_count(struct chat *chat, const void *json, size_t n)
{
    struct json_reader *r = &chat->reader;
    json_read(r, json, n);
    uint64_t count = json_peek(r) == '[' ? messages_tokens(chat, r) : request_tokens(chat, r);
    if (!json_done(r))
        tool_die(chat->tool, EXIT_DATA,
                 "%s: record %" PRIu64 ": not messages in JSON: byte %td: %s%s", chat->name,
                 chat->record, r->at - (const unsigned char *)json + 1, r->why,
                 goes_on(r, json) ? ": for a record per line, use -L" : "");
    return count;
}

void chat_free(struct chat *chat)
{
    free(chat->ids.v);
    free(chat->reader.text);
}
