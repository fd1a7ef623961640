/* shipped.h - what blobs name by number: the fingerprints of the vocabularies
 * and models that come with the toolkit, in the order of lp_encoding_list().
 * They stay for ever: lpstream(5) lists them too. */
#ifndef LP_SHIPPED_H
#define LP_SHIPPED_H

#include <stdint.h>

enum { LP_VOCAB_CL100K = 4, LP_VOCAB_O200K = 5, LP_SHIPPED_VOCABS = 7 };

struct lp_shipped {
    uint64_t vocab, model; /* 0: no model is shipped */
};

extern const struct lp_shipped lp_shipped[LP_SHIPPED_VOCABS];

#endif
