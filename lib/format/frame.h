/* frame.h - the grammar of lpstream(5): frame headers and the segment header.
 *
 * Pure functions over bytes. Never knows tokens, vocabularies or compression. */
#ifndef LP_FORMAT_FRAME_H
#define LP_FORMAT_FRAME_H

#include "lp.h"

#define LP_SYNC "\xF9LP" /* begins every frame; 0xF9 begins no UTF-8 character */

enum {
    LP_SYNC_SIZE = 3,
    LP_KIND_HEADER = 'H',
    LP_KIND_INDEX = 'i', /* lower case: a reader that does not know it skips it */
    LP_KIND_END = 'E',
    LP_KIND_DATA = 0x80,   /* | form | the bits that follow */
    LP_KIND_OPEN = 0x08,   /* the block's last record does not end in it */
    LP_KIND_COPIES = 0x10, /* the block copies from the window */
    LP_KIND_LINKED = 0x20, /* it is no key block: the window holds the blocks before it */
    LP_KIND_APART = 0x40,  /* its tokens have no part in the window, as text has none */
    LP_KIND_ANCILLARY = 0x20,

    LP_FORMAT_VERSION = 2,
    /* sync, kind, three varints of at most 5, 5 and 10 bytes, check, header check */
    LP_FRAME_MAX = LP_SYNC_SIZE + 1 + 5 + 10 + 10 + 4 + 2,
    LP_VOCAB_NAME_MAX = 32,
    LP_HEADER_MAX = 5 + 1 + LP_VOCAB_NAME_MAX + 8 + 8, /* payload of a header frame */
    LP_ENTRY_MAX = 3 * 10 + 2,                         /* a block in an index */
    LP_INDEX_MAX = 1 << 16, /* payload of an index frame: bounds the writer's memory too */
    LP_BLOCK_LOG_MIN = 10,  /* block targets from 1 KiB ... */
    LP_BLOCK_LOG_MAX = 26,  /* ... to 64 MiB */
    LP_LIMIT_LOG_MAX = 31,  /* the largest that a header may allow */
    LP_WINDOW_LOG_MIN = 10, /* windows from 1 KiB of codes ... */
    LP_WINDOW_LOG_MAX = 28, /* ... to 256 MiB */
};

/* The stored form of a payload: enum lp_chain, two more for zstd's longer form
 * (stage_zstd.h), one for fast mixing. The low three bits of a data block's kind. */
enum lp_wire {
    LP_WIRE_TEXT = LP_CHAIN_TEXT,
    LP_WIRE_TEXT_LEAN = LP_CHAIN_TEXT_ZSTD,
    LP_WIRE_TOKENS = LP_CHAIN_TOKENS,
    LP_WIRE_TOKENS_LEAN = LP_CHAIN_TOKENS_ZSTD,
    LP_WIRE_TOKENS_MIX = LP_CHAIN_TOKENS_MIX,
    LP_WIRE_TEXT_FRAME = 5,
    LP_WIRE_TOKENS_FAST = 6,
    LP_WIRE_TOKENS_FRAME = 7,
    LP_WIRE_MASK = 7,
};

/* A frame header. For a data block: payload_size stored bytes, which restore
 * text_size bytes in nrecords records or parts of one. For the end: the totals
 * of the segment. Elsewhere text_size and nrecords are 0. */
struct lp_frame {
    unsigned kind;
    uint32_t payload_size;
    uint64_t text_size, nrecords;
    uint32_t check;
    uint16_t header_check; /* set by lp_frame_get(), ignored by lp_frame_put() */
};

/* A block's entry in an index. */
struct lp_entry {
    uint64_t distance; /* from its frame to that of the next block, from the last to the index */
    uint64_t text_size, nrecords;
    bool open, linked;
    uint16_t header_check;
};

/* What a segment's header says. */
struct lp_header {
    enum lp_chain chain;
    enum lp_split split;
    unsigned block_log;  /* no block restores more than 1 << block_log bytes */
    unsigned window_log; /* copies reach 1 << window_log bytes of codes back; 0: none do */
    char vocab_name[LP_VOCAB_NAME_MAX + 1]; /* "" when the chain has no tokens */
    uint64_t vocab_fingerprint;
    uint64_t dict_fingerprint;  /* 0 none */
    uint64_t model_fingerprint; /* 0 none: nothing is mixed */
};

static inline bool lp_is_data(unsigned kind)
{
    return kind & LP_KIND_DATA;
}

/* Whether a decoder passes over a frame whose kind it does not know. */
static inline bool lp_is_ancillary(unsigned kind)
{
    return (kind & LP_KIND_ANCILLARY) && kind < LP_KIND_DATA && kind != LP_KIND_INDEX;
}

/* The chain of a stored form, which is the low bits of wire. */
enum lp_chain lp_wire_chain(unsigned wire);

/* Adds the stored form to a kind; and, if the block has no part in the window, says so where that
 * is not plain: of tokens. */
unsigned lp_kind_stored(unsigned kind, unsigned wire, bool apart);

