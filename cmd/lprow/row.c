#include "lprow/row.h"

#include "shared/stored.h"

#include <inttypes.h>

size_t row_longest(const struct row_job *job)
{
    enum { KEYS = 1 << 20 }; /* bytes that the fields before may have */
    return field_longest(job->in, LP_BLOCK_MAX) + (job->nkeys > 0 ? KEYS : 0);
}

void row_worker_free(struct row_worker *worker)
{
    lp_codec_free(worker->codec);
    free(worker->value.v);
}

/* A row being worked on. */
struct work {
    const struct row_job *job;
    struct row_worker *worker;
    struct row *row;
    const char *why; /* it failed for a reason of ours, rather than the library's; else NULL */
};

static enum lp_status refuse(struct work *w, const char *why)
{
    w->why = why;
    return LP_DATA;
}

/* An lp_finder for several threads: ctx is a job. */
static enum lp_status find(void *ctx, const struct lp_need *need, struct lp_found *found)
{
    const struct row_job *job = ctx;
    pthread_mutex_lock(job->finding);
    enum lp_status status = finder_try(job->finder, need, found);
    pthread_mutex_unlock(job->finding);
    return status;
}

/* --- The operations: the value in worker->value to a field ---------------------------------- */

static enum lp_status put_field(struct work *w, const void *value, size_t n)
{
    return field_write(w->job->out, value, n, &w->row->out, &w->why);
}

static enum lp_status pack(struct work *w, const struct buffer *value)
{
    const void *blob;
    size_t size;
    enum lp_status status = lp_pack(w->worker->codec, value->v, value->n, &blob, &size);
    return status == LP_OK ? put_field(w, blob, size) : status;
}

static enum lp_status unpack(struct work *w, const struct buffer *value)
{
    const void *text;
    size_t n;
    void *job = (void *)(uintptr_t)w->job;
    enum lp_status status = lp_unpack(w->worker->codec, value->v, value->n, find, job, &text, &n);
    return status == LP_OK ? put_field(w, text, n) : status;
}

/* Whether a blob has the tokens of the job's encoding. */
static bool has_tokens(const struct work *w, const struct buffer *value)
{
    struct lp_blob_info info;
    return lp_blob_info(value->v, value->n, &info) == LP_OK &&
           strcmp(info.vocab, lp_vocab_name(w->job->options.vocab)) == 0;
}

/* Replaces a blob by its text. */
static enum lp_status to_text(struct work *w, struct buffer *value)
{
    const void *text;
    size_t n;
    void *job = (void *)(uintptr_t)w->job;
    enum lp_status status = lp_unpack(w->worker->codec, value->v, value->n, find, job, &text, &n);
    value->n = 0;
    return status != LP_OK ? status : buffer_add(value, text, n) ? LP_OK : LP_NOMEM;
}

static enum lp_status ids_of(struct work *w, struct buffer *value, const uint32_t **ids, size_t *n)
{
    struct lp_codec *codec = w->worker->codec;
    void *job = (void *)(uintptr_t)w->job;
    if (w->job->packed && has_tokens(w, value))
        return lp_unpack_ids(codec, value->v, value->n, find, job, ids, n);
    enum lp_status status = w->job->packed ? to_text(w, value) : LP_OK;
    return status == LP_OK ? lp_encode(codec, value->v, value->n, ids, n) : status;
}

enum { DIGITS = 10 }; /* of a number of 32 bits, at most */

/* Writes a number at p; where it ends. */
static unsigned char *put_digits(unsigned char *p, uint32_t number)
{
    unsigned char digits[DIGITS], *first = digits + DIGITS;
    do
        *--first = (unsigned char)('0' + number % 10);
    while ((number /= 10) > 0);
    const size_t n = (size_t)(digits + DIGITS - first);
    memcpy(p, first, n);
    return p + n;
}

