/* lp.h - liblp: LLM prompts, stored losslessly in a fraction of their size.
 *
 * Handles are opaque; _new/_open pairs with _free/_close, which accept NULL.
 * Inputs are borrowed for the call. What a call hands out belongs to its handle and is valid until
 * the next call on that handle; nothing is the caller's to free. A handle serves one thread at a
 * time, except a vocabulary, a dictionary and a model, which are immutable once open and may be
 * shared, and a catalogue. Sizes are bytes unless the name says ids or records.
 *
 * Callbacks are called in the thread of the call that they serve, before it returns, never by two
 * threads at once for one handle, whatever the number of its threads. They must not call that
 * handle, and must return: no longjmp() or exception may leave them. When one returns a status
 * other than LP_OK the call ends with it and calls none again. After a call that failed or was
 * ended so, a writer, recoder or reader is only to be freed; a codec or file may be used on.
 *
 * Structs that the caller makes may grow, at their end. Functions named _sized are told how large
 * the caller's is; in C and C++ use those without, which fill that in. From other languages pass
 * the size of your own definition, zero-initialised. LP_USAGE: a field that is set is unknown to
 * this version of the library. */
#ifndef LP_H
#define LP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LP_API __attribute__((visibility("default")))
#else
#define LP_API
#endif

#define LP_VERSION_MAJOR 0
#define LP_VERSION_MINOR 1
#define LP_VERSION_PATCH 0
/* The version of the library that runs: "0.1.0". That of this header is in the macros. */
LP_API const char *lp_version(void);

/* Every outcome of a call. X(name, sentence) */
#define LP_STATUS_LIST(X)                                                                          \
    X(LP_OK, "done")                                                                               \
    X(LP_NOMEM, "out of memory")                                                                   \
    X(LP_IO, "input or output failed")                                                             \
    X(LP_USAGE, "invalid argument")                                                                \
    X(LP_NOT_LP, "not a lopace stream or blob")                                                    \
    X(LP_DATA, "damaged data")                                                                     \
    X(LP_TRUNCATED, "truncated data")                                                              \
    X(LP_VERSION, "made by another version")                                                       \
    X(LP_NO_VOCAB, "vocabulary not found")                                                         \
    X(LP_NO_DICT, "dictionary not found")                                                          \
    X(LP_NO_MODEL, "model not found")                                                              \
    X(LP_BAD_MODEL, "the model is damaged: install it again")                                      \
    X(LP_LIMIT, "larger than the limit allows")                                                    \
    X(LP_INTERNAL, "internal error: nothing is lost, please report it")                            \
    X(LP_BAD_VOCAB, "the vocabulary is damaged: install it again")                                 \
    X(LP_STOP, "stopped by a callback")                                                            \
    X(LP_INTERRUPTED, "interrupted")                                                               \
    X(LP_NO_PARENT, "parent not found: the text that this was packed with")                        \
    X(LP_MAX_TEXT, "more text than allowed")

enum lp_status {
#define LP_STATUS_NAME(name, text) name,
    LP_STATUS_LIST(LP_STATUS_NAME)
#undef LP_STATUS_NAME
};

/* The sentence of a status, for messages. */
LP_API const char *lp_status_text(enum lp_status status);

/* --- Vocabularies ---------------------------------------------------------- */

struct lp_vocab;

/* The encoding that a name means: an encoding's own name, or a model's (gpt-4o,
 * o3, text-davinci-003, ...; prefixes as tiktoken has them). NULL when unknown. */
LP_API const char *lp_encoding_name(const char *name);

/* The i-th encoding's name, NULL past the last: gpt2, r50k_base, ... */
LP_API const char *lp_encoding_list(size_t i);

/* The i-th name of a language model that means an encoding, NULL past the last; "gpt-oss-*" stands
 * for all names that begin so. */
LP_API const char *lp_encoding_model(const char *encoding, size_t i);

/* For messages: a name of an encoding or language model that is much like one that is unknown, else
 * NULL. */
LP_API const char *lp_encoding_like(const char *name);

/* Opens a compiled vocabulary file (.lpv): an mmap and a header check; no content of
 * it can do harm later. LP_IO when it cannot be read (errno tells), LP_BAD_VOCAB when it
 * is no whole vocabulary, LP_VERSION when it is one for a newer library. */
LP_API enum lp_status lp_vocab_open(const char *path, struct lp_vocab **out);
/* Reads the file into memory instead: a mapped file that is cut short meanwhile ends the process
 * by SIGBUS. LP_NOMEM, else as lp_vocab_open(). */
