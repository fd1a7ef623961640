/* rusage - runs a command, and writes to FILE what it used: seconds of wall time,
 * of user and of system time, and the largest resident set in kB. Small itself,
 * as a process starts out with the resident set of the one that it was forked from.
 *
 * usage: rusage FILE COMMAND [ARGUMENT...] */
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

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: rusage FILE COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "rusage: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        fprintf(stderr, "rusage: %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    double wall = now() - start;
#ifdef __APPLE__
    usage.ru_maxrss /= 1024;
#endif
    FILE *file = fopen(argv[1], "w");
    if (file == NULL ||
        fprintf(file, "%.6f %.6f %.6f %ld\n", wall, seconds(usage.ru_utime),
                seconds(usage.ru_stime), usage.ru_maxrss) < 0 ||
        fclose(file) != 0) {
        fprintf(stderr, "rusage: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
