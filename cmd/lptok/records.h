/* records.h - the tokens of an input, record by record. */
#ifndef LPTOK_RECORDS_H
#define LPTOK_RECORDS_H

#include "lptok/lptok.h"

/* Takes the next ids of a record; with end set they are its last. False: no more of this record is
 * wanted. */
typedef bool ids_take(void *ctx, const uint32_t *ids, size_t nids, bool end);

struct records {
    const struct tool *tool;
    const char *name; /* of the input */
    uint64_t number;  /* of the record in its input, from 1 */
    uint64_t nbytes;  /* of the record, so far */
    ids_take *take;
    void *ctx;
    struct lp_tok *tok;
    struct lp_ids ids;
    enum lp_split split;
    bool enough; /* of this record */
};

/* What take gets of the inputs to come. */
struct records records_new(const struct tool *tool, const struct options *o, ids_take *take,
                           void *ctx);
void records_free(struct records *records);

/* Reads an open input to its end, or as far as it is wanted, and closes it. */
void records_read(struct records *records, struct input *in);
/* All inputs. */
void records_read_all(struct records *records, const struct options *o);

/* The byte that ends a record in the output, as it did in the input; a whole input has none. */
void end_record(struct output *out, enum lp_split split);

#endif