LP_API enum lp_status lp_vocab_load(const char *path, struct lp_vocab **out);
/* Opens the n bytes of such a file: a copy of them, or, borrowed, themselves, which then begin at
 * a multiple of 8 (else LP_USAGE) and stay unchanged until the vocabulary is closed. */
LP_API enum lp_status lp_vocab_open_memory(const void *data, size_t n, bool copy,
                                           struct lp_vocab **out);
LP_API void lp_vocab_close(struct lp_vocab *vocab);
LP_API const char *lp_vocab_name(const struct lp_vocab *vocab);
LP_API uint64_t lp_vocab_fingerprint(const struct lp_vocab *vocab);
/* One more than the largest id, special tokens included. */
LP_API uint32_t lp_vocab_size(const struct lp_vocab *vocab);
/* Reads all of the file: LP_BAD_VOCAB when a byte has changed. What a call reads of it is
 * compared then, and LP_BAD_VOCAB is what any call may return that uses a vocabulary. */
LP_API enum lp_status lp_vocab_verify(const struct lp_vocab *vocab);

/* Holds the tokenisers to come to these instructions, "portable", "avx2" or "neon",
 * for tests; else the best that the CPU has are used. All give the same ids. To be
 * called before the vocabulary is shared. LP_USAGE: no such, or not on this CPU. */
LP_API enum lp_status lp_vocab_use(struct lp_vocab *vocab, const char *instructions);

/* --- Text to tokens ---------------------------------------------------------- */

/* A growing array of token ids. Zero-initialised is empty; free() releases v. */
struct lp_ids {
    uint32_t *v;
    size_t n, cap;
};

/* One tokeniser: a vocabulary, its memo of merged words, and the text held back
 * between pushes. Not to be shared by threads; the vocabulary may be. */
struct lp_tok;

/* special: the text of a special token becomes that token, as tiktoken's
 * encode(allowed_special="all") has it; else it is ordinary text. */
LP_API enum lp_status lp_tok_new(const struct lp_vocab *vocab, bool special, struct lp_tok **out);
LP_API void lp_tok_free(struct lp_tok *tok);

/* Begins a new text; the memo stays. */
LP_API void lp_tok_reset(struct lp_tok *tok);

/* Takes n further bytes of the text and appends to out the ids that no later
 * byte can change; with final set the text ends here and all are appended. The
 * ids are those of the whole text, whatever the pieces it came in. Any bytes
 * will do: of invalid UTF-8, each undecodable byte is a character of no class.
 * Errors: LP_NOMEM, LP_BAD_VOCAB. */
LP_API enum lp_status lp_tok_push(struct lp_tok *tok, const void *text, size_t n, bool final,
                                  struct lp_ids *out);

/* Text bytes pushed since reset whose ids have not been appended yet. */
LP_API size_t lp_tok_held(const struct lp_tok *tok);

/* Bytes of a token (not NUL-terminated), NULL when id names none or the vocabulary is damaged. */
LP_API const unsigned char *lp_vocab_token(const struct lp_vocab *vocab, uint32_t id, size_t *len);

/* Where the ids of a text can be parted without cutting a character: the position that is nearest
 * to at and not after it or, with after, not before it. 0 and nids are such positions; an at beyond
 * nids is nids. Looks at the ids that share at most three bytes on both sides of it. Without a
 * vocabulary nothing is moved. */
LP_API size_t lp_ids_boundary(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids,
                              size_t at, bool after);

/* Where a slice of the ids of a text begins or ends: after end of them or, if end is negative,
 * after all but -end. Where that would cut a character the former moves back and the latter on, so
 * that slices that meet share nothing. */
LP_API size_t lp_ids_slice_end(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids,
                               int64_t end);

/* Cuts the ids of a text into chunks of at most size: where the one that begins at from (at most
 * nids) ends. *next gets where the one after it begins: overlap ids before that, or at that end
 * where it would not get on; nids after the last. Both move back where a character would be cut,
 * but a chunk has one character at least. */
LP_API size_t lp_ids_chunk(const struct lp_vocab *vocab, const uint32_t *ids, size_t nids,
                           size_t from, size_t size, size_t overlap, size_t *next);

/* --- Dictionaries ------------------------------------------------------------- */

/* A zstd dictionary. Streams and blobs name it by its fingerprint. */
struct lp_dict;

/* Opens a zstd dictionary: a file of at most 16 MiB, which is read into memory, or such bytes, as
 * lp_vocab_open_memory(). As with zstd any others are one of raw content, but not what begins as a
 * stream, a model or a vocabulary. LP_IO, LP_DATA, LP_NOMEM. */
