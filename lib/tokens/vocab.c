/* vocab.c - opens compiled vocabularies and checks what is in them. */
#include "tokens/vocab.h"

#include "base/xxh64.h"

#include <stdlib.h>
#include <sys/mman.h>

/* --- The header -------------------------------------------------------------------------- */

/* The least size of a section, by the counts in the header. */
LP_COLD static uint64_t section_size(const struct lp_vocab_header *f, enum lp_section section)
{
    switch (section) {
    case LP_SECTION_OFFSET:
        return 4 * ((uint64_t)f->size + 1);
    case LP_SECTION_HALF_SHIFT:
        return UINT64_C(2) << f->halves.shift_log;
    case LP_SECTION_HALF:
        return UINT64_C(4) * LP_HALF_ENTRY * f->halves.size;
    case LP_SECTION_KEY_SHIFT:
        return UINT64_C(2) << f->keys.shift_log;
    case LP_SECTION_KEY:
        return UINT64_C(4) * LP_KEY_ENTRY * f->keys.size;
    case LP_SECTION_LONG:
        return (uint64_t)sizeof(struct lp_long_entry) << f->long_log;
    case LP_SECTION_PAIR_SHIFT:
        return UINT64_C(2) << f->pairs.shift_log;
    case LP_SECTION_PAIR:
        return UINT64_C(8) * f->pairs.size;
    case LP_SECTION_BYTE_PAIR:
        return UINT64_C(4) * 65536;
    case LP_SECTION_SPLIT:
        return UINT64_C(8) * f->size;
    case LP_SECTION_SORTED:
        return UINT64_C(4) * f->nsorted;
    case LP_SECTION_START:
        return UINT64_C(4) * 65537;
    case LP_SECTION_PREFIX:
    case LP_SECTION_RANK:
        return UINT64_C(4) * f->size;
    case LP_SECTION_ID:
        return UINT64_C(4) * f->ntokens;
    case LP_SECTION_TEXT:
        return (uint64_t)LP_KEY_SIZE * f->ntokens;
    case LP_SECTION_SPECIAL:
        return UINT64_C(4) * f->nspecial;
    case LP_SECTION_BYTE:
        return UINT64_C(4) * 256;
    default:
        return 0;
    }
}

static uint64_t head_sum(const struct lp_vocab_header *f)
{
    return lp_xxh64(f, offsetof(struct lp_vocab_header, head_sum), 0);
}

static size_t section_bytes(const struct lp_vocab_header *f, int section)
{
    return (size_t)(f->section[section + 1] - f->section[section]);
}

static uint64_t section_sum(const struct lp_vocab_header *f, int section)
{
    return lp_sum64((const unsigned char *)f + f->section[section], section_bytes(f, section));
}

void lp_vocab_put_sums(struct lp_vocab_header *f)
{
    for (int i = 0; i < LP_SECTIONS; i++)
        f->sum[i] = section_sum(f, i);
    f->head_sum = head_sum(f);
}

static bool is_sound(const struct lp_slots *slots)
{
    return slots->size > 0 && slots->shift_log > 0 && slots->shift_log <= 24;
}

/* Whether codes of one to three bytes are enough for all tokens. */
LP_COLD static bool are_codes_enough(const struct lp_vocab_header *f)
{
    if (f->one > 255 || f->two > 255 - f->one)
        return false;
    return f->ntokens <= f->one + (f->two << 8) + ((256 - f->one - f->two) << 16);
}

LP_COLD static enum lp_status check_header(const struct lp_vocab_header *f, uint64_t size)
{
    if (size < sizeof *f || memcmp(f->magic, LP_LPV_MAGIC, sizeof f->magic) != 0)
        return LP_BAD_VOCAB;
    if (f->byte_order == LP_LPV_BYTE_ORDER && f->version > LP_LPV_VERSION)
        return LP_VERSION;
    if (f->byte_order != LP_LPV_BYTE_ORDER || f->version != LP_LPV_VERSION ||
        f->head_sum != head_sum(f) || f->file_size != size || f->section[LP_SECTIONS] != size ||
        f->size == 0 || f->size >= LP_NO_ID || f->ntokens > f->size || f->long_log > 24 ||
        !is_sound(&f->halves) || !is_sound(&f->keys) || !is_sound(&f->pairs) ||
        f->pattern > LP_PATTERN_O200K || f->name[sizeof f->name - 1] != 0 || f->token_max == 0 ||
        f->token_max > LP_TOKEN_MAX || !are_codes_enough(f))
        return LP_BAD_VOCAB;
    for (int i = 0; i < LP_SECTIONS; i++) {
        uint64_t begin = f->section[i], end = f->section[i + 1];
        if (begin % 64 != 0 || end % LP_SUM_UNIT != 0 || begin > end || end > size ||
            end - begin < section_size(f, (enum lp_section)i))
            return LP_BAD_VOCAB;
    }
    return LP_OK;
}

