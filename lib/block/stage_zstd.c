#include "block/stage_zstd.h"

#include "base/bytes.h"
#include "base/xxh64.h"
#include "block/dict.h"

#include <zstd.h>

enum {
    MAGIC_SIZE = 4,
    BLOCK_HEADER_SIZE = 3,
    LAST_COMPRESSED = 1 | 2 << 1, /* Last_Block, Block_Type Compressed_Block */
    WINDOW_128K = 7 << 3,         /* Window_Descriptor: exponent 7 is 1 << (10 + 7) bytes */
    SINGLE_SEGMENT_FCS8 = 0xE0,   /* Frame_Header_Descriptor: 8-byte content size, no window */
};

void lp_zstd_free(struct lp_zstd *z)
{
    ZSTD_freeCCtx(z->cctx);
    ZSTD_freeDCtx(z->dctx);
    lp_buf_free(&z->scratch);
    *z = (struct lp_zstd){0};
}

static bool set_compressor(struct lp_zstd *z, int level, const struct lp_dict *dict)
{
    if (z->cctx == NULL && (z->cctx = ZSTD_createCCtx()) == NULL)
        return false;
    bool failed = ZSTD_isError(ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_compressionLevel, level)) ||
                  ZSTD_isError(ZSTD_CCtx_setParameter(z->cctx, ZSTD_c_dictIDFlag, 0));
    if (dict != z->cdict) {
        failed = failed || ZSTD_isError(ZSTD_CCtx_loadDictionary(z->cctx, dict ? dict->data : NULL,
                                                                 dict ? dict->size : 0));
        z->cdict = failed ? NULL : dict; /* none is loaded where memory was out */
    }
    return !failed;
}

/* Length of the header of a frame without dictionary id that libzstd just made. */
static size_t frame_header_size(const unsigned char *frame)
{
    unsigned descriptor = frame[MAGIC_SIZE];
    size_t single_segment = descriptor >> 5 & 1;
    unsigned content_size_flag = descriptor >> 6;
    size_t content_size = content_size_flag > 0 ? (size_t)1 << content_size_flag : single_segment;
    return MAGIC_SIZE + 1 + (1 - single_segment) + content_size;
}

enum lp_status lp_zstd_pack(struct lp_zstd *z, int level, const struct lp_dict *dict,
                            const void *src, size_t n, struct lp_buf *dst, bool *lean)
{
    z->scratch.n = 0;
    size_t bound = ZSTD_compressBound(n);
    if (!set_compressor(z, level, dict) || !lp_buf_reserve(&z->scratch, bound))
        return LP_NOMEM;
    unsigned char *frame = z->scratch.p;
    size_t size = ZSTD_compress2(z->cctx, frame, bound, src, n);
    if (ZSTD_isError(size))
        return LP_NOMEM; /* the destination is large enough: nothing else can fail */
    size_t at = frame_header_size(frame);
    *lean = n <= LP_ZSTD_BLOCK_MAX && (frame[at] & 7) == LAST_COMPRESSED;
    if (*lean)
        return lp_buf_append(dst, frame + at + BLOCK_HEADER_SIZE, size - at - BLOCK_HEADER_SIZE)
                   ? LP_OK
                   : LP_NOMEM;
    unsigned char prefix[LP_VARINT_MAX];
    size_t prefix_size = lp_put_varint(prefix, n);
    return lp_buf_append(dst, prefix, prefix_size) && lp_buf_append(dst, frame + at, size - at)
               ? LP_OK
               : LP_NOMEM;
}

/* There are two tables, each of up to 4 bytes for twice the positions in the window, which is n
 * rounded up to a power of two. From level 19 on each level doubles their largest size. Measured
 * with libzstd 1.5.4, which has no stable function that tells. */
uint64_t lp_zstd_memory(int level, uint64_t n)
{
    enum { DOUBLES = 19 };
    const uint64_t most = ((uint64_t)5 << 24) << (level > DOUBLES ? level - DOUBLES : 0);
    uint64_t window = 1;
    while (window < n)
        window *= 2;
    return 16 * window < most ? 16 * window : most;
}

/* log2(x) in 1/256, rounded down: by a straight line from each power of two to the next, which
 * is at most LOG_SHORT too low. */
enum { LOG_SHORT = 23 };

static uint32_t log_of(uint32_t x)
{
    const uint32_t n = 31 - (uint32_t)__builtin_clz(x);
    return 256 * n + (uint32_t)(((uint64_t)x << 8 >> n) - 256);
}

/* Bytes that a block's literals have at the least: as they are, one again and again, or in
 * Huffman's code with its tree (RFC 8878, 3.1.1.3.1). */