LP_API enum lp_status lp_dict_open(const char *path, struct lp_dict **out);
LP_API enum lp_status lp_dict_open_memory(const void *data, size_t n, bool copy,
                                          struct lp_dict **out);
LP_API void lp_dict_close(struct lp_dict *dict);
LP_API uint64_t lp_dict_fingerprint(const struct lp_dict *dict);

/* --- Models -------------------------------------------------------------------- */

/* A model of token sequences (.lpm, lpmodel(5)), made for one vocabulary. Streams
 * and blobs name it by its fingerprint. Immutable once open; threads may share it. */
struct lp_model;

/* Maps a model file and checks its layout; no content of it can do harm later.
 * LP_IO when it cannot be read (errno tells), LP_DATA or LP_VERSION when it is
 * not a model this library reads. */
LP_API enum lp_status lp_model_open(const char *path, struct lp_model **out);
/* As lp_vocab_load() and lp_vocab_open_memory(). */
LP_API enum lp_status lp_model_load(const char *path, struct lp_model **out);
LP_API enum lp_status lp_model_open_memory(const void *data, size_t n, bool copy,
                                           struct lp_model **out);
LP_API void lp_model_close(struct lp_model *model);
LP_API uint64_t lp_model_fingerprint(const struct lp_model *model);
/* Whether the model of a fingerprint ships with the library. */
LP_API bool lp_model_ships(uint64_t fingerprint);
/* The encoding it models: its name, and its fingerprint. */
LP_API const char *lp_model_vocab(const struct lp_model *model);
LP_API uint64_t lp_model_vocab_fingerprint(const struct lp_model *model);
/* Reads all of the file and compares it with the fingerprint it claims: LP_DATA
 * when a byte has changed. What packing and unpacking read of it they compare
 * themselves: LP_BAD_MODEL. */
LP_API enum lp_status lp_model_verify(const struct lp_model *model);

/* --- The catalogue: all of these by name or fingerprint --------------------------- */

enum lp_need_kind { LP_NEED_VOCAB, LP_NEED_DICT, LP_NEED_MODEL, LP_NEED_NEWER, LP_NEED_PARENT };

/* What a stream or a blob needs besides its bytes: a vocabulary, dictionary or model; for a blob,
 * the text that it was packed with (LP_NEED_PARENT); or (LP_NEED_NEWER) a newer version, for a
 * field of the format that has a number unknown to this one. */
struct lp_need {
    enum lp_need_kind what;
    const char *name;     /* of the vocabulary, of a model's vocabulary too; else "" */
    uint64_t fingerprint; /* 0: any, by name; of a parent its check, see lp_check() */
    const char *field;    /* LP_NEED_NEWER: what the number is of; else NULL */
    uint64_t number;
};

/* What a finder answers with: the member asked for. It stays the finder's own, and open as long as
 * the caller uses what it has read or made with it. */
struct lp_found {
    const struct lp_vocab *vocab;
    const struct lp_dict *dict;
    const struct lp_model *model;
    const void *parent; /* a text of parent_size bytes, not NULL */
    size_t parent_size;
};

/* Finds what a stream or blob needs. LP_OK with the member set, else LP_NO_VOCAB, LP_NO_DICT,
 * LP_NO_MODEL or LP_NO_PARENT when there is none, or any other status, which the call then returns.
 * The library checks the fingerprint of what it is given. A finder is called in the thread of the
 * call that needs it, never by two threads at once for one handle. */
typedef enum lp_status lp_finder(void *ctx, const struct lp_need *need, struct lp_found *found);

/* Opens what it is asked for, once, from the files in its search paths, and closes all when it is
 * freed. Set up by one thread, it may then be shared: lp_catalog_vocab(), _model(), _find() and
 * _take() may be called by any thread. In a host with many, one for the whole process is enough:
 *
 *     lp_catalog_default(&catalog);
 *     lp_catalog_vocab(catalog, "gpt-4o", &vocab);
 *     lp_catalog_model(catalog, vocab, &model);
 */
struct lp_catalog;

/* A catalogue of what the environment says and what is around the library: lp_catalog_new(), then
 * lp_catalog_add_environment(). */
LP_API enum lp_status lp_catalog_default(struct lp_catalog **out);
/* One with empty search paths. */
LP_API enum lp_status lp_catalog_new(struct lp_catalog **out);
LP_API void lp_catalog_free(struct lp_catalog *catalog);

/* What a catalogue searches: one path of directories for vocabularies, one for models and
 * dictionaries. */
enum lp_search_path { LP_VOCAB_PATH, LP_MODEL_PATH };