/* --- The contents of sections -------------------------------------------------------------- */

static uint32_t token_size(const struct lp_vocab *v, uint32_t id)
{
    return v->offset[id + 1] - v->offset[id];
}

/* Whether an id names a token of at least so many bytes. OFFSET must be sound. */
static bool is_token(const struct lp_vocab *v, uint32_t id, uint32_t least)
{
    return id < v->header->size && token_size(v, id) >= least;
}

/* Tokens are one after the other in BYTES, and the tokens of single bytes have one byte. */
LP_COLD static bool are_offsets_sound(const struct lp_vocab *v)
{
    const size_t all = section_bytes(v->header, LP_SECTION_BYTES);
    bool sound = v->offset[v->header->size] <= all;
    for (uint32_t id = 0; sound && id < v->header->size; id++)
        sound = v->offset[id] <= v->offset[id + 1] && token_size(v, id) <= v->header->token_max;
    for (uint32_t i = 0; sound && i < 256; i++)
        sound = is_token(v, v->byte_id[i], 1) && token_size(v, v->byte_id[i]) == 1;
    return sound;
}

/* Undoing merges ends: the two tokens that merge to a token have lower ids. */
LP_COLD static bool are_splits_sound(const struct lp_vocab *v)
{
    for (uint32_t id = 0; id < v->header->size; id++) {
        const uint32_t left = v->split[2 * (size_t)id], right = v->split[2 * (size_t)id + 1];
        if (left > id || right > id || (left == id) != (right == id))
            return false;
    }
    return true;
}

LP_COLD static bool are_sorted_sound(const struct lp_vocab *v)
{
    for (uint32_t i = 0; i < v->header->nsorted; i++) {
        if (!is_token(v, v->sorted[i], 2))
            return false;
    }
    return true;
}

/* A token's prefix is shorter than the token. */
LP_COLD static bool are_prefixes_sound(const struct lp_vocab *v)
{
    for (uint32_t id = 0; id < v->header->size; id++) {
        const uint32_t prefix = v->prefix[id];
        if (prefix != LP_NO_ID &&
            (!is_token(v, prefix, 1) || token_size(v, prefix) >= token_size(v, id)))
            return false;
    }
    return true;
}

LP_COLD static bool are_starts_sound(const struct lp_vocab *v)
{
    bool sound = v->start[65536] <= v->header->nsorted;
    for (uint32_t i = 0; sound && i < 65536; i++)
        sound = v->start[i] <= v->start[i + 1];
    return sound;
}

LP_COLD static bool are_specials_sound(const struct lp_vocab *v)
{
    for (uint32_t i = 0; i < v->header->nspecial; i++) {
        if (!is_token(v, v->special[i], 1))
            return false;
    }
    return true;
}

/* Whether nothing in a section, whose checksum is right, can do harm. The sections that are not
 * listed here cannot; the comments where they are read say why. OFFSET comes before the sections
 * whose checks use it, as it does in the file. */
LP_COLD static bool is_harmless(const struct lp_vocab *v, enum lp_section section)
{
    switch (section) {
    case LP_SECTION_OFFSET:
        return are_offsets_sound(v);
    case LP_SECTION_SPLIT:
        return are_splits_sound(v);
    case LP_SECTION_SORTED:
        return are_sorted_sound(v);
    case LP_SECTION_PREFIX:
        return are_prefixes_sound(v);
    case LP_SECTION_START:
        return are_starts_sound(v);
    case LP_SECTION_SPECIAL:
        return are_specials_sound(v);
    default:
        return true;
    }
}

void lp_vocab_damaged(const struct lp_vocab *v)
{
    atomic_store(&v->checks->damaged, true);
}

LP_COLD bool lp_vocab_check(const struct lp_vocab *v, uint32_t sections)
{
    for (int i = 0; i < LP_SECTIONS; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        const uint32_t left =
            sections & ~atomic_load_explicit(&v->checks->passed, memory_order_relaxed);
        if ((left & bit) == 0)
            continue;
        if (v->header->sum[i] != section_sum(v->header, i) || !is_harmless(v, (enum lp_section)i)) {
            lp_vocab_damaged(v);
            return false;
        }
        atomic_fetch_or_explicit(&v->checks->passed, bit, memory_order_relaxed);
    }
    return true;
}

