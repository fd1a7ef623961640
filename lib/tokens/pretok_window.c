/* pretok_window.c - pretokens by bit operations.
 *
 * No pattern has a look-behind, so a window may begin wherever a pretoken does, and needs nothing
 * from the window before. Its 64 bytes become one mask for each class of characters, bit i for
 * byte i; this part alone is written for each instruction set. A few additions and shifts turn the
 * masks into the mask of the bytes where pretokens start. Each pretoken ends where the next one
 * starts; the next window begins at the last start.
 *
 * Adding to a mask carries through a run of ones: (run + first) & ~run is the bit after each run
 * whose first bit is in first. Rare cases are handled one by one. */
#include "tokens/pretok_window.h"

#include "base/bytes.h"
#include "tokens/character.h"
#include "tokens/pretok.h"

#if defined(__GNUC__)
static inline unsigned lowest(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask);
}
static inline unsigned highest(uint64_t mask)
{
    return 63u - (unsigned)__builtin_clzll(mask);
}
static inline unsigned count_ones(uint64_t mask)
{
    return (unsigned)__builtin_popcountll(mask);
}
#else
static inline unsigned lowest(uint64_t mask)
{
    unsigned i = 0;
    while (!(mask >> i & 1))
        i++;
    return i;
}
static inline unsigned highest(uint64_t mask)
{
    unsigned i = 63;
    while (!(mask >> i & 1))
        i--;
    return i;
}
static inline unsigned count_ones(uint64_t mask)
{
    unsigned n = 0;
    for (; mask != 0; mask &= mask - 1)
        n++;
    return n;
}
#endif

/* A window's characters by class. Every byte of a character has a bit. */
struct masks {
    uint64_t of[LP_CLASSES]; /* by class; LP_SPACE includes line ends */
    uint64_t blank, apostrophe;
    uint64_t high;         /* bytes that are not ASCII */
    uint64_t continuation; /* bytes of multi-byte characters after the first */
};

/* What is written for each instruction set. */
typedef void classifier(const unsigned char *text, struct masks *m); /* ASCII alone, and high */
typedef uint64_t byte_plane(const unsigned char *text, unsigned k);  /* bit 7 - k of each byte */

/* --- ASCII to masks, portably --------------------------------------------------- */

/* The masks that a byte is in, a bit for each. */
enum { UPPER, LOWER, NUMBER, SPACE, LINE_END, BLANK, APOSTROPHE, HIGH };

/* clang-format off */
static const unsigned char ascii[128] = {
    0,0,0,0,0,0,0,0,0,8,24,8,8,24,0,0, 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,
    40,0,0,0,0,0,0,64,0,0,0,0,0,0,0,0, 4,4,4,4,4,4,4,4,4,4,0,0,0,0,0,0,
    0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,   1,1,1,1,1,1,1,1,1,1,1,0,0,0,0,0,
    0,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,   2,2,2,2,2,2,2,2,2,2,2,0,0,0,0,0,
};
/* clang-format on */
_Static_assert(1 << UPPER == 1 && 1 << LOWER == 2 && 1 << NUMBER == 4 && 1 << SPACE == 8 &&
                   1 << LINE_END == 16 && 1 << BLANK == 32 && 1 << APOSTROPHE == 64,
               "as in the table above");

/* Transposes a matrix of eight by eight bits: bit k of byte i becomes bit i of byte k. Swaps ever
 * larger squares (Hacker's Delight, 7-3). */
static inline uint64_t transpose(uint64_t x)
{
    uint64_t t = (x ^ x >> 7) & UINT64_C(0x00AA00AA00AA00AA);
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & UINT64_C(0x0000CCCC0000CCCC);
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & UINT64_C(0x00000000F0F0F0F0);
    return x ^ t ^ t << 28;
}

