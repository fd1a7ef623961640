#include "ext/sqlite/functions.h"

#include "ext/sqlite/value.h"

#include <string.h>

/* --- Calls ------------------------------------------------------------------------------- */

static struct connection *begin(sqlite3_context *ctx)
{
    struct connection *c = sqlite3_user_data(ctx);
    connection_begin(c);
    return c;
}

/* Ends a call that failed unless status is LP_OK. */
static void end(sqlite3_context *ctx, const char *name, enum lp_status status)
{
    struct connection *c = sqlite3_user_data(ctx);
    connection_end(c);
    if (status == LP_OK)
        return;
    char *message = status == LP_NOMEM ? NULL : connection_message(c, name, status);
    if (message == NULL) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    sqlite3_result_error(ctx, message, -1);
    sqlite3_result_error_code(ctx, connection_code(status));
    sqlite3_free(message);
}

/* An argument, NULL past the last. */
static sqlite3_value *argument(int argc, sqlite3_value **argv, int i)
{
    return i < argc ? argv[i] : NULL;
}

static enum lp_status result_text(sqlite3_context *ctx, const void *text, size_t n)
{
    enum lp_status status = value_check_result(sqlite3_user_data(ctx), text, n);
    if (status == LP_OK)
        sqlite3_result_text64(ctx, n > 0 ? text : "", n, SQLITE_TRANSIENT, SQLITE_UTF8);
    return status;
}

static void result_blob(sqlite3_context *ctx, const void *data, size_t n)
{
    sqlite3_result_blob64(ctx, n > 0 ? data : "", n, SQLITE_TRANSIENT);
}

