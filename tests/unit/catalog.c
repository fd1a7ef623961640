/* catalog - vocabularies, models and dictionaries are found by name and fingerprint, once, by any
 * number of threads; what cannot be used is said to be so; files from memory are as files. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "lp.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "catalog.c:%d: %s\n", __LINE__, #condition);                           \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static const char *vocab_file, *model_file;
static char directory[] = "/tmp/lp-catalog-XXXXXX";

/* A path in the test's own directory, in one of a few buffers. */
static const char *in_directory(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* What a file holds, in memory that malloc() aligns. */
static unsigned char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data = NULL;
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 ||
        (data = malloc(*n = (size_t)ftell(file))) == NULL || fseek(file, 0, SEEK_SET) != 0 ||
        fread(data, 1, *n, file) != *n) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return data;
}

static void write_file(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* The last file that could not be used. */
struct unusable {
    int count, error;
    enum lp_status status;
};

static void note(void *ctx, const char *path, enum lp_status status, int error)
{
    struct unusable *u = ctx;
    (void)path;
    *u = (struct unusable){u->count + 1, error, status};
}

static struct lp_catalog *new_catalog(struct unusable *u)
{
    struct lp_catalog *c;
    *u = (struct unusable){0};
    if (lp_catalog_new(&c) != LP_OK)
        exit(1);
    lp_catalog_on_unusable(c, note, u);
    return c;
}

/* Removes what a test made and closes its catalogue. */
static void end(struct lp_catalog *c)
{
    static const char *const names[] = {"cl100k_base.lpv", "cl100k_base.lpm", "pipe", "x.dict",
                                        "0000000000000001.lpm"};
    lp_catalog_free(c);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_directory(names[i]));
        rmdir(in_directory(names[i]));
    }
}

static void test_found(void)
{
    struct unusable u;
    struct lp_catalog *c = new_catalog(&u);
    const struct lp_vocab *vocab, *again;
    const struct lp_model *model;
    CHECK(strcmp(lp_catalog_where(c, LP_VOCAB_PATH), "") == 0);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_NO_VOCAB && vocab == NULL);
    symlink(vocab_file, in_directory("cl100k_base.lpv"));
    lp_catalog_add(c, LP_VOCAB_PATH, "/nowhere");
    lp_catalog_add(c, LP_VOCAB_PATH, directory);
    lp_catalog_add(c, LP_MODEL_PATH, model_file);
    CHECK(strncmp(lp_catalog_where(c, LP_VOCAB_PATH), "/nowhere, /tmp/", 15) == 0);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_OK);
    CHECK(lp_catalog_vocab(c, "cl100k_base", &again) == LP_OK && again == vocab);
    CHECK(lp_catalog_vocab(c, "unheard-of", &again) == LP_USAGE && again == NULL);
    CHECK(lp_catalog_vocab(c, "o200k_base", &again) == LP_NO_VOCAB);
    CHECK(lp_catalog_model(c, vocab, &model) == LP_OK);

    struct lp_need need = {.what = LP_NEED_MODEL, .name = "cl100k_base"};
    struct lp_found found;
    need.fingerprint = lp_model_fingerprint(model);
    CHECK(lp_catalog_find(c, &need, &found) == LP_OK && found.model == model);
    need.fingerprint = 1;
    CHECK(lp_catalog_find(c, &need, &found) == LP_NO_MODEL);
    need.what = LP_NEED_DICT;
    CHECK(lp_catalog_find(c, &need, &found) == LP_NO_DICT);
    need = (struct lp_need){.what = LP_NEED_VOCAB, .name = "../cl100k_base"};
    CHECK(lp_catalog_find(c, &need, &found) == LP_NO_VOCAB);
    need = (struct lp_need){.what = LP_NEED_VOCAB, .name = "cl100k_base", .fingerprint = 1};
    CHECK(lp_catalog_find(c, &need, &found) == LP_NO_VOCAB);
    CHECK(u.count == 0);
    end(c);
}