LP_INLINE void classify_portable(const unsigned char *text, struct masks *m)
{
    uint64_t mask[8] = {0};
    for (unsigned i = 0; i < LP_PRETOK_WINDOW; i += 8) {
        uint64_t eight = 0;
        for (unsigned k = 0; k < 8; k++) {
            unsigned char c = text[i + k];
            eight |= (uint64_t)(c < 128 ? ascii[c] : 1 << HIGH) << 8 * k;
        }
        eight = transpose(eight);
        for (unsigned k = 0; k < 8; k++)
            mask[k] |= (eight >> 8 * k & 255) << i;
    }
    *m = (struct masks){.blank = mask[BLANK], .apostrophe = mask[APOSTROPHE], .high = mask[HIGH]};
    m->of[LP_UPPER] = mask[UPPER];
    m->of[LP_LOWER] = mask[LOWER];
    m->of[LP_NUMBER] = mask[NUMBER];
    m->of[LP_SPACE] = mask[SPACE];
    m->of[LP_LINE_END] = mask[LINE_END];
}

LP_INLINE uint64_t plane_portable(const unsigned char *text, unsigned k)
{
    uint64_t plane = 0;
    for (unsigned i = 0; i < LP_PRETOK_WINDOW; i += 8) {
        uint64_t bits = lp_get64(text + i) >> (7 - k) & UINT64_C(0x0101010101010101);
        plane |= (bits * UINT64_C(0x0102040810204080)) >> 56 << i; /* byte n's bit to bit n */
    }
    return plane;
}

/* --- ASCII to masks with AVX2 ------------------------------------------------------ */

#if LP_HAVE_AVX2
LP_AVX2 static inline __m256i equal(__m256i x, char c)
{
    return _mm256_cmpeq_epi8(x, _mm256_set1_epi8(c));
}

/* Which bytes are from first to first + span. */
LP_AVX2 static inline __m256i within(__m256i x, char first, char span)
{
    __m256i above = _mm256_sub_epi8(x, _mm256_set1_epi8(first));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(above, _mm256_set1_epi8(span)), above);
}

LP_AVX2 static inline uint64_t bits(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

LP_AVX2 static inline void classify_avx2(const unsigned char *text, struct masks *m)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)text);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32));
    *m = (struct masks){.high = bits(a, b)};
    m->blank = bits(equal(a, ' '), equal(b, ' '));
    m->apostrophe = bits(equal(a, '\''), equal(b, '\''));
    m->of[LP_UPPER] = bits(within(a, 'A', 25), within(b, 'A', 25));
    m->of[LP_LOWER] = bits(within(a, 'a', 25), within(b, 'a', 25));
    m->of[LP_NUMBER] = bits(within(a, '0', 9), within(b, '0', 9));
    m->of[LP_SPACE] = bits(within(a, '\t', 4), within(b, '\t', 4)) | m->blank;
    m->of[LP_LINE_END] =
        bits(equal(a, '\n'), equal(b, '\n')) | bits(equal(a, '\r'), equal(b, '\r'));
}

LP_AVX2 static inline uint64_t plane_avx2(const unsigned char *text, unsigned k)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)text);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(text + 32));
    return bits(_mm256_slli_epi16(a, (int)k), _mm256_slli_epi16(b, (int)k));
}
#endif

/* --- ASCII to masks with NEON ------------------------------------------------------ */

#if LP_HAVE_NEON
enum { PARTS = 4 }; /* of 16 bytes */

static inline void load_neon(const unsigned char *text, uint8x16_t *x)
{
    for (size_t i = 0; i < PARTS; i++)
        x[i] = vld1q_u8(text + 16 * i);
}

/* A bit of each byte, all of whose bits are equal. */
static inline uint64_t bits_neon(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    uint8x16_t low = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit));
    uint8x16_t high = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
    low = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}

static inline uint64_t equal_neon(const uint8x16_t *x, unsigned char c)
{
    const uint8x16_t y = vdupq_n_u8(c);
    return bits_neon(vceqq_u8(x[0], y), vceqq_u8(x[1], y), vceqq_u8(x[2], y), vceqq_u8(x[3], y));
}

