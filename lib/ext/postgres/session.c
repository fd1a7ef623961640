#include "ext/postgres/session.h"

#include "ext/shared/need.h"

#include <lib/stringinfo.h>
#include <miscadmin.h>
#include <utils/varlena.h>

/* One for each way to pack that is in use; more are made anew when their turn comes. */
enum { CODECS = 8, LARGE = 1 << 20 };

static struct lp_catalog *catalog;
static struct codec_in_use {
    const struct method *method;
    const char *encoding; /* "" where the method has no tokens */
    bool special;
    struct lp_codec *codec;
} codecs[CODECS]; /* the last used first */
static size_t ncodecs;
static struct lp_codec *spare; /* restores what another codec is given */
static bool large;             /* so large that codecs are not kept */
static const char *function;   /* whose call it is */
static char unusable[1200];    /* the first file of a search that cannot be used, and why; or "" */

/* --- Why a call failed ------------------------------------------------------------------- */

/* An lp_on_unusable. */
static void note_unusable(void *ctx, const char *path, enum lp_status status, int error)
{
    (void)ctx;
    if (unusable[0] == 0)
        snprintf(unusable, sizeof unusable, "%s: cannot use: %s", path,
                 status == LP_IO ? strerror(error) : lp_status_text(status));
}

/* Not the codes of class XX, by which damage to the database itself is told. */
static int code_of(enum lp_status status)
{
    switch (status) {
    case LP_NOMEM:
        return ERRCODE_OUT_OF_MEMORY;
    case LP_LIMIT:
    case LP_MAX_TEXT:
        return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    case LP_USAGE:
    case LP_NO_PARENT:
        return ERRCODE_INVALID_PARAMETER_VALUE;
    case LP_NO_VOCAB:
    case LP_NO_DICT:
    case LP_NO_MODEL:
        return ERRCODE_UNDEFINED_FILE;
    case LP_IO:
    case LP_BAD_VOCAB:
    case LP_BAD_MODEL:
        return ERRCODE_IO_ERROR;
    case LP_INTERRUPTED:
        return ERRCODE_QUERY_CANCELED;
    case LP_INTERNAL:
        return ERRCODE_INTERNAL_ERROR;
    default:
        return ERRCODE_INVALID_BINARY_REPRESENTATION;
    }
}

void session_refuse(enum lp_status status, const char *format, ...)
{
    StringInfoData message;
    initStringInfo(&message);
    for (;;) {
        va_list args;
        va_start(args, format);
        const int more = appendStringInfoVA(&message, format, args);
        va_end(args);
        if (more == 0)
            break;
        enlargeStringInfo(&message, more);
    }
    ereport(ERROR, (errcode(code_of(status)), errmsg_internal("%s: %s", function, message.data)));
    pg_unreachable();
}

/* What was not found, and what to do about it. */
static void refuse_need(enum lp_status status, const struct lp_need *need)
{
    char text[NEED_TEXT];
    const char *what = need_text(need, text);
    const bool vocab = need->what == LP_NEED_VOCAB;
    const char *where = lp_catalog_where(catalog, vocab ? LP_VOCAB_PATH : LP_MODEL_PATH);
    if (need->what == LP_NEED_NEWER)
        session_refuse(status, "made by a newer version: %s", what);
    if (need->what == LP_NEED_PARENT)
        session_refuse(status, "needs the %s: give it as the parent", what);
    if (vocab)
        session_refuse(status, "%s not found in %s: set lopace.path", what, where);
    session_refuse(status,
                   "needs the %s, not found in %s: put it there as %016llx.%s, or set lopace.path",
                   what, where, (unsigned long long)need->fingerprint,
                   need->what == LP_NEED_DICT ? "dict" : "lpm");
}

void session_check(enum lp_status status, const struct lp_codec *codec)
{
    const bool missing = status == LP_NO_VOCAB || status == LP_NO_DICT || status == LP_NO_MODEL;
    const struct lp_need *need = codec != NULL ? lp_codec_need(codec) : NULL;
    if (status == LP_OK)
        return;
    if (status == LP_INTERRUPTED)
        CHECK_FOR_INTERRUPTS(); /* which says by what */
    if (unusable[0] != 0 &&
        (missing || status == LP_IO || status == LP_BAD_MODEL || status == LP_BAD_VOCAB))
        session_refuse(status, "%s", unusable);
    if (need != NULL &&
        (missing || status == LP_NO_PARENT || (status == LP_VERSION && need->field != NULL)))
        refuse_need(status, need);
    session_refuse(status, "%s", lp_status_text(status));
}

/* --- Its life ---------------------------------------------------------------------------- */

static void free_codecs(void)
{
    while (ncodecs > 0)
        lp_codec_free(codecs[--ncodecs].codec);
    lp_codec_free(spare);
    spare = NULL;
    large = false;
}

void session_begin(const char *name)
{
    function = name;
    unusable[0] = 0;
    if (large) /* of a call that failed */
        free_codecs();
}

void session_large(size_t nbytes)
{
    large |= nbytes > LARGE;
}

void session_end(void)
{
    if (large)
        free_codecs();
}

/* Adds the directories of a list with colons between them. */
static enum lp_status add_paths(const char *list)
{
    enum lp_status status = LP_OK;
    while (status == LP_OK && *list != 0) {
        const size_t n = strcspn(list, ":");
        char *path = pnstrdup(list, n);
        if (n > 0)
            status = lp_catalog_add(catalog, LP_VOCAB_PATH, path);
        if (n > 0 && status == LP_OK)
            status = lp_catalog_add(catalog, LP_MODEL_PATH, path);
        pfree(path);
        list += n + (list[n] == ':');
    }
    return status;
}

