/* mix.h - entropy-codes a sequence of token ids with the probabilities that a model predicts.
 *
 * The model's n-gram counts and network are mixed by logistic mixing, and a range coder codes what
 * is chosen. Integer arithmetic only: the same bytes on every machine. Never knows text, blobs or
 * streams.
 *
 * Names, here and in lpmodel(5), in the terms of data compression:
 *
 *   leaf      a symbol: a token, by its number in the order of the model's tree
 *   offer     the candidates: leaves that n-gram lists and the match predict, coded in one choice
 *   escape    the escape symbol of an offer: none of the candidates; the tree codes the leaf then
 *   lane      the index of a candidate or child in a choice of sixteen or thirty-two
 *   list      the successors of a context with their counts: an n-gram context's statistics
 *   follow    the bigram list of the last leaf in the model; it also gives logits at the root
 *   own       the bigram list that the sequence itself has built; everything else is the model's
 *   match     the match model: the leaf that came after the last occurrence of this context
 *   source    an input of an offer's mixing: the follow list and the other lists
 *   level     a quantised sum of counts; class: a quantised count
 *   logit     ln(p) up to a constant that all symbols of a choice share: the domain of mixing
 *   freq      a symbol's integer frequency in the range coder; cum: cumulative frequencies
 *   params    the mixing parameters: weights and logits, trained with the model
 *   learnt    what a sequence adds to the mixing parameters as it is coded
 *   mode      whole or fast: fast leaves out the most expensive inputs (run_fast.h) */
#ifndef LP_MIX_MIX_H
#define LP_MIX_MIX_H

#include "base/buf.h"
#include "lp.h"

/* The working state of one thread. Every call starts from the model alone. */
struct lp_mix;

/* fast takes a fifth less time for about 5% more bytes; decode in the mode that encoded. The model
 * must outlive the state. Errors: LP_NOMEM, LP_BAD_MODEL for a damaged model. */
enum lp_status lp_mix_new(const struct lp_model *model, bool fast, struct lp_mix **out);
void lp_mix_free(struct lp_mix *mix);

/* Tokens that stand in a sequence without being coded, since encoder and decoder know them: asked,
 * after each id coded but the last, for the one that comes next; LP_NONE_GIVEN if that is coded. */
#define LP_NONE_GIVEN UINT32_MAX
typedef uint32_t lp_mix_given(void *ctx, uint32_t id);

/* Sets who is asked; NULL: nobody. */
void lp_mix_give(struct lp_mix *mix, lp_mix_given *given, void *ctx);

/* Appends the code of n ids to out. Errors: LP_NOMEM, LP_LIMIT from 2^31 ids on, LP_DATA for an id
 * that the model's vocabulary does not have, LP_BAD_MODEL. */
enum lp_status lp_mix_encode(struct lp_mix *mix, const uint32_t *ids, size_t n, struct lp_buf *out);

/* The ids that lp_mix_encode() coded, until the next use; given ones among them. LP_DATA for what
 * is no code, LP_LIMIT for one of more than max ids; LP_NOMEM, LP_BAD_MODEL. Beyond 9 MB, time and
 * memory are in proportion to size, whatever number of ids the code claims. */
enum lp_status lp_mix_decode(struct lp_mix *mix, const unsigned char *in, size_t size, size_t max,
                             const struct lp_ids **ids);

/* How many ids the bytes of lp_mix_encode() say that they are; any number below 2^31 if they are
 * not its. */
size_t lp_mix_count(const unsigned char *in, size_t size);

/* Sets whom coding asks after each 16,384 tokens whether to go on; NULL: nobody. */
void lp_mix_watch(struct lp_mix *mix, lp_interrupt *interrupt, void *ctx);

/* Codes n ids, appended to scratch, and sets bits[i] to what the i-th took. Errors: as
 * lp_mix_encode(). */
enum lp_status lp_mix_cost(struct lp_mix *mix, const uint32_t *ids, size_t n, double *bits,
                           struct lp_buf *scratch);

#endif
