/* split.h - where the records of a text end: each has its separator after it, or, with LP_WHOLE,
 * the caller says so. */
#ifndef LP_FORMAT_SPLIT_H
#define LP_FORMAT_SPLIT_H

#include "lp.h"

#include <string.h>

/* Bytes up to and including the first separator in n bytes; 0 when there is none, as where
 * separator is -1. */
static inline size_t lp_split_record(const unsigned char *text, size_t n, int separator)
{
    const unsigned char *end = separator < 0 || n == 0 ? NULL : memchr(text, separator, n);
    return end != NULL ? (size_t)(end - text) + 1 : 0;
}

#endif
