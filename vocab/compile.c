/* compile.c - compiles a vocabulary (.lpv) from the text files in this folder.
 *
 * usage: compile VOCAB_DIR ENCODING OUT
 *
 * The build runs it on the machine that will use the file. */
#include "base/xxh64.h"
#include "tokens/vocab.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { ID_MAX = 1 << 18, TOKEN_MAX = LP_TOKEN_MAX, LINE_SIZE = 4096 };

struct token {
    unsigned char *text; /* NULL: no such id */
    uint32_t size;
    bool special;
    uint32_t left, right;
    uint32_t long_at; /* of a token without a key: its offset in LONG_TEXT */
};

struct encoding {
    char ranks[128], ranking[128];
    enum lp_pattern pattern;
    uint32_t one, two, size, ntokens, nspecial, nsorted;
    struct token token[ID_MAX];
    uint32_t rank[ID_MAX], id[ID_MAX], sorted[ID_MAX];
    /* Hash table of tokens by their bytes, open addressing: id + 1, 0 if empty. */
    uint32_t by_text[ID_MAX * 4];
};

static struct encoding enc; /* too large for the stack; this program compiles one */

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("compile: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *need(void *p)
{
    if (p == NULL)
        die("out of memory");
    return p;
}

static FILE *open_in(const char *dir, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        die("%s/%s: path too long", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die("%s: cannot open: %s", path, strerror(errno));
    return file;
}

static uint32_t *text_slot(const unsigned char *text, size_t n)
{
    uint32_t mask = ID_MAX * 4 - 1, slot = (uint32_t)lp_xxh64(text, n, 0) & mask;
    while (enc.by_text[slot] != 0) {
        const struct token *t = &enc.token[enc.by_text[slot] - 1];
        if (t->size == n && memcmp(t->text, text, n) == 0)
            break;
        slot = (slot + 1) & mask;
    }
    return &enc.by_text[slot];
}

static uint32_t find_text(const unsigned char *text, size_t n)
{
    uint32_t found = *text_slot(text, n);
    return found == 0 ? LP_NO_ID : found - 1;
}

static void add_token(unsigned long id, const void *text, size_t n, bool special)
{
    if (id >= LP_NO_ID || n == 0 || n > TOKEN_MAX)
        die("token %lu: id or length out of range", id);
    struct token *t = &enc.token[id];
    if (t->text != NULL)
        die("token %lu: listed twice", id);
    t->text = need(malloc(n));
    memcpy(t->text, text, n);
    t->size = (uint32_t)n;
    t->special = special;
    if (!special)
        *text_slot(t->text, n) = (uint32_t)id + 1;
    enc.nspecial += special;
    enc.ntokens++;
    if (id >= enc.size)
        enc.size = (uint32_t)id + 1;
}

static void read_encodings(const char *dir, const char *name)
{
    static const char *const patterns[] = {"gpt2", "cl100k", "o200k"};
    FILE *file = open_in(dir, "encodings");
    char line[LINE_SIZE], who[64], text[256], pattern[16];
    unsigned long id;
    bool found = false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "encoding %63s %127s %15s %127s", who, text, pattern, enc.ranking) == 4 &&
            strcmp(who, name) == 0) {
            strcpy(enc.ranks, text);
            size_t i = 0;
            while (i < 3 && strcmp(patterns[i], pattern) != 0)
                i++;
            if (i == 3)
                die("encodings: unknown pattern %s", pattern);
            enc.pattern = (enum lp_pattern)i;
            found = true;
            break;
        }
    }
    if (!found)
        die("encodings: no encoding %s", name);
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "codes %63s %u %u", who, &enc.one, &enc.two) == 3)
            continue;
        if (sscanf(line, "special %63s %lu %255s", who, &id, text) == 3) {
            if (strcmp(who, name) == 0)
                add_token(id, text, strlen(text), true);
        } else if (line[0] != '#' && line[0] != '\n') {
            break;
        }
    }
    fclose(file);
    if (enc.one == 0 || enc.one + enc.two > 255)
        die("encodings: %s: codes out of range", name);
}

static int base64_digit(int c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c == 0 ? NULL : strchr(digits, c);
    return p == NULL ? -1 : (int)(p - digits);
}

