/* fuzz.h - what the fuzz targets share.
 *
 * A target is a LLVMFuzzerTestOneInput() of its own, in ../NAME.c, for libFuzzer and what is
 * compatible with it; replay.c calls it for files. The last bytes of an input make choices (memory
 * limits, sizes of pieces, what to put right), so that a stream, a blob or a text and any bytes
 * after it is an input. */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/buf.h"
#include "lp.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* --- Inputs ------------------------------------------------------------------------------- */

/* What is left of an input. */
struct fuzz_input {
    const unsigned char *p;
    size_t n;
};

/* A choice below n (256 at most), from the last byte that is left; 0 when none is. */
unsigned fuzz_choice(struct fuzz_input *in, unsigned n);

/* A boolean choice. */
bool fuzz_flip(struct fuzz_input *in);

/* Sizes of the pieces in which something is pushed: all at once if seed is 0. */
struct fuzz_pieces {
    uint32_t seed;
};

/* The size of the next piece, at least 1, of n bytes that are left. */
size_t fuzz_piece(struct fuzz_pieces *pieces, size_t n);

/* Pieces by a choice. */
struct fuzz_pieces fuzz_choose_pieces(struct fuzz_input *in);

/* A copy without spare bytes after it, so that reading beyond it is noticed; to be freed. */
unsigned char *fuzz_copy(const void *data, size_t n);

/* --- Tools -------------------------------------------------------------------------------- */

/* The catalogue of the vocabularies and models that are in $LP_VOCAB_PATH, or in vocab/ or
 * ../vocab/ beside the program; it has fuzz_dict() too. fuzz_find() is its finder, for which the
 * context is NULL. */
enum lp_status fuzz_find(void *ctx, const struct lp_need *need, struct lp_found *found);
const struct lp_vocab *fuzz_vocab(const char *name);
const struct lp_model *fuzz_model(const struct lp_vocab *vocab);
const struct lp_dict *fuzz_dict(void);

/* A file of that directory, read into memory that is never freed. */
unsigned char *fuzz_file(const char *name, size_t *size);

/* A sink: ctx is a struct lp_buf. */
enum lp_status fuzz_append(void *ctx, const void *data, size_t n);
/* Appends, and gives up when memory is out. */
void fuzz_add(struct lp_buf *buf, const void *data, size_t n);

bool fuzz_same(const struct lp_buf *a, const struct lp_buf *b);

/* --- Verdicts ----------------------------------------------------------------------------- */

/* What is run, for messages; set by replay.c. */
extern const char *fuzz_name;

/* Ends the program unless what must be true is. */
#define FUZZ_MUST(true_, ...) ((true_) ? (void)0 : fuzz_fail(__FILE__, __LINE__, __VA_ARGS__))
__attribute__((noreturn, format(printf, 3, 4))) void fuzz_fail(const char *file, int line,
                                                               const char *format, ...);

/* Counts memory that is allocated from now on, but not by fuzz_append() and fuzz_add(). */
void fuzz_memory_begin(void);
/* The most that was in use at one time since then. 0 without an address sanitizer. */
size_t fuzz_memory_end(void);
/* What a handle may take, whatever its limit: contexts of zstd, a mixing state. */
enum { FUZZ_MEMORY_FIXED = 12 << 20 };

/* --- Streams ------------------------------------------------------------------------------ */

/* Appends to out the stream that n bytes are, with all checks made right, and, by choices, frames
 * cut out, doubled or swapped, claims about blocks and the segment made true. */
void fuzz_reseal(struct fuzz_input *in, struct lp_buf *out);

/* By a choice, gives options a small window, and a key block after each block, at other distances
 * about the size of blocks, or never again; 0: no window. */
void fuzz_choose_window(struct lp_options *options, unsigned choice);

/* Makes out the stream with such a window, in small blocks; what becomes of it up to an error. */
void fuzz_give_window(const struct lp_buf *stream, unsigned choice, struct lp_buf *out);

/* What a reader made of a stream. */
struct fuzz_reading {
    enum lp_status status;
    uint64_t offset;       /* of the error */
    struct lp_buf text;    /* or ids, u32 each, UINT32_MAX at the end of a record */
    struct lp_buf records; /* u64 each: where records end in text */
    struct lp_buf losses;  /* struct lp_loss each */
    size_t nlosses;
    size_t memory;
};

/* Reads a stream with options, in which finder, callbacks and contexts are set here. */
enum fuzz_want {
    FUZZ_TEXT,
    FUZZ_RECORDS,
    FUZZ_BLOCKS, /* the same, by blocks */
    FUZZ_IDS,
    FUZZ_RECOVER, /* with records */
    FUZZ_RECOVER_BLOCKS,
};
void fuzz_read(struct lp_reader_options options, enum fuzz_want want, struct fuzz_pieces pieces,
               const struct lp_buf *stream, struct fuzz_reading *reading);

/* Two readers must agree: on the verdict, on all that they hand out. */
void fuzz_agree(const struct fuzz_reading *a, const struct fuzz_reading *b, const char *what);

/* An lp_read_at: ctx is a struct lp_buf. */
enum lp_status fuzz_read_at(void *ctx, uint64_t offset, void *data, size_t n);

#endif
