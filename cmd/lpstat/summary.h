/* summary.h - what a list of numbers is like. Pure. */
#ifndef LPSTAT_SUMMARY_H
#define LPSTAT_SUMMARY_H

#include <stddef.h>

struct summary {
    size_t n;        /* numbers that were finite; the figures are of those, NAN without any */
    double mean, sd; /* sd: of a sample (n - 1); NAN for fewer than two */
    double min, q1, median, q3, max; /* quartiles by linear interpolation, as numpy has them */
};

/* Sorts the numbers. */
struct summary summarize(double *values, size_t n);

#endif
