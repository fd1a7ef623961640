/* measure.h - measures the size, speed and memory of a method on texts, and whether it restores
 * every byte.
 *
 * Packing and unpacking each run in a process of their own, as in a pipeline of commands, so that
 * the peak memory of each can be measured. Only calls of the library are timed. */
#ifndef MEASURE_MEASURE_H
#define MEASURE_MEASURE_H

#include "shared/pack.h"
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
    /* Of a stream, else NAN: */
    double copied;         /* the share of its tokens that are copies; NAN without a window */
    double record_seconds; /* to open it and read a single record, the mean of several */
    /* One for each text; NULL for a stream. */
    uint64_t *sizes;
    double *pack_seconds, *unpack_seconds;
};

/* The text that a blob is packed with. */
enum parent { PARENT_NONE, PARENT_BEFORE, PARENT_FILE };

/* What is measured, and how. */
struct job {
    const struct tool *tool;
    struct progress *progress;
    struct buffer *store; /* packed texts, while they are measured */
    double seconds;       /* that passes are repeated for, at least; 0: as long as is usual */
    const struct packing *packing; /* its method, and all that this needs */
    const struct text *texts;
    size_t ntexts;
    enum parent parent;      /* of blobs: none, the text before, or */
    struct text parent_text; /* this one */
};

/* Measures each text as a blob. Texts have at most LP_BLOCK_MAX bytes. */
void measure_blobs(const struct job *job, struct measured *out);

/* Measures all texts in one stream, as the commands write it: each text is a record, or is split
 * as packing says. */
void measure_stream(const struct job *job, struct measured *out);

/* Whether every byte was restored: by byte-wise comparison and by SHA-256. */
bool measured_exact(const struct measured *measured);

void measured_free(struct measured *measured);

#endif
