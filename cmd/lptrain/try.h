/* try.h - makes models and dictionaries of records, and measures what they gain: a part of the
 * records is held out and packed with what the others make. */
#ifndef LPTRAIN_TRY_H
#define LPTRAIN_TRY_H

#include "lptrain/records.h"

/* What to make, and of what. */
struct training {
    const struct records *records;
    const struct lp_trainer *trainer;
    const struct lp_model *base; /* the model to adapt, or to compare a new one with; NULL: none */
    bool zstd, new_model;        /* a dictionary; a new model; neither: adapt base */
    size_t dict_size;            /* bytes of a dictionary at most */
};

/* Mean compression ratio of the records held out, 0: not measured. */
struct ratio {
    double blob;   /* each as a blob */
    double stream; /* without the fingerprint of the model or dictionary: a stream has it once */
};

struct trial {
    struct ratio base, model; /* lpmix with the base model; with the adapted or new one */
    struct ratio zstd, dict;  /* lpzstd without a dictionary; with one */
    uint32_t nheld;           /* records held out */
};

/* Makes a dictionary of docs. The caller frees its file. Exits without memory. */
struct lp_trained_dict make_dict(const struct training *t, const struct lp_docs *docs);
/* Appends an adapted or new model of docs to image. Exits on failure. */
void make_model(const struct training *t, const struct lp_docs *docs, struct lp_buf *image);

/* Measures what is to be made; unless quiet also what it competes with, for the report. */
struct trial try_out(const struct training *t);

/* Prints a trial to standard error: the model or dictionary may go to standard output. */
void report_trial(const struct training *t, const struct trial *trial);

/* Exits, or only warns if forced, when the records held out pack worse with the model or
 * dictionary than without, even if its fingerprint costs nothing. */
void insist_on_gain(const struct training *t, const struct trial *trial);

#endif