static size_t base64(const char *in, unsigned char *out)
{
    size_t n = 0;
    unsigned bits = 0, nbits = 0;
    for (; *in != 0 && *in != '='; in++) {
        int digit = base64_digit(*in);
        if (digit < 0)
            die("%s: bad base64 in a token", enc.ranks);
        bits = bits << 6 | (unsigned)digit;
        nbits += 6;
        if (nbits >= 8)
            out[n++] = (unsigned char)(bits >> (nbits -= 8));
    }
    return n;
}

static void read_ranks(const char *dir)
{
    FILE *file = open_in(dir, enc.ranks);
    char line[LINE_SIZE], text[LINE_SIZE];
    unsigned char bytes[LINE_SIZE];
    unsigned long id;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%4095s %lu", text, &id) != 2)
            die("%s: malformed line: not TOKEN RANK", enc.ranks);
        add_token(id, bytes, base64(text, bytes), false);
    }
    fclose(file);
    for (unsigned i = 0; i < 256; i++) {
        unsigned char byte = (unsigned char)i;
        if (find_text(&byte, 1) == LP_NO_ID)
            die("%s: byte %u is not a token", enc.ranks, i);
    }
}

static void read_ranking(const char *dir)
{
    FILE *file = open_in(dir, enc.ranking);
    unsigned long id;
    uint32_t n = 0;
    for (uint32_t i = 0; i < enc.size; i++)
        enc.rank[i] = LP_NO_ID;
    while (fscanf(file, "%lu", &id) == 1) {
        if (id >= enc.size || enc.token[id].text == NULL)
            continue; /* encodings with other special tokens share a ranking */
        if (enc.rank[id] != LP_NO_ID)
            die("%s: %lu listed twice", enc.ranking, id);
        enc.rank[id] = n;
        enc.id[n++] = (uint32_t)id;
    }
    if (!feof(file))
        die("%s: malformed line: not a number", enc.ranking);
    fclose(file);
    for (uint32_t i = 0; i < enc.size; i++) {
        if (enc.token[i].text != NULL && enc.rank[i] == LP_NO_ID) {
            enc.rank[i] = n;
            enc.id[n++] = i;
        }
    }
    uint64_t codes = enc.one + 256u * enc.two + (uint64_t)(256 - enc.one - enc.two) * 65536;
    if (codes < n)
        die("encodings: codes for %lu of %lu tokens", (unsigned long)codes, (unsigned long)n);
}

/* Finds the two ids whose merge makes a token: the two parts that are left one merge before the
 * end. A token that merges do not reach is split into itself twice. */
static void split_token(uint32_t id)
{
    struct token *t = &enc.token[id];
    t->left = t->right = id;
    if (t->size <= 1 || t->special)
        return;
    uint32_t part[TOKEN_MAX + 1], n = t->size; /* where each part begins */
    for (uint32_t i = 0; i <= n; i++)
        part[i] = i;
    while (n > 2) {
        uint32_t best = LP_NO_ID, at = 0;
        for (uint32_t i = 0; i + 2 <= n; i++) {
            uint32_t merged = find_text(t->text + part[i], part[i + 2] - part[i]);
            if (merged < best) {
                best = merged;
                at = i;
            }
        }
        if (best == LP_NO_ID)
            return;
        memmove(part + at + 1, part + at + 2, (n - at - 1) * sizeof *part);
        n--;
    }
    t->left = find_text(t->text, part[1]);
    t->right = find_text(t->text + part[1], t->size - part[1]);
}

static int compare_tokens(const void *a, const void *b)
{
    const struct token *x = &enc.token[*(const uint32_t *)a], *y = &enc.token[*(const uint32_t *)b];
    int c = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
    return c != 0 ? c : x->size < y->size ? -1 : x->size > y->size;
}

static void sort_tokens(void)
{
    for (uint32_t i = 0; i < enc.size; i++) {
        split_token(i);
        if (enc.token[i].text != NULL && enc.token[i].left != i)
            enc.sorted[enc.nsorted++] = i;
    }
    qsort(enc.sorted, enc.nsorted, sizeof *enc.sorted, compare_tokens);
}

/* XXH64 of a canonical form: the length (u32) and the bytes of each id; then the ids by frequency
 * rank (u32 each), ONE, TWO and the pattern (u8 each). Little-endian. */
