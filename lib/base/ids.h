/* ids.h - the growing array of token ids that lp.h declares (struct lp_ids). */
#ifndef LP_BASE_IDS_H
#define LP_BASE_IDS_H

#include "lp.h"

#include <stdlib.h>

/* Makes room for n more ids. False when memory is out. */
static inline bool lp_ids_reserve(struct lp_ids *ids, size_t n)
{
    if (n <= ids->cap - ids->n)
        return true;
    size_t cap = ids->cap + ids->cap / 2;
    if (cap < ids->n + n)
        cap = ids->n + n;
    uint32_t *v = cap > SIZE_MAX / sizeof *v ? NULL : realloc(ids->v, cap * sizeof *v);
    if (v == NULL)
        return false;
    ids->v = v;
    ids->cap = cap;
    return true;
}

#endif
