/* merge.c - words to ids: the least merge that can be made, again and again. */
#include "merge.h"

enum {
    LANES = 8,
    PLACE_BITS = 8,
    NO_MERGE = LP_NO_ID << PLACE_BITS, /* and all above it */
    NO_MERGE_BYTE = 0x7F,              /* four of them are above it */
};
_Static_assert(LP_MERGE_MAX == 1 << PLACE_BITS && LP_ID_BITS + PLACE_BITS < 31,
               "a merge and its place are an int32_t");

/* --- The least of numbers: LANES of them, blocks times ----------------------------- */

typedef int32_t least_of(const int32_t *v, size_t nblocks);

static inline int32_t lesser(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

LP_INLINE int32_t least_portable(const int32_t *v, size_t nblocks)
{
    int32_t a[4] = {v[0], v[1], v[2], v[3]}; /* four at once: no waiting for one another */
    for (size_t i = 4; i < nblocks * LANES; i += 4) {
        for (size_t k = 0; k < 4; k++)
            a[k] = lesser(a[k], v[i + k]);
    }
    return lesser(lesser(a[0], a[1]), lesser(a[2], a[3]));
}

#if LP_HAVE_AVX2
LP_AVX2 LP_INLINE int32_t least_avx2(const int32_t *v, size_t nblocks)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)v);
    for (size_t i = 1; i < nblocks; i++)
        a = _mm256_min_epi32(a, _mm256_loadu_si256((const __m256i *)(const void *)(v + i * LANES)));
    __m128i b = _mm_min_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_min_epi32(b, _mm_shuffle_epi32(b, _MM_SHUFFLE(1, 0, 3, 2)));
    b = _mm_min_epi32(b, _mm_shuffle_epi32(b, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(b);
}
#endif

/* --- One word ---------------------------------------------------------------------- */

LP_INLINE size_t blocks_of(const struct lp_merging *m)
{
    return (m->n + LANES - 1) / LANES;
}

LP_INLINE void put_merge(struct lp_merging *m, size_t place, uint32_t id)
{
    m->at[place] = (int32_t)(id << PLACE_BITS | (uint32_t)place);
}

static void begin(const struct lp_vocab *v, struct lp_merging *m)
{
    size_t last = m->n - 1;
    memset(m->at, NO_MERGE_BYTE, blocks_of(m) * LANES * sizeof *m->at);
    for (size_t i = 0; i <= last; i++) {
        m->ids[i] = v->byte_id[m->text[i]];
        m->next[i] = (uint8_t)(i < last ? i + 1 : 0);
        m->before[i] = (uint8_t)(i - 1);
    }
    for (size_t i = 0; i < last; i++)
        put_merge(m, i, v->byte_pair[m->text[i] << 8 | m->text[i + 1]]);
    m->nasked = 0;
}

/* Begins to fetch what two neighbours merge to. */
LP_INLINE void ask(const struct lp_vocab *v, struct lp_merging *m, size_t left, size_t right)
{
    struct lp_pair_place asked = lp_vocab_pair_place(v, m->ids[left], m->ids[right]);
    LP_PREFETCH(asked.entry);
    m->asked_by[m->nasked] = (uint8_t)left;
    m->asked[m->nasked++] = asked;
}

LP_INLINE void take_answers(struct lp_merging *m)
{
    for (size_t i = 0; i < m->nasked; i++)
        put_merge(m, m->asked_by[i], lp_vocab_pair_there(m->asked[i]));
    m->nasked = 0;
}

/* Makes the least merge and asks about its neighbours. False when there is none. */
LP_INLINE bool step(const struct lp_vocab *v, struct lp_merging *m, least_of *least_of_blocks)
{
    int32_t least = least_of_blocks(m->at, blocks_of(m));
    if (least >= NO_MERGE)
        return false;
    size_t left = (uint32_t)least & ((1u << PLACE_BITS) - 1), gone = m->next[left];
    size_t right = m->next[gone];
    m->ids[left] = (uint32_t)least >> PLACE_BITS;
    m->at[left] = m->at[gone] = NO_MERGE;
    m->next[left] = (uint8_t)right;
    if (right != 0) {
        m->before[right] = (uint8_t)left;
        ask(v, m, left, right);
    }
    if (left != 0)
        ask(v, m, m->before[left], left);
    return true;
}

static void end(struct lp_merging *m)
{
    size_t place = 0;
    m->nids = 0;
    do {
        m->ids[m->nids++] = m->ids[place];
        place = m->next[place];
    } while (place != 0);
}

/* --- Several ----------------------------------------------------------------------- */

/* Answers are taken of all words, then steps made: a step reads what the answers
 * wrote many at a time, for which a processor waits when it was written just before. */
LP_INLINE void merge(const struct lp_vocab *v, struct lp_merging *words, size_t n,
                     least_of *least_of_blocks)
{
    struct lp_merging *active[LP_MERGING];
    for (size_t i = 0; i < n; i++) {
        active[i] = &words[i];
        begin(v, active[i]);
    }
    for (size_t left = n; left > 0;) {
        size_t stay = 0;
        for (size_t i = 0; i < left; i++)
            take_answers(active[i]);
        for (size_t i = 0; i < left; i++) {
            active[stay] = active[i];
            stay += step(v, active[i], least_of_blocks);
        }
        left = stay;
    }
    for (size_t i = 0; i < n; i++)
        end(&words[i]);
}

#if LP_HAVE_AVX2
LP_AVX2 static void merge_avx2(const struct lp_vocab *v, struct lp_merging *words, size_t n)
{
    merge(v, words, n, least_avx2);
}
#endif

void lp_merge_words(const struct lp_vocab *v, struct lp_merging *words, size_t n)
{
#if LP_HAVE_AVX2
    if (v->path == LP_PATH_AVX2) {
        merge_avx2(v, words, n);
        return;
    }
#endif
    merge(v, words, n, least_portable);
}
