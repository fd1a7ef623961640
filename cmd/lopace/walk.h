/* walk.h - the files that the operands name, those in directories too. */
#ifndef LOPACE_WALK_H
#define LOPACE_WALK_H

#include "lopace/options.h"

#include <sys/types.h>

struct entry {
    char *path;
    char *output; /* NULL: none */
    uint64_t size;
    dev_t dev; /* the file itself */
    ino_t ino;
    bool named; /* by an operand, not found in a directory */
};

struct walk {
    const struct tool *tool;
    const struct options *o;
    struct entry *v;
    size_t n, cap;
    uint64_t size; /* of all files */
    bool failed;   /* something was left out, and said */
};

/* Fills walk->v. Makes the directories of --output-dir-mirror. Exits where two inputs have the
 * same output, or one the name of another's. */
void walk_operands(struct walk *walk);
void walk_free(struct walk *walk);

#endif
