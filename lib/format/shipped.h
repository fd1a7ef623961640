/* shipped.h - the fingerprints of the vocabularies and models that come with the
 * toolkit, in the order of lp_encoding_list(). Blobs name the vocabularies by
 * number; the models need no name in streams and blobs. They stay for ever:
 * lpstream(5) lists them too. */
#ifndef LP_FORMAT_SHIPPED_H
#define LP_FORMAT_SHIPPED_H

#include <stdint.h>

enum { LP_VOCAB_CL100K = 4, LP_VOCAB_O200K = 5, LP_SHIPPED_VOCABS = 7 };

struct lp_shipped {
    uint64_t vocab, model; /* 0: no model is shipped */
};

extern const struct lp_shipped lp_shipped[LP_SHIPPED_VOCABS];

/* The model that comes with a vocabulary, 0 for none. */
uint64_t lp_shipped_model(uint64_t vocab);

#endif
