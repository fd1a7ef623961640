#include "measure/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double divide(double a, double b)
{
    return b > 0 ? a / b : NAN;
}

static struct figures figures(uint64_t original, uint64_t stored, uint64_t characters, double limit,
                              double pack_seconds, double unpack_seconds)
{
    double text = (double)original, size = (double)stored;
    return (struct figures){.original = original,
                            .stored = stored,
                            .ratio = original > 0 ? divide(text, size) : NAN,
                            .saved = 1 - divide(size, text),
                            .bits_per_character = divide(8 * size, (double)characters),
                            .of_limit = divide(size, limit),
                            .pack_mb = original > 0 ? divide(text / 1e6, pack_seconds) : NAN,
                            .unpack_mb = original > 0 ? divide(text / 1e6, unpack_seconds) : NAN};
}

struct figures figures_of_blobs(const struct report *r, const struct result *result)
{
    const struct measured *m = &result->blobs;
    return figures(m->original, m->stored, r->characters, r->limit, m->pack.seconds,
                   m->unpack.seconds);
}

struct figures figures_of_record(const struct report *r, const struct result *result, size_t i)
{
    const struct measured *m = &result->blobs;
    const struct record *record = &r->records[i];
    return figures(r->texts[i].n, m->sizes[i], record->characters, record->limit,
                   m->pack_seconds[i], m->unpack_seconds[i]);
}

/* A stream's text includes the separators, one character each. */
struct figures figures_of_stream(const struct report *r, const struct result *result)
{
    const struct measured *m = &result->stream;
    uint64_t separators = r->input_bytes - r->record_bytes;
    return figures(m->original, m->stored, r->characters + separators, r->limit, m->pack.seconds,
                   m->unpack.seconds);
}

const char *const summed_up_names[SUMMED_UP] = {
#define SUMMED_UP_NAME(member, name) name,
    SUMMED_UP_LIST(SUMMED_UP_NAME)
#undef SUMMED_UP_NAME
};

double figure(const struct figures *f, enum summed_up what)
{
    switch (what) {
#define SUMMED_UP_CASE(member, name)                                                               \
    case SUM_##member:                                                                             \
        return f->member;
        SUMMED_UP_LIST(SUMMED_UP_CASE)
#undef SUMMED_UP_CASE
    default:
        return NAN;
    }
}

struct summary summary_of(const struct report *r, const struct result *result, enum summed_up what)
{
    double *values = malloc((r->nrecords + 1) * sizeof *values);
    if (values == NULL)
        tool_die(r->tool, EXIT_IO, "out of memory");
    for (size_t i = 0; i < r->nrecords; i++) {
        struct figures f = figures_of_record(r, result, i);
        values[i] = figure(&f, what);
    }
    struct summary s = summarize(values, r->nrecords);
    free(values);
    return s;
}

bool report_has_copies(const struct report *r)
{
    size_t i = 0;
    while (i < r->nresults && !(r->results[i].stream.copied > 0.01))
        i++;
    return i < r->nresults;
}

void sha256_hex(char text[2 * SHA256_SIZE + 1], const unsigned char *sum)
{
    for (size_t i = 0; i < SHA256_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", sum[i]);
}
