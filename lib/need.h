/* need.h - from options to a segment's header, and from a header to the
 * vocabulary and dictionary that its blocks need. */
#ifndef LP_NEED_H
#define LP_NEED_H

#include "frame.h"

/* The header of a segment packed by options. */
void lp_header_of(const struct lp_options *options, unsigned block_log, struct lp_header *header);

/* Asks the finder for all that a header names. On LP_NO_VOCAB or LP_NO_DICT
 * *need says what was missing; its name points into header. */
enum lp_status lp_need_find(const struct lp_header *header, lp_finder *find, void *ctx,
                            struct lp_found *found, struct lp_need *need);

#endif
