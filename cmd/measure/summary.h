/* summary.h - descriptive statistics of a list of numbers. */
#ifndef MEASURE_SUMMARY_H
#define MEASURE_SUMMARY_H

#include <stddef.h>

struct summary {
    size_t n;        /* finite numbers; the others are ignored, and all figures NAN without any */
    double mean, sd; /* sd: sample standard deviation (n - 1), NAN for fewer than two */
    double min, q1, median, q3, max; /* quartiles by linear interpolation, numpy's default */
};

/* Drops numbers that are not finite, and sorts the others. */
struct summary summarize(double *values, size_t n);

#endif
