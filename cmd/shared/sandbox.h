/* sandbox.h - a command gives up what it will not need, before it reads data that may be forged.
 *
 * The tools are written to withstand any input. The sandbox is for the mistake that nobody has
 * found: code that such an input takes over can still compute, and write to what is open, but not
 * read other files, run a program, or reach the network or another process.
 *
 * What remains is known from the start: to read the operands and what the search paths hold, and
 * to give the file of -o its name. So a command enters the sandbox once, after -D and -o are open
 * and before it reads an operand or makes a thread; a thread inherits it.
 *
 *     Linux       Landlock: opening, making and removing files, signals to others.
 *                 seccomp: programs, the network, debugging, what else Landlock leaves open.
 *     OpenBSD     unveil and pledge.
 *     others      None. Capsicum of FreeBSD forbids to open a file by its path, and what a stream
 *                 needs is known only once it is read.
 *
 * Each part is used where the system offers it, and missed in silence where it does not. A refusal
 * is an error like any other, such as EACCES: it never ends the program. */
#ifndef SHARED_SANDBOX_H
#define SHARED_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct sandbox {
    int rules;    /* Landlock's, a file descriptor; -1: none */
    bool changes; /* files are made and removed, in other directories than that of -o */
    bool failed;  /* something that is needed could not be permitted: do not restrict files */
};

/* False: files cannot be restricted here, and what may be done with them need not be said. */
bool sandbox_begin(struct sandbox *s);
/* The file may be opened for reading. */
void sandbox_may_read(struct sandbox *s, const char *file);
/* So may the path, or all files below the directory that it is, which may be listed. */
void sandbox_may_walk(struct sandbox *s, const char *path);
/* So may the path, or the files in the directory that it is, and those that links in it name. */
void sandbox_may_search(struct sandbox *s, const char *path);
/* Another file of the same directory may take the file's name; both may be removed. */
void sandbox_may_replace(struct sandbox *s, const char *file);
/* Files in the directory that it is, or in that of the file, and in all below, may be read, made,
 * renamed and removed; so may the file itself be read, where it is a link. */
void sandbox_may_change(struct sandbox *s, const char *path);
/* From now on nothing else may be opened. */
void sandbox_enter(struct sandbox *s);

/* Writes what a command is restricted by, such as "Landlock 7, seccomp", or "none". */
void sandbox_describe(char *text, size_t size);

#endif
