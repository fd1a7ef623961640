/* lopace.c - lopace, an extension of PostgreSQL: prompts packed and restored, tokens counted, in
 * SQL. lopace-postgres(3) describes it. */
#include "ext/postgres/session.h"

#include <fmgr.h>
#include <miscadmin.h>
#include <utils/guc.h>

PG_MODULE_MAGIC;

static char *path, *preload;

void _PG_init(void);
void _PG_init(void)
{
    DefineCustomStringVariable(
        "lopace.path", "Directories of vocabularies and models, with colons between them.",
        "They are searched before the installed ones; read when a session loads lopace.", &path, "",
        PGC_SIGHUP, 0, NULL, NULL, NULL);
    DefineCustomStringVariable("lopace.preload",
                               "Encodings that the server reads under shared_preload_libraries.",
                               "Others are read by each session that uses them.", &preload,
                               ENCODING_DEFAULT, PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved("lopace");
#endif
    session_open(path);
    if (process_shared_preload_libraries_in_progress)
        session_preload(preload);
}