/* The most bytes that a block's body may have: of text, or of codes, of which a byte of text may
 * take three. */
static inline uint64_t lp_body_limit(bool tokens, uint64_t text_size, uint64_t nrecords)
{
    return (tokens ? 3 : 1) * text_size + 5 * nrecords;
}

/* The most that its payload may have: as much as a body of text, unless it is codes as they are. */
static inline uint64_t lp_payload_limit(enum lp_chain chain, uint64_t text_size, uint64_t nrecords)
{
    return lp_body_limit(chain == LP_CHAIN_TOKENS, text_size, nrecords);
}

/* What a caller's option allows. More than a quarter of the addresses cannot be had, and would let
 * sums of sizes overflow. */
static inline uint64_t lp_memory_limit(uint64_t option)
{
    const uint64_t memory = option != 0 ? option : LP_MEMORY_DEFAULT;
    return memory < SIZE_MAX / 4 ? memory : SIZE_MAX / 4;
}

/* Bytes of memory that restoring a byte of text may take: its payload twice, once more for zstd;
 * body and text. A mixed token, which may be a single byte of text, has a leaf of 4 bytes too; the
 * leaves grow by half. */
static inline uint64_t lp_memory_of_text(enum lp_chain chain)
{
    static const unsigned char memory[] = {[LP_CHAIN_TEXT] = 2 + 1 + 1,
                                           [LP_CHAIN_TEXT_ZSTD] = 3 + 1 + 1,
                                           [LP_CHAIN_TOKENS] = 2 + 3 + 1,
                                           [LP_CHAIN_TOKENS_ZSTD] = 3 + 3 + 1,
                                           [LP_CHAIN_TOKENS_MIX] = 2 + 3 + 6 + 1};
    return memory[chain];
}

/* The same for a block, apart from what does not grow with it. A record may have 5 bytes of a body,
 * and two numbers of 8 bytes say where it ends. A payload of codes can be larger than the text. */
static inline uint64_t lp_memory_of_block(const struct lp_frame *frame)
{
    const uint64_t text = lp_body_limit(false, frame->text_size, frame->nrecords);
    const uint64_t beyond = frame->payload_size > text ? frame->payload_size - text : 0;
    return lp_memory_of_text(lp_wire_chain(frame->kind)) * text + 2 * beyond + 16 * frame->nrecords;
}

/* And what does not grow, at most: a mixer, or zstd's working state. */
static inline uint64_t lp_memory_of_thread(enum lp_chain chain)
{
    return chain == LP_CHAIN_TOKENS_MIX ? (uint64_t)8 << 20 : (uint64_t)1 << 18;
}

/* Bytes of memory that the window of a segment may take: see window.h. */
static inline uint64_t lp_memory_of_window(unsigned window_log)
{
    return window_log == 0 ? 0 : ((uint64_t)5 << window_log) / 4;
}

/* Writes a frame header of at most LP_FRAME_MAX bytes; returns its length. */
size_t lp_frame_put(const struct lp_frame *frame, unsigned char *dst);

/* Reads a frame header from n bytes. LP_OK and its length in *size; LP_TRUNCATED
 * when n bytes are its beginning; LP_DATA when they are none. */
enum lp_status lp_frame_get(const unsigned char *src, size_t n, struct lp_frame *frame,
                            size_t *size);

/* The entry in an index of a block whose successor is distance bytes after it. */
struct lp_entry lp_entry_of(const struct lp_frame *block, uint64_t distance);

/* Whether an entry is that of a block, whatever its distance. */
bool lp_entry_is(const struct lp_entry *entry, const struct lp_frame *block);

/* Writes a block's entry in an index, of at most LP_ENTRY_MAX bytes; returns its length. */
size_t lp_entry_put(const struct lp_entry *entry, unsigned char *dst);

/* Reads an entry from n bytes; returns its length, 0 when there is none. */
size_t lp_entry_get(const unsigned char *src, size_t n, struct lp_entry *entry);

/* The hash of a segment up to a block, given the hash up to the block before it. */
uint64_t lp_entry_hash(const struct lp_entry *entry, uint64_t seed);

/* Writes the payload of an end frame, of at most LP_END_MAX bytes; distance: back to the last
 * index, or to the header. Returns its length. */
enum { LP_END_MAX = 10 + 1 };
size_t lp_end_put(const struct lp_frame *end, uint64_t distance, unsigned char *dst);

/* Writes a header frame's payload of at most LP_HEADER_MAX bytes. */
size_t lp_header_put(const struct lp_header *header, unsigned char *dst);

/* Reads it. LP_VERSION when a newer format or an unknown chain is met. */
enum lp_status lp_header_get(const unsigned char *src, size_t n, struct lp_header *header);

/* The field of the payload that made lp_header_get() return LP_VERSION. */
struct lp_need lp_header_newer(const unsigned char *src);

/* The check of a block's text, and of a payload that is no block's. */
uint32_t lp_check32(const void *data, size_t n);

/* Whether a chain has tokens. */
bool lp_chain_tokens(enum lp_chain chain);

#endif
