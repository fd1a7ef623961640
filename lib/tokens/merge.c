/* merge.c - byte pair encoding: make the merge of least rank, until none is left.
 *
 * About half of the merges need no search. Two adjacent bytes merge before anything around them
 * if their merge ranks below every merge across the border on either side. The vocabulary has,
 * for each pair of bytes, the least merge that joins two tokens between them. So all such bytes
 * of a pretoken merge in one pass at the start. */
#include "tokens/merge.h"

enum {
    LANES = LP_MERGE_LANES,
    PLACE_BITS = 9,
    NO_MERGE = LP_NO_ID << PLACE_BITS, /* and all above it */
};
_Static_assert(LP_MERGE_MAX < 1 << PLACE_BITS && LP_ID_BITS + PLACE_BITS < 32,
               "a merge and its place are an int32_t");

/* --- The least merge ------------------------------------------------------------------
 *
 * Of nblocks * LANES merges: the least, and below it, in PLACE_BITS bits, its place. */

typedef int32_t least_of(const uint32_t *v, size_t nblocks);

LP_INLINE int32_t least_portable(const uint32_t *v, size_t nblocks)
{
    int32_t least[2] = {INT32_MAX, INT32_MAX}; /* two independent chains */
    for (uint32_t i = 0; i < nblocks * LANES; i++) {
        int32_t merge = (int32_t)(v[i] << PLACE_BITS | i);
        least[i % 2] = merge < least[i % 2] ? merge : least[i % 2];
    }
    return least[0] < least[1] ? least[0] : least[1];
}

