/* unicode_class.h - the classes of characters that the tokenisers' patterns distinguish. */
#ifndef LP_TOKENS_UNICODE_CLASS_H
#define LP_TOKENS_UNICODE_CLASS_H

#include <stdint.h>

enum lp_class {
    LP_OTHER,  /* none of the below */
    LP_UPPER,  /* \p{Lu} \p{Lt} */
    LP_LOWER,  /* \p{Ll} */
    LP_LETTER, /* \p{Lm} \p{Lo} */
    LP_MARK,   /* \p{M} */
    LP_NUMBER, /* \p{N} */
    LP_SPACE,  /* \s, White_Space */
};

/* The class of a code point; LP_OTHER for numbers that are not code points. */
enum lp_class lp_unicode_class(uint32_t cp);

#endif
