/* train_tree.c - the tree of leaves: laid out by how often its leaves come, and as a
 * model has it. */
#include "train_parts.h"

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

/* A node of less than this part of all leaves' mass is seldom met: what counts there is
 * that nodes are few. */
static const double RARE = 1.0 / 40000;

struct layout {
    const double *mass;     /* of the leaves before each, and of all */
    const uint16_t *height; /* of the boundary before each leaf: 0 within a class */
    double rare;
};

/* Where an interval splits: at the highest boundary that leaves 30% on each
 * side, else at the one nearest to the middle. */
static uint32_t split(const struct layout *l, uint32_t a, uint32_t b)
{
    const double *mass = l->mass;
    double total = mass[b] - mass[a];
    uint32_t lo = a + 1, hi = b;
    while (lo < hi) { /* the first with more than half before it */
        uint32_t i = (lo + hi) / 2;
        if (mass[i] - mass[a] < total / 2)
            lo = i + 1;
        else
            hi = i;
    }
    uint32_t best = lo >= b ? b - 1 : lo;
    if (best > a + 1 && mass[best] - mass[a] - total / 2 > total / 2 - (mass[best - 1] - mass[a]))
        best--;
    uint16_t top = 0;
    for (uint32_t i = best; i > a && mass[i] - mass[a] >= 0.3 * total; i--) {
        if (l->height[i] > top) {
            top = l->height[i];
            best = i;
        }
    }
    for (uint32_t i = lo; i < b && mass[b] - mass[i] >= 0.3 * total; i++) {
        if (l->height[i] > top) {
            top = l->height[i];
            best = i;
        }
    }
    return best;
}

/* Divides a child in two. */
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

/* Divides the leaves from begin[0] to begin[1]: the heaviest part in two, again and
 * again. */
static void divide(const struct layout *l, struct lp_tree_node *node)
{
    const uint32_t a = node->begin[0], unit = (uint32_t)1 << node->shift;
    uint32_t whole = 0; /* parts that cannot be split at a unit's border: a bit each */
    while (node->n < LP_NODE_CHILDREN) {
        uint32_t heaviest = LP_NODE_CHILDREN;
        double most = -1;
        for (uint32_t k = 0; k < node->n; k++) {
            const double mass = l->mass[node->begin[k + 1]] - l->mass[node->begin[k]];
            if (lp_tree_inner(node, k) && !(whole >> k & 1) && mass > most) {
                most = mass;
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

/* The same so that few nodes are below: into whole ones as far as that goes. */
static void divide_evenly(struct lp_tree_node *node)
{
    const uint32_t a = node->begin[0], b = node->begin[1];
    uint32_t part = 1;
    while (part * LP_NODE_CHILDREN < b - a)
        part *= LP_NODE_CHILDREN;
    for (uint32_t at = a + part; at < b; at += part)
        divide_child(node, node->n - 1, at);
}

/* The heaviest node that is not divided yet; the number of nodes if none is. */
static uint32_t heaviest_open(const struct layout *l, const struct lp_tree *tree)
{
    uint32_t heaviest = tree->nnodes;
    double most = -1;
    for (uint32_t i = 0; i < tree->nnodes; i++) {
        const struct lp_tree_node *node = &tree->node[i];
        if (node->n == 1 && l->mass[node->begin[1]] - l->mass[node->begin[0]] > most) {
            most = l->mass[node->begin[1]] - l->mass[node->begin[0]];
            heaviest = i;
        }
    }
    return heaviest;
}

/* The nodes below the heaviest come first, so that those most often met are the first. */
enum lp_status lp_tree_lay_out(struct lp_tree *tree, const double *mass, const uint16_t *height)
{
    const struct layout l = {mass, height, mass[tree->nleaves] * RARE};
    struct lp_tree_node *node = malloc(tree->nleaves * sizeof *node);
    tree->node = node;
    if (node == NULL)
        return LP_NOMEM;
    node[0] = (struct lp_tree_node){.begin = {0, tree->nleaves}, .n = 1};
    tree->nnodes = 1;
    for (uint32_t at = 0; at < tree->nnodes; at = heaviest_open(&l, tree)) {
        struct lp_tree_node *here = &node[at];
        const uint32_t size = here->begin[1] - here->begin[0];
        while (size >> here->shift >= LP_NODE_NONE)
            here->shift++;
        if (mass[here->begin[1]] - mass[here->begin[0]] < l.rare && here->shift == 0)
            divide_evenly(here);
        else
            divide(&l, here);
        here->first = tree->nnodes;
        for (uint32_t k = 0; k < here->n; k++) {
            if (lp_tree_inner(here, k))
                node[tree->nnodes++] =
                    (struct lp_tree_node){.begin = {here->begin[k], here->begin[k + 1]}, .n = 1};
        }
    }
    for (uint32_t k = 0; k < node[0].n; k++)
        tree->root[k] = (mass[node[0].begin[k + 1]] - mass[node[0].begin[k]]) / mass[tree->nleaves];
    struct lp_tree_node *fitting = realloc(node, tree->nnodes * sizeof *node);
    tree->node = fitting != NULL ? fitting : node;
    return LP_OK;
}

/* --- In a model ------------------------------------------------------------------------ */

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
    lp_put32(p + LP_NODE_AT_FIRST, node->first);
    lp_put16(p + LP_NODE_AT_INNER, (uint16_t)inner);
    p[LP_NODE_AT_SHIFT] = (unsigned char)node->shift;
}

/* Divides a node where children from a to b begin, as evenly as can be: how it was
 * divided is not known. */
static void divide_at(struct lp_tree_node *node, const uint32_t *begin, uint32_t a, uint32_t b)
{
    const uint32_t mid = a + (b - a) / 2;
    if (b - a < 2)
        return;
    divide_child(node, lp_tree_child(node, begin[mid]), begin[mid]);
    divide_at(node, begin, a, mid);
    divide_at(node, begin, mid, b);
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
    for (uint32_t i = 0; i <= m->nleaves; i++) {
        uint32_t row = lp_get16(m->row + 2 * (size_t)i);
        tree->row[i] = (uint16_t)(row < m->nrows ? row : 0);
    }
    for (uint32_t k = 0; k < LP_NODE_CHILDREN; k++)
        tree->root[k] = exp(-m->file[LP_LPM_AT_ROOT + k] / 8.0);
    tree->node[0].begin[1] = m->nleaves; /* while a node is to be read: its end */
    for (uint32_t at = 0; at < m->nnodes; at++) {
        const unsigned char *p = m->node + LP_NODE_SIZE * (size_t)at;
        struct lp_tree_node *node = &tree->node[at];
        const uint32_t end = node->begin[1];
        node->shift = p[LP_NODE_AT_SHIFT];
        node->first = lp_get32(p + LP_NODE_AT_FIRST);
        uint32_t begin[LP_NODE_CHILDREN], n = 0;
        for (; n < LP_NODE_CHILDREN; n++) {
            const uint32_t b = lp_get16(p + LP_NODE_AT_BEGIN + 2 * n);
            if (b == LP_NODE_NONE)
                break;
            begin[n] = lp_get32(p + LP_NODE_AT_LEAF) + (b << node->shift);
        }
        *node = (struct lp_tree_node){
            .begin = {begin[0], end}, .n = 1, .first = node->first, .shift = node->shift};
        divide_at(node, begin, 0, n);
        for (uint32_t k = 0, below = node->first; k < node->n; k++) {
            if (lp_tree_inner(node, k))
                tree->node[below++].begin[1] = node->begin[k + 1];
        }
    }
    return LP_OK;
}
