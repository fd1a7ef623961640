/* parts.h - what the parts of the trainer share. */
#ifndef LP_TRAIN_PARTS_H
#define LP_TRAIN_PARTS_H

#include "mix/model_follow.h"
#include "train/train.h"

/* Tells the trainer's user what goes on. */
void lp_train_tell(const struct lp_trainer *t, const char *format, ...);

/* A fixed pseudo-random sequence: the next number of 24 bits. */
uint32_t lp_train_draw(uint32_t *seed);

/* --- Counts (count.c) ------------------------------------------------------- */

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

/* The first gram of no less than a key. */
size_t lp_grams_from(const struct lp_grams *grams, uint64_t key);

/* The gram of a key; NULL when there is none. */
const struct lp_gram *lp_gram_find(const struct lp_grams *grams, uint64_t key);

/* Where the doc of position i begins. */
size_t lp_doc_begin(const struct lp_docs *docs, size_t i);

/* The leaf before position i of docs; nleaves where a doc begins. */
uint32_t lp_leaf_before(const struct lp_docs *docs, uint32_t nleaves, size_t i);

/* What n occurrences in one doc count: the first fully, the others less and less. */
float lp_diminished(uint32_t n);

/* The class of a cell that is nearest to a count. */
uint32_t lp_class_of(float count);

/* The part of each doc's runs of five tokens that no other doc has; NULL when memory
 * is out. */
float *lp_novelties(const struct lp_docs *docs);

/* --- Tables (table.c) --------------------------------------------------------- */

/* The ids of docs as leaves. LP_DATA for an id that has none. */
enum lp_status lp_leaves_of(const struct lp_tree *tree, const struct lp_docs *docs,
                            uint32_t **leaf);

struct lp_successor {
    uint32_t leaf;
    float count; /* in quarters */
};

/* The successors of a leaf, first those that have their places in its list, and what others count
 * by the root's child that has them. */
struct lp_successors {
    struct lp_successor *list;
    uint32_t n, placed;
    double others[LP_NODE_CHILDREN];
};

/* How many successors the list of these has room for: LP_FOLLOW_MAX where more than
 * LP_FOLLOW_SHORT count at least that much, else as many, or 0 if none does. */
uint32_t lp_list_room(const struct lp_successors *of, float least);

static inline uint32_t lp_list_room_of(uint32_t n)
{
    return n > LP_FOLLOW_SHORT ? LP_FOLLOW_MAX : n > 0 ? LP_FOLLOW_SHORT : 0;
}

/* Writes successors as a list of a model with that room, scaled so that the sum of counts fits;
 * those that count least join the others where they are more. */
void lp_list_put(const struct lp_tree *tree, const struct lp_successors *of, uint32_t room,
                 unsigned char *to);

/* The entries of a model's index in the order in which what they have lies: those that count most
 * first. NULL when memory is out. */
uint32_t *lp_entries_by(const double *count, uint32_t nentries);

/* The leaves of an entry: from its first one to this. */
static inline uint32_t lp_entry_end(uint32_t entry, uint32_t nleaves)
{
    const uint32_t end = (entry + 1) * LP_INDEX_LEAVES;
    return end <= nleaves ? end : nleaves + 1;
}

/* The lists of a model, and what its index says of them, as they are made. */
struct lp_lists {
    unsigned char *index, *lists; /* sections */
    unsigned char *few;           /* the short ones, until all long ones are there */
    uint32_t nlong, nshort;
};

/* Counts one of that room; the bytes of so many, and whether there is room for them. */
void lp_lists_count(struct lp_lists *lists, uint32_t room);
size_t lp_lists_size(const struct lp_lists *lists);
bool lp_lists_fit(const struct lp_lists *lists, size_t bytes);

/* Adds that of a leaf, of room 0: none; entries in their order, in each all leaves. */
void lp_lists_add(struct lp_lists *lists, uint32_t leaf, uint32_t room, const unsigned char *list);

/* After the last one. */
void lp_lists_end(struct lp_lists *lists);

/* What stands for a leaf in a cell whose context ends with another: its place among the successors
 * of that, if it is one. Of the model only what lp_follow_open() looks at need be there. */
uint32_t lp_leaf_in_cell(const struct lp_model *m, uint32_t last, uint32_t leaf);

/* Cells that a context has at most, so that others have room in its bucket. */
enum { LP_CELLS_OF_CONTEXT = 6 };

/* Cells in ascending order say nothing by it, and the file packs better. */
void lp_sort_cells(unsigned char *cells, uint32_t nbuckets);

/* --- The tree (tree.c) ------------------------------------------------------ */

/* Lays out nodes for the leaves: count has how often each id comes; height, how unlike each leaf
 * is to the one before. */
enum lp_status lp_tree_lay_out(struct lp_tree *tree, const double *count, const uint16_t *height);

/* The child of a node that has a leaf; whether it is a node; which. */
uint32_t lp_tree_child(const struct lp_tree_node *node, uint32_t leaf);
bool lp_tree_inner(const struct lp_tree_node *node, uint32_t child);
uint32_t lp_tree_below(const struct lp_tree_node *node, uint32_t child);

/* A probability as a cost in a node. */
uint32_t lp_node_cost(double p);

/* Writes a node; its children cost the most there is. */
void lp_tree_put(const struct lp_tree *tree, uint32_t at, unsigned char *to);

/* --- The network (net.c) ---------------------------------------------------- */

/* The network of a model (model_net.h), as its sections; nodes with weights have their costs
 * in its tree's. */
struct lp_net_tables {
    uint32_t nrows, nnets;
    unsigned char *row, *weight;
    unsigned char scale[LP_NET_PLACES];
};

/* Trains a network of at most so many nodes, the first ones, on docs (leaves), completes the
 * model's nodes. The caller frees the tables, also after an error. */
enum lp_status lp_net_new(const struct lp_trainer *t, const struct lp_tree *tree,
                          const struct lp_docs *docs, uint32_t nodes, unsigned char *node,
                          struct lp_net_tables *out);
/* Trains the nodes of the base model's network on docs; writes their costs into the
 * model's nodes, and its section of weights. */
enum lp_status lp_net_adapt(const struct lp_trainer *t, const struct lp_tree *tree,
                            const struct lp_docs *docs, unsigned char *node, unsigned char *weight);

/* --- What choices are mixed by (tune.c) ------------------------------------- */

void lp_tune_guess(struct lp_mixing params[LP_MODES]);

/* Writes it as a model's section has it. */
void lp_tune_put(const struct lp_mixing params[LP_MODES], unsigned char *to);

/* Learns it on docs (ids) that the model was not made of. */
enum lp_status lp_tune(const struct lp_trainer *t, const struct lp_buf *image,
                       const struct lp_docs *docs, struct lp_mixing params[LP_MODES]);

#endif
