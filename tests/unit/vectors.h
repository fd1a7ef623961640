/* vectors.h - shared by the tests that read tests/data/vectors. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include "base/bytes.h"
#include "base/xxh64.h"
#include "lp.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads a whole file, or ends the test. */
static inline unsigned char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data = malloc(64 << 20);
    if (file == NULL || data == NULL) {
        fprintf(stderr, "%s: cannot read\n", path);
        exit(1);
    }
    *n = fread(data, 1, 64 << 20, file);
    fclose(file);
    return data;
}

/* Writes the number of ids and the ids, in the form that the vectors hash. Returns the bytes. */
static inline size_t spell(const struct lp_ids *ids, unsigned char *out)
{
    lp_put32(out, (uint32_t)ids->n);
    for (size_t i = 0; i < ids->n; i++)
        lp_put32(out + 4 + 4 * i, ids->v[i]);
    return 4 + 4 * ids->n;
}

#endif
