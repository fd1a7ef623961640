#define _XOPEN_SOURCE 700 /* realpath() */
#include "lopace/front.h"

#include "shared/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *what;
} commands[] = {
    {"tok", "tokenise text; count tokens, print their ids"},
    {"win", "take out what repeats across blocks"},
    {"zstd", "compress tokens, or text, with zstd"},
    {"mix", "compress tokens with a statistical model"},
    {"unpack", "restore the text; list, test, single records, recovery"},
    {"cat", "the same as unpack"},
    {"less", "read packed files and text with less"},
    {"grep", "search packed files and text"},
    {"row", "pack, unpack, count or slice rows, for databases and data engines"},
    {"train", "train a model or dictionary on your own prompts"},
    {"stat", "compare the methods on a text; describe a packed file"},
    {"entropy", "entropy by byte, character and token"},
    {"web", "look into prompts and packed files, on a page in the browser"},
};
enum { COMMANDS = sizeof commands / sizeof *commands, PATH_SIZE = 4096 };

static bool is_command(const char *name)
{
    size_t i = 0;
    while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
        i++;
    return i < COMMANDS;
}

/* --- Where the commands are -------------------------------------------------- */

/* This program's file as it was called: argv[0], or where that is in PATH. */
static bool find_self(const char *called, char *path, size_t size)
{
    const char *list = getenv("PATH");
    if (strchr(called, '/') != NULL)
        return snprintf(path, size, "%s", called) < (int)size;
    for (size_t n; list != NULL && *list != 0; list += n + (list[n] == ':')) {
        n = strcspn(list, ":");
        if (snprintf(path, size, "%.*s/%s", n > 0 ? (int)n : 1, n > 0 ? list : ".", called) <
                (int)size &&
            access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Runs PREFIXlpNAME in ../libexec/lopace from this program, PREFIXlopace, or beside it, where
 * another package's lpNAME may be instead. Returns where it is in neither place. */
static void run_beside(const char *self, const char *name, char **argv)
{
    static const char *const places[] = {"../libexec/lopace/", ""}, mine[] = "lopace";
    const char *slash = strrchr(self, '/'), *base = slash != NULL ? slash + 1 : self;
    const size_t directory = (size_t)(base - self), n = strlen(base), m = sizeof mine - 1;
    const size_t prefix = n >= m && strcmp(base + n - m, mine) == 0 ? n - m : 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char path[PATH_SIZE];
        if (snprintf(path, sizeof path, "%.*s%s%.*slp%s", (int)directory, self, places[i],
                     (int)prefix, base, name) < (int)sizeof path)
            execv(path, argv);
    }
}

/* argv[0] becomes lpNAME. Does not return. */
static _Noreturn void run(const struct tool *tool, const char *called, const char *name,
                          char **argv)
{
    char self[PATH_SIZE], command[64];
    snprintf(command, sizeof command, "lp%s", name);
    argv[0] = command;
    if (find_self(called, self, sizeof self)) {
        run_beside(self, name, argv);
        char *real = realpath(self, NULL); /* the end of symbolic links */
        if (real != NULL)
            run_beside(real, name, argv);
        const int error = errno;
        free(real);
        errno = error;
    }
    tool_die(tool, EXIT_IO, "%s: cannot run: %s", command, strerror(errno));
}

/* --- Help -------------------------------------------------------------------- */

static _Noreturn void list_commands(struct tool *tool)
{
    struct output out;
    output_open(tool, &out, NULL, false);
    output_print(&out, "lopace FILE... packs each FILE to FILE.lp, lopace -d restores it; see "
                       "lopace --help.\n\nlopace COMMAND runs one of these:\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        output_print(&out, "  %-9s lp%-9s %s\n", commands[i].name, commands[i].name,
                     commands[i].what);
    output_print(&out, "\nlopace help COMMAND shows its options; man lopace is the manual.\n");
    output_close(&out);
    exit(EXIT_OK);
}

void front_run(struct tool *tool, int argc, char **argv)
{
    if (argc < 2)
        return;
    const char *called = argv[0], *name = argv[1];
    char help[] = "--help", *shown[] = {NULL, help, NULL};
    if (is_command(name))
        run(tool, called, name, argv + 1);
    if (strcmp(name, "help") != 0)
        return;
    if (argc == 2)
        list_commands(tool);
    if (!is_command(argv[2]))
        tool_die(tool, EXIT_USAGE, "no command '%s' (try lopace help)", argv[2]);
    run(tool, called, argv[2], shown);
}
