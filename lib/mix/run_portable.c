/* run_portable.c - run.h compiled for the least that machines of this kind have. */
#include "mix/run.h"

enum lp_status lp_mix_run_portable(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                                   size_t n, bool decode)
{
    return run(m, c, ids, n, decode, m->fast); /* one copy for both modes: its code is larger */
}
