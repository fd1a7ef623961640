/* report.h - what lpstat measured of texts, and the forms in which it prints that. The
 * forms (table.c, export.c, html.c) share figures.c and answer.c and do not know each other. */
#ifndef LPSTAT_REPORT_H
#define LPSTAT_REPORT_H

#include "lpstat/measure.h"
#include "shared/io.h"

/* A way to store text: a row of every table. */
struct method {
    const char *name;
    enum lp_chain chain;
    const char *tokens, *stage; /* the commands: lptok or NULL, then lpzstd, lpmix or NULL */
    bool dictionary;            /* compresses with the zstd dictionary of -D */
};

struct record {
    const char *file;
    uint64_t number; /* in its file, from 1 */
    uint64_t characters, invalid, tokens;
    double limit; /* bytes: order-0 entropy of its characters */
};

/* A method and what it makes of the texts. */
struct result {
    const struct method *method;
    struct lp_options options;
    const char *dictionary; /* the file of -D where the method uses it, else NULL */
    int colour;             /* in plots: a method keeps its colour whatever the others are */
    struct measured blobs, stream;
};

/* The longest record's prefixes, each twice as long as the one before. They show how figures
 * grow with size where there are too few records for that. */
struct scaling {
    size_t n;
    struct text *texts;
    struct measured *blobs; /* one for each result */
};

struct report {
    const struct tool *tool;
    const char *encoding, *dictionary; /* dictionary: the file of -D, or NULL */
    int level;
    enum lp_split split;
    const char **files;
    bool named;          /* files are operands, not standard input */
    struct text *inputs; /* whole, with separators */
    size_t ninputs;
    struct text *texts; /* one for each record, without its separator */
    struct record *records;
    size_t nrecords;
    uint64_t input_bytes, record_bytes, characters, invalid, tokens;
    double limit; /* bytes, the sum of the records' limits */
    struct result *results;
    size_t nresults, best, best_stream; /* the smallest as blobs; in a stream */
    struct scaling scaling;
};

void report_table(const struct report *report, struct output *out, bool colour);
void report_json(const struct report *report, struct output *out);
void report_csv(const struct report *report, struct output *out);
void report_html(const struct report *report, struct output *out);

#endif
