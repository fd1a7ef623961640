/* find.h - where commands have vocabularies, dictionaries and models from. */
#ifndef SHARED_FIND_H
#define SHARED_FIND_H

#include "shared/io.h"
#include "shared/sandbox.h"

/* A catalogue, made when it is first needed, and an lp_finder with its context. What is found
 * stays open until finder_close(). All exit where a file is there but cannot be read, or memory is
 * out. */
struct finder {
    const struct tool *tool;
    struct lp_catalog *catalog;
    char unusable[4500]; /* the first file of a search that was there and could not be used; why */
    char unread[4500];   /* of the last search of finder_try() that found one it could not read */
    unsigned char *parent; /* the text of --parent, NULL for none */
    size_t parent_size;
    bool walks; /* set by the owner: operands may be directories, to be walked */
};
enum lp_status tool_find(void *ctx, const struct lp_need *need, struct lp_found *found);
/* The same for recovery, which tries one thing after another: where a file is there but cannot be
 * read it returns LP_IO, and finder->unread says why. */
enum lp_status finder_try(void *ctx, const struct lp_need *need, struct lp_found *found);
/* The same for what the command can do without: it only warns where permission is missing. */
bool finder_has(struct finder *finder, const struct lp_need *need, struct lp_found *found);
void finder_close(struct finder *finder);

/* Opens the vocabulary that an encoding's or model's name means. Exits with a
 * message that says where it looked. */
const struct lp_vocab *finder_vocab(struct finder *finder, const char *name);

/* Opens what -D names, a model or else a dictionary, for the finder to find first and to close: a
 * file, or by its name or fingerprint one that is installed. Exits on failure. */
struct lp_found finder_open(struct finder *finder, const char *name);

/* Enters the sandbox: from now on the command can read its operands and what the finder finds, and
 * give the output its name. What else it needs must be open. */
void finder_confine(struct finder *finder, const struct output *out);

/* For a sandbox that permits other things too: what the finder finds. */
void finder_permit(struct finder *finder, struct sandbox *sandbox);

/* The user's directory of models and dictionaries, made where it is not there:
 * FINGERPRINT.lpm or FINGERPRINT.dict in it (16 hexadecimal digits) is found by
 * tool_find(). Exits on failure. */
const char *tool_install_dir(const struct tool *tool, char *buffer, size_t size);

#endif
