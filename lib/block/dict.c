#include "block/dict.h"

#include "base/xxh64.h"

#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum lp_status lp_dict_open(const char *path, struct lp_dict **out)
{
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return LP_IO;
    struct lp_dict *dict = calloc(1, sizeof *dict);
    unsigned char *data = malloc(LP_DICT_MAX + 1);
    enum lp_status status = dict == NULL || data == NULL ? LP_NOMEM : LP_OK;
    if (status == LP_OK) {
        dict->size = fread(data, 1, LP_DICT_MAX + 1, file);
        status = ferror(file)                                  ? LP_IO
                 : dict->size == 0 || dict->size > LP_DICT_MAX ? LP_DATA
                                                               : LP_OK;
    }
    fclose(file);
    if (status == LP_OK) {
        unsigned char *fit = realloc(data, dict->size);
        dict->data = fit != NULL ? fit : data;
        data = NULL;
        dict->fingerprint = lp_xxh64(dict->data, dict->size, 0);
        if (dict->fingerprint == 0)
            dict->fingerprint = 1;
        dict->ddict = ZSTD_createDDict(dict->data, dict->size);
        status = dict->ddict == NULL ? LP_DATA : LP_OK;
    }
    if (status != LP_OK) {
        free(data);
        lp_dict_close(dict);
        return status;
    }
    *out = dict;
    return LP_OK;
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
