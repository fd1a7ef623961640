#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>

/* --- Inputs ------------------------------------------------------------------------------- */

unsigned fuzz_choice(struct fuzz_input *in, unsigned n)
{
    return in->n > 0 ? in->p[--in->n] % n : 0;
}

bool fuzz_flip(struct fuzz_input *in)
{
    return fuzz_choice(in, 2) == 1;
}

size_t fuzz_piece(struct fuzz_pieces *pieces, size_t n)
{
    static const uint32_t most[] = {1, 3, 40, 700};
    if (pieces->seed == 0)
        return n;
    pieces->seed = pieces->seed * 1664525 + 1013904223;
    const size_t size = (pieces->seed >> 16) % most[pieces->seed >> 28 & 3] + 1;
    return size < n ? size : n;
}

struct fuzz_pieces fuzz_choose_pieces(struct fuzz_input *in)
{
    return (struct fuzz_pieces){fuzz_choice(in, 256) * 2654435761u};
}

unsigned char *fuzz_copy(const void *data, size_t n)
{
    unsigned char *copy = malloc(n > 0 ? n : 1);
    FUZZ_MUST(copy != NULL, "out of memory");
    if (n > 0)
        memcpy(copy, data, n);
    return copy;
}

/* --- Verdicts ----------------------------------------------------------------------------- */

const char *fuzz_name = "input";

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: %s:%d: ", fuzz_name, file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY 1
#elif defined(__has_feature)
#define COUNTS_MEMORY __has_feature(address_sanitizer)
#else
#define COUNTS_MEMORY 0
#endif

static struct {
    bool installed, counts;
    size_t now, most;
} memory;

#if COUNTS_MEMORY
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                              void (*)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *);

static void on_malloc(const volatile void *p, size_t size)
{
    (void)p;
    if (!memory.counts)
        return;
    memory.now += size;
    memory.most = memory.now > memory.most ? memory.now : memory.most;
}

/* What was allocated before counting began may be freed meanwhile. */
static void on_free(const volatile void *p)
{
    const size_t size = memory.counts && p != NULL ? __sanitizer_get_allocated_size(p) : 0;
    memory.now -= size < memory.now ? size : memory.now;
}
#endif

void fuzz_memory_begin(void)
{
#if COUNTS_MEMORY
    if (!memory.installed)
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif
    memory.installed = memory.counts = true;
    memory.now = memory.most = 0;
}

size_t fuzz_memory_end(void)
{
    memory.counts = false;
    return memory.most;
}

void fuzz_add(struct lp_buf *buf, const void *data, size_t n)
{
    const bool counts = memory.counts;
    memory.counts = false;
    FUZZ_MUST(lp_buf_append(buf, data, n), "out of memory");
    memory.counts = counts;
}

enum lp_status fuzz_append(void *ctx, const void *data, size_t n)
{
    fuzz_add(ctx, data, n);
    return LP_OK;
}

bool fuzz_same(const struct lp_buf *a, const struct lp_buf *b)
{
    return lp_buf_is(a, b->p, b->n);
}

/* --- Tools -------------------------------------------------------------------------------- */

static struct lp_catalog *catalog;
static char directory[4096];

static bool has_vocabularies(const char *format, int length, const char *name)
{
    char path[sizeof directory + 32];
    snprintf(directory, sizeof directory, format, length, name);
    snprintf(path, sizeof path, "%s/cl100k_base.lpv", directory);
    FILE *file = fopen(path, "rb");
    if (file != NULL)
        fclose(file);
    return file != NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *set = getenv("LP_VOCAB_PATH"), *program = *argc > 0 ? (*argv)[0] : "";
    const char *slash = strrchr(program, '/');
    const int length = slash != NULL ? (int)(slash - program) : 1;
    program = slash != NULL ? program : ".";
    FUZZ_MUST((set != NULL && has_vocabularies("%.*s", (int)strlen(set), set)) ||
                  has_vocabularies("%.*s/vocab", length, program) ||
                  has_vocabularies("%.*s/../vocab", length, program),
              "no vocabularies: set LP_VOCAB_PATH");
    FUZZ_MUST(lp_catalog_new(&catalog) == LP_OK &&
                  lp_catalog_add(catalog, LP_VOCAB_PATH, directory) == LP_OK &&
                  lp_catalog_add(catalog, LP_MODEL_PATH, directory) == LP_OK &&
                  lp_catalog_take(catalog, &(struct lp_found){.dict = fuzz_dict()}) == LP_OK,
              "no catalogue");
    return 0;
}

enum lp_status fuzz_find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    (void)ctx;
    return lp_catalog_find(catalog, need, found);
}

const struct lp_vocab *fuzz_vocab(const char *name)
{
    const struct lp_vocab *vocab;
    FUZZ_MUST(lp_catalog_vocab(catalog, name, &vocab) == LP_OK, "no vocabulary %s", name);
    return vocab;
}

const struct lp_model *fuzz_model(const struct lp_vocab *vocab)
{
    const struct lp_model *model;
    FUZZ_MUST(lp_catalog_model(catalog, vocab, &model) == LP_OK, "no model");
    return model;
}

/* Of raw content. */
const struct lp_dict *fuzz_dict(void)
{
    static const char content[] = "You are a helpful assistant. Answer briefly. Write in French.\n"
                                  "Translate the following text. Summarize the following text.\n";
    static struct lp_dict *dict;
    if (dict == NULL)
        FUZZ_MUST(lp_dict_open_memory(content, sizeof content - 1, true, &dict) == LP_OK, "dict");
    return dict;
}

unsigned char *fuzz_file(const char *name, size_t *size)
{
    char path[sizeof directory + 64], bytes[1 << 16];
    struct lp_buf all = {0};
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    FUZZ_MUST(file != NULL, "%s: cannot be read", path);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        fuzz_add(&all, bytes, n);
    fclose(file);
    *size = all.n;
    return all.p;
}
