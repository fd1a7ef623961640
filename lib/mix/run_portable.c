/* run_portable.c - the coding of run.h with what every machine of this kind has. */
#include "mix/run.h"

enum lp_status lp_mix_run_portable(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                   size_t n, bool decode)
{
    return run(m, c, ids, n, decode, m->fast); /* one for all: it is the larger code */
}
