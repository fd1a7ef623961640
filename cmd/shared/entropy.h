/* entropy.h - counts n-grams of symbols, and estimates the entropy from the counts.
 *
 * An n-gram of order k is a context of k symbols and the symbol after it. A context of order k
 * is an n-gram of order k - 1, named by its index, so an n-gram of any order is a pair of numbers.
 * Each order has an array of n-grams, in the order in which they first occur, and a hash table of
 * indices into it. No input, no output. */
#ifndef SHARED_ENTROPY_H
#define SHARED_ENTROPY_H

#include <lp.h>

enum { ENTROPY_ORDER_MAX = 3 };

struct entropy;

/* Creates empty counts of the orders 0 to max_order. LP_NOMEM, LP_USAGE. */
enum lp_status entropy_new(unsigned max_order, struct entropy **out);
void entropy_free(struct entropy *entropy);

/* Counts the next n symbols of a sequence. Memory grows with the number of distinct n-grams.
 * LP_NOMEM, LP_LIMIT (2^31 n-grams of one order). */
enum lp_status entropy_push(struct entropy *entropy, const uint32_t *symbols, size_t n);

/* Ends the sequence: the next symbol has no context. */
void entropy_end(struct entropy *entropy);

/* The estimate of one order. */
struct entropy_figures {
    uint64_t nsymbols;          /* with a context of this order */
    uint64_t ngrams, ncontexts; /* distinct */
    double bits;                /* per symbol: the plug-in estimate, which is biased low */
    double corrected;           /* per symbol, with the Miller-Madow correction */
};

/* bits = -sum p(n-gram) log2 p(symbol | context) over the n-grams in the order in which they first
 * occur, as LoPace sums. Miller and Madow add (distinct symbols - 1) / (2 n ln 2) for each context
 * of n symbols; weighted by the contexts' frequencies that is (ngrams - ncontexts) / (2 nsymbols
 * ln 2). LP_NOMEM, LP_USAGE. */
enum lp_status entropy_figures(const struct entropy *entropy, unsigned order,
                               struct entropy_figures *out);

#endif