static uint64_t fingerprint(void)
{
    size_t n = 0;
    for (uint32_t i = 0; i < enc.size; i++)
        n += 4 + enc.token[i].size;
    unsigned char *form = need(malloc(n + 4 * (size_t)enc.ntokens + 3)), *p = form;
    for (uint32_t i = 0; i < enc.size; i++) {
        const struct token *t = &enc.token[i];
        for (int shift = 0; shift < 32; shift += 8)
            *p++ = (unsigned char)(t->size >> shift);
        if (t->size > 0)
            memcpy(p, t->text, t->size);
        p += t->size;
    }
    for (uint32_t i = 0; i < enc.ntokens; i++) {
        for (int shift = 0; shift < 32; shift += 8)
            *p++ = (unsigned char)(enc.id[i] >> shift);
    }
    *p++ = (unsigned char)enc.one;
    *p++ = (unsigned char)enc.two;
    *p++ = (unsigned char)enc.pattern;
    uint64_t hash = lp_xxh64(form, (size_t)(p - form), 0);
    free(form);
    return hash;
}

/* --- The file ---------------------------------------------------------------- */

static struct lp_vocab_header header = {
    .magic = LP_LPV_MAGIC, .byte_order = LP_LPV_BYTE_ORDER, .version = LP_LPV_VERSION};
static unsigned char *image;
static size_t image_size;

static void *add_section(enum lp_section section, size_t size)
{
    size_t align = lp_section_begins_part(section) ? LP_LPV_PART : 64;
    size_t begin = (image_size + align - 1) / align * align, end = (begin + size + 63) / 64 * 64;
    image = need(realloc(image, end));
    memset(image + image_size, 0, end - image_size);
    header.section[section] = begin;
    image_size = end;
    return image + begin;
}

static void put_bytes(void)
{
    size_t bytes = 0;
    uint32_t *offset = add_section(LP_SECTION_OFFSET, 4 * ((size_t)enc.size + 1));
    for (uint32_t i = 0; i < enc.size; i++) {
        offset[i] = (uint32_t)bytes;
        bytes += enc.token[i].size;
        if (enc.token[i].size > header.token_max)
            header.token_max = enc.token[i].size;
    }
    offset[enc.size] = (uint32_t)bytes;
    unsigned char *p = add_section(LP_SECTION_BYTES, bytes + LP_KEY_SIZE);
    for (uint32_t i = 0; i < enc.size; p += enc.token[i++].size) {
        if (enc.token[i].size > 0)
            memcpy(p, enc.token[i].text, enc.token[i].size);
    }
}

/* --- Perfect hash tables (see lp_slot()) --------------------------------------- */

/* FULL: percent of the slots in use. FEW: most keys per shift on average. A set of k keys fits the
 * free slots with a probability of at least (1 - FULL / 100)^k for each shift. Large sets go first,
 * into an empty table, so the 65,536 shifts to try are enough. */
enum { FULL = 98, FEW = 5 };

/* Keys that share a shift. */
struct bucket {
    uint32_t number, n, first; /* first: in the sorted list of hashes */
};

static int compare_buckets(const void *a, const void *b)
{
    const struct bucket *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n)
                        : (x->number > y->number) - (x->number < y->number);
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Takes the slots that a shift gives the hashes of a bucket, if all are free. */
static bool take_slots(bool *taken, uint32_t size, const uint64_t *hash, uint32_t n, uint32_t shift)
{
    for (uint32_t i = 0; i < n; i++) {
        bool *slot = &taken[lp_slot(hash[i], shift, size)];
        if (*slot) {
            while (i-- > 0)
                taken[lp_slot(hash[i], shift, size)] = false;
            return false;
        }
        *slot = true;
    }
    return true;
}

/* Hash and displace: gives each bucket, from the largest on, the least shift that puts its keys
 * into free slots. Adds the section of shifts. */