/* Which bytes are from first to first + span. */
static inline uint64_t within_neon(const uint8x16_t *x, unsigned char first, unsigned char span)
{
    const uint8x16_t y = vdupq_n_u8(first), most = vdupq_n_u8(span);
    return bits_neon(vcleq_u8(vsubq_u8(x[0], y), most), vcleq_u8(vsubq_u8(x[1], y), most),
                     vcleq_u8(vsubq_u8(x[2], y), most), vcleq_u8(vsubq_u8(x[3], y), most));
}

static inline uint64_t plane_neon(const unsigned char *text, unsigned k)
{
    const uint8x16_t bit = vdupq_n_u8((unsigned char)(0x80 >> k));
    uint8x16_t x[PARTS];
    load_neon(text, x);
    return bits_neon(vtstq_u8(x[0], bit), vtstq_u8(x[1], bit), vtstq_u8(x[2], bit),
                     vtstq_u8(x[3], bit));
}

static inline void classify_neon(const unsigned char *text, struct masks *m)
{
    uint8x16_t x[PARTS];
    load_neon(text, x);
    *m = (struct masks){.high = within_neon(x, 0x80, 0x7F)};
    m->blank = equal_neon(x, ' ');
    m->apostrophe = equal_neon(x, '\'');
    m->of[LP_UPPER] = within_neon(x, 'A', 25);
    m->of[LP_LOWER] = within_neon(x, 'a', 25);
    m->of[LP_NUMBER] = within_neon(x, '0', 9);
    m->of[LP_SPACE] = within_neon(x, '\t', 4) | m->blank;
    m->of[LP_LINE_END] = equal_neon(x, '\n') | equal_neon(x, '\r');
}
#endif

/* --- Multi-byte characters ---------------------------------------------------------------- */

/* The first bytes of multi-byte characters, by their length, as the bytes' high bits say. */
struct leads {
    uint64_t two, three, four;
};

/* The classes of characters, a bit of each in one of three planes, at their first bytes. */
struct planes {
    uint64_t bit0, bit1, bit2;
};
_Static_assert(LP_SPACE < 8, "a class has three bits");

LP_INLINE void put_class(struct planes *p, uint64_t klass, unsigned at)
{
    p->bit0 |= (klass & 1) << at;
    p->bit1 |= (klass >> 1 & 1) << at;
    p->bit2 |= (klass >> 2) << at;
}

/* The classes of the characters. False if one is overlong, a surrogate or above U+10FFFF. Its
 * bytes after the first are taken to be continuations. */
LP_INLINE bool put_classes(const unsigned char *text, struct leads lead, struct planes *p)
{
    bool bad = false;
    for (; lead.two != 0; lead.two &= lead.two - 1) {
        unsigned i = lowest(lead.two);
        bad |= text[i] < 0xC2;
        put_class(p, lp_unicode_class_two((text[i] & 0x1Fu) << 6 | (text[i + 1] & 0x3Fu)), i);
    }
    for (; lead.three != 0; lead.three &= lead.three - 1) {
        unsigned i = lowest(lead.three);
        uint32_t cp = (text[i] & 0x0Fu) << 12 | (text[i + 1] & 0x3Fu) << 6 | (text[i + 2] & 0x3Fu);
        bad |= cp < 0x800 || cp >> 11 == 0xD800 >> 11;
        put_class(p, lp_unicode_class(cp), i);
    }
    for (; lead.four != 0; lead.four &= lead.four - 1) {
        unsigned i = lowest(lead.four);
        uint32_t cp = (text[i] & 0x0Fu) << 18 | (text[i + 1] & 0x3Fu) << 12 |
                      (text[i + 2] & 0x3Fu) << 6 | (text[i + 3] & 0x3Fu);
        bad |= cp < 0x10000 || cp > 0x10FFFF;
        put_class(p, lp_unicode_class(cp), i);
    }
    return !bad;
}

/* Adds the multi-byte characters, one after the other. Bytes that are not valid UTF-8 are of class
 * LP_OTHER. */
