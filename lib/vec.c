#include "vec.h"

#define SIXTEEN(x) {x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}

const struct lp_constants lp_constants = {
    .one = SIXTEEN(1),
    .eight = SIXTEEN(8),
    .fifteen = SIXTEEN(15),
    .byte = SIXTEEN(255),
    .twice = SIXTEEN(0x0202),
    .second = SIXTEEN(0x0100),
    .below_16 = SIXTEEN(0x7070),
    .from_16 = SIXTEEN(0x1010),
    .nibbles = SIXTEEN(0x0F0F),
    .float_bias = SIXTEEN(126),
    .last_of_8 = SIXTEEN(0x0F0E),
    .last_of_4 = SIXTEEN(0x0706),
    .least = SIXTEEN(INT16_MIN),
    .least_byte = SIXTEEN(INT8_MIN),
    .most_byte = SIXTEEN(INT8_MAX),
    .power_end = SIXTEEN(2047),
    .power_part = SIXTEEN(127),
    .power_slope = SIXTEEN(-201),
    .right = SIXTEEN(1 << 14),
    .cost = SIXTEEN(-256),
};