static struct lp_slots put_shifts(enum lp_section section, uint64_t *hash, uint32_t n)
{
    struct lp_slots slots = {n + n * (100 - FULL) / FULL + 1, 1};
    while (((uint32_t)FEW << slots.shift_log) < n)
        slots.shift_log++;
    const size_t nbuckets = (size_t)1 << slots.shift_log;
    struct bucket *buckets = need(calloc(nbuckets, sizeof *buckets));
    bool *taken = need(calloc(slots.size, sizeof *taken));
    uint16_t *shifts = add_section(section, nbuckets * sizeof *shifts);
    for (size_t i = 0; i < nbuckets; i++)
        buckets[i].number = (uint32_t)i;
    qsort(hash, n, sizeof *hash, compare_hashes); /* this sorts them by bucket too */
    for (uint32_t i = 0; i < n; i++) {
        struct bucket *b = &buckets[lp_slot_shift(hash[i], slots.shift_log)];
        b->first = b->n++ == 0 ? i : b->first;
    }
    qsort(buckets, nbuckets, sizeof *buckets, compare_buckets);
    for (size_t i = 0; i < nbuckets; i++) {
        const struct bucket *b = &buckets[i];
        uint32_t shift = 0;
        while (!take_slots(taken, slots.size, hash + b->first, b->n, shift)) {
            if (++shift > UINT16_MAX)
                die("no shift fits: lower FULL");
        }
        shifts[b->number] = (uint16_t)shift;
    }
    free(buckets);
    free(taken);
    return slots;
}

static uint32_t slot_of(struct lp_slots slots, enum lp_section shifts, uint64_t hash)
{
    return lp_slot_of(slots, (const void *)(image + header.section[shifts]), hash);
}

/* The size of an id's entry in u32s: of half a key or of a whole one; 0 for none. */
static size_t entry_size(uint32_t id)
{
    const struct token *t = &enc.token[id];
    if (t->text == NULL || t->special || t->size > LP_KEY_TEXT_MAX)
        return 0;
    return t->size <= LP_HALF_TEXT_MAX ? LP_HALF_ENTRY : LP_KEY_ENTRY;
}

static struct lp_key key_of(uint32_t id)
{
    return lp_key_of(enc.token[id].text, enc.token[id].size);
}

/* Adds the table of the tokens whose entries have this size. */
static struct lp_slots put_keys(enum lp_section shifts, enum lp_section entries, size_t size)
{
    uint64_t *hash = need(malloc(enc.size * sizeof *hash));
    uint32_t n = 0;
    for (uint32_t i = 0; i < enc.size; i++) {
        if (entry_size(i) == size)
            hash[n++] = lp_key_hash(key_of(i));
    }
    struct lp_slots slots = put_shifts(shifts, hash, n);
    free(hash);
    uint32_t *entry = add_section(entries, slots.size * size * sizeof *entry);
    for (uint32_t i = 1; i <= slots.size; i++)
        entry[i * size - 1] = lp_seal(LP_NO_ID, 0); /* empty: the key of no text, and no token */
    for (uint32_t i = 0; i < enc.size; i++) {
        if (entry_size(i) != size)
            continue;
        const struct lp_key key = key_of(i);
        const struct lp_key stored =
            size == LP_HALF_ENTRY ? (struct lp_key){.a = lp_half_key(key)} : key;
        uint32_t *there = entry + slot_of(slots, shifts, lp_key_hash(key)) * size;
        memcpy(there, &stored, (size - 1) * sizeof *there);
        there[size - 1] = lp_seal(i, lp_key_hash(stored));
    }
    return slots;
}

static void put_pairs(void)
{
    uint64_t *hash = need(malloc((size_t)enc.nsorted * sizeof *hash));
    for (uint32_t i = 0; i < enc.nsorted; i++) {
        const struct token *t = &enc.token[enc.sorted[i]];
        hash[i] = lp_pair_hash(t->left, t->right);
    }
    header.pairs = put_shifts(LP_SECTION_PAIR_SHIFT, hash, enc.nsorted);
    free(hash);
    uint64_t *pair = add_section(LP_SECTION_PAIR, sizeof *pair * header.pairs.size);
    for (uint32_t i = 0; i < header.pairs.size; i++)
        pair[i] = lp_seal_pair((UINT64_C(1) << 3 * LP_ID_BITS) -
                               1); /* empty: all ones, which are no ids */
    for (uint32_t i = 0; i < enc.nsorted; i++) {
        const struct token *t = &enc.token[enc.sorted[i]];
        pair[slot_of(header.pairs, LP_SECTION_PAIR_SHIFT, lp_pair_hash(t->left, t->right))] =
            lp_seal_pair((uint64_t)t->left << 2 * LP_ID_BITS | (uint64_t)t->right << LP_ID_BITS |
                         enc.sorted[i]);
    }
}