/* Adds to the end of a search path: a directory, to LP_MODEL_PATH also a single file. NAME.lpv in
 * it is the vocabulary of that name, NAME.lpm the model for that vocabulary, and FINGERPRINT.lpm or
 * FINGERPRINT.dict (16 hexadecimal digits) what has that fingerprint. */
LP_API enum lp_status lp_catalog_add(struct lp_catalog *catalog, enum lp_search_path which,
                                     const char *path);
/* Adds the directories ../vocab and ../share/lopace beside that of the library's file (of the
 * program's, where the library is linked statically), then DATADIR/lopace of its build. For hosts
 * that must not heed the environment. */
LP_API enum lp_status lp_catalog_add_standard(struct lp_catalog *catalog);
/* Adds for vocabularies what LP_VOCAB_PATH lists, with colons between paths, or the standard
 * directories where it is not set; for models what LP_MODEL_PATH lists, lp_user_dir(), and the
 * standard directories. In a set-user-ID program no variable counts. */
LP_API enum lp_status lp_catalog_add_environment(struct lp_catalog *catalog);
/* The user's own directory of models, from XDG_DATA_HOME or HOME: writes it to path, of size
 * bytes, and returns path. NULL when there is none. It need not exist. */
LP_API char *lp_user_dir(char *path, size_t size);

/* Files are to be read into memory, as lp_vocab_load() does, instead of mapped. */
LP_API void lp_catalog_load(struct lp_catalog *catalog);
/* lp_vocab_use() for all vocabularies to be opened. */
LP_API enum lp_status lp_catalog_use(struct lp_catalog *catalog, const char *instructions);

/* Told of each file that is there under the name of what is searched and cannot be used, whether
 * the search goes on or not; error is the errno of LP_IO, else 0. It is called with the catalogue
 * locked: it must return, and not call the catalogue. */
typedef void lp_on_unusable(void *ctx, const char *path, enum lp_status status, int error);
LP_API void lp_catalog_on_unusable(struct lp_catalog *catalog, lp_on_unusable *on_unusable,
                                   void *ctx);

/* A search path as text for messages: "a, b, c". Valid until it is added to. */
LP_API const char *lp_catalog_where(const struct lp_catalog *catalog, enum lp_search_path which);
/* Its i-th path, from 0; NULL after the last. */
LP_API const char *lp_catalog_path(const struct lp_catalog *catalog, enum lp_search_path which,
                                   size_t i);

/* Finds a vocabulary by the name of an encoding or language model (LP_USAGE: unknown), and the
 * model for a vocabulary; it stays open until the catalogue is freed. LP_NO_VOCAB or LP_NO_MODEL:
 * it is nowhere in the search path. LP_IO (errno says why), LP_NOMEM, LP_BAD_VOCAB, LP_BAD_MODEL:
 * it is there, but cannot be used; LP_IO also where a directory cannot be searched and it is
 * nowhere else. Later calls search again. */
LP_API enum lp_status lp_catalog_vocab(struct lp_catalog *catalog, const char *name,
                                       const struct lp_vocab **vocab);
LP_API enum lp_status lp_catalog_model(struct lp_catalog *catalog, const struct lp_vocab *vocab,
                                       const struct lp_model **model);

/* An lp_finder, for which ctx is the catalogue. Errors as above, and LP_NO_DICT. */
LP_API enum lp_status lp_catalog_find(void *catalog, const struct lp_need *need,
                                      struct lp_found *found);

/* Hands over something open (one member of found), which is then found before all that is there or
 * in the search path, by name too, and is closed with the catalogue. LP_NOMEM: it stays the
 * caller's. */
LP_API enum lp_status lp_catalog_take(struct lp_catalog *catalog, const struct lp_found *found);

/* --- What to do with a text ------------------------------------------------- */

/* What stands between a text and its stored form. The numbers are those of
 * lpstream(5). */
enum lp_chain {
    LP_CHAIN_TEXT = 0,        /* the text itself */
    LP_CHAIN_TEXT_ZSTD = 1,   /* text, zstd */
    LP_CHAIN_TOKENS = 2,      /* tokens */
    LP_CHAIN_TOKENS_ZSTD = 3, /* tokens, zstd */
    LP_CHAIN_TOKENS_MIX = 4,  /* tokens, mixed: coded by a model of tokens */
};

/* Where the records of a text end. */
enum lp_split {
    LP_WHOLE = 0, /* where lp_writer_end_record() says so */
    LP_NUL = 1,   /* at each NUL */
    LP_LINES = 2, /* at each line feed */
};
/* The byte that ends a record, -1 for LP_WHOLE. */
LP_API int lp_split_separator(enum lp_split split);

