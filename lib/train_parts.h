/* train_parts.h - what the parts of the trainer share. */
#ifndef LP_TRAIN_PARTS_H
#define LP_TRAIN_PARTS_H

#include "follow.h"
#include "train.h"

/* Tells the trainer's user what goes on. */
void lp_train_tell(const struct lp_trainer *t, const char *format, ...);

/* A fixed pseudo-random sequence: the next number of 24 bits. */
uint32_t lp_train_draw(uint32_t *seed);

/* --- Counts (train_count.c) ------------------------------------------------------- */

/* What came after a context, and how often. */
struct lp_gram {
    uint64_t key; /* 46 bits of the context's hash (or the leaf before), the leaf */
    uint32_t at;  /* where, in the docs */
    float count;
};

struct lp_grams { /* in the order of their keys */
    struct lp_gram *v;
    size_t n;
};

static const uint64_t LP_GRAM_LEAF = LP_LEAF_MAX - 1; /* of a key: its leaf */
enum { LP_GRAM_SHIFT = 18 };

/* The context, as in a key, of order leaves before position i of a doc that begins
 * at begin. */
uint64_t lp_gram_context(const struct lp_docs *docs, uint32_t nleaves, size_t begin, size_t i,
                         int order);

/* Counts what follows contexts of order leaves (1 to 3). */
enum lp_status lp_grams_count(const struct lp_docs *docs, uint32_t nleaves, int order,
                              struct lp_grams *grams);

/* The gram of a key; NULL when there is none. */
const struct lp_gram *lp_gram_find(const struct lp_grams *grams, uint64_t key);

/* What n occurrences in one doc count: the first fully, the others less and less. */
float lp_diminished(uint32_t n);

/* The class of a cell that is nearest to a count. */
uint32_t lp_class_of(float count);

/* ln(p / (1 - p)) of n1 of n, in 1/256. */
int32_t lp_stretched(double n1, double n);

/* The part of each doc's runs of five tokens that no other doc has; NULL when memory
 * is out. */
float *lp_novelties(const struct lp_docs *docs);

/* --- Tables (train_table.c) --------------------------------------------------------- */

/* The tree of a model, as the codec sees it. */
enum lp_status lp_tree_of(const struct lp_model *model, struct lp_tree *tree);

/* The ids of docs as leaves. LP_DATA for an id that has none. */
enum lp_status lp_leaves_of(const struct lp_tree *tree, const struct lp_docs *docs,
                            uint32_t **leaf);

struct lp_successor {
    uint32_t leaf;
    float count; /* in quarters */
};

enum { LP_LIST_LONGEST = LP_FOLLOW_LONG - 1 };

/* Writes n successors, ascending by leaf, as a list of a model, scaled so that the sum
 * of their counts fits; those of fewer than least are left out, and where they are
 * more than LP_LIST_LONGEST, those that count least. Returns its entries.
 * to: NULL only counts them. */
uint32_t lp_list_put(const struct lp_successor *list, uint32_t n, float least, unsigned char *to);

/* Cells in ascending order say nothing by it, and the file packs better. */
void lp_sort_cells(unsigned char *cells, uint32_t nbuckets);

/* --- The network (train_net.c) ---------------------------------------------------- */

/* The network of a model (net.h), as its sections. */
struct lp_net_tables {
    uint32_t nrows, nnodes;
    unsigned char *row, *node, *weight;
    unsigned char scale[LP_NET_PLACES];
};

/* Trains a network of at most so many nodes on docs (leaves). The caller frees the
 * tables, also after an error. */
enum lp_status lp_net_new(const struct lp_trainer *t, const struct lp_tree *tree,
                          const struct lp_docs *docs, uint32_t nodes, struct lp_net_tables *out);
/* Trains the nodes of the base model's network on docs; writes the model's sections
 * of them. */
enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight);

/* --- What adapts (train_tune.c) --------------------------------------------------- */

void lp_tune_guess(struct lp_adaptive *initial);

/* Learns initial values on docs (ids) that the model was not made of. */
enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_adaptive *initial);

#endif
