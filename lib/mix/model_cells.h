/* model_cells.h - the cells of n-gram lists: successors of a context of one, two or three leaves,
 * with quantised counts. In the model a bucket of cells is a cache line of sixteen; for the own
 * lists of a sequence it is four. */
#ifndef LP_MIX_MODEL_CELLS_H
#define LP_MIX_MODEL_CELLS_H

#include "mix/model.h"
#include "mix/vec.h"

enum { LP_OWN_CELLS = 4 /* of a bucket of own lists */ };

static inline uint32_t lp_cell_leaf(uint32_t cell, uint32_t leaf_bits)
{
    return cell & (((uint32_t)1 << leaf_bits) - 1);
}

static inline uint32_t lp_cell_class(uint32_t cell, uint32_t leaf_bits)
{
    return cell >> leaf_bits & ((1 << LP_CELL_CLASS_BITS) - 1);
}

/* A cell of the model may hold, in place of a leaf, one of the highest LP_FOLLOW_MAX numbers: the
 * place of its leaf in the follow list of the context's last leaf. This is the number of place 0.
 */
static inline uint32_t lp_cell_follower(uint32_t leaf_bits)
{
    return ((uint32_t)1 << leaf_bits) - LP_FOLLOW_MAX;
}

/* Which of sixteen cells have a check: a bit each. */
static inline uint32_t lp_cells_of(const unsigned char *cells, uint32_t leaf_bits, uint32_t check)
{
    const lp_vec32 checks = lp_vec32_load_le(cells, leaf_bits + LP_CELL_CLASS_BITS);
    return lp_vec32_equal(&checks, check);
}

/* Updates the cells of a check in a bucket of own lists: the leaf's cell grows by a class, up to
 * 15; the others, of class c, lose (c - 1) / 2. Returns whether the leaf has a cell; *least is the
 * first cell of the lowest class. */
#if defined(LP_VEC_X86)

static inline bool lp_own_count(unsigned char *cells, uint32_t leaf_bits, uint32_t check,
                                uint32_t leaf, uint32_t *least)
{
    const __m128i bits = _mm_cvtsi32_si128((int)leaf_bits), fifteen = _mm_set1_epi32(15);
    const __m128i leaves = _mm_set1_epi32((1 << leaf_bits) - 1);
    const __m128i cell = _mm_loadu_si128((__m128i *)(void *)cells);
    __m128i class = _mm_and_si128(_mm_srl_epi32(cell, bits), fifteen);
    const __m128i checks = _mm_srli_epi32(_mm_srl_epi32(cell, bits), LP_CELL_CLASS_BITS);
    const __m128i here = _mm_cmpeq_epi32(checks, _mm_set1_epi32((int)check));
    const __m128i same = _mm_and_si128(
        here, _mm_cmpeq_epi32(_mm_and_si128(cell, leaves), _mm_set1_epi32((int)leaf)));
    const __m128i grow = _mm_and_si128(same, _mm_cmplt_epi32(class, fifteen));
    const __m128i less = _mm_srai_epi32(_mm_sub_epi32(class, _mm_set1_epi32(1)), 1);
    const __m128i fade = _mm_and_si128(_mm_andnot_si128(same, here), less);
    const __m128i change = _mm_add_epi32(grow, fade); /* to subtract: grow is -1 */
    class = _mm_sub_epi32(class, change);
    _mm_storeu_si128((__m128i *)(void *)cells, _mm_sub_epi32(cell, _mm_sll_epi32(change, bits)));
    __m128i key = _mm_add_epi32(_mm_slli_epi32(class, 2), _mm_set_epi32(3, 2, 1, 0));
    key = _mm_min_epi16(key, _mm_shuffle_epi32(key, 0x4E));
    key = _mm_min_epi16(key, _mm_shuffle_epi32(key, 0xB1));
    *least = (uint32_t)_mm_cvtsi128_si32(key) & 3;
    return _mm_movemask_epi8(same) != 0;
}

#else

static inline bool lp_own_count(unsigned char *cells, uint32_t leaf_bits, uint32_t check,
                                uint32_t leaf, uint32_t *least)
{
    uint32_t least_class = UINT32_MAX;
    bool found = false;
    for (uint32_t i = 0; i < LP_OWN_CELLS; i++) {
        const uint32_t cell = lp_get32(cells + 4 * (size_t)i);
        uint32_t class = lp_cell_class(cell, leaf_bits);
        const uint32_t before = class;
        if (cell >> (leaf_bits + LP_CELL_CLASS_BITS) == check) {
            const bool same = lp_cell_leaf(cell, leaf_bits) == leaf;
            class = same ? class + (class < 15) : class - (class - 1) / 2;
            found = found || same;
        }
        lp_put32(cells + 4 * (size_t)i, cell + ((class - before) << leaf_bits));
        *least = class < least_class ? i : *least;
        least_class = class < least_class ? class : least_class;
    }
    return found;
}

#endif

/* Counts a leaf in a context's own list. A new leaf replaces the cell of the lowest class. */
static inline void lp_own_note(unsigned char *cells, uint32_t leaf_bits, uint32_t check,
                               uint32_t leaf)
{
    uint32_t least = 0;
    if (!lp_own_count(cells, leaf_bits, check, leaf, &least))
        lp_put32(cells + 4 * (size_t)least,
                 check << (leaf_bits + LP_CELL_CLASS_BITS) | (uint32_t)1 << leaf_bits | leaf);
}

#endif