#define LP_LEVEL_DEFAULT  15                /* zstd level, LoPace's default */
#define LP_BLOCK_DEFAULT  ((size_t)1 << 20) /* text bytes of a block */
#define LP_BLOCK_MIN      ((size_t)1 << 10)
#define LP_BLOCK_MAX      ((size_t)1 << 26)
#define LP_WINDOW_MAX     ((size_t)1 << 29)   /* text bytes that a window may have */
#define LP_MEMORY_DEFAULT ((uint64_t)1 << 30) /* what a reader may need at most */

/* Asked now and then in a long call: true ends it with LP_INTERRUPTED. A codec asks after 64 KiB of
 * text or 16,384 tokens, a writer after 64 KiB, others after each block; the work of zstd on a
 * block is not interrupted, nor what worker threads are at, for which the call waits. */
typedef bool lp_interrupt(void *ctx);

/* How to pack. Zero-initialised, it means plain text in blocks of the default
 * size; a chain of tokens needs vocab, mixing a model of that vocabulary too. */
struct lp_options {
    enum lp_chain chain;
    enum lp_split split;
    const struct lp_vocab *vocab;
    const struct lp_dict *dict;   /* for zstd, or NULL */
    const struct lp_model *model; /* for mixing */
    int level;                    /* of zstd: -22 to 22, 0 means the default */
    size_t block_size;            /* text bytes a block aims at, 0 means the default */
    unsigned threads;             /* 0 and 1 mean none but the caller's; where the system has
                                   * fewer, the caller's does the work of those missing */
    uint64_t memory; /* the most that unpacking or recoding a blob, or recoding blocks, may need;
                      * 0: LP_MEMORY_DEFAULT */
    bool fast;       /* mixing: faster, and somewhat larger */
    bool special;    /* special-token text becomes special tokens */
    bool flush;      /* a block ends with each record */
    bool unchecked;  /* a blob without its check (4 bytes less, damage unseen) */
    bool unverified; /* what is packed is handed out without having been restored and compared
                      * with the original first, which gives LP_INTERNAL when they differ */
    lp_interrupt *interrupt; /* or NULL */
    void *interrupt_ctx;
    /* Streams of tokens: blocks copy what repeats of the last window bytes of text, about, at most
     * LP_WINDOW_MAX; 0: each block stands by itself. A key block, which copies nothing from before
     * it, comes after at most key bytes of text; 0: only the first block is one. */
    size_t window;
    uint64_t key;
    uint64_t max_text; /* the most text of a blob to be unpacked: LP_MAX_TEXT beyond; 0: any */
};

/* Where output goes. Returns LP_OK, or a status that ends the call, which then returns it: LP_STOP
 * where nothing is wrong and no more is wanted. The n bytes are valid during the call. */
typedef enum lp_status lp_sink(void *ctx, const void *data, size_t n);

/* --- One record as a blob ---------------------------------------------------- */

/* Working state for one thread: buffers, tokeniser and compressor contexts, kept from call to
 * call. */
struct lp_codec;

/* options may be NULL for a codec that only unpacks; one that only restages needs
 * no vocab. */
LP_API enum lp_status lp_codec_new_sized(const struct lp_options *options, size_t options_size,
                                         struct lp_codec **out);
static inline enum lp_status lp_codec_new(const struct lp_options *options, struct lp_codec **out)
{
    return lp_codec_new_sized(options, sizeof *options, out);
}
LP_API void lp_codec_free(struct lp_codec *codec);

/* Text to ids, ids to text, and how many tokens a text has. Encoding any bytes
 * succeeds and decoding its ids gives them back. Errors: LP_NOMEM, LP_USAGE
 * without a vocabulary, LP_DATA for an id that names no token. */
LP_API enum lp_status lp_encode(struct lp_codec *codec, const void *text, size_t n,
                                const uint32_t **ids, size_t *nids);
LP_API enum lp_status lp_decode(struct lp_codec *codec, const uint32_t *ids, size_t nids,
                                const void **text, size_t *n);
LP_API enum lp_status lp_count(struct lp_codec *codec, const void *text, size_t n, size_t *nids);

/* Packs one record of at most LP_BLOCK_MAX bytes into a blob: by the codec's
 * chain, or a simpler one where that is smaller. At most n + 6 bytes, unless it has special
 * tokens, which a blob of text would lose. */
LP_API enum lp_status lp_pack(struct lp_codec *codec, const void *text, size_t n, const void **blob,
                              size_t *size);

/* Makes a text the parent of the blobs packed from now on: what they repeat of it is copied from
 * there, and unpacking them takes it again. It is tokenised at once and not needed afterwards;
 * NULL: no parent. Where a parent saves nothing a blob has none. lp_unpack() and lp_recode() use it
 * too, or ask the finder. LP_USAGE without a vocabulary, LP_LIMIT for more than LP_BLOCK_MAX bytes;
 * when it fails there is no parent. */
