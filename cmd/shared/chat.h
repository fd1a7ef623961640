/* chat.h - the tokens of a conversation, as OpenAI's API counts those of a prompt. */
#ifndef SHARED_CHAT_H
#define SHARED_CHAT_H

#include "shared/json_read.h"
#include "shared/tool.h"

struct chat {
    const struct tool *tool;
    const char *name; /* of the input */
    uint64_t record;  /* in it, from 1 */
    struct lp_tok *tok;
    struct lp_ids ids;
    struct json_reader reader;
    char uncounted[32]; /* the first field that was not counted, or "" */
    /* Told of the tokens of each message, or NULL. */
    void (*on_message)(void *ctx, uint64_t tokens);
    void *ctx;
};

/* What the reply to a conversation takes, besides its messages. */
enum { CHAT_REPLY = 3 };

/* Whether the counts of an encoding's models are known. */
bool chat_knows(const char *encoding);

/* The tokens of n bytes of JSON: an array of messages, or an object (a request) with one under
 * "messages". Exits where it is neither. */
uint64_t chat_count(struct chat *chat, const void *json, size_t n);
void chat_free(struct chat *chat);

#endif