static void test_default(void)
{
    struct lp_catalog *c;
    const struct lp_vocab *vocab;
    const struct lp_model *model;
    CHECK(lp_catalog_default(&c) == LP_OK); /* around this program, as the build tree has it */
    CHECK(lp_catalog_vocab(c, "cl100k_base", &vocab) == LP_OK);
    CHECK(lp_catalog_model(c, vocab, &model) == LP_OK);
    lp_catalog_free(c);
    setenv("LP_VOCAB_PATH", ":/one::/two", 1);
    setenv("LP_MODEL_PATH", "/three", 1);
    setenv("XDG_DATA_HOME", "relative", 1);
    setenv("HOME", "/home", 1);
    CHECK(lp_catalog_default(&c) == LP_OK);
    CHECK(strcmp(lp_catalog_where(c, LP_VOCAB_PATH), "/one, /two") == 0);
    CHECK(strcmp(lp_catalog_path(c, LP_VOCAB_PATH, 0), "/one") == 0);
    CHECK(strcmp(lp_catalog_path(c, LP_VOCAB_PATH, 1), "/two") == 0);
    CHECK(lp_catalog_path(c, LP_VOCAB_PATH, 2) == NULL);
    CHECK(lp_catalog_path(c, LP_VOCAB_PATH, 9) == NULL);
    CHECK(strncmp(lp_catalog_where(c, LP_MODEL_PATH), "/three, /home/.local/share/lopace/models, ",
                  42) == 0);
    CHECK(lp_catalog_vocab(c, "cl100k_base", &vocab) == LP_NO_VOCAB);
    lp_catalog_free(c);
    CHECK(lp_catalog_new(&c) == LP_OK && lp_catalog_add_standard(c) == LP_OK);
    CHECK(lp_catalog_vocab(c, "cl100k_base", &vocab) == LP_OK);
    lp_catalog_free(c);
}

/* A file of its name is damaged, or is none, or what it holds is elsewhere too. */
static void test_unusable(void)
{
    struct unusable u;
    struct lp_catalog *c = new_catalog(&u);
    struct lp_need need = {.what = LP_NEED_MODEL, .name = "cl100k_base"};
    struct lp_found found;
    const struct lp_vocab *vocab;
    lp_catalog_add(c, LP_VOCAB_PATH, directory);
    lp_catalog_add(c, LP_MODEL_PATH, in_directory("pipe"));
    lp_catalog_add(c, LP_MODEL_PATH, directory);
    CHECK(mkfifo(in_directory("pipe"), 0600) == 0); /* to be passed over */
    write_file(in_directory("cl100k_base.lpm"), "not a model", 11);
    CHECK(lp_catalog_find(c, &need, &found) == LP_BAD_MODEL && found.model == NULL);
    CHECK(u.count == 1 && u.status == LP_DATA);
    CHECK(mkfifo(in_directory("cl100k_base.lpv"), 0600) == 0);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_IO && errno == ENODEV);
    unlink(in_directory("cl100k_base.lpv"));
    CHECK(mkdir(in_directory("cl100k_base.lpv"), 0700) == 0);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_IO && errno == EISDIR);
    rmdir(in_directory("cl100k_base.lpv"));
    write_file(in_directory("cl100k_base.lpv"), "not a vocabulary", 16);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_BAD_VOCAB && vocab == NULL);
    CHECK(u.count == 4 && u.status == LP_BAD_VOCAB);
    lp_catalog_add(c, LP_MODEL_PATH, model_file);
    CHECK(lp_catalog_find(c, &need, &found) == LP_OK && found.model != NULL);
    CHECK(u.count == 5);
    end(c);
}

/* What has been found by its fingerprint alone is not what a name means. */
static void test_by_name(void)
{
    struct unusable u;
    struct lp_catalog *c = new_catalog(&u);
    struct lp_found found, taken = {0};
    struct lp_model *model;
    CHECK(lp_model_open(model_file, &model) == LP_OK);
    struct lp_need by_print = {.what = LP_NEED_MODEL, .name = "cl100k_base"}, by_name = by_print;
    by_print.fingerprint = lp_model_fingerprint(model);
    char name[32];
    snprintf(name, sizeof name, "%016llx.lpm", (unsigned long long)by_print.fingerprint);
    symlink(model_file, in_directory(name));
    lp_catalog_add(c, LP_MODEL_PATH, directory);
    CHECK(lp_catalog_find(c, &by_print, &found) == LP_OK);
    CHECK(lp_catalog_find(c, &by_name, &found) == LP_NO_MODEL);
    taken.model = model;
    CHECK(lp_catalog_take(c, &taken) == LP_OK);
    CHECK(lp_catalog_find(c, &by_name, &found) == LP_OK && found.model == model);
    unlink(in_directory(name));
    end(c);
}

