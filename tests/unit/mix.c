/* mix - sequences of ids survive the mixing model; damage never crashes it.
 *
 * usage: mix MODEL_FILE */
#define LP_VEC_PLAIN /* a third way beside those of the library */
#include "mix_run.h"

#include <stdio.h>

static int failures;

static void must(enum lp_status status, const char *what)
{
    if (status == LP_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, lp_status_text(status));
    exit(1);
}

static uint32_t noise(void)
{
    static uint32_t seed = 7;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Flipped bits and cuts of the code of some ids: an error or other ids. */
static void damage(struct lp_mix *mix, struct lp_buf *code, size_t n)
{
    struct lp_ids back = {0};
    for (size_t bit = 0; bit < 8 * code->n; bit += 1 + code->n / 20) {
        code->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
        back.n = 0;
        lp_mix_decode(mix, code->p, code->n, n + 5, &back);
        code->p[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < code->n; cut += 1 + code->n / 50) {
        back.n = 0;
        lp_mix_decode(mix, code->p, cut, n + 5, &back);
        if (back.n > n + 5) {
            fprintf(stderr, "cut at %zu: more ids than allowed\n", cut);
            failures++;
        }
    }
    free(back.v);
}

static enum lp_status run_plain(struct lp_mix *m, struct lp_coder *c, const uint32_t *ids, size_t n,
                                bool decode)
{
    return decode ? run(m, c, ids, n, true) : run(m, c, ids, n, false);
}

/* Other instructions give the same code, and the same ids. */
static void test_runs(struct lp_mix *mix, const uint32_t *ids, size_t n, const struct lp_buf *code,
                      const char *name)
{
    lp_mix_run *const runs[] = {lp_mix_run_portable, run_plain}, *const best = mix->run;
    for (int i = 0; i < 2; i++) {
        struct lp_buf other = {0};
        struct lp_ids back = {0};
        mix->run = runs[i];
        must(lp_mix_encode(mix, ids, n, &other), name);
        must(lp_mix_decode(mix, code->p, code->n, n, &back), name);
        if (other.n != code->n || (code->n > 0 && memcmp(other.p, code->p, code->n) != 0)) {
            fprintf(stderr, "%s: other instructions gave other bytes\n", name);
            failures++;
        }
        if (back.n != n || (n > 0 && memcmp(back.v, ids, n * sizeof *ids) != 0)) {
            fprintf(stderr, "%s: other instructions gave other ids\n", name);
            failures++;
        }
        lp_buf_free(&other);
        free(back.v);
    }
    mix->run = best;
}

static void test(const struct lp_model *model, const uint32_t *ids, size_t n, const char *name)
{
    for (int fast = 0; fast < 2; fast++) {
        struct lp_mix *mix;
        struct lp_buf code = {0}, again = {0};
        struct lp_ids back = {0};
        must(lp_mix_new(model, fast, &mix), name);
        must(lp_mix_encode(mix, ids, n, &code), name);
        must(lp_mix_decode(mix, code.p, code.n, n, &back), name);
        if (back.n != n || (n > 0 && memcmp(back.v, ids, n * sizeof *ids) != 0)) {
            fprintf(stderr, "%s: other ids came back\n", name);
            failures++;
        }
        if (n > 0 && lp_mix_decode(mix, code.p, code.n, n - 1, &back) != LP_DATA) {
            fprintf(stderr, "%s: more ids than allowed\n", name);
            failures++;
        }
        test_runs(mix, ids, n, &code, name);
        if (n < 3000)
            damage(mix, &code, n);
        must(lp_mix_encode(mix, ids, n, &again), name);
        if (again.n != code.n || (code.n > 0 && memcmp(again.p, code.p, code.n) != 0)) {
            fprintf(stderr, "%s: a second call gave other bytes\n", name);
            failures++;
        }
        lp_mix_free(mix);
        free(back.v);
        lp_buf_free(&code);
        lp_buf_free(&again);
    }
}

/* A model of which some bytes are anything: it is refused, or it codes what it
 * decodes again, or says that it cannot. */
static void test_damaged_model(const struct lp_model *model, const uint32_t *ids, size_t n)
{
    const size_t size = model->file_size;
    unsigned char *file = malloc(size);
    if (file == NULL)
        exit(1);
    for (int round = 0; round < 60; round++) {
        memcpy(file, model->file, size);
        /* In the header; a whole section; anywhere. */
        if (round < 20) {
            file[noise() % LP_LPM_HEAD] = (unsigned char)noise();
        } else if (round < 20 + 2 * LP_LPM_SECTIONS) {
            int section = (round - 20) % LP_LPM_SECTIONS;
            unsigned char *p = file + (model->section[section] - model->file);
            for (size_t i = 0; i < model->section_size[section]; i++)
                p[i] = (unsigned char)(round % 3 == 0 ? 0xFF : noise());
        } else {
            for (size_t i = 0; i < size / 50; i++)
                file[LP_LPM_HEAD + noise() % (size - LP_LPM_HEAD)] = (unsigned char)noise();
        }
        struct lp_model damaged;
        struct lp_mix *mix;
        struct lp_buf code = {0};
        struct lp_ids back = {0};
        if (lp_model_view(file, round % 7 == 6 ? noise() % size : size, &damaged) != LP_OK)
            continue;
        must(lp_mix_new(&damaged, round % 2, &mix), "damaged model");
        enum lp_status status = lp_mix_encode(mix, ids, n, &code);
        if (status == LP_OK) {
            must(lp_mix_decode(mix, code.p, code.n, n, &back), "damaged model");
            if (back.n != n || memcmp(back.v, ids, n * sizeof *ids) != 0) {
                fprintf(stderr, "damaged model %d: other ids came back\n", round);
                failures++;
            }
            test_runs(mix, ids, n, &code, "damaged model");
            back.n = 0;
        }
        lp_mix_decode(mix, (const unsigned char *)ids, 400, 500, &back);
        lp_mix_free(mix);
        lp_buf_free(&code);
        free(back.v);
    }
    free(file);
}

int main(int argc, char **argv)
{
    enum { MANY = 100000 };
    static uint32_t ids[1 << 18];
    struct lp_model *model;
    if (argc != 2)
        return 2;
    must(lp_model_open(argv[1], &model), argv[1]);
    must(lp_model_verify(model), argv[1]);
    const uint32_t size = model->size;
    test(model, ids, 0, "none");
    test(model, ids, 1, "id 0");
    test(model, ids, 1000, "one id over and over");
    for (uint32_t i = 0; i < size; i++)
        ids[i] = i;
    test(model, ids, 300, "the first ids");
    test(model, ids, 100256, "all ids"); /* later ones have gaps */
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = noise() % 100256;
    test(model, ids, 200, "few random ids");
    test(model, ids, MANY, "random ids");
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = i < 50 || noise() % 16 == 0 ? noise() % 1000 : ids[i - 50];
    test(model, ids, 2000, "repeats");
    test(model, ids, MANY, "long repeats");
    test_damaged_model(model, ids, 2000);
    ids[7] = size;
    struct lp_mix *mix;
    struct lp_buf code = {0};
    must(lp_mix_new(model, false, &mix), "mix");
    if (lp_mix_encode(mix, ids, 10, &code) != LP_DATA) {
        fprintf(stderr, "an id of no token was coded\n");
        failures++;
    }
    lp_mix_free(mix);
    lp_buf_free(&code);
    lp_model_close(model);
    return failures > 0;
}
