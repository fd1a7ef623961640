#include "block/dict.h"

#include "base/bytes.h"
#include "base/xxh64.h"
#include "mix/model.h"
#include "tokens/vocab_layout.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Why zstd does not digest a dictionary, which it does not say: LP_DATA when its tables are wrong,
 * else LP_NOMEM. Restoring an empty frame with it allocates nothing and fails by the tables alone.
 */
static enum lp_status why_not(const void *data, size_t size)
{
    /* Magic number, one segment of 0 bytes, a last raw block of none. */
    static const unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 1, 0, 0};
    unsigned char nothing;
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    const bool wrong =
        dctx != NULL &&
        ZSTD_isError(ZSTD_decompress_usingDict(dctx, &nothing, 0, frame, sizeof frame, data, size));
    ZSTD_freeDCtx(dctx);
    return wrong ? LP_DATA : LP_NOMEM;
}

/* Whether bytes are plainly something else. Any others are a dictionary, of raw content at least.
 */
static bool is_other(const unsigned char *p, size_t n)
{
    return lp_is_stream(p, n) ||
           (n >= sizeof LP_LPM_MAGIC && memcmp(p, LP_LPM_MAGIC, sizeof LP_LPM_MAGIC) == 0) ||
           (n >= sizeof LP_LPV_MAGIC && memcmp(p, LP_LPV_MAGIC, sizeof LP_LPV_MAGIC) == 0);
}

/* Digests what was loaded, or, where that failed with a status, returns it. */
static enum lp_status open_new(enum lp_status status, struct lp_loaded *loaded,
                               struct lp_dict **out)
{
    *out = NULL;
    if (status != LP_OK)
        return status;
    const bool other = is_other(loaded->p, loaded->n);
    struct lp_dict *dict = other ? NULL : calloc(1, sizeof *dict);
    if (dict == NULL) {
        lp_unload(loaded);
        return other ? LP_DATA : LP_NOMEM;
    }
    dict->loaded = *loaded;
    dict->data = loaded->p;
    dict->size = loaded->n;
    dict->fingerprint = lp_xxh64(dict->data, dict->size, 0);
    if (dict->fingerprint == 0)
        dict->fingerprint = 1;
    dict->ddict = ZSTD_createDDict(dict->data, dict->size);
    if (dict->ddict != NULL) {
        *out = dict;
        return LP_OK;
    }
    status = why_not(dict->data, dict->size);
    lp_dict_close(dict);
    return status;
}

enum lp_status lp_dict_open(const char *path, struct lp_dict **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_file(path, true, 1, LP_DICT_MAX, &loaded);
    return open_new(status, &loaded, out);
}

enum lp_status lp_dict_open_memory(const void *data, size_t n, bool copy, struct lp_dict **out)
{
    struct lp_loaded loaded;
    if (n == 0 || n > LP_DICT_MAX) {
        *out = NULL;
        return LP_DATA;
    }
    enum lp_status status = lp_load_memory(data, n, copy, &loaded);
    return open_new(status, &loaded, out);
}

void lp_dict_close(struct lp_dict *dict)
{
    if (dict == NULL)
        return;
    ZSTD_freeDDict(dict->ddict);
    lp_unload(&dict->loaded);
    free(dict);
}

uint64_t lp_dict_fingerprint(const struct lp_dict *dict)
{
    return dict->fingerprint;
}