static size_t least_of_literals(const uint32_t *count, size_t n)
{
    enum {
        RAW = 1, /* bytes of a header */
        REPEATED = 2,
        CODED = 3,   /* of a header, where they are coded */
        LISTED = 1,  /* of a tree: before its weights, of which a byte has two, */
        SQUEEZED = 5 /* or these in bits: a byte, 9 bits of a table, 11 of weights */
    };
    uint64_t bits = (uint64_t)n * log_of((uint32_t)n + (n == 0));
    size_t nkinds = 0, last = 0;
    for (size_t i = 0; i < 256; i++) {
        if (count[i] == 0)
            continue;
        bits -= (uint64_t)count[i] * (log_of(count[i]) + LOG_SHORT);
        nkinds++;
        last = i;
    }
    const size_t raw = RAW + n, listed = LISTED + (last + 1) / 2;
    const size_t coded = (size_t)((int64_t)bits < 0 ? 0 : bits / 256 / 8) + 1;
    const size_t best = CODED + (listed < SQUEEZED ? listed : SQUEEZED) + coded;
    return nkinds < 2 ? REPEATED : raw < best ? raw : best;
}

/* A match has three bytes or more. So a byte of no run of three that came before is a literal,
 * and literals take no less than their entropy: Huffman's code is the same in a whole block.
 * (zstd divides blocks that have 300 matches; what these take is not counted at all.) Or all
 * bytes are literals, and no matches take room. Runs are told by their hash: one that is taken
 * for another only makes the bound lower. */
size_t lp_zstd_least(const unsigned char *src, size_t n)
{
    enum {
        RUN = 3,
        MOST = 1 << 15,
        ROOM = 32, /* bits for each run */
        LOG_MAX = 17,
        NO_MATCHES = 1, /* bytes */
        MATCHES = 5,    /* their number, modes, 18 bits of what they are coded by */
    };
    uint32_t count[256] = {0}, literal[256] = {0}, nliterals = 0, run = 0;
    uint32_t met[(1 << LOG_MAX) / 32]; /* a bit for each hash of a run */
    size_t covered = 0;                /* bytes up to there may be matched */
    if (n > MOST)
        return 0;
    uint32_t log = 10;
    while (log < LOG_MAX && (uint32_t)1 << log < ROOM * n)
        log++;
    memset(met, 0, ((size_t)1 << log) / 8);
    for (size_t i = 0; i < n + RUN - 1; i++) {
        if (i < n) {
            run = run << 8 | src[i];
            count[src[i]]++;
        }
        if (i < n && i >= RUN - 1) {
            const uint32_t hash = (run << 8) * UINT32_C(0x9E3779B1) >> (32 - log);
            const uint32_t bit = (uint32_t)1 << hash % 32;
            covered = met[hash / 32] & bit ? i + 1 : covered;
            met[hash / 32] |= bit;
        }
        /* All runs with the byte two before are known. */
        if (i >= RUN - 1) {
            const uint32_t is_literal = i - (RUN - 1) >= covered;
            literal[src[i - (RUN - 1)]] += is_literal;
            nliterals += is_literal;
        }
    }
    const size_t without = least_of_literals(count, n) + NO_MATCHES;
    const size_t with = least_of_literals(literal, nliterals) + MATCHES;
    return with < without ? with : without;
}

/* Puts back the frame header, and for the lean form the block header. Any valid
 * header that fits will do: what libzstd wrote depended on its version. */
static enum lp_status rebuild_frame(struct lp_zstd *z, bool lean, const unsigned char *src,
                                    size_t n, size_t *size)
{
    unsigned char head[MAGIC_SIZE + 1 + 8] = {0};
    size_t head_size = MAGIC_SIZE;
    lp_put32(head, ZSTD_MAGICNUMBER);
    if (lean) {
        if (n > LP_ZSTD_BLOCK_MAX)
            return LP_DATA;
        *size = LP_ZSTD_BLOCK_MAX;
        head[head_size++] = 0; /* a window, no content size */
        head[head_size++] = WINDOW_128K;
        lp_put32(head + head_size, LAST_COMPRESSED | (uint32_t)n << 3);
        head_size += BLOCK_HEADER_SIZE;
    } else {
        uint64_t content;
        size_t len = lp_get_varint(src, n, &content);
        if (len == 0 || len == SIZE_MAX || content > SIZE_MAX / 2)
            return LP_DATA;
        src += len;
        n -= len;
        *size = (size_t)content;
        head[head_size++] = SINGLE_SEGMENT_FCS8;
        lp_put64(head + head_size, content);
        head_size += 8;
    }
    z->scratch.n = 0;
    return lp_buf_append(&z->scratch, head, head_size) && lp_buf_append(&z->scratch, src, n)
               ? LP_OK
               : LP_NOMEM;
}

