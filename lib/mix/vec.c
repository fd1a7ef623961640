/* vec.c - the constant vectors of vec.h. */
#include "mix/vec.h"

#define FOUR(x) x, x, x, x
#define SIXTEEN(x)                                                                                 \
    {                                                                                              \
        FOUR(x), FOUR(x), FOUR(x), FOUR(x)                                                         \
    }

const struct lp_constants lp_constants = {
    .one = SIXTEEN(1),
    .eight = SIXTEEN(8),
    .fifteen = SIXTEEN(15),
    .low_byte = SIXTEEN(0x00FF),
    .low_nibbles = SIXTEEN(0x0F0F),
    .min = SIXTEEN(INT16_MIN),
    .min_byte = SIXTEEN(INT8_MIN),
    .max_byte = SIXTEEN(INT8_MAX),
    .float_bias = SIXTEEN(126), /* a float's exponent less the bit length of its value */
    /* Byte shuffles (pshufb): copy the last of each four lanes, of each eight, to all of them. */
    .last_of_4 = SIXTEEN(0x0706),
    .last_of_8 = SIXTEEN(0x0F0E),
    /* Lane i of a table: its bytes 2 i and 2 i + 1 are i * twice + second. A shuffle gives 0 where
     * the index's top bit is set: adding below_16, saturated, sets it in indices from 16 on;
     * subtracting from_16 in those below. */
    .twice = SIXTEEN(0x0202),
    .second = SIXTEEN(0x0100),
    .below_16 = SIXTEEN(0x7070),
    .from_16 = SIXTEEN(0x1010),
    /* A byte shuffle from four 24-bit words to 32-bit ones, in each half. */
    .threes = {0x0100, -0xFE, 0x0403, -0xFB, 0x0706, -0xF8, 0x0A09, -0xF5, 0x0100, -0xFE, 0x0403,
               -0xFB, 0x0706, -0xF8, 0x0A09, -0xF5},
    /* run_choice.h: exp_of() ends at -2047; its segments have 128 steps and this slope in 1/65536.
     */
    .exp_end = SIXTEEN(2047),
    .exp_part = SIXTEEN(127),
    .exp_slope = SIXTEEN(-201),
    .cost_unit = SIXTEEN(-256), /* run_tree.h: a cost of 1/8 as a logit in 1/2048 */
};
