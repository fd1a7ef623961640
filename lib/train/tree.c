/* tree.c - the tree of leaves: laying it out by frequency, and as a model stores it. */
#include "train/parts.h"

#include <math.h>
#include <stdlib.h>

void lp_tree_free(struct lp_tree *tree)
{
    free(tree->leaf);
    free(tree->id);
    free(tree->row);
    free(tree->node);
}

bool lp_tree_inner(const struct lp_tree_node *node, uint32_t child)
{
    return node->begin[child + 1] - node->begin[child] > 1;
}

uint32_t lp_tree_child(const struct lp_tree_node *node, uint32_t leaf)
{
    uint32_t k = 0;
    while (leaf >= node->begin[k + 1])
        k++;
    return k;
}

uint32_t lp_tree_below(const struct lp_tree_node *node, uint32_t child)
{
    uint32_t below = node->first;
    for (uint32_t k = 0; k < child; k++)
        below += lp_tree_inner(node, k);
    return below;
}

/* --- Laying out ------------------------------------------------------------------------ */

/* A leaf's weight is its count to this power: frequent leaves are mostly chosen from an offer, so
 * they take the path down the tree less often than they occur. */
static const double WEIGHT = 0.8;

/* A leaf's count; one that never occurred may still occur. */
static double count_of(const struct lp_tree *tree, const double *count, uint32_t leaf)
{
    const double UNSEEN = 0.05;
    return count[tree->id[leaf]] + UNSEEN;
}

/* The root and its children are split top down, between classes that are least alike. Each part
 * below these, of about 400 leaves, is built bottom up, by weight alone: classes mean little there,
 * paths get shorter, and nearly all nodes have sixteen children. */
enum { UPPER_NODES = 1 + LP_NODE_CHILDREN };

struct layout {
    struct lp_tree *tree;
    double *weight;         /* cumulative, of the leaves before each one */
    const uint16_t *height; /* of the boundary before each leaf; 0 within a class */
    uint32_t *joined;       /* the last merge across the boundary before each leaf; or 0 */
};

/* Where to split leaves from a to b: at the highest boundary that leaves 30% of the weight on each
 * side, else at the one nearest to the middle. */
static uint32_t split(const struct layout *l, uint32_t a, uint32_t b)
{
    const double *weight = l->weight;
    double total = weight[b] - weight[a];
    uint32_t lo = a + 1, hi = b;
    while (lo < hi) { /* find the first one with more than half before it */
        uint32_t i = (lo + hi) / 2;
        if (weight[i] - weight[a] < total / 2)
            lo = i + 1;
        else
            hi = i;
    }
    uint32_t best = lo >= b ? b - 1 : lo;
    if (best > a + 1 &&
        weight[best] - weight[a] - total / 2 > total / 2 - (weight[best - 1] - weight[a]))
        best--;
    uint16_t top = 0;
    for (uint32_t i = best; i > a && weight[i] - weight[a] >= 0.3 * total; i--) {
        if (l->height[i] > top) {
            top = l->height[i];
            best = i;
        }
    }
    for (uint32_t i = lo; i < b && weight[b] - weight[i] >= 0.3 * total; i++) {
        if (l->height[i] > top) {
            top = l->height[i];
            best = i;
        }
    }
    return best;
}

/* Splits a child of a node in two at a leaf. */
static void divide_child(struct lp_tree_node *node, uint32_t child, uint32_t at)
{
    const uint32_t division = node->n - 1;
    for (uint32_t i = 0; i < division; i++) {
        uint8_t *side[] = {&node->left[i], &node->right[i]};
        for (int k = 0; k < 2; k++) {
            if (*side[k] == child)
                *side[k] = (uint8_t)(LP_NODE_CHILDREN + division);
            else if (*side[k] > child && *side[k] < LP_NODE_CHILDREN)
                ++*side[k];
        }
    }
    node->left[division] = (uint8_t)child;
    node->right[division] = (uint8_t)(child + 1);
    for (uint32_t k = ++node->n; k > child + 1; k--)
        node->begin[k] = node->begin[k - 1];
    node->begin[child + 1] = at;
}

/* Splits the leaves from begin[0] to begin[1] into children: the heaviest part in two, again and
 * again. */
