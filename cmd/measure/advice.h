/* advice.h - which variant is best for what, and the commands that make the sizes. */
#ifndef MEASURE_ADVICE_H
#define MEASURE_ADVICE_H

#include "measure/report.h"

/* What a variant is the best for. */
enum purpose { SMALLEST_BLOB, WITH_PARENT, SMALLEST_STREAM, FASTEST, SINGLE_RECORDS, PURPOSES };

struct advice {
    enum purpose purpose;
    const struct result *result;
    bool blobs; /* it is about them, not about the stream */
};

/* The advice of a report, at most one for each purpose. 0: no variant saves space, which
 * report_no_advice() says in a sentence. */
size_t report_advice(const struct report *report, struct advice advice[PURPOSES]);
const char *report_no_advice(const struct report *report);

/* "smallest blob", "parent", "smallest stream", "fastest" or "single records". */
const char *purpose_name(enum purpose purpose);

/* A sentence that says it, to be freed. */
char *advice_sentence(const struct report *report, const struct advice *advice);

/* The command line that makes a result's size: its stream of all inputs; its blob, where
 * there are several records that of a record on standard input, whose parent, if it is the record
 * before, is in a file named before. To be freed. */
char *result_command(const struct report *report, const struct result *result, bool blobs);

#endif