/* Adds tokens without a key by descending frequency, so that common ones are found first. */
static void put_longs(void)
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < enc.ntokens; r++)
        n += enc.token[enc.id[r]].size > LP_KEY_TEXT_MAX;
    while (((uint32_t)1 << header.long_log) < n + n / 4 + 1) /* four fifths in use at most */
        header.long_log++;
    struct lp_long_entry *longs = add_section(LP_SECTION_LONG, sizeof *longs << header.long_log);
    for (uint32_t r = 0; r < enc.ntokens; r++) {
        const struct token *t = &enc.token[enc.id[r]];
        if (t->size <= LP_KEY_TEXT_MAX || t->special)
            continue;
        const uint64_t hash = lp_xxh64(t->text, t->size, 0);
        uint32_t mask = ((uint32_t)1 << header.long_log) - 1, slot = (uint32_t)hash & mask;
        while (longs[slot].size != 0)
            slot = (slot + 1) & mask;
        longs[slot] =
            (struct lp_long_entry){(uint32_t)(hash >> 32), enc.id[r], t->long_at, t->size};
    }
}

/* The longest prefix of a sorted token is the token before it, or one of that token's prefixes, or
 * its first byte. */
static void put_prefixes(void)
{
    uint32_t *prefix = add_section(LP_SECTION_PREFIX, 4 * (size_t)enc.size);
    for (uint32_t i = 0; i < enc.size; i++)
        prefix[i] = LP_NO_ID;
    for (uint32_t i = 0; i < enc.nsorted; i++) {
        const struct token *t = &enc.token[enc.sorted[i]];
        uint32_t id = i > 0 ? enc.sorted[i - 1] : (uint32_t)LP_NO_ID;
        for (; id != LP_NO_ID; id = prefix[id]) {
            const struct token *begin = &enc.token[id];
            if (begin->size <= t->size && memcmp(begin->text, t->text, begin->size) == 0)
                break;
        }
        prefix[enc.sorted[i]] = id != LP_NO_ID ? id : find_text(t->text, 1);
    }
}

static void put_splits(void)
{
    uint32_t *split = add_section(LP_SECTION_SPLIT, 8 * (size_t)enc.size);
    for (uint32_t i = 0; i < enc.size; i++) {
        split[2 * i] = enc.token[i].text != NULL ? enc.token[i].left : i;
        split[2 * i + 1] = enc.token[i].text != NULL ? enc.token[i].right : i;
    }
}

static void put_starts(void)
{
    uint32_t *start = add_section(LP_SECTION_START, 4 * 65537);
    uint32_t at = 0;
    for (uint32_t prefix = 0; prefix <= 65536; prefix++) {
        while (at < enc.nsorted) {
            const unsigned char *text = enc.token[enc.sorted[at]].text;
            if ((uint32_t)text[0] << 8 >= prefix || ((uint32_t)text[0] << 8 | text[1]) >= prefix)
                break;
            at++;
        }
        start[prefix] = at;
    }
}

static void put_special(void)
{
    uint32_t *special = add_section(LP_SECTION_SPECIAL, 4 * (size_t)enc.nspecial);
    for (uint32_t i = 0; i < enc.size; i++) {
        if (enc.token[i].special)
            *special++ = i;
    }
}

/* The id of each single byte. */
static void put_byte_ids(void)
{
    uint32_t *one = add_section(LP_SECTION_BYTE, 4 * 256);
    for (uint32_t i = 0; i < 256; i++) {
        unsigned char byte = (unsigned char)i;
        one[i] = find_text(&byte, 1);
    }
}

static void put_byte_pairs(void)
{
    uint32_t *pair = add_section(LP_SECTION_BYTE_PAIR, 65536 * sizeof *pair);
    for (uint32_t i = 0; i < 65536; i++) {
        unsigned char bytes[2] = {(unsigned char)(i >> 8), (unsigned char)i};
        pair[i] = UINT32_MAX << LP_ID_BITS | find_text(bytes, 2);
    }
    for (uint32_t i = 0; i < enc.nsorted; i++) {
        const struct token *t = &enc.token[enc.sorted[i]];
        const unsigned char *border = t->text + enc.token[t->left].size;
        uint32_t *at_border = &pair[border[-1] << 8 | border[0]];
        uint32_t unit = enc.sorted[i] >> LP_BORDER_UNIT;
        if (unit < lp_byte_pair_border(*at_border))
            *at_border = unit << LP_ID_BITS | lp_byte_pair_id(*at_border);
    }
}