LP_API enum lp_status lp_codec_parent(struct lp_codec *codec, const void *text, size_t n);

/* The check of a text: that of a checked blob of it, and that by which a blob names its parent. */
LP_API uint32_t lp_check(const void *text, size_t n);

/* Restores a blob's record. find may be NULL when the codec's options hold what
 * the blob needs. The text is checked against the blob's check before it is
 * handed out. LP_NOT_LP when the bytes are no blob: a plain text can be told
 * from a blob by its first byte, see lp_is_blob(). */
LP_API enum lp_status lp_unpack(struct lp_codec *codec, const void *blob, size_t size,
                                lp_finder *find, void *ctx, const void **text, size_t *n);

/* A blob's ids, found right by its check as lp_unpack() does. A blob of text is tokenised by the
 * vocabulary that it names, else by the codec's (LP_USAGE without one). */
LP_API enum lp_status lp_unpack_ids(struct lp_codec *codec, const void *blob, size_t size,
                                    lp_finder *find, void *ctx, const uint32_t **ids, size_t *nids);

/* How many tokens a blob has. A mixed one begins with their number, which is read without
 * vocabulary or model and without a check; any other is restored as by lp_unpack_ids(). */
LP_API enum lp_status lp_blob_count(struct lp_codec *codec, const void *blob, size_t size,
                                    lp_finder *find, void *ctx, size_t *nids);

/* What each of the ids takes when they are mixed, in bits: -log2 of the probability that the
 * codec's model gives it after those before it. bits has room for nids. The ids may be those that
 * lp_encode() handed out, which stay valid. LP_USAGE without a model, LP_DATA for an id that it
 * does not know. */
LP_API enum lp_status lp_cost(struct lp_codec *codec, const uint32_t *ids, size_t nids,
                              double *bits);

/* Gives a blob the further stage of the codec's options, as lp_recoder_new() does;
 * one of text is compressed with zstd. The smallest form is handed out. */
LP_API enum lp_status lp_recode(struct lp_codec *codec, const void *blob, size_t size,
                                lp_finder *find, void *ctx, const void **out, size_t *n);

/* What the last blob needed and the finder did not have. As lp_reader_need(). */
LP_API const struct lp_need *lp_codec_need(const struct lp_codec *codec);

/* What the first bytes of something are. No valid UTF-8 text is either. */
LP_API bool lp_is_blob(const void *data, size_t n);
LP_API bool lp_is_stream(const void *data, size_t n);

/* What a blob says of itself, unpacked no further than that. */
struct lp_blob_info {
    enum lp_chain chain;
    char vocab[33]; /* of its tokens, or that of lptok where it stored text; "" none */
    uint64_t dict;  /* fingerprint of the dictionary, 0 none */
    uint64_t model; /* of the model, 0 none */
    bool checked;
    uint32_t check;
    size_t payload_size;
    bool has_parent; /* it copies from another text, of which this is the check */
    uint32_t parent;
};
LP_API enum lp_status lp_blob_info_sized(const void *blob, size_t size, struct lp_blob_info *info,
                                         size_t info_size);
static inline enum lp_status lp_blob_info(const void *blob, size_t size, struct lp_blob_info *info)
{
    return lp_blob_info_sized(blob, size, info, sizeof *info);
}

/* --- Streams: push in, sink out ---------------------------------------------- */

/* Text in, a stream out. */
struct lp_writer;
LP_API enum lp_status lp_writer_new_sized(const struct lp_options *options, size_t options_size,
                                          lp_sink *sink, void *ctx, struct lp_writer **out);
static inline enum lp_status lp_writer_new(const struct lp_options *options, lp_sink *sink,
                                           void *ctx, struct lp_writer **out)
{
    return lp_writer_new_sized(options, sizeof *options, sink, ctx, out);
}
LP_API void lp_writer_free(struct lp_writer *writer);
LP_API enum lp_status lp_writer_push(struct lp_writer *writer, const void *text, size_t n);
/* With LP_WHOLE: the record ends here. With the other splits: what follows the
 * last separator, if anything, is a record of its own; what comes after it is in
 * a new segment, as only a segment's last record can be without separator. */
LP_API enum lp_status lp_writer_end_record(struct lp_writer *writer);
/* Ends the segment. After any error no end is ever written. */
LP_API enum lp_status lp_writer_finish(struct lp_writer *writer);

