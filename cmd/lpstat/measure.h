/* measure.h - how small, how fast and in how much memory a method stores texts,
 * and whether every byte comes back.
 *
 * Packing and unpacking run in a process of their own each, as they do in a pipe
 * of commands: so the memory that each takes can be seen. Only the calls of the
 * library are timed. */
#ifndef LPSTAT_MEASURE_H
#define LPSTAT_MEASURE_H

#include "shared/progress.h"

enum { SHA256_SIZE = 32 };

struct text {
    const unsigned char *p;
    size_t n;
};

/* One way through: packing, or unpacking. */
struct side {
    double seconds;  /* one pass over all texts */
    uint64_t memory; /* bytes of memory taken at the most, above what the process began with */
};

/* What one method makes of the texts in one form. */
struct measured {
    bool done;
    uint64_t original, stored;
    struct side pack, unpack;
    uint64_t wrong; /* bytes that did not come back as they were */
    unsigned char original_sha256[SHA256_SIZE], restored_sha256[SHA256_SIZE];
    /* Of each text by itself; NULL in a stream. */
    uint64_t *sizes;
    double *pack_seconds, *unpack_seconds;
};

/* The texts' storage while they are measured; zero-initialised is empty. */
struct store {
    unsigned char *p;
    size_t n, cap;
};

/* Each text as a blob: at most LP_BLOCK_MAX bytes each. */
void measure_blobs(const struct tool *tool, struct progress *progress, struct store *store,
                   const struct lp_options *options, const struct text *texts, size_t ntexts,
                   struct measured *out);

/* All in one stream, as lptok and lpzstd write it: each text is a record, or is
 * split by the options. */
void measure_stream(const struct tool *tool, struct progress *progress, struct store *store,
                    const struct lp_options *options, const struct text *texts, size_t ntexts,
                    struct measured *out);

/* Whether every byte came back: by length, byte by byte, and by SHA-256. */
bool measured_exact(const struct measured *measured);

void measured_free(struct measured *measured);

#endif
