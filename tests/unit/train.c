/* train - models adapt to docs, whatever docs and model hold: what the result encodes it decodes
 * again. And a tree has all leaves, on short paths.
 *
 * usage: train VOCAB_FILE MODEL_FILE */
#include "mix/mix.h"
#include "train/parts.h"

#include <math.h>
#include <stdio.h>

static int failures;

static void must(enum lp_status status, const char *what)
{
    if (status == LP_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, lp_status_text(status));
    exit(1);
}

static void fail(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    failures++;
}

static uint32_t noise(void)
{
    static uint32_t seed = 7;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static void add(struct lp_docs *docs, const uint32_t *ids, size_t n)
{
    must(lp_docs_add(docs, ids, n, 1) ? LP_OK : LP_NOMEM, "docs");
}

/* Adds docs that have much in common, and numbers. */
static void add_alike(struct lp_docs *docs, uint32_t ndocs, uint32_t seed)
{
    uint32_t ids[300];
    for (uint32_t d = 0; d < ndocs; d++) {
        for (uint32_t i = 0; i < 300; i++) {
            seed = seed * 1664525 + 1013904223;
            ids[i] = i % 10 == 9 ? seed >> 8 & 1023 : i * 7919 % 50000;
        }
        add(docs, ids, 300);
    }
}

/* The bytes of the code of a doc, which must decode; 0 if the model cannot code it. */
static size_t code(const struct lp_model *model, const uint32_t *ids, size_t n, const char *name)
{
    struct lp_mix *mix;
    struct lp_buf code = {0};
    const struct lp_ids *back;
    must(lp_mix_new(model, false, &mix), name);
    enum lp_status status = lp_mix_encode(mix, ids, n, &code);
    if (status == LP_OK) {
        must(lp_mix_decode(mix, code.p, code.n, n, &back), name);
        if (back->n != n || (n > 0 && memcmp(back->v, ids, n * sizeof *ids) != 0))
            fail(name, "other ids came back");
    }
    size_t size = status == LP_OK ? code.n : 0;
    lp_mix_free(mix);
    lp_buf_free(&code);
    return size;
}

/* Writes a list of n successors, of which some are placed, and checks its successors; returns the
 * count of others. */
static uint32_t list_of(const struct lp_tree *tree, struct lp_successor *list, uint32_t n,
                        uint32_t placed, const uint32_t *expected, uint32_t nexpected)
{
    unsigned char bytes[LP_FOLLOW_SIZE];
    const struct lp_successors of = {.list = list, .n = n, .placed = placed};
    const uint32_t room = lp_list_room(&of, 2);
    if (room != lp_list_room_of(nexpected))
        fail("places", "another size");
    lp_list_put(tree, &of, room, bytes);
    struct lp_follow f = {.at = bytes, .root = bytes + lp_follow_root(room), .room = room};
    lp_follow_read(&f);
    if (f.n != nexpected)
        fail("places", "too many or too few");
    for (uint32_t i = 0; i < f.n; i++) {
        if (lp_follow_leaf(&f, i) != expected[i])
            fail("places", "not as they were");
    }
    return lp_follow_others(&f) - 1;
}

/* Cells name successors by place, so placed ones stay where they are; new ones fill the gaps and
 * then the end. Spare room takes some that count less than asked for. */
static void test_places(const struct lp_model *base)
{
    struct lp_successor five[] = {{10, 9}, {11, 1}, {12, 8}, {13, 3}, {20, 5}, {21, 7}, {22, 1}};
    struct lp_successor less[] = {{10, 9}, {11, 1}, {12, 8}, {13, 1}, {20, 5}, {21, 7}};
    struct lp_successor four[] = {{10, 9}, {11, 0.1F}, {12, 0.1F}, {13, 5}};
    struct lp_successor six[] = {{9, 3}, {4, 6}, {5, 5}, {6, 4}, {7, 3}, {8, 3}, {3, 1}, {2, 0}};
    struct lp_tree tree;
    must(lp_tree_of(base, &tree), "tree");
    if (list_of(&tree, five, 7, 4, (const uint32_t[]){10, 21, 12, 13, 20}, 5) != 2)
        fail("places", "others count something else");
    list_of(&tree, less, 6, 4, (const uint32_t[]){10, 11, 12, 21, 20}, 5);
    list_of(&tree, four, 4, 4, (const uint32_t[]){10, 11, 12, 13}, 4);
    list_of(&tree, six, 8, 0, (const uint32_t[]){4, 5, 6, 7, 8, 9, 3}, 7);
    lp_tree_free(&tree);
}

/* Counts keep their three highest binary digits. */
static void test_counts(void)
{
    static const uint32_t count[][2] = {{0, 0},      {1, 1},        {2, 2},         {7, 7},
                                        {9, 8},      {15, 14},      {16383, 14336}, {32767, 28672},
                                        {1023, 896}, {65536, 28672}};
    for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
        if (lp_follow_int(lp_follow_float(count[i][0])) != count[i][1])
            fail("counts", "not the nearest below");
    }
}

