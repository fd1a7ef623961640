#include "ext/sqlite/value.h"

#include <string.h>

bool value_is_null(sqlite3_value *value)
{
    return value == NULL || sqlite3_value_type(value) == SQLITE_NULL;
}

bool value_is_blob(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_BLOB;
}

enum { PACKED_MORE = 6 }; /* bytes that lp_pack() of liblp may add */

enum lp_status value_bytes(struct connection *c, sqlite3_value *value, struct bytes *bytes)
{
    const bool blob = value_is_blob(value);
    const void *p = blob ? sqlite3_value_blob(value) : (const void *)sqlite3_value_text(value);
    const size_t n = (size_t)sqlite3_value_bytes(value);
    if (p == NULL && (!blob || n > 0))
        return LP_NOMEM;
    const size_t most = LP_BLOCK_MAX + (blob ? PACKED_MORE : 0);
    *bytes = (struct bytes){p != NULL ? p : "", n};
    return n <= most ? LP_OK
                     : connection_why(c, LP_LIMIT, "%llu bytes in one value: at most %llu",
                                      (unsigned long long)n, (unsigned long long)most);
}

enum lp_status value_name(sqlite3_value *value, const char *otherwise, const char **name)
{
    *name = otherwise;
    if (value_is_null(value))
        return LP_OK;
    *name = (const char *)sqlite3_value_text(value);
    return *name != NULL ? LP_OK : LP_NOMEM;
}

/* The bytes of a BLOB, which is to be a packed value. */
static enum lp_status packed_bytes(struct connection *c, sqlite3_value *value, struct bytes *bytes)
{
    enum lp_status status = value_bytes(c, value, bytes);
    if (status != LP_OK || lp_is_blob(bytes->p, bytes->n))
        return status;
    if (lp_is_stream(bytes->p, bytes->n))
        return connection_why(c, LP_NOT_LP, "a stream, not a packed value: lp_file reads streams");
    return connection_why(c, LP_NOT_LP, "not a packed value, which lp_pack() makes");
}

/* --- Restoring --------------------------------------------------------------------------- */

struct source {
    struct connection *c;
    sqlite3_value *parent;
};

/* The text of a parent, restored by the spare codec where it is packed. */
static enum lp_status parent_text(struct connection *c, sqlite3_value *parent, struct bytes *text)
{
    struct lp_codec *codec;
    if (!value_is_blob(parent))
        return value_bytes(c, parent, text);
    enum lp_status status = packed_bytes(c, parent, text);
    if (status == LP_OK)
        status = connection_spare_codec(c, &codec);
    if (status != LP_OK)
        return status;
    status = lp_unpack(codec, text->p, text->n, connection_find, c, &text->p, &text->n);
    return connection_blame(c, status, lp_codec_need(codec));
}

/* An lp_finder that knows the parent. */
static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    const struct source *source = ctx;
    struct bytes text;
    if (need->what != LP_NEED_PARENT)
        return connection_find(source->c, need, found);
    if (value_is_null(source->parent))
        return LP_NO_PARENT;
    enum lp_status status = parent_text(source->c, source->parent, &text);
    if (status == LP_OK)
        *found = (struct lp_found){.parent = text.p, .parent_size = text.n};
    return status;
}

/* Restores packed bytes by a codec other than the spare one. */
static enum lp_status restore(struct source *source, struct lp_codec *codec,
                              const struct bytes *packed, struct bytes *text)
{
    enum lp_status status =
        lp_unpack(codec, packed->p, packed->n, find, source, &text->p, &text->n);
    return connection_blame(source->c, status, lp_codec_need(codec));
}

enum lp_status value_text(struct connection *c, sqlite3_value *value, sqlite3_value *parent,
                          struct bytes *text)
{
    struct lp_codec *codec;
    struct bytes packed;
    if (!value_is_blob(value))
        return value_bytes(c, value, text);
    enum lp_status status = packed_bytes(c, value, &packed);
    if (status == LP_OK)
        status = connection_any_codec(c, &codec);
    return status == LP_OK ? restore(&(struct source){c, parent}, codec, &packed, text) : status;
}

enum lp_status value_to_parent(struct connection *c, sqlite3_value *parent, struct lp_codec *codec)
{
    struct bytes text;
    if (value_is_null(parent))
        return LP_OK;
    enum lp_status status = parent_text(c, parent, &text);
    return status == LP_OK ? lp_codec_parent(codec, text.p, text.n) : status;
}