/* Files are read into memory: a process in which one is mapped ends when it is cut short, and with
 * it PostgreSQL ends all others. The environment, which is the postmaster's, does not count. */
void session_open(const char *path)
{
    session_begin("lopace");
    session_check(lp_catalog_new(&catalog), NULL);
    lp_catalog_load(catalog);
    lp_catalog_on_unusable(catalog, note_unusable, NULL);
    session_check(add_paths(path != NULL ? path : ""), NULL);
    session_check(lp_catalog_add_standard(catalog), NULL);
}

/* Reads what an encoding needs; LP_NO_MODEL if it has no model. */
static enum lp_status preload(const char *encoding)
{
    const struct lp_vocab *vocab;
    const struct lp_model *model;
    session_begin("lopace");
    enum lp_status status = lp_catalog_vocab(catalog, encoding, &vocab);
    return status == LP_OK ? lp_catalog_model(catalog, vocab, &model) : status;
}

/* What cannot be read is looked for again by each session that needs it. */
void session_preload(const char *encodings)
{
    List *names = NIL;
    ListCell *cell;
    if (!SplitIdentifierString(pstrdup(encodings), ',', &names))
        ereport(WARNING, (errmsg("lopace.preload: not a list of encodings: %s", encodings)));
    foreach (cell, names) {
        const char *name = lfirst(cell);
        const enum lp_status status = preload(name);
        if (status == LP_USAGE)
            ereport(WARNING, (errmsg("lopace.preload: unknown encoding or model '%s'", name)));
        else if (status != LP_OK && (status != LP_NO_MODEL || unusable[0] != 0))
            ereport(WARNING, (errmsg("lopace.preload: %s: %s", name,
                                     unusable[0] != 0 ? unusable : lp_status_text(status))));
    }
    list_free(names);
}

/* --- Finding ----------------------------------------------------------------------------- */

const struct lp_vocab *session_vocab(const char *encoding)
{
    const struct lp_vocab *vocab;
    const enum lp_status status = lp_catalog_vocab(catalog, encoding, &vocab);
    if (status == LP_USAGE)
        session_refuse(status, "unknown encoding or model '%s': lptok --list shows them", encoding);
    if (status == LP_NO_VOCAB && unusable[0] == 0)
        session_refuse(status, "vocabulary %s.lpv not found in %s: set lopace.path",
                       lp_encoding_name(encoding), lp_catalog_where(catalog, LP_VOCAB_PATH));
    session_check(status, NULL);
    return vocab;
}

/* The model to pack with. */
static const struct lp_model *find_model(const struct lp_vocab *vocab)
{
    const struct lp_model *model;
    const enum lp_status status = lp_catalog_model(catalog, vocab, &model);
    if (status == LP_NO_MODEL && unusable[0] == 0)
        session_refuse(status, "no model of %s in %s: the method hybrid needs none",
                       lp_vocab_name(vocab), lp_catalog_where(catalog, LP_MODEL_PATH));
    session_check(status, NULL);
    return model;
}

enum lp_status session_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    const struct parent *parent = ctx;
    if (need->what != LP_NEED_PARENT)
        return lp_catalog_find(catalog, need, found);
    *found = (struct lp_found){.parent = parent->text, .parent_size = parent->n};
    return parent->text != NULL ? LP_OK : LP_NO_PARENT;
}

/* --- Codecs ------------------------------------------------------------------------------ */

/* An lp_interrupt: whether CHECK_FOR_INTERRUPTS() would end the query. */
static bool is_canceled(void *ctx)
{
    (void)ctx;
    return InterruptPending && INTERRUPTS_CAN_BE_PROCESSED() &&
           (QueryCancelPending || ProcDiePending);
}

static const struct lp_options options_of_all = {.interrupt = is_canceled};

/* The place of a codec in use, or ncodecs. */
static size_t place_of(const struct codec_in_use *wanted)
{
    size_t at = 0;
    while (at < ncodecs &&
           (codecs[at].method != wanted->method || codecs[at].special != wanted->special ||
            strcmp(codecs[at].encoding, wanted->encoding) != 0))
        at++;
    return at;
}

static void make_codec(struct codec_in_use *used)
{
    struct lp_options o = options_of_all;
    o.chain = used->method->chain;
    o.fast = used->method->fast;
    o.special = used->special;
    if (used->encoding[0] != 0)
        o.vocab = session_vocab(used->encoding);
    if (o.chain == LP_CHAIN_TOKENS_MIX)
        o.model = find_model(o.vocab);
    session_check(lp_codec_new(&o, &used->codec), NULL);
}

struct lp_codec *session_codec(const struct method *method, const char *encoding, bool special)
{
    const char *name = method_has_tokens(method) ? lp_encoding_name(encoding) : "";
    if (name == NULL)
        session_vocab(encoding); /* which says so */
    struct codec_in_use used = {method, name, special, NULL};
    size_t at = place_of(&used);
    if (at < ncodecs) {
        used = codecs[at];
    } else {
        make_codec(&used);
        if (ncodecs == CODECS)
            lp_codec_free(codecs[--at].codec);
        else
            ncodecs++;
    }
    memmove(codecs + 1, codecs, at * sizeof *codecs);
    codecs[0] = used;
    return used.codec;
}

struct lp_codec *session_spare_codec(void)
{
    if (spare == NULL)
        session_check(lp_codec_new(&options_of_all, &spare), NULL);
    return spare;
}

struct lp_codec *session_any_codec(void)
{
    return ncodecs > 0 ? codecs[0].codec : session_codec(&method_unpack, "", false);
}
