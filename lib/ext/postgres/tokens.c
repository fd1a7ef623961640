/* tokens.c - the SQL functions that count, list and cut tokens. */
#include "ext/postgres/value.h"

#include <catalog/pg_type.h>
#include <funcapi.h>
#include <utils/array.h>

/* Those of text have the arguments x, ..., encoding, special where they have it; those of packed
 * values x, ..., encoding, parent. encoding_at: the number of the argument encoding. */

static struct tokens tokens_of_text(FunctionCallInfo fcinfo, int encoding_at)
{
    const struct bytes text = argument_text(fcinfo, 0);
    const int special_at = encoding_at + 1;
    const bool special =
        special_at < PG_NARGS() && !PG_ARGISNULL(special_at) && PG_GETARG_BOOL(special_at);
    return value_tokens_of_text(&text, argument_name(fcinfo, encoding_at, ENCODING_DEFAULT),
                                special);
}

static struct tokens tokens_of_packed(FunctionCallInfo fcinfo, int encoding_at)
{
    const struct bytes packed = argument_packed(fcinfo, 0);
    const struct parent parent = argument_parent_of(fcinfo, encoding_at + 1, &packed);
    return value_tokens(&packed, argument_name(fcinfo, encoding_at, NULL), &parent);
}

/* --- Counting ---------------------------------------------------------------------------- */

PG_FUNCTION_INFO_V1(lopace_count_text);
Datum lopace_count_text(PG_FUNCTION_ARGS)
{
    session_begin("lp_token_count");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const size_t n = tokens_of_text(fcinfo, 1).n;
    session_end();
    PG_RETURN_INT32((int32)n);
}

/* More than a blob's head has and the number takes. */
enum { FIRST = 64 };

PG_FUNCTION_INFO_V1(lopace_count_packed);
Datum lopace_count_packed(PG_FUNCTION_ARGS)
{
    struct parent parent = {NULL, 0};
    session_begin("lp_token_count");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const char *encoding = argument_name(fcinfo, 1, NULL);
    struct bytes packed = argument_first_bytes(fcinfo, 0, FIRST);
    if (!value_begins_with_count(&packed, encoding)) {
        packed = argument_packed(fcinfo, 0);
        parent = argument_parent_of(fcinfo, 2, &packed);
    }
    const size_t n = value_count(&packed, encoding, &parent);
    session_end();
    PG_RETURN_INT32((int32)n);
}

/* --- Ids --------------------------------------------------------------------------------- */

static Datum result_ids(const struct tokens *tokens)
{
    const size_t size = ARR_OVERHEAD_NONULLS(1) + tokens->n * sizeof *tokens->ids;
    if (tokens->n == 0)
        return PointerGetDatum(construct_empty_array(INT4OID));
    ArrayType *array = palloc0(size);
    SET_VARSIZE(array, size);
    array->ndim = 1;
    array->elemtype = INT4OID;
    ARR_DIMS(array)[0] = (int)tokens->n;
    ARR_LBOUND(array)[0] = 1;
    memcpy(ARR_DATA_PTR(array), tokens->ids, tokens->n * sizeof *tokens->ids);
    return PointerGetDatum(array);
}

PG_FUNCTION_INFO_V1(lopace_encode_text);
Datum lopace_encode_text(PG_FUNCTION_ARGS)
{
    session_begin("lp_encode");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const struct tokens tokens = tokens_of_text(fcinfo, 1);
    const Datum ids = result_ids(&tokens);
    session_end();
    return ids;
}

PG_FUNCTION_INFO_V1(lopace_encode_packed);
Datum lopace_encode_packed(PG_FUNCTION_ARGS)
{
    session_begin("lp_encode");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const struct tokens tokens = tokens_of_packed(fcinfo, 1);
    const Datum ids = result_ids(&tokens);
    session_end();
    return ids;
}

PG_FUNCTION_INFO_V1(lopace_decode);
Datum lopace_decode(PG_FUNCTION_ARGS)
{
    session_begin("lp_decode");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
        session_refuse(LP_USAGE, "needs ids in one dimension, without NULL");
    const struct tokens tokens = {
        session_vocab(argument_name(fcinfo, 1, ENCODING_DEFAULT)),
        (const uint32_t *)ARR_DATA_PTR(array),
        (size_t)ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)),
    };
    return result_tokens(&tokens, 0, tokens.n);
}

