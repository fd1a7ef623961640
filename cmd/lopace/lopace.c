/* lopace - packs files, and restores them: what the filters do, in one command. */
#include "lopace/file.h"
#include "lopace/filter.h"
#include "lopace/front.h"
#include "lopace/list.h"
#include "lopace/remove.h"
#include "lopace/work.h"
#include "shared/memory.h"
#include "shared/sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Opens the vocabulary, and the model or dictionary of -D. */
static void open_needs(const struct tool *tool, struct options *o, struct finder *finder)
{
    struct packing *p = &o->packing;
    if (o->dictionary != NULL) {
        const struct lp_found found = finder_open(finder, o->dictionary);
        p->lp.model = found.model;
        p->lp.dict = found.dict;
    }
    if (o->action != PACK)
        return;
    if (p->lp.dict != NULL && p->lp.level == 0 && !p->lp.fast && p->method == NULL)
        p->last = LP_CHAIN_TEXT_ZSTD;
    const enum lp_chain last = p->method != NULL ? p->method->last : p->last;
    if (p->lp.dict != NULL && last != LP_CHAIN_TEXT_ZSTD)
        tool_usage(tool, "%s is a zstd dictionary, for the methods zstd and hybrid", o->dictionary);
    if (p->lp.model != NULL && last != LP_CHAIN_TOKENS_MIX)
        tool_usage(tool, "%s is a model, for the methods mix and window", o->dictionary);
    if (p->method == NULL || p->method->tokens)
        p->lp.vocab = finder_vocab(finder, o->encoding);
}

/* Enters the sandbox: the directories of the operands and of the output remain, with all below. */
static void confine(const struct options *o, struct finder *finder)
{
    struct sandbox sandbox;
    if (sandbox_begin(&sandbox)) {
        for (char **file = o->files; *file != NULL; file++)
            sandbox_may_change(&sandbox, *file);
        if (o->flat != NULL)
            sandbox_may_change(&sandbox, o->flat);
        if (o->mirror != NULL)
            sandbox_may_change(&sandbox, o->mirror);
        finder_permit(finder, &sandbox);
    }
    sandbox_enter(&sandbox);
}

/* An output for each input; or a list. */
static int work_on_files(struct tool *tool, const struct options *o, struct finder *finder)
{
    struct progress progress = {.flow = o->action == PACK ? FLOW_PACKS : FLOW_UNPACKS};
    struct walk walk = {.tool = tool, .o = o};
    struct work work = {.tool = tool,
                        .o = o,
                        .packing = o->packing,
                        .finder = finder,
                        .progress = &progress,
                        .walk = &walk};
    if (o->dictionary == NULL || stat(o->dictionary, &work.dictionary) != 0)
        work.dictionary = (struct stat){0};
    walk_operands(&walk);
    confine(o, finder);
    tool->progress = o->action != LIST ? &progress : NULL;
    work.packing.find = work_find;
    work.packing.find_ctx = &work;
    if (o->removes) {
        remove_prepare();
        work.packing.lp.unverified = true; /* all of it will be read back and compared */
    }
    int code = o->action == LIST ? list_files(tool, o, finder, &walk) : work_run(&work, file_work);
    if (walk.failed && code == EXIT_OK)
        code = EXIT_IO;
    walk_free(&walk);
    return code;
}

int main(int argc, char **argv)
{
    struct progress progress = {0};
    struct tool tool = {.name = "lopace", .help = options_help, .keeps_time = true};
    tool_start(&tool);
    front_run(&tool, argc, argv);
    memory_keep_little();
    struct options o = options_parse(&tool, argc, argv);
    struct finder finder = {.tool = &tool};
    int code = EXIT_OK;
    if (o.action == LIST && o.files[0] == NULL)
        tool_usage(&tool, "-l needs a FILE");
    open_needs(&tool, &o, &finder);
    if (options_one_output(&tool, &o)) {
        progress.flow = o.action == PACK ? FLOW_PACKS : FLOW_UNPACKS;
        tool.progress = &progress;
        o.packing.find = finder_try;
        o.packing.find_ctx = &finder;
        o.packing.lp.threads = o.threads;
        filter_run(&tool, &o, &o.packing, &finder);
    } else {
        code = work_on_files(&tool, &o, &finder);
    }
    finder_close(&finder);
    return code;
}
