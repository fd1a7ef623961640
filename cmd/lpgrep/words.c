#include "lpgrep/words.h"

#include <stdlib.h>
#include <string.h>

/* A trie of the words, made into an automaton: next has for each state and class of bytes the state
 * that follows. State 0 is the root. */
struct words {
    unsigned char class_of[256]; /* 0: a byte that no word has */
    size_t nclasses, nstates;
    uint32_t *next;   /* [state * nclasses + class]: where the next state's row begins, times 2, and
                       * 1 more where a word ends in that */
    uint32_t *length; /* of the word that ends in a state, 0: none */
    uint32_t *suffix; /* the longest proper suffix of a state that is a state */
    uint32_t *shorter; /* the longest such at which a word ends, 0: none */
    uint32_t *depth;
    bool empty;
};

static void sort_bytes(struct words *w, const struct patterns *p)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->v[i].n; k++)
            w->class_of[(unsigned char)p->v[i].text[k]] = 1;
    }
    w->nclasses = 1;
    for (size_t b = 0; b < 256; b++) {
        if (w->class_of[b] != 0)
            w->class_of[b] = (unsigned char)w->nclasses++;
    }
}

static uint32_t *arc(const struct words *w, uint32_t state, unsigned char byte)
{
    return w->next + state * w->nclasses + w->class_of[byte];
}

static void add_word(struct words *w, const struct pattern *p)
{
    uint32_t state = 0;
    for (size_t k = 0; k < p->n; k++) {
        uint32_t *to = arc(w, state, (unsigned char)p->text[k]);
        if (*to == 0) {
            w->depth[w->nstates] = w->depth[state] + 1;
            *to = (uint32_t)w->nstates++;
        }
        state = *to;
    }
    w->length[state] = (uint32_t)p->n;
    w->empty = w->empty || p->n == 0;
}

/* Sets what a state has by its suffix, which is complete. */
static void complete(struct words *w, uint32_t state, uint32_t *queue, size_t *last)
{
    const uint32_t suffix = w->suffix[state];
    w->shorter[state] = w->length[suffix] > 0 ? suffix : w->shorter[suffix];
    for (size_t c = 0; c < w->nclasses; c++) {
        uint32_t *to = w->next + state * w->nclasses + c;
        const uint32_t other = state == 0 ? 0 : w->next[suffix * w->nclasses + c];
        if (*to == 0) {
            *to = other;
        } else {
            w->suffix[*to] = other;
            queue[(*last)++] = *to;
        }
    }
}

/* Makes the trie an automaton, from the root outwards. queue has room for all states. */
static void connect(struct words *w, uint32_t *queue)
{
    size_t first = 0, last = 1;
    for (queue[0] = 0; first < last; first++)
        complete(w, queue[first], queue, &last);
    for (size_t i = 0; i < w->nstates * w->nclasses; i++) {
        const uint32_t to = w->next[i];
        w->next[i] = (uint32_t)(2 * to * w->nclasses) + (w->length[to] > 0 || w->shorter[to] > 0);
    }
}

struct words *words_new(const struct patterns *patterns, uint64_t limit)
{
    uint64_t nbytes = 1;
    for (size_t i = 0; i < patterns->n; i++)
        nbytes += patterns->v[i].n;
    struct words *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    sort_bytes(w, patterns);
    const uint64_t size = nbytes * (w->nclasses + 5) * sizeof *w->next;
    if (nbytes * w->nclasses > UINT32_MAX / 2 || size > limit || size > SIZE_MAX / 2) {
        free(w);
        return NULL;
    }
    w->next = calloc((size_t)nbytes * (w->nclasses + 5), sizeof *w->next);
    if (w->next == NULL) {
        free(w);
        return NULL;
    }
    w->length = w->next + (size_t)nbytes * w->nclasses;
    w->suffix = w->length + nbytes;
    w->shorter = w->suffix + nbytes;
    w->depth = w->shorter + nbytes;
    w->nstates = 1;
    for (size_t i = 0; i < patterns->n; i++)
        add_word(w, &patterns->v[i]);
    connect(w, w->depth + nbytes);
    return w;
}

void words_free(struct words *w)
{
    if (w != NULL)
        free(w->next);
    free(w);
}

bool words_empty(const struct words *w)
{
    return w->empty;
}

size_t words_seek(const struct words *w, const unsigned char *text, size_t n)
{
    uint32_t row = 0;
    for (size_t i = 0; i < n; i++) {
        row = w->next[(row >> 1) + w->class_of[text[i]]];
        if (row & 1)
            return i + 1;
    }
    return 0;
}

bool words_find(const struct words *w, const unsigned char *text, size_t n, size_t from,
                words_check *check, void *ctx, size_t *start, size_t *end)
{
    bool found = w->empty && check(ctx, from, from);
    *start = *end = from;
    for (size_t i = from, row = 0; i < n; i++) {
        row = w->next[row + w->class_of[text[i]]] >> 1;
        const size_t state = row / w->nclasses;
        if (found && i + 1 - w->depth[state] > *start)
            break; /* whatever ends from here on begins later */
        for (size_t s = state; s != 0; s = w->shorter[s]) {
            const size_t begin = i + 1 - w->length[s];
            if (w->length[s] > 0 && (!found || begin <= *start) && check(ctx, begin, i + 1)) {
                found = true;
                *start = begin;
                *end = i + 1;
            }
        }
    }
    return found;
}
