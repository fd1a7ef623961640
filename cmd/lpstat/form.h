/* form.h - the forms in which lpstat prints a report. They share measure/ and do not know each
 * other. */
#ifndef LPSTAT_FORM_H
#define LPSTAT_FORM_H

#include "measure/report.h"

void report_table(const struct report *report, struct output *out, bool colour);
void report_csv(const struct report *report, struct output *out);
void report_html(const struct report *report, struct output *out);

#endif
