/* version.c - the version as text, from the numbers in lp.h. */
#include "lp.h"

#define TEXT(number)  TEXT_(number)
#define TEXT_(number) #number

const char *lp_version(void)
{
    return TEXT(LP_VERSION_MAJOR) "." TEXT(LP_VERSION_MINOR) "." TEXT(LP_VERSION_PATCH);
}
