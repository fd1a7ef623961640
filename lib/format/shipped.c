#include "format/shipped.h"

const struct lp_shipped lp_shipped[LP_SHIPPED_VOCABS] = {
    {UINT64_C(0x24c48060d3a8d0ca), 0},                            /* gpt2 */
    {UINT64_C(0x24c48060d3a8d0ca), 0},                            /* r50k_base */
    {UINT64_C(0xbdf387761b2fe379), 0},                            /* p50k_base */
    {UINT64_C(0x63fbe4692dce9076), 0},                            /* p50k_edit */
    {UINT64_C(0xd35ea627e528410a), UINT64_C(0x49b1c6752a89a34e)}, /* cl100k_base */
    {UINT64_C(0xe5335425da3a881d), UINT64_C(0xcd2c80f2341ff9be)}, /* o200k_base */
    {UINT64_C(0xbce641c05e09c7e3), 0},                            /* o200k_harmony */
};

uint64_t lp_shipped_model(uint64_t vocab)
{
    for (int i = 0; i < LP_SHIPPED_VOCABS; i++) {
        if (lp_shipped[i].vocab == vocab)
            return lp_shipped[i].model;
    }
    return 0;
}
