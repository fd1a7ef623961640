/* interrupt.h - asks the caller, now and then in a long call, whether to go on. */
#ifndef LP_BASE_INTERRUPT_H
#define LP_BASE_INTERRUPT_H

#include "lp.h"

/* LP_INTERRUPTED when there is someone to ask and the answer is to stop. */
static inline enum lp_status lp_ask_interrupt(lp_interrupt *interrupt, void *ctx)
{
    return interrupt != NULL && interrupt(ctx) ? LP_INTERRUPTED : LP_OK;
}

#endif
