/* encodings.h - the encodings that come with the toolkit, with the fingerprints of their
 * vocabularies and models. Blobs name an encoding by its place in the table, and what is mixed
 * by its model needs no name. They stay for ever: lpstream(5) lists them too. */
#ifndef LP_FORMAT_ENCODINGS_H
#define LP_FORMAT_ENCODINGS_H

#include <stdint.h>

enum { LP_VOCAB_CL100K = 4, LP_VOCAB_O200K = 5, LP_ENCODINGS = 7 };

struct lp_encoding {
    const char *name;
    uint64_t vocab, model; /* 0: no model is shipped */
};

extern const struct lp_encoding lp_encodings[LP_ENCODINGS];

/* The model that comes with a vocabulary, 0 for none. */
uint64_t lp_shipped_model(uint64_t vocab);

#endif
