/* session.h - what the extension keeps for a session: where vocabularies and models are found,
 * codecs, and why a call failed.
 *
 * A session is a process, and under shared_preload_libraries it begins with what the postmaster has
 * read. PostgreSQL raises an error by longjmp(), which must not leave a callback of the library:
 * callbacks only make notes. All other functions here raise what fails. */
#ifndef LP_EXT_POSTGRES_SESSION_H
#define LP_EXT_POSTGRES_SESSION_H

#include <postgres.h>

#include "ext/shared/method.h"

/* Once for a process and those that it forks: where files are found, directories with colons
 * between them, or NULL. And reads what those encodings need whose names are listed, with commas
 * between them. */
void session_open(const char *path);
void session_preload(const char *encodings);

/* A call of an SQL function begins and ends. Of a value that is so long that the memory it took is
 * not to be kept session_end() keeps none, nor the next session_begin() where it has failed. */
void session_begin(const char *function);
void session_large(size_t nbytes);
void session_end(void);

/* A codec for a method and the name of an encoding or language model; one that only unpacks, or one
 * that unpacks beside it. All hold until session_end(). */
struct lp_codec *session_codec(const struct method *method, const char *encoding, bool special);
struct lp_codec *session_any_codec(void);
struct lp_codec *session_spare_codec(void);

/* A vocabulary by the name of an encoding or language model, for good. */
const struct lp_vocab *session_vocab(const char *encoding);

/* The text that a value was packed with; text is NULL where there is none. */
struct parent {
    const void *text;
    size_t n;
};

/* An lp_finder, for which ctx is a struct parent. */
enum lp_status session_find(void *parent, const struct lp_need *need, struct lp_found *found);

/* Raises what went wrong, by that alone, or, unless it is LP_OK, by what a codec needed. */
_Noreturn void session_refuse(enum lp_status status, const char *format, ...)
    pg_attribute_printf(2, 3);
void session_check(enum lp_status status, const struct lp_codec *codec);

#endif
