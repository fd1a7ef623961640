/* vocab.h - what the rest of the library asks of an open vocabulary. */
#ifndef LP_VOCAB_H
#define LP_VOCAB_H

#include "lp.h"

/* Bytes of token id (not NUL-terminated), NULL when id names no token. */
const unsigned char *lp_vocab_token(const struct lp_vocab *v, uint32_t id, size_t *len);

#endif
