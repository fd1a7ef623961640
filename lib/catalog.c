/* catalog.c - opens vocabularies, dictionaries and models by name or fingerprint, once each.
 *
 * Knows the search paths it was given, and the names that files have there. */
#include "base/buf.h"
#include "lp.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

enum { SEARCH_PATHS = LP_MODEL_PATH + 1 };

/* Something open: one member of found. */
struct entry {
    struct lp_found found;
    bool by_name; /* its name finds it, not only its fingerprint: it is what a search by name met */
};

struct lp_catalog {
    pthread_mutex_t lock; /* entries */
    struct entry *entries;
    size_t nentries;
    struct search_path {
        struct lp_buf paths; /* strings, in the order of search */
        struct lp_buf where; /* these as one string for messages */
    } search_paths[SEARCH_PATHS];
    bool load;
    struct lp_buf instructions; /* a string for lp_vocab_use(), or nothing */
    lp_on_unusable *on_unusable;
    void *ctx;
};

enum lp_status lp_catalog_new(struct lp_catalog **out)
{
    *out = NULL;
    struct lp_catalog *c = calloc(1, sizeof *c);
    if (c == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return LP_NOMEM;
    }
    *out = c;
    return LP_OK;
}

static void close_found(const struct lp_found *found)
{
    int saved = errno;
    lp_vocab_close((struct lp_vocab *)(uintptr_t)found->vocab);
    lp_dict_close((struct lp_dict *)(uintptr_t)found->dict);
    lp_model_close((struct lp_model *)(uintptr_t)found->model);
    errno = saved;
}

void lp_catalog_free(struct lp_catalog *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->nentries; i++)
        close_found(&c->entries[i].found);
    for (int i = 0; i < SEARCH_PATHS; i++) {
        lp_buf_free(&c->search_paths[i].paths);
        lp_buf_free(&c->search_paths[i].where);
    }
    lp_buf_free(&c->instructions);
    free(c->entries);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- Set-up ------------------------------------------------------------------------------ */

enum lp_status lp_catalog_add(struct lp_catalog *c, enum lp_search_path which, const char *path)
{
    struct search_path *p = &c->search_paths[which];
    const char *comma = p->where.n > 0 ? ", " : "";
    if (!lp_buf_reserve(&p->paths, strlen(path) + 1) ||
        !lp_buf_reserve(&p->where, strlen(path) + 3))
        return LP_NOMEM;
    lp_buf_append(&p->paths, path, strlen(path) + 1);
    lp_buf_append(&p->where, comma, strlen(comma));
    lp_buf_append(&p->where, path, strlen(path));
    p->where.p[p->where.n] = 0;
    return LP_OK;
}

const char *lp_catalog_where(const struct lp_catalog *c, enum lp_search_path which)
{
    const struct lp_buf *where = &c->search_paths[which].where;
    return where->n > 0 ? (const char *)where->p : "";
}

const char *lp_catalog_path(const struct lp_catalog *c, enum lp_search_path which, size_t i)
{
    const struct lp_buf *paths = &c->search_paths[which].paths;
    size_t at = 0;
    for (; i > 0 && at < paths->n; i--)
        at += strlen((const char *)paths->p + at) + 1;
    return at < paths->n ? (const char *)paths->p + at : NULL;
}

void lp_catalog_load(struct lp_catalog *c)
{
    c->load = true;
}

enum lp_status lp_catalog_use(struct lp_catalog *c, const char *instructions)
{
    c->instructions.n = 0;
    return lp_buf_append(&c->instructions, instructions, strlen(instructions) + 1) ? LP_OK
                                                                                   : LP_NOMEM;
}

void lp_catalog_on_unusable(struct lp_catalog *c, lp_on_unusable *on_unusable, void *ctx)
{
    c->on_unusable = on_unusable;
    c->ctx = ctx;
}

/* --- What is open ------------------------------------------------------------------------ */

/* Whether something open is of the kind, name and fingerprint that are needed. */
static bool meets(const struct lp_found *found, const struct lp_need *need)
{
    const uint64_t fingerprint = need->fingerprint;
    switch (need->what) {
    case LP_NEED_VOCAB:
        return found->vocab != NULL && strcmp(lp_vocab_name(found->vocab), need->name) == 0 &&
               (fingerprint == 0 || lp_vocab_fingerprint(found->vocab) == fingerprint);
    case LP_NEED_DICT:
        return found->dict != NULL && lp_dict_fingerprint(found->dict) == fingerprint;
    case LP_NEED_MODEL:
        return found->model != NULL &&
               (fingerprint != 0 ? lp_model_fingerprint(found->model) == fingerprint
                                 : strcmp(lp_model_vocab(found->model), need->name) == 0);
    default:
        return false;
    }
}

