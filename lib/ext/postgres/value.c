#include "ext/postgres/value.h"

#include <mb/pg_wchar.h>
#include <utils/builtins.h>
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif

enum { PACKED_MORE = 6 }; /* bytes that lp_pack() of liblp may add */

/* --- Arguments --------------------------------------------------------------------------- */

const char *argument_name(FunctionCallInfo fcinfo, int i, const char *otherwise)
{
    return PG_ARGISNULL(i) ? otherwise : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static struct bytes limited(size_t most, const void *p, size_t n)
{
    if (n > most)
        session_refuse(LP_LIMIT, "%zu bytes in one value: at most %zu", n, most);
    session_large(n);
    return (struct bytes){p, n};
}

/* Whether text is stored as what text in lopace is: UTF-8, or bytes of which nothing is known. */
static bool is_stored_alike(void)
{
    return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

/* Converts to UTF-8 what then converts back to the same; there are characters of which two become
 * one. */
static struct bytes to_utf8(const struct bytes *text)
{
    char *converted = pg_server_to_any(text->p, (int)text->n, PG_UTF8);
    if (converted == text->p)
        return *text;
    const size_t n = strlen(converted);
    const char *back = pg_any_to_server(converted, (int)n, PG_UTF8);
    if (strlen(back) != text->n || memcmp(back, text->p, text->n) != 0)
        session_refuse(LP_USAGE, "text that UTF-8 does not give back: convert it to bytea");
    return (struct bytes){converted, n};
}

struct bytes argument_text(FunctionCallInfo fcinfo, int i)
{
    const text *value = PG_GETARG_TEXT_PP(i);
    struct bytes bytes = limited(LP_BLOCK_MAX, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
    if (is_stored_alike())
        return bytes;
    bytes = to_utf8(&bytes);
    return limited(LP_BLOCK_MAX, bytes.p, bytes.n);
}

struct bytes argument_bytes(FunctionCallInfo fcinfo, int i)
{
    const bytea *value = PG_GETARG_BYTEA_PP(i);
    return limited(LP_BLOCK_MAX + PACKED_MORE, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

struct bytes argument_first_bytes(FunctionCallInfo fcinfo, int i, int n)
{
    const bytea *value = PG_GETARG_BYTEA_P_SLICE(i, 0, n);
    return (struct bytes){VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

struct bytes argument_packed(FunctionCallInfo fcinfo, int i)
{
    const struct bytes packed = argument_bytes(fcinfo, i);
    if (lp_is_stream(packed.p, packed.n))
        session_refuse(LP_NOT_LP, "a stream, not a packed value: lpunpack reads streams");
    if (!lp_is_blob(packed.p, packed.n))
        session_refuse(LP_NOT_LP, "not a packed value, which lp_pack() makes");
    return packed;
}

struct parent argument_parent(FunctionCallInfo fcinfo, int i)
{
    struct parent text = {NULL, 0}, none = {NULL, 0};
    if (PG_ARGISNULL(i))
        return none;
    const struct bytes packed = argument_packed(fcinfo, i);
    struct lp_codec *codec = session_spare_codec();
    session_check(lp_unpack(codec, packed.p, packed.n, session_find, &none, &text.text, &text.n),
                  codec);
    session_large(text.n);
    if (text.text == NULL)
        text.text = ""; /* an empty text is a parent too */
    return text;
}

struct parent argument_parent_of(FunctionCallInfo fcinfo, int i, const struct bytes *packed)
{
    struct lp_blob_info info;
    if (lp_blob_info(packed->p, packed->n, &info) == LP_OK && info.has_parent)
        return argument_parent(fcinfo, i);
    return (struct parent){NULL, 0};
}

/* --- Restoring --------------------------------------------------------------------------- */

enum lp_status value_restore(const struct bytes *packed, const struct parent *parent,
                             struct bytes *text, struct lp_codec **codec)
{
    struct parent known = *parent;
    *codec = session_any_codec();
    const enum lp_status status =
        lp_unpack(*codec, packed->p, packed->n, session_find, &known, &text->p, &text->n);
    session_large(text->n);
    return status;
}

/* --- Tokens ------------------------------------------------------------------------------ */

struct tokens value_tokens_of_text(const struct bytes *text, const char *encoding, bool special)
{
    struct tokens tokens;
    struct lp_codec *codec = session_codec(&method_token, encoding, special);
    session_check(lp_encode(codec, text->p, text->n, &tokens.ids, &tokens.n), codec);
    tokens.vocab = session_vocab(encoding);
    return tokens;
}

static bool is_encoding(const char *name, const char *encoding)
{
    const char *meant = lp_encoding_name(name);
    return meant != NULL && strcmp(meant, encoding) == 0;
}

/* The encoding whose tokens are wanted of a packed value, and whether it has those. */
static const char *encoding_of(const struct bytes *packed, const char *encoding, bool *own)
{
    struct lp_blob_info info;
    session_check(lp_blob_info(packed->p, packed->n, &info), NULL);
    *own = info.vocab[0] != 0 && (encoding == NULL || is_encoding(encoding, info.vocab));
    if (*own)
        return lp_encoding_name(info.vocab);
    return encoding != NULL ? encoding : ENCODING_DEFAULT;
}

/* The tokens of a packed value by another encoding than its own. The codec that restores its text
 * is not the one that splits it. */
static struct tokens other_tokens(const struct bytes *packed, const char *encoding,
                                  const struct parent *parent)
{
    struct parent known = *parent;
    struct bytes text;
    struct lp_codec *codec = session_codec(&method_unpack, "", false);
    session_check(lp_unpack(codec, packed->p, packed->n, session_find, &known, &text.p, &text.n),
                  codec);
    session_large(text.n);
    return value_tokens_of_text(&text, encoding, false);
}

struct tokens value_tokens(const struct bytes *packed, const char *encoding,
                           const struct parent *parent)
{
    bool own;
    struct tokens tokens;
    struct parent known = *parent;
    const char *name = encoding_of(packed, encoding, &own);
    if (!own)
        return other_tokens(packed, name, parent);
    struct lp_codec *codec = session_any_codec();
    session_check(
        lp_unpack_ids(codec, packed->p, packed->n, session_find, &known, &tokens.ids, &tokens.n),
        codec);
    session_large(tokens.n * sizeof *tokens.ids);
    tokens.vocab = session_vocab(name);
    return tokens;
}

size_t value_count(const struct bytes *packed, const char *encoding, const struct parent *parent)
{
    bool own;
    size_t n;
    struct parent known = *parent;
    const char *name = encoding_of(packed, encoding, &own);
    if (!own)
        return other_tokens(packed, name, parent).n;
    struct lp_codec *codec = session_any_codec();
    session_check(lp_blob_count(codec, packed->p, packed->n, session_find, &known, &n), codec);
    session_large(n);
    return n;
}

bool value_begins_with_count(const struct bytes *first, const char *encoding)
{
    struct lp_blob_info info;
    return lp_is_blob(first->p, first->n) && lp_blob_info(first->p, first->n, &info) == LP_OK &&
           info.chain == LP_CHAIN_TOKENS_MIX && !info.has_parent &&
           (encoding == NULL || is_encoding(encoding, info.vocab));
}

/* --- Results ----------------------------------------------------------------------------- */

Datum result_bytea(const struct bytes *bytes)
{
    bytea *value = palloc(bytes->n + VARHDRSZ);
    SET_VARSIZE(value, bytes->n + VARHDRSZ);
    if (bytes->n > 0)
        memcpy(VARDATA(value), bytes->p, bytes->n);
    return PointerGetDatum(value);
}

/* Raises what is no text of the database, such as a NUL. */
Datum result_text(const struct bytes *text)
{
    if (text->n == 0 || is_stored_alike()) {
        pg_verify_mbstr(GetDatabaseEncoding(), text->p, (int)text->n, false);
        return result_bytea(text);
    }
    const char *converted = pg_any_to_server(text->p, (int)text->n, PG_UTF8);
    return result_bytea(
        &(struct bytes){converted, converted == text->p ? text->n : strlen(converted)});
}

Datum result_tokens(const struct tokens *tokens, size_t from, size_t to)
{
    size_t n = 0, length;
    for (size_t i = from; i < to; i++) {
        if (lp_vocab_token(tokens->vocab, tokens->ids[i], &length) == NULL)
            session_refuse(LP_USAGE, "%u is no token of %s", tokens->ids[i],
                           lp_vocab_name(tokens->vocab));
        n += length;
        if (n > LP_BLOCK_MAX)
            session_refuse(LP_LIMIT, "more than %zu bytes of text", LP_BLOCK_MAX);
    }
    char *text = palloc(n + 1), *at = text;
    for (size_t i = from; i < to; i++, at += length) {
        const unsigned char *token = lp_vocab_token(tokens->vocab, tokens->ids[i], &length);
        memcpy(at, token, length);
    }
    const Datum result = result_text(&(struct bytes){text, n});
    pfree(text);
    return result;
}