static enum lp_status count(struct work *w, struct buffer *value)
{
    const uint32_t *ids;
    struct buffer *out = &w->row->out;
    size_t n;
    void *job = (void *)(uintptr_t)w->job;
    enum lp_status status = w->job->packed && has_tokens(w, value)
                                ? lp_blob_count(w->worker->codec, value->v, value->n, find, job, &n)
                                : ids_of(w, value, &ids, &n);
    if (status != LP_OK)
        return status;
    if (!buffer_reserve(out, DIGITS))
        return LP_NOMEM;
    out->n = (size_t)(put_digits(out->v + out->n, (uint32_t)n) - out->v);
    return LP_OK;
}

static enum lp_status put_ids(struct work *w, struct buffer *value)
{
    const uint32_t *ids;
    struct buffer *out = &w->row->out;
    size_t n;
    enum lp_status status = ids_of(w, value, &ids, &n);
    if (status != LP_OK)
        return status;
    if (!buffer_reserve(out, n * (DIGITS + 1) + 2))
        return LP_NOMEM;
    unsigned char *p = out->v + out->n;
    *p++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            *p++ = ',';
        p = put_digits(p, ids[i]);
    }
    *p++ = ']';
    out->n = (size_t)(p - out->v);
    return LP_OK;
}

static enum lp_status slice(struct work *w, struct buffer *value)
{
    const struct lp_vocab *vocab = w->job->options.vocab;
    const uint32_t *ids;
    const void *text;
    size_t n, size;
    enum lp_status status = ids_of(w, value, &ids, &n);
    if (status != LP_OK)
        return status;
    const size_t from = lp_ids_slice_end(vocab, ids, n, w->job->from);
    const size_t to = lp_ids_slice_end(vocab, ids, n, w->job->to);
    status = lp_decode(w->worker->codec, ids + from, to > from ? to - from : 0, &text, &size);
    return status == LP_OK ? put_field(w, text, size) : status;
}

/* What a blob says of itself, as one line of JSON. */
static enum lp_status put_info(struct work *w, const struct buffer *value)
{
    struct lp_blob_info info;
    char line[400], dict[24] = "null", model[24] = "null", check[16] = "null", parent[16] = "null";
    enum lp_status status = lp_blob_info(value->v, value->n, &info);
    if (status != LP_OK)
        return status;
    if (info.dict != 0)
        snprintf(dict, sizeof dict, "\"%016" PRIx64 "\"", info.dict);
    if (info.model != 0)
        snprintf(model, sizeof model, "\"%016" PRIx64 "\"", info.model);
    if (info.checked)
        snprintf(check, sizeof check, "\"%08" PRIx32 "\"", info.check);
    if (info.has_parent)
        snprintf(parent, sizeof parent, "\"%08" PRIx32 "\"", info.parent);
    const char *quote = info.vocab[0] != 0 ? "\"" : "";
    const int length =
        snprintf(line, sizeof line,
                 "{\"chain\":\"%s\",\"vocabulary\":%s%s%s,\"dictionary\":%s,\"model\":%s,"
                 "\"parent\":%s,\"check\":%s,\"payload_bytes\":%zu,\"stored_bytes\":%zu}",
                 chain_name(info.chain), quote, quote[0] != 0 ? info.vocab : "null", quote, dict,
                 model, parent, check, info.payload_size, value->n);
    return buffer_add(&w->row->out, line, (size_t)length) ? LP_OK : LP_NOMEM;
}

/* --- A row ------------------------------------------------------------------------------- */

static enum lp_status operate(struct work *w, struct buffer *value)
{
    switch (w->job->operation) {
    case ROW_PACK:
        return pack(w, value);
    case ROW_UNPACK:
        return unpack(w, value);
    case ROW_COUNT:
        return count(w, value);
    case ROW_IDS:
        return put_ids(w, value);
    case ROW_INFO:
        return put_info(w, value);
    default:
        return slice(w, value);
    }
}