LP_COLD enum lp_status lp_vocab_blame(const struct lp_vocab *v, enum lp_status status)
{
    return status == LP_DATA && v != NULL && !lp_vocab_expect(v, LP_READ_ALL) ? LP_BAD_VOCAB
                                                                              : status;
}

LP_COLD enum lp_status lp_vocab_verify(const struct lp_vocab *v)
{
    bool whole = v->header->head_sum == head_sum(v->header);
    for (int i = 0; whole && i < LP_SECTIONS; i++)
        whole = v->header->sum[i] == section_sum(v->header, i);
    return whole && lp_vocab_expect(v, LP_READ_ALL) ? LP_OK : LP_BAD_VOCAB;
}

/* --- Files -------------------------------------------------------------------------------- */

static const void *section(const struct lp_vocab *v, enum lp_section i)
{
    return (const unsigned char *)v->header + v->header->section[i];
}

static void find_sections(struct lp_vocab *v)
{
    v->byte_id = section(v, LP_SECTION_BYTE);
    v->long_text = section(v, LP_SECTION_LONG_TEXT);
    v->offset = section(v, LP_SECTION_OFFSET);
    v->bytes = section(v, LP_SECTION_BYTES);
    v->halves = (struct lp_keys){section(v, LP_SECTION_HALF), section(v, LP_SECTION_HALF_SHIFT),
                                 v->header->halves};
    v->keys = (struct lp_keys){section(v, LP_SECTION_KEY), section(v, LP_SECTION_KEY_SHIFT),
                               v->header->keys};
    v->longs = section(v, LP_SECTION_LONG);
    v->pairs = (struct lp_pairs){section(v, LP_SECTION_PAIR), section(v, LP_SECTION_PAIR_SHIFT),
                                 v->header->pairs};
    v->byte_pair = section(v, LP_SECTION_BYTE_PAIR);
    v->split = section(v, LP_SECTION_SPLIT);
    v->sorted = section(v, LP_SECTION_SORTED);
    v->prefix = section(v, LP_SECTION_PREFIX);
    v->start = section(v, LP_SECTION_START);
    v->rank = section(v, LP_SECTION_RANK);
    v->id = section(v, LP_SECTION_ID);
    v->text = section(v, LP_SECTION_TEXT);
    v->special = section(v, LP_SECTION_SPECIAL);
}

/* Gives advice on a part of the mapping. It may fail: it is only advice. */
static void advise(const struct lp_vocab *v, uint64_t begin, uint64_t end, int advice)
{
    const unsigned char *file = (const unsigned char *)v->header;
    if (begin % LP_LPV_PART == 0)
        posix_madvise((void *)(uintptr_t)(file + begin), (size_t)(end - begin), advice);
}

/* Gives neighbouring parts different advice. When a page is touched, Linux maps many pages around
 * it, up to whole sections that are not needed, but never across a change of advice. So a part that
 * is not used does not become resident. */
static void set_apart(const struct lp_vocab *v)
{
    const uint64_t *section = v->header->section;
    advise(v, 0, section[LP_SECTION_TEXT], POSIX_MADV_SEQUENTIAL);
    advise(v, section[LP_SECTION_ID], section[LP_SECTION_RANK], POSIX_MADV_SEQUENTIAL);
    advise(v, section[LP_SECTION_OFFSET], v->file_size, POSIX_MADV_RANDOM);
}

/* Finds what is in the file of a new vocabulary. */
static enum lp_status open_loaded(struct lp_vocab *v)
{
    v->header = v->loaded.p;
    v->file_size = v->loaded.n;
    enum lp_status status = check_header(v->header, v->file_size);
    if (status != LP_OK)
        return status;
    find_sections(v);
    if (v->loaded.how == LP_LOADED_MAPPED)
        set_apart(v);
    v->cpu = LP_CPUS;
    while (lp_pretok_window_for((enum lp_pattern)v->header->pattern, --v->cpu) == NULL)
        ;
    return LP_OK;
}

/* Opens what was loaded, or, where that failed with a status, returns it. */
LP_COLD static enum lp_status open_new(enum lp_status status, struct lp_loaded *loaded,
                                       struct lp_vocab **out)
{
    *out = NULL;
    if (status != LP_OK)
        return status == LP_DATA ? LP_BAD_VOCAB : status;
    struct lp_vocab *v = calloc(1, sizeof *v);
    if (v == NULL || (v->checks = calloc(1, sizeof *v->checks)) == NULL) {
        free(v);
        lp_unload(loaded);
        return LP_NOMEM;
    }
    atomic_init(&v->checks->damaged, false);
    atomic_init(&v->checks->passed, 0);
    v->loaded = *loaded;
    status = open_loaded(v);
    if (status != LP_OK)
        lp_vocab_close(v);
    else
        *out = v;
    return status;
}

