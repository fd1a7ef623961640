#include "block/parent.h"

#include "base/ids.h"
#include "base/xxh64.h"
#include "format/frame.h"
#include "tokens/codes.h"
#include "tokens/vocab.h"

void lp_parent_free(struct lp_parent *p)
{
    lp_tok_free(p->tok);
    free(p->ids.v);
    lp_window_free(&p->window);
    lp_matcher_free(&p->matcher);
    lp_copies_free(&p->copies);
    *p = (struct lp_parent){0};
}

/* Makes the window the codes of a text. Special tokens' text is ordinary text here, whatever the
 * child has: the parent is known by its text alone. */
static enum lp_status tokenise(struct lp_parent *p, const struct lp_vocab *vocab, const void *text,
                               size_t n)
{
    enum lp_status status = LP_OK;
    if (p->vocab != vocab) {
        lp_tok_free(p->tok);
        p->tok = NULL;
    }
    if (p->tok == NULL)
        status = lp_tok_new(vocab, false, &p->tok);
    p->ids.n = 0;
    if (status == LP_OK)
        status = lp_tok_push(p->tok, text, n, true, &p->ids);
    lp_window_clear(&p->window, lp_window_reach(LP_WINDOW_LOG_MAX));
    if (status == LP_OK && !lp_buf_reserve(&p->window.codes, LP_CODE_MAX * p->ids.n))
        status = LP_NOMEM;
    if (status != LP_OK)
        return status;
    lp_tok_reset(p->tok);
    p->window.codes.n = lp_codes_from_ids(vocab, p->ids.v, p->ids.n, p->window.codes.p);
    return lp_vocab_status(vocab);
}

enum lp_status lp_parent_set(struct lp_parent *p, const struct lp_vocab *vocab, const void *text,
                             size_t n)
{
    if (n > LP_BLOCK_MAX) {
        p->vocab = NULL;
        return LP_LIMIT;
    }
    const uint64_t hash = lp_xxh64(text, n, 0);
    if (p->vocab == vocab && p->hash == hash)
        return LP_OK;
    enum lp_status status = tokenise(p, vocab, text, n);
    lp_matcher_free(&p->matcher);
    p->hash = hash;
    p->vocab = status == LP_OK ? vocab : NULL;
    return status;
}

uint32_t lp_parent_check(const struct lp_parent *p)
{
    return (uint32_t)p->hash;
}

enum lp_status lp_parent_match(struct lp_parent *p, const unsigned char *codes, size_t n,
                               struct lp_buf *packed, struct lp_buf *rest)
{
    const uint64_t end = lp_window_end(&p->window);
    enum lp_status status = LP_OK;
    p->copies.n = 0;
    if (!p->matcher.learnt)
        status = lp_matcher_learn(&p->matcher, &p->window, p->vocab);
    if (status == LP_OK)
        status = lp_window_push(&p->window, codes, n, 0);
    if (status == LP_OK)
        status = lp_match(&p->matcher, &p->window, p->vocab, n, n, &p->copies, rest);
    lp_window_take_back(&p->window, end);
    return status == LP_OK ? lp_copies_pack(&p->copies, packed) : status;
}

enum lp_status lp_parent_restore(struct lp_parent *p, const unsigned char *packed, size_t npacked,
                                 const struct lp_buf *rest, size_t max, struct lp_buf *codes)
{
    const uint64_t end = lp_window_end(&p->window);
    size_t n;
    enum lp_status status =
        lp_window_restore(&p->window, packed, npacked, rest->p, rest->n, max, &n);
    if (status == LP_OK && !lp_buf_append(codes, p->window.codes.p + p->window.codes.n - n, n))
        status = LP_NOMEM;
    lp_window_take_back(&p->window, end);
    return status;
}
