#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise() */
#endif
#include "base/huge.h"

#include <sys/mman.h>

void lp_ask_huge(void *p, size_t n)
{
#ifdef MADV_HUGEPAGE
    madvise(p, n - n % LP_HUGE_PAGE, MADV_HUGEPAGE);
#else
    (void)p;
    (void)n;
#endif
}
