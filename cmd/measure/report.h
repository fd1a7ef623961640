/* report.h - texts, and what each method makes of them: what lpstat prints. */
#ifndef MEASURE_REPORT_H
#define MEASURE_REPORT_H

#include "measure/measure.h"
#include "shared/find.h"

/* A way to store text: a row of every table. */
struct variant {
    const char *name;
    const char *method; /* as shared/method.h names it */
    bool dictionary;    /* compresses with the zstd dictionary of -D */
    bool fast;          /* mixes fast */
};

enum { VARIANTS = 9 };
/* From the simplest to the smallest. */
extern const struct variant variants[VARIANTS];

struct record {
    const char *file;
    uint64_t number; /* in its file, from 1 */
    uint64_t characters, invalid, tokens;
    double limit; /* bytes: order-0 entropy of its characters */
};

/* A variant and what it makes of the texts. */
struct result {
    const struct variant *variant;
    struct packing packing;
    const char *dictionary; /* the file of -D where it is used, else NULL */
    int colour;             /* in plots: a variant keeps its colour whatever the others are */
    struct measured blobs, stream; /* blobs: not done with a window and without a parent */
};

/* The longest record's prefixes, each twice as long as the one before. They show how figures
 * grow with size where there are too few records for that. */
struct scaling {
    size_t n;
    struct text *texts;
    struct measured *blobs; /* one for each result */
};

struct report {
    /* Set by the owner. */
    const struct tool *tool;
    const char *dictionary, *parent; /* the files of -D and --parent, or NULL */
    struct text parent_text;
    bool wanted[VARIANTS]; /* to be measured */
    bool insists;          /* on each of these, and not only on those that can be */
    int level;
    double seconds; /* that each measurement is repeated for, at least; 0: as long as is usual */
    enum lp_split split;
    char **operands; /* NULL-terminated; none: standard input */
    /* The texts: see report_add(). */
    const char **files;
    struct text *inputs; /* whole, with separators */
    size_t ninputs;
    struct text *texts; /* one for each record, without its separator */
    struct record *records;
    size_t nrecords, records_cap;
    uint64_t input_bytes, record_bytes;
    /* The rest: see report_measure(). */
    const char *encoding;
    uint64_t characters, invalid, tokens;
    double limit; /* bytes, the sum of the records' limits */
    struct result *results;
    size_t nresults;
    size_t best, best_stream; /* the smallest as blobs, without the record before; in a stream */
    struct scaling scaling;
};

/* The variant of n bytes of a name, VARIANTS for none. */
size_t variant_named(const char *name, size_t n);

/* Adds an input, whose text it will free. file stays the caller's. */
void report_add(struct report *report, const char *file, unsigned char *text, size_t n);

/* Measures all variants that are wanted, with a vocabulary and what -D named; a model that it did
 * not name is found for the vocabulary. Exits on failure. */
void report_measure(struct report *report, struct finder *finder, const struct lp_vocab *vocab,
                    struct lp_found named);
/* Measures prefixes of the longest record too, where there are few records. */
void report_measure_scaling(struct report *report);

/* The parent of a variant's blobs. */
enum parent result_parent(const struct report *report, const struct result *result);

/* Whether records were measured as blobs: all are small enough, and not every variant needs a
 * parent that is not there. */
bool report_has_blobs(const struct report *report);
/* Whether a variant restored every byte; whether all did, and one that did not. */
bool result_exact(const struct result *result);
bool report_exact(const struct report *report, const struct result **wrong);

void report_free(struct report *report);

/* Writes it as JSON. */
void report_json(const struct report *report, struct output *out);

#endif