static enum lp_status put_null(struct work *w)
{
    const char *null = field_null(w->job->out);
    if (null == NULL)
        return refuse(w, "NULL, which --out=raw cannot carry");
    return buffer_add(&w->row->out, null, strlen(null)) ? LP_OK : LP_NOMEM;
}

/* Copies the fields before the one that counts, which begins at *at. */
static enum lp_status put_keys(struct work *w, size_t *at)
{
    const struct buffer *line = &w->row->line;
    for (size_t i = 0; i < w->job->nkeys; i++) {
        const unsigned char *tab =
            line->n > *at ? memchr(line->v + *at, '\t', line->n - *at) : NULL;
        if (tab == NULL) {
            w->row->fatal |= w->job->on_error != ON_ERROR_PASS;
            return refuse(w, "fewer fields than --key says");
        }
        *at = (size_t)(tab - line->v) + 1;
    }
    return buffer_add(&w->row->out, line->v, *at) ? LP_OK : LP_NOMEM;
}

static enum lp_status try(struct work *w, size_t *at)
{
    struct buffer *value = &w->worker->value;
    const struct buffer *line = &w->row->line;
    bool null;
    enum lp_status status = put_keys(w, at);
    if (status == LP_OK && w->row->too_long)
        status = refuse(w, "longer than a text of 64 MiB can be");
    buffer_reset(value);
    if (status == LP_OK && !buffer_reserve(value, 1)) /* never NULL */
        status = LP_NOMEM;
    if (status == LP_OK)
        status = field_parse(w->job->in, line->v + *at, line->n - *at, value, &null, &w->why);
    if (status == LP_OK)
        status = null ? put_null(w) : operate(w, value);
    return status;
}

static void explain(struct work *w, enum lp_status status)
{
    struct row *row = w->row;
    const struct finder *finder = w->job->finder;
    const struct lp_codec *codec = w->worker->codec;
    if (w->why != NULL)
        snprintf(row->why, sizeof row->why, "%s", w->why);
    else if (status == LP_LIMIT)
        snprintf(row->why, sizeof row->why, "%s",
                 w->job->operation == ROW_PACK ? "a blob holds at most 64 MiB"
                                               : "larger than the limit allows: raise it with -M");
    else if (status == LP_IO && finder->unread[0] != 0)
        snprintf(row->why, sizeof row->why, "%s", finder->unread);
    else
        tool_explain(finder->tool, row->why, sizeof row->why, status,
                     codec != NULL ? lp_codec_need(codec) : NULL);
}

/* Writes what on_error says in place of a row that failed. */
static enum lp_status put_failed(struct work *w, size_t keys)
{
    struct row *row = w->row;
    if (w->job->on_error == ON_ERROR_NULL) {
        row->out.n = keys;
        return put_null(w);
    }
    row->out.n = 0;
    return buffer_add(&row->out, row->line.v, row->line.n) ? LP_OK : LP_NOMEM;
}

void row_do(const struct row_job *job, struct row_worker *worker, struct row *row)
{
    struct work w = {.job = job, .worker = worker, .row = row};
    size_t keys = 0;
    buffer_reset(&row->out);
    row->fatal = job->on_error == ON_ERROR_FAIL ||
                 (job->on_error == ON_ERROR_PASS && row->too_long); /* it is not all there */
    row->status = worker->codec == NULL ? lp_codec_new(&job->options, &worker->codec) : LP_OK;
    if (row->status == LP_OK && !buffer_reserve(&row->line, 1)) /* never NULL */
        row->status = LP_NOMEM;
    if (row->status == LP_OK)
        row->status = try(&w, &keys);
    if (row->status != LP_OK)
        explain(&w, row->status);
    if (row->status != LP_OK && tool_code(row->status) != EXIT_DATA)
        row->fatal = true;
    if ((row->status != LP_OK && !row->fatal && put_failed(&w, keys) != LP_OK) ||
        !buffer_add(&row->out, "\n", 1)) {
        row->status = LP_NOMEM;
        row->fatal = true;
        snprintf(row->why, sizeof row->why, "out of memory");
    }
}
