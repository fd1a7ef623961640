/* mix.h - a sequence of token ids by a model: as few bytes as it foresees.
 *
 * Integer arithmetic only: the same bytes on every machine. Never knows text,
 * blobs, streams. */
#ifndef LP_MIX_MIX_H
#define LP_MIX_MIX_H

#include "base/buf.h"
#include "lp.h"

/* Working state for one thread. Every call starts anew from the model. */
struct lp_mix;

/* fast: a fifth less time for some 5% more bytes; decoding must be told the
 * same. The model must outlive it. Errors: LP_NOMEM, LP_DATA for a damaged model. */
enum lp_status lp_mix_new(const struct lp_model *model, bool fast, struct lp_mix **out);
void lp_mix_free(struct lp_mix *mix);

/* Appends the code of n ids to out. Errors: LP_NOMEM, LP_DATA for an id that the
 * model's vocabulary does not have. */
enum lp_status lp_mix_encode(struct lp_mix *mix, const uint32_t *ids, size_t n, struct lp_buf *out);

/* Appends to out the ids that lp_mix_encode() made these bytes of. LP_DATA when
 * it made them of none, or of more than max. Time and memory are bounded by max. */
enum lp_status lp_mix_decode(struct lp_mix *mix, const unsigned char *in, size_t size, size_t max,
                             struct lp_ids *out);

/* How many ids the bytes of lp_mix_encode() say that they are; any number below 2^31 if they are
 * not its. */
size_t lp_mix_count(const unsigned char *in, size_t size);

/* Sets whom coding asks after each 16,384 tokens whether to go on; NULL: nobody. */
void lp_mix_watch(struct lp_mix *mix, lp_interrupt *interrupt, void *ctx);

/* Codes n ids, appended to scratch, and sets bits[i] to what the i-th took. Errors: as
 * lp_mix_encode(). */
enum lp_status lp_mix_cost(struct lp_mix *mix, const uint32_t *ids, size_t n, double *bits,
                           struct lp_buf *scratch);

#endif
