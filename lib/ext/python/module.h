/* module.h - what the parts of the Python module liblopace._lp share.
 *
 * The module is the C half of the package: types that hold liblp's handles and let other threads
 * of Python run while they work. Names, defaults and documentation are in liblopace/__init__.py. */
#ifndef LP_PYTHON_MODULE_H
#define LP_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* one binary for every Python from 3.11 on */
#include <Python.h>

#include <lp.h>

#include <stdbool.h>
#include <stdio.h>

/* An lp_finder without a context: what comes with the package, what the environment names, and what
 * load() opened. */
enum lp_status module_find(void *ctx, const struct lp_need *need, struct lp_found *found);

/* Raises the exception of a status, and returns NULL. what is "" or names what failed, with ": "
 * at its end; need is what was not found, or NULL. */
PyObject *module_raise(enum lp_status status, const struct lp_need *need, const char *what);

/* Bytes of an argument: a str as UTF-8, or an object with a buffer. They stay while it is held. */
struct text {
    PyObject *object;
    Py_buffer view; /* view.obj is NULL for a str */
    const char *p;
    size_t n;
};
/* False: an exception is set. */
bool text_hold(PyObject *object, struct text *text);
void text_release(struct text *text);

/* Bytes that grow, as an lp_sink fills them. */
struct bytes {
    char *p;
    size_t n, cap;
};
enum lp_status bytes_sink(void *ctx, const void *data, size_t n);
/* A bytes object of them; empties them. */
PyObject *bytes_take(struct bytes *bytes);

/* Fills in options from the keywords chain, encoding, model, dictionary, level, fast, special,
 * unchecked, unverified, memory, split, block_size, flush, threads, window and key. False: an
 * exception is set. */
bool options_parse(PyObject *keywords, struct lp_options *options);

/* An lp_interrupt: lets Python handle signals. ctx is a PyThreadState * that the call has saved,
 * NULL in other threads. After LP_INTERRUPTED an exception is set. */
bool module_interrupted(void *ctx);

/* The types. */
extern PyType_Spec codec_spec, writer_spec, reader_spec, file_spec;

#endif
