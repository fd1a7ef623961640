#include "lopace/walk.h"

#include "lopace/remove.h"
#include "shared/buffer.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char suffix[] = ".lp";

static bool has_suffix(const char *path)
{
    const size_t n = strlen(path), m = sizeof suffix - 1;
    return n > m && path[n - m - 1] != '/' && strcmp(path + n - m, suffix) == 0;
}

static void *no_null(const struct tool *tool, void *p)
{
    if (p == NULL)
        tool_die(tool, EXIT_IO, "out of memory");
    return p;
}

/* DIRECTORY/NAME and an end. */
static char *join(const struct tool *tool, const char *directory, const char *name, const char *end)
{
    const size_t n = strlen(directory), size = n + 1 + strlen(name) + strlen(end) + 1;
    char *path = no_null(tool, malloc(size));
    snprintf(path, size, "%s%s%s%s", directory, n > 0 && directory[n - 1] != '/' ? "/" : "", name,
             end);
    return path;
}

/* --- Where the output goes --------------------------------------------------- */

static bool leads_up(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == 0))
            return true;
    }
    return false;
}

/* Makes one directory, with the permissions of the one that it mirrors. */
static bool make_directory(const struct walk *walk, const char *path, const char *mirrored)
{
    struct stat st;
    const mode_t mode = stat(mirrored, &st) == 0 ? (st.st_mode & 0777) | S_IRWXU : 0777;
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return true;
    tool_warn(walk->tool, "%s: cannot create: %s", path, strerror(errno));
    return false;
}

/* The output below --output-dir-mirror, whose directories it makes. NULL where it cannot. */
static char *mirror(const struct walk *walk, const char *input)
{
    const char *name = input;
    while (*name == '/' || strncmp(name, "./", 2) == 0)
        name++;
    if (leads_up(input)) {
        tool_warn(walk->tool, "%s: leads out of the directory of --output-dir-mirror", input);
        return NULL;
    }
    char *from = no_null(walk->tool, strdup(input));
    char *to = join(walk->tool, walk->o->mirror, name, "");
    const size_t ahead = strlen(to) - strlen(name), behind = (size_t)(name - input);
    bool made = true;
    for (const char *slash = name; made && (slash = strchr(slash, '/')) != NULL; slash++) {
        const size_t n = (size_t)(slash - name);
        from[behind + n] = to[ahead + n] = 0;
        made = make_directory(walk, to, from);
        from[behind + n] = to[ahead + n] = '/';
    }
    free(from);
    if (made)
        return to;
    free(to);
    return NULL;
}

/* The output of an input, NULL where there can be none, which it says. */
static char *output_of(struct walk *walk, const char *input)
{
    const char *slash = strrchr(input, '/'), *base = slash != NULL ? slash + 1 : input;
    const bool unpack = walk->o->action == UNPACK;
    char *path;
    if (unpack && !has_suffix(input)) {
        tool_warn(walk->tool, "%s: does not end in %s: use -o or -c", input, suffix);
        return NULL;
    }
    if (walk->o->mirror != NULL)
        path = mirror(walk, input);
    else if (walk->o->flat != NULL)
        path = join(walk->tool, walk->o->flat, base, "");
    else
        path = no_null(walk->tool, strdup(input));
    if (path == NULL)
        return NULL;
    if (unpack) {
        path[strlen(path) - (sizeof suffix - 1)] = 0;
        return path;
    }
    char *packed = join(walk->tool, "", path, suffix);
    free(path);
    return packed;
}

/* --- Files and directories --------------------------------------------------- */

static bool is_young(const struct walk *walk, const struct stat *st)
{
    const time_t now = time(NULL);
    return walk->o->older_than > 0 &&
           (st->st_mtime > now || (uint64_t)(now - st->st_mtime) < walk->o->older_than);
}

static void add(struct walk *walk, const char *path, const struct stat *st, bool named)
{
    if (is_young(walk, st))
        return;
    char *output = walk->o->action <= UNPACK ? output_of(walk, path) : NULL;
    if (walk->o->action <= UNPACK && output == NULL) {
        walk->failed = true;
        return;
    }
    walk->v = no_null(walk->tool, array_grow(walk->v, walk->n, &walk->cap, sizeof *walk->v));
    walk->v[walk->n++] = (struct entry){.path = no_null(walk->tool, strdup(path)),
                                        .output = output,
                                        .named = named,
                                        .size = (uint64_t)st->st_size,
                                        .dev = st->st_dev,
                                        .ino = st->st_ino};
    walk->size += (uint64_t)st->st_size;
}

static void leave_out(struct walk *walk, const char *path, const char *why)
{
    tool_warn(walk->tool, "%s: %s", path, why);
    walk->failed = true;
}

static void cannot_read(struct walk *walk, const char *path)
{
    tool_warn(walk->tool, "%s: cannot read: %s", path, strerror(errno));
    walk->failed = true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads the names in a directory, in order; NULL on failure. */
static char **read_names(const struct tool *tool, const char *path, size_t *n)
{
    DIR *directory = opendir(path);
    char **names = NULL;
    size_t cap = 0;
    *n = 0;
    errno = directory != NULL ? 0 : errno;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strncmp(entry->d_name, REMOVE_PREFIX, sizeof REMOVE_PREFIX - 1) == 0)
            continue;
        names = no_null(tool, array_grow(names, *n, &cap, sizeof *names));
        names[(*n)++] = no_null(tool, strdup(entry->d_name));
        errno = 0;
    }
    if (errno != 0)
        tool_warn(tool, "%s: cannot read: %s", path, strerror(errno));
    if (directory != NULL)
        closedir(directory);
    if (*n > 0)
        qsort(names, *n, sizeof *names, by_name);
    return names;
}

