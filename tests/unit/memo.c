/* memo - ids that are found in the memo's ring, and are overwritten before they are taken, are
 * those of a merge again.
 *
 * Batches mix words that are new with the oldest that a full ring has: a batch finds these first,
 * and then learns the new ones. Long words are in the ring with their text, short ones in the
 * table, with a position in the ring. What ids a word has, a batch says that sees it once. */
#include "tokens/batch.h"

#include <stdio.h>

enum {
    LONG = 250,              /* bytes of a long word */
    SHORT = LP_KEY_TEXT_MAX, /* and of a short one */
    RING = 1 << LP_RING_LOG_MAX,
    HALF = 50,     /* new words of a batch, and most old ones */
    WORDS = 40000, /* of some 400 bytes in the ring: twice what it holds */
};

struct word {
    unsigned char text[LONG + LP_KEY_SIZE]; /* the last bytes only need to be readable */
    size_t n;
    uint32_t ids[LONG];
    size_t nids;
    uint64_t position; /* in the ring; LP_RING_NONE: it is not there */
};

static uint32_t any(uint32_t n)
{
    static uint32_t seed = 1;
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

static void encode(struct lp_batch *batch, const unsigned char *text, size_t n, struct lp_ids *ids)
{
    ids->n = 0;
    if (lp_batch_encode(batch, text, n, ids) != LP_OK)
        exit(fail("cannot encode"));
}

/* Letters at random, which have many tokens. */
static void make_word(struct lp_batch *once, struct word *word)
{
    struct lp_ids ids = {0};
    word->n = any(2) > 0 ? LONG : SHORT;
    for (size_t i = 0; i < word->n; i++)
        word->text[i] = (unsigned char)('a' + any(26));
    once->end[0] = (uint32_t)word->n;
    encode(once, word->text, 1, &ids);
    memcpy(word->ids, ids.v, ids.n * sizeof *ids.v);
    word->nids = ids.n;
    free(ids.v);
}

/* Encodes a batch of words. Whether their ids are right. */
static bool same_ids(struct lp_batch *batch, struct word *const *words, size_t n)
{
    static unsigned char text[2 * HALF * LONG + LP_KEY_SIZE];
    static uint32_t expected[2 * HALF * LONG];
    struct lp_ids ids = {0};
    size_t size = 0, nids = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(text + size, words[i]->text, words[i]->n);
        memcpy(expected + nids, words[i]->ids, words[i]->nids * sizeof *expected);
        batch->end[i] = (uint32_t)(size += words[i]->n);
        nids += words[i]->nids;
    }
    encode(batch, text, n, &ids);
    const bool same = ids.n == nids && memcmp(ids.v, expected, nids * sizeof *expected) == 0;
    free(ids.v);
    return same;
}

static uint64_t find_position(const struct lp_batch *batch, const struct word *word, size_t i)
{
    const struct lp_batch_key *k = &batch->key[i];
    if (word->n > LP_KEY_TEXT_MAX)
        return lp_memo_ring_find(&batch->memo, word->text, word->n, k->hash);
    const struct lp_memo_entry *entry = lp_memo_find(&batch->memo, k->key, k->hash);
    return entry != NULL && word->nids > LP_MEMO_IDS ? lp_memo_position(entry) : LP_RING_NONE;
}

/* Whether words whose ids are right are so when they are taken from a full ring. taken counts the
 * old words of batches, overwritten those of them whose ids were gone at the end. */
static bool test(struct lp_batch *batch, struct word *words, size_t *taken, size_t *overwritten)
{
    struct word *part[2 * HALF];
    size_t oldest = 0, ids;
    for (size_t i = 0; i < WORDS; i += HALF) {
        const bool full = batch->memo.head > RING;
        size_t n = 0;
        for (; n < HALF; n++)
            part[n] = &words[i + n];
        for (; full && oldest < i && n < 2 * HALF; oldest++)
            if (lp_memo_ring_ids(&batch->memo, words[oldest].position, &ids) != NULL)
                part[n++] = &words[oldest];
        if (!same_ids(batch, part, n))
            return false;
        for (size_t k = 0; k < HALF; k++)
            part[k]->position = find_position(batch, part[k], k);
        for (size_t k = HALF; k < n; k++, ++*taken)
            *overwritten += lp_memo_ring_ids(&batch->memo, part[k]->position, &ids) == NULL;
    }
    return true;
}

/* usage: memo VOCAB_FILE */
int main(int argc, char **argv)
{
    struct lp_vocab *vocab;
    struct lp_batch *once = calloc(1, sizeof *once), *batch = calloc(1, sizeof *batch);
    struct word *words = calloc(WORDS, sizeof *words);
    size_t taken = 0, overwritten = 0;
    if (argc != 2)
        return 2;
    if (once == NULL || batch == NULL || words == NULL || lp_vocab_open(argv[1], &vocab) != LP_OK ||
        !lp_batch_init(once, vocab) || !lp_batch_init(batch, vocab))
        return fail("cannot begin");
    for (size_t i = 0; i < WORDS; i++)
        make_word(once, &words[i]);
    const bool same = test(batch, words, &taken, &overwritten);
    printf("memo: of %zu words taken from the ring, %zu were overwritten\n", taken, overwritten);
    lp_batch_free(once);
    lp_batch_free(batch);
    lp_vocab_close(vocab);
    free(once);
    free(batch);
    free(words);
    if (!same)
        return fail("ids differ from those of the words by themselves");
    return overwritten > WORDS / 8 ? 0 : fail("few words were overwritten");
}