static void test_memory(void)
{
    size_t n;
    unsigned char *data = read_file(vocab_file, &n);
    struct lp_vocab *borrowed = NULL, *copy = NULL, *loaded = NULL;
    CHECK(lp_vocab_open_memory(data, n, false, &borrowed) == LP_OK);
    CHECK(lp_vocab_open_memory(data, n, true, &copy) == LP_OK);
    CHECK(lp_vocab_load(vocab_file, &loaded) == LP_OK);
    CHECK(lp_vocab_verify(borrowed) == LP_OK && lp_vocab_verify(loaded) == LP_OK);
    lp_vocab_close(borrowed);
    CHECK(lp_vocab_open_memory(data + 1, n - 1, false, &borrowed) == LP_USAGE);
    CHECK(lp_vocab_open_memory(data, n - 8, false, &borrowed) == LP_BAD_VOCAB && borrowed == NULL);
    CHECK(lp_vocab_open_memory(NULL, 0, true, &borrowed) == LP_BAD_VOCAB);
    memset(data, 0, n);
    CHECK(lp_vocab_verify(copy) == LP_OK);
    lp_vocab_close(copy);
    lp_vocab_close(loaded);
    free(data);

    data = read_file(model_file, &n);
    struct lp_model *model = NULL;
    CHECK(lp_model_open_memory(data, n, true, &model) == LP_OK);
    memset(data, 0, n);
    CHECK(lp_model_verify(model) == LP_OK);
    lp_model_close(model);
    CHECK(lp_model_load(model_file, &model) == LP_OK && lp_model_verify(model) == LP_OK);
    lp_model_close(model);
    CHECK(lp_model_open_memory(data, n, false, &model) == LP_DATA && model == NULL);
    CHECK(lp_model_open_memory(NULL, 0, false, &model) == LP_DATA);
    free(data);

    struct lp_dict *dict;
    CHECK(lp_dict_open_memory("some words", 10, true, &dict) == LP_OK);
    lp_dict_close(dict);
    CHECK(lp_dict_open_memory("", 0, true, &dict) == LP_DATA && dict == NULL);
    CHECK(lp_dict_open("/", &dict) == LP_IO && errno == EISDIR);
    CHECK(lp_vocab_load("/nowhere", &loaded) == LP_IO && errno == ENOENT);
}

/* A file that is cut short while it is open. */
static void test_cut(void)
{
    size_t n;
    unsigned char *data = read_file(vocab_file, &n);
    struct unusable u;
    struct lp_catalog *c = new_catalog(&u);
    const struct lp_vocab *vocab;
    write_file(in_directory("cl100k_base.lpv"), data, n);
    free(data);
    lp_catalog_add(c, LP_VOCAB_PATH, directory);
    lp_catalog_load(c);
    CHECK(lp_catalog_vocab(c, "gpt-4", &vocab) == LP_OK);
    CHECK(truncate(in_directory("cl100k_base.lpv"), 0) == 0);
    CHECK(lp_vocab_verify(vocab) == LP_OK);
    end(c);
}

static void *find_all(void *ctx)
{
    static const struct lp_found nothing;
    struct lp_found *found = malloc(sizeof *found);
    const struct lp_need vocab = {.what = LP_NEED_VOCAB, .name = "cl100k_base"},
                         model = {.what = LP_NEED_MODEL, .name = "cl100k_base"};
    struct lp_found one = nothing, other = nothing;
    if (found == NULL || lp_catalog_find(ctx, &vocab, &one) != LP_OK ||
        lp_catalog_find(ctx, &model, &other) != LP_OK)
        exit(1);
    *found = (struct lp_found){.vocab = one.vocab, .model = other.model};
    return found;
}

static void test_threads(void)
{
    enum { THREADS = 8 };
    struct unusable u;
    struct lp_catalog *c = new_catalog(&u);
    pthread_t threads[THREADS];
    struct lp_found *found[THREADS];
    symlink(vocab_file, in_directory("cl100k_base.lpv"));
    lp_catalog_add(c, LP_VOCAB_PATH, directory);
    lp_catalog_add(c, LP_MODEL_PATH, model_file);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, find_all, c) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], (void **)&found[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(found[i]->vocab == found[0]->vocab && found[i]->model == found[0]->model);
        if (i > 0)
            free(found[i]);
    }
    free(found[0]);
    end(c);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: catalog VOCAB_FILE MODEL_FILE\n");
        return 2;
    }
    vocab_file = realpath(argv[1], NULL);
    model_file = realpath(argv[2], NULL);
    if (vocab_file == NULL || model_file == NULL || mkdtemp(directory) == NULL) {
        perror("catalog");
        return 1;
    }
    test_found();
    test_unusable();
    test_by_name();
    test_memory();
    test_cut();
    test_threads();
    test_default();
    rmdir(directory);
    free((char *)(uintptr_t)vocab_file);
    free((char *)(uintptr_t)model_file);
    return failures != 0;
}
