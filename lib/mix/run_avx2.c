/* run_avx2.c - run.h compiled for AVX2; chosen at run time. */
#include "base/cpu.h"

#if LP_HAVE_AVX2

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt"))),                \
                             apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt")
#endif
#define LP_VEC_AVX2

#include "mix/run.h"

enum lp_status lp_mix_run_avx2(struct lp_mix *m, struct lp_range_coder *c, const uint32_t *ids,
                               size_t n, bool decode)
{
    if (m->fast)
        return decode ? run(m, c, ids, n, true, true) : run(m, c, ids, n, false, true);
    return decode ? run(m, c, ids, n, true, false) : run(m, c, ids, n, false, false);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif

#else

typedef int lp_no_avx2; /* C requires a declaration in every file */

#endif
