/* sqlite - every function and table of lopace.so when memory or files fail it, the Nth time it
 * asks: it says so or gives the right result, gives back all memory, and works afterwards.
 *
 * usage: sqlite [-a] EXTENSION STREAM MODEL_FILE
 *
 * -a: every N, not some. STREAM is for lp_file. */
#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 3000, RESULT = 20000, STEP = 23 };

static char text[TEXT + 1], parent[TEXT + 1];
static const char *stream_file, *model_file;
static int step = STEP; /* from one N to the next */
static int failures;

/* What is run on a connection of its own. ?1 is the text, ?2 the parent, ?3 the model's file. */
static const struct scenario {
    const char *name, *before, *sql;
} scenarios[] = {
    {"mix", NULL, "SELECT lp_unpack(lp_pack(?1)) = ?1"},
    {"zstd", NULL, "SELECT lp_unpack_blob(lp_pack(CAST(?1 AS BLOB), 'zstd')) = CAST(?1 AS BLOB)"},
    {"parent", NULL,
     "SELECT lp_unpack(lp_pack(?1, 'hybrid', NULL, ?2), lp_pack(?2, 'token')) = ?1"},
    {"tokens", NULL, "SELECT lp_tokens(?1) || ' ' || lp_tokens(lp_pack(?1, 'token'), 'gpt-4o')"},
    {"ids", NULL, "SELECT group_concat(hex(token), id) FROM lp_ids(lp_pack(?1, 'hybrid'))"},
    {"slice", NULL, "SELECT lp_slice(?1, 30, -3)"},
    {"about", NULL,
     "SELECT lp_info(b) || lp_valid(b) || lp_ratio(b) FROM (SELECT lp_pack(?1, 'fast') AS b)"},
    {"load", NULL, "SELECT lp_load(?3) || hex(lp_pack(?1))"},
    {"file", "CREATE VIRTUAL TABLE f USING lp_file('%q')",
     "SELECT group_concat(record || text) FROM f WHERE record >= 2 ORDER BY record DESC"},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

/* What may fail, and what SQLite then returns if it cannot do without. */
static struct kind {
    struct inject plan;
    int rc;
    int nfailed; /* runs that did */
} kinds[] = {
    {{.call = "malloc", .error = ENOMEM}, SQLITE_NOMEM, 0},
    {{.call = "malloc", .error = ENOMEM, .on = true}, SQLITE_NOMEM, 0},
    {{.call = "mmap", .error = ENOMEM}, SQLITE_NOMEM, 0},
    {{.call = "open", .error = EMFILE}, SQLITE_ERROR, 0},
    {{.call = "open", .error = EINTR}, SQLITE_ERROR, 0},
    {{.call = "fstat", .error = EIO}, SQLITE_ERROR, 0},
    {{.call = "read", .error = EIO}, SQLITE_ERROR, 0},
    {{.call = "pread", .error = EIO}, SQLITE_ERROR, 0},
    {{.call = "pread", .error = INJECT_SHORT}, SQLITE_OK, 0},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The first row's first value of a statement; "" for none. */
static int first_value(sqlite3 *db, const char *sql, char result[RESULT])
{
    sqlite3_stmt *statement = NULL;
    result[0] = 0;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    for (int i = 1; rc == SQLITE_OK && i <= sqlite3_bind_parameter_count(statement); i++)
        rc = sqlite3_bind_text(statement, i,
                               i == 1   ? text
                               : i == 2 ? parent
                                        : model_file,
                               -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        if (value != NULL)
            snprintf(result, RESULT, "%s", value);
        rc = value == NULL && sqlite3_errcode(db) == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_ROW;
    }
    sqlite3_finalize(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run(sqlite3 *db, const struct scenario *s, char result[RESULT])
{
    char before[1000];
    int rc = SQLITE_OK;
    result[0] = 0;
    if (s->before != NULL) {
        sqlite3_snprintf(sizeof before, before, s->before, stream_file);
        rc = first_value(db, before, result);
    }
    return rc == SQLITE_OK ? first_value(db, s->sql, result) : rc;
}

static void complain(const struct scenario *s, const struct kind *k, const char *what, int rc,
                     const char *message)
{
    fprintf(stderr, "%s: %s %ld%s, error %d: %s: %d, %s\n", s->name, k->plan.call, k->plan.at,
            k->plan.on ? " and on" : "", k->plan.error, what, rc, message);
    failures++;
}

/* A message is SQLite's, or one line that says which of ours failed. */
static bool is_message(const char *message, int rc)
{
    return rc == SQLITE_NOMEM ? strstr(message, "out of memory") != NULL
                              : strncmp(message, "lp_", 3) == 0 && strchr(message, '\n') == NULL;
}

/* Runs a scenario with a call failing; true if it came to that. */
static bool try(const struct scenario *s, struct kind *k, const char *expected)
{
    static char result[RESULT], message[1000];
    const long before = inject_blocks();
    sqlite3 *db = NULL;
    inject_start(&k->plan);
    int rc = sqlite3_open(":memory:", &db);
    const bool opened = rc == SQLITE_OK;
    if (opened)
        rc = run(db, s, result);
    snprintf(message, sizeof message, "%s", db != NULL ? sqlite3_errmsg(db) : "out of memory");
    const bool met = inject_stop();
    if (rc == SQLITE_OK && strcmp(result, expected) != 0)
        complain(s, k, "wrong result", rc, result);
    if (rc != SQLITE_OK && ((rc & 0xFF) != k->rc || (opened && !is_message(message, rc))))
        complain(s, k, "wrong error", rc, message);
    if (opened && s->before == NULL &&
        (run(db, s, result) != SQLITE_OK || strcmp(result, expected)))
        complain(s, k, "does not work afterwards", rc, sqlite3_errmsg(db));
    if (sqlite3_close(db) != SQLITE_OK)
        complain(s, k, "cannot close", rc, sqlite3_errmsg(db));
    k->nfailed += rc != SQLITE_OK;
    if (inject_blocks() != before)
        complain(s, k, "blocks left", (int)(inject_blocks() - before), message);
    return met;
}

static void sweep(const struct scenario *s, struct kind *k)
{
    static char expected[RESULT];
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK || run(db, s, expected) != SQLITE_OK ||
        expected[0] == 0)
        complain(s, k, "fails of itself", sqlite3_errcode(db), sqlite3_errmsg(db));
    sqlite3_close(db);
    const int by = strcmp(k->plan.call, "malloc") == 0 ? step : 1;
    for (k->plan.at = 1; failures == 0 && try(s, k, expected); k->plan.at += by)
        ;
}

static void make_texts(void)
{
    static const char *const words[] = {"You",     " are", " a",      " helpful", " assistant",
                                        ".",       "\n",   " Answer", " in",      " French",
                                        " prompt", " 42",  ",",       " the"};
    uint32_t seed = 1;
    for (size_t n = 0; n < TEXT - 16;) {
        seed = seed * 1664525 + 1013904223;
        const char *word = words[(seed >> 16) % (sizeof words / sizeof *words)];
        memcpy(text + n, word, strlen(word) + 1);
        n += strlen(word);
    }
    memcpy(parent, text, sizeof text);
    for (size_t i = 0; i < strlen(parent); i += 499)
        parent[i] = '#';
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-a") == 0) {
        step = 1;
        argc--;
        argv++;
    }
    if (argc < 4)
        return 2;
    stream_file = argv[2];
    model_file = argv[3];
    void *extension = dlopen(argv[1], RTLD_NOW);
    void (*entry)(void) = NULL;
    if (extension != NULL)
        *(void **)&entry = dlsym(extension, "sqlite3_lopace_init");
    if (entry == NULL || sqlite3_auto_extension(entry) != SQLITE_OK) {
        fprintf(stderr, "sqlite: %s: cannot load\n", argv[1]);
        return 1;
    }
    make_texts();
    for (int i = 0; i < SCENARIOS; i++) {
        for (int k = 0; k < KINDS; k++)
            sweep(&scenarios[i], &kinds[k]);
    }
    for (int k = 0; k < KINDS && failures == 0; k++) {
        if (kinds[k].rc != SQLITE_OK && kinds[k].nfailed == 0) {
            fprintf(stderr, "sqlite: nothing failed by %s\n", kinds[k].plan.call);
            failures++;
        }
    }
    return failures > 0;
}