/* A stream in, the same stream out, its blocks compressed with zstd (options:
 * level, dict, threads), or with the chain LP_CHAIN_TOKENS_MIX mixed (model,
 * fast, threads; where model is NULL the finder is asked for the vocabulary's).
 * Those that a simpler chain stores smaller keep it. Mixing a segment of text is
 * LP_USAGE, and so is giving it a window. With a window (options: window, key,
 * block_size, flush) blocks are cut anew, and with LP_CHAIN_TOKENS what they do
 * not copy stays uncompressed. */
struct lp_recoder;
LP_API enum lp_status lp_recoder_new_sized(const struct lp_options *options, size_t options_size,
                                           lp_finder *find, void *find_ctx, lp_sink *sink,
                                           void *sink_ctx, struct lp_recoder **out);
static inline enum lp_status lp_recoder_new(const struct lp_options *options, lp_finder *find,
                                            void *find_ctx, lp_sink *sink, void *sink_ctx,
                                            struct lp_recoder **out)
{
    return lp_recoder_new_sized(options, sizeof *options, find, find_ctx, sink, sink_ctx, out);
}
LP_API void lp_recoder_free(struct lp_recoder *recoder);
LP_API enum lp_status lp_recoder_push(struct lp_recoder *recoder, const void *data, size_t n);
/* One of several inputs ends here: LP_TRUNCATED unless a segment just ended. */
LP_API enum lp_status lp_recoder_end_input(struct lp_recoder *recoder);
LP_API enum lp_status lp_recoder_finish(struct lp_recoder *recoder);
/* As lp_reader_offset() and lp_reader_need(). */
LP_API uint64_t lp_recoder_offset(const struct lp_recoder *recoder);
LP_API const struct lp_need *lp_recoder_need(const struct lp_recoder *recoder);

/* What recovery could not restore: all between two good blocks. Where a count
 * is not known (damage to the index too) it is UINT64_MAX. */
struct lp_loss {
    uint64_t offset, size;           /* stored bytes skipped */
    uint64_t first_record, nrecords; /* numbered from 1 in the stream */
    uint64_t text_offset, text_size; /* bytes of the text */
    enum lp_status why;
    bool begun, continued; /* the record before the loss goes on in it; it goes on in the record
                            * after it. Both are false where a count is not known */
};
typedef void lp_on_loss(void *ctx, const struct lp_loss *loss);

/* Takes ids of a record of a token stream, or of a part of one: with end set the
 * record ends here. */
typedef enum lp_status lp_on_ids(void *ctx, const struct lp_vocab *vocab, const uint32_t *ids,
                                 size_t nids, bool end);

/* Told of the end of each record once the sink has got all of it: its number, from 1 among those
 * that this reader has handed out, and its size in bytes, with the separator that it has. Of a
 * record at the edge of a loss it is what is left. Returns as a sink does. */
typedef enum lp_status lp_on_record(void *ctx, uint64_t number, uint64_t size);

/* Takes the text of a block at once, and where records end in it: nends offsets, ascending. What is
 * after the last of them goes on in the next block; where a stream or a loss cuts a record, its end
 * comes alone, with no text. Returns as a sink does. */
typedef enum lp_status lp_on_block(void *ctx, const void *text, size_t n, const uint64_t *ends,
                                   size_t nends);

struct lp_reader_options {
    lp_finder *find;
    void *find_ctx;
    uint64_t memory; /* the most that all blocks at once may need, 0: LP_MEMORY_DEFAULT */
    unsigned threads;
    lp_on_loss *on_loss; /* set: skip damage and report it (lpunpack --recover) */
    void *loss_ctx;
    lp_on_ids *on_ids; /* set: records go there as ids, and no text to the sink; a stream
                        * without tokens is LP_USAGE */
    void *ids_ctx;
    lp_on_record *on_record; /* set: told of each record; not with on_ids, nor by lp_file */
    void *record_ctx;
    lp_interrupt *interrupt; /* or NULL */
    void *interrupt_ctx;
    uint64_t max_text; /* the most text that this handle hands out in all; what would go beyond is
                        * not handed out at all: LP_MAX_TEXT. 0: any */
    lp_on_block *on_block; /* set: text goes there, and none to the sink; not with on_ids or
                            * on_record, nor by lp_file */
    void *block_ctx;
};

/* A stream in, its text out. Nothing leaves that has not been checked. */
struct lp_reader;
LP_API enum lp_status lp_reader_new_sized(const struct lp_reader_options *options,
                                          size_t options_size, lp_sink *sink, void *sink_ctx,
                                          struct lp_reader **out);
