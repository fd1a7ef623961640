#include "shipped.h"

const uint64_t lp_shipped[LP_SHIPPED_VOCABS] = {
    UINT64_C(0x24c48060d3a8d0ca), /* gpt2 */
    UINT64_C(0x24c48060d3a8d0ca), /* r50k_base */
    UINT64_C(0xbdf387761b2fe379), /* p50k_base */
    UINT64_C(0x63fbe4692dce9076), /* p50k_edit */
    UINT64_C(0xd35ea627e528410a), /* cl100k_base */
    UINT64_C(0xe5335425da3a881d), /* o200k_base */
    UINT64_C(0xbce641c05e09c7e3), /* o200k_harmony */
};
