/* resolve.h - checks options, makes a segment's header from them, and finds the vocabulary,
 * dictionary or model that a header names. */
#ifndef LP_BLOCK_RESOLVE_H
#define LP_BLOCK_RESOLVE_H

#include "format/frame.h"

/* Whether options have the vocabulary and model that their chain needs, and a window only with
 * tokens. */
bool lp_options_complete(const struct lp_options *options);

/* The header of a segment packed by options. */
void lp_header_of(const struct lp_options *options, unsigned block_log, struct lp_header *header);

/* Asks the finder for one item, compares its fingerprint, and sets that member of found.
 * LP_NO_VOCAB, LP_NO_DICT or LP_NO_MODEL if the finder does not have it. */
enum lp_status lp_need_ask(const struct lp_need *need, lp_finder *find, void *ctx,
                           struct lp_found *found);

/* Asks the finder for all that a header names. On LP_NO_VOCAB, LP_NO_DICT or
 * LP_NO_MODEL *need says what was missing; its name points into header. */
enum lp_status lp_need_find(const struct lp_header *header, lp_finder *find, void *ctx,
                            struct lp_found *found, struct lp_need *need);

/* How to give what a header describes, read with tools, the stage of options:
 * *packing is options with its split and vocabulary, the chain that it can have,
 * and for mixing a model, the finder's where options name none. LP_NO_MODEL. */
enum lp_status lp_need_packing(const struct lp_header *header, const struct lp_options *options,
                               lp_finder *find, void *ctx, const struct lp_found *tools,
                               struct lp_options *packing, struct lp_need *need);

#endif
