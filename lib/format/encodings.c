/* encodings.c - the encodings there are, and the language models that use them: the tables of
 * tiktoken 0.14, model.py. */
#include "format/encodings.h"

#include "lp.h"

#include <string.h>

const struct lp_encoding lp_encodings[LP_ENCODINGS] = {
    {"gpt2", UINT64_C(0x24c48060d3a8d0ca), 0},
    {"r50k_base", UINT64_C(0x24c48060d3a8d0ca), 0},
    {"p50k_base", UINT64_C(0xbdf387761b2fe379), 0},
    {"p50k_edit", UINT64_C(0x63fbe4692dce9076), 0},
    {"cl100k_base", UINT64_C(0xd35ea627e528410a), UINT64_C(0xdf3d950673c83a1d)},
    {"o200k_base", UINT64_C(0xe5335425da3a881d), UINT64_C(0x000d914a64aa54b6)},
    {"o200k_harmony", UINT64_C(0xbce641c05e09c7e3), 0},
};

uint64_t lp_shipped_model(uint64_t vocab)
{
    for (int i = 0; i < LP_ENCODINGS; i++) {
        if (lp_encodings[i].vocab == vocab)
            return lp_encodings[i].model;
    }
    return 0;
}

bool lp_model_ships(uint64_t fingerprint)
{
    for (int i = 0; i < LP_ENCODINGS; i++) {
        if (fingerprint != 0 && lp_encodings[i].model == fingerprint)
            return true;
    }
    return false;
}

struct model {
    const char *name, *encoding;
};

static const struct model models[] = {
    {"o1", "o200k_base"},
    {"o3", "o200k_base"},
    {"o4-mini", "o200k_base"},
    {"gpt-5", "o200k_base"},
    {"gpt-4.1", "o200k_base"},
    {"gpt-4o", "o200k_base"},
    {"gpt-4", "cl100k_base"},
    {"gpt-3.5-turbo", "cl100k_base"},
    {"gpt-3.5", "cl100k_base"},
    {"gpt-35-turbo", "cl100k_base"},
    {"davinci-002", "cl100k_base"},
    {"babbage-002", "cl100k_base"},
    {"text-embedding-ada-002", "cl100k_base"},
    {"text-embedding-3-small", "cl100k_base"},
    {"text-embedding-3-large", "cl100k_base"},
    {"text-davinci-003", "p50k_base"},
    {"text-davinci-002", "p50k_base"},
    {"text-davinci-001", "r50k_base"},
    {"text-curie-001", "r50k_base"},
    {"text-babbage-001", "r50k_base"},
    {"text-ada-001", "r50k_base"},
    {"davinci", "r50k_base"},
    {"curie", "r50k_base"},
    {"babbage", "r50k_base"},
    {"ada", "r50k_base"},
    {"code-davinci-002", "p50k_base"},
    {"code-davinci-001", "p50k_base"},
    {"code-cushman-002", "p50k_base"},
    {"code-cushman-001", "p50k_base"},
    {"davinci-codex", "p50k_base"},
    {"cushman-codex", "p50k_base"},
    {"text-davinci-edit-001", "p50k_edit"},
    {"code-davinci-edit-001", "p50k_edit"},
    {"text-similarity-davinci-001", "r50k_base"},
    {"text-similarity-curie-001", "r50k_base"},
    {"text-similarity-babbage-001", "r50k_base"},
    {"text-similarity-ada-001", "r50k_base"},
    {"text-search-davinci-doc-001", "r50k_base"},
    {"text-search-curie-doc-001", "r50k_base"},
    {"text-search-babbage-doc-001", "r50k_base"},
    {"text-search-ada-doc-001", "r50k_base"},
    {"code-search-babbage-code-001", "r50k_base"},
    {"code-search-ada-code-001", "r50k_base"},
    {"gpt2", "gpt2"},
    {"gpt-2", "gpt2"},
};