LP_APART void classify_doubtful(const unsigned char *text, struct masks *m)
{
    for (uint64_t left = m->high; left != 0;) {
        unsigned i = lowest(left);
        struct lp_character c = lp_character_decode(text + i);
        uint64_t all = (((uint64_t)1 << c.size) - 1) << i, first = (uint64_t)1 << i;
        m->of[c.klass] |= all;
        m->continuation |= all & ~first;
        left &= ~all;
    }
}

/* Gives all bytes of each character what its first byte has. */
LP_INLINE uint64_t spread(uint64_t plane, struct leads lead)
{
    return plane | plane << 1 | (plane & ~lead.two) << 2 | (plane & lead.four) << 3;
}

/* Adds the multi-byte characters. plane: see plane_portable(). */
LP_INLINE void classify_wide(const unsigned char *text, struct masks *m, byte_plane *plane)
{
    uint64_t bit6 = m->high & plane(text, 1), bit5 = bit6 & plane(text, 2),
             bit4 = bit5 & plane(text, 3), continuation = m->high & ~bit6;
    struct leads lead = {.two = bit6 & ~bit5, .three = bit5 & ~bit4, .four = bit4};
    uint64_t due = bit6 << 1 | bit5 << 2 | bit4 << 3;
    struct planes p = {0};
    bool valid = due == continuation && put_classes(text, lead, &p);
    /* Of the last character, bytes may be beyond the window. */
    if (bit6 >> (LP_PRETOK_WINDOW - 3) != 0) {
        unsigned last = highest(bit6);
        size_t size = 2 + (size_t)(bit5 >> last & 1) + (size_t)(bit4 >> last & 1);
        valid = valid && lp_character_decode(text + last).size == size;
    }
    if (!valid) {
        classify_doubtful(text, m);
        return;
    }
    uint64_t a = spread(p.bit0, lead), b = spread(p.bit1, lead), c = spread(p.bit2, lead);
    m->continuation = continuation;
    m->of[LP_UPPER] |= a & ~b & ~c;
    m->of[LP_LOWER] |= b & ~a & ~c;
    m->of[LP_LETTER] |= a & b;
    m->of[LP_MARK] |= c & ~a & ~b;
    m->of[LP_NUMBER] |= c & a;
    m->of[LP_SPACE] |= c & b;
}
_Static_assert(LP_UPPER == 1 && LP_LOWER == 2 && LP_LETTER == 3 && LP_MARK == 4 && LP_NUMBER == 5 &&
                   LP_SPACE == 6,
               "as just above");

/* --- Masks to starts -------------------------------------------------------------------- */

/* The first bit of each run of ones. */
static inline uint64_t firsts(uint64_t mask)
{
    return mask & ~(mask << 1);
}

/* The bit after each run whose first bit, or any one bit, is in some. */
static inline uint64_t after_runs(uint64_t runs, uint64_t some)
{
    return (runs + some) & ~runs;
}

/* From the last bytes of characters to their first bytes. */
static inline uint64_t to_first(uint64_t lasts, uint64_t continuation)
{
    while ((lasts & continuation) != 0)
        lasts = (lasts & ~continuation) | (lasts & continuation) >> 1;
    return lasts;
}

/* Where pretokens of white space start. Attached line ends belong to the punctuation before them.
 * All up to a run's last line end is one pretoken. If the run does not end with it, or has no line
 * end, the run's last character belongs to what follows the run. */
LP_INLINE uint64_t space_starts(const struct masks *m, uint64_t attached)
{
    uint64_t space = m->of[LP_SPACE] & ~attached, ends = m->of[LP_LINE_END] & ~attached;
    uint64_t inner = space & ~m->of[LP_LINE_END];
    uint64_t last = to_first(inner & ~(m->of[LP_SPACE] >> 1), m->continuation);
    uint64_t after = inner & ends << 1;
    if (after != 0) {
        for (uint64_t more = after_runs(inner, after) & ends; more != 0; more &= more - 1)
            after &= ~((uint64_t)1 << highest(after & ((more & -more) - 1)));
    }
    return firsts(space) | last | after;
}

