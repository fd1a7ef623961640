#include "block/dict.h"

#include "base/xxh64.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum lp_status lp_dict_new(unsigned char *data, size_t size, struct lp_dict **out)
{
    struct lp_dict *dict = calloc(1, sizeof *dict);
    *out = NULL;
    if (dict == NULL) {
        free(data);
        return LP_NOMEM;
    }
    dict->data = data;
    dict->size = size;
    dict->fingerprint = lp_xxh64(data, size, 0);
    if (dict->fingerprint == 0)
        dict->fingerprint = 1;
    dict->ddict = ZSTD_createDDict(data, size);
    if (dict->ddict == NULL) {
        lp_dict_close(dict);
        return LP_DATA;
    }
    *out = dict;
    return LP_OK;
}

enum lp_status lp_dict_open(const char *path, struct lp_dict **out)
{
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return LP_IO;
    unsigned char *data = malloc(LP_DICT_MAX + 1), *fit;
    size_t size = data != NULL ? fread(data, 1, LP_DICT_MAX + 1, file) : 0;
    enum lp_status status = data == NULL                      ? LP_NOMEM
                            : ferror(file)                    ? LP_IO
                            : size == 0 || size > LP_DICT_MAX ? LP_DATA
                                                              : LP_OK;
    fclose(file);
    if (status != LP_OK) {
        free(data);
        return status;
    }
    fit = realloc(data, size);
    return lp_dict_new(fit != NULL ? fit : data, size, out);
}

void lp_dict_close(struct lp_dict *dict)
{
    if (dict == NULL)
        return;
    ZSTD_freeDDict(dict->ddict);
    free(dict->data);
    free(dict);
}

uint64_t lp_dict_fingerprint(const struct lp_dict *dict)
{
    return dict->fingerprint;
}
