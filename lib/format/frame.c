#include "format/frame.h"

#include "base/bytes.h"
#include "base/xxh64.h"
#include "format/encodings.h"

#include <string.h>

uint32_t lp_check32(const void *data, size_t n)
{
    return (uint32_t)lp_xxh64(data, n, 0);
}

bool lp_chain_tokens(enum lp_chain chain)
{
    return chain >= LP_CHAIN_TOKENS;
}

enum lp_chain lp_wire_chain(unsigned wire)
{
    switch (wire & LP_WIRE_MASK) {
    case LP_WIRE_TEXT_FRAME:
        return LP_CHAIN_TEXT_ZSTD;
    case LP_WIRE_TOKENS_FRAME:
        return LP_CHAIN_TOKENS_ZSTD;
    case LP_WIRE_TOKENS_FAST:
        return LP_CHAIN_TOKENS_MIX;
    default:
        return (enum lp_chain)(wire & LP_WIRE_MASK);
    }
}

unsigned lp_kind_stored(unsigned kind, unsigned wire, bool apart)
{
    return kind | wire | (apart && lp_chain_tokens(lp_wire_chain(wire)) ? LP_KIND_APART : 0U);
}

size_t lp_frame_put(const struct lp_frame *frame, unsigned char *dst)
{
    unsigned char *p = dst;
    memcpy(p, LP_SYNC, LP_SYNC_SIZE);
    p += LP_SYNC_SIZE;
    *p++ = (unsigned char)frame->kind;
    p += lp_put_varint(p, frame->payload_size);
    p += lp_put_varint(p, frame->text_size);
    p += lp_put_varint(p, frame->nrecords);
    lp_put32(p, frame->check);
    p += 4;
    lp_put16(p, (uint16_t)lp_xxh64(dst, (size_t)(p - dst), 0));
    return (size_t)(p - dst) + 2;
}

enum lp_status lp_frame_get(const unsigned char *src, size_t n, struct lp_frame *frame,
                            size_t *size)
{
    size_t prefix = n < LP_SYNC_SIZE ? n : LP_SYNC_SIZE;
    if (n == 0) /* src may be NULL */
        return LP_TRUNCATED;
    if (memcmp(src, LP_SYNC, prefix) != 0)
        return LP_DATA;
    if (n <= LP_SYNC_SIZE)
        return LP_TRUNCATED;
    size_t at = LP_SYNC_SIZE;
    frame->kind = src[at++];
    uint64_t field[3];
    for (int i = 0; i < 3; i++) {
        size_t len = lp_get_varint(src + at, n - at, &field[i]);
        if (len == 0)
            return LP_TRUNCATED;
        if (len == SIZE_MAX)
            return LP_DATA;
        at += len;
    }
    if (field[0] > UINT32_MAX)
        return LP_DATA;
    if (n - at < 6)
        return LP_TRUNCATED;
    frame->payload_size = (uint32_t)field[0];
    frame->text_size = field[1];
    frame->nrecords = field[2];
    frame->check = lp_get32(src + at);
    at += 4;
    frame->header_check = lp_get16(src + at);
    bool no_text = frame->kind == LP_KIND_HEADER || frame->kind == LP_KIND_INDEX;
    if (frame->header_check != (uint16_t)lp_xxh64(src, at, 0) ||
        (no_text && (frame->text_size != 0 || frame->nrecords != 0)))
        return LP_DATA;
    *size = at + 2;
    return LP_OK;
}

enum { RECORDS_SHIFT = 2, ENTRY_OPEN = 1, ENTRY_LINKED = 2 };

struct lp_entry lp_entry_of(const struct lp_frame *block, uint64_t distance)
{
    return (struct lp_entry){.distance = distance,
                             .text_size = block->text_size,
                             .nrecords = block->nrecords,
                             .open = block->kind & LP_KIND_OPEN,
                             .linked = block->kind & LP_KIND_LINKED,
                             .header_check = block->header_check};
}

bool lp_entry_is(const struct lp_entry *entry, const struct lp_frame *block)
{
    return entry->text_size == block->text_size && entry->nrecords == block->nrecords &&
           entry->open == !!(block->kind & LP_KIND_OPEN) &&
           entry->linked == !!(block->kind & LP_KIND_LINKED) &&
           entry->header_check == block->header_check;
}

/* Writes all fields of an entry except its distance. */
static size_t put_block(const struct lp_entry *entry, unsigned char *dst)
{
    size_t n = lp_put_varint(dst, entry->text_size);
    n += lp_put_varint(dst + n, entry->nrecords << RECORDS_SHIFT | (entry->open ? ENTRY_OPEN : 0) |
                                    (entry->linked ? ENTRY_LINKED : 0));
    lp_put16(dst + n, entry->header_check);
    return n + 2;
}

size_t lp_entry_put(const struct lp_entry *entry, unsigned char *dst)
{
    size_t n = lp_put_varint(dst, entry->distance);
    return n + put_block(entry, dst + n);
}