/* Where numbers start: at most three characters are together. */
LP_INLINE uint64_t number_starts(const struct masks *m)
{
    uint64_t number = m->of[LP_NUMBER], starts = firsts(number);
    if ((number & number >> 1 & number >> 2 & number >> 3) == 0)
        return starts;
    uint64_t characters = number & ~m->continuation;
    for (unsigned count = 0; characters != 0; characters &= characters - 1) {
        uint64_t one = characters & -characters;
        count = (starts & one) != 0 || count == 3 ? 1 : count + 1;
        if (count == 1)
            starts |= one;
    }
    return starts;
}

/* The first byte of each run's second character, from the first byte of its first. */
static inline uint64_t second(uint64_t run_starts, uint64_t continuation)
{
    uint64_t next = run_starts << 1;
    return continuation == 0
               ? next
               : (next & ~continuation) | after_runs(continuation, next & continuation);
}

/* A space may precede letters, numbers or punctuation. */
LP_INLINE uint64_t starts_gpt2(const unsigned char *text, const struct masks *m, uint64_t valid)
{
    uint64_t letter = m->of[LP_UPPER] | m->of[LP_LOWER] | m->of[LP_LETTER];
    uint64_t number = m->of[LP_NUMBER], space = m->of[LP_SPACE];
    uint64_t punct = valid & ~(letter | number | space), with_space = m->blank << 1;
    uint64_t starts = (firsts(letter) | firsts(number) | firsts(punct)) & ~with_space;
    starts |= firsts(space) | to_first(space & ~(space >> 1), m->continuation);
    uint64_t signs = m->apostrophe & firsts(punct) & ~with_space & letter >> 1;
    for (; signs != 0; signs &= signs - 1) {
        unsigned at = lowest(signs);
        size_t size = lp_pretok_contraction(text, at, at + 4, true, false);
        if (size == 0)
            continue;
        starts &= ~((uint64_t)2 << at); /* no pretoken starts at the letters */
        if (at + size < LP_PRETOK_WINDOW)
            starts |= (uint64_t)1 << (at + size);
    }
    return starts;
}

LP_INLINE uint64_t starts_cl100k(const unsigned char *text, const struct masks *m, uint64_t valid)
{
    uint64_t letter = m->of[LP_UPPER] | m->of[LP_LOWER] | m->of[LP_LETTER];
    uint64_t space = m->of[LP_SPACE], line_end = m->of[LP_LINE_END];
    uint64_t punct = valid & ~(letter | m->of[LP_NUMBER] | space);
    uint64_t attached = line_end & ~(line_end + (line_end & punct << 1));
    uint64_t punct_starts = firsts(punct) & ~(m->blank << 1);
    /* One character other than a line end may precede letters: white space, or a punctuation
     * character that is all of its run. */
    uint64_t prefixed = (space & ~line_end) << 1 | second(punct_starts, m->continuation);
    uint64_t starts =
        punct_starts | space_starts(m, attached) | number_starts(m) | (firsts(letter) & ~prefixed);
    for (uint64_t signs = m->apostrophe & punct_starts & letter >> 1; signs != 0;
         signs &= signs - 1) {
        unsigned at = lowest(signs);
        size_t size = lp_pretok_contraction(text, at, at + 4, true, true);
        if (size > 0 && at + size < LP_PRETOK_WINDOW)
            starts |= (uint64_t)1 << (at + size);
    }
    return starts;
}

/* Attaches slashes, and line ends and slashes after them, that follow attached line ends. */
static uint64_t attach_slashes(const unsigned char *text, uint64_t attached, uint64_t slashes)
{
    for (; slashes != 0; slashes &= slashes - 1) {
        for (unsigned i = lowest(slashes);
             i < LP_PRETOK_WINDOW && (text[i] == '/' || text[i] == '\r' || text[i] == '\n'); i++)
            attached |= (uint64_t)1 << i;
    }
    return attached;
}

/* Where an upper-case letter starts a word after caseless letters or marks, within letters. (After
 * a lower-case letter it always does.) If lower case precedes the caseless run, the run is of that
 * word's lower part, and upper case starts a word. Else all is a word's upper part; when no lower
 * case follows it, the pattern backtracks to the end of the caseless run. */
