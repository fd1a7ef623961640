/* parts.h - what the files of the trainer share. */
#ifndef LP_TRAIN_PARTS_H
#define LP_TRAIN_PARTS_H

#include "mix/model_follow.h"
#include "train/train.h"

/* Reports progress. */
void lp_train_tell(const struct lp_trainer *t, const char *format, ...);

/* The next 24-bit number of a fixed pseudo-random sequence. */
uint32_t lp_train_draw(uint32_t *seed);

/* --- N-gram counts (count.c) --------------------------------------------------- */

/* An n-gram: a context, the leaf after it, and its count. */
struct lp_gram {
    uint64_t key; /* 46 bits of the context: its hash, or its only leaf; then the leaf */
    uint32_t at;  /* of its first occurrence in docs */
    float count;
};

struct lp_grams { /* sorted by key */
    struct lp_gram *v;
    size_t n;
};

static const uint64_t LP_GRAM_LEAF = LP_LEAF_MAX - 1; /* mask of a key's leaf */
enum { LP_GRAM_SHIFT = 18 };

/* The context part of a key: the order leaves before position i of a doc that begins at begin. */
uint64_t lp_gram_context(const struct lp_docs *docs, uint32_t nleaves, size_t begin, size_t i,
                         int order);

/* Counts the n-grams with contexts of order leaves, 1 to 3. */
enum lp_status lp_grams_count(const struct lp_docs *docs, uint32_t nleaves, int order,
                              struct lp_grams *grams);

/* The index of the first n-gram whose key is not below a key. */
size_t lp_grams_from(const struct lp_grams *grams, uint64_t key);

/* The n-gram with a key, or NULL. */
const struct lp_gram *lp_gram_find(const struct lp_grams *grams, uint64_t key);

/* Where the doc of position i begins. */
size_t lp_doc_begin(const struct lp_docs *docs, size_t i);

/* The leaf before position i of docs; nleaves at the begin of a doc. */
uint32_t lp_leaf_before(const struct lp_docs *docs, uint32_t nleaves, size_t i);

/* The count of n occurrences in one doc: 1 for the first, less for each further one. */
float lp_diminished(uint32_t n);

/* The class whose count is nearest. */
uint32_t lp_class_of(float count);

/* The fraction of each doc's runs of five tokens that no other doc has; NULL when memory is out. */
float *lp_novelties(const struct lp_docs *docs);

/* --- Tables (table.c) --------------------------------------------------------- */

/* The leaves of docs' ids, to be freed. LP_DATA for an id that has none. */
enum lp_status lp_leaves_of(const struct lp_tree *tree, const struct lp_docs *docs,
                            uint32_t **leaf);

struct lp_successor {
    uint32_t leaf;
    float count; /* of both texts and models: four times the n-gram count */
};

/* The successors of a leaf: first the placed ones, in the places that its follow list has them in;
 * and the counts of all others, by the root's child that they are below. */
struct lp_successors {
    struct lp_successor *list;
    uint32_t n, placed;
    double others[LP_NODE_CHILDREN];
};

/* The size of the follow list: LP_FOLLOW_MAX, LP_FOLLOW_SHORT or 0, by how many successors count at
 * least `least`. */
uint32_t lp_list_room(const struct lp_successors *of, float least);

static inline uint32_t lp_list_room_of(uint32_t n)
{
    return n > LP_FOLLOW_SHORT ? LP_FOLLOW_MAX : n > 0 ? LP_FOLLOW_SHORT : 0;
}

/* Writes a follow list of a size, with counts scaled so that their sum fits. Successors that do not
 * fit join the others, the least frequent first. */
void lp_list_put(const struct lp_tree *tree, const struct lp_successors *of, uint32_t room,
                 unsigned char *to);

/* The entries of an index by count, the highest first: the order of their lists. NULL when memory
 * is out. */
uint32_t *lp_entries_by(const double *count, uint32_t nentries);

/* One after the last leaf of an index entry; the begin is the last leaf of all. */
static inline uint32_t lp_entry_end(uint32_t entry, uint32_t nleaves)
{
    const uint32_t end = (entry + 1) * LP_INDEX_LEAVES;
    return end <= nleaves ? end : nleaves + 1;
}

