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
    .byte = SIXTEEN(255),
    .nibbles = SIXTEEN(0x0F0F), /* the lower half of each byte */
    .least = SIXTEEN(INT16_MIN),
    .least_byte = SIXTEEN(INT8_MIN),
    .most_byte = SIXTEEN(INT8_MAX),
    .float_bias = SIXTEEN(126), /* what a float's exponent is more than the bits of a number */
    /* Of bytes: where the last number of four has its two, and of eight; a number's place from its
     * index, in both; what makes places below 16 those that are not there, and the others. */
    .last_of_4 = SIXTEEN(0x0706),
    .last_of_8 = SIXTEEN(0x0F0E),
    .twice = SIXTEEN(0x0202),
    .second = SIXTEEN(0x0100),
    .from_16 = SIXTEEN(0x1010),
    .below_16 = SIXTEEN(0x7070),
    /* Words of three bytes each to four, of either half. */
    .threes = {0x0100, -0xFE, 0x0403, -0xFB, 0x0706, -0xF8, 0x0A09, -0xF5, 0x0100, -0xFE, 0x0403,
               -0xFB, 0x0706, -0xF8, 0x0A09, -0xF5},
    /* run_choice.h: power() ends at -2047, its lines have 128 steps and that slope in 1 / 65536. */
    .power_end = SIXTEEN(2047),
    .power_part = SIXTEEN(127),
    .power_slope = SIXTEEN(-201),
    .cost_unit = SIXTEEN(-256), /* run_tree.h: 1/8 in 1/2048, less */
};
