/* api.h - what the page can ask the server for.
 *
 * Each call is answered in a process of its own, as by a filter: a body in memory comes in, the
 * answer goes to standard output. Where that fails, the process says why in one line on standard
 * error and exits with a code, as any command does. */
#ifndef LPWEB_API_H
#define LPWEB_API_H

#include "shared/find.h"
#include "shared/io.h"

/* The parameters of a call, and its body. A text that is looked at beside another one, such as its
 * parent, stands before it in the body. */
struct call {
    const struct tool *tool;
    struct finder *finder;
    const unsigned char *beside, *text;
    size_t nbeside, ntext;
    char encoding[40]; /* of an encoding or a language model */
    char method[24];
    long level;        /* of zstd, 1 to 22 */
    long milliseconds; /* that a measurement repeats for, at least */
    long first, count; /* records: the number of the first, from 1, and how many */
    bool stream;       /* pack to a stream, not a blob */
    bool ignore_case;
    bool quick; /* measure what does not mix: that is a hundred times as fast */
};

/* Writes the answer to a call. Exits on failure. */
typedef void api_answer(const struct call *call, struct output *out);

struct api {
    const char *path, *type;
    api_answer *answer;
};

/* What answers a path, NULL for none. */
const struct api *api_find(const char *path);

/* Sets a parameter of a call that is otherwise zero-initialised or as api_defaults() has it. False:
 * there is no such parameter, or it cannot have that value. */
bool api_set(struct call *call, const char *key, const char *value);
void api_defaults(struct call *call);

/* The vocabulary that the call asks for. Exits where there is none. */
const struct lp_vocab *api_vocab(const struct call *call);
/* The model for it, NULL where there is none. */
const struct lp_model *api_model(const struct call *call, const struct lp_vocab *vocab);
/* Exits unless status is LP_OK. */
void api_check(const struct call *call, enum lp_status status);

/* The calls, each in the file that is named after its group. */
api_answer answer_about;                                              /* api.c */
api_answer answer_tokens, answer_counts, answer_chat, answer_compare; /* tokens.c, compare.c */
api_answer answer_measure, answer_pack;                               /* methods.c */
api_answer answer_stored, answer_records, answer_record, answer_text; /* stored.c */

#endif