size_t lp_entry_get(const unsigned char *src, size_t n, struct lp_entry *entry)
{
    uint64_t field[3];
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        size_t used = at < n ? lp_get_varint(src + at, n - at, &field[i]) : 0;
        if (used == 0 || used == SIZE_MAX)
            return 0;
        at += used;
    }
    if (n - at < 2)
        return 0;
    *entry = (struct lp_entry){.distance = field[0],
                               .text_size = field[1],
                               .nrecords = field[2] >> RECORDS_SHIFT,
                               .open = field[2] & ENTRY_OPEN,
                               .linked = field[2] & ENTRY_LINKED,
                               .header_check = lp_get16(src + at)};
    return at + 2;
}

uint64_t lp_entry_hash(const struct lp_entry *entry, uint64_t seed)
{
    unsigned char bytes[LP_ENTRY_MAX];
    return lp_xxh64(bytes, put_block(entry, bytes), seed);
}

size_t lp_end_put(const struct lp_frame *end, uint64_t distance, unsigned char *dst)
{
    unsigned char header[LP_FRAME_MAX];
    struct lp_frame frame = *end;
    size_t n = lp_put_varint(dst, distance) + 1;
    frame.payload_size = (uint32_t)n;
    dst[n - 1] = (unsigned char)(lp_frame_put(&frame, header) + n);
    return n;
}

size_t lp_header_put(const struct lp_header *header, unsigned char *dst)
{
    unsigned char *p = dst;
    *p++ = LP_FORMAT_VERSION;
    *p++ = (unsigned char)header->chain;
    *p++ = (unsigned char)header->split;
    *p++ = (unsigned char)header->block_log;
    *p++ = (unsigned char)header->window_log;
    if (lp_chain_tokens(header->chain)) {
        size_t len = strlen(header->vocab_name);
        *p++ = (unsigned char)len;
        memcpy(p, header->vocab_name, len);
        p += len;
        lp_put64(p, header->vocab_fingerprint);
        p += 8;
    }
    uint64_t named = header->dict_fingerprint;
    if (header->chain == LP_CHAIN_TOKENS_MIX &&
        header->model_fingerprint != lp_shipped_model(header->vocab_fingerprint))
        named = header->model_fingerprint;
    if (named != 0) {
        lp_put64(p, named);
        p += 8;
    }
    return (size_t)(p - dst);
}

enum lp_status lp_header_get(const unsigned char *src, size_t n, struct lp_header *header)
{
    memset(header, 0, sizeof *header);
    if (n == 0)
        return LP_DATA;
    if (src[0] != LP_FORMAT_VERSION) /* the other fields depend on it */
        return LP_VERSION;
    if (n < 5)
        return LP_DATA;
    if (src[1] > LP_CHAIN_TOKENS_MIX || src[2] > LP_LINES || src[4] > LP_WINDOW_LOG_MAX)
        return LP_VERSION;
    header->chain = (enum lp_chain)src[1];
    header->split = (enum lp_split)src[2];
    header->block_log = src[3];
    header->window_log = src[4];
    if (header->block_log < LP_BLOCK_LOG_MIN || header->block_log > LP_LIMIT_LOG_MAX ||
        (header->window_log != 0 &&
         (header->window_log < LP_WINDOW_LOG_MIN || !lp_chain_tokens(header->chain))))
        return LP_DATA;
    size_t at = 5;
    if (lp_chain_tokens(header->chain)) {
        size_t len = n > at ? src[at] : 0;
        at++;
        if (len == 0 || len > LP_VOCAB_NAME_MAX || n - at < len + 8)
            return LP_DATA;
        for (size_t i = 0; i < len; i++) {
            unsigned char c = src[at + i];
            if (c <= ' ' || c > '~' || c == '/') /* it is shown, and looked up as a file */
                return LP_DATA;
        }
        memcpy(header->vocab_name, src + at, len);
        at += len;
        header->vocab_fingerprint = lp_get64(src + at);
        at += 8;
    }
    uint64_t named = 0;
    if (n - at == 8) {
        named = lp_get64(src + at);
        at += 8;
    }
    if (at != n)
        return LP_DATA;
    if (header->chain != LP_CHAIN_TOKENS_MIX) {
        header->dict_fingerprint = named;
        return LP_OK;
    }
    header->model_fingerprint = named != 0 ? named : lp_shipped_model(header->vocab_fingerprint);
    return header->model_fingerprint != 0 ? LP_OK : LP_VERSION; /* a model shipped later */
}

struct lp_need lp_header_newer(const unsigned char *src)
{
    if (src[0] != LP_FORMAT_VERSION)
        return (struct lp_need){
            .what = LP_NEED_NEWER, .name = "", .field = "version", .number = src[0]};
    if (src[2] > LP_LINES)
        return (struct lp_need){
            .what = LP_NEED_NEWER, .name = "", .field = "split", .number = src[2]};
    if (src[4] > LP_WINDOW_LOG_MAX)
        return (struct lp_need){
            .what = LP_NEED_NEWER, .name = "", .field = "window", .number = src[4]};
    return (struct lp_need){.what = LP_NEED_NEWER, .name = "", .field = "chain", .number = src[1]};
}