/* Whether a value has no text: NULL. Then that is the result. */
static bool is_number(sqlite3_value *value)
{
    const int type = sqlite3_value_type(value);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* --- Packing ----------------------------------------------------------------------------- */

/* Whether a BLOB that begins like a packed value is one. One without a check is not known to be. */
static enum lp_status prove_packed(struct connection *c, sqlite3_value *value,
                                   sqlite3_value *parent, const struct bytes *bytes)
{
    struct lp_blob_info info;
    struct bytes text;
    enum lp_status status = lp_blob_info(bytes->p, bytes->n, &info);
    if (status == LP_OK && info.checked)
        status = value_text(c, value, parent, &text);
    else if (status == LP_OK)
        return connection_why(c, LP_DATA,
                              "begins like a packed value, which without a checksum may be none");
    if (status == LP_OK || status == LP_NOMEM || status == LP_INTERRUPTED || c->why != NULL)
        return status;
    return connection_why(c, status, "begins like a packed value: %s", lp_status_text(status));
}

/* The codec that the arguments after the first ask for. */
static enum lp_status codec_for(struct connection *c, int argc, sqlite3_value **argv,
                                struct lp_codec **codec)
{
    const char *name, *encoding;
    sqlite3_value *parent = argument(argc, argv, 3);
    enum lp_status status = value_name(argument(argc, argv, 1), METHOD_DEFAULT, &name);
    if (status == LP_OK)
        status = value_name(argument(argc, argv, 2), ENCODING_DEFAULT, &encoding);
    if (status != LP_OK)
        return status;
    const struct method *method = method_named(name);
    if (method == NULL)
        return connection_why(c, LP_USAGE, "unknown method '%s': %s", name, method_names);
    if (!value_is_null(parent) && !method_has_tokens(method))
        return connection_why(c, LP_USAGE, "the method %s takes no parent", name);
    return connection_codec(c, method, encoding, codec);
}

static void pack(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct connection *c = begin(ctx);
    struct lp_codec *codec = NULL;
    struct bytes in, out;
    if (value_is_null(argv[0]) || is_number(argv[0])) {
        sqlite3_result_value(ctx, argv[0]);
        return;
    }
    enum lp_status status = value_bytes(c, argv[0], &in);
    if (status == LP_OK && value_is_blob(argv[0]) && lp_is_blob(in.p, in.n)) {
        status = prove_packed(c, argv[0], argument(argc, argv, 3), &in);
        if (status == LP_OK)
            sqlite3_result_value(ctx, argv[0]);
        end(ctx, "lp_pack", status);
        return;
    }
    if (status == LP_OK)
        status = codec_for(c, argc, argv, &codec);
    if (status == LP_OK)
        status = value_to_parent(c, argument(argc, argv, 3), codec);
    if (status == LP_OK)
        status = lp_pack(codec, in.p, in.n, &out.p, &out.n);
    if (status == LP_OK)
        result_blob(ctx, out.p, out.n);
    if (codec != NULL)
        lp_codec_parent(codec, NULL, 0); /* or it would unpack by that as well */
    end(ctx, "lp_pack", status);
}

/* --- Restoring --------------------------------------------------------------------------- */

static void unpack(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct bytes text;
    if (!value_is_blob(argv[0])) {
        sqlite3_result_value(ctx, argv[0]);
        return;
    }
    enum lp_status status = value_text(begin(ctx), argv[0], argument(argc, argv, 1), &text);
    if (status == LP_OK)
        status = result_text(ctx, text.p, text.n);
    end(ctx, "lp_unpack", status);
}

static void unpack_blob(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct bytes text;
    if (value_is_null(argv[0]) || is_number(argv[0])) {
        sqlite3_result_value(ctx, argv[0]);
        return;
    }
    enum lp_status status = value_text(begin(ctx), argv[0], argument(argc, argv, 1), &text);
    if (status == LP_OK)
        result_blob(ctx, text.p, text.n);
    end(ctx, "lp_unpack_blob", status);
}

/* Whether lp_unpack() fails for a reason that is in the value, or in what is missing. */
static bool is_invalid(enum lp_status status)
{
    return status == LP_NOT_LP || status == LP_DATA || status == LP_TRUNCATED ||
           status == LP_VERSION || status == LP_NO_VOCAB || status == LP_NO_DICT ||
           status == LP_NO_MODEL || status == LP_NO_PARENT || status == LP_LIMIT;
}

static void valid(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct bytes text;
    if (value_is_null(argv[0]))
        return;
    enum lp_status status = LP_OK;
    if (value_is_blob(argv[0]))
        status = value_text(begin(ctx), argv[0], argument(argc, argv, 1), &text);
    const bool invalid = is_invalid(status);
    if (status == LP_OK || invalid)
        sqlite3_result_int(ctx, !invalid);
    end(ctx, "lp_valid", invalid ? LP_OK : status);
}

static void ratio(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct bytes stored, text;
    if (value_is_null(argv[0]))
        return;
    struct connection *c = begin(ctx);
    enum lp_status status = value_bytes(c, argv[0], &stored);
    if (status == LP_OK)
        status = value_text(c, argv[0], argument(argc, argv, 1), &text);
    if (status == LP_OK)
        sqlite3_result_double(ctx, stored.n > 0 ? (double)text.n / (double)stored.n : 1);
    end(ctx, "lp_ratio", status);
}

/* --- Tokens ------------------------------------------------------------------------------ */

static void tokens(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const char *encoding;
    size_t n;
    if (value_is_null(argv[0]))
        return;
    struct connection *c = begin(ctx);
    enum lp_status status = value_name(argument(argc, argv, 1), NULL, &encoding);
    if (status == LP_OK)
        status = value_count(c, argv[0], encoding, argument(argc, argv, 2), &n);
    if (status == LP_OK)
        sqlite3_result_int64(ctx, (sqlite3_int64)n);
    end(ctx, "lp_tokens", status);
}

static size_t end_of_slice(const struct tokens *t, sqlite3_value *value, size_t otherwise)
{
    if (value_is_null(value))
        return otherwise;
    return lp_ids_slice_end(t->vocab, t->ids, t->n, sqlite3_value_int64(value));
}

/* Hands a slice's text out. */
static enum lp_status result_slice(sqlite3_context *ctx, const struct tokens *t, size_t from,
                                   size_t to)
{
    size_t size = 0, length;
    for (size_t i = from; i < to; i++) {
        if (lp_vocab_token(t->vocab, t->ids[i], &length) == NULL)
            return LP_BAD_VOCAB;
        size += length;
    }
    char *text = sqlite3_malloc64(size + 1);
    if (text == NULL)
        return LP_NOMEM;
    char *at = text;
    for (size_t i = from; i < to; i++, at += length) {
        const unsigned char *token = lp_vocab_token(t->vocab, t->ids[i], &length);
        memcpy(at, token, length);
    }
    enum lp_status status = value_check_result(sqlite3_user_data(ctx), text, size);
    if (status == LP_OK)
        sqlite3_result_text64(ctx, text, size, sqlite3_free, SQLITE_UTF8);
    else
        sqlite3_free(text);
    return status;
}

static void slice(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const char *encoding;
    struct tokens t;
    if (value_is_null(argv[0]))
        return;
    struct connection *c = begin(ctx);
    enum lp_status status = value_name(argument(argc, argv, 3), NULL, &encoding);
    if (status == LP_OK)
        status = value_tokens(c, argv[0], encoding, argument(argc, argv, 4), &t);
    if (status == LP_OK)
        status =
            result_slice(ctx, &t, end_of_slice(&t, argv[1], 0), end_of_slice(&t, argv[2], t.n));
    end(ctx, "lp_slice", status);
}

/* --- The rest ---------------------------------------------------------------------------- */

/* A number in hexadecimal digits as a JSON string, or null, for sqlite3_free(). */
static char *json_hex(bool known, uint64_t number, int digits)
{
    return known ? sqlite3_mprintf("\"%0*llx\"", digits, (unsigned long long)number)
                 : sqlite3_mprintf("null");
}

static enum lp_status result_info(sqlite3_context *ctx, const struct lp_blob_info *info, size_t n)
{
    char *dict = json_hex(info->dict != 0, info->dict, 16);
    char *model = json_hex(info->model != 0, info->model, 16);
    char *parent = json_hex(info->has_parent, info->parent, 8);
    char *check = json_hex(info->checked, info->check, 8);
    const char *quote = info->vocab[0] != 0 ? "\"" : "";
    char *json = NULL;
    if (dict != NULL && model != NULL && parent != NULL && check != NULL)
        json = sqlite3_mprintf("{\"method\":\"%s\",\"encoding\":%s%s%s,\"dictionary\":%s,"
                               "\"model\":%s,\"parent\":%s,\"check\":%s,\"stored_bytes\":%llu}",
                               method_of_chain(info->chain), quote,
                               info->vocab[0] != 0 ? info->vocab : "null", quote, dict, model,
                               parent, check, (unsigned long long)n);
    sqlite3_free(dict);
    sqlite3_free(model);
    sqlite3_free(parent);
    sqlite3_free(check);
    if (json == NULL)
        return LP_NOMEM;
    sqlite3_result_text(ctx, json, -1, sqlite3_free);
    return LP_OK;
}

static void info(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct lp_blob_info said;
    struct bytes bytes;
    (void)argc;
    if (!value_is_blob(argv[0]))
        return;
    enum lp_status status = value_bytes(begin(ctx), argv[0], &bytes);
    if (status == LP_OK && !lp_is_blob(bytes.p, bytes.n))
        return;
    if (status == LP_OK)
        status = lp_blob_info(bytes.p, bytes.n, &said);
    if (status == LP_OK)
        status = result_info(ctx, &said, bytes.n);
    end(ctx, "lp_info", status);
}

static void version(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    (void)argv;
    sqlite3_result_text(ctx, lp_version(), -1, SQLITE_TRANSIENT);
}

static void load(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const char *path;
    uint64_t fingerprint;
    char digits[17];
    (void)argc;
    struct connection *c = begin(ctx);
    if (value_is_null(argv[0]))
        return;
    enum lp_status status = value_name(argv[0], NULL, &path);
    if (status == LP_OK)
        status = connection_load(c, path, &fingerprint);
    if (status == LP_OK) {
        sqlite3_snprintf(sizeof digits, digits, "%016llx", (unsigned long long)fingerprint);
        sqlite3_result_text(ctx, digits, -1, SQLITE_TRANSIENT);
    }
    end(ctx, "lp_load", status);
}

/* They read what a value, the vocabularies and the models hold, and nothing else: a schema may use
 * them, and within a statement they give the same again. Only lp_load() takes the name of a file.
 */
enum {
    FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
    FLAGS_LOAD = SQLITE_UTF8 | SQLITE_DIRECTONLY,
};

static const struct function {
    const char *name;
    int least, most; /* arguments */
    int flags;
    void (*call)(sqlite3_context *ctx, int argc, sqlite3_value **argv);
} functions[] = {
    {"lp_pack", 1, 4, FLAGS, pack},       {"lp_unpack", 1, 2, FLAGS, unpack},
    {"lp_tokens", 1, 3, FLAGS, tokens},   {"lp_unpack_blob", 1, 2, FLAGS, unpack_blob},
    {"lp_slice", 3, 5, FLAGS, slice},     {"lp_valid", 1, 2, FLAGS, valid},
    {"lp_ratio", 1, 2, FLAGS, ratio},     {"lp_info", 1, 1, FLAGS, info},
    {"lp_version", 0, 0, FLAGS, version}, {"lp_load", 1, 1, FLAGS_LOAD, load},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

int functions_define(struct connection *c)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < FUNCTIONS; i++) {
        const struct function *f = &functions[i];
        for (int n = f->least; rc == SQLITE_OK && n <= f->most; n++) {
            c->users++; /* which SQLite drops, also when it fails */
            rc = sqlite3_create_function_v2(c->db, f->name, n, f->flags, c, f->call, NULL, NULL,
                                            connection_drop);
        }
    }
    return rc;
}
