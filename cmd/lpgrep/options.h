/* options.h - what lpgrep was asked for. */
#ifndef LPGREP_OPTIONS_H
#define LPGREP_OPTIONS_H

#include "shared/io.h"

/* What is printed of an input. */
enum show {
    SHOW_UNITS,   /* the lines, or records, that are selected */
    SHOW_MATCHES, /* what matches in them */
    SHOW_COUNT,
    SHOW_NAME,    /* the input's name, if something is selected */
    SHOW_MISSING, /* or if nothing is */
    SHOW_NOTHING,
    SHOW_JSON,
};

struct options {
    enum show show;
    bool fixed, perl, ignore_case, word, whole; /* of patterns */
    bool invert;
    bool records; /* what is selected is a record, not a line */
    bool null;    /* records of text end with NUL, and so do printed records */
    bool with_name, no_name, null_name;
    bool number, offset, color, binary;
    bool walk;
    uint64_t max_count; /* UINT64_MAX: any */
    uint64_t before, after;
    bool context; /* -A, -B or -C is given */
    uint64_t memory;
    unsigned threads;
    const char *dictionary;
};

/* Patterns, none of which has a line feed. */
struct patterns {
    struct pattern {
        const char *text; /* ends with NUL, which it may hold too */
        size_t n;
    } * v;
    size_t n, cap;
};

#endif
