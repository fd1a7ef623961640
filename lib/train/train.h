/* train.h - makes models (.lpm) from texts. Not in the library: only lptrain links it.
 *
 * The trainer uses floating point, which the library does not; its results are written into the
 * model as integers. */
#ifndef LP_TRAIN_TRAIN_H
#define LP_TRAIN_TRAIN_H

#include "base/buf.h"
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
    uint32_t rows, nodes;  /* of the network: tokens with rows of their own, nodes with weights */
};

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

#endif