static inline enum lp_status lp_reader_new(const struct lp_reader_options *options, lp_sink *sink,
                                           void *sink_ctx, struct lp_reader **out)
{
    return lp_reader_new_sized(options, sizeof *options, sink, sink_ctx, out);
}
LP_API void lp_reader_free(struct lp_reader *reader);
LP_API enum lp_status lp_reader_push(struct lp_reader *reader, const void *data, size_t n);
/* The input ends here: LP_TRUNCATED unless a segment just ended. With recovery,
 * LP_DATA when anything was lost. */
LP_API enum lp_status lp_reader_finish(struct lp_reader *reader);
/* Offset in the input of the frame at which an error was met. */
LP_API uint64_t lp_reader_offset(const struct lp_reader *reader);
/* What a stream needed and the finder did not have, after LP_NO_VOCAB,
 * LP_NO_DICT or LP_NO_MODEL; what was met, after LP_VERSION. Valid until the
 * reader is freed. */
LP_API const struct lp_need *lp_reader_need(const struct lp_reader *reader);

/* --- Random access and listing ----------------------------------------------- */

/* Reads n bytes at offset. LP_OK or LP_IO; the end of the file is LP_TRUNCATED. */
typedef enum lp_status lp_read_at(void *ctx, uint64_t offset, void *data, size_t n);

/* What a segment's frames say. */
struct lp_segment {
    uint64_t offset, size; /* in the file */
    enum lp_chain chain;
    enum lp_split split;
    char vocab[33]; /* "" without tokens */
    uint64_t vocab_fingerprint;
    uint64_t dict;        /* fingerprint of the dictionary, 0 none */
    uint64_t model;       /* of the model, 0 none */
    uint64_t block_limit; /* text bytes a block has at most */
    uint64_t nblocks, nrecords, text_size;
    uint32_t check;  /* of the whole segment, as its end has it */
    uint64_t window; /* bytes of codes that copies reach back, 0: blocks stand by themselves */
    uint64_t nkeys;  /* blocks that need no block before them */
};

/* A seekable stream of size bytes. LP_NOT_LP: of none. */
struct lp_file;
LP_API enum lp_status lp_file_open_sized(lp_read_at *read, void *read_ctx, uint64_t size,
                                         const struct lp_reader_options *options,
                                         size_t options_size, struct lp_file **out);
static inline enum lp_status lp_file_open(lp_read_at *read, void *read_ctx, uint64_t size,
                                          const struct lp_reader_options *options,
                                          struct lp_file **out)
{
    return lp_file_open_sized(read, read_ctx, size, options, sizeof *options, out);
}
LP_API void lp_file_close(struct lp_file *file);
/* The i-th segment from the start: headers only. LP_USAGE past the last. */
LP_API enum lp_status lp_file_segment_sized(struct lp_file *file, size_t i,
                                            struct lp_segment *segment, size_t segment_size);
static inline enum lp_status lp_file_segment(struct lp_file *file, size_t i,
                                             struct lp_segment *segment)
{
    return lp_file_segment_sized(file, i, segment, sizeof *segment);
}
/* How many records the file holds. */
LP_API enum lp_status lp_file_records(struct lp_file *file, uint64_t *nrecords);
/* Writes record number n, from 1, with its separator as it stands in the text;
 * reads the end, the index and the blocks that hold it, and keeps the last block. LP_USAGE past the
 * last. */
LP_API enum lp_status lp_file_record(struct lp_file *file, uint64_t n, lp_sink *sink, void *ctx);
LP_API uint64_t lp_file_offset(const struct lp_file *file);
LP_API const struct lp_need *lp_file_need(const struct lp_file *file);

/* --- LoPace's blobs ------------------------------------------------------------ */

/* What the Python package LoPace makes of a prompt: zstd of the text; its token
 * payload (a byte 0 or 1, then ids of 16 or 32 bits, little-endian); zstd of that. */
enum lp_lopace { LP_LOPACE_ZSTD, LP_LOPACE_TOKEN, LP_LOPACE_HYBRID };

/* Makes a LoPace blob of a text: by the codec's vocabulary, unless it is LP_LOPACE_ZSTD, and its
 * level. It is handed out once it has been restored and compared with the text (unless
 * unverified is set). A frame of zstd says how large its content is. */
LP_API enum lp_status lp_lopace_pack(struct lp_codec *codec, enum lp_lopace kind, const void *text,
                                     size_t n, const void **blob, size_t *size);

/* Restores the text of a LoPace blob, at most limit bytes. */
LP_API enum lp_status lp_lopace_unpack(struct lp_codec *codec, enum lp_lopace kind,
                                       const void *blob, size_t size, size_t limit,
                                       const void **text, size_t *n);

#ifdef __cplusplus
}
#endif

#endif
