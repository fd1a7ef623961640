/* flip_unpacked.c - preloaded before liblp, changes a byte of what lp_unpack()
 * restores: so that the suite of lpstat sees what it says of a method that loses. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

int lp_unpack(void *codec, const void *blob, size_t size, void *find, void *ctx, const void **text,
              size_t *n)
{
    int (*real)(void *, const void *, size_t, void *, void *, const void **, size_t *);
    *(void **)&real = dlsym(RTLD_NEXT, "lp_unpack");
    int status = real(codec, blob, size, find, ctx, text, n);
    if (*n > 0)
        ((unsigned char *)*text)[*n / 2] ^= 1;
    return status;
}
