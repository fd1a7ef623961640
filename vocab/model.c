/* model.c - shipped models: makes a model file (.lpm) small for the repository, and
 * back.
 *
 * usage: model pack IN.lpm OUT.lpm.zst
 *        model expand IN.lpm.zst OUT.lpm
 *
 * zstd sees little in a model: its tables are words of unlike parts. So each
 * table of words goes in as differences to the word before, first the lowest
 * bytes of them all, then the next ones. */
#include "../lib/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { FILE_MAX = 64 << 20, LEVEL = 22 };

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("model: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *need(size_t size)
{
    void *p = malloc(size + 1);
    if (p == NULL)
        die("out of memory");
    return p;
}

static unsigned char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("%s: cannot be read", path);
    unsigned char *data = need(FILE_MAX);
    *n = fread(data, 1, FILE_MAX, file);
    if (ferror(file) || *n == FILE_MAX)
        die("%s: cannot be read, or is too large", path);
    fclose(file);
    return data;
}

static void write_file(const char *path, const void *data, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, n, file) != n || fclose(file) != 0)
        die("%s: cannot be written", path);
}

/* Words to the bytes of their differences, and back. */
static void split_words(unsigned char *p, size_t nwords, unsigned char *scratch)
{
    uint32_t before = 0;
    for (size_t i = 0; i < nwords; i++) {
        uint32_t word = lp_get32(p + 4 * i), step = word - before;
        before = word;
        for (size_t k = 0; k < 4; k++)
            scratch[k * nwords + i] = (unsigned char)(step >> (8 * k));
    }
    memcpy(p, scratch, 4 * nwords);
}

static void join_words(unsigned char *p, size_t nwords, unsigned char *scratch)
{
    uint32_t word = 0;
    for (size_t i = 0; i < nwords; i++) {
        for (size_t k = 0; k < 4; k++)
            word += (uint32_t)p[k * nwords + i] << (8 * k);
        lp_put32(scratch + 4 * i, word);
    }
    memcpy(p, scratch, 4 * nwords);
}

/* Applies change to every section of words. */
static void each_section(unsigned char *file, size_t size,
                         void (*change)(unsigned char *, size_t, unsigned char *))
{
    static const int words[] = {LP_LPM_TREE, LP_LPM_START, LP_LPM_FOLLOW, LP_LPM_CELL};
    unsigned char *scratch = need(size);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint32_t begin = lp_get32(file + LP_LPM_AT_SECTION + 4 * words[i]);
        uint32_t end = lp_get32(file + LP_LPM_AT_SECTION + 4 * words[i] + 4);
        if (begin > end || end > size)
            die("a section is outside the file");
        change(file + begin, (end - begin) / 4, scratch);
    }
    free(scratch);
}

static void pack(const char *in, const char *out)
{
    size_t n;
    struct lp_model model;
    unsigned char *file = read_file(in, &n);
    if (lp_model_view(file, n, &model) != LP_OK || lp_model_verify(&model) != LP_OK)
        die("%s: is no model", in);
    each_section(file, n, split_words);
    size_t room = ZSTD_compressBound(n);
    unsigned char *packed = need(room);
    size_t size = ZSTD_compress(packed, room, file, n, LEVEL);
    if (ZSTD_isError(size))
        die("%s", ZSTD_getErrorName(size));
    write_file(out, packed, size);
    free(packed);
    free(file);
}

static void expand(const char *in, const char *out)
{
    size_t size;
    struct lp_model model;
    unsigned char *packed = read_file(in, &size), *file = need(FILE_MAX);
    size_t n = ZSTD_decompress(file, FILE_MAX, packed, size);
    if (ZSTD_isError(n))
        die("%s: %s", in, ZSTD_getErrorName(n));
    if (n < LP_LPM_HEAD)
        die("%s: is no model", in);
    each_section(file, n, join_words);
    if (lp_model_view(file, n, &model) != LP_OK || lp_model_verify(&model) != LP_OK)
        die("%s: is damaged, or made for another version", in);
    write_file(out, file, n);
    free(packed);
    free(file);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "pack") == 0)
        pack(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "expand") == 0)
        expand(argv[2], argv[3]);
    else
        die("usage: model pack|expand IN OUT");
    return 0;
}