/* Names that begin like this, up to the star, tried in this order after the whole names. */
static const struct model prefixes[] = {
    {"o1-*", "o200k_base"},
    {"o3-*", "o200k_base"},
    {"o4-mini-*", "o200k_base"},
    {"gpt-5*", "o200k_base"},
    {"gpt-4.5-*", "o200k_base"},
    {"gpt-4.1-*", "o200k_base"},
    {"chatgpt-4o-*", "o200k_base"},
    {"gpt-4o-*", "o200k_base"},
    {"gpt-4-*", "cl100k_base"},
    {"gpt-3.5-turbo-*", "cl100k_base"},
    {"gpt-35-turbo-*", "cl100k_base"},
    {"gpt-oss-*", "o200k_harmony"},
    {"ft:gpt-4o*", "o200k_base"},
    {"ft:gpt-4*", "cl100k_base"},
    {"ft:gpt-3.5-turbo*", "cl100k_base"},
    {"ft:davinci-002*", "cl100k_base"},
    {"ft:babbage-002*", "cl100k_base"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *lp_encoding_list(size_t i)
{
    return i < LP_ENCODINGS ? lp_encodings[i].name : NULL;
}

const char *lp_encoding_name(const char *name)
{
    for (size_t i = 0; i < LP_ENCODINGS; i++) {
        if (strcmp(lp_encodings[i].name, name) == 0)
            return lp_encodings[i].name;
    }
    for (size_t i = 0; i < COUNT(models); i++) {
        if (strcmp(models[i].name, name) == 0)
            return models[i].encoding;
    }
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        if (strncmp(prefixes[i].name, name, strlen(prefixes[i].name) - 1) == 0)
            return prefixes[i].encoding;
    }
    return NULL;
}

/* The i-th of all names of language models, with a star at the end of a prefix. */
static const struct model *model_at(size_t i)
{
    if (i < COUNT(models))
        return &models[i];
    return i - COUNT(models) < COUNT(prefixes) ? &prefixes[i - COUNT(models)] : NULL;
}

const char *lp_encoding_model(const char *encoding, size_t i)
{
    const struct model *model;
    for (size_t at = 0; (model = model_at(at)) != NULL; at++) {
        if (strcmp(model->encoding, encoding) == 0 && i-- == 0)
            return model->name;
    }
    return NULL;
}

/* --- Names that are like others ---------------------------------------------------- */

enum { NAME_MAX_SIZE = 40 }; /* bytes of a name that has another like it */

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* How many bytes to insert, delete or change make b of a, in which case does not count
 * (Levenshtein); b has at most NAME_MAX_SIZE. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_SIZE + 1];
    const size_t n = strlen(b);
    for (size_t k = 0; k <= n; k++)
        row[k] = (unsigned)k;
    for (; *a != 0; a++) {
        unsigned diagonal = row[0]++;
        for (size_t k = 1; k <= n; k++) {
            unsigned best = diagonal + (lower(*a) != lower(b[k - 1]));
            diagonal = row[k];
            if (row[k] + 1 < best)
                best = row[k] + 1;
            if (row[k - 1] + 1 < best)
                best = row[k - 1] + 1;
            row[k] = best;
        }
    }
    return row[n];
}

const char *lp_encoding_like(const char *name)
{
    const char *like = NULL;
    const size_t n = strlen(name);
    unsigned least = (unsigned)(n / 4) + 1; /* more changes than that make it another name */
    if (n == 0 || n > NAME_MAX_SIZE)
        return NULL;
    for (size_t i = 0; i < LP_ENCODINGS + COUNT(models); i++) {
        const char *known = i < LP_ENCODINGS ? lp_encodings[i].name : models[i - LP_ENCODINGS].name;
        /* The rest of an encoding's name is often left out. */
        const bool begun = i < LP_ENCODINGS && strncmp(known, name, n) == 0;
        const unsigned d = begun ? 1 : distance(known, name);
        if (d < least || (d == least && like == NULL)) {
            least = d;
            like = known;
        }
    }
    return like;
}
