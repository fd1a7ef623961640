/* entropy.h - counts of symbols after their contexts, and the entropy they show.
 *
 * A gram is a context of k symbols and the symbol after it; the grams of order
 * k - 1 number the contexts of order k, so a gram of any order is a pair of
 * numbers. Each order keeps its grams in the order in which they first came,
 * and finds them by a hash table of their places. Pure: no input, no output. */
#ifndef SHARED_ENTROPY_H
#define SHARED_ENTROPY_H

#include <lp.h>

enum { ENTROPY_ORDER_MAX = 3 };

struct entropy;

/* Counts of all orders up to max_order. LP_NOMEM. */
enum lp_status entropy_new(unsigned max_order, struct entropy **out);
void entropy_free(struct entropy *entropy);

/* Counts n further symbols of a sequence. Memory grows with the distinct grams.
 * LP_NOMEM, LP_LIMIT (2^31 grams of one order). */
enum lp_status entropy_push(struct entropy *entropy, const uint32_t *symbols, size_t n);

/* The sequence ends: the next symbol has no context. */
void entropy_end(struct entropy *entropy);

/* Of one order, in bits per symbol. */
struct entropy_figures {
    uint64_t nsymbols;          /* that have a context of this order */
    uint64_t ngrams, ncontexts; /* distinct */
    double bits;                /* the plug-in estimate, which lies too low */
    double corrected;           /* and with Miller and Madow's correction of its bias */
};

/* H = - sum of p(gram) log2 p(symbol | context) over the grams in the order in
 * which they first came, as LoPace sums. Miller and Madow add (grams - contexts)
 * / (2 nsymbols ln 2): (symbols - 1) / (2 n ln 2) for each context, weighted by
 * its share. LP_NOMEM. */
enum lp_status entropy_figures(const struct entropy *entropy, unsigned order,
                               struct entropy_figures *out);

#endif
