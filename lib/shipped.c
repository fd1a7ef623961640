#include "shipped.h"

const struct lp_shipped lp_shipped[LP_SHIPPED_VOCABS] = {
    {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0},
};
