/* methods.c - what a text takes by each method, measured as lpstat measures it, and the packed
 * bytes themselves. */
#include "lpweb/api.h"

#include "measure/report.h"

#include <stdlib.h>
#include <string.h>

static unsigned char *copy(const struct call *call)
{
    unsigned char *text = tool_realloc(call->tool, NULL, call->ntext, 1);
    memcpy(text, call->text, call->ntext);
    return text;
}

/* As lpstat --json prompt.txt, with --parent parent.txt where there is another text beside. */
void answer_measure(const struct call *call, struct output *out)
{
    static char prompt[] = "prompt.txt";
    char *operands[] = {prompt, NULL};
    struct report report = {.tool = call->tool,
                            .level = (int)call->level,
                            .split = LP_WHOLE,
                            .seconds = (double)call->milliseconds / 1000,
                            .operands = operands};
    if (call->nbeside > 0) {
        report.parent = "parent.txt";
        report.parent_text = (struct text){call->beside, call->nbeside};
    }
    for (size_t i = 0; i < VARIANTS; i++)
        report.wanted[i] =
            !call->quick || method_named(variants[i].method)->last != LP_CHAIN_TOKENS_MIX;
    report_add(&report, prompt, copy(call), call->ntext);
    report_measure(&report, call->finder, api_vocab(call), (struct lp_found){0});
    report_json(&report, out);
    report_free(&report);
}

/* --- Packing ------------------------------------------------------------------------- */

static struct packing packing_of(const struct call *call)
{
    const size_t i = variant_named(call->method, strlen(call->method));
    if (i == VARIANTS || variants[i].dictionary)
        tool_die(call->tool, EXIT_USAGE, "there is no method '%s'", call->method);
    const struct lp_vocab *vocab = api_vocab(call);
    struct packing packing = {.method = method_named(variants[i].method),
                              .split = LP_WHOLE,
                              .lp = {.vocab = vocab,
                                     .model = api_model(call, vocab),
                                     .fast = variants[i].fast,
                                     .level = (int)call->level},
                              .find = tool_find,
                              .find_ctx = call->finder};
    packing.lp.chain = method_chain(packing.method);
    if (packing.lp.model == NULL && packing.lp.chain == LP_CHAIN_TOKENS_MIX)
        tool_die(call->tool, EXIT_USAGE, "there is no model of %s", lp_vocab_name(vocab));
    return packing;
}

static void put_blob(const struct call *call, const struct packing *packing, struct output *out)
{
    struct lp_codec *codec;
    const void *blob;
    size_t n;
    api_check(call, lp_codec_new(&packing->lp, &codec));
    if (packing->method->window)
        api_check(call, lp_codec_parent(codec, call->beside, call->nbeside));
    api_check(call, lp_pack(codec, call->text, call->ntext, &blob, &n));
    output_sink(out, blob, n);
    lp_codec_free(codec);
}

static void put_stream(const struct call *call, const struct packing *packing, struct output *out)
{
    struct packer packer;
    enum lp_status status =
        packer_open(&packer, packing, call->text, call->ntext, output_sink, out);
    if (status == LP_OK)
        status = packer_push(&packer, call->text, call->ntext);
    if (status == LP_OK)
        status = packer_end_record(&packer);
    api_check(call, status == LP_OK ? packer_finish(&packer) : status);
    packer_close(&packer);
}

void answer_pack(const struct call *call, struct output *out)
{
    const struct packing packing = packing_of(call);
    if (packing.method->window && !call->stream && call->nbeside == 0)
        tool_die(call->tool, EXIT_USAGE, "a blob copies from a parent: give another text");
    if (call->stream)
        put_stream(call, &packing, out);
    else
        put_blob(call, &packing, out);
}
