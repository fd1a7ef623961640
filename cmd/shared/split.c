#include "shared/split.h"

#include <string.h>

const char *split_name(enum lp_split split)
{
    static const char *const names[] = {"whole", "null", "lines"};
    return names[split];
}

void split_input(const struct tool *tool, struct input *in, enum lp_split split, split_take *take,
                 void *ctx)
{
    int separator = lp_split_separator(split);
    bool in_record = separator < 0, wanted = true;
    for (size_t n; wanted && (n = input_read(tool, in)) > 0;) {
        for (const unsigned char *at = in->data, *end; wanted && n > 0;) {
            end = separator < 0 ? NULL : memchr(at, separator, n);
            size_t size = end != NULL ? (size_t)(end - at) : n;
            wanted = take(ctx, at, size, end != NULL);
            in_record = end == NULL;
            size += end != NULL;
            at += size;
            n -= size;
        }
    }
    if (in_record && wanted)
        take(ctx, NULL, 0, true);
}
