/* vocabulary - vocabularies with any content, checksums made right, do no harm; damage to a sound
 * one is noticed.
 *
 * An input is a number n, n bytes of text, then changes of the file: where, how many bytes, what.
 */
#include "base/bytes.h"
#include "base/xxh64.h"
#include "shared/fuzz.h"
#include "shared/patch.h"
#include "tokens/vocab_layout.h"

static unsigned char *file;
static size_t file_size;
static struct lp_vocab_header sound; /* the file's */

/* Bytes of an entry that begins with a key and ends with a sealed number; 0 for others. */
static size_t keyed_entry(unsigned section)
{
    return section == LP_SECTION_HALF  ? 4 * LP_HALF_ENTRY
           : section == LP_SECTION_KEY ? 4 * LP_KEY_ENTRY
                                       : 0;
}

/* Puts a number, sealed, into an entry of a section whose entries are sealed. Returns whether the
 * section is such. */
static bool patch_sealed(struct patches *patches, unsigned section, uint32_t at,
                         struct fuzz_input *in)
{
    const size_t entry = keyed_entry(section), head = PATCH_HEAD + 8;
    const bool plain = section == LP_SECTION_ID || section == LP_SECTION_RANK;
    if ((!plain && entry == 0 && section != LP_SECTION_PAIR) || in->n < head)
        return false;
    const uint64_t size = sound.section[section + 1] - sound.section[section];
    const uint64_t number = lp_get64(in->p + PATCH_HEAD), pair = lp_seal_pair(number >> 10);
    const size_t unit = plain ? 4 : entry > 0 ? entry : sizeof pair;
    unsigned char *p = file + sound.section[section] + at % (size / unit) * unit;
    struct lp_key key = {0};
    if (entry > 0)
        memcpy(&key, p, entry - 4 < sizeof key ? entry - 4 : sizeof key);
    const uint32_t word = lp_seal((uint32_t)number & LP_NO_ID, entry > 0 ? lp_key_hash(key) : 0);
    if (section == LP_SECTION_PAIR)
        patch_bytes(patches, file, file_size, (size_t)(p - file), &pair, sizeof pair);
    else
        patch_bytes(patches, file, file_size, (size_t)(p - file) + unit - sizeof word, &word,
                    sizeof word);
    in->p += head;
    in->n -= head;
    return true;
}

/* Changes the file; if seal is set its checksums are made right again. */
static void change(struct fuzz_input *in, bool seal, struct patches *patches)
{
    uint32_t changed = 0;
    while (in->n >= PATCH_HEAD && patches->n < PATCHES_MAX) {
        const unsigned section = in->p[0] % (LP_SECTIONS + 1);
        const uint32_t at = lp_get24(in->p + 1);
        changed |= (uint32_t)1 << section;
        if (section == LP_SECTIONS) {
            patch(patches, file, file_size, at % offsetof(struct lp_vocab_header, sum), in);
            continue;
        }
        const uint64_t size = sound.section[section + 1] - sound.section[section];
        if (!seal || !patch_sealed(patches, section, at, in))
            patch(patches, file, file_size, (size_t)(sound.section[section] + at % size), in);
    }
    struct lp_vocab_header *header = (struct lp_vocab_header *)(void *)file;
    for (unsigned i = 0; seal && i < LP_SECTIONS; i++) {
        if (changed >> i & 1)
            header->sum[i] = lp_sum64(file + sound.section[i],
                                      (size_t)(sound.section[i + 1] - sound.section[i]));
    }
    if (seal)
        header->head_sum = lp_xxh64(header, offsetof(struct lp_vocab_header, head_sum), 0);
}

static void undo_all(struct patches *patches)
{
    struct lp_vocab_header *header = (struct lp_vocab_header *)(void *)file;
    undo(patches, file);
    *header = sound;
}

/* What a use of a vocabulary gives. */
struct result {
    enum lp_status status;
    struct lp_buf bytes;
};

static void use(const struct lp_vocab *vocab, bool special, const struct fuzz_input *text,
                struct result *r)
{
    struct lp_options options = {.chain = LP_CHAIN_TOKENS, .vocab = vocab, .special = special};
    struct lp_codec *codec;
    const void *out;
    const uint32_t *ids;
    size_t n, size;
    r->bytes.n = 0;
    r->status = lp_codec_new(&options, &codec);
    if (r->status == LP_OK)
        r->status = lp_encode(codec, text->p, text->n, &ids, &n);
    if (r->status == LP_OK)
        fuzz_add(&r->bytes, ids, n * sizeof *ids);
    if (r->status == LP_OK && n > 0) {
        struct lp_buf copy = {0};
        fuzz_add(&copy, ids, n * sizeof *ids);
        r->status = lp_decode(codec, (const uint32_t *)(const void *)copy.p, n, &out, &size);
        if (r->status == LP_OK)
            fuzz_add(&r->bytes, out, size);
        (void)lp_vocab_token(vocab, *(const uint32_t *)(const void *)copy.p, &size);
        lp_buf_free(&copy);
    }
    if (r->status == LP_OK)
        r->status = lp_pack(codec, text->p, text->n, &out, &size);
    if (r->status == LP_OK)
        fuzz_add(&r->bytes, out, size);
    lp_codec_free(codec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct lp_vocab *intact;
    static struct patches patches;
    static struct result right, result;
    struct fuzz_input in = {data, n}, text;
    struct lp_vocab *vocab;
    if (file == NULL) {
        file = fuzz_file("gpt2.lpv", &file_size);
        memcpy(&sound, file, sizeof sound);
        FUZZ_MUST(lp_vocab_open_memory(file, file_size, true, &intact) == LP_OK, "no vocabulary");
    }
    const bool seal = fuzz_choice(&in, 4) != 3, special = fuzz_flip(&in);
    text = take_text(&in);
    patches.n = 0;
    change(&in, seal, &patches);
    if (lp_vocab_open_memory(file, file_size, false, &vocab) == LP_OK) {
        use(vocab, special, &text, &result);
        if (!seal) {
            use(intact, special, &text, &right);
            FUZZ_MUST(right.status == LP_OK, "a sound vocabulary");
            FUZZ_MUST(result.status == LP_BAD_VOCAB ||
                          (result.status == LP_OK && fuzz_same(&result.bytes, &right.bytes)),
                      "a damaged vocabulary gives \"%s\", and other results",
                      lp_status_text(result.status));
        }
        lp_vocab_close(vocab);
    }
    undo_all(&patches);
    return 0;
}
