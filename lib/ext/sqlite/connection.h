/* connection.h - what the extension keeps for one connection to a database: where vocabularies and
 * models are found, codecs, and why a call failed.
 *
 * SQLite lets one thread at a time use a connection. */
#ifndef LP_EXT_SQLITE_CONNECTION_H
#define LP_EXT_SQLITE_CONNECTION_H

#include "ext/shared/method.h"

#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

/* One for each way to pack that is in use; more are made anew when their turn comes. */
enum { CODECS = 8 };

struct connection {
    sqlite3 *db;
    unsigned users; /* functions and modules: it goes with the last */
    struct lp_catalog *catalog;
    struct lp_found *loaded; /* by connection_load(), the last first */
    size_t nloaded;
    struct codec_in_use {
        const struct method *method;
        const char *encoding; /* "" where the method has no tokens */
        struct lp_codec *codec;
    } codecs[CODECS]; /* the last used first */
    size_t ncodecs;
    struct lp_codec *spare; /* restores what another codec is given */
    int max_length;         /* of a value, by SQLite's limit when the codecs were made */
    sqlite3_stmt *probe;
    char *why;      /* the last call failed, where the status alone does not say it; or NULL */
    char *unusable; /* the first file of a search that is there and cannot be used, or NULL */
};

/* With one user, its maker. LP_NOMEM. */
enum lp_status connection_new(sqlite3 *db, struct connection **out);
/* One user less. */
void connection_drop(void *connection);

/* A call begins: nothing has failed. A call ends: nothing of it is left open. */
void connection_begin(struct connection *c);
void connection_end(struct connection *c);

/* An lp_interrupt: whether sqlite3_interrupt() has been called. Until connection_end() it keeps a
 * statement, so that it is called between connection_begin() and that only. */
bool connection_interrupted(void *connection);

/* Whether SQLite takes a text as it is: a database in UTF-16 changes what is no valid UTF-8, and
 * two characters that are. Called where that may be. */
enum lp_status connection_takes_text(struct connection *c, const void *text, size_t n);

/* A codec for a method and the name of an encoding or language model; one that only unpacks, or one
 * that unpacks beside it. All hold until connection_load() and the next connection_begin(). */
enum lp_status connection_codec(struct connection *c, const struct method *method,
                                const char *encoding, struct lp_codec **out);
enum lp_status connection_any_codec(struct connection *c, struct lp_codec **out);
enum lp_status connection_spare_codec(struct connection *c, struct lp_codec **out);

/* A vocabulary by the name of an encoding or language model. */
enum lp_status connection_vocab(struct connection *c, const char *encoding,
                                const struct lp_vocab **vocab);

/* An lp_finder, which does not know parents. */
enum lp_status connection_find(void *connection, const struct lp_need *need,
                               struct lp_found *found);

/* Reads a model or dictionary, which is used from now on to pack, and to unpack what names it. */
enum lp_status connection_load(struct connection *c, const char *path, uint64_t *fingerprint);

/* Says why a call fails, and returns the status it was given. */
enum lp_status connection_why(struct connection *c, enum lp_status status, const char *format, ...);
/* The same for a status of a codec or file, and what that needed. */
enum lp_status connection_blame(struct connection *c, enum lp_status status,
                                const struct lp_need *need);
/* The text of an error number, in buffer. */
const char *connection_errno(int error, char *buffer, size_t size);

/* "NAME: what went wrong", for sqlite3_free(); NULL without memory. And SQLite's code for it. */
char *connection_message(const struct connection *c, const char *name, enum lp_status status);
int connection_code(enum lp_status status);

#endif
