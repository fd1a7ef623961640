#include "shared/method.h"

#include "shared/window.h"

#include <string.h>

static const struct method methods[] = {
    {"zstd", false, false, LP_CHAIN_TEXT_ZSTD},  {"token", true, false, LP_CHAIN_TOKENS},
    {"hybrid", true, false, LP_CHAIN_TEXT_ZSTD}, {"mix", true, false, LP_CHAIN_TOKENS_MIX},
    {"window", true, true, LP_CHAIN_TOKENS_MIX}, {"window-hybrid", true, true, LP_CHAIN_TEXT_ZSTD},
};

const struct method *method_list(size_t i)
{
    return i < sizeof methods / sizeof *methods ? &methods[i] : NULL;
}

const struct method *method_named(const char *name)
{
    size_t i = 0;
    while (method_list(i) != NULL && strcmp(methods[i].name, name) != 0)
        i++;
    return method_list(i);
}

enum lp_chain method_chain(const struct method *method)
{
    const bool zstd = method->last == LP_CHAIN_TEXT_ZSTD;
    return method->tokens && zstd ? LP_CHAIN_TOKENS_ZSTD : method->last;
}

/* The method with tokens that has this last stage, with or without a window. */
static const struct method *method_with(enum lp_chain last, bool window)
{
    size_t i = 0;
    while (!methods[i].tokens || methods[i].window != window || methods[i].last != last)
        i++;
    return &methods[i];
}

/* --- What repeats ------------------------------------------------------------ */

/* A stream of tokens, and what a window leaves of it: their sizes. */
struct trial {
    struct lp_recoder *window;
    uint64_t plain, copied;
};

static enum lp_status add_copied(void *ctx, const void *data, size_t n)
{
    (void)data;
    ((struct trial *)ctx)->copied += n;
    return LP_OK;
}

static enum lp_status add_plain(void *ctx, const void *data, size_t n)
{
    struct trial *trial = ctx;
    trial->plain += n;
    return lp_recoder_push(trial->window, data, n);
}

static enum lp_status lend_vocab(void *vocab, const struct lp_need *need, struct lp_found *found)
{
    found->vocab = vocab;
    return need->what == LP_NEED_VOCAB ? LP_OK : LP_NO_MODEL;
}

/* Packs the text without its last stage, and with a window too. */
static enum lp_status try_window(const struct lp_vocab *vocab, const void *text, size_t n,
                                 struct trial *trial)
{
    const struct lp_options tokens = {.chain = LP_CHAIN_TOKENS, .vocab = vocab, .unverified = true};
    const struct lp_options window = {.chain = LP_CHAIN_TOKENS,
                                      .unverified = true,
                                      .window = WINDOW_SIZE,
                                      .block_size = WINDOW_BLOCK_SIZE};
    struct lp_writer *writer = NULL;
    enum lp_status status =
        lp_recoder_new(&window, lend_vocab, (void *)vocab, add_copied, trial, &trial->window);
    if (status == LP_OK)
        status = lp_writer_new(&tokens, add_plain, trial, &writer);
    if (status == LP_OK)
        status = lp_writer_push(writer, text, n);
    if (status == LP_OK)
        status = lp_writer_end_record(writer);
    if (status == LP_OK)
        status = lp_writer_finish(writer);
    if (status == LP_OK)
        status = lp_recoder_finish(trial->window);
    lp_writer_free(writer);
    lp_recoder_free(trial->window);
    return status;
}

/* Copies pay for slower access to single records where they leave three fifths of the tokens or
 * less: then mixing the rest makes at least a tenth less. Prose and instructions have 0.85 and
 * more, code 0.55, transcripts and request logs 0.05 to 0.25. */
static bool repeats(const struct trial *trial)
{
    return trial->copied < trial->plain / 5 * 3;
}

enum lp_status method_choose(const struct lp_vocab *vocab, enum lp_chain last, const void *sample,
                             size_t n, const struct method **method)
{
    struct trial trial = {0};
    enum lp_status status = LP_OK;
    *method = method_with(last, false);
    if (n > LP_BLOCK_DEFAULT && last != LP_CHAIN_TOKENS)
        status = try_window(vocab, sample, n, &trial);
    if (status == LP_OK && repeats(&trial))
        *method = method_with(last, true);
    return status;
}

/* --- Records ----------------------------------------------------------------- */

enum lp_split method_split(const void *sample, size_t n)
{
    const char *at = sample, *end = at + n, *line;
    size_t nlines = 0;
    for (; at < end && (line = memchr(at, '\n', (size_t)(end - at))) != NULL; at = line + 1) {
        const char closing = *at == '{' ? '}' : *at == '[' ? ']' : 0;
        const char *last = line > at && line[-1] == '\r' ? line - 2 : line - 1;
        if (closing == 0 || last <= at || *last != closing)
            return LP_WHOLE;
        nlines++;
    }
    return nlines > 1 ? LP_LINES : LP_WHOLE;
}

char *method_pipeline(char *text, size_t size, const struct method *method, enum lp_split split)
{
    static const char *const splits[] = {"", " -0", " -L"};
    const char *option = splits[split];
    if (!method->tokens)
        snprintf(text, size, "lpzstd%s", option);
    else
        snprintf(text, size, "lptok%s%s%s", option, method->window ? " | lpwin" : "",
                 method->last == LP_CHAIN_TEXT_ZSTD    ? " | lpzstd"
                 : method->last == LP_CHAIN_TOKENS_MIX ? " | lpmix"
                                                       : "");
    return text;
}
