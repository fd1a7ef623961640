/* huge.h - huge pages for tables that are accessed all over at random, where with small ones it
 * takes longer to find the page than what is in it. */
#ifndef LP_BASE_HUGE_H
#define LP_BASE_HUGE_H

#include <stddef.h>

enum {
    LP_HUGE_PAGE = 2 << 20
}; /* bytes, on most machines; on others it costs address space only */

/* Asks the system for huge pages for n bytes at p, a multiple of LP_HUGE_PAGE. Bytes after the last
 * whole one stay in small pages, so that no more memory is used. */
void lp_ask_huge(void *p, size_t n);

#endif
