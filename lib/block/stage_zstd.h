/* stage_zstd.h - the zstd stage: a block's body to zstd and back; and whole frames.
 *
 * Stored is a zstd frame (RFC 8878) without what its reader knows already. A
 * body that became one compressed block of at most LP_ZSTD_BLOCK_MAX bytes is
 * stored as that block's content alone ("lean"): no magic number, no frame
 * header, no block header, 10 bytes saved where 10 bytes count. Any other is
 * stored as its size (a varint) and the frame's blocks with their headers. */
#ifndef LP_BLOCK_STAGE_ZSTD_H
#define LP_BLOCK_STAGE_ZSTD_H

#include "base/buf.h"
#include "lp.h"

enum { LP_ZSTD_BLOCK_MAX = 128 << 10 }; /* RFC 8878, Block_Maximum_Size */

/* Contexts of one thread; made when first used. */
struct lp_zstd {
    void *cctx, *dctx;
    const struct lp_dict *cdict;
    struct lp_buf scratch;
};

void lp_zstd_free(struct lp_zstd *z);

/* Appends to dst the stored form of n bytes; *lean tells which. */
enum lp_status lp_zstd_pack(struct lp_zstd *z, int level, const struct lp_dict *dict,
                            const void *src, size_t n, struct lp_buf *dst, bool *lean);

/* Bytes of memory that the tables of a level take for n bytes, at most. */
uint64_t lp_zstd_memory(int level, uint64_t n);

/* Bytes that the stored form of n bytes has at the least, whatever the level, without a
 * dictionary; 0 where that would take long to tell. Far less work than to compress them. */
size_t lp_zstd_least(const unsigned char *src, size_t n);

/* Appends to dst what a stored form restores to, at most limit bytes. */
enum lp_status lp_zstd_unpack(struct lp_zstd *z, const struct lp_dict *dict, bool lean,
                              const unsigned char *src, size_t n, size_t limit, struct lp_buf *dst);

/* Appends to dst a whole frame of n bytes, which says how many they are. */
enum lp_status lp_zstd_pack_frame(struct lp_zstd *z, int level, const void *src, size_t n,
                                  struct lp_buf *dst);

/* Appends to dst what a frame, whoever made it, restores to. LP_LIMIT if that is more than limit
 * bytes; LP_DATA if more than a frame is there. */
enum lp_status lp_zstd_unpack_frame(struct lp_zstd *z, const unsigned char *src, size_t n,
                                    size_t limit, struct lp_buf *dst);

#endif
