/* measure.h - measures the size, speed and memory of a method on texts, and whether it restores
 * every byte.
 *
 * Packing and unpacking each run in a process of their own, as in a pipeline of commands, so that
 * the peak memory of each can be measured. Only calls of the library are timed. */
#ifndef LPSTAT_MEASURE_H
#define LPSTAT_MEASURE_H

#include "shared/progress.h"

enum { SHA256_SIZE = 32 };

struct text {
    const unsigned char *p;
    size_t n;
};

/* Packing, or unpacking. */
struct side {
    double seconds;  /* of one pass over all texts */
    uint64_t memory; /* bytes: the process's peak, less what it began with */
};

/* Results of one method, with the texts as blobs or as a stream. */
struct measured {
    bool done;
    uint64_t original, stored;
    struct side pack, unpack;
    uint64_t wrong; /* bytes that were not restored correctly */
    unsigned char original_sha256[SHA256_SIZE], restored_sha256[SHA256_SIZE];
    /* One for each text; NULL for a stream. */
    uint64_t *sizes;
    double *pack_seconds, *unpack_seconds;
};

/* Packed texts, while they are measured. Zero-initialised is empty. */
struct store {
    unsigned char *p;
    size_t n, cap;
};

/* Measures each text as a blob. Texts have at most LP_BLOCK_MAX bytes. */
void measure_blobs(const struct tool *tool, struct progress *progress, struct store *store,
                   const struct lp_options *options, const struct text *texts, size_t ntexts,
                   struct measured *out);

/* Measures all texts in one stream, as lptok and lpzstd write it: each text is a record, or is
 * split as options say. */
void measure_stream(const struct tool *tool, struct progress *progress, struct store *store,
                    const struct lp_options *options, const struct text *texts, size_t ntexts,
                    struct measured *out);

/* Whether every byte was restored: by byte-wise comparison and by SHA-256. */
bool measured_exact(const struct measured *measured);

void measured_free(struct measured *measured);

#endif
