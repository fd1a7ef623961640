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

enum {
    LP_UNICODE_PAGE = 128,   /* code points of a page */
    LP_UNICODE_PAGES = 7173, /* beyond these, all code points are as in the last one */
};

/* The classes of the code points of each page; and the page of each LP_UNICODE_PAGE code points. */
extern const unsigned char lp_unicode_page[];
extern const unsigned char lp_unicode_page_of[LP_UNICODE_PAGES];

/* The class of a code point; LP_OTHER for numbers that are not code points. */
static inline enum lp_class lp_unicode_class(uint32_t cp)
{
    uint32_t i = cp / LP_UNICODE_PAGE;
    i = i < LP_UNICODE_PAGES ? i : LP_UNICODE_PAGES - 1;
    return (enum lp_class)
        lp_unicode_page[LP_UNICODE_PAGE * lp_unicode_page_of[i] + cp % LP_UNICODE_PAGE];
}

/* The same for cp < LP_UNICODE_TWO, the code points of one or two bytes of UTF-8: their pages are
 * the first ones, in order. */
enum { LP_UNICODE_TWO = 0x800 };
static inline enum lp_class lp_unicode_class_two(uint32_t cp)
{
    return (enum lp_class)lp_unicode_page[cp];
}

#endif
