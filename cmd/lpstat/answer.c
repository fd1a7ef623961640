#include "lpstat/answer.h"

#include "lpstat/figures.h"
#include "shared/text.h"

#include <math.h>
#include <string.h>

/* Writes a word for the shell, quoted where it has special characters. */
static void put_word(struct output *out, answer_put *put, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "._/-+,:@";
    if (*word != 0 && word[strspn(word, plain)] == 0) {
        output_print(out, " %s", word);
        return;
    }
    put(out, " '");
    for (size_t n; *word != 0; word += n) {
        char part[64];
        n = strcspn(word, "'");
        n = n < sizeof part - 1 ? n : sizeof part - 1;
        memcpy(part, word, n);
        part[n] = 0;
        put(out, n > 0 ? part : "'\\''");
        n = n > 0 ? n : 1;
    }
    put(out, "'");
}

/* Writes the command of a method's last stage, with its options. */
static void put_stage(const struct report *r, const struct result *result, struct output *out,
                      answer_put *put, const char *blob)
{
    const char *stage = result->method->stage;
    output_print(out, "%s%s", stage, blob);
    if (strcmp(stage, "lpzstd") == 0 && r->level != LP_LEVEL_DEFAULT)
        output_print(out, " -%d", r->level);
    if (result->dictionary != NULL) {
        output_print(out, " -D");
        put_word(out, put, result->dictionary);
    }
}

/* Whether a command can pack all there is as one blob: an input that is one record, all of it. */
static bool fits_blob(const struct report *r)
{
    return report_has_blobs(r) && r->nrecords == 1 && r->ninputs == 1 &&
           r->record_bytes == r->input_bytes;
}

/* What the last sentence of the answer recommends, NULL for nothing: the best blob of all, else the
 * best stream. */
static const struct result *recommended(const struct report *r, bool *blob)
{
    const struct result *stream = &r->results[r->best_stream], *best = &r->results[r->best];
    *blob = fits_blob(r) && figures_of_blobs(r, best).saved > 0;
    if (*blob)
        return best;
    return figures_of_stream(r, stream).saved > 0 ? stream : NULL;
}

enum { NAMED_FILES = 3 }; /* more are printed as FILE... */

bool report_command(const struct report *r, struct output *out, answer_put *put)
{
    static const char *const split[] = {"", " -0", " -L"};
    bool blob;
    const struct result *result = recommended(r, &blob);
    if (result == NULL)
        return false;
    const struct method *method = result->method;
    const char *option = blob ? " --blob" : "";
    put(out, "  ");
    if (method->tokens != NULL)
        output_print(out, "%s%s", method->tokens, option);
    else
        put_stage(r, result, out, put, option);
    if (method->tokens != NULL && strcmp(r->encoding, "cl100k_base") != 0)
        output_print(out, " -e %s", r->encoding);
    output_print(out, "%s", blob ? "" : split[r->split]);
    if (r->ninputs > NAMED_FILES)
        put(out, " FILE...");
    for (size_t i = 0; i < r->ninputs && r->ninputs <= NAMED_FILES && r->named; i++)
        put_word(out, put, r->files[i]);
    if (method->tokens != NULL && method->stage != NULL) {
        put(out, " | ");
        put_stage(r, result, out, put, option);
    }
    put(out, blob ? " > prompt.blob" : " > prompts.lp");
    return true;
}

/* "hybrid: 2,073,112 bytes become 619,190, 70.1% saved." */
static void put_saving(struct output *out, answer_put *put, const struct result *result,
                       struct figures f)
{
    char text[160], a[32], b[32];
    snprintf(text, sizeof text, "%s: %s byte%s become%s %s, %.1f%% saved.", result->method->name,
             commas(a, f.original), plural(f.original), f.original == 1 ? "s" : "",
             commas(b, f.stored), 100 * f.saved);
    put(out, text);
}

void report_answer(const struct report *r, struct output *out, answer_put *put)
{
    const struct result *best = &r->results[r->best], *best_stream = &r->results[r->best_stream];
    struct figures blobs = {.saved = NAN}, stream = figures_of_stream(r, best_stream);
    if (report_has_blobs(r))
        blobs = figures_of_blobs(r, best);
    if (r->record_bytes == 0) {
        put(out, "There is no text to store.");
    } else if (!(blobs.saved > 0) && !(stream.saved > 0)) {
        put(out, "No method saves space here: store the text as it is.");
    } else if (!(blobs.saved > 0)) {
        put(out, "In a stream, use ");
        put_saving(out, put, best_stream, stream);
    } else {
        put(out, fits_blob(r) ? "Use " : r->nrecords > 1 ? "As blobs, use " : "As a blob, use ");
        put_saving(out, put, best, blobs);
        if (!fits_blob(r) && stream.saved > 0) {
            output_print(out, "\n");
            put(out, "In one stream, use ");
            put_saving(out, put, best_stream, stream);
        }
    }
}
