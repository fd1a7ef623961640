/* pack.h - packing and restoring within this process: what the filters do, joined without pipes.
 * Text or packed bytes are pushed in, in any pieces; the output goes to a sink. */
#ifndef SHARED_PACK_H
#define SHARED_PACK_H

#include "shared/buffer.h"
#include "shared/method.h"

/* What all inputs have in common. */
struct packing {
    const struct method *method; /* NULL: chosen for each, by the last stage */
    enum lp_chain last;
    int split;            /* enum lp_split, -1: chosen for each */
    struct lp_options lp; /* of the whole chain */
    lp_finder *find;
    void *find_ctx;
};

struct packer {
    const struct method *method;
    enum lp_split split;
    struct lp_writer *writer;
    struct lp_recoder *window, *last; /* NULL: not in the method */
    uint64_t into_window, into_last;  /* bytes that went into these */
};

/* Begins to pack a text that begins with n bytes, all of it if there are fewer than METHOD_SAMPLE.
 * Whatever it returns, the packer is to be closed. */
enum lp_status packer_open(struct packer *p, const struct packing *packing, const void *sample,
                           size_t n, lp_sink *sink, void *ctx);
enum lp_status packer_push(struct packer *p, const void *text, size_t n);
enum lp_status packer_end_record(struct packer *p);
enum lp_status packer_finish(struct packer *p);
void packer_close(struct packer *p);
/* What was missing or damaged, after such an error; else NULL. */
const struct lp_need *packer_need(const struct packer *p);

/* A stream or a blob. The caller zeroes it and sets the first four members. */
struct unpacker {
    struct lp_reader_options options;
    lp_sink *sink;
    void *sink_ctx;
    struct lp_reader *reader;
    struct lp_codec *codec;
    struct buffer blob; /* what there is of one */
};

enum lp_status unpacker_push(struct unpacker *u, const void *data, size_t n);
enum lp_status unpacker_finish(struct unpacker *u);
void unpacker_close(struct unpacker *u);
uint64_t unpacker_offset(const struct unpacker *u);
const struct lp_need *unpacker_need(const struct unpacker *u);

#endif