#if LP_HAVE_AVX2
LP_AVX2 LP_INLINE int32_t least_avx2(const uint32_t *v, size_t nblocks)
{
    __m256i least = _mm256_set1_epi32(INT32_MAX);
    __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (size_t i = 0; i < nblocks; i++) {
        __m256i merge = _mm256_loadu_si256((const __m256i *)(const void *)(v + i * LANES));
        merge = _mm256_or_si256(_mm256_slli_epi32(merge, PLACE_BITS), place);
        least = _mm256_min_epi32(least, merge);
        place = _mm256_add_epi32(place, _mm256_set1_epi32(LANES));
    }
    __m128i b = _mm_min_epi32(_mm256_castsi256_si128(least), _mm256_extracti128_si256(least, 1));
    b = _mm_min_epi32(b, _mm_shuffle_epi32(b, _MM_SHUFFLE(1, 0, 3, 2)));
    b = _mm_min_epi32(b, _mm_shuffle_epi32(b, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(b);
}
#endif

#if LP_HAVE_NEON
LP_INLINE int32_t least_neon(const uint32_t *v, size_t nblocks)
{
    const int32_t first[4] = {0, 1, 2, 3};
    int32x4_t low = vdupq_n_s32(INT32_MAX), high = low, place = vld1q_s32(first);
    for (size_t i = 0; i < nblocks; i++) {
        int32x4_t a = vreinterpretq_s32_u32(vshlq_n_u32(vld1q_u32(v + i * LANES), PLACE_BITS));
        int32x4_t b = vreinterpretq_s32_u32(vshlq_n_u32(vld1q_u32(v + i * LANES + 4), PLACE_BITS));
        low = vminq_s32(low, vorrq_s32(a, place));
        high = vminq_s32(high, vorrq_s32(b, vaddq_s32(place, vdupq_n_s32(4))));
        place = vaddq_s32(place, vdupq_n_s32(LANES));
    }
    return vminvq_s32(vminq_s32(low, high));
}
#endif

/* --- One pretoken ------------------------------------------------------------------ */

LP_INLINE void put_nothing(uint32_t *v)
{
    for (size_t i = 0; i < LANES; i++)
        v[i] = LP_NO_ID;
}

/* Moves v[place + 1] to v[to], and up to LANES - 1 more, down by one. */
LP_INLINE void close_gap(uint32_t *v, size_t place, size_t to)
{
    for (; place < to; place += LANES) {
        uint32_t moved[LANES];
        memcpy(moved, v + place + 1, sizeof moved);
        memcpy(v + place, moved, sizeof moved);
    }
}

/* Prefetches the merge of the part at a place with the next. */
LP_INLINE void prefetch_merge(const struct lp_pairs *pairs, struct lp_merging *m, size_t place)
{
    uint32_t slot = lp_pairs_slot(pairs, m->part[place], m->part[place + 1]);
    LP_PREFETCH(&pairs->pair[slot]);
    m->slot[place] = slot;
}

LP_INLINE void load_merge(const struct lp_pairs *pairs, struct lp_merging *m, size_t place)
{
    m->merge[place] =
        lp_pairs_read(pairs, m->slot[place], m->part[place], m->part[place + 1], &m->bits);
}

/* Makes the parts: of one byte or, where two bytes merge before anything around them, two. */
LP_INLINE void make_parts(const uint32_t *byte_pair, const uint32_t *byte_id, struct lp_merging *m)
{
    const uint32_t none = UINT32_MAX;
    const unsigned char *text = m->text;
    uint32_t before = none, pair = none;
    size_t last = m->n - 1, place = 1;
    bool merged = false; /* this byte is the second of a part */
    if (last > 0)
        pair = byte_pair[text[0] << 8 | text[1]];
    for (size_t i = 0; i < last; i++) {
        uint32_t next = i + 1 < last ? byte_pair[text[i + 1] << 8 | text[i + 2]] : none;
        uint32_t id = lp_byte_pair_id(pair), unit = id >> LP_BORDER_UNIT;
        bool merges = unit < lp_byte_pair_border(before) && unit < lp_byte_pair_border(next);
        m->part[place] = merges ? id : byte_id[text[i]];
        place += !merged;
        merged = merges;
        before = pair;
        pair = next;
    }
    m->part[place] = byte_id[text[last]];
    place += !merged;
    m->nids = place - 1;
    m->part[0] = m->part[place] = LP_NO_ID;
}

/* Makes the parts and prefetches all merges. */
LP_INLINE void begin(const struct lp_vocab *v, const struct lp_pairs *pairs, struct lp_merging *m)
{
    make_parts(v->byte_pair, v->byte_id, m);
    m->ids = m->part + 1;
    m->bits = 0;
    for (size_t i = 0; i <= m->nids + LANES; i += LANES) /* all that close_gap() reads */
        put_nothing(&m->merge[i]);
    for (size_t i = 1; i < m->nids; i++)
        prefetch_merge(pairs, m, i);
}

/* Makes the least merge and prefetches the two merges that it changes. False when no merge is
 * left. */
LP_INLINE bool step(const struct lp_pairs *pairs, struct lp_merging *m, least_of *least_of_blocks)
{
    size_t n = m->nids;
    int32_t least = least_of_blocks(m->merge, n / LANES + 1);
    if (least >= NO_MERGE)
        return false;
    size_t place = (uint32_t)least & ((1u << PLACE_BITS) - 1);
    close_gap(m->merge, place, n);
    close_gap(m->part, place + 1, n + 1);
    m->part[place] = (uint32_t)least >> PLACE_BITS;
    m->nids = n - 1;
    m->place = place - 1;
    prefetch_merge(pairs, m, place - 1);
    prefetch_merge(pairs, m, place);
    return true;
}

/* --- Several pretokens ------------------------------------------------------------- */

/* Merges are loaded for all pretokens before any takes its next step: a step reads many merges
 * with one load, which would stall on narrower stores just before it. */
LP_INLINE void merge(const struct lp_vocab *v, struct lp_merging *m, size_t n,
                     least_of *least_of_blocks)
{
    const struct lp_pairs pairs = v->pairs; /* a copy stays in registers: no store can alias it */
    struct lp_merging *active[LP_MERGE_BATCH];
    for (size_t i = 0; i < n; i++)
        begin(v, &pairs, &m[i]);
    for (size_t i = 0; i < n; i++) {
        active[i] = &m[i];
        for (size_t place = 1; place < m[i].nids; place++)
            load_merge(&pairs, &m[i], place);
    }
    for (size_t left = n; left > 0;) {
        size_t stay = 0;
        for (size_t i = 0; i < left; i++) {
            active[stay] = active[i];
            stay += step(&pairs, active[i], least_of_blocks);
        }
        left = stay;
        for (size_t i = 0; i < left; i++) {
            load_merge(&pairs, active[i], active[i]->place);
            load_merge(&pairs, active[i], active[i]->place + 1);
        }
    }
}

#if LP_HAVE_AVX2
LP_AVX2 static void merge_avx2(const struct lp_vocab *v, struct lp_merging *m, size_t n)
{
    merge(v, m, n, least_avx2);
}
#endif

#if LP_HAVE_NEON
static void merge_neon(const struct lp_vocab *v, struct lp_merging *m, size_t n)
{
    merge(v, m, n, least_neon);
}
#endif

LP_APART void merge_portable(const struct lp_vocab *v, struct lp_merging *m, size_t n)
{
    merge(v, m, n, least_portable);
}

/* With the instruction set of the vocabulary. */
static void merge_fast(const struct lp_vocab *v, struct lp_merging *m, size_t n)
{
#if LP_HAVE_AVX2
    if (v->cpu == LP_CPU_AVX2) {
        merge_avx2(v, m, n);
        return;
    }
#endif
#if LP_HAVE_NEON
    if (v->cpu == LP_CPU_NEON) {
        merge_neon(v, m, n);
        return;
    }
#endif
    merge_portable(v, m, n);
}

bool lp_merge_pretokens(const struct lp_vocab *v, struct lp_merging *m, size_t n)
{
    uint64_t bits = 0;
    uint32_t most = 0;
    if (!lp_vocab_expect(v, LP_READ_PAIRS))
        return false;
    merge_fast(v, m, n);
    for (size_t i = 0; i < n; i++) {
        bits |= m[i].bits;
        for (size_t k = 0; k < m[i].nids; k++)
            most = m[i].ids[k] > most ? m[i].ids[k] : most;
    }
    const bool sound = bits >> LP_PAIR_BITS == 0 && most < v->header->size;
    if (!sound)
        lp_vocab_damaged(v);
    return sound;
}
