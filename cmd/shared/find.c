#include "shared/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *reason(enum lp_status status, int error)
{
    return status == LP_IO ? strerror(error) : lp_status_text(status);
}

/* An lp_on_unusable. */
static void note_unusable(void *ctx, const char *path, enum lp_status status, int error)
{
    struct finder *finder = ctx;
    if (finder->unusable[0] == 0 || status == LP_NOMEM || status == LP_IO)
        snprintf(finder->unusable, sizeof finder->unusable, "%s: cannot use: %s", path,
                 reason(status, error));
}

static struct lp_catalog *catalog_of(struct finder *finder)
{
    if (finder->catalog != NULL)
        return finder->catalog;
    const char *cpu = getenv("LP_CPU"); /* for tests: the instructions to use */
    enum lp_status status = lp_catalog_default(&finder->catalog);
    if (status == LP_OK && cpu != NULL)
        status = lp_catalog_use(finder->catalog, cpu);
    if (status != LP_OK)
        tool_die(finder->tool, tool_code(status), "%s", lp_status_text(status));
    lp_catalog_on_unusable(finder->catalog, note_unusable, finder);
    return finder->catalog;
}

void finder_close(struct finder *finder)
{
    lp_catalog_free(finder->catalog);
    finder->catalog = NULL;
    free(finder->parent);
    finder->parent = NULL;
}

const struct lp_vocab *finder_vocab(struct finder *finder, const char *name)
{
    const struct tool *tool = finder->tool;
    const char *encoding = lp_encoding_name(name);
    const char *like = lp_encoding_like(name);
    if (encoding == NULL && like != NULL)
        tool_usage(tool, "-e: unknown encoding or model '%s': did you mean %s?", name, like);
    if (encoding == NULL)
        tool_usage(tool, "-e: unknown encoding or model '%s': lptok --list shows them", name);
    const struct lp_vocab *vocab;
    struct lp_catalog *catalog = catalog_of(finder);
    enum lp_status status = lp_catalog_vocab(catalog, encoding, &vocab);
    if (status == LP_NO_VOCAB)
        tool_die(tool, EXIT_DATA, "vocabulary %s.lpv not found in %s: set LP_VOCAB_PATH", encoding,
                 lp_catalog_where(catalog, LP_VOCAB_PATH));
    if (status != LP_OK)
        tool_die(tool, tool_code(status), "vocabulary %s.lpv: %s", encoding, reason(status, errno));
    return vocab;
}

static enum lp_status search(struct finder *finder, const struct lp_need *need,
                             struct lp_found *found)
{
    finder->unusable[0] = 0;
    if (need->what == LP_NEED_PARENT) {
        found->parent = finder->parent;
        found->parent_size = finder->parent_size;
        return finder->parent != NULL ? LP_OK : LP_NO_PARENT;
    }
    return lp_catalog_find(catalog_of(finder), need, found);
}

/* What a search came to. Exits where it failed; where nothing was found, warns of what was there
 * and cannot be used. */
static enum lp_status outcome(const struct finder *finder, enum lp_status status)
{
    const char *unusable = finder->unusable;
    if (status == LP_NOMEM || status == LP_USAGE || status == LP_IO)
        tool_die(finder->tool, tool_code(status), "%s",
                 unusable[0] != 0 ? unusable : lp_status_text(status));
    if (unusable[0] != 0 && status != LP_BAD_VOCAB && status != LP_BAD_MODEL &&
        !finder->tool->quiet)
        tool_warn(finder->tool, "%s", unusable);
    return status;
}

enum lp_status tool_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    return outcome(ctx, search(ctx, need, found));
}

bool finder_has(struct finder *finder, const struct lp_need *need, struct lp_found *found)
{
    enum lp_status status = search(finder, need, found);
    if (status == LP_IO && (errno == EACCES || errno == EPERM))
        status = LP_NO_MODEL;
    return outcome(finder, status) == LP_OK;
}

enum lp_status finder_try(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    struct finder *finder = ctx;
    enum lp_status status = search(finder, need, found);
    if (status != LP_IO)
        return outcome(finder, status);
    memcpy(finder->unread, finder->unusable, sizeof finder->unread);
    return LP_IO;
}

/* Writes to path the file that -D names: the name is its path, or that of a file in the search
 * path, of which .lpm or .dict may be left out. False, and no path, where there is none. */
