/* print.h - writes what lpgrep has found. */
#ifndef LPGREP_PRINT_H
#define LPGREP_PRINT_H

#include "lpgrep/matcher.h"

#include "shared/json.h"
#include "shared/utf8.h"

/* A line or record to be written, and where it is. */
struct hit {
    struct unit unit;
    char end;        /* what ends it in the output */
    bool line_feed;  /* before that, a record has one that is not of the unit */
    bool selected;   /* no context */
    uint64_t record; /* its number, 0: not told */
    uint64_t line;   /* in its record, 0: a record */
    uint64_t offset; /* in the text */
};

/* What JSON says of one input, or of all. */
struct figures {
    uint64_t inputs, with_match, bytes, printed, units, matches;
    double seconds;
};

struct printer {
    const struct options *o;
    struct matcher *matcher;
    struct output *out;
    struct json json;
    const char *name; /* of this input */
    bool begun;       /* its first event of JSON is written */
    bool failed;      /* matching took more than the limits allow; said by who sees it */
    bool binary;      /* it is of bytes that are not shown */
    struct figures figures, all;
    double start;
};

void print_begin(struct printer *p, const char *name);
/* Writes a line or record. Sets p->binary instead where it holds a NUL. */
void print_hit(struct printer *p, const struct hit *hit);
/* Writes what stands between groups of lines. */
void print_gap(struct printer *p);
/* The input is read, or enough of it: count are selected. whole: it could be read. */
void print_end(struct printer *p, uint64_t count, bool whole, uint64_t nbytes);
/* All inputs are read. */
void print_finish(struct printer *p);

#endif