/* Whatever is still in a list has its place. Returns how many successors are new. */
static uint32_t check_places(const struct lp_model *base, const struct lp_model *adapted)
{
    uint32_t changed = 0;
    for (uint32_t last = 0; last <= base->nleaves; last++) {
        struct lp_follow old, new;
        lp_follow_open(base, last, &old);
        lp_follow_open(adapted, last, &new);
        for (uint32_t i = 0; i < new.n; i++) {
            const uint32_t leaf = lp_follow_leaf(&new, i);
            uint32_t was = i < old.n && lp_follow_leaf(&old, i) == leaf ? i : 0;
            while (was < old.n && lp_follow_leaf(&old, was) != leaf)
                was++;
            changed += was == old.n;
            if (was != i && was < old.n && was < new.room)
                fail("adapted lists", "a successor has another place");
        }
    }
    return changed;
}

/* Adapts base to docs, if possible, and codes some ids with the result. */
static size_t adapt(const struct lp_vocab *vocab, const struct lp_model *base,
                    const struct lp_docs *docs, const uint32_t *ids, size_t n, const char *name)
{
    struct lp_trainer t = {.vocab = vocab, .base = base};
    struct lp_buf image = {0};
    struct lp_model model;
    size_t size = 0;
    enum lp_status status = lp_train_adapt(&t, docs, &image);
    if (status == LP_OK) {
        must(lp_model_view(image.p, image.n, &model), name);
        must(lp_model_verify(&model), name);
        if (image.n != base->file_size)
            fail(name, "another size");
        if (check_places(base, &model) == 0 && docs->n > 1000)
            fail(name, "nothing new follows");
        size = code(&model, ids, n, name);
    } else if (status != LP_DATA) {
        must(status, name);
    }
    lp_buf_free(&image);
    return size;
}

/* Makes a new model of docs with the base's tree, which must code; or a base that is refused. */
static void renew(const struct lp_vocab *vocab, const struct lp_model *base,
                  const struct lp_docs *docs, const char *name)
{
    const struct lp_trainer t = {
        .vocab = vocab, .base = base, .sizes = {.follow = 65536, .cell = 65536, .nodes = 100}};
    struct lp_buf image = {0};
    struct lp_model model;
    enum lp_status status = lp_train_new(&t, docs, &image);
    if (status == LP_OK) {
        must(lp_model_view(image.p, image.n, &model), name);
        must(lp_model_verify(&model), name);
        code(&model, docs->id, 200, name);
    } else if (status != LP_DATA) {
        must(status, name);
    }
    lp_buf_free(&image);
}

static void test_odd_docs(const struct lp_vocab *vocab, const struct lp_model *base)
{
    enum { MANY = 20000 };
    static uint32_t ids[2 * MANY];
    struct lp_docs docs = {0};
    adapt(vocab, base, &docs, ids, 10, "no docs");
    for (int i = 0; i < 30; i++)
        add(&docs, ids, 0);
    adapt(vocab, base, &docs, ids, 10, "empty docs");
    for (int i = 0; i < 30; i++)
        add(&docs, ids, 1);
    adapt(vocab, base, &docs, ids, 10, "docs of one token");
    add(&docs, ids, MANY);
    adapt(vocab, base, &docs, ids, 10, "one token over and over");
    for (uint32_t i = 0; i < MANY; i++) {
        ids[2 * i] = 5;
        ids[2 * i + 1] = i;
    }
    add(&docs, ids, 2 * MANY);
    adapt(vocab, base, &docs, ids, 2000, "more successors than a list counts");
    ids[3] = (uint32_t)lp_vocab_size(vocab);
    add(&docs, ids, 10);
    struct lp_buf image = {0};
    if (lp_train_adapt(&(struct lp_trainer){.vocab = vocab, .base = base}, &docs, &image) !=
        LP_DATA)
        fail("an id of no token", "was taken");
    lp_buf_free(&image);
    lp_docs_free(&docs);
}

/* A base with some bytes overwritten. */
static void test_damaged_base(const struct lp_vocab *vocab, const struct lp_model *base,
                              const struct lp_docs *docs)
{
    enum { HEADS = 10, ROUNDS = HEADS + 2 * LP_LPM_SECTIONS + 4 };
    const size_t size = base->file_size;
    unsigned char *file = malloc(size);
    if (file == NULL)
        exit(1);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(file, base->file, size);
        if (round < HEADS) {
            file[noise() % LP_LPM_HEAD] = (unsigned char)noise();
        } else if (round < HEADS + 2 * LP_LPM_SECTIONS) { /* a section: all ones, or noise */
            int section = (round - HEADS) / 2;
            unsigned char *p = file + (base->section[section] - base->file);
            for (size_t i = 0; i < base->section_size[section]; i++)
                p[i] = (unsigned char)(round % 2 == 0 ? 0xFF : noise());
        } else {
            for (size_t i = 0; i < size / 50; i++)
                file[LP_LPM_HEAD + noise() % (size - LP_LPM_HEAD)] = (unsigned char)noise();
        }
        struct lp_model damaged;
        if (lp_model_view(file, size, &damaged) != LP_OK)
            continue;
        adapt(vocab, &damaged, docs, docs->id, 200, "damaged base");
        if (damaged.index[0] != base->index[0])
            renew(vocab, &damaged, docs, "damaged index");
    }
    free(file);
}

