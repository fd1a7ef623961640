/* dict.c - makes zstd dictionaries of token payloads, and looks into ready ones. */
#include "base/bytes.h"
#include "tokens/codes.h"
#include "train/train.h"

#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

/* The only call of zstd's trainer, which crashes on samples that it cannot take. LP_NOMEM. */
static enum lp_status train(struct lp_trained_dict *dict, size_t size, const void *samples,
                            const size_t *sizes)
{
    if (dict->nsamples < LP_DICT_SAMPLES_MIN || dict->nbytes < LP_DICT_BYTES_MIN)
        return LP_OK;
    size_t n = ZDICT_trainFromBuffer(dict->file.p, size, samples, sizes, (unsigned)dict->nsamples);
    if (!ZDICT_isError(n))
        dict->file.n = n;
    else if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return LP_NOMEM;
    else
        dict->error = ZDICT_getErrorName(n);
    return LP_OK;
}

enum lp_status lp_train_dict(const struct lp_vocab *vocab, const struct lp_docs *docs, size_t size,
                             struct lp_trained_dict *dict)
{
    struct lp_buf samples = {0};
    size_t *sizes = malloc((docs->ndocs + 1) * sizeof *sizes), begin = 0;
    *dict = (struct lp_trained_dict){.error = NULL};
    enum lp_status status = LP_NOMEM;
    if (sizes != NULL && lp_buf_reserve(&samples, LP_CODE_MAX * docs->n) &&
        lp_buf_reserve(&dict->file, size))
        status = LP_OK;
    for (uint32_t d = 0; status == LP_OK && d < docs->ndocs; begin = docs->end[d++]) {
        size_t n =
            lp_codes_from_ids(vocab, docs->id + begin, docs->end[d] - begin, samples.p + samples.n);
        if (n > 0)
            sizes[dict->nsamples++] = n;
        samples.n += n;
    }
    dict->nbytes = samples.n;
    if (status == LP_OK)
        status = train(dict, size, samples.p, sizes);
    free(sizes);
    lp_buf_free(&samples);
    return status;
}

bool lp_dict_is_trained(const void *data, size_t n)
{
    return n >= 4 && lp_get32(data) == ZSTD_MAGIC_DICTIONARY;
}

enum lp_status lp_dict_verify(const struct lp_dict *dict)
{
    bool sound = !lp_dict_is_trained(dict->data, dict->size) ||
                 !ZDICT_isError(ZDICT_getDictHeaderSize(dict->data, dict->size));
    return sound ? LP_OK : LP_DATA;
}
