/* postgres - two SQL functions for a server that was started with inject.so before other libraries:
 * make calls of libc by what the session has loaded fail.
 *
 *     inject_start(call text, at bigint, "on" boolean, error integer) RETURNS void
 *     inject_stop() RETURNS boolean */
#include <postgres.h>

#include "inject.h"

#include <fmgr.h>
#include <utils/builtins.h>

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(postgres_inject_start);
Datum postgres_inject_start(PG_FUNCTION_ARGS)
{
    static char call[32];
    text_to_cstring_buffer(PG_GETARG_TEXT_PP(0), call, sizeof call);
    const struct inject plan = {.call = call,
                                .at = PG_GETARG_INT64(1),
                                .on = PG_GETARG_BOOL(2),
                                .error = PG_GETARG_INT32(3),
                                .host = &CurrentMemoryContext}; /* the server's own */
    inject_start(&plan);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(postgres_inject_stop);
Datum postgres_inject_stop(PG_FUNCTION_ARGS)
{
    (void)fcinfo;
    PG_RETURN_BOOL(inject_stop());
}
