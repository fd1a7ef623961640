#include "format/split.h"

int lp_split_separator(enum lp_split split)
{
    return split == LP_NUL ? 0 : split == LP_LINES ? '\n' : -1;
}
