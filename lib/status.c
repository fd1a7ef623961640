/* status.c - each status and its sentence, from the list in lp.h. */
#include "lp.h"

const char *lp_status_text(enum lp_status status)
{
    switch (status) {
#define LP_STATUS_CASE(name, text)                                                                 \
    case name:                                                                                     \
        return text;
        LP_STATUS_LIST(LP_STATUS_CASE)
#undef LP_STATUS_CASE
    }
    return "unknown status";
}
