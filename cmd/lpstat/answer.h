/* answer.h - the method that lpstat recommends, and the commands that run it. */
#ifndef LPSTAT_ANSWER_H
#define LPSTAT_ANSWER_H

#include "lpstat/report.h"

/* Writes text to out, escaped as the form needs it. */
typedef void answer_put(struct output *out, const char *text);

/* Writes one or two sentences: which method to use, and what it saves. */
void report_answer(const struct report *report, struct output *out, answer_put *put);
/* Writes the command line that makes the last figure of that; false, and nothing is written, where
 * there is none. */
bool report_command(const struct report *report, struct output *out, answer_put *put);

#endif
