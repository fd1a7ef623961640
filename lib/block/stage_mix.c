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
    lp_givens_free(&m->givens);
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

/* Makes the first way this one, and sets what copies give to it. */
static enum lp_status prepare_rest(struct lp_mixer *m, const struct lp_mixing_way *way)
{
    enum lp_status status = prepare(m, way->model, way->fast);
    if (status == LP_OK && way->ncopies > 0)
        status = lp_givens_find(&m->givens, way->vocab, way->copies, way->ncopies);
    if (status == LP_OK && way->ncopies > 0)
        lp_mix_give(m->way[0].mix, lp_givens_next, &m->givens);
    return status;
}

enum lp_status lp_mixer_pack_codes(struct lp_mixer *m, const struct lp_mixing_way *way,
                                   const unsigned char *codes, size_t n, struct lp_buf *dst)
{
    m->ids.n = 0;
    if (!lp_ids_reserve(&m->ids, n)) /* a code has one byte at least */
        return LP_NOMEM;
    enum lp_status status = lp_codes_to_ids(way->vocab, codes, n, m->ids.v, &m->ids.n);
    if (status == LP_OK)
        status = prepare_rest(m, way);
    if (status != LP_OK)
        return status;
    status = lp_mix_encode(m->way[0].mix, m->ids.v, m->ids.n, dst);
    lp_mix_give(m->way[0].mix, NULL, NULL);
    return status;
}

enum lp_status lp_mixer_unpack_ids(struct lp_mixer *m, const struct lp_model *model, bool fast,
                                   const unsigned char *src, size_t n, size_t limit,
                                   const struct lp_ids **ids)
{
    enum lp_status status = prepare(m, model, fast);
    return status == LP_OK ? lp_mix_decode(m->way[0].mix, src, n, limit, ids) : status;
}

/* Appends the codes of a sequence but for the tokens given, of which there are n. */
static void append_codes(const struct lp_vocab *vocab, const struct lp_ids *ids,
                         const struct lp_given *given, size_t n, struct lp_buf *dst)
{
    size_t at = 0;
    if (ids->n == 0)
        return; /* v may be NULL */
    for (size_t i = 0; i < n; i++) {
        dst->n += lp_codes_from_ids(vocab, ids->v + at, given[i].place - at, dst->p + dst->n);
        at = given[i].place + 1;
    }
    dst->n += lp_codes_from_ids(vocab, ids->v + at, ids->n - at, dst->p + dst->n);
}

enum lp_status lp_mixer_unpack(struct lp_mixer *m, const struct lp_mixing_way *way,
                               const unsigned char *src, size_t n, size_t limit, struct lp_buf *dst)
{
    const struct lp_ids *ids;
    const struct lp_vocab *vocab = way->vocab;
    enum lp_status status = prepare_rest(m, way);
    if (status != LP_OK)
        return status;
    status = lp_mix_decode(m->way[0].mix, src, n, limit, &ids);
    lp_mix_give(m->way[0].mix, NULL, NULL);
    if (status == LP_OK && !lp_ids_are_known(vocab, ids->v, ids->n))
        status = lp_vocab_blame(vocab, LP_DATA); /* the model's id is none of the vocabulary's */
    if (status != LP_OK)
        return status;
    if (!lp_buf_reserve(dst, LP_CODE_MAX * ids->n))
        return LP_NOMEM;
    append_codes(vocab, ids, lp_givens_v(&m->givens), way->ncopies > 0 ? m->givens.ngiven : 0, dst);
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
