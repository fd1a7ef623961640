/* stage_mix.h - the mix stage: token codes, or ids, to their entropy-coded form and back. */
#ifndef LP_BLOCK_STAGE_MIX_H
#define LP_BLOCK_STAGE_MIX_H

#include "block/given.h"

/* Working state of one thread, allocated on first use. Two mixers, so that packing with one model
 * or mode and unpacking with another does not reallocate. */
struct lp_mixer {
    struct lp_mixer_way {
        struct lp_mix *mix;
        const struct lp_model *model;
        bool fast;
    } way[2];          /* the last used first */
    struct lp_ids ids; /* of codes to pack */
    struct lp_givens givens;
    lp_interrupt *interrupt; /* set by the owner, or NULL */
    void *interrupt_ctx;
};

void lp_mixer_free(struct lp_mixer *mixer);

/* How codes are mixed. */
struct lp_mixing_way {
    const struct lp_vocab *vocab;
    const struct lp_model *model;
    bool fast;
    const unsigned char *copies; /* packed, of which the codes are the rest; none if ncopies is 0 */
    size_t ncopies;
};

/* Appends to dst the mixed form of ids; of n bytes of whole codes. */
enum lp_status lp_mixer_pack(struct lp_mixer *mixer, const struct lp_model *model, bool fast,
                             const uint32_t *ids, size_t nids, struct lp_buf *dst);
enum lp_status lp_mixer_pack_codes(struct lp_mixer *mixer, const struct lp_mixing_way *way,
                                   const unsigned char *codes, size_t n, struct lp_buf *dst);

/* The ids of at most limit tokens that a mixed form without copies restores to, until the mixer's
 * next use; appends the codes of a mixed form to dst. */
enum lp_status lp_mixer_unpack_ids(struct lp_mixer *mixer, const struct lp_model *model, bool fast,
                                   const unsigned char *src, size_t n, size_t limit,
                                   const struct lp_ids **ids);
enum lp_status lp_mixer_unpack(struct lp_mixer *mixer, const struct lp_mixing_way *way,
                               const unsigned char *src, size_t n, size_t limit,
                               struct lp_buf *dst);

/* What each of the ids takes, in bits; scratch is overwritten. */
enum lp_status lp_mixer_cost(struct lp_mixer *mixer, const struct lp_model *model, bool fast,
                             const uint32_t *ids, size_t nids, double *bits,
                             struct lp_buf *scratch);

/* How many tokens a mixed form says that it restores to, by its first bits alone. */
size_t lp_mixer_count(const unsigned char *src, size_t n);

#endif