enum lp_status lp_vocab_open(const char *path, struct lp_vocab **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_map(path, sizeof(struct lp_vocab_header), SIZE_MAX, &loaded);
    return open_new(status, &loaded, out);
}

enum lp_status lp_vocab_load(const char *path, struct lp_vocab **out)
{
    struct lp_loaded loaded;
    enum lp_status status =
        lp_load_file(path, false, sizeof(struct lp_vocab_header), SIZE_MAX / 2, &loaded);
    return open_new(status, &loaded, out);
}

enum lp_status lp_vocab_open_memory(const void *data, size_t n, bool copy, struct lp_vocab **out)
{
    struct lp_loaded loaded;
    enum lp_status status = lp_load_memory(data, n, copy, &loaded);
    return open_new(status, &loaded, out);
}

void lp_vocab_close(struct lp_vocab *v)
{
    if (v == NULL)
        return;
    lp_unload(&v->loaded);
    free(v->checks);
    free(v);
}

enum lp_status lp_vocab_use(struct lp_vocab *v, const char *instructions)
{
    static const char *const names[LP_CPUS] = {"portable", "avx2", "neon"};
    for (unsigned cpu = 0; cpu < LP_CPUS; cpu++) {
        if (strcmp(instructions, names[cpu]) != 0)
            continue;
        v->cpu = (enum lp_cpu)cpu;
        bool there = lp_pretok_window_for((enum lp_pattern)v->header->pattern, v->cpu) != NULL;
        return there ? LP_OK : LP_USAGE;
    }
    return LP_USAGE;
}

const char *lp_vocab_name(const struct lp_vocab *v)
{
    return v->header->name;
}

uint64_t lp_vocab_fingerprint(const struct lp_vocab *v)
{
    return v->header->fingerprint;
}

uint32_t lp_vocab_size(const struct lp_vocab *v)
{
    return v->header->size;
}

const unsigned char *lp_vocab_token(const struct lp_vocab *v, uint32_t id, size_t *len)
{
    if (id >= v->header->size || !lp_vocab_expect(v, LP_READ_TOKEN) || token_size(v, id) == 0)
        return NULL;
    *len = token_size(v, id);
    return v->bytes + v->offset[id];
}

const unsigned char *lp_vocab_long_text(const struct lp_vocab *v, const unsigned char *text,
                                        size_t *size)
{
    struct lp_long_text place;
    memcpy(&place, text, sizeof place);
    const size_t all = section_bytes(v->header, LP_SECTION_LONG_TEXT);
    if (place.size > LP_TOKEN_MAX || place.size > all || place.offset > all - place.size)
        place.offset = place.size = 0;
    *size = place.size;
    return v->long_text + place.offset;
}

uint32_t lp_vocab_find(const struct lp_vocab *v, const unsigned char *text, size_t n)
{
    if (n > LP_KEY_TEXT_MAX)
        return lp_vocab_find_long(v, text, n, lp_xxh64(text, n, 0));
    struct lp_key key = lp_key_of(text, n);
    if (!lp_vocab_expect(v, LP_READ_KEYS))
        return LP_NO_ID;
    return lp_vocab_entry_id(v, lp_vocab_entry(v, key, lp_key_hash(key)), key);
}

uint32_t lp_vocab_find_long(const struct lp_vocab *v, const unsigned char *text, size_t n,
                            uint64_t hash)
{
    const uint32_t mask = ((uint32_t)1 << v->header->long_log) - 1;
    const size_t all = section_bytes(v->header, LP_SECTION_LONG_TEXT);
    if (!lp_vocab_expect(v, LP_READ_LONG))
        return LP_NO_ID;
    for (uint32_t i = 0; i <= mask; i++) { /* ends at an empty slot; bounded if there is none */
        const struct lp_long_entry *entry = &v->longs[((uint32_t)hash + i) & mask];
        if (entry->size == 0)
            break;
        if (entry->tag == (uint32_t)(hash >> 32) && entry->size == n && n <= all &&
            entry->offset <= all - n && memcmp(v->long_text + entry->offset, text, n) == 0 &&
            entry->id < v->header->size)
            return entry->id;
    }
    return LP_NO_ID;
}
