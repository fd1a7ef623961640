#include "ext/sqlite/connection.h"

#include "ext/shared/need.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- Why a call failed ------------------------------------------------------------------- */

const char *connection_errno(int error, char *buffer, size_t size)
{
    if (strerror_r(error, buffer, size) != 0)
        sqlite3_snprintf((int)size, buffer, "error %d", error);
    return buffer;
}

enum lp_status connection_why(struct connection *c, enum lp_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sqlite3_free(c->why);
    c->why = sqlite3_vmprintf(format, args);
    va_end(args);
    return status;
}

/* An lp_on_unusable. */
static void note_unusable(void *ctx, const char *path, enum lp_status status, int error)
{
    struct connection *c = ctx;
    char buffer[100];
    if (c->unusable == NULL)
        c->unusable =
            sqlite3_mprintf("%s: cannot use: %s", path,
                            status == LP_IO ? connection_errno(error, buffer, sizeof buffer)
                                            : lp_status_text(status));
}

/* What was not found, and what to do about it. */
static void explain_need(struct connection *c, enum lp_status status, const struct lp_need *need)
{
    char text[NEED_TEXT];
    const char *what = need_text(need, text);
    const bool vocab = need->what == LP_NEED_VOCAB;
    const char *where = lp_catalog_where(c->catalog, vocab ? LP_VOCAB_PATH : LP_MODEL_PATH);
    if (need->what == LP_NEED_NEWER)
        connection_why(c, status, "made by a newer version: %s", what);
    else if (need->what == LP_NEED_PARENT)
        connection_why(c, status, "needs the %s: give it as the parent", what);
    else if (vocab)
        connection_why(c, status, "%s not found in %s: set LP_VOCAB_PATH", what, where);
    else
        connection_why(c, status,
                       "needs the %s, not found in %s: lp_load() it, or put it there as "
                       "%016llx.%s",
                       what, where, need->fingerprint, need->what == LP_NEED_DICT ? "dict" : "lpm");
}

enum lp_status connection_blame(struct connection *c, enum lp_status status,
                                const struct lp_need *need)
{
    const bool missing = status == LP_NO_VOCAB || status == LP_NO_DICT || status == LP_NO_MODEL;
    if (c->why != NULL)
        return status;
    if (missing && c->unusable != NULL)
        connection_why(c, status, "%s", c->unusable);
    else if (missing || status == LP_NO_PARENT || (status == LP_VERSION && need->field != NULL))
        explain_need(c, status, need);
    return status;
}

char *connection_message(const struct connection *c, const char *name, enum lp_status status)
{
    const char *why = c->why;
    if (why == NULL && (status == LP_IO || status == LP_BAD_MODEL || status == LP_BAD_VOCAB))
        why = c->unusable;
    return sqlite3_mprintf("%s: %s", name, why != NULL ? why : lp_status_text(status));
}

int connection_code(enum lp_status status)
{
    switch (status) {
    case LP_OK:
        return SQLITE_OK;
    case LP_NOMEM:
        return SQLITE_NOMEM;
    case LP_LIMIT:
    case LP_MAX_TEXT:
        return SQLITE_TOOBIG;
    case LP_INTERRUPTED:
        return SQLITE_INTERRUPT;
    default: /* not SQLITE_CORRUPT, nor SQLITE_IOERR: the database is well */
        return SQLITE_ERROR;
    }
}

/* --- Its life ---------------------------------------------------------------------------- */

static void free_codecs(struct connection *c)
{
    while (c->ncodecs > 0)
        lp_codec_free(c->codecs[--c->ncodecs].codec);
    lp_codec_free(c->spare);
    c->spare = NULL;
}

static void close_loaded(const struct lp_found *found)
{
    lp_dict_close((struct lp_dict *)(uintptr_t)found->dict);
    lp_model_close((struct lp_model *)(uintptr_t)found->model);
}

void connection_drop(void *connection)
{
    struct connection *c = connection;
    if (--c->users > 0)
        return;
    free_codecs(c);
    for (size_t i = 0; i < c->nloaded; i++)
        close_loaded(&c->loaded[i]);
    sqlite3_free(c->loaded);
    lp_catalog_free(c->catalog);
    sqlite3_free(c->why);
    sqlite3_free(c->unusable);
    sqlite3_free(c);
}

enum lp_status connection_new(sqlite3 *db, struct connection **out)
{
    struct connection *c = sqlite3_malloc(sizeof *c);
    if (c == NULL)
        return LP_NOMEM;
    *c = (struct connection){.db = db, .users = 1};
    if (lp_catalog_default(&c->catalog) != LP_OK) {
        connection_drop(c);
        return LP_NOMEM;
    }
    lp_catalog_on_unusable(c->catalog, note_unusable, c);
    *out = c;
    return LP_OK;
}