static void divide(const struct layout *l, struct lp_tree_node *node)
{
    const uint32_t a = node->begin[0], unit = (uint32_t)1 << node->shift;
    uint32_t whole = 0; /* parts that no unit boundary splits: a bit each */
    while (node->n < LP_NODE_CHILDREN) {
        uint32_t heaviest = LP_NODE_CHILDREN;
        double most = -1;
        for (uint32_t k = 0; k < node->n; k++) {
            const double weight = l->weight[node->begin[k + 1]] - l->weight[node->begin[k]];
            if (lp_tree_inner(node, k) && !(whole >> k & 1) && weight > most) {
                most = weight;
                heaviest = k;
            }
        }
        if (heaviest == LP_NODE_CHILDREN)
            break;
        const uint32_t from = node->begin[heaviest], to = node->begin[heaviest + 1];
        uint32_t at = split(l, from, to);
        at = a + (at - a + unit / 2) / unit * unit;
        at = at <= from ? from + unit : at >= to ? (to - 1 - a) / unit * unit + a : at;
        if (at <= from || at >= to) {
            whole |= 1u << heaviest;
            continue;
        }
        const uint32_t low = ((uint32_t)1 << heaviest) - 1;
        whole = (whole & low) | (whole & ~low) << 1;
        divide_child(node, heaviest, at);
    }
}

/* Splits a node where the children from a to b begin, as evenly as possible. */
static void divide_at(struct lp_tree_node *node, const uint32_t *begin, uint32_t a, uint32_t b)
{
    const uint32_t mid = a + (b - a) / 2;
    if (b - a < 2)
        return;
    divide_child(node, lp_tree_child(node, begin[mid]), begin[mid]);
    divide_at(node, begin, a, mid);
    divide_at(node, begin, mid, b);
}

/* A leaf, or a merge of parts. */
struct part {
    double weight;
    uint32_t leaf, begin, size; /* leaf before, begin after reordering; size in leaves */
    uint32_t n, child[LP_NODE_CHILDREN];
};

static int by_weight(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return x->weight < y->weight   ? -1
           : x->weight > y->weight ? 1
           : x->leaf < y->leaf     ? -1
                                   : x->leaf > y->leaf;
}

/* Merges the sixteen lightest of n leaves and earlier merges until one part is left: a 16-ary
 * Huffman code. The first merge takes fewer, so that every later one is full. Returns the last
 * part. */
static uint32_t join_lightest(struct part *part, uint32_t n)
{
    uint32_t many = (n - 2) % (LP_NODE_CHILDREN - 1) + 2, leaf = 0, joined = n, end = n;
    qsort(part, n, sizeof *part, by_weight);
    for (uint32_t left = n; left > 1; many = LP_NODE_CHILDREN) {
        struct part *new = &part[end];
        for (uint32_t k = 0; k < many; k++) {
            const bool light =
                leaf < n && (joined == end || part[leaf].weight <= part[joined].weight);
            const uint32_t child = light ? leaf++ : joined++;
            new->child[new->n++] = child;
            new->weight += part[child].weight;
            new->size += part[child].size;
        }
        left -= many - 1;
        end++;
    }
    return end - 1;
}

/* Moves the leaves from a on to where their parts begin. */
static bool reorder(const struct layout *l, uint32_t a, const struct part *part, uint32_t n)
{
    struct lp_tree *tree = l->tree;
    uint32_t *id = malloc(n * sizeof *id);
    uint16_t *row = malloc(n * sizeof *row);
    const bool good = id != NULL && row != NULL;
    if (good) {
        memcpy(id, tree->id + a, n * sizeof *id);
        memcpy(row, tree->row + a, n * sizeof *row);
    }
    for (uint32_t i = 0; good && i < n; i++) {
        const uint32_t from = part[i].leaf - a, to = part[i].begin;
        tree->id[to] = id[from];
        tree->row[to] = row[from];
        tree->leaf[id[from]] = to;
        l->weight[to + 1] = part[i].weight;
    }
    for (uint32_t i = a; good && i < a + n; i++)
        l->weight[i + 1] += l->weight[i];
    free(id);
    free(row);
    return good;
}

