#include "measure/advice.h"

#include "measure/figures.h"
#include "shared/buffer.h"
#include "shared/text.h"

#include <stdarg.h>

/* --- Text -------------------------------------------------------------------- */

static void add(const struct report *r, struct buffer *text, const char *word, size_t n)
{
    if (!buffer_add(text, word, n))
        tool_die(r->tool, EXIT_IO, "out of memory");
}

/* Appends at most 255 bytes. */
static void say(const struct report *r, struct buffer *text, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    add(r, text, line, strlen(line));
}

/* The text as a string. */
static char *string(const struct report *r, struct buffer *text)
{
    add(r, text, "", 1);
    return (char *)text->v;
}

/* Appends a word for the shell, quoted where it has special characters. */
static void add_word(const struct report *r, struct buffer *text, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._/-+,:@";
    if (*word != 0 && word[strspn(word, plain)] == 0) {
        add(r, text, word, strlen(word));
        return;
    }
    add(r, text, "'", 1);
    for (size_t n; *word != 0; word += n) {
        n = strcspn(word, "'");
        if (n > 0)
            add(r, text, word, n);
        else
            add(r, text, "'\\''", 4);
        n = n > 0 ? n : 1;
    }
    add(r, text, "'", 1);
}

/* --- Commands ---------------------------------------------------------------- */

/* Whether a command can pack all there is as one blob: an input that is one record, all of it. */
static bool one_record(const struct report *r)
{
    return r->nrecords == 1 && r->ninputs == 1 && r->record_bytes == r->input_bytes;
}

enum { NAMED_FILES = 3 }; /* more are printed as FILE... */

/* Appends the operands, as the command was given them. */
static void add_operands(const struct report *r, struct buffer *text)
{
    if (r->ninputs > NAMED_FILES) {
        say(r, text, " FILE...");
        return;
    }
    for (char **file = r->operands; *file != NULL; file++) {
        const bool option = (*file)[0] == '-' && (*file)[1] != 0;
        say(r, text, option ? " ./" : " ");
        add_word(r, text, *file);
    }
}

/* Appends the command of the last stage, which may be the first too. */
static void add_last(const struct report *r, const struct result *result, bool blobs,
                     struct buffer *text)
{
    const struct method *method = result->packing.method;
    const bool zstd = method->last == LP_CHAIN_TEXT_ZSTD;
    say(r, text, "%s%s", zstd ? "lpzstd" : "lpmix", blobs ? " --blob" : "");
    if (zstd && blobs && method->window)
        say(r, text,
            " --packed"); /* it has not got the parent, which would tell that this is one */
    if (zstd && r->level != LP_LEVEL_DEFAULT)
        say(r, text, " -%d", r->level);
    if (result->variant->fast)
        say(r, text, " --fast");
    if (result->dictionary != NULL) {
        say(r, text, " -D ");
        add_word(r, text, result->dictionary);
    }
}

static void add_window(const struct report *r, bool blobs, struct buffer *text)
{
    say(r, text, " | lpwin");
    if (!blobs)
        return;
    say(r, text, " --blob --parent ");
    add_word(r, text, r->parent != NULL ? r->parent : "before");
}

char *result_command(const struct report *r, const struct result *result, bool blobs)
{
    struct buffer text = {0};
    static const char *const splits[] = {"", " -0", " -L"};
    const struct method *method = result->packing.method;
    if (method->tokens)
        say(r, &text, "lptok%s", blobs ? " --blob" : "");
    else
        add_last(r, result, blobs, &text);
    if (method->tokens && strcmp(r->encoding, "cl100k_base") != 0)
        say(r, &text, " -e %s", r->encoding);
    say(r, &text, "%s%s", blobs ? "" : splits[r->split],
        r->tool->take == TAKE_TEXT ? " --text" : "");
    if (!blobs || one_record(r))
        add_operands(r, &text);
    if (method->window)
        add_window(r, blobs, &text);
    if (method->tokens && method->last != LP_CHAIN_TOKENS) {
        say(r, &text, " | ");
        add_last(r, result, blobs, &text);
    }
    say(r, &text, blobs ? " > prompt.blob" : " > prompts.lp");
    return string(r, &text);
}

/* --- Advice ------------------------------------------------------------------ */

static struct figures figures_of(const struct report *r, const struct result *result, bool blobs)
{
    return blobs ? figures_of_blobs(r, result) : figures_of_stream(r, result);
}

static bool saves(const struct report *r, const struct result *result, bool blobs)
{
    return (blobs ? result->blobs : result->stream).done && figures_of(r, result, blobs).saved > 0;
}