/* Only ASCII is the same everywhere. */
enum lp_status value_check_result(struct connection *c, const void *text, size_t n)
{
    unsigned char any = 0;
    for (const unsigned char *at = text, *to = at + n; at < to; at++)
        any |= *at;
    return any < 0x80 ? LP_OK : connection_takes_text(c, text, n);
}

/* --- Tokens ------------------------------------------------------------------------------ */

/* Which tokens are wanted, of what. */
struct request {
    struct source source;
    sqlite3_value *value;
    const char *encoding; /* or NULL */
    bool count;           /* their number is enough */
};

static enum lp_status tokens_of_text(const struct request *r, const struct bytes *text,
                                     struct tokens *tokens)
{
    struct connection *c = r->source.c;
    const char *encoding = r->encoding != NULL ? r->encoding : ENCODING_DEFAULT;
    struct lp_codec *codec;
    enum lp_status status = connection_codec(c, &method_token, encoding, &codec);
    if (status == LP_OK)
        status = connection_vocab(c, encoding, &tokens->vocab);
    return status == LP_OK ? lp_encode(codec, text->p, text->n, &tokens->ids, &tokens->n) : status;
}

/* The tokens that a packed value has, or, where it is packed without, those of an encoding. */
static enum lp_status own_tokens(struct request *r, const struct bytes *packed, const char *own,
                                 struct tokens *tokens)
{
    struct connection *c = r->source.c;
    struct lp_codec *codec;
    const char *encoding = *own != 0 ? own : r->encoding != NULL ? r->encoding : ENCODING_DEFAULT;
    enum lp_status status = *own != 0 ? connection_any_codec(c, &codec)
                                      : connection_codec(c, &method_token, encoding, &codec);
    if (status == LP_OK && r->count)
        status = lp_blob_count(codec, packed->p, packed->n, find, &r->source, &tokens->n);
    else if (status == LP_OK)
        status =
            lp_unpack_ids(codec, packed->p, packed->n, find, &r->source, &tokens->ids, &tokens->n);
    else
        return status;
    if (status == LP_OK && !r->count)
        status = connection_vocab(c, encoding, &tokens->vocab);
    return connection_blame(c, status, lp_codec_need(codec));
}

/* The tokens of a packed value by another encoding than its own. The codec that restores its text
 * is not the one that splits it. */
static enum lp_status other_tokens(struct request *r, const struct bytes *packed,
                                   struct tokens *tokens)
{
    struct lp_codec *codec;
    struct bytes text;
    enum lp_status status = connection_codec(r->source.c, &method_unpack, "", &codec);
    if (status == LP_OK)
        status = restore(&r->source, codec, packed, &text);
    return status == LP_OK ? tokens_of_text(r, &text, tokens) : status;
}

static bool is_encoding(const char *name, const char *encoding)
{
    const char *meant = lp_encoding_name(name);
    return meant != NULL && strcmp(meant, encoding) == 0;
}

static enum lp_status get_tokens(struct request *r, struct tokens *tokens)
{
    struct connection *c = r->source.c;
    struct bytes bytes;
    struct lp_blob_info info;
    if (!value_is_blob(r->value)) {
        enum lp_status status = value_bytes(c, r->value, &bytes);
        return status == LP_OK ? tokens_of_text(r, &bytes, tokens) : status;
    }
    enum lp_status status = packed_bytes(c, r->value, &bytes);
    if (status == LP_OK)
        status = lp_blob_info(bytes.p, bytes.n, &info);
    if (status != LP_OK)
        return status;
    if (info.vocab[0] == 0 || r->encoding == NULL || is_encoding(r->encoding, info.vocab))
        return own_tokens(r, &bytes, info.vocab, tokens);
    return other_tokens(r, &bytes, tokens);
}

enum lp_status value_tokens(struct connection *c, sqlite3_value *value, const char *encoding,
                            sqlite3_value *parent, struct tokens *tokens)
{
    struct request r = {{c, parent}, value, encoding, false};
    return get_tokens(&r, tokens);
}

enum lp_status value_count(struct connection *c, sqlite3_value *value, const char *encoding,
                           sqlite3_value *parent, size_t *n)
{
    struct request r = {{c, parent}, value, encoding, true};
    struct tokens tokens;
    enum lp_status status = get_tokens(&r, &tokens);
    *n = tokens.n;
    return status;
}
