/* need.h - what a packed value or a stream needs, in words. */
#ifndef LP_EXT_SHARED_NEED_H
#define LP_EXT_SHARED_NEED_H

#include <lp.h>

#include <stdio.h>

enum { NEED_TEXT = 200 };

/* Writes what it is, without an article: "dictionary with fingerprint 0123456789abcdef"; of
 * LP_NEED_NEWER the field and its number. Returns text. */
static inline const char *need_text(const struct lp_need *need, char text[NEED_TEXT])
{
    const unsigned long long fingerprint = need->fingerprint, number = need->number;
    switch (need->what) {
    case LP_NEED_VOCAB:
        snprintf(text, NEED_TEXT, "vocabulary %s with fingerprint %016llx", need->name,
                 fingerprint);
        break;
    case LP_NEED_DICT:
        snprintf(text, NEED_TEXT, "dictionary with fingerprint %016llx", fingerprint);
        break;
    case LP_NEED_MODEL:
        snprintf(text, NEED_TEXT, "model of %s with fingerprint %016llx", need->name, fingerprint);
        break;
    case LP_NEED_NEWER:
        snprintf(text, NEED_TEXT, "%s %llu", need->field, number);
        break;
    case LP_NEED_PARENT:
        snprintf(text, NEED_TEXT, "text that it was packed with, whose check is %08llx",
                 fingerprint);
        break;
    }
    return text;
}

#endif