/* Puts something open before all that is there. LP_NOMEM: it stays the caller's. */
static enum lp_status keep(struct lp_catalog *c, const struct lp_found *found, bool by_name)
{
    struct entry *entries = realloc(c->entries, (c->nentries + 1) * sizeof *entries);
    if (entries == NULL)
        return LP_NOMEM;
    c->entries = entries;
    memmove(entries + 1, entries, c->nentries++ * sizeof *entries);
    entries[0] = (struct entry){*found, by_name};
    return LP_OK;
}

enum lp_status lp_catalog_take(struct lp_catalog *c, const struct lp_found *found)
{
    pthread_mutex_lock(&c->lock);
    enum lp_status status = keep(c, found, true);
    pthread_mutex_unlock(&c->lock);
    return status;
}

/* --- Search ------------------------------------------------------------------------------ */

struct search {
    const struct lp_catalog *catalog;
    const struct lp_need *need;
    struct lp_buf path; /* a string */
    struct lp_found found;
    enum lp_status status; /* LP_OK: nothing has failed that would explain why nothing is found */
    int error;             /* errno, of LP_IO */
};

static enum lp_status open_file(const struct search *s, struct lp_found *found)
{
    const struct lp_catalog *c = s->catalog;
    const char *path = (const char *)s->path.p;
    struct lp_vocab *vocab = NULL;
    struct lp_dict *dict = NULL;
    struct lp_model *model = NULL;
    enum lp_status status;
    if (s->need->what == LP_NEED_DICT)
        status = lp_dict_open(path, &dict);
    else if (s->need->what == LP_NEED_MODEL)
        status = (c->load ? lp_model_load : lp_model_open)(path, &model);
    else
        status = (c->load ? lp_vocab_load : lp_vocab_open)(path, &vocab);
    *found = (struct lp_found){.vocab = vocab, .dict = dict, .model = model};
    if (vocab != NULL && c->instructions.n > 0)
        status = lp_vocab_use(vocab, (const char *)c->instructions.p);
    if (status != LP_OK) {
        close_found(found);
        *found = (struct lp_found){0};
    }
    return status;
}

/* Whether an error of the system says that there is no such file. */
static bool is_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

/* What a search fails with where a file that its name promises to be what is needed cannot be
 * used; LP_OK: as if it was not there. */
static enum lp_status failure(const struct search *s, enum lp_status status)
{
    if (status == LP_DATA)
        return s->need->what == LP_NEED_MODEL ? LP_BAD_MODEL : LP_OK;
    return status == LP_VERSION ? LP_OK : status;
}

/* Notes that a file is there and cannot be used: is the search over? Only a lack of memory, a
 * fault that may be gone the next time, or a damaged vocabulary ends it. */
static bool note(struct search *s, enum lp_status status, int error)
{
    const struct lp_catalog *c = s->catalog;
    if (c->on_unusable != NULL)
        c->on_unusable(c->ctx, (const char *)s->path.p, status, status == LP_IO ? error : 0);
    const bool over = status == LP_NOMEM || status == LP_USAGE || status == LP_BAD_VOCAB ||
                      (status == LP_IO && error != EACCES && error != EPERM && error != EISDIR &&
                       error != ENODEV);
    if (s->status == LP_OK || over) {
        s->status = failure(s, status);
        s->error = error;
    }
    return over;
}

/* Tries the file at the path: is the search over? promised: its name says that it is what is
 * needed; what else it may be is passed over in silence. */
static bool try_file(struct search *s, bool promised)
{
    struct stat st;
    struct lp_found found;
    if (stat((const char *)s->path.p, &st) != 0)
        return !is_absent(errno) && note(s, LP_IO, errno);
    if (!S_ISREG(st.st_mode))
        return promised && note(s, LP_IO, S_ISDIR(st.st_mode) ? EISDIR : ENODEV);
    enum lp_status status = open_file(s, &found);
    if (status == LP_OK && meets(&found, s->need)) {
        s->found = found;
        return true;
    }
    close_found(&found);
    if (status == LP_OK || (status == LP_IO && is_absent(errno)))
        return false;
    return (promised || status == LP_NOMEM || status == LP_IO) && note(s, status, errno);
}

/* Tries DIRECTORY/NAME.SUFFIX. */
static bool try_name(struct search *s, const char *directory, const char *name, const char *suffix)
{
    s->path.n = 0;
    const char *const parts[] = {directory, "/", name, ".", suffix};
    bool room = true;
    for (size_t i = 0; room && i < sizeof parts / sizeof *parts; i++)
        room = lp_buf_append(&s->path, parts[i], strlen(parts[i]));
    if (!room || !lp_buf_append(&s->path, "", 1)) {
        s->status = LP_NOMEM;
        return true;
    }
    return try_file(s, true);
}