/* Builds the part of the leaves from a to b. */
static bool join(const struct layout *l, uint32_t a, uint32_t b)
{
    const uint32_t n = b - a;
    struct part *part = calloc(2 * (size_t)n, sizeof *part);
    if (part == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++)
        part[i] = (struct part){
            .weight = l->weight[a + i + 1] - l->weight[a + i], .leaf = a + i, .size = 1};
    const uint32_t whole = join_lightest(part, n);
    part[whole].begin = a;
    for (uint32_t i = whole; i >= n; i--) {
        for (uint32_t k = 0, at = part[i].begin; k < part[i].n; k++) {
            struct part *child = &part[part[i].child[k]];
            child->begin = at;
            at += child->size;
            if (k > 0)
                l->joined[child->begin] = i;
        }
    }
    const bool good = reorder(l, a, part, n);
    free(part);
    return good;
}

/* Splits a node into the parts of its last merge. */
static void divide_joined(const struct layout *l, struct lp_tree_node *node)
{
    const uint32_t a = node->begin[0], b = node->begin[1];
    uint32_t begin[LP_NODE_CHILDREN] = {a}, n = 1, last = 0;
    for (uint32_t i = a + 1; i < b; i++)
        last = l->joined[i] > last ? l->joined[i] : last;
    for (uint32_t i = a + 1; i < b; i++) {
        if (l->joined[i] == last)
            begin[n++] = i;
    }
    divide_at(node, begin, 0, n);
}

/* The heaviest node that is not laid out yet; the number of nodes if none is left. */
static uint32_t heaviest_open(const struct layout *l)
{
    const struct lp_tree *tree = l->tree;
    uint32_t heaviest = tree->nnodes;
    double most = -1;
    for (uint32_t i = 0; i < tree->nnodes; i++) {
        const struct lp_tree_node *node = &tree->node[i];
        if (node->n == 1 && l->weight[node->begin[1]] - l->weight[node->begin[0]] > most) {
            most = l->weight[node->begin[1]] - l->weight[node->begin[0]];
            heaviest = i;
        }
    }
    return heaviest;
}

/* Lays out the heaviest node first, so that the nodes visited most have the lowest numbers. */
static enum lp_status lay_out(const struct layout *l)
{
    struct lp_tree *tree = l->tree;
    struct lp_tree_node *node = tree->node;
    node[0] = (struct lp_tree_node){.begin = {0, tree->nleaves}, .n = 1};
    tree->nnodes = 1;
    for (uint32_t at = 0; at < tree->nnodes; at = heaviest_open(l)) {
        struct lp_tree_node *here = &node[at];
        const uint32_t a = here->begin[0], b = here->begin[1];
        while ((b - a) >> here->shift >= LP_NODE_NONE)
            here->shift++;
        if (at < UPPER_NODES || here->shift > 0)
            divide(l, here);
        else if (l->joined[a + 1] > 0 || join(l, a, b))
            divide_joined(l, here);
        else
            return LP_NOMEM;
        here->first = tree->nnodes;
        for (uint32_t k = 0; k < here->n; k++) {
            if (lp_tree_inner(here, k))
                node[tree->nnodes++] =
                    (struct lp_tree_node){.begin = {here->begin[k], here->begin[k + 1]}, .n = 1};
        }
    }
    return LP_OK;
}

enum lp_status lp_tree_lay_out(struct lp_tree *tree, const double *count, const uint16_t *height)
{
    const uint32_t n = tree->nleaves;
    const struct layout l = {tree, malloc(((size_t)n + 1) * sizeof *l.weight), height,
                             calloc(n, sizeof *l.joined)};
    enum lp_status status = LP_NOMEM;
    double all = 0;
    tree->node = malloc(n * sizeof *tree->node);
    if (l.weight != NULL && l.joined != NULL && tree->node != NULL) {
        l.weight[0] = 0;
        for (uint32_t i = 0; i < n; i++) {
            l.weight[i + 1] = l.weight[i] + pow(count_of(tree, count, i), WEIGHT);
            all += count_of(tree, count, i);
        }
        status = lay_out(&l);
    }
    free(l.weight);
    free(l.joined);
    if (status != LP_OK)
        return status;
    for (uint32_t k = 0; k < tree->node->n; k++) {
        for (uint32_t i = tree->node->begin[k]; i < tree->node->begin[k + 1]; i++)
            tree->root[k] += count_of(tree, count, i) / all;
    }
    struct lp_tree_node *fitting = realloc(tree->node, tree->nnodes * sizeof *fitting);
    tree->node = fitting != NULL ? fitting : tree->node;
    return LP_OK;
}

