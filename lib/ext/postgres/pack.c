/* pack.c - the SQL functions that pack, restore and describe values. */
#include "ext/postgres/value.h"

#include <utils/builtins.h>
#include <utils/jsonb.h>

/* --- Packing ----------------------------------------------------------------------------- */

enum { X, METHOD, ENCODING, PARENT }; /* arguments of lp_pack() */

/* The codec that the arguments after the first ask for, with the parent. */
static struct lp_codec *codec_for(FunctionCallInfo fcinfo)
{
    const char *name = argument_name(fcinfo, METHOD, METHOD_DEFAULT);
    const struct method *method = method_named(name);
    if (method == NULL)
        session_refuse(LP_USAGE, "unknown method '%s': %s", name, method_names);
    if (!PG_ARGISNULL(PARENT) && !method_has_tokens(method))
        session_refuse(LP_USAGE, "the method %s takes no parent", name);
    const struct parent parent = argument_parent(fcinfo, PARENT);
    struct lp_codec *codec =
        session_codec(method, argument_name(fcinfo, ENCODING, ENCODING_DEFAULT), false);
    session_check(lp_codec_parent(codec, parent.text, parent.n), codec);
    return codec;
}

static Datum pack(FunctionCallInfo fcinfo, const struct bytes *in)
{
    struct bytes out;
    struct lp_codec *codec = codec_for(fcinfo);
    const enum lp_status status = lp_pack(codec, in->p, in->n, &out.p, &out.n);
    lp_codec_parent(codec, NULL, 0); /* or it would unpack by that as well */
    session_check(status, codec);
    const Datum result = result_bytea(&out);
    session_end();
    return result;
}

/* Raises what only begins like a packed value. One without a check is not known to be one. */
static void prove_packed(FunctionCallInfo fcinfo, const struct bytes *packed)
{
    struct lp_blob_info info;
    struct bytes text;
    struct lp_codec *codec = NULL;
    enum lp_status status = lp_blob_info(packed->p, packed->n, &info);
    if (status == LP_OK && !info.checked)
        session_refuse(LP_DATA, "begins like a packed value, which without a checksum may be none");
    if (status == LP_OK) {
        const struct parent parent = argument_parent_of(fcinfo, PARENT, packed);
        status = value_restore(packed, &parent, &text, &codec);
    }
    if (status == LP_DATA || status == LP_TRUNCATED || status == LP_NOT_LP)
        session_refuse(status, "begins like a packed value: %s", lp_status_text(status));
    session_check(status, codec);
    session_end();
}

PG_FUNCTION_INFO_V1(lopace_pack_text);
Datum lopace_pack_text(PG_FUNCTION_ARGS)
{
    session_begin("lp_pack");
    if (PG_ARGISNULL(X))
        PG_RETURN_NULL();
    const struct bytes text = argument_text(fcinfo, X);
    return pack(fcinfo, &text);
}

PG_FUNCTION_INFO_V1(lopace_pack_bytea);
Datum lopace_pack_bytea(PG_FUNCTION_ARGS)
{
    session_begin("lp_pack");
    if (PG_ARGISNULL(X))
        PG_RETURN_NULL();
    const struct bytes bytes = argument_bytes(fcinfo, X);
    if (!lp_is_blob(bytes.p, bytes.n))
        return pack(fcinfo, &bytes);
    prove_packed(fcinfo, &bytes);
    return PG_GETARG_DATUM(X);
}

/* --- Restoring --------------------------------------------------------------------------- */

static Datum unpack(FunctionCallInfo fcinfo, Datum (*result)(const struct bytes *text))
{
    struct bytes text;
    struct lp_codec *codec;
    const struct bytes packed = argument_packed(fcinfo, 0);
    const struct parent parent = argument_parent_of(fcinfo, 1, &packed);
    const enum lp_status status = value_restore(&packed, &parent, &text, &codec);
    session_check(status, codec);
    const Datum value = result(&text);
    session_end();
    return value;
}

PG_FUNCTION_INFO_V1(lopace_unpack);
Datum lopace_unpack(PG_FUNCTION_ARGS)
{
    session_begin("lp_unpack");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    return unpack(fcinfo, result_text);
}

PG_FUNCTION_INFO_V1(lopace_unpack_bytea);
Datum lopace_unpack_bytea(PG_FUNCTION_ARGS)
{
    session_begin("lp_unpack_bytea");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    return unpack(fcinfo, result_bytea);
}

/* Whether restoring fails for a reason that is in the value, or in what is missing. */
static bool is_invalid(enum lp_status status)
{
    return status == LP_NOT_LP || status == LP_DATA || status == LP_TRUNCATED ||
           status == LP_VERSION || status == LP_NO_VOCAB || status == LP_NO_DICT ||
           status == LP_NO_MODEL || status == LP_NO_PARENT || status == LP_LIMIT;
}

PG_FUNCTION_INFO_V1(lopace_valid);
Datum lopace_valid(PG_FUNCTION_ARGS)
{
    struct bytes text;
    struct lp_codec *codec;
    session_begin("lp_valid");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const struct bytes packed = argument_bytes(fcinfo, 0);
    const struct parent parent = argument_parent_of(fcinfo, 1, &packed);
    const enum lp_status status = value_restore(&packed, &parent, &text, &codec);
    if (!is_invalid(status))
        session_check(status, codec);
    session_end();
    PG_RETURN_BOOL(status == LP_OK);
}

/* --- About values ------------------------------------------------------------------------ */

/* A number in hexadecimal digits as a JSON string, or null. */
static const char *json_hex(bool known, uint64_t number, int digits)
{
    return known ? psprintf("\"%0*llx\"", digits, (unsigned long long)number) : "null";
}

/* NULL for what is not packed. */
PG_FUNCTION_INFO_V1(lopace_info);
Datum lopace_info(PG_FUNCTION_ARGS)
{
    struct lp_blob_info info;
    session_begin("lp_info");
    const struct bytes packed = argument_bytes(fcinfo, 0);
    if (!lp_is_blob(packed.p, packed.n))
        PG_RETURN_NULL();
    session_check(lp_blob_info(packed.p, packed.n, &info), NULL);
    session_end();
    const char *json = psprintf(
        "{\"method\":\"%s\",\"encoding\":%s,\"dictionary\":%s,\"model\":%s,\"parent\":%s,"
        "\"check\":%s,\"stored_bytes\":%zu}",
        method_of_chain(info.chain), info.vocab[0] != 0 ? psprintf("\"%s\"", info.vocab) : "null",
        json_hex(info.dict != 0, info.dict, 16), json_hex(info.model != 0, info.model, 16),
        json_hex(info.has_parent, info.parent, 8), json_hex(info.checked, info.check, 8), packed.n);
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

PG_FUNCTION_INFO_V1(lopace_version);
Datum lopace_version(PG_FUNCTION_ARGS)
{
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(lp_version()));
}
