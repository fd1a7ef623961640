/* figures.h - what the forms of a report print: ratios and speeds, of one record or all. */
#ifndef MEASURE_FIGURES_H
#define MEASURE_FIGURES_H

#include "measure/report.h"
#include "measure/summary.h"

/* Figures of a variant and one or more texts. NAN where a figure does not apply. */
struct figures {
    uint64_t original, stored; /* bytes */
    double ratio;              /* original / stored */
    double saved;              /* 1 - stored / original */
    double bits_per_character; /* stored bits */
    double of_limit;           /* stored / order-0 entropy of the characters */
    double pack_mb, unpack_mb; /* 10^6 bytes of original text per second */
};

/* a / b, NAN where b is not above 0. */
double divide(double a, double b);

/* Of all records as blobs, of record i as a blob, of the stream. */
struct figures figures_of_blobs(const struct report *report, const struct result *result);
struct figures figures_of_record(const struct report *report, const struct result *result,
                                 size_t i);
struct figures figures_of_stream(const struct report *report, const struct result *result);

/* The figures that are summarised over records. X(member, name) */
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

double figure(const struct figures *figures, enum summed_up what);
struct summary summary_of(const struct report *report, const struct result *result,
                          enum summed_up what);

/* Whether a window copied something worth to be told: more than a hundredth. */
bool report_has_copies(const struct report *report);

void sha256_hex(char text[2 * SHA256_SIZE + 1], const unsigned char *sum);

#endif