static uint64_t mixed_starts(uint64_t upper, uint64_t lower, uint64_t no_case, uint64_t valid)
{
    uint64_t starts = after_runs(no_case, no_case & lower << 1) & upper;
    for (uint64_t runs = firsts(upper) & no_case << 1 & ~starts; runs != 0; runs &= runs - 1) {
        uint64_t next = after_runs(upper, runs & -runs);
        if ((next & valid & ~lower & ~no_case) != 0)
            starts |= runs & -runs;
    }
    return starts;
}

LP_INLINE uint64_t starts_o200k(const unsigned char *text, const struct masks *m, uint64_t valid)
{
    uint64_t upper = m->of[LP_UPPER], lower = m->of[LP_LOWER], mark = m->of[LP_MARK];
    uint64_t no_case = m->of[LP_LETTER] | mark, letter = upper | lower | no_case;
    uint64_t space = m->of[LP_SPACE], line_end = m->of[LP_LINE_END];
    uint64_t punct = valid & ~(letter | m->of[LP_NUMBER] | space);
    uint64_t attach = line_end & punct << 1;
    uint64_t attached = line_end & ~(line_end + attach);
    uint64_t slashes = after_runs(line_end, attach) & punct;
    if (slashes != 0) {
        attached = attach_slashes(text, attached, slashes);
        punct &= ~attached;
    }
    uint64_t punct_starts = firsts(punct) & ~(m->blank << 1);
    uint64_t prefixed = (space & ~line_end) << 1 | second(punct_starts, m->continuation);
    uint64_t starts = punct_starts | space_starts(m, attached) | number_starts(m) |
                      (firsts(letter) & ~prefixed) | (upper & lower << 1);
    if (no_case != 0)
        starts |= mixed_starts(upper, lower, no_case, valid);
    /* A mark is punctuation when no letter precedes it. pretok.c decides that, and what a caseless
     * letter after a contraction is: stop before them. */
    uint64_t odd = mark & ~(letter << 1);
    unsigned end = LP_PRETOK_WINDOW;
    for (uint64_t signs = m->apostrophe & letter << 1; signs != 0; signs &= signs - 1) {
        unsigned at = lowest(signs);
        size_t size = at == end ? 0 : lp_pretok_contraction(text, at, at + 4, true, true);
        if (size == 0)
            continue;
        starts &= ~((((uint64_t)1 << size) - 1) << at);
        end = at + (unsigned)size;
        if (end < LP_PRETOK_WINDOW) {
            starts |= (uint64_t)1 << end;
            odd |= no_case & (uint64_t)1 << end;
        }
    }
    return odd == 0 ? starts : starts & ((odd & -odd) - 1);
}

/* The starts that a run of white space at the window's end leaves undecided: all within the run
 * except its own. */
static inline uint64_t undecided(uint64_t starts, uint64_t space, uint64_t valid)
{
    uint64_t other = valid & ~space;
    if (other == 0)
        return starts;
    uint64_t late = starts & ~(((uint64_t)2 << highest(other)) - 1);
    return late & (late - 1);
}

/* --- Windows ---------------------------------------------------------------------------- */

/* Writes the offset of a mask's lowest bit, of any byte if there is none. Returns the others. */
LP_INLINE uint64_t put_lowest(uint64_t mask, size_t at, uint32_t *end)
{
    *end = (uint32_t)(at + lowest(mask | (uint64_t)1 << 63));
    return mask & (mask - 1);
}

/* Writes the offsets of a mask's bits, and at most seven more. Returns their number. A loop that
 * ended after the last bit would be mispredicted in most windows. */
LP_INLINE size_t put_ends(uint64_t mask, size_t at, uint32_t *ends)
{
    const size_t n = count_ones(mask);
    for (size_t i = 0; i < n; i += 8) {
        mask = put_lowest(mask, at, ends + i);
        mask = put_lowest(mask, at, ends + i + 1);
        mask = put_lowest(mask, at, ends + i + 2);
        mask = put_lowest(mask, at, ends + i + 3);
        mask = put_lowest(mask, at, ends + i + 4);
        mask = put_lowest(mask, at, ends + i + 5);
        mask = put_lowest(mask, at, ends + i + 6);
        mask = put_lowest(mask, at, ends + i + 7);
    }
    return n;
}