/* --- In a model -------------------------------------------------------------------------- */

uint32_t lp_node_cost(double p)
{
    const double cost = -8 * log(p);
    return cost >= LP_NODE_COST_MAX ? LP_NODE_COST_MAX : (uint32_t)lround(cost > 0 ? cost : 0);
}

void lp_tree_put(const struct lp_tree *tree, uint32_t at, unsigned char *p)
{
    const struct lp_tree_node *node = &tree->node[at];
    uint32_t inner = 0;
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++) {
        const uint32_t begin =
            k < node->n ? (node->begin[k] - node->begin[0]) >> node->shift : (uint32_t)LP_NODE_NONE;
        lp_put16(p + LP_NODE_AT_BEGIN + 2 * k, (uint16_t)begin);
        p[LP_NODE_AT_COST + k] = LP_NODE_COST_MAX;
        inner |= (uint32_t)(k < node->n && lp_tree_inner(node, k)) << k;
    }
    lp_put32(p + LP_NODE_AT_LEAF, node->begin[0]);
    lp_put32(p + LP_NODE_AT_END, node->begin[node->n]);
    lp_put32(p + LP_NODE_AT_FIRST, node->first);
    lp_put16(p + LP_NODE_AT_INNER, (uint16_t)inner);
    p[LP_NODE_AT_SHIFT] = (unsigned char)node->shift;
}

enum lp_status lp_tree_of(const struct lp_model *m, struct lp_tree *tree)
{
    *tree = (struct lp_tree){0};
    if (!m->sound)
        return LP_DATA;
    *tree = (struct lp_tree){.size = m->size,
                             .nleaves = m->nleaves,
                             .nrows = m->nrows,
                             .nnodes = m->nnodes,
                             .leaf = malloc(m->size * sizeof *tree->leaf),
                             .id = malloc(m->nleaves * sizeof *tree->id),
                             .row = malloc(((size_t)m->nleaves + 1) * sizeof *tree->row),
                             .node = calloc(m->nnodes, sizeof *tree->node)};
    if (tree->leaf == NULL || tree->id == NULL || tree->row == NULL || tree->node == NULL)
        return LP_NOMEM;
    for (uint32_t i = 0; i < m->size; i++) {
        uint32_t leaf = lp_get24(m->leaf + 3 * (size_t)i);
        tree->leaf[i] = leaf < m->nleaves ? leaf : LP_NO_LEAF;
    }
    for (uint32_t i = 0; i < m->nleaves; i++)
        tree->id[i] = lp_get24(m->id + 3 * (size_t)i);
    for (uint32_t i = 0; i <= m->nleaves; i++)
        tree->row[i] = (uint16_t)lp_leaf_row_number(m, i);
    for (uint32_t i = 0; i <= m->nleaves / LP_INDEX_LEAVES; i++)
        tree->nown += (uint32_t)__builtin_popcountll(
            lp_get64(m->index + LP_INDEX_SIZE * (size_t)i + LP_INDEX_AT_OWN));
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++)
        tree->root[k] = exp(-m->file[LP_LPM_AT_ROOT + k] / 8.0);
    for (uint32_t at = 0; at < m->nnodes; at++) {
        const unsigned char *p = m->node + LP_NODE_SIZE * (size_t)at;
        struct lp_tree_node *node = &tree->node[at];
        node->shift = p[LP_NODE_AT_SHIFT];
        node->first = lp_get32(p + LP_NODE_AT_FIRST);
        uint32_t begin[LP_NODE_CHILDREN], n = 0;
        for (; n < LP_NODE_CHILDREN; n++) {
            const uint32_t b = lp_get16(p + LP_NODE_AT_BEGIN + 2 * n);
            if (b == LP_NODE_NONE)
                break;
            begin[n] = lp_get32(p + LP_NODE_AT_LEAF) + (b << node->shift);
        }
        *node = (struct lp_tree_node){.begin = {begin[0], lp_get32(p + LP_NODE_AT_END)},
                                      .n = 1,
                                      .first = node->first,
                                      .shift = node->shift};
        divide_at(node, begin, 0, n);
    }
    return LP_OK;
}
