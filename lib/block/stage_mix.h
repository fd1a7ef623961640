/* stage_mix.h - the mix stage: a run of token codes to what a model of tokens
 * makes of them, and back. */
#ifndef LP_BLOCK_STAGE_MIX_H
#define LP_BLOCK_STAGE_MIX_H

#include "base/buf.h"
#include "lp.h"

/* Working state of one thread; made when first used, and anew for another model. */
struct lp_mixer {
    struct lp_mix *mix;
    const struct lp_model *model;
    bool fast;
    struct lp_ids ids;
};

void lp_mixer_free(struct lp_mixer *mixer);

/* Appends to dst the mixed form of ids; of n bytes of whole codes. */
enum lp_status lp_mixer_pack(struct lp_mixer *mixer, const struct lp_model *model, bool fast,
                             const uint32_t *ids, size_t nids, struct lp_buf *dst);
enum lp_status lp_mixer_pack_codes(struct lp_mixer *mixer, const struct lp_vocab *vocab,
                                   const struct lp_model *model, bool fast,
                                   const unsigned char *codes, size_t n, struct lp_buf *dst);

/* The ids of at most limit tokens that a mixed form restores to, until the mixer's next use;
 * appends their codes to dst. */
enum lp_status lp_mixer_unpack_ids(struct lp_mixer *mixer, const struct lp_model *model, bool fast,
                                   const unsigned char *src, size_t n, size_t limit,
                                   const struct lp_ids **ids);
enum lp_status lp_mixer_unpack(struct lp_mixer *mixer, const struct lp_vocab *vocab,
                               const struct lp_model *model, bool fast, const unsigned char *src,
                               size_t n, size_t limit, struct lp_buf *dst);

#endif