static void walk_directory(struct walk *walk, const char *path);

/* Whether a file is what a killed run left before it wrote to it: PATH.lp.XXXXXX. One that it wrote
 * to is packed already. */
static bool is_left_over(const char *path, const struct stat *st)
{
    enum { RANDOM = sizeof ".XXXXXX" - 1, END = RANDOM + sizeof suffix - 1 };
    const size_t n = strlen(path);
    return st->st_size == 0 && n > END && path[n - RANDOM] == '.' &&
           memcmp(path + n - END, suffix, sizeof suffix - 1) == 0;
}

/* What stands in a directory: links are not followed, other files than regular ones, and those
 * that the action is not for, are passed over. */
static void walk_inside(struct walk *walk, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0) {
        if (errno != ENOENT) /* it went meanwhile */
            cannot_read(walk, path);
    } else if (S_ISDIR(st.st_mode)) {
        walk_directory(walk, path);
    } else if (S_ISREG(st.st_mode) && has_suffix(path) == (walk->o->action != PACK) &&
               !is_left_over(path, &st)) {
        add(walk, path, &st, false);
    }
}

static void walk_directory(struct walk *walk, const char *path)
{
    size_t n;
    errno = 0;
    char **names = read_names(walk->tool, path, &n);
    if (errno != 0)
        walk->failed = true;
    for (size_t i = 0; i < n; i++) {
        char *inside = join(walk->tool, path, names[i], "");
        walk_inside(walk, inside);
        free(inside);
        free(names[i]);
    }
    free(names);
}

static void walk_operand(struct walk *walk, const char *path)
{
    struct stat st;
    const bool follow = walk->o->action != PACK || walk->tool->force;
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0)
        cannot_read(walk, path);
    else if (S_ISLNK(st.st_mode))
        leave_out(walk, path, "is a symbolic link: use -f to pack what it leads to");
    else if (S_ISDIR(st.st_mode) && walk->o->recursive)
        walk_directory(walk, path);
    else if (S_ISDIR(st.st_mode))
        leave_out(walk, path, "is a directory: use -r to take the files in it");
    else if (!S_ISREG(st.st_mode))
        leave_out(walk, path, "is not a regular file: use -c");
    else
        add(walk, path, &st, true);
}

/* --- All of them ------------------------------------------------------------- */

static int by_output(const void *a, const void *b)
{
    return strcmp((*(const struct entry *const *)a)->output,
                  (*(const struct entry *const *)b)->output);
}

static int by_file(const void *a, const void *b)
{
    const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;
    const int devices = (x->dev > y->dev) - (x->dev < y->dev);
    return devices != 0 ? devices : (x->ino > y->ino) - (x->ino < y->ino);
}

/* All entries in an order; to be freed. */
static const struct entry **sort(const struct walk *walk, int (*by)(const void *, const void *))
{
    const struct entry **sorted = no_null(walk->tool, malloc((walk->n + 1) * sizeof *sorted));
    for (size_t i = 0; i < walk->n; i++)
        sorted[i] = &walk->v[i];
    qsort(sorted, walk->n, sizeof *sorted, by);
    return sorted;
}

/* Exits where two inputs would have the same output. */
static void refuse_same_outputs(const struct walk *walk)
{
    const struct entry **sorted = sort(walk, by_output);
    for (size_t i = 1; i < walk->n; i++) {
        if (strcmp(sorted[i - 1]->output, sorted[i]->output) == 0)
            tool_usage(walk->tool, "%s and %s would both become %s", sorted[i - 1]->path,
                       sorted[i]->path, sorted[i]->output);
    }
    free(sorted);
}

/* Exits where an output would overwrite another input, perhaps before that is read; or its own, by
 * a link that leads there. */
static void refuse_overwritten_inputs(const struct walk *walk)
{
    struct stat st;
    const struct entry **sorted = sort(walk, by_file);
    for (size_t i = 0; i < walk->n; i++) {
        const struct entry *entry = &walk->v[i];
        const bool link = lstat(entry->output, &st) == 0 && S_ISLNK(st.st_mode);
        if (stat(entry->output, &st) != 0)
            continue;
        const struct entry *key = &(struct entry){.dev = st.st_dev, .ino = st.st_ino};
        const struct entry *const *other = bsearch(&key, sorted, walk->n, sizeof *sorted, by_file);
        if (other != NULL && (*other != entry || link))
            tool_usage(walk->tool, "%s would overwrite %s, which is to be read too", entry->path,
                       (*other)->path);
    }
    free(sorted);
}

void walk_operands(struct walk *walk)
{
    const char *directory = walk->o->flat != NULL ? walk->o->flat : walk->o->mirror;
    if (directory != NULL && !make_directory(walk, directory, ""))
        exit(EXIT_IO);
    for (char **file = walk->o->files; *file != NULL; file++)
        walk_operand(walk, *file);
    if (walk->o->action <= UNPACK)
        refuse_same_outputs(walk);
    if (walk->o->action <= UNPACK && walk->tool->force)
        refuse_overwritten_inputs(walk);
}

void walk_free(struct walk *walk)
{
    for (size_t i = 0; i < walk->n; i++) {
        free(walk->v[i].path);
        free(walk->v[i].output);
    }
    free(walk->v);
}
