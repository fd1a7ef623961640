/* replay.c - runs a fuzz target on files, and on all files of folders, without a fuzzer.
 *
 * usage: TARGET FILE_OR_FOLDER... */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>

static size_t nfiles;

static int run_folder(const char *path);

static int run_file(const char *path)
{
    static unsigned char bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    const size_t n = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    const bool bad = file == NULL || ferror(file);
    if (file != NULL)
        fclose(file);
    if (bad) {
        perror(path);
        return 1;
    }
    fuzz_name = path;
    unsigned char *exact = fuzz_copy(bytes, n);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    nfiles++;
    return 0;
}

static int run(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return run_file(path);
    closedir(folder);
    return run_folder(path);
}

static int run_folder(const char *path)
{
    char name[4096];
    DIR *folder = opendir(path);
    int failed = folder == NULL;
    for (struct dirent *entry; !failed && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        failed = run(name);
    }
    if (folder != NULL)
        closedir(folder);
    return failed;
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (run(argv[i]) != 0)
            return 1;
    }
    if (nfiles > 0)
        return 0;
    fprintf(stderr, "usage: %s FILE_OR_FOLDER...: no file\n", argv[0]);
    return 2;
}