LP_INLINE size_t find_ends(enum lp_pattern pattern, classifier *classify, byte_plane *plane,
                           const unsigned char *text, size_t at, size_t n, bool final,
                           uint32_t *ends, size_t max)
{
    size_t count = 0;
    while (max - count >= LP_PRETOK_WINDOW && at < n) {
        size_t left = n - at;
        if (left < LP_PRETOK_SLACK && !final)
            break;
        uint64_t valid = left < LP_PRETOK_WINDOW ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        const unsigned char *window = text + at;
        struct masks m;
        classify(window, &m);
        if (m.high != 0)
            classify_wide(window, &m, plane);
        uint64_t starts = pattern == LP_PATTERN_GPT2     ? starts_gpt2(window, &m, valid)
                          : pattern == LP_PATTERN_CL100K ? starts_cl100k(window, &m, valid)
                                                         : starts_o200k(window, &m, valid);
        starts &= valid & ~(uint64_t)1; /* no pretoken ends at the window's start */
        if ((m.of[LP_SPACE] & (valid ^ valid >> 1)) != 0)
            starts &= ~undecided(starts, m.of[LP_SPACE], valid);
        if (starts == 0)
            break;
        count += put_ends(starts, at, ends + count);
        at = ends[count - 1];
    }
    return count;
}

#define FIND(name, pattern, classify, plane)                                                       \
    static size_t name(const unsigned char *text, size_t at, size_t n, bool final, uint32_t *ends, \
                       size_t max)                                                                 \
    {                                                                                              \
        return find_ends(pattern, classify, plane, text, at, n, final, ends, max);                 \
    }

FIND(find_ends_gpt2_portable, LP_PATTERN_GPT2, classify_portable, plane_portable)
FIND(find_ends_cl100k_portable, LP_PATTERN_CL100K, classify_portable, plane_portable)
FIND(find_ends_o200k_portable, LP_PATTERN_O200K, classify_portable, plane_portable)
#if LP_HAVE_AVX2
LP_AVX2 FIND(find_ends_gpt2_avx2, LP_PATTERN_GPT2, classify_avx2, plane_avx2)
LP_AVX2 FIND(find_ends_cl100k_avx2, LP_PATTERN_CL100K, classify_avx2, plane_avx2)
LP_AVX2 FIND(find_ends_o200k_avx2, LP_PATTERN_O200K, classify_avx2, plane_avx2)
#endif

#if LP_HAVE_NEON
    FIND(find_ends_gpt2_neon, LP_PATTERN_GPT2, classify_neon, plane_neon)
        FIND(find_ends_cl100k_neon, LP_PATTERN_CL100K, classify_neon, plane_neon)
            FIND(find_ends_o200k_neon, LP_PATTERN_O200K, classify_neon, plane_neon)
#endif

                lp_pretok_window *lp_pretok_window_for(enum lp_pattern pattern, enum lp_cpu cpu)
{
    static lp_pretok_window *const portable[] = {find_ends_gpt2_portable, find_ends_cl100k_portable,
                                                 find_ends_o200k_portable};
#if LP_HAVE_AVX2
    static lp_pretok_window *const avx2[] = {find_ends_gpt2_avx2, find_ends_cl100k_avx2,
                                             find_ends_o200k_avx2};
    if (cpu == LP_CPU_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? avx2[pattern]
                                                                                : NULL;
#endif
#if LP_HAVE_NEON
    static lp_pretok_window *const neon[] = {find_ends_gpt2_neon, find_ends_cl100k_neon,
                                             find_ends_o200k_neon};
    if (cpu == LP_CPU_NEON)
        return neon[pattern];
#endif
    return cpu == LP_CPU_PORTABLE ? portable[pattern] : NULL;
}
