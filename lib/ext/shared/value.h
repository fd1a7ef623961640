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

/* Where a slice of tokens begins or ends: after so many tokens, or, below 0, so many before the
 * end. What is no place for a text to be parted is moved as by lptok --slice: to where the
 * character begins, or, counted from the end, to where the next one does. */
static inline size_t slice_end(const struct tokens *t, int64_t end)
{
    const int64_t n = (int64_t)t->n;
    const int64_t at = end >= 0 ? end : end < -n ? 0 : n + end;
    return lp_ids_boundary(t->vocab, t->ids, t->n, at < n ? (size_t)at : t->n, end < 0);
}

#endif
