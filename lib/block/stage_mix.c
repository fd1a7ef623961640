#include "block/stage_mix.h"

#include "base/ids.h"
#include "mix/mix.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

void lp_mixer_free(struct lp_mixer *m)
{
    lp_mix_free(m->way[0].mix);
    lp_mix_free(m->way[1].mix);
    free(m->ids.v);
    *m = (struct lp_mixer){0};
}

/* Whether the first way is this one. */
static bool is_first(const struct lp_mixer *m, const struct lp_model *model, bool fast)
{
    const struct lp_mixer_way *way = &m->way[0];
    return way->mix != NULL && way->model == model && way->fast == fast;
}

/* Makes the first way this one. */
static enum lp_status prepare(struct lp_mixer *m, const struct lp_model *model, bool fast)
{
    if (is_first(m, model, fast))
        return LP_OK;
    const struct lp_mixer_way other = m->way[0];
    m->way[0] = m->way[1];
    m->way[1] = other;
    if (is_first(m, model, fast))
        return LP_OK;
    lp_mix_free(m->way[0].mix);
    m->way[0] = (struct lp_mixer_way){.model = model, .fast = fast};
    enum lp_status status = lp_mix_new(model, fast, &m->way[0].mix);
    if (status == LP_OK)
        lp_mix_watch(m->way[0].mix, m->interrupt, m->interrupt_ctx);
    return status;
}

enum lp_status lp_mixer_pack(struct lp_mixer *m, const struct lp_model *model, bool fast,
                             const uint32_t *ids, size_t nids, struct lp_buf *dst)
{
    enum lp_status status = prepare(m, model, fast);
    return status == LP_OK ? lp_mix_encode(m->way[0].mix, ids, nids, dst) : status;
}

enum lp_status lp_mixer_pack_codes(struct lp_mixer *m, const struct lp_vocab *vocab,
                                   const struct lp_model *model, bool fast,
                                   const unsigned char *codes, size_t n, struct lp_buf *dst)
{
    m->ids.n = 0;
    if (!lp_ids_reserve(&m->ids, n)) /* a code has one byte at least */
        return LP_NOMEM;
    enum lp_status status = lp_codes_to_ids(vocab, codes, n, m->ids.v, &m->ids.n);
    return status == LP_OK ? lp_mixer_pack(m, model, fast, m->ids.v, m->ids.n, dst) : status;
}

enum lp_status lp_mixer_unpack_ids(struct lp_mixer *m, const struct lp_model *model, bool fast,
                                   const unsigned char *src, size_t n, size_t limit,
                                   const struct lp_ids **ids)
{
    enum lp_status status = prepare(m, model, fast);
    return status == LP_OK ? lp_mix_decode(m->way[0].mix, src, n, limit, ids) : status;
}

enum lp_status lp_mixer_unpack(struct lp_mixer *m, const struct lp_vocab *vocab,
                               const struct lp_model *model, bool fast, const unsigned char *src,
                               size_t n, size_t limit, struct lp_buf *dst)
{
    const struct lp_ids *ids;
    enum lp_status status = lp_mixer_unpack_ids(m, model, fast, src, n, limit, &ids);
    if (status == LP_OK && !lp_ids_are_known(vocab, ids->v, ids->n))
        status = lp_vocab_blame(vocab, LP_DATA); /* the model's id is none of the vocabulary's */
    if (status != LP_OK)
        return status;
    if (!lp_buf_reserve(dst, LP_CODE_MAX * ids->n))
        return LP_NOMEM;
    dst->n += lp_codes_from_ids(vocab, ids->v, ids->n, dst->p + dst->n);
    return lp_vocab_status(vocab);
}

enum lp_status lp_mixer_cost(struct lp_mixer *m, const struct lp_model *model, bool fast,
                             const uint32_t *ids, size_t nids, double *bits, struct lp_buf *scratch)
{
    enum lp_status status = prepare(m, model, fast);
    scratch->n = 0;
    return status == LP_OK ? lp_mix_cost(m->way[0].mix, ids, nids, bits, scratch) : status;
}

size_t lp_mixer_count(const unsigned char *src, size_t n)
{
    return lp_mix_count(src, n);
}