/* Whether it saves at least half of what the smallest does: no one wants the fastest otherwise. */
static bool saves_enough(const struct report *r, const struct result *result, bool blobs)
{
    const struct result *best = &r->results[blobs ? r->best : r->best_stream];
    return saves(r, result, blobs) &&
           figures_of(r, result, blobs).saved >= figures_of(r, best, blobs).saved / 2;
}

static const struct result *fastest(const struct report *r, bool blobs)
{
    const struct result *found = NULL;
    double most = -1;
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        if (!saves_enough(r, result, blobs) || !(figures_of(r, result, blobs).unpack_mb > most))
            continue;
        found = result;
        most = figures_of(r, result, blobs).unpack_mb;
    }
    return found;
}

/* What a process takes to start is a few milliseconds: faster than this makes no difference. */
#define SOON 0.01

/* Whether a is better for single records than b: one that is soon there, then the smaller one, or
 * else the faster one. */
static bool better_for_records(const struct measured *a, const struct measured *b)
{
    if (a->record_seconds < SOON && b->record_seconds < SOON)
        return a->stored < b->stored;
    return a->record_seconds < b->record_seconds;
}

static const struct result *best_for_records(const struct report *r)
{
    const struct result *found = NULL;
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        if (saves_enough(r, result, false) &&
            (found == NULL || better_for_records(&result->stream, &found->stream)))
            found = result;
    }
    return found;
}

/* The smallest blobs whose parent is the record before, if they are smaller than all others. */
static const struct result *with_parent(const struct report *r)
{
    const struct result *found = NULL;
    uint64_t least = r->results[r->best].blobs.stored;
    for (size_t i = 0; i < r->nresults; i++) {
        const struct result *result = &r->results[i];
        if (result_parent(r, result) != PARENT_BEFORE || !result->blobs.done ||
            result->blobs.stored >= least)
            continue;
        found = result;
        least = result->blobs.stored;
    }
    return found;
}

size_t report_advice(const struct report *r, struct advice advice[PURPOSES])
{
    const struct result *best = &r->results[r->best], *stream = &r->results[r->best_stream], *found;
    size_t n = 0;
    if (r->record_bytes == 0)
        return 0;
    if (saves(r, best, true))
        advice[n++] = (struct advice){SMALLEST_BLOB, best, true};
    if (best->blobs.done && (found = with_parent(r)) != NULL)
        advice[n++] = (struct advice){WITH_PARENT, found, true};
    if (saves(r, stream, false))
        advice[n++] = (struct advice){SMALLEST_STREAM, stream, false};
    const bool blob = one_record(r) && saves(r, best, true);
    if (n > 0 && (found = fastest(r, blob)) != NULL && found != (blob ? best : stream))
        advice[n++] = (struct advice){FASTEST, found, blob};
    if (r->nrecords > 1 && saves(r, stream, false))
        advice[n++] = (struct advice){SINGLE_RECORDS, best_for_records(r), false};
    return n;
}

const char *purpose_name(enum purpose purpose)
{
    static const char *const names[] = {"smallest blob", "parent", "smallest stream", "fastest",
                                        "single records"};
    return names[purpose];
}

const char *report_no_advice(const struct report *r)
{
    return r->record_bytes == 0 ? "There is no text to store."
                                : "No method saves space here: store the text as it is.";
}

/* "Smallest as a blob: mix, 619,190 bytes, 70.1% saved." */
char *advice_sentence(const struct report *r, const struct advice *advice)
{
    static const char *const purposes[][2] = {
        {"Smallest as a blob", "Smallest as blobs"},
        {"", "With the record before as parent"},
        {"Smallest as a stream", "Smallest as one stream"},
        {"Fastest to read", "Fastest to read"},
        {"", "Best for lpunpack -r"},
    };
    const struct figures f = figures_of(r, advice->result, advice->blobs);
    struct buffer text = {0};
    char a[32];
    say(r, &text, "%s: %s", purposes[advice->purpose][r->nrecords > 1],
        advice->result->variant->name);
    if (advice->purpose == FASTEST)
        say(r, &text, ", %.*f MB/s", f.unpack_mb < 10, f.unpack_mb);
    if (advice->purpose == SINGLE_RECORDS)
        say(r, &text, ", %.2f ms", 1000 * advice->result->stream.record_seconds);
    say(r, &text, ", %s byte%s, %.1f%% saved.", commas(a, f.stored), plural(f.stored),
        100 * f.saved);
    return string(r, &text);
}
