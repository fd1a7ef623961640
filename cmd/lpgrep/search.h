/* search.h - takes a text in pieces, and selects lines or records of it.
 *
 * Lines that come many at a time are searched where they stand. Held is the line or record that is
 * not yet whole, few to be searched at once, and the lines before that as context. All that is
 * bounded by -M. */
#ifndef LPGREP_SEARCH_H
#define LPGREP_SEARCH_H

#include "lpgrep/print.h"

struct search;

/* NULL: out of memory. */
struct search *search_new(const struct options *o, struct matcher *m, struct printer *p);
void search_free(struct search *s);

/* Begins an input. records: their ends will be told, else it is one record, and its number is not
 * told. */
void search_begin(struct search *s, bool records);
/* Takes n further bytes. LP_STOP: no more is wanted. LP_LIMIT: a line or record, and the context
 * before it, takes more memory than allowed. LP_NOMEM. */
enum lp_status search_push(struct search *s, const void *text, size_t n);
/* A record ends here. A NUL or a line feed that is its last byte is its separator. */
enum lp_status search_end_record(struct search *s);
/* Takes n further bytes, and the nends ends of records in them, as an lp_on_block. */
enum lp_status search_push_block(struct search *s, const void *text, size_t n, const uint64_t *ends,
                                 size_t nends);
/* Searches at once all lines or records that are whole; otherwise only much at a time. */
enum lp_status search_flush(struct search *s);
/* The input ends here: what there is of the last line is a line. */
enum lp_status search_finish(struct search *s);

/* Of this input: lines or records selected; bytes of text. */
uint64_t search_count(const struct search *s);
uint64_t search_size(const struct search *s);
/* Whether matching took more than the limits allow, somewhere. */
bool search_failed(const struct search *s);

#endif
