/* filter.h - all inputs to one output, as the filters do it. */
#ifndef LOPACE_FILTER_H
#define LOPACE_FILTER_H

#include "lopace/options.h"
#include "shared/find.h"

/* Packs or restores, or with -t tests standard input. Exits on failure. */
void filter_run(const struct tool *tool, const struct options *o, const struct packing *packing,
                struct finder *finder);

#endif
