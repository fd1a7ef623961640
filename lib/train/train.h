/* train.h - makes models (.lpm) and zstd dictionaries from texts. Not in the library: only lptrain
 * links it.
 *
 * The trainer uses floating point, which the library does not; its results are written into the
 * model as integers. */
#ifndef LP_TRAIN_TRAIN_H
#define LP_TRAIN_TRAIN_H

#include "base/buf.h"
#include "block/dict.h"
#include "mix/model.h"
#include "mix/state.h"

/* Texts as ids, concatenated. */
struct lp_docs {
    uint32_t *id; /* or leaves, where it says so */
    size_t n, cap;
    size_t *end; /* of each doc */
    float *weight;
    uint32_t ndocs, docs_cap;
};

/* The sizes of a model. */
struct lp_train_sizes {
    uint32_t follow, cell; /* bytes of the sections */
    /* Of the network: tokens with rows of their own, nodes with weights, upper ones of these. */
    uint32_t rows, nodes, upper;
};

/* How a model divides nbytes of tables best. */
struct lp_train_sizes lp_train_sizes_of(size_t nbytes);

/* A node of the tree: child k has the leaves from begin[k] to before begin[k + 1]. */
struct lp_tree_node {
    uint32_t begin[LP_NODE_CHILDREN + 1];
    uint32_t n;     /* children */
    uint32_t first; /* the first inner child */
    uint32_t shift; /* children begin at multiples of 1 << shift leaves */
    /* How its children were divided, in two each time: each side is a child, or LP_NODE_CHILDREN +
     * the number of a later division. */
    uint8_t left[LP_NODE_CHILDREN - 1], right[LP_NODE_CHILDREN - 1];
};

/* The tree of leaves, and their rows in the network. */
struct lp_tree {
    uint32_t size, nleaves;
    uint32_t *leaf, *id;       /* of each id, LP_NO_LEAF for none; of each leaf */
    uint16_t *row;             /* of each leaf, and of the begin */
    uint32_t nrows, nown;      /* rows; the first nown are of one leaf each */
    struct lp_tree_node *node; /* parents before children */
    uint32_t nnodes;
    double root[LP_NODE_CHILDREN]; /* the probability of each child of the root */
};

enum { LP_NO_LEAF = 0xFFFFFF };

/* Receives progress messages; may be NULL. */
typedef void lp_train_say(void *ctx, const char *text);

struct lp_trainer {
    const struct lp_vocab *vocab;
    struct lp_train_sizes sizes;
    const struct lp_model *base; /* its tree is used; NULL: a new tree */
    lp_train_say *say;
    void *say_ctx;
};

bool lp_docs_add(struct lp_docs *docs, const uint32_t *ids, size_t n, float weight);
void lp_docs_free(struct lp_docs *docs);

/* Clusters the tokens of docs and lays out a tree. */
enum lp_status lp_train_tree(const struct lp_trainer *t, const struct lp_docs *docs,
                             struct lp_tree *tree);
enum lp_status lp_tree_of(const struct lp_model *model, struct lp_tree *tree);
void lp_tree_free(struct lp_tree *tree);

/* Makes a model from docs and appends its file to image. */
enum lp_status lp_train_new(const struct lp_trainer *t, const struct lp_docs *docs,
                            struct lp_buf *image);

/* Adapts the base model to docs and appends its file, of the same size, to image. */
enum lp_status lp_train_adapt(const struct lp_trainer *t, const struct lp_docs *docs,
                              struct lp_buf *image);

/* What zstd's trainer needs at least. It learns from the first three quarters of the samples, and
 * crashes if they hold fewer than 8 bytes (libzstd 1.5.4 to 1.5.7). Samples are not empty, so 11
 * are safe; 16 would be even if it learned from half of them. The smallest dictionary has 256
 * bytes: one made from fewer bytes cannot be worth its size. */
enum { LP_DICT_SAMPLES_MIN = 16, LP_DICT_BYTES_MIN = 256 };

/* A zstd dictionary made of docs. */
struct lp_trained_dict {
    struct lp_buf file;      /* empty where none was made */
    size_t nsamples, nbytes; /* docs that are not empty, and bytes of their token payloads */
    const char *error;       /* zstd's reason for making none; NULL below the minimum */
};

/* Makes a dictionary of at most size bytes. The caller frees the file. LP_NOMEM. */
enum lp_status lp_train_dict(const struct lp_vocab *vocab, const struct lp_docs *docs, size_t size,
                             struct lp_trained_dict *dict);

/* Whether the n bytes at data begin as a trained dictionary. zstd uses any other bytes too, as
 * raw content. */
bool lp_dict_is_trained(const void *data, size_t n);

/* LP_DATA when zstd can unpack but not pack with a trained dictionary: its tables are damaged. */
enum lp_status lp_dict_verify(const struct lp_dict *dict);

#endif
