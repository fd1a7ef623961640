/* options.h - what lopace is asked to do. */
#ifndef LOPACE_OPTIONS_H
#define LOPACE_OPTIONS_H

#include "shared/pack.h"

enum action { PACK, UNPACK, TEST, LIST };

struct options {
    enum action action;
    struct packing packing; /* but for vocab, dict, model and finder */
    const char *encoding, *dictionary;
    const char *flat, *mirror; /* directories for the output; at most one is set */
    bool to_stdout, removes, recursive;
    uint64_t older_than; /* seconds; 0: any age */
    unsigned threads;
    uint64_t memory;
    char **files;
};

/* Exits on a usage error. */
struct options options_parse(struct tool *tool, int argc, char **argv);

extern const char options_help[];

/* Whether all inputs go to one output: standard output, or the file of -o. */
bool options_one_output(const struct tool *tool, const struct options *o);

#endif
