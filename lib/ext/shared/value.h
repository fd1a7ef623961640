/* value.h - what a value of an application holds. */
#ifndef LP_EXT_SHARED_VALUE_H
#define LP_EXT_SHARED_VALUE_H

#include <lp.h>

struct bytes {
    const void *p;
    size_t n;
};

struct tokens {
    const struct lp_vocab *vocab;
    const uint32_t *ids;
    size_t n;
};

#endif