enum lp_status lp_zstd_unpack(struct lp_zstd *z, const struct lp_dict *dict, bool lean,
                              const unsigned char *src, size_t n, size_t limit, struct lp_buf *dst)
{
    size_t size;
    enum lp_status status = rebuild_frame(z, lean, src, n, &size);
    if (status != LP_OK)
        return status;
    if (size > limit) {
        if (!lean)
            return LP_DATA;
        size = limit;
    }
    if ((z->dctx == NULL && (z->dctx = ZSTD_createDCtx()) == NULL) || !lp_buf_reserve(dst, size))
        return LP_NOMEM;
    const unsigned char *frame = z->scratch.p;
    size_t got = dict == NULL
                     ? ZSTD_decompressDCtx(z->dctx, dst->p + dst->n, size, frame, z->scratch.n)
                     : ZSTD_decompress_usingDDict(z->dctx, dst->p + dst->n, size, frame,
                                                  z->scratch.n, dict->ddict);
    if (ZSTD_isError(got))
        return LP_DATA;
    dst->n += got;
    return LP_OK;
}

/* --- Whole frames ------------------------------------------------------------------------- */

enum lp_status lp_zstd_pack_frame(struct lp_zstd *z, int level, const void *src, size_t n,
                                  struct lp_buf *dst)
{
    const size_t bound = ZSTD_compressBound(n);
    if (ZSTD_isError(bound) || !set_compressor(z, level, NULL) || !lp_buf_reserve(dst, bound))
        return LP_NOMEM;
    const size_t size = ZSTD_compress2(z->cctx, dst->p + dst->n, bound, src, n);
    if (ZSTD_isError(size))
        return LP_NOMEM; /* all else is ruled out: there is room, and any level is clamped */
    dst->n += size;
    return LP_OK;
}

/* Restores a single frame in one call, if it says that it is as short as prompts are. False, and
 * dst is as before: do it piece by piece, which tells why. */
static bool unpack_short_frame(struct lp_zstd *z, const unsigned char *src, size_t n, size_t limit,
                               struct lp_buf *dst)
{
    enum { SHORT = 1 << 20 };
    const unsigned long long size = ZSTD_getFrameContentSize(src, n); /* errors are the largest */
    if (size > SHORT || size > limit || ZSTD_findFrameCompressedSize(src, n) != n)
        return false;
    if (z->dctx == NULL && (z->dctx = ZSTD_createDCtx()) == NULL)
        return false;
    if (!lp_buf_reserve(dst, (size_t)size))
        return false;
    const size_t got = ZSTD_decompressDCtx(z->dctx, dst->p + dst->n, (size_t)size, src, n);
    if (ZSTD_isError(got))
        return false;
    dst->n += got;
    return true;
}

static enum lp_status unpack_pieces(ZSTD_DStream *stream, const unsigned char *src, size_t n,
                                    size_t limit, struct lp_buf *dst)
{
    ZSTD_inBuffer in = {src, n, 0};
    const size_t start = dst->n;
    for (size_t more = 1; more != 0;) {
        /* Room for a byte more than the limit allows tells whether there is one. */
        const size_t left = limit - (dst->n - start), most = ZSTD_DStreamOutSize();
        const size_t room = left < most ? left + 1 : most;
        if (!lp_buf_reserve(dst, room))
            return LP_NOMEM;
        ZSTD_outBuffer to = {dst->p, dst->n + room, dst->n};
        more = ZSTD_decompressStream(stream, &to, &in);
        const bool stuck = to.pos == dst->n && in.pos == in.size;
        dst->n = to.pos;
        if (ZSTD_isError(more))
            return LP_DATA;
        if (dst->n - start > limit)
            return LP_LIMIT;
        if (more != 0 && stuck)
            return LP_TRUNCATED;
    }
    return in.pos == in.size ? LP_OK : LP_DATA;
}

enum lp_status lp_zstd_unpack_frame(struct lp_zstd *z, const unsigned char *src, size_t n,
                                    size_t limit, struct lp_buf *dst)
{
    if (unpack_short_frame(z, src, n, limit, dst))
        return LP_OK;
    ZSTD_DStream *stream = ZSTD_createDStream(); /* its window may be large: it is not kept */
    enum lp_status status = LP_NOMEM;
    if (stream != NULL)
        status = unpack_pieces(stream, src, n, limit, dst);
    ZSTD_freeDStream(stream);
    return status;
}
