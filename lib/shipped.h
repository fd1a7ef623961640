/* shipped.h - what blobs name by number: the fingerprints of the vocabularies
 * that come with the toolkit, in the order of lp_encoding_list(). They stay for
 * ever: lpstream(5) lists them too. */
#ifndef LP_SHIPPED_H
#define LP_SHIPPED_H

#include <stdint.h>

enum { LP_VOCAB_CL100K = 4, LP_SHIPPED_VOCABS = 7 };

extern const uint64_t lp_shipped[LP_SHIPPED_VOCABS];

#endif
