/* zstd_least - lp_zstd_least() is never more than zstd's output for the same bytes at any level,
 * and close enough to it to save attempts.
 *
 * usage: zstd_least */
#include "block/stage_zstd.h"

#include <stdio.h>

enum { MOST = 33000 };

static int failures;

static uint32_t noise(uint32_t n)
{
    static uint64_t seed = 88172645463325252;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 11) % n;
}

/* Repeats the bytes that are distance bytes before. */
static size_t repeat(unsigned char *bytes, size_t at, size_t n, uint32_t length, uint32_t distance)
{
    for (; length > 0 && at < n; length--, at++)
        bytes[at] = bytes[at - distance];
    return at;
}

/* Makes n random bytes of an alphabet, by kind: uniform, with some repeats, with many and long
 * ones, or skewed. */
static void make(unsigned char *bytes, size_t n, unsigned kind, uint32_t alphabet)
{
    for (size_t at = 0; at < n;) {
        const uint32_t before = (uint32_t)at;
        if (kind == 1 && at > 0 && noise(6) == 0)
            at = repeat(bytes, at, n, 3 + noise(20), 1 + noise(before));
        else if (kind == 2 && at > 0 && noise(2) == 0)
            at = repeat(bytes, at, n, 3 + noise(200), 1 + noise(before < 20 ? before : 20));
        else
            bytes[at++] =
                (unsigned char)noise(kind == 3 ? 1 + noise(1 + noise(alphabet)) : alphabet);
    }
}

static size_t made(struct lp_zstd *z, int level, const unsigned char *bytes, size_t n)
{
    static struct lp_buf out;
    bool lean;
    out.n = 0;
    if (lp_zstd_pack(z, level, NULL, bytes, n, &out, &lean) != LP_OK)
        exit(1);
    return out.n;
}

int main(int argc, char **argv)
{
    static const int levels[] = {1, 3, 9, 15, 19, 22};
    static unsigned char bytes[MOST];
    struct lp_zstd z = {0};
    size_t near = 0, ntests = 0;
    (void)argv;
    if (argc != 1)
        return 2;
    for (unsigned i = 0; i < 3000; i++) {
        const size_t n = noise(noise(4) > 0 ? 300 : noise(10) > 0 ? 3000 : MOST);
        make(bytes, n, i % 4, 1 + noise(noise(2) ? 8 : 256));
        const size_t least = lp_zstd_least(bytes, n);
        for (unsigned k = 0; k < sizeof levels / sizeof *levels; k++) {
            const size_t size = made(&z, levels[k], bytes, n);
            if (size < least) {
                fprintf(stderr, "test %u, %zu bytes: level %d makes %zu, the least is %zu\n", i, n,
                        levels[k], size, least);
                failures++;
            }
            near += i % 4 == 0 && levels[k] == 19 && least >= size - size / 4;
        }
        ntests += i % 4 == 0; /* the uniform ones */
    }
    if (near < ntests / 3) {
        fprintf(stderr, "near in %zu of %zu\n", near, ntests);
        failures++;
    }
    lp_zstd_free(&z);
    return failures > 0;
}