/* --- Slices ------------------------------------------------------------------------------ */

static size_t end_of_slice(FunctionCallInfo fcinfo, int i, const struct tokens *t, size_t otherwise)
{
    if (PG_ARGISNULL(i))
        return otherwise;
    return lp_ids_slice_end(t->vocab, t->ids, t->n, PG_GETARG_INT32(i));
}

static Datum slice(FunctionCallInfo fcinfo, const struct tokens *tokens)
{
    const size_t from = end_of_slice(fcinfo, 1, tokens, 0);
    const Datum text = result_tokens(tokens, from, end_of_slice(fcinfo, 2, tokens, tokens->n));
    session_end();
    return text;
}

PG_FUNCTION_INFO_V1(lopace_slice_text);
Datum lopace_slice_text(PG_FUNCTION_ARGS)
{
    session_begin("lp_slice");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const struct tokens tokens = tokens_of_text(fcinfo, 3);
    return slice(fcinfo, &tokens);
}

PG_FUNCTION_INFO_V1(lopace_slice_packed);
Datum lopace_slice_packed(PG_FUNCTION_ARGS)
{
    session_begin("lp_slice");
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const struct tokens tokens = tokens_of_packed(fcinfo, 3);
    return slice(fcinfo, &tokens);
}

/* --- Chunks ------------------------------------------------------------------------------ */

struct chunks {
    struct tokens tokens; /* whose ids are the chunks' own */
    size_t size, overlap;
    size_t at; /* where the next one begins */
};

static Datum next_chunk(struct chunks *c)
{
    const struct tokens *t = &c->tokens;
    const size_t from = c->at;
    const size_t to = lp_ids_chunk(t->vocab, t->ids, t->n, from, c->size, c->overlap, &c->at);
    return result_tokens(t, from, to);
}

/* The tokens of an argument, for the calls that follow. */
static struct chunks *begin_chunks(FunctionCallInfo fcinfo,
                                   struct tokens (*tokens_of)(FunctionCallInfo, int))
{
    const int size = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
    const int overlap = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
    if (size < 1)
        session_refuse(LP_USAGE, "a chunk has at least one token");
    if (overlap < 0 || overlap >= size)
        session_refuse(LP_USAGE, "chunks share less than a chunk has: 0 to %d tokens", size - 1);
    const struct tokens tokens = tokens_of(fcinfo, 3);
    uint32_t *ids = palloc(tokens.n * sizeof *ids + 1);
    if (tokens.n > 0)
        memcpy(ids, tokens.ids, tokens.n * sizeof *ids);
    struct chunks *chunks = palloc(sizeof *chunks);
    *chunks = (struct chunks){{tokens.vocab, ids, tokens.n}, (size_t)size, (size_t)overlap, 0};
    session_end();
    return chunks;
}

static Datum chunk(FunctionCallInfo fcinfo, struct tokens (*tokens_of)(FunctionCallInfo, int))
{
    session_begin("lp_chunk");
    if (SRF_IS_FIRSTCALL()) {
        FuncCallContext *context = SRF_FIRSTCALL_INIT();
        const MemoryContext before = MemoryContextSwitchTo(context->multi_call_memory_ctx);
        if (!PG_ARGISNULL(0))
            context->user_fctx = begin_chunks(fcinfo, tokens_of);
        MemoryContextSwitchTo(before);
    }
    FuncCallContext *context = SRF_PERCALL_SETUP();
    struct chunks *chunks = context->user_fctx;
    if (chunks == NULL || chunks->at == chunks->tokens.n)
        SRF_RETURN_DONE(context);
    SRF_RETURN_NEXT(context, next_chunk(chunks));
}

PG_FUNCTION_INFO_V1(lopace_chunk_text);
Datum lopace_chunk_text(PG_FUNCTION_ARGS)
{
    return chunk(fcinfo, tokens_of_text);
}

PG_FUNCTION_INFO_V1(lopace_chunk_packed);
Datum lopace_chunk_packed(PG_FUNCTION_ARGS)
{
    return chunk(fcinfo, tokens_of_packed);
}