/* The number of steps down to a leaf; 0 if a node on the path is wrong. */
static uint32_t path_length(const struct lp_tree *tree, uint32_t leaf)
{
    uint32_t at = 0, begin = 0, end = tree->nleaves;
    for (uint32_t steps = 1;; steps++) {
        const struct lp_tree_node *node = &tree->node[at];
        bool good = node->n >= 2 && node->n <= LP_NODE_CHILDREN && node->begin[0] == begin &&
                    node->begin[node->n] == end;
        for (uint32_t k = 0; good && k < node->n; k++) {
            const uint32_t units = (node->begin[k] - begin) >> node->shift;
            good = node->begin[k] < node->begin[k + 1] && units < LP_NODE_NONE &&
                   begin + (units << node->shift) == node->begin[k];
        }
        if (!good)
            return 0;
        const uint32_t child = lp_tree_child(node, leaf);
        if (!lp_tree_inner(node, child))
            return steps;
        begin = node->begin[child];
        end = node->begin[child + 1];
        at = lp_tree_below(node, child);
        if (at >= tree->nnodes)
            return 0;
    }
}

/* A tree of n leaves; lumped: the first ones have nearly all of the weight. */
static void test_tree(uint32_t n, bool lumped)
{
    struct lp_tree tree = {.size = n,
                           .nleaves = n,
                           .leaf = malloc(n * sizeof *tree.leaf),
                           .id = malloc(n * sizeof *tree.id),
                           .row = malloc(((size_t)n + 1) * sizeof *tree.row)};
    double *count = calloc(n, sizeof *count), all = 0, entropy = 0, steps = 0;
    uint16_t *height = calloc((size_t)n + 1, sizeof *height);
    if (tree.leaf == NULL || tree.id == NULL || tree.row == NULL || count == NULL || height == NULL)
        exit(1);
    for (uint32_t i = 0; i < n; i++) {
        tree.id[i] = n - 1 - i;
        tree.leaf[n - 1 - i] = i;
        tree.row[i] = (uint16_t)(n - 1 - i);
        height[i] = (uint16_t)(noise() % 30 == 0 ? noise() % 600 : 0);
        count[n - 1 - i] = lumped ? (i < 1 + n / 100 ? 1e6 : 0.01) : 1e6 / (1 + noise() % n);
        all += count[n - 1 - i];
    }
    must(lp_tree_lay_out(&tree, count, height), "tree");
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t id = tree.id[i], walk = path_length(&tree, i);
        if (id >= n || tree.leaf[id] != i || tree.row[i] != (uint16_t)id)
            fail("tree", "has not all leaves");
        if (walk == 0)
            fail("tree", "a way that leads nowhere");
        entropy -= count[id] / all * log2(count[id] / all);
        steps += count[id] / all * walk;
    }
    if (steps > 1.5 + entropy / 4)
        fail("tree", "long ways");
    if (tree.nnodes > 1 + LP_NODE_CHILDREN + LP_NODE_CHILDREN * LP_NODE_CHILDREN + n / 14)
        fail("tree", "many nodes");
    lp_tree_free(&tree);
    free(count);
    free(height);
}

int main(int argc, char **argv)
{
    struct lp_vocab *vocab;
    struct lp_model *base;
    struct lp_docs docs = {0}, other = {0};
    if (argc != 3)
        return 2;
    must(lp_vocab_open(argv[1], &vocab), argv[1]);
    must(lp_model_open(argv[2], &base), argv[2]);
    for (uint32_t n = 2; n < 200000; n += 1 + n * 5 / 4) {
        test_tree(n, false);
        test_tree(n, true);
    }
    add_alike(&docs, 30, 1);
    add_alike(&other, 1, 2);
    size_t before = code(base, other.id, other.n, "the model as it is");
    size_t after = adapt(vocab, base, &docs, other.id, other.n, "docs alike");
    if (after == 0 || 2 * after > before)
        fail("docs alike", "were not learnt");
    if (adapt(vocab, base, &docs, other.id, other.n, "docs alike") != after)
        fail("docs alike", "gave another model");
    test_counts();
    test_places(base);
    test_odd_docs(vocab, base);
    test_damaged_base(vocab, base, &docs);
    lp_docs_free(&docs);
    lp_docs_free(&other);
    lp_model_close(base);
    lp_vocab_close(vocab);
    return failures > 0;
}
