/* shipped.h - what blobs name by number: the vocabularies and models that come
 * with the toolkit, in the order of lp_encoding_list(). The numbers and the
 * fingerprints stay for ever: lpstream(5) lists them too. */
#ifndef LP_SHIPPED_H
#define LP_SHIPPED_H

#include <stdint.h>

enum { LP_VOCAB_CL100K = 4, LP_VOCAB_O200K = 5, LP_SHIPPED_VOCABS = 7 };

struct lp_shipped {
    uint64_t fingerprint; /* of the vocabulary */
    uint64_t model;       /* of its model, 0 for none */
};

extern const struct lp_shipped lp_shipped[LP_SHIPPED_VOCABS];

#endif
