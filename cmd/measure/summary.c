#include "measure/summary.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    double rest = at - (double)i;
    return i + 1 < n ? sorted[i] + rest * (sorted[i + 1] - sorted[i]) : sorted[i];
}

struct summary summarize(double *values, size_t n)
{
    struct summary s = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i]))
            values[s.n++] = values[i];
    }
    if (s.n == 0)
        return s;
    qsort(values, s.n, sizeof *values, compare);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < s.n; i++)
        sum += values[i];
    s.mean = sum / (double)s.n;
    for (size_t i = 0; i < s.n; i++)
        squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (s.n > 1)
        s.sd = sqrt(squares / (double)(s.n - 1));
    s.min = values[0];
    s.q1 = quantile(values, s.n, 0.25);
    s.median = quantile(values, s.n, 0.5);
    s.q3 = quantile(values, s.n, 0.75);
    s.max = values[s.n - 1];
    return s;
}
