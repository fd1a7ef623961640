/* rusage - runs a pipeline of commands and writes to FILE what they used: seconds of wall time
 * until all have ended, seconds of user and system time, and the largest resident set in kB. It is
 * small, because a process starts with the resident set of the process that forked it.
 *
 * usage: rusage FILE COMMAND [ARGUMENT...] ['|' COMMAND [ARGUMENT...]]... */
#define _DEFAULT_SOURCE /* wait4 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Starts a command that reads from in and writes to out; closes both. */
static pid_t start(char **words, int in, int out, int next_in)
{
    pid_t child = fork();
    if (child == 0) {
        if (next_in >= 0)
            close(next_in);
        if (in != 0 && dup2(in, 0) == 0)
            close(in);
        if (out != 1 && dup2(out, 1) == 1)
            close(out);
        execvp(words[0], words);
        fprintf(stderr, "rusage: %s: %s\n", words[0], strerror(errno));
        _exit(127);
    }
    if (in != 0)
        close(in);
    if (out != 1)
        close(out);
    return child;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: rusage FILE COMMAND [ARGUMENT...] ['|' COMMAND [ARGUMENT...]]...\n", stderr);
        return 2;
    }
    double begin = now(), user = 0, system = 0;
    int in = 0, left = 0, failed = 0, status;
    long kb = 0;
    for (char **words = argv + 2, **end; words != NULL; words = end) {
        for (end = words; *end != NULL && strcmp(*end, "|") != 0; end++)
            ;
        int ends[2] = {-1, 1};
        if (*end == NULL)
            end = NULL;
        else
            *end++ = NULL;
        if ((end != NULL && pipe(ends) != 0) || start(words, in, ends[1], ends[0]) < 0) {
            fprintf(stderr, "rusage: %s: %s\n", words[0], strerror(errno));
            return 1;
        }
        in = ends[0];
        left++;
    }
    for (struct rusage usage; left > 0 && wait4(-1, &status, 0, &usage) > 0; left--) {
        user += seconds(usage.ru_utime);
        system += seconds(usage.ru_stime);
        kb = usage.ru_maxrss > kb ? usage.ru_maxrss : kb;
        if (!WIFEXITED(status) || WEXITSTATUS(status) > failed)
            failed = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    double wall = now() - begin;
#ifdef __APPLE__
    kb /= 1024;
#endif
    FILE *file = fopen(argv[1], "w");
    if (file == NULL || fprintf(file, "%.6f %.6f %.6f %ld\n", wall, user, system, kb) < 0 ||
        fclose(file) != 0) {
        fprintf(stderr, "rusage: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    return failed;
}