static bool locate(struct finder *finder, const char *name, char *path, size_t size)
{
    static const char *const ends[] = {"", ".lpm", ".dict"};
    const char *directory;
    struct stat st;
    if (snprintf(path, size, "%s", name) >= (int)size)
        *path = 0;
    if (*path == 0)
        return false;
    if (stat(path, &st) == 0 || errno != ENOENT || strchr(name, '/') != NULL)
        return true;
    for (size_t i = 0; (directory = lp_catalog_path(catalog_of(finder), LP_MODEL_PATH, i)); i++) {
        for (size_t end = 0; end < sizeof ends / sizeof *ends; end++) {
            if (snprintf(path, size, "%s/%s%s", directory, name, ends[end]) < (int)size &&
                stat(path, &st) == 0)
                return true;
        }
    }
    *path = 0;
    return false;
}

/* Finds the model or dictionary of a fingerprint, 16 hexadecimal digits. */
static bool by_fingerprint(struct finder *finder, const char *name, struct lp_found *found)
{
    struct lp_need need = {.what = LP_NEED_DICT, .name = ""};
    if (strlen(name) != 16 || strspn(name, "0123456789abcdef") != 16)
        return false;
    need.fingerprint = strtoull(name, NULL, 16);
    enum lp_status status = lp_catalog_find(catalog_of(finder), &need, found);
    need.what = LP_NEED_MODEL;
    for (size_t i = 0; status != LP_OK && (need.name = lp_encoding_list(i)) != NULL; i++)
        status = lp_catalog_find(catalog_of(finder), &need, found);
    return status == LP_OK;
}

struct lp_found finder_open(struct finder *finder, const char *name)
{
    struct lp_found known = {0};
    struct lp_dict *dict = NULL;
    struct lp_model *model;
    char path[4500];
    if (!locate(finder, name, path, sizeof path) && by_fingerprint(finder, name, &known))
        return known;
    if (path[0] == 0)
        tool_die(finder->tool, EXIT_IO, "%s: no such file, nor a model or dictionary in %s", name,
                 lp_catalog_where(catalog_of(finder), LP_MODEL_PATH));
    if (!finder->tool->adapts)
        input_refuse(finder->tool, path, finder->tool->output);
    enum lp_status status = lp_model_open(path, &model);
    if (status == LP_DATA || (status == LP_IO && errno == ENODEV)) /* a dictionary, or a pipe */
        status = lp_dict_open(path, &dict);
    if (status != LP_OK)
        tool_die(finder->tool, tool_code(status), "%s: cannot use as a dictionary or model: %s",
                 path, status == LP_DATA ? "it is neither, or damaged" : reason(status, errno));
    struct lp_found found = {.dict = dict, .model = model};
    if (lp_catalog_take(catalog_of(finder), &found) != LP_OK)
        tool_die(finder->tool, EXIT_IO, "out of memory");
    return found;
}

void finder_permit(struct finder *finder, struct sandbox *sandbox)
{
    const char *path;
    for (size_t i = 0; (path = lp_catalog_path(catalog_of(finder), LP_VOCAB_PATH, i)); i++)
        sandbox_may_search(sandbox, path);
    for (size_t i = 0; (path = lp_catalog_path(catalog_of(finder), LP_MODEL_PATH, i)); i++)
        sandbox_may_search(sandbox, path);
}

void finder_confine(struct finder *finder, const struct output *out)
{
    struct sandbox sandbox;
    if (sandbox_begin(&sandbox)) {
        for (char **file = finder->tool->files; *file != NULL; file++) {
            if (strcmp(*file, "-") != 0 && finder->walks)
                sandbox_may_walk(&sandbox, *file);
            else if (strcmp(*file, "-") != 0)
                sandbox_may_read(&sandbox, *file);
        }
        finder_permit(finder, &sandbox);
        if (out->file.temporary != NULL)
            sandbox_may_replace(&sandbox, out->file.path);
    }
    sandbox_enter(&sandbox);
}

const char *tool_install_dir(const struct tool *tool, char *buffer, size_t size)
{
    if (lp_user_dir(buffer, size) == NULL)
        tool_die(tool, EXIT_IO, "no place to install to: set HOME or XDG_DATA_HOME");
    for (char *slash = strchr(buffer + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = 0;
        if (mkdir(buffer, 0777) != 0 && errno != EEXIST)
            tool_die(tool, EXIT_IO, "%s: cannot create: %s", buffer, strerror(errno));
        if (slash == NULL)
            return buffer;
        *slash = '/';
    }
}