void connection_begin(struct connection *c)
{
    sqlite3_free(c->why);
    sqlite3_free(c->unusable);
    c->why = c->unusable = NULL;
}

void connection_end(struct connection *c)
{
    sqlite3_finalize(c->probe);
    c->probe = NULL;
}

/* A statement that gives back what is bound to it. */
static int prepare_probe(struct connection *c)
{
    return c->probe != NULL ? SQLITE_OK
                            : sqlite3_prepare_v2(c->db, "SELECT ?1", -1, &c->probe, NULL);
}

/* sqlite3_is_interrupted() is of 3.41. A statement within another ends at its first step by an
 * interrupt, in any version. */
bool connection_interrupted(void *connection)
{
    struct connection *c = connection;
    int rc = prepare_probe(c);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(c->probe);
        sqlite3_reset(c->probe);
    }
    return rc == SQLITE_INTERRUPT;
}

enum lp_status connection_takes_text(struct connection *c, const void *text, size_t n)
{
    bool same = false;
    int rc = prepare_probe(c);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text64(c->probe, 1, text, n, SQLITE_STATIC, SQLITE_UTF8);
    if (rc == SQLITE_OK && (rc = sqlite3_step(c->probe)) == SQLITE_ROW) {
        const void *back = sqlite3_column_text(c->probe, 0);
        if (back == NULL)
            rc = SQLITE_NOMEM;
        same = back != NULL && (size_t)sqlite3_column_bytes(c->probe, 0) == n &&
               memcmp(back, text, n) == 0;
    }
    sqlite3_finalize(c->probe); /* the text is not its own */
    c->probe = NULL;
    if (rc == SQLITE_ROW)
        return same ? LP_OK
                    : connection_why(c, LP_USAGE,
                                     "no text that a UTF-16 database holds: use one in UTF-8, or "
                                     "lp_unpack_blob");
    return rc == SQLITE_INTERRUPT ? LP_INTERRUPTED
           : rc == SQLITE_NOMEM   ? LP_NOMEM
                                  : connection_why(c, LP_USAGE, "%s", sqlite3_errstr(rc));
}

/* --- Finding ----------------------------------------------------------------------------- */

enum lp_status connection_vocab(struct connection *c, const char *encoding,
                                const struct lp_vocab **vocab)
{
    enum lp_status status = lp_catalog_vocab(c->catalog, encoding, vocab);
    const char *where = lp_catalog_where(c->catalog, LP_VOCAB_PATH);
    if (status == LP_USAGE)
        connection_why(c, status, "unknown encoding or model '%s': lptok --list shows them",
                       encoding);
    else if (status == LP_NO_VOCAB)
        connection_why(c, status, "vocabulary %s.lpv not found in %s: set LP_VOCAB_PATH",
                       lp_encoding_name(encoding), where);
    return status;
}

/* The model to pack with. */
static enum lp_status find_model(struct connection *c, const struct lp_vocab *vocab,
                                 const struct lp_model **model)
{
    for (size_t i = 0; i < c->nloaded; i++) {
        *model = c->loaded[i].model;
        if (*model != NULL && strcmp(lp_model_vocab(*model), lp_vocab_name(vocab)) == 0)
            return LP_OK;
    }
    enum lp_status status = lp_catalog_model(c->catalog, vocab, model);
    if (status == LP_NO_MODEL && c->unusable == NULL)
        connection_why(c, status, "no model of %s in %s: the method hybrid needs none",
                       lp_vocab_name(vocab), lp_catalog_where(c->catalog, LP_MODEL_PATH));
    else if (status == LP_NO_MODEL)
        connection_why(c, status, "%s", c->unusable);
    return status;
}

/* The dictionary to pack with, or NULL. */
static const struct lp_dict *last_dict(const struct connection *c)
{
    for (size_t i = 0; i < c->nloaded; i++) {
        if (c->loaded[i].dict != NULL)
            return c->loaded[i].dict;
    }
    return NULL;
}

enum lp_status connection_find(void *connection, const struct lp_need *need, struct lp_found *found)
{
    struct connection *c = connection;
    for (size_t i = 0; i < c->nloaded; i++) {
        const struct lp_found *l = &c->loaded[i];
        if ((need->what == LP_NEED_MODEL && l->model != NULL &&
             lp_model_fingerprint(l->model) == need->fingerprint) ||
            (need->what == LP_NEED_DICT && l->dict != NULL &&
             lp_dict_fingerprint(l->dict) == need->fingerprint)) {
            *found = *l;
            return LP_OK;
        }
    }
    return lp_catalog_find(c->catalog, need, found);
}

static uint64_t fingerprint_of(const struct lp_found *found)
{
    return found->model != NULL ? lp_model_fingerprint(found->model)
                                : lp_dict_fingerprint(found->dict);
}