/* The follow lists of a model and their part of its index, as they are written. */
struct lp_lists {
    unsigned char *index, *lists; /* sections */
    unsigned char *few;           /* the short lists, until all long ones are written */
    uint32_t nlong, nshort;
};

/* Counts a list of a size; the bytes of the lists counted; whether these fit. */
void lp_lists_count(struct lp_lists *lists, uint32_t room);
size_t lp_lists_size(const struct lp_lists *lists);
bool lp_lists_fit(const struct lp_lists *lists, size_t bytes);

/* Adds the list of a leaf; room 0: none. Call it for each leaf, the entries in order. */
void lp_lists_add(struct lp_lists *lists, uint32_t leaf, uint32_t room, const unsigned char *list);

/* Call it after the last leaf. */
void lp_lists_end(struct lp_lists *lists);

/* What a cell has for a leaf after `last`: the leaf's place in the follow list of `last`, or the
 * leaf itself. Only what lp_follow_open() reads need be in the model. */
uint32_t lp_leaf_in_cell(const struct lp_model *m, uint32_t last, uint32_t leaf);

/* Cells of one context in a bucket, at most: leaves room for other contexts. */
enum { LP_CELLS_OF_CONTEXT = 6 };

/* Sorts the cells of each bucket: their order means nothing, and sorted ones compress better. */
void lp_sort_cells(unsigned char *cells, uint32_t nbuckets);

/* --- The tree (tree.c) ------------------------------------------------------ */

/* Lays out the nodes over the leaves. count: of each id; height: of the boundary before each leaf,
 * higher between leaves less alike. */
enum lp_status lp_tree_lay_out(struct lp_tree *tree, const double *count, const uint16_t *height);

/* The child of a node that has a leaf; whether a child is a node; the number of that node. */
uint32_t lp_tree_child(const struct lp_tree_node *node, uint32_t leaf);
bool lp_tree_inner(const struct lp_tree_node *node, uint32_t child);
uint32_t lp_tree_below(const struct lp_tree_node *node, uint32_t child);

/* The cost, in a node, of a probability. */
uint32_t lp_node_cost(double p);

/* Writes a node, with the highest cost for each child. */
void lp_tree_put(const struct lp_tree *tree, uint32_t at, unsigned char *to);

/* --- The network (net.c) ---------------------------------------------------- */

/* The network of a model (model_net.h) as sections. Biases are the costs in the nodes. */
struct lp_net_tables {
    uint32_t nrows, nupper;
    size_t nweight; /* bytes of weights */
    unsigned char *row, *state, *weight;
    unsigned char scale[LP_NET_PLACES + LP_NET_GATES];
};

struct lp_trained_net;

/* A new network for the first nodes of the tree, at most `nodes`, of which at most `upper` see all
 * of the state. NULL when memory is out. */
struct lp_trained_net *lp_net_new(const struct lp_tree *tree, uint32_t nodes, uint32_t upper);
void lp_net_free(struct lp_trained_net *net);

/* Trains it on docs (leaves) in some rounds, fewer if the docs are many; rate is relative to what
 * suits a new network. */
enum lp_status lp_net_learn(const struct lp_trainer *t, struct lp_trained_net *net,
                            const struct lp_docs *docs, double rounds, float rate);

/* Writes it as sections, and the costs of its nodes to the model's nodes. The caller frees the
 * tables, also on error. */
enum lp_status lp_net_put(const struct lp_trained_net *net, unsigned char *node,
                          struct lp_net_tables *out);

/* Trains the weights of the base model's network on docs; writes them and the costs of their nodes.
 */
enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight);

/* --- Mixing parameters (tune.c) --------------------------------------------- */

void lp_tune_guess(struct lp_mixing params[LP_MODES]);

/* Writes the section of mixing parameters. */
void lp_tune_put(const struct lp_mixing params[LP_MODES], unsigned char *to);

/* Trains the mixing parameters of a model on docs (ids) that it was not made from. */
enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_mixing params[LP_MODES]);

#endif
