/* report.h - all that lpstat found out about texts, and the forms in which it is
 * told: a table for people, JSON, CSV, a page. */
#ifndef LPSTAT_REPORT_H
#define LPSTAT_REPORT_H

#include "lpstat/measure.h"
#include "lpstat/summary.h"
#include "shared/io.h"

/* A way to store text: a row of every table. */
struct method {
    const char *name;
    enum lp_chain chain;
    const char *tokens, *stage; /* the commands that do it: lptok or NULL, lpzstd or NULL */
    bool dictionary;            /* with that of -D */
};

struct record {
    const char *file;
    uint64_t number; /* in its file, from 1 */
    uint64_t characters, invalid, tokens;
    double limit; /* bytes: Shannon's, of its characters one by one */
};

struct result {
    const struct method *method;
    struct lp_options options;
    const char *dictionary; /* the file of -D, when the method uses it */
    int colour;             /* of its method in plots, whichever others there are */
    struct measured blobs, stream;
};

/* Texts of growing size, when there are not enough records to show how figures
 * grow with size: the beginnings of the longest record. */
struct scaling {
    size_t n;
    struct text *texts;
    struct measured *blobs; /* of each result's method */
};

struct report {
    const struct tool *tool;
    const char *encoding, *dictionary; /* dictionary: its file, NULL for none */
    int level;
    enum lp_split split;
    const char **files;
    bool named;          /* files are operands, not standard input */
    struct text *inputs; /* as they came, separators included */
    size_t ninputs;
    struct text *texts; /* of the records */
    struct record *records;
    size_t nrecords;
    uint64_t input_bytes, record_bytes, characters, invalid, tokens;
    double limit; /* bytes, the sum of the records' */
    struct result *results;
    size_t nresults, best, best_stream; /* the smallest as blobs, in a stream */
    struct scaling scaling;
};

/* What is said of a method and a text, or several. NAN where nothing can be. */
struct figures {
    uint64_t original, stored;
    double ratio;              /* original / stored */
    double saved;              /* 1 - stored / original */
    double bits_per_character; /* stored bits */
    double of_limit;           /* stored / Shannon's limit */
    double pack_mb, unpack_mb; /* 10^6 bytes of original text a second */
};

/* Of all records as blobs; of one; of the stream. */
struct figures figures_of_blobs(const struct report *report, const struct result *result);
struct figures figures_of_record(const struct report *report, const struct result *result,
                                 size_t i);
struct figures figures_of_stream(const struct report *report, const struct result *result);

/* The figures that are summed up over records. X(member, name) */
#define SUMMED_UP_LIST(X)                                                                          \
    X(ratio, "ratio")                                                                              \
    X(saved, "saved")                                                                              \
    X(bits_per_character, "bits_per_character")                                                    \
    X(of_limit, "of_limit")                                                                        \
    X(pack_mb, "pack_mb_s")                                                                        \
    X(unpack_mb, "unpack_mb_s")

enum summed_up {
#define SUMMED_UP_NAME(member, name) SUM_##member,
    SUMMED_UP_LIST(SUMMED_UP_NAME)
#undef SUMMED_UP_NAME
        SUMMED_UP
};
extern const char *const summed_up_names[SUMMED_UP];
struct summary summary_of(const struct report *report, const struct result *result,
                          enum summed_up what);

/* Whether the records were measured as blobs, and have been restored exactly. */
bool report_has_blobs(const struct report *report);
bool result_exact(const struct result *result);

/* What to do, in a sentence or two, and the commands that do it, which are empty
 * when nothing is saved. Text goes through put_text. */
typedef void put_text(struct output *out, const char *text);
void report_answer(const struct report *report, struct output *out, put_text *put);
bool report_command(const struct report *report, struct output *out, put_text *put);

void report_table(const struct report *report, struct output *out, bool colour);
void report_json(const struct report *report, struct output *out);
void report_csv(const struct report *report, struct output *out);
void report_html(const struct report *report, struct output *out);

void sha256_hex(char text[2 * SHA256_SIZE + 1], const unsigned char *sum);

#endif
