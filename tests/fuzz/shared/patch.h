/* patch.h - changes of a large file in memory, undone after each input. */
#ifndef FUZZ_PATCH_H
#define FUZZ_PATCH_H

#include "fuzz.h"

/* In an input a change begins with the section (u8), the place in it (u24) and the number of bytes
 * less one (u8); then come the bytes. */
enum { PATCH_HEAD = 5, PATCH_MAX = 64, PATCHES_MAX = 512 };

struct patches {
    size_t n;
    struct {
        size_t at, n;
        unsigned char before[PATCH_MAX];
    } one[PATCHES_MAX];
};

/* Puts n bytes at a place of a file, as far as they lie within. */
static inline void patch_bytes(struct patches *p, unsigned char *file, size_t file_size, size_t at,
                               const void *bytes, size_t n)
{
    if (at > file_size || n > file_size - at || n > PATCH_MAX || p->n == PATCHES_MAX)
        return;
    p->one[p->n].at = at;
    p->one[p->n].n = n;
    memcpy(p->one[p->n++].before, file + at, n);
    memcpy(file + at, bytes, n);
}

/* Makes the change that the input begins with, at a place in the file. */
static inline void patch(struct patches *p, unsigned char *file, size_t file_size, size_t at,
                         struct fuzz_input *in)
{
    size_t n = in->p[PATCH_HEAD - 1] % PATCH_MAX + 1;
    n = n < in->n - PATCH_HEAD ? n : in->n - PATCH_HEAD;
    patch_bytes(p, file, file_size, at, in->p + PATCH_HEAD, n);
    in->p += PATCH_HEAD + n;
    in->n -= PATCH_HEAD + n;
}

static inline void undo(struct patches *p, unsigned char *file)
{
    for (; p->n > 0; p->n--)
        memcpy(file + p->one[p->n - 1].at, p->one[p->n - 1].before, p->one[p->n - 1].n);
}

/* A number n (u8) and n bytes at the begin of the input. */
static inline struct fuzz_input take_text(struct fuzz_input *in)
{
    struct fuzz_input text = {in->p, 0};
    if (in->n == 0)
        return text;
    text.p++;
    text.n = in->p[0] < in->n - 1 ? in->p[0] : in->n - 1;
    in->p += 1 + text.n;
    in->n -= 1 + text.n;
    return text;
}

#endif