/* Puts something open first. If it was there, that is put first, as it may be in use, and found is
 * closed; by LP_NOMEM too. */
static enum lp_status put_first(struct connection *c, const struct lp_found *found)
{
    struct lp_found first = *found;
    size_t at = 0;
    while (at < c->nloaded && fingerprint_of(&c->loaded[at]) != fingerprint_of(found))
        at++;
    if (at < c->nloaded) {
        first = c->loaded[at];
        close_loaded(found);
    } else {
        struct lp_found *loaded =
            sqlite3_realloc64(c->loaded, (c->nloaded + 1) * sizeof *c->loaded);
        if (loaded == NULL) {
            close_loaded(found);
            return LP_NOMEM;
        }
        c->loaded = loaded;
        c->nloaded++;
    }
    memmove(c->loaded + 1, c->loaded, at * sizeof *c->loaded);
    c->loaded[0] = first;
    return LP_OK;
}

/* The file is read into memory: a program in which it is mapped ends if it is cut short. */
enum lp_status connection_load(struct connection *c, const char *path, uint64_t *fingerprint)
{
    struct lp_dict *dict = NULL;
    struct lp_model *model = NULL;
    char buffer[100];
    enum lp_status status = lp_model_load(path, &model);
    if (status == LP_DATA)
        status = lp_dict_open(path, &dict);
    if (status == LP_IO)
        return connection_why(c, status, "%s: cannot open: %s", path,
                              connection_errno(errno, buffer, sizeof buffer));
    if (status == LP_DATA || status == LP_VERSION)
        return connection_why(c, status, "%s: not a model or dictionary that can be used", path);
    if (status != LP_OK)
        return status;
    free_codecs(c); /* which pack with what came before */
    const struct lp_found found = {.dict = dict, .model = model};
    *fingerprint = fingerprint_of(&found);
    return put_first(c, &found);
}

/* --- Codecs ------------------------------------------------------------------------------ */

/* Codecs know the limit of a value's length, so they are made anew when it has changed. */
static struct lp_options options_of(struct connection *c)
{
    const int max_length = sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, -1);
    if (max_length != c->max_length)
        free_codecs(c);
    c->max_length = max_length;
    return (struct lp_options){.interrupt = connection_interrupted,
                               .interrupt_ctx = c,
                               .max_text = max_length > 0 ? (uint64_t)max_length : 1};
}

/* The place of a codec in use, or ncodecs. */
static size_t place_of(const struct connection *c, const struct method *method,
                       const char *encoding)
{
    size_t at = 0;
    while (at < c->ncodecs &&
           (c->codecs[at].method != method || strcmp(c->codecs[at].encoding, encoding) != 0))
        at++;
    return at;
}

/* Makes the codec of a method and encoding, of which options have only what all have. */
static enum lp_status make_codec(struct connection *c, struct lp_options *o,
                                 const struct method *method, const char *encoding,
                                 struct lp_codec **out)
{
    enum lp_status status = LP_OK;
    o->chain = method->chain;
    o->fast = method->fast;
    o->dict = last_dict(c);
    if (*encoding != 0)
        status = connection_vocab(c, encoding, &o->vocab);
    if (status == LP_OK && method->chain == LP_CHAIN_TOKENS_MIX)
        status = find_model(c, o->vocab, &o->model);
    return status == LP_OK ? lp_codec_new(o, out) : status;
}

enum lp_status connection_codec(struct connection *c, const struct method *method,
                                const char *encoding, struct lp_codec **out)
{
    struct lp_options o = options_of(c);
    const char *name = method_has_tokens(method) ? lp_encoding_name(encoding) : "";
    if (name == NULL)
        return connection_vocab(c, encoding, &o.vocab); /* which says so */
    size_t at = place_of(c, method, name);
    struct codec_in_use used = {method, name, NULL};
    if (at < c->ncodecs) {
        used = c->codecs[at];
    } else {
        enum lp_status status = make_codec(c, &o, method, name, &used.codec);
        if (status != LP_OK)
            return status;
        if (c->ncodecs == CODECS)
            lp_codec_free(c->codecs[--at].codec);
        else
            c->ncodecs++;
    }
    memmove(c->codecs + 1, c->codecs, at * sizeof *c->codecs);
    c->codecs[0] = used;
    *out = used.codec;
    return LP_OK;
}

enum lp_status connection_spare_codec(struct connection *c, struct lp_codec **out)
{
    struct lp_options o = options_of(c);
    enum lp_status status = c->spare == NULL ? lp_codec_new(&o, &c->spare) : LP_OK;
    *out = c->spare;
    return status;
}

enum lp_status connection_any_codec(struct connection *c, struct lp_codec **out)
{
    (void)options_of(c);
    if (c->ncodecs == 0)
        return connection_codec(c, &method_unpack, "", out);
    *out = c->codecs[0].codec;
    return LP_OK;
}
