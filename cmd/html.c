#include "report.h"
void report_html(const struct report *r, struct output *out)
{
    (void)r;
    output_print(out, "x");
}