static void put_ids(enum lp_section section, const uint32_t *ids, size_t n)
{
    memcpy(add_section(section, 4 * n), ids, 4 * n);
}

static void put_sealed(enum lp_section section, const uint32_t *numbers, size_t n)
{
    uint32_t *sealed = add_section(section, 4 * n);
    for (size_t i = 0; i < n; i++)
        sealed[i] = numbers[i] == LP_NO_ID ? 0 : lp_seal(numbers[i], 0);
}

/* The bytes of tokens without a key, by descending frequency. */
static void put_long_texts(void)
{
    uint32_t size = 0;
    for (uint32_t r = 0; r < enc.ntokens; r++) {
        struct token *t = &enc.token[enc.id[r]];
        t->long_at = size;
        size += t->size <= LP_KEY_TEXT_MAX ? 0 : t->size;
    }
    unsigned char *p = add_section(LP_SECTION_LONG_TEXT, size + LP_KEY_SIZE);
    for (uint32_t i = 0; i < enc.size; i++) {
        const struct token *t = &enc.token[i];
        if (t->size > LP_KEY_TEXT_MAX)
            memcpy(p + t->long_at, t->text, t->size);
    }
}

/* Texts by frequency rank: keys or, of tokens without a key, their place in LONG_TEXT. */
static void put_texts(void)
{
    unsigned char *text = add_section(LP_SECTION_TEXT, LP_KEY_SIZE * (size_t)enc.ntokens);
    for (uint32_t r = 0; r < enc.ntokens; r++, text += LP_KEY_SIZE) {
        const struct token *t = &enc.token[enc.id[r]];
        struct lp_long_text place = {t->long_at, t->size, {0}, LP_LONG_MARK};
        struct lp_key key = {0};
        if (t->size <= LP_KEY_TEXT_MAX)
            key = lp_key_of(t->text, t->size);
        else
            memcpy(&key, &place, sizeof key);
        memcpy(text, &key, sizeof key);
    }
}

/* All sections, in the order of their numbers. An empty line separates parts. */
static void put_sections(void)
{
    put_long_texts();

    put_texts();

    put_sealed(LP_SECTION_ID, enc.id, enc.ntokens);

    put_sealed(LP_SECTION_RANK, enc.rank, enc.size);
    header.halves = put_keys(LP_SECTION_HALF_SHIFT, LP_SECTION_HALF, LP_HALF_ENTRY);
    header.keys = put_keys(LP_SECTION_KEY_SHIFT, LP_SECTION_KEY, LP_KEY_ENTRY);
    put_longs();
    put_pairs();
    put_byte_ids();
    put_byte_pairs();

    put_bytes();
    put_splits();
    put_ids(LP_SECTION_SORTED, enc.sorted, enc.nsorted);
    put_prefixes();
    put_starts();
    put_special();
}

static void write_image(const char *path)
{
    header.section[LP_SECTIONS] = header.file_size = image_size;
    memcpy(image, &header, sizeof header);
    lp_vocab_put_sums((struct lp_vocab_header *)(void *)image);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(image, 1, image_size, file) != image_size || fclose(file) != 0)
        die("%s: cannot write: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc != 4 || strlen(argv[2]) >= sizeof header.name)
        die("usage: compile VOCAB_DIR ENCODING OUT");
    read_encodings(argv[1], argv[2]);
    read_ranks(argv[1]);
    read_ranking(argv[1]);
    sort_tokens();
    image = need(calloc(1, sizeof header));
    image_size = sizeof header;
    put_sections();
    strcpy(header.name, argv[2]);
    header.size = enc.size;
    header.ntokens = enc.ntokens;
    header.nsorted = enc.nsorted;
    header.nspecial = enc.nspecial;
    header.pattern = (uint32_t)enc.pattern;
    header.one = enc.one;
    header.two = enc.two;
    header.fingerprint = fingerprint();
    write_image(argv[3]);
    return 0;
}