/* Tries the file that a path is; true also where it is no directory. */
static bool try_path(struct search *s, const char *path, bool *over)
{
    struct stat st;
    if (s->need->what == LP_NEED_VOCAB || stat(path, &st) != 0 || S_ISDIR(st.st_mode))
        return false;
    s->path.n = 0;
    *over = true;
    if (lp_buf_append(&s->path, path, strlen(path) + 1))
        *over = try_file(s, false);
    else
        s->status = LP_NOMEM;
    return true;
}

/* Looks in one path: a directory, or a file. Is the search over? */
static bool look_in(struct search *s, const char *path)
{
    const struct lp_need *need = s->need;
    bool over;
    if (need->what == LP_NEED_VOCAB)
        return try_name(s, path, need->name, "lpv");
    if (try_path(s, path, &over))
        return over;
    char digits[17] = {0};
    for (int i = 0; i < 16; i++)
        digits[i] = "0123456789abcdef"[need->fingerprint >> (60 - 4 * i) & 15];
    const bool model = need->what == LP_NEED_MODEL;
    if (need->fingerprint != 0 && try_name(s, path, digits, model ? "lpm" : "dict"))
        return true;
    return model && try_name(s, path, need->name, "lpm");
}

/* Whether a name is one of a file, in the directory that is looked in. */
static bool is_file_name(const char *name)
{
    return *name != 0 && *name != '.' && strchr(name, '/') == NULL;
}

static enum lp_status absence(const struct lp_need *need)
{
    return need->what == LP_NEED_VOCAB    ? LP_NO_VOCAB
           : need->what == LP_NEED_DICT   ? LP_NO_DICT
           : need->what == LP_NEED_PARENT ? LP_NO_PARENT
                                          : LP_NO_MODEL;
}

/* Looks in each path of the search path. */
static enum lp_status search(struct lp_catalog *c, const struct lp_need *need,
                             struct lp_found *found)
{
    struct search s = {.catalog = c, .need = need};
    const enum lp_search_path which = need->what == LP_NEED_VOCAB ? LP_VOCAB_PATH : LP_MODEL_PATH;
    const struct lp_buf *paths = &c->search_paths[which].paths;
    bool over = need->what != LP_NEED_DICT && !is_file_name(need->name); /* a parent has none */
    for (size_t at = 0; !over && at < paths->n; at += strlen((const char *)paths->p + at) + 1)
        over = look_in(&s, (const char *)paths->p + at);
    lp_buf_free(&s.path);
    *found = s.found;
    if (s.found.vocab != NULL || s.found.dict != NULL || s.found.model != NULL)
        return LP_OK;
    errno = s.error;
    return s.status != LP_OK ? s.status : absence(need);
}

/* As lp_catalog_find(), with the lock held. */
static enum lp_status find(struct lp_catalog *c, const struct lp_need *need, struct lp_found *found)
{
    const bool by_name = need->fingerprint == 0;
    for (size_t i = 0; i < c->nentries; i++) {
        if (meets(&c->entries[i].found, need) && (!by_name || c->entries[i].by_name)) {
            *found = c->entries[i].found;
            return LP_OK;
        }
    }
    enum lp_status status = search(c, need, found);
    if (status == LP_OK && (status = keep(c, found, by_name)) != LP_OK) {
        close_found(found);
        *found = (struct lp_found){0};
    }
    return status;
}

enum lp_status lp_catalog_find(void *catalog, const struct lp_need *need, struct lp_found *found)
{
    struct lp_catalog *c = catalog;
    pthread_mutex_lock(&c->lock);
    enum lp_status status = find(c, need, found);
    int saved = errno;
    pthread_mutex_unlock(&c->lock);
    errno = saved;
    return status;
}

enum lp_status lp_catalog_vocab(struct lp_catalog *c, const char *name,
                                const struct lp_vocab **vocab)
{
    const char *encoding = lp_encoding_name(name);
    struct lp_need need = {.what = LP_NEED_VOCAB, .name = encoding};
    struct lp_found found = {0};
    enum lp_status status = encoding != NULL ? lp_catalog_find(c, &need, &found) : LP_USAGE;
    *vocab = found.vocab;
    return status;
}

enum lp_status lp_catalog_model(struct lp_catalog *c, const struct lp_vocab *vocab,
                                const struct lp_model **model)
{
    struct lp_need need = {.what = LP_NEED_MODEL, .name = lp_vocab_name(vocab)};
    struct lp_found found = {0};
    enum lp_status status = lp_catalog_find(c, &need, &found);
    if (status == LP_OK && lp_model_vocab_fingerprint(found.model) != lp_vocab_fingerprint(vocab))
        status = LP_NO_MODEL;
    *model = status == LP_OK ? found.model : NULL;
    return status;
}
